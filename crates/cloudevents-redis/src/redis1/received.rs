//! A received entry.

use crate::{
    RedisMessage,
    wire::{CONTENT_TYPE, DATA},
};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, Message};
use cloudevents_json::fields::PREFIX;
use cloudevents_transport::Origin;
use std::{
    any::Any,
    borrow::Cow,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// The id of an entry, such as `1526919030474-55`: milliseconds, and a number among the entries of the same one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// Milliseconds since 1970, unless the producer has chosen the id.
    pub milliseconds: u64,
    /// The number among the entries of this millisecond.
    pub number: u64,
}

impl EntryId {
    /// Reads it.
    pub fn parse(text: &str) -> Option<Self> {
        let (milliseconds, number) = text.split_once('-')?;
        Some(Self { milliseconds: milliseconds.parse().ok()?, number: number.parse().ok()? })
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.milliseconds, self.number)
    }
}

/// An entry of a stream. [`Received::native`](cloudevents_transport::Received::native) returns it for Redis.
///
/// Fields that are neither payload nor attributes are headers, if their names are text. There is no offset: an id has 128 bits.
#[derive(Clone)]
#[non_exhaustive]
pub struct ReceivedMessage {
    /// The fields.
    pub message: RedisMessage,
    /// The id of the entry.
    pub id: EntryId,
    /// The key of the stream.
    pub stream: Arc<str>,
    /// Whether it was delivered before.
    pub redelivered: bool,
}

impl Origin for ReceivedMessage {
    fn native(&self) -> &dyn Any {
        self
    }

    fn size(&self) -> usize {
        /// The memory that the list of fields takes for each.
        const FIELD: usize = 64;
        self.message.size().saturating_add(self.message.fields.len().saturating_mul(FIELD))
    }

    fn body(&self) -> Option<Bytes> {
        self.message.field(DATA).cloned()
    }

    fn decode_message(&self, with: &DecodeOptions) -> Option<Result<Decoded<Message>, Error>> {
        Some(crate::decode_message(&self.message, with))
    }

    fn headers<'a>(&'a self, each: &mut dyn FnMut(&'a str, Option<Cow<'a, [u8]>>)) {
        for (name, value) in self.message.fields.iter().filter(|(name, _)| name != DATA) {
            if let Ok(name) = std::str::from_utf8(name) {
                each(name, Some(Cow::Borrowed(value)));
            }
        }
    }

    fn is_forwarded(&self, name: &str) -> bool {
        is_foreign(name)
    }

    fn topic(&self) -> Option<&str> {
        Some(&self.stream)
    }

    fn timestamp(&self) -> Option<SystemTime> {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(self.id.milliseconds))
    }

    fn is_redelivered(&self) -> Option<bool> {
        Some(self.redelivered)
    }
}

/// Whether this is a field of the program: neither payload nor content type nor attribute.
pub(super) fn is_foreign(name: &str) -> bool {
    name != DATA && name != CONTENT_TYPE && !name.starts_with(PREFIX)
}

/// Shows names and sizes, never contents.
impl fmt::Debug for ReceivedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> =
            self.message.fields.iter().map(|(name, _)| name.escape_ascii().to_string()).collect();
        f.debug_struct("ReceivedMessage")
            .field("stream", &self.stream)
            .field("id", &format_args!("{}", self.id))
            .field("fields", &names)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Upper bounds count what is kept: an entry of many small fields takes more than their bytes.
    #[test]
    fn the_size_of_an_entry_has_the_list_of_its_fields() {
        const FIELDS: usize = 10_000;
        let message = (0..FIELDS).fold(RedisMessage::default(), |all, _| all.with_field("a", "b"));
        let id = EntryId::default();
        let received = ReceivedMessage { message, id, stream: "s".into(), redelivered: false };
        let kept = FIELDS * (2 + size_of::<(Bytes, Bytes)>());
        assert!((kept..kept * 2).contains(&received.size()), "{} of {kept}", received.size());
    }
}
