//! The facts of JetStream about a delivery, in the subject that settles it.

use super::position::Incarnation;
use async_nats::Subject;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Identifies a delivery of JetStream for settling. It is valid over any connection, as long as the consumer is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// The subject at which the server expects the settlement.
    pub(super) subject: Subject,
    /// The sequence number of the message in the stream.
    pub(super) sequence: u64,
    /// The consumer that has delivered it.
    pub(super) consumer: Incarnation,
    /// How often the consumer has delivered it, this time included.
    pub(super) times: u32,
    /// Whether the client ends the connection over which it comes.
    pub(super) is_unparsed: bool,
}

/// The origin of a message of JetStream, and how often it was delivered.
///
/// ```no_run
/// use cloudevents_nats::async_nats051::ReceivedMessage;
///
/// # async fn example(mut receiver: cloudevents_transport::Receiver) -> Result<(), cloudevents_core::Error> {
/// let Some(delivery) = receiver.next().await? else { return Ok(()) };
/// if let Some(delivered) = delivery.native().and_then(|message: &ReceivedMessage| message.delivered.as_ref()) {
///     println!("{} of {}, {} more", delivered.sequence, delivered.stream, delivered.pending);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivered {
    /// The stream.
    pub stream: Arc<str>,
    /// The consumer.
    pub consumer: Arc<str>,
    /// How often it was delivered, this time included.
    pub times: u32,
    /// Its sequence number in the stream.
    pub sequence: u64,
    /// The number of this delivery among the deliveries of the consumer.
    pub consumer_sequence: u64,
    /// When the stream stored it.
    pub stored: SystemTime,
    /// How many messages of the consumer were not yet delivered.
    pub pending: u64,
}

impl Delivered {
    /// Reads the reply subject of a delivery, in the form of servers before 2.10 or since (ADR-15 of NATS):
    ///
    /// ```text
    /// $JS.ACK.<stream>.<consumer>.<times>.<sequence>.<consumer sequence>.<nanoseconds>.<pending>
    /// $JS.ACK.<domain>.<account>.<stream>.<consumer>.<times>....<pending>[.<random token>]
    /// ```
    ///
    /// The names are shared with the delivery before, which is of the same origin in general.
    pub(super) fn parse(reply: &str, last: &mut Option<Origin>) -> Option<Self> {
        let mut tokens = [""; 12];
        let mut count = 0_usize;
        for (token, part) in tokens.iter_mut().zip(reply.strip_prefix("$JS.ACK.")?.splitn(12, '.')) {
            *token = part;
            count = count.saturating_add(1);
        }
        let from = match count {
            7 => 0,
            9.. => 2,
            _ => return None,
        };
        let token = |at: usize| tokens.get(at.checked_add(from)?).copied();
        let number = |at: usize| token(at)?.parse::<u64>().ok();
        let (stream, consumer) = (token(0)?, token(1)?);
        let known = last.take().filter(|known| *known.stream == *stream && *known.consumer == *consumer);
        let origin = known.unwrap_or_else(|| Origin { stream: stream.into(), consumer: consumer.into() });
        let origin = last.insert(origin);
        Some(Self {
            stream: Arc::clone(&origin.stream),
            consumer: Arc::clone(&origin.consumer),
            times: u32::try_from(number(2)?).unwrap_or(u32::MAX),
            sequence: number(3)?,
            consumer_sequence: number(4)?,
            stored: SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(number(5)?))?,
            pending: number(6)?,
        })
    }
}

/// The subject that settles a delivery that did not arrive. It has the form of the subject of a delivery that did arrive, if there is one.
///
/// The server knows the delivery by the number of its message alone.
pub(super) fn settling(known: Option<&str>, stream: &str, consumer: &str, sequence: u64) -> String {
    let tokens: Vec<_> = known.unwrap_or_default().split('.').collect();
    let (begin, end) = match tokens.as_slice() {
        [_, _, domain, account, _, _, _, _, _, _, _, more @ ..] => {
            (format!("{domain}.{account}."), more.iter().map(|token| format!(".{token}")).collect())
        }
        _ => (String::new(), String::new()),
    };
    format!("$JS.ACK.{begin}{stream}.{consumer}.1.{sequence}.{sequence}.0.0{end}")
}

/// The names in a delivery.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    stream: Arc<str>,
    consumer: Arc<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        let old =
            Delivered::parse("$JS.ACK.ORDERS.billing.2.42.50.1700000000000000001.7", &mut None).unwrap();
        assert_eq!((&*old.stream, &*old.consumer, old.times), ("ORDERS", "billing", 2));
        assert_eq!((old.sequence, old.consumer_sequence, old.pending), (42, 50, 7));
        let since = old.stored.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(since, Duration::from_nanos(1_700_000_000_000_000_001));
        for reply in [
            "$JS.ACK._.hash.ORDERS.billing.2.42.50.1700000000000000001.7",
            "$JS.ACK.hub.hash.ORDERS.billing.2.42.50.1700000000000000001.7.random",
            "$JS.ACK.hub.hash.ORDERS.billing.2.42.50.1700000000000000001.7.random.later.more",
        ] {
            assert_eq!(Delivered::parse(reply, &mut None).as_ref(), Some(&old), "{reply}");
        }
    }

    #[test]
    fn what_did_not_arrive_is_settled_as_what_did() {
        for (known, expected) in [
            (None, "$JS.ACK.S.c.1.7.7.0.0"),
            (Some("$JS.ACK.S.c.2.42.50.1700000000000000001.7"), "$JS.ACK.S.c.1.7.7.0.0"),
            (Some("$JS.ACK.hub.hash.S.c.2.42.50.17.7"), "$JS.ACK.hub.hash.S.c.1.7.7.0.0"),
            (Some("$JS.ACK.hub.hash.S.c.2.42.50.17.7.random"), "$JS.ACK.hub.hash.S.c.1.7.7.0.0.random"),
        ] {
            let subject = settling(known, "S", "c", 7);
            assert_eq!(subject, expected);
            assert_eq!(Delivered::parse(&subject, &mut None).unwrap().sequence, 7);
        }
    }

    #[test]
    fn names_are_shared_while_they_are_equal() {
        let mut last = None;
        let mut parse = |reply| Delivered::parse(reply, &mut last).unwrap();
        let (first, second) = (parse("$JS.ACK.S.c.1.1.1.1.1"), parse("$JS.ACK.S.c.1.2.2.2.0"));
        assert!(Arc::ptr_eq(&first.stream, &second.stream) && second.sequence == 2);
        assert_eq!(&*parse("$JS.ACK.S.d.1.2.2.2.0").consumer, "d");
        assert_eq!(&*parse("$JS.ACK.T.d.1.2.2.2.0").stream, "T");
    }

    #[test]
    fn what_is_none() {
        for reply in [
            "",
            "_INBOX.x",
            "$JS.ACK.",
            "$JS.ACK.S.c.1.2.3.4",
            "$JS.ACK.S.c.1.2.3.4.5.6",
            "$JS.ACK.S.c.x.2.3.4.5",
            "$JS.ACK.S.c.-1.2.3.4.5",
            "$JS.ACK.S.c.1.99999999999999999999.3.4.5",
        ] {
            assert_eq!(Delivered::parse(reply, &mut None), None, "{reply}");
        }
    }
}
