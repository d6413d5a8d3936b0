#!/bin/bash
# tests/e2e/14-lifecycle.sh - what happens behind a DELETE: namespaces, finalizers, owners, endpoints, drain, protected claims.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# Every call goes over the socket as any client's would: METHOD PATH [BODY [CONTENT-TYPE]]; prints the body.
api() {
  curl -sS --unix-socket "$socket" -X "$1" -H "Content-Type: ${4:-application/json}" ${3:+-d "$3"} "http://berth$2"
}
code() { # METHOD PATH [BODY]: the HTTP code only
  curl -sS -o /dev/null -w '%{http_code}' --unix-socket "$socket" -X "$1" -H 'Content-Type: application/json' ${3:+-d "$3"} "http://berth$2"
}
merge() { api PATCH "$1" "$2" application/merge-patch+json; }
core() { printf '/api/v1/namespaces/%s' "$1"; }
apps() { printf '/apis/apps/v1/namespaces/%s' "$1"; }
names() { api GET "$1" | jq -r '[.items[].metadata.name] | sort | join(" ")'; } # PATH
has_code() { [ "$(code GET "$2")" = "$1" ]; }
fails_with() { # WHAT CODE MESSAGE-REGEX METHOD PATH [BODY]
  local what=$1 want=$2 regex=$3; shift 3
  expect "$what" "$(code "$@")" "$want"
  expect_match "$what, in Kubernetes' words" "$(api "$@" | jq -r .message)" "$regex"
}
set_json() { # NAMESPACE NAME REPLICAS [JQ]: a set of busybox with a readiness file and a service
  jq -n --arg n "$2" --argjson r "$3" '{apiVersion: "apps/v1", kind: "StatefulSet", metadata: {name: $n},
    spec: {serviceName: $n, replicas: $r, selector: {matchLabels: {app: $n}}, template: {metadata: {labels: {app: $n}},
    spec: {terminationGracePeriodSeconds: 3, containers: [{name: "main", image: "busybox:1.35",
      command: ["sh", "-c", "trap \"sleep 0.3; exit 0\" TERM; touch /ready; while :; do sleep 0.1; done"],
      ports: [{name: "web", containerPort: 8080}],
      readinessProbe: {exec: {command: ["cat", "/ready"]}, periodSeconds: 1, timeoutSeconds: 10, failureThreshold: 1}}]}}}} '"${4:-}"
}
make_set() { # NAMESPACE NAME REPLICAS [JQ]
  jq -n --arg n "$2" '{apiVersion: "v1", kind: "Service", metadata: {name: $n}, spec: {clusterIP: "None",
    selector: {app: $n}, ports: [{name: "http", port: 80, targetPort: "web"}]}}' >"$BERTH_TEST_DIR/service.json"
  api POST "$(core "$1")/services" "$(cat "$BERTH_TEST_DIR/service.json")" >/dev/null
  api POST "$(apps "$1")/statefulsets" "$(set_json "$1" "$2" "$3" "${4:-}")" >/dev/null
}
claims='| .spec.volumeClaimTemplates = [{metadata: {name: "data"}, spec: {accessModes: ["ReadWriteOnce"], resources: {requests: {storage: "16Mi"}}}}]
  | .spec.template.spec.containers[0].volumeMounts = [{name: "data", mountPath: "/data"}]'

step "namespaces and their accounts"
start_agent
wait_for 5 "default has its account" has_code 200 "$(core default)/serviceaccounts/default"
fails_with "default stays" 403 '^namespaces "default" is forbidden: this namespace may not be deleted$' DELETE /api/v1/namespaces/default
expect "a new namespace" "$(code POST /api/v1/namespaces '{"metadata":{"name":"team"}}')" 201
wait_for 5 "it has its account" has_code 200 "$(core team)/serviceaccounts/default"

