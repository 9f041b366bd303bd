//! Messages that the broker returned, and which of the sent ones they are.
//!
//! The broker returns a message without its number, and confirms it later. lapin gives a returned message to
//! the next confirmation, which can be that of another message. Here, a confirmed message waits until it is
//! known whether one of the returned ones is the same.

use super::{destination::Destination, message::LapinMessage, refusal::RabbitRefusal, stream::Watched};
use crate::{FieldValue, Header, RabbitMessage};
use cloudevents_core::codec::TextBuffer;
use lapin::{
    message::BasicReturnMessage,
    types::{AMQPValue, ShortString},
};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
};

/// A message that was sent.
pub(super) struct Sent {
    pub(super) destination: Destination,
    pub(super) content: SentContent,
}

pub(super) enum SentContent {
    /// Without the metadata beside the event.
    Event(RabbitMessage),
    /// As it was received.
    Native(Box<LapinMessage>),
}

impl Sent {
    /// Whether this is the returned message, or one that cannot be distinguished from it.
    fn is(&self, returned: &BasicReturnMessage) -> bool {
        self.destination.exchange == returned.exchange
            && self.destination.routing_key == returned.routing_key
            && match &self.content {
                SentContent::Event(message) => is_event(message, returned),
                SentContent::Native(message) => {
                    message.payload == returned.data && message.properties == returned.properties
                }
            }
    }
}

fn is_event(message: &RabbitMessage, returned: &BasicReturnMessage) -> bool {
    let headers = returned.properties.headers().as_ref();
    let has = |(name, value): &Header| match (
        headers.and_then(|headers| headers.inner().get(name.as_str())),
        value,
    ) {
        (Some(AMQPValue::LongString(text)), FieldValue::Bytes(bytes)) => text.as_bytes() == bytes,
        (Some(AMQPValue::ByteArray(found)), FieldValue::Bytes(bytes)) => found.as_slice() == bytes,
        _ => false,
    };
    let content_type = message.content_type.as_ref().map(TextBuffer::as_str);
    message.body == returned.data
        && content_type == returned.properties.content_type().as_ref().map(ShortString::as_str)
        && message.headers.iter().all(has)
}

/// The returned messages of one channel.
pub(super) struct Returns {
    watched: Arc<Watched>,
    /// How many messages the broker had returned over this connection before the channel.
    before: u64,
    /// How many of this channel lapin has handed over.
    known: AtomicU64,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    /// Not yet recognized.
    returned: Vec<BasicReturnMessage>,
    /// Confirmed messages that wait for a returned one.
    waiting: Vec<Waker>,
}

impl Returns {
    pub(super) fn new(watched: Arc<Watched>) -> Self {
        let before = watched.returned();
        Self { watched, before, known: AtomicU64::new(0), open: Mutex::default() }
    }

    /// Adds a returned message that lapin handed over with the confirmation of some message.
    pub(super) fn add(&self, returned: BasicReturnMessage) {
        let waiting = {
            let mut open = self.open();
            open.returned.push(returned);
            self.known.fetch_add(1, Ordering::AcqRel);
            std::mem::take(&mut open.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Whether the broker returned this message, which it has confirmed. `None` if that is not known yet:
    /// the waker is then called.
    pub(super) fn look(&self, sent: &Sent, waker: &Waker) -> Option<Result<(), RabbitRefusal>> {
        if self.known.load(Ordering::Acquire) == 0 && self.are_all_known() {
            return Some(Ok(()));
        }
        let mut open = self.open();
        if let Some(index) = open.returned.iter().position(|returned| sent.is(returned)) {
            return Some(Err(RabbitRefusal::of(&open.returned.remove(index))));
        }
        if self.are_all_known() {
            return Some(Ok(()));
        }
        open.waiting.push(waker.clone());
        None
    }

    /// Whether lapin has handed over every message that the broker has returned until now. It hands one over
    /// with each confirmation, and each returned message is confirmed. So this becomes true.
    fn are_all_known(&self) -> bool {
        let returned = self.watched.returned().saturating_sub(self.before);
        returned <= self.known.load(Ordering::Acquire)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
