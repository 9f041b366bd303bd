//! The body of a message.

use std::fmt;

use cloudevents_vectors::{BodyForm, Carrier};

use crate::compare::bytes;
use crate::tree::json::Json;

/// The body of a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Body<'a> {
    /// None, where that is not the same as an empty one.
    Null,
    Bytes(Vec<u8>),
    /// A body of another shape, such as an AMQP value.
    Other(&'a Json),
}

/// Returns the body of a message, or the reason why it has no body that its carrier knows.
pub(super) fn read<'a>(carrier: &Carrier, message: &'a Json) -> Result<Body<'a>, String> {
    let form = carrier.body.form;
    let Some(member) = message.get(&carrier.body.member).filter(|member| !member.is_null()) else {
        let is_null = matches!(form, BodyForm::Nullable | BodyForm::Sections);
        return Ok(if is_null { Body::Null } else { Body::Bytes(Vec::new()) });
    };
    if form == BodyForm::Base64 {
        return base64(member).map(Body::Bytes);
    }
    if form != BodyForm::Sections {
        return bytes::read(member).map(Body::Bytes);
    }
    let sections = member.get("data").and_then(Json::items);
    match (sections, member.get("value"), member.get("sequence")) {
        // How many data sections there are says nothing.
        (Some(sections), None, None) => {
            let read: Result<Vec<_>, _> = sections.iter().map(bytes::read).collect();
            read.map(|sections| Body::Bytes(sections.concat()))
        }
        (None, None, None) => bytes::read(member).map(Body::Bytes),
        // Without sections there is no body in AMQP (1.0, messaging, section 3.2), so many clients write this for none.
        (None, Some(value), None) if value.get("type").and_then(Json::as_str) == Some("null") => {
            Ok(Body::Null)
        }
        _ => Ok(Body::Other(member)),
    }
}

/// The bytes whose Base64 a body is. Those who write it may not leave out the Base64.
fn base64(member: &Json) -> Result<Vec<u8>, String> {
    let text = bytes::read(member)?;
    let decoded = str::from_utf8(&text).ok().and_then(bytes::decode);
    decoded.ok_or_else(|| format!("a body that is not Base64: {}", bytes::show(&text)))
}

impl fmt::Display for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Body::Null => f.write_str("no body"),
            Body::Bytes(bytes) => f.write_str(&bytes::show(bytes)),
            Body::Other(value) => write!(f, "{value}"),
        }
    }
}
