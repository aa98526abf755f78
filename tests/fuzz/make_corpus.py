#!/usr/bin/env python3
"""Writes tests/fuzz/corpus: seeds for the fuzzers, a folder per target. Deterministic.

`envelope` is also, through tests/messages/corpus_test.cpp, a check of the wire format by an encoder that shares no
code with ours: a file's name is the verdict it must get, `ok-…` decodes, `ERROR-…` ends in that error code. The
others are whole examples for the fuzzers to take apart, and inputs that once failed.
Usage: tests/fuzz/make_corpus.py [DIRECTORY]
"""
import base64
import json
import pathlib
import struct
import sys


class Raw(bytes):
    """Bytes that are MessagePack already."""


class Bin(bytes):
    """A MessagePack bin."""


def pack(v):
    if isinstance(v, Raw):
        return bytes(v)
    if v is None:
        return b"\xc0"
    if isinstance(v, bool):
        return b"\xc3" if v else b"\xc2"
    if isinstance(v, int):
        if 0 <= v < 128 or -32 <= v < 0:
            return struct.pack("b" if v < 0 else "B", v)
        forms = [(0xCC, "B"), (0xCD, ">H"), (0xCE, ">I"), (0xCF, ">Q")] if v >= 0 else [
            (0xD0, "b"), (0xD1, ">h"), (0xD2, ">i"), (0xD3, ">q")]
        for tag, form in forms:
            try:
                return bytes([tag]) + struct.pack(form, v)
            except struct.error:
                continue
        raise ValueError(v)
    if isinstance(v, float):
        return b"\xcb" + struct.pack(">d", v)
    if isinstance(v, str):
        raw = v.encode()
        return head(len(raw), 0xA0, 31, (0xD9, 0xDA, 0xDB)) + raw
    if isinstance(v, Bin):
        return head(len(v), None, -1, (0xC4, 0xC5, 0xC6)) + bytes(v)
    if isinstance(v, list):
        return head(len(v), 0x90, 15, (None, 0xDC, 0xDD)) + b"".join(map(pack, v))
    if isinstance(v, dict):
        return head(len(v), 0x80, 15, (None, 0xDE, 0xDF)) + b"".join(pack(k) + pack(x) for k, x in v.items())
    raise TypeError(type(v))


def head(n, fix, fix_max, tags):
    if n <= fix_max:
        return bytes([fix | n])
    for tag, form, top in zip(tags, ("B", ">H", ">I"), (0xFF, 0xFFFF, 0xFFFFFFFF)):
        if tag is not None and n <= top:
            return bytes([tag]) + struct.pack(form, n)
    raise ValueError(n)


LIBRARY, A, B, RECORD = (Bin(bytes([x]) * 16) for x in (0x11, 0xAA, 0xBB, 0x77))
HELD = [[A, 1, 300], [B, 2**40, 2**33]]
MEMBERS = [[A, 1, False, False, 0, "10.0.0.1:7420", "alice"], [B, 2, True, True, 1700000000000, "", "bo€"]]
STATEMENT = [A, 3, 2**63, HELD, Bin(b"k" * 44), Bin(b"s" * 64), Bin(b"d" * 16)]
STAMP = [1700000000000, 4, B]


def op(seq, fields, cls=1, kind=0, rest=0, more=()):
    return [seq, rest, 1700000000000 + seq, 0, cls, kind, "tag", RECORD, fields, *more]


FIELDS = {
    "none": [],
    "lww": [["color", 0, "red", None], ["size", 0, 2**40, False], ["when", 0, -1.5, STAMP]],
    "values": [["v", 0, {"a": [None, True, -7, 0.25, "é", RECORD], "b": {"c": []}}, None]],
    "set": [["aliases", 1, [["x", True, []], ["y", False, [[A, 1, 2], [B, 3, 4]]]]]],
    "counter": [["hits", 2, 10, 2**60]],
    "map": [["custom", 3, [["k", {"n": 1}, None], ["l", None, STAMP]]]],
    "parent": [["parent_id", 4, RECORD, None, "entry"]],
    "extended": [["color", 0, "red", None, {"later": 1}, Raw(b"\xd4\x00\x00")]],
}

RANGE = {"count": 0, "from": 0, "log": True, "more": False, "ops": Bin(b""), "stream": [A, 7], "to": 9, "until": []}


