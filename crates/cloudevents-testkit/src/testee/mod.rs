//! The toolkit as a testee of the conformance harness: one line of JSON in, one line out.
//!
//! Everything is answered through the public API of the crates.

mod answer;
mod carrier;
mod decode;
#[cfg(feature = "testee-webhooks")]
mod deliver;
mod encode;
mod expressions;
mod handshake;
mod leaf;
mod pairs;
#[cfg(feature = "testee-webhooks")]
mod send;
mod to;

/// The messages of requests as the bindings have them, one function for each binding.
///
/// ```
/// let message = serde_json::json!({"key": null, "headers": [["ce_id", {"text": "1"}]], "value": null});
/// let record = cloudevents_testkit::testee::message::kafka(&message)?;
/// assert_eq!(record.header("ce_id"), Some(&b"1"[..]));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
///
/// Errors are of kind [`InvalidDocument`](cloudevents_core::ErrorKind::InvalidDocument), for messages that the protocol does not know.
pub mod message {
    pub use super::carrier::amqp::read as amqp;
    pub use super::carrier::http::read as http;
    pub use super::carrier::kafka::read as kafka;
    pub use super::carrier::mqtt::read as mqtt;
    pub use super::carrier::nats::read as nats;
}

use crate::tagged;
use answer::Answer;
#[cfg(feature = "testee-webhooks")]
use answer::on_a_runtime;
use cloudevents_core::Error;
use serde_json::{Value as Json, json};

/// Answers one request of the testee protocol. `None` after `stop`.
///
/// ```
/// let answer = cloudevents_testkit::testee::answer(r#"{"cmd":"run","seq":1,"op":"name","text":"id"}"#).unwrap();
/// assert_eq!(answer, r#"{"result":{"name":"id"},"seq":1}"#);
/// ```
pub fn answer(request: &str) -> Option<String> {
    let request: Json = match serde_json::from_str(request) {
        Ok(request) => request,
        Err(error) => {
            let error = tagged::malformed(format!("the request is not JSON: {error}"));
            return Some(json!({"seq": null, "error": describe(&error)}).to_string());
        }
    };
    let answer = match request.get("cmd").and_then(Json::as_str) {
        Some("start") => start(),
        Some("stop") => return None,
        Some("run") => run(&request),
        _ => json!({"seq": request.get("seq"), "unsupported": "the commands are start, run and stop"}),
    };
    Some(answer.to_string())
}

/// The operations. The operations of webhooks over HTTP need a runtime and sockets.
const OPS: &[&str] = &[
    "decode",
    "encode",
    "transcode",
    "upgrade",
    "parse",
    "name",
    "sql",
    "filter",
    "handshake",
    #[cfg(feature = "testee-webhooks")]
    "deliver",
    #[cfg(feature = "testee-webhooks")]
    "send",
];

fn start() -> Json {
    json!({
        "version": 1,
        "implementation": {"name": "cloudevents-kit", "version": env!("CARGO_PKG_VERSION"), "language": "Rust"},
        "capabilities": {
            "strictness": ["strict", "lenient"],
            "reports": ["losses", "repairs", "notes"],
            "payloads": ["json", "text", "binary", "xml", "cbor", "proto"],
            "options": ["key", "separator", "subprotocol"],
            "specversions": ["1.0", "0.3"],
            "spec": ["1.0.2", "main"],
            "formats": carrier::format_names().collect::<Vec<_>>(),
            "bindings": carrier::binding_names().collect::<Vec<_>>(),
            "ops": OPS,
        },
    })
}

fn run(request: &Json) -> Json {
    let seq = request.get("seq").cloned().unwrap_or_default();
    let answer = match request.get("op").and_then(Json::as_str).unwrap_or_default() {
        "decode" => decode::decode(request),
        "encode" => encode::encode(request),
        "transcode" => encode::transcode(request),
        "upgrade" => leaf::upgrade(request),
        "parse" => leaf::parse(request),
        "name" => leaf::name(request),
        "handshake" => handshake::handshake(request),
        #[cfg(feature = "testee-webhooks")]
        "deliver" => deliver::deliver(request),
        #[cfg(feature = "testee-webhooks")]
        "send" => send::send(request),
        "sql" => expressions::sql(request),
        "filter" => expressions::filter(request),
        op => Ok(Answer::Unsupported(format!("there is no operation `{op}`"))),
    };
    match answer.unwrap_or_else(Answer::Refused) {
        Answer::Result(result) => json!({"seq": seq, "result": result}),
        Answer::Refused(error) => json!({"seq": seq, "error": describe(&error)}),
        Answer::Declined(kind, message) => json!({"seq": seq, "error": {"kind": kind, "message": message}}),
        Answer::Unsupported(reason) => json!({"seq": seq, "unsupported": reason}),
    }
}

/// An error in the form of the protocol.
pub fn describe(error: &Error) -> Json {
    let mut described = json!({"kind": error.kind().code(), "message": error.to_string()});
    if let Some(members) = described.as_object_mut() {
        members.extend(error.attribute().map(|name| ("attribute".into(), name.into())));
        members.extend(error.index().map(|index| ("index".into(), index.into())));
        members.extend(error.clause().map(|clause| ("clause".into(), clause.into())));
    }
    described
}
