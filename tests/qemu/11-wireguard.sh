#!/bin/bash
# tests/qemu/11-wireguard.sh - two hosts in network.mode wireguard on a kernel that has it: pods talk, and the wire shows nothing of it.
# Hosts: 2
# Long: two machines at once; tests/host has the same of vxlan and routes, and what is decided about keys.
# shellcheck source=hosts.sh
. "$(dirname "$0")/hosts.sh"

word=berth-plain-text-berth # never to be seen on the wire
# A pod on a host of its own: it serves $word and 4 MiB whose sum it says, and a stream that counts for ever.
server() { # NAME HOST
  cat <<END
apiVersion: v1
kind: Pod
metadata: {name: $1, labels: {app: $1}}
spec:
  nodeName: $2
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox:1.35
    command:
    - sh
    - -c
    - |
      mkdir /www; echo $word >/www/word; head -c 4194304 /dev/urandom >/www/blob; sha256sum </www/blob >/www/sum
      httpd -p 80 -h /www
      exec nc -ll -p 81 -e sh -c 'while sleep 0.2; do n=\$((n + 1)); echo \$n; done'
    readinessProbe: {tcpSocket: {port: 81}, periodSeconds: 2}
---
END
}
policy() { # the server on ship-2 is for the pod "a" alone
  cat <<END
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: only-a}
spec:
  podSelector: {matchLabels: {app: b}}
  ingress: [{from: [{podSelector: {matchLabels: {app: a}}}]}]
END
}
in_pod() { local host=$1 pod=$2; shift 2; berth "$host" exec "$pod" -- "$@"; } # HOST POD CMD...
fetch() { in_pod "$1" "$2" timeout 10 wget -q -O - "http://$3/$4"; }                 # HOST POD ADDRESS PATH
reaches() { is "$word" fetch "$1" "$2" "$3" word; }                           # HOST POD ADDRESS
whole() { # HOST POD ADDRESS: four megabytes arrive as they are
  expect "$2 has 4 MiB of $3 as they are" \
    "$(in_pod "$1" "$2" sh -c "timeout 60 wget -q -O - http://$3/blob | sha256sum")" "$(fetch "$1" "$2" "$3" sum)"
}
public_key() { on "$1" wg show berth0-wg public-key; }                                     # HOST
said_key() { field "$1" node "$2" '.metadata.annotations.berth\.io/wireguard-public-key'; } # ASKED HOST
peer_line() { on "$1" wg show berth0-wg dump | awk -F'\t' 'NR > 1 { print $1, $3, $4 }'; } # HOST: key endpoint block
on_the_wire() { "$(dirname "$0")/wire.py" "$trace" "$@"; }

step "two hosts, one cluster, mode wireguard"
for i in 1 2; do make_host "ship-$i" "$i"; done
for i in 1 2; do plug_in "ship-$i"; done
on ship-1 modinfo -F description wireguard
configure 'network: {mode: wireguard}'
form_cluster
for name in ship-1 ship-2; do wait_for 90 "the Node says the key of $name" is "$(public_key $name)" said_key ship-1 $name; done

step "each has the other as its only peer"
block_1=$(field ship-1 node ship-1 .spec.podCIDR)
block_2=$(field ship-1 node ship-2 .spec.podCIDR)
wait_for 90 "ship-1's" is "$(public_key ship-2) $(address ship-2):51820 $block_2" peer_line ship-1
wait_for 90 "ship-2's" is "$(public_key ship-1) $(address ship-1):51820 $block_1" peer_line ship-2
expect "mode of the private key's file" "$(on ship-1 stat -c '%a %U' /var/lib/berth/wireguard.key)" "600 root"
expect "no vxlan" "$(on ship-1 ip -o link show type vxlan)" ""

step "pods of both talk both ways, with their own addresses"
{ server a ship-1; server b ship-2; server c ship-1; } | berth ship-1 apply -f - >/dev/null
for pod in a b c; do wait_for 180 "$pod is ready" is True condition_of ship-1 $pod Ready; done
a=$(pod_ip ship-1 a) b=$(pod_ip ship-1 b)
wait_for 90 "a reaches b" reaches ship-1 a "$b"
wait_for 90 "b reaches a" reaches ship-2 b "$a"
wait_for 90 "a host reaches the other's pod" is "$word" on ship-1 bash -c "exec 3<>/dev/tcp/$b/80; printf 'GET /word HTTP/1.0\r\n\r\n' >&3; tail -n 1 <&3"

step "packets are as large as they can be, and whole"
mtu=$(on ship-1 cat /sys/class/net/wire0/mtu)
for at in "ship-1 berth0-wg" "ship-1 berth0" "ship-2 berth0-wg"; do
  read -r host link <<<"$at"
  expect "MTU of $link on $host" "$(on "$host" cat "/sys/class/net/$link/mtu")" $((mtu - 60))
