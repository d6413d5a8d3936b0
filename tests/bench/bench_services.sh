#!/bin/bash
# tests/bench/bench_services.sh - 1,000 services of 10 endpoints each: until all are led, one endpoint's change, memory.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/e2e/lib.sh
. "$here/../e2e/lib.sh" >&2
# Endpoints are addresses of the bed itself, and its way out leads nowhere.
{
  ip link add up0 type veth peer name up1
  ip link set up0 up
  ip link set up1 up
  for i in $(seq 10); do ip addr add "198.18.0.$i/24" dev up0; done
  ip route add default dev up0
} >&2
start_agent >&2
ask() { /usr/bin/python3 "$here/services.py" --socket "$socket" --pid "$agent_pid" "$@"; }
ask --fill 1000 --change 40
stop_agent KILL >&2
nft delete table ip berth-berth0-services
started=$(date +%s%N)
start_agent >&2
ask --since "$started"
