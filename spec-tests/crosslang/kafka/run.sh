#!/usr/bin/env bash
# Other SDKs over Kafka, against the toolkit: spec-tests/crosslang/kafka/run.sh [PACKAGES]
#
# It installs the official Python SDK into a virtual environment, builds a program with the official Go SDK, and lets each send to the
# toolkit and receive from it, over a real Kafka where .ci/brokers/kafka can start one, else over the embedded broker. It prints what
# differs, and fails when that is not what differences.txt says. What is not installed is left out, visibly.
# PACKAGES is what cargo builds: `-p cloudevents-kafka`, or `--workspace` where that is built already.
# WORK is a folder to keep the installations in; target/crosslang/kafka unless set.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
protocol=kafka
# shellcheck source=spec-tests/crosslang/lib
source "$here/../lib"

python_peer python "the Python SDK"
go_peer go "the Go SDK"
[ $# -gt 0 ] || set -- -p cloudevents-kafka
meet "$@"