step "endpoints follow the pods' readiness"
make_set team db 3 "$claims"
wait_ready 40 app=db 3 team
addresses() { api GET "$(core team)/endpoints/db" | jq -r "[.subsets[]?.$1[]?.targetRef.name] | sort | join(\" \")"; }
wait_for 5 "all three are addresses" is "db-0 db-1 db-2" addresses addresses
expect "the port by its name" "$(api GET "$(core team)/endpoints/db" | jq -c '.subsets[0].ports')" '[{"name":"http","port":8080,"protocol":"TCP"}]'
slices() { api GET "/apis/discovery.k8s.io/v1/namespaces/team/endpointslices?labelSelector=kubernetes.io/service-name=db"; }
expect "one slice" "$(slices | jq -r '[.items[] | .endpoints[] | select(.conditions.ready) | .hostname] | sort | join(" ")')" "db-0 db-1 db-2"
berth exec -n team db-1 -- rm /ready
wait_for 10 "db-1 is a notReadyAddress" is db-1 addresses notReadyAddresses
berth exec -n team db-1 -- touch /ready
wait_for 10 "and an address again" is "db-0 db-1 db-2" addresses addresses

step "a namespace goes with everything in it, the set in its order, though the agent is killed in the middle"
api POST "$(core team)/configmaps" '{"metadata":{"name":"settings"}}' >/dev/null
api POST "$(core team)/pods" '{"metadata":{"name":"alone"},"spec":{"terminationGracePeriodSeconds":1,"containers":[{"name":"c","image":"busybox:1.35","command":["sleep","100000"]}]}}' >/dev/null
wait_for 20 "the pod beside it runs" is_running alone team
volume=$(api GET "$(core team)/persistentvolumeclaims/data-db-0" | jq -r .spec.volumeName)
expect "phase" "$(api DELETE /api/v1/namespaces/team | jq -r .status.phase)" Terminating
fails_with "new content" 403 'unable to create new content in namespace team because it is being terminated$' POST "$(core team)/configmaps" '{"metadata":{"name":"late"}}'
in_order() {
  local left
  left=$(names "$(core team)/pods?labelSelector=app=db")
  case $left in "db-0 db-1 db-2" | "db-0 db-1" | "db-0" | "") ;; *) fail "stopped out of order: left are $left" ;; esac
  [ "$left" != "db-0 db-1 db-2" ]
}
wait_for 15 "the highest ordinal went first" in_order
stop_agent KILL
start_agent
until [ "$(code GET /api/v1/namespaces/team)" = 404 ]; do
  in_order || true
  [ "$SECONDS" -lt 180 ] || fail "the namespace does not go: $(api GET /api/v1/namespaces/team | jq -c .status)"
done
for kind in pods services configmaps endpoints persistentvolumeclaims serviceaccounts events; do
  expect "$kind left" "$(names "$(core team)/$kind")" ""
done
wait_for 10 "the claim's volume is gone" has_code 404 "/api/v1/persistentvolumes/$volume"
expect "no data left" "$(ls "$state/volumes/team" 2>/dev/null)" ""
expect "made again" "$(code POST /api/v1/namespaces '{"metadata":{"name":"team"}}')" 201

step "a manifest's namespace is made again by its file, once it is gone"
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept, namespace: filed}\ndata: {a: b}\n' | put_manifest filed.yaml
wait_for 10 "the file's object is there" has_code 200 "$(core filed)/configmaps/kept"
old=$(api GET /api/v1/namespaces/filed | jq -r .metadata.uid)
api DELETE /api/v1/namespaces/filed >/dev/null
is_new() { [ "$(api GET /api/v1/namespaces/filed | jq -r '.metadata.uid // empty')" != "$old" ] && has_code 200 "$(core filed)/configmaps/kept"; }
wait_for 10 "namespace and object are new ones" is_new
stays 1 "nobody fights" has_code 200 "$(core filed)/configmaps/kept"
rm "$manifests/filed.yaml"

