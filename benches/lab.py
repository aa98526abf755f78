"""Nodes as processes, for the benches in Python: their commands, their API, and when they are level."""
import http.client, json, pathlib, random, socket, subprocess, sys, time

SHOAL = str(pathlib.Path(sys.argv[1]).resolve())
LIMIT_SECONDS = 600


def run(*args):
    return subprocess.run([SHOAL, *args], check=True, capture_output=True, text=True).stdout


def peak_mib(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmHWM"):
            return round(int(line.split()[1]) / 1024, 1)


def free_port():
    """Below the range that the kernel gives to outgoing connections: still free when a killed node returns."""
    while True:
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", random.randrange(10_000, 32_000)))
                return s.getsockname()[1]
            except OSError:
                pass


class Client:
    """One node's API, one connection."""

    def __init__(self, folder):
        self.end = json.load(open(folder / "run/endpoints.json"))
        self.config = str(folder / "shoal.toml")
        token = (folder / "api.token").read_text().strip()
        self.headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
        self.http = http.client.HTTPConnection(self.end["api"].removeprefix("http://"))
        self.pid = self.end["pid"]

    def raw(self, method, path, body=None):
        self.http.request(method, path, json.dumps(body) if body is not None else None, self.headers)
        answer = self.http.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]!r}")
        return text

    def call(self, method, path, body=None):
        return json.loads(self.raw(method, "/v1/libraries/lab" + path, body))

    def records(self):
        return sum(self.call("GET", "")["records"].values())

    def received(self):
        for line in self.raw("GET", "/metrics").decode().splitlines():
            if line.startswith("shoal_bytes_received_total{"):
                return int(float(line.rsplit(" ", 1)[1]))


def await_true(met, what):
    deadline = time.monotonic() + LIMIT_SECONDS
    while not met():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {LIMIT_SECONDS} s for {what}")
        time.sleep(0.005)


def level(clients):
    said = [c.call("GET", "/digest") for c in clients]
    return all(s["settled"] and s["digest"] == said[0]["digest"] and s["frontiers"] == said[0]["frontiers"] for s in said)
