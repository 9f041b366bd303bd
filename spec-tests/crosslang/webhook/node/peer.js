// A target of webhooks on the npm library `standardwebhooks`: `peer.js ORIGIN`. The key is in HOOK_SECRET. It prints its port.

const http = require("node:http");
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

const ORIGIN = process.argv[2];
const WEBHOOK = new Webhook(process.env.HOOK_SECRET);
const LONGEST = 512 << 10;
const DEADLINE = 5000;
const REQUIRED = ["specversion", "id", "source", "type"];
const processed = new Set();

class Refused extends Error {
  constructor(status) {
    super(String(status));
    this.status = status;
  }
}

function validate(request, response) {
  if (request.headers["webhook-request-origin"] !== ORIGIN) throw new Refused(403);
  const asked = request.headers["webhook-request-rate"] ?? "";
  const rate = /^[1-9][0-9]{0,5}$/.test(asked) ? asked : "600";
  response.writeHead(200, { Allow: "OPTIONS, POST", "WebHook-Allowed-Origin": ORIGIN, "WebHook-Allowed-Rate": rate, "Content-Length": 0 });
  response.end();
}

function read(request) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    let length = 0;
    const timer = setTimeout(() => reject(new Refused(408)), DEADLINE);
    request.on("data", (chunk) => {
      length += chunk.length;
      if (length > LONGEST) reject(new Refused(413));
      else chunks.push(chunk);
    });
    request.on("error", () => reject(new Refused(400)));
    request.on("end", () => resolve(Buffer.concat(chunks)));
    request.on("close", () => clearTimeout(timer));
  });
}

function verified(body, headers) {
  try {
    return WEBHOOK.verify(body, headers);
  } catch (error) {
    throw new Refused(error instanceof WebhookVerificationError ? 403 : 400);
  }
}

async function deliver(request, response) {
  if (request.headers["webhook-request-origin"] !== ORIGIN) throw new Refused(403);
  const mediaType = request.headers["content-type"];
  if (mediaType === undefined) throw new Refused(400);
  if (mediaType.split(";")[0].trim().toLowerCase() !== "application/cloudevents+json") throw new Refused(415);
  if (Number(request.headers["content-length"] ?? 0) > LONGEST) throw new Refused(413);
  const body = await read(request);
  if (body.length === 0) throw new Refused(400);
  const event = verified(body, request.headers);
  const complete = event !== null && typeof event === "object" && REQUIRED.every((name) => typeof event[name] === "string" && event[name]);
  if (!complete) throw new Refused(400);
  processed.add(`${event.source} ${event.id}`);
  response.writeHead(204);
  response.end();
}

async function respond(request, response) {
  try {
    if (request.method === "OPTIONS") validate(request, response);
    else if (request.method === "POST") await deliver(request, response);
    else throw new Refused(405);
  } catch (error) {
    const allow = error.status === 405 ? { Allow: "OPTIONS, POST" } : {};
    response.writeHead(error.status ?? 500, { ...allow, Connection: "close", "Content-Length": 0 });
    response.end();
  }
}

const server = http.createServer(respond);
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
