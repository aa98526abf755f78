"""docs/openapi.yaml is the API: every request it describes is sent to a running cluster, every status it names is met, every
answer fits its schema, and no route of the program is missing from it."""
import json
import re
import sys
import unittest
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "deploy"))
from lab import Cluster, ROOT, skip, until  # noqa: E402

try:
    import jsonschema
    import yaml
except ImportError as missing:
    skip(f"{missing.name} is not there (deploy/install-dependencies.sh test)")

API = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())
RESOLVER = jsonschema.RefResolver.from_schema(API)
VERBS = {"get", "put", "post", "delete"}


def described():
    return {(verb, path): operation for path, item in API["paths"].items() for verb, operation in item.items() if verb in VERBS}


def schema_errors(value, schema):
    return [e.message[:300] for e in jsonschema.Draft202012Validator(schema, resolver=RESOLVER).iter_errors(value)]


class Api(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(2)
        cls.nodes = cls.cluster.__enter__()
        cls.addClassCleanup(cls.cluster.__exit__)
        cls.met = set()

    def send(self, verb, path, status, body=None, query="", headers=None, token=None, node=0, **names):
        """What was answered; it must have this status, one that is described for the route, and fit its schema."""
        operation = described()[verb, path]
        names = {"lib": "photos", **names}
        where = re.sub(r"\{(\w+)\}", lambda m: names[m[1]], path) + query
        got, head, raw = self.nodes[node].request(verb.upper(), where, body, headers, token)
        self.assertEqual(got, status, (verb, where, raw[:400]))
        self.assertIn(str(status), operation["responses"], f"{verb} {path} does not describe {status}")
        answer = operation["responses"][str(status)]
        if "$ref" in answer:
            answer = RESOLVER.resolve(answer["$ref"])[1]
        (kind, content), = answer["content"].items()
        self.assertTrue(head["Content-Type"].startswith(kind), (verb, path, head["Content-Type"]))
        text = raw.decode(errors="replace")
        values = [json.loads(line) for line in text.splitlines()] if "ndjson" in kind else [json.loads(text) if "json" in kind else text]
        for value in values:
            self.assertEqual(schema_errors(value, content["schema"]), [], (verb, path, str(value)[:400]))
        self.met.add((verb, path, str(status)))
        return values[0] if values else None

    def test_every_request_and_every_status_that_is_described_is_answered_as_described(self):
        records, record = "/v1/libraries/{lib}/records/{model}", "/v1/libraries/{lib}/records/{model}/{id}"
        batch, wait = "/v1/libraries/{lib}/batch", "/v1/libraries/{lib}/wait"
        nobody = str(uuid.uuid4())
        for path in ("/healthz", "/"):
            self.send("get", path, 200, token="")
        until(lambda: self.nodes[0].request("GET", "/readyz")[0] == 200, "ready")
        self.send("get", "/readyz", 200)
        self.send("get", "/readyz", 404, query="?library=none")
        for path in ("/metrics", "/v1/status"):
            self.send("get", path, 200)
            self.send("get", path, 401, token="wrong")
        self.send("get", "/v1/events", 200)
        self.send("get", "/v1/events", 400, query="?limit=1")
        self.send("post", "/v1/log-level", 200, {"level": "info,peer_link=debug"})
        self.send("post", "/v1/log-level", 400, {"level": "loud"})
        self.send("post", "/v1/log-level", 415, {"level": "info"}, headers={"Content-Type": "text/plain"})
        self.send("get", "/v1/models", 200)

        # Records.
        put = self.send("put", record, 200, {"canonical_name": "Vacation"}, model="tag", id="new")
        tag = put["id"]
        self.assertEqual(self.send("get", record, 200, model="tag", id=tag)["fields"], {"canonical_name": "Vacation"})
        self.send("get", record, 400, model="tag", id="none")
        self.send("get", record, 404, model="tag", id=nobody)
        self.send("put", record, 400, ["no object"], model="tag", id="new")
        self.send("put", record, 404, {"a": 1}, model="none", id="new")
        self.send("put", record, 422, {"canonical_name": 7}, model="tag", id="new")
        self.send("put", record, 413, {"canonical_name": "x" * 1_100_000}, model="tag", id="new")
        once = {"Idempotency-Key": str(uuid.uuid4())}
        first = self.send("put", record, 200, {"color": "red"}, headers=once, model="tag", id=tag)
        self.assertEqual(self.send("put", record, 200, {"color": "red"}, headers=once, model="tag", id=tag)["seq"], first["seq"])
        self.send("put", record, 409, {"color": "blue"}, headers=once, model="tag", id=tag)
        self.send("get", wait, 200, query=f"?for={put['token']}&timeout=60")
        other = self.nodes[1].ask("/v1/status")["device"]
        self.send("put", record, 403, {"cpu_model": "none"}, model="device", id=other)
        page = self.send("get", records, 200, query="?limit=1", model="device")
        self.assertEqual(len(page["items"]), 1)
        self.assertIsNotNone(page["next"])
        self.send("get", records, 400, query="?limit=0", model="tag")
        self.send("get", records, 404, model="none")
        gone = self.send("put", record, 200, {"canonical_name": "Gone"}, model="tag", id="new")["id"]
        self.send("delete", record, 200, model="tag", id=gone)
        self.send("delete", record, 404, model="tag", id=gone)
        self.assertTrue(self.send("get", record, 200, query="?deleted=true", model="tag", id=gone)["deleted"])

        # Batches.
        op = {"model": "tag", "id": "new", "fields": {"canonical_name": "one of two"}}
        once = {"Idempotency-Key": str(uuid.uuid4())}
        self.assertEqual(len(self.send("post", batch, 200, {"ops": [op, op]}, headers=once)["results"]), 2)
        self.send("post", batch, 409, {"ops": [op]}, headers=once)
        self.send("post", batch, 400, {"ops": 1})
        self.send("post", batch, 413, {"ops": [op] * 10_001})
        self.send("post", batch, 422, {"ops": [{**op, "fields": {"canonical_name": None}}]})
        export = "/v1/libraries/{lib}/export"
        self.assertIsNotNone(self.send("get", export, 200))
        self.send("get", export, 404, lib="none")

        # Changes, traces, backups.
        changes = "/v1/libraries/{lib}/changes"
        self.assertEqual(self.send("get", changes, 200, query="?model=tag")["op"], "put")
        self.send("get", changes, 200, query=f"?since={put['token']}")
        self.send("get", changes, 400, query="?since=yesterday")
        self.send("get", changes, 404, lib="none")
        trace = "/v1/libraries/{lib}/trace"
        self.assertTrue(self.send("get", trace, 200, query=f"?token={put['token']}")["items"])
        self.send("get", trace, 400, query="?token=x")
        self.send("get", trace, 404, query=f"?token={put['token']}", lib="none")
        self.send("get", "/v1/libraries/{lib}/backup", 200)
        self.send("get", "/v1/libraries/{lib}/backup", 404, lib="none")

        # What is kept, and who holds it.
        library = "/v1/libraries/{lib}"
        self.send("get", library, 200)
        self.send("get", library, 404, lib="none")
        self.send("get", "/v1/libraries", 200)
        for what in ("peers", "digest", "conflicts"):
            self.send("get", f"{library}/{what}", 200)
        self.send("get", f"{library}/log", 200, query="?limit=1")
        self.send("get", f"{library}/log", 400, query="?since=yesterday")
        self.send("get", wait, 400, query="?for=nonsense")
        self.send("get", wait, 404, query=f"?peers={nobody}")
        letters = f"{library}/deadletter"
        self.send("get", letters, 200)
        letter = f"{other}.0000000000000001.9"
        for verb in ("get", "delete"):
            self.send(verb, letters + "/{letter}", 404, letter=letter)
        self.send("post", letters + "/retry", 200, {})
        self.send("post", letters + "/release", 404, {"id": letter})
        self.send("post", f"{library}/prune", 200)
        self.assertTrue(self.send("post", f"{library}/verify", 200)["ok"])
        self.send("post", f"{library}/verify", 400, query="?repair=perhaps")
        self.send("post", f"{library}/sync", 200)
        self.send("post", f"{library}/sync", 404, lib="none")

        # Concurrent writes, and a member that is not there.
        for verb in ("pause", "resume"):
            self.send("post", f"{library}/{verb}", 404, lib="none")
        self.send("post", f"{library}/pause", 200, node=1)
        self.send("get", "/readyz", 503, node=1)
        mine = self.send("put", record, 200, {"color": "green"}, model="tag", id=tag)
        self.send("put", record, 200, {"color": "grey"}, node=1, model="tag", id=tag)
        self.send("get", wait, 408, query=f"?for={mine['token']}&timeout=0")
        self.send("post", f"{library}/resume", 200, node=1)
        self.send("get", wait, 200, query=f"?for={mine['token']}&timeout=60")
        until(lambda: self.send("get", f"{library}/conflicts", 200)["items"], "a conflict")

        # Libraries and members come and go.
        self.send("post", "/v1/libraries", 200, {"name": "second"})
        self.send("post", "/v1/libraries", 409, {"name": "second"})
        self.send("post", "/v1/libraries", 400, b"{")
        self.send("post", "/v1/libraries", 422, {"name": "a/b"})
        members = f"{library}/members"
        self.send("get", members, 200)
        self.send("get", members, 404, lib="none")
        self.send("post", members, 200, {"device": nobody, "address": "127.0.0.1:9", "name": "guest"}, lib="second")
        self.send("post", members, 422, {"device": "guest"}, lib="second")
        self.send("delete", members + "/{device}", 200, lib="second", device=nobody)
        self.send("delete", members + "/{device}", 400, lib="second", device="guest")
        self.send("delete", members + "/{device}", 404, lib="second", device=str(uuid.uuid4()))
        self.send("post", f"{library}/rebuild", 404, lib="none")
        self.send("delete", library, 404, lib="none")
        self.send("post", f"{library}/rebuild", 200, node=1)
        until(lambda: self.nodes[1].ask("/v1/libraries/photos")["state"] == "ready", "the rebuilt library")
        self.send("delete", library, 200, query="?now=1&delete=1", lib="second")

        named = {(verb, path, status) for (verb, path), o in described().items() for status in o["responses"]}
        self.assertEqual(named - self.met, set(), "described and not met")

    def test_every_route_of_the_program_is_described(self):
        table = (ROOT / "actors/api/routes.cpp").read_text()
        served = {(verb.rstrip("_"), re.sub(r":", "{}", "/" + path))
                  for verb, path in re.findall(r'route\{verb::(\w+), "([^"]*)"', table)}
        self.assertGreater(len(served), 30)
        parts = {"/page.js", "/page.css", "/icon.svg"}  # the description of / names them
        known = {(verb, re.sub(r"\{\w+\}", "{}", path)) for verb, path in described()}
        self.assertEqual({s for s in served if s[1] not in parts} - known, set(), "served and not described")
        self.assertEqual(known - served, set(), "described and not served")

    def test_the_description_is_sound_and_its_schemas_can_refuse(self):
        for schema in API["components"]["schemas"].values():
            jsonschema.Draft202012Validator.check_schema(schema)
        self.assertEqual(API["openapi"], "3.1.0")
        for (verb, path), operation in described().items():
            self.assertTrue(operation["summary"], (verb, path))
            named = set(re.findall(r"\{(\w+)\}", path))
            shared = [RESOLVER.resolve(p["$ref"])[1] if "$ref" in p else p for p in API["paths"][path].get("parameters", [])]
            self.assertEqual({p["name"] for p in shared if p["in"] == "path"}, named, path)
        self.assertTrue(schema_errors({"error": {"code": "x"}}, {"$ref": "#/components/schemas/Error"}))
        self.assertTrue(schema_errors({"model": "tag"}, {"$ref": "#/components/schemas/Record"}))


if __name__ == "__main__":
    unittest.main(verbosity=2)
