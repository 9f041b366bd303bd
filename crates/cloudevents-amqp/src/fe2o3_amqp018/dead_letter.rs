//! An address for rejected messages.

use super::{options::Target, sender::AmqpSender};
use cloudevents_core::Error;
use cloudevents_transport::{
    DeadLetter, DeadLetterSink, Endpoint,
    binding::{Rejecting, Transmit, place_checked, place_opened, queue::QueueOptions, rejecting},
};

/// Returns the policy for rejected messages, from the URL, otherwise from the options.
pub(super) async fn decided(
    endpoint: &Endpoint,
    target: &Target,
    queue: QueueOptions,
) -> Result<QueueOptions, Error> {
    let is_decided = queue.is_decided();
    let reads = |address: &str| address == target.address;
    Ok(match rejecting(endpoint, is_decided, Some("address"), true, "AmqpReceiverOptions::queue", reads)? {
        Rejecting::AsDecided => queue,
        Rejecting::ToBroker => queue.rejecting_to_broker(),
        Rejecting::Dropped => queue.dropping_rejected(),
        Rejecting::To(address) => {
            let sender = place_opened(address, AmqpSender::to_address(target.at(address)).await)?;
            place_checked(address, sender.check().await)?;
            queue.with_sink(DeadLetterAddress(sender))
        }
    })
}

/// Sends rejected messages to another address of the same broker, as they were received, with [the
/// headers](DeadLetter::headers) as application properties.
struct DeadLetterAddress(AmqpSender);

impl DeadLetterSink for DeadLetterAddress {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        let receipt = self.0.enqueue(letter.as_received()).await?.await?;
        letter.stored_at(receipt)
    }
}
