#!/usr/bin/env bash
# The demo behind `make demo`: three real nodes on this machine, each its own process with its own key, store and TLS
# links, kept the same while one of them is killed and comes back. Needs a built shoal; leaves nothing behind.
#
#   deploy/demo.sh BINARY [DIRECTORY-TO-INDEX]
#
# Ends with 0 exactly when all three nodes hold the same records, byte for byte.
set -euo pipefail

if [ $# -lt 1 ] || [ ! -x "$1" ]; then
  echo "demo: give the shoal binary to run (make build makes build/release/shoal)" >&2
  exit 2
fi
shoal=$(realpath "$1")
work=$(mktemp -d "${TMPDIR:-/tmp}/shoal-demo-XXXXXX")
lab=$work/lab
library=demo
tags_per_node=200
tags_while_cut=300

if [ -t 1 ]; then bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'; else bold='' green='' red='' plain=''; fi
step() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
say() { printf '  %s\n' "$*"; }
fail() {
  printf '%sdemo: %s%s\n' "$red" "$*" "$plain" >&2
  for n in 1 2 3; do
    [ -s "$lab/node-$n/shoal.log" ] && { echo "--- last lines of node-$n/shoal.log" >&2; tail -n 5 "$lab/node-$n/shoal.log" >&2; }
  done
  exit 1
}

clean_up() {
  local code=$?
  trap - EXIT
  if [ -d "$lab" ]; then
    "$shoal" devcluster down "$lab" >/dev/null 2>&1 || true
  fi
  rm -rf "$work"
  exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

config() { echo "$lab/node-$1/shoal.toml"; }
# on NODE COMMAND…: runs a command against a node.
on() {
  local node=$1
  shift
  "$shoal" "$@" --config "$(config "$node")"
}
# The text or number of a key in JSON on stdin.
key() { sed -nE 's/.*"'"$1"'" *: *"?([^",}]*)"?.*/\1/p' | head -n 1; }
pid_of() { key pid <"$lab/node-$1/run/endpoints.json"; }
micros() { echo "${EPOCHREALTIME/[^0-9]/}"; }
# Seconds since a moment, with two decimals.
since() {
  local t=$(($(micros) - $1))
  printf '%d.%02d s' $((t / 1000000)) $((t % 1000000 / 10000))
}
# tags COUNT PREFIX: NDJSON of tags with random ids.
tags() {
  local colors=(red orange yellow green blue violet) n id
  for ((n = 1; n <= $1; n++)); do
    read -r id </proc/sys/kernel/random/uuid
    printf '{"model":"tag","id":"%s","fields":{"canonical_name":"%s %d","color":"%s"}}\n' "$id" "$2" "$n" \
      "${colors[n % 6]}"
  done
}
# Waits until every other member durably holds all that the node holds now.
wait_for_peers() {
  local node=$1
  shift
  on "$node" wait "$library" "$@" >/dev/null || fail "node-$node's records did not arrive everywhere in time"
}

begun=$(micros)
if [ $# -ge 2 ]; then
  tree=$2
else
  tree=/usr/include
  for candidate in /usr/include /usr/share /usr; do
    tree=$candidate
    [ "$(find "$candidate" 2>/dev/null | head -n 10000 | wc -l)" -ge 10000 ] && break
  done
fi

step "1. Three nodes, each with its own key, store and process, linked by TLS 1.3"
t=$(micros)
"$shoal" devcluster up "$lab" -n 3 --library "$library" >/dev/null 2>"$work/up" || fail "the nodes did not start: $(cat "$work/up")"
for n in 1 2 3; do
  say "node-$n  pid $(pid_of "$n")  device $(key device <"$lab/node-$n/run/endpoints.json")"
done
say "up in $(since "$t")"

step "2. node-1 indexes $tree: volume, location and entry records that it owns"
t=$(micros)
on 1 index "$library" "$tree" --name "demo tree" >/dev/null || fail "indexing $tree failed"
say "indexed in $(since "$t")"
wait_for_peers 1 --timeout 60
entries=$(on 1 export "$library" | grep -c '"model":"entry"' || true)
say "$entries entries, durable on all three nodes $(since "$t") after the start"

step "3. Every node writes $tags_per_node tags, all at the same time"
t=$(micros)
writers=()
for n in 1 2 3; do
  tags "$tags_per_node" "from node-$n" >"$work/tags-$n"
  on "$n" import "$library" "$work/tags-$n" >/dev/null 2>&1 &
  writers+=($!)
done
for writer in "${writers[@]}"; do
  wait "$writer" || fail "writing tags failed"
done
favourite=$(head -n 1 "$work/tags-1" | key id)
doomed=$(head -n 1 "$work/tags-2" | key id)
entry=$(on 2 list "$library" entry --limit 1 -o ndjson | key id)
on 2 put "$library" user_metadata new "entry_id=$entry" favorite=true "notes=written on node-2 about a file of node-1" >/dev/null
for n in 1 2 3; do
  wait_for_peers "$n" --timeout 30
done
say "$((3 * tags_per_node)) tags and a note about a file, durable everywhere after $(since "$t")"

step "4. node-3 is cut off: kill -9, no goodbye"
kill -9 "$(pid_of 3)"
t=$(micros)
tags "$tags_while_cut" "written without node-3, on node-1" >"$work/cut-1"
tags "$tags_while_cut" "written without node-3, on node-2" >"$work/cut-2"
on 1 import "$library" "$work/cut-1" >/dev/null 2>&1 || fail "writing on node-1 failed"
on 2 import "$library" "$work/cut-2" >/dev/null 2>&1 || fail "writing on node-2 failed"
on 1 put "$library" tag "$favourite" color=gold "description=changed while node-3 was away" >/dev/null
on 2 rm "$library" tag "$doomed" >/dev/null
wait_for_peers 1 --peers 1 --timeout 30
wait_for_peers 2 --peers 1 --timeout 30
say "the others wrote on: $((2 * tags_while_cut)) tags, one change, one delete, in $(since "$t")"

step "5. node-3 comes back and catches up by itself"
t=$(micros)
"$shoal" devcluster up "$lab" >/dev/null 2>"$work/up" || fail "node-3 did not start again: $(cat "$work/up")"
say "running again after $(since "$t")"
for n in 1 2 3; do
  wait_for_peers "$n" --timeout 30
done
say "everything durable on all three nodes $(since "$t") after its start"

step "6. Do all three hold exactly the same records?"
same=yes
for n in 1 2 3; do
  on "$n" export "$library" >"$work/export-$n" || fail "node-$n cannot export"
  digest[n]=$(on "$n" digest "$library" -o json | key digest)
  sum[n]=$(sha256sum <"$work/export-$n" | cut -c1-64)
  count=$(wc -l <"$work/export-$n")
  [ -n "${digest[n]}" ] && [ "${digest[n]}" = "${digest[1]}" ] && [ "${sum[n]}" = "${sum[1]}" ] || same=no
  say "node-$n  $count records  export sha256 ${sum[n]:0:16}…  digest ${digest[n]}"
done
grep -q "$doomed" "$work/export-3" && { same=no; say "the deleted tag is still on node-3"; }
grep "$favourite" "$work/export-3" | grep -q '"color":"gold"' || { same=no; say "the changed tag is not on node-3"; }
[ "$(wc -l <"$work/export-3")" -gt "$entries" ] || same=no
[ "$same" = yes ] || fail "the nodes differ"

printf '\n%sThe same, byte for byte.%s The whole demo took %s.\n' "$green" "$plain" "$(since "$begun")"
name=$shoal
[ "$(command -v shoal || true)" -ef "$shoal" ] && name=shoal
say "Try it yourself:  $name devcluster up /tmp/lab -n 3    (it says what to try next)"
