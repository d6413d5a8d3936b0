#!/bin/bash
# tests/e2e/16-tls.sh - the API over TLS: who gets in, who may do what, and certificates that look after themselves.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
port=6551
url=https://127.0.0.1:$port
pki=$state/pki
work=$BERTH_TEST_DIR/tls
mkdir -p "$work"
tls_config() { # [FURTHER_KEYS]
  write_config
  sed -i "s|^api: .*|api: {socket: $socket, tls: {listen: \"127.0.0.1:$port\"${1:+, $1}}}|" "$config"
}
call() { curl -s -m 10 --cacert "$pki/ca.crt" "$@"; }
as() { local user=$1; shift; call --cert "$pki/$user.crt" --key "$pki/$user.key" "$@"; }
code() { "$@" -o /dev/null -w '%{http_code}'; }
resident() { awk '/^VmRSS/ { print $2 }' "/proc/$agent_pid/status"; }
ends() { openssl x509 -noout -enddate -in "$1" | cut -d= -f2; }
days_left() { echo $((($(date -d "$(ends "$1")" +%s) - $(date +%s)) / 86400)); }

step "without TLS there is no port, no key and no library"
start_agent
expect "TCP ports of the agent" "$(ss -Hltnp | grep -c "pid=$agent_pid,.*:$port" || true)" 0
[ ! -e "$pki" ] || fail "keys were made for nobody"
! grep -q libssl "/proc/$agent_pid/maps" || fail "OpenSSL is loaded"
refusal=$(berth kubeconfig 2>&1) && fail "a kubeconfig without TLS"
expect_match "berth kubeconfig names the line to add" "$refusal" 'api: \{tls: \{listen: "127.0.0.1:6550"\}\}'
printf '   resident: %s KB\n' "$(resident)"
stop_agent

step "with it, certificates are made on first start, for root only"
printf '# who\ntok-admin-1,ops,1,"system:masters"\ntok-view-1,jane,2,"berth:viewers"\ntok-none-1,joe,3,"dev"\n' >"$work/tokens"
tls_config "tokenFile: $work/tokens"
start_agent
printf '   resident: %s KB\n' "$(resident)"
expect "directory" "$(stat -c %a "$pki")" 700
expect "files" "$(stat -c '%n %a' "$pki"/* | sed 's|.*/||' | tr '\n' ' ')" \
  "admin.crt 600 admin.key 600 ca.crt 600 ca.key 600 server.crt 600 server.key 600 viewer.crt 600 viewer.key 600 "
expect "listens on" "$(ss -Hltn "sport = :$port" | awk '{ print $4 }')" "127.0.0.1:$port"
for name in 127.0.0.1 localhost; do expect "as $name" "$(code call "https://$name:$port/version")" 401; done
expect "as kubernetes.default.svc" \
  "$(code call --resolve "kubernetes.default.svc:$port:127.0.0.1" "https://kubernetes.default.svc:$port/version")" 401
! grep -q 'PRIVATE KEY\|tok-admin' "$output/berthd.log" || fail "a secret is in the log"

step "certificates: an admin does everything, a viewer looks"
solo="{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\"},\"stringData\":{\"a\":\"b\"}}"
expect "admin creates" "$(code as admin -X POST -H 'Content-Type: application/json' -d "$solo" "$url/api/v1/namespaces/default/secrets")" 201
expect "admin reads it" "$(code as admin "$url/api/v1/namespaces/default/secrets/s")" 200
stateful_set web 1 | put_manifest web.yaml
wait_ready 20 app=web 1
expect "viewer lists pods" "$(as viewer "$url/api/v1/pods" | jq -r '.items[0].metadata.name')" web-0
expect "viewer reads logs" "$(code as viewer "$url/api/v1/namespaces/default/pods/web-0/log")" 200
expect "viewer and secrets" "$(as viewer "$url/api/v1/namespaces/default/secrets/s" | jq -r .message)" \
  'secrets "s" is forbidden: User "viewer" cannot get resource "secrets" in API group "" in the namespace "default"'
