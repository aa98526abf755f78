"""The five-node example of deploy/, each node on a network of its own and under a supervisor that starts it again: one is
killed, one is cut off and named, one dies and is replaced as docs/operating.md says. No record is lost."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

from lab import ROOT, SHOAL, need, skip, until

NAMES = ["alpha", "bravo", "charlie", "delta", "echo"]
EXAMPLE = ROOT / "deploy/examples/five-nodes"
CONFIG_ERROR = 78  # what a supervisor does not start again, as deploy/systemd/shoal.service says


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


class Machine:
    """A network namespace on a bridge, and a node in it."""

    def __init__(self, lab, name, number):
        self.name, self.folder = name, lab.folder / name
        self.config = str(self.folder / "shoal.toml")
        self.space = f"shoal-{os.getpid()}-{name}"
        self.link = f"sh{os.getpid()}-{number}"[-15:]
        self.host = f"10.77.0.{number}"
        ip("netns", "add", self.space)
        ip("link", "add", self.link, "netns", lab.space, "type", "veth", "peer", "name", "eth0", "netns", self.space)
        self.cable = ["-n", lab.space, "link", "set", self.link]
        ip(*self.cable, "master", "bridge", "up")
        ip("-n", self.space, "addr", "add", self.host + "/24", "dev", "eth0")
        ip("-n", self.space, "link", "set", "eth0", "up")
        ip("-n", self.space, "link", "set", "lo", "up")
        self.wanted, self.process, self.starts = False, None, 0

    def command(self, *words):
        return ["ip", "netns", "exec", self.space, SHOAL, *words, "--config", self.config]

    def ask(self, *words):
        """(exit code, stdout) of a command on this machine."""
        done = subprocess.run(self.command(*words), capture_output=True, text=True)
        return done.returncode, done.stdout

    def run(self, *words):
        done = subprocess.run(self.command(*words), capture_output=True, text=True)
        assert done.returncode == 0, (self.name, words, done.stderr)
        return done.stdout

    def status(self):
        code, said = self.ask("status", "-o", "json")
        return json.loads(said)["libraries"][0] if said and code in (0, 1) else None

    def converged(self):
        told = self.status()
        return told is not None and told["converged"]

    def device(self):
        return self.run("id").strip()

    def supervise(self):
        def loop():
            while self.wanted:
                with open(self.folder / "log", "a") as log:
                    self.process = subprocess.Popen(self.command("run"), stderr=log, env={
                        **os.environ, "SHOAL__SYNC__HEARTBEAT_SECONDS": "1", "SHOAL__SYNC__RETRY_MAX_SECONDS": "2"})
                self.starts += 1
                if self.process.wait() == CONFIG_ERROR:
                    return
        self.wanted = True
        self.supervisor = threading.Thread(target=loop)
        self.supervisor.start()

    def kill(self):
        """As a crash: the supervisor starts it again."""
        self.process.kill()

    def end(self):
        """As a machine that is gone."""
        self.wanted = False
        if self.process:
            self.process.kill()
            self.supervisor.join()


class FiveNodes(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="shoal-five-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.machines = {}
        self.space = f"shoal-{os.getpid()}-switch"
        made = subprocess.run(["ip", "netns", "add", self.space], capture_output=True, text=True)
        if made.returncode != 0:
            skip("no network namespace can be made: " + made.stderr.strip())
        self.addCleanup(ip, "netns", "del", self.space)
        ip("-n", self.space, "link", "add", "bridge", "type", "bridge")
        ip("-n", self.space, "link", "set", "bridge", "up")

    def machine(self, name, number):
        made = self.machines[name] = Machine(self, name, number)
        self.addCleanup(ip, "netns", "del", made.space)
        self.addCleanup(made.end)
        return made

    def all_level(self):
        up = [m for m in self.machines.values() if m.wanted]
        until(lambda: all(m.converged() for m in up), "all to be level")
        exports = {m.run("export", "photos") for m in up}
        self.assertEqual(len(exports), 1)
        return exports.pop()

    def test_one_is_killed_one_is_cut_off_one_is_replaced_and_nothing_is_lost(self):
        listed = self.folder / "machines.txt"
        listed.write_text("".join(f"{name} 10.77.0.{n} 7420 7421\n" for n, name in enumerate(NAMES, 1)))
        made = self.folder / "made"
        subprocess.run([EXAMPLE / "prepare.sh", made, listed], check=True, capture_output=True,
                       env={**os.environ, "PATH": f"{Path(SHOAL).resolve().parent}:{os.environ['PATH']}"})
        for n, name in enumerate(NAMES, 1):
            (made / name).rename(self.folder / name)
            self.machine(name, n).supervise()
        at = self.machines
        for m in at.values():
            until(m.status, m.name + " to answer")
            m.run("put", "photos", "tag", "new", f"canonical_name=of {m.name}")
            m.run("put", "photos", "volume", "new", f"fingerprint={m.name}", "display_name=disk")
        self.all_level()

        at["bravo"].kill()
        until(lambda: at["bravo"].starts == 2, "the supervisor")
        self.all_level()

        ip(*at["delta"].cable, "down")
        at["delta"].run("put", "photos", "tag", "new", "canonical_name=while cut off")
        at["alpha"].run("put", "photos", "tag", "new", "canonical_name=meanwhile")
        for m in at.values():
            away = {"delta"} if m.name != "delta" else set(NAMES) - {"delta"}

            def not_linked():
                return {o["name"] for o in m.status()["members"] if o["state"] == "down"} == away
            until(not_linked, f"{m.name} to miss {away}")
            why = m.status()["why"]
            if m.name == "delta":
                self.assertIn("this node may be cut off", why)
            else:
                self.assertEqual({name for name in NAMES if name in why}, away, why)
        ip(*at["delta"].cable, "up")
        self.all_level()

        # Its disk goes with it. What to do is from docs/operating.md, "Adding" and "Replacing".
        dead = at["echo"].device()
        at["echo"].run("put", "photos", "tag", "new", "canonical_name=last of echo")
        at["echo"].run("wait", "photos", "--peers", "1")
        at["echo"].end()
        shutil.rmtree(at["echo"].folder)
        fresh = self.machine("foxtrot", 6)
        subprocess.run([SHOAL, "init", fresh.folder, "--name", "foxtrot", "--listen", fresh.host + ":7420",
                        "--api", "127.0.0.1:7421"], check=True, capture_output=True)
        fresh.supervise()
        until(lambda: fresh.ask("library", "list")[0] == 0, "foxtrot to answer")
        library = json.loads(at["alpha"].run("library", "show", "photos", "-o", "json"))["id"]
        fresh.run("library", "join", library, "--name", "photos", "--via", f"{at['alpha'].device()}@{at['alpha'].host}:7420")
        at["alpha"].run("member", "add", "photos", f"{fresh.device()}@{fresh.host}:7420", "--name", "foxtrot")
        at["alpha"].run("member", "remove", "photos", dead)
        export = self.all_level()
        for record in [f"of {name}" for name in NAMES] + ["while cut off", "meanwhile", "last of echo"]:
            self.assertEqual(export.count(f'"{record}"'), 1, record)
        for name in NAMES:
            self.assertEqual(export.count(f'"fingerprint":"{name}"'), 1, name)
        self.assertEqual(at["alpha"].starts, 1)


if __name__ == "__main__":
    need("ip")
    if os.geteuid() != 0:
        skip("needs root, for network namespaces")
    unittest.main(verbosity=2, argv=sys.argv)
