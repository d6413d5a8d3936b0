#!/bin/bash
# scripts/lib/common.sh - words that every script here uses; sourced, not run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck disable=SC2034 # used by those who source this
cache=${BERTH_TEST_CACHE:-/var/cache/berth-test}

say() { printf '== %s\n' "$*"; }
warn() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { warn "$*"; exit 1; }

# Compilers at once: a core each, but 1.2 GB of memory each too (a gRPC or Beast file takes about 1 GB).
jobs_for_build() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ { print int($2 / 1200000) }' /proc/meminfo)
  [ "$memory" -ge 1 ] || memory=1
  [ "$cores" -le "$memory" ] && echo "$cores" || echo "$memory"
}

# Runs CMD with its output in a file; shows the file's end only when CMD fails.
quietly() { # LOG CMD...
  local log=$1; shift
  mkdir -p "$(dirname "$log")"
  local code=0
  "$@" >"$log" 2>&1 || code=$?
  [ "$code" != 0 ] || return 0
  warn "failed ($code): $*; the end of $log:"
  tail -n "${BERTH_LOG_LINES:-60}" "$log" >&2
  return "$code"
}

# Configures a preset (again only when needed: ninja does that itself) and builds the named targets.
build_preset() { # PRESET [TARGET...]
  local preset=$1; shift
  mkdir -p "$root/build/logs"
  if [ ! -f "$root/build/$preset/build.ninja" ]; then
    quietly "$root/build/logs/configure-$preset.log" cmake -S "$root" --preset "$preset" || return 1
  fi
  quietly "$root/build/logs/build-$preset.log" nice ninja -C "$root/build/$preset" -j "$(jobs_for_build)" "$@"
}

# The executables of a preset whose name matches (or, with !, does not match) a pattern.
executables() { # PRESET PATTERN
  local flags=-E
  case $2 in !*) flags=-vE ;; esac
  ninja -C "$root/build/$1" -t targets all | sed -n 's|^\(bin/[^:]*\): .*|\1|p' | sort -u | grep $flags "^bin/(${2#!})"
}
