#!/bin/bash
# tests/e2e/17-cli.sh - every command of `berth` against a real agent: outputs and exit codes.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
code_of() { local code=0; "$@" >/dev/null 2>&1 || code=$?; echo $code; }
says() { "$@" 2>&1 || true; } # both streams, whatever the exit code
errors() { { "$@" >/dev/null; } 2>&1 || true; } # standard error only
# All that is wrong is shown, not only the first, and again at the end.
wrong=()
is_wrong() { # WHAT ACTUAL EXPECTED
  wrong+=("$(printf '   WRONG %s: %s\n   got:      %s\n   expected: %s' "$step_name" "$1" "$2" "$3")")
  printf '%s\n' "${wrong[-1]}"
}
expect() { # WHAT ACTUAL EXPECTED
  if [ "$2" = "$3" ]; then printf '   %s\n' "$1"; return; fi
  is_wrong "$@"
}
expect_match() { # WHAT ACTUAL REGEX
  if [[ $2 =~ $3 ]]; then printf '   %s\n' "$1"; return; fi
  is_wrong "$@"
}
work=$BERTH_TEST_DIR/cli
mkdir -p "$work"
cd "$work"
# `berth status` warns when less than a tenth of the state's disk is free: that of the machine that runs this may be full.
mount -t tmpfs -o size=256m,mode=711 tmpfs "$state"
start_agent

step "apply"
stateful_set web 2 '' 'updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 0}}' >web.yaml
mkdir -p more/below
cat >more/settings.yaml <<'END'
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: "1"}
END
sed 's/settings/deep/' more/settings.yaml >more/below/deep.yaml
expect "apply" "$(berth apply -f web.yaml)" $'service/web serverside-applied\nstatefulset.apps/web serverside-applied'
wait_ready 30 app=web 2
expect "apply again" "$(berth apply -f web.yaml | wc -l)" 2
expect "a folder" "$(berth apply -f more)" "configmap/settings serverside-applied"
expect "a folder and below" "$(berth apply -R -f more)" $'configmap/deep serverside-applied\nconfigmap/settings serverside-applied'
expect "standard input, another namespace" "$(printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n' | berth apply -f -)" "namespace/other serverside-applied"
expect "-n places it" "$(berth apply -n other -f more/settings.yaml && berth get cm settings -n other -o name)" $'configmap/settings serverside-applied\nconfigmap/settings'
expect "dry run on the server" "$(sed 's/settings/dry/' more/settings.yaml | berth apply --dry-run=server -f -)" "configmap/dry serverside-applied (server dry run)"
expect "dry run here" "$(sed 's/settings/dry/' more/settings.yaml | berth apply --dry-run=client -f -)" "configmap/dry serverside-applied (dry run)"
expect "neither stored it" "$(code_of berth get cm dry)" 1
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec:\n  ports: [{port: 70000}]\n' >bad.yaml
expect_match "file, line and object of a mistake" "$(errors berth apply -f bad.yaml)" 'bad\.yaml:[0-9]+: Service default/bad: spec\.ports\[0\]\.port'
expect "nothing was sent" "$(code_of berth apply -f bad.yaml) $(code_of berth get cm good)" "1 1"
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: lost, namespace: nowhere}\n' >half.yaml
expect_match "one refusal keeps nobody else" "$(says berth apply -f half.yaml)" 'configmap/good serverside-applied'
expect_match "and is said" "$(errors berth apply -f half.yaml)" 'Error from server \(NotFound\): namespaces "nowhere" not found'
expect "exit code" "$(code_of berth apply -f half.yaml)" 1
expect_match "no such file" "$(says berth apply -f nope.yaml)" 'error: the path "nope.yaml" does not exist'