expect "viewer deletes" "$(as viewer -X DELETE "$url/api/v1/namespaces/default/pods/web-0" | jq -r '"\(.code) \(.reason)"')" "403 Forbidden"
expect "viewer runs" "$(code as viewer -X POST "$url/api/v1/namespaces/default/pods/web-0/exec?command=id&stdout=true")" 403
expect "viewer opens the dashboard" "$(as viewer "$url/ui/" | grep -c '<title>berth</title>')" 1
expect "nobody opens the dashboard" "$(code call "$url/ui/")" 401
expect "a page of another site, by the admin's browser" "$(code as admin -X POST -H 'Sec-Fetch-Site: cross-site' -d '{}' "$url/api/v1/namespaces")" 403
expect "viewer asks for the admin's key" "$(code as viewer "$url/berth/kubeconfig")" 403
is_running web-0 || fail "web-0 is gone"

step "nobody without credentials, and no other CA's"
expect "no certificate" "$(call "$url/api/v1/pods" | jq -c '[.code, .reason, .message]')" '[401,"Unauthorized","Unauthorized"]'
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/O=system:masters/CN=admin" -days 1 \
  -keyout "$work/bad.key" -out "$work/bad.crt" 2>/dev/null
# curl sends it although the server names another CA; the server ends the handshake.
refused=$(call --cert "$work/bad.crt" --key "$work/bad.key" "$url/api/v1/pods" -o /dev/null -w '%{http_code}' || true)
expect "an own CA's certificate" "$refused" 000
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/O=system:masters/CN=admin" \
  -keyout "$work/late.key" -out "$work/late.csr" 2>/dev/null
openssl x509 -req -in "$work/late.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial -CAserial "$work/serial" \
  -days 0 -out "$work/late.crt" 2>/dev/null
sleep 1.1 # until it has ended
expect "a certificate that ended" "$(call --cert "$work/late.crt" --key "$work/late.key" "$url/api/v1/pods" -o /dev/null -w '%{http_code}' || true)" 000
expect_match "plain HTTP" "$(curl -s -m 5 "http://127.0.0.1:$port/api")" "Client sent an HTTP request to an HTTPS server"
! openssl s_client -connect "127.0.0.1:$port" -tls1_1 -cipher ALL:@SECLEVEL=0 </dev/null >/dev/null 2>&1 || fail "TLS 1.1 is spoken"
expect "TLS" "$(openssl s_client -connect "127.0.0.1:$port" -alpn h2,http/1.1 -CAfile "$pki/ca.crt" </dev/null 2>/dev/null |
  sed -n 's/^ALPN protocol: //p; s/^Verification: //p; s/^New, \(TLSv[0-9.]*\).*/\1/p' | tr '\n' ' ')" "OK TLSv1.3 http/1.1 "

step "tokens, and a token file that changes"
bearer() { local token=$1; shift; call -H "Authorization: Bearer $token" "$@"; }
expect "admin's" "$(code bearer tok-admin-1 "$url/api/v1/namespaces/default/secrets/s")" 200
expect "viewer's, reading" "$(code bearer tok-view-1 "$url/api/v1/pods")" 200
expect "viewer's, secrets" "$(code bearer tok-view-1 "$url/api/v1/secrets")" 403
expect "of a group that means nothing here" "$(bearer tok-none-1 "$url/api/v1/pods" | jq -r .message)" \
  'pods is forbidden: User "joe" cannot list resource "pods" in API group "" at the cluster scope'
expect "which may look around" "$(code bearer tok-none-1 "$url/apis")" 200
for token in tok-admin-2 tok-admin- ''; do expect "\"$token\"" "$(code bearer "$token" "$url/api/v1/pods")" 401; done
printf 'tok-admin-2,ops,1,"system:masters"\n' >"$work/tokens.new"
mv "$work/tokens.new" "$work/tokens"
wait_for 5 "the new token works" is 200 code bearer tok-admin-2 "$url/api/v1/pods"
expect "the old one" "$(code bearer tok-admin-1 "$url/api/v1/pods")" 401

