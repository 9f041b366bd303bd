//! Events that are kept until all of them are there, because their batch is one document.

use crate::{
    failure::{Failure, Status},
    plain::thousands,
};
use cloudevents_kit::{Event, model::codec::attributes_size};

/// The events of a batch, up to a limit.
#[derive(Debug, Default)]
pub struct Held {
    events: Vec<Event>,
    bytes: usize,
}

/// The most that is kept, in bytes of attributes and payloads, and in events. The help states both.
const LARGEST: usize = 256 << 20;
const MOST: usize = 200_000;

impl Held {
    /// Keeps an event. Returns an error beyond 256 MiB or 200,000 events.
    pub fn push(&mut self, event: Event) -> Result<(), Failure> {
        let payload = event.data().map_or(0, |data| data.as_bytes().len());
        self.bytes = self.bytes.saturating_add(payload).saturating_add(attributes_size(&event));
        if self.bytes > LARGEST || self.events.len() >= MOST {
            let words = format!("a batch may have {} MiB and {} events", LARGEST >> 20, thousands(MOST));
            return Err(Failure::new(Status::No, words)
                .help("JSON Lines and JSON batches of `ce convert` may have any length"));
        }
        self.events.push(event);
        Ok(())
    }

    /// The events.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The bytes of attributes and payloads.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Removes all events but the first.
    pub(crate) fn keep_first(&mut self) {
        self.events.truncate(1);
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events share one payload, so that the test takes little memory.
    #[test]
    fn a_batch_has_256_mib_at_most() {
        let event = Event::builder()
            .id("1")
            .source("/s")
            .ty("t")
            .binary("image/png", vec![0; 1 << 20])
            .build()
            .unwrap();
        let mut held = Held::default();
        for _ in 0..255 {
            held.push(event.clone()).unwrap();
        }
        let refused = held.push(event).unwrap_err();
        assert!(format!("{refused:?}").contains("256 MiB"), "{refused:?}");
        assert_eq!(held.events().len(), 255);
    }
}
