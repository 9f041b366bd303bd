//! A subject for rejected messages.

use super::{extras, message::append, options::Target, received::ReceivedMessage, sender::NatsSender};
use async_nats::HeaderMap;
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind, Message};
use cloudevents_transport::{DeadLetter, DeadLetterSink, Endpoint, binding::queue::QueueOptions};

/// How many bytes of a reason are kept.
const REASON: usize = 1024;

/// Returns what happens to rejected messages: as in the URL, otherwise as in the options.
pub(super) async fn decided(
    endpoint: &Endpoint,
    target: &Target,
    queue: QueueOptions,
) -> Result<QueueOptions, Error> {
    match (endpoint.option("dead-letter"), endpoint.option("reject")) {
        (None, None) if queue.is_decided() => Ok(queue),
        (None, None) => Err(Error::new(ErrorKind::Unsupported)
            .with_detail("it is not decided what happens to rejected messages")
            .with_help(
                "add `dead-letter=<subject>`, `reject=drop` or, for JetStream, `reject=broker` to the URL, or \
                 decide in `NatsReceiverOptions::queue`",
            )),
        (None, Some("broker")) if target.jetstream => Ok(queue.rejecting_to_broker()),
        (None, Some("broker")) => Err(endpoint.invalid("core NATS has no `reject=broker`")),
        (None, Some("drop")) => Ok(queue.dropping_rejected()),
        (None, Some(_)) => Err(endpoint.invalid("the option `reject` is neither `broker` nor `drop`")),
        (Some(""), None) => Err(endpoint.invalid("the option `dead-letter` names no subject")),
        (Some(subject), None) => {
            Ok(queue.with_sink(DeadLetterSubject(NatsSender::to_subject(target.at(subject)).await?)))
        }
        (Some(_), Some(_)) => {
            Err(endpoint.invalid("the options `dead-letter` and `reject` exclude each other"))
        }
    }
}

/// Publishes rejected messages to another subject of the same server, as they were received, with headers for
/// the reason and the origin. None of their names begins with `ce-`, so the event does not change. In
/// JetStream, a stream has to have the subject, and confirms the message.
struct DeadLetterSubject(NatsSender);

impl DeadLetterSink for DeadLetterSubject {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        self.0.send_letter(&letter).await
    }
}

/// The headers and the payload of a rejected message.
pub(super) fn message(letter: &DeadLetter) -> Result<(HeaderMap, Bytes), Error> {
    let (headers, payload) = extras::as_received(&letter.received)?;
    let without = headers.is_none();
    let mut headers = headers.unwrap_or_default();
    if without && let Ok(Message::Structured(document)) = letter.received.message() {
        // Only a message without any headers is a document without a content type.
        append(&mut headers, "Content-Type", document.format().media_type().as_bytes())?;
    }
    let mut add = |name: &str, value: &str| append(&mut headers, name, value.as_bytes());
    // Headers have one line.
    let reason: String = beginning(&letter.reason)
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    add("dead-letter-reason", &reason)?;
    if let Some(kind) = letter.received.error_kind() {
        add("dead-letter-error", kind.code())?;
    }
    if let Some(subject) = letter.received.topic() {
        add("dead-letter-subject", subject)?;
    }
    let native = letter.received.native::<ReceivedMessage>();
    if let Some(delivered) = native.and_then(|message| message.delivered.as_ref()) {
        add("dead-letter-stream", &delivered.stream)?;
        add("dead-letter-sequence", &delivered.sequence.to_string())?;
    }
    add("dead-letter-attempt", &letter.attempt.to_string())?;
    Ok((headers, payload))
}

fn beginning(reason: &str) -> &str {
    let mut end = REASON.min(reason.len());
    while !reason.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    reason.get(..end).unwrap_or_default()
}
