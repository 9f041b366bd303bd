//! The official Rust SDK as a testee: `ce conformance run -- ./adapter`.
//!
//! It answers with what the SDK does, through the SDK's public API, and decides nothing.

use std::io::{BufRead, Write};

use base64::{engine::general_purpose::STANDARD, Engine};
use cloudevents::binding::http::deserializer::Deserializer;
use cloudevents::event::{AttributeValue, ExtensionValue};
use cloudevents::message::{BinaryDeserializer, Encoding, MessageDeserializer, StructuredDeserializer};
use cloudevents::{AttributesReader, AttributesWriter, Data, Event, EventBuilder, EventBuilderV03, EventBuilderV10};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use serde_json::{json, Map, Value};
use url::Url;

enum No {
    Refused(String, String),
    Unsupported(String),
    /// The API cannot be given this part of the request.
    Ungiven(String, String),
}

fn refused(kind: &str) -> impl Fn(&dyn std::fmt::Display) -> No + '_ {
    move |error| No::Refused(kind.to_owned(), error.to_string())
}

fn unsupported<T>(reason: &str) -> Result<T, No> {
    Err(No::Unsupported(reason.to_owned()))
}

fn ungiven<T>(input: &str, reason: &str) -> Result<T, No> {
    Err(No::Ungiven(input.to_owned(), reason.to_owned()))
}

fn main() {
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let answer = match request["cmd"].as_str() {
            Some("stop") => return,
            Some("start") => json!({
                "version": 1,
                "implementation": {"name": "cloudevents (Rust SDK)", "version": "0.9.0", "language": "Rust", "adapter": "1.3"},
                "capabilities": {
                    "specversions": ["1.0", "0.3"], "spec": ["1.0.2"], "formats": ["json"], "bindings": ["http"], "ops": ["decode", "encode"],
                    "uncovered": ["kafka", "amqp", "nats"]
                }
            }),
            _ => {
                let seq = &request["seq"];
                match run(&request) {
                    Ok(result) => json!({"seq": seq, "result": result}),
                    Err(No::Unsupported(reason)) => json!({"seq": seq, "unsupported": reason}),
                    Err(No::Ungiven(input, reason)) => json!({"seq": seq, "unsupported": reason, "input": input}),
                    Err(No::Refused(kind, message)) => json!({"seq": seq, "error": {"kind": kind, "message": message}}),
                }
            }
        };
        writeln!(out, "{answer}").unwrap();
        out.flush().unwrap();
    }
}

fn run(request: &Value) -> Result<Value, No> {
    match request["op"].as_str() {
        Some("decode") => decode(request),
        Some("encode") => encode(request),
        _ => unsupported("no such operation"),
    }
}

fn decode(request: &Value) -> Result<Value, No> {
    let body = octets(&request["message"]["body"]);
    let (event, structured) = match request["via"].as_str() {
        Some("json") => (serde_json::from_slice::<Event>(&body).map_err(|e| refused("json")(&e))?, true),
        Some("http") => {
            let mut headers = HeaderMap::new();
            for field in request["message"]["headers"].as_array().into_iter().flatten() {
                let name = HeaderName::from_bytes(field[0].as_str().unwrap().as_bytes()).map_err(|e| refused("header")(&e))?;
                // Header values are the octets, as Latin-1, without the white space around them.
                let octets: Vec<u8> = field[1].as_str().unwrap().trim_matches([' ', '\t']).chars().map(|c| c as u8).collect();
                headers.append(name, HeaderValue::from_bytes(&octets).map_err(|e| refused("header")(&e))?);
            }
            let message = Deserializer::new(&headers, body);
            let structured = message.encoding() == Encoding::STRUCTURED;
            (MessageDeserializer::into_event(message).map_err(|e| refused("message")(&e))?, structured)
        }
        _ => return unsupported("no such carrier"),
    };
    let mut result = json!({"mode": if structured { "structured" } else { "binary" }, "events": [tagged(&event)]});
    if structured {
        result["format"] = json!("json");
    }
    Ok(result)
}

