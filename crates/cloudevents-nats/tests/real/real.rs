//! JetStream on the server that `CE_TEST_NATS_URL` names, and on servers that are stopped and started, whose
//! program `CE_TEST_NATS_BIN` names.

use crate::{
    process::Process,
    tools::{
        create_stream, event, events, id, large, lost, name, next, patience, put_raw, real, stream_config,
        strict, take, within,
    },
};
use async_nats::jetstream::{
    Context,
    consumer::{AckPolicy, pull, push},
    stream::DiscardPolicy,
};
use cloudevents_core::{DecodeOptions, ErrorKind, Event, Mode, ToTimestamp};
use cloudevents_json::Json;
use cloudevents_nats::async_nats051::{
    DeliverFrom, NatsReceiverOptions, NatsSenderOptions, ReceivedMessage, encode, receiver, sender,
};
use cloudevents_testkit::{
    fault_proxy::{End, FaultProxy, Flow},
    logged::Logged,
};
use cloudevents_transport::{By, Extends, Outgoing, Receiver, Sender, binding::queue::QueueOptions};
use futures_util::StreamExt;
use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

/// A stream with the name of its subjects, on the real server.
struct Stream {
    server: String,
    name: String,
    context: Context,
}

impl Stream {
    async fn create() -> Option<Self> {
        Self::create_on(real()?).await.into()
    }

    async fn create_on(server: String) -> Self {
        let name = name("real");
        let context = create_stream(&server, &name).await;
        Self { server, name, context }
    }

    fn url(&self, subject: &str, query: &str) -> String {
        format!("{}/{}.{subject}{query}", self.server.replacen("nats:", "nats+jetstream:", 1), self.name)
    }

    async fn sender(&self, query: &str) -> Sender {
        sender(&self.url("x", query), NatsSenderOptions::default()).await.unwrap()
    }

    async fn receiver(&self, query: &str) -> Receiver {
        receiver(&self.url("x", query), strict()).await.unwrap()
    }

    /// Messages that the consumer has delivered and that are not settled.
    async fn unsettled(&self, consumer: &str) -> usize {
        let mut consumer =
            self.context.get_consumer_from_stream::<pull::Config, _, _>(consumer, &self.name).await.unwrap();
        consumer.info().await.unwrap().num_ack_pending
    }

    async fn until_unsettled(&self, consumer: &str, count: usize) {
        within(async {
            while self.unsettled(consumer).await != count {
                tokio::time::sleep(Duration::from_millis(10)).await; // between two tries
            }
        })
        .await;
    }
}

#[tokio::test]
async fn receipts_have_the_stream_the_number_and_duplicates() {
    let Some(stream) = Stream::create().await else { return };
    let sender = stream.sender("?deduplicate=true").await;
    let first = sender.send(&event("a b")).await.unwrap();
    assert_eq!(
        (first.place(), first.offset(), first.is_duplicate()),
        (Some(&*stream.name), Some(1), Some(false))
    );
    let again = sender.send(&event("a b")).await.unwrap();
    assert_eq!((again.offset(), again.is_duplicate()), (Some(1), Some(true)));
    let document = cloudevents_core::Message::structured(&event("a b"), &Json::new()).unwrap().0;
    assert_eq!(sender.send(document).await.unwrap().is_duplicate(), Some(true));
    // The same id of another source is another event.
    let other = Event::builder().id("a b").source("/other").ty("t").build().unwrap();
    assert_eq!(sender.send(&other).await.unwrap().is_duplicate(), Some(false));
    let plain = stream.sender("").await;
    assert_eq!(plain.send(&event("a b")).await.unwrap().offset(), Some(3));
    let message = stream.context.get_stream(&stream.name).await.unwrap().get_raw_message(1).await.unwrap();
    assert_eq!(message.headers.get("Nats-Msg-Id").unwrap().as_str(), "/tests%20a%20b");
}

