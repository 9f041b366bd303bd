//! Forwarding.

use cloudevents_kit::{Delivery, Error, ErrorKind, Receiver, Sender, transport::OrderBy};
use std::{pin::pin, time::Duration};

/// The maximum number of messages in flight.
const AT_ONCE: usize = 1024;

/// Forwards until it is stopped, then finishes the messages in progress.
pub(crate) async fn run(
    receiver: &mut Receiver,
    sender: &Sender,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let stopper = receiver.stopper();
    {
        let mut forwarding =
            pin!(receiver.for_each(AT_ONCE, OrderBy::None, async |delivery| forward(delivery, sender).await));
        tokio::select! {
            ended = &mut forwarding => ended?,
            () = stop => {
                stopper.stop();
                forwarding.await?;
            }
        }
    }
    receiver.drain(Duration::from_secs(10)).await
}

/// Responds with 204 if the brokers have the message, 503 after a temporary failure, 4xx after a permanent
/// one.
async fn forward(delivery: Delivery, sender: &Sender) -> Result<(), Error> {
    if let Err(error) = delivery.message() {
        return delivery.reject(&error).await;
    }
    match sender.send(delivery.forward()).await {
        Ok(_) => delivery.accept().await,
        Err(error) if is_temporary(&error) => {
            eprintln!("not now: {error}");
            delivery.retry(Duration::from_secs(5)).await
        }
        // For example a batch, which Kafka does not support.
        Err(error) => delivery.reject(&error).await,
    }
}

fn is_temporary(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Disconnected | ErrorKind::Timeout | ErrorKind::Transport | ErrorKind::Closed
    )
}
