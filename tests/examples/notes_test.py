"""The notes example: a folder on each of two nodes, kept the same by a program in Python here and one in JavaScript there."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "deploy"))
from lab import Cluster, ROOT, SHOAL, need, until  # noqa: E402

NOTES = ROOT / "examples/notes"
PROGRAMS = [[sys.executable, NOTES / "notes.py"], ["node", NOTES / "notes.mjs"]]


class Notes(unittest.TestCase):
    def setUp(self):
        self.cluster = cluster = Cluster(2)
        self.nodes = cluster.__enter__()
        self.addCleanup(cluster.__exit__)
        work = tempfile.TemporaryDirectory(prefix="shoal-notes-")
        self.addCleanup(work.cleanup)
        self.folders = [pathlib.Path(work.name) / name for name in ("python", "javascript")]
        for node, folder in zip(self.nodes, self.folders):
            folder.mkdir()
            (node.folder / "models.d").mkdir()
            shutil.copy(NOTES / "note.toml", node.folder / "models.d")
            os.kill(node.end["pid"], signal.SIGHUP)
        for node in self.nodes:
            until(lambda: "note" in [m["name"] for m in node.ask("/v1/models")["items"]], "the model")

    def environment(self, which):
        node = self.nodes[which]
        return {**os.environ, "SHOAL_API": node.end["api"], "SHOAL_TOKEN_FILE": str(node.folder / "api.token"),
                "SHOAL_LIBRARY": "photos"}

    def look(self, which):
        """One look of one program; then its node's writes are everywhere."""
        done = subprocess.run([*PROGRAMS[which], self.folders[which], "--once"], env=self.environment(which),
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.nodes[which].run("wait", "photos", "--timeout", "120")
        return done.stderr

    def texts(self, which):
        return {f.relative_to(self.folders[which]).as_posix(): f.read_text()
                for f in self.folders[which].rglob("*") if f.is_file() and f.name != ".notes.json"}

    def test_files_that_are_made_changed_and_deleted_on_either_side_are_so_on_the_other(self):
        for here, there in ((0, 1), (1, 0)):
            with self.subTest(from_=PROGRAMS[here][0]):
                folder = self.folders[here]
                (folder / "lists").mkdir(exist_ok=True)
                (folder / "lists/shopping.txt").write_text("milk\nDörrobst\n")
                (folder / "idea.txt").write_text("one")
                (folder / "picture.png").write_bytes(b"\xff")  # not a note
                self.look(here), self.look(there)
                self.assertEqual(self.texts(there)["lists/shopping.txt"], "milk\nDörrobst\n")
                self.assertNotIn("picture.png", self.texts(there))
                (folder / "idea.txt").write_text("two")
                (folder / "lists/shopping.txt").unlink()
                (folder / "picture.png").unlink()
                self.look(here), self.look(there)
                self.assertEqual(self.texts(there), {"idea.txt": "two"})
                (self.folders[there] / "idea.txt").unlink()
                self.look(there), self.look(here)
                self.assertEqual(self.texts(here), {})

    def test_a_program_that_the_node_refuses_stops_and_says_why(self):
        for which, program in enumerate(PROGRAMS):
            with self.subTest(program=program[0]):
                done = subprocess.run([*program, self.folders[which]], capture_output=True, text=True, timeout=120,
                                      env={**self.environment(which), "SHOAL_LIBRARY": "no-such-library"})
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("no-such-library", done.stderr)
                bare = {k: v for k, v in os.environ.items() if not k.startswith("SHOAL_")}
                done = subprocess.run([*program], capture_output=True, text=True, timeout=120, env=bare)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("usage:", done.stderr)

    def test_what_was_changed_on_both_sides_is_kept_from_both(self):
        for here, there in ((0, 1), (1, 0)):
            with self.subTest(second=PROGRAMS[there][0]):
                name = f"plan-{here}.txt"
                (self.folders[here] / name).write_text("plan")
                self.look(here), self.look(there)
                (self.folders[here] / name).write_text("plan A")
                (self.folders[there] / name).write_text("plan B")
                self.look(here), self.look(there)
                self.assertEqual(self.texts(there)[name], "plan A")
                self.assertEqual(self.texts(there)[name + ".mine"], "plan B")

    def test_a_path_that_leads_out_of_the_folder_writes_nothing_there(self):
        self.nodes[0].run("put", "photos", "note", "new", "path=../../escaped.txt", "text=x")
        self.nodes[0].run("wait", "photos", "--timeout", "120")
        for which in (0, 1, 0, 1):
            self.assertIn("left alone: ../../escaped.txt", self.look(which))
            self.assertFalse((self.folders[which] / "../../escaped.txt").resolve().exists())
        self.assertEqual(len(self.nodes[0].ask("/v1/libraries/photos/records/note")["items"]), 1, "it is not theirs to delete")

    def test_left_running_the_programs_bring_a_file_over_and_outlive_their_node(self):
        running = []
        for which in (0, 1):
            log = open(self.folders[which].parent / f"log-{which}", "w")
            self.addCleanup(log.close)
            running.append(subprocess.Popen([*PROGRAMS[which], self.folders[which]], env=self.environment(which), stderr=log))
            self.addCleanup(running[-1].wait)
            self.addCleanup(running[-1].kill)
        (self.folders[0] / "live.txt").write_text("hello")
        until(lambda: self.texts(1).get("live.txt") == "hello", "the file on the other side")
        (self.folders[1] / "live.txt").write_text("hello back")
        until(lambda: self.texts(0).get("live.txt") == "hello back", "the answer")
        for node in self.nodes:
            os.kill(node.end["pid"], signal.SIGKILL)
        for which in (0, 1):
            until(lambda: "trying again" in (self.folders[0].parent / f"log-{which}").read_text(), "a try that fails")
        (self.folders[0] / "meanwhile.txt").write_text("still here")
        subprocess.run([SHOAL, "devcluster", "up", self.cluster.dir], check=True, capture_output=True)
        until(lambda: self.texts(1).get("meanwhile.txt") == "still here", "the file after the nodes' restart")
        for program in running:
            self.assertIsNone(program.poll())


if __name__ == "__main__":
    need("node")
    unittest.main(verbosity=2)
