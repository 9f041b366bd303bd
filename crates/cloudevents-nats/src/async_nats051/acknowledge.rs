//! Settlements, which are messages to the subjects that came with the deliveries.

use super::{
    connection::Connected,
    failure,
    position::{Incarnation, Position},
    tag::{Delivered, Tag},
};
use async_nats::Subject;
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Outcome, Settlement};
use futures_util::future::join_all;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The settlement that accepts a message.
const ACCEPTED: &[u8] = b"+ACK";

/// How many bytes of a rejection's reason are sent.
const REASON: usize = 128;

/// The longest delay of a retry. The server counts delays in nanoseconds, and a longer delay than it can count would be no delay.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// How the subjects of settlements begin.
const SUBJECTS: &str = "$JS.ACK.";

/// For how many messages the releases are remembered.
const REMEMBERED: usize = 65_536;

/// Settles deliveries of one consumer.
pub(super) struct Acknowledge {
    /// Whether the server takes a reason with a termination.
    pub(super) has_reasons: bool,
    /// Whether the server confirms settlements, and how long it may take.
    pub(super) double_ack: Option<Duration>,
    pub(super) released: Arc<Released>,
    pub(super) position: Arc<Position>,
    /// The current consumer of this receiver.
    pub(super) consumer: Incarnation,
    /// How often it delivers a message, at most.
    pub(super) deliveries: u32,
}

impl Acknowledge {
    /// Notes a delivery. Returns the tag that settles it, and the number of its attempt.
    pub(super) fn delivered(&self, delivered: &Delivered, subject: Subject) -> (Tag, u32) {
        self.position.delivered(delivered.sequence, delivered.stored);
        let tag = Tag {
            subject,
            sequence: delivered.sequence,
            consumer: self.consumer,
            times: delivered.times,
            is_unparsed: false,
        };
        let attempt = self.released.attempt(key(&tag), delivered.times);
        (tag, attempt)
    }

    /// Settles deliveries that are all of one consumer, and were delivered as often.
    ///
    /// Returns when the settlements are on their way. With double acknowledgement, the outcome is the server's confirmation.
    pub(super) async fn settle(
        &self,
        connected: &Connected,
        tags: Vec<Tag>,
        how: Settlement,
    ) -> Result<Outcome, Error> {
        if !tags.iter().all(|tag| self.is_of_consumer(tag)) {
            let is_continued = tags.iter().all(|tag| tag.consumer.number == self.consumer.number);
            let comes_again = matches!(how, Settlement::Release | Settlement::Retry { .. });
            return Ok(Outcome::ready(match is_continued && comes_again {
                true => Ok(()), // by itself
                false => Err(failure::disconnected(
                    "the consumer of this delivery is gone; if the stream is there, the message comes again",
                )),
            }));
        }
        let payload = match how {
            Settlement::Release if tags.iter().any(|tag| tag.is_unparsed) => later(),
            _ => payload(&how, self.has_reasons),
        };
        let refused = connected.notes.mark_below(SUBJECTS);
        match how {
            // It is sent all the same: an operator may have raised the limit, and servers do not report that.
            Settlement::Retry { .. } if tags.iter().any(|tag| tag.times >= self.deliveries) => {
                let error = failure::last_delivery(self.deliveries);
                let told = self.publish(connected, tags, payload, refused).await?;
                return Ok(Outcome::watching(async move { told.await.and(Err(error)) }));
            }
            Settlement::Release => tags.iter().for_each(|tag| self.released.release(key(tag))),
            Settlement::Retry { .. } => {}
            // A message is not settled if the server refuses its settlement.
            _ if refused.is_some() => {
                let (released, position) = (Arc::clone(&self.released), Arc::clone(&self.position));
                let taken = self.publish(connected, tags.clone(), payload, refused).await?;
                return Ok(Outcome::watching(async move {
                    taken.await?;
                    settled(&tags, &released, &position);
                    Ok(())
                }));
            }
            _ => settled(&tags, &self.released, &self.position),
        }
        self.publish(connected, tags, payload, refused).await
    }

    /// Publishes settlements that may have been lost with their connection. The server knows a message that is settled by its number, and
    /// does nothing about it.
    pub(super) async fn again(
        &self,
        connected: &Connected,
        settled: Vec<(Tag, Settlement)>,
    ) -> Result<(), Error> {
        for (tag, how) in settled.into_iter().filter(|(tag, _)| self.is_of_consumer(tag)) {
            let payload = payload(&how, self.has_reasons);
            connected.client.publish(tag.subject, payload).await.map_err(failure::publish)?;
        }
        Ok(())
    }

