#!/bin/bash
# tests/e2e/04-restart.sh - the agent killed, stopped and started again: no container notices.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

snapshot() { # everything that must survive: pods, uids, addresses, processes, restart counts
  for name in web-0 web-1 web-2; do
    echo "$name $(pod_uid $name) $(pod_ip $name) $(restarts $name) $(tasks $name | tr '\n' ' ')"
  done
}
serves() { [ "$(curl -s -m 2 "http://$1/")" = "$2" ]; }

step "three pods"
start_agent
stateful_set web 3 | put_manifest web.yaml
wait_ready 30 app=web 3
before=$(snapshot)
ip=$(pod_ip web-1)
pid=$(container_pid web-1)
wait_for 5 "web-1 serves" serves "$ip" web-1

step "kill -9"
stop_agent KILL
kill -0 "$pid" || fail "the container died with the agent"
serves "$ip" web-1 || fail "web-1 does not serve without the agent"
start_agent
wait_ready 10 app=web 3
expect "pods, addresses, processes" "$(snapshot)" "$before"
wait_for 2 "names are answered again" is "$ip" resolve web-1.web.default.svc.$domain

step "an orderly stop"
stop_agent TERM
kill -0 "$pid" || fail "the container died with the agent"
start_agent
wait_ready 10 app=web 3
expect "pods, addresses, processes" "$(snapshot)" "$before"

step "killed ten times in a row, at odd moments"
for pause in 0 0.02 0.05 0.1 0.15 0.2 0.3 0.4 0.5 0.7; do
  stop_agent KILL
  "$bin/berthd" --config "$config" >>"$output/berthd.log" 2>&1 </dev/null &
  agent_pid=$!
  sleep "$pause"
done
wait_for 15 "the API answers" api_answers
wait_ready 10 app=web 3
expect "pods, addresses, processes" "$(snapshot)" "$before"

step "a container that ends while nobody watches is started again, the others are not"
stop_agent KILL
kill -9 "$pid"
start_agent
restarted() { [ "$(restarts web-1)" = 1 ] && is_ready web-1; }
wait_for 20 "web-1 runs again" restarted
expect "its address" "$(pod_ip web-1)" "$ip"
expect "web-0" "$(snapshot | grep '^web-0')" "$(grep '^web-0' <<<"$before")"

step "killed in the middle of starting a set"
stateful_set late 4 | put_manifest late.yaml
wait_for 10 "the first pod" is_running late-0
stop_agent KILL
start_agent
wait_ready 30 app=late 4
expect "no doubles" "$(ctr -a "$BERTH_TEST_CONTAINERD" -n k8s.io tasks ls -q | wc -l)" 7

step "killed in the middle of stopping it"
rm "$manifests/late.yaml"
sleep 0.3 # an arbitrary moment
stop_agent KILL
start_agent
wait_for 30 "its pods are gone" is "" pod_names app=late
left() { [ "$(ctr -a "$BERTH_TEST_CONTAINERD" -n k8s.io containers ls -q | wc -l)" = 3 ]; }
wait_for 10 "its containers are gone" left
