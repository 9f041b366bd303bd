//! A receiving link of AMQP: its messages and their dispositions.

use super::{
    connection::{Connected, FAREWELL, FRAMES},
    failure,
    locks::{LockToken, Locks},
    message::{WireBody, WireMessage},
    options::{Target, random},
    received::ReceivedMessage,
    stream::Watched,
};
use crate::decode;
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_transport::{
    Bounds, Extends, Host, Outcome, Raw, Received, ReceiverCapabilities, Settlement,
    binding::{
        connect::Connect,
        queue::{Arrived, QueueSource},
    },
};
use fe2o3_amqp::link::{
    DetachError, LinkStateError, RecvError,
    delivery::{Delivery, DeliveryInfo},
    receiver::CreditMode,
};
use fe2o3_amqp_types::{
    definitions::{self, AmqpError, Fields, SenderSettleMode},
    messaging::{self, FilterSet, Modified},
    primitives::{Symbol, Value},
};
use futures_util::FutureExt;
use serde_amqp::{described::Described, descriptor::Descriptor};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Once,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::watch,
    task::coop::unconstrained,
    time::{Instant, timeout},
};

/// How many bytes of a rejection's reason are sent: a disposition must fit into a frame.
const REASON: usize = 1024;

/// Creates links.
pub(super) struct Linking {
    pub(super) target: Arc<Target>,
    pub(super) decoding: DecodeOptions,
    pub(super) limit: Arc<Limit>,
    /// How long the broker locks a message, if locks are renewed.
    pub(super) lock: Option<Duration>,
    /// Which messages the broker delivers.
    pub(super) selector: Option<String>,
    /// For a warning about the address.
    pub(super) warning: Arc<Once>,
}

/// The name of the filter, and its descriptor (AMQP Filter Expressions 1.0, in the form that brokers know).
const SELECTOR: &str = "apache.org:selector-filter:string";

impl Connect for Linking {
    type Connection = Source;

    async fn connect(&self, host: &Host) -> Result<Source, Error> {
        let address = &self.target.address;
        let name = format!("{address}-{}", random());
        let (watched, aborted) = Watched::new(name.clone());
        let mut connected = Connected::begin(&self.target, host, FRAMES, Some(watched)).await?;
        let attached = fe2o3_amqp::Receiver::builder()
            .name(name.clone())
            .source(source(address, self.selector.as_deref()))
            .max_message_size(self.limit.now())
            .credit_mode(CreditMode::Manual)
            // Messages that come settled do not come again.
            .sender_settle_mode(SenderSettleMode::Unsettled)
            .properties(properties())
            .attach(&mut connected.session)
            .await;
        let link = attached.map_err(failure::attach_receiver)?;
        let is_old_rabbitmq = is_old_rabbitmq(link.source().as_ref());
        if self.selector.is_some() && is_old_rabbitmq {
            return Err(failure::no_selector()); // it says that it filters, and does not
        }
        let locks = match self.lock {
            Some(lock) => {
                let limit = self.target.options.connect_timeout;
                Some((lock, Locks::open(&mut connected, address, name, limit).await?))
            }
            None => None,
        };
        let (topic, decoding) = (address.as_str().into(), self.decoding.clone());
        let limit = Arc::clone(&self.limit);
        Ok(Source {
            link,
            kept: VecDeque::new(),
            has_settled: false,
            renewed: Instant::now(),
            credit: Credit { wanted: 0, aborted, seen: 0, is_owed: false },
            locks,
            connected,
            topic,
            decoding,
            limit,
            is_old_rabbitmq,
            warning: Arc::clone(&self.warning),
        })
    }
}

/// The largest message of a link. Some brokers send larger messages, though a link states its limit (AMQP 1.0, section 2.7.3).
///
/// The client then ends the link, and the message is the first of the next link, which takes more, so that the message can be settled.
pub(super) struct Limit {
    given: u64,
    is_exceeded: AtomicBool,
}

impl Limit {
    /// The factor by which a link takes more. A message above this ends each link.
    const MORE: u64 = 8;

    pub(super) fn new(given: u64) -> Self {
        Self { given, is_exceeded: AtomicBool::new(false) }
    }

    fn now(&self) -> u64 {
        match self.is_exceeded.load(Ordering::Relaxed) {
            true => self.given.saturating_mul(Self::MORE),
            false => self.given,
        }
    }

    fn exceeded(&self) {
        if !self.is_exceeded.swap(true, Ordering::Relaxed) {
            let (given, next) = (self.given, self.now());
            tracing::warn!(
                given,
                next,
                "the broker sends a message larger than the link takes; the next link takes more"
            );
        }
    }
}

