#!/bin/bash
# tests/hosts/02-asked-elsewhere.sh - two hosts with certificates: logs, exec, cp, port-forward and top of the other one's pods; claims stay where they are.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
all=(ship-1 ship-2)
pod_on() { # NAME HOST
  cat <<END
apiVersion: v1
kind: Pod
metadata: {name: $1, labels: {app: $1}}
spec:
  nodeName: $2
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: "busybox:1.35"
      command: [sh, -c, "echo hello from $1; mkdir /www; echo $1 >/www/index.html; httpd -p 80 -h /www; exec sleep 1000000"]
END
}

step "two hosts, each with a certificate"
make_certified_hosts "${all[@]}"
expect "where ship-2's API is" "$(field ship-1 node ship-2 .status.daemonEndpoints.kubeletEndpoint.Port)" 6550
pod_on there ship-2 | berth ship-1 apply -f - >/dev/null
wait_for 30 "a pod on ship-2, by ship-1" is 1 ready_pods ship-1 app=there

step "what only ship-2 knows, asked of ship-1"
expect "logs" "$(berth ship-1 logs there)" "hello from there"
expect "exec" "$(berth ship-1 exec there -- hostname)" there
expect "exec, with input" "$(echo ahoy | berth ship-1 exec -i there -- cat)" ahoy
berth ship-1 exec there -- sh -c 'exit 7' >/dev/null 2>&1 && fail "exit codes are lost" || expect "its exit code" $? 7
head -c 3000000 /dev/urandom >"$BERTH_TEST_DIR/cargo"
berth ship-1 cp "$BERTH_TEST_DIR/cargo" there:/cargo >/dev/null
expect "cp, three megabytes" "$(berth ship-1 exec there -- sha256sum /cargo | cut -c1-64)" "$(sha256sum "$BERTH_TEST_DIR/cargo" | cut -c1-64)"
on ship-1 timeout 20 "$bin/berth" --socket /run/berth/berthd.sock port-forward there 8080:80 >"$output/forward.log" 2>&1 &
forward=$!
forwarded() { is there on ship-1 curl -s -m 2 http://127.0.0.1:8080/; }
wait_for 10 "port-forward" forwarded
kill "$forward" 2>/dev/null || true
measured() { berth ship-1 top pods | grep -q '^there '; }
wait_for 30 "top pods" measured
nodes_measured() { [ "$(berth ship-1 top nodes --no-headers | wc -l)" = 2 ]; }
wait_for 30 "top nodes" nodes_measured
on ship-1 timeout 20 "$bin/berth" --socket /run/berth/berthd.sock logs -f there >"$output/follow.log" 2>&1 &
follow=$!
wait_for 5 "logs -f" grep -q "hello from there" "$output/follow.log"

step "the agent there ends: who follows is told, who asks hears why"
kill_agent ship-2
ended() { ! kill -0 "$follow" 2>/dev/null; }
wait_for 10 "logs -f ends" ended
expect_match "why" "$(berth ship-1 logs there 2>&1 || true)" "pod there is on node ship-2.*192.0.2.12:6550.*refused"
start_agent ship-2 "$(endpoint ship-1)"
answers() { is "hello from there" berth ship-1 logs there; }
wait_for 30 "it answers again" answers

step "a claim's content is where its first pod was, and so is every later pod"
berth ship-2 apply -f - >/dev/null <<'END'
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: hold}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
END
keeper() { # NAME COMMAND
  cat <<END
apiVersion: v1
kind: Pod
metadata: {name: $1, labels: {app: $1}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: "busybox:1.35"
      command: [sh, -c, "$2; exec sleep 1000000"]
      volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: hold}}]
END
}
keeper first "echo cargo >/data/x" | berth ship-1 apply -f - >/dev/null
wait_for 30 "the first is ready" is 1 ready_pods ship-1 app=first
home=$(node_of ship-1 first)
berth ship-2 delete pod first >/dev/null
keeper second "cat /data/x" | berth ship-2 apply -f - >/dev/null
wait_for 30 "the second is ready" is 1 ready_pods ship-2 app=second
expect "where it is" "$(node_of ship-2 second)" "$home"
expect "what it finds" "$(berth ship-1 logs second)" cargo
elsewhere=ship-1; [ "$home" != ship-1 ] || elsewhere=ship-2
berth "$elsewhere" delete pod second >/dev/null
berth "$elsewhere" delete pvc hold >/dev/null
content() { [ "$(on "$home" find "$hosts/$home/state/volumes" -name x | wc -l)" = 0 ]; }
wait_for 20 "deleted on $elsewhere, its content is gone on $home" content
no_volumes() { [ "$(berth ship-1 get pv -o name | wc -l)" = 0 ]; }
wait_for 20 "and its volume" no_volumes

step "garbage, and ports of the host that anybody may try"
nobody=$(on ship-1 curl -s -k -m 3 -o /dev/null -w '%{http_code}' "https://$(address ship-2):6550/api/v1/namespaces/default/pods/there/log" || true)
expect_match "without a certificate, on the wire" "$nobody" "^(401|403)$"
host=(--cert "$pki/ship-1.crt" --key "$pki/ship-1.key" --cacert "$pki/ca.crt")
expect "a host may ask for logs" "$(on ship-1 curl -s -m 3 "${host[@]}" "https://$(address ship-2):6550/api/v1/namespaces/default/pods/there/log")" "hello from there"
expect "and not for secrets" "$(on ship-1 curl -s -m 3 "${host[@]}" -o /dev/null -w '%{http_code}' "https://$(address ship-2):6550/api/v1/secrets")" 403
