#!/bin/bash
# tests/e2e/08-sources.sh - what happens to a manifest directory, and what must not happen to the pods because of it.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
solo() { # NAME [SLEEP]
  printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: %s, labels: {app: solo}}\nspec:\n  terminationGracePeriodSeconds: 1\n  containers:\n  - {name: main, image: "busybox:1.35", command: [sleep, "%s"]}\n' "$1" "${2:-100000}"
}
uids() { berth get pods -l app=solo -o json | jq -r '[.items[] | .metadata.name + "=" + .metadata.uid] | sort | join(" ")'; }
events_about() { berth get events -A -o json | jq -r '.items[].message' | grep -q "$1"; }
agent_said() { grep -q "$1" "$output/berthd.log"; }

step "files become pods"
rm "$manifests/.berth-confirm"
start_agent
for n in a b; do solo $n | put_manifest $n.yaml; done
wait_ready 20 app=solo 2
before=$(uids)

step "a file that does not parse changes nothing, and is reported"
printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: a\n  spec: [' | put_manifest a.yaml
told() { agent_said 'a.yaml' || events_about 'a.yaml'; }
wait_for 10 "the broken file is named" told
node_event() { berth get events -o json | jq -r '.items[] | select(.involvedObject.kind == "Node" and .reason == "ManifestError") | .message' | grep -q 'a.yaml:'; }
wait_for 10 "an event of the node says file and line" node_event
errors() { curl -sf --unix-socket "$socket" http://localhost/metrics | sed -n 's/^berth_manifest_errors{source="directory:.*"} //p'; }
expect "the metric" "$(errors)" 1
expect_match "the host's screen" "$(berth status || true)" 'manifest +[0-9]+s +/[^ ]*/a\.yaml:[0-9]+ '
stays 2 "both pods" is "$before" uids

step "a file that parses and makes no sense is reported with its field, and changes nothing"
solo a | sed 's/image: "busybox:1.35", //' | put_manifest a.yaml
wait_for 10 "the field is named" agent_said 'a.yaml.*spec.containers\[0\].image'
stays 1 "both pods" is "$before" uids
solo a | put_manifest a.yaml
stays 1 "the good file again: still the same pods" is "$before" uids
wait_for 5 "the metric is 0 again" is 0 errors

step "editors' leavings are not manifests"
for name in .c.yaml c.yaml~ .c.yaml.swp c.yaml.backup 'c.yaml.bak' '#c.yaml#'; do solo c >"$manifests/$name"; done
stays 2 "no third pod" is "$before" uids

step "the whole directory vanishes for a moment: nothing is deleted because it could not be read"
mv "$manifests" "$manifests.away"
stays 3 "both pods" is "$before" uids
stop_agent KILL
start_agent
stays 3 "both pods after a restart without the directory" is "$before" uids
mv "$manifests.away" "$manifests"
solo d | put_manifest d.yaml
wait_ready 20 app=solo 3
expect_match "the first two are the same" "$(uids)" "$before"

step "the directory's file system is not mounted yet: an empty directory in its place deletes nothing"
both=$(uids)
mv "$manifests" "$manifests.away"
mkdir "$manifests"
wait_for 10 "it says so" agent_said 'is its file system mounted'
stays 3 "all pods" is "$both" uids
stop_agent KILL
start_agent
stays 3 "all pods after a restart" is "$both" uids
rmdir "$manifests"
mv "$manifests.away" "$manifests"
stays 2 "all pods when it is mounted" is "$both" uids

step "a deleted file deletes its pod, and only that"
rm "$manifests/d.yaml"
wait_for 20 "d is gone" is_gone pod d
expect "the others" "$(uids)" "$before"

step "a file removed while the agent is down is noticed when it comes back"
stop_agent
rm "$manifests/b.yaml"
start_agent
wait_for 20 "b is gone" is_gone pod b
is_running a || fail "a is gone too"

step "scaled by hand, until the file changes"
stateful_set web 1 | put_manifest web.yaml
wait_ready 20 app=web 1
berth scale sts web --replicas=2
wait_ready 20 app=web 2
touch "$manifests/web.yaml"
stop_agent
start_agent
stays 2 "a touched file is not a changed file" is "web-0 web-1" pod_names app=web
stateful_set web 3 | put_manifest web.yaml
wait_ready 20 app=web 3

step "a broken thing stays one broken thing"
solo broken | sed 's/busybox:1.35/no-such-image:1/' | put_manifest broken.yaml
waiting() { [[ $(pod broken '.status.containerStatuses[0].state.waiting.reason') =~ ^(ErrImagePull|ImagePullBackOff)$ ]]; }
wait_for 20 "the pod says why" waiting
solo fine | put_manifest fine.yaml
wait_for 10 "another one starts meanwhile" is_ready fine

step "all files go at once: nothing is deleted until a person says that it is meant"
last=$(uids)
mkdir "$BERTH_TEST_DIR/kept"
mv "$manifests"/*.yaml "$BERTH_TEST_DIR/kept/"
wait_for 10 "it says so" agent_said 'vanished at once'
stays 3 "all pods" is "$last" uids
cp "$BERTH_TEST_DIR/kept/fine.yaml" "$manifests/"
stays 3 "all pods while a tool begins to put them back" is "$last" uids
rm "$manifests/fine.yaml"
stays 2 "all pods" is "$last" uids
touch "$manifests/.berth-confirm"
wait_for 30 "all pods are gone" is "" uids
