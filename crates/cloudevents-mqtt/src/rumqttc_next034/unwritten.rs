//! Bytes on their way to the broker.

use super::packet;
use crate::Version;
use bytes::BytesMut;
use cloudevents_core::Error;
use cloudevents_transport::{Receipt, binding::confirms::Confirms};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

/// How many bytes may wait before no more packets are read, since reading some makes answers.
const FULL: usize = 1 << 20;

/// Buffers larger than this are not used again.
const KEPT: usize = 256 << 10;

/// The packets that wait to be written over one connection. Any task adds some; the task of the connection writes them.
pub(super) struct Unwritten {
    out: Mutex<Out>,
    /// Wakes the task that writes.
    added: Notify,
    /// Wakes the task that reads.
    emptied: Notify,
    /// How many PINGRESP have come.
    pongs: watch::Sender<u64>,
    /// For messages that are confirmed by writing them.
    confirms: Option<Confirms>,
}

#[derive(Default)]
struct Out {
    buffer: BytesMut,
    /// How many bytes of it answer packets that were read.
    answers: usize,
    /// Messages of QoS 0 in the buffer, by their numbers in `confirms`.
    unconfirmed: Vec<u64>,
    /// How many PINGREQ were added.
    pings: u64,
    closing: bool,
    ended: bool,
}

impl Out {
    /// Whether nothing more is sent: behind DISCONNECT, nothing may be (MQTT 5.0, section 3.14.4).
    fn is_over(&self) -> bool {
        self.ended || self.closing
    }
}

/// The bytes that are written in one go.
#[derive(Default)]
pub(super) struct Chunk {
    pub(super) bytes: BytesMut,
    unconfirmed: Vec<u64>,
}

impl Unwritten {
    pub(super) fn new(confirms: Option<Confirms>) -> Self {
        Self {
            out: Mutex::default(),
            added: Notify::new(),
            emptied: Notify::new(),
            pongs: watch::Sender::new(0),
            confirms,
        }
    }

    fn out(&self) -> MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether packets can still be added.
    pub(super) fn is_open(&self) -> bool {
        !self.out().is_over()
    }

    /// Adds packets that answer packets that were read. Packets that are added after the end, or behind DISCONNECT, are dropped.
    pub(super) fn add(&self, write: impl FnOnce(&mut BytesMut)) {
        let mut added = 0;
        let _ = self.try_add(|buffer| {
            let before = buffer.len();
            write(buffer);
            added = buffer.len().saturating_sub(before);
            Ok(None)
        });
        let mut out = self.out();
        out.answers = out.answers.saturating_add(added).min(out.buffer.len());
    }

    /// Adds a packet, or nothing if writing it fails. If `write` returns the number of a message, that is confirmed when it is written.
    pub(super) fn try_add(
        &self,
        write: impl FnOnce(&mut BytesMut) -> Result<Option<u64>, Error>,
    ) -> Result<(), Error> {
        let mut out = self.out();
        if out.is_over() {
            return write(&mut BytesMut::new()).map(drop);
        }
        let was_empty = out.buffer.is_empty();
        let unconfirmed = write(&mut out.buffer)?;
        out.unconfirmed.extend(unconfirmed);
        drop(out);
        if was_empty {
            self.added.notify_one();
        }
        Ok(())
    }

    /// Adds a PINGREQ. Returns its number, for [`answered`](Self::answered).
    pub(super) fn ping(&self) -> u64 {
        let mut out = self.out();
        if !out.is_over() {
            packet::ping(&mut out.buffer);
        }
        out.pings = out.pings.saturating_add(1);
        let number = out.pings;
        drop(out);
        self.added.notify_one();
        number
    }

    /// The number that the next PINGREQ will have.
    pub(super) fn next_ping(&self) -> u64 {
        self.out().pings.saturating_add(1)
    }

    /// How many PINGREQ the broker has answered.
    pub(super) fn pongs(&self) -> u64 {
        *self.pongs.borrow()
    }

    pub(super) fn pong(&self) {
        let pings = self.out().pings;
        self.pongs.send_modify(|pongs| *pongs = pongs.saturating_add(1).min(pings));
    }

    /// Waits until the broker has answered this PINGREQ, and so has read everything before it. Never returns if the connection is lost.
    pub(super) async fn answered(&self, number: u64) {
        let mut pongs = self.pongs.subscribe();
        if pongs.wait_for(|pongs| *pongs >= number).await.is_err() {
            std::future::pending().await
        }
    }

    /// Adds DISCONNECT, after which the connection ends.
    pub(super) fn close(&self, version: Version, session_expiry: Option<u32>) {
        let mut out = self.out();
        if !std::mem::replace(&mut out.closing, true) {
            packet::disconnect(&mut out.buffer, version, session_expiry);
        }
        drop(out);
        self.added.notify_one();
    }

    /// Drops everything, now and later: the connection is lost.
    pub(super) fn end(&self) {
        let mut out = self.out();
        out.ended = true;
        out.buffer = BytesMut::new();
    }

    /// Waits until answers fit. Messages of this side do not count.
    ///
    /// While messages are written, which may take long, confirmations of earlier ones have to be read.
    pub(super) async fn room(&self) {
        while self.out().answers > FULL {
            self.emptied.notified().await;
        }
    }

    /// Waits for bytes, and swaps them with this chunk, which was written. Returns whether there are some: if not, the connection is to be
    /// closed.
    pub(super) async fn next(&self, chunk: &mut Chunk) -> bool {
        if let Some(confirms) = &self.confirms {
            chunk.unconfirmed.drain(..).for_each(|number| confirms.resolve(number, Ok(Receipt::new())));
        }
        chunk.bytes.clear();
        if chunk.bytes.capacity() > KEPT {
            chunk.bytes = BytesMut::new();
        }
        self.emptied.notify_one();
        loop {
            {
                let mut out = self.out();
                if !out.buffer.is_empty() {
                    std::mem::swap(&mut out.buffer, &mut chunk.bytes);
                    out.answers = 0;
                    std::mem::swap(&mut out.unconfirmed, &mut chunk.unconfirmed);
                    return true;
                }
                if out.closing {
                    return false;
                }
            }
            self.added.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MQTT 5.0, section 3.14.4.
    #[tokio::test]
    async fn nothing_is_sent_behind_disconnect() {
        let unwritten = Unwritten::new(None);
        unwritten.ping();
        unwritten.close(Version::V5, None);
        unwritten.ping();
        unwritten.add(|buffer| packet::acknowledgement(buffer, packet::PUBCOMP, 1));
        let mut chunk = Chunk::default();
        assert!(unwritten.next(&mut chunk).await);
        assert_eq!(&chunk.bytes[..2], b"\xc0\0");
        assert!(chunk.bytes[2..].starts_with(b"\xe0") && chunk.bytes.len() <= 6, "{:?}", chunk.bytes);
        assert!(!unwritten.next(&mut chunk).await);
    }
}
