// The official JavaScript SDK, with kafkajs and with Node's own HTTP: `peer.js kafka|http URL`. See ../../README.md for the lines that it reads
// and writes. What the SDK leaves to a client is here: values become text or bytes.
"use strict";

const http = require("node:http");
const readline = require("node:readline");
const { CloudEvent, HTTP, Kafka: Binding } = require("cloudevents");

const [, , carrier, url] = process.argv;
const PATIENCE = 30_000;

const answer = (value) => console.log(JSON.stringify(value));

async function sendAll(events, sendOne) {
  const answers = [];
  for (const tagged of events) {
    try {
      await sendOne(build(tagged));
      answers.push(null);
    } catch (error) {
      answers.push(String(error)); // a refusal is an answer
    }
  }
  answer(answers);
}

function reading(read) {
  try {
    return show(read());
  } catch (error) {
    return { error: String(error) };
  }
}

const kafka = {
  client() {
    const { Kafka, logLevel } = require("kafkajs");
    return new Kafka({ brokers: [url], logLevel: logLevel.NOTHING });
  },
  async send({ address, mode, events }) {
    const producer = kafka.client().producer();
    await producer.connect();
    await sendAll(events, async (event) => {
      const { headers, key, value, body } = mode === "binary" ? Binding.binary(event) : Binding.structured(event);
      const texts = Object.entries(headers).filter(([, text]) => text !== undefined).map(([name, text]) => [name, String(text)]);
      const payload = value ?? body ?? null;
      await producer.send({ topic: address, messages: [{ headers: Object.fromEntries(texts), key, value: payload === null ? null : bytes(payload) }] });
    });
    await producer.disconnect();
  },
  async receive({ address, count }) {
    const consumer = kafka.client().consumer({ groupId: `node-${address}` });
    await consumer.connect();
    await consumer.subscribe({ topic: address, fromBeginning: true });
    const answers = [];
    await within(count, answers, (arrived) =>
      consumer.run({
        eachMessage: async ({ message }) => {
          const headers = Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [name, value?.toString()]));
          const is_text = /json|^text\//.test(headers["content-type"] ?? "json");
          const value = message.value === null ? null : is_text ? message.value.toString() : message.value;
          arrived(reading(() => Binding.toEvent({ ...message, headers, value, body: value })));
        },
      }),
    );
    answer(answers);
    await consumer.disconnect();
  },
};

const web = {
  send: ({ address, mode, events }) =>
    sendAll(events, (event) => {
      const { headers, body } = mode === "binary" ? HTTP.binary(event) : HTTP.structured(event);
      return new Promise((resolve, reject) => {
        const texts = Object.entries(headers).filter(([, text]) => text !== undefined).map(([name, text]) => [name, String(text)]);
        const request = http.request(address, { method: "POST", headers: Object.fromEntries(texts) }, (response) => {
          response.resume();
          response.on("end", () => (response.statusCode < 300 ? resolve() : reject(new Error(`refused with ${response.statusCode}`))));
        });
        request.on("error", reject);
        request.end(body === undefined ? undefined : bytes(body));
      });
    }),
  async receive({ address, count }) {
    const answers = [];
    let server;
    await within(count, answers, (arrived) => {
      server = http.createServer(async (request, response) => {
        const chunks = [];
        for await (const chunk of request) chunks.push(chunk);
        const body = Buffer.concat(chunks);
        const is_text = /json|^text\//.test(request.headers["content-type"] ?? "json");
        arrived(reading(() => HTTP.toEvent({ headers: request.headers, body: is_text ? body.toString() : body })));
        response.writeHead(204).end();
      });
      server.listen(new URL(address).port, "127.0.0.1", () => answer("subscribed"));
    });
    server.closeAllConnections();
    server.close();
    answer(answers);
  },
};

/** Waits for so many answers. */
function within(count, answers, start) {
  return new Promise((resolve) => {
    const patience = setTimeout(resolve, PATIENCE);
    start((one) => {
      if (answers.length < count) answers.push(one);
      if (answers.length === count) {
        clearTimeout(patience);
        resolve();
      }
    });
  });
}

function bytes(payload) {
  return typeof payload === "string" || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload);
}

function build({ specversion, attributes, data }) {
  const made = { specversion };
  for (const [name, { type, value }] of Object.entries(attributes)) {
    made[name] = type === "Binary" ? Buffer.from(value, "base64") : value;
  }
  for (const [kind, value] of Object.entries(data ?? {})) {
    made.data = kind === "json" ? JSON.parse(value) : kind === "binary" ? Buffer.from(value, "base64") : value;
  }
  return new CloudEvent(made);
}

function show(event) {
  const { data, data_base64: base64, ...rest } = event;
  const attributes = {};
  for (const [name, value] of Object.entries(rest)) {
    if (value !== undefined) attributes[name] = Buffer.isBuffer(value) ? value.toString("base64") : String(value);
  }
  const is_text = typeof data === "string" && !/[/+]json/.test(event.datacontenttype ?? "application/json");
  const text = is_text || Buffer.isBuffer(data) ? data : JSON.stringify(data);
  return { attributes, data: base64 ?? (data === undefined || data === null || data === "" ? null : Buffer.from(text).toString("base64")) };
}

const binding = carrier === "kafka" ? kafka : web;
readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  const request = JSON.parse(line);
  await (request.events ? binding.send(request) : binding.receive(request));
});
