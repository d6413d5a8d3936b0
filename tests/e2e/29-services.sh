#!/bin/bash
# tests/e2e/29-services.sh - services with addresses: ports translated, hairpin, node ports, affinity, refusal, a killed agent.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# The set "web" serves its own name on 8080; further lines of the service's spec.
web() { # [SERVICE_SPEC_LINE]
  cat <<END
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http, nodePort: 30080}]
  ${1:-}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  serviceName: web
  podManagementPolicy: Parallel
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
      - name: main
        image: busybox:1.35
        command: [sh, -c, "trap 'exit 0' TERM; mkdir -p /www; hostname > /www/index.html; httpd -f -p 8080 -h /www & wait"]
        ports: [{name: http, containerPort: 8080}]
END
}
# Not wget: that of a static busybox looks a service's name up with glibc, and crashes.
ask() { # POD ADDRESS [PORT]
  timeout 10 "$bin/berth" --socket "$socket" exec "$1" -- \
    sh -c "printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 3 $2 ${3:-80}" 2>&1
}
at_host() { curl -s --max-time 5 "http://$1/"; }
answers() { for _ in $(seq "$2"); do at_host "$1"; done | sort -u | tr '\n' ' '; } # HOST:PORT TIMES

step "port 80 of the service is port 8080 of its pods"
start_agent
web | put_manifest web.yaml
put_manifest rest.yaml <<END
apiVersion: v1
kind: Pod
metadata: {name: echo, labels: {app: echo}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: main, image: busybox:1.35, command: [nc, -ll, -p, "7007", -e, cat]}]
---
apiVersion: v1
kind: Service
metadata: {name: echo}
spec: {type: LoadBalancer, selector: {app: echo}, ports: [{port: 7, targetPort: 7007, nodePort: 30007}]}
---
apiVersion: v1
kind: Service
metadata: {name: elsewhere}
spec: {type: ExternalName, externalName: example.org}
END
wait_ready 30 app=web 2
wait_ready 30 app=echo 1
address=$(field service web .spec.clusterIP)
expect_match "an address of the block" "$address" '^10\.96\.[0-9]+\.[0-9]+$'
expect "its name leads there" "$(resolve web.default.svc.$domain)" "$address"
expect "SRV names the service's port" "$(resolve _http._tcp.web.default.svc.$domain SRV)" "0 100 80 web.default.svc.$domain."
expect "a pod of a set keeps its name" "$(resolve web-0.web.default.svc.$domain)" "$(pod_ip web-0)"
expect "an alias" "$(resolve elsewhere.default.svc.$domain CNAME)" "example.org."
expect_match "the name, in a pod" "$(berth exec echo -- nslookup web.default.svc.$domain)" "Address[^ ]*: +$address"
expect_match "from another pod" "$(ask echo "$address")" "web-[01]$"
own() { [[ "$(ask web-0 "$address")" == *web-0 ]]; }
wait_for 20 "a pod reaches itself through its service" own
expect "a container is told" "$(berth exec web-0 -- sh -c 'echo $WEB_SERVICE_HOST:$WEB_SERVICE_PORT_HTTP')" "$address:80"
expect "a port that the service does not have is refused" "$(ask echo "$address" 8080 | grep -o 'Connection refused')" "Connection refused"

step "ports of the host"
expect "node port" "$(answers 127.0.0.1:30080 20)" "web-0 web-1 "
at=$(field service echo '.status.loadBalancer.ingress[0].ip')
expect "the load balancer is at the host's address" "$at" "$gateway"
exec 8<>"/dev/tcp/$at/7"
echo ahoy >&8
read -r -t 5 -u 8 line
expect "and answers there" "$line" ahoy
exec 8>&-

step "a load balancer asks this host whether it has pods"
sed 's/type: LoadBalancer,/& externalTrafficPolicy: Local,/' "$manifests/rest.yaml" | put_manifest rest.yaml
wait_for 10 "the file is applied" is Local field service echo .spec.externalTrafficPolicy
asked=$(field service echo .spec.healthCheckNodePort)
expect_match "it has a port for that" "$asked" '^3[0-2][0-9]{3}$'
health() { curl -s -o /dev/null -w '%{http_code}' --max-time 5 "http://$gateway:$asked/healthz"; }
wait_for 10 "it has" is 200 health
expect "how many" "$(curl -s --max-time 5 "http://127.0.0.1:$asked/" | jq -c '[.service.name, .localEndpoints]')" '["echo",1]'
sed 's/labels: {app: echo}/labels: {app: none}/' "$manifests/rest.yaml" | put_manifest rest.yaml
wait_for 10 "it has none" is 503 health
sed 's/labels: {app: none}/labels: {app: echo}/' "$manifests/rest.yaml" | put_manifest rest.yaml
wait_for 10 "and has again" is 200 health

step "an address is one service's"
code=0
said=$(berth apply -f - 2>&1 <<<"{apiVersion: v1, kind: Service, metadata: {name: thief}, spec: {clusterIP: $address, ports: [{port: 80}]}}") || code=$?
expect "refused" "$code" 1
expect_match "with the field and the reason" "$said" "spec.clusterIPs: .*failed to allocate IP $address: provided IP is already allocated"

step "the agent is killed: what is open stays open, what is new goes on, the addresses are the same"
exec 9<>/dev/tcp/127.0.0.1/30007
echo before >&9
read -r -t 5 -u 9 line
stop_agent KILL
echo meanwhile >&9
read -r -t 5 -u 9 line
expect "without an agent" "$line" meanwhile
expect_match "a new connection" "$(at_host 127.0.0.1:30080)" '^web-[01]$'
start_agent
wait_for 10 "the name is there" is "$address" resolve web.default.svc.$domain
expect "the same address" "$(field service web .spec.clusterIP)" "$address"
echo after >&9
read -r -t 5 -u 9 line
expect "with the new one" "$line" after
exec 9>&-

step "affinity: a client keeps its pod; the file says nothing of the address, and it stays"
web 'sessionAffinity: ClientIP' | put_manifest web.yaml
wait_for 10 "the file is applied" is ClientIP field service web .spec.sessionAffinity
one_pod() { [[ "$(answers 127.0.0.1:30080 10)" =~ ^web-[01]\ $ ]]; }
wait_for 10 "one pod answers" one_pod
expect "the same address" "$(field service web .spec.clusterIP)" "$address"

step "nobody there: refused at once"
berth scale statefulset web --replicas=0 >/dev/null
wait_for 20 "no pods" is "" pod_names app=web
expect "at its address" "$(ask echo "$address" | grep -o 'Connection refused')" "Connection refused"
code=0
at_host 127.0.0.1:30080 || code=$?
expect "at the node port (curl: could not connect)" "$code" 7

step "a service that goes takes its address with it"
rm "$manifests/web.yaml"
wait_for 20 "it is gone" is_gone service web
wait_for 5 "no name" is "" resolve web.default.svc.$domain
expect "no rule" "$(nft list table ip berth-berth0-services | grep -c "$address" || true)" 0
