//! A connection of a sender, and its unconfirmed messages.

use super::{
    connection::{Connection, FAREWELL, SUBSCRIPTION, Side, Terms, subscribe},
    failure,
    options::{Qos, Target},
    packet::{Arrived, PUBACK, PUBCOMP, PUBREC, PUBREL, Packet, Taken, acknowledgement},
    publish_packet::Prepared,
    requests::{Request, Requests},
    unwritten::Unwritten,
};
use crate::Version;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Bounds, Host, Outcome, Receipt,
    binding::{Permit, confirms::Confirms, connect::Connect},
};
use futures_util::future::{Either, select};
use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, Semaphore, SemaphorePermit, watch},
    time::{sleep, sleep_until, timeout},
};

/// Creates links.
pub(super) struct Linking {
    pub(super) target: Arc<Target>,
    pub(super) terms: Terms,
    pub(super) qos: Qos,
    pub(super) retain: bool,
    pub(super) in_flight: Bounds,
    pub(super) timeout: Duration,
    pub(super) reply_topic: Arc<str>,
}

impl Connect for Linking {
    type Connection = Arc<Publisher>;

    async fn connect(&self, host: &Host) -> Result<Arc<Publisher>, Error> {
        let connection = Connection::open(&self.target, host, &self.terms).await?;
        let welcome = &connection.welcome;
        if self.qos as u8 > welcome.max_qos {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_detail(format!("the broker supports QoS {} at most", welcome.max_qos))
                .with_help("add `qos=` with a lower one to the URL"));
        }
        if self.retain && !welcome.retains {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_detail("the broker keeps no messages for later subscribers, as `retain` requests"));
        }
        self.target.addresses.worked();
        let confirms = Confirms::new(self.timeout);
        let room = usize::from(welcome.receive_maximum)
            .min(self.in_flight.messages)
            .clamp(1, usize::from(SUBSCRIPTION - 1));
        let link = Arc::new(Publisher {
            version: self.target.options.version,
            limit: welcome.max_packet_size,
            unwritten: Unwritten::new(Some(confirms.clone())),
            ids: Mutex::new(Ids::new(room)),
            free: Semaphore::new(room),
            freed: Notify::new(),
            confirms,
            requests: Requests::new(Arc::clone(&self.reply_topic)),
            lost: watch::Sender::new(None),
            timeout: self.timeout,
        });
        tokio::spawn(run(Arc::clone(&link), connection));
        Ok(link)
    }

    async fn lost(&self, link: &Arc<Publisher>) -> Error {
        let mut lost = link.lost.subscribe();
        let error = lost.wait_for(Option::is_some).await.ok().and_then(|error| error.clone());
        error.unwrap_or_else(ended)
    }

    async fn close(link: Arc<Publisher>) -> Result<(), Error> {
        link.close().await;
        Ok(())
    }
}

/// A connection for sending.
pub(super) struct Publisher {
    version: Version,
    /// The largest packet that the broker takes.
    limit: u32,
    unwritten: Unwritten,
    ids: Mutex<Ids>,
    /// As many permits as there are free identifiers: they are given in the order of waiting. Closed when the connection is lost.
    free: Semaphore,
    /// Notified when a message has an outcome, for tasks that wait for the last message.
    freed: Notify,
    confirms: Confirms,
    requests: Requests,
    /// Why the connection is lost.
    lost: watch::Sender<Option<Error>>,
    timeout: Duration,
}

/// The right to a packet identifier. Messages of QoS 0 have none.
pub(super) type Slot<'a> = Option<SemaphorePermit<'a>>;

/// Drives the connection until it ends.
async fn run(link: Arc<Publisher>, connection: Connection) {
    /// A task that panics, or whose runtime ends, also loses the connection.
    struct Ended(Arc<Publisher>);

    impl Drop for Ended {
        fn drop(&mut self) {
            self.0.end(ended());
        }
    }

    let ended = Ended(Arc::clone(&link));
    let mut side = Sending(&link);
    let error = {
        let driving = pin!(connection.drive(&link.unwritten, &mut side));
        let expiring = pin!(link.expire());
        match select(driving, expiring).await {
            Either::Left((error, _)) | Either::Right((error, _)) => error,
        }
    };
    link.end(error);
    drop(ended);
}

