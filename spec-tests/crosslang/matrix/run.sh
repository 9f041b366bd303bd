#!/usr/bin/env bash
# Other implementations' own transports against `ce`, over real brokers: spec-tests/crosslang/matrix/run.sh
#
# It installs the SDKs for Go, Python (versions 1 and 2), JavaScript and Java, lets each send to `ce` and receive from it over Kafka, AMQP 1.0,
# MQTT, NATS, JetStream and HTTP, in both modes, strictly and with the name of the peer; moves events from the Python SDK to the Java SDK with
# `ce bridge`; and writes docs/peers-matrix.md and the reports for maintainers in `reports`. It fails for a difference that explained.txt does not explain, and for an explanation
# without a difference. What is not installed is left out, visibly, and then neither pages nor reports are written.
# WORK is a folder to keep the installations in; target/crosslang/matrix unless set. CE is the program; the workspace's unless set. CARRIERS: those
# that are wanted. CE_SDK_JAVA is a repository of the Java SDK, whose module for AMQP is built from source: it is not on Maven Central.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
crosslang=$(dirname "$here")
cd "$here/../../.."
work=${WORK:-target/crosslang/matrix}
mkdir -p "$work"
work=$(cd "$work" && pwd)
carriers=${CARRIERS:-http kafka amqp mqtt nats jetstream}
SDK_JAVA=v4.0.1
lacking=0

skip() { echo "   SKIPPED: $1"; lacking=1; }
peer() { echo "$1 | $2 | $3 | ${*:4}" >>"$work/peers"; }

# A virtual environment with these requirements.
python() {
  command -v python3 >/dev/null || return 1
  cmp -s "$here/python/$1" "$work/$1.venv/installed" && return
  rm -rf "$work/$1.venv"
  python3 -m venv "$work/$1.venv" &&
    "$work/$1.venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/python/$1" &&
    cp "$here/python/$1" "$work/$1.venv/installed"
}

javascript() {
  command -v npm >/dev/null || return 1
  cmp -s "$here/node/package-lock.json" "$work/node/installed" && return
  rm -rf "$work/node"
  mkdir "$work/node"
  cp "$here/node/package.json" "$here/node/package-lock.json" "$work/node"
  npm ci --prefix "$work/node" --silent --no-audit --no-fund --ignore-scripts && cp "$here/node/package-lock.json" "$work/node/installed"
}

# The SDK from Maven Central, and its module for AMQP from source.
java_sdk() {
  command -v mvn >/dev/null && command -v javac >/dev/null || return 1
  if ! cmp -s "$here/java/pom.xml" "$work/java/installed"; then
    rm -rf "$work/java"
    mkdir -p "$work/java/classes"
    mvn --quiet --batch-mode --file "$here/java/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$work/java/jars" || return 1
    git -c advice.detachedHead=false clone --quiet --depth 1 --branch "$SDK_JAVA" "${CE_SDK_JAVA:-https://github.com/cloudevents/sdk-java}" "$work/java/sdk" || return 1
    cp "$here/java/pom.xml" "$work/java/installed"
  fi
  local sources=$work/java/sdk/amqp/src/main/java/io/cloudevents/amqp
  javac -nowarn -d "$work/java/classes" -cp "$work/java/jars/*" "$sources"/*.java "$sources"/impl/*.java "$here/java/Peer.java"
}

rm -f "$work/peers" "$work/results"
touch "$work/peers"
if [ -z "${CE:-}" ]; then
  cargo build --quiet --locked -p cloudevents-cli
  CE=$PWD/${CARGO_TARGET_DIR:-target}/debug/ce
fi
export CE
python requirements2.txt || { echo "   SKIPPED: everything, because python3 or its packages are not there"; exit 0; }
here_python="PYTHONPATH=$crosslang/python:$here/python"
two=$work/requirements2.txt.venv/bin/python

if command -v go >/dev/null && (cd "$here/go" && go build -o "$work/go-http" .); then
  peer "Go 2.16" go-2 http "$work/go-http"
  for one in kafka mqtt amqp nats; do
    (cd "$crosslang/$one/go" && go build -o "$work/go-$one" .)
    [ "$one" = nats ] || peer "Go 2.16" go-2 "$one" "$work/go-$one"
  done
  peer "Go 2.16" go-2 nats "$work/go-nats core"
  peer "Go 2.16" go-2 jetstream "$work/go-nats jetstream"
else
  skip "the Go SDK, because go is not installed or could not build it"
fi
if python requirements1.txt; then
  for one in http kafka; do
    peer "Python 1.12" python-1 $one "env $here_python $work/requirements1.txt.venv/bin/python $here/python/peer1.py $one"
  done
else
  skip "version 1 of the Python SDK, because pip could not install it"
fi
peer "Python 2.2" python-2 http "env $here_python $two $here/python/peer2.py"
peer "Python 2.2" python-2 kafka "env $here_python $two $crosslang/kafka/python/peer.py"
peer "Python 2.2" python-2 amqp "env $here_python $two $crosslang/amqp/python/peer.py sdk"
if javascript; then
  for one in http kafka; do
    peer "JavaScript 10" javascript-10 $one "env NODE_PATH=$work/node/node_modules node $here/node/peer.js $one"
  done
  peer "JavaScript 10" javascript-10 mqtt "env NODE_PATH=$work/node/node_modules node $crosslang/mqtt/node/peer.js"
else
  skip "the JavaScript SDK, because npm is not installed or could not install it"
fi
if java_sdk; then
  for one in http kafka amqp; do
    peer "Java 4.0" java-4 $one "java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp $work/java/classes:$work/java/jars/* Peer $one"
  done
else
  skip "the Java SDK, because Maven or a compiler is not installed or could not get it"
fi

# Runs the matrix where the broker is, whose script has variables of its own.
export MATRIX="$two $here/matrix.py $work/peers $work/results"
# shellcheck disable=SC2016 # the inner shell expands it
meet=(bash -c '$MATRIX "$@"' meet)
for carrier in $carriers; do
  case $carrier in
  http) "${meet[@]}" http ;;
  kafka) .ci/brokers/kafka "${meet[@]}" kafka ;;
  amqp) CE_AMQP_BROKERS=artemis .ci/brokers/amqp "${meet[@]}" amqp bridge ;;
  mqtt) CE_MQTT_BROKERS=mosquitto .ci/brokers/mqtt "${meet[@]}" mqtt ;;
  nats) CE_NATS_SERVERS=${CE_NATS_SERVERS:-system} .ci/brokers/nats "${meet[@]}" nats ;;
  jetstream) CE_NATS_SERVERS=${CE_NATS_SERVERS:-system} .ci/brokers/nats "${meet[@]}" jetstream ;;
  esac
done
if [ $lacking = 0 ] && [ -z "${CARRIERS:-}" ]; then
  "$two" "$here/page.py" "$work/results" docs/peers-matrix.md "$here/reports"
fi
