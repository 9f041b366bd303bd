//! A rejected message: its dead letter, and the headers of that.

use super::left_out::{HEADERS, KEY, OTHERS};
use crate::{Outgoing, Receipt, Received};
use cloudevents_core::{Error, ErrorKind, Value};
use std::sync::{Arc, OnceLock};

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
    error: Option<ErrorKind>,
    pub(super) left_out: Vec<&'static str>,
    /// Clones share it: a sink gets a clone.
    receipt: Arc<OnceLock<Receipt>>,
}

impl DeadLetter {
    /// Creates a dead letter. Programs need it for tests of their sinks.
    pub fn new(received: Received, reason: impl Into<Arc<str>>, attempt: u32) -> Self {
        let error = received.error_kind();
        let (reason, receipt) = (reason.into(), Arc::default());
        Self { received, reason, attempt, error, left_out: Vec::new(), receipt }
    }

    /// The dead letter of a message that a target refuses with this error.
    pub(crate) fn refused(received: Received, error: &Error, attempt: u32) -> Self {
        Self { error: Some(error.kind()), ..Self::new(received, error.to_string(), attempt) }
    }

    /// The headers of a dead letter, the same over every protocol. Every value is text, and has one line.
    ///
    /// | header | value |
    /// |---|---|
    /// | `dead-letter-reason` | the reason, at most 1 KiB |
    /// | `dead-letter-error` | the code of the error, for a message that is not a valid event, such as `missing-attribute`; or of the target's refusal |
    /// | `dead-letter-topic` | the topic, queue, subject or address that the message came from |
    /// | `dead-letter-partition` | the partition, of a log |
    /// | `dead-letter-offset` | the offset in the partition, or the sequence number in the stream |
    /// | `dead-letter-attempt` | the last delivery attempt, starting at 1 |
    ///
    /// A value that is not known has no header. Two protocols have further headers about the origin: RabbitMQ `dead-letter-exchange` and
    /// `dead-letter-routing-key`, and JetStream `dead-letter-stream`. A [`Redrive`](crate::bridge::Redrive) removes all of these headers.
    ///
    /// There is none if the dead letter [would be too large](crate::DeadLetterSink::put) with them.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        if self.left_out.contains(&HEADERS) {
            return Vec::new();
        }
        let received = &self.received;
        let topic = received.topic().or_else(|| received.partition().map(|partition| partition.topic()));
        let offset = received.offset();
        let partition = received.partition().filter(|_| offset.is_some());
        let known = [
            ("dead-letter-reason", Some(one_line(beginning(&self.reason)))),
            ("dead-letter-error", self.error.map(|kind| kind.code().to_owned())),
            ("dead-letter-topic", topic.map(one_line)),
            ("dead-letter-partition", partition.map(|partition| partition.number().to_string())),
            ("dead-letter-offset", offset.map(|offset| offset.to_string())),
            ("dead-letter-attempt", Some(self.attempt.to_string())),
        ];
        known.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Returns the dead letter as a message to send over any protocol, for sinks.
    ///
    /// It has the event with its key, its headers, and the [headers of the dead letter](Self::headers). A message that is not an event is
    /// [as it was received](Outgoing::as_received).
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
    ///         let receipt = self.0.send(letter.outgoing()).await?;
    ///         letter.stored_at(receipt)
    ///     }
    /// }
    /// ```
    pub fn outgoing(&self) -> Outgoing {
        self.complete(self.received.forward())
    }

    /// As [`outgoing`](Self::outgoing), for a destination that takes messages that are no events.
    ///
    /// If the receiver has made an event of the message, the dead letter is the message as it was received. So the event can be made anew.
    pub(crate) fn outgoing_as_it_came(&self) -> Outgoing {
        match self.received.is_converted() {
            true => self.complete(Outgoing::as_received(self.received.clone())),
            false => self.outgoing(),
        }
    }

    fn complete(&self, mut letter: Outgoing) -> Outgoing {
        if self.left_out.contains(&KEY) {
            letter.remove_key();
        }
        for (name, value) in self.headers() {
            letter.set_header(name, value); // in place of that of an earlier letter
        }
        letter
    }

    /// Records where the destination has stored the dead letter, for sinks. The log of a bridge names the place, and so do its observers.
    ///
    /// It is an error of kind [`Refused`](ErrorKind::Refused) if the destination [keeps the message for none](Receipt::kept).
    pub fn stored_at(&self, receipt: Receipt) -> Result<(), Error> {
        let _ = self.receipt.set(receipt.kept()?);
        Ok(())
    }

    /// Where the destination has stored the dead letter, if its sink has [recorded](Self::stored_at) that.
    pub fn receipt(&self) -> Option<&Receipt> {
        self.receipt.get()
    }

    /// The message exactly as it was received, with the [headers of the dead letter](Self::headers) behind its own.
    ///
    /// For sinks of bindings, which send it over the protocol that it came over.
    pub fn as_received(&self) -> Outgoing {
        let message = match self.left_out.contains(&OTHERS) {
            true => self.received.forward(), // with the attributes of an event
            false => Outgoing::as_received(self.received.clone()),
        };
        self.headers().into_iter().fold(message, |message, (name, value)| message.header(name, value))
    }
}

/// Headers of NATS and HTTP have one line. Brokers of MQTT may refuse control characters and noncharacters, which no String of CloudEvents
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
