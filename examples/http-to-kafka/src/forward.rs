//! Forwarding.

use cloudevents_kit::{Delivery, Error, ErrorKind, Receiver, Sender, transport::OrderBy};
use std::{pin::pin, time::Duration};

/// How many messages are under way at once.
const AT_ONCE: usize = 1024;

/// Forwards until it is told to stop, and ends with what is under way.
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

/// 204 when the brokers have it, 503 when they may have it later, 4xx when they never will.
async fn forward(delivery: Delivery, sender: &Sender) -> Result<(), Error> {
    let message = match delivery.message() {
        Ok(message) => message.clone(), // no bytes are copied
        Err(error) => return delivery.reject(&error).await,
    };
    match sender.send_message(message).await {
        Ok(()) => delivery.accept().await,
        Err(error) if is_temporary(&error) => {
            eprintln!("not now: {error}");
            delivery.retry(Duration::from_secs(5)).await
        }
        // A batch, for example, which Kafka does not have.
        Err(error) => delivery.reject(&error).await,
    }
}

fn is_temporary(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Disconnected | ErrorKind::Timeout | ErrorKind::Transport | ErrorKind::Closed
    )
}
