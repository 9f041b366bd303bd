//! The key that tells duplicates.

use alloc::{boxed::Box, string::String};
use core::fmt;

/// `source` and `id` of an event, which together identify it (specification, "id"): two events of the same key are duplicates.
///
/// ```
/// use cloudevents_core::Event;
/// use std::collections::HashSet;
///
/// let event = Event::builder().id("1").source("/orders").ty("t").build()?;
/// let mut seen = HashSet::new();
/// assert!(seen.insert(event.key()));
/// assert!(!seen.insert(event.clone().key()));
/// assert_eq!(event.key().to_string(), "/orders 1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey {
    /// Source, a space, and id. A source has no spaces, so the two cannot run into each other.
    text: Box<str>,
}

impl EventKey {
    pub(crate) fn new(source: &str, id: &str) -> Self {
        let mut text = String::with_capacity(source.len().saturating_add(id.len()).saturating_add(1));
        text.push_str(source);
        text.push(' ');
        text.push_str(id);
        Self { text: text.into() }
    }

    /// The source.
    pub fn source(&self) -> &str {
        self.text.split_once(' ').map_or("", |(source, _)| source)
    }

    /// The id.
    pub fn id(&self) -> &str {
        self.text.split_once(' ').map_or("", |(_, id)| id)
    }
}

impl fmt::Debug for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
