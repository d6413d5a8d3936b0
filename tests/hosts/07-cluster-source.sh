#!/bin/bash
# tests/hosts/07-cluster-source.sh - a directory that three hosts have: one set of objects, read by one; it goes, and an older copy takes nothing back.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
all=(ship-1 ship-2 ship-3)
settings() { # VALUE
  cat <<END
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {value: "$1"}
END
}
shop() { # a bare pod: it is placed, not bound to who reads the file
  cat <<'END'
apiVersion: v1
kind: Pod
metadata: {name: till, labels: {app: till}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: main, image: "busybox:1.35", command: [sh, -c, "exec sleep 1000000"]}]
END
}
put_in_shop() { # HOST NAME
  mkdir -p "$hosts/$1/shop"
  cat >"$hosts/$1/shop/.$2.new"
  mv "$hosts/$1/shop/.$2.new" "$hosts/$1/shop/$2"
}
value() { field "$1" configmap settings .data.value; }
reader() { berth "$1" get lease berth-source-shop -n kube-system -o 'jsonpath={.spec.holderIdentity}'; }
notes() { field "$1" node "$2" '.metadata.annotations.berth\.io/sources'; }
note_of() { local name; for name in "${all[@]}"; do notes "$1" "$name"; echo; done | paste -sd' '; }
uid() { field "$1" "$2" "$3" .metadata.uid; }

step "three hosts with the same directory"
make_wire
for i in 1 2 3; do make_host "ship-$i" "$i" busybox; done
for name in "${all[@]}"; do plug_in "$name"; done
for name in "${all[@]}"; do start_etcd "$name" "${all[@]}"; done
for name in "${all[@]}"; do wait_for 30 "etcd on $name" etcd_answers "$name"; done
for name in "${all[@]}"; do
  settings one | put_in_shop "$name" settings.yaml
  shop | put_in_shop "$name" till.yaml
  touch "$hosts/$name/shop/.berth-confirm"
  mkdir -p "$hosts/$name/berthd.d"
  echo "sources: [{directory: $hosts/$name/shop, scope: cluster, name: shop}]" >"$hosts/$name/berthd.d/shop.yaml"
  start_agent "$name" "$(endpoints "${all[@]}")"
done
for name in "${all[@]}"; do wait_for 30 "three nodes seen from $name" is 3 ready_nodes "$name"; done

step "one set of objects, and every host knows the source"
for name in "${all[@]}"; do wait_for 30 "the settings, seen from $name" is one value "$name"; done
wait_for 30 "the pod runs somewhere" is 1 ready_pods ship-1 app=till
expect "whose it is" "$(field ship-1 configmap settings '.metadata.annotations.berth\.io/source')" "cluster:shop/settings.yaml"
for name in "${all[@]}"; do wait_for 10 "$name may read it" is shop notes ship-1 "$name"; done
for name in "${all[@]}"; do expect_match "berth status on $name" "$(berth "$name" status)" "cluster:shop"; done
settings_uid=$(uid ship-1 configmap settings)
first=$(reader ship-1)
echo "   $first reads it"

step "a change on all of them is one change"
for name in "${all[@]}"; do settings two | put_in_shop "$name" settings.yaml; done
for name in "${all[@]}"; do wait_for 10 "seen from $name" is two value "$name"; done
expect "the same object" "$(uid ship-2 configmap settings)" "$settings_uid"

step "the one that reads it goes: another applies the next change, and nothing is made anew"
first=$(reader ship-1)
rest=(); for name in "${all[@]}"; do [ "$name" = "$first" ] || rest+=("$name"); done
kill_agent "$first"
gone() { [ "$(reader "${rest[0]}")" != "$first" ]; }
for name in "${rest[@]}"; do settings three | put_in_shop "$name" settings.yaml; done
wait_for 60 "the change of those that are left" is three value "${rest[0]}"
wait_for 10 "read by another" gone
expect "the same object" "$(uid "${rest[0]}" configmap settings)" "$settings_uid"

step "it is back with its older copy: that takes nothing back, and is said"
start_agent "$first" "$(endpoints "${all[@]}")"
wait_for 30 "three nodes" is 3 ready_nodes "${rest[0]}"
without_note() { [ -z "$(notes "${rest[0]}" "$first")" ]; }
wait_for 20 "it does not offer its copy" without_note
stays 5 "what was applied" is three value "${rest[0]}"
said() { berth "${rest[0]}" get events -A | grep -q 'cluster:shop: this copy is older than the one of host'; }
wait_for 60 "said" said
expect_match "and in its berth status" "$(berth "$first" status || true)" "this copy is older"

step "its copy is brought up to date"
settings three | put_in_shop "$first" settings.yaml
wait_for 20 "it offers its copy" is shop notes "${rest[0]}" "$first"
expect "notes" "$(note_of "${rest[0]}")" "shop shop shop"
for name in "${all[@]}"; do rm "$hosts/$name/shop/till.yaml"; done
no_till() { [ -z "$(berth "${rest[0]}" get pods -l app=till -o name)" ]; }
wait_for 30 "a file that is gone everywhere takes its pod along" no_till
expect "the rest" "$(value "${rest[0]}")" three
