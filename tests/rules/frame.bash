# Sourced by every rule. A rule defines `violations DIR`, which prints one line per violation below DIR, shows
# with must_find and must_pass that it bites and where it does not, and ends with `hold "$1"`.
set -euo pipefail
export LC_ALL=C

rule=$(basename "$0" .sh)
code_folders=(messages config store actors sim cli)
planted=$(mktemp -d)
trap 'rm -rf "$planted"' EXIT

# plant PATH LINE…: a tree that holds nothing but this file, of these lines.
plant() {
  local path=$planted/tree/$1
  rm -rf "$planted/tree"
  mkdir -p "$(dirname "$path")"
  shift
  printf '%s\n' "$@" >"$path"
}

# found_in DIR: the violations; a rule that breaks half way is itself a violation.
found_in() {
  violations "$1" || echo "$rule: the rule broke with status $?"
}

# must_find PATH LINE…: the rule must complain about this file.
must_find() {
  local found
  plant "$@"
  found=$(found_in "$planted/tree")
  [[ -n $found && $found != *"the rule broke"* ]] || { echo "$rule: the rule is blind to $1: $2" >&2; exit 1; }
}

# must_pass PATH LINE…: the rule must not complain about this file.
must_pass() {
  plant "$@"
  local found
  found=$(found_in "$planted/tree")
  [ -z "$found" ] || { echo "$rule: the rule wrongly complains: $found" >&2; exit 1; }
}

# sources DIR FOLDER…: the C++ files of those folders that exist, as paths below DIR.
sources() {
  local dir=$1
  shift
  (cd "$dir" && for folder in "$@"; do
    if [ -d "$folder" ]; then find "$folder" -name '*.[ch]pp'; fi
  done) | sort
}

# hold DIR: the rule on the tree itself.
hold() {
  [ -d "${1:-}" ] || { echo "usage: $rule.sh SOURCE_DIR" >&2; exit 2; }
  local found
  found=$(found_in "$1")
  if [ -n "$found" ]; then
    echo "$found" >&2
    exit 1
  fi
}
