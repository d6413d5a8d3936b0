#!/bin/bash
# tests/e2e/28-backup.sh - a copy made under writes brings every object back, and no pod notices; what an operator looks at.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

processes() { ctr -a "$BERTH_TEST_CONTAINERD" -n k8s.io tasks ls | awk '$3 == "RUNNING" { print $1, $2 }' | sort; }
# What a person would miss: everything but what the agent tells anew by itself.
objects() {
  for kind in pods statefulsets configmaps secrets services persistentvolumeclaims persistentvolumes; do
    berth get $kind -A -o json | jq -cS '.items[] | [.kind, .metadata.namespace, .metadata.name, .metadata.uid, .spec, .data]'
  done | sort
}
copy=$BERTH_TEST_DIR/kept.db

step "a set with data, and somebody who writes all the time"
start_agent
stateful_set db 2 'volumeMounts: [{name: data, mountPath: /data}]' 'volumeClaimTemplates:
- metadata: {name: data}
  spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Mi}}}' >"$BERTH_TEST_DIR/db.yaml"
berth apply -f "$BERTH_TEST_DIR/db.yaml" >/dev/null
wait_ready 30 app=db 2
berth exec db-0 -- sh -c 'echo kept > /data/file'
api() { curl -sS --max-time 10 --unix-socket "$socket" "http://localhost$1" "${@:2}"; }
for i in $(seq 100); do echo "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m$i\"},\"data\":{\"x\":\"$(head -c 3000 /dev/zero | tr '\0' x)\"}}"; done |
  while read -r map; do api /api/v1/namespaces/default/configmaps -d "$map" -H 'Content-Type: application/json' >/dev/null; done
(while :; do
  api /api/v1/namespaces/default/configmaps/m1 -X PATCH -H 'Content-Type: application/merge-patch+json' -d "{\"data\":{\"n\":\"$RANDOM\"}}"
done) >/dev/null 2>&1 &
writer=$!

step "copies under writes are whole"
umask 022
for _ in 1 2 3 4 5; do expect_match "says so" "$(berth backup "$copy")" "kept.db: [0-9]+ bytes"; done
berth backup - | cat >"$BERTH_TEST_DIR/piped.db"
expect "a pipe gets the same" "$(head -c 15 "$BERTH_TEST_DIR/piped.db") $(stat -c %s "$BERTH_TEST_DIR/piped.db")" "SQLite format 3 $(stat -c %s "$copy")"
kill "$writer"; wait "$writer" 2>/dev/null || true
expect "mode" "$(stat -c %a "$copy")" 600
before_objects=$(objects)
berth backup "$copy" >/dev/null
before=$(processes)
! berth backup "$BERTH_TEST_DIR/none/x.db" 2>/dev/null || fail "wrote where nothing is"
expect "nothing is left of it" "$(find "$BERTH_TEST_DIR" -name '.kept.db*' | wc -l) $(find "$state" -name 'berth.db.sending*' | wc -l)" "0 0"

step "restore is refused while the agent runs"
! berth restore "$copy" --config "$config" 2>"$BERTH_TEST_DIR/refused" || fail "restored under a running agent"
expect_match "says why" "$(cat "$BERTH_TEST_DIR/refused")" "an agent answers at .* stop it first"

step "the store is lost; an object came after the copy"
berth run late --image=busybox:1.35 --command -- sleep 100000 >/dev/null
wait_for 20 "late runs" is_ready late
with_late=$(processes)
stop_agent KILL
rm -f "$state"/berth.db "$state"/berth.db-wal
head -c 1000 "$copy" >"$BERTH_TEST_DIR/half.db"
! berth restore "$BERTH_TEST_DIR/half.db" --config "$config" 2>/dev/null || fail "took half a copy"
expect_match "restore says what is there now" "$(berth restore "$copy" --config "$config")" "objects of node bed.*berth pods strangers"
expect "mode" "$(stat -c %a "$state/berth.db")" 600
start_agent
stays 2 "the processes" is "$with_late" processes
wait_ready 20 app=db 2
expect "the objects" "$(diff <(echo "$before_objects") <(objects) && echo same)" same
expect "the data" "$(berth exec db-0 -- cat /data/file)" kept
expect "what is not in the copy waits for a person" "$(berth pods strangers | awk 'NR > 1 { print $3 }')" late
berth pods remove default/late >/dev/null
expect "the others" "$(processes)" "$before"

