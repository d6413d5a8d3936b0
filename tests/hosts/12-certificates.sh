#!/bin/bash
# tests/hosts/12-certificates.sh - three hosts whose certificates end within minutes: each renews its own, nothing breaks, and a failure is said.
#
# Long: certificates of two minutes have to end.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
all=(ship-1 ship-2 ship-3)
first=()
ca=$BERTH_TEST_DIR/ca

certificate() { echo "$hosts/$1/cluster/host.crt"; } # HOST
ends() { openssl x509 -noout -enddate -in "$1"; }    # FILE
shown() {                                            # HOST PORT: the end of the certificate that is shown to a new connection
  on "$1" openssl s_client -connect "$(address "$1"):$2" -cert "$(certificate "$1")" -key "$hosts/$1/cluster/host.key" </dev/null 2>/dev/null |
    openssl x509 -noout -enddate
}
stamp() { date -u -d "@$1" +%y%m%d%H%M%SZ; }
# A certificate as the cluster's CA makes it, over the host's key, from BEGIN to END.
sign() { # HOST BEGIN END
  local key=$hosts/$1/cluster/host.key
  openssl req -new -key "$key" -subj "/O=berth:hosts/CN=$1" -out "$ca/$1.csr" \
    -addext "subjectAltName=IP:$(address "$1"),IP:127.0.0.1,DNS:localhost,DNS:$1"
  openssl ca -batch -notext -config "$ca/config" -in "$ca/$1.csr" -startdate "$(stamp "$2")" -enddate "$(stamp "$3")" -out "$ca/$1.crt" 2>"$ca/$1.log" ||
    fail "$(<"$ca/$1.log")"
  cat "$ca/$1.crt" "$ca/ca.crt" >"$(certificate "$1").new"
  mv "$(certificate "$1").new" "$(certificate "$1")"
}
make_ca() {
  mkdir -p "$ca"
  berth ship-1 get secret berth-ca -n kube-system -o 'jsonpath={.data.tls\.crt}' | base64 -d >"$ca/ca.crt"
  berth ship-1 get secret berth-ca -n kube-system -o 'jsonpath={.data.tls\.key}' | base64 -d >"$ca/ca.key"
  : >"$ca/index"
  echo 1000 >"$ca/serial"
  cat >"$ca/config" <<END
[ca]
default_ca = one
[one]
database = $ca/index
serial = $ca/serial
new_certs_dir = $ca
certificate = $ca/ca.crt
private_key = $ca/ca.key
default_md = sha256
policy = any
copy_extensions = copy
x509_extensions = host
unique_subject = no
[any]
organizationName = optional
commonName = supplied
[host]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth,clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
END
}
talk_pod() { # NAME HOST COMMAND
  berth ship-1 apply -f - >/dev/null <<END
apiVersion: v1
kind: Pod
metadata: {name: $1, labels: {app: talk}}
spec:
  nodeName: $2
  terminationGracePeriodSeconds: 1
  containers: [{name: main, image: "busybox:1.35", command: [sh, -c, '$3']}]
END
}
condition() { field ship-1 node "$1" ".status.conditions[?(@.type==\"CertificateProblem\")].reason"; } # HOST
restarts() { berth ship-1 get pods -o 'jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[0].restartCount}{"\n"}{end}' | sort; }
grown() { # FILE SIZE
  [ "$(stat -c %s "$1")" -gt "$2" ]
}

step "a cluster of three"
make_lone_hosts "${all[@]}"
invite --advertise "$(address ship-1)"
for name in ship-2 ship-3; do said "$name" join "${words[@]}" || fail "$name: $(<"$output/said")"; done
wait_for 30 "three nodes" is 3 ready_nodes ship-1
talk_pod server ship-2 "nc -ll -p 7000 -e sh -c \"while echo tick; do sleep 0.2; done\""
wait_for 60 "the server" is 1 ready_pods ship-1 app=talk
talk_pod client ship-3 "nc $(pod_ip ship-1 server) 7000; echo over; sleep 100000"
wait_for 60 "the client" is 2 ready_pods ship-1 app=talk

