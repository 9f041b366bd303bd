// A service in Express behind `ce webhook serve --to`. It prints its port, and a line for each delivery that it accepts.

const crypto = require("node:crypto");
const express = require("express");

if (!process.env.GATE_PASSWORD) throw new Error("GATE_PASSWORD is not set");
const digest = (text) => crypto.createHash("sha256").update(text).digest();
const gate = digest("Basic " + Buffer.from("gate:" + process.env.GATE_PASSWORD).toString("base64"));
const isOfGate = (request) => crypto.timingSafeEqual(digest(request.get("authorization") ?? ""), gate);

async function handle(request) {
  const event = request.get("x-github-event") ?? null;
  const body = request.body.toString();
  await new Promise(setImmediate);
  if (JSON.parse(body).fails) throw new Error("it fails");
  console.log(JSON.stringify({ event, verified: request.get("webhook-verified"), body }));
}

const app = express();
app.post("/hook", express.raw({ type: "*/*" }), async (request, response) => {
  const isSigned = request.get("webhook-verified")?.startsWith("signature=");
  if (!isOfGate(request) || !isSigned) return response.sendStatus(503);
  await handle(request);
  response.sendStatus(204);
});
app.use(express.json());

const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
// What is printed is written before it ends.
process.stdin.resume().on("end", () => {
  server.close();
  server.closeAllConnections();
});
