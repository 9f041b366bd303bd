#!/usr/bin/env bash
# Others over RabbitMQ, against the toolkit: spec-tests/crosslang/rabbitmq/run.sh [PACKAGES]
#
# It installs the official Python SDK with pika into a virtual environment, and lets the SDK, and pika with nothing but the text of the
# binding, send to the toolkit and receive from it: over RabbitMQ where .ci/brokers/rabbitmq can start it, else over the embedded broker.
# It prints what differs, and fails when that is not what differences.txt says. What is not installed is left out, visibly.
# PACKAGES is what cargo builds: `-p cloudevents-rabbitmq`, or `--workspace` where that is built already.
# WORK is a folder to keep the installations in; target/crosslang/rabbitmq unless set.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
protocol=rabbitmq
# shellcheck source=spec-tests/crosslang/lib
source "$here/../lib"

export CE_RABBITMQ_BROKERS=classic
python_peer pika "pika" plain
python_peer python "the Python SDK"
[ $# -gt 0 ] || set -- -p cloudevents-rabbitmq
meet "$@"
