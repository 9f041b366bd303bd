#!/usr/bin/env bash
# Parses and evaluates the same expressions with the toolkit and with the Go SDK, in one run, and prints the times: spec-tests/crosslang/sql/run.sh
#
# WORK is a folder for the Go program; target/crosslang/sql unless set.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${WORK:-$here/../../../target/crosslang/sql}
command -v go >/dev/null || {
  echo "   SKIPPED: CESQL of the Go SDK, because Go is not installed"
  exit 0
}
mkdir -p "$work"
work=$(cd "$work" && pwd)
(cd "$here/go" && go build -o "$work/peer" .)
cargo bench --quiet --locked --manifest-path "$here/../../../Cargo.toml" -p cloudevents-sql --bench sql_side_by_side -- "$work/peer"
