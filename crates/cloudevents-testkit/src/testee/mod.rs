//! The toolkit as a testee of the conformance harness: one line of JSON in, one line out.
//!
//! Everything is answered through the public API of the crates.

mod amqp_message;
mod carrier;
mod decode;
mod encode;
mod http_message;
mod kafka_record;
mod leaf;

use crate::tagged;
use cloudevents_core::Error;
use serde_json::{Value as Json, json};

/// What an operation answers.
pub(crate) enum Answer {
    /// It was done.
    Result(Json),
    /// It was refused: the implementation's own verdict on the input.
    Refused(Error),
    /// The toolkit does not have it.
    Unsupported(String),
}

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

fn start() -> Json {
    json!({
        "version": 1,
        "implementation": {"name": "cloudevents-kit", "version": env!("CARGO_PKG_VERSION"), "language": "Rust"},
        "capabilities": {
            "specversions": ["1.0", "0.3"],
            "spec": ["1.0.2", "main"],
            "formats": [
                "json", "json-batch", "protobuf", "protobuf-batch", "avro", "avro-compact", "xml", "xml-batch", "cbor",
            ],
            "bindings": ["amqp", "http", "kafka"],
            "ops": ["decode", "encode", "transcode", "upgrade", "parse", "name"],
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
        op => Ok(Answer::Unsupported(format!("there is no operation `{op}`"))),
    };
    match answer.unwrap_or_else(Answer::Refused) {
        Answer::Result(result) => json!({"seq": seq, "result": result}),
        Answer::Refused(error) => json!({"seq": seq, "error": describe(&error)}),
        Answer::Unsupported(reason) => json!({"seq": seq, "unsupported": reason}),
    }
}

/// An error as the protocol has it.
pub fn describe(error: &Error) -> Json {
    let mut described = json!({"kind": error.kind().code(), "message": error.to_string()});
    if let Some(members) = described.as_object_mut() {
        members.extend(error.attribute().map(|name| ("attribute".into(), name.into())));
        members.extend(error.index().map(|index| ("index".into(), index.into())));
        members.extend(error.clause().map(|clause| ("clause".into(), clause.into())));
    }
    described
}
