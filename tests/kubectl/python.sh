#!/bin/bash
# tests/kubectl/python.sh - a client library in another language: python3-kubernetes.
# shellcheck source=../e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)

step "the agent and a way in"
# shellcheck source=way_in.sh
. "$here/way_in.sh"

step "the client"
python=/usr/bin/python3 # Debian's, which has Debian's modules
timeout -k 2 180 "$python" "$here/python_client.py" || fail "the Python client"