#[tokio::test]
async fn the_expected_stream_is_checked() {
    let Some(stream) = Stream::create().await else { return };
    stream.sender(&format!("?stream={}", stream.name)).await.send(&event("1")).await.unwrap();
    let error = stream.sender("?stream=other").await.send(&event("1")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    let nowhere = format!("{}/nowhere", stream.server.replacen("nats:", "nats+jetstream:", 1));
    let error =
        sender(&nowhere, NatsSenderOptions::default()).await.unwrap().send(&event("1")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.to_string().contains("no stream"), "{error}");
}

/// Of what a stream declines, only the size is about the message.
#[tokio::test]
async fn what_is_too_large_for_the_stream_is_refused_and_a_full_stream_refuses_no_message() {
    let Some(stream) = Stream::create().await else { return };
    let mut config = stream_config(&stream.name);
    (config.max_message_size, config.max_messages, config.discard) = (1000, 2, DiscardPolicy::New);
    stream.context.update_stream(config).await.unwrap();
    let sender = stream.sender("").await;
    let error = within(sender.send(&large("1", 2000))).await.unwrap_err();
    assert_eq!((error.kind(), sender.refuses_message(&error)), (ErrorKind::TooLarge, true), "{error}");
    within(sender.send_all(events(2))).await.unwrap();
    let error = within(sender.send(&event("3"))).await.unwrap_err();
    assert!(!sender.refuses_message(&error) && error.is_temporary(), "{error}");
}

/// The server has no more room for any stream. Nothing is the message's fault, and sends succeed again when there is room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_no_message_and_is_over_when_there_is_room() {
    let process = Process::start_with(|folder| {
        let config = folder.join("server.conf");
        std::fs::write(&config, "jetstream { max_file_store: 1MB }").unwrap();
        vec!["--config".into(), config.display().to_string()]
    });
    let Some(process) = process else { return };
    let stream = Stream::create_on(process.url()).await;
    let (sender, mut receiver) = (stream.sender("").await, stream.receiver("?consumer=c").await);
    let error = within(async {
        loop {
            if let Err(error) = sender.send(&large("1", 100_000)).await {
                break error;
            }
        }
    })
    .await;
    assert!(!sender.refuses_message(&error) && error.is_temporary(), "{error}");
    assert!(sender.connectivity().state().is_connected());
    stream.context.get_stream(&stream.name).await.unwrap().purge().await.unwrap();
    within(async { while sender.send(&event("after")).await.is_err() {} }).await;
    while take(&mut receiver).await.0 != "after" {}
}

#[tokio::test]
async fn a_delivery_says_where_it_comes_from() {
    let Some(stream) = Stream::create().await else { return };
    let mut receiver = stream.receiver("?consumer=c").await;
    let can = receiver.capabilities();
    assert_eq!(
        (can.delays, can.counts, can.extends),
        (By::Broker, By::Broker, Extends::Every(Duration::from_secs(30)))
    );
    let receipt = stream.sender("").await.send(&event("1")).await.unwrap();
    let delivery = next(&mut receiver).await;
    assert_eq!(
        (delivery.offset(), delivery.attempt(), delivery.is_redelivered()),
        (receipt.offset(), 1, Some(false))
    );
    assert!(delivery.timestamp().unwrap().elapsed().unwrap() < patience());
    assert_eq!(delivery.reply_to(), None);
    let native = delivery.native::<ReceivedMessage>().unwrap().delivered.clone().unwrap();
    assert_eq!((&*native.stream, &*native.consumer, native.times), (&*stream.name, "c", 1));
    delivery.accept().await.unwrap();
}

/// What is fetched ahead is bounded in bytes, too: it is not renewed before it is here, and would come again after `ack-wait`.
#[tokio::test]
async fn large_messages_are_fetched_within_the_bound_of_bytes() {
    let Some(stream) = Stream::create().await else { return };
    let sender = stream.sender("").await;
    sender.send_all((0..60).map(|number| large(number, 100_000))).await.unwrap();
    let mut receiver = stream.receiver("?consumer=c&in-flight-bytes=500000").await;
    for number in 0..60 {
        let delivery = next(&mut receiver).await;
        assert_eq!((id(&delivery), delivery.attempt()), (number.to_string(), 1));
        if number % 10 == 0 {
            let unsettled = stream.unsettled("c").await;
            assert!(unsettled <= 12, "{unsettled} are fetched");
        }
        tokio::time::sleep(Duration::from_millis(50)).await; // what a handler does
        delivery.accept().await.unwrap();
    }
    receiver.drain(patience()).await.unwrap();
    stream.until_unsettled("c", 0).await;
}

/// One that is larger than the bound passes alone.
#[tokio::test]
async fn a_message_larger_than_the_bound_of_bytes_is_fetched() {
    let Some(stream) = Stream::create().await else { return };
    let sender = stream.sender("").await;
    sender.send_all((0..5).map(|number| large(number, 100_000))).await.unwrap();
    let mut receiver = stream.receiver("?consumer=c&in-flight-bytes=1000").await;
    for number in 0..5 {
        assert_eq!(take(&mut receiver).await.0, number.to_string());
    }
}

/// A publisher can give a message the status that a report of the server has. It is a message all the same: it is delivered once, and ends
/// nothing.
#[tokio::test]
async fn a_message_that_looks_like_a_report_is_a_message() {
    let Some(stream) = Stream::create().await else { return };
    let sender = stream.sender("").await;
    let port = stream.server.rsplit(':').next().unwrap().parse().unwrap();
    sender.send(&event("first")).await.unwrap();
    for status in ["100 Idle Heartbeat", "404 No Messages", "409 Consumer Deleted", "503"] {
        let headers = format!("NATS/1.0 {status}\r\n\r\n");
        put_raw(port, &format!("{}.x", stream.name), headers.as_bytes(), b"").await;
    }
    sender.send(&event("last")).await.unwrap();
    let mut receiver = stream.receiver("?consumer=c").await;
    assert_eq!(take(&mut receiver).await.0, "first");
    for _ in 0..4 {
        let delivery = next(&mut receiver).await;
        assert!(delivery.event().is_err());
        delivery.accept().await.unwrap();
    }
    assert_eq!(take(&mut receiver).await.0, "last");
    assert_eq!(receiver.connectivity().losses(), 0);
    receiver.drain(patience()).await.unwrap();
    stream.until_unsettled("c", 0).await;
}

