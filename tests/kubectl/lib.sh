#!/bin/bash
# tests/kubectl/lib.sh - words for the kubectl stories: one unmodified kubectl against our API, outputs asserted.
#
# KUBECTL names the program. Sourced by every story here; tests/bed/run starts them (scripts/test kubectl).
# shellcheck source=../e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
: "${KUBECTL:?the kubectl to test}"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$BERTH_TEST_DIR/kubectl
export HOME=$work/home
mkdir -p "$HOME"
minor=$("$KUBECTL" version --client -o json 2>/dev/null | jq -r '.clientVersion.minor' | tr -dc 0-9)
printf 'kubectl 1.%s: %s\n' "$minor" "$KUBECTL"

k() { timeout -k 2 "${K_SECONDS:-30}" "$KUBECTL" "$@"; }

# Starts the agent and a way to it.
start_api() {
  # shellcheck source=way_in.sh
  . "$here/way_in.sh"
}

checks=0
# A matrix shows all that is wrong, not only the first, and again at the end: stories end with `finish`.
all_wrong=()
wrong() {
  all_wrong+=("$(printf '   WRONG %s\n' "$1"; printf '         %s\n' "${@:2}")")
  printf '%s\n' "${all_wrong[-1]}"
}
shorten() { head -c 1500 <<<"$1" | sed '2,$s/^/         | /'; }
# Exit code 0 and standard output that matches (a bash regex; newlines are newlines).
ok() { # REGEX KUBECTL_ARG...
  local want=$1 out code=0; shift
  checks=$((checks + 1))
  out=$(k "$@" 2>"$work/stderr") || code=$?
  if [ "$code" != 0 ]; then wrong "kubectl $*" "exit code $code" "out: $(shorten "$out")" "err: $(shorten "$(cat "$work/stderr")")"
  elif ! [[ $out =~ $want ]]; then wrong "kubectl $*" "wanted: $want" "out: $(shorten "$out")" "err: $(shorten "$(cat "$work/stderr")")"
  else printf '   kubectl %s\n' "$*"; fi
}
# Exit code CODE and standard output or error that matches.
refused() { # CODE REGEX KUBECTL_ARG...
  local wanted_code=$1 want=$2 out code=0; shift 2
  checks=$((checks + 1))
  out=$(k "$@" 2>&1) || code=$?
  if [ "$code" != "$wanted_code" ]; then wrong "kubectl $*" "exit code $code, wanted $wanted_code" "out: $(shorten "$out")"
  elif ! [[ $out =~ $want ]]; then wrong "kubectl $*" "wanted: $want" "out: $(shorten "$out")"
  else printf '   kubectl %s  (exit code %s, as it should)\n' "$*" "$code"; fi
}
# Something else that must hold, asked now.
holds() { # WHAT ACTUAL REGEX
  checks=$((checks + 1))
  if [[ $2 =~ $3 ]]; then printf '   %s\n' "$1"; else wrong "$1" "wanted: $3" "got: $(shorten "$2")"; fi
}
finish() {
  printf '\n%s checks, %s wrong (kubectl 1.%s)\n' "$checks" "${#all_wrong[@]}" "$minor"
  [ ${#all_wrong[@]} = 0 ] || fail "${#all_wrong[@]} answers are wrong"$'\n'"$(printf '%s\n' "${all_wrong[@]}")"
}
# Runs kubectl in a terminal, with standard input typed into it.
in_terminal() { # KUBECTL_ARG...
  local line
  printf -v line '%q ' "$KUBECTL" "$@"
  timeout -k 2 "${K_SECONDS:-30}" script -qec "$line" /dev/null
}
newer() { [ "$minor" -ge "$1" ]; }
