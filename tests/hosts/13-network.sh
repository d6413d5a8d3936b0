#!/bin/bash
# tests/hosts/13-network.sh - three hosts: policies made on one act on pods and connections of the others, services and ports of hosts lead to pods anywhere, and who has no place says why.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
all=(ship-1 ship-2 ship-3)

# A pod that answers on port 80 with its name, and at /cgi-bin/who with its name and who asks. LINEs are more of its spec.
web_pod() { # NAMESPACE NAME LABELS [LINE...]
  local ns=$1 name=$2 labels=$3; shift 3
  cat <<END
---
apiVersion: v1
kind: Pod
metadata: {name: $name, namespace: $ns, labels: {$labels}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: "busybox:1.35"
      command: [sh, -c, 'mkdir -p /www/cgi-bin; hostname >/www/index.html; printf "#!/bin/sh\necho; echo \$(hostname) \\\$REMOTE_ADDR\n" >/www/cgi-bin/who; chmod +x /www/cgi-bin/who; exec httpd -f -p 80 -h /www']
      readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 1}
      ports: [{containerPort: 80$(ports_of "$@")}]
END
  local each; for each in "$@"; do [[ $each = hostPort* ]] || printf "  %s\n" "$each"; done
}
ports_of() { local each; for each in "$@"; do [[ $each != hostPort* ]] || printf ', %s' "hostPort: ${each#hostPort }"; done; }
# Pods are asked on their own hosts: ship-N has crew-N and port-N. Not by wget: that of a static busybox crashes in glibc.
ask() { # POD ADDRESS [TIMES]
  local ns=default; [[ $1 != port-* ]] || ns=port
  berth "ship-${1##*-}" exec -n "$ns" "$1" -- \
    sh -c "for i in \$(seq ${3:-1}); do printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 1 $2 80; done" 2>/dev/null | grep -E '^(crew|port)-'
}
reaches() { [ "$(ask "$1" "${ip[$2]}")" = "$2" ]; }   # POD POD
refused() { ! ask "$1" "${ip[$2]}" >/dev/null; }      # POD POD
# Each line is POD POD yes|no.
matrix() {
  local from to may
  while read -r from to may <&3; do
    if [ "$may" = yes ]; then wait_for 5 "$from -> $to: yes" reaches "$from" "$to"; else wait_for 5 "$from -> $to: no" refused "$from" "$to"; fi
  done 3<&0 </dev/null
}
curl_on() { on "$1" curl -s -m 1 "http://$2"; } # HOST ADDRESS:PORT
# Who answered thirty questions.
who_answers() { on "$1" bash -c 'for i in {1..30}; do curl -s -m 1 "http://$1"; done' _ "$2" | sort -u | paste -sd' '; } # HOST ADDRESS:PORT
who_answers_pod() { ask "$1" "$2" 30 | sort -u | paste -sd' '; }                                                        # POD ADDRESS
why() { field ship-1 pod "$1" '.status.conditions[?(@.type=="PodScheduled")].message'; }

step "three hosts, an etcd of three; a pod of two namespaces on each"
make_wire
for i in 1 2 3; do make_host "ship-$i" "$i" busybox; done
for name in "${all[@]}"; do plug_in "$name"; on "$name" ip route add default dev eth0; done # A service's address needs a route, as with kube-proxy.
for name in "${all[@]}"; do start_etcd "$name" "${all[@]}"; done
for name in "${all[@]}"; do wait_for 30 "etcd on $name" etcd_answers "$name"; done
for name in "${all[@]}"; do start_agent "$name" "$(endpoints "${all[@]}")"; done
for name in "${all[@]}"; do wait_for 30 "three nodes seen from $name" is 3 ready_nodes "$name"; done
{
  printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: port, labels: {team: port}}\n'
  for i in 1 2 3; do
    web_pod default "crew-$i" "app: crew, number: '$i'" "nodeName: ship-$i"
    web_pod port "port-$i" "app: port" "nodeName: ship-$i"
  done
} | berth ship-1 apply -f - >/dev/null
declare -A ip=()
for i in 1 2 3; do
  wait_for 40 "crew-$i" is True field ship-1 pod "crew-$i" '.status.conditions[?(@.type=="Ready")].status'
  ip[crew-$i]=$(pod_ip ship-1 "crew-$i")
  wait_for 20 "port-$i" is True berth ship-1 get pod -n port "port-$i" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'
  ip[port-$i]=$(berth ship-1 get pod -n port "port-$i" -o 'jsonpath={.status.podIP}')
