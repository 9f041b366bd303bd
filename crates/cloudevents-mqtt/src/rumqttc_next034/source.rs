//! Messages on their way from the connection to the program.

use super::{
    acknowledge::{Owed, Unacknowledged},
    connection::{Connection, SUBSCRIPTION, Side, granted},
    failure,
    options::Qos,
    packet::{Arrived, PUBCOMP, PUBREL, Packet, Taken, acknowledgement},
    received::received,
    topic::matches,
    unwritten::Unwritten,
};
use crate::Version;
use cloudevents_core::{DecodeOptions, Error};
use cloudevents_transport::{
    Bounds, Partition,
    binding::log::{Epoch, Ledger, LogSource, Record},
};
use futures_util::future::select;
use std::{
    collections::VecDeque,
    pin::pin,
    slice,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

/// The state that the program's side and the connection's side of a receiver share.
pub(super) struct Inbox {
    inner: Mutex<Inner>,
    /// Wakes the program's side.
    arrived: Notify,
    /// Wakes the connection's side: more messages may wait, or none are wanted any more.
    room: Notify,
    /// Notified when there are acknowledgements to send.
    pub(super) settled: Arc<Notify>,
    /// Changes when a connection begins and when it is lost.
    connections: watch::Sender<()>,
    bounds: Bounds,
    pub(super) ledger: Ledger,
    pub(super) partition: Partition,
    version: Version,
    pub(super) qos: Qos,
}

#[derive(Default)]
struct Inner {
    /// Messages that the program has not taken.
    waiting: VecDeque<(u64, Arrived)>,
    bytes: usize,
    unacknowledged: Unacknowledged,
    owed: Owed,
    /// The number of the next message of this connection.
    next: u64,
    connection: Option<(Epoch, Arc<Unwritten>)>,
    /// Whether messages are dropped, because the receiver ends.
    ending: bool,
    failed: Option<Error>,
}

impl Inbox {
    pub(super) fn new(
        ledger: Ledger,
        partition: Partition,
        bounds: Bounds,
        (version, qos): (Version, Qos),
    ) -> Self {
        Self {
            inner: Mutex::default(),
            arrived: Notify::new(),
            room: Notify::new(),
            settled: Arc::default(),
            connections: watch::Sender::default(),
            bounds,
            ledger,
            partition,
            version,
            qos,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection begins: one assignment of the ledger. Returns where its packets are added.
    pub(super) fn begin(&self, connection: &Connection) -> Arc<Unwritten> {
        let unwritten = Arc::new(Unwritten::new(None));
        let epoch = self.ledger.assign(self.partition.clone(), 0);
        let mut inner = self.inner();
        (inner.next, inner.connection) = (0, Some((epoch, Arc::clone(&unwritten))));
        if !connection.welcome.session_present {
            inner.owed = Owed::default(); // the broker sends nothing again
        }
        self.connections.send_replace(());
        drop(inner);
        unwritten
    }

    /// The connection is lost. Unacknowledged messages come again over the next one.
    pub(super) fn lost(&self) {
        let unsettled = self.ledger.leave(slice::from_ref(&self.partition), Duration::ZERO); // it counts, and does not wait
        let next = self.ledger.position(&self.partition).unwrap_or_default();
        let first = self.ledger.revoke(&self.partition).unwrap_or_default();
        // The ledger does not report which messages behind the first unsettled one are settled, only whether some are.
        let any = u64::try_from(unsettled).is_ok_and(|unsettled| next.saturating_sub(first) > unsettled);
        let perhaps = if any { first.saturating_add(1)..next } else { 0..0 };
        let mut inner = self.inner();
        let Inner { unacknowledged, owed, connection, .. } = &mut *inner;
        if let Some((_, unwritten)) = connection.take() {
            owed.lost(unwritten.pongs());
        }
        unacknowledged.lost(first, &perhaps, owed);
        inner.waiting.clear();
        inner.bytes = 0;
        self.connections.send_replace(());
    }

    /// There will be no connection, unless the program tries again.
    pub(super) fn fail(&self, error: Error) {
        self.inner().failed = Some(error);
        self.arrived.notify_one();
    }

    /// Waits until the program has seen the failure.
    pub(super) async fn failure_seen(&self) {
        while self.inner().failed.is_some() {
            self.room.notified().await;
        }
    }

    fn next(&self) -> Option<Result<(u64, Epoch, Arrived), Error>> {
        let mut inner = self.inner();
        if let Some(error) = inner.failed.take() {
            drop(inner);
            self.room.notify_one();
            return Some(Err(error));
        }
        let was_full = inner.is_full(self.bounds);
        let (number, arrived) = inner.waiting.pop_front()?;
        let (epoch, _) = inner.connection.as_ref()?;
        let epoch = *epoch;
        inner.bytes = inner.bytes.saturating_sub(arrived.size());
        let is_full = inner.is_full(self.bounds);
        drop(inner);
        if was_full && !is_full {
            self.room.notify_one();
        }
        Some(Ok((number, epoch, arrived)))
    }

    /// Acknowledges the messages that the ledger has settled, in the order of arrival (MQTT 5.0, section 4.6).
    pub(super) fn acknowledge(&self) {
        // One at a time: a task acknowledges the messages that it has taken from the ledger before another task sends a PINGREQ behind
        // them.
        let mut inner = self.inner();
        let marks = self.ledger.marks();
        let Inner { unacknowledged, connection, owed, .. } = &mut *inner;
        let Some((epoch, unwritten)) = connection else { return };
        if let Some(mark) = marks.iter().rfind(|mark| mark.epoch == *epoch) {
            unacknowledged.acknowledge(mark.offset, unwritten, owed);
        }
    }

    /// How many settled messages the broker may send again.
    fn owes(&self) -> usize {
        let mut inner = self.inner();
        let Inner { owed, connection, .. } = &mut *inner;
        if let Some((_, unwritten)) = connection {
            owed.read(unwritten.pongs());
        }
        owed.len()
    }

    /// Drops messages that arrive from now on.
    fn end(&self) {
        let mut inner = self.inner();
        inner.ending = true;
        inner.waiting.clear();
        inner.bytes = 0;
        drop(inner);
        self.room.notify_one();
    }
}

impl Inner {
    fn is_full(&self, bounds: Bounds) -> bool {
        !self.ending && (self.waiting.len() >= bounds.messages.max(1) || self.bytes >= bounds.bytes.max(1))
    }
}

/// The connection's side: takes the packets that the broker sends.
pub(super) struct Receiving<'a> {
    pub(super) inbox: &'a Inbox,
    pub(super) unwritten: &'a Unwritten,
    /// Whether messages were added since the program was woken.
    pub(super) added: bool,
    /// Whether it was said that the session has another subscription.
    pub(super) told: bool,
}

impl Receiving<'_> {
    /// A session keeps the subscriptions of earlier receivers, which no client can list.
    fn tell_of_others(&mut self, arrived: &Arrived) {
        let filter = self.inbox.partition.topic();
        if let Ok(topic) = std::str::from_utf8(&arrived.publish.topic)
            && !self.told
            && !matches(filter, topic)
        {
            self.told = true;
            tracing::warn!(
                topic,
                filter,
                "the session has another subscription, of an earlier receiver; its messages are delivered, too"
            );
        }
    }
}

impl Side for Receiving<'_> {
    fn take(&mut self, packet: Packet) -> Result<(), Error> {
        match packet {
            Packet::Publish(arrived) => {
                self.tell_of_others(&arrived);
                let mut inner = self.inbox.inner();
                inner.owed.arrived(&arrived);
                if inner.ending {
                    return Ok(()); // it is not acknowledged, so that it comes again
                }
                // Some brokers send a message again over the connection that has it (MQTT 5.0, section 4.4, forbids it).
                if arrived.publish.dup && inner.unacknowledged.has(arrived.publish.pkid) {
                    return Ok(());
                }
                let number = inner.next;
                inner.next = number.saturating_add(1);
                inner.unacknowledged.arrived(number, &arrived);
                inner.bytes = inner.bytes.saturating_add(arrived.size());
                inner.waiting.push_back((number, arrived));
                self.added = true;
            }
            // Behind many messages of the session.
            Packet::SubAck(SUBSCRIPTION, code) => {
                granted(self.inbox.partition.topic(), self.inbox.qos, code)?;
            }
            Packet::PubRel(id) => self.unwritten.add(|buffer| acknowledgement(buffer, PUBCOMP, id)),
            Packet::PubRec(id, Taken::Yes | Taken::ByNone) => {
                self.unwritten.add(|buffer| acknowledgement(buffer, PUBREL, id))
            }
            _ => {}
        }
        Ok(())
    }

    fn is_ready(&self) -> bool {
        !self.inbox.inner().is_full(self.inbox.bounds)
    }

    async fn ready(&self) {
        while !self.is_ready() {
            self.inbox.room.notified().await;
        }
    }

    fn taken(&mut self) {
        if std::mem::take(&mut self.added) {
            self.inbox.arrived.notify_one();
        }
    }
}

