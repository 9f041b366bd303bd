//! A subject for rejected messages.

use super::{options::Target, received::ReceivedMessage, sender::NatsSender};
use cloudevents_core::Error;
use cloudevents_transport::{
    DeadLetter, DeadLetterSink, Endpoint,
    binding::{Rejecting, Transmit, place_checked, queue::QueueOptions, rejecting},
};
use std::sync::Arc;

/// Returns the policy for rejected messages, from the URL, otherwise from the options.
pub(super) async fn decided(
    endpoint: &Endpoint,
    target: &Target,
    queue: QueueOptions,
) -> Result<QueueOptions, Error> {
    let (is_decided, broker) = (queue.is_decided(), target.jetstream);
    let mut is_read = false;
    let reads = |subject: &str| {
        is_read = matches(&target.subject, subject);
        is_read
    };
    let rejecting =
        rejecting(endpoint, is_decided, Some("subject"), broker, "NatsReceiverOptions::queue", reads);
    // Since nats-server 2.10, a filter may be wider than its stream.
    let rejecting = rejecting.map_err(|error| match is_read && target.jetstream {
        true => error.with_help(
            "name another subject, or the stream alone if it does not have this one: `/?stream=ORDERS&consumer=billing`",
        ),
        false => error,
    });
    Ok(match rejecting? {
        Rejecting::AsDecided => queue,
        Rejecting::ToBroker => queue.rejecting_to_broker(),
        Rejecting::Dropped => queue.dropping_rejected(),
        Rejecting::To(subject) => {
            let sender = NatsSender::to_subject(target.at(subject)).await?;
            place_checked(subject, sender.check().await)?;
            if !target.jetstream {
                tracing::warn!(place = %subject, "the dead-letter place does not report whether anything stores a letter");
            }
            queue.with_sink(DeadLetterSubject { sender, subject: subject.into() })
        }
    })
}

/// Publishes rejected messages to another subject of the same server, as they were received.
///
/// It adds [the headers of the dead letter](DeadLetter::headers), and the name of the stream if there is one. In JetStream, a stream has to
/// have the subject, and confirms the message.
struct DeadLetterSubject {
    sender: NatsSender,
    subject: Arc<str>,
}

impl DeadLetterSink for DeadLetterSubject {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        let message = letter.as_received();
        let native = letter.received.native::<ReceivedMessage>();
        let delivered = native.and_then(|message| message.delivered.as_ref());
        let message = match delivered.filter(|_| message.headers().len() > 0) {
            Some(delivered) => message.header("dead-letter-stream", delivered.stream.as_bytes()),
            None => message, // it has no stream, or would be too large with headers
        };
        let receipt = self.sender.enqueue(message).await?.await?;
        // JetStream reports the stream. Otherwise, the subject is all that is known.
        let is_known = receipt.place().is_some();
        let receipt = if is_known { receipt } else { receipt.with_place(Arc::clone(&self.subject)) };
        letter.stored_at(receipt)
    }
}

/// Whether a subject matches a filter.
fn matches(filter: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for wanted in filter.split('.') {
        match (wanted, tokens.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(token)) if wanted == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of NATS's documentation of subjects.
    #[test]
    fn filters() {
        for (filter, subject, wanted) in [
            ("time.us.east", "time.us.east", true),
            ("time.us.east", "time.us", false),
            ("time.*.east", "time.eu.east", true),
            ("time.us.*", "time.us.east.atlanta", false),
            ("time.us.>", "time.us.east.atlanta", true),
            ("time.us.>", "time.us", false),
            (">", "time", true),
            ("", "time", false),
        ] {
            assert_eq!(matches(filter, subject), wanted, "{filter} {subject}");
        }
    }
}
