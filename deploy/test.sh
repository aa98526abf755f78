#!/usr/bin/env bash
# Every test: builds the previous release's program, dev (warnings are errors) and the release binary, runs the tests of dev,
# runs those of the folders that decode, store and decide again with clang under ASan and UBSan (SHOAL_ASAN=all takes every
# folder: half an hour of compiling on two cores; fewer simulated seeds, no planted bugs), and fuzzes for a moment. The last
# line is `N passed, N failed, N skipped`; each test program, rule, fuzz target and build counts as one. Logs stay in build/logs.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
fuzz_seconds=15
jobs=$(nproc)
logs=build/logs
mkdir -p "$logs"
passed=0
failed=0
skipped=0

# report NAME STATUS SINCE: one line, and the count.
report() {
  local took=$((SECONDS - $3))
  if [ "$2" -eq 0 ]; then
    passed=$((passed + 1))
    echo "ok      $1 ($took s)"
  else
    failed=$((failed + 1))
    echo "FAILED  $1 ($took s)"
  fi
}

# build PRESET TARGET…: shows what the compiler says only if it fails.
build() {
  local preset=$1 since=$SECONDS status=0 log=$logs/build-$1.log
  shift
  { cmake --preset "$preset" && cmake --build --preset "$preset" "${@/#/--target=}"; } >"$log" 2>&1 || status=$?
  [ $status -eq 0 ] || grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking)' "$log" | tail -n 100
  report "build $preset" $status "$since"
  return $status
}

# run PRESET CTEST_OPTION…: the tests of a preset, counted one by one.
run() {
  local preset=$1 junit=$PWD/$logs/tests-$1.xml log=$logs/tests-$1.log tests faults left_out
  shift
  rm -f "$junit"
  ctest --test-dir "build/$preset" --output-on-failure --no-tests=error --output-junit "$junit" "$@" 2>&1 |
    tee "$log" | sed "s/^/$preset: /"
  tests=$(sed -nE 's/.*[[:space:]]tests="([0-9]+)".*/\1/p' "$junit" 2>/dev/null | head -n 1)
  faults=$(sed -nE 's/.*[[:space:]]failures="([0-9]+)".*/\1/p' "$junit" 2>/dev/null | head -n 1)
  if [ -z "$tests" ] || [ -z "$faults" ] || [ "$tests" -eq 0 ]; then
    report "$preset: no test ran" 1 "$SECONDS"
    return
  fi
  left_out=$(sed -nE 's/.*[[:space:]]skipped="([0-9]+)".*/\1/p' "$junit" | head -n 1)
  left_out=${left_out:-0}
  passed=$((passed + tests - faults - left_out))
  failed=$((failed + faults))
  skipped=$((skipped + left_out))
  # Why, in the tests' own words.
  [ "$left_out" -eq 0 ] || sed -nE 's/.*(skipped: .*)/\1/p' "$junit" | sed "s/^/$preset: /"
}

since=$SECONDS
status=0
deploy/previous.sh || status=$?
# Without it, the test of rolling upgrades is skipped and counted as such.
[ $status -eq 77 ] || report "build the previous release" $status "$since"
if build dev; then
  run dev -j "$jobs"
fi
build release shoal
# What parses a peer's or the disk's bytes, and what all data goes through. CAF's headers make the rest slow to compile.
sanitized=(messages config models store protocol sim transport)
[ "${SHOAL_ASAN:-}" = all ] && sanitized=(messages config models store protocol sim transport api cli nodes)
targets=()
for source in tests/fuzz/*.cpp; do targets+=("fuzz_$(basename "$source" .cpp)"); done
for folder in "${sanitized[@]}"; do
  if compgen -G "tests/$folder/*.cpp" >/dev/null; then targets+=("test_$folder"); fi
done
if build asan "${targets[@]}"; then
  SHOAL_SEEDS=${SHOAL_SEEDS:-1..200} run asan -j "$jobs" -R "^($(IFS='|'; echo "${sanitized[*]}"))\$"
  since=$SECONDS
  SHOAL_SEED=1 deploy/fuzz.sh "$fuzz_seconds" # what CI refuses, a second run refuses as well; `make fuzz` draws its seed
  report "fuzz" $? "$since"
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
