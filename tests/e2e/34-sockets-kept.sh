#!/bin/bash
# tests/e2e/34-sockets-kept.sh - a restart of the agent, and its sudden end, leave no question unanswered and refuse no connection.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

step "the agent runs under somebody who keeps its sockets, as systemd does"
write_config
tls_port=6552
sed -i "s|^api: .*|api: {socket: $socket, tls: {listen: \"127.0.0.1:$tls_port\"}}|" "$config"
start_logd
/usr/bin/python3 "$(dirname "$0")/socket_keeper.py" "$BERTH_TEST_DIR/keeper" "$bin/berthd" --config "$config" \
  >"$BERTH_TEST_DIR/keeper.out" 2>>"$output/berthd.log" </dev/null &
keeper=$!
says() { [ "$(curl -s -m 5 --unix-socket "$BERTH_TEST_DIR/keeper/control" "http://localhost/$1")" = ok ]; }
wait_for 15 "it is ready" says ready
stateful_set web 1 | put_manifest web.yaml
wait_ready 20 app=web 1
expect "sockets kept" "$(curl -s --unix-socket "$BERTH_TEST_DIR/keeper/control" http://localhost/names)" "api-tcp api-unix dns-tcp dns-udp"

step "asked all the while: DNS over UDP and TCP, the API, over TLS too"
/usr/bin/python3 "$(dirname "$0")/socket_keeper.py" --ask "$gateway" "web-0.web.default.svc.$domain" "$socket" $tls_port "$BERTH_TEST_DIR/asked" &
asker=$!
for how in restart restart kill; do
  says $how || fail "$how: no answer"
  wait_for 15 "$how: it is ready again" says ready
done
touch "$BERTH_TEST_DIR/asked.stop"
wait $asker
asked=$(cat "$BERTH_TEST_DIR/asked")
echo "   $asked"
expect_match "all were answered" "$asked" "^udp [1-9][0-9]+ lost 0, tcp [1-9][0-9]* lost 0, api [1-9][0-9]* lost 0, tls [1-9][0-9]* lost 0$"

step "a socket whose address fits the configuration no more is dropped"
sed -i 's/port: 53/port: 5353/' "$config"
says restart || fail "restart: no answer"
wait_for 15 "it is ready again" says ready
expect "the new port answers" "$(dig +short +time=2 +tries=1 -p 5353 "@$gateway" "web-0.web.default.svc.$domain")" "$(pod_ip web-0)"
! dig +time=1 +tries=1 "@$gateway" "web-0.web.default.svc.$domain" >/dev/null || fail "the old port answers"
expect "sockets kept" "$(curl -s --unix-socket "$BERTH_TEST_DIR/keeper/control" http://localhost/names)" "api-tcp api-unix dns-tcp dns-udp"
kill $keeper
wait $keeper || true
