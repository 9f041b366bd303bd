//! Wire messages as JSON of the testee protocol, encoded and decoded by this toolkit's testee.

use crate::{
    failure::{Failure, Status},
    plain::plain,
    report::Report,
    style::{self, Paint},
};
use cloudevents_testkit::testee;
use cloudevents_vectors::{Carrier, ContentType};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Returns the names of the bindings, formats and batch formats that the testee supports.
pub(crate) fn carriers() -> clap::builder::PossibleValuesParser {
    let answer = ask(&json!({"cmd": "start", "version": 1}));
    let list = |name: &str| -> Vec<String> {
        let names = answer.pointer(&format!("/capabilities/{name}")).and_then(Value::as_array);
        names.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut names = list("bindings");
    names.extend(list("formats"));
    names.into()
}

/// The members of a message that this binding or format reads, by their names.
pub(crate) fn members(via: &str) -> BTreeSet<&'static str> {
    let Some(carrier) = Carrier::of(via) else { return BTreeSet::new() };
    let mut all: BTreeSet<&str> = carrier.empty.keys().map(String::as_str).collect();
    all.insert(&carrier.body.member);
    all.extend(carrier.headers.as_ref().map(|headers| headers.member.as_str()));
    match &carrier.content_type {
        ContentType::Member(name) => all.extend([name.as_str()]),
        ContentType::Property(_) => all.extend(["properties"]),
        ContentType::Subprotocol => all.extend(["frame", "subprotocol"]),
        _ => {}
    }
    if via == "mqtt5" {
        all.insert("payload-format-indicator");
    }
    all
}

/// The member of a message that has its body. `None` for an unknown carrier.
pub(crate) fn body(via: &str) -> Option<&'static str> {
    Carrier::of(via).map(|carrier| carrier.body.member.as_str())
}

/// Whether this byte of JSON, outside a string, stands before a value, or before the name of a member.
pub(crate) fn begins_value(byte: u8) -> bool {
    matches!(byte, b'{' | b'[' | b',' | b':')
}

/// The number of values of a JSON text and of names of members, or somewhat more.
///
/// The memory of the tree of the text follows from this number, not from its bytes.
pub fn values(json: &[u8]) -> usize {
    let (mut values, mut in_string, mut is_escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_string,
            b'"' => in_string = !in_string,
            _ => values = values.saturating_add(usize::from(!in_string && begins_value(*byte))),
        }
    }
    values
}

/// Returns the request of an operation of the testee.
pub(crate) fn request(operation: &str, members: Map<String, Value>) -> Value {
    let mut request = members;
    request.insert("cmd".into(), "run".into());
    request.insert("op".into(), operation.into());
    request.insert("seq".into(), 0.into());
    Value::Object(request)
}

/// Runs an operation of the testee. Returns a refusal as an error.
pub(crate) fn run(request: &Value) -> Result<Value, Refusal> {
    let mut answer = ask(request);
    if let Some(reason) = answer.get("unsupported").and_then(Value::as_str) {
        return Err(Refusal { report: Box::new(Report::new(reason)), status: Status::Usage });
    }
    if let Some(error) = answer.get("error") {
        return Err(Refusal { report: Box::new(refused(error)), status: Status::No });
    }
    Ok(answer.get_mut("result").map(Value::take).unwrap_or_default())
}

/// A refusal and its exit status.
#[derive(Debug)]
pub struct Refusal {
    pub(crate) report: Box<Report>,
    pub(crate) status: Status,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Told(refusal.status, refusal.report)
    }
}

fn ask(request: &Value) -> Value {
    let answer = testee::answer(&request.to_string()).unwrap_or_default();
    serde_json::from_str(&answer).unwrap_or_default()
}

/// Converts an error of the testee to a report.
fn refused(error: &Value) -> Report {
    let text = |name: &str| error.get(name).and_then(Value::as_str);
    let kind = text("kind").unwrap_or("error");
    let message = text("message").unwrap_or_default();
    let message = message.strip_suffix(&format!(" [{kind}]")).unwrap_or(message);
    Report::new(message).kind(kind).attribute(text("attribute")).clause(text("clause"))
}

/// Returns a message as it looks on the wire, each line indented. `None` if it is not text.
pub fn as_text(message: &Value, indent: &str, paint: Paint) -> Option<String> {
    let body = match message.get("body") {
        Some(body) => body.get("text").and_then(Value::as_str)?,
        None => "",
    };
    let headers = message.get("headers").and_then(Value::as_array);
    if message.as_object()?.keys().any(|name| name != "headers" && name != "body") {
        return None;
    }
    let mut text = String::new();
    for header in headers.into_iter().flatten() {
        let part = |at: usize| header.get(at).and_then(Value::as_str).map(plain);
        text += &format!("{indent}{}: {}\n", paint.text(style::NAME, &part(0)?), part(1)?);
    }
    if !body.is_empty() {
        if headers.is_some() {
            text.push('\n');
        }
        for line in body.lines() {
            // Tabs do no harm in a body, and are part of it.
            let line: Vec<String> = line.split('\t').map(plain).collect();
            text += &format!("{indent}{}\n", line.join("\t"));
        }
    }
    Some(text)
}
