#!/bin/bash
# tests/ui/dashboard.sh - `berth dashboard` of a real agent in a real browser, and what its port does not show.
# shellcheck source=../e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
here=$root/tests/ui
said=$output/dashboard.txt
# What of the page's files the agent has open or mapped.
held() { { cat "/proc/$agent_pid/maps"; ls -l "/proc/$agent_pid/fd"; } | grep -cE 'berth-ui|share/berth/ui|api/ui/page' || true; }
code() { curl -s -o /dev/null -m 10 -w '%{http_code}' "$@"; }

step "a set with volumes, and a pod that crashes and says hostile things"
put_manifest db.yaml < <(stateful_set db 3 'volumeMounts: [{name: data, mountPath: /data}]' \
  'volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 16Mi}}}}]')
put_manifest mean.yaml <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: mean, annotations: {note: "<img src=x onerror=window.hit=1>"}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox:1.35
    command: [sh, -c, "echo '<img src=x onerror=window.hit=1>' | tee /dev/termination-log; exit 3"]
YAML
start_agent
expect "files of the page in memory" "$(held)" 0
wait_ready 60 app=db 3

step "the port shows the page to who has the key"
"$bin/berth" --socket "$socket" dashboard >"$said" 2>&1 &
dashboard_pid=$!
wait_for 10 "the address is printed" grep -q 'http://127.0.0.1:[0-9]*/?key=' "$said"
address=$(grep -o 'http://127.0.0.1:[^ ]*' "$said")
origin=${address%%/\?*}
port=${origin##*:}
jar=$BERTH_TEST_DIR/cookies
expect "without the key" "$(code "$origin/ui/")" 401
expect "with another" "$(code "$origin/?key=0")" 401
expect "with it" "$(code -c "$jar" "$address")" 200
expect_match "the cookie is for this page only" "$(curl -s -m 10 -D - -o /dev/null "$address")" 'Set-Cookie: [^=]+=[^;]+; Path=/; HttpOnly; SameSite=Strict'
expect "then the page" "$(code -b "$jar" "$origin/ui/")" 200
expect "and the pods" "$(curl -s -m 10 -b "$jar" "$origin/api/v1/pods" | jq '.items | length')" 4
expect "secrets" "$(code -b "$jar" "$origin/api/v1/secrets")" 404
expect "secrets by a way round" "$(code --path-as-is -b "$jar" "$origin/ui/../api/v1/secrets")" 404
expect "a write" "$(code -b "$jar" -X POST -d '{}' "$origin/api/v1/pods")" 405
expect "a deletion" "$(code -b "$jar" -X DELETE "$origin/api/v1/namespaces/default/pods/db-0")" 405
expect "a stream" "$(code -b "$jar" -H 'Connection: Upgrade' -H 'Upgrade: websocket' "$origin/api/v1/pods")" 405
expect "a name that leads here" "$(code -b "$jar" -H "Host: evil.example:$port" "$origin/ui/")" 421
expect "a page of another site" "$(code -b "$jar" -H 'Sec-Fetch-Site: cross-site' "$origin/api/v1/pods")" 403
expect "HEAD" "$(curl -s -m 10 -I -b "$jar" "$origin/ui/page.js" | grep -c '^Content-Length: [1-9]')" 1
tag=$(curl -s -m 10 -I -b "$jar" "$origin/ui/page.js" | tr -d '\r' | sed -n 's/^ETag: //p')
expect "what the browser has" "$(code -b "$jar" -H "If-None-Match: $tag" "$origin/ui/page.js")" 304

step "in the browser"
/usr/bin/python3 "$here/dashboard.py" "$address" "$bin/berth" "$socket" "$(container_pid db-1)"

step "afterwards"
expect "files of the page in memory" "$(held)" 0
kill -INT $dashboard_pid
wait_for 5 "Ctrl-C ends it" eval "! kill -0 $dashboard_pid"
stop_agent
code=0
berth dashboard >/dev/null 2>&1 || code=$?
expect "without an agent it ends" "$code" 1
