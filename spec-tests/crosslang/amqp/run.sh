#!/usr/bin/env bash
# Others over AMQP 1.0, against the toolkit: spec-tests/crosslang/amqp/run.sh [PACKAGES]
#
# It installs Qpid Proton and the Python SDK into a virtual environment, builds a program with the official Go SDK and one with Qpid JMS, and lets each
# send to the toolkit and receive from it, over ActiveMQ Artemis where .ci/brokers/amqp can start it, else over the broker in memory. It prints what differs,
# and fails when that is not what differences.txt says. What is not installed is left out, visibly.
# PACKAGES is what cargo builds: `-p cloudevents-amqp`, or `--workspace` where that is built already.
# WORK is a folder to keep the installations in; target/crosslang/amqp unless set.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
protocol=amqp
# shellcheck source=spec-tests/crosslang/lib
source "$here/../lib"

export CE_AMQP_BROKERS=artemis
python_peer proton "Qpid Proton"
python_peer python "the Python SDK" sdk
go_peer go "the Go SDK"
java_peer jms "Qpid JMS"
[ $# -gt 0 ] || set -- -p cloudevents-amqp
meet "$@"
