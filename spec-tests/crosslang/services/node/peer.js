// A service in Express behind `ce webhook serve --to`. It prints its port, and a line for each delivery that it accepts.

const express = require("express");

const app = express();

app.post("/hook", express.raw({ type: "*/*" }), (request, response) => {
  const verified = request.get("webhook-verified");
  if (!verified?.startsWith("signature=")) return response.sendStatus(403);
  JSON.parse(request.body);
  const event = request.get("x-github-event") ?? null;
  console.log(JSON.stringify({ event, verified, body: request.body.toString() }));
  response.sendStatus(204);
});

const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
// What is printed is written before it ends.
process.stdin.resume().on("end", () => {
  server.close();
  server.closeAllConnections();
});