step "their certificates have nearly had their two thirds"
make_ca
signed_at=$(date +%s)
for name in ship-1 ship-2; do sign "$name" $((signed_at - 190)) $((signed_at + 110)); done
sign ship-3 $((signed_at - 350)) $((signed_at + 220))
# Where the file cannot be replaced.
on ship-3 mount --bind "$hosts/ship-3/cluster" "$hosts/ship-3/cluster"
on ship-3 mount -o remount,bind,ro "$hosts/ship-3/cluster"
for name in "${all[@]}"; do
  first[${name#ship-}]=$(ends "$(certificate "$name")")
  kill_agent "$name"
  begin_agent "$name"
done
for name in "${all[@]}"; do wait_for 60 "$name's agent" agent_answers "$name"; done
wait_for 30 "three nodes" is 3 ready_nodes ship-1
BERTH_CALL_SECONDS=600 berth ship-1 logs -f client >"$output/followed" 2>&1 &
following=$!
wait_for 20 "what the client hears, asked on another host" grown "$output/followed" 0
before=$(restarts)

step "each renews its own"
is_renewed() { [ "$(ends "$(certificate "$1")")" != "${first[${1#ship-}]}" ]; }
for name in ship-1 ship-2; do wait_for 60 "$name has a new one" is_renewed "$name"; done
for name in ship-1 ship-2; do
  expect_match "its journal" "$(grep -a 'renewed a certificate' "$output/$name-berthd.log")" "cluster/host.crt, until "
  expect "its key" "$(stat -c %a "$hosts/$name/cluster/host.key")" 600
  expect "the key is the one before" "$(openssl x509 -noout -pubkey -in "$(certificate "$name")")" "$(openssl pkey -pubout -in "$hosts/$name/cluster/host.key")"
  openssl verify -CAfile "$ca/ca.crt" "$(certificate "$name")" >/dev/null || fail "the new one of $name is not believed"
done

step "one that cannot says so, until it can"
wait_for 90 "ship-3 says it" is CertificateNotRenewed condition ship-3
expect_match "the sentence" "$(field ship-1 node ship-3 '.status.conditions[?(@.type=="CertificateProblem")].message')" "host.crt ends at .* and could not be renewed: .*[Rr]ead-only"
on ship-3 umount "$hosts/ship-3/cluster"
wait_for 70 "ship-3 has a new one" is_renewed ship-3
wait_for 60 "and is well" is "" condition ship-3

step "the old ones end, and all goes on"
is_over() { [ "$(date +%s)" -gt $((signed_at + 112)) ]; }
wait_for 120 "the old ones have ended" is_over
# Who uses them shows the new ones: the members of the etcd to clients and to each other, the API.
for port in 2379 2380 6550; do
  for name in ship-1 ship-2; do
    expect "$name:$port shows" "$(shown "$name" "$port")" "$(ends "$(certificate "$name")")"
  done
done
size=$(stat -c %s "$output/followed")
wait_for 10 "what was followed is followed on" grown "$output/followed" "$size"
kill -0 "$following" || fail "the stream has ended"
grep -q over "$output/followed" && fail "the pods' connection has ended"
expect "the pods" "$(restarts)" "$before"
# All connections are made anew: of members, of agents, between hosts.
for name in "${all[@]}"; do
  kill_etcd "$name"
  said "$name" init || fail "$name's etcd again: $(<"$output/said")"
  wait_for 30 "three members" is 3 voters ship-1
done
for name in "${all[@]}"; do
  berth "$name" annotate pod client "asked-of=$name" --overwrite >/dev/null || fail "$name does not write"
  expect "exec, by way of $name" "$(berth "$name" exec client -- echo yes)" yes
done
wait_for 30 "three nodes" is 3 ready_nodes ship-3
expect "the pods" "$(restarts)" "$before"
printf '\nAll of it in %s s.\n' "$SECONDS"
