// The official JavaScript SDK as a testee: `ce conformance run --testee "node adapter.mjs"`.
//
// It answers with what the SDK does, through the SDK's public API, and decides nothing.

import { Buffer, isUtf8 } from "node:buffer";
import { validateHeaderValue } from "node:http";
import { createRequire } from "node:module";
import { CloudEvent, HTTP, Kafka, MQTT } from "cloudevents";

const { version } = createRequire(import.meta.url)("cloudevents/package.json");

const START = {
  version: 1,
  implementation: { name: "cloudevents (JavaScript SDK)", version, language: "JavaScript", adapter: "1.7" },
  capabilities: {
    specversions: ["1.0", "0.3"],
    spec: ["1.0.2"],
    formats: ["json", "json-batch"],
    bindings: ["http", "kafka", "mqtt5"],
    ops: ["decode", "encode"],
  },
};

const BINDINGS = { http: HTTP, kafka: Kafka, mqtt5: MQTT };

// The SDK reads its JSON formats as bodies of HTTP only.
const MEDIA_TYPES = { json: "application/cloudevents+json", "json-batch": "application/cloudevents-batch+json" };

// The SDK knows the type of these attributes by their names, and holds them as strings all the same.
const TYPES = {
  "1.0": { source: "URI-reference", dataschema: "URI", time: "Timestamp" },
  0.3: { source: "URI-reference", schemaurl: "URI-reference", time: "Timestamp" },
};

// The kinds of refusals that the protocol names, where the SDK tells them apart: by its messages.
const KINDS = { "no cloud event detected": "not-a-cloudevent", "invalid content type": "unknown-format" };

// The SDK has nothing of the kind, or no way to be given it.
class Unsupported extends Error {
  // With `input`, the API cannot be given this part of the request.
  constructor(reason, input) {
    super(reason);
    this.input = input;
  }
}

// The SDK threw the error that is the cause of this one.
class Refused extends Error {}

function theSdk(does) {
  try {
    return does();
  } catch (cause) {
    throw new Refused("refused", { cause });
  }
}

function decode({ via, message, strictness }) {
  if (strictness === "lenient") throw new Unsupported("the SDK has no lenient mode");
  if (!(via in BINDINGS) && !(via in MEDIA_TYPES)) throw new Unsupported(`no ${via}`);
  const { reads, contentType = "", ...given } = (RECEIVED[via] ?? fromHttp)(message, via);
  const events = theSdk(() => {
    const events = reads.toEvent(given);
    // `toEvent` does not validate. `validate` is false for the versions it does not know, 0.3 among them.
    for (const event of [events].flat())
      if (!event.validate() && event.specversion !== "0.3") throw new Error(`specversion ${event.specversion}`);
    return events;
  });
  if (Array.isArray(events)) return { mode: "batched", format: "json", events: events.map((event) => tagEvent(event)) };
  const mode = contentType.startsWith("application/cloudevents") ? "structured" : "binary";
  return { mode, format: "json", events: [tagEvent(events, given.body ?? given.value)] };
}

// What the SDK is given of a message, each as a client of the carrier hands it over.
const RECEIVED = { kafka: fromKafka, mqtt5: fromMqtt };

function fromHttp(message, via) {
  const headers = via === "http" ? received(message.headers) : { "content-type": MEDIA_TYPES[via] };
  const contentType = headers["content-type"] ?? "";
  return { reads: HTTP, contentType, headers, body: parsable(message.body ? octets(message.body) : Buffer.alloc(0), contentType) };
}

// The SDK takes headers as strings, and has `undefined` for one without a value. Clients have a list for one that is there several times.
function fromKafka({ headers: fields, key: keyed, value }) {
  const headers = {};
  for (const [name, bytes] of fields) {
    if (bytes !== null && !isUtf8(octets(bytes))) throw new Unsupported("the API takes headers as strings", "message");
    addTo(headers, name, bytes === null ? undefined : octets(bytes).toString());
  }
  const key = keyed ? octets(keyed) : undefined;
  const given = { headers, key: key && isUtf8(key) ? key.toString() : key, value: value ? octets(value) : value };
  return { reads: Kafka, contentType: headers["content-type"], ...given };
}

