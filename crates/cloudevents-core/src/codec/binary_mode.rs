//! Events that cannot be sent in binary mode.

use super::detect::is_in_tree;
use crate::{Error, ErrorKind, Event, core_attribute::Core};

/// Refuses an event whose `datacontenttype` is under `application/cloudevents`: in binary mode, a receiver would take the payload for a
/// document. For encoders of bindings that signal the content mode by the header that carries `datacontenttype`.
///
/// The error is of kind [`Unsupported`](ErrorKind::Unsupported).
///
/// ```
/// use cloudevents_core::{Event, Payload, codec::check_binary_mode};
///
/// let inner = Payload::binary(b"{}".as_slice());
/// let event = Event::builder().id("1").source("/s").ty("t").payload("application/cloudevents+json", inner).build()?;
/// assert!(check_binary_mode(&event).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[inline]
pub fn check_binary_mode(event: &Event) -> Result<(), Error> {
    match event.optional(Core::DataContentType) {
        Some(media_type) if is_in_tree(media_type) => Err(taken_for_a_document()),
        _ => Ok(()),
    }
}

#[cold]
fn taken_for_a_document() -> Error {
    Error::new(ErrorKind::Unsupported)
        .with_attribute("datacontenttype")
        .with_detail("in binary mode, a receiver would take this payload for an event")
        .with_help("send the event in structured mode")
}