done
matrix <<END
crew-1 crew-2 yes
crew-3 crew-2 yes
port-3 crew-2 yes
END

policy() { # SPEC
  printf 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: rule}\nspec: %s\n' "$1" | berth ship-1 apply -f - >/dev/null
}
step "who may come in: by the labels of pods; made on ship-1, it is in force on ship-2"
policy '{podSelector: {matchLabels: {number: "2"}}, ingress: [{from: [{podSelector: {matchLabels: {number: "1"}}}], ports: [{port: 80}]}]}'
matrix <<END
crew-3 crew-2 no
port-2 crew-2 no
crew-1 crew-2 yes
crew-2 crew-3 yes
crew-3 crew-1 yes
END
step "by those of namespaces"
policy '{podSelector: {matchLabels: {number: "2"}}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: port}}}]}]}'
matrix <<END
crew-1 crew-2 no
port-3 crew-2 yes
port-2 crew-2 yes
END
step "by addresses, one of them left out"
policy "{podSelector: {matchLabels: {number: '2'}}, ingress: [{from: [{ipBlock: {cidr: 10.98.0.0/16, except: [${ip[crew-3]}/32]}}]}]}"
matrix <<END
crew-1 crew-2 yes
crew-3 crew-2 no
port-3 crew-2 yes
END
step "where one may go: ship-3's pod, to ship-2's alone"
policy '{podSelector: {matchLabels: {number: "3"}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {number: "2"}}}]}]}'
matrix <<END
crew-3 crew-1 no
crew-3 port-1 no
crew-3 crew-2 yes
crew-1 crew-3 yes
END
step "what came in before is closed for who is let in no more, and open again without the policy"
policy '{podSelector: {}}'
matrix <<END
crew-1 crew-3 no
crew-3 crew-3 yes
port-1 crew-1 no
END
expect "a probe comes through still" "$(ready_pods ship-1 app=crew)" 3
berth ship-2 delete networkpolicy rule >/dev/null
matrix <<END
crew-1 crew-3 yes
crew-3 crew-2 yes
port-1 crew-1 yes
END

step "a service: its address leads to pods of all hosts, from each host and each pod; so does its port of the host"
berth ship-2 apply -f - >/dev/null <<'END'
apiVersion: v1
kind: Service
metadata: {name: crew}
spec: {selector: {app: crew}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: one}
spec: {type: NodePort, selector: {number: "3"}, ports: [{port: 80, nodePort: 30080}]}
---
apiVersion: v1
kind: Service
metadata: {name: local}
spec: {type: NodePort, externalTrafficPolicy: Local, selector: {number: "3"}, ports: [{port: 80, nodePort: 30081}]}
END
endpoints_of() { field ship-1 endpoints "$1" '.subsets[0].addresses[*].ip' | wc -w; }
service=$(field ship-1 service crew .spec.clusterIP)
wait_for 15 "it has three" is 3 endpoints_of crew
for name in "${all[@]}"; do expect "asked on $name" "$(who_answers "$name" "$service:80")" "crew-1 crew-2 crew-3"; done
for name in crew-1 port-3; do expect "asked by $name" "$(who_answers_pod "$name" "$service")" "crew-1 crew-2 crew-3"; done
for i in 1 2 3; do wait_for 10 "ship-1 asks ship-$i's port" is crew-3 curl_on ship-1 "$wire.1$i:30080"; done
expect_match "who asks is hidden: the host asked passes it on" "$(curl_on ship-2 "$wire.11:30080/cgi-bin/who")" '^crew-3 .*10\.98\.[0-9]+\.1\]'
expect "Local: where the pod is, it sees who asks" "$(curl_on ship-2 "$wire.13:30081/cgi-bin/who")" "crew-3 [::ffff:$wire.12]"
curl_on ship-2 "$wire.11:30081" >/dev/null && fail "Local is answered where no pod is" || expect_match "Local: elsewhere nobody answers" $? '^(7|28)$'