step "apply --prune"
# one object each: kind and name; what it says does not matter here
one() { printf -- '---\napiVersion: v1\nkind: %s\nmetadata: {name: %s, labels: {app: pruned}}\n' "$1" "$2"; }
{ one ConfigMap first; one ConfigMap second; } >pair.yaml
one ConfigMap first >single.yaml
one ConfigMap bystander | berth apply --field-manager other -f - >/dev/null
expect "two" "$(berth apply -f pair.yaml -l app=pruned --prune)" $'configmap/first serverside-applied\nconfigmap/second serverside-applied'
expect "dry run" "$(berth apply -f single.yaml -l app=pruned --prune --dry-run=server)" $'configmap/first serverside-applied (server dry run)\nconfigmap/second pruned (server dry run)'
expect "what left the file goes" "$(berth apply -f single.yaml -l app=pruned --prune)" $'configmap/first serverside-applied\nconfigmap/second pruned'
expect "what another made stays" "$(berth get cm -l app=pruned -o name)" $'configmap/bystander\nconfigmap/first'
expect_match "never without a selector" "$(errors berth apply -f single.yaml --prune)" 'explicitly passing --all'
expect "only the kinds that are named" "$(berth apply -f pair.yaml >/dev/null; berth apply -f single.yaml -l app=pruned --prune --prune-allowlist=core/v1/Secret)" "configmap/first serverside-applied"
berth delete cm -l app=pruned >/dev/null
expect "a set" "$(berth apply -f pair.yaml --prune --applyset=fleet)" $'configmap/first serverside-applied\nconfigmap/second serverside-applied'
expect "its parent" "$(berth get secret fleet -o 'jsonpath={.metadata.annotations.applyset\.kubernetes\.io/contains-group-kinds}')" "ConfigMap"
one Secret third >other.yaml
expect "its members change kind" "$(berth apply -f other.yaml --prune --applyset=fleet)" $'secret/third serverside-applied\nconfigmap/first pruned\nconfigmap/second pruned'
expect "the parent follows" "$(berth get secret fleet -o 'jsonpath={.metadata.annotations.applyset\.kubernetes\.io/contains-group-kinds}')" "Secret"
expect_match "no other's" "$(errors berth apply -f other.yaml --prune --applyset=third)" 'already exists and is none'
berth delete secret third fleet >/dev/null

step "apply -f URL, -k"
python3 -m http.server -b 127.0.0.1 8765 >/dev/null 2>&1 &
web_server=$!
for _ in {1..50}; do (: </dev/tcp/127.0.0.1/8765) 2>/dev/null && break; sleep 0.1; done
expect "a URL" "$(berth apply -f http://127.0.0.1:8765/single.yaml)" "configmap/first serverside-applied"
expect_match "a URL that has nothing" "$(errors berth apply -f http://127.0.0.1:8765/nope.yaml)" 'read http://127.0.0.1:8765/nope.yaml: the server answered with status 404'
kill $web_server
mkdir -p bin custom
# Stands in for kustomize, which is no Debian package; the kubectl matrix builds one with the real thing.
printf '#!/bin/sh\necho "# a word" >&2\n[ "$1 $2" = "build custom" ] && cat single.yaml\n' >bin/kustomize
chmod +x bin/kustomize
expect "what kustomize builds" "$(PATH=$PWD/bin:$PATH berth apply -k custom 2>/dev/null)" "configmap/first serverside-applied"
expect_match "what it says is passed on" "$(PATH=$PWD/bin:$PATH errors berth apply -k custom)" '# a word'
expect_match "its failure" "$(PATH=$PWD/bin:$PATH errors berth apply -k nowhere)" 'kustomize build nowhere: exit code 1'
expect "deleted the same way" "$(PATH=$PWD/bin:$PATH berth delete -k custom 2>/dev/null)" 'configmap "first" deleted'

step "create, set image, expose"
expect "a Deployment" "$(berth create deployment shop --image=busybox:1.35 --replicas=1 --port 80 -- sh -c 'trap exit TERM; httpd -f -p 80 & wait')" "deployment.apps/shop created"
wait_ready 30 app=shop 1
expect "its service" "$(berth expose deploy shop --type NodePort)" "service/shop exposed"
expect "with the container's port" "$(berth get svc shop -o 'jsonpath={.spec.ports[0].targetPort} {.spec.type} {.spec.selector.app}')" "80 NodePort shop"
expect_match "what has no port" "$(errors berth expose sts web --name other --port=0)" 'is no port'
expect "another image" "$(berth set image deploy/shop busybox=busybox:1.36 --dry-run=server)" "deployment.apps/shop image updated (server dry run)"
expect "the same image is no change" "$(berth set image deploy/shop '*=busybox:1.35')" ""
expect_match "no such container" "$(errors berth set image deploy/shop nginx=nginx:1)" 'unable to find container named "nginx"'
expect "a CronJob" "$(berth create cronjob nightly --image busybox:1.35 --schedule '0 3 * * *' -- true)" "cronjob.batch/nightly created"
expect_match "a schedule that is none" "$(errors berth create cronjob never --image busybox:1.35 --schedule 'at night')" 'spec.schedule'
expect "only shown" "$(berth create deployment none --image a/b:1 --image a/b:2 --dry-run=client -o yaml | grep -c 'name: b')" 2
berth delete deploy/shop svc/shop cronjob/nightly >/dev/null
berth wait --for=delete pod -l app=shop --timeout=20s >/dev/null