    pub(super) async fn extend(&self, connected: &Connected, tags: Vec<Tag>) -> Result<(), Error> {
        for tag in tags.into_iter().filter(|tag| self.is_of_consumer(tag)) {
            let client = &connected.client;
            client.publish(tag.subject, Bytes::from_static(b"+WPI")).await.map_err(failure::publish)?;
        }
        Ok(())
    }

    /// Whether it is a delivery of this consumer, and not of another or an earlier one.
    ///
    /// The server knows a delivery by its sequence number alone. In another stream of the same name, another message has this number. Some
    /// versions of the server begin a consumer that was made again behind it.
    fn is_of_consumer(&self, tag: &Tag) -> bool {
        tag.consumer == self.consumer
    }

    /// Publishes a settlement for each tag.
    ///
    /// `refused` is set if the server has refused settlements until this mark. Then the outcome is the server's report about these.
    async fn publish(
        &self,
        connected: &Connected,
        tags: Vec<Tag>,
        payload: Bytes,
        refused: Option<u64>,
    ) -> Result<Outcome, Error> {
        let client = &connected.client;
        let Some(limit) = self.double_ack else {
            for tag in tags {
                client.publish(tag.subject, payload.clone()).await.map_err(failure::publish)?;
            }
            let Some(mark) = refused else { return Ok(Outcome::done()) };
            let connected = connected.clone();
            return Ok(Outcome::watching(async move {
                connected.refuses_below(SUBJECTS, mark).await?.map_or(Ok(()), |error| Err(forbidden(error)))
            }));
        };
        let (connected, notes) = (connected.clone(), connected.notes.clone());
        let mark = notes.count();
        Ok(Outcome::watching(async move {
            // All of them, also behind an error: the others are answered, too.
            let confirming = join_all(tags.into_iter().map(|tag| {
                let request = async_nats::Request::new().payload(payload.clone());
                connected.request(tag.subject, request, limit)
            }));
            tokio::select! {
                biased;
                confirmed = confirming => {
                    let first = confirmed.into_iter().find_map(Result::err);
                    first.map_or(Ok(()), |error| Err(match error.kind() {
                        ErrorKind::Timeout => error.with_detail("the server did not confirm a settlement in time"),
                        ErrorKind::Refused => error.with_detail("the consumer is gone"),
                        _ => error,
                    }))
                }
                error = notes.refused_below(SUBJECTS, mark) => Err(forbidden(error)),
                error = notes.lost() => Err(error),
            }
        }))
    }
}

/// These messages will not come again.
fn settled(tags: &[Tag], released: &Released, position: &Position) {
    for tag in tags {
        released.forget(key(tag));
        position.settled(tag.sequence);
    }
}

