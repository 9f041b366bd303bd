#!/usr/bin/env bash
# Services in Express and Django behind `ce webhook serve --to`: spec-tests/crosslang/services/run.sh [PACKAGES]
#
# It installs the npm package `express`, and the Python package `django` into a virtual environment. What is not installed is left out,
# visibly.
# PACKAGES is what cargo builds: `-p cloudevents-cli`, or `--workspace` where that is built already.
# WORK is a folder to keep the installations in; target/crosslang/services unless set.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
protocol=services
# shellcheck source=spec-tests/crosslang/lib
source "$here/../lib"

node_peer express "the service in Express"
python_peer django "the service in Django"
[ ${#peers[@]} -gt 0 ] || exit 0
[ $# -gt 0 ] || set -- -p cloudevents-cli
CE_TEST_PEERS=$(printf '%s\n' "${peers[@]}")
export CE_TEST_PEERS
cargo test --locked "$@" --test real webhook_services::over_services -- --nocapture
