// The WebSocket of Node.js, which is that of browsers: `peer.js connect URL`. It has no server, no pings and no fragments of its own.
"use strict";

const opened = (socket) =>
  new Promise((resolve) => {
    socket.addEventListener("open", () => resolve(true));
    socket.addEventListener("error", () => resolve(false));
  });
const message = (socket) =>
  new Promise((resolve) => socket.addEventListener("message", (event) => resolve(event.data), { once: true }));
const closed = (socket) => new Promise((resolve) => socket.addEventListener("close", (event) => resolve(event.code)));

async function main(url, documents) {
  const answer = { refused: [], echoed: [] };
  for (const subprotocols of [["chat"], []]) {
    // It does not show the status.
    answer.refused.push((await opened(new WebSocket(url, subprotocols))) ? 101 : 400);
  }
  const socket = new WebSocket(url, ["chat", "cloudevents.json"]);
  await opened(socket);
  answer.subprotocol = socket.protocol;
  for (const document of documents) {
    const next = message(socket);
    socket.send(document);
    answer.echoed.push(await next);
  }
  const end = closed(socket);
  socket.send(Buffer.from(documents[0]));
  answer.code = await end;
  return answer;
}

const [, , mode, url] = process.argv;
if (mode === "serve") {
  process.exit(3);
}
let line = "";
process.stdin.on("data", (data) => (line += data));
process.stdin.on("end", async () => console.log(JSON.stringify(await main(url, JSON.parse(line)))));
