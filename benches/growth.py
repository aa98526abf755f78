#!/usr/bin/env python3
"""What a node costs as peers, records and libraries grow: memory, idle processor time, disk; and a mesh's start.

  benches/growth.py build/release/shoal peers [3 10 30 100]
  benches/growth.py build/release/shoal records [10000 100000 1000000]
  benches/growth.py build/release/shoal libraries [1 10 100]

Prints one JSON object. Nodes are processes on this machine: full mesh, TLS, fdatasync.
idle_core_percent: of one core and per node, over 30 s in which nobody asks anything.
level_seconds: from the command that starts all nodes until each is linked to each and ready; `again`: after SIGKILL to all
of them at once. broadcast_ms: PUT to one until `wait` says that all others hold it durably, p50 and p99 of 200.
"""
import base64, contextlib, json, os, pathlib, signal, statistics, subprocess, sys, tempfile, time, uuid

from lab import Client, await_true, level, peak_mib, run

WHAT = sys.argv[2]
SIZES = [int(n) for n in sys.argv[3:]]
TICKS = os.sysconf("SC_CLK_TCK")


def status(pid, name):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(name + ":"):
            return int(line.split()[1])


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def idle_percent(nodes, seconds=30):
    before = [cpu_seconds(n.pid) for n in nodes]
    time.sleep(seconds)
    return round(statistics.mean(cpu_seconds(n.pid) - b for n, b in zip(nodes, before)) / seconds * 100, 3)


def memory(nodes):
    all_of = sorted(status(n.pid, "VmRSS") / 1024 for n in nodes)
    return {"median_mib": round(statistics.median(all_of), 1), "most_mib": round(all_of[-1], 1),
            "threads": max(status(n.pid, "Threads") for n in nodes),
            "open_files": max(len(os.listdir(f"/proc/{n.pid}/fd")) for n in nodes)}


@contextlib.contextmanager
def cluster(lab, count):
    """That many nodes, all linked; stopped at the end, whichever then run."""
    run("devcluster", "up", str(lab), "-n", str(count), "--library", "lab")
    try:
        nodes = clients(lab, count)
        await_true(all_linked(nodes), "all links")
        yield nodes
    finally:
        run("devcluster", "down", str(lab))


def at_rest(nodes):
    """After the statements and heartbeats that what was before has left."""
    time.sleep(20)
    return {**memory(nodes), "idle_core_percent": idle_percent(nodes)}


def clients(lab, count):
    return [Client(lab / f"node-{i + 1}") for i in range(count)]


def all_linked(nodes):
    def met():
        for n in nodes:
            for library in json.loads(n.raw("GET", "/v1/status"))["libraries"]:
                others = [m for m in library["members"] if m["connected"]]
                if library["state"] != "ready" or len(others) < len(nodes) - 1:
                    return False
        return True
    return met


def percentiles(ms):
    cuts = statistics.quantiles(ms, n=100)
    return [round(cuts[49], 2), round(cuts[98], 2)]


def broadcasts(node, rounds=200):
    took = []
    for i in range(rounds):
        begin = time.perf_counter()
        token = node.call("PUT", "/records/tag/new", {"canonical_name": f"growth {i}"})["token"]
        node.call("GET", f"/wait?for={token}&peers=all&timeout=60")
        took.append((time.perf_counter() - begin) * 1000)
    return percentiles(took)


def peers(count, lab):
    begin = time.monotonic()
    with cluster(lab, count) as nodes:
        out = {"nodes": count, "links": count * (count - 1) // 2, "level_seconds": round(time.monotonic() - begin, 1)}
        out.update(at_rest(nodes))
        out["broadcast_ms"] = broadcasts(nodes[0])
        for n in nodes:
            os.kill(n.pid, signal.SIGKILL)
        await_true(lambda: not any(os.path.exists(f"/proc/{n.pid}") for n in nodes), "their ends")
        begin = time.monotonic()
        run("devcluster", "up", str(lab))
        nodes = clients(lab, count)
        await_true(all_linked(nodes), "all links again")
        out["again_seconds"] = round(time.monotonic() - begin, 1)
        await_true(lambda: level(nodes), "equal digests")
        return out


def records(count, lab):
    with cluster(lab, 3) as nodes:
        begin = time.monotonic()
        for first in range(0, count, 5000):
            nodes[0].call("POST", "/batch", {"ops": [
                {"model": "entry", "id": str(uuid.uuid4()),
                 "fields": {"name": base64.b64encode(os.urandom(111)).decode(), "kind": "file", "size": n * 37}}
                for n in range(first, min(first + 5000, count))]})
        await_true(lambda: level(nodes), "equal digests")
        out = {"records": count, "seconds": round(time.monotonic() - begin, 1)}
        out["peak_mib"] = [peak_mib(n.pid) for n in nodes]
        out.update(at_rest(nodes))
        files = [f for f in (lab / "node-2").rglob("*") if f.is_file()]
        out["disk_bytes_per_record"] = round(sum(f.stat().st_blocks * 512 for f in files) / count, 1)
        out["of_which_log"] = round(sum(f.stat().st_blocks * 512 for f in files if f.suffix == ".log") / count, 1)
        return out


def libraries(count, lab):
    with cluster(lab, 3) as nodes:
        run("devcluster", "down", str(lab))
        more = ""
        for n in range(count - 1):
            more += f'\n[[library]]\nid = "{uuid.uuid4()}"\nname = "lab-{n}"\n'
            for other in nodes:
                more += f'  [[library.member]]\n  device = "{other.end["device"]}"\n  address = "{other.end["listen"]}"\n'
        for i in range(3):
            with open(lab / f"node-{i + 1}/shoal.toml", "a") as config:
                config.write(more)
        begin = time.monotonic()
        run("devcluster", "up", str(lab))
        nodes = clients(lab, 3)
        await_true(all_linked(nodes), "links")
        return {"libraries": count, "level_seconds": round(time.monotonic() - begin, 1), **at_rest(nodes)}


def main():
    measure, sizes = {"peers": (peers, [3, 10, 30, 100]), "records": (records, [10_000, 100_000, 1_000_000]),
                      "libraries": (libraries, [1, 10, 100])}[WHAT]
    out = {"what": f"growth with {WHAT}", "cpus": os.cpu_count(), "shoal": run("--version").strip(), "sizes": []}
    with tempfile.TemporaryDirectory() as scratch:
        for size in SIZES or sizes:
            out["sizes"].append(measure(size, pathlib.Path(scratch) / f"lab-{size}"))
            print(json.dumps(out["sizes"][-1]), file=sys.stderr, flush=True)
    print(json.dumps(out, indent=2))


main()
