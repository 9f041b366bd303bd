//! A pull consumer of JetStream.

use super::{
    acknowledge::{Acknowledge, Released},
    connection::Connected,
    consumer::{DeliverFrom, Found, Wanted},
    failure,
    lost::{Lost, Place, Read, Reading, Unparsed},
    options::Target,
    position::Position,
    pull::Pull,
    received::{ReceivedMessage, apart},
    tag::{Delivered, Origin, Tag, settling},
};
use async_nats::{Message, Request, StatusCode, Subject, Subscriber};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Error};
use cloudevents_transport::{
    Bounds, By, Extends, Host, Outcome, Received, ReceiverCapabilities, Settlement,
    binding::{
        connect::Connect,
        queue::{Arrived, QueueSource},
    },
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use std::{
    collections::VecDeque,
    future::pending,
    sync::{Arc, Once},
    time::Duration,
};
use tokio::{task::coop::unconstrained, time::timeout};

/// How long the server may take to forget requests.
const FORGETTING: Duration = Duration::from_secs(5);

/// How long no messages are requested while lost messages are read from the stream.
const READING: Duration = Duration::from_secs(5);

/// How long the server may send nothing of a request, while it has messages for it: then others have these.
const UNDER_WAY: Duration = Duration::from_millis(500);

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
    pub(super) lost: Arc<Lost>,
    /// For a warning about the consumer.
    pub(super) warning: Once,
    /// For a warning about where it begins.
    pub(super) begun: Once,
}

impl Connect for Linking {
    type Connection = Source;

    fn was_ended_by_message(&self) -> bool {
        self.lost.is_by_message()
    }

    async fn connect(&self, host: &Host) -> Result<Source, Error> {
        // The capacity is enough for all requested messages. It is also enough for the reports of the server, and for messages that the
        // server may still send for a request that has ended without a report.
        let capacity = self.prefetch.saturating_mul(2).saturating_add(64);
        let connected = Connected::begin(&self.target, host, capacity).await?;
        let client = &connected.client;
        let context = self.target.context(client.clone(), self.target.options.connect_timeout, 1);
        let notes = connected.notes.clone();
        let (api, name) = (self.target.api(), &self.wanted.name);
        // The replies of JetStream come to an inbox, too.
        let found = tokio::select! {
            biased;
            error = notes.no_inbox() => return Err(error),
            error = notes.refused_below(&api, 0) => return Err(forbidden(error)),
            found = self.wanted.find(&context, &self.position) => found?,
        };
        let Found { stream, existed, renewed, most, deliveries, expires, consumer, .. } = found.clone();
        // Later, it may be the consumer that was created here.
        self.begun.call_once(|| {
            if existed && matches!(self.wanted.deliver, DeliverFrom::Since(_) | DeliverFrom::Last(_)) {
                tracing::warn!(
                    consumer = name,
                    "the consumer exists, and continues at its position: the begin that is set has no effect (`since` or `last` of a URL)"
                );
            }
        });
        if deliveries < u32::MAX {
            self.warning.call_once(|| {
                tracing::warn!(
                    consumer = name,
                    max_deliver = deliveries,
                    "the consumer delivers a message so often at most; what is released or lost counts, and what is beyond is no dead letter"
                );
            });
        }
        let inbox = client.new_inbox();
        let messages = client.subscribe(format!("{inbox}.*")).await.map_err(failure::subscribe)?;
        connected.has_inbox().await?;
        let next = format!("{api}.CONSUMER.MSG.NEXT.{stream}.{name}");
        // The server does nothing about a request that has no address for replies, and says whether it is allowed.
        client.publish(next.clone(), Bytes::new()).await.map_err(failure::publish)?;
        if let Some(error) = connected.refuses_below(&next, 0).await? {
            return Err(forbidden(error));
        }
        let delete = (!self.wanted.durable).then(|| format!("{api}.CONSUMER.DELETE.{stream}.{name}").into());
        let info = format!("{api}.CONSUMER.INFO.{stream}.{name}").into();
        let acknowledge = Acknowledge {
            has_reasons: client.is_server_compatible(2, 10, 4),
            double_ack: self.double_ack,
            released: Arc::clone(&self.released),
            position: Arc::clone(&self.position),
            consumer,
            deliveries,
        };
        let mut pull = Pull::new(next.into(), &inbox, most, expires, client.server_info().max_payload);
        let plan = self.lost.connected(&found, &self.position);
        acknowledge.again(&connected, self.lost.unconfirmed()).await?;
        pull.alone(plan.alone);
        if plan.reads || plan.alone.is_some() {
            pull.by_bytes();
        }
        let place =
            Place { api: format!("{api}.STREAM.MSG.GET.{stream}"), filter: self.wanted.subject.clone() };
        let reading = plan.reads.then(|| self.lost.read(connected.clone(), place.clone()));
        if reading.is_some() {
            pull.hold(READING);
        }
        Ok(Source {
            messages,
            pull,
            lost: Arc::clone(&self.lost),
            names: (stream, name.clone()),
            place,
            reading,
            delete,
            info,
            renewed,
            acknowledge,
            decoding: self.decoding.clone(),
            origin: None,
            settles: None,
            has_settled: false,
            kept: VecDeque::new(),
            stopping: false,
            waiting: 0,
            connected,
        })
    }
}