/// The properties of a link: the longest `consumer_timeout`, 49 days, in milliseconds.
///
/// RabbitMQ 4.3 returns messages to a quorum queue that a receiver has held for 30 minutes, or another `consumer_timeout`. It delivers
/// nothing more over the link until they are settled. The client library does not return the disposition that reports this. The time of the
/// link precedes the times of the queue and the broker. Other brokers ignore it.
fn properties() -> Fields {
    let mut properties = Fields::new();
    properties.insert(Symbol::from("rabbitmq:consumer-timeout"), Value::Uint(u32::MAX));
    properties
}

/// The address and the filter of a link.
fn source(address: &str, selector: Option<&str>) -> messaging::Source {
    let source = messaging::Source::builder().address(address);
    let Some(selector) = selector else { return source.build() };
    let selector = Described {
        descriptor: Descriptor::Name(Symbol::from(SELECTOR)),
        value: Value::String(selector.to_owned()),
    };
    let mut filters = FilterSet::new();
    filters.insert(Symbol::from(SELECTOR), Value::Described(Box::new(selector)));
    source.filter(filters).build()
}

/// A link on its own connection.
pub(super) struct Source {
    link: fe2o3_amqp::Receiver,
    /// Deliveries that arrived while no message could be taken.
    kept: VecDeque<Arrived<Tag>>,
    /// Whether something was accepted or rejected.
    has_settled: bool,
    /// When the locks of the kept deliveries were renewed.
    renewed: Instant,
    credit: Credit,
    /// How long a message is locked, and the client that renews the locks.
    locks: Option<(Duration, Locks)>,
    connected: Connected,
    /// The address.
    topic: Arc<str>,
    decoding: DecodeOptions,
    limit: Arc<Limit>,
    /// Whether the broker is RabbitMQ before 4.0. It ends the session on the outcome `modified`, and
    /// exceeds the credit if more is granted while messages are on their way.
    is_old_rabbitmq: bool,
    warning: Arc<Once>,
}

/// Credit that is granted besides the client's count.
struct Credit {
    /// How many messages may come.
    wanted: u32,
    /// How many deliveries the broker has aborted. Each used credit, which the client does not count.
    aborted: watch::Receiver<u32>,
    /// How many of them were considered.
    seen: u32,
    /// Whether the client has counted a grant that is not sent yet.
    is_owed: bool,
}

/// Settles a message, and renews its lock.
#[derive(Clone)]
pub(super) struct Tag {
    info: DeliveryInfo,
    lock: Option<LockToken>,
}

impl From<Tag> for DeliveryInfo {
    fn from(tag: Tag) -> Self {
        tag.info
    }
}

type Taken = Result<Delivery<WireBody>, RecvError>;

impl Source {
    /// Returns the next delivery of the link. Cancel-safe.
    async fn read(&mut self) -> Result<Arrived<Tag>, Error> {
        loop {
            let seen = self.credit.seen;
            // A link does not always hear that its connection is lost, and never that a delivery was aborted.
            tokio::select! {
                biased;
                taken = self.link.recv() => return self.arrived(taken),
                () = self.connected.ended() => return Err(failure::disconnected("the connection was lost")),
                true = async { self.credit.aborted.wait_for(|aborted| *aborted != seen).await.is_ok() } => {}
            }
            self.grant().await?;
        }
    }

    /// Grants credit again when half of it is used, or all of it for RabbitMQ before 4.0. Cancel-safe.
    async fn grant(&mut self) -> Result<(), Error> {
        let Credit { wanted, .. } = self.credit;
        let aborted = *self.credit.aborted.borrow();
        let kept = number(self.kept.len());
        let left = self.link.credit().saturating_sub(aborted).saturating_add(kept);
        if self.credit.is_owed || is_due(wanted, left, self.is_old_rabbitmq) {
            // The client grants from a delivery count without the aborted ones.
            let credit = wanted.saturating_sub(kept).saturating_add(aborted);
            self.credit.is_owed = true;
            self.link.set_credit(credit).await.map_err(failure::dispose)?;
            self.credit.is_owed = false;
        }
        self.credit.seen = aborted;
        Ok(())
    }

