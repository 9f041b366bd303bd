//! A pull consumer of JetStream.

use super::{
    connection::Connected,
    consumer::{Found, Wanted},
    failure,
    options::Target,
    position::Position,
    received::ReceivedMessage,
    tag::{Delivered, Origin, Tag},
};
use async_nats::{Message, StatusCode, Subject, Subscriber};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_transport::{
    By, Extends, Host, Outcome, Received, ReceiverCapabilities, Settlement,
    binding::{
        connect::Connect,
        queue::{Arrived, QueueSource},
    },
};
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, try_join_all},
};
use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    task::coop::unconstrained,
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};

/// How long the server keeps a request for messages.
const EXPIRES: Duration = Duration::from_secs(30);

/// How often the server reports that it still has the request.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// After so many times without a report, the server no longer has the request.
const SILENCE: u32 = 3;

/// How long the server may take to forget requests.
const FORGETTING: Duration = Duration::from_secs(5);

/// The settlement that accepts a message.
const ACCEPTED: &[u8] = b"+ACK";

/// How many bytes of a rejection's reason are sent.
const REASON: usize = 128;

/// For how many messages the releases are remembered.
const REMEMBERED: usize = 65_536;

/// Creates links.
pub(super) struct Linking {
    pub(super) target: Arc<Target>,
    pub(super) wanted: Wanted,
    pub(super) decoding: DecodeOptions,
    pub(super) prefetch: usize,
    /// Whether the server confirms settlements, and how long it may take.
    pub(super) double_ack: Option<Duration>,
    pub(super) released: Arc<Released>,
    pub(super) position: Arc<Position>,
}

impl Connect for Linking {
    type Connection = Source;

    async fn connect(&self, host: &Host) -> Result<Source, Error> {
        // Besides messages, the reports of the server have to fit in.
        let capacity = self.prefetch.saturating_mul(2).saturating_add(64);
        let connected = Connected::begin(&self.target, host, capacity).await?;
        let client = &connected.client;
        let context = self.target.context(client.clone(), self.target.options.connect_timeout, 1);
        let Found { stream, ack_wait, most } = self.wanted.find(&context, &self.position).await?;
        let inbox = client.new_inbox();
        let messages = client.subscribe(inbox.clone()).await.map_err(failure::subscribe)?;
        let has_reasons = client.is_server_compatible(2, 10, 4);
        let notes = connected.notes.clone();
        let begin = Instant::now().checked_add(HEARTBEAT).unwrap_or_else(Instant::now);
        let mut listening = interval_at(begin, HEARTBEAT);
        listening.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (api, name) = (self.target.api(), &self.wanted.name);
        let next = format!("{api}.CONSUMER.MSG.NEXT.{stream}.{name}");
        let delete = (!self.wanted.durable).then(|| format!("{api}.CONSUMER.DELETE.{stream}.{name}").into());
        let is_old = !client.is_server_compatible(2, 10, 0);
        let info = is_old.then(|| format!("{api}.CONSUMER.INFO.{stream}.{name}").into());
        Ok(Source {
            connected,
            lost: Box::pin(async move { notes.lost().await }),
            messages,
            inbox: inbox.into(),
            next: next.into(),
            delete,
            info,
            most: most.unwrap_or(usize::MAX),
            ack_wait,
            has_reasons,
            double_ack: self.double_ack,
            decoding: self.decoding.clone(),
            released: Arc::clone(&self.released),
            position: Arc::clone(&self.position),
            room: 0,
            requested: 0,
            listening,
            silent: 0,
            origin: None,
        })
    }
}

/// A pull consumer over its own connection.
pub(super) struct Source {
    connected: Connected,
    /// Returns when the connection is lost. Beginning to wait for that is expensive.
    lost: Pin<Box<dyn Future<Output = Error> + Send>>,
    messages: Subscriber,
    /// Where messages and reports arrive.
    inbox: Subject,
    /// Where messages are requested.
    next: Subject,
    /// Where the consumer is deleted, if it is this receiver's alone.
    delete: Option<Subject>,
    /// Where the state of the consumer is requested, for servers before 2.10.
    info: Option<Subject>,
    /// The most messages in one request.
    most: usize,
    ack_wait: Duration,
    /// Whether the server takes a reason with a termination.
    has_reasons: bool,
    double_ack: Option<Duration>,
    decoding: DecodeOptions,
    released: Arc<Released>,
    position: Arc<Position>,
    /// How many messages may arrive.
    room: usize,
    /// How many messages were requested and have not arrived.
    requested: usize,
    /// Ticks as often as the server should report something.
    listening: Interval,
    /// The ticks since the last message or report.
    silent: u32,
    /// The origin of the last message.
    origin: Option<Origin>,
}

