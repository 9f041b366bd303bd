//! The worker.

use cloudevents_kit::{Delivery, Error, ErrorKind, Receiver, Sender, prelude::*, transport::OrderBy};
use serde::{Deserialize, Serialize};
use std::{pin::pin, time::Duration};

/// The type of the events that it processes.
pub(crate) const TEXT: &str = "com.example.text.written";

/// The payload of the event that a text's words were counted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WordsCounted {
    /// The number of words.
    pub(crate) words: usize,
}

impl EventData for WordsCounted {
    const TYPE: &'static str = "com.example.text.counted";
    type Codec = Json;
}

/// The number of texts processed at once.
const AT_ONCE: usize = 8;

/// Runs until it is stopped, then finishes the messages in progress. Reconnects after a lost connection.
pub(crate) async fn run(
    receiver: &mut Receiver,
    counts: &Sender,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let stopper = receiver.stopper();
    let mut stop = pin!(stop);
    loop {
        let mut working =
            pin!(receiver.for_each(AT_ONCE, OrderBy::None, async |delivery| work(delivery, counts).await));
        let ended = tokio::select! {
            ended = &mut working => ended,
            () = &mut stop => {
                stopper.stop();
                working.await?;
                break;
            }
        };
        match ended {
            Ok(()) => break,
            Err(error) if error.kind() == ErrorKind::Disconnected => println!("reconnecting: {error}"),
            Err(error) => return Err(error),
        }
    }
    receiver.drain(Duration::from_secs(10)).await
}

async fn work(delivery: Delivery, counts: &Sender) -> Result<(), Error> {
    let count = match delivery.event().and_then(|event| counted(&event)) {
        Ok(count) => count,
        // No other worker can process it: it goes to the dead-letter address.
        Err(error) => {
            println!("rejected: {error}");
            return delivery.reject(&error).await;
        }
    };
    match counts.send(&count).await {
        Ok(_) => delivery.accept().await,
        // Another worker, or this one later, may reach the queue.
        Err(error) => {
            println!("not delivered: {error}");
            delivery.retry(Duration::from_secs(1)).await
        }
    }
}

/// Returns the event with the count. It has the id of the text, so that a text delivered twice has one count.
fn counted(event: &Event) -> Result<Event, Error> {
    if event.ty() != TEXT {
        return Err(Error::new(ErrorKind::UnexpectedEventType).with_detail(format!("expected {TEXT}")));
    }
    let text = event.data_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok());
    let text = text.ok_or_else(|| Error::new(ErrorKind::InvalidData).with_detail("expected text"))?;
    let words = text.split_whitespace().count();
    println!("{}: {words} words", event.id());
    let builder = Event::builder().id(event.id()).source("/word-counter").subject(event.source().as_str());
    Ok(TypedEvent::build(builder, WordsCounted { words })?.into_event())
}
