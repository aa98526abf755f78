#!/usr/bin/env bash
# web/dist is what web/src makes: builds it anew in a folder of its own and compares. Exit code 77 (ctest: skipped) where
# npm is missing or does not answer.
set -euo pipefail
web=$(cd "$(dirname "$0")/../../web" && pwd)
for tool in node npm; do
  command -v "$tool" >/dev/null || { echo "web_dist: skipped: there is no $tool"; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$web/src" "$web/build.mjs" "$web/package.json" "$web/package-lock.json" "$work"
cd "$work"
timeout 300 npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1 ||
  { tail -n 3 npm.log; echo "web_dist: skipped: npm does not answer"; exit 77; }
node build.mjs dist
diff -r dist "$web/dist" || { echo "web_dist: web/dist is not what web/src makes; \`make web\` makes it" >&2; exit 1; }
# It must be able to fail: one character more in a source shows.
sed -i 's/CONVERGED/CONVERGED!/' src/library.jsx
node build.mjs changed
! diff -rq changed "$web/dist" >/dev/null || { echo "web_dist: a changed source was not noticed" >&2; exit 1; }
