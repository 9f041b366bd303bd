//! How a message is named in the log.

use crate::{Received, panics::caught};
use cloudevents_core::DecodeOptions;
use std::fmt;

/// Names a message in the log: its event, and its position.
pub(crate) struct Name<'a> {
    pub(crate) received: &'a Received,
    pub(crate) decoding: &'a DecodeOptions,
}

impl Name<'_> {
    /// An attribute of the event, if there is one event and the attribute can be read.
    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        // A format may be the program's.
        caught(|| self.received.message().ok()?.attribute(name, self.decoding).ok()?).ok().flatten()
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.attribute("id"), self.attribute("source")) {
            (Some(id), Some(source)) => write!(f, "{} of {}", id.escape_debug(), source.escape_debug())?,
            _ => f.write_str("a message without an event")?,
        }
        match (self.received.partition(), self.received.topic()) {
            (Some(partition), _) => write!(f, " in {partition}")?,
            (None, Some(topic)) => write!(f, " in {}", topic.escape_debug())?,
            (None, None) => {}
        }
        self.received.offset().map_or(Ok(()), |offset| write!(f, " at {offset}"))
    }
}

/// An attribute, which is read only if the line is written. Without one event, there is no text.
pub(crate) struct Attribute<'a>(pub(crate) &'a Name<'a>, pub(crate) &'static str);

impl fmt::Display for Attribute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name, attribute) = self;
        f.write_str(&name.attribute(attribute).unwrap_or_default())
    }
}
