"""What a node tells systemd: ready, reloading, stopping, and that its work goes on, or does not."""
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

from lab import Node, ROOT, SHOAL, need, until

WATCHDOG_SECONDS = 2  # fed every half second


class Base(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory(prefix="shoal-supervised-")
        self.addCleanup(work.cleanup)
        self.work = Path(work.name)
        self.node = Node(self.work / "node")
        subprocess.run([SHOAL, "init", self.node.folder, "--listen", "127.0.0.1:0", "--api", "127.0.0.1:0"],
                       check=True, capture_output=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.socket.bind(str(self.work / "notify"))
        self.said = []


class Supervised(Base):
    def setUp(self):
        super().setUp()
        self.unread = []

    def start(self, **env):
        self.log = open(self.work / "log", "w+")
        self.addCleanup(self.log.close)
        self.process = subprocess.Popen(
            [SHOAL, "run", "--config", self.node.config], stderr=self.log,
            env={**os.environ, "NOTIFY_SOCKET": str(self.work / "notify"), "WATCHDOG_USEC": str(WATCHDOG_SECONDS * 10**6), **env})
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)

    def hear(self, seconds=0.0):
        """Everything that was said since, as lists of lines."""
        out = []
        while select.select([self.socket], [], [], seconds if not out else 0)[0]:
            out.append(self.socket.recv(4096).decode().splitlines())
        self.said += out
        return out

    def await_line(self, line):
        """The next message with that line; what was said behind it is left to the next call."""
        def met():
            self.assertIsNone(self.process.poll() if line != "STOPPING=1" else None, (self.work / "log").read_text())
            self.unread += self.hear(0.2 if not self.unread else 0)
            while self.unread:
                message = self.unread.pop(0)
                if any(part.startswith(line) for part in message):
                    return [message]
            return []
        return until(met, line)[0]

    def test_it_is_ready_when_it_accepts_work_says_when_it_reloads_and_stops_and_feeds_the_watchdog(self):
        self.start()
        ready = self.await_line("READY=1")
        self.assertTrue(any(part.startswith("STATUS=") for part in ready))
        self.assertEqual(self.node.request("GET", "/healthz")[0], 200)
        self.assertEqual(self.said[0], ready)
        for _ in range(3):
            self.await_line("WATCHDOG=1")
        self.process.send_signal(signal.SIGHUP)
        reloading = self.await_line("RELOADING=1")
        self.assertTrue(any(part.startswith("MONOTONIC_USEC=") for part in reloading))
        self.await_line("READY=1")
        self.process.terminate()
        self.await_line("STOPPING=1")
        self.assertEqual(self.process.wait(60), 0)

    def test_a_store_that_hangs_starves_the_watchdog_although_the_api_answers(self):
        preload = self.work / "slow_disk.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", preload, ROOT / "tests/deploy/slow_disk.c", "-ldl"], check=True)
        gate = self.work / "gate"
        self.start(LD_PRELOAD=str(preload), SLOW_DISK=str(gate))
        self.await_line("READY=1")
        self.node.run("library", "create", "photos")
        self.await_line("WATCHDOG=1")
        gate.touch()
        writing = threading.Thread(
            target=self.node.request, args=("PUT", "/v1/libraries/photos/records/tag/new", {"canonical_name": "slow"}))
        writing.start()
        until((self.work / "gate.held").exists, "a sync that waits")
        self.hear(WATCHDOG_SECONDS / 2)  # what was answered before the write came
        self.hear(WATCHDOG_SECONDS / 2)
        self.assertEqual(self.hear(2 * WATCHDOG_SECONDS), [], "it was fed although the store hangs")
        self.assertEqual(self.node.request("GET", "/healthz")[0], 200)
        gate.unlink()
        self.unread.clear()
        writing.join()
        self.await_line("WATCHDOG=1")
        self.process.terminate()
        self.assertEqual(self.process.wait(60), 0)

    def test_without_systemd_nothing_is_said(self):
        self.start(NOTIFY_SOCKET="", WATCHDOG_USEC="")
        until((self.node.folder / "run/endpoints.json").exists, "the node")
        self.process.terminate()
        self.assertEqual(self.process.wait(60), 0)
        self.assertEqual(self.hear(), [])


class Container(Base):
    def start(self, **env):
        self.node.folder = self.work / "volume/node"
        env = {"SHOAL_FOLDER": str(self.work / "volume"), "SHOAL_LISTEN": "127.0.0.1:0", "SHOAL_API_LISTEN": "127.0.0.1:0",
               "SHOAL_NAME": "box", "PATH": f"{Path(SHOAL).resolve().parent}:{os.environ['PATH']}", **env}
        self.log = open(self.work / "log", "w+")
        self.addCleanup(self.log.close)
        self.process = subprocess.Popen(["sh", ROOT / "deploy/container-start.sh"], env={**os.environ, **env},
                                        stdout=self.log, stderr=self.log)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)

    def test_the_first_start_makes_a_device_and_the_next_is_the_same_one(self):
        devices = set()
        for _ in range(2):
            self.start()
            end = until(lambda: (self.node.folder / "run/endpoints.json").exists() and self.node.end, "the node")
            self.assertEqual(end["pid"], self.process.pid, "signals must reach the node itself")
            self.assertEqual(self.node.ask("/v1/status")["name"], "box")
            devices.add(end["device"])
            self.process.terminate()
            self.assertEqual(self.process.wait(60), 0)
        self.assertEqual(len(devices), 1)


class Unit(unittest.TestCase):
    def test_the_unit_is_hardened_to_an_exposure_of_2_at_most(self):
        need("systemd-analyze")
        unit = ROOT / "deploy/systemd/shoal.service"
        rate = lambda path, most: subprocess.run(
            ["systemd-analyze", "security", "--offline=yes", f"--threshold={most}", "--no-pager", path],
            capture_output=True, text=True)
        done = rate(unit, 20)  # tenths
        self.assertEqual(done.returncode, 0, done.stdout[-400:] + done.stderr)
        with tempfile.TemporaryDirectory() as work:  # the check can fail
            soft = Path(work) / "shoal.service"
            soft.write_text(unit.read_text().replace("ProtectSystem=strict\n", "").replace("NoNewPrivileges=yes\n", "")
                            .replace("CapabilityBoundingSet=\n", "").replace("PrivateUsers=yes\n", ""))
            self.assertNotEqual(rate(soft, 20).returncode, 0)


if __name__ == "__main__":
    need("cc")
    unittest.main(verbosity=2, argv=sys.argv)