step "get"
expect "names" "$(berth get sts,cm -o name)" $'statefulset.apps/web\nconfigmap/deep\nconfigmap/good\nconfigmap/settings'
expect_match "a table" "$(berth get pods)" '^NAME +READY +STATUS +RESTARTS +AGE
web-0 +1/1 +Running +0 +[0-9]+s
web-1 +1/1 +Running +0 +[0-9]+s$'
expect_match "several kinds" "$(berth get sts,po)" 'statefulset\.apps/web .*pod/web-0 '
expect_match "all" "$(berth get all)" 'pod/web-0 .*service/web .*statefulset\.apps/web '
expect_match "every namespace" "$(berth get cm -A)" '^NAMESPACE +NAME .*other +settings'
expect "jsonpath" "$(berth get pods -o 'jsonpath={range .items[*]}{.metadata.name}={.status.phase};{end}')" "web-0=Running;web-1=Running;"
expect "custom columns" "$(berth get pods -o custom-columns=N:.metadata.name,P:.status.phase)" $'N       P\nweb-0   Running\nweb-1   Running'
expect "sorted" "$(berth get cm --sort-by=.metadata.name --no-headers -o custom-columns=N:.metadata.name | tr '\n' ' ')" "deep good settings "
expect "sorted table" "$(berth get pods --sort-by='{.metadata.creationTimestamp}' --no-headers | awk '{print $1}' | tr '\n' ' ')" "web-0 web-1 "
expect_match "label column" "$(berth get pods -L app)" 'APP
web-0 .* web'
expect_match "labels" "$(berth get pods --show-labels)" 'LABELS.*app=web'
expect "selector" "$(berth get pods -l 'app in (web,x)' --field-selector metadata.name=web-1 -o name)" "pod/web-1"
expect "nothing found" "$(says berth get pods -n other)" "No resources found in other namespace."
expect "nothing found is no error" "$(code_of berth get pods -n other)" 0
expect "not found" "$(says berth get pod nope)" 'Error from server (NotFound): pods "nope" not found'
expect "its exit code" "$(code_of berth get pod nope)" 1
expect "ignored" "$(code_of berth get pod nope --ignore-not-found)" 0
expect_match "found and not found" "$(says berth get pod web-0 nope)" 'web-0 .*pods "nope" not found'
expect "unknown kind" "$(says berth get foo)" "error: the server doesn't have a resource type \"foo\""
expect "by file" "$(berth get -f web.yaml -o name)" $'service/web\nstatefulset.apps/web'
expect_match "yaml" "$(berth get cm settings -o yaml)" $'data:\n  a: "1"\nkind: ConfigMap'
berth get cm -w -o name >watch.txt & watcher=$!
wait_for 5 "the watch shows what is there" grep -q configmap/settings watch.txt
berth label cm settings seen=yes >/dev/null
seen_twice() { [ "$(grep -c configmap/settings watch.txt)" -ge 2 ]; }
wait_for 5 "and what changes" seen_twice
kill "$watcher"; wait "$watcher" 2>/dev/null || true
expect "a closed pipe ends a watch" "$(BERTH_CALL_SECONDS=8 berth get pods -w | head -n 1 | awk '{print $1}')" NAME

