#!/usr/bin/env bash
# Measures an SDK, and compares it with its list of known failures: spec-tests/adapters/run.sh NAME [--update]
#
# NAME is a folder beside this script. CE is the program `ce`; it is built from this repository unless it is set.
# WORK is a folder to install the SDK into and to write reports to; a temporary one unless it is set. TESTEE is a command that runs the adapter
# as it was built elsewhere, for machines without the registry of the language.
#
# Exit status: 0 as the list says, 1 not, 2 the adapter does not build or start, 3 the SDK is not installed and cannot be fetched.
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

# The SDK is installed into $work, never into the repository; testee is the command that runs the adapter.
fetched() { "$@" >&2 || { echo "$(basename "$adapter") is not installed and cannot be fetched" >&2; exit 3; }; }
built() { "$@" >&2 || { echo "$(basename "$adapter") does not build" >&2; exit 2; }; }
if [ -n "${TESTEE:-}" ]; then
  read -ra testee <<<"$TESTEE"
elif [ -f "$adapter/adapter.csproj" ]; then
  fetched dotnet restore "$adapter/adapter.csproj" -p:BaseIntermediateOutputPath="$work/obj/"
  built dotnet build --no-restore --configuration Release "$adapter/adapter.csproj" -p:BaseIntermediateOutputPath="$work/obj/" --output "$work/adapter"
  testee=(dotnet "$work/adapter/adapter.dll")
elif [ -f "$adapter/requirements.txt" ]; then
  fetched python3 -m venv "$work/venv"
  fetched "$work/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$adapter/requirements.txt"
  testee=("$work/venv/bin/python" "$adapter/adapter.py")
elif [ -f "$adapter/package.json" ]; then
  cp "$adapter/package.json" "$adapter/adapter.mjs" "$work"
  fetched npm install --silent --no-audit --no-fund --no-package-lock --prefix "$work"
  testee=(node "$work/adapter.mjs")
elif [ -f "$adapter/go.mod" ]; then
  fetched go -C "$adapter" mod download
  built go -C "$adapter" build -o "$work/adapter" .
  testee=("$work/adapter")
elif [ -f "$adapter/Cargo.toml" ]; then
  fetched cargo fetch --quiet --locked --manifest-path "$adapter/Cargo.toml"
  CARGO_TARGET_DIR=$work/target built cargo build --quiet --release --locked --offline --manifest-path "$adapter/Cargo.toml"
  testee=("$work/target/release/adapter")
elif [ -f "$adapter/Gemfile" ]; then
  # RUBYLIB may name the folder `lib` of a checkout of the SDK instead.
  export GEM_HOME=$work/gems
  ruby -e 'require "cloud_events"' 2>/dev/null || fetched gem install --silent --no-document --file "$adapter/Gemfile"
  testee=(ruby "$adapter/adapter.rb")
else
  fetched mvn --quiet --file "$adapter/pom.xml" dependency:copy-dependencies -DoutputDirectory="$work/lib"
  built javac -cp "$work/lib/*" -d "$work/classes" "$adapter/Adapter.java"
  testee=(java -cp "$work/lib/*:$work/classes" Adapter)
fi

# What the SDKs have; anything else would be skipped.
areas=('amqp/**' 'core/**' 'extensions/**' 'http/**' 'json/**' 'kafka/**' 'mqtt/**' 'protobuf/**')
# Cases as published, so that a list and its reasons stay as they are; where SDKs run the suite in their own CI, cases vary.
run() { "$CE" conformance run "${areas[@]}" --vary off --quiet --ndjson "$work/run.ndjson" "$@" -- "${testee[@]}"; }

if [ "${2:-}" = --update ]; then
  run --output json --known-failing "$adapter/known-failing.txt" --update-known-failing >/dev/null || [ $? -eq 1 ]
fi
run --output pretty --known-failing "$adapter/known-failing.txt" --junit "$work/junit.xml"
echo "Nothing fails that is not known to, and nothing known to fail passes. Reports: $work"
