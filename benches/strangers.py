#!/usr/bin/env python3
"""5,000 sockets of strangers against three nodes that write: what honest latency and memory lose by it.

usage: benches/strangers.py build/release/shoal [SOCKETS] [ROUNDS]

Each round measures a quiet stretch and one with the sockets open, from 127.0.x.y; half are silent, half begin a TLS
handshake and stop. What the nodes close is opened again ten seconds later. Latency: from a write's answer until both
other nodes hold it durably, as `wait` answers.
"""
import json, multiprocessing, os, pathlib, resource, select, socket, statistics, struct, sys, tempfile, time

from lab import Client, await_true, level, run

SOCKETS = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 4
WRITES = 1000  # of each stretch
EVERY_SECONDS = 0.01
AGAIN_SECONDS = 10


def stranger(number, ports):
    s = socket.socket()
    s.setblocking(False)
    s.bind((f"127.0.{number // 200 % 250 + 1}.{number % 200 + 1}", 0))
    s.connect_ex(("127.0.0.1", ports[number % len(ports)]))
    return s


def crowd(ports, opened):
    """Keeps SOCKETS connections open until it is ended."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (SOCKETS + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    poll = select.epoll()
    open_, due = {}, [(0.0, n) for n in range(SOCKETS)]
    while True:
        now = time.monotonic()
        begun = 0
        while due and due[0][0] <= now and begun < 250:
            number = due.pop(0)[1]
            s = stranger(number, ports)
            open_[s.fileno()] = (s, number)
            poll.register(s, select.EPOLLIN | select.EPOLLHUP | select.EPOLLRDHUP | (select.EPOLLOUT if number % 2 else 0))
            begun += 1
        for fd, what in poll.poll(0.05):
            s, number = open_[fd]
            if what & select.EPOLLOUT:
                try:
                    s.send(bytes([22, 3, 1]) + struct.pack(">H", 500) + b"\1")
                except OSError:
                    pass
                poll.modify(s, select.EPOLLIN | select.EPOLLHUP | select.EPOLLRDHUP)
            if what & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLRDHUP | select.EPOLLERR):
                poll.unregister(s)
                del open_[fd]
                s.close()
                due.append((now + AGAIN_SECONDS, number))
        if not due or due[0][0] > now:
            opened.set()  # all have been opened once


def resident_mib(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024


def stretch(writer, pids):
    waits, most = [], 0.0
    for n in range(WRITES):
        begin = time.monotonic()
        token = writer.call("PUT", "/records/tag/new", {"canonical_name": f"tag {n}"})["token"]
        told = time.monotonic()
        writer.call("GET", f"/wait?timeout=30&for={token}")
        waits.append(time.monotonic() - told)
        if n % 50 == 0:
            most = max(most, max(resident_mib(p) for p in pids))
        time.sleep(max(0.0, EVERY_SECONDS - (time.monotonic() - begin)))
    return waits, most


def figures(waits):
    waits.sort()
    return {"p50_ms": round(statistics.median(waits) * 1000, 3), "p99_ms": round(waits[len(waits) * 99 // 100] * 1000, 3),
            "max_ms": round(waits[-1] * 1000, 3), "writes": len(waits)}


def refused(client):
    for line in client.raw("GET", "/metrics").decode().splitlines():
        if line.startswith("shoal_connections_refused_total"):
            return int(float(line.rsplit(" ", 1)[1]))


def main():
    out = {"what": "strangers", "sockets": SOCKETS, "cpus": os.cpu_count(), "shoal": run("--version").strip()}
    with tempfile.TemporaryDirectory() as scratch:
        lab = pathlib.Path(scratch) / "lab"
        run("devcluster", "up", str(lab), "-n", "3", "--library", "lab")
        try:
            nodes = [Client(lab / f"node-{i}") for i in (1, 2, 3)]
            pids = [n.pid for n in nodes]
            ports = [int(n.end["listen"].rsplit(":", 1)[1]) for n in nodes]
            await_true(lambda: level(nodes), "three nodes that agree")
            stretch(nodes[0], pids)  # warm
            quiet, crowded, memory = [], [], {"quiet_mib": 0.0, "crowded_mib": 0.0}
            for _ in range(ROUNDS):
                waits, most = stretch(nodes[0], pids)
                quiet += waits
                memory["quiet_mib"] = max(memory["quiet_mib"], round(most, 1))
                opened = multiprocessing.Event()
                strangers = multiprocessing.Process(target=crowd, args=(ports, opened), daemon=True)
                strangers.start()
                opened.wait(60)
                waits, most = stretch(nodes[0], pids)
                crowded += waits
                memory["crowded_mib"] = max(memory["crowded_mib"], round(most, 1))
                strangers.kill()
                strangers.join()
            out |= {"quiet": figures(quiet), "crowded": figures(crowded)} | memory
            out["p99_ratio"] = round(out["crowded"]["p99_ms"] / out["quiet"]["p99_ms"], 3)
            out["refused"] = [refused(n) for n in nodes]
            await_true(lambda: level(nodes), "three nodes that agree")
        finally:
            run("devcluster", "down", str(lab))
    print(json.dumps(out, indent=2))


main()
