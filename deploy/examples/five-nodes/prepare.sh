#!/usr/bin/env bash
# prepare.sh FOLDER [MACHINES [LIBRARY]]: makes FOLDER/NAME for every line of MACHINES (machines.txt beside this file), each
# with key, certificate, token and a shoal.toml that names the library (default photos) and all the others: ready to be copied
# to that machine's /etc/shoal. Keys are made here once; FOLDER is as secret as they are.
set -euo pipefail
folder=${1:?usage: prepare.sh FOLDER [MACHINES [LIBRARY]]}
machines=${2:-$(dirname "$0")/machines.txt}
library=${3:-photos}
[ ! -e "$folder" ] || { echo "prepare: $folder is there already; name a folder that is not" >&2; exit 1; }
mkdir -m 0700 "$folder"

names=()
declare -A address device
while read -r name host port api rest; do
  [[ -n $name && $name != \#* ]] || continue
  [[ $api =~ ^[0-9]+$ && -z $rest ]] || { echo "prepare: '$name $host $port $api $rest' is not: name host port api-port" >&2; exit 1; }
  # A machine listens on all its addresses and tells the one to dial; loopback is for trying it on one machine.
  listen=0.0.0.0:$port
  [[ $host != 127.* ]] || listen=$host:$port
  device[$name]=$(shoal init "$folder/$name" --name "$name" --listen "$listen" --api "127.0.0.1:$api" 2>/dev/null)
  address[$name]=$host:$port
  sed -i "s|^listen = \"$listen\".*|&\nadvertise = \"$host:$port\"|" "$folder/$name/shoal.toml"
  names+=("$name")
done <"$machines"

id=$(cat /proc/sys/kernel/random/uuid)
for self in "${names[@]}"; do
  {
    printf '\n[[library]]\nid = "%s"\nname = "%s"\n' "$id" "$library"
    for name in "${names[@]}"; do
      [ "$name" = "$self" ] || printf '\n  [[library.member]]\n  device = "%s"\n  address = "%s"\n' "${device[$name]}" "${address[$name]}"
    done
  } >>"$folder/$self/shoal.toml"
  shoal config check --config "$folder/$self/shoal.toml" >/dev/null
  echo "$folder/$self  ${device[$self]}  ${address[$self]}"
done