step "label, annotate, patch"
expect "label" "$(berth label cm settings tier=front)" "configmap/settings labeled"
expect "label again" "$(berth label cm settings tier=front)" "configmap/settings not labeled"
expect "another value" "$(says berth label cm settings tier=back)" "error: 'tier' already has a value (front), and --overwrite is false"
expect "overwritten" "$(berth label cm settings tier=back --overwrite)" "configmap/settings labeled"
expect "removed" "$(berth label cm settings tier- seen-)" "configmap/settings unlabeled"
expect "all" "$(berth label cm --all kept=yes | sort | tr '\n' ' ')" "configmap/deep labeled configmap/good labeled configmap/settings labeled "
expect "annotate" "$(berth annotate cm settings note=x && field cm settings .metadata.annotations.note)" $'configmap/settings annotated\nx'
expect "merge patch" "$(berth patch cm settings --type=merge -p '{"data":{"b":"2"}}' && field cm settings .data.b)" $'configmap/settings patched\n2'
expect "json patch" "$(berth patch cm settings --type=json -p '[{"op":"remove","path":"/data/b"}]')" "configmap/settings patched"
expect "strategic, in yaml" "$(berth patch cm settings -p 'data: {c: "3"}')" "configmap/settings patched"
expect "no change" "$(berth patch cm settings -p 'data: {c: "3"}')" "configmap/settings patched (no change)"

step "scale and rollout"
expect "scale" "$(berth scale sts/web --replicas=3)" "statefulset.apps/web scaled"
expect_match "rollout status" "$(BERTH_CALL_SECONDS=40 berth rollout status sts web --timeout=30s)" 'partitioned roll out complete: 3 new pods have been updated\.\.\.$'
expect "guard" "$(says berth scale sts web --replicas=2 --current-replicas=7)" "error: Expected replicas to be 7, was 3"
expect "scale down and wait" "$(berth scale sts web --replicas=2 --current-replicas=3 --timeout=20s)" "statefulset.apps/web scaled"
expect "restart" "$(berth rollout restart sts/web)" "statefulset.apps/web restarted"
expect_match "and its end" "$(BERTH_CALL_SECONDS=60 berth rollout status sts/web --timeout=50s)" 'partitioned roll out complete: 2 new pods'
expect "history" "$(berth rollout history sts/web)" $'statefulset.apps/web \nREVISION  CHANGE-CAUSE\n1         <none>\n2         <none>'
expect_match "one revision" "$(berth rollout history sts/web --revision=2)" 'statefulset.apps/web with revision #2
Pod Template:
  Labels: +app=web'
expect "undo" "$(berth rollout undo sts/web)" "statefulset.apps/web rolled back"
expect_match "undone" "$(BERTH_CALL_SECONDS=60 berth rollout status sts/web --timeout=50s)" 'partitioned roll out complete: 2 new pods'
expect "undo to what is there" "$(berth rollout undo sts/web --to-revision=3)" "statefulset.apps/web skipped rollback (current template already matches revision 3)"
expect "no such revision" "$(says berth rollout undo sts/web --to-revision=9)" "error: unable to find specified revision 9 in history"
expect "not a set" "$(says berth rollout status pod/web-0)" "error: no status viewer has been implemented for Pod"

step "wait"
expect "a condition" "$(berth wait --for=condition=Ready pod/web-0 pod/web-1)" $'pod/web-0 condition met\npod/web-1 condition met'
expect "a field" "$(berth wait --for='jsonpath={.status.phase}=Running' pod -l app=web --timeout=5s | wc -l)" 2
expect "too late" "$(says berth wait --for=condition=Nope pod/web-0 --timeout=200ms)" "error: timed out waiting for the condition on pods/web-0"
expect "exit code" "$(code_of berth wait --for=condition=Nope pod/web-0 --timeout=100ms)" 1
expect "nothing to wait for" "$(says berth wait --for=condition=Ready pod -l app=nope)" "error: no matching resources found"
berth wait --for=delete pod/web-1 --timeout=15s >gone.txt & waiter=$!
uid=$(pod_uid web-1)
expect "delete" "$(berth delete pod web-1)" 'pod "web-1" deleted'
wait "$waiter"
expect "delete was seen" "$(cat gone.txt)" "pod/web-1 condition met"
wait_ready 20 app=web 2
[ "$(pod_uid web-1)" != "$uid" ] || fail "web-1 is the same pod"

