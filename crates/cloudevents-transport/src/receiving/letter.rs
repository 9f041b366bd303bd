//! A rejected message, and what its dead letter says about it.

use crate::{Outgoing, Received};
use cloudevents_core::{ErrorKind, Value};
use std::sync::Arc;

/// How the headers of dead letters begin. No protocol reads such a header as an attribute.
pub(crate) const PREFIX: &str = "dead-letter-";

/// How many bytes of a reason are kept.
const REASON: usize = 1024;

/// A rejected message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The message as it was received.
    pub received: Received,
    /// Why it was rejected.
    pub reason: Arc<str>,
    /// The last delivery attempt, starting at 1.
    pub attempt: u32,
}

impl DeadLetter {
    /// Creates a letter, for tests of sinks.
    pub fn new(received: Received, reason: impl Into<Arc<str>>, attempt: u32) -> Self {
        Self { received, reason: reason.into(), attempt }
    }

    /// The headers of a dead letter, the same over every protocol. Every value is text, and has one line.
    ///
    /// | header | value |
    /// |---|---|
    /// | `dead-letter-reason` | the reason, at most 1 KiB |
    /// | `dead-letter-error` | the code of the error, for a message that is not a valid event, such as `missing-attribute` |
    /// | `dead-letter-topic` | the topic, queue, subject or address that the message came from |
    /// | `dead-letter-partition` | the partition, of a log |
    /// | `dead-letter-offset` | the offset in the partition, or the sequence number in the stream |
    /// | `dead-letter-attempt` | the last delivery attempt, starting at 1 |
    ///
    /// What is not known has no header. Two protocols have more to say of the origin: RabbitMQ `dead-letter-exchange` and
    /// `dead-letter-routing-key`, and JetStream `dead-letter-stream`. A [`Redrive`](crate::bridge::Redrive) takes all of them off.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        headers(&self.received, &self.reason, self.received.error_kind(), self.attempt)
    }

    /// The letter as a message to send over any protocol, for sinks: the event with its key, its headers, and [those of the
    /// letter](Self::headers). What is not an event is [as it was received](Outgoing::as_received).
    ///
    /// ```
    /// use cloudevents_core::Error;
    /// use cloudevents_transport::{DeadLetter, DeadLetterSink, Sender};
    ///
    /// /// Sends rejected messages to another place, over any protocol.
    /// struct Elsewhere(Sender);
    ///
    /// impl DeadLetterSink for Elsewhere {
    ///     async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
    ///         self.0.send(letter.outgoing()).await.map(drop)
    ///     }
    /// }
    /// ```
    pub fn outgoing(&self) -> Outgoing {
        outgoing(&self.received, &self.reason, self.received.error_kind(), self.attempt)
    }

    /// The message exactly as it was received, with [the headers of the letter](Self::headers) behind its own. For sinks of bindings, which
    /// send it over the protocol that it came over.
    pub fn as_received(&self) -> Outgoing {
        let message = Outgoing::as_received(self.received.clone());
        self.headers().into_iter().fold(message, |message, (name, value)| message.header(name, value))
    }
}

/// The letter about a message that is refused for this reason, with the headers of this letter in place of those of an earlier one.
pub(crate) fn outgoing(
    received: &Received,
    reason: &str,
    error: Option<ErrorKind>,
    attempt: u32,
) -> Outgoing {
    let mut letter = received.forward();
    for (name, value) in headers(received, reason, error, attempt) {
        letter.set_header(name, value);
    }
    letter
}

fn headers(
    received: &Received,
    reason: &str,
    error: Option<ErrorKind>,
    attempt: u32,
) -> Vec<(&'static str, String)> {
    let topic = received.topic().or_else(|| received.partition().map(|partition| partition.topic()));
    let offset = received.offset();
    let partition = received.partition().filter(|_| offset.is_some());
    let known = [
        ("dead-letter-reason", Some(one_line(beginning(reason)))),
        ("dead-letter-error", error.map(|kind| kind.code().to_owned())),
        ("dead-letter-topic", topic.map(one_line)),
        ("dead-letter-partition", partition.map(|partition| partition.number().to_string())),
        ("dead-letter-offset", offset.map(|offset| offset.to_string())),
        ("dead-letter-attempt", Some(attempt.to_string())),
    ];
    known.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Headers of NATS and HTTP have one line, and brokers of MQTT may take no control characters and noncharacters: what no String of CloudEvents
/// has, either.
fn one_line(text: &str) -> String {
    let is_taken = |character: char| Value::try_from(&*character.encode_utf8(&mut [0; 4])).is_ok();
    text.chars().map(|character| if is_taken(character) { character } else { ' ' }).collect()
}

fn beginning(reason: &str) -> &str {
    let mut end = REASON.min(reason.len());
    while !reason.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    reason.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Partition, Raw};
    use cloudevents_core::{Decoded, Error, Event, Message};

    fn letter(reason: &str) -> DeadLetter {
        let event = Event::builder().id("1").source("/s").ty("t").build().unwrap();
        let raw = Raw {
            topic: Some("orders\0".into()),
            partition: Some(Partition::new("orders", 3)),
            offset: Some(7),
            headers: vec![
                ("x-trace".into(), Some("t".into())),
                ("dead-letter-reason".into(), Some("an earlier one".into())),
            ],
            ..Raw::default()
        };
        let received = Received::new(Ok(Decoded::clean(Message::from(event))), raw);
        DeadLetter::new(received, reason, 2)
    }

    fn texts(outgoing: &Outgoing) -> Vec<(String, String)> {
        let text = |value: &bytes::Bytes| String::from_utf8(value.to_vec()).unwrap();
        outgoing.headers().map(|(name, value)| (name.to_owned(), text(value))).collect()
    }

    #[test]
    fn one_vocabulary() {
        let expected = [
            ("x-trace", "t"),
            ("dead-letter-reason", "no more"),
            ("dead-letter-topic", "orders "),
            ("dead-letter-partition", "3"),
            ("dead-letter-offset", "7"),
            ("dead-letter-attempt", "2"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(texts(&letter("no\nmore").outgoing()), expected);
        assert_eq!(texts(&letter("no\nmore").as_received()), expected[1..]);
        assert!(expected[1..].iter().all(|(name, _)| name.starts_with(PREFIX)));
    }

    #[test]
    fn what_is_no_event_says_so() {
        let received = Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), Raw::default());
        let letter = DeadLetter::new(received, "why", 1);
        let expected = [
            ("dead-letter-reason", "why"),
            ("dead-letter-error", "not-a-cloudevent"),
            ("dead-letter-attempt", "1"),
        ];
        assert_eq!(letter.headers(), expected.map(|(name, value)| (name, value.to_owned())));
    }

    /// A tab, a control character of Latin-1, and noncharacters. Brokers of MQTT may end the connection because of them.
    #[test]
    fn a_reason_is_text_that_every_protocol_takes() {
        let reason = "a\tb\u{85}c\u{ffff}d\u{fdd0}e\u{10fffe}é";
        assert_eq!(letter(reason).headers()[0], ("dead-letter-reason", "a b c d e é".to_owned()));
    }

    #[test]
    fn a_reason_is_cut_between_characters() {
        assert_eq!(beginning("why"), "why");
        let long = format!("{}é", "x".repeat(REASON - 1));
        assert_eq!(beginning(&long).len(), REASON - 1);
    }
}
