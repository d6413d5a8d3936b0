#!/bin/bash
# tests/e2e/41-what-a-spec-asks.sh - small fields of a pod's spec do what they say: its name, groups, signal, account, gate and
# pull secrets; and its events are what a kubelet tells.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

notes=$BERTH_TEST_DIR/notes
mkdir -p "$notes"
chmod 777 "$notes"
in_pod() { berth exec asks -- "$@"; }
patch_status() { # POD JSON
  curl -sS --unix-socket "$socket" -X PATCH -H 'Content-Type: application/strategic-merge-patch+json' -d "$2" \
    "http://berth/api/v1/namespaces/default/pods/$1/status" >/dev/null
}
ready() { pod asks '.status.conditions[] | select(.type=="Ready") | [.status, .reason // "-", .message // "-"] | join("|")'; }
# "Reason message" of what was told of a container, or of the pod, in the order of time.
told() { # POD FIELD-PATH
  berth get events -o json | jq -r --arg pod "$1" --arg path "$2" \
    '[.items[] | select(.involvedObject.name == $pod and (.involvedObject.fieldPath // "") == $path)]
     | sort_by(.metadata.name) | .[] | .reason + " " + .message'
}
start_agent

step "a pod that asks for much"
put_manifest asks.yaml <<END
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: None, selector: {app: asks}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: asks, labels: {app: asks}}
spec:
  hostname: box
  subdomain: web
  setHostnameAsFQDN: true
  serviceAccountName: robot
  os: {name: linux}
  readinessGates: [{conditionType: example.com/gate}]
  terminationGracePeriodSeconds: 60
  securityContext: {runAsUser: 8, runAsGroup: 12, supplementalGroups: [77], supplementalGroupsPolicy: Strict, fsGroup: 78}
  volumes:
  - {name: memory, emptyDir: {medium: Memory}}
  - {name: notes, hostPath: {path: $notes}}
  containers:
  - name: main
    image: busybox:1.35
    command: [sh, -c, "trap 'echo USR1 > /notes/end; exit 0' USR1; while :; do sleep 0.1; done"]
    lifecycle: {stopSignal: SIGUSR1}
    env: [{name: ACCOUNT, valueFrom: {fieldRef: {fieldPath: spec.serviceAccountName}}}]
    volumeMounts: [{name: memory, mountPath: /memory}, {name: notes, mountPath: /notes}]
END
wait_for 30 "it runs" is_running asks
expect "hostname" "$(in_pod hostname)" "box.web.default.svc.$domain"
expect "/etc/hostname" "$(in_pod cat /etc/hostname)" "box.web.default.svc.$domain"
expect "HOSTNAME, ACCOUNT" "$(in_pod sh -c 'echo $HOSTNAME $ACCOUNT')" "box.web.default.svc.$domain robot"
expect "groups, none of the image's" "$(in_pod id -G)" "12 77 78"
expect "the status says so" "$(pod asks '.status.containerStatuses[0].user.linux | tojson')" \
  '{"gid":12,"supplementalGroups":[12,77,78],"uid":8}'
expect "a tmpfs is sticky" "$(in_pod stat -c %a /memory)" 3777
expect "stop signal" "$(pod asks '.status.containerStatuses[0].stopSignal')" SIGUSR1

step "a readiness gate is somebody else's to open, and to close"
expect "not ready" "$(ready)" 'False|ReadinessGatesNotReady|corresponding condition of pod readiness gate "example.com/gate" does not exist.'
expect "its containers are" "$(pod asks '.status.conditions[] | select(.type=="ContainersReady") | .status')" True
expect "no name yet" "$(resolve "web.default.svc.$domain")" ""
patch_status asks '{"status":{"conditions":[{"type":"example.com/gate","status":"True"}]}}'
wait_for 5 "ready" is_ready asks
wait_for 5 "and has its name" is "$(pod_ip asks)" resolve "web.default.svc.$domain"
patch_status asks '{"status":{"conditions":[{"type":"example.com/gate","status":"False"}]}}'
wait_for 5 "not ready" is 'False|ReadinessGatesNotReady|the status of pod readiness gate "example.com/gate" is not "True", but False' ready
expect "of which spec" "$(pod asks '.status.observedGeneration == .metadata.generation')" true

