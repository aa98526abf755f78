#!/usr/bin/env python3
"""make_man.py SHOAL: prints shoal.1, every command of it from the program's own --help, so that it cannot drift.

    docs/make_man.py build/release/shoal >docs/shoal.1        (the test docs_man compares the two)
"""
import re
import subprocess
import sys

INTRO = r"""
.SH NAME
shoal \- libraries of records, the same on many machines
.SH SYNOPSIS
.B shoal
[\fB\-\-config\fR \fIFILE\fR | \fB\-\-api\fR \fIURL\fR \fB\-\-token\-file\fR \fIFILE\fR] [\fB\-o\fR \fIFORM\fR]
.I COMMAND
\&...
.SH DESCRIPTION
Shoal keeps a library of records the same on many machines, with no leader and no server.
Each node holds everything, takes writes while it is cut off, and brings its peers up to date when it meets them again.
It is one program: a daemon deployed from a configuration file (\fBshoal run\fR), and the command line that drives it.
.PP
LIB is a library's name or id.
ID is a uuid, or \fBnew\fR.
"""

OUTRO = r"""
.SH EXIT STATUS
.TP
.B 0
Done.
.TP
.B 1
The answer is no: not found, refused by the node, not converged, timed out; the reason is on standard error.
.TP
.B 2
Arguments that the command line itself rejects.
.TP
.B 69
The node cannot be reached.
.TP
.B 75
The node ended because a sync failed or its disk is full; started again, it opens its store anew.
.TP
.B 78
The configuration is wrong.
.SH ENVIRONMENT
.TP
.BR SHOAL_API ", " SHOAL_TOKEN_FILE
The node that commands talk to, when neither \fB\-\-config\fR nor \fB\-\-api\fR says.
.TP
.BI SHOAL__ SECTION __ KEY
Overrides a key of the configuration file, for example \fBSHOAL__SYNC__BATCH_WINDOW_MS=5\fR.
.TP
.BR NOTIFY_SOCKET ", " WATCHDOG_USEC
Set by \fBsystemd\fR(1): the node says when it is ready, reloads and stops, and feeds the watchdog while its work goes on.
.SH FILES
.TP
.I /etc/shoal/shoal.toml
The configuration of the node that the Debian package installs; \fBshoal config default\fR explains every key.
.TP
.I /etc/shoal/device.key
The key that this device is known by. Who has it is this device.
.TP
.I /etc/shoal/api.token
The token of the HTTP API and the status page.
.TP
.I /var/lib/shoal
The records.
.TP
.I run/endpoints.json
Beside the configuration, while the node accepts work: its process and its addresses.
.SH SIGNALS
\fBSIGTERM\fR and \fBSIGINT\fR stop the node in order, within five seconds; \fBSIGHUP\fR reads the configuration again.
.SH SEE ALSO
.BR systemctl (1),
.I /usr/share/doc/shoal/docs
"""


def text(s):
    """Troff that shows s as it stands."""
    s = s.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace("'", "\\(aq")
    s = s.replace("…", "...").replace("→", "\\->")
    return "\\&" + s if s.startswith(".") else s


def help_of(shoal, words):
    said = subprocess.run([shoal, *words, "--help"], check=True, capture_output=True, text=True).stdout
    lines = said.splitlines()
    sections, name = {"": []}, ""
    for line in lines:
        head = re.fullmatch(r"([A-Z][A-Za-z ]+):", line)
        if head:
            name = head[1]
            sections[name] = []
        else:
            sections[name].append(line)
    usage = next(line.removeprefix("Usage: ") for line in sections[""] if line.startswith("Usage: "))
    about = next(line for line in sections[""] if line and not line.startswith("Usage: "))
    return about, usage, {name: entries(lines) for name, lines in sections.items() if name}


def entries(lines):
    """[(term, description)] of one section: two columns, a long term has its description on the next line."""
    out = []
    for line in lines:
        if not line.strip():
            continue
        if line.startswith(" " * 10):
            term, said = out.pop()
            out.append((term, (said + " " + line.strip()).strip()))
        else:
            term, _, said = line.strip().partition("  ")
            out.append((term, said.strip()))
    return out


def terms(pairs, drop=()):
    for term, said in pairs:
        if term.split(" ")[0] in drop:
            continue
        print(".TP")
        print(".B " + text(term))
        print(text(said))


def command(shoal, words):
    about, usage, sections = help_of(shoal, words)
    if "Subcommands" in sections:
        # What the group takes stands before its commands.
        taken = [*words, *(term.split(" ")[0] for term, _ in sections.get("Positionals", []))]
        print(f".SS {text('shoal ' + ' '.join(taken))}")
        print(text(about) + ".")
        terms(sections.get("Positionals", []))
        for name, _ in sections["Subcommands"]:
            command(shoal, [*taken, name])
        return
    print(f".SS {text(usage)}")
    print(text(about) + ".")
    terms(sections.get("Positionals", []))
    terms(sections.get("Options", []), drop=("-h,--help",))


def main():
    shoal = sys.argv[1]
    version = subprocess.run([shoal, "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
    _, _, top = help_of(shoal, [])
    print('.\\" Made by docs/make_man.py of --help; do not edit.')
    print(f'.TH SHOAL 1 "" "shoal {version}" "User Commands"')
    print(INTRO.strip())
    print(".SH OPTIONS")
    terms(top["Options"])
    print(".SH COMMANDS")
    for name, _ in top["Subcommands"]:
        command(shoal, [name])
    print(OUTRO.strip())


main()