step "berth kubeconfig is all that kubectl needs"
berth kubeconfig >"$work/admin.yaml"
berth kubeconfig --user viewer >"$work/viewer.yaml"
while read -r program; do
  k() { HOME=$work/home timeout 30 "$program" --kubeconfig "$work/$1.yaml" "${@:2}"; }
  version=$("$program" version --client -o json 2>/dev/null | jq -r .clientVersion.gitVersion)
  expect "$version: nodes" "$(k admin get nodes --no-headers -o name)" node/bed
  expect "$version: a viewer's pods" "$(k viewer get pods --no-headers -o name)" pod/web-0
  refused=$(k viewer delete pod web-0 2>&1) && fail "a viewer deleted a pod"
  expect "$version: a viewer deletes" "$refused" \
    'Error from server (Forbidden): pods "web-0" is forbidden: User "viewer" cannot delete resource "pods" in API group "" in the namespace "default"'
  expect_match "$version: impersonation" "$(k admin --as jane get pods 2>&1 || true)" 'cannot impersonate resource "users"'
done < <("$root/scripts/lib/kubectls")
expect_match "--server" "$(berth kubeconfig --server https://db1.example:7000)" 'server: "https://db1.example:7000"'
expect_match "--embed-certs=false" "$(berth kubeconfig --embed-certs=false)" "client-key: \"$pki/admin.key\""

step "a watch over TLS goes on while nothing happens, and ends with the agent"
as admin -N "$url/api/v1/namespaces/default/configmaps?watch=true" >"$work/watch" &
watcher=$!
wait_for 10 "it began" test -e "$work/watch"
as admin -X POST -H 'Content-Type: application/json' -d '{"metadata":{"name":"seen"}}' "$url/api/v1/namespaces/default/configmaps" -o /dev/null
wait_for 10 "the event came" grep -q '"name":"seen"' "$work/watch"

step "a server certificate that ends soon is renewed at start; CA and clients stay"
stop_agent
wait "$watcher" || true
before=$(sha256sum "$pki/ca.crt" "$pki/admin.crt" | sha256sum)
openssl req -new -key "$pki/server.key" -subj /CN=berthd -out "$work/soon.csr" 2>/dev/null
openssl x509 -req -in "$work/soon.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial -CAserial "$work/serial" -days 10 \
  -extfile <(printf 'subjectAltName=DNS:localhost,DNS:bed,IP:127.0.0.1,IP:::1,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc\nextendedKeyUsage=serverAuth') \
  -out "$pki/server.crt" 2>/dev/null
[ "$(days_left "$pki/server.crt")" -le 10 ] || fail "the certificate to renew ends $(ends "$pki/server.crt")"
start_agent
[ "$(days_left "$pki/server.crt")" -gt 360 ] || fail "ends $(ends "$pki/server.crt")"
expect "the others" "$(sha256sum "$pki/ca.crt" "$pki/admin.crt" | sha256sum)" "$before"
expect "the old kubeconfig" "$(HOME=$work/home kubectl_any=$("$root/scripts/lib/kubectls" | tail -n 1) \
  bash -c '"$kubectl_any" --kubeconfig '"$work"'/admin.yaml get nodes -o name')" node/bed

step "certificates of one's own win"
stop_agent
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=mine -addext subjectAltName=IP:127.0.0.1 -days 5 \
  -keyout "$work/mine.key" -out "$work/mine.crt" 2>/dev/null
tls_config "certFile: $work/mine.crt, keyFile: $work/mine.key, clientCaFile: $work/bad.crt, clientGroups: {'system:masters': admin}"
start_agent
expect "the given certificate" "$(curl -s -m 5 --cacert "$work/mine.crt" --cert "$work/bad.crt" --key "$work/bad.key" -o /dev/null -w '%{http_code}' "$url/api/v1/secrets")" 200
berth kubeconfig >"$work/mine.yaml"
while read -r program; do
  expect "kubectl trusts it" "$(HOME=$work/home timeout 30 "$program" --kubeconfig "$work/mine.yaml" get nodes -o name)" node/bed
done < <("$root/scripts/lib/kubectls")

step "files that are wrong are named, and nothing starts half"
stop_agent
tls_config "tokenFile: $work/nowhere"
! "$bin/berthd" --config "$config" >"$work/refused" 2>&1 || fail "started without its token file"
expect_match "the token file" "$(cat "$work/refused")" "api.tls.tokenFile.*nowhere"
