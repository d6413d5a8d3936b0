#!/bin/bash
# tests/bench/bench_volumes.sh - pods with claims: on image files, on NFS (our part of it), and a hundred at once.
set -euo pipefail
exec /usr/bin/python3 "$(dirname "$(readlink -f "$0")")/volumes.py"
