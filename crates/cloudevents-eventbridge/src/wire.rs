//! Entries of EventBridge, of no client library in particular.

use bytes::Bytes;
use cloudevents_core::Instant;

/// An [entry](https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html) of a request of EventBridge.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventBridgeEntry {
    /// The event: its JSON document.
    pub detail: Bytes,
    /// The type of the event.
    pub detail_type: String,
    /// The source of the event.
    pub source: String,
    /// The subject of the event, if it has one.
    pub resources: Vec<String>,
    /// The time of the event, if it has one. Otherwise, EventBridge takes the time of the request.
    pub time: Option<Instant>,
}

impl EventBridgeEntry {
    /// The size that EventBridge counts: the bytes of the texts, and 14 for a time.
    ///
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>
    pub fn size(&self) -> usize {
        let time = if self.time.is_some() { 14 } else { 0 };
        let texts = [self.detail.len(), self.detail_type.len(), self.source.len(), time];
        let resources = self.resources.iter().map(String::len);
        texts.into_iter().chain(resources).fold(0, usize::saturating_add)
    }
}