def ranged(ops, **changes):
    body = dict(RANGE, count=len(ops), ops=Bin(b"".join(map(pack, ops))))
    body.update(changes)
    return body


BODIES = {
    "hello": (1, {"boot": 2**63, "caps": 1, "held": HELD, "members": MEMBERS, "minor": 0, "models": 2**63, "name": "alice", "window": 4194304}),
    "hello-without-models": (1, {"boot": 1, "caps": 0, "held": [], "members": [], "minor": 0, "name": "bob", "window": 4194304}),
    "goodbye": (2, {"reason": "stopping"}),
    "error": (3, {"code": "unknown_library", "text": "no such library"}),
    "heartbeat": (4, {"digest": Bin(b"d" * 16), "echo": 1, "frontier": 2**64 - 1, "held_us": 9, "members": 3, "ping": 2, "statements": 0}),
    "heartbeat-unsettled": (4, {"digest": Bin(b""), "echo": 0, "frontier": 0, "held_us": 0, "members": 0, "ping": 0, "statements": 0}),
    "statement": (5, {"st": STATEMENT}),
    "exchange-request": (6, {"held": HELD, "members": MEMBERS, "statements": []}),
    "exchange-response": (7, {"held": [], "members": [], "statements": [STATEMENT, STATEMENT + ["later"]]}),
    "state-change": (10, ranged([op(9, FIELDS["lww"], cls=0)], **{"from": 8})),
    "state-batch": (11, ranged([op(3, FIELDS["parent"], cls=0, rest=1), op(4, [], cls=0, kind=2)])),
    "state-request": (12, {"follow": True, "from": [[1, 300], [2**40, 0]], "origin": A, "stop": False}),
    "state-response": (13, ranged([op(5, FIELDS["values"], cls=0)], log=False, more=True, until=HELD)),
    "shared-change": (20, ranged([op(1, FIELDS["set"], kind=1)], to=1)),
    "shared-change-batch": (21, ranged([op(n + 1, f) for n, f in enumerate(FIELDS.values())])),
    "shared-change-response": (23, ranged([])),
    "ack": (24, {"credit": 65536, "held": HELD}),
    "empty-hello": (1, {}),
    "later-keys": (2, {"": [1, {"x": Raw(b"\xd4\x00\x00")}], "reason": "bye", "zz": {"1": 2.5}}),
}


def envelope(kind, body, **changes):
    e = {"v": 1, "lib": LIBRARY, "from": A, "ts": 1700000000000, "k": kind, "b": body}
    e.update(changes)
    return {k: v for k, v in e.items() if v is not ...}


def good():
    for name, (kind, body) in BODIES.items():
        yield name, pack(envelope(kind, body))
    yield "later-envelope-keys", pack({"a": [Raw(b"\xc7\x01\x05\x00")], **envelope(2, {"reason": ""}), "sig": Bin(b"x" * 64)})
    for name, fields in FIELDS.items():
        yield "ops-" + name, pack(op(1, fields, more=["later", {}] if name == "extended" else ()))
    yield "ops-two", pack(op(1, FIELDS["map"])) + pack(op(2, [], kind=2))
    for name, f in (("empty", []), ("held", HELD)):
        yield "token-" + name, b"t" + base64.urlsafe_b64encode(pack(f)).rstrip(b"=")


