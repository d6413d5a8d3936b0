#!/bin/bash
# tests/e2e/35-network-policy.sh - network policies: closed, opened by label, namespace, port and block; before the first packet.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

server() { # NAME LABEL
  cat <<END
---
apiVersion: v1
kind: Pod
metadata: {name: $1, labels: {app: $2}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: busybox:1.35
    command: [sh, -c, "nc -ll -p 8081 -e cat & nc -ll -p 8080 -e cat"]
    ports: [{name: http, containerPort: 8080}]
END
}
client() { # NAME NAMESPACE LABEL
  cat <<END
---
apiVersion: v1
kind: Pod
metadata: {name: $1, namespace: $2, labels: {role: $3}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: busybox:1.35, command: [sleep, "1000"]}]
END
}
policy() { # NAME SPEC
  berth apply -f - >/dev/null <<<"{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: $1}, spec: $2}"
}
# Inside of the pods' network namespaces: what a process there can do, without a process there.
declare -A pids
in_pod() { # POD NAMESPACE CMD...
  local key=$1/$2
  [ -n "${pids[$key]:-}" ] || pids[$key]=$(container_pid "$1" "$2")
  shift 2
  nsenter -n -t "${pids[$key]}" "$@"
}
answers() { # POD NAMESPACE ADDRESS PORT
  [ "$(in_pod "$1" "$2" timeout 1 bash -c "exec 3<>/dev/tcp/$3/$4; echo ahoy >&3; head -n 1 <&3" 2>/dev/null)" = ahoy ]
}
opens() { wait_for 5 "$1 reaches port $4" answers "$1" "$2" "$3" "$4"; }
closes() { # within a second of the write
  local from=$1 ns=$2
  shift 2
  wait_for 2 "$from does not reach port $2" is_closed "$from" "$ns" "$@"
}
is_closed() { ! answers "$@"; }

step "everybody reaches everybody, and no table is there"
start_agent
berth apply -f - >/dev/null <<<"{apiVersion: v1, kind: Namespace, metadata: {name: blue}}"
{
  server web web
  client friend default friend
  client stranger default stranger
  client neighbour blue friend
  cat <<END
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
END
} | berth apply -f - >/dev/null
wait_ready 30 app=web 1
for each in friend stranger; do wait_for 20 "$each runs" is_running "$each"; done
wait_for 20 "neighbour runs" is_running neighbour blue
web=$(pod_ip web)
address=$(field service web .spec.clusterIP)
for each in friend stranger; do opens "$each" default "$web" 8080; done
opens neighbour blue "$web" 8080
opens stranger default "$address" 80
expect "no table" "$(nft list tables | grep -c policies || true)" 0

step "default deny: nobody but the host and the pod itself"
said=$(berth apply -f - 2>&1 <<<"{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: closed}, spec: {podSelector: {}}}")
expect "no warning" "$said" "networkpolicy.networking.k8s.io/closed serverside-applied"
closes stranger default "$web" 8080
closes stranger default "$address" 80
closes neighbour blue "$web" 8080
opens web default "$web" 8080
expect "the host" "$(timeout 2 bash -c "exec 3<>/dev/tcp/$web/8080; echo ahoy >&3; head -n 1 <&3")" ahoy
expect_match "berth get" "$(berth get netpol closed)" 'closed +<none>'

step "allowed by label, to a port by its name; through the service, too"
policy web '{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {role: friend}}}], ports: [{port: http}]}]}'
opens friend default "$web" 8080
opens friend default "$address" 80
closes friend default "$web" 8081
closes stranger default "$web" 8080
closes neighbour blue "$web" 8080

step "a label that a running pod gets opens, and closes when it goes"
berth label pod stranger role=friend --overwrite >/dev/null
opens stranger default "$web" 8080
berth label pod stranger role=stranger --overwrite >/dev/null
closes stranger default "$web" 8080