/// The server waits for the delay of a retry, so another receiver gets the message if this one is gone.
#[tokio::test]
async fn a_retry_waits_in_the_server() {
    let Some(stream) = Stream::create().await else { return };
    let mut first = stream.receiver("?consumer=c").await;
    stream.sender("").await.send(&event("1")).await.unwrap();
    let delivery = next(&mut first).await;
    let since = std::time::Instant::now();
    delivery.retry(Duration::from_millis(500)).await.unwrap();
    first.drain(patience()).await.unwrap();
    drop(first);
    let mut second = stream.receiver("?consumer=c").await;
    let again = next(&mut second).await;
    assert!(since.elapsed() >= Duration::from_millis(500), "{:?}", since.elapsed());
    assert_eq!((id(&again).as_str(), again.is_redelivered()), ("1", Some(true)));
    // The first receiver may have got it once more while it was drained, on a busy machine.
    assert!(again.attempt() >= 2);
    again.accept().await.unwrap();
    second.drain(patience()).await.unwrap();
    stream.until_unsettled("c", 0).await;
}

/// Those that wait for a slow handler, for longer than the deadline of the consumer, are renewed, too.
#[tokio::test]
async fn what_is_fetched_ahead_is_renewed() {
    let Some(stream) = Stream::create().await else { return };
    stream.sender("").await.send_all(events(64)).await.unwrap();
    let mut receiver = stream.receiver("?consumer=c&ack-wait=6s&prefetch=64").await;
    for _ in 0..64 {
        let delivery = next(&mut receiver).await;
        tokio::time::sleep(Duration::from_millis(130)).await; // for more than `ack-wait`
        assert_eq!(delivery.attempt(), 1, "{} came again", id(&delivery));
        delivery.accept().await.unwrap();
    }
    assert!(tokio::time::timeout(Duration::from_secs(3), receiver.next()).await.is_err());
    stream.until_unsettled("c", 0).await;
}

/// Held for longer than the deadline of the consumer, a delivery does not come again.
#[tokio::test]
async fn a_held_delivery_is_renewed() {
    let Some(stream) = Stream::create().await else { return };
    let mut renewing = stream.receiver("?consumer=c&ack-wait=6s").await;
    assert_eq!(renewing.capabilities().extends, Extends::Every(Duration::from_secs(6)));
    stream.sender("").await.send(&event("1")).await.unwrap();
    let held = next(&mut renewing).await;
    held.extend().unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(9), renewing.next()).await.is_err());
    held.accept().await.unwrap();
    renewing.drain(patience()).await.unwrap();
    stream.until_unsettled("c", 0).await;
}

/// Handlers hold all that they may when the connection is reset: another one is made, over which it is renewed. No other member gets it.
#[tokio::test]
async fn what_is_held_is_renewed_over_the_next_connection() {
    let Some(stream) = Stream::create().await else { return };
    let address = stream.server.trim_start_matches("nats://").parse().unwrap();
    let proxy = FaultProxy::start(address).unwrap();
    let query = "consumer=c&ack-wait=6s&in-flight=2";
    let url = format!("nats+jetstream://{}/{}.x?{query}", proxy.address(), stream.name);
    let mut holding = receiver(&url, strict()).await.unwrap();
    stream.sender("").await.send_all(events(2)).await.unwrap();
    let held = [next(&mut holding).await, next(&mut holding).await];
    proxy.end(End::Reset);
    lost(&holding).await;
    let mut other = stream.receiver(&format!("?{query}")).await;
    assert!(tokio::time::timeout(Duration::from_secs(9), other.next()).await.is_err());
    for delivery in held {
        delivery.accept().await.unwrap();
    }
    stream.until_unsettled("c", 0).await;
}

