//! The contract of senders and receivers, over the server that `CE_TEST_PUBSUB_URL` names.

use crate::tools::{Place, name, patience, real, sending, url};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_pubsub::reqwest013::{PubsubReceiverOptions, receiver, sender};
use cloudevents_transport::{
    Receiver, ReceiverOptions, Sender,
    contract::{Claims, Venue, WRITTEN, check_all, check_some},
};
use serde_json::{Value, json};
use std::time::Duration;

struct Subscription {
    place: Place,
    mode: &'static str,
    is_ordered: bool,
    counts: bool,
}

impl Subscription {
    /// Without a policy for dead letters, Pub/Sub counts no deliveries.
    async fn new(mode: &'static str, is_ordered: bool, counts: bool) -> Result<Self, Error> {
        let place = Place { server: real().unwrap(), name: name("contract") };
        // Released messages come at once, and not after the deadline.
        let mut subscription = json!({"enableMessageOrdering": is_ordered, "ackDeadlineSeconds": 600});
        if counts {
            let dead = format!("{}-dead", place.name);
            place.create(&dead, json!({})).await;
            subscription["deadLetterPolicy"] = json!({"deadLetterTopic": format!("projects/tests/topics/{dead}"), "maxDeliveryAttempts": 100});
        }
        place.create(&place.name, subscription).await;
        Ok(Self { place, mode, is_ordered, counts })
    }
}

impl Venue for Subscription {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        claims.patience = 2 * patience();
        // The deadline of a retry is of whole seconds.
        claims.quiet = Duration::from_secs(1);
        claims.order = self.is_ordered;
        claims.binary = self.mode == "binary";
        claims.counts_attempts = self.counts;
        claims.releases_count = self.counts;
        claims.too_large = Some(10_000_000);
        claims.attempts = self.counts.then_some(10);
        claims
    }

    async fn sender(&self) -> Result<Sender, Error> {
        let query = format!("mode={}&ordered={}", self.mode, self.is_ordered);
        sender(&url(&self.place.server, &self.place.name, &query), sending()).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let options = PubsubReceiverOptions::from(options);
        receiver(&url(&self.place.server, &self.place.name, "wait=5s&reject=drop"), options).await
    }

    async fn put_garbage(&self, kind: ErrorKind, body: &[u8]) -> Result<(), Error> {
        let mut message = json!({"data": base64(body), "attributes": {"any": "1"}});
        if kind == ErrorKind::MissingAttribute {
            message["attributes"] = json!({"ce-specversion": "1.0", "ce-id": "1"});
        }
        if self.is_ordered {
            message["orderingKey"] = Value::from("garbage");
        }
        self.place.publish(message).await;
        Ok(())
    }
}

fn base64(body: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(body)
}

/// There are no requests and no offsets, and the server is not stopped.
const UNCLAIMED: [&str; 4] = [
    "receipts_say_where",
    "requests_get_their_own_replies",
    "a_broker_that_stops_and_starts_loses_nothing",
    "a_receiver_outlives_its_broker",
];

/// Without message ordering, there is no order.
const ORDER: [&str; 3] = [
    "order_is_kept",
    "what_is_left_at_an_end_keeps_its_order",
    "what_has_no_key_keeps_the_order_of_its_source",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_server() {
    if real().is_none() {
        return;
    }
    let open = async || Subscription::new("binary", false, true).await;
    check_all(open).await.assert_holds_but(&[&UNCLAIMED[..], &ORDER].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_structured_mode_on_a_real_server() {
    if real().is_none() {
        return;
    }
    let open = async || Subscription::new("structured", false, true).await;
    check_some(open, |name| WRITTEN.contains(&name)).await.assert_holds_but(&[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_count_on_a_real_server() {
    const COUNTED: [&str; 2] = ["what_is_retried_comes_again", "what_is_dropped_comes_again"];
    if real().is_none() {
        return;
    }
    let open = async || Subscription::new("binary", false, false).await;
    let report = check_some(open, |name| COUNTED.contains(&name)).await;
    println!("{report}");
    assert!(report.holds(), "\n{report}");
}

/// Other checks hold messages of one source, which is one key: the emulator gives the next ones when those are settled.
const KEYED: [&str; 4] = [
    "everything_arrives",
    "order_is_kept",
    "what_goes_along_arrives_or_is_refused",
    "what_has_no_key_keeps_the_order_of_its_source",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_ordering_keys_on_a_real_server() {
    if real().is_none() {
        return;
    }
    let open = async || Subscription::new("binary", true, true).await;
    let report = check_some(open, |name| KEYED.contains(&name)).await;
    println!("{report}");
    assert!(report.holds(), "\n{report}");
}
