//! The texts that an event and its message have for the places of a template.

use crate::{
    place,
    template::{Of, digest},
};
use cloudevents_core::{Event, Name};

#[cfg(feature = "transport")]
use cloudevents_core::ToTimestamp;
#[cfg(feature = "transport")]
use cloudevents_transport::Received;

/// Returns the text of a place of the message. `None` if the message lacks it. The error says why it has no text.
pub(super) type Ask<'a> = &'a dyn Fn(&Of) -> Result<Option<String>, String>;

/// The parts of a message, by the names that `ce listen --envelope` has for them.
const PARTS: [&str; 6] = ["key", "offset", "partition", "peer", "timestamp", "topic"];

/// A place of a template.
enum Place<'a> {
    Attribute(&'a str),
    /// A path within the payload. The path of the payload itself is empty.
    Data(&'a str),
    Part(&'a str),
}

/// Checks that an event can have this place.
pub(super) fn check(of: &Of) -> Result<(), String> {
    let path = match of {
        Of::Place(path) => path,
        Of::Document(path) => return Err(format!("there is no `$.{path}`: the payload is `data`")),
        Of::Header { .. } | Of::Digest | Of::Text(_) => return Ok(()),
    };
    match Place::of(path) {
        Place::Data(_) => Ok(()),
        Place::Part(part) if PARTS.contains(&part) => Ok(()),
        Place::Part(_) => {
            Err(format!("there is no `{path}`: the parts of a message are {}", PARTS.join(", ")))
        }
        Place::Attribute(name) => {
            Name::parse(name).map(drop).map_err(|error| format!("`{name}`: {}", error.detail()))
        }
    }
}

/// Returns the text of a place. `None` if the value is not there, is null or is empty. The error says why the value has no text.
pub(super) fn find(of: &Of, event: &Event, message: Ask<'_>) -> Result<Option<String>, String> {
    match of {
        Of::Header { .. } | Of::Document(_) => message(of),
        Of::Text(text) => Ok(Some(text.clone())),
        Of::Digest => Ok(event.data().map(|data| digest(data.as_bytes()))),
        Of::Place(path) => match Place::of(path) {
            Place::Attribute(name) => {
                Ok(event.attribute(name).map(|value| value.to_canonical().into_owned()))
            }
            Place::Data(inner) => in_data(event, path, inner),
            Place::Part(_) => message(of),
        },
    }
}

/// Returns the text of a place of the message.
#[cfg(feature = "transport")]
pub(super) fn of_message(of: &Of, received: &Received) -> Result<Option<String>, String> {
    let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Err(_) => Err(format!("{} is no text", of.name())),
    };
    match of {
        // Attributes and the content type are attributes of the event. Credentials and other headers of one request are not carried on.
        Of::Header { name, .. } if !received.origin().is_forwarded(name) => Ok(None),
        Of::Header { name, .. } => received.header(name).map_or(Ok(None), |value| text(&value)),
        Of::Digest | Of::Document(_) | Of::Text(_) => Ok(None),
        Of::Place(path) => match Place::of(path) {
            Place::Part("key") => received.key().map_or(Ok(None), |key| text(&key)),
            Place::Part("offset") => Ok(received.offset().map(|offset| offset.to_string())),
            // The order of a subscription of MQTT has the form of a partition, and has no offset.
            Place::Part("partition") => {
                let partition = received.partition().filter(|_| received.offset().is_some());
                Ok(partition.map(|partition| partition.number().to_string()))
            }
            Place::Part("peer") => Ok(received.peer().map(|peer| peer.to_string())),
            Place::Part("timestamp") => Ok(received.timestamp().and_then(|at| {
                at.with_timestamp(|time| time.ok().flatten().map(|time| time.as_str().to_owned()))
            })),
            Place::Part("topic") => Ok(received.topic().map(str::to_owned)),
            _ => Ok(None),
        },
    }
}

impl<'a> Place<'a> {
    fn of(path: &'a str) -> Self {
        match path.split_once('.') {
            Some(("data", inner)) => Self::Data(inner),
            Some(("message", part)) => Self::Part(part),
            None if path == "data" => Self::Data(""),
            _ => Self::Attribute(path),
        }
    }
}

fn in_data(event: &Event, path: &str, inner: &str) -> Result<Option<String>, String> {
    let Some(json) = place::payload(event) else { return Ok(None) };
    place::plain(json, inner).map_err(|why| format!("`{path}` {why}"))
}
