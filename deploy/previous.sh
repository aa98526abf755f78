#!/usr/bin/env bash
# Builds the program of the release before this one, whose commit deploy/previous-release names, as build/previous/shoal: what
# tests/deploy/upgrade_test.py runs beside this one's. Ends with 77 where that commit is not in the clone. What is built stays.
set -euo pipefail
cd "$(dirname "$0")/.."
commit=$(cat deploy/previous-release)
work=$PWD/build/previous
if [ -x "$work/shoal" ] && [ "$(cat "$work/commit" 2>/dev/null)" = "$commit" ]; then
  exit 0
fi
if ! git cat-file -e "$commit^{commit}" 2>/dev/null; then
  echo "skipped: the previous release, $commit, is not in this clone (git fetch --unshallow)"
  exit 77
fi
rm -rf "$work"
mkdir -p "$work/source"
git archive "$commit" | tar -x -C "$work/source"
# As that commit's own release build, wherever it was made: what ccache has of it is found again.
export CCACHE_BASEDIR=$work/source CCACHE_NOHASHDIR=1
cd "$work/source"
{ cmake --preset release && cmake --build --preset release --target shoal; } >"$work/build.log" 2>&1 || {
  tail -n 50 "$work/build.log"
  echo "the previous release, $commit, does not build (build/previous/build.log)"
  exit 1
}
cp build/release/shoal "$work/shoal"
rm -rf "$work/source"
echo "$commit" >"$work/commit"
