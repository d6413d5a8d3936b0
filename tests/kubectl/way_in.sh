#!/bin/bash
# tests/kubectl/way_in.sh - a kubeconfig for the bed's agent, in KUBECONFIG; sourced when the agent runs.
# Clients like these speak no unix sockets.
# shellcheck disable=SC2154 # root, socket and output are of ../e2e/lib.sh
api_port=6550
export KUBECONFIG=$BERTH_TEST_DIR/kubeconfig
/usr/bin/python3 "$root/tests/kubectl/tcp_proxy.py" "$api_port" "$socket" >"$output/proxy.log" 2>&1 &
cat >"$KUBECONFIG" <<END
apiVersion: v1
kind: Config
clusters: [{name: berth, cluster: {server: "http://127.0.0.1:$api_port"}}]
contexts: [{name: berth, context: {cluster: berth, user: admin}}]
users: [{name: admin, user: {}}]
current-context: berth
END
wait_for 10 "a way in" curl -sf -m 2 "http://127.0.0.1:$api_port/version"
