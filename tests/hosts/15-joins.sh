#!/bin/bash
# tests/hosts/15-joins.sh - who cannot join hears why in a sentence, nothing of the try stays, the etcd is unhurt; a hung containerd is said; a host that was installed anew joins under its old name.
#
# Long: an etcd that does not begin and a containerd that hangs have half a minute each.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
all=(ship-1 ship-2 ship-3)

learners() { cluster ship-1 status 2>&1 | grep -cE ' (learner|does not answer) ' || true; }
pki_of=$hosts/ship-1/cluster
etcdctl=(env ETCDCTL_API=3 etcdctl "--endpoints=https://$wire.11:2379" "--cacert=$pki_of/ca.crt" "--cert=$pki_of/host.crt" "--key=$pki_of/host.key")
with_quota() { # BYTES: ship-1's etcd begins anew
  sed -i "s/^quota-backend-bytes:.*/quota-backend-bytes: $1/" "$hosts/ship-1/etcd.yaml"
  kill_etcd ship-1
  on ship-1 etcd --config-file "$hosts/ship-1/etcd.yaml" >>"$output/ship-1-etcd.log" 2>&1 </dev/null &
  wait_for 30 "ship-1's etcd" on ship-1 "${etcdctl[@]}" get /
}
# Something else listens there, and goes again.
occupy() { # HOST ADDRESS PORT
  on "$1" /usr/bin/python3 -m http.server --bind "$2" "$3" >/dev/null 2>&1 </dev/null &
  wait_for 10 "somebody listens on $2:$3" on "$1" bash -c ": </dev/tcp/$2/$3"
}
leave_it() { on "$1" pkill -f "http.server --bind $2 $3"; } # HOST ADDRESS PORT
# Refused in one sentence, and all is as it was.
cannot_join() { # WHAT REGEX [FLAG...]
  local what=$1 regex=$2; shift 2
  said ship-2 join "${words[@]}" "$@" && fail "$what: it has joined"
  expect_match "$what" "$(<"$output/said")" "$regex"
  expect "it is one sentence" "$(grep -c . "$output/said")" 1
  expect "a member, no learner" "$(voters ship-1) $(learners)" "1 0"
  expect "ship-2 is alone still" "$(berth ship-2 get nodes --no-headers | wc -l)" 1
  [ ! -e "$hosts/ship-2/berthd.d/50-cluster.yaml" ] || fail "the drop-in stayed"
  expect "no etcd runs there" "$(on ship-2 pgrep -cx etcd || true)" 0
}

step "three hosts alone"
make_lone_hosts "${all[@]}"

step "init where its ports are taken: nothing is begun"
occupy ship-1 127.0.0.1 2379
said ship-1 init --advertise "$(address ship-1)" && fail "init with a taken port"
expect_match "a taken port" "$(<"$output/said")" "another process listens on 127.0.0.1:2379, where this host's member of the etcd would"
leave_it ship-1 127.0.0.1 2379
invite --advertise "$(address ship-1)"

step "join: taken ports, a small disk, a token that is over, an etcd that is full"
for port in 2380 6550; do
  occupy ship-2 "$(address ship-2)" $port
  cannot_join "port $port is taken" "another process listens on 192.0.2.12:$port"
  leave_it ship-2 "$(address ship-2)" $port
done
on ship-2 mount -o remount,size=100m "$hosts/ship-2/state"
cannot_join "a small disk" "[0-9]+ MiB are free where .*/state/etcd would be, and a member of the etcd needs 256"
on ship-2 mount -o remount,size=1g "$hosts/ship-2/state"
id=${words[1]%%.*}
berth ship-1 patch secret -n kube-system "bootstrap-token-$id" -p '{"stringData":{"expiration":"2020-01-01T00:00:00Z"}}' >/dev/null
cannot_join "a token that is over" "does not know the token, or the token is over"
invite
with_quota 1
on ship-1 "${etcdctl[@]}" put berth-test full >/dev/null 2>&1 && fail "the etcd takes writes"
cannot_join "an etcd that is full" "the etcd is full \(NOSPACE\)"
with_quota 2147483648
on ship-1 "${etcdctl[@]}" alarm disarm >/dev/null

step "an etcd that does not begin; meanwhile the containerd of ship-1, which has no pods, hangs"
on ship-1 pkill -STOP -x containerd
mkdir -p "$hosts/ship-2/broken"
printf '#!/bin/sh\nexit 1\n' >"$hosts/ship-2/broken/etcd"
chmod +x "$hosts/ship-2/broken/etcd"
path=$(on ship-2 printenv PATH)
on ship-2 env PATH="$hosts/ship-2/broken:$path" timeout 100 "$bin/berth" --socket /run/berth/berthd.sock cluster join "${words[@]}" \
  --config "$hosts/ship-2/berthd.yaml" >"$output/said" 2>&1 && fail "it has joined"
expect_match "it says where to look" "$(<"$output/said")" "the etcd of this host did not begin within 30 s, and is no member"
expect "a member, no learner" "$(voters ship-1) $(learners)" "1 0"
ready() { field ship-1 node ship-1 ".status.conditions[?(@.type==\"Ready\")].$1"; }
wait_for 30 "ship-1 is not ready" is False ready status
expect_match "the kubelet's words" "$(ready message)" "container runtime is down: containerd at .* has not answered for 30 s"
expect "its reason" "$(ready reason)" RuntimeNotReady
wait_for 10 "berth cluster status says it" status_says ship-1 "ship-1: .*container runtime is down"
expect "the journal says it once" "$(grep -c 'container runtime is down' "$output/ship-1-berthd.log")" 1
on ship-1 pkill -CONT -x containerd
wait_for 15 "it goes on" is True ready status
expect "the journal says that, too" "$(grep -c 'containerd is usable again' "$output/ship-1-berthd.log")" 1

step "after all that they join, and a set is over the three"
said ship-2 join "${words[@]}" || fail "ship-2: $(<"$output/said")"
said ship-3 join "${words[@]}" || fail "ship-3: $(<"$output/said")"
wait_for 30 "three nodes" is 3 ready_nodes ship-1
for name in ship-1 ship-2; do said "$name" join || fail "$name, anew: $(<"$output/said")"; done
beating_set web 3 | berth ship-1 apply -f - >/dev/null
wait_for 60 "three pods" is 3 ready_pods ship-1 app=web
before=$(berth ship-1 get pods -l app=web -o 'jsonpath={range .items[*]}{.metadata.uid} {.spec.nodeName}{"\n"}{end}' | sort)

step "ship-2 is installed anew: nothing of it is left but its name"
power_off ship-2
rm -rf "${hosts:?}/ship-2"
make_host ship-2 2 busybox
plug_in ship-2
start_alone ship-2
wait_for 60 "its agent" agent_answers ship-2
invite
said ship-2 join "${words[@]}" || fail "ship-2 under its old name: $(<"$output/said")"
wait_for 60 "three nodes" is 3 ready_nodes ship-1
expect "three members" "$(voters ship-1)" 3
wait_for 60 "three pods" is 3 ready_pods ship-1 app=web
expect "the same, where they were" "$(berth ship-1 get pods -l app=web -o 'jsonpath={range .items[*]}{.metadata.uid} {.spec.nodeName}{"\n"}{end}' | sort)" "$before"
for name in ship-1 ship-3; do said "$name" join || fail "$name, anew: $(<"$output/said")"; done
wait_for 30 "all is well" status_says ship-2 "^All is well"
