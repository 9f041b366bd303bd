//! The key that identifies an event.

use crate::{Error, core_attribute::Core, parts::check_core};
use alloc::{boxed::Box, string::String};
use core::{borrow::Borrow, fmt, str::FromStr};

/// `source` and `id` of an event, which together identify it (specification, "id"): two events with the same key are duplicates.
///
/// As text, a key is the source, a space, and the id. That is unambiguous, because a source has no spaces.
/// [`Display`](fmt::Display), [`FromStr`] and, with the feature `serde`, serde write and read this text. Keys are ordered by this
/// text.
///
/// ```
/// use cloudevents_core::{Event, EventKey};
/// use std::collections::HashSet;
///
/// let event = Event::builder().id("1").source("/orders").ty("t").build()?;
/// let mut seen = HashSet::new();
/// assert!(seen.insert(event.key()));
/// assert!(!seen.insert(EventKey::new("/orders", "1")?));
///
/// let text = event.key().to_string();
/// assert_eq!(text, "/orders 1");
/// assert!(seen.contains(text.as_str()));
/// let key: EventKey = text.parse()?;
/// assert_eq!((key.source(), key.id()), ("/orders", "1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey {
    text: Box<str>,
}

impl EventKey {
    /// Returns the key of an event with this source and id.
    ///
    /// Both follow the rules of the attributes: the source is a URI-reference, the id a String, and neither is empty. Errors name the
    /// attribute.
    pub fn new(source: impl AsRef<str>, id: impl AsRef<str>) -> Result<Self, Error> {
        let (source, id) = (source.as_ref(), id.as_ref());
        check_core(Core::Source, source)?;
        check_core(Core::Id, id)?;
        Ok(Self::known(source, id))
    }

    /// For the attributes of an event, which were checked before.
    pub(crate) fn known(source: &str, id: &str) -> Self {
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

    /// The text: source, space, id.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Reads the text that [`Display`](fmt::Display) writes. Errors are those of [`EventKey::new`].
impl FromStr for EventKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (source, id) = text.split_once(' ').unwrap_or((text, ""));
        Self::new(source, id)
    }
}

impl TryFrom<&str> for EventKey {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        text.parse()
    }
}

impl TryFrom<String> for EventKey {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<EventKey> for String {
    fn from(key: EventKey) -> Self {
        key.text.into()
    }
}

impl AsRef<str> for EventKey {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

/// Maps and sets with keys of events are searched with their text.
impl Borrow<str> for EventKey {
    fn borrow(&self) -> &str {
        &self.text
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

#[cfg(feature = "serde")]
impl serde::Serialize for EventKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for EventKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use alloc::string::ToString;

    #[test]
    fn to_text_and_back() {
        for (source, id) in
            [("/orders", "1"), ("urn:x:y", "a b  c "), ("/s", " "), ("//h", "é"), ("#f", "/s 1")]
        {
            let key = EventKey::new(source, id).unwrap();
            let again: EventKey = key.to_string().parse().unwrap();
            assert_eq!((again.source(), again.id(), &again), (source, id, &key));
            assert_eq!(EventKey::try_from(String::from(key.clone())).unwrap(), key);
        }
    }

    #[test]
    fn what_no_event_has_is_no_key() {
        let kind = |text: &str| {
            text.parse::<EventKey>().map_err(|error| (error.attribute().map(String::from), error.kind()))
        };
        let wrong = |name: &str, kind| Err((Some(name.into()), kind));
        assert_eq!(kind(""), wrong("source", ErrorKind::EmptyAttribute));
        assert_eq!(kind("/orders"), wrong("id", ErrorKind::EmptyAttribute));
        assert_eq!(kind("/orders "), wrong("id", ErrorKind::EmptyAttribute));
        assert_eq!(kind(" 1"), wrong("source", ErrorKind::EmptyAttribute));
        assert_eq!(kind("/é 1"), wrong("source", ErrorKind::InvalidUriReference));
        assert_eq!(kind("/s \n"), wrong("id", ErrorKind::InvalidString));
    }
}