done
expect "MTU in a pod" "$(in_pod ship-1 a cat /sys/class/net/eth0/mtu)" $((mtu - 60))
whole ship-1 a "$b"
whole ship-2 b "$a"

step "policies see the pods' addresses"
policy | berth ship-1 apply -f - >/dev/null
refused() { ! fetch "$@"; }
wait_for 90 "c does not reach b" refused ship-1 c "$b" word
wait_for 90 "a does" reaches ship-1 a "$b"
berth ship-1 delete networkpolicy only-a >/dev/null
wait_for 90 "c does again" reaches ship-1 c "$b"

step "an agent that is stopped, and comes back, disturbs no connection"
in_pod ship-1 a sh -c "nc $b 81 >/tmp/stream 2>&1 & echo \$! >/tmp/stream.pid"
counted() { in_pod ship-1 a sh -c 'tail -n 1 /tmp/stream'; }
counts() { [ "$(counted)" -gt "$1" ]; }
wait_for 90 "the stream runs" counts 2
before=$(peer_line ship-2)
for name in ship-1 ship-2; do
  at=$(counted)
  on $name systemctl stop berthd
  sleep 2
  on $name systemctl start berthd
  wait_for 120 "$name answers" agent_answers $name
  wait_for 90 "the stream goes on" counts $((at + 5))
done
expect "ship-2's peer" "$(peer_line ship-2)" "$before"
in_pod ship-1 a sh -c 'awk "NR != \$1 { exit 1 }" /tmp/stream' || fail "a number is missing in the stream"
in_pod ship-1 a sh -c 'kill $(cat /tmp/stream.pid)'

step "a new key: the pods run on, and are reached"
old=$(public_key ship-2)
uid=$(field ship-1 pod b .metadata.uid)
on ship-2 bash -c 'systemctl stop berthd; rm /var/lib/berth/wireguard.key; systemctl start berthd'
wait_for 120 "ship-2 answers" agent_answers ship-2
new=$(public_key ship-2)
[ "$new" != "$old" ] || fail "the key is the old one"
wait_for 90 "ship-1 has the new key, and no other" is "$new $(address ship-2):51820 $block_2" peer_line ship-1
wait_for 90 "a reaches b" reaches ship-1 a "$b"
wait_for 90 "b reaches a" reaches ship-2 b "$a"
expect "b is the same pod" "$(field ship-1 pod b .metadata.uid) $(field ship-1 pod b '.status.containerStatuses[0].restartCount')" "$uid 0"

step "a new address"
on ship-2 bash -c "sed -i 's|^Address=.*|Address=$wire.22/24|' /etc/systemd/network/05-wire.network; networkctl reload; networkctl reconfigure wire0"
BERTH_CALL_SECONDS=180 berth ship-2 cluster join --advertise "$wire.22" --member no >/dev/null
wait_for 120 "ship-1 leads to it" is "$new $wire.22:51820 $block_2" peer_line ship-1
wait_for 90 "a reaches b" reaches ship-1 a "$b"
wait_for 90 "b reaches a" reaches ship-2 b "$a"

step "its Node is deleted: it is no peer any more; its agent is back: it is one again"
on ship-2 systemctl stop berthd
berth ship-1 delete pod b --wait=false >/dev/null
berth ship-1 delete node ship-2 >/dev/null
wait_for 90 "no peer" is "" peer_line ship-1
on ship-2 systemctl start berthd
wait_for 120 "ship-2 answers" agent_answers ship-2
its_peer() { [[ $(peer_line ship-1) == "$new $wire.22:51820 10.98."* ]]; }
wait_for 120 "a peer again" its_peer
no_b() { ! berth ship-1 get pod b; }
wait_for 120 "the former b is gone" no_b
server b ship-2 | berth ship-1 apply -f - >/dev/null
wait_for 180 "b is ready" is True condition_of ship-1 b Ready
b=$(pod_ip ship-1 b)
wait_for 90 "a reaches b" reaches ship-1 a "$b"
whole ship-1 a "$b"

step "what was on the wire"
on ship-1 bash -c "echo $word-control >/dev/udp/$wire.22/9" # in the clear, by our own hand: the trace would show it
sleep 1
on_the_wire | sed 's/^/   /'
expect "packets of pods in the clear" "$(on_the_wire --net 10.98.0.0/16)" 0
expect "what pods said in the clear" "$(grep -aoE "$word(-control)?" "$trace" | sort -u)" "$word-control"
[ "$(on_the_wire --udp 51820)" -gt 5000 ] || fail "the tunnel was not used"
