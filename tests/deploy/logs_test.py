"""What a node logs: text or JSON, a level for each component, changed while it runs. (tests/attack: peers that flap.)"""
import json
import os
import subprocess
import sys
import unittest

from lab import Cluster, SHOAL, until

COMPONENTS = ["node", "library", "store", "peer_link", "api"]


class Logs(unittest.TestCase):
    def start(self, **env):
        cluster = Cluster(2)
        before = {name: os.environ.get(name) for name in env}
        os.environ.update(env)
        try:
            nodes = cluster.__enter__()
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        self.addCleanup(cluster.__exit__)
        return nodes

    @staticmethod
    def lines(node):
        return (node.folder / "shoal.log").read_text().splitlines()

    def test_json_is_one_object_a_line_whatever_a_name_holds_and_text_begins_with_time_level_and_component(self):
        one, _ = self.start(SHOAL__LOG__FORMAT="json", SHOAL__LOG__LEVEL="debug")
        one.request("POST", "/v1/libraries", {"name": 'a "quoted" \\ name'})
        one.request("GET", "/v1/libraries/%22a")
        until(lambda: any('GET /v1/libraries/%22a' in line for line in self.lines(one)), "the request's line")
        for line in self.lines(one):
            told = json.loads(line)
            self.assertLessEqual({"time_ms", "level", "component", "message"}, set(told))
            self.assertLessEqual(set(told), {"time_ms", "level", "component", "message", "library", "peer", "stream", "seqs"})
            self.assertIn(told["component"], COMPONENTS)
        one, _ = self.start()
        for line in self.lines(one):
            self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3} (info|warning|error) (%s): " % "|".join(COMPONENTS))

    def test_ids_of_libraries_and_peers_are_members_of_a_json_line_of_their_own(self):
        one, two = self.start(SHOAL__LOG__FORMAT="json")
        library = one.ask("/v1/status")["libraries"][0]["id"]
        about = {"library": library, "peer": two.end["device"]}

        def told(component, words):
            """The first line of that component that begins so."""
            for line in map(json.loads, self.lines(one)):
                if line["component"] == component and words in line["message"]:
                    return line
            return None

        linked = until(lambda: told("peer_link", "linked to "), "the link")
        self.assertEqual(linked.get("peer"), about["peer"])
        connected = until(lambda: told("library", "photos: connected to "), "the session")
        self.assertEqual({name: connected.get(name) for name in about}, about)
        one.run("verify", "photos")
        compared = until(lambda: told("library", "photos: compared "), "the comparison")
        self.assertEqual({name: compared.get(name) for name in about}, about)
        one.run("pause", "photos")
        paused = until(lambda: told("library", "photos: paused"), "the pause")
        self.assertEqual(paused.get("library"), library)
        self.assertNotIn("peer", paused)  # of an earlier line
        accepts = told("node", " accepts peers on ")
        self.assertEqual(set(accepts), {"time_ms", "level", "component", "message"})

    def test_an_op_is_followed_from_its_commit_to_its_apply_on_a_peer_by_the_ids_of_their_lines(self):
        one, two = self.start(SHOAL__LOG__FORMAT="json")

        def of_ops(node):
            return [line for line in map(json.loads, self.lines(node)) if "seqs" in line]

        one.run("put", "photos", "tag", "new", "canonical_name=quiet")
        one.run("wait", "photos")
        for node in (one, two):
            self.assertFalse(of_ops(node))
            node.run("log-level", "info,library=debug")
        token = json.loads(one.run("put", "photos", "tag", "new", "canonical_name=followed", "-o", "json"))["token"]
        one.run("wait", "photos", "--for", token)
        traced = json.loads(one.run("trace", "photos", token, "-o", "json"))["items"][0]
        op = {"stream": f"{traced['origin']}/{traced['epoch']}", "seqs": str(traced["seq"])}

        def line_of(node, did):
            """What it did with that op."""
            found = [line for line in of_ops(node) if {name: line[name] for name in op} == op]
            return found[0] if found and f"photos: {did} " in found[0]["message"] else None

        committed = until(lambda: line_of(one, "committed"), "the commit's line")
        applied = until(lambda: line_of(two, "applied"), "the apply's line")
        self.assertEqual(committed["library"], applied["library"])
        self.assertEqual((committed.get("peer"), applied["peer"]), (None, one.end["device"]))
        self.assertEqual({committed["level"], applied["level"]}, {"debug"})

    def test_each_component_has_a_level_of_its_own_that_changes_while_the_node_runs(self):
        one, _ = self.start()
        one.request("GET", "/v1/models")
        self.assertFalse([line for line in self.lines(one) if " api: " in line])
        one.run("log-level", "info,api=debug")
        one.request("GET", "/v1/models?token=secret")
        until(lambda: any("debug api: GET /v1/models: 400" in line for line in self.lines(one)), "the request's line")
        self.assertFalse([line for line in self.lines(one) if "secret" in line or one.token in line])
        one.run("log-level", "info,api=info,peer_link=off")
        count = len(self.lines(one))
        one.request("GET", "/v1/models")
        one.run("library", "create", "second")  # whatever the node says of it comes after
        self.assertFalse([line for line in self.lines(one)[count:] if " api: " in line])
        for spec in ("loud", "peer=debug", "info,,", ""):
            refused = subprocess.run([SHOAL, "log-level", spec, "--config", one.config], capture_output=True, text=True)
            self.assertNotEqual(refused.returncode, 0, spec)
        self.assertIn("components are node, library, store, peer_link, api",
                      subprocess.run([SHOAL, "log-level", "peer=debug", "--config", one.config], capture_output=True, text=True).stderr)
        for component in COMPONENTS:
            one.run("log-level", f"{component}=critical")

    def test_a_component_that_there_is_not_stops_the_start(self):
        one, _ = self.start()
        wrong = subprocess.run([SHOAL, "config", "check", "--config", one.config], capture_output=True, text=True,
                               env={**os.environ, "SHOAL__LOG__LEVEL": "info,peer=debug"})
        self.assertEqual(wrong.returncode, 78, wrong.stderr)
        self.assertIn("peer_link", wrong.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=sys.argv)
