#!/bin/bash
# tests/bench/bench_dns.sh - DNS queries per second beside dnsmasq and unbound, in turns.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
"$here/dns_bench" "${BERTH_BIN:?}/dns_bench_server" "${ROUNDS:-3}" "${SECONDS_EACH:-3}" |
  tee /dev/stderr | awk '
    $1 == "dns" && $2 == "berth" { berth = $3 } $1 == "dns" && $2 == "dnsmasq" { dnsmasq = $3 }
    $1 == "dns" && $2 == "unbound" { unbound = $3 }
    END { if (berth) printf "DNS local names,%d,queries/s,\n", berth
          if (dnsmasq) printf "  dnsmasq,%d,queries/s,\n  berth / dnsmasq,%.2f,ratio,1.25\n", dnsmasq, berth / dnsmasq
          if (unbound) printf "  unbound,%d,queries/s,\n", unbound }'