def bad():
    bye = {"reason": "bye"}
    whole = pack(envelope(*BODIES["shared-change-batch"]))
    yield "truncated", "half", whole[: len(whole) // 2]
    yield "truncated", "array-bomb", pack(envelope(2, {"x": Raw(b"\xdd\xff\xff\xff\xff")}))
    yield "truncated", "map-bomb", pack(envelope(2, {"x": Raw(b"\xdf\xff\xff\xff\xff")}))
    yield "truncated", "str-bomb", pack(envelope(2, {"x": Raw(b"\xdb\xff\xff\xff\xff")}))
    yield "truncated", "ext-bomb", pack(envelope(2, {"x": Raw(b"\xc9\xff\xff\xff\xff")}))
    yield "too_large", "members-bomb", pack(envelope(1, {"members": Raw(b"\xdd\xff\xff\xff\xff")}))
    yield "too_large", "ops-bomb", pack(envelope(21, {"ops": Raw(b"\xc6\xff\xff\xff\xff")}))
    yield "too_large", "reason", pack(envelope(2, {"reason": "r" * 1025}))
    many = [Bin(n.to_bytes(16, "big")) for n in range(1, 2501)] # 64 KiB is what the fuzzer makes
    yield "too_large", "decoded-members", pack(envelope(1, {"members": [[d, 0, False, False, 0, "", ""] for d in many]}))
    yield "too_large", "decoded-statements", pack(envelope(7, {"statements": [[d, 0, 0, [], Bin(b""), Bin(b""), Bin(b"")] for d in many[:1000]]}))
    yield "too_large", "decoded-epochs", pack(envelope(12, {"from": [[n, 0] for n in range(3000)], "origin": A}))
    yield "too_large", "minor", pack(envelope(1, {"minor": 2**32}))
    yield "too_deep", "arrays", pack(envelope(2, {"x": Raw(b"\x91" * 40 + b"\x00")}))
    yield "bad_utf8", "reason", pack(envelope(2, {"reason": Raw(b"\xa2\xc0\x80")}))
    yield "not_a_number", "nan", pack(envelope(2, {"x": float("nan")}))
    yield "not_a_number", "infinity", pack(envelope(2, {"x": float("inf")}))
    yield "wrong_type", "library", pack(envelope(2, bye, lib="11"))
    yield "wrong_type", "reserved-byte", pack(envelope(2, {"reason": Raw(b"\xc1")}))
    yield "wrong_type", "ext-reason", pack(envelope(2, {"reason": Raw(b"\xd4\x00\x00")}))
    yield "duplicate_key", "envelope", b"\x87" + pack(envelope(2, bye))[1:] + pack("ts") + pack(1)
    yield "duplicate_key", "frontier", pack(envelope(24, {"held": [HELD[0], HELD[0]]}))
    yield "duplicate_key", "members-order", pack(envelope(1, {"members": MEMBERS[::-1]}))
    yield "trailing_bytes", "nil", pack(envelope(2, bye)) + b"\xc0"
    yield "bad_value", "no-library", pack(envelope(2, bye, lib=...))
    yield "bad_value", "backwards", pack(envelope(21, ranged([], **{"from": 9})))
    yield "bad_value", "digest", pack(envelope(4, {"digest": Bin(b"d" * 7)}))
    yield "unknown_kind", "200", pack(envelope(200, {"what": "ever"}))
    yield "unknown_kind", "wraps", pack(envelope(256 + 2, bye))
    yield "unknown_version", "2", pack(envelope(2, bye, v=2))
    field = lambda *f: pack(op(1, [list(f)]))
    yield "not_a_number", "ops-value", field("f", 0, float("-inf"), None)
    yield "wrong_type", "ops-ext", field("f", 0, Raw(b"\xd4\x00\x00"), None)
    yield "bad_value", "ops-bin", field("f", 0, Bin(b"123"), None)
    yield "duplicate_key", "ops-map-value", field("f", 0, Raw(b"\x82\xa1a\x01\xa1a\x01"), None)
    yield "duplicate_key", "ops-fields", pack(op(1, [["b", 2, 1, 1], ["a", 2, 1, 1]]))
    yield "too_deep", "ops-value", field("f", 0, Raw(b"\x91" * 18 + b"\x00"), None)
    yield "too_large", "ops-kind", field("f", 5, 0, None)
    yield "bad_value", "ops-seq", pack(op(0, []))
    yield "bad_request", "token-padded", b"tkA=="
    yield "bad_request", "token-bits", b"tkB"


def frame():
    framed = lambda *payloads: b"".join(struct.pack(">I", len(p)) + p for p in payloads)
    hello = pack(envelope(*BODIES["hello"]))
    yield "hello-and-more", b"\x00\x07" + framed(hello, b"x", b"yy" * 200)
    yield "accepted-late", b"\x03\x01" + framed(*[b"%d" % n for n in range(9)])
    yield "large-behind-hello", b"\x00\x05" + framed(hello) + struct.pack(">I", 2**21) + b"z" * 300
    yield "held-back", b"\x01\x05" + framed(hello) + struct.pack(">I", 2**20) + b"z" * 300
    yield "too-large", b"\x00\x01" + struct.pack(">I", 2**31)
    yield "empty", b"\x00\x01" + struct.pack(">I", 0)
    yield "many-small", b"\x00\x01" + framed(*[b"s"] * 800)  # a harness that kept payloads took more than 4 x their size


UUIDS = ["%s-0000-4000-8000-00000000000%d" % (c * 8, n) for n, c in enumerate("12345678")]
LIBRARY_TOML = """[[library]]
id = "%s"
name = "photos"
sync = false
  [[library.member]]
  device = "%s"
  address = "10.0.0.2:7420"
  [[library.member]]
  device = "%s"
""" % tuple(UUIDS[:3])
MODEL_TOML = """[[model]]
name = "album"
class = "shared"
id_from = ["title"]
  [model.fields]
  title = { type = "string", required = true }
  cover = { references = "entry" }
  labels = { type = "string", merge = "set" }
  plays = { merge = "counter" }
  notes = { type = "json", merge = "map" }
  here = { type = "string", local = true }
[[model]]
name = "track"
class = "device-owned"
  [[model.field]]
  name = "album_id"
  references = "location"
  required = true
  cascades = true
"""
PLAIN_TOML = """[node]
name = "alice"
data_dir = "/var/lib/shoal"
listen = "0.0.0.0:7420"
advertise = "[::1]:7420"
[tls]
key = "device.key"
[api]
listen = "127.0.0.1:7421"
[sync]
dial = "configured"
preset = "mobile"
batch_window_ms = 5
retry_max_seconds = 60
[retention]
max_log_entries = 1_000
[log]
level = "info,library=debug"
format = 'json'
"""


def config():
    yield "plain", PLAIN_TOML
    yield "library", PLAIN_TOML + LIBRARY_TOML
    yield "models", MODEL_TOML
    yield "models-elsewhere", "\0".join(["", MODEL_TOML, MODEL_TOML.split("[[model]]")[2]])
    yield "environment", "\0".join([LIBRARY_TOML, "SHOAL__SYNC__DIAL=all", "SHOAL__NODE__NAME=bob",
                                    "SHOAL__LIBRARY__0__NAME=x", "SHOAL__LIBRARY__0__MEMBER__1__ADDRESS=a:1"])
    yield "unknown-key", "[sync]\nbatch_windw_ms = 5\n"
    yield "wrong-type", "[sync]\nbatch_window_ms = \"five\"\n"
    yield "not-toml", "[=\n"
    yield "letter-without-a-key", "\u00e4 = 1\n\u01e2"


def request(method, target, body=None, key=""):
    return "%s %s\n%s\n%s" % (method, target, key, "" if body is None else json.dumps(body))


LIB = "/v1/libraries/photos"
ALBUM = {"title": "A", "rating": 4.5, "shown": True, "when": 1700000000000, "labels": {"$add": ["x", "y"]},
         "plays": {"$add": 3}, "notes": {"k": {"n": [1, None]}, "l": 2}, "here": "only"}
TAG = {"canonical_name": "Vacation", "namespace": "n", "tag_type": "system", "aliases": ["a", "b"],
       "search_weight": 2**40, "created_by": UUIDS[0]}


def http():
    rec = LIB + "/records/"
    yield "tag", "\0".join([request("PUT", rec + "tag/new", TAG, "k1"), request("GET", rec + "tag?limit=2&where=color%3D")])
    yield "album", "\0".join([
        request("PUT", rec + "album/" + UUIDS[0], ALBUM),
        request("PUT", rec + "album/" + UUIDS[0], {"labels": {"$remove": ["x"]}, "plays": {"$set": 9}, "notes": {"k": None}}),
        request("PUT", rec + "album/" + UUIDS[0], {"here": None, "rating": 1, "labels": ["z"], "plays": {"$add": -1}}),
        request("GET", rec + "album/" + UUIDS[0]), request("DELETE", rec + "album/" + UUIDS[0]),
        request("GET", rec + "album?deleted=true&owner=" + UUIDS[1]), request("GET", LIB + "/export")])
    volume = {"display_name": "disk", "fingerprint": "f", "is_removable": False}
    yield "tree", "\0".join([
        request("POST", LIB + "/batch", {"ops": [
            {"model": "volume", "id": UUIDS[0], "fields": volume},
            {"model": "location", "id": UUIDS[1], "fields": {"name": "l", "path": "/l", "volume_id": UUIDS[0]}},
            {"model": "entry", "id": UUIDS[2], "fields": {"name": "e", "kind": "directory", "location_id": UUIDS[1]}},
            {"model": "entry", "id": UUIDS[3], "fields": {"name": "f", "kind": "file", "size": 7, "parent_id": UUIDS[2],
                                                          "location_id": UUIDS[1]}}]}),
        request("DELETE", rec + "location/" + UUIDS[1]), request("GET", LIB + "/log?limit=1")])
    yield "metadata", request("POST", LIB + "/batch", {"ops": [
        {"model": "user_metadata", "id": "new", "fields": {"entry_id": UUIDS[2], "notes": "n", "favorite": True}},
        {"model": "tag", "id": UUIDS[4], "fields": {"canonical_name": "t"}},
        {"model": "collection", "id": "new", "fields": {"name": "c"}}, {"model": "tag", "id": UUIDS[4], "delete": True}]})
    yield "members", "\0".join([
        request("POST", LIB + "/members", {"device": UUIDS[5], "address": "a:1", "name": "b", "readmit": True}),
        request("DELETE", LIB + "/members/" + UUIDS[5] + "?purge=1"), request("GET", LIB + "/members"),
        request("GET", LIB + "/peers"), request("GET", LIB + "/wait?peers=1&timeout=0.5"), request("GET", LIB + "/digest")])
    yield "libraries", "\0".join([
        request("POST", "/v1/libraries", {"name": "music"}),
        request("POST", "/v1/libraries", {"name": "m", "id": UUIDS[6], "via": UUIDS[5] + "@h:1"}),
        request("DELETE", LIB + "?now=1&delete=yes"), request("POST", LIB + "/pause"), request("POST", LIB + "/rebuild"),
        request("POST", "/v1/log-level", {"level": "info,api=debug"}), request("GET", "/v1/status"), request("GET", "/readyz")])
    dead = UUIDS[5] + ".0000000000000001.5"
    yield "held", "\0".join([
        request("GET", LIB + "/deadletter?limit=1"), request("GET", LIB + "/deadletter/" + dead),
        request("POST", LIB + "/deadletter/retry", {"id": dead}), request("POST", LIB + "/deadletter/release", {"id": dead}),
        request("DELETE", LIB + "/deadletter/" + dead), request("GET", LIB + "/conflicts")])
    yield "not-json", request("PUT", rec + "tag/new") + '{"canonical_name":"a","canonical_name":1e999}'
    yield "escapes", request("GET", "/v1/libraries/ph%6ftos/records/t%61g?where=a%3Db&where=c%3Dnull&limit=%31#x")


def imported():
    lines = [
        {"model": "entry", "id": UUIDS[3], "owner": "x", "hlc": "h", "fields": {"parent_id": UUIDS[2], "location_id": UUIDS[1]}},
        {"model": "entry", "id": UUIDS[2], "hlc": "h", "fields": {"parent_id": None, "location_id": UUIDS[1]}},
        {"model": "location", "id": UUIDS[1], "fields": {"name": "l"}},
        {"model": "tag", "id": "new", "hlc": "h", "fields": {"uses": 7}},
        {"model": "device", "id": UUIDS[0], "hlc": "h", "fields": {}},
        {"model": "entry", "id": UUIDS[3], "delete": True}]
    whole = "\n".join(json.dumps(line) for line in lines)
    yield "export", whole + "\n"
    yield "backwards", "\r\n".join(reversed(whole.split("\n")))
    yield "bad-lines", whole + '\nops[3]: x\n{"model":"tag"}\n{"model":"tag","id":"x","fields":[],"delete":1}\n\ufeff{}'
    yield "models-that-are-none", 'models {"items":[1,{"name":"t","fields":[3,{"cascades":"x"}]}]}'
    yield "models-without-fields", 'models {"items":[{"name":"t","fields":5}]}'
    yield "models", "models " + json.dumps({"items": [{"name": "tag", "id": "fields", "fields": [
        {"name": "uses", "merge": "counter", "references": None, "cascades": True}]}]})


def write(folder, name, content):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def main():
    here = pathlib.Path(__file__).resolve().parent
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "corpus"
    for name, raw in good():
        write(out / "envelope", f"ok-{name}", raw)
    for code, name, raw in bad():
        write(out / "envelope", f"{code}-{name}", raw)
    for target, examples in (("frame", frame), ("config", config), ("http", http), ("import", imported)):
        for name, content in examples():
            write(out / target, name, content)


if __name__ == "__main__":
    main()
