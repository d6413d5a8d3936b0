#!/bin/bash
# tests/e2e/33-disruption.sh - a disruption budget against a drain; classes, limits and quotas from one file in any order.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

evict() { # POD: the answer's code
  curl -s -o /dev/null -w '%{http_code}' --unix-socket "$socket" -X POST "http://localhost/api/v1/namespaces/default/pods/$1/eviction"
}
allowed() { berth get pdb db -o jsonpath='{.status.disruptionsAllowed}'; }

step "two pods, of which one has to stay"
start_agent
{
  stateful_set db 2 'readinessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 1}' 'podManagementPolicy: Parallel'
  cat <<'END'
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: db}
spec: {minAvailable: 1, selector: {matchLabels: {app: db}}}
END
} | put_manifest db.yaml
wait_ready 20 app=db 2
wait_for 5 "one may go" is 1 allowed
expect_match "berth get pdb" "$(berth get pdb)" 'db +1 +N/A +1 +'

step "of two evictions at once one passes"
evict db-0 >"$BERTH_TEST_DIR/first" & one=$!
evict db-1 >"$BERTH_TEST_DIR/second" & other=$!
wait "$one" "$other"
expect "one was let go" "$(grep -lx 201 "$BERTH_TEST_DIR/first" "$BERTH_TEST_DIR/second" | wc -l)" 1
expect "one was not" "$(grep -lx 429 "$BERTH_TEST_DIR/first" "$BERTH_TEST_DIR/second" | wc -l)" 1
wait_for 15 "it is there again" is 1 allowed

step "a drain takes one, and waits with the other"
timeout -k 2 60 "$bin/berth" --socket "$socket" drain bed --timeout=50s >"$output/drain.log" 2>&1 & drain=$!
wait_for 10 "it is told why" grep -q 'Cannot evict pod as it would violate the pod.s disruption budget' "$output/drain.log"
wait_for 10 "one is gone" is 1 ready_count app=db
stays 2 "the other stays" is 1 ready_count app=db

step "it goes on when there is another one"
berth uncordon bed
wait "$drain" || fail "drain: $(cat "$output/drain.log")"
expect_match "the drain's end" "$(tail -n 1 "$output/drain.log")" 'drained'
wait_ready 20 app=db 2

step "one file: a pod before its class, a quota, bounds, and what is only kept"
cat <<'END' | put_manifest space.yaml
apiVersion: v1
kind: Pod
metadata: {name: first, namespace: space}
spec: {priorityClassName: urgent, terminationGracePeriodSeconds: 1, containers: [{name: c, image: "busybox:1.35", command: [sleep, "1000"]}]}
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: urgent}
value: 1000
---
apiVersion: v1
kind: LimitRange
metadata: {name: bounds, namespace: space}
spec: {limits: [{type: Container, default: {memory: 64Mi}}]}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: all, namespace: space}
spec: {hard: {pods: 1, limits.memory: 1Gi}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: space}
rules: [{verbs: [get], apiGroups: [""], resources: [pods]}]
END
wait_for 15 "the pod runs" is_running first space
expect "its priority" "$(pod first .spec.priority space)" 1000
expect "its limit" "$(pod first '.spec.containers[0].resources.limits.memory' space)" 64Mi
wait_for 5 "the quota counts it" is 64Mi field quota all '.status.used["limits.memory"]' space
expect_match "the role is kept, and said to have no effect" "$(berth status || true)" 'Role space/reader: kept, without effect here'
printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: second, namespace: space}\nspec: {containers: [{name: c, image: "busybox:1.35"}]}\n' >"$BERTH_TEST_DIR/second.yaml"
expect_match "a second has no room" "$(berth apply -f "$BERTH_TEST_DIR/second.yaml" 2>&1 || true)" 'forbidden: exceeded quota: all, requested: pods=1, used: pods=1, limited: pods=1'