/// The server knows a delivery by its sequence number, and 2.10.17 to 2.10.25 go on behind what is accepted: an accept of what the consumer
/// before had delivered would lose all that comes first, such as what waits for a retry.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_while_its_consumer_was_made_again_comes_again() {
    for query in ["", "double-ack=true"] {
        let Some(stream) = Stream::create().await else { return };
        let client = async_nats::connect(&stream.server).await.unwrap();
        let mut settled = client.subscribe(format!("$JS.ACK.{}.>", stream.name)).await.unwrap();
        client.flush().await.unwrap();
        let proxy = FaultProxy::start(stream.server.trim_start_matches("nats://").parse().unwrap()).unwrap();
        let url = format!("nats+jetstream://{}/{}.x?{query}", proxy.address(), stream.name);
        let mut receiver = receiver(&url, strict()).await.unwrap();
        stream.sender("").await.send_all(events(4)).await.unwrap();
        next(&mut receiver).await.retry(Duration::from_secs(600)).await.unwrap();
        let held = [next(&mut receiver).await, next(&mut receiver).await, next(&mut receiver).await];
        let native: &ReceivedMessage = held[0].native().unwrap();
        let consumer = native.delivered.as_ref().unwrap().consumer.to_string();
        // Consumers differ in when they were created.
        tokio::time::sleep(Duration::from_millis(200)).await;
        within(proxy.refuse()).await;
        proxy.end(End::Cut);
        lost(&receiver).await;
        stream.context.get_stream(&stream.name).await.unwrap().delete_consumer(&consumer).await.unwrap();
        let outcomes = held.map(cloudevents_transport::Delivery::accept);
        proxy.resume();
        for outcome in outcomes {
            assert_eq!(within(outcome).await.unwrap_err().kind(), ErrorKind::Disconnected);
        }
        for expected in ["0", "1", "2", "3"] {
            assert_eq!(take(&mut receiver).await.0, expected);
        }
        stream.until_unsettled(&consumer, 0).await;
        // The server has seen each accept once, of what the second consumer delivered.
        let mut accepted = Vec::new();
        while accepted.len() < 4 {
            let message = within(settled.next()).await.unwrap();
            if message.payload == "+ACK" {
                accepted.push(message.subject.split('.').nth(5).unwrap().to_owned());
            }
        }
        assert_eq!(accepted, ["1", "2", "3", "4"]);
    }
}

/// Creates a consumer with these limits.
async fn limited(stream: &Stream, change: impl FnOnce(&mut pull::Config)) {
    let mut config = pull::Config {
        durable_name: Some("c".into()),
        ack_policy: AckPolicy::Explicit,
        filter_subject: format!("{}.x", stream.name),
        ..pull::Config::default()
    };
    change(&mut config);
    stream.context.create_consumer_on_stream(config, &stream.name).await.unwrap();
}

/// The server refuses requests that last longer.
#[tokio::test]
async fn a_consumer_whose_requests_end_soon_delivers() {
    let Some(stream) = Stream::create().await else { return };
    limited(&stream, |config| config.max_expires = Duration::from_secs(1)).await;
    let mut receiver = stream.receiver("?consumer=c").await;
    let sender = stream.sender("").await;
    for number in 0..2 {
        sender.send(&event(number)).await.unwrap();
        assert_eq!(take(&mut receiver).await.0, number.to_string());
        tokio::time::sleep(Duration::from_secs(2)).await; // several requests end
    }
    assert_eq!(receiver.connectivity().losses(), 0);
}

/// The server keeps one request of all receivers. Others it refuses at once, or drops (as 2.15 does), so that their heartbeats are missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_without_a_place_for_requests_is_asked_now_and_then() {
    let Some(stream) = Stream::create().await else { return };
    limited(&stream, |config| config.max_waiting = 1).await;
    let client = async_nats::connect(&stream.server).await.unwrap();
    let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{}.c", stream.name);
    let mut requests = client.subscribe(subject).await.unwrap();
    client.flush().await.unwrap();
    let mut receivers = [stream.receiver("?consumer=c").await, stream.receiver("?consumer=c").await];
    let mut count = 0;
    let counting = async {
        while requests.next().await.is_some() {
            count += 1
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(4), counting).await.is_err());
    // A few each second, also of a busy machine that stood still meanwhile, and not all the time.
    assert!((2..100).contains(&count), "{count} requests");
    stream.sender("").await.send_all(events(600)).await.unwrap();
    let mut seen = BTreeSet::new();
    let [one, other] = &mut receivers;
    while seen.len() < 600 {
        let came = within(async {
            tokio::select! { came = one.next() => came, came = other.next() => came }
        });
        let delivery = came.await.unwrap().unwrap();
        seen.insert(id(&delivery));
        delivery.accept().await.unwrap();
    }
}

#[tokio::test]
async fn a_rejected_message_is_stored_elsewhere_before_it_is_settled() {
    let Some(stream) = Stream::create().await else { return };
    let mut letters = receiver(&stream.url("rejected", "?consumer=letters"), strict()).await.unwrap();
    let url = stream.url("x", &format!("?consumer=c&dead-letter={}.rejected", stream.name));
    let mut orders = receiver(&url, NatsReceiverOptions::from(DecodeOptions::strict())).await.unwrap();
    let sender = stream.sender("?deduplicate=true").await;
    sender.send(Outgoing::from(event("1")).header("X-Trace", "t")).await.unwrap();
    next(&mut orders).await.reject("it is no order").await.unwrap();
    // The letter has no `Nats-Msg-Id`, or the stream would take it for a duplicate.
    let letter = next(&mut letters).await;
    assert_eq!(letter.event().unwrap(), event("1"));
    let header = |name: &str| letter.header_text(name).map(|value| value.into_owned()).unwrap_or_default();
    assert_eq!(header("dead-letter-reason"), "it is no order");
    assert_eq!(
        (header("dead-letter-stream"), header("dead-letter-offset")),
        (stream.name.clone(), "1".into())
    );
    assert_eq!((header("dead-letter-topic"), header("x-trace")), (format!("{}.x", stream.name), "t".into()));
    letter.accept().await.unwrap();
    stream.until_unsettled("c", 0).await;

    // Where no stream takes it, rejecting fails, and the message stays in the stream.
    let Some(place) = Stream::create().await else { return };
    let url = stream.url("x", &format!("?consumer=d&deliver=new&dead-letter={}.x", place.name));
    let mut options = NatsReceiverOptions::from(DecodeOptions::strict());
    options.queue.sink_backoff = Duration::from_millis(10);
    let mut orders = receiver(&url, options).await.unwrap();
    place.context.delete_stream(&place.name).await.unwrap();
    sender.send(&event("2")).await.unwrap();
    let error = next(&mut orders).await.reject("no").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    orders.drain(patience()).await.unwrap();
    let mut orders =
        receiver(&stream.url("x", "?consumer=d&deliver=new&reject=drop"), strict()).await.unwrap();
    assert_eq!(take(&mut orders).await.0, "2");
}

