// The official JavaScript SDK with MQTT.js, sending and receiving over MQTT: `peer.js URL`. See the README for the lines it reads and
// writes. The SDK has the mapping; what it leaves to a client is here: values become text, and text becomes values.
"use strict";

const readline = require("node:readline");
const { CloudEvent, MQTT, MQTTMessageFactory } = require("cloudevents");
const mqtt = require("mqtt");

const [, , url] = process.argv;
const PATIENCE = 30_000;

const answer = (value) => console.log(JSON.stringify(value));
const connect = (mode) => mqtt.connectAsync(url, { protocolVersion: mode === "v3" ? 4 : 5, reconnectPeriod: 0 });

async function send({ address, mode, events }) {
  let client = await connect(mode);
  let closed = closing(client);
  const answers = [];
  for (const tagged of events) {
    try {
      const event = build(tagged);
      const message = mode === "binary" ? MQTT.binary(event) : MQTT.structured(event);
      const options = { qos: 1, ...(mode === "v3" ? {} : { properties: properties(message) }) };
      await Promise.race([client.publishAsync(address, bytes(message.payload), options), closed]);
      answers.push(null);
    } catch (error) {
      answers.push(String(error)); // a refusal is an answer
      if (!client.connected) {
        client = await connect(mode);
        closed = closing(client);
      }
    }
  }
  await client.endAsync();
  answer(answers);
}

/** Fails when the connection is closed. */
function closing(client) {
  const closed = new Promise((_, reject) => client.once("close", () => reject(new Error("the broker has closed the connection"))));
  closed.catch(() => {});
  return closed;
}

function properties(message) {
  const made = {};
  for (const [name, value] of Object.entries(message["User Properties"])) {
    if (value !== undefined) (made.userProperties ??= {})[name] = String(value);
  }
  const contentType = message.PUBLISH["Content Type"];
  if (contentType !== undefined) made.contentType = contentType;
  return made;
}

function bytes(payload) {
  if (payload === undefined) return Buffer.alloc(0);
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

async function receive({ address, count, mode }) {
  const client = await connect(mode);
  const answers = [];
  const all = new Promise((resolve) => {
    const patience = setTimeout(resolve, PATIENCE);
    client.on("message", (topic, payload, packet) => {
      try {
        answers.push(show(read(mode, payload, packet.properties ?? {})));
      } catch (error) {
        answers.push({ error: String(error) });
      }
      if (answers.length === count) {
        clearTimeout(patience);
        resolve();
      }
    });
  });
  await client.subscribeAsync(address, { qos: 1 });
  answer("subscribed");
  await all;
  answer(answers);
  await client.endAsync();
}

function read(mode, payload, { contentType, userProperties }) {
  if (mode === "v3") contentType = "application/cloudevents+json";
  const is_document = contentType?.startsWith("application/cloudevents");
  const is_json = /[/+]json/.test(contentType ?? "");
  const body = is_document ? payload.toString() : is_json ? JSON.parse(payload) : payload.length ? payload : undefined;
  return MQTT.toEvent(MQTTMessageFactory(contentType, { ...userProperties }, body));
}

function show(event) {
  const { data, data_base64: base64, ...rest } = event;
  const attributes = {};
  for (const [name, value] of Object.entries(rest)) {
    if (value !== undefined) attributes[name] = Buffer.isBuffer(value) ? value.toString("base64") : String(value);
  }
  const is_text = typeof data === "string" && !/[/+]json/.test(event.datacontenttype ?? "application/json");
  const text = is_text || Buffer.isBuffer(data) ? data : JSON.stringify(data);
  return { attributes, data: base64 ?? (data === undefined ? null : Buffer.from(text).toString("base64")) };
}

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  const request = JSON.parse(line);
  await (request.events ? send(request) : receive(request));
});
