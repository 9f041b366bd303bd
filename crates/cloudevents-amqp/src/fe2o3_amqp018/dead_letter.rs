//! An address for rejected messages.

use super::{forwarding, message::WireMessage, options::Target, sender::AmqpSender};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{DeadLetter, DeadLetterSink, Endpoint, binding::queue::QueueOptions};
use fe2o3_amqp_types::primitives::SimpleValue;

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
                "add `dead-letter=<address>`, `reject=broker` or `reject=drop` to the URL, or decide in \
                 `AmqpReceiverOptions::queue`",
            )),
        (None, Some("broker")) => Ok(queue.rejecting_to_broker()),
        (None, Some("drop")) => Ok(queue.dropping_rejected()),
        (None, Some(_)) => Err(endpoint.invalid("the option `reject` is neither `broker` nor `drop`")),
        (Some(""), None) => Err(endpoint.invalid("the option `dead-letter` names no address")),
        (Some(address), None) => {
            Ok(queue.with_sink(DeadLetterAddress(AmqpSender::to_address(target.at(address)).await?)))
        }
        (Some(_), Some(_)) => {
            Err(endpoint.invalid("the options `dead-letter` and `reject` exclude each other"))
        }
    }
}

/// Sends rejected messages to another address of the same broker, as they were received, with application
/// properties for the reason and the origin. None of their names begins with `cloudEvents`, so the event
/// does not change.
struct DeadLetterAddress(AmqpSender);

impl DeadLetterSink for DeadLetterAddress {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        self.0.send_as_it_is(message(&letter)?).await
    }
}

fn message(letter: &DeadLetter) -> Result<WireMessage, Error> {
    let mut message = forwarding::as_received(&letter.received)?;
    let properties = &mut message.application_properties.get_or_insert_default().0;
    let mut add = |name: &str, value: String| {
        properties.insert(name.to_owned(), SimpleValue::String(value));
    };
    add("dead-letter-reason", beginning(&letter.reason).to_owned());
    if let Some(kind) = letter.received.error_kind() {
        add("dead-letter-error", kind.code().to_owned());
    }
    if let Some(address) = letter.received.topic() {
        add("dead-letter-address", address.to_owned());
    }
    add("dead-letter-attempt", letter.attempt.to_string());
    Ok(message)
}

fn beginning(reason: &str) -> &str {
    let mut end = REASON.min(reason.len());
    while !reason.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    reason.get(..end).unwrap_or_default()
}
