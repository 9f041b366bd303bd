//! What a message is, and what it looks like raw.

#[cfg(feature = "log")]
use crate::log::Entry;
use crate::{Partition, Raw};
use cloudevents_core::{Decoded, Error, Message};
use std::sync::Arc;

/// What a delivery has of its message.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // it is in one place for all its life
pub(crate) enum Content {
    Own {
        message: Result<Decoded<Message>, Error>,
        raw: Arc<Raw>,
    },
    /// The books of a log have it too, in case that it comes again.
    #[cfg(feature = "log")]
    Kept(Arc<Entry>),
}

impl Content {
    pub(crate) fn message(&self) -> &Result<Decoded<Message>, Error> {
        match self {
            Self::Own { message, .. } => message,
            #[cfg(feature = "log")]
            Self::Kept(entry) => &entry.message,
        }
    }

    pub(crate) fn raw(&self) -> &Arc<Raw> {
        match self {
            Self::Own { raw, .. } => raw,
            #[cfg(feature = "log")]
            Self::Kept(entry) => entry.raw(),
        }
    }

    pub(crate) fn partition(&self) -> Option<&Partition> {
        match self {
            Self::Own { raw, .. } => raw.partition.as_ref(),
            #[cfg(feature = "log")]
            Self::Kept(entry) => Some(&entry.partition),
        }
    }

    pub(crate) fn topic(&self) -> Option<&str> {
        match self {
            Self::Own { raw, .. } => raw.topic.as_deref(),
            #[cfg(feature = "log")]
            Self::Kept(entry) => entry.topic(),
        }
    }

    pub(crate) fn position(&self) -> Option<u64> {
        match self {
            Self::Own { raw, .. } => raw.position,
            #[cfg(feature = "log")]
            Self::Kept(entry) => Some(entry.offset),
        }
    }

    /// The bytes that count as in flight.
    pub(crate) fn size(&self) -> usize {
        let raw = match self {
            Self::Own { raw, .. } => raw.size(),
            #[cfg(feature = "log")]
            Self::Kept(entry) => entry.size(),
        };
        raw.max(self.message().as_ref().map_or(0, |message| message.value.body_len()))
    }

    pub(crate) fn into_parts(self) -> (Result<Decoded<Message>, Error>, Arc<Raw>) {
        match self {
            Self::Own { message, raw } => (message, raw),
            #[cfg(feature = "log")]
            Self::Kept(entry) => (entry.message.clone(), Arc::clone(entry.raw())),
        }
    }
}
