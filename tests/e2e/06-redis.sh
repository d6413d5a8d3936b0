#!/bin/bash
# tests/e2e/06-redis.sh - examples/redis: a primary and two replicas by ordinal, real redis, data that stays.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
redis() { berth exec "$1" -- redis-cli "${@:2}"; }
link_up() { redis "$1" info replication | grep -q 'master_link_status:up'; }

step "the example as it is"
start_agent
put_manifest redis.yaml <"$root/examples/redis/redis.yaml"
wait_ready 40 app=redis 3
for n in 1 2; do wait_for 20 "redis-$n follows redis-0" link_up redis-$n; done
expect_match "SRV of a named port" "$(resolve _redis._tcp.redis.default.svc.$domain SRV)" "6379 redis-2.redis.default.svc.$domain."

step "written to the primary, read from the replicas by name"
# On one connection: what WAIT waits for are the writes of its own.
expect "set, and two replicas got it" "$(berth exec redis-0 -- sh -c 'printf "set ship berth\nwait 2 5000\n" | redis-cli')" $'OK\n2'
expect "redis-2.redis" "$(redis redis-1 -h redis-2.redis get ship)" berth

step "the primary is killed and comes back with its data, and the replicas with it"
kill -9 "$(container_pid redis-0)"
back() { [ "$(restarts redis-0)" = 1 ] && is_ready redis-0; }
wait_for 20 "redis-0 restarted" back
expect "its data" "$(redis redis-0 get ship)" berth
for n in 1 2; do wait_for 60 "redis-$n follows again" link_up redis-$n; done

step "the primary's pod is deleted: same name, same volume"
berth delete pod redis-0
wait_for 30 "redis-0 is back" is berth redis redis-0 get ship
redis redis-0 set ship moored
for n in 1 2; do wait_for 60 "redis-$n has the new value" is moored redis redis-$n get ship; done

step "behind one address: a Service that leads to the primary, at another port"
put_manifest primary.yaml <<'END'
apiVersion: v1
kind: Service
metadata: {name: redis-primary}
spec:
  selector: {statefulset.kubernetes.io/pod-name: redis-0}
  ports: [{port: 6380, targetPort: redis}]
END
primary() { redis redis-2 -h redis-primary -p 6380 "$@"; }
written() { [ "$(primary set ship "$1")" = OK ]; }
wait_for 20 "redis-2 writes through it" written anchored
expect_match "at an address of its own" "$(berth get svc redis-primary -o 'jsonpath={.spec.clusterIP}')" '^10\.96\.'
expect "what was written is the primary's" "$(redis redis-0 get ship)" anchored
berth delete pod redis-0
wait_for 30 "the new primary is reached at the same address" written "at sea"
expect "and has it" "$(redis redis-0 get ship)" "at sea"