const addTo = (headers, name, value) => {
  headers[name] = name in headers ? [headers[name], value].flat() : value;
};

function fromMqtt(message) {
  const headers = {};
  for (const [name, value] of message["user-properties"]) addTo(headers, name, value);
  const contentType = message["content-type"];
  const body = parsable(octets(message.payload), contentType ?? "");
  return { reads: MQTT, contentType, PUBLISH: { "Content Type": contentType }, headers, body };
}

const WRITTEN = {
  kafka: ({ headers, key, value }, jsonValue) => ({
    key: key === undefined ? null : tagOctets(bytesOfValue(key)),
    headers: present(headers).map(([name, value]) => [name, tagOctets(ArrayBuffer.isView(value) ? bytesOf(value) : Buffer.from(String(value)))]),
    value: value === undefined ? null : tagOctets(bytesOfValue(value, jsonValue)),
  }),
  mqtt5: ({ PUBLISH, headers, payload }, jsonValue) => ({
    "content-type": PUBLISH["Content Type"],
    "user-properties": present(headers).map(([name, value]) => [name, String(value)]),
    payload: tagOctets(payload === undefined ? Buffer.alloc(0) : bytesOfValue(payload, jsonValue)),
  }),
};

// What has no value is not sent. Of what is no string yet, clients make one (MQTT.js), or send the bytes that it is (KafkaJS).
const present = (headers) => Object.entries(headers).filter(([, value]) => value !== undefined);

// The bindings of Kafka and MQTT leave it to the program to serialize the payload: one that holds JSON values calls `JSON.stringify`, for strings, too.
function bytesOfValue(value, jsonValue = false) {
  if (ArrayBuffer.isView(value)) return bytesOf(value);
  return Buffer.from(typeof value === "string" && !jsonValue ? value : JSON.stringify(value));
}

function encode({ via, mode, format = "json", options = {}, events }) {
  if (![...Object.keys(BINDINGS), ...Object.keys(MEDIA_TYPES)].includes(via) || format !== "json" || Object.keys(options).length > 0)
    throw new Unsupported("no such binding, format or option");
  if (via === "json-batch" || mode === "batched") throw new Unsupported("the SDK writes no batches", "mode");
  if (events.length !== 1) throw new Unsupported("the API takes one event", "events");
  const [{ specversion, attributes, data }] = events;
  const values = Object.entries(attributes).map(([name, tagged]) => [name, attribute(tagged)]);
  const members = { specversion, ...Object.fromEntries(values), ...payload(data) };
  const structured = via === "json" || mode === "structured";
  const message = theSdk(() => {
    const event = new CloudEvent(members);
    const writes = BINDINGS[via] ?? HTTP;
    const message = structured ? writes.structured(event) : writes.binary(event);
    // `http.ClientRequest`, which the SDK's transport calls, refuses control characters and text beyond Latin-1.
    if (via === "http") for (const [name, value] of Object.entries(message.headers)) validateHeaderValue(name, value);
    return message;
  });
  if (via in WRITTEN) return { message: WRITTEN[via](message, !structured && data !== undefined && "json" in data) };
  // What is no string yet becomes one, as it does there.
  const headers = Object.entries(message.headers).map(([name, value]) => [name, String(value)]);
  const body = ArrayBuffer.isView(message.body) ? bytesOf(message.body) : Buffer.from(String(message.body ?? ""));
  return { message: via === "json" ? { body: tagOctets(body) } : { headers, body: tagOctets(body) } };
}

const octets = (tagged) => ("text" in tagged ? Buffer.from(tagged.text) : Buffer.from(tagged.base64, "base64"));

const bytesOf = (view) => Buffer.from(view.buffer, view.byteOffset, view.byteLength);

function tagOctets(bytes) {
  const text = bytes.toString();
  const plain = isUtf8(bytes) && !/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/.test(text);
  return plain ? { text } : { base64: bytes.toString("base64") };
}

// Headers as in `http.IncomingMessage`, which is what the SDK takes.
function received(fields) {
  const headers = {};
  for (const [field, value] of fields) {
    const [name, text] = [field.toLowerCase(), value.replace(/^[ \t]+|[ \t]+$/g, "")];
    if (name in headers && name !== "content-type") headers[name] += `, ${text}`;
    else headers[name] ??= text;
  }
  return headers;
}

