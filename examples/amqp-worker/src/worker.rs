//! The worker.

use cloudevents_kit::{Delivery, Error, ErrorKind, Receiver, Sender, prelude::*, transport::OrderBy};
use serde::{Deserialize, Serialize};
use std::{pin::pin, time::Duration};

/// The type of the events that it takes.
pub(crate) const TEXT: &str = "com.example.text.written";

/// The words of a text were counted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WordsCounted {
    /// How many there are.
    pub(crate) words: usize,
}

impl EventData for WordsCounted {
    const TYPE: &'static str = "com.example.text.counted";
    type Codec = Json;
}

/// How many texts are in hand at once.
const AT_ONCE: usize = 8;

/// Works until it is told to stop, and ends with what is in hand. A lost connection is made again.
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
            Err(error) if error.kind() == ErrorKind::Disconnected => println!("connecting again: {error}"),
            Err(error) => return Err(error),
        }
    }
    receiver.drain(Duration::from_secs(10)).await
}

async fn work(delivery: Delivery, counts: &Sender) -> Result<(), Error> {
    let count = match delivery.event().and_then(|event| counted(&event)) {
        Ok(count) => count,
        // No other worker can do better: the broker moves it to where it keeps such messages.
        Err(error) => {
            println!("rejected: {error}");
            return delivery.reject(&error).await;
        }
    };
    match counts.send(&count).await {
        Ok(()) => delivery.accept().await,
        // Another worker may reach the queue, or this one later.
        Err(error) => {
            println!("not delivered: {error}");
            delivery.retry(Duration::from_secs(1)).await
        }
    }
}

/// The event with the count. Its id is that of the text, so that a text that comes twice has one count.
fn counted(event: &Event) -> Result<Event, Error> {
    if event.ty() != TEXT {
        return Err(Error::new(ErrorKind::UnexpectedEventType).with_detail(format!("it is no {TEXT}")));
    }
    let text = event.data_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok());
    let text = text.ok_or_else(|| Error::new(ErrorKind::InvalidData).with_detail("it is no text"))?;
    let words = text.split_whitespace().count();
    println!("{}: {words} words", event.id());
    let builder = Event::builder().id(event.id()).source("/word-counter").subject(event.source().as_str());
    Ok(TypedEvent::build(builder, WordsCounted { words })?.into_event())
}
