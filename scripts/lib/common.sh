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

# Configures a preset; again only when needed: ninja does that itself.
configure() { # PRESET
  [ -f "$root/build/$1/build.ninja" ] || quietly "$root/build/logs/configure-$1.log" cmake -S "$root" --preset "$1"
}

# Prints how far the ninja that writes LOG is, every 15 s while this script's process lives: a build may take many minutes.
tell_progress() { # NAME LOG
  local from=$SECONDS line
  while sleep 15 >/dev/null 2>&1 && kill -0 "$$" 2>/dev/null; do
    line=$(tail -n 1 "$2" 2>/dev/null | cut -c1-100)
    [[ $line != \[* ]] || printf '   %s %s  (%d s)\n' "$1" "$line" $((SECONDS - from))
  done
}

# Configures a preset and builds the named targets.
build_preset() { # PRESET [TARGET...]
  local preset=$1 log code=0 ticker from=$SECONDS; shift
  log=$root/build/logs/build-$preset.log
  mkdir -p "$root/build/logs"
  configure "$preset" || return 1
  : >"$log"
  tell_progress "$preset" "$log" &
  ticker=$!
  quietly "$log" nice ninja -C "$root/build/$preset" -j "$(jobs_for_build)" "$@" || code=$?
  # It ends by the signal, which is no failure of ours where -e is set.
  kill "$ticker" 2>/dev/null && wait "$ticker" 2>/dev/null || true
  [ $((SECONDS - from)) -lt 5 ] || printf '   built %s: %d steps, %d s\n' "$preset" "$(grep -c '^\[' "$log")" $((SECONDS - from))
  return $code
}

# Prints the program that runs those of another architecture here; nothing for our own.
emulator() { # ARCH
  [ "$1" != "$(dpkg --print-architecture)" ] || return 0
  case $1 in
    arm64) echo qemu-aarch64 ;;
    *) die "no emulator is known for $1" ;;
  esac
}

# A Debian 12 root file system with these packages (a,b,c), made once and kept in the cache: `tree` is set to where it is. Other
# packages or options make another one. Needs root.
debian_tree() { # NAME PACKAGES [OPTION of mmdebstrap...]
  local name=$1 packages=$2; shift 2
  # shellcheck disable=SC2034 # read by those who call this
  tree=$cache/$name/$(printf '%s\n' "$packages" "$@" | sha256sum | cut -c1-16)
  [ ! -f "$tree.complete" ] || return 0
  echo "$name: making $tree (once)" >&2
  mkdir -p "$cache/$name"
  rm -rf --one-file-system "$tree"
  mmdebstrap --quiet --variant=minbase --mode=root --include="$packages" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --aptopt='Acquire::Languages "none"' --aptopt='APT::Sandbox::User "root"' "$@" bookworm "$tree" || return 1
  touch "$tree.complete"
}

# Everything in bin/ that is not a test: the tests' executables take longer than the programs.
# shellcheck disable=SC2034 # used by those who source this
not_programs='!(unit_|host_|fuzz_|.*bench)'
# The executables of a preset whose name matches (or, with !, does not match) a pattern.
executables() { # PRESET PATTERN
  local flags=-E
  case $2 in !*) flags=-vE ;; esac
  ninja -C "$root/build/$1" -t targets all | sed -n 's|^\(bin/[^:]*\): .*|\1|p' | sort -u | grep $flags "^bin/(${2#!})"
}
