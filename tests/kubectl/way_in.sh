#!/bin/bash
# tests/kubectl/way_in.sh - starts the bed's agent with a TLS listener; KUBECONFIG is what `berth kubeconfig` prints. Sourced.
# shellcheck disable=SC2154 # config and socket are of ../e2e/lib.sh
[ -f "$config" ] || write_config
sed -i "s|^api: .*|api: {socket: $socket, tls: {listen: \"127.0.0.1:6550\"}}|" "$config"
start_agent
export KUBECONFIG=$BERTH_TEST_DIR/kubeconfig
berth kubeconfig >"$KUBECONFIG"
