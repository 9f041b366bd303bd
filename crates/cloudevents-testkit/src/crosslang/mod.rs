//! Programs in other languages that exchange events with the toolkit, and the list of known differences.
//!
//! A peer is started with one argument, reads a line of JSON, and answers with a line: see the READMEs of `spec-tests/crosslang`.

mod findings;
mod meeting;
mod peer;

use crate::tagged;
use cloudevents_core::{Error, Event, Timestamp, Value};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

pub use findings::Findings;
pub use meeting::Meeting;
pub use peer::{Peer, Subscribed, peers};

/// The differences of each event, by the event's name.
pub type Differing<'e> = Vec<(&'e str, Vec<String>)>;

/// The sample events, with their names. None are left out.
pub fn samples() -> Result<Vec<(String, Event)>, Box<dyn std::error::Error>> {
    let (_, text) =
        cloudevents_vectors::samples().find(|(path, _)| *path == "events.json").unwrap_or_default();
    let samples: Vec<Json> = serde_json::from_str(text)?;
    let read = |sample: &Json| {
        let name = sample.get("name").and_then(Json::as_str).ok_or("a sample has no name")?;
        let event = sample.get("event").ok_or("a sample has no event")?;
        Ok((name.to_owned(), tagged::to_event(event)?))
    };
    samples.iter().map(read).collect()
}

/// The attributes as their canonical strings, with `specversion`.
pub fn attributes(event: &Event) -> BTreeMap<String, String> {
    let all = event.attributes().map(|(name, value)| (name.as_str().to_owned(), value.to_string()));
    all.chain([("specversion".to_owned(), event.specversion().as_str().to_owned())]).collect()
}

/// Returns how an event differs from the event that a peer sent, or how it was refused. `is_other_mode` is whether its message was in
/// another mode than the peer's, which is a difference.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_testkit::crosslang::arrived;
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// assert_eq!(arrived(&event, Ok(event.clone()), true), ["mode"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn arrived(event: &Event, got: Result<Event, Error>, is_other_mode: bool) -> Vec<String> {
    let mut items = match got {
        Ok(got) => differences(event, &attributes(&got), got.data_bytes().map(|data| &**data)),
        Err(error) => {
            println!("{}: {error}", event.id());
            vec![format!("refused {}", error.kind().code())]
        }
    };
    if is_other_mode {
        items.push("mode".into());
    }
    items
}

/// Compares the events that arrive with the samples that a peer has sent. `sent` is the result of [`Peer::send`].
///
/// `next` returns the next event or the error of its refusal, and whether its message was in another mode than the peer's.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_testkit::crosslang::received;
///
/// # async fn test() -> Result<(), Box<dyn std::error::Error>> {
/// let samples = [("one".to_owned(), Event::builder().id("1").source("/s").ty("t").build()?)];
/// let differing = received(&samples, vec![false], async || unreachable!("the peer did not send it")).await;
/// assert_eq!(differing, [("one", vec!["does not write it".to_owned()])]);
/// # Ok(()) }
/// ```
pub async fn received<'e>(
    samples: &'e [(String, Event)],
    sent: Vec<bool>,
    mut next: impl AsyncFnMut() -> (Result<Event, Error>, bool),
) -> Differing<'e> {
    let mut found = Vec::new();
    for ((name, event), is_sent) in samples.iter().zip(sent) {
        let items = if is_sent {
            let (got, is_other_mode) = next().await;
            arrived(event, got, is_other_mode)
        } else {
            vec!["does not write it".into()]
        };
        found.push((&**name, items));
    }
    found
}

/// Returns how an event changed: attributes that were added (`+`), removed (`-`) or changed (`~`), and the payload. Times are equal if
/// they are the same instant.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_testkit::crosslang::{attributes, differences};
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let mut got = attributes(&event);
/// got.insert("id".into(), "2".into());
/// assert_eq!(differences(&event, &got, Some(b"")), ["~id", "+data of 0 bytes"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn differences(event: &Event, got: &BTreeMap<String, String>, data: Option<&[u8]>) -> Vec<String> {
    let sent = attributes(event);
    let mut items = Vec::new();
    for name in sent.keys().chain(got.keys()).collect::<BTreeSet<_>>() {
        match (sent.get(name), got.get(name)) {
            (Some(sent), Some(got)) if is_same(event, name, sent, got) => {}
            (Some(sent), Some(got)) => {
                println!("{name}: {sent:?} became {got:?}");
                items.push(format!("~{name}"));
            }
            (Some(_), None) => items.push(format!("-{name}")),
            _ => items.push(format!("+{name}")),
        }
    }
    let json = |bytes: &[u8]| serde_json::from_slice::<Json>(bytes).ok();
    match (event.data_bytes(), data) {
        (None, None) => {}
        (None, Some(data)) => items.push(format!("+data of {} bytes", data.len())),
        (Some(data), None) => items.push(format!("-data of {} bytes", data.len())),
        (Some(sent), Some(got)) if *sent == *got => {}
        (Some(sent), Some(got)) if json(sent).is_some() && json(sent) == json(got) => {
            items.push("data rewritten".into());
        }
        (Some(sent), Some(got)) => {
            println!("{:?} became {:?}", String::from_utf8_lossy(sent), String::from_utf8_lossy(got));
            items.push("~data".into());
        }
    }
    items
}

fn is_same(event: &Event, name: &str, sent: &str, got: &str) -> bool {
    // Not every peer knows leap seconds.
    let instant = |text: &str| {
        let mut instant = Timestamp::parse(text).ok()?.instant();
        instant.leap_second = false;
        Some(instant)
    };
    let is_time = matches!(event.attribute(name), Some(Value::Timestamp(_)));
    sent == got || (is_time && instant(sent).is_some_and(|sent| Some(sent) == instant(got)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_instants_and_json_is_a_value() {
        let event = Event::builder().id("1").source("/s").ty("t").time("2024-01-01T01:00:00.50+01:00");
        let event =
            event.payload("application/json", cloudevents_core::Payload::json("{\"a\": 1}")).build().unwrap();
        let mut got = attributes(&event);
        got.insert("time".into(), "2024-01-01T00:00:00.5Z".into());
        assert_eq!(differences(&event, &got, Some(b"{\"a\":1}")), ["data rewritten"]);
        got.insert("time".into(), "2024-01-01T00:00:01Z".into());
        got.remove("id");
        assert_eq!(differences(&event, &got, None), ["-id", "~time", "-data of 8 bytes"]);
    }

    #[test]
    fn samples_are_there() {
        assert!(samples().unwrap().len() > 5);
    }
}
