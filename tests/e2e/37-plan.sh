#!/bin/bash
# tests/e2e/37-plan.sh - what `berth plan` says is what happens then, in that order; the plan itself changes nothing.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

revision() { curl -s --unix-socket "$socket" http://berth/api/v1/pods | jq -r .metadata.resourceVersion; }
# Pods as they are begun and stopped, in the words of the plan, from now on.
observe() { # FILE
  local from
  from=$(revision) # not in the background: it would be asked when something has happened already
  curl -sN --unix-socket "$socket" "http://berth/api/v1/namespaces/default/pods?watch=true&resourceVersion=$from" >"$1" &
  observer=$!
}
observed() { # FILE
  jq -r 'select(.type == "ADDED" or (.type == "MODIFIED" and .object.metadata.deletionTimestamp)) |
    if .type == "ADDED" then "start \(.object.metadata.name) (revision \(.object.metadata.labels["controller-revision-hash"]))"
    else "stop \(.object.metadata.name)" end' "$1" | awk '!seen[$0]++'
}
planned() { sed -nE 's/^ *[0-9]+\. ((start|stop) .*)$/\1/p' "$1"; } # FILE
as_planned() { # PLAN FILE
  [ "$(observed "$2")" = "$(planned "$1")" ]
}

step "a set that is not there yet"
start_agent
probe='readinessProbe: {exec: {command: [test, -d, /www]}, periodSeconds: 1}'
stateful_set db 3 "$probe" >"$BERTH_TEST_DIR/db.yaml"
before=$(revision)
berth plan "$BERTH_TEST_DIR/db.yaml" >"$BERTH_TEST_DIR/plan1"
cat "$BERTH_TEST_DIR/plan1"
expect "nothing was written" "$(revision)" "$before"
expect_match "what is made" "$(cat "$BERTH_TEST_DIR/plan1")" 'create +Service default/db.*create +StatefulSet default/db'
expect_match "its last step" "$(tail -n 1 "$BERTH_TEST_DIR/plan1")" '6\. wait until db-2 is Ready'
observe "$BERTH_TEST_DIR/seen1"
berth apply -f "$BERTH_TEST_DIR/db.yaml"
wait_ready 30 app=db 3
wait_for 5 "it came as it was told" as_planned "$BERTH_TEST_DIR/plan1" "$BERTH_TEST_DIR/seen1"
kill "$observer"

step "a rolling update from the first ordinal up"
sed -i 's/^metadata: {name: db}$/metadata: {name: db, annotations: {berth.io\/update-order: Ascending}}/; s/hostname >/echo two >/' "$BERTH_TEST_DIR/db.yaml"
berth plan "$BERTH_TEST_DIR/db.yaml" >"$BERTH_TEST_DIR/plan2"
cat "$BERTH_TEST_DIR/plan2"
expect "its first step" "$(planned "$BERTH_TEST_DIR/plan2" | head -n 1)" "stop db-0"
observe "$BERTH_TEST_DIR/seen2"
berth apply -f "$BERTH_TEST_DIR/db.yaml"
wait_for 45 "it went as it was told" as_planned "$BERTH_TEST_DIR/plan2" "$BERTH_TEST_DIR/seen2"
kill "$observer"
wait_ready 20 app=db 3
expect "nothing is left to do" "$(berth plan "$BERTH_TEST_DIR/db.yaml" | grep -c 'start\|stop' || true)" 0

step "what would be refused"
sed -i 's/serviceName: db/serviceName: other/' "$BERTH_TEST_DIR/db.yaml"
if text=$(berth plan "$BERTH_TEST_DIR/db.yaml" 2>&1); then fail "a plan that would be refused ended well"; fi
expect_match "it says so" "$text" 'StatefulSet default/db would be refused: .*updates to statefulset spec'