impl Source {
    /// Requests more messages when half of the room is used.
    async fn request(&mut self) -> Result<(), Error> {
        if self.requested > self.room / 2 || self.requested >= self.room {
            return Ok(());
        }
        let batch = self.room.saturating_sub(self.requested).min(self.most);
        let (expires, heartbeat) = (EXPIRES.as_nanos(), HEARTBEAT.as_nanos());
        let request = format!(r#"{{"batch":{batch},"expires":{expires},"idle_heartbeat":{heartbeat}}}"#);
        let client = &self.connected.client;
        client
            .publish_with_reply(self.next.clone(), self.inbox.clone(), request.into())
            .await
            .map_err(failure::publish)?;
        self.requested = self.requested.saturating_add(batch);
        self.silent = 0;
        Ok(())
    }

    /// Returns the message, or `None` for a report of the server.
    fn take(&mut self, message: Message) -> Result<Option<Arrived<Tag>>, Error> {
        self.silent = 0;
        match message.status {
            None | Some(StatusCode::OK) => {}
            Some(status) => return self.report(status, &message).map(|()| None),
        }
        let Some((delivered, subject)) = message
            .reply
            .clone()
            .and_then(|reply| Delivered::parse(&reply, &mut self.origin).map(|delivered| (delivered, reply)))
        else {
            tracing::debug!("a message came that is not of the consumer");
            return Ok(None);
        };
        self.requested = self.requested.saturating_sub(1);
        self.room = self.room.saturating_sub(1); // until the next `allow`: several may be taken in between
        self.position.delivered(delivered.sequence, delivered.stored);
        let tag = Tag { subject, sequence: delivered.sequence };
        let attempt = self.released.attempt(delivered.sequence, delivered.times);
        let message = ReceivedMessage::new(message, Some(delivered));
        let decoded = crate::decode_message(&message, &self.decoding);
        Ok(Some(Arrived { received: Received::new(decoded, message), tag, attempt }))
    }

    /// Handles a report: a request has ended, or is still there.
    fn report(&mut self, status: StatusCode, message: &Message) -> Result<(), Error> {
        let description = message.description.as_deref().unwrap_or_default();
        match status {
            StatusCode::IDLE_HEARTBEAT => Ok(()),
            StatusCode::TIMEOUT | StatusCode::NOT_FOUND | StatusCode::REQUEST_TERMINATED
                if !is_permanent(description) =>
            {
                let left = message.headers.as_ref().and_then(|headers| headers.get("Nats-Pending-Messages"));
                let left = left.and_then(|left| left.as_str().parse().ok()).unwrap_or(self.requested);
                self.requested = self.requested.saturating_sub(left);
                Ok(())
            }
            StatusCode::NO_RESPONDERS => Err(failure::disconnected("JetStream is not available")),
            _ => Err(failure::disconnected(format!("the consumer ended: {status} {description}"))),
        }
    }

    /// Makes servers before 2.10 forget requests that were withdrawn, which they do when they count them. Otherwise
    /// the first released message would be sent to such a request, and come again only when its time is over; and
    /// the last message would come twice.
    async fn forget_requests(&mut self) {
        let Some(info) = self.info.clone() else { return };
        let request = async_nats::Request::new().timeout(Some(FORGETTING));
        if let Err(error) = self.connected.client.send_request(info, request).await {
            tracing::debug!(%error, "the server may send a released message to a request that was withdrawn");
        }
    }

    /// Publishes a settlement for each tag.
    async fn publish(&mut self, tags: Vec<Tag>, payload: Bytes) -> Result<Outcome, Error> {
        let client = &self.connected.client;
        let Some(limit) = self.double_ack else {
            for tag in tags {
                client.publish(tag.subject, payload.clone()).await.map_err(failure::publish)?;
            }
            return Ok(Outcome::done());
        };
        let (client, notes) = (client.clone(), self.connected.notes.clone());
        Ok(Outcome::watching(async move {
            let confirming = try_join_all(tags.into_iter().map(|tag| {
                let request = async_nats::Request::new().payload(payload.clone()).timeout(Some(limit));
                client.send_request(tag.subject, request)
            }));
            tokio::select! {
                confirmed = confirming => confirmed.map(drop).map_err(|error| match failure::request(error) {
                    error if error.kind() == ErrorKind::Timeout => {
                        error.with_detail("the server did not confirm a settlement in time")
                    }
                    error => error,
                }),
                error = notes.lost() => Err(error),
            }
        }))
    }
}

impl QueueSource for Source {
    type Tag = Tag;

    const TAGS_OUTLIVE_CONNECTIONS: bool = true;

    fn lost(&self) -> BoxFuture<'static, Error> {
        let notes = self.connected.notes.clone();
        async move { notes.lost().await }.boxed()
    }

    fn capabilities(&self) -> ReceiverCapabilities {
        let mut capabilities = ReceiverCapabilities::queue();
        capabilities.delays = By::Broker;
        capabilities.extends = Extends::Every(self.ack_wait);
        capabilities
    }

    async fn allow(&mut self, room: usize) -> Result<(), Error> {
        self.room = room;
        self.request().await
    }

    async fn next(&mut self) -> Result<Arrived<Tag>, Error> {
        loop {
            // After a report that a request has ended.
            self.request().await?;
            let message = tokio::select! {
                biased;
                message = self.messages.next() => message,
                _ = self.listening.tick(), if self.requested > 0 => {
                    self.silent = self.silent.saturating_add(1);
                    if self.silent > SILENCE {
                        return Err(failure::disconnected("the server no longer reports about the consumer"));
                    }
                    continue;
                }
                error = &mut self.lost => return Err(error),
            };
            let Some(message) = message else { return Err(self.connected.ended()) };
            if let Some(arrived) = self.take(message)? {
                return Ok(arrived);
            }
        }
    }