impl Publisher {
    /// Waits until a message of this QoS could be sent, behind tasks that wait already. The connection may be lost then.
    pub(super) async fn slot(&self, qos: Qos) -> Slot<'_> {
        match qos {
            Qos::AtMostOnce => None,
            _ => self.free.acquire().await.ok(),
        }
    }

    /// Hands a message over. The inner error is about the message. The permit comes back if the connection is lost: nothing was sent.
    pub(super) fn send(
        &self,
        message: &Prepared<'_>,
        slot: Slot<'_>,
        permit: Permit,
    ) -> Result<Result<Outcome<Receipt>, Error>, Permit> {
        let mut ids = self.ids();
        if ids.lost || !self.unwritten.is_open() {
            return Err(permit);
        }
        let id = match slot {
            None => 0,
            Some(_) => match ids.free() {
                Some(id) => id,
                None => return Err(permit), // there is one for each slot
            },
        };
        let mut outcome = None;
        let added = self.unwritten.try_add(|buffer| {
            message.write(buffer, id, self.limit)?;
            let (number, pending) = self.confirms.add(permit);
            outcome = Some(pending);
            if id == 0 {
                return Ok(Some(number));
            }
            ids.take(id, number);
            Ok(None)
        });
        if added.is_ok() {
            slot.into_iter().for_each(SemaphorePermit::forget); // until the message has an outcome
        }
        Ok(added.and_then(|()| outcome.ok_or_else(ended)))
    }

    /// Whether a message could be sent now.
    fn has_room(&self) -> bool {
        let ids = self.ids();
        !ids.lost && ids.used < ids.slots.len()
    }

    pub(super) fn why_lost(&self) -> Error {
        self.lost.borrow().clone().unwrap_or_else(ended)
    }

    /// Subscribes for replies, if this is the first request, and begins one.
    pub(super) async fn begin_request(&self) -> Result<Request<'_>, Error> {
        if self.requests.begins_subscribing() {
            let bytes = subscribe(self.version, self.requests.topic(), Qos::AtLeastOnce)?;
            self.unwritten.add(|buffer| buffer.extend_from_slice(&bytes));
        }
        let mut lost = self.lost.subscribe();
        let gone = pin!(lost.wait_for(Option::is_some));
        match select(pin!(self.requests.begin()), gone).await {
            Either::Left((request, _)) => request,
            Either::Right(_) => Err(self.why_lost()),
        }
    }

    /// Waits for all outcomes, then ends the connection.
    pub(super) async fn close(&self) {
        let mut lost = self.lost.subscribe();
        let all = async {
            loop {
                let mut freed = pin!(self.freed.notified());
                freed.as_mut().enable();
                // Messages of QoS 0 have no identifier. DISCONNECT follows them.
                if self.ids().used == 0 || self.confirms.is_empty() {
                    return;
                }
                freed.await;
            }
        };
        if let Either::Right(_) = select(pin!(all), pin!(lost.wait_for(Option::is_some))).await {
            return;
        }
        self.unwritten.close(self.version, None);
        let _ = timeout(FAREWELL, self.lost.subscribe().wait_for(Option::is_some)).await;
    }

    fn ids(&self) -> MutexGuard<'_, Ids> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, error: Error) {
        self.ids().lost = true;
        self.free.close();
        self.unwritten.end();
        let error = match error.kind() {
            ErrorKind::Closed => error,
            _ => failure::disconnected(format_args!(
                "{}; the broker may have the message, or not",
                error.detail()
            )),
        };
        self.confirms.end(&error);
        self.requests.end(&error);
        self.lost.send_if_modified(|lost| {
            let first = lost.is_none();
            if first {
                *lost = Some(error);
            }
            first
        });
        self.freed.notify_waiters();
    }

    /// Fails messages that are not confirmed in time.
    ///
    /// Returns when the broker holds as many messages as it takes at once, and none of them was confirmed in time. Only another connection
    /// has free packet identifiers then.
    async fn expire(&self) -> Error {
        loop {
            match self.confirms.due() {
                Some(due) => sleep_until(due).await,
                None => sleep(self.timeout).await, // a message that is sent meanwhile has as long
            }
            if let Err(error) = self.confirms.expire() {
                return error;
            }
            if !self.has_room() && self.confirms.is_empty() {
                return failure::disconnected(
                    "the broker confirms none of as many messages as it takes at once",
                );
            }
            self.freed.notify_waiters();
        }
    }

    /// PUBACK, PUBCOMP, or the refusal of a message.
    fn confirmed(&self, id: u16, taken: Taken) {
        let Some((number, has_none)) = self.ids().release(id) else { return };
        self.free.add_permits(1);
        let receipt = match taken {
            Taken::Refused(refusal) => Err(refusal.into_error()),
            Taken::Yes if !has_none => Ok(Receipt::new()),
            Taken::Yes | Taken::ByNone => Ok(Receipt::new().with_subscribers(false)),
        };
        self.confirms.resolve(number, receipt);
        self.freed.notify_waiters();
    }
}

