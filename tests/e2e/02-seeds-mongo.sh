#!/bin/bash
# tests/e2e/02-seeds-mongo.sh - the MongoDB manifests of examples/ as they are: three members that find each other by name.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

step "the apps/v1beta1 manifests start three pods"
start_agent
put_manifest mongo.yaml <"$root/examples/mongo.yaml"
wait_ready 30 run=mongo 3 mongo
expect "pods" "$(pod_names run=mongo mongo)" "mongo-0 mongo-1 mongo-2"

step "the columns people know"
expect_match "berth get pods" "$(berth get pods -n mongo)" 'NAME +READY +STATUS +RESTARTS +AGE.*mongo-0 +1/1 +Running +0 '
expect_match "berth get sts" "$(berth get sts -n mongo)" 'mongo +3/3 '
expect_match "berth get svc" "$(berth get svc -n mongo)" 'mongo +ClusterIP +None +<none> +27017/TCP'
expect_match "berth get ns" "$(berth get ns)" 'mongo +Active'

step "names, asked from the host"
ip0=$(pod_ip mongo-0 mongo) ip1=$(pod_ip mongo-1 mongo) ip2=$(pod_ip mongo-2 mongo)
expect "full name" "$(resolve mongo-0.mongo.mongo.svc.$domain)" "$ip0"
expect "short name" "$(resolve mongo-0.mongo)" "$ip0"
expect "the service has three addresses" "$(resolve mongo.mongo.svc.$domain)" \
  "$(printf '%s\n' "$ip0" "$ip1" "$ip2" | sort | tr '\n' ' ' | sed 's/ $//')"
expect_match "reverse" "$(dig +short +time=1 @$gateway -x "$ip1")" "mongo-1.mongo.mongo.svc.$domain."
expect "no such member" "$(resolve mongo-7.mongo.mongo.svc.$domain)" ""

step "names, asked from inside"
for n in 0 1 2; do
  expect_match "mongo-0 finds mongo-$n.mongo" "$(berth exec -n mongo mongo-0 -- getent hosts mongo-$n.mongo)" "^$(pod_ip mongo-$n mongo) "
done
expect "its own hostname" "$(berth exec -n mongo mongo-0 -- bash -c hostname)" mongo-0
expect "mongo-1 talks to mongo-0.mongo:27017" "$(berth exec -n mongo mongo-1 -- nc mongo-0.mongo 27017 </dev/null)" mongo-0

step "the log"
log=$(berth logs -n mongo mongo-2)
expect_match "the server's lines" "$log" 'replSet: "rs0".*waiting for connections on port 27017'

step "the manifest's file goes, and so does what it made"
rm "$manifests/mongo.yaml"
wait_for 30 "the set is gone" is_gone statefulset mongo mongo
wait_for 30 "its pods are gone" is "" pod_names run=mongo mongo
wait_for 5 "and their names" is "" resolve mongo-0.mongo.mongo.svc.$domain
