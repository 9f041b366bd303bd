//! A received message.

use bytes::Bytes;
use cloudevents_core::{Event, Message};
use cloudevents_transport::{Content, Origin, Outgoing};
use std::{
    any::Any,
    borrow::Cow,
    fmt,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

const CONTENT_TYPE: &str = "content-type";
const PREFIX: &str = "ce-";

/// A message of an outbox. [`Received::native`](cloudevents_transport::Received::native) returns it for an outbox.
///
/// Headers are those of the message, and before them the attributes of its event, as in binary mode of HTTP: `content-type`, and names that
/// begin with `ce-`. A document has its `content-type`. The topic is the target, and the offset is the number.
#[derive(Clone)]
#[non_exhaustive]
pub struct ReceivedMessage {
    /// The message as it was enqueued, with key, headers, destination and priority.
    pub outgoing: Outgoing,
    /// The target.
    pub target: Arc<str>,
    /// The number in the outbox.
    pub number: u64,
    /// Whether it is in order with others of its target.
    pub ordered: bool,
    /// When it was due at first, or was last replayed.
    pub started: SystemTime,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// The size of the text in the store.
    pub(super) size: usize,
    /// The content type and the attributes, as headers.
    pub(super) shown: OnceLock<Vec<(String, String)>>,
}

impl ReceivedMessage {
    fn shown(&self) -> &[(String, String)] {
        self.shown.get_or_init(|| {
            let of_document = |media_type| vec![(CONTENT_TYPE.to_owned(), media_type)];
            match self.outgoing.content() {
                Content::Message(Message::Binary(event)) => of_event(event),
                Content::Message(Message::Structured(document)) => {
                    of_document(document.format().media_type())
                }
                Content::Message(Message::Batched(document)) => {
                    of_document(document.format().batch_media_type())
                }
                _ => Vec::new(),
            }
        })
    }
}

fn of_event(event: &Event) -> Vec<(String, String)> {
    let version = (format!("{PREFIX}specversion"), event.specversion().to_string());
    let others = event.attributes().map(|(name, value)| {
        let value = value.to_canonical().into_owned();
        match name.as_str() {
            "datacontenttype" => (CONTENT_TYPE.to_owned(), value),
            name => (format!("{PREFIX}{name}"), value),
        }
    });
    [version].into_iter().chain(others).collect()
}

impl Origin for ReceivedMessage {
    fn native(&self) -> &dyn Any {
        self
    }

    fn size(&self) -> usize {
        self.size
    }

    fn body(&self) -> Option<Bytes> {
        match self.outgoing.content() {
            Content::Message(Message::Binary(event)) => event.data_bytes().cloned(),
            Content::Message(Message::Structured(document) | Message::Batched(document)) => {
                Some(document.body().clone())
            }
            _ => None,
        }
    }

    fn headers<'a>(&'a self, each: &mut dyn FnMut(&'a str, Option<Cow<'a, [u8]>>)) {
        for (name, value) in self.shown() {
            each(name, Some(Cow::Borrowed(value.as_bytes())));
        }
        for (name, value) in self.outgoing.headers() {
            each(name, Some(Cow::Borrowed(value)));
        }
    }

    fn is_forwarded(&self, name: &str) -> bool {
        name != CONTENT_TYPE && !name.starts_with(PREFIX)
    }

    fn has_forwarded_headers(&self) -> bool {
        self.outgoing.headers().len() > 0
    }

    fn topic(&self) -> Option<&str> {
        Some(&self.target)
    }

    fn offset(&self) -> Option<u64> {
        Some(self.number)
    }

    fn key(&self) -> Option<Cow<'_, [u8]>> {
        self.outgoing.record_key().map(|key| Cow::Borrowed(&**key))
    }

    fn timestamp(&self) -> Option<SystemTime> {
        Some(self.started)
    }

    fn is_redelivered(&self) -> Option<bool> {
        Some(self.attempt > 1)
    }

    fn reply_to(&self) -> Option<&str> {
        self.outgoing.reply_address()
    }

    fn correlation(&self) -> Option<Cow<'_, [u8]>> {
        self.outgoing.correlation_data().map(|data| Cow::Borrowed(&**data))
    }
}

/// Shows names and sizes, never contents.
impl fmt::Debug for ReceivedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedMessage")
            .field("target", &self.target)
            .field("number", &self.number)
            .field("attempt", &self.attempt)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}