#[cold]
fn ended() -> Error {
    failure::disconnected("the connection has ended; the broker may have the message, or not")
}

/// Takes confirmations and replies.
struct Sending<'a>(&'a Publisher);

impl Side for Sending<'_> {
    fn take(&mut self, packet: Packet) -> Result<(), Error> {
        let link = self.0;
        match packet {
            Packet::PubAck(id, taken) => link.confirmed(id, taken),
            Packet::PubRec(id, refused @ Taken::Refused(_)) => link.confirmed(id, refused),
            Packet::PubRec(id, taken) => {
                if taken == Taken::ByNone {
                    link.ids().has_none(id);
                }
                link.unwritten.add(|buffer| acknowledgement(buffer, PUBREL, id));
            }
            Packet::PubComp(id) => link.confirmed(id, Taken::Yes),
            Packet::PubRel(id) => link.unwritten.add(|buffer| acknowledgement(buffer, PUBCOMP, id)),
            Packet::Publish(reply) => {
                self.acknowledge(&reply);
                link.requests.reply(reply, link.version);
            }
            Packet::SubAck(SUBSCRIPTION, code) => link.requests.subscribed(code.and_then(Result::err)),
            _ => {}
        }
        Ok(())
    }
}

impl Sending<'_> {
    fn acknowledge(&self, reply: &Arrived) {
        let kind = match Qos::from(reply.publish.qos) {
            Qos::AtMostOnce => return,
            Qos::AtLeastOnce => PUBACK,
            Qos::ExactlyOnce => PUBREC,
        };
        self.0.unwritten.add(|buffer| acknowledgement(buffer, kind, reply.publish.pkid));
    }
}

/// Packet identifiers, from 1.
struct Ids {
    /// The number of the message that has this identifier, and whether PUBREC said that it has no subscriber. The index is the identifier
    /// minus one.
    slots: Vec<Option<(u64, bool)>>,
    used: usize,
    /// The identifier at which the search for a free one begins.
    next: usize,
    lost: bool,
}

impl Ids {
    fn new(room: usize) -> Self {
        Self { slots: vec![None; room], used: 0, next: 0, lost: false }
    }

    /// A free identifier, without taking it.
    fn free(&mut self) -> Option<u16> {
        if self.used >= self.slots.len() {
            return None;
        }
        let (before, after) = self.slots.split_at_checked(self.next)?;
        let found = after.iter().position(Option::is_none).map(|place| place.saturating_add(before.len()));
        let place = found.or_else(|| before.iter().position(Option::is_none))?;
        u16::try_from(place.saturating_add(1)).ok()
    }

    fn take(&mut self, id: u16, number: u64) {
        if let Some(slot) = usize::from(id).checked_sub(1).and_then(|place| self.slots.get_mut(place)) {
            *slot = Some((number, false));
            self.used = self.used.saturating_add(1);
            self.next = if usize::from(id) < self.slots.len() { usize::from(id) } else { 0 };
        }
    }

    /// The message with this identifier has no subscriber.
    fn has_none(&mut self, id: u16) {
        let slot = usize::from(id).checked_sub(1).and_then(|place| self.slots.get_mut(place));
        if let Some(Some((_, has_none))) = slot {
            *has_none = true;
        }
    }

    /// Frees an identifier, and returns the number of its message, and whether it has no subscriber.
    fn release(&mut self, id: u16) -> Option<(u64, bool)> {
        let number = self.slots.get_mut(usize::from(id).checked_sub(1)?)?.take()?;
        self.used = self.used.saturating_sub(1);
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_used_in_turn_and_never_twice() {
        let mut ids = Ids::new(3);
        let take = |ids: &mut Ids| {
            let id = ids.free();
            if let Some(id) = id {
                ids.take(id, id.into());
            }
            id
        };
        assert_eq!([(); 4].map(|()| take(&mut ids)), [Some(1), Some(2), Some(3), None]);
        assert_eq!(
            (ids.release(2), ids.release(2), ids.release(0), ids.release(9)),
            (Some((2, false)), None, None, None)
        );
        assert_eq!(take(&mut ids), Some(2));
        ids.has_none(1);
        assert_eq!(ids.release(1), Some((1, true)));
        ids.release(3);
        assert_eq!(take(&mut ids), Some(3)); // not the one that was used last
        assert_eq!(take(&mut ids), Some(1));
        assert_eq!(take(&mut ids), None);
    }
}
