#!/bin/bash
# tests/e2e/36-autoscaler.sh - a Deployment grows under load and shrinks when it is gone; what the autoscaler says of it.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
load=$BERTH_TEST_DIR/load
mkdir "$load"
replicas() { berth get deploy web -o jsonpath='{.spec.replicas}'; }
condition() { field hpa web "(.status.conditions[] | select(.type == \"$1\") | \"\(.status) \(.reason)\")"; }
# Makes it look now: what it was asked changed.
look() { berth patch hpa web -p "{\"spec\":{\"maxReplicas\":$1}}" >/dev/null; }

step "a Deployment of one pod, at work"
touch "$load/on"
start_agent
put_manifest web.yaml <<END
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: main
        image: busybox:1.35
        command: [sh, -c, 'while :; do [ -e /load/on ] || sleep 2; done']
        resources: {requests: {cpu: 50m}}
        volumeMounts: [{name: load, mountPath: /load}]
      volumes: [{name: load, hostPath: {path: $load}}]
END
wait_ready 20 app=web 1

step "it grows to what the autoscaler allows"
expect "berth autoscale" "$(berth autoscale deploy web --min=1 --max=3 --cpu-percent=50)" "horizontalpodautoscaler.autoscaling/web autoscaled"
berth patch hpa web -p '{"spec":{"behavior":{"scaleDown":{"stabilizationWindowSeconds":0}}}}' >/dev/null
wait_for 20 "three are wanted" is 3 replicas
wait_ready 20 app=web 3
expect_match "it is told why" "$(berth get events)" 'SuccessfulRescale.*New size: 3; reason: cpu resource utilization \(percentage of request\) above target'
expect "it works" "$(condition ScalingActive)" "True ValidMetricFound"
expect_match "no more than that" "$(condition ScalingLimited)" "^(True TooManyReplicas|False DesiredWithinRange)$"
expect_match "berth get hpa" "$(berth get hpa)" 'REFERENCE +TARGETS +MINPODS +MAXPODS +REPLICAS +AGE.*Deployment/web +cpu: [0-9]+%/50% +1 +3 +[123] '
expect_match "berth describe" "$(berth describe hpa web)" 'resource cpu on pods +\(as a percentage of request\): +[0-9]+% \([0-9]+m?\) / 50%.*Deployment pods: +[123] current / 3 desired'

step "the load is gone: it shrinks"
rm "$load/on"
sleep 5.5 # nobody looks twice within five seconds
look 4    # the new pods are measured from here on
sleep 5.5
look 5
wait_for 20 "one is wanted" is 1 replicas
wait_ready 20 app=web 1
expect_match "it is told why" "$(berth get events)" 'New size: 1; reason: All metrics below target'
expect_match "in the metrics" "$(curl -sS --unix-socket "$socket" http://localhost/metrics)" 'kube_horizontalpodautoscaler_status_desired_replicas\{namespace="default",horizontalpodautoscaler="web"\} 1'

step "what cannot be scaled is said"
rm "$manifests/web.yaml"
no_set() { ! berth get deploy web; }
wait_for 10 "its file and it are gone" no_set
look 6
wait_for 5 "the set is gone" is "False FailedGetScale" condition AbleToScale
