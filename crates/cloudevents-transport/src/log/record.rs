//! One message of a log.

use super::ledger::Epoch;
use crate::{Packed, Partition, Raw};
use cloudevents_core::{Decoded, Error, Message};
use std::sync::{Arc, OnceLock};

/// One message of a log. Cloning counts references.
#[derive(Clone, Debug)]
pub struct Record {
    pub(crate) entry: Arc<Entry>,
    /// Where the client says so.
    pub(crate) epoch: Option<Epoch>,
}

/// What the books and a delivery have of a message: all of it, in one place.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) partition: Partition,
    pub(crate) offset: u64,
    pub(crate) message: Result<Decoded<Message>, Error>,
    packed: Option<Packed>,
    /// What came; made when somebody asks for it, where it was packed.
    raw: OnceLock<Arc<Raw>>,
}

impl Record {
    /// The message at this offset, or why it is none, and what came; partition and position are filled in there.
    pub fn new(
        partition: Partition,
        offset: u64,
        message: Result<Decoded<Message>, Error>,
        raw: Raw,
    ) -> Self {
        let raw = Arc::new(placed(raw, &partition, offset)).into();
        Self { entry: Arc::new(Entry { partition, offset, message, packed: None, raw }), epoch: None }
    }

    /// The same of what came in one buffer: a [`Raw`] is made of it when somebody asks.
    pub fn packed(
        partition: Partition,
        offset: u64,
        message: Result<Decoded<Message>, Error>,
        packed: Packed,
    ) -> Self {
        let (packed, raw) = (Some(packed), OnceLock::new());
        Self { entry: Arc::new(Entry { partition, offset, message, packed, raw }), epoch: None }
    }

    /// The same, fetched under this assignment of the partition: under another one, the [`Ledger`](super::Ledger) refuses it. A client
    /// that hands messages over from a thread of its own needs this.
    pub fn under(mut self, epoch: Epoch) -> Self {
        self.epoch = Some(epoch);
        self
    }
}

impl Entry {
    pub(crate) fn raw(&self) -> &Arc<Raw> {
        self.raw.get_or_init(|| {
            let raw = self.packed.as_ref().map(Packed::unpack).unwrap_or_default();
            Arc::new(placed(raw, &self.partition, self.offset))
        })
    }

    pub(crate) fn topic(&self) -> Option<&str> {
        match &self.packed {
            Some(_) => Some(self.partition.topic()),
            None => self.raw().topic.as_deref(),
        }
    }

    /// The bytes of what came.
    pub(crate) fn size(&self) -> usize {
        match &self.packed {
            Some(packed) => packed.size(),
            None => self.raw().size(),
        }
    }
}

/// The same at its place.
fn placed(mut raw: Raw, partition: &Partition, offset: u64) -> Raw {
    raw.topic.get_or_insert_with(|| partition.shared_topic());
    raw.partition = Some(partition.clone());
    raw.position = Some(offset);
    raw
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::ErrorKind;

    #[test]
    fn packed_or_not_it_is_the_same() {
        let partition = Partition::new("t", 3);
        let packed = Packed::new(Some(b"key"), &[("a", Some(b"1")), ("b", None)], Some("body".into()));
        let error = || Err(Error::new(ErrorKind::NotACloudEvent));
        let one = Record::packed(partition.clone(), 7, error(), packed.clone()).entry;
        let other = Record::new(partition, 7, error(), packed.unpack()).entry;
        for entry in [one, other] {
            assert_eq!((entry.topic(), entry.size()), (Some("t"), 10));
            let raw = entry.raw();
            assert_eq!((raw.topic.as_deref(), raw.position), (Some("t"), Some(7)));
            assert_eq!(raw.partition.as_ref().unwrap().to_string(), "t/3");
            assert_eq!((raw.key.as_deref(), raw.header("a").unwrap()), (Some(&b"key"[..]), &"1".into()));
        }
    }
}