step "health, for load balancers"
expect "ready" "$(api /readyz)" ok
expect_match "in parts" "$(api '/readyz?verbose')" "\[\+\]ping ok.*containerd ok.*store ok.*recovery ok.*sources ok.*readyz check passed"

step "a support bundle has no secret in it, whoever holds it"
planted=PLANTED-4711-of-the-story
cat >"$BERTH_TEST_DIR/secret.yaml" <<END
apiVersion: v1
kind: Secret
metadata:
  name: planted
  annotations: {kubectl.kubernetes.io/last-applied-configuration: "in $planted-annotation"}
stringData: {password: "$planted-secret"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: planted}
data: {file: "$planted-map"}
---
apiVersion: v1
kind: Pod
metadata: {name: planted, annotations: {anything: "$planted-note"}}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: busybox:1.35
    command: [sh, -c, "echo $planted-output; echo $planted-termination >/dev/termination-log; exit 3"]
    env:
    - {name: PLAIN, value: "$planted-env"}
    - {name: PASSWORD, valueFrom: {secretKeyRef: {name: planted, key: password}}}
END
berth apply -f "$BERTH_TEST_DIR/secret.yaml" >/dev/null
wait_for 20 "its pod has failed" is Failed pod planted .status.phase
echo "$planted-token,joe,1,view" >"$BERTH_TEST_DIR/tokens"
sed "s|^sources:|&\n  - {url: \"https://joe:$planted-url@host.example/x?key=$planted-query\", tokenFile: $BERTH_TEST_DIR/tokens}|" "$config" >"$BERTH_TEST_DIR/other.yaml"
bundle() { # NAME
  (cd "$BERTH_TEST_DIR" && BERTH_CALL_SECONDS=100 berth support-bundle --config other.yaml "$1.tar.gz") >/dev/null
  expect "mode" "$(stat -c %a "$BERTH_TEST_DIR/$1.tar.gz")" 600
  mkdir "$BERTH_TEST_DIR/$1"
  tar -xzf "$BERTH_TEST_DIR/$1.tar.gz" -C "$BERTH_TEST_DIR/$1" --strip-components=1
  expect "what was planted" "$(grep -rlE "$planted|$(base64 <<<"$planted" | cut -c1-20)" "$BERTH_TEST_DIR/$1")" ""
}
has() { for name in "${@:2}"; do [ -s "$BERTH_TEST_DIR/$1/$name" ] || fail "no $name in the bundle: $(ls -R "$BERTH_TEST_DIR/$1"; cat "$BERTH_TEST_DIR/$1/README.txt")"; done; }
bundle alive
has alive README.txt versions.txt status.txt status.json doctor.txt metrics.txt config/other.yaml objects/pods.jsonl objects/secrets.jsonl \
  containerd/tasks.txt mounts.txt cgroups.txt disk/state-dir.txt disk/run-dir.txt network/nft-tables.txt
expect "our firewall" "$(cat "$BERTH_TEST_DIR"/alive/network/nft-*-berth-berth0.txt | grep -c 'table ip berth-berth0')" 2
expect "the pod is there" "$(jq -r 'select(.metadata.name == "planted") | .spec.containers[0].env[0] | .name + .value' "$BERTH_TEST_DIR/alive/objects/pods.jsonl" | sed 's/[0-9]* bytes/N bytes/')" "PLAIN<left out: N bytes>"
stop_agent
bundle dead
has dead README.txt versions.txt doctor.txt config/other.yaml containerd/tasks.txt disk/records.jsonl disk/state-dir.txt
expect_match "it says what is missing" "$(cat "$BERTH_TEST_DIR/dead/README.txt")" "agent: it does not answer"
