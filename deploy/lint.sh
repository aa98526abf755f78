#!/usr/bin/env bash
# Lint: clang-format on every C++ file, bash -n on every script, clang-tidy on the C++ files that changed since the base:
# the merge base with origin/main, or on main itself the commit before. LINT_BASE=COMMIT names another base.
# clang-tidy takes 5-25 s per file, so it stops starting new files after LINT_SECONDS (default 180) and names those
# it did not reach; their order follows from the commit, so that the next commit reaches others.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${LINT_SECONDS:-180}
[[ $seconds =~ ^[0-9]+$ ]] || { echo "lint: LINT_SECONDS must be a whole number, not '$seconds'" >&2; exit 2; }
failed=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Files of the tree as it stands: tracked, or new and not ignored.
tree() { git ls-files -z --cached --others --exclude-standard -- "$@" | xargs -0r ls -d 2>/dev/null || true; }

# --- formatting
# One pass finds the files, a second shows what is wrong with them.
tree '*.cpp' '*.hpp' >"$scratch/all"
xargs -r clang-format --dry-run <"$scratch/all" 2>&1 | (grep -oE '^[^ :]+:[0-9]+:[0-9]+: warning' || true) |
  cut -d: -f1 | sort -u >"$scratch/unformatted"
while read -r file; do
  clang-format "$file" | (diff -u --label "$file" --label "$file (clang-format)" "$file" - || true) | sed -n 1,40p
done <"$scratch/unformatted"
if [ -s "$scratch/unformatted" ]; then
  echo "lint: $(wc -l <"$scratch/unformatted") files are not formatted; clang-format -i FILE sets that right" >&2
  failed=1
fi

# --- scripts
while read -r script; do
  bash -n "$script" || { echo "lint: $script does not parse" >&2; failed=1; }
done < <(tree '*.sh' '*.bash' .ci/run)

# --- clang-tidy
base=${LINT_BASE:-}
if [ -z "$base" ]; then
  base=$(git merge-base HEAD origin/main 2>/dev/null || true)
  if [ -z "$base" ] || [ "$base" = "$(git rev-parse HEAD)" ]; then
    # On main, or no remote. A first commit, or a clone of depth 1, has no parent: then all files count as changed.
    base=$(git rev-parse --verify --quiet 'HEAD~1' || git hash-object -t tree /dev/null)
  fi
fi
git diff --name-only --diff-filter=d "$base" -- '*.cpp' '*.hpp' >"$scratch/changed" ||
  { echo "lint: no such base: $base" >&2; exit 2; }
git ls-files --others --exclude-standard -- '*.cpp' '*.hpp' >>"$scratch/changed"

# A header is checked through a source: the one of its name, else any that includes it.
while read -r file; do
  case $file in
    tests/fuzz/*) ;; # not among the dev preset's compile commands
    *.cpp) echo "$file" ;;
    *.hpp)
      if [ -f "${file%.hpp}.cpp" ]; then
        echo "${file%.hpp}.cpp"
      else
        git grep -lF --untracked "#include \"$file\"" -- '*.cpp' | head -n 1 || true
      fi
      ;;
  esac
done <"$scratch/changed" | sort -u |
  shuf --random-source=<(yes "$(git rev-parse HEAD)") >"$scratch/sources"

total=$(wc -l <"$scratch/sources")
if [ "$total" -gt 0 ] && [ "$seconds" -gt 0 ]; then
  cmake --preset dev >"$scratch/cmake" 2>&1 || { cat "$scratch/cmake" >&2; exit 1; }
  echo "lint: clang-tidy on $total files that changed since ${base:0:12}"
  tidy_one() {
    local file=$1 log
    log=$scratch/tidy-${file//\//-}
    if [ "$(date +%s)" -ge "$stop_at" ]; then
      echo "$file" >>"$scratch/unreached"
    else
      local status=0
      timeout 120 clang-tidy -p build/dev --quiet "$file" >"$log" 2>&1 || status=$?
      if [ $status -eq 124 ]; then # a busy machine, not a fault of the file
        echo "$file" >>"$scratch/unreached"
      elif [ $status -ne 0 ]; then
        grep -v 'warnings generated' "$log" || true
        echo "$file" >>"$scratch/faulty"
      fi
    fi
  }
  export -f tidy_one
  export scratch
  stop_at=$(($(date +%s) + seconds)) xargs -P "$(nproc)" -I{} bash -c 'tidy_one {}' <"$scratch/sources"
  if [ -s "$scratch/faulty" ]; then
    echo "lint: clang-tidy objects to $(sort "$scratch/faulty" | tr '\n' ' ')" >&2
    failed=1
  fi
  if [ -s "$scratch/unreached" ]; then
    echo "lint: not reached in $seconds s: $(sort "$scratch/unreached" | tr '\n' ' ')(LINT_SECONDS=3600 does all)"
  fi
fi

[ $failed -eq 0 ] && echo "lint: ok"
exit $failed
