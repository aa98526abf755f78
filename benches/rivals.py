#!/usr/bin/env python3
"""Broadcast beside Redis, in turn on the same machine and disk: what could be installed instead.

  benches/rivals.py build/release/shoal [3 10]     how many peers; needs redis-server (Debian: redis-server)

Redis: one primary and as many replicas, appendonly, appendfsync always, without TLS; a client sends SET of 200 bytes and
`WAIT peers` in one piece. A replica's ack leaves after its own fsync, so WAIT tells of the same as Shoal's `wait`: durable on
all. `commit`: from the answer to the write, durable at its writer, to the answer to WAIT; `whole`: from the request on.
Three rounds in turn, medians of them, µs. Prints a table, and one JSON object as the last line.
"""
import contextlib, json, os, pathlib, socket, statistics, subprocess, sys, tempfile, time

from lab import free_port, run

PEERS = [int(n) for n in sys.argv[2:]] or [3, 10]
ROUNDS, WRITES, VALUE = 3, 2000, b"v" * 200


def command(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


class Redis:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def line(self):
        while b"\r\n" not in self.buffer:
            got = self.socket.recv(65536)
            if not got:
                sys.exit("redis-server closed the connection")
            self.buffer += got
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        if line.startswith(b"-"):
            sys.exit("redis-server: " + line[1:].decode())
        return line

    def ask(self, *words):
        self.socket.sendall(command(*words))
        return self.line()


@contextlib.contextmanager
def redis_cluster(folder, peers):
    """The primary's port; all are linked and level."""
    ports = [free_port() for _ in range(peers + 1)]
    servers = []
    try:
        for n, port in enumerate(ports):
            home = folder / f"redis-{n}"
            home.mkdir()
            more = ["--replicaof", "127.0.0.1", str(ports[0])] if n else ["--repl-diskless-sync-delay", "0"]
            servers.append(subprocess.Popen(
                ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(home), "--save", "",
                 "--appendonly", "yes", "--appendfsync", "always", *more],
                stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT))
            for _ in range(500):
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                time.sleep(0.01)
        primary = Redis(ports[0])
        end = time.monotonic() + 60
        while True:
            primary.ask(b"SET", b"ready", b"1")
            if primary.ask(b"WAIT", b"%d" % peers, b"1000") == b":%d" % peers:
                break
            if time.monotonic() > end:
                sys.exit("the replicas of redis-server do not come level")
        yield primary
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait()


def redis_broadcasts(folder, peers):
    commit, whole = [], []
    with redis_cluster(folder, peers) as primary:
        for n in range(WRITES):
            begin = time.perf_counter_ns()
            primary.socket.sendall(command(b"SET", b"record:%d" % n, VALUE) + command(b"WAIT", b"%d" % peers, b"0"))
            primary.line()
            committed = time.perf_counter_ns()
            if primary.line() != b":%d" % peers:
                sys.exit("WAIT came back early")
            end = time.perf_counter_ns()
            commit.append((end - committed) / 1000)
            whole.append((end - begin) / 1000)
    return {**percentiles("", commit), **percentiles("whole_", whole)}


def percentiles(name, values):
    cuts = statistics.quantiles(values[WRITES // 10:], n=100)
    return {name + "p50": cuts[49], name + "p99": cuts[98]}


def shoal_broadcasts(folder, peers):
    told = json.loads(run("bench", "broadcast", "-n", str(peers + 1), "--runs", "1", "--records", str(WRITES), "--dir",
                          str(folder)).splitlines()[-1])
    return {**{k: told["results"][k] for k in ("p50", "p99", "whole_p50", "whole_p99")},
            "floor_p50": told["floor"]["p50"], "floor_p99": told["floor"]["p99"]}


def main():
    out = {"what": "broadcast beside rivals", "cpus": os.cpu_count(), "shoal": run("--version").strip(),
           "redis": subprocess.run(["redis-server", "--version"], capture_output=True, text=True).stdout.split()[2],
           "peers": []}
    print("| peers | | p50 / p99 from commit | whole p50 / p99 |\n| --- | --- | --- | --- |")
    for peers in PEERS:
        rounds = {"shoal": [], "redis": []}
        for _ in range(ROUNDS):
            for name, measure in (("shoal", shoal_broadcasts), ("redis", redis_broadcasts)):
                with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
                    rounds[name].append(measure(pathlib.Path(folder), peers))
        row = {name: {k: round(statistics.median(r[k] for r in all_of), 1) for k in all_of[0]}
               for name, all_of in rounds.items()}
        out["peers"].append({"peers": peers, **row})
        for name, r in row.items():
            print(f"| {peers} | {name} | {r['p50']:.0f} / {r['p99']:.0f} | {r['whole_p50']:.0f} / {r['whole_p99']:.0f} |")
        print(f"| {peers} | floor | {row['shoal']['floor_p50']:.0f} / {row['shoal']['floor_p99']:.0f} | |", flush=True)
    print(json.dumps(out))


main()