    fn arrived(&self, taken: Taken) -> Result<Arrived<Tag>, Error> {
        match taken {
            Ok(delivery) => {
                let (info, message): (_, WireMessage) = delivery.into_parts();
                let failed = message.header.as_ref().map_or(0, |header| header.delivery_count);
                let message = ReceivedMessage::from(message).at(&self.topic);
                if message.is_of_stream() {
                    self.warning.call_once(|| {
                        tracing::warn!(
                            address = %self.topic,
                            "a message says that this is a stream of RabbitMQ: a receiver begins at its end at each connection, and what is not \
                             accepted then is lost; bind a queue, and receive from that"
                        );
                    });
                }
                let decoded = decode::message(&message, &self.decoding);
                let tag = self.tag(info, Some(&message));
                let received = Received::new(decoded, message);
                Ok(Arrived { received, tag, attempt: failed.saturating_add(1) })
            }
            Err(RecvError::MessageDecode(error)) => {
                tracing::debug!(error = %error.source, "received an invalid AMQP message");
                let said = Error::new(ErrorKind::InvalidDocument)
                    .with_detail(format!("it is not an AMQP message: {}", error.source));
                let mut raw = Raw::default();
                raw.topic = Some(Arc::clone(&self.topic));
                raw.lacks_body = true;
                Ok(Arrived {
                    received: Received::new(Err(said), raw),
                    tag: self.tag(error.info, None),
                    attempt: 1,
                })
            }
            Err(error) => {
                // The client waits for the broker to end the link, and fails at more of the message that comes first, as from RabbitMQ 3.
                if let RecvError::MessageSizeExceeded(_)
                | RecvError::LinkStateError(LinkStateError::IllegalState) = error
                {
                    self.limit.exceeded();
                }
                Err(failure::receive(error))
            }
        }
    }

    /// Renews the locks of kept deliveries, after a quarter of their time.
    ///
    /// The task calls this at least at each half of the time, to renew the locks of messages that are held meanwhile. It renews a message
    /// itself half of the time after it was handed over.
    async fn renew_kept(&mut self) -> Result<(), Error> {
        let Some((lock, _)) = self.locks.as_ref().filter(|_| !self.kept.is_empty()) else { return Ok(()) };
        if self.renewed.elapsed().saturating_mul(4) < *lock {
            return Ok(());
        }
        self.renewed = Instant::now();
        self.extend(self.kept.iter().map(|arrived| arrived.tag.clone()).collect()).await
    }

    fn tag(&self, info: DeliveryInfo, message: Option<&ReceivedMessage>) -> Tag {
        let lock = match (&self.locks, message) {
            (Some(_), Some(message)) => LockToken::of(info.delivery_tag(), message),
            _ => None,
        };
        Tag { info, lock }
    }
}

impl QueueSource for Source {
    type Tag = Tag;

    const ARRIVES_LATE: bool = true;

    fn capabilities(&self) -> ReceiverCapabilities {
        let mut capabilities = ReceiverCapabilities::queue();
        if self.is_old_rabbitmq {
            capabilities.counts = cloudevents_transport::By::None;
        }
        if let Some((lock, _)) = &self.locks {
            capabilities.extends = Extends::Every(*lock);
        }
        capabilities
    }

    /// Credit is never withdrawn: the client fails on a message that arrives without credit.
    async fn allow(&mut self, room: Bounds) -> Result<(), Error> {
        self.renew_kept().await?;
        self.credit.wanted = number(room.messages);
        self.grant().await
    }

    /// Late messages are released: no credit is granted for them, nor for deliveries that are aborted meanwhile.
    async fn stop(&mut self) -> Result<(), Error> {
        (self.credit.wanted, self.credit.is_owed) = (0, false);
        Ok(())
    }

    fn position(tag: &Tag) -> u64 {
        tag.info.delivery_id().into()
    }

    async fn next(&mut self) -> Result<Arrived<Tag>, Error> {
        let arrived = match self.kept.pop_front() {
            Some(arrived) => arrived,
            None => self.read().await?,
        };
        self.credit.wanted = self.credit.wanted.saturating_sub(1); // others may follow before `allow`
        Ok(arrived)
    }

    /// Only reading shows that the broker has ended the link. The messages before that were within the credit, and are
    /// in the client already.
    async fn tend(&mut self) -> Error {
        loop {
            match self.read().await {
                Ok(arrived) => self.kept.push_back(arrived),
                Err(error) => return error,
            }
        }
    }