#[tokio::test]
async fn a_message_rejected_to_the_server_ends_with_an_advisory() {
    let Some(stream) = Stream::create().await else { return };
    let client = async_nats::connect(&stream.server).await.unwrap();
    let subject = format!("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.{}.c", stream.name);
    let mut advisories = client.subscribe(subject).await.unwrap();
    client.flush().await.unwrap();
    let has_reasons = client.is_server_compatible(2, 10, 4);
    let mut options = strict();
    options.queue = QueueOptions::default().rejecting_to_broker();
    let mut orders = receiver(&stream.url("x", "?consumer=c"), options).await.unwrap();
    stream.sender("").await.send(&event("1")).await.unwrap();
    next(&mut orders).await.reject("it is\nno order").await.unwrap();
    let advisory = within(advisories.next()).await.unwrap();
    let advisory: serde_json::Value = serde_json::from_slice(&advisory.payload).unwrap();
    assert_eq!(advisory["stream_seq"], 1);
    if has_reasons {
        assert_eq!(advisory["reason"], "it is no order");
    }
    stream.until_unsettled("c", 0).await;
}

/// When the outcome of a settlement is known, the server has it.
#[tokio::test]
async fn double_acknowledgement_is_the_servers() {
    let Some(stream) = Stream::create().await else { return };
    let mut receiver = stream.receiver("?consumer=c&double-ack=true").await;
    stream.sender("").await.send_all(events(20)).await.unwrap();
    let mut outcomes = Vec::new();
    for _ in 0..20 {
        outcomes.push(next(&mut receiver).await.accept());
    }
    for outcome in outcomes {
        within(outcome).await.unwrap();
    }
    assert_eq!(stream.unsettled("c").await, 0);
}

#[tokio::test]
async fn a_stalled_consumer_is_sent_no_more_than_its_bounds() {
    let Some(stream) = Stream::create().await else { return };
    let mut receiver = stream.receiver("?consumer=c&in-flight=10&prefetch=4").await;
    stream.sender("").await.send_all(events(100)).await.unwrap();
    let mut held = Vec::new();
    while held.len() < 10 {
        held.push(next(&mut receiver).await);
    }
    assert!(tokio::time::timeout(Duration::from_millis(300), receiver.next()).await.is_err());
    assert!(stream.unsettled("c").await <= 14, "{}", stream.unsettled("c").await);
    for delivery in held {
        delivery.accept().await.unwrap();
    }
    for _ in 10..100 {
        take(&mut receiver).await;
    }
    stream.until_unsettled("c", 0).await;
}

#[tokio::test]
async fn a_burst_requests_no_more_than_there_is_room_for() {
    let Some(stream) = Stream::create().await else { return };
    stream.sender("").await.send_all(events(40)).await.unwrap();
    let mut receiver = stream.receiver("?consumer=c&in-flight=10").await;
    let mut deliveries = Vec::new();
    for _ in 0..10 {
        deliveries.push(next(&mut receiver).await);
    }
    stream.until_unsettled("c", 10).await;
    // A request too many would have been answered by now.
    let none = tokio::time::timeout(Duration::from_millis(300), receiver.next()).await;
    assert!(none.is_err(), "there is no room");
    assert_eq!(stream.unsettled("c").await, 10);
    drop(deliveries);
}

#[tokio::test]
async fn draining_releases_what_was_prefetched() {
    let Some(stream) = Stream::create().await else { return };
    // Longer than the test waits: nothing comes again because its time is over.
    let mut receiver = stream.receiver("?consumer=c&ack-wait=10m").await;
    stream.sender("").await.send_all(events(100)).await.unwrap();
    let first = next(&mut receiver).await;
    // What the server would still send after it has read that no more is wanted comes again in ten minutes only.
    stream.until_unsettled("c", 100).await;
    first.accept().await.unwrap();
    receiver.drain(patience()).await.unwrap();
    let mut second = stream.receiver("?consumer=c").await;
    let mut seen = BTreeSet::new();
    for _ in 1..100 {
        assert!(seen.insert(take(&mut second).await.0), "twice");
    }
}