/// The program's side. Dropping it ends the connection.
pub(super) struct Source {
    pub(super) inbox: Arc<Inbox>,
    pub(super) decoding: DecodeOptions,
    /// Ends the task of the connection when it is dropped. `None` after leaving.
    pub(super) alive: Option<watch::Sender<()>>,
    /// The task of the connection.
    pub(super) running: Option<JoinHandle<()>>,
}

impl Source {
    fn record(&self, (number, epoch, arrived): (u64, Epoch, Arrived)) -> Record {
        let received = received(arrived, self.inbox.version, &self.inbox.partition, &self.decoding);
        Record::new(self.inbox.partition.clone(), number, received).under(epoch)
    }
}

impl LogSource for Source {
    /// The broker drops acknowledged messages.
    fn keeps(&self) -> bool {
        false
    }

    async fn next(&mut self) -> Result<Record, Error> {
        loop {
            if let Some(next) = self.inbox.next() {
                return next.map(|next| self.record(next));
            }
            self.inbox.arrived.notified().await;
        }
    }

    /// Returns when the broker has answered a PINGREQ that follows the acknowledgements: it has read them.
    async fn commit(&mut self) -> Result<(), Error> {
        self.inbox.end();
        self.inbox.acknowledge();
        let mut connections = self.inbox.connections.subscribe();
        let connection = self.inbox.inner().connection.as_ref().map(|(_, unwritten)| Arc::clone(unwritten));
        if let Some(unwritten) = connection {
            let answered = unwritten.answered(unwritten.ping());
            select(pin!(answered), pin!(connections.changed())).await;
        }
        if self.inbox.owes() > 0 {
            return Err(failure::disconnected("the broker has not answered behind all acknowledgements"));
        }
        Ok(())
    }

    fn uncommitted(&self) -> u64 {
        self.inbox.owes().try_into().unwrap_or(u64::MAX)
    }

    /// Ends the connection, so that it does not take the session back from the next receiver with this client identifier.
    async fn leave(&mut self) {
        self.alive = None;
        if let Some(running) = self.running.take() {
            let _ = running.await;
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.inbox.end();
    }
}
