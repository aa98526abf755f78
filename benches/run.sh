#!/usr/bin/env bash
# What `make bench` runs: see README.md in this folder.
set -euo pipefail
python3 "$(dirname "$0")/main_job.py" "$@"
