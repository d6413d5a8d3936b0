#!/bin/bash
# tests/hosts/lib.sh - words for the stories of many hosts: beds within a bed, on one wire, with an etcd of their own.
#
# Sourced by every story of tests/hosts, which tests/bed/run --bare starts (scripts/test hosts). Each host is a bed: a network,
# mounts, processes, cgroups, a containerd and a registry of its own, and an address on a wire that all of them share.
set -euo pipefail
: "${BERTH_TEST_DIR:?run this with tests/bed/run --bare}"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${BERTH_BIN:-$root/build/release/bin}
hosts=$BERTH_TEST_DIR/hosts
wire=192.0.2 # TEST-NET-1 (RFC 5737): host N is .1N
declare -A number=() bed_pid=() first_pid=() agent_pid=()
output=$BERTH_TEST_DIR/output
step_name=start
mkdir -p "$hosts" "$output"

step() { step_name=$*; printf '\n-- %s  (%s s)\n' "$*" "$SECONDS"; }
reason=
fail() {
  printf -v reason 'FAILED in "%s": %s' "$step_name" "$*"
  printf '\n%s\n' "$reason" >&2
  exit 1
}
at_error() { [ -n "$reason" ] || printf -v reason 'FAILED in "%s", line %s: %s' "$step_name" "$1" "$2"; }
trap 'at_error "$LINENO" "$BASH_COMMAND"' ERR
at_exit() {
  local code=$? name
  if [ "$code" != 0 ]; then
    {
      for name in "${!number[@]}"; do
        echo "==== $name"
        tail -n 20 "$output/$name-bed.log" || true
        [ -n "${first_pid[$name]:-}" ] || continue
        berth "$name" get nodes,pods,pvc -A -o wide || true
        berth "$name" get events -A | tail -n 20 || true
        tail -n 40 "$output/$name-berthd.log" || true
      done
      printf -- '---- why\n%s\n' "$reason"
    } >&2 2>&1
  fi
  for name in "${!bed_pid[@]}"; do kill "${bed_pid[$name]}" 2>/dev/null || true; done
  [ ${#bed_pid[@]} = 0 ] || wait "${bed_pid[@]}" 2>/dev/null || true # Not for all: what hung is stopped still, and ends for nobody.
  exit "$code"
}
trap at_exit EXIT

wait_for() { # SECONDS WHAT CMD...
  local seconds=$1 what=$2 begun end pause=0.05; shift 2
  begun=$(date +%s%N)
  end=$((begun + seconds * 1000000000))
  until "$@" >/dev/null 2>&1; do
    [ "$(date +%s%N)" -lt $((begun + 1000000000)) ] || pause=0.2
    [ "$(date +%s%N)" -lt "$end" ] || fail "not within $seconds s: $what ($*)"
    sleep "$pause"
  done
  printf '   %s  (%s ms)\n' "$what" $((($(date +%s%N) - begun) / 1000000))
}
stays() { # SECONDS WHAT CMD...
  local seconds=$1 what=$2 end; shift 2
  end=$(($(date +%s%N) + seconds * 1000000000))
  while [ "$(date +%s%N)" -lt "$end" ]; do
    "$@" >/dev/null 2>&1 || fail "did not stay: $what ($*)"
    sleep 0.2
  done
  printf '   stays: %s\n' "$what"
}
expect() { # WHAT ACTUAL EXPECTED
  [ "$2" = "$3" ] || fail "$1: got '$2', expected '$3'"
  printf '   %s: %s\n' "$1" "$2"
}
expect_match() { # WHAT ACTUAL REGEX
  [[ $2 =~ $3 ]] || fail "$1: got '$2', expected a match of '$3'"
  printf '   %s\n' "$1"
}
is() { # EXPECTED CMD...
  local expected=$1; shift
  [ "$("$@" 2>/dev/null)" = "$expected" ]
}

address() { echo "$wire.1${number[$1]}"; }                        # HOST
endpoint() { echo "http://$(address "$1"):2379"; }                # HOST
endpoints() { local name; for name in "$@"; do endpoint "$name"; done | paste -sd,; }

# Runs CMD on a host, in its cgroup and all its namespaces.
on() { # HOST CMD...
  local name=$1 env cgroup top; shift
  mapfile -d '' -t env <"$hosts/$name/environment"
  cgroup=$(<"$hosts/$name/cgroup")
  (
    for top in /sys/fs/cgroup /sys/fs/cgroup/*; do
      [ ! -f "$top/$cgroup/cgroup.procs" ] || echo 0 2>/dev/null >"$top/$cgroup/cgroup.procs" || true
    done
    exec nsenter -t "${first_pid[$name]}" -m -u -i -n -p -C -- env -i "${env[@]}" "$@"
  )
}
berth() { local name=$1; shift; on "$name" timeout -k 2 "${BERTH_CALL_SECONDS:-20}" "$bin/berth" --socket /run/berth/berthd.sock "$@"; }

# The wire is a bridge here; a host that is cut off has its end of it down.
make_wire() {
  ip link add wire type bridge
  ip link set wire up
}
cut_off() { ip link set "end-$1" down; }   # HOST
join_again() { ip link set "end-$1" up; }  # HOST

# Makes a host: a bed whose processes live until it is powered off.
make_host() { # HOST NUMBER [IMAGE...]
  local name=$1; number[$name]=$2; shift 2
  mkdir -p "$hosts/$name/manifests"
  touch "$hosts/$name/manifests/.berth-confirm"
  BERTH_BED_PARENT=$hosts BERTH_BED_HOSTNAME=$name "$root/tests/bed/run" --images "${*:-busybox}" \
    "$root/tests/hosts/live" "$hosts/$name" >"$output/$name-bed.log" 2>&1 </dev/null &
  bed_pid[$name]=$!
}
# Waits until it is up, and plugs it into the wire.
plug_in() { # HOST
  local name=$1 unshare
  wait_for 180 "$name is up" test -s "$hosts/$name/environment"
  unshare=$(pgrep -P "${bed_pid[$name]}" -x unshare)
  first_pid[$name]=$(pgrep -P "$unshare")
  ip link add "end-$name" type veth peer name eth0 netns "${first_pid[$name]}"
  ip link set "end-$name" master wire up
  on "$name" ip address add "$(address "$name")/24" dev eth0
  on "$name" ip link set eth0 up
}
power_off() { # HOST: everything of it ends at once
  kill -KILL "${first_pid[$1]}"
  wait "${bed_pid[$1]}" 2>/dev/null || true
  unset "bed_pid[$1]" "first_pid[$1]" "agent_pid[$1]"
}

# An etcd of all hosts named. Its data is on a tmpfs: not the disk's pace is what is told here.
start_etcd() { # HOST ALL...
  local name=$1 cluster each; shift
  cluster=$(for each in "$@"; do echo "$each=http://$(address "$each"):2380"; done | paste -sd,)
  on "$name" bash -c 'mkdir -p /run/etcd; exec "$@"' etcd etcd --name "$name" --data-dir /run/etcd \
    --listen-client-urls "$(endpoint "$name")" --advertise-client-urls "$(endpoint "$name")" \
    --listen-peer-urls "http://$(address "$name"):2380" --initial-advertise-peer-urls "http://$(address "$name"):2380" \
    --initial-cluster "$cluster" >>"$output/$name-etcd.log" 2>&1 </dev/null &
}
etcd_answers() { on "$1" env ETCDCTL_API=3 etcdctl --endpoints "$(endpoint "$1")" --command-timeout=2s get /; }

# With the configuration that is there.
begin_agent() { # HOST
  on "$1" "$bin/berthd" --config "$hosts/$1/berthd.yaml" >>"$output/$1-berthd.log" 2>&1 </dev/null &
  agent_pid[$1]=$!
}
begin_daemons() { # HOST
  on "$1" mkdir -p /run/berth
  on "$1" "$bin/berth-logd" --run-dir /run/berth --state-dir "$hosts/$1/state" >>"$output/$1-logd.log" 2>&1 </dev/null &
  begin_agent "$1"
}
# Starts berthd and berth-logd there; ETCD is the list of endpoints, lines are further YAML.
start_agent() { # HOST ETCD [LINE...]
  local name=$1 etcd=$2; shift 2
  if [ ! -f "$hosts/$name/berthd.yaml" ] || [ $# -gt 0 ]; then
    {
      cat <<END
nodeName: $name
stateDir: $hosts/$name/state
sources:
  - directory: $hosts/$name/manifests
containerd: {address: $(on "$name" printenv BERTH_TEST_CONTAINERD)}
store: {etcd: {endpoints: [$(sed 's/,/", "/g; s/^/"/; s/$/"/' <<<"$etcd")]}}
network: {clusterCIDR: 10.98.0.0/16, nodeAddress: $(address "$name")}
END
      printf '%s\n' "$@"
    } >"$hosts/$name/berthd.yaml"
  fi
  begin_daemons "$name"
}
# Its dead man's switch, which outlives the agent as on a real host. It must never reboot anything here.
start_fence() { # HOST
  on "$1" mkdir -p /run/berth
  on "$1" "$bin/berth-fence" --run-dir /run/berth --last-resort none >>"$output/$1-fence.log" 2>&1 </dev/null &
}
# It says so in the moment when it holds; what its Node says is as old as its last write. A member that comes back may cost the
# etcd its leader for a moment before.
sessions_held() { grep -c "this node's session holds again" "$output/$1-berthd.log" || true; } # HOST
has_held() { [ "$(sessions_held "$1")" -gt "$2" ]; }                                           # HOST BEFORE
is_armed() { is armed on_armed "$1" "$2"; } # ASKED HOST
on_armed() { field "$1" node "$2" '.metadata.annotations.berth\.io/fencing' | cut -d' ' -f1; }

# A set of which each container appends "identity host life beat uptime" to $beats, twenty times a second.
beats=$BERTH_TEST_DIR/beats
beating_set() { # NAME REPLICAS [ANNOTATIONS]
  cat <<END
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: $1}
spec:
  serviceName: $1
  replicas: $2
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: $1}}
  template:
    metadata: {labels: {app: $1}, annotations: {${3:-}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: main
          image: "busybox:1.35"
          command: [sh, -c, 'read life </proc/sys/kernel/random/uuid; while :; do n=\$((n + 1)); read up rest </proc/uptime; echo "\$POD \$NODE \$life \$n \$up" >>/beats/$1; sleep 0.05; done']
          env:
            - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
            - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
          volumeMounts: [{name: beats, mountPath: /beats}]
      volumes: [{name: beats, hostPath: {path: $beats, type: Directory}}]
END
}
mkdir -p "$beats"

kill_agent() { # HOST [SIGNAL]: by name, in the host's own process namespace; what waits for it here ends with it
  on "$1" pkill "-${2:-KILL}" -x berthd
  wait "${agent_pid[$1]}" 2>/dev/null || true
  # `berth cluster` begins one anew, which is nobody's child here: the next one would find its lock.
  wait_for 30 "no agent on $1" no_agent "$1"
}
no_agent() { ! on "$1" pgrep -x berthd; } # HOST: nor one whose threads still end
hang_agent() { on "$1" pkill -STOP -x berthd; } # HOST
wake_agent() {                                  # HOST: nsenter(1) has stopped with its child, and nobody would reap that
  on "$1" pkill -CONT -x berthd
  kill -CONT "$(pgrep -P "${agent_pid[$1]}")"
}
agent_answers() { berth "$1" get nodes; }

put_manifest() { # HOST NAME
  cat >"$hosts/$1/.$2.new"
  mv "$hosts/$1/.$2.new" "$hosts/$1/manifests/$2"
}

field() { berth "$1" get "$2" "$3" -o "jsonpath={$4}"; }          # HOST KIND NAME PATH
node_of() { field "$1" pod "$2" .spec.nodeName; }                 # HOST POD
pod_ip() { field "$1" pod "$2" .status.podIP; }                   # HOST POD
ready_nodes() { berth "$1" get nodes --no-headers | awk '$2 == "Ready"' | wc -l; }
ready_pods() { berth "$1" get pods -l "$2" -o 'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' | grep -c True || true; }
resolve() { on "$1" dig +short +tries=1 +time=1 "@$(on "$1" ip -4 -o address show berth0 | awk '{ sub("/.*", "", $4); print $4 }')" "$2"; } # HOST NAME

# Certificates for hosts, made by hand as docs/operations.md has it, and what an agent's configuration says of them.
pki=$BERTH_TEST_DIR/pki
key_of_hosts=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
make_hosts_ca() {
  mkdir -p "$pki"
  openssl req -x509 "${key_of_hosts[@]}" -days 2 -subj "/CN=berth hosts" -keyout "$pki/ca.key" -out "$pki/ca.crt" 2>/dev/null
}
certify() { # HOST
  openssl req "${key_of_hosts[@]}" -subj "/O=berth:hosts/CN=$1" -keyout "$pki/$1.key" -out "$pki/$1.csr" 2>/dev/null
  printf 'subjectAltName=IP:%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$(address "$1")" >"$pki/$1.ext"
  openssl x509 -req -in "$pki/$1.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial -days 2 -extfile "$pki/$1.ext" -out "$pki/$1.crt" 2>/dev/null
}
start_certified() { # HOST ETCD
  start_agent "$1" "$2" \
    "api: {tls: {listen: [\"$(address "$1"):6550\"], certFile: $pki/$1.crt, keyFile: $pki/$1.key}}" \
    "cluster: {advertise: \"$(address "$1"):6550\", caFile: $pki/ca.crt, certFile: $pki/$1.crt, keyFile: $pki/$1.key}"
}
# They are on the wire, with an etcd at the first, and each sees all nodes.
make_certified_hosts() { # ship-1 ship-2...
  local name
  make_hosts_ca
  make_wire
  for name in "$@"; do make_host "$name" "${name#ship-}" busybox; done
  for name in "$@"; do plug_in "$name"; certify "$name"; done
  start_etcd "$1" "$1"
  wait_for 30 "etcd" etcd_answers "$1"
  for name in "$@"; do start_certified "$name" "$(endpoint "$1")"; done
  for name in "$@"; do wait_for 30 "$# nodes seen from $name" is $# ready_nodes "$name"; done
}

# Clusters that `berth cluster` makes, of hosts that began alone.
# They are on the wire, each with an agent and its own objects.
make_lone_hosts() { # ship-1 ship-2...
  local name
  make_wire
  for name in "$@"; do make_host "$name" "${name#ship-}" busybox; done
  for name in "$@"; do plug_in "$name"; start_alone "$name"; done
  for name in "$@"; do wait_for 60 "$name's agent" agent_answers "$name"; done
}
# An agent whose objects are in SQLite. Its state is on a tmpfs, for the etcd that comes to be there.
start_alone() { # HOST
  local name=$1
  mkdir -p "$hosts/$name/state"
  on "$name" mount -t tmpfs state "$hosts/$name/state"
  cat >"$hosts/$name/berthd.yaml" <<END
nodeName: $name
stateDir: $hosts/$name/state
sources:
  - directory: $hosts/$name/manifests
containerd: {address: $(on "$name" printenv BERTH_TEST_CONTAINERD)}
network: {nodeAddress: $(address "$name")}
END
  begin_daemons "$name"
}
cluster() { # HOST COMMAND...
  local name=$1 command=$2; shift 2
  BERTH_CALL_SECONDS=150 berth "$name" cluster "$command" "$@" --config "$hosts/$name/berthd.yaml"
}
said() { # HOST COMMAND...: and its output is in a file, whatever came of it
  cluster "$@" >"$output/said" 2>&1 || return $?
}
# A new token; what is said to those who join is in words.
words=()
invite() { # [--advertise ADDRESS]
  said ship-1 init "$@" || fail "a token: $(<"$output/said")"
  # shellcheck disable=SC2034 # The stories read it.
  mapfile -t -d ' ' words < <(join_words | tr -d '\n')
}
voters() { cluster "$1" status 2>&1 | grep -cE '^ship-[123] +(leader|follower) ' || true; } # ASKED: how many are well
join_words() { sed -n 's/^ *berth cluster join //p' "$output/said"; }
kill_etcd() { on "$1" pkill -KILL -x etcd; }
status_says() { # HOST REGEX
  grep -qE "$2" <<<"$(cluster "$1" status 2>&1 || true)"
}