step "finalizers hold a pod after its containers are gone"
api POST "$(core default)/pods" '{"metadata":{"name":"held","finalizers":["x.io/hold"]},"spec":{"terminationGracePeriodSeconds":1,"containers":[{"name":"c","image":"busybox:1.35","command":["sleep","100000"]}]}}' >/dev/null
wait_for 20 "it runs" is_running held
pid=$(container_pid held)
api DELETE "$(core default)/pods/held" >/dev/null
gone() { ! kill -0 "$1" 2>/dev/null; }
wait_for 10 "its container is gone" gone "$pid"
stays 1 "the object stays" has_code 200 "$(core default)/pods/held"
expect "it has failed" "$(pod held .status.phase)" Failed # as of Kubernetes 1.27: Terminating is what has not ended
expect_match "and shows how" "$(berth get pods held)" Error
stop_agent KILL
start_agent
stays 1 "also after a restart" has_code 200 "$(core default)/pods/held"
merge "$(core default)/pods/held" '{"metadata":{"finalizers":null}}' >/dev/null
wait_for 10 "it goes with its last finalizer" has_code 404 "$(core default)/pods/held"

step "owner references: background, orphan, foreground"
map() { # NAME [OWNER]
  local uid=
  [ -z "${2:-}" ] || uid=$(api GET "$(core default)/configmaps/$2" | jq -r .metadata.uid)
  jq -n --arg n "$1" --arg o "${2:-}" --arg u "$uid" '{metadata: ({name: $n} + if $o == "" then {} else
    {ownerReferences: [{apiVersion: "v1", kind: "ConfigMap", name: $o, uid: $u, blockOwnerDeletion: true}]} end)}' >"$BERTH_TEST_DIR/map.json"
  expect "$1" "$(code POST "$(core default)/configmaps" "$(cat "$BERTH_TEST_DIR/map.json")")" 201
}
map a; map b a
api DELETE "$(core default)/configmaps/a" '{"propagationPolicy":"Background"}' >/dev/null
wait_for 5 "the dependent went too" has_code 404 "$(core default)/configmaps/b"
map a; map b a
api DELETE "$(core default)/configmaps/a" '{"propagationPolicy":"Orphan"}' >/dev/null
wait_for 5 "the owner is gone" has_code 404 "$(core default)/configmaps/a"
expect "the orphan's owners" "$(api GET "$(core default)/configmaps/b" | jq -c '.metadata.ownerReferences')" null
api DELETE "$(core default)/configmaps/b" >/dev/null
map a; map b a
merge "$(core default)/configmaps/b" '{"metadata":{"finalizers":["x.io/hold"]}}' >/dev/null
api DELETE "$(core default)/configmaps/a" '{"propagationPolicy":"Foreground"}' >/dev/null
stays 1 "the owner waits for what blocks it" has_code 200 "$(core default)/configmaps/a"
merge "$(core default)/configmaps/b" '{"metadata":{"finalizers":null}}' >/dev/null
wait_for 5 "both are gone" eval "has_code 404 $(core default)/configmaps/a && has_code 404 $(core default)/configmaps/b"

step "a set deleted without its pods"
make_set default web 2
wait_ready 30 app=web 2
pids="$(container_pid web-0) $(container_pid web-1)"
api DELETE "$(apps default)/statefulsets/web" '{"propagationPolicy":"Orphan"}' >/dev/null
wait_for 10 "the set is gone" has_code 404 "$(apps default)/statefulsets/web"
expect "pods" "$(pod_names app=web)" "web-0 web-1"
expect "their owners" "$(api GET "$(core default)/pods/web-0" | jq -c .metadata.ownerReferences)" null
stays 1 "they run on" eval "[ \"\$(container_pid web-0) \$(container_pid web-1)\" = \"$pids\" ]"
api POST "$(apps default)/statefulsets" "$(set_json default web 2)" >/dev/null
owner() { api GET "$(core default)/pods/web-$1" | jq -r '.metadata.ownerReferences[0].name // empty'; }
wait_for 5 "a new set of that name takes them over" eval '[ "$(owner 0) $(owner 1)" = "web web" ]'
stays 1 "as they are" eval "[ \"\$(container_pid web-0) \$(container_pid web-1)\" = \"$pids\" ]"
api DELETE "$(apps default)/statefulsets/web" '{"orphanDependents":true}' >/dev/null
wait_for 10 "the set is gone again" has_code 404 "$(apps default)/statefulsets/web"
expect "deleted as a collection" "$(code DELETE "$(core default)/pods?labelSelector=app=web")" 200
wait_for 20 "they are gone" is "" pod_names app=web

