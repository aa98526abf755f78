"""Nodes as processes, for the tests of what is deployed: clusters that end with the test, and their API."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHOAL = os.environ["SHOAL_BINARY"]
PATIENCE = 120  # seconds, on a machine that is loaded three times over


def skip(why):
    """Ends the program; ctest takes 77 for skipped."""
    print("skipped: " + why, flush=True)
    sys.exit(77)


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            skip(f"there is no {tool} (deploy/install-dependencies.sh test)")


def until(met, what, seconds=PATIENCE):
    """What `met` answers, once that is true."""
    deadline = time.monotonic() + seconds
    while True:
        found = met()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.05)


class Node:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.config = str(self.folder / "shoal.toml")

    @property
    def end(self):
        return json.loads((self.folder / "run/endpoints.json").read_text())

    @property
    def token(self):
        return (self.folder / "api.token").read_text().strip()

    def request(self, method, path, body=None, headers=None, token=None):
        """(status, headers, bytes), whatever the status."""
        head = {"Authorization": "Bearer " + (self.token if token is None else token), **(headers or {})}
        if body is not None:
            head.setdefault("Content-Type", "application/json")
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        asked = urllib.request.Request(self.end["api"] + path, body, head, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.headers, refused.read()

    def ask(self, path):
        status, _, body = self.request("GET", path)
        assert status == 200, (path, status, body)
        return json.loads(body)

    def run(self, *args):
        return subprocess.run([SHOAL, *args, "--config", self.config], check=True, capture_output=True, text=True).stdout


class Cluster:
    """`with Cluster(3) as nodes:`"""

    def __init__(self, nodes, library="photos"):
        self.nodes, self.library = nodes, library

    def __enter__(self):
        self.work = tempfile.mkdtemp(prefix="shoal-lab-")
        self.dir = pathlib.Path(self.work) / "lab"
        try:
            subprocess.run([SHOAL, "devcluster", "up", self.dir, "-n", str(self.nodes), "--library", self.library],
                           check=True, capture_output=True)
        except BaseException:
            self.__exit__()
            raise
        return [Node(self.dir / f"node-{n + 1}") for n in range(self.nodes)]

    def __exit__(self, *_):
        subprocess.run([SHOAL, "devcluster", "down", self.dir], capture_output=True)
        shutil.rmtree(self.work, ignore_errors=True)
