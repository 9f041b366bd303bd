#!/usr/bin/env node
// Starts the `ce` of the package for this platform, with the same arguments, streams and exit status.
"use strict";
const { spawnSync } = require("node:child_process");

const name = `cloudevents-ce-${process.platform}-${process.arch}`;
let program;
try {
  program = require.resolve(`${name}/${process.platform === "win32" ? "ce.exe" : "ce"}`);
} catch {
  console.error(`ce: the package ${name} is not installed. Either there is none for this platform, or optional dependencies were left out.`);
  process.exit(2);
}
const { status, signal, error } = spawnSync(program, process.argv.slice(2), { stdio: "inherit" });
if (error) {
  console.error(`ce: ${program} cannot be started: ${error.message}`);
  process.exit(2);
}
if (signal) process.kill(process.pid, signal);
process.exit(status ?? 2);