step "ports of hosts: one pod of each on a host; who finds no host waits"
{ for i in 1 2 3 4; do web_pod default "quay-$i" "app: quay" "hostPort 8080"; done; } | berth ship-1 apply -f - >/dev/null
wait_for 40 "three have a place" is 3 ready_pods ship-1 app=quay
expect "on as many hosts" "$(berth ship-1 get pods -l app=quay -o 'jsonpath={range .items[*]}{.spec.nodeName}{"\n"}{end}' | grep . | sort | paste -sd' ')" "ship-1 ship-2 ship-3"
waits=$(berth ship-1 get pods -l app=quay -o 'jsonpath={range .items[*]}{.metadata.name} {.status.phase}{"\n"}{end}' | awk '$2 == "Pending" { print $1 }')
expect "the fourth" "$(why "$waits")" "0/3 nodes are available: 3 node(s) didn't have free ports for the requested pod ports."
for i in 1 2 3; do
  here=$(berth ship-1 get pods -l app=quay -o 'jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName}{"\n"}{end}' | awk -v node="ship-$i" '$2 == node { print $1 }')
  expect "ship-$i's port, asked by another host" "$(curl_on "ship-$((i % 3 + 1))" "$wire.1$i:8080")" "$here"
done
leaves=$here
berth ship-1 delete pod "$leaves" >/dev/null
wait_for 20 "$leaves goes: the fourth has its place" is ship-3 node_of ship-1 "$waits"
wait_for 20 "and its port" is "$waits" curl_on ship-1 "$wire.13:8080"
berth ship-1 delete pod -l app=quay >/dev/null
closed() { ! curl_on ship-1 "$wire.13:8080" >/dev/null; }
wait_for 10 "without a pod the port is closed" closed

step "near, apart, as many on each host: who has no place says it in Kubernetes' words"
near='affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {number: "NUMBER"}}}]}}'
apart='affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: apart}}}]}}'
even='topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: even}}}]'
berth ship-1 patch node ship-3 -p '{"spec":{"taints":[{"key":"flood","effect":"NoSchedule"}]}}' >/dev/null
{
  for i in 2 3 9; do web_pod default "near-$i" "app: near" "${near/NUMBER/$i}"; done
  for i in 1 2 3; do
    web_pod default "apart-$i" "app: apart" "$apart"
    web_pod default "even-$i" "app: even" "$even"
  done
  web_pod default heavy "app: heavy" "nodeSelector: {kubernetes.io/hostname: ship-9}"
} | berth ship-2 apply -f - >/dev/null
wait_for 40 "two of three are apart" is 2 ready_pods ship-1 app=apart
wait_for 20 "two of three are even" is 2 ready_pods ship-1 app=even
wait_for 20 "one is near" is ship-2 node_of ship-1 near-2
said_of() { # POD MESSAGE
  [[ $(berth ship-3 get events --field-selector "involvedObject.name=$1,reason=FailedScheduling" -o 'jsonpath={.items[*].message}') == *"$2"* ]]
}
says_why() { # WHAT MESSAGE: who of it has no place
  local waiting
  waiting=$(berth ship-1 get pods -l "app=$1" -o 'jsonpath={range .items[*]}{.metadata.name} {.status.phase}{"\n"}{end}' | awk '$2 == "Pending" { print $1; exit }')
  wait_for 10 "$waiting: $2" is "$2" why "$waiting"
  wait_for 5 "its event says it, too" said_of "$waiting" "$2"
}
flood="1 node(s) had untolerated taint {flood: }, 2 node(s) didn't match"
says_why apart "0/3 nodes are available: $flood pod anti-affinity rules."
says_why even "0/3 nodes are available: $flood pod topology spread constraints."
says_why heavy "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."
expect "near the flood" "$(why near-3)" "0/3 nodes are available: $flood pod affinity rules."
expect "near nobody" "$(why near-9)" "0/3 nodes are available: $flood pod affinity rules."
berth ship-1 patch node ship-3 -p '{"spec":{"taints":[]}}' >/dev/null
for each in apart even; do wait_for 30 "the flood is over: three are $each" is 3 ready_pods ship-1 "app=$each"; done
wait_for 20 "near-3 is where it wants to be" is ship-3 node_of ship-1 near-3