fn tagged(event: &Event) -> Value {
    let mut attributes = Map::new();
    for (name, value) in event.iter_attributes() {
        let (kind, value) = match value {
            AttributeValue::SpecVersion(_) => continue,
            AttributeValue::String(text) => ("String", text.to_string()),
            AttributeValue::URI(uri) => ("URI", uri.to_string()),
            AttributeValue::URIRef(reference) => ("URI-reference", reference.to_string()),
            AttributeValue::Time(time) => ("Timestamp", time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
            other => ("String", other.to_string()),
        };
        attributes.insert(name.to_owned(), json!({"type": kind, "value": value}));
    }
    for (name, value) in event.iter_extensions() {
        let value = match value {
            ExtensionValue::String(text) => json!({"type": "String", "value": text}),
            ExtensionValue::Boolean(value) => json!({"type": "Boolean", "value": value}),
            ExtensionValue::Integer(value) => json!({"type": "Integer", "value": value}),
        };
        attributes.insert(name.to_owned(), value);
    }
    let mut shown = json!({"specversion": event.specversion().as_str(), "attributes": attributes});
    match event.data() {
        None => (),
        Some(Data::Json(value)) => shown["data"] = json!({"json": value.to_string()}),
        Some(Data::String(text)) => shown["data"] = json!({"text": text}),
        Some(Data::Binary(bytes)) => shown["data"] = json!({"binary": STANDARD.encode(bytes)}),
    }
    shown
}

fn encode(request: &Value) -> Result<Value, No> {
    let events = request["events"].as_array().unwrap();
    if events.len() != 1 {
        return ungiven("events", "the API takes one event");
    }
    if request["mode"] == "batched" || !matches!(request["format"].as_str(), None | Some("json")) {
        return unsupported("no batches, and no other format");
    }
    let event = build(&events[0])?;
    if request["via"] == "json" {
        let body = serde_json::to_string(&event).map_err(|e| refused("json")(&e))?;
        return Ok(json!({"message": {"body": {"text": body}}}));
    }
    let builder = Request::builder();
    let written: Request<Option<Vec<u8>>> = if request["mode"] == "structured" {
        let adapter = cloudevents::binding::http::Serializer::new(Writer::default());
        StructuredDeserializer::deserialize_structured(event, adapter).map_err(|e| refused("message")(&e))?
    } else {
        BinaryDeserializer::deserialize_binary(event, builder).map_err(|e| refused("message")(&e))?
    };
    let headers: Vec<Value> = written
        .headers()
        .iter()
        .map(|(name, value)| json!([name.as_str(), value.as_bytes().iter().map(|octet| char::from(*octet)).collect::<String>()]))
        .collect();
    let body = written.into_body().unwrap_or_default();
    let body = match String::from_utf8(body) {
        Ok(text) if !text.contains(|c: char| c.is_control() && !"\t\r\n".contains(c)) => json!({"text": text}),
        Ok(text) => json!({"base64": STANDARD.encode(text)}),
        Err(error) => json!({"base64": STANDARD.encode(error.as_bytes())}),
    };
    Ok(json!({"message": {"headers": headers, "body": body}}))
}

/// What the SDK's integrations with HTTP libraries do: they collect headers and a body.
#[derive(Default)]
struct Writer(HeaderMap, Vec<u8>);

impl cloudevents::binding::http::Builder<Request<Option<Vec<u8>>>> for Writer {
    fn header(&mut self, key: &str, value: HeaderValue) {
        self.0.insert(HeaderName::from_bytes(key.as_bytes()).unwrap(), value);
    }

    fn body(&mut self, bytes: Vec<u8>) -> cloudevents::message::Result<Request<Option<Vec<u8>>>> {
        self.1 = bytes;
        self.finish()
    }

    fn finish(&mut self) -> cloudevents::message::Result<Request<Option<Vec<u8>>>> {
        let mut request = Request::new(Some(std::mem::take(&mut self.1)));
        *request.headers_mut() = std::mem::take(&mut self.0);
        Ok(request)
    }
}

/// The two builders have the same methods, and no trait for them.
macro_rules! built {
    ($builder:expr, $attributes:expr) => {{
        let mut builder = $builder;
        for (name, typed) in $attributes {
            let value = &typed["value"];
            let text = value.as_str().unwrap_or_default();
            builder = match (name.as_str(), typed["type"].as_str()) {
                ("id" | "source" | "type" | "subject" | "time", _) if !value.is_string() => {
                    return ungiven(name, "the API takes text for this attribute");
                }
                ("id", _) => builder.id(text),
                ("source", _) => builder.source(text),
                ("type", _) => builder.ty(text),
                ("subject", _) => builder.subject(text),
                ("time", _) => builder.time(text),
                ("datacontenttype" | "dataschema" | "schemaurl", _) => builder,
                (_, Some("Boolean")) => builder.extension(name, value.as_bool().unwrap_or_default()),
                (_, Some("Integer")) => builder.extension(name, value.as_i64().unwrap_or_default()),
                // The API has strings, booleans and integers: the others are their canonical strings.
                _ => builder.extension(name, text),
            };
        }
        builder.build().map_err(|e| refused("builder")(&e))?
    }};
}

fn build(from: &Value) -> Result<Event, No> {
    let attributes = from["attributes"].as_object().unwrap();
    let mut event = match from["specversion"].as_str() {
        Some("1.0") => built!(EventBuilderV10::new(), attributes),
        Some("0.3") => built!(EventBuilderV03::new(), attributes),
        _ => return unsupported("no such specversion"),
    };
    let text = |name: &str| attributes.get(name).and_then(|typed| typed["value"].as_str());
    if let Some(schema) = text("dataschema").or(text("schemaurl")) {
        event.set_dataschema(Some(Url::parse(schema).map_err(|e| refused("url")(&e))?));
    }
    if let Some(data) = from.get("data") {
        let (kind, value) = data.as_object().and_then(|data| data.iter().next()).unwrap();
        let value = value.as_str().unwrap_or_default();
        event.set_data_unchecked(match kind.as_str() {
            "json" => match serde_json::from_str::<Value>(value) {
                Ok(value) => Data::Json(value),
                Err(_) => return ungiven("data", "the API takes a JSON value"),
            },
            "text" => Data::String(value.to_owned()),
            _ => Data::Binary(STANDARD.decode(value).unwrap()),
        });
    }
    event.set_datacontenttype(text("datacontenttype"));
    Ok(event)
}

fn octets(tagged: &Value) -> Vec<u8> {
    match (&tagged["text"], &tagged["base64"]) {
        (Value::String(text), _) => text.clone().into_bytes(),
        (_, Value::String(text)) => STANDARD.decode(text).unwrap(),
        _ => Vec::new(),
    }
}
