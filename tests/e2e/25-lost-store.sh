#!/bin/bash
# tests/e2e/25-lost-store.sh - a store that is missing, empty, damaged, newer or another host's takes no container and no name down.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

one_pod() { # NAME
  cat <<END
apiVersion: v1
kind: Pod
metadata: {name: $1, labels: {app: kept}}
spec:
  hostname: $1
  subdomain: kept
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox:1.35
    command: [sleep, "1000000"]
END
}
names() {
  for each in kept-0.kept kept-1.kept kept-2.kept kept; do echo "$each: $(resolve $each.default.svc.$domain)"; done
}
last_name() { names | tail -n 1; }
processes() { ctr -a "$BERTH_TEST_CONTAINERD" -n k8s.io tasks ls | awk '$3 == "RUNNING" { print $1, $2 }' | sort; }
edit_store() { # SQL...
  /usr/bin/python3 - "$state/berth.db" "$@" <<'END'
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
for statement in sys.argv[2:]:
    database.execute(statement)
database.commit()
END
}
host_status() { curl -s -m 5 --unix-socket "$socket" http://localhost/berth/v1/status; }
strangers() { host_status | jq -r '[.strangers[].name] | sort | join(" ")'; }

step "pods from the API, and one from a manifest"
start_agent
berth apply -f - >/dev/null <<'END'
apiVersion: v1
kind: Service
metadata: {name: kept}
spec: {clusterIP: None, selector: {app: kept}}
END
for name in kept-0 kept-1; do one_pod $name >"$BERTH_TEST_DIR/pod.yaml"; berth apply -f "$BERTH_TEST_DIR/pod.yaml" >/dev/null; done
one_pod kept-2 | put_manifest kept.yaml
wait_ready 20 app=kept 3
before=$(processes)
expect "processes" "$(wc -l <<<"$before")" 3
addresses=$(for each in kept-0 kept-1 kept-2; do pod_ip $each; done | sort | tr '\n' ' ' | sed 's/ $//')
wait_for 5 "names" is "kept: $addresses" last_name
named=$(names)
sleep 1.5 # The status of a pod is on disk within a second.
stop_agent KILL
edit_store "PRAGMA wal_checkpoint(TRUNCATE)" # So that the file alone is all of it.
mkdir "$BERTH_TEST_DIR/good"
cp -a "$state"/berth.db* "$BERTH_TEST_DIR/good/"
put_back() { rm -f "$state"/berth.db*; cp -a "$BERTH_TEST_DIR/good"/berth.db* "$state/"; }

both() { processes; names; }

# The agent starts on the store as it is, and whatever it thinks of it, nothing that runs is touched.
lives_on() { # STRANGERS
  start_agent
  wait_for 2 "the names answer" is "$named" names
  stays 2 "the processes, and the names" is "$before
$named" both
  expect "strangers" "$(strangers)" "$1"
  stop_agent KILL
  put_back
}
refuses() { # REGEX
  local code=0
  timeout 20 "$bin/berthd" --config "$config" >"$BERTH_TEST_DIR/refused" 2>&1 </dev/null || code=$?
  [ "$code" != 0 ] && [ "$code" != 124 ] || fail "berthd did not refuse: $code, $(cat "$BERTH_TEST_DIR/refused")"
  expect_match "says why" "$(cat "$BERTH_TEST_DIR/refused")" "$1"
  expect "the processes" "$(processes)" "$before"
  put_back
}

step "the store is gone"
rm -f "$state"/berth.db*
lives_on "kept-0 kept-1 kept-2"

step "the store is empty"
rm -f "$state"/berth.db-*
: >"$state/berth.db"
lives_on "kept-0 kept-1 kept-2"

step "the store is cut short"
rm -f "$state"/berth.db-*
truncate -s 9000 "$state/berth.db"
refuses "berth.db"

step "the store is no database"
rm -f "$state"/berth.db-*
head -c 20000 /dev/urandom >"$state/berth.db"
refuses "berth.db"

step "the store is of a newer version"
edit_store "PRAGMA user_version=99"
refuses "newer"

step "one row is no JSON, one is a pod without spec"
edit_store "UPDATE objects SET json='{\"apiVersion\":' WHERE name='kept-0' AND kind='Pod'" \
  "UPDATE objects SET json='{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"kept-1\",\"namespace\":\"default\"}}' WHERE name='kept-1' AND kind='Pod'"
start_agent
stays 2 "the processes" is "$before" processes
expect_match "the rows are named" "$(host_status | jq -c .store.problems)" "kept-0.*"
stop_agent KILL
put_back

step "gone again, and a person decides: one is adopted, one removed"
rm -f "$state"/berth.db*
start_agent
expect "strangers" "$(strangers)" "kept-0 kept-1 kept-2"
uid_of() { host_status | jq -r ".strangers[] | select(.name == \"$1\") | .uid"; }
adopted=$(uid_of kept-0) removed=$(uid_of kept-1)
listed=$(berth pods strangers)
for name in kept-0 kept-1 kept-2; do expect_match "$name is listed" "$listed" "$(uid_of $name) +default +$name +[a-z]"; done
expect_match "status names the command" "$(berth status || true)" "berth pods adopt $adopted"
expect "adopt says" "$(berth pods adopt default/kept-0)" "pod default/kept-0 ($adopted) adopted"
expect "what there is stays" "$(strangers)" "kept-1 kept-2"
! berth pods remove default/kept-0 2>"$BERTH_TEST_DIR/refused" || fail "removed a pod that has an object"
expect_match "an adopted pod is no stranger" "$(cat "$BERTH_TEST_DIR/refused")" "no pod without an object is called"
expect "remove says" "$(berth pods remove "$removed")" "pod default/kept-1 ($removed) removed"
gone() { ! grep -q "$removed" < <(processes); }
gone || fail "said to be removed, and still there"
expect "no order is left" "$(field node bed '.metadata.annotations // {} | keys | map(select(startswith("stranger"))) | join(" ")')" ""
wait_for 10 "the adopted one has its object" is_ready kept-0
expect "with its uid" "$(pod_uid kept-0)" "$adopted"
expect "and its process" "$(processes | grep "$adopted")" "$(grep "$adopted" <<<"$before")"
expect "names: the adopted one's, and not the removed one's" "$(names | head -n 3)" "$(sed '2s/:.*/: /' <<<"$named" | head -n 3)"
expect "left to decide" "$(strangers)" "kept-2"

step "an object of that name is in the way: adopting says so, and the stranger stays"
in_the_way() { [ "$(pod_uid kept-2)" != "" ]; } # its manifest is still there
wait_for 5 "there is an object" in_the_way
! berth pods adopt default/kept-2 2>"$BERTH_TEST_DIR/refused" || fail "adopted over an object"
expect_match "it says why" "$(cat "$BERTH_TEST_DIR/refused")" "kept-2.*not adopted: .*exist"
expect "left to decide" "$(strangers)" "kept-2"
expect "the new one waits" "$(pod kept-2 '.status.phase // "Pending"')" "Pending"

step "it is removed, and only then the new one of its name starts"
berth pods remove default/kept-2 >/dev/null
wait_for 15 "the new one runs" is_ready kept-2
expect "the strangers" "$(strangers)" ""
expect "said so" "$(berth pods strangers)" "No pods without an object."
