#!/bin/bash
# tests/e2e/01-statefulset-order.sh - ordinals start one after the other, each only when the one before is ready.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

gate='readinessProbe: {exec: {command: [test, -f, /ready]}, periodSeconds: 1}'
open_gate() { berth exec "$1" -- touch /ready; }

step "web-0 runs alone while it is not ready"
start_agent
stateful_set web 3 "$gate" | put_manifest web.yaml
wait_for 20 "web-0 is running" is_running web-0
stays 2 "only web-0 exists" is web-0 pod_names app=web
is_ready web-0 && fail "web-0 is ready although its probe fails"

step "each ready pod lets the next one start"
open_gate web-0
wait_for 10 "web-1 is running" is_running web-1
expect "pods" "$(pod_names app=web)" "web-0 web-1"
open_gate web-1
wait_for 10 "web-2 is running" is_running web-2
open_gate web-2
wait_ready 10 app=web 3
expect "ready replicas" "$(field statefulset web .status.readyReplicas)" 3

step "a deleted pod comes back under its name, as a new pod"
uid=$(pod_uid web-1)
berth delete pod web-1
back() { local now; now=$(pod_uid web-1) && [ -n "$now" ] && [ "$now" != "$uid" ] && is_running web-1; }
wait_for 15 "web-1 is back" back
expect "hostname" "$(berth exec web-1 -- hostname)" web-1
stays 1 "the others were not touched" is "web-0 web-1 web-2" pod_names app=web
open_gate web-1
wait_ready 10 app=web 3

step "scaling down takes the highest ordinal first, one at a time"
seen=
berth scale statefulset web --replicas=0
end=$((SECONDS + 40))
while names=$(pod_names app=web); [ -n "$names" ]; do
  case $names in
    "web-0 web-1 web-2" | "web-0 web-1" | "web-0") ;;
    *) fail "stopped out of order: left are $names" ;;
  esac
  [[ $seen == *"[$names]"* ]] || seen+="[$names]"
  [ $SECONDS -lt $end ] || fail "pods left after 40 s: $names"
done
expect_match "every stage was passed: $seen" "$seen" '\[web-0 web-1\].*\[web-0\]'
