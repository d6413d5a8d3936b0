#!/bin/bash
# tests/e2e/03-daemonset.sh - one copy on this host, if labels and taints agree.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

step "an agent everywhere, another only in Luxembourg"
start_agent
put_manifest agent.yaml <"$root/examples/agent.yaml"
put_manifest agent-lux.yaml <"$root/examples/agent-lux.yaml"
wait_ready 20 app=agent 1
name=$(pod_names app=agent)
expect_match "its name ends in five random letters" "$name" '^agent-[a-z0-9]{5}$'
expect "node" "$(pod "$name" .spec.nodeName)" bed
expect_match "it serves" "$(curl -s -m 5 "http://$(pod_ip "$name")/")" "Welcome"
stays 1 "none without the label" is "" pod_names app=agent-lux
expect_match "berth get ds" "$(berth get ds agent)" 'agent +1 +1 +1 +1 +1 +<none>'
expect_match "berth get ds agent-lux" "$(berth get ds agent-lux)" 'agent-lux +0 +0 +0 +0 +0 +dc=luxembourg'

step "the host gets the label"
stop_agent
write_config 'nodeLabels: {dc: luxembourg}'
start_agent
wait_ready 20 app=agent-lux 1
expect "the other one was not restarted" "$(pod_names app=agent)" "$name"
expect "label" "$(field node bed '.metadata.labels.dc')" luxembourg

step "the host gets a taint that both tolerate, and a third set does not"
stop_agent
write_config 'nodeLabels: {dc: luxembourg}' 'nodeTaints: [{key: gpu, value: "yes", effect: NoSchedule}]'
start_agent
sed -e 's/agent/plain/' -e '/tolerations/,$d' "$root/examples/agent.yaml" | sed 's/: agent$/: plain/' | put_manifest plain.yaml
wait_for 10 "the third set is known" berth get ds plain
stays 2 "no pod of it" is "" pod_names app=plain
expect "both others stay" "$(ready_count app=agent)$(ready_count app=agent-lux)" 11

step "without the label the pod goes"
stop_agent
write_config 'nodeTaints: [{key: gpu, value: "yes", effect: NoSchedule}]'
start_agent
wait_for 20 "agent-lux is gone" is "" pod_names app=agent-lux

step "a deleted pod is replaced"
berth delete pod "$name"
replaced() { local now; now=$(pod_names app=agent); [ -n "$now" ] && [ "$now" != "$name" ] && [ "$(ready_count app=agent)" = 1 ]; }
wait_for 20 "another pod" replaced

step "with a surge there is always one that is ready"
surging() { # ROUND: a template that differs
  sed -e 's/^  template:/  updateStrategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}\n  template:/' \
    -e "s/^        app: agent/&\n      annotations: {round: \"$1\"}/" "$root/examples/agent.yaml" | put_manifest agent.yaml
}
surging one
wait_for 20 "the strategy is known" is 1 field ds agent '.spec.updateStrategy.rollingUpdate.maxSurge'
wait_for 30 "rolled out" berth rollout status ds/agent --timeout=1s
name=$(pod_names app=agent)
surging two
gone() { local now; now=$(pod_names app=agent); [ "$(ready_count app=agent)" -ge 1 ] || fail "no agent was ready: $now"; [ -n "$now" ] && [[ " $now " != *" $name "* ]]; }
wait_for 30 "another one has taken its place" gone
expect "one is left" "$(ready_count app=agent)" 1
expect_match "its end" "$(BERTH_CALL_SECONDS=40 berth rollout status ds/agent --timeout=30s)" 'daemon set "agent" successfully rolled out'