step "logs"
cat >talk.yaml <<'END'
apiVersion: v1
kind: Pod
metadata: {name: talk, labels: {app: talk}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: one, image: "busybox:1.35", command: [sh, -c, "echo one-a; echo one-b; trap 'exit 0' TERM; sleep 1000 & wait"]}
  - {name: two, image: "busybox:1.35", command: [sh, -c, "echo two-a; trap 'exit 0' TERM; sleep 1000 & wait"]}
END
berth apply -f talk.yaml >/dev/null
berth wait --for=condition=Ready pod/talk >/dev/null
has_lines() { [ "$(berth logs talk --all-containers 2>/dev/null | sort | tr '\n' ' ')" = "one-a one-b two-a " ]; }
wait_for 10 "their lines are stored" has_lines
expect "the default container is said" "$(says berth logs talk)" $'Defaulted container "one" out of: one, two\none-a\none-b'
expect "tail" "$(berth logs talk -c one --tail=1)" one-b
expect "all containers" "$(berth logs talk --all-containers --prefix | sort)" $'[pod/talk/one] one-a\n[pod/talk/one] one-b\n[pod/talk/two] two-a'
expect "by selector" "$(berth logs -l app=talk -c two)" two-a
expect_match "timestamps" "$(berth logs talk -c two --timestamps)" '^20[0-9-]+T[0-9:.]+Z two-a$'
expect "since" "$(berth logs talk -c two --since=1h)" two-a
expect "since a time to come" "$(berth logs talk -c two --since-time=2099-01-01T00:00:00Z)" ""
expect_match "of a workload" "$(says berth logs sts/web)" '^Found 2 pods, using pod/web-0'
berth logs -f -l app=talk --prefix --all-containers >follow.txt 2>&1 & follower=$!
follows_both() { grep -q one-b follow.txt && grep -q two-a follow.txt; }
wait_for 5 "both are followed" follows_both
berth delete pod talk --now >/dev/null
not_following() { ! kill -0 "$follower"; }
wait_for 10 "following ends with the containers" not_following
wait "$follower" 2>/dev/null || true

step "exec"
expect "exit code" "$(code_of berth exec web-0 -- sh -c 'exit 7')" 7
expect "brackets" "$(code_of berth exec web-0 -- sh -c '[ -f /nothing ]')" 1
expect "by set" "$(berth exec sts/web -- hostname)" web-0
expect "without dashes" "$(says berth exec web-0 ls)" "error: exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead"
expect "end of input" "$(printf 'a\nb\n' | berth exec -i web-0 -- wc -l | tr -d ' ')" 2
terminal=$(script -qec "stty -g >before; $bin/berth --socket $socket exec -it web-0 -- sh -c 'stty size; exit 5'; echo code=\$?; stty -g >after" /dev/null </dev/null || true)
expect_match "terminal" "$terminal" 'code=5'
expect "the terminal is as before" "$(cat after)" "$(cat before)"

step "cp"
mkdir -p tree/deep
head -c 300000 /dev/urandom >tree/deep/blob
echo hello >tree/a.txt
ln -sf a.txt tree/link
berth exec web-0 -- mkdir -p /tmp
berth cp tree web-0:/tmp/tree
expect "uploaded" "$(berth exec web-0 -- sha256sum /tmp/tree/deep/blob | cut -d' ' -f1)" "$(sha256sum <tree/deep/blob | cut -d' ' -f1)"
berth cp tree/a.txt web-0:/tmp
expect "into a folder" "$(berth exec web-0 -- cat /tmp/a.txt)" hello
expect_match "links are left out" "$(says berth cp web-0:/tmp/tree back)" 'warning: skipping symlink'
expect "downloaded" "$(sha256sum <back/deep/blob)" "$(sha256sum <tree/deep/blob)"
berth cp default/web-0:/tmp/a.txt renamed.txt 2>/dev/null
expect "one file" "$(cat renamed.txt)" hello
expect "no such file" "$(code_of berth cp web-0:/nothing here)" 1
expect "two places" "$(says berth cp web-0:/a web-1:/b)" "error: one of src or dest must be a local file specification"

