#!/usr/bin/env bash
# Other WebSocket libraries, against the toolkit: spec-tests/crosslang/websockets/run.sh [PACKAGES]
#
# It installs the Python library `websockets` into a virtual environment, and uses the WebSocket of Node.js. Each connects to the toolkit's
# server; the toolkit connects to the server of each that has one. What is not installed is left out, visibly.
# PACKAGES is what cargo builds: `-p cloudevents-websockets`, or `--workspace` where that is built already.
# WORK is a folder to keep the installations in; target/crosslang/websockets unless set.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
protocol=websockets
# shellcheck source=spec-tests/crosslang/lib
source "$here/../lib"

python_peer python "the Python library"
# Before version 22, its WebSocket has to be turned on.
node="node --experimental-websocket"
if command -v node >/dev/null && $node -e 'process.exit(typeof WebSocket === "function" ? 0 : 1)' 2>/dev/null; then
  peers+=("node=$node $here/node/peer.js")
else
  skip "Node.js, because it is not installed, or is older than version 20.10"
fi
[ ${#peers[@]} -gt 0 ] || exit 0
[ $# -gt 0 ] || set -- -p cloudevents-websockets
CE_TEST_PEERS=$(printf '%s\n' "${peers[@]}")
export CE_TEST_PEERS
cargo test --locked "$@" --test real real::over_websockets -- --nocapture
