//! The consumer of JetStream that a receiver takes messages from.

use super::{
    failure,
    last::first_of_last,
    options::unsupported,
    position::{Incarnation, Position},
};
use async_nats::jetstream::{
    Context, ErrorCode,
    consumer::{AckPolicy, Consumer, DeliverPolicy, pull},
    context::{GetStreamByNameErrorKind, RequestError, RequestErrorKind},
    stream::{ConsumerError, ConsumerErrorKind},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::Bounds;
use std::{
    iter::successors,
    time::{Duration, SystemTime},
};

/// The messages with which a new consumer begins.
///
/// ```
/// use cloudevents_nats::async_nats051::{DeliverFrom, NatsReceiverOptions};
///
/// let mut options = NatsReceiverOptions::default();
/// options.deliver = DeliverFrom::New;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeliverFrom {
    /// All messages in the stream.
    #[default]
    All,
    /// Messages that are stored after the consumer was created.
    New,
    /// Messages that were stored at this time or later.
    Since(SystemTime),
    /// So many that are the last ones when the consumer is created, and those stored after that.
    Last(u64),
}

/// Which consumer, and how it is created if it does not exist.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Without one, the stream that has the subject.
    pub(super) stream: Option<String>,
    pub(super) name: String,
    /// Whether it outlives this receiver.
    pub(super) durable: bool,
    /// Empty for all subjects of the stream.
    pub(super) subject: String,
    pub(super) ack_wait: Duration,
    pub(super) deliver: DeliverFrom,
}

/// A consumer that exists.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) stream: String,
    /// Whether it existed before.
    pub(super) existed: bool,
    /// How long a message may be held without a renewal.
    pub(super) renewed: Duration,
    /// The most that one request may have.
    pub(super) most: Bounds,
    /// How often it delivers a message, at most. An operator may change that meanwhile, and servers do not report it.
    pub(super) deliveries: u32,
    /// How long the server may keep a request, at most.
    pub(super) expires: Duration,
    /// The identity of the consumer among the consumers that this receiver has had.
    pub(super) consumer: Incarnation,
    /// The longest time after which it delivers a message again that was not settled.
    pub(super) longest: Duration,
    /// How many messages it has delivered that are not settled.
    pub(super) unsettled: usize,
    /// Everything up to this message is settled.
    pub(super) floor: u64,
    /// The last message that it has delivered.
    pub(super) delivered: u64,
}

/// How long a consumer without a name is kept while no receiver is connected. A work queue keeps the next one out until then.
const INACTIVE: Duration = Duration::from_secs(300);

impl Wanted {
    /// Returns the consumer, and creates it if it does not exist. A consumer that exists does not change.
    ///
    /// A consumer of this receiver alone may be gone, for example because the receiver was away for long. Then it is created at the
    /// receiver's position: it neither begins anew nor leaves out messages that came meanwhile. A consumer with a name may have other
    /// receivers, of which this receiver knows nothing.
    pub(super) async fn find(&self, context: &Context, position: &Position) -> Result<Found, Error> {
        let stream = match &self.stream {
            Some(stream) => stream.clone(),
            None => context.stream_by_subject(self.subject.as_str()).await.map_err(no_stream)?,
        };
        let existing = context.get_consumer_from_stream::<pull::Config, _, _>(&self.name, &stream).await;
        let (mut continues, existed) = (false, existing.is_ok());
        let consumer = match existing {
            Ok(consumer) => consumer,
            Err(error) if is_missing(&error) => {
                let mut config = self.config();
                if !self.durable
                    && let Some(first) = continued(context, &stream, position).await?
                {
                    tracing::info!(
                        stream,
                        first,
                        "the consumer is gone; a new one begins where this receiver is"
                    );
                    continues = true;
                    config.deliver_policy = DeliverPolicy::ByStartSequence { start_sequence: first };
                } else if let DeliverFrom::Last(count @ 1..) = self.deliver {
                    let first = first_of_last(context, &stream, &self.subject, count).await?;
                    config.deliver_policy = DeliverPolicy::ByStartSequence { start_sequence: first };
                }
                let created = context.create_consumer_on_stream(config, &stream).await;
                let created = created.map_err(failure::consumer)?;
                let info = created.cached_info();
                position.begins(info.delivered.stream_sequence, info.created.into());
                created
            }
            Err(error) => return Err(failure::consumer(error)),
        };
        let (ack_wait, most) = self.check(&consumer)?;
        let info = consumer.cached_info();
        let most_times = u32::try_from(info.config.max_deliver).ok().filter(|most| *most > 0);
        let deliveries = most_times.unwrap_or(u32::MAX);
        let expires = Some(info.config.max_expires).filter(|most| !most.is_zero()).unwrap_or(Duration::MAX);
        Ok(Found {
            stream,
            existed,
            renewed: self.renewed(ack_wait),
            most,
            deliveries,
            expires,
            consumer: position.consumer(info.created.into(), continues),
            longest: info.config.backoff.iter().copied().max().unwrap_or(ack_wait),
            unsettled: info.num_ack_pending,
            floor: info.ack_floor.stream_sequence,
            delivered: info.delivered.stream_sequence,
        })
    }

