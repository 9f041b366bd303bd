#!/usr/bin/env bash
# Others over AMQP 1.0, against the toolkit: spec-tests/crosslang/amqp/run.sh
#
# It installs Qpid Proton into a virtual environment, builds a program with the official Go SDK, and lets each send to the toolkit and
# receive from it, over ActiveMQ Artemis where .ci/brokers/amqp can start it, else over the broker in memory. It prints what differs,
# and fails when that is not what differences.txt says. What is not installed is left out, visibly.
# WORK is a folder to keep the installations in; target/crosslang/amqp unless set.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."

work=${WORK:-target/crosslang/amqp}
mkdir -p "$work"
work=$(cd "$work" && pwd)
peers=()

skip() { echo "   SKIPPED: $1"; }

proton() {
  command -v python3 >/dev/null || { skip "Qpid Proton, because python3 is not installed"; return; }
  if ! cmp -s "$here/python/requirements.txt" "$work/venv/installed"; then
    rm -rf "$work/venv"
    python3 -m venv "$work/venv" &&
      "$work/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/python/requirements.txt" ||
      { skip "Qpid Proton, because pip could not install it"; return; }
    cp "$here/python/requirements.txt" "$work/venv/installed"
  fi
  peers+=("proton=$work/venv/bin/python $here/python/peer.py")
}

go_sdk() {
  command -v go >/dev/null || { skip "the Go SDK, because go is not installed"; return; }
  (cd "$here/go" && go build -o "$work/peer" .) || { skip "the Go SDK, because go could not build it"; return; }
  peers+=("go=$work/peer")
}

proton
go_sdk
[ ${#peers[@]} -gt 0 ] || exit 0

CE_TEST_AMQP_PEERS=$(printf '%s\n' "${peers[@]}")
CE_TEST_AMQP_DIFFERENCES=$here/differences.txt
export CE_TEST_AMQP_PEERS CE_TEST_AMQP_DIFFERENCES
test=(cargo test --quiet --locked -p cloudevents-amqp --test it crosslang -- --nocapture)

# Without the broker, .ci/brokers/amqp says why and runs nothing.
rm -f "$work/ran"
# shellcheck disable=SC2016 # the inner shell expands it
CE_AMQP_BROKERS=artemis .ci/brokers/amqp bash -c 'touch "$0"; "$@"' "$work/ran" "${test[@]}"
if [ ! -e "$work/ran" ]; then
  echo "   over the broker in memory"
  "${test[@]}"
fi