/// What the server has sent and is not here yet is released, too, at once: not when the last handler is done, which may take long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_on_its_way_when_a_receiver_drains_is_released() {
    let Some(stream) = Stream::create().await else { return };
    stream.sender("").await.send_all((0..100).map(|number| large(number, 10_000))).await.unwrap();
    let proxy = FaultProxy::start(stream.server.trim_start_matches("nats://").parse().unwrap()).unwrap();
    // Longer than the test waits: nothing comes again because its time is over.
    let url = format!("nats+jetstream://{}/{}.x?consumer=c&ack-wait=10m", proxy.address(), stream.name);
    proxy.slow(Flow::ToClient, 200_000.try_into().unwrap());
    let mut receiver = receiver(&url, strict()).await.unwrap();
    let held = next(&mut receiver).await;
    stream.until_unsettled("c", 100).await;
    let draining = tokio::spawn(async move { receiver.drain(patience()).await });
    let mut second = stream.receiver("?consumer=c").await;
    let mut seen = BTreeSet::from([id(&held)]);
    for _ in 1..100 {
        assert!(seen.insert(take(&mut second).await.0), "twice");
    }
    held.accept().await.unwrap();
    draining.await.unwrap().unwrap();
    stream.until_unsettled("c", 0).await;
}

#[tokio::test]
async fn a_document_without_headers_is_an_event() {
    let Some(stream) = Stream::create().await else { return };
    let url = stream.url("x", "?mode=structured&headers=false");
    let mut receiver = stream.receiver("?consumer=c").await;
    sender(&url, NatsSenderOptions::default()).await.unwrap().send(&event("1")).await.unwrap();
    let delivery = next(&mut receiver).await;
    assert!(delivery.headers().is_empty() && id(&delivery) == "1");
    delivery.accept().await.unwrap();
    let (message, _) =
        encode(format!("{}.x", stream.name), &event("2"), Mode::structured(&Json::new())).unwrap();
    stream
        .context
        .publish_with_headers(message.subject, message.headers.unwrap(), message.payload)
        .await
        .unwrap();
    assert_eq!(take(&mut receiver).await.0, "2");
}

