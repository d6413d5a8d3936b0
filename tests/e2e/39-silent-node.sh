#!/bin/bash
# tests/e2e/39-silent-node.sh - a node of which nothing is heard: it is said, its pods are not counted on, and they go on a person's word.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
ready_of() { berth get node "$1" --no-headers 2>/dev/null | awk '{ print $2 }'; }
reason_of() { berth get node "$1" -o json | jq -r '.status.conditions[] | select(.type == "Ready") | .reason'; }
taints_of() { berth get node "$1" -o json | jq -r '[.spec.taints[]? | .key + ":" + .effect] | sort | join(" ")'; }
there() { berth get pod "$1" >/dev/null 2>&1; }
not_there() { ! there "$1"; }
lone() {
  cat <<END
apiVersion: v1
kind: Pod
metadata: {name: $1}
spec: {nodeName: worker9, containers: [{name: main, image: "busybox:1.35", command: [sleep, "1000000"]}]}
END
}

step "the objects of a host that is no more"
write_config
start_agent
stateful_set web 1 | put_manifest web.yaml
berth apply -f - >/dev/null <<'END'
apiVersion: v1
kind: Node
metadata: {name: worker9}
END
for name in one two; do lone $name | berth apply -f - >/dev/null; done
wait_ready 30 app=web 1
before=$(restarts web-0)
expect "this node" "$(ready_of bed)" Ready

step "after forty seconds without a word it is NotReady; ours is not touched"
wait_for 60 "NotReady" is NotReady ready_of worker9
expect "why" "$(reason_of worker9)" NodeStatusUnknown
expect "its taints" "$(taints_of worker9)" "node.kubernetes.io/unreachable:NoExecute node.kubernetes.io/unreachable:NoSchedule"
said() { berth get events -A -o json | jq -e '.items[] | select(.reason == "NodeNotReady" and .involvedObject.name == "worker9")' >/dev/null; }
wait_for 5 "an event" said
expect "this node" "$(ready_of bed) $(taints_of bed)" "Ready "

step "its pods go by force, and with the Node"
berth delete pod one --grace-period=20 --wait=false >/dev/null
there one || fail "one went though nobody was asked"
berth delete pod one --force --grace-period=0 >/dev/null 2>&1
wait_for 2 "one is gone" not_there one
berth delete node worker9 >/dev/null
wait_for 5 "two is gone" not_there two

step "our own Node is written anew when somebody deletes it"
berth delete node bed >/dev/null
wait_for 5 "Ready" is Ready ready_of bed
expect "web-0's restarts" "$(restarts web-0)" "$before"
expect "web-0" "$(pod web-0 .status.phase)" Running
