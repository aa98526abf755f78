"""Debian's prometheus scrapes a cluster with the rules and queries of deploy/: all of them are sound, and answer."""
import json
import re
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
import urllib.request
from pathlib import Path

from lab import Cluster, ROOT, need, until

RULES = ROOT / "deploy/prometheus"
BOARD = json.loads((ROOT / "deploy/grafana/shoal.json").read_text())


def expressions():
    for panel in BOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


class Prometheus:
    def __init__(self, nodes):
        self.work = tempfile.TemporaryDirectory(prefix="shoal-prometheus-")
        folder = Path(self.work.name)
        jobs = []
        for n, node in enumerate(nodes):
            token = folder / f"token-{n}"
            token.write_text(node.token + "\n")
            jobs.append({"job_name": f"shoal-{n}", "scrape_interval": "1s",
                         "relabel_configs": [{"target_label": "job", "replacement": "shoal"}],
                         "authorization": {"credentials_file": str(token)},
                         "static_configs": [{"targets": [node.end["api"].removeprefix("http://")]}]})
        config = {"global": {"evaluation_interval": "1s"}, "rule_files": [str(RULES / "alerts.yml")], "scrape_configs": jobs}
        (folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.at = f"127.0.0.1:{s.getsockname()[1]}"
        self.log = open(folder / "log", "w+")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address={self.at}"], stdout=self.log, stderr=subprocess.STDOUT)

    def get(self, path, **query):
        with urllib.request.urlopen(f"http://{self.at}{path}?{urllib.parse.urlencode(query)}", timeout=60) as answer:
            return json.load(answer)["data"]

    def query(self, expr):
        return self.get("/api/v1/query", query=expr)["result"]

    def ready(self):
        if self.process.poll() is not None:
            self.log.seek(0)
            raise AssertionError("prometheus ended: " + self.log.read()[-2000:])
        try:
            return len(self.query('up{job="shoal"} == 1')) == 3
        except OSError:
            return False

    def end(self):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()
        self.work.cleanup()


class Rules(unittest.TestCase):
    def test_promtool_takes_rules_and_configuration_and_each_alert_fires_for_what_it_is_about(self):
        for args in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"],
                     ["check", "config", "--syntax-only", "prometheus.yml"]):
            done = subprocess.run(["promtool", *args], cwd=RULES, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        alerts = set(re.findall(r"- alert: (\w+)", (RULES / "alerts.yml").read_text()))
        tested = set(re.findall(r'alertname="(\w+)"', (RULES / "alerts_test.yml").read_text()))
        self.assertEqual(alerts, tested)


class Running(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3)
        cls.nodes = cls.cluster.__enter__()
        cls.prometheus = None
        cls.addClassCleanup(lambda: (cls.prometheus and cls.prometheus.end(), cls.cluster.__exit__()))
        for n in range(20):
            cls.nodes[n % 3].run("put", "photos", "tag", "new", f"canonical_name=tag {n}")
        cls.nodes[0].run("wait", "photos", "--timeout", "120")
        cls.prometheus = Prometheus(cls.nodes)
        until(cls.prometheus.ready, "three targets that are up")

    def answered(self, title, expr):
        """What the query returns, once it returns numbers."""
        def found():
            # Rates and quantiles take two scrapes and a write between them.
            self.nodes[0].run("put", "photos", "tag", "new", "canonical_name=again")
            series = self.prometheus.query(expr)
            return all(one["value"][1] != "NaN" for one in series) and series

        return until(found, f"{title}: {expr}")

    def test_every_query_of_the_guide_returns_data_but_for_what_is_wrong(self):
        rows = re.findall(r"^\| (.+\?) \| `(.+?)`.* \|$", (ROOT / "docs/cluster.md").read_text(), re.M)
        self.assertGreater(len(rows), 4)
        for question, expr in rows:
            everything = re.sub(r" (==|>) \d+$", "", expr)
            series = self.answered(question, everything)
            if "shoal_peer_info" in expr:
                self.assertEqual({one["metric"]["name"] for one in series}, {"node-1", "node-2", "node-3"}, question)
            if everything != expr:
                self.assertEqual(self.prometheus.query(expr), [], question)

    def test_every_query_of_the_dashboard_returns_data(self):
        asked = 0
        for title, expr in expressions():
            expr = expr.replace("$__rate_interval", "1m").replace("$instance", ".*").replace("$library", ".*")
            self.assertNotIn("$", expr, title)
            self.answered(title, expr)
            asked += 1
        self.assertGreater(asked, 25)
        for variable in BOARD["templating"]["list"][1:]:
            metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()
            self.assertTrue(all(label in one["metric"] for one in self.prometheus.query(metric)), variable["name"])

    def test_the_numbers_are_those_of_the_cluster(self):
        until(lambda: self.prometheus.query("sum(shoal_peer_connected)")[0]["value"][1] == "6", "six ends of links")
        until(lambda: self.prometheus.query('count(shoal_state{state="ready"} == 1)')[0]["value"][1] == "3", "ready nodes")
        records = self.nodes[0].ask("/v1/libraries/photos")["records"]["tag"]
        until(lambda: float(self.prometheus.query('min(shoal_records{model="tag"})')[0]["value"][1]) >= records, "all tags")

    def test_alerts_stand_on_metrics_that_there_are_and_are_silent_while_all_is_well(self):
        text = (RULES / "alerts.yml").read_text()
        known = set(self.prometheus.get("/api/v1/label/__name__/values"))
        # Its first series comes with the first breach.
        wanted = set(re.findall(r"\bshoal_[a-z_]+", " ".join(re.findall(r"expr: (.*)", text)))) - {"shoal_peer_breaches_total"}
        self.assertGreater(len(wanted), 10)
        self.assertEqual(wanted - known, set())
        groups = self.prometheus.get("/api/v1/rules")["groups"]
        rules = [r for g in groups for r in g["rules"]]
        self.assertEqual(len(rules), text.count("- alert:"))
        until(lambda: all(r["health"] == "ok" for g in self.prometheus.get("/api/v1/rules")["groups"] for r in g["rules"]),
              "every rule to have been evaluated")
        firing = [r["name"] for r in rules if r["state"] == "firing"]
        self.assertEqual(firing, [])


if __name__ == "__main__":
    need("prometheus", "promtool")
    unittest.main(verbosity=2, argv=sys.argv)
