//! The contract of senders and receivers, over the server that `CE_TEST_SQS_URL` names, and over one that is killed and started again,
//! which a script of `CE_TEST_BROKERS` starts.

use crate::tools::{Place, connection, name, patience, real, sending, url};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_sqs::awssdk1::{SqsReceiverOptions, receiver, sender};
use cloudevents_testkit::process::Process;
use cloudevents_transport::{
    Receiver, ReceiverOptions, Sender,
    contract::{Claims, Restart, Venue, WRITTEN, check_all, check_some, interrupt},
};
use std::{
    env,
    sync::{Arc, Mutex},
};
use tokio::task::block_in_place;

struct Queue {
    place: Place,
    mode: &'static str,
    /// How the server is stopped and started again, if it is this test's alone.
    restart: Option<Restart>,
}

impl Queue {
    fn new(place: Place, mode: &'static str) -> Self {
        Self { place, mode, restart: None }
    }
}

impl Venue for Queue {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        // The emulator looks at every message for each request.
        claims.patience = 3 * patience();
        claims.order = self.place.queue.ends_with(".fifo");
        claims.binary = self.mode == "binary";
        claims.releases_count = true;
        claims.too_large = Some(1 << 20);
        claims.attempts = Some(10);
        claims
    }

    async fn sender(&self) -> Result<Sender, Error> {
        sender(&url(&self.place.server, &self.place.queue, &format!("mode={}", self.mode)), sending()).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let mut options = SqsReceiverOptions::from(options);
        options.connection = connection();
        // Messages that were on their way at a kill come after the lock. Otherwise, released messages come at once, and not after the lock.
        let lock = if self.restart.is_some() { "3s" } else { "10m" };
        let query = format!("lock={lock}&wait=1s&reject=drop");
        receiver(&url(&self.place.server, &self.place.queue, &query), options).await
    }

    async fn put_garbage(&self, kind: ErrorKind, body: &[u8]) -> Result<(), Error> {
        let Ok(body) = std::str::from_utf8(body) else { return Err(Error::new(ErrorKind::Unsupported)) };
        let place = &self.place;
        let mut request = place.client().send_message().queue_url(place.queue_url(&place.queue));
        if kind == ErrorKind::MissingAttribute {
            let text = |value: &str| {
                let typed = aws_sdk_sqs::types::MessageAttributeValue::builder().data_type("String");
                typed.string_value(value).build().unwrap()
            };
            request = request.message_attributes("ce-specversion", text("1.0"));
            request = request.message_attributes("ce-id", text("1"));
        }
        if place.queue.ends_with(".fifo") {
            request = request.message_group_id("garbage").message_deduplication_id(name("g"));
        }
        request.message_body(body).send().await.unwrap();
        Ok(())
    }

    async fn interrupt(&self) -> Result<(), Error> {
        interrupt(self.restart.clone()).await
    }
}

/// There are no requests and no offsets, and the server is not stopped.
const UNCLAIMED: [&str; 4] = [
    "receipts_say_where",
    "requests_get_their_own_replies",
    "a_broker_that_stops_and_starts_loses_nothing",
    "a_receiver_outlives_its_broker",
];

/// These hold messages of one source, which is one group of a FIFO queue: the next ones come when those are settled.
const HOLD_A_GROUP: [&str; 9] = [
    "a_thousand_in_flight",
    "what_is_retried_comes_again",
    "what_is_dropped_comes_again",
    "a_stalled_consumer_bounds_messages",
    "a_stalled_consumer_bounds_bytes",
    "a_cancelled_next_loses_nothing",
    "draining_waits_for_settlements",
    "what_is_left_at_an_end_keeps_its_order",
    "a_redrive_keeps_what_is_refused_again",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_server() {
    if real().is_none() {
        return;
    }
    let open = async || Ok(Queue::new(Place::new("contract").await.unwrap(), "structured"));
    // A standard queue has no order.
    let order = [
        "order_is_kept",
        "what_is_left_at_an_end_keeps_its_order",
        "what_has_no_key_keeps_the_order_of_its_source",
    ];
    check_all(open).await.assert_holds_but(&[&UNCLAIMED[..], &order].concat());
}

/// Other checks also send events without a payload, for which binary mode has no body that SQS takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_binary_mode_on_a_real_server() {
    if real().is_none() {
        return;
    }
    let open = async || Ok(Queue::new(Place::new("contract").await.unwrap(), "binary"));
    check_some(open, |name| WRITTEN.contains(&name)).await.assert_holds_but(&[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifo_queues_on_a_real_server() {
    if real().is_none() {
        return;
    }
    let open = async || Ok(Queue::new(Place::fifo("contract").await.unwrap(), "structured"));
    check_some(open, |name| !HOLD_A_GROUP.contains(&name)).await.assert_holds_but(&UNCLAIMED);
}

/// The emulator that keeps its messages is killed. For a moment after its start, it answers that there is no queue. The other check of a
/// restart has such an answer as a failure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_server_that_is_killed() {
    let folder = env::temp_dir().join(name("ce-elasticmq"));
    let Some(process) = block_in_place(|| Process::broker(&folder, "sqs", "elasticmq")) else { return };
    let (server, process) = (format!("http://127.0.0.1:{}", process.port()), Mutex::new(process));
    let restart: Restart = Arc::new(move || process.lock().unwrap().kill_and_restart().unwrap());
    let open = async || {
        let place = Place { server: server.clone(), queue: name("killed") };
        place.create(&place.queue).await;
        Ok(Queue { place, mode: "structured", restart: Some(Arc::clone(&restart)) })
    };
    check_some(open, |name| name == "a_receiver_outlives_its_broker").await.assert_holds_but(&[]);
}