/// Returns the payload of a settlement.
fn payload(how: &Settlement, has_reasons: bool) -> Bytes {
    match how {
        Settlement::Accept => Bytes::from_static(ACCEPTED),
        Settlement::Release => Bytes::from_static(b"-NAK"),
        Settlement::Retry { after } if after.is_zero() => Bytes::from_static(b"-NAK"),
        Settlement::Retry { after } => {
            format!(r#"-NAK {{"delay":{}}}"#, after.min(&LONGEST).as_nanos()).into()
        }
        Settlement::Reject { reason, .. } if has_reasons => format!("+TERM {}", one_line(reason)).into(),
        _ => Bytes::from_static(b"+TERM"),
    }
}

/// Releases a message that ends the connection over which it comes: not before the others are released, or the receiver has ended.
fn later() -> Bytes {
    payload(&Settlement::Retry { after: Duration::from_secs(1) }, true)
}

fn forbidden(error: Error) -> Error {
    error.with_help("allow the user to publish to `$JS.ACK.>`, or to what of it is of this consumer")
}

/// How often this process released each message. JetStream counts each delivery, also of released messages. The deliveries of messages that
/// other receivers released are counted. The numbers start again when the consumer is made again.
#[derive(Default)]
pub(super) struct Released(Mutex<BTreeMap<Key, u32>>);

/// Which consumer delivered a message, and its number in the stream.
type Key = (u64, u64);

fn key(tag: &Tag) -> Key {
    (tag.consumer.made, tag.sequence)
}

impl Released {
    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<Key, u32>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn release(&self, message: Key) {
        self.with(|released| {
            let times = released.entry(message).or_default();
            *times = times.saturating_add(1);
            if released.len() > REMEMBERED {
                released.pop_first(); // the oldest message
            }
        });
    }

    fn forget(&self, message: Key) {
        self.with(|released| released.remove(&message));
    }

    /// Which attempt this delivery is.
    fn attempt(&self, message: Key, delivered: u32) -> u32 {
        let released = self.with(|released| released.get(&message).copied().unwrap_or_default());
        delivered.saturating_sub(released).max(1)
    }
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
    use super::{
        super::options::{NatsConnection, Target},
        *,
    };
    use cloudevents_transport::Endpoint;

    #[test]
    fn releases_are_no_attempts() {
        let released = Released::default();
        assert_eq!(released.attempt((1, 7), 1), 1);
        released.release((1, 7));
        released.release((1, 7));
        assert_eq!([(1, 7), (1, 8), (2, 7)].map(|message| released.attempt(message, 3)), [1, 3, 3]);
        released.forget((1, 7));
        assert_eq!(released.attempt((1, 7), 6), 6);
        for sequence in 0..70_000 {
            released.release((1, sequence));
        }
        assert_eq!(released.with(|released| released.len()), REMEMBERED);
    }

    /// Rights may be given back while the connection lasts. Otherwise a consumer that is made again would begin here for good.
    #[tokio::test]
    async fn what_is_taken_after_a_refusal_is_settled() {
        let server = cloudevents_testkit::nats::Server::start().unwrap();
        let endpoint = Endpoint::parse(&server.url("t")).unwrap();
        let target =
            Target::new(&endpoint, NatsConnection::default(), cloudevents_transport::Side::Both).unwrap();
        let connected = Connected::begin(&target, &target.hosts[0], 1).await.unwrap();
        let acknowledge = Acknowledge {
            has_reasons: true,
            double_ack: None,
            released: Arc::default(),
            position: Arc::default(),
            consumer: Incarnation::default(),
            deliveries: u32::MAX,
        };
        acknowledge.position.delivered(7, std::time::SystemTime::now());
        let forbidden = r#"Permissions Violation for Publish to "$JS.ACK.S.c.1.6.1.1.0""#.to_owned();
        connected.notes.note(async_nats::Event::ServerError(async_nats::ServerError::Other(forbidden)));
        let tag = Tag {
            subject: "$JS.ACK.S.c.1.7.1.1.0".into(),
            sequence: 7,
            consumer: Incarnation::default(),
            times: 1,
            is_unparsed: false,
        };
        acknowledge.settle(&connected, vec![tag], Settlement::Accept).await.unwrap().await.unwrap();
        assert_eq!(acknowledge.position.first().map(|(first, _)| first), Some(8));
    }

    /// It was delivered over another connection, and the limit was raised or set since.
    #[tokio::test]
    async fn whether_a_delivery_is_the_last_one_is_as_the_consumer_is_now() {
        let server = cloudevents_testkit::nats::Server::start().unwrap();
        let endpoint = Endpoint::parse(&server.url("t")).unwrap();
        let target =
            Target::new(&endpoint, NatsConnection::default(), cloudevents_transport::Side::Both).unwrap();
        let connected = Connected::begin(&target, &target.hosts[0], 1).await.unwrap();
        let of = |deliveries| Acknowledge {
            has_reasons: true,
            double_ack: None,
            released: Arc::default(),
            position: Arc::default(),
            consumer: Incarnation::default(),
            deliveries,
        };
        let subject = "$JS.ACK.S.c.2.7.1.1.0";
        let delivered = Delivered::parse(subject, &mut None).unwrap();
        for (then, now, refused) in [(2, u32::MAX, false), (u32::MAX, 2, true)] {
            let (tag, _) = of(then).delivered(&delivered, subject.into());
            let how = Settlement::Retry { after: Duration::ZERO };
            let settled = of(now).settle(&connected, vec![tag], how).await.unwrap().await;
            let kind = settled.err().map(|error| error.kind());
            assert_eq!(kind, refused.then_some(ErrorKind::Refused));
        }
    }

    /// The server reads nanoseconds as a signed number of 64 bits.
    #[test]
    fn a_delay_is_one_that_the_server_can_read() {
        let delay = |after| payload(&Settlement::Retry { after }, true);
        assert_eq!(delay(Duration::from_millis(1)), r#"-NAK {"delay":1000000}"#);
        let longest = String::from_utf8(delay(Duration::MAX).to_vec()).unwrap();
        let longest = longest.trim_start_matches(r#"-NAK {"delay":"#).trim_end_matches('}');
        assert!(longest.parse::<i64>().unwrap() > 0);
    }

    #[test]
    fn reasons_have_one_line() {
        assert_eq!(one_line("a\r\nb"), "a  b");
        assert_eq!(one_line(&"ä".repeat(100)), "ä".repeat(64));
    }
}