step "cordon and drain"
make_set default api 2
jq -n '{apiVersion: "apps/v1", kind: "DaemonSet", metadata: {name: "each"}, spec: {selector: {matchLabels: {app: "each"}},
  template: {metadata: {labels: {app: "each"}}, spec: {terminationGracePeriodSeconds: 1, containers: [{name: "main",
  image: "busybox:1.35", command: ["sleep", "100000"]}]}}}}' >"$BERTH_TEST_DIR/ds.json"
api POST "$(apps default)/daemonsets" "$(cat "$BERTH_TEST_DIR/ds.json")" >/dev/null
wait_ready 30 app=api 2
wait_ready 30 app=each 1
daemon=$(pod_names app=each)
merge /api/v1/nodes/bed '{"spec":{"unschedulable":true}}' >/dev/null
expect_match "the node says so" "$(berth get nodes)" SchedulingDisabled
stop_agent
start_agent
stays 2 "what runs is left alone, also by a restart" eval '[ "$(ready_count app=api)" = 2 ] && [ "$(pod_names app=each)" = "'"$daemon"'" ]'
before=$(pod_uid api-1)
expect "evicted" "$(code POST "$(core default)/pods/api-1/eviction" '{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"api-1","namespace":"default"}}')" 201
waits() {
  [ "$(pod_uid api-1)" != "$before" ] && [ "$(pod api-1 '.status.conditions[] | select(.type == "PodScheduled") | .message')" = "0/1 nodes are available: 1 node(s) were unschedulable." ]
}
wait_for 15 "its successor waits, and says for what" waits
expect_match "an event says it too" "$(berth get events)" 'FailedScheduling.*1 node\(s\) were unschedulable'
expect_match "the node's event" "$(berth get events)" NodeNotSchedulable
api DELETE "$(core default)/pods/$daemon" >/dev/null
new_daemon() { local now; now=$(pod_names app=each); [ -n "$now" ] && [ "$now" != "$daemon" ] && [ "$(ready_count app=each)" = 1 ]; }
wait_for 15 "a daemon's pod starts all the same" new_daemon
merge /api/v1/nodes/bed '{"spec":{"unschedulable":null}}' >/dev/null
wait_ready 15 app=api 2
api DELETE "$(apps default)/daemonsets/each" >/dev/null

step "a claim in use waits for its pod"
make_set default one 1 "$claims"
wait_ready 30 app=one 1
expect "deleted" "$(code DELETE "$(core default)/persistentvolumeclaims/data-one-0")" 200
expect_match "Terminating" "$(berth get pvc data-one-0)" Terminating
pid=$(container_pid one-0)
kill -9 "$pid"
is_back() { [ -n "$(container_pid one-0)" ] && [ "$(container_pid one-0)" != "$pid" ]; }
wait_for 20 "a restarted container still gets it" is_back
claim_uid=$(api GET "$(core default)/persistentvolumeclaims/data-one-0" | jq -r .metadata.uid)
api DELETE "$(core default)/pods/one-0" >/dev/null
is_new_claim() { [ "$(api GET "$(core default)/persistentvolumeclaims/data-one-0" | jq -r '.metadata.uid // empty')" != "$claim_uid" ]; }
wait_for 20 "it goes with the pod" is_new_claim
wait_ready 20 app=one 1

step "a database outside, by endpoints made by hand"
api POST "$(core default)/services" '{"metadata":{"name":"outside"},"spec":{"clusterIP":"None","ports":[{"port":5432}]}}' >/dev/null
api POST "$(core default)/endpoints" '{"metadata":{"name":"outside"},"subsets":[{"addresses":[{"ip":"192.0.2.7"}],"ports":[{"port":5432}]}]}' >/dev/null
wait_for 5 "its name resolves" is 192.0.2.7 resolve outside.default.svc.$domain
