//! The contract of senders, over the server that `CE_TEST_SQS_URL` names. The receiver is that of a queue with raw delivery.

use crate::tools::{Place, patience, real, sending, url};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_sns::awssdk1::sender;
use cloudevents_sqs::awssdk1::SqsReceiverOptions;
use cloudevents_transport::{
    Receiver, ReceiverOptions, Sender,
    contract::{Claims, Report, Venue, check_some},
};

struct Topic {
    place: Place,
    mode: &'static str,
}

impl Venue for Topic {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        // The emulator looks at every message for each request.
        claims.patience = 3 * patience();
        claims.order = self.place.name.ends_with(".fifo");
        claims.binary = self.mode == "binary";
        claims.releases_count = true;
        claims.too_large = Some(256 << 10);
        claims
    }

    async fn sender(&self) -> Result<Sender, Error> {
        sender(&url(&self.place.server, &self.place.name, &format!("mode={}", self.mode)), sending()).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        self.place.receiver_with(SqsReceiverOptions::from(options)).await
    }

    async fn put_garbage(&self, _: ErrorKind, _: &[u8]) -> Result<(), Error> {
        Err(Error::new(ErrorKind::Unsupported))
    }
}

/// The checks of a sender. The rest is about a receiver, which is that of SQS.
const OF_SENDERS: [&str; 9] = [
    "everything_arrives",
    "documents_arrive_untouched",
    "a_thousand_in_flight",
    "a_closed_sender_declines",
    "every_mode_arrives_or_is_refused",
    "what_goes_along_arrives_or_is_refused",
    "what_is_too_large_is_refused_and_blocks_nothing",
    "a_dropped_send_arrives_once_or_never",
    "requests_without_replies_are_refused",
];

/// The checks that depend on how a message is written. Others also send events without a payload, for which binary mode has no body that
/// SNS takes.
const WRITTEN: [&str; 5] = [
    "everything_arrives",
    "documents_arrive_untouched",
    "every_mode_arrives_or_is_refused",
    "what_goes_along_arrives_or_is_refused",
    "what_is_too_large_is_refused_and_blocks_nothing",
];

fn check(report: &Report, count: usize) {
    report.assert_holds_but(&[]);
    assert_eq!(report.iter().count(), count, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_server() {
    if real().is_none() {
        return;
    }
    let open = async || Ok(Topic { place: Place::new("contract").await.unwrap(), mode: "structured" });
    check(&check_some(open, |name| OF_SENDERS.contains(&name)).await, OF_SENDERS.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_binary_mode_on_a_real_server() {
    if real().is_none() {
        return;
    }
    let open = async || Ok(Topic { place: Place::new("contract").await.unwrap(), mode: "binary" });
    check(&check_some(open, |name| WRITTEN.contains(&name)).await, WRITTEN.len());
}

/// A group of a FIFO queue gives its next messages when those are settled, so that not a thousand are in flight.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifo_topics_on_a_real_server() {
    const ORDERED: [&str; 3] =
        ["everything_arrives", "order_is_kept", "what_has_no_key_keeps_the_order_of_its_source"];
    if real().is_none() {
        return;
    }
    let open = async || Ok(Topic { place: Place::fifo("contract").await.unwrap(), mode: "structured" });
    check(&check_some(open, |name| ORDERED.contains(&name)).await, ORDERED.len());
}
