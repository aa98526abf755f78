#!/usr/bin/env python3
"""The figures of the main job, on this machine: three nodes as processes, mesh, TLS, fdatasync.

  benches/main_job.py build/release/shoal [TREE]      prints one JSON object

index: entries per second into one node, and until both peers hold all of them durably.
latency: from a PUT's answer (its commit) until `wait` says that both peers hold it, over one kept connection; the
HTTP round trip of `wait` itself is in it. floor: a PUT answered and a `wait` for what is held already, so what HTTP costs.
memory: resident MiB of each node, at rest before and after.
"""
import json, pathlib, statistics, subprocess, sys, tempfile, time

from lab import SHOAL, Client, run

TREE = sys.argv[2] if len(sys.argv) > 2 else "/usr"
ROUNDS = 1000


def resident_mib(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return round(int(line.split()[1]) / 1024, 1)


def percentiles(seconds):
    cuts = statistics.quantiles(seconds, n=100)
    return {"p50_us": round(cuts[49] * 1e6), "p99_us": round(cuts[98] * 1e6), "max_us": round(max(seconds) * 1e6)}


def main():
    out = {"what": "main job", "tree": TREE, "nodes": 3}
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "lab"
        run("devcluster", "up", str(folder), "-n", "3", "--library", "lab")
        try:
            nodes = [Client(folder / f"node-{i}") for i in (1, 2, 3)]
            one = nodes[0]
            run("wait", "lab", "--config", one.config)
            time.sleep(2)
            out["rest_mib"] = [resident_mib(n.end["pid"]) for n in nodes]

            begin = time.monotonic()
            report = json.loads(run("index", "lab", TREE, "--config", one.config, "-o", "json"))
            indexed = time.monotonic()
            run("wait", "lab", "--timeout", "600", "--config", one.config)
            level = time.monotonic()
            out["index"] = {"entries": report["scanned"], "per_second": round(report["scanned"] / (indexed - begin)),
                            "level_on_both_per_second": round(report["scanned"] / (level - begin))}
            out["loaded_mib"] = [resident_mib(n.end["pid"]) for n in nodes]
            exports = {subprocess.run([SHOAL, "export", "lab", "--config", n.config], check=True,
                                      capture_output=True).stdout for n in nodes}
            out["exports_equal"] = len(exports) == 1

            floor, waits, puts = [], [], []
            for i in range(ROUNDS):
                t0 = time.perf_counter()
                token = one.call("PUT", "/records/tag/new", {"canonical_name": f"latency {i}"})["token"]
                t1 = time.perf_counter()
                one.call("GET", f"/wait?for={token}&peers=all&timeout=10")
                t2 = time.perf_counter()
                one.call("GET", f"/wait?for={token}&peers=all&timeout=10")
                t3 = time.perf_counter()
                puts.append(t1 - t0)
                waits.append(t2 - t1)
                floor.append(t3 - t2)
            out["put"] = percentiles(puts)
            out["commit_to_both_peers"] = percentiles(waits)
            out["http_floor"] = percentiles(floor)
        finally:
            run("devcluster", "down", str(folder))
    print(json.dumps(out, indent=2))


main()
