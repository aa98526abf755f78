#!/usr/bin/env python3
"""A member is away while C records change, and the log is pruned past it; then it comes back.

  benches/away.py build/release/shoal [N=200000] [C=100000]      prints one JSON object

Three nodes as processes on this machine: mesh, TLS, fdatasync. The library has N entries and N/4 tags. Node 3 stops; then
C/2 entries and C/4 tags are written anew, and C/4 tags deleted. `max_log_entries` is 1,000: after a minute node 3 is
passed over (`needs_snapshot`) and the log goes. What it then costs to be equal again is counted from its start.
whole_bytes: what the library cost node 3 in the first place.
"""
import json, os, pathlib, subprocess, sys, tempfile, time, uuid

from lab import SHOAL, Client, await_true, level, peak_mib, run

N = int(sys.argv[2]) if len(sys.argv) > 2 else 200_000
C = int(sys.argv[3]) if len(sys.argv) > 3 else 100_000
BATCH = 5000


def write(node, ops):
    for start in range(0, len(ops), BATCH):
        node.call("POST", "/batch", {"ops": ops[start:start + BATCH]})


def main():
    out = {"what": "away", "entries": N, "changed": C, "cpus": os.cpu_count(), "shoal": run("--version").strip()}
    os.environ["SHOAL__RETENTION__MAX_LOG_ENTRIES"] = "1000"
    with tempfile.TemporaryDirectory() as scratch:
        lab = pathlib.Path(scratch) / "lab"
        run("devcluster", "up", str(lab), "-n", "3", "--library", "lab")
        back = None
        try:
            nodes = [Client(lab / f"node-{i}") for i in (1, 2, 3)]
            entries = [str(uuid.uuid4()) for _ in range(N)]
            tags = [str(uuid.uuid4()) for _ in range(N // 4)]
            write(nodes[0], [{"model": "entry", "id": e, "fields": {"name": f"IMG_{i:08}.jpg", "kind": "file", "size": i}}
                             for i, e in enumerate(entries)])
            write(nodes[1], [{"model": "tag", "id": t, "fields": {"canonical_name": f"tag {i}"}} for i, t in enumerate(tags)])
            await_true(lambda: level(nodes), "the library on all three")
            out["whole_bytes"] = nodes[2].received()
            pid = nodes[2].pid
            os.kill(pid, 15)
            await_true(lambda: not os.path.exists(f"/proc/{pid}") or open(f"/proc/{pid}/stat").read().split()[2] == "Z", "its end")

            write(nodes[0], [{"model": "entry", "id": e, "fields": {"size": 7}} for e in entries[:C // 2]])
            write(nodes[0], [{"model": "tag", "id": t, "fields": {"color": "#ff0000"}} for t in tags[:C // 4]])
            write(nodes[1], [{"model": "tag", "id": t, "delete": True} for t in tags[len(tags) - C // 4:]])
            begin = time.monotonic()
            await_true(lambda: all(n.call("GET", "")["log_entries"] < 1000 for n in nodes[:2]), "the log to go")
            out["log_gone_after_seconds"] = round(time.monotonic() - begin, 1)

            log = open(lab / "node-3/log-back", "w")
            (lab / "node-3/run/endpoints.json").unlink(missing_ok=True)
            begin = time.monotonic()
            back = subprocess.Popen([SHOAL, "run", "--config", str(lab / "node-3/shoal.toml")], stdout=log, stderr=log)
            await_true(lambda: (lab / "node-3/run/endpoints.json").exists(), "its start")
            nodes[2] = Client(lab / "node-3")
            await_true(lambda: level(nodes), "all three equal")
            took = time.monotonic() - begin
            out["seconds"] = round(took, 2)
            out["changes_per_second"] = round(C / took)
            out["bytes_received"] = nodes[2].received()
            out["of_whole"] = round(out["bytes_received"] / out["whole_bytes"], 3)
            out["peak_mib"] = [peak_mib(n.pid) for n in nodes]
            exports = {subprocess.run([SHOAL, "export", "lab", "--config", str(lab / f"node-{i}/shoal.toml")], check=True,
                                      capture_output=True).stdout for i in (1, 2, 3)}
            out["exports_equal"] = len(exports) == 1
        finally:
            if back and back.poll() is None:
                back.terminate()
                back.wait()
            run("devcluster", "down", str(lab))
    print(json.dumps(out, indent=2))


main()
