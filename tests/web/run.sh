#!/usr/bin/env bash
# run.sh SHOAL: the status page's tests in Debian's Chromium. Exit code 77 (ctest: skipped) where node, npm, Chromium or the
# npm registry are missing, with a line that says which.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
SHOAL_BINARY=$(realpath "${1:?usage: run.sh SHOAL}")
export SHOAL_BINARY
for tool in node npm chromium; do
  command -v "$tool" >/dev/null || { echo "web: skipped: there is no $tool (deploy/install-dependencies.sh test)"; exit 77; }
done
cd "$here"
if ! cmp -s package-lock.json node_modules/.locked; then
  timeout 300 npm ci --ignore-scripts --no-audit --no-fund >/tmp/shoal-web-npm.$$ 2>&1 ||
    { tail -n 3 /tmp/shoal-web-npm.$$; rm -f /tmp/shoal-web-npm.$$; echo "web: skipped: npm does not answer"; exit 77; }
  rm -f /tmp/shoal-web-npm.$$
  cp package-lock.json node_modules/.locked
fi
node --test --test-concurrency=1 --test-timeout=400000 page_test.mjs
