//! The worker.

use cloudevents_kit::{Error, ErrorKind, Receiver, Sender, prelude::*, transport::Failure};
use serde::{Deserialize, Serialize};

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

/// Runs until it is stopped, then finishes the messages in progress.
pub(crate) async fn run(
    receiver: Receiver,
    counts: &Sender,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    receiver.run(async |event: Event| work(&event, counts).await).concurrency(AT_ONCE).until(stop).await
}

async fn work(text: &Event, counts: &Sender) -> Result<(), Failure> {
    // No other worker can process it: it goes to the dead-letter address.
    let count = counted(text).map_err(Failure::reject)?;
    // The queue of counts may be away for a while, which is not the text's fault.
    counts.send(&count).await.map_err(Failure::unavailable)?;
    Ok(())
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
