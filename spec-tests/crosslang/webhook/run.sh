#!/usr/bin/env bash
# `ce webhook check` against targets that others' libraries verify deliveries for: spec-tests/crosslang/webhook/run.sh [PACKAGES]
#
# It installs the Python library `standardwebhooks` into a virtual environment, and the npm package of the same name. Both have to pass
# every rule. What is not installed is left out, visibly.
# PACKAGES is what cargo builds: `-p cloudevents-cli`, or `--workspace` where that is built already.
# WORK is a folder to keep the installations in; target/crosslang/webhook unless set.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
protocol=webhook
# shellcheck source=spec-tests/crosslang/lib
source "$here/../lib"

# The program in node, with what its lock file names.
node_peer() {
  local name=$1 what=$2
  command -v npm >/dev/null || { skip "$what, because npm is not installed"; return; }
  mkdir -p "$work/node"
  if ! cmp -s "$here/node/package-lock.json" "$work/node/installed"; then
    cp "$here/node/package.json" "$here/node/package-lock.json" "$work/node/"
    (cd "$work/node" && npm ci --silent --no-audit --no-fund --ignore-scripts) ||
      { skip "$what, because npm could not install it"; return; }
    cp "$here/node/package-lock.json" "$work/node/installed"
  fi
  # Beside what it requires.
  cp "$here/node/peer.js" "$work/node/"
  peers+=("$name=node $work/node/peer.js")
}

python_peer python "the Python library"
node_peer node "the npm package"
[ ${#peers[@]} -gt 0 ] || exit 0
[ $# -gt 0 ] || set -- -p cloudevents-cli
CE_TEST_PEERS=$(printf '%s\n' "${peers[@]}")
export CE_TEST_PEERS
cargo test --locked "$@" --test real webhook::over_webhook -- --nocapture