step "its events are a kubelet's"
expect "of the container" "$(told asks 'spec.containers{main}')" 'Pulled Container image "busybox:1.35" already present on machine
Created Created container: main
Started Started container main'

step "it ends by the signal that it asks for"
rm "$manifests/asks.yaml"
wait_for 20 "long before its grace is over" is_gone pod asks
expect "it got" "$(cat "$notes/end")" USR1

step "a full name that the kernel does not take is said"
long=$(printf 'x%.0s' $(seq 40))
put_manifest long.yaml <<END
apiVersion: v1
kind: Pod
metadata: {name: long}
spec: {subdomain: $long, setHostnameAsFQDN: true, containers: [{name: main, image: busybox:1.35, command: [sleep, "77"]}]}
END
refused() { told long '' | grep -q "FailedCreatePodSandBox .*FQDN long.$long.default.svc.$domain is too long (64 characters is the max, "; }
wait_for 20 "by an event" refused
rm "$manifests/long.yaml"

step "the domain has a name server"
expect "NS" "$(resolve "$domain" NS)" "ns.dns.$domain."
expect "its address" "$(resolve "ns.dns.$domain")" "$gateway"

step "pull secrets: those of the account; one that is missing is told of, and one that comes is used at once"
berth patch serviceaccount default -p '{"imagePullSecrets":[{"name":"regcred"}]}' >/dev/null
put_manifest private.yaml <<END
apiVersion: v1
kind: Pod
metadata: {name: private}
spec: {containers: [{name: main, image: "registry.invalid/none:1"}]}
END
waiting() { pod private '.status.containerStatuses[0].state.waiting.reason'; }
wait_for 30 "it cannot be pulled" is ErrImagePull waiting
expect "it has its account's" "$(pod private '.spec.imagePullSecrets | tojson')" '[{"name":"regcred"}]'
expect "one event says which is missing" "$(told private '' | grep FailedToRetrieve)" \
  'FailedToRetrieveImagePullSecret Unable to retrieve some image pull secrets (regcred); attempting to pull the image may not succeed.'
# It has just failed for the first time: 10 s would be its back-off.
put_manifest regcred.yaml <<END
apiVersion: v1
kind: Secret
metadata: {name: regcred}
type: kubernetes.io/dockerconfigjson
stringData: {.dockerconfigjson: '{"auths":{"registry.invalid":{"username":"u","password":"p"}}}'}
END
pulls() { berth get events -o json | jq '[.items[] | select(.involvedObject.name == "private" and .reason == "Pulling") | .count] | add'; }
twice() { [ "$(pulls)" -ge 2 ]; }
wait_for 6 "it is pulled again" twice
wait_for 20 "and waits longer" is ImagePullBackOff waiting
expect_match "with the reason" "$(pod private '.status.containerStatuses[0].state.waiting.message')" \
  '^Back-off pulling image "registry.invalid/none:1": ErrImagePull: '
touch "$manifests/private.yaml"
stays 2 "the file read again changes nothing" is '[{"name":"regcred"}]' pod private '.spec.imagePullSecrets | tojson'

step "what is no name of an image is said at once"
put_manifest bad.yaml <<END
apiVersion: v1
kind: Pod
metadata: {name: bad}
spec: {containers: [{name: main, image: "Busybox:1.35"}]}
END
wait_for 20 "its reason" is InvalidImageName pod bad '.status.containerStatuses[0].state.waiting.reason'
expect_match "an event says why" "$(told bad 'spec.containers{main}')" "^InspectFailed Failed to apply default image tag \"Busybox:1.35\": couldn't parse image reference"
