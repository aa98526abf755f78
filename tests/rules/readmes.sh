#!/usr/bin/env bash
# Each folder that holds sources has a README.md that says what lives there: three lines at least.
. "$(dirname "$0")/frame.bash"

violations() {
  local dir=$1 folder
  (cd "$dir" && find . \( -path ./build -o -name node_modules -o -path './.*' \) -prune -o -type f \
    \( -name '*.cpp' -o -name '*.hpp' -o -name '*.sh' -o -name '*.py' \) -printf '%h\n') | sort -u |
    while read -r folder; do
      [ -f "$dir/$folder/README.md" ] || { echo "$folder: has no README.md"; continue; }
      [ "$(grep -c . "$dir/$folder/README.md")" -ge 3 ] || echo "$folder/README.md: says nothing; three lines at least"
    done
}

must_find messages/a.cpp 'int a;'
must_find tests/nodes/a.hpp 'int a;'
must_pass messages/README.md '# messages' '' 'What nodes say.' 'More.'
must_pass build/dev/a.cpp 'int a;'
must_pass tests/fuzz/corpus/a 'x'
plant messages/README.md '# messages'
touch "$planted/tree/messages/a.cpp"
[ -n "$(found_in "$planted/tree")" ] || { echo "$rule: the rule is blind to an empty README" >&2; exit 1; }
hold "${1:-}"