    /// Returns when the settlements are on their way; with double acknowledgement, the outcome is the
    /// server's confirmation.
    async fn settle(&mut self, tags: Vec<Tag>, how: Settlement) -> Result<Outcome, Error> {
        let payload = match &how {
            Settlement::Accept => Bytes::from_static(ACCEPTED),
            Settlement::Release => Bytes::from_static(b"-NAK"),
            Settlement::Retry { after } if after.is_zero() => Bytes::from_static(b"-NAK"),
            Settlement::Retry { after } => format!(r#"-NAK {{"delay":{}}}"#, after.as_nanos()).into(),
            Settlement::Reject { reason, .. } if self.has_reasons => {
                format!("+TERM {}", one_line(reason)).into()
            }
            _ => Bytes::from_static(b"+TERM"),
        };
        match how {
            Settlement::Release => tags.iter().for_each(|tag| self.released.release(tag.sequence)),
            Settlement::Retry { .. } => {}
            _ => tags.iter().for_each(|tag| {
                self.released.forget(tag.sequence);
                self.position.settled(tag.sequence);
            }),
        }
        self.publish(tags, payload).await
    }

    async fn extend(&mut self, tags: Vec<Tag>) -> Result<(), Error> {
        for tag in tags {
            let client = &self.connected.client;
            client.publish(tag.subject, Bytes::from_static(b"+WPI")).await.map_err(failure::publish)?;
        }
        Ok(())
    }

    /// Withdraws the request before messages are released. Otherwise they are sent to it again.
    async fn stop(&mut self) -> Result<(), Error> {
        let _ = self.messages.drain().await;
        self.connected.round_trip().await?;
        self.forget_requests().await;
        Ok(())
    }

    /// Releases the messages that arrived before the request was withdrawn, and waits until the server has read
    /// every settlement.
    async fn close(mut self) -> Result<(), Error> {
        while let Some(Some(message)) = unconstrained(self.messages.next()).now_or_never() {
            if let Ok(Some(arrived)) = self.take(message) {
                drop(self.settle(vec![arrived.tag], Settlement::Release).await?);
            }
        }
        self.connected.round_trip().await?;
        if let Some(delete) = self.delete.take() {
            // A stream that is a work queue has one consumer for a subject. Without an answer, the server deletes it later.
            let _ = self.connected.client.request(delete, Bytes::new()).await;
        }
        self.connected.close().await;
        Ok(())
    }
}

/// How often messages were released, since JetStream counts each delivery. Only those of this process are
/// known: a message that another receiver released has its deliveries counted.
#[derive(Default)]
pub(super) struct Released(Mutex<BTreeMap<u64, u32>>);

impl Released {
    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<u64, u32>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn release(&self, sequence: u64) {
        self.with(|released| {
            let times = released.entry(sequence).or_default();
            *times = times.saturating_add(1);
            if released.len() > REMEMBERED {
                released.pop_first(); // the oldest message
            }
        });
    }

    fn forget(&self, sequence: u64) {
        self.with(|released| released.remove(&sequence));
    }

    /// Which attempt this delivery is.
    fn attempt(&self, sequence: u64, delivered: u32) -> u32 {
        let released = self.with(|released| released.get(&sequence).copied().unwrap_or_default());
        delivered.saturating_sub(released).max(1)
    }
}

/// Whether the same request would end in the same way.
fn is_permanent(description: &str) -> bool {
    ["consumer deleted", "consumer is push based", "exceeded maxrequest", "bad request"]
        .iter()
        .any(|known| description.to_ascii_lowercase().starts_with(known))
}

/// The beginning of a reason, without line breaks.
fn one_line(reason: &str) -> String {
    let mut end = reason.len().min(REASON);
    while !reason.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    let reason = reason.get(..end).unwrap_or_default();
    reason.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_no_attempts() {
        let released = Released::default();
        assert_eq!(released.attempt(7, 1), 1);
        released.release(7);
        released.release(7);
        assert_eq!((released.attempt(7, 3), released.attempt(7, 5), released.attempt(8, 3)), (1, 3, 3));
        released.forget(7);
        assert_eq!(released.attempt(7, 6), 6);
        for sequence in 0..70_000 {
            released.release(sequence);
        }
        assert_eq!(released.with(|released| released.len()), REMEMBERED);
    }

    #[test]
    fn reasons_have_one_line() {
        assert_eq!(one_line("a\r\nb"), "a  b");
        assert_eq!(one_line(&"ä".repeat(100)), "ä".repeat(64));
    }

    #[test]
    fn what_does_not_pass() {
        assert!(is_permanent("Consumer Deleted") && is_permanent("Exceeded MaxRequestBatch of 5"));
        assert!(!is_permanent("Leadership Change") && !is_permanent("Message Size Exceeds MaxBytes"));
    }
}
