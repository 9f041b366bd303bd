#!/usr/bin/env bash
# Measures an SDK, and holds it against its list of known failures: spec-tests/adapters/run.sh NAME
#
# NAME is a folder beside this script. CE is the program `ce`; it is built from this repository unless it is set.
# WORK is a folder to install the SDK into and to write reports to; a temporary one unless it is set.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
adapter=$here/${1:?which adapter? a folder beside this script, such as python-cloudevents}
work=${WORK:-$(mktemp -d)}
[ -d "$adapter" ] || { echo "there is no $adapter" >&2; exit 2; }
mkdir -p "$work"
work=$(cd "$work" && pwd)

if [ -z "${CE:-}" ]; then
  CE=$(cargo build --quiet --manifest-path "$here/../../Cargo.toml" --package cloudevents-cli --message-format json |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')
fi

if [ -f "$adapter/requirements.txt" ]; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$adapter/requirements.txt"
  testee="'$work/venv/bin/python' '$adapter/adapter.py'"
else
  cp "$adapter/package.json" "$adapter/adapter.mjs" "$work"
  npm install --silent --no-audit --no-fund --no-package-lock --prefix "$work" >&2
  testee="node '$work/adapter.mjs'"
fi

# What the SDKs have; anything else would be unsupported.
areas=('core/**' 'http/**' 'json/**')

# A run that finds failures ends with 1; here that is a result as any other.
measure() { "$CE" conformance run "${areas[@]}" --quiet --output json --testee "$1" >"$2" || [ $? -eq 1 ]; }
measure "$testee" "$work/as-it-is.ndjson"
measure "python3 '$here/ignoring-invented-time.py' $testee" "$work/ignoring-invented-time.ndjson"
python3 "$here/results.py" "$work/as-it-is.ndjson" "$work/ignoring-invented-time.ndjson"

echo
"$CE" conformance run "${areas[@]}" --quiet --output json --testee "$testee" --known-failing "$adapter/known-failing.txt" \
  --junit "$work/junit.xml" >"$work/known-failing.ndjson" &&
  echo "Nothing fails that is not known to, and nothing known to fail passes. Reports: $work" ||
  { grep -E '"verdict":"(failed|crashed|stale)"' "$work/known-failing.ndjson"; exit 1; }
