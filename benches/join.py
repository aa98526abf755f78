#!/usr/bin/env python3
"""A fourth node joins a library of N entries while the three others keep writing, and is killed ten times on its way.

  benches/join.py build/release/shoal [N=1000000] [KILLS=10]      prints one JSON object

Nodes are processes on this machine: mesh, TLS, fdatasync. Node 1 has written the entries by /batch; during the join
each of the three takes one tag every 10 ms. The newcomer gets SIGKILL when its progress has passed 1/11, 2/11, ….
undisturbed: another newcomer before that, nobody writing and nobody killed; its bytes are what the library costs.
lives: state and records right after each restart, which must never be fewer than before the kill.
ready_seconds: from the last start until the newcomer is `ready` while the others still write.
peak_mib: VmHWM of every node; of the newcomer the highest of all its lives.
bytes_received: of ranges, over all its lives, as the newcomer counted them just before each kill.
"""
import json, os, pathlib, signal, subprocess, sys, tempfile, threading, time, uuid

from lab import SHOAL, Client, await_true, free_port, level, peak_mib, run

N = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
KILLS = int(sys.argv[3]) if len(sys.argv) > 3 else 10
BATCH = 5000


class Newcomer:
    def __init__(self, folder, members, library):
        self.folder, self.process, self.client = folder, None, None
        self.peak, self.bytes = 0.0, 0
        port = free_port()
        self.device = run("init", str(folder), "--listen", f"127.0.0.1:{port}", "--api", "127.0.0.1:0").splitlines()[0]
        self.address = f"{self.device}@127.0.0.1:{port}"
        lines = [f'\n[[library]]\nid = "{library}"\nname = "lab"']
        for m in members:
            lines.append(f'  [[library.member]]\n  device = "{m.end["device"]}"\n  address = "{m.end["listen"]}"')
        with open(folder / "shoal.toml", "a") as config:
            config.write("\n".join(lines) + "\n")

    def start(self):
        (self.folder / "run/endpoints.json").unlink(missing_ok=True)
        log = open(self.folder / "log", "a")
        self.process = subprocess.Popen([SHOAL, "run", "--config", str(self.folder / "shoal.toml")], stdout=log, stderr=log)
        await_true(lambda: (self.folder / "run/endpoints.json").exists(), "its start")
        self.client = Client(self.folder)

    def note(self):
        self.peak = max(self.peak, peak_mib(self.process.pid))
        return self.client.received()

    def end(self, how):
        self.bytes += self.note()
        self.process.send_signal(how)
        self.process.wait()


def main():
    out = {"what": "join", "entries": N, "cpus": os.cpu_count(), "shoal": run("--version").strip()}
    with tempfile.TemporaryDirectory() as scratch:
        lab = pathlib.Path(scratch) / "lab"
        run("devcluster", "up", str(lab), "-n", "3", "--library", "lab")
        extra, stop, writers, written = [], threading.Event(), [], [0, 0, 0]
        try:
            nodes = [Client(lab / f"node-{i}") for i in (1, 2, 3)]
            library = json.loads(nodes[0].raw("GET", "/v1/status"))["libraries"][0]["id"]
            begin = time.monotonic()
            for start in range(0, N, BATCH):
                ops = [{"model": "entry", "id": str(uuid.uuid4()),
                        "fields": {"name": f"IMG_{i:08}.jpg", "kind": "file", "extension": "jpg", "size": i * 37, "inode": i}}
                       for i in range(start, min(N, start + BATCH))]
                nodes[0].call("POST", "/batch", {"ops": ops})
            await_true(lambda: level(nodes), "the library on all three")
            out["filled_seconds"] = round(time.monotonic() - begin, 1)

            def join(name):
                fresh = Newcomer(pathlib.Path(scratch) / name, nodes, library)
                extra.append(fresh)
                run("member", "add", "lab", fresh.address, "--config", str(lab / "node-1/shoal.toml"))
                return fresh

            calm = join("calm")
            begin = time.monotonic()
            calm.start()
            await_true(lambda: level([nodes[0], calm.client]), "the undisturbed newcomer")
            took = time.monotonic() - begin
            calm.end(signal.SIGTERM)
            run("member", "remove", "lab", calm.device, "--config", str(lab / "node-1/shoal.toml"))
            out["undisturbed"] = {"seconds": round(took, 2), "records_per_second": round(N / took),
                                  "bytes_received": calm.bytes, "peak_mib": calm.peak}

            def write(n):
                mine = Client(lab / f"node-{n + 1}")
                while not stop.wait(0.01):
                    mine.call("PUT", "/records/tag/new", {"canonical_name": "beside"})
                    written[n] += 1

            writers += [threading.Thread(target=write, args=(n,)) for n in range(3)]
            for w in writers:
                w.start()
            fresh = join("fresh")
            lives = []
            first = time.monotonic()
            fresh.start()
            for k in range(1, KILLS + 1):
                def passed():
                    now = fresh.client.call("GET", "")
                    return now["state"] == "ready" or now["state"] == "backfilling" and now["progress"] >= k / (KILLS + 1)
                await_true(passed, f"progress {k}/{KILLS + 1}")
                now = fresh.client.call("GET", "")
                before = sum(now["records"].values())
                fresh.end(signal.SIGKILL)
                begin = time.monotonic()
                fresh.start()
                after = fresh.client.call("GET", "")
                lives.append({"killed": now["state"], "progress": round(now["progress"], 3), "records": before,
                              "restarted_with": sum(after["records"].values())})
            await_true(lambda: fresh.client.call("GET", "")["state"] == "ready", "ready")
            ready = time.monotonic()
            stop.set()
            for w in writers:
                w.join()
            stopped = time.monotonic()
            await_true(lambda: level(nodes + [fresh.client]), "all four equal")
            done = time.monotonic()
            fresh.bytes += fresh.note()
            out["killed"] = {"kills": KILLS, "lives": lives, "written_beside": sum(written),
                             "ready_seconds": round(ready - begin, 2), "all_seconds": round(ready - first, 2),
                             "equal_after_the_last_write_seconds": round(done - stopped, 2),
                             "bytes_received": fresh.bytes, "times_undisturbed": round(fresh.bytes / calm.bytes, 2),
                             "nothing_lost": all(one["restarted_with"] >= one["records"] for one in lives)}
            out["peak_mib"] = [peak_mib(c.pid) for c in nodes] + [fresh.peak]
            exports = {subprocess.run([SHOAL, "export", "lab", "--config", str(folder / "shoal.toml")], check=True,
                                      capture_output=True).stdout
                       for folder in [lab / f"node-{i}" for i in (1, 2, 3)] + [fresh.folder]}
            out["exports_equal"] = len(exports) == 1
        finally:
            stop.set()
            for n in extra:
                if n.process and n.process.poll() is None:
                    n.process.kill()
                    n.process.wait()
            run("devcluster", "down", str(lab))
    print(json.dumps(out, indent=2))


main()
