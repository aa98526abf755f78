#!/usr/bin/env bash
# A source file has at most 500 lines: one that grows beyond has two jobs.
. "$(dirname "$0")/frame.bash"

most=500

violations() {
  local dir=$1
  (cd "$dir" && find . \( -path ./build -o -name node_modules -o -path ./.git \) -prune -o -type f \
    \( -name '*.cpp' -o -name '*.hpp' -o -name '*.sh' -o -name '*.bash' -o -name '*.py' -o -name 'CMakeLists.txt' \) -print0 |
    xargs -0r wc -l) | awk -v most="$most" '$2 != "total" && $1 > most {print $2 ": " $1 " lines; at most " most}'
}

mapfile -t lines < <(seq $((most + 1)))
must_find messages/a.cpp "${lines[@]}"
must_find tests/rules/a.sh "${lines[@]}"
must_pass messages/a.cpp "${lines[@]:1}"
must_pass build/dev/a.cpp "${lines[@]}"
hold "${1:-}"
