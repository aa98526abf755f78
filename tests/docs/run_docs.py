"""run_docs.py FILE…: runs every ```sh block of a page in order, in one bash in a folder of its own, and stops at the first
command that fails. What a page says it shows stands after a command as a comment `# → TEXT`: the block's output holds TEXT.

Of README.md the five minutes are run. A ```toml block whose first line is `# FILE.toml` is that file. A page starts what it needs itself (`shoal devcluster up lab …`); what still runs at its end is stopped.
"""
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time

SHOAL = str(pathlib.Path(os.environ["SHOAL_BINARY"]).resolve())
LIMIT_SECONDS = 420
MARK = "\x1e"  # before what a block shows


def blocks(text):
    """(line number, source) of each ```sh block."""
    for found in re.finditer(r"^```sh\n(.*?)^```$", text, re.M | re.S):
        yield text.count("\n", 0, found.start()) + 2, found[1]


# What the tour says to a reader, and what a test does: the program is built and found, nobody else's folder is touched, and
# the members that were not waited on may know a moment later that all is level.
TOUR = {"make build\n": "", "PATH=$PWD/build/release:$PATH\n": "", "/tmp/lab": "$PWD/lab",
        "shoal status ": "until shoal status >/dev/null 2>&1; do sleep 0.1; done; shoal status "}


def tour(text):
    """README.md's, as a block."""
    found = re.search(r"^## Five minutes\n\n((?:    .*\n|\n)+)", text, re.M)
    source = textwrap.dedent(found[1])
    for words, instead in TOUR.items():
        assert words in source, f"README.md's five minutes have no {words!r}"
        source = source.replace(words, instead)
    return text.count("\n", 0, found.start(1)) + 1, source


def stop_all(work):
    """Nodes of devclusters have sessions of their own."""
    for lab in {node.parent for node in work.glob("**/node-1")}:
        subprocess.run([SHOAL, "devcluster", "down", lab], capture_output=True)


def run_bash(script, work, environment):
    """(exit code, what a terminal would show, by block). A terminal, for what people see there."""
    end, terminal = pty.openpty()
    process = subprocess.Popen(["bash", "-c", script], cwd=work / "page", env=environment, stdin=subprocess.DEVNULL,
                               stdout=terminal, stderr=terminal, start_new_session=True)
    os.close(terminal)
    try:
        return watch(process, end)
    finally:
        try:
            os.killpg(process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        stop_all(work)
        process.wait(30)
        os.close(end)


def watch(process, end):
    shown, deadline = b"", time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        if select.select([end], [], [], 0.1)[0]:
            try:
                shown += os.read(end, 65536)
            except OSError:  # nobody has the terminal open any more
                break
        elif process.poll() is not None:  # nodes that it started may have
            break
    try:
        code = process.wait(5)
    except subprocess.TimeoutExpired:
        code = None
    return code, shown.decode(errors="replace").replace("\r\n", "\n").split(MARK)[1:]


def run_page(page):
    text = page.read_text()
    found = [tour(text)] if page.name == "README.md" else list(blocks(text))
    if not found:
        return f"{page.name}: has no sh block"
    work = pathlib.Path(tempfile.mkdtemp(prefix="shoal-docs-"))
    (work / "bin").mkdir()
    (work / "bin/shoal").symlink_to(SHOAL)
    (work / "page").mkdir()
    for name, source in re.findall(r"^```toml\n# (\S+\.toml)\n(.*?)^```$", text, re.M | re.S):
        (work / "page" / name).parent.mkdir(parents=True, exist_ok=True)
        (work / "page" / name).write_text(source)
    script = ["set -eEuo pipefail", f"trap 'echo \"line $at: $BASH_COMMAND\" >{work}/failed' ERR"]
    for line, source in found:
        script.append(f"at={line}; printf '{MARK}'\n{source}")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SHOAL")}
    environment |= {"PATH": f"{work}/bin:{environment['PATH']}", "HOME": str(work), "SHOAL_SOURCE": str(page.parent.parent)}
    try:
        code, said = run_bash("\n".join(script), work, environment)
        if code != 0:
            where = (work / "failed").read_text().strip() if (work / "failed").exists() else "none in time"
            return f"{page.name}: {where}\n  ended with {code}: {said[-1][-1500:] if said else ''}"
        for (line, source), shown in zip(found, said, strict=True):
            for wanted in re.findall(r"# → (.*)$", source, re.M):
                if wanted not in shown:
                    return f"{page.name}: line {line}: no '{wanted}' in what the block shows:\n{shown[-1500:]}"
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"ok  {page.name}: {len(found)} blocks", flush=True)
    return None


def bites():
    """A page whose command fails, or that shows something else, must be found."""
    with tempfile.TemporaryDirectory() as folder:
        for text in ("```sh\nfalse\n```\n", "```sh\necho a # → b\n```\n", "no block\n", "```sh\nfalse | true\n```\n"):
            page = pathlib.Path(folder) / "planted.md"
            page.write_text(text)
            if run_page(page) is None:
                return f"the runner is blind to {text!r}"
        page = pathlib.Path(folder) / "README.md"
        page.write_text("## Five minutes\n\n" + "".join(f"    # {words.strip()} \n" for words in TOUR if "\n" not in words)
                        + "".join("    " + words for words in TOUR if "\n" in words) + "    false\n")
        if run_page(page) is None:
            return "the runner is blind to the tour"
    return None


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is stopped
    faults = [f for f in [bites(), *(run_page(pathlib.Path(p).resolve()) for p in sys.argv[1:])] if f]
    print("\n".join(faults))
    return 1 if faults else 0


sys.exit(main())
