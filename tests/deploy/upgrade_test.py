"""A cluster of the previous release's program, taken to this one's node by node while all write; and back again."""
import json
import os
import signal
import subprocess
import tempfile
import unittest
import uuid
from pathlib import Path

from lab import ROOT, SHOAL, Node, skip, until

PREVIOUS = ROOT / "build/previous/shoal"
NODES = 3
LIB = "/v1/libraries/photos"


class Cluster:
    """Its nodes may each run another program."""

    def __init__(self, work, program):
        self.dir = Path(work) / "lab"
        subprocess.run([program, "devcluster", "up", self.dir, "-n", str(NODES), "--library", "photos"], check=True,
                       capture_output=True)
        self.nodes = [Node(self.dir / f"node-{n + 1}") for n in range(NODES)]
        self.processes = {}
        self.promised = {}  # (model, id) → fields, None: deleted
        self.written = 0

    def end(self):
        subprocess.run([SHOAL, "devcluster", "down", self.dir], capture_output=True)
        for process in self.processes.values():
            process.wait()

    def stop(self, n):
        os.kill(self.nodes[n].end["pid"], signal.SIGTERM)
        until(lambda: not (self.nodes[n].folder / "run/endpoints.json").exists(), f"the end of node-{n + 1}")
        if n in self.processes:
            self.processes.pop(n).wait()

    def start(self, n, program):
        log = open(self.nodes[n].folder / "shoal.log", "a")
        process = subprocess.Popen([program, "run", "--config", self.nodes[n].config], stdout=log, stderr=log)
        log.close()
        self.processes[n] = process
        until(lambda: (self.nodes[n].folder / "run/endpoints.json").exists() or process.poll() is not None, "a start")
        return process.poll()

    def program_of(self, n):
        return os.path.realpath(f"/proc/{self.nodes[n].end['pid']}/exe")

    def write(self, nodes):
        """New records of both classes, edits of those that others wrote, and a delete, on each of `nodes`."""
        for n in nodes:
            self.written += 1
            count = self.written
            tag = self.put(n, "tag", {"canonical_name": f"tag {count}", "aliases": [f"a{count}", "b"], "search_weight": count})
            self.put(n, "collection", {"name": f"collection {count}"})
            location = self.put(n, "location", {"name": f"location {count}", "path": f"/{count}"})
            entry = self.put(n, "entry", {"name": f"file {count}", "kind": "file", "location_id": location, "size": count})
            gone = self.put(n, "tag", {"canonical_name": f"soon gone {count}"})
            self.put(n, "user_metadata", {"entry_id": entry, "custom": {"k": count}, "notes": "n" * count}, "new")
            for model, id in list(self.promised):
                if model == "tag" and self.promised[model, id] and id != tag and self.held(n, model, id):
                    self.put(n, model, {"color": f"#{count:06x}"}, id)
                    break
            status, _, said = self.nodes[n].request("DELETE", f"{LIB}/records/tag/{gone}")
            assert status == 200, said
            self.promised["tag", gone] = None

    def put(self, n, model, fields, id=None):
        id = id or str(uuid.uuid4())
        answer = self.nodes[n].request("PUT", f"{LIB}/records/{model}/{id}", fields)
        assert answer[0] == 200, answer
        id = json.loads(answer[2])["id"]
        self.promised[model, id] = {**(self.promised.get((model, id)) or {}), **fields}
        return id

    def held(self, n, model, id):
        return self.nodes[n].request("GET", f"{LIB}/records/{model}/{id}")[0] == 200

    def token(self, n):
        answer = self.nodes[n].request("PUT", f"{LIB}/records/tag/new", {"canonical_name": "of the token"})
        assert answer[0] == 200, answer
        said = json.loads(answer[2])
        self.promised["tag", said["id"]] = {"canonical_name": "of the token"}
        return said["token"]

    def converged(self):
        """The one export of all nodes, once they hold the same."""
        def level():
            return all(node.ask("/v1/status")["libraries"][0]["converged"] for node in self.nodes)
        until(level, "nodes that hold the same")
        exports = [node.run("export", "photos") for node in self.nodes]
        assert all(e == exports[0] for e in exports), "exports differ"
        return exports[0]


class Upgrade(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory(prefix="shoal-upgrade-")
        self.addCleanup(work.cleanup)
        self.cluster = Cluster(work.name, PREVIOUS)
        self.addCleanup(self.cluster.end)

    def check(self):
        """All that was promised is there, on all nodes."""
        records = {(r["model"], r["id"]): r["fields"] for r in map(json.loads, self.cluster.converged().splitlines())}
        for key, fields in self.cluster.promised.items():
            if fields is None:
                self.assertNotIn(key, records)
                continue
            self.assertIn(key, records)
            got = {name: records[key].get(name) for name in fields}
            self.assertEqual({k: sorted(v) if isinstance(v, list) else v for k, v in got.items()}, fields)

    def run_on(self, n, program):
        """Restarts a node with the other program on its own folder, while the others write."""
        others = [other for other in range(NODES) if other != n]
        self.cluster.stop(n)
        self.cluster.write(others)
        self.assertIsNone(self.cluster.start(n, program), self.cluster.nodes[n].folder / "shoal.log")
        self.assertEqual(self.cluster.program_of(n), os.path.realpath(program))

    def test_nodes_of_both_releases_hold_the_same_at_each_step_and_lose_nothing(self):
        cluster = self.cluster
        cluster.write(range(NODES))
        self.check()
        token = cluster.token(NODES - 1)
        for n in range(NODES):
            self.assertEqual(cluster.program_of(n), os.path.realpath(PREVIOUS))
            self.run_on(n, SHOAL)
            cluster.write(range(NODES))
            self.check()
            # A consumer goes on where it was, whichever release gave the token and whichever reads it.
            status, _, body = cluster.nodes[n].request("GET", f"{LIB}/changes?since={token}")
            self.assertEqual(status, 200, body)
            told = [json.loads(line) for line in body.splitlines()]
            self.assertTrue(any(line.get("model") == "collection" for line in told), told)
            token = [line["token"] for line in told if "token" in line][-1]

        # Back again: where both know what is on disk, a release that disappoints can be taken back.
        self.run_on(0, PREVIOUS)
        library = cluster.nodes[0].ask("/v1/status")["libraries"][0]
        if library["state"] == "failed":
            # It says why, and has harmed nothing.
            self.assertRegex(library["why"], r"written in format \d+, this shoal knows format \d+; use a newer shoal")
            self.run_on(0, SHOAL)
        cluster.write(range(NODES))
        self.check()


if __name__ == "__main__":
    if not PREVIOUS.exists():
        skip("build/previous/shoal is not there (deploy/previous.sh makes it, where the clone has that commit)")
    unittest.main()