    /// How long held messages may go without a renewal. Before 2.11.7, servers delete a consumer without a name if they hear nothing of it,
    /// even if its receiver holds messages.
    fn renewed(&self, ack_wait: Duration) -> Duration {
        if self.durable { ack_wait } else { ack_wait.min(INACTIVE) }
    }

    fn config(&self) -> pull::Config {
        pull::Config {
            durable_name: self.durable.then(|| self.name.clone()),
            name: (!self.durable).then(|| self.name.clone()),
            description: Some("created by cloudevents-nats".into()),
            deliver_policy: match self.deliver {
                DeliverFrom::All => DeliverPolicy::All,
                // Where the others of these begin, is looked up.
                DeliverFrom::New | DeliverFrom::Last(_) => DeliverPolicy::New,
                DeliverFrom::Since(time) => DeliverPolicy::ByStartTime { start_time: written(time).into() },
            },
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.ack_wait,
            filter_subject: self.subject.clone(),
            max_ack_pending: -1, // the receiver has bounds of its own
            inactive_threshold: if self.durable { Duration::ZERO } else { INACTIVE },
            ..pull::Config::default()
        }
    }

    fn check(&self, consumer: &Consumer<pull::Config>) -> Result<(Duration, Bounds), Error> {
        let config = &consumer.cached_info().config;
        if config.ack_policy != AckPolicy::Explicit {
            return Err(unsupported(
                "this consumer has another acknowledgement policy than `explicit`",
                "create another consumer",
            ));
        }
        if config.headers_only {
            return Err(unsupported(
                "this consumer leaves out the payloads of messages (`headers_only`)",
                "create another consumer",
            ));
        }
        let same = config.filter_subjects.is_empty() && config.filter_subject == self.subject;
        if !self.subject.is_empty() && !same {
            return Err(Error::new(ErrorKind::InvalidUrl)
                .with_detail("this consumer exists, and has another subject")
                .with_help("name another consumer, or leave out the subject: `/?stream=...&consumer=...`"));
        }
        // Each delivery of a message has its own of `backoff`.
        let ack_wait = match (config.ack_wait, config.backoff.iter().min()) {
            (_, Some(least)) => *least,
            (Duration::ZERO, None) => Duration::from_secs(30), // the server's default
            (given, None) => given,
        };
        let most = |most: i64, unless| usize::try_from(most).ok().filter(|most| *most > 0).unwrap_or(unless);
        let messages = most(config.max_batch, usize::MAX);
        Ok((ack_wait, Bounds { messages, bytes: most(config.max_bytes, usize::MAX) }))
    }
}

/// A time that can be written as RFC 3339 has it: within 1970 to 9999.
fn written(time: SystemTime) -> SystemTime {
    let latest = Duration::from_secs(253_402_300_799); // the last second of the year 9999
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().min(latest);
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The position at which a receiver continues in the stream. `None` if it has not begun, or the stream is another one.
async fn continued(context: &Context, stream: &str, position: &Position) -> Result<Option<u64>, Error> {
    let Some((first, known)) = position.first() else { return Ok(None) };
    let found = context.get_stream(stream).await.map_err(failure::stream)?;
    let info = found.cached_info();
    let is_same =
        SystemTime::from(info.created) <= known && info.state.last_sequence >= first.saturating_sub(1);
    if !is_same {
        tracing::warn!(stream, "the stream is another one; what comes is what a new consumer begins with");
        position.forget();
    }
    Ok(is_same.then_some(first))
}

fn is_missing(error: &ConsumerError) -> bool {
    matches!(error.kind(), ConsumerErrorKind::JetStream(error) if error.error_code() == ErrorCode::CONSUMER_NOT_FOUND)
}

pub(super) fn no_stream(error: async_nats::jetstream::context::GetStreamByNameError) -> Error {
    match error.kind() {
        GetStreamByNameErrorKind::NotFound => failure::refused("no stream has this subject")
            .with_help("create a stream with it, or name one: `stream=...`"),
        GetStreamByNameErrorKind::InvalidSubject => {
            Error::new(ErrorKind::InvalidUrl).with_detail("the path is not a subject")
        }
        GetStreamByNameErrorKind::JetStream(error) => failure::jetstream(&error),
        GetStreamByNameErrorKind::Request => {
            let sources = successors(std::error::Error::source(&error), |error| error.source());
            let mut failed = sources.filter_map(|error| error.downcast_ref::<RequestError>());
            match failed.any(|failed| failed.kind() == RequestErrorKind::NoResponders) {
                true => failure::no_jetstream("the server has no JetStream for this user"),
                false => failure::disconnected(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A renewal comes at half of the time. Servers before 2.11.7 delete a consumer that they hear nothing of; and one whose receiver was
    /// killed keeps the next one out of a work queue.
    #[test]
    fn a_consumer_is_not_deleted_while_handlers_hold_everything_nor_kept_for_long() {
        let times = |seconds, durable| {
            let wanted = Wanted {
                stream: None,
                name: "c".into(),
                durable,
                subject: "s".into(),
                ack_wait: Duration::from_secs(seconds),
                deliver: DeliverFrom::All,
            };
            (wanted.config().inactive_threshold.as_secs(), wanted.renewed(wanted.ack_wait).as_secs())
        };
        assert_eq!(
            [times(30, false), times(900, false), times(900, true)],
            [(300, 30), (300, 300), (0, 900)]
        );
    }
}
