#!/usr/bin/env bash
# Other SDKs over Kafka, against the toolkit: spec-tests/crosslang/kafka/run.sh [PACKAGES]
#
# It installs the official Python SDK into a virtual environment, builds a program with the official Go SDK, and lets each send to the
# toolkit and receive from it, over a real Kafka where .ci/brokers/kafka can start one, else over the embedded broker. It prints what
# differs, and fails when that is not what differences.txt says. What is not installed is left out, visibly.
# PACKAGES is what cargo builds: `-p cloudevents-kafka`, or `--workspace` where that is built already.
# WORK is a folder to keep the installations in; target/crosslang unless set.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."

work=${WORK:-target/crosslang}
mkdir -p "$work"
work=$(cd "$work" && pwd)
peers=()

skip() { echo "   SKIPPED: $1"; }

python() {
  command -v python3 >/dev/null || { skip "the Python SDK, because python3 is not installed"; return; }
  if ! cmp -s "$here/python/requirements.txt" "$work/venv/installed"; then
    rm -rf "$work/venv"
    python3 -m venv "$work/venv" &&
      "$work/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/python/requirements.txt" ||
      { skip "the Python SDK, because pip could not install it"; return; }
    cp "$here/python/requirements.txt" "$work/venv/installed"
  fi
  peers+=("python=$work/venv/bin/python $here/python/peer.py")
}

go_sdk() {
  command -v go >/dev/null || { skip "the Go SDK, because go is not installed"; return; }
  (cd "$here/go" && go build -o "$work/peer" .) || { skip "the Go SDK, because go could not build it"; return; }
  peers+=("go=$work/peer")
}

python
go_sdk
[ ${#peers[@]} -gt 0 ] || exit 0

CE_TEST_KAFKA_PEERS=$(printf '%s\n' "${peers[@]}")
CE_TEST_KAFKA_DIFFERENCES=$here/differences.txt
export CE_TEST_KAFKA_PEERS CE_TEST_KAFKA_DIFFERENCES
[ $# -gt 0 ] || set -- -p cloudevents-kafka
test=(cargo test --quiet --locked "$@" --test it crosslang -- --nocapture)

# Without a real broker, .ci/brokers/kafka says why and runs nothing.
rm -f "$work/ran"
.ci/brokers/kafka bash -c 'touch "$0"; "$@"' "$work/ran" "${test[@]}"
if [ ! -e "$work/ran" ]; then
  echo "   over the embedded broker"
  "${test[@]}"
fi
