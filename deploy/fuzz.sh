#!/usr/bin/env bash
# Runs every libFuzzer target for SECONDS (default 30), beginning with its corpus in tests/fuzz/corpus.
# What the fuzzer finds worth keeping stays in build/fuzz/corpus; a crash is written to build/fuzz/crashes and
# belongs, once understood, into tests/fuzz/make_corpus.py.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-30}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "fuzz: seconds must be a whole number from 1, not '$seconds'" >&2; exit 2; }

memory_mib=512      # a decoder that allocates on a peer's word breaks this
input_bytes=65536   # bombs need few bytes; larger inputs only slow the search
input_seconds=5     # one input that takes longer is a hang

mapfile -t sources < <(ls tests/fuzz/*.cpp 2>/dev/null)
[ ${#sources[@]} -gt 0 ] || { echo "fuzz: no targets in tests/fuzz; expected *.cpp" >&2; exit 1; }
targets=()
for source in "${sources[@]}"; do targets+=("fuzz_$(basename "$source" .cpp)"); done

cmake --preset fuzz >build-fuzz.log 2>&1 || { cat build-fuzz.log >&2; rm -f build-fuzz.log; exit 1; }
rm -f build-fuzz.log
cmake --build --preset fuzz --target "${targets[@]}" >build/fuzz/build.log 2>&1 || { cat build/fuzz/build.log >&2; exit 1; }

passed=0
failed=0
for target in "${targets[@]}"; do
  name=${target#fuzz_}
  found=build/fuzz/corpus/$name
  crashes=build/fuzz/crashes/$name-
  mkdir -p "$found" build/fuzz/crashes
  corpora=("$found")
  [ -d "tests/fuzz/corpus/$name" ] && corpora+=("tests/fuzz/corpus/$name")
  echo "fuzz: $name for $seconds s"
  log=build/fuzz/$name.log
  # A small quarantine: freed inputs would otherwise fill the memory that the limit is meant to watch.
  if ASAN_OPTIONS=quarantine_size_mb=16 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "build/fuzz/tests/$target" \
      -max_total_time="$seconds" -max_len="$input_bytes" -rss_limit_mb="$memory_mib" -timeout="$input_seconds" \
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
