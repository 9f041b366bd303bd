//! Events of parts, and parts of events.

use super::{Body, Event};
use crate::{
    SpecVersion,
    attributes::{Buffers, Extensions},
    parts::Parts,
    side::Side,
};
use bytes::Bytes;
use core::mem::take;

impl<S: Side> Parts<S> {
    /// Freezes the parts into an event, and leaves them empty. The payload keeps its kind.
    #[inline]
    pub(crate) fn freeze(&mut self, specversion: SpecVersion, body: Option<Body>) -> Event {
        let binary = if self.binary.is_empty() { Bytes::new() } else { take(&mut self.binary).into() };
        Event {
            buffers: Buffers { text: take(&mut self.text), side: self.side.freeze() },
            core: self.core,
            extensions: Extensions::new(&self.extensions, binary),
            type_url: self.type_url,
            body,
            specversion,
        }
    }
}

impl Parts {
    /// Turns an event into parts. Its document is shared; its side buffer is copied.
    pub(crate) fn thaw(mut event: Event) -> (Self, SpecVersion, Option<Body>) {
        // The kind of the payload is decided before the content type may change.
        let body = event.body.take().map(|body| body.settled(event.datacontenttype()));
        let parts = Self {
            side: event.buffers.side.as_str().into(),
            text: event.buffers.text,
            core: event.core,
            extensions: event.extensions.list().into(),
            binary: event.extensions.binary().into(),
            type_url: event.type_url,
        };
        (parts, event.specversion, body)
    }
}
