#!/usr/bin/env bash
# Runs every adapter whose toolchain is here, and writes the support matrix beside the runs: matrix.md and matrix.html.
#
# With --check, it compares every SDK with its list and writes no matrix. With --site FOLDER, it writes a static site instead: the matrix, the causes, and
# the history of the runs that FOLDER/runs keeps.
#
# CE and WORK are as for run.sh. What failed and what could not run is tallied at the end. An SDK that cannot be had, for want of its toolchain
# or of a network, is skipped; with CE_NO_SKIP=1 that is a failure. One that is installed and does not start is always one.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=${WORK:-$(mktemp -d)}
if [ -z "${CE:-}" ]; then
  CE=$(cargo build --quiet --manifest-path "$root/Cargo.toml" --package cloudevents-cli --message-format json |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')
fi
export CE

runs=() skipped=() failed=()
for adapter in "$here"/*/; do
  name=$(basename "$adapter")
  # What has no list is no adapter.
  [ -f "$adapter/known-failing.txt" ] || continue
  tool=python3
  [ ! -f "$adapter/package.json" ] || tool=npm
  [ ! -f "$adapter/go.mod" ] || tool=go
  [ ! -f "$adapter/Cargo.toml" ] || tool=cargo
  [ ! -f "$adapter/pom.xml" ] || tool=mvn
  [ ! -f "$adapter/adapter.csproj" ] || tool=dotnet
  [ ! -f "$adapter/Gemfile" ] || tool=ruby
  if ! command -v "$tool" >/dev/null; then
    skipped+=("$name: there is no $tool")
    continue
  fi
  echo "== $name"
  status=0
  WORK=$work/$name "$here/run.sh" "$name" || status=$?
  case $status in
    0) ;;
    1) failed+=("$name: not as its list says") ;;
    3) skipped+=("$name: the SDK is not installed and cannot be fetched") && continue ;;
    *) failed+=("$name: it does not build or start") && continue ;;
  esac
  runs+=("$work/$name/run.ndjson")
done
tally() {
  echo "skipped: ${#skipped[@]}"
  for reason in ${skipped[@]+"${skipped[@]}"}; do echo "   SKIPPED: $reason"; done
  for reason in ${failed[@]+"${failed[@]}"}; do echo "   FAILED: $reason"; done
  [ "${#failed[@]}" = 0 ] && { [ "${#skipped[@]}" = 0 ] || [ -z "${CE_NO_SKIP:-}" ]; }
}
if [ "${1:-}" = --check ]; then
  tally
  exit
fi

mkdir -p "$work/ours"
"$CE" conformance run --drafts --quiet --output json --ndjson "$work/ours/run.ndjson" >/dev/null
runs+=("$work/ours/run.ndjson")

if [ "${1:-}" = --site ]; then
  # Runs are kept, so that the site has their history.
  mkdir -p "$2/runs"
  for run in "${runs[@]}"; do cp "$run" "$2/runs/$(date -u +%Y-%m-%d)-$(basename "$(dirname "$run")").ndjson"; done
  "$CE" conformance report "$2/runs" --site "$2"
  echo "Site: $2/index.html"
  tally
  exit
fi
"$CE" conformance report "${runs[@]}" --html "$work/matrix.html"
{
  echo "<!-- Written by spec-tests/adapters/matrix.sh. -->"
  echo "Measured on $(date -u +%Y-%m-%d) with the vectors of this repository, in the base profile."
  echo
  "$CE" conformance report "${runs[@]}" --output pretty
} >"$work/matrix.md"

echo "Matrix: $work/matrix.md; in HTML: $work/matrix.html"
tally