step "an open connection goes on when the policy closes; new ones do not begin"
coproc TALK { in_pod friend default bash -c "exec 3<>/dev/tcp/$web/8080; while read -r line; do echo \"\$line\" >&3; read -r -t 3 back <&3; echo \"\$back\"; done"; }
talk=$TALK_PID
exec 8<&"${TALK[0]}" 9>&"${TALK[1]}" # bash forgets its own as soon as it ends
echo before >&9
read -r -t 5 -u 8 line
expect "it is open" "$line" before
policy web '{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: blue}}}], ports: [{port: 8080, endPort: 8081}]}]}'
closes friend default "$web" 8080
echo after >&9
read -r -t 5 -u 8 line
expect "it still is" "$line" after
kill "$talk" 2>/dev/null || true
exec 8<&- 9>&-

step "by namespace, a range of ports"
opens neighbour blue "$web" 8080
opens neighbour blue "$web" 8081

step "by block, with an exception"
friend=$(pod_ip friend)
policy web "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 10.98.0.0/24, except: [$friend/32]}}]}]}"
opens stranger default "$web" 8080
closes friend default "$web" 8080

step "towards outside: nothing but names"
policy friends '{podSelector: {matchLabels: {role: stranger}}, policyTypes: [Egress]}'
closes stranger default "$web" 8080
expect "a name is answered" "$(in_pod stranger default dig +short +time=1 +tries=2 "@$gateway" "web.default.svc.$domain")" "$address"
policy friends "{podSelector: {matchLabels: {role: stranger}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: http}]}]}"
opens stranger default "$web" 8080
closes stranger default "$web" 8081
berth delete netpol friends >/dev/null

step "a pod that comes is closed before its first packet, whoever is quick"
# A server that tells all that ever connected; a client that does nothing but try, from its first instruction on.
berth apply -f - >/dev/null <<END
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: hasty}, spec: {podSelector: {matchLabels: {role: hasty}}, policyTypes: [Egress]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: open}, spec: {podSelector: {matchLabels: {app: ear}}, ingress: [{}]}}
---
apiVersion: v1
kind: Pod
metadata: {name: ear, labels: {app: ear}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: busybox:1.35, command: [nc, -ll, -p, "9000", -e, sh, -c, "echo heard >&2"]}]
END
wait_for 20 "the ear listens" is_ready ear
ear=$(pod_ip ear)
opens_ear() { in_pod friend default timeout 1 bash -c "exec 3<>/dev/tcp/$ear/9000"; }
wait_for 5 "a friend is heard" opens_ear
heard() { berth logs ear | grep -c heard || true; }
before=$(heard)
expect_match "and says so" "$before" '^[1-9]'
for i in 1 2 3; do
  berth apply -f - >/dev/null <<END
apiVersion: v1
kind: Pod
metadata: {name: hasty-$i, labels: {role: hasty}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: busybox:1.35, command: [sh, -c, "while :; do nc -w 1 $ear 9000 </dev/null; done"]}]
END
done
for i in 1 2 3; do wait_for 20 "hasty-$i runs" is_running "hasty-$i"; done
stays 1 "nobody is heard" is "$before" heard
berth delete pod hasty-1 hasty-2 hasty-3 >/dev/null

step "the agent is killed: what is closed stays closed, also when the next one comes"
stop_agent KILL
closes friend default "$web" 8080
start_agent
stays 1 "closed while the new agent begins" is_closed friend default "$web" 8080
opens stranger default "$web" 8080

step "another's address is no way in, nor is root in a container"
expect_match "nft is not for pods" "$(berth exec friend -- sh -c 'ip route del default 2>&1')" 'Operation not permitted'
stranger=$(pod_ip stranger)
arrived() { in_pod web default awk '$1 == "Udp:" && $4 ~ /^[0-9]+$/ { print $3 }' /proc/net/snmp; } # at a port where nobody listens
send_as() { # POD ADDRESS
  in_pod "$1" default python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('$2', 0))
s.sendto(b'x', ('$web', 514))"
}
before=$(arrived)
send_as stranger "$stranger"
wait_for 5 "a stranger's datagram arrives" is $((before + 1)) arrived
in_pod friend default ip address add "$stranger/32" dev lo
send_as friend "$stranger"
stays 1 "one in a stranger's name does not" is $((before + 1)) arrived
in_pod friend default ip address del "$stranger/32" dev lo

step "the last policy goes, and the tables with it"
berth delete netpol closed web hasty open >/dev/null
opens friend default "$web" 8081
gone() { ! nft list tables | grep -q policies; }
wait_for 5 "no table" gone
