#!/usr/bin/env python3
"""notes.py FOLDER [--once]: keeps a folder of text files the same as the notes of a library, and so on every node.

The node is named as for the command line: SHOAL_API, SHOAL_TOKEN_FILE; SHOAL_LIBRARY is the library (default: notes).
A file that was changed here and elsewhere since the last look keeps both: the other's text stays in the file, this one's goes
to FILE.mine. Nothing but Python's standard library.
"""
import json
import os
import pathlib
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

if len(sys.argv) < 2 or not {"SHOAL_API", "SHOAL_TOKEN_FILE"} <= os.environ.keys():
    sys.exit("usage: SHOAL_API=http://HOST:PORT SHOAL_TOKEN_FILE=FILE notes.py FOLDER [--once]")
API = os.environ["SHOAL_API"]
TOKEN = pathlib.Path(os.environ["SHOAL_TOKEN_FILE"]).read_text().strip()
RECORDS = f"/v1/libraries/{urllib.parse.quote(os.environ.get('SHOAL_LIBRARY', 'notes'), safe='')}/records/note"
SEEN = ".notes.json"  # path → text as of the last look: what tells a change here from one elsewhere
EVERY_SECONDS = 1


def call(method, path, body=None, headers=None):
    data = None if body is None else json.dumps(body).encode()
    head = {"Authorization": "Bearer " + TOKEN, "Content-Type": "application/json", **(headers or {})}
    with urllib.request.urlopen(urllib.request.Request(API + path, data, head, method=method), timeout=60) as answer:
        return json.load(answer)


def records():
    """path → (id, text) of every note that there is."""
    found, after = {}, ""
    while after is not None:
        page = call("GET", f"{RECORDS}?limit=1000&after={after}")
        for record in page["items"]:
            found[record["fields"]["path"]] = record["id"], record["fields"]["text"]
        after = page["next"]
    return found


def files(folder):
    found = {}
    for file in sorted(folder.rglob("*.txt")):
        found[file.relative_to(folder).as_posix()] = file.read_text()
    return found


def belongs(folder, path):
    """A path comes from anybody who may write; it must not lead out of the folder, nor to what is no note."""
    if path.endswith(".txt") and (folder / path).resolve().is_relative_to(folder.resolve()):
        return True
    print(f"left alone: {path} is no text file in the folder", file=sys.stderr)
    return False


def write_file(folder, path, text):
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(file.name + ".new")
    fresh.write_text(text)
    fresh.replace(file)


def put(path, text):
    # With a key, a request that is made again after a lost answer is still one write.
    call("PUT", RECORDS + "/new", {"path": path, "text": text}, {"Idempotency-Key": str(uuid.uuid4())})


def delete(record):
    try:
        call("DELETE", f"{RECORDS}/{record}")
    except urllib.error.HTTPError as refused:
        if refused.code != 404:  # somebody else was first
            raise


def look(folder):
    """Both sides against what both were at the last look."""
    memory = folder / SEEN
    seen = json.loads(memory.read_text()) if memory.exists() else {}
    here, there = files(folder), records()
    for path in sorted(p for p in {*here, *there, *seen} if belongs(folder, p)):
        before, mine = seen.get(path), here.get(path)
        record, theirs = there.get(path, (None, None))
        if mine == theirs:
            pass
        elif theirs == before:  # only this side changed
            if mine is None:
                delete(record)
            else:
                put(path, mine)
            theirs = mine
        else:  # theirs changed; if mine did as well, both are kept
            if mine not in (None, before):
                write_file(folder, path + ".mine", mine)
            if theirs is None:
                (folder / path).unlink()
            else:
                write_file(folder, path, theirs)
        if theirs is None:
            seen.pop(path, None)
        else:
            seen[path] = theirs
    write_file(folder, SEEN, json.dumps(seen))


def main():
    folder = pathlib.Path(sys.argv[1])
    while True:
        try:
            look(folder)
        except urllib.error.URLError as unreachable:
            if isinstance(unreachable, urllib.error.HTTPError) and unreachable.code < 500:
                sys.exit(f"the node refuses this: {unreachable.read().decode()}")
            if "--once" in sys.argv:
                raise
            print(f"the node does not answer, trying again: {unreachable}", file=sys.stderr)
        if "--once" in sys.argv:
            return
        time.sleep(EVERY_SECONDS)


main()