/// Adds the help for a user that may not use JetStream as a receiver does.
fn forbidden(error: Error) -> Error {
    error.with_help("allow the user to publish to this subject: receivers of JetStream do")
}

/// A pull consumer over its own connection.
pub(super) struct Source {
    connected: Connected,
    messages: Subscriber,
    pull: Pull,
    lost: Arc<Lost>,
    /// The stream and the consumer.
    names: (String, String),
    place: Place,
    /// Reads the messages that were lost with the connection before. `None` when they were read.
    reading: Option<Reading>,
    /// The subject to delete the consumer, if it is this receiver's alone.
    delete: Option<Subject>,
    /// The subject to request the state of the consumer.
    info: Subject,
    /// How long a message may be held without a renewal.
    renewed: Duration,
    acknowledge: Acknowledge,
    decoding: DecodeOptions,
    /// The origin of the last message.
    origin: Option<Origin>,
    /// The subject that settles the first message.
    settles: Option<Subject>,
    /// Messages that came while the receiver was stopped.
    kept: VecDeque<Arrived<Tag>>,
    /// Whether something was accepted or rejected.
    has_settled: bool,
    /// Nothing is requested any more.
    stopping: bool,
    /// How many messages were not yet delivered, when the last one was.
    waiting: u64,
}

impl Source {
    /// Returns the message, or `None` for a report of the server.
    ///
    /// A message that can be settled is no report, even if it looks like one: nats-server 2.9 passes on a status that a publisher has
    /// written.
    fn take(&mut self, message: Message) -> Result<Option<Arrived<Tag>>, Error> {
        let reply = message.reply.clone();
        let delivered = reply.and_then(|reply| Some((Delivered::parse(&reply, &mut self.origin)?, reply)));
        let Some((delivered, subject)) = delivered else {
            match message.status {
                None | Some(StatusCode::OK) => tracing::debug!("a message came that is not of the consumer"),
                Some(status) => self.pull.report(status, &message)?,
            }
            return Ok(None);
        };
        let bytes = message.length;
        if self.settles.is_none() {
            self.settles = Some(subject.clone());
        }
        let (tag, attempt) = self.acknowledge.delivered(&delivered, subject);
        let again = delivered.times > 1;
        if again {
            self.lost.came_again(delivered.sequence);
        }
        self.waiting = delivered.pending;
        let message = ReceivedMessage::new(apart(message), Some(delivered));
        self.pull.arrived(bytes, cloudevents_transport::Origin::size(&message), again);
        let decoded = crate::decode_message(&message, &self.decoding);
        Ok(Some(Arrived { received: Received::new(decoded, message), tag, attempt }))
    }

    /// Returns a message that was lost because the client cannot parse it, and that was read from the stream, or `None`.
    fn read(&mut self, read: Option<Result<Read, Error>>) -> Option<Arrived<Tag>> {
        let failed = match read {
            Some(Ok(read)) => return self.lost.has_read(read).and_then(|found| self.unparsed(found)),
            Some(Err(error)) => Some(error),
            None => None,
        };
        self.reading = None;
        self.pull.hold(Duration::ZERO);
        if self.lost.has_ended(failed, &self.place.api) {
            self.pull.alone(None);
        }
        None
    }

    /// Delivers it as malformed, as if it had come.
    fn unparsed(&mut self, found: Unparsed) -> Option<Arrived<Tag>> {
        let Unparsed { sequence, subject, headers, payload, length, stored, error } = found;
        let (stream, consumer) = &self.names;
        tracing::warn!(
            stream,
            consumer,
            sequence,
            error = format_args!("{error:#}"),
            "a message ended the connection, because the client cannot parse it; it was read from the stream"
        );
        let reply = Subject::from(settling(self.settles.as_deref(), stream, consumer, sequence));
        let mut delivered = Delivered::parse(&reply, &mut self.origin)?;
        delivered.stored = stored;
        let (mut tag, attempt) = self.acknowledge.delivered(&delivered, reply.clone());
        tag.is_unparsed = true;
        let message = Message {
            subject: subject.into(),
            reply: Some(reply),
            payload,
            headers: Some(headers),
            status: None,
            description: None,
            length,
        };
        let message = ReceivedMessage::new(message, Some(delivered));
        Some(Arrived { received: Received::new(Err(error), message), tag, attempt })
    }

    /// Makes the server forget requests that were withdrawn, which it does when it counts them.
    ///
    /// Otherwise it takes the first released message for such a request, and puts it back behind the others. Before 2.10.16 this message
    /// would come again only when its time is over. Before 2.10.14, the last message would come twice.
    async fn forget_requests(&mut self) {
        if let Err(error) = self.connected.request(self.info.clone(), Request::new(), FORGETTING).await {
            tracing::debug!(%error, "the server may send a released message to a request that was withdrawn");
        }
    }
}