#[tokio::test]
async fn consumers_that_cannot_be_used() {
    let Some(stream) = Stream::create().await else { return };
    let subject = format!("{}.x", stream.name);
    let config = |name: &str, ack_policy, filter: &str| pull::Config {
        durable_name: Some(name.into()),
        ack_policy,
        filter_subject: filter.into(),
        ..pull::Config::default()
    };
    let (context, on) = (&stream.context, stream.name.as_str());
    for config in [
        config("never", AckPolicy::None, &subject),
        config("other", AckPolicy::Explicit, &format!("{}.y", stream.name)),
        config("mine", AckPolicy::Explicit, &subject),
    ] {
        context.create_consumer_on_stream(config, on).await.unwrap();
    }
    let without_data = pull::Config { headers_only: true, ..config("hollow", AckPolicy::Explicit, &subject) };
    context.create_consumer_on_stream(without_data, on).await.unwrap();
    let push = push::Config {
        durable_name: Some("push".into()),
        deliver_subject: "push".into(),
        ..push::Config::default()
    };
    context.create_consumer_on_stream(push, on).await.unwrap();
    for (query, kind) in [
        ("?consumer=never", ErrorKind::Unsupported),
        ("?consumer=other", ErrorKind::InvalidUrl),
        ("?consumer=push", ErrorKind::Unsupported),
        ("?consumer=hollow", ErrorKind::Unsupported), // events would have no data
        ("?consumer=mine&stream=missing", ErrorKind::Refused),
    ] {
        let error = receiver(&stream.url("x", query), strict()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{query}: {error}");
    }
    // One that exists is used as it is, also without its subject.
    let server = stream.server.replacen("nats:", "nats+jetstream:", 1);
    let bound = format!("{server}/?stream={}&consumer=mine", stream.name);
    let mut bound = receiver(&bound, strict()).await.unwrap();
    stream.sender("").await.send(&event("1")).await.unwrap();
    assert_eq!(take(&mut bound).await.0, "1");
}

/// A work queue has one consumer for a subject, so that what one receiver leaves behind would keep the next one out.
#[tokio::test]
async fn a_receiver_without_a_consumer_leaves_none() {
    let Some(server) = real() else { return };
    let name = name("queue");
    let stream = Stream { context: create_stream(&server, &name).await, server, name };
    let mut config = stream_config(&stream.name);
    config.name = format!("{}-work", stream.name);
    config.subjects = vec![format!("work.{}.>", stream.name)];
    config.retention = async_nats::jetstream::stream::RetentionPolicy::WorkQueue;
    let mut work = stream.context.create_stream(config).await.unwrap();
    let url = format!("{}/work.{}.x", stream.server.replacen("nats:", "nats+jetstream:", 1), stream.name);
    sender(&url, NatsSenderOptions::default()).await.unwrap().send_all(events(3)).await.unwrap();
    for _ in 0..2 {
        let mut looking = receiver(&url, strict()).await.unwrap();
        let held = next(&mut looking).await;
        assert_eq!(id(&held), "0");
        held.release().await.unwrap();
        looking.drain(patience()).await.unwrap();
        let state = work.info().await.unwrap().state.clone();
        assert_eq!((state.consumer_count, state.messages), (0, 3));
    }
}

/// A receiver without a named consumer gets everything from its own, and shares nothing.
#[tokio::test]
async fn receivers_without_a_consumer_get_everything_each() {
    let Some(stream) = Stream::create().await else { return };
    stream.sender("").await.send_all(events(3)).await.unwrap();
    for _ in 0..2 {
        let mut receiver = stream.receiver("").await;
        for number in 0..3 {
            assert_eq!(take(&mut receiver).await.0, number.to_string());
        }
    }
    let mut new = stream.receiver("?deliver=new").await;
    stream.sender("").await.send(&event("new")).await.unwrap();
    assert_eq!(take(&mut new).await.0, "new");
}

#[tokio::test]
async fn a_consumer_starts_at_a_time() {
    let Some(stream) = Stream::create().await else { return };
    let sender = stream.sender("").await;
    sender.send_all(events(3)).await.unwrap();
    sender.send(&event("late")).await.unwrap();
    // The server's own time of the last message.
    let kept = stream.context.get_stream(&stream.name).await.unwrap().get_raw_message(4).await.unwrap();
    let text = |time: SystemTime| time.with_timestamp(|time| time.unwrap().unwrap().as_str().to_owned());
    let at = text(kept.time.into());
    for consumer in ["", "&consumer=d"] {
        let mut receiver = stream.receiver(&format!("?since={at}{consumer}")).await;
        assert_eq!(take(&mut receiver).await.0, "late", "{consumer}");
        receiver.drain(patience()).await.unwrap();
    }
    // One that exists goes on where it is.
    sender.send(&event("new")).await.unwrap();
    let epoch = text(SystemTime::UNIX_EPOCH);
    assert_eq!(take(&mut stream.receiver(&format!("?since={epoch}&consumer=d")).await).await.0, "new");
    assert_eq!(take(&mut stream.receiver(&format!("?since={epoch}")).await).await.0, "0");
    // What no server can be sent.
    let mut options = strict();
    options.deliver = DeliverFrom::Since(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40));
    drop(receiver(&stream.url("x", ""), options).await.unwrap());
    for query in ["?since=now", "?since=", &format!("?since={at}&deliver=all")] {
        let error = receiver(&stream.url("x", query), strict()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{query}");
    }
}

/// Of its subject, whatever else the stream has.
#[tokio::test]
async fn a_consumer_starts_with_the_last_messages() {
    let Some(stream) = Stream::create().await else { return };
    let sender = stream.sender("").await;
    for number in 0..6 {
        sender.send(&event(number)).await.unwrap();
        for _ in 0..number {
            let published =
                stream.context.publish(format!("{}.other", stream.name), "{}".into()).await.unwrap();
            published.await.unwrap();
        }
    }
    for (last, first) in [(1, 5), (2, 4), (3, 3), (6, 0), (100, 0)] {
        let mut receiver = stream.receiver(&format!("?last={last}")).await;
        for expected in first..6 {
            assert_eq!(take(&mut receiver).await.0, expected.to_string(), "{last}");
        }
        receiver.drain(patience()).await.unwrap();
    }
    // One that exists goes on where it is; what counts is gone.
    let mut receiver = stream.receiver("?last=1&consumer=d").await;
    assert_eq!(take(&mut receiver).await.0, "5");
    receiver.drain(patience()).await.unwrap();
    sender.send(&event("new")).await.unwrap();
    assert_eq!(take(&mut stream.receiver("?last=3&consumer=d").await).await.0, "new");
    let kept = stream.context.get_stream(&stream.name).await.unwrap();
    let names: Vec<_> = kept.consumer_names().map(Result::unwrap).collect().await;
    assert_eq!(names, ["d"]);
    // An empty stream has no last message.
    kept.purge().await.unwrap();
    let mut receiver = stream.receiver("?last=3").await;
    sender.send(&event("first")).await.unwrap();
    assert_eq!(take(&mut receiver).await.0, "first");
    for query in ["?last=x", "?last=1&deliver=all", "?last=1&since=1970-01-01T00:00:00Z"] {
        let error =
            cloudevents_nats::async_nats051::receiver(&stream.url("x", query), strict()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{query}");
    }
}

#[tokio::test]
async fn core_and_jetstream_share_subjects() {
    let Some(stream) = Stream::create().await else { return };
    let core = format!("{}/{}.x", stream.server, stream.name);
    let mut live = receiver(&core, strict()).await.unwrap();
    let mut stored = stream.receiver("?consumer=c").await;
    stream.sender("").await.send(&event("1")).await.unwrap();
    sender(&core, NatsSenderOptions::default()).await.unwrap().send(&event("2")).await.unwrap();
    for expected in ["1", "2"] {
        assert_eq!(take(&mut live).await.0, expected);
        assert_eq!(take(&mut stored).await.0, expected);
    }
}

/// Settlements go over another connection than the message came over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_outlives_its_connection() {
    let Some(mut process) = Process::start() else { return };
    let stream = Stream::create_on(process.url()).await;
    let mut receiver = stream.receiver("?consumer=c&double-ack=true").await;
    stream.sender("").await.send_all(events(3)).await.unwrap();
    // The server writes what it knows of a consumer ten times a second at most: not again before it ends.
    within(next(&mut receiver).await.accept()).await.unwrap();
    let (held, retried) = (next(&mut receiver).await, next(&mut receiver).await);
    let process = tokio::task::spawn_blocking(move || {
        process.stop();
        process
    });
    let mut process = process.await.unwrap();
    lost(&receiver).await;
    let settling = tokio::spawn(async move {
        held.accept().await.unwrap();
        retried.retry(Duration::ZERO).await.unwrap();
    });
    let process = tokio::task::spawn_blocking(move || {
        process.restart();
        process
    });
    let process = process.await.unwrap();
    within(settling).await.unwrap();
    let again = next(&mut receiver).await;
    assert_eq!(id(&again), "2");
    within(again.accept()).await.unwrap();
    assert_eq!(stream.unsettled("c").await, 0);
    drop(process);
}

/// The server does not deliver it again, and says nothing to the receiver.
#[tokio::test]
async fn a_retry_of_the_last_delivery_that_the_consumer_allows_is_an_error() {
    let logged = Logged::begin();
    let Some(stream) = Stream::create().await else { return };
    let config = pull::Config {
        durable_name: Some("c".into()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: 4 * patience(),
        max_deliver: 2,
        filter_subject: format!("{}.x", stream.name),
        ..pull::Config::default()
    };
    let created = stream.context.create_consumer_on_stream(config.clone(), &stream.name);
    created.await.unwrap();
    let mut receiver = stream.receiver("?consumer=c").await;
    assert!(logged.text().contains("max_deliver"), "{}", logged.text());
    stream.sender("").await.send_all(events(2)).await.unwrap();
    for delivery in [next(&mut receiver).await, next(&mut receiver).await] {
        within(delivery.retry(Duration::ZERO)).await.unwrap();
    }
    let error = within(next(&mut receiver).await.retry(Duration::ZERO)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    assert!(error.to_string().contains("max_deliver"), "{error}");
    let logged = logged.text();
    assert!(logged.contains("a settlement failed") && !logged.contains("comes again"), "{logged}");

    // An operator lifts the limit, and the server does not report that.
    let last = next(&mut receiver).await;
    let lifted = pull::Config { max_deliver: -1, ..config };
    let all = stream.context.get_stream(&stream.name).await.unwrap();
    all.update_consumer(lifted).await.unwrap();
    let error = within(last.retry(Duration::ZERO)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    let again = next(&mut receiver).await;
    assert_eq!((id(&again).as_str(), again.attempt()), ("1", 3));
    within(again.accept()).await.unwrap();
}

/// Operators delete consumers, and servers those whose receivers were away for long.
#[tokio::test]
async fn a_receiver_goes_on_where_it_is_when_its_consumer_is_gone() {
    for deliver in ["all", "new"] {
        let Some(stream) = Stream::create().await else { return };
        let sender = stream.sender("").await;
        let mut receiver = stream.receiver(&format!("?deliver={deliver}&reject=drop")).await;
        sender.send_all(events(4)).await.unwrap();
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(next(&mut receiver).await);
        }
        let native: &ReceivedMessage = held[0].native().unwrap();
        let consumer = native.delivered.as_ref().unwrap().consumer.to_string();
        // The second one is not settled.
        let second = held.remove(1);
        for delivery in held {
            delivery.accept().await.unwrap();
        }
        stream.until_unsettled(&consumer, 1).await;
        let all = stream.context.get_stream(&stream.name).await.unwrap();
        all.delete_consumer(&consumer).await.unwrap();
        sender.send(&event("after")).await.unwrap();
        lost(&receiver).await;
        drop(second);
        let mut came = Vec::new();
        while came.last().is_none_or(|last| last != "after") {
            came.push(take(&mut receiver).await.0);
        }
        // What is behind the first that was not settled comes again, and nothing else.
        assert_eq!(came, ["1", "2", "3", "after"], "{deliver}");
        receiver.drain(patience()).await.unwrap();

        // A stream that was made anew is another one.
        let mut receiver = stream.receiver("?deliver=all&reject=drop").await;
        for wanted in ["0", "1", "2", "3", "after"] {
            assert_eq!(take(&mut receiver).await.0, wanted);
        }
        stream.context.delete_stream(&stream.name).await.unwrap();
        stream.context.create_stream(stream_config(&stream.name)).await.unwrap();
        sender.send(&event("anew")).await.unwrap();
        assert_eq!(take(&mut receiver).await.0, "anew");
    }
}
