#!/usr/bin/env bash
# Faults on real processes for SHOAL_CHAOS_SECONDS (default 600) in all: kills, hangs, cuts and bad disks in a cluster of
# ten under load, kills at any moment and in the middle of a write, failed syncs, flipped bits. Each suite prints its seed;
# `SHOAL_SEED=N build/dev/tests/test_nodes --run_test=SUITE` repeats it. The last line is `chaos: N suites, N failed`.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
seconds=${SHOAL_CHAOS_SECONDS:-600}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "chaos: SHOAL_CHAOS_SECONDS must be a whole number from 1, not '$seconds'" >&2; exit 2; }

mkdir -p build
{ cmake --preset dev && cmake --build --preset dev --target shoal test_nodes; } >build/chaos-build.log 2>&1 ||
  { tail -n 50 build/chaos-build.log >&2; exit 1; }

# Seven campaigns, each bounded by time; the suite of full disks takes its own minute.
share=$((seconds / 7 > 0 ? seconds / 7 : 1))
failed=0
suites=(disk chaos kills syncs flips)
for suite in "${suites[@]}"; do
  since=$SECONDS
  status=0
  SHOAL_SUITE_SECONDS=$share SHOAL_CHAOS_SECONDS=$share SHOAL_KILLS=1000000 SHOAL_SYNCS=1000000 SHOAL_FLIPS=1000000 \
    build/dev/tests/test_nodes --run_test="$suite" --log_level=message || status=$?
  [ $status -eq 0 ] || failed=$((failed + 1))
  echo "chaos: $suite $([ $status -eq 0 ] && echo ok || echo FAILED) ($((SECONDS - since)) s)"
done
echo "chaos: ${#suites[@]} suites, $failed failed"
[ $failed -eq 0 ]