step "port-forward"
berth exec web-0 -- sh -c 'echo moored > /www/x' >/dev/null
BERTH_CALL_SECONDS=60 berth port-forward svc/web 18080:80 >forward.txt 2>&1 & forwarder=$!
wait_for 5 "it listens" grep -q 'Forwarding from 127.0.0.1:18080 -> 80' forward.txt
expect "through it" "$(curl -s --max-time 5 http://127.0.0.1:18080/x)" moored
fetchers=()
for n in 1 2 3 4 5; do curl -s --max-time 10 http://127.0.0.1:18080/x >"answer.$n" & fetchers+=($!); done
for fetcher in "${fetchers[@]}"; do wait "$fetcher" || true; done
expect "several at once" "$(cat answer.? | grep -c moored || true)" 5
kill "$forwarder"; wait "$forwarder" 2>/dev/null || true
expect_match "no such pod" "$(says berth port-forward nope 1:1)" 'pods "nope" not found'

step "run and attach"
expect "run" "$(berth run once --image=busybox:1.35 --restart=Never -- sh -c 'exit 4')" "pod/once created"
ended() { [ "$(pod once .status.phase)" = Failed ]; }
wait_for 15 "it ran" ended
expect "attached, removed, its exit code" "$(echo sea | berth run -i --rm ship --image=busybox:1.35 --restart=Never -q -- sh -c 'cat; exit 3' 2>/dev/null; echo $?)" $'sea\n3'
wait_for 10 "removed" is_gone pod ship # as with kubectl nobody waits for its end
expect "dry run" "$(berth run dry --image=x --dry-run=client -o yaml | grep -c 'image: x')" 1
expect "rm needs attaching" "$(says berth run x --image=x --rm)" "error: --rm should only be used for attached containers"

step "describe, events"
expect_match "a pod" "$(berth describe pod web-0)" '^Name: +web-0
Namespace: +default'
expect_match "by its beginning" "$(berth describe pod web)" 'Name: +web-0.*Name: +web-1'
expect_match "a set" "$(berth describe sts web)" 'Pods Status: +2 Running / 0 Waiting / 0 Succeeded / 0 Failed'
expect_match "a node" "$(berth describe node bed)" 'Non-terminated Pods:'
expect "not found" "$(says berth describe pod nope)" 'Error from server (NotFound): pods "nope" not found'
expect_match "events" "$(berth events --for pod/web-0)" '^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE
.* Pod/web-0 '
expect "by type" "$(berth events --for pod/web-0 --types=Warning --no-headers 2>/dev/null | grep -c ' Normal ')" 0
expect "none" "$(says berth events -n other)" "No events found in other namespace."

step "top"
expect_match "nodes" "$(berth top node)" '^NAME +CPU\(cores\) +CPU\(%\) +MEMORY\(bytes\) +MEMORY\(%\) *
bed +[0-9]+m +[0-9]+% +[0-9]+Mi +[0-9]+%'
expect_match "pods" "$(berth top pods)" '^NAME +CPU\(cores\) +MEMORY\(bytes\) *
.*web-0 +[0-9]+m +[0-9]+Mi'
expect_match "containers" "$(berth top pod web-0 --containers)" '^POD +NAME +CPU\(cores\).*
web-0 +main '

step "cordon, drain"
berth run lone --image=busybox:1.35 -- sh -c 'trap "exit 0" TERM; sleep 1000 & wait' >/dev/null
berth wait --for=condition=Ready pod/lone >/dev/null
expect "cordon" "$(berth cordon bed)" "node/bed cordoned"
expect "again" "$(berth cordon bed)" "node/bed already cordoned"
expect_match "what forbids a drain" "$(says berth drain bed)" 'unable to drain node "bed" due to error: cannot delete Pods that declare no controller \(use --force to override\): default/lone'
expect "its exit code" "$(code_of berth drain bed)" 1
expect_match "drain" "$(BERTH_CALL_SECONDS=40 berth drain bed --force --ignore-daemonsets --delete-emptydir-data --timeout=30s)" 'evicting pod default/web-0
.*pod/web-0 evicted
.*node/bed drained$'
expect "uncordon" "$(berth uncordon bed)" "node/bed uncordoned"
wait_ready 30 app=web 2

