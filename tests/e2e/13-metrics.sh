#!/bin/bash
# tests/e2e/13-metrics.sh - what pods use and what the agent counts; pods that may only run so long; terminals in logs.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
api() { curl -sS --fail-with-body --max-time 10 --unix-socket "$socket" "http://localhost$1"; }
metric() { api "${2:-/metrics}" | awk -v name="$1" 'index($0, name) == 1 { print $2; exit }'; }
usage() { api /apis/metrics.k8s.io/v1beta1/namespaces/default/pods/web-0 | jq -r ".containers[0].usage.$1" | tr -dc 0-9; }
milliseconds() { echo $(($(date +%s%N) / 1000000)); }

step "a pod that works"
start_agent
stateful_set web 1 | put_manifest web.yaml
wait_ready 20 app=web 1
berth exec web-0 -- sh -c '(while :; do :; done) >/dev/null 2>&1 &'

step "top"
[ "$(usage cpu)" -gt 50000000 ] || fail "a busy container uses $(usage cpu) n"
[ "$(usage memory)" -gt 100 ] || fail "memory: $(usage memory) Ki"
begin=$(milliseconds)
expect "the node" "$(api /apis/metrics.k8s.io/v1beta1/nodes | jq -r '.items[0].metadata.name')" bed
[ $(($(milliseconds) - begin)) -lt 700 ] || fail "the second question took $(($(milliseconds) - begin)) ms"
expect "by label" "$(api '/apis/metrics.k8s.io/v1beta1/pods?labelSelector=app%3Dother' | jq '.items | length')" 0

step "/metrics"
expect "running pods" "$(metric 'berth_pods{phase="Running"}')" 1
expect "pods that were started" "$(metric kubelet_pod_start_duration_seconds_count)" 1
[ "$(metric berth_runtime_calls_total)" -gt 5 ] || fail "calls of containerd: $(metric berth_runtime_calls_total)"
[ "$(metric process_resident_memory_bytes)" -gt 1000000 ] || fail "resident memory"
dig +short +time=1 +tries=1 "@$gateway" web-0.web.default.svc.$domain >/dev/null
[ "$(metric berth_dns_queries_total)" -gt 0 ] || fail "DNS queries: $(metric berth_dns_queries_total)"
expect_match "of containers" "$(metric 'container_cpu_usage_seconds_total{container="main",namespace="default",pod="web-0"}' /metrics/resource)" '^[0-9.]+$'

step "our dashboard and alerts ask for what there is"
{ api /metrics; api /metrics/resource; } >"$BERTH_TEST_DIR/scrape"
monitoring=$root/examples/monitoring
"$root/tests/e2e/monitoring_names.py" "$BERTH_TEST_DIR/scrape" "$monitoring/berth.rules.yml" "$monitoring/berth.dashboard.json" ||
  fail "a name is wrong"
expect_match "all of it is the text format" "$(promtool check metrics <"$BERTH_TEST_DIR/scrape" 2>&1; echo "code $?")" 'code [03]'
(cd "$monitoring" && promtool check rules berth.rules.yml && promtool test rules berth.rules.test.yml) >/dev/null || fail "the rules are wrong"
expect "sources" "$(metric berth_source_up)" 1
expect "containerd" "$(metric berth_containerd_up)" 1
expect "pods by name" "$(metric 'kube_pod_status_ready{namespace="default",pod="web-0"')" 1
expect_match "the store's size" "$(metric berth_store_size_bytes)" '^[1-9][0-9]+$'
[ "$(metric berth_store_commit_duration_seconds_count)" -gt 2 ] || fail "writes to the store: $(metric berth_store_commit_duration_seconds_count)"
[ "$(metric berth_runtime_call_duration_seconds_count)" -gt 5 ] || fail "calls of containerd are not timed"
[ "$(metric 'berth_events_total{type="Normal"}')" -gt 0 ] || fail "no event was counted"
expect "manifests are right" "$(metric berth_manifest_errors)" 0

step "activeDeadlineSeconds"
put_manifest short.yaml <<'END'
apiVersion: v1
kind: Pod
metadata: {name: short}
spec:
  activeDeadlineSeconds: 3
  terminationGracePeriodSeconds: 1
  containers:
  - {name: main, image: "busybox:1.35", command: [sleep, "1000"]}
END
wait_for 20 "it has failed" is Failed pod short .status.phase
expect "why" "$(pod short .status.reason)" DeadlineExceeded
expect "in words" "$(pod short .status.message)" "Pod was active on the node longer than the specified deadline"
expect "nothing of it runs" "$(tasks short)" ""

step "a terminal in the log"
put_manifest terminal.yaml <<'END'
apiVersion: v1
kind: Pod
metadata: {name: terminal}
spec:
  restartPolicy: Never
  containers:
  - {name: main, image: "busybox:1.35", tty: true, stdin: true, command: [sh, -c, "tty; echo to-out; echo to-err >&2"]}
END
wait_for 20 "it is done" is Succeeded pod terminal .status.phase
expect "its lines" "$(berth logs terminal | od -An -c | tr -d ' \n')" '/dev/pts/0\nto-out\nto-err\n'