    /// Returns when the disposition is on its way. AMQP does not confirm a receiver's settlements.
    async fn settle(&mut self, tags: Vec<Tag>, how: Settlement) -> Result<Outcome, Error> {
        self.has_settled |= matches!(how, Settlement::Accept | Settlement::Reject { .. });
        let disposed = match how {
            Settlement::Accept => self.link.accept_all(tags).await,
            Settlement::Reject { reason, .. } => self.link.reject_all(tags, rejection(&reason)).await,
            Settlement::Retry { .. } if !self.is_old_rabbitmq => {
                let failed = Modified {
                    delivery_failed: Some(true),
                    undeliverable_here: None,
                    message_annotations: None,
                };
                self.link.modify_all(tags, failed).await
            }
            _ => self.link.release_all(tags).await,
        };
        disposed.map(|()| Outcome::done()).map_err(failure::dispose)
    }

    fn unconfirmed(&self) -> Option<String> {
        self.has_settled.then(|| "messages that were settled last".into())
    }

    /// Returns when the renewals are requested.
    async fn extend(&mut self, tags: Vec<Tag>) -> Result<(), Error> {
        let Some((_, locks)) = &self.locks else { return Ok(()) };
        tags.iter().filter_map(|tag| tag.lock).try_for_each(|lock| locks.renew(lock))
    }

    /// Releases the messages that arrived meanwhile, and waits for the broker to end the link, having read
    /// every settlement.
    async fn close(mut self) -> Result<(), Error> {
        let kept = std::mem::take(&mut self.kept).into_iter().map(|arrived| arrived.tag);
        self.link.release_all(kept).await.map_err(failure::dispose)?;
        while let Some(Ok(delivery)) = unconstrained(self.link.recv::<WireBody>()).now_or_never() {
            self.link.release(&delivery).await.map_err(failure::dispose)?;
        }
        let detached = timeout(FAREWELL, self.link.close()).await;
        match (detached, self.connected.close().await) {
            // RabbitMQ before 4.0 answers that the link is detached, not closed, which the client does not
            // accept.
            (Ok(Err(DetachError::IllegalState)), true) => Ok(()),
            (Ok(detached), _) => detached.map_err(failure::detach),
            (Err(_), _) => Err(Error::new(ErrorKind::Timeout)
                .with_detail(format!("the broker did not end the link within {FAREWELL:?}"))),
        }
    }
}

fn number(messages: usize) -> u32 {
    u32::try_from(messages).unwrap_or(u32::MAX)
}

/// Whether to grant more credit, given how much is left.
fn is_due(wanted: u32, left: u32, is_old_rabbitmq: bool) -> bool {
    let enough = if is_old_rabbitmq { 0 } else { wanted / 2 };
    wanted > left && left <= enough
}

/// Such a broker lists its outcomes, without `modified`.
fn is_old_rabbitmq(source: Option<&messaging::Source>) -> bool {
    let Some(outcomes) = source.and_then(|source| source.outcomes.as_ref()) else { return false };
    outcomes.iter().all(|outcome| outcome.as_str() != "amqp:modified:list")
}

/// Returns the reason as the description, and in the fields that Azure Service Bus reads.
fn rejection(reason: &str) -> definitions::Error {
    let mut end = reason.len().min(REASON);
    while !reason.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    let reason = reason.get(..end).unwrap_or_default();
    let mut fields = Fields::new();
    fields.insert(Symbol::from("DeadLetterReason"), Value::String("rejected".into()));
    fields.insert(Symbol::from("DeadLetterErrorDescription"), Value::String(reason.into()));
    definitions::Error::new(AmqpError::PreconditionFailed, Some(reason.to_owned()), Some(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_is_given_again_before_it_ends_unless_that_is_too_early() {
        assert!(is_due(10, 5, false) && !is_due(10, 6, false) && !is_due(0, 0, false));
        assert!(is_due(10, 0, true) && !is_due(10, 1, true) && !is_due(0, 0, true));
        assert!(is_due(1, 0, false) && !is_due(1, 1, false) && !is_due(3, 9, false));
    }

    #[test]
    fn old_rabbitmq_is_known_by_its_outcomes() {
        let naming = |outcomes: Option<&[&str]>| {
            let symbols = outcomes.map(|names| names.iter().copied().map(Symbol::from).collect::<Vec<_>>());
            is_old_rabbitmq(Some(&messaging::Source {
                outcomes: symbols.map(Into::into),
                ..Default::default()
            }))
        };
        assert!(!naming(None) && !is_old_rabbitmq(None));
        assert!(!naming(Some(&["amqp:accepted:list", "amqp:modified:list"])));
        assert!(naming(Some(&["amqp:accepted:list", "amqp:rejected:list", "amqp:released:list"])));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let error = rejection(&"ä".repeat(1000));
        assert_eq!(error.description.unwrap(), "ä".repeat(512));
        assert_eq!(rejection("short").description.unwrap(), "short");
    }
}
