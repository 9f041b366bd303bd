#!/usr/bin/env bash
# Others over NATS, against the toolkit: spec-tests/crosslang/nats/run.sh [PACKAGES]
#
# It installs nats-py into a virtual environment, and builds a program with the official Go SDK. Each sends to the toolkit and receives
# from it, over a server with JetStream where .ci/brokers/nats can start one, else over the embedded server. It prints what differs, and
# fails when that is not what differences.txt says. What is not installed is left out, visibly.
# PACKAGES is what cargo builds: `-p cloudevents-nats`, or `--workspace` where that is built already.
# WORK is a folder to keep the installations in; target/crosslang/nats unless set.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
protocol=nats
# shellcheck source=spec-tests/crosslang/lib
source "$here/../lib"

export CE_NATS_SERVERS=wheel
python_peer nats-py "nats-py"
go_peer go "the Go SDK" core
go_peer go-jetstream "the Go SDK over JetStream" jetstream
[ $# -gt 0 ] || set -- -p cloudevents-nats
meet "$@"
