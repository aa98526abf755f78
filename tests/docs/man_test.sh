#!/usr/bin/env bash
# man_test.sh SHOAL: docs/shoal.1 is what --help of this build makes, and a page that man shows without complaint.
set -euo pipefail
docs=$(cd "$(dirname "$0")/../../docs" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
/usr/bin/python3 "$docs/make_man.py" "${1:?usage: man_test.sh SHOAL}" >"$work/shoal.1"
diff -u "$docs/shoal.1" "$work/shoal.1" ||
  { echo "docs_man: docs/shoal.1 is not what --help says; python3 docs/make_man.py build/dev/shoal >docs/shoal.1" >&2; exit 1; }
[ "$(grep -c '^\.SS' "$work/shoal.1")" -gt 40 ] || { echo "docs_man: commands are missing" >&2; exit 1; }
[ -z "$(grep '^\.SS' "$work/shoal.1" | sort | uniq -d)" ] || { echo "docs_man: a command stands there twice" >&2; exit 1; }
grep -q '^\.SS shoal deadletter LIB show \[OPTIONS\] ID$' "$work/shoal.1" || { echo "docs_man: deadletter lacks its library" >&2; exit 1; }
if command -v man >/dev/null; then
  LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l "$work/shoal.1" >"$work/shown" 2>"$work/complaints"
  [ ! -s "$work/complaints" ] || { cat "$work/complaints" >&2; exit 1; }
  grep -q 'shoal devcluster up' "$work/shown" || { echo "docs_man: man shows another page" >&2; exit 1; }
fi
