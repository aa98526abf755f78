#!/usr/bin/env bash
# What `make bench` runs: see README.md in this folder. JSON and a page go to build/bench.
set -euo pipefail
here=$(dirname "$0")
shoal=$1
out=build/bench
mkdir -p "$out"
for nodes in 2 4 11; do
  "$shoal" bench broadcast -n "$nodes" -o json | tee "$out/broadcast-$nodes.json"
done
"$here/draw.py" "$out"/broadcast-*.json >"$out/broadcast.html"
for what in throughput writes catchup backfill; do
  "$shoal" bench "$what" -o json | tee "$out/$what.json"
done
python3 "$here/main_job.py" "$@"
