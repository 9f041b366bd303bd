// A service in Express behind `ce webhook serve --to`. It prints its port, and a line for each delivery that it accepts.

const crypto = require("node:crypto");
const express = require("express");

const digest = (text) => crypto.createHash("sha256").update(text).digest();
const passwords = (process.env.GATE_PASSWORD ?? "").split(/\s+/).filter(Boolean);
if (passwords.length === 0) throw new Error("GATE_PASSWORD is not set");
const gates = passwords.map((password) => digest("Basic " + Buffer.from("gate:" + password).toString("base64")));

function checkGate(request, response, next) {
  const given = digest(request.get("authorization") ?? "");
  const isOfGate = gates.filter((gate) => crypto.timingSafeEqual(given, gate)).length > 0;
  const isSigned = request.get("webhook-verified")?.startsWith("signature=");
  return isOfGate && isSigned ? next() : response.sendStatus(503);
}

function parsed(body) {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

async function handle(request, delivery) {
  const event = request.get("x-github-event") ?? null;
  await new Promise(setImmediate);
  if (delivery.fails) throw new Error("it fails");
  console.log(JSON.stringify({ event, verified: request.get("webhook-verified"), body: request.body.toString() }));
}

const app = express();
const body = express.raw({ type: () => true, inflate: false });
async function hook(request, response) {
  if (request.body !== undefined && !Buffer.isBuffer(request.body)) throw new Error("another parser has read the body");
  const delivery = parsed(request.body);
  if (delivery === undefined) return response.sendStatus(422);
  await handle(request, delivery);
  response.sendStatus(204);
}
app.post("/hook", checkGate, body, hook);
app.use(express.json());
// The mistake: another parser comes first.
app.post("/parsed", checkGate, body, hook);

const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
// What is printed is written before it ends.
process.stdin.resume().on("end", () => {
  server.close();
  server.closeAllConnections();
});