/// Returns the next message that was read. Does not return while there is nothing to read. Cancel-safe.
async fn read_next(reading: &mut Option<Reading>) -> Option<Result<Read, Error>> {
    match reading {
        Some(reading) => reading.next().await,
        None => pending().await,
    }
}

impl QueueSource for Source {
    type Tag = Tag;

    const TAGS_OUTLIVE_CONNECTIONS: bool = true;

    /// Messages may arrive until the requests are withdrawn.
    const ARRIVES_LATE: bool = true;

    fn lost(&self) -> BoxFuture<'static, Error> {
        let notes = self.connected.notes.clone();
        async move { notes.lost().await }.boxed()
    }

    fn capabilities(&self) -> ReceiverCapabilities {
        let mut capabilities = ReceiverCapabilities::queue();
        capabilities.delays = By::Broker;
        capabilities.extends = Extends::Every(self.renewed);
        capabilities
    }

    async fn allow(&mut self, room: Bounds) -> Result<(), Error> {
        self.pull.allow(room);
        self.pull.request(&self.connected).await
    }

    async fn next(&mut self) -> Result<Arrived<Tag>, Error> {
        if let Some(kept) = self.kept.pop_front() {
            return Ok(kept);
        }
        loop {
            if !self.stopping {
                // After a report that a request has ended.
                self.pull.request(&self.connected).await?;
            }
            let message = tokio::select! {
                biased;
                read = read_next(&mut self.reading), if !self.stopping => {
                    if let Some(arrived) = self.read(read) {
                        return Ok(arrived);
                    }
                    continue;
                }
                message = self.messages.next() => message,
                waited = self.pull.wait(), if !self.stopping => {
                    waited?;
                    continue;
                }
            };
            let Some(message) = message else {
                match self.stopping {
                    true => return pending().await, // nothing else comes
                    false => return Err(self.connected.ended()),
                }
            };
            if let Some(arrived) = self.take(message)? {
                return Ok(arrived);
            }
        }
    }

    /// Deliveries of a consumer that is gone fail alone. So do last deliveries of a message, which depend on the number of deliveries.
    fn are_alike(one: &Tag, other: &Tag) -> bool {
        (one.consumer, one.times, one.is_unparsed) == (other.consumer, other.times, other.is_unparsed)
    }

    fn position(tag: &Tag) -> u64 {
        tag.sequence
    }

    async fn settle(&mut self, tags: Vec<Tag>, how: Settlement) -> Result<Outcome, Error> {
        self.lost.settled(&tags, &how);
        self.has_settled |= matches!(how, Settlement::Accept | Settlement::Reject { .. });
        // The remaining messages go back in order, and one round trip at the end confirms all of them. Answers to each would be awaited
        // side by side.
        let goes_back = self.stopping && how == Settlement::Release;
        let confirms = self.acknowledge.double_ack.take_if(|_| goes_back);
        let settled = self.acknowledge.settle(&self.connected, tags, how).await;
        self.acknowledge.double_ack = self.acknowledge.double_ack.or(confirms);
        settled
    }

    fn unconfirmed(&self) -> Option<String> {
        let confirms = self.acknowledge.double_ack.is_some();
        (self.has_settled && !confirms).then(|| "messages that were settled last".into())
    }

    async fn extend(&mut self, tags: Vec<Tag>) -> Result<(), Error> {
        self.acknowledge.extend(&self.connected, tags).await
    }

    /// Withdraws the request before messages are released. Otherwise released messages are sent to it again, and are released again behind
    /// others: the server delivers released messages in the order of the releases.
    ///
    /// From then on, the client drops messages that come for the request, so messages on their way are taken first. The server may send
    /// more until it has read that the request is withdrawn. These messages come again when their time is over. There is no way to see
    /// them.
    async fn stop(&mut self) -> Result<(), Error> {
        self.stopping = true;
        // As long as messages come, the server has more for the request.
        while self.pull.is_open() {
            self.connected.round_trip().await?;
            let before = self.kept.len();
            while let Some(Some(message)) = unconstrained(self.messages.next()).now_or_never() {
                let arrived = self.take(message)?;
                self.kept.extend(arrived);
            }
            if self.kept.len() > before {
                continue;
            }
            // If others wait in the stream, they are for the request, unless another receiver has requested them before.
            if self.waiting == 0 {
                break;
            }
            let Ok(Some(message)) = timeout(UNDER_WAY, self.messages.next()).await else { break };
            let arrived = self.take(message)?;
            self.kept.extend(arrived);
        }
        let _ = self.messages.drain().await;
        self.connected.round_trip().await?;
        self.forget_requests().await;
        Ok(())
    }

    /// Waits until the server has read every settlement.
    async fn close(mut self) -> Result<(), Error> {
        self.connected.round_trip().await?;
        if let Some(delete) = self.delete.take() {
            // A stream that is a work queue has one consumer for a subject. Without an answer, the server deletes it later.
            let _ = self.connected.client.request(delete, Bytes::new()).await;
        }
        self.connected.close().await;
        Ok(())
    }
}