step "delete"
expect "dry run" "$(berth delete cm good --dry-run=client)" 'configmap "good" deleted (dry run)'
expect "dry run on the server" "$(berth delete cm good --dry-run=server)" 'configmap "good" deleted (server dry run)'
expect "by label" "$(berth delete cm -l kept=yes | sort)" $'configmap "deep" deleted\nconfigmap "good" deleted\nconfigmap "settings" deleted'
expect "by label, nothing" "$(berth delete cm -l kept=yes)" "No resources found"
expect "not found" "$(says berth delete cm good)" 'Error from server (NotFound): configmaps "good" not found'
expect "ignored" "$(says berth delete cm good --ignore-not-found)" ""
expect "no name" "$(says berth delete cm)" "error: resource(s) were provided, but no name was specified"
berth run brief --image=busybox:1.35 -- sleep 1000 >/dev/null
expect_match "by force" "$(says berth delete pod brief --force)" '^Warning: Immediate deletion.*pod "brief" force deleted$'
expect "orphans stay" "$(berth delete sts web --cascade=orphan && pod_names app=web)" $'statefulset.apps "web" deleted\nweb-0 web-1'
expect "by file" "$(berth delete -f web.yaml --ignore-not-found)" 'service "web" deleted'
expect "all" "$(berth delete pods --all --now | sort)" $'pod "web-0" deleted\npod "web-1" deleted'
expect "they are gone when it returns" "$(says berth get pods)" "No resources found in default namespace."

step "the host on one screen"
expect "a host that is well" "$(code_of berth status)" 0
expect_match "its screen" "$(berth status)" '^Agent +berth .* on bed, up .*containerd +[0-9.]+.* at .*Store +.*Disk +.*Source +directory:.*: 0 files, 0 objects, read .*Pods +0: 0 ready.*All is well\.$'
printf 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers: []\n' | put_manifest bad.yaml
not_well() { [ "$(code_of berth status)" = 1 ]; }
wait_for 10 "a bad manifest is not well" not_well
expect_match "it names file, line and field" "$(says berth status)" 'Not well:
manifest +[0-9]+s +/[^ ]*/bad\.yaml:[0-9]+ .*spec\.containers'
rm "$manifests/bad.yaml"
berth run broken --image=no-such-image:1 >/dev/null
image_missing() { says berth status | grep -qE '^pod +.* default/broken +broken: (ErrImagePull|ImagePullBackOff): '; }
wait_for 20 "a pod that is not well says why" image_missing
berth delete pod broken --now >/dev/null
wait_for 10 "well again" is 0 code_of berth status
expect_match "doctor looks where the configuration says" "$(says berth doctor --config "$config")" "containerd answers at $BERTH_TEST_CONTAINERD"
expect_match "and asks the agent" "$(says berth doctor --config "$config")" "the agent answers at $socket"
printf 'stateDir: [\n' >"$work/wrong.yaml"
expect_match "a wrong configuration" "$(says berth doctor --config "$work/wrong.yaml")" 'FAIL +configuration: .*wrong\.yaml'

step "the command itself"
expect "version" "$(berth version | cut -d: -f1 | tr '\n' ' ')" "Client Version Server Version "
expect_match "api-resources" "$(berth api-resources)" '^NAME +SHORTNAMES +APIVERSION +NAMESPACED +KIND
.*statefulsets +sts +apps/v1 +true +StatefulSet'
expect "a wrong word" "$(says berth gte)" $'error: unknown command "gte" for "berth"\n\nDid you mean this?\n\tget'
expect "a wrong flag" "$(says berth get --nope)" $'error: unknown flag: --nope\nSee \'berth get --help\' for usage.'
expect "exit codes" "$(code_of berth gte) $(code_of berth get --nope) $(code_of berth) $(code_of berth get --help)" "1 1 0 0"
expect_match "no agent" "$(says "$bin/berth" --socket /nowhere get pods)" '^error: the connection to the agent at /nowhere was refused - is berthd running\?$'
expect "completion of commands" "$("$bin/berth" __complete rol)" rollout
expect "of names" "$("$bin/berth" __complete --socket "$socket" get node "")" bed
expect "of flags" "$("$bin/berth" __complete get --no-h)" --no-headers
bash -n <("$bin/berth" completion bash) || fail "the completion script is no bash"

[ ${#wrong[@]} = 0 ] || fail "${#wrong[@]} answers are wrong"$'\n'"$(printf '%s\n' "${wrong[@]}")"
