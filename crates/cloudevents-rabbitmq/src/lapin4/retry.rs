//! Messages that are delivered again later: sent to a queue in which they wait.

use super::{
    destination::Destination,
    message::Parts,
    options::{QueueType, fixed, short},
    received::{ATTEMPT, ReceivedMessage},
    returns::NUMBER,
    sender::RabbitSender,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::Received;
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;

/// How long a wait queue outlives its last message. It is declared again at least once a minute while it is used.
///
/// Messages that it still has at its end are lost. They stay in a quorum queue as long as the broker cannot put them into their queue.
const UNUSED: Duration = Duration::from_secs(24 * 60 * 60);

/// The wait before a message returns to its queue after a retry could not be sent.
const PAUSE: Duration = Duration::from_secs(1);

/// The header with the `x-death` that a message had when it was received for the first time.
pub(super) const EARLIER: &str = "x-death-earlier";

/// Sends messages again.
pub(super) struct Retries {
    publisher: Arc<RabbitSender>,
    queue: Arc<str>,
    own: Destination,
    /// The type of the queues in which messages wait. `None` if they wait unsettled at the receiver.
    waiting: Option<QueueType>,
}

impl Retries {
    pub(super) fn new(
        publisher: Arc<RabbitSender>,
        queue: &Arc<str>,
        waiting: Option<QueueType>,
    ) -> Result<Self, Error> {
        Ok(Self { publisher, queue: Arc::clone(queue), own: Destination::queue(queue)?, waiting })
    }

    /// Whether messages wait at the broker.
    pub(super) fn waits_at_broker(&self) -> bool {
        self.waiting.is_some()
    }

    /// Sends a message again, to arrive after this time. Returns when the broker has confirmed it.
    pub(super) async fn again(
        &self,
        received: &Received,
        attempt: u32,
        after: Duration,
    ) -> Result<(), Error> {
        let Some(message) = received.native::<ReceivedMessage>() else {
            return Err(Error::new(ErrorKind::Unsupported).with_detail("a message of another protocol"));
        };
        let message = next_attempt(message, attempt);
        match self.waiting.filter(|_| !after.is_zero()) {
            None => self.publisher.send_as_it_is(&self.own, message, None).await,
            Some(queue_type) => {
                let delay = rounded(after);
                // A queue of another type has other properties, and so another name.
                let kind = if queue_type == QueueType::Classic { "retry" } else { "retry-quorum" };
                let name = short("the name of the wait queue", &format!("{}.{kind}.{delay}", self.queue))?;
                let destination = Destination { exchange: Default::default(), routing_key: name };
                let arguments = wait_arguments(queue_type, &self.queue, delay);
                self.publisher.send_as_it_is(&destination, message, Some(arguments)).await
            }
        }
    }
}

/// Returns an error after a pause. The message goes back to its queue then, and comes again at once. The operation that has just failed may
/// still fail.
pub(super) async fn late<T>(result: Result<T, Error>) -> Result<T, Error> {
    if result.is_err() {
        sleep(PAUSE).await;
    }
    result
}

/// The message as it was received, with the number of its next attempt. It no longer expires: its time has
/// passed in part, and would end the wait.
fn next_attempt(received: &ReceivedMessage, attempt: u32) -> Parts {
    let mut headers = kept_headers(received);
    headers.insert(fixed(ATTEMPT), AMQPValue::LongUInt(attempt.saturating_add(1)));
    Parts { headers, properties: kept(received), payload: received.body.clone() }
}

/// The headers without the counts of deliveries from one queue, and without `x-death`.
///
/// RabbitMQ before 4.0 respects an `x-death` that a client writes, and drops a message that expires towards a queue in which it has died
/// before. The `x-death` of the first attempt becomes [`EARLIER`]. Later, the wait queues have added their own.
pub(super) fn kept_headers(received: &ReceivedMessage) -> FieldTable {
    let mut kept = FieldTable::default();
    let headers = received.properties.headers().as_ref();
    let is_first = headers.is_none_or(|headers| !headers.contains_key(ATTEMPT));
    for (name, value) in headers.into_iter().flatten() {
        let name = match name.as_str() {
            ATTEMPT | NUMBER | "x-delivery-count" | "x-acquired-count" | "CC" | "BCC" => continue,
            "x-death" if is_first => fixed(EARLIER),
            "x-death" => continue,
            // Its position in a stream has no meaning in another queue.
            name if name.starts_with("x-stream-") => continue,
            _ => name.clone(),
        };
        // In the order of their names, so that the newer one comes first.
        if !kept.contains_key(name.as_str()) {
            kept.insert(name, value.clone());
        }
    }
    kept
}

/// The properties besides the headers, without expiry, and without the user, which the broker would compare
/// with that of this connection.
pub(super) fn kept(received: &ReceivedMessage) -> BasicProperties {
    let from = &received.properties;
    let mut to = BasicProperties::default();
    if let Some(value) = from.content_type() {
        to = to.with_content_type(value.clone());
    }
    if let Some(value) = from.content_encoding() {
        to = to.with_content_encoding(value.clone());
    }
    if let Some(value) = from.delivery_mode() {
        to = to.with_delivery_mode(*value);
    }
    if let Some(value) = from.priority() {
        to = to.with_priority(*value);
    }
    if let Some(value) = from.correlation_id() {
        to = to.with_correlation_id(value.clone());
    }
    if let Some(value) = from.reply_to() {
        to = to.with_reply_to(value.clone());
    }
    if let Some(value) = from.message_id() {
        to = to.with_message_id(value.clone());
    }
    if let Some(value) = from.timestamp() {
        to = to.with_timestamp(*value);
    }
    if let Some(value) = from.kind() {
        to = to.with_type(value.clone());
    }
    if let Some(value) = from.app_id() {
        to = to.with_app_id(value.clone());
    }
    to
}

/// Rounds a delay up, to milliseconds with one or two significant digits, because each distinct delay has its own queue.
fn rounded(delay: Duration) -> u64 {
    const STEPS: [u64; 6] = [10, 15, 20, 30, 50, 70];
    let wanted = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX).max(100);
    let mut unit = 1_u64;
    loop {
        for step in STEPS {
            let rounded = step.saturating_mul(unit);
            if rounded >= wanted {
                return rounded;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

/// A queue whose messages return to the queue of the receiver after a delay in milliseconds.
fn wait_arguments(queue_type: QueueType, queue: &str, delay: u64) -> FieldTable {
    let number = |number: u64| AMQPValue::LongLongInt(i64::try_from(number).unwrap_or(i64::MAX));
    let text = |text: &str| AMQPValue::LongString(text.into());
    let unused = u64::try_from(UNUSED.as_millis()).unwrap_or(u64::MAX);
    let mut arguments = queue_type.arguments();
    arguments.insert(fixed("x-dead-letter-exchange"), text(""));
    arguments.insert(fixed("x-dead-letter-routing-key"), text(queue));
    arguments.insert(fixed("x-message-ttl"), number(delay));
    arguments.insert(fixed("x-expires"), number(delay.saturating_add(unused)));
    if queue_type == QueueType::Quorum {
        arguments.insert(fixed("x-dead-letter-strategy"), text("at-least-once"));
        arguments.insert(fixed("x-overflow"), text("reject-publish"));
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapin::message::Delivery;
    use tokio::time::timeout;

    /// As long as the broker refuses a message, its retry has a bounded number of attempts in a minute: neither a hot loop, nor a long idle
    /// time.
    #[tokio::test(start_paused = true)]
    async fn a_retry_that_is_always_refused_is_sent_now_and_then() {
        let mut sent = 0;
        let retries = async {
            while late::<()>(Err(Error::new(ErrorKind::Refused))).await.is_err() {
                sent += 1;
                if sent > 1_000 {
                    std::future::pending::<()>().await; // or a loop without pauses would not end
                }
            }
        };
        let ended = timeout(Duration::from_secs(60), retries).await;
        assert!(ended.is_err() && (10..=120).contains(&sent), "{sent}");
        // A retry that was sent is settled at once.
        let begun = tokio::time::Instant::now();
        late(Ok(())).await.unwrap();
        assert!(begun.elapsed().is_zero());
    }

    #[test]
    fn what_is_sent_again_has_no_place_in_a_stream() {
        let mut headers = FieldTable::default();
        headers.insert(fixed("x-stream-offset"), AMQPValue::LongLongInt(42));
        headers.insert(fixed("mine"), AMQPValue::LongLongInt(1));
        let mut delivery = Delivery::mock(1, "".into(), "orders".into(), false, Vec::new());
        delivery.properties = BasicProperties::default().with_headers(headers);
        let kept = kept_headers(&delivery.into());
        assert_eq!(kept.into_iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>(), ["mine"]);
    }

    /// Without `reject-publish`, RabbitMQ takes `at-least-once` for `at-most-once`, and says nothing.
    #[test]
    fn a_quorum_queue_in_which_messages_wait_loses_none() {
        let quorum = wait_arguments(QueueType::Quorum, "orders", 1_000);
        let said = |name: &str| quorum.inner().get(name).cloned();
        assert_eq!(said("x-dead-letter-strategy"), Some(AMQPValue::LongString("at-least-once".into())));
        assert_eq!(said("x-overflow"), Some(AMQPValue::LongString("reject-publish".into())));
        let classic = wait_arguments(QueueType::Classic, "orders", 1_000);
        assert!(!classic.contains_key("x-dead-letter-strategy") && !classic.contains_key("x-overflow"));
    }

    #[test]
    fn few_queues_for_many_delays() {
        let millis = |millis| rounded(Duration::from_millis(millis));
        assert_eq!((millis(1), millis(100), millis(101)), (100, 100, 150));
        assert_eq!(
            (millis(1000), millis(1001), millis(4200), millis(900_000)),
            (1000, 1500, 5000, 1_000_000)
        );
        let all: std::collections::BTreeSet<u64> = (1..900_000).step_by(7).map(millis).collect();
        assert_eq!(all.len(), 25);
        assert!(
            (1..900_000)
                .step_by(7)
                .all(|delay| millis(delay) >= delay && millis(delay) <= (2 * delay).max(100))
        );
        assert!(rounded(Duration::MAX) > 0);
    }
}
