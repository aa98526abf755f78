#!/usr/bin/env bash
# Each header is included by some other file: what nothing includes does not run. (Sources cannot be left out: CMake takes
# all of a folder.)
. "$(dirname "$0")/frame.bash"

violations() {
  local dir=$1
  # Production code includes by full path, tests also by the name alone.
  sources "$dir" "${code_folders[@]}" tests benches | (cd "$dir" && xargs -r grep -oE '^#include "[^"]+"' /dev/null || true) |
    sed -E 's/:#include "/ /; s/"$//' >"$planted/includes"
  sources "$dir" "${code_folders[@]}" tests benches | (grep '\.hpp$' || true) |
    awk -v includes="$planted/includes" '
      BEGIN {
        while ((getline line < includes) > 0) {
          split(line, part, " ")
          name = part[2]
          sub(/.*\//, "", name)
          sub(/.*\//, "", part[1])
          if (part[1] != name) { full[part[2]] = 1 }
        }
      }
      {
        base = $0
        sub(/.*\//, "", base)
        if (!($0 in full) && !(base in full)) print $0 ": nothing includes it"
      }'
}

must_find messages/a.hpp 'int a;'
must_find messages/a.hpp '#include "messages/a.hpp"'
plant messages/a.hpp 'int a;'
echo '#include "messages/a.hpp"' >"$planted/tree/messages/a.cpp"
[ -z "$(found_in "$planted/tree")" ] || { echo "$rule: the rule wrongly complains about an included header" >&2; exit 1; }
hold "${1:-}"
