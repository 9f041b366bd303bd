//! A subject for rejected messages.

use super::{options::Target, received::ReceivedMessage, sender::NatsSender};
use cloudevents_core::Error;
use cloudevents_transport::{
    DeadLetter, DeadLetterSink, Endpoint,
    binding::{Rejecting, Transmit, queue::QueueOptions, rejecting},
};

/// Returns what happens to rejected messages: as in the URL, otherwise as in the options.
pub(super) async fn decided(
    endpoint: &Endpoint,
    target: &Target,
    queue: QueueOptions,
) -> Result<QueueOptions, Error> {
    let (is_decided, broker) = (queue.is_decided(), target.jetstream);
    Ok(match rejecting(endpoint, is_decided, Some("subject"), broker, "NatsReceiverOptions::queue")? {
        Rejecting::AsDecided => queue,
        Rejecting::ToBroker => queue.rejecting_to_broker(),
        Rejecting::Dropped => queue.dropping_rejected(),
        Rejecting::To(subject) => {
            queue.with_sink(DeadLetterSubject(NatsSender::to_subject(target.at(subject)).await?))
        }
    })
}

/// Publishes rejected messages to another subject of the same server, as they were received, with [the headers of the
/// letter](DeadLetter::headers), and of a stream its name. In JetStream, a stream has to have the subject, and confirms the message.
struct DeadLetterSubject(NatsSender);

impl DeadLetterSink for DeadLetterSubject {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        let message = letter.as_received();
        let native = letter.received.native::<ReceivedMessage>();
        let delivered = native.and_then(|message| message.delivered.as_ref());
        let message = match delivered.filter(|_| message.headers().len() > 0) {
            Some(delivered) => message.header("dead-letter-stream", delivered.stream.as_bytes()),
            None => message, // it has no stream, or would be too large with headers
        };
        self.0.enqueue(message).await?.await.map(drop)
    }
}
