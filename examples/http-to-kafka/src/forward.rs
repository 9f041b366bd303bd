//! Forwarding.

use cloudevents_kit::{Delivery, Error, ErrorKind, Receiver, Sender, transport::Failure};
use std::time::Duration;

/// The maximum number of messages in flight.
const AT_ONCE: usize = 1024;

/// Forwards until it is stopped, then finishes the messages in progress.
pub(crate) async fn run(
    receiver: Receiver,
    sender: &Sender,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    receiver.run(async |delivery| forward(delivery, sender).await).concurrency(AT_ONCE).until(stop).await
}

/// Responds with 204 if the brokers have the message, 503 after a temporary failure, 4xx after a permanent
/// one.
async fn forward(delivery: Delivery, sender: &Sender) -> Result<(), Failure> {
    delivery.message().map_err(Failure::reject)?;
    match sender.send(delivery.forward()).await {
        Ok(_) => Ok(()),
        Err(error) if is_temporary(&error) => {
            eprintln!("not now: {error}");
            Err(Failure::unavailable(error).after(Duration::from_secs(5)))
        }
        // For example a batch, which Kafka does not support.
        Err(error) => Err(Failure::reject(error)),
    }
}

fn is_temporary(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Disconnected | ErrorKind::Timeout | ErrorKind::Transport | ErrorKind::Closed
    )
}
