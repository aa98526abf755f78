#!/usr/bin/env bash
# Runs libFuzzer targets, each beginning with its corpus in tests/fuzz/corpus: all of them or those that are named, for
# SECONDS each (default 30), or until each has executed N inputs.
#   deploy/fuzz.sh [SECONDS] [TARGET…]
#   deploy/fuzz.sh --runs N [TARGET…]
# SHOAL_SEED=N gives the fuzzer's choices, which are the same again from the same corpus; else they are drawn and printed.
# What the fuzzer finds worth keeping stays in build/fuzz/corpus, where the next run begins; a crash is written to
# build/fuzz/crashes and belongs, once understood, into tests/fuzz/make_corpus.py.
set -euo pipefail
cd "$(dirname "$0")/.."
usage() { echo "fuzz: $1; use deploy/fuzz.sh [SECONDS] [TARGET…] or deploy/fuzz.sh --runs N [TARGET…]" >&2; exit 2; }
whole() { [[ $1 =~ ^[1-9][0-9]*$ ]]; }
bound=-max_total_time=30
bound_text="30 s"
if [ "${1:-}" = --runs ]; then
  whole "${2:-}" || usage "--runs takes a whole number from 1, not '${2:-}'"
  bound=-runs=$2
  bound_text="$2 runs"
  shift 2
elif [[ ${1:-} =~ ^[^a-z] ]]; then
  whole "$1" || usage "seconds must be a whole number from 1, not '$1'"
  bound=-max_total_time=$1
  bound_text="$1 s"
  shift
fi

seed=${SHOAL_SEED:-$((RANDOM * 32768 + RANDOM + 1))}
memory_mib=512      # a decoder that allocates on a peer's word breaks this
input_bytes=65536   # bombs need few bytes; larger inputs only slow the search
input_seconds=5     # one input that takes longer is a hang

mapfile -t sources < <(ls tests/fuzz/*.cpp 2>/dev/null)
[ ${#sources[@]} -gt 0 ] || { echo "fuzz: no targets in tests/fuzz; expected *.cpp" >&2; exit 1; }
for name in "$@"; do
  [ -f "tests/fuzz/$name.cpp" ] || usage "there is no target '$name'; there are: $(basename -s .cpp "${sources[@]}" | tr '\n' ' ')"
done
targets=()
for source in "${sources[@]}"; do
  name=$(basename "$source" .cpp)
  [ $# -gt 0 ] && [[ " $* " != *" $name "* ]] || targets+=("fuzz_$name")
done

mkdir -p build/fuzz/crashes
cmake --preset asan >build/fuzz/configure.log 2>&1 || { cat build/fuzz/configure.log >&2; exit 1; }
cmake --build --preset asan --target "${targets[@]}" >build/fuzz/build.log 2>&1 || { cat build/fuzz/build.log >&2; exit 1; }

passed=0
failed=0
for target in "${targets[@]}"; do
  name=${target#fuzz_}
  found=build/fuzz/corpus/$name
  crashes=build/fuzz/crashes/$name-
  mkdir -p "$found"
  corpora=("$found")
  [ -d "tests/fuzz/corpus/$name" ] && corpora+=("tests/fuzz/corpus/$name")
  echo "fuzz: $name for $bound_text, SHOAL_SEED=$seed"
  log=build/fuzz/$name.log
  # A small quarantine: freed inputs would otherwise fill the memory that the limit is meant to watch.
  if ASAN_OPTIONS=quarantine_size_mb=16 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "build/asan/tests/$target" \
      "$bound" -seed="$seed" -max_len="$input_bytes" -rss_limit_mb="$memory_mib" -timeout="$input_seconds" \
      -artifact_prefix="$crashes" -print_final_stats=1 "${corpora[@]}" >"$log" 2>&1; then
    passed=$((passed + 1))
    grep -E 'number_of_executed_units|peak_rss_mb' "$log" || true
  else
    failed=$((failed + 1))
    tail -n 40 "$log" >&2
    echo "fuzz: $name failed; its log is $log, the input is beside $crashes" >&2
  fi
done
echo "fuzz: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
