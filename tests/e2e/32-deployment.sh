#!/bin/bash
# tests/e2e/32-deployment.sh - a Deployment is replaced under load and nobody notices; one that is broken stops by itself.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# Serves its version; ready when it does; on its way out it serves on until nobody is sent to it any more.
deployment() { # VERSION REPLICAS [IMAGE]
  cat <<END
apiVersion: v1
kind: Service
metadata: {name: front}
spec: {clusterIP: None, selector: {app: front}, ports: [{name: web, port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: front}
spec:
  replicas: $2
  minReadySeconds: 1
  selector: {matchLabels: {app: front}}
  template:
    metadata: {labels: {app: front}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
      - name: main
        image: ${3:-busybox:1.35}
        command: [sh, -c, "trap 'exit 0' TERM; mkdir -p /www; echo $1 > /www/index.html; httpd -f -p 80 -h /www & wait"]
        readinessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 1}
        lifecycle: {preStop: {sleep: {seconds: 1}}}
END
}
available() { [ "$(berth get deploy front -o jsonpath='{.status.availableReplicas}')" = "$1" ]; }
versions() { for name in $(pod_names app=front); do curl -s -m 2 "http://$(pod_ip "$name")/"; done | sort | uniq -c | awk '{ print $1 $2 }' | tr '\n' ' '; }
# What a client of the headless service does: asks for the names, and talks to one of the addresses it was told.
load() {
  local ip
  while [ ! -e "$BERTH_TEST_DIR/enough" ]; do
    for ip in $(dig +short +time=1 +tries=2 "@$gateway" "front.default.svc.$domain" | sort -R | head -n 1); do
      if curl -s -m 2 -o /dev/null "http://$ip/"; then echo good; else echo "bad $ip"; fi
    done
  done >"$BERTH_TEST_DIR/load"
}

step "four from a manifest"
start_agent
deployment one 4 | put_manifest front.yaml
wait_for 20 "four are available" available 4
expect "names" "$(pod_names app=front | tr ' ' '\n' | grep -cE '^front-[a-z0-9]{10}-[a-z0-9]{5}$')" 4
expect_match "berth get deploy" "$(berth get deploy front)" 'front +4/4 +4 +4 '
first=$(berth get rs -l app=front -o jsonpath='{.items[0].metadata.name}')

step "a new version, under load"
load &
load_pid=$!
deployment two 4 | put_manifest front.yaml
wait_for 10 "it is known" is 2 berth get deploy front -o jsonpath='{.metadata.generation}'
expect_match "its end" "$(BERTH_CALL_SECONDS=40 berth rollout status deploy/front --timeout=35s)" 'deployment "front" successfully rolled out'
wait_for 10 "four are left" is "4two " versions
touch "$BERTH_TEST_DIR/enough"
wait "$load_pid"
expect "requests that failed" "$(grep -c bad "$BERTH_TEST_DIR/load" || true)" 0
[ "$(grep -c good "$BERTH_TEST_DIR/load")" -ge 10 ] || fail "hardly any load: $(wc -l <"$BERTH_TEST_DIR/load") requests"
expect_match "what was said" "$(berth describe deploy front)" "Scaled down replica set $first from [0-9] to 0"
expect_match "history" "$(berth rollout history deploy/front)" $'REVISION +CHANGE-CAUSE\n1 +<none>\n2 +<none>'

step "a broken image stops the rollout, and what runs stays"
deployment three 4 registry.invalid/none:1 | put_manifest front.yaml
wait_for 10 "one of the new is tried" is 2 berth get deploy front -o jsonpath='{.status.updatedReplicas}'
stays 2 "three serve on" available 3
expect_match "it says so" "$(berth rollout status deploy/front --watch=false)" 'Waiting for deployment "front" rollout to finish: 2 out of 4 new replicas have been updated'
deployment two 4 | put_manifest front.yaml
wait_for 20 "mended by the manifest that was good" available 4
expect "revision" "$(field deploy front '.metadata.annotations["deployment.kubernetes.io/revision"]')" 4

step "undo, scale, and its end"
rm "$manifests/front.yaml"
wait_for 15 "all is gone with the file" is "" pod_names app=front
expect "ReplicaSets" "$(berth get rs -o name)" ""
deployment one 2 >"$BERTH_TEST_DIR/front.yaml"
berth apply -f "$BERTH_TEST_DIR/front.yaml"
wait_for 15 "two are available" available 2
berth patch deploy front -p '{"spec":{"template":{"metadata":{"annotations":{"round":"two"}}}}}'
BERTH_CALL_SECONDS=30 berth rollout status deploy/front --timeout=25s
berth rollout undo deploy/front
BERTH_CALL_SECONDS=30 berth rollout status deploy/front --timeout=25s
expect "revision" "$(field deploy front '.metadata.annotations["deployment.kubernetes.io/revision"]')" 3
berth scale deploy front --replicas=0
wait_for 10 "none is left" is "" pod_names app=front
berth delete deploy front