// The SDK parses JSON only from strings. Any other body is handed over as the bytes that it is.
function parsable(bytes, contentType) {
  if (bytes.length === 0) return undefined;
  return isJson(contentType) && isUtf8(bytes) ? bytes.toString() : bytes;
}

const isJson = (contentType) => /^[^;]*[/+]json\s*(;|$)/i.test(contentType);

const attribute = ({ type, value }) => (type === "Binary" ? Buffer.from(value, "base64") : value);

function payload(tagged = {}) {
  const [kind] = Object.keys(tagged);
  switch (kind) {
    case undefined:
      return {};
    case "json":
      // The SDK takes values.
      try {
        return { data: JSON.parse(tagged.json) };
      } catch {
        throw new Unsupported("no value of JavaScript is this payload: it is not JSON", "data");
      }
    case "text":
      return { data: tagged.text };
    case "binary":
      return { data: Buffer.from(tagged.binary, "base64") };
    default:
      throw new Unsupported(`no payloads of the kind ${kind}`);
  }
}

// A string that is the body as it came was not read out of JSON, whatever the content type.
const isBody = (data, body) => body !== undefined && body !== null && Buffer.from(data).equals(Buffer.from(body));

// The JSON of a value. `JSON.stringify` writes what is beyond the range of doubles as null, and -0 as 0.
function jsonOf(value) {
  if (value === Infinity || value === -Infinity) return value > 0 ? "1e999" : "-1e999";
  if (Object.is(value, -0)) return "-0";
  if (Array.isArray(value)) return `[${value.map(jsonOf)}]`;
  if (value === null || typeof value !== "object" || "toJSON" in value) return JSON.stringify(value);
  return `{${Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${jsonOf(member)}`)}}`;
}

function tagEvent({ specversion, data, data_base64: base64, ...attributes }, body) {
  const event = { specversion, attributes: {} };
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined) event.attributes[name] = tagAttribute(TYPES[specversion]?.[name], value);
  const json = isJson(attributes.datacontenttype ?? "application/json");
  if (base64 !== undefined) event.data = { binary: base64 };
  else if (typeof data === "string" && (!json || isBody(data, body))) event.data = { text: data };
  else if (data !== undefined) event.data = { json: jsonOf(data) };
  return event;
}

function tagAttribute(known, value) {
  if (Number.isInteger(value)) return { type: "Integer", value };
  if (ArrayBuffer.isView(value)) return { type: "Binary", value: bytesOf(value).toString("base64") };
  const types = { string: known ?? "String", boolean: "Boolean" };
  // An object, a fraction or null: of no type that CloudEvents has.
  return typeof value in types ? { type: types[typeof value], value } : { type: "String", value: JSON.stringify(value) };
}

// `ValidationError` is `validation-error`.
function refusal(error) {
  const named = Object.keys(KINDS).find((message) => error.message.startsWith(message));
  const kind = KINDS[named] ?? error.constructor.name.replace(/([a-z0-9])(?=[A-Z])/g, "$1-").toLowerCase();
  const [first] = error.errors ?? [];
  const attribute = first?.params?.missingProperty ?? first?.instancePath?.slice(1);
  return { kind, message: error.message, ...(attribute && { attribute }) };
}

function run(request) {
  try {
    const operation = { decode, encode }[request.op];
    if (!operation) throw new Unsupported(`no operation ${request.op}`);
    return { result: operation(request) };
  } catch (error) {
    if (error instanceof Unsupported) return { unsupported: error.message, input: error.input };
    if (error instanceof Refused) return { error: refusal(error.cause) };
    throw error;
  }
}

// Not `node:readline`: it ends lines at U+2028 and U+2029 as well, which JSON may hold.
let rest = "";
for await (const chunk of process.stdin.setEncoding("utf8")) {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop();
  for (const line of lines) {
    const request = JSON.parse(line);
    if (request.cmd === "stop") process.exit(0);
    const answer = request.cmd === "start" ? START : { seq: request.seq, ...run(request) };
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}
