#!/usr/bin/env bash
# Others over MQTT, against the toolkit: spec-tests/crosslang/mqtt/run.sh [PACKAGES]
#
# It installs Eclipse Paho for Python into a virtual environment, the official JavaScript SDK with MQTT.js, and builds a program with the
# official Go SDK. Each sends to the toolkit and receives from it, over Mosquitto where .ci/brokers/mqtt can start it, else over the
# embedded broker. It prints what differs, and fails when that is not what differences.txt says. What is not installed is left out,
# visibly.
# PACKAGES is what cargo builds: `-p cloudevents-mqtt`, or `--workspace` where that is built already.
# WORK is a folder to keep the installations in; target/crosslang/mqtt unless set.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
protocol=mqtt
# shellcheck source=spec-tests/crosslang/lib
source "$here/../lib"

export CE_MQTT_BROKERS=mosquitto
python_peer paho "Eclipse Paho for Python"
node_peer node "the JavaScript SDK"
go_peer go "the Go SDK"
[ $# -gt 0 ] || set -- -p cloudevents-mqtt
meet "$@"
