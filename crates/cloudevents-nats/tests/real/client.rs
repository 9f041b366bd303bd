//! Tests of the sender and the receiver of core NATS beyond the contract.

use crate::tools::{
    event, events, id, large, lost, next, patience, put_raw, receiver_from, sender_to, strict, take, within,
};
use async_nats::HeaderMap;
use cloudevents_core::{DecodeOptions, ErrorKind, Event, Message, Payload};
use cloudevents_nats::async_nats051::{
    Login, NatsReceiverOptions, NatsSenderOptions, ReceivedMessage, decode, encode, receiver, sender,
};
use cloudevents_testkit::{
    fault_proxy::{End, FaultProxy, Flow},
    logged::Logged,
    nats::{Server, ServerOptions},
};
use cloudevents_transport::{Bounds, ConnectionState, Endpoint, Logins, LossPolicy, Outgoing};
use futures_util::{FutureExt as _, StreamExt as _, future::join_all};
use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

fn with(change: impl FnOnce(&mut ServerOptions)) -> Server {
    let mut options = ServerOptions::default();
    change(&mut options);
    Server::with_options(options).unwrap()
}

#[tokio::test]
async fn a_request_gets_its_reply() {
    let server = Server::start().unwrap();
    let asking = sender_to(&server, "prices").await;
    let refused = asking.request(&event("1"), patience()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");

    let (mut questions, replying) = (receiver_from(&server, "prices").await, sender_to(&server, "x").await);
    let answering = async {
        let question = next(&mut questions).await;
        let address = question.reply_to().unwrap().to_owned();
        let answer = event(format!("to {}", id(&question)));
        replying.send(Outgoing::from(&answer).to(address)).await.unwrap();
        question.accept().await.unwrap();
        next(&mut questions).await // left unanswered
    };
    let asked = async {
        let answer: Event = asking.request(&event("2"), patience()).await.unwrap();
        let late = asking.request(&event("3"), Duration::from_millis(50)).await.unwrap_err();
        (answer, late)
    };
    let (unanswered, (answer, late)) = within(futures_util::future::join(answering, asked)).await;
    assert_eq!((answer.id(), id(&unanswered).as_str(), late.kind()), ("to 2", "3", ErrorKind::Timeout));
}

#[tokio::test]
async fn each_message_goes_to_one_of_a_queue_group() {
    let server = Server::start().unwrap();
    let url = format!("{}?queue=workers", server.url("jobs"));
    let (mut one, mut other) =
        (receiver(&url, strict()).await.unwrap(), receiver(&url, strict()).await.unwrap());
    let mut beside = receiver_from(&server, "jobs").await;
    sender_to(&server, "jobs").await.send_all(events(20)).await.unwrap();
    let mut seen = BTreeSet::new();
    for _ in 0..10 {
        for receiver in [&mut one, &mut other] {
            let delivery = next(receiver).await;
            assert!(seen.insert(id(&delivery)), "twice");
            delivery.accept().await.unwrap();
        }
    }
    assert_eq!(seen.len(), 20);
    for _ in 0..20 {
        next(&mut beside).await.accept().await.unwrap();
    }
}

#[tokio::test]
async fn subjects_come_from_attributes() {
    let server = Server::start().unwrap();
    let mut all = receiver_from(&server, "shop.>").await;
    let sender = sender_to(&server, "shop.{type}.{region}").await;
    let event =
        |ty: &str| Event::builder().id("1").source("/s").ty(ty).extension("region", "eu").build().unwrap();
    sender.send(&event("order.placed")).await.unwrap();
    assert_eq!(take(&mut all).await.1, "shop.order.placed.eu");
    let (message, _) = Message::structured(&event("order.paid"), &cloudevents_json::Json::new()).unwrap();
    sender.send(message).await.unwrap();
    assert_eq!(take(&mut all).await.1, "shop.order.paid.eu");
    sender.send(Outgoing::from(event("x")).to("shop.elsewhere")).await.unwrap();
    assert_eq!(take(&mut all).await.1, "shop.elsewhere");
    for ty in ["a b", "a.*"] {
        let error = sender.send(&event(ty)).await.unwrap_err();
        assert_eq!((error.kind(), sender.refuses_message(&error)), (ErrorKind::InvalidString, true), "{ty}");
    }
    let without = Event::builder().id("1").source("/s").ty("t").build().unwrap();
    assert_eq!(sender.send(&without).await.unwrap_err().kind(), ErrorKind::MissingAttribute);
    let elsewhere = sender.send(Outgoing::from(event("x")).to("shop.*")).await.unwrap_err();
    assert_eq!((elsewhere.kind(), sender.refuses_message(&elsewhere)), (ErrorKind::InvalidString, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_outlives_its_server() {
    let mut server = Server::start().unwrap();
    let url = server.url("orders");
    let sender = sender_to(&server, "orders").await;
    sender.send(&event("0")).await.unwrap();
    server.stop();
    let mut connectivity = sender.connectivity();
    within(async {
        while matches!(connectivity.state(), ConnectionState::Connected { .. }) {
            connectivity.changed().await;
        }
    })
    .await;
    assert_eq!((connectivity.connects(), connectivity.losses()), (1, 1));
    let sending = tokio::spawn({
        let sender = sender.clone();
        async move { sender.send(&event("1")).await }
    });
    let server = tokio::task::spawn_blocking(move || {
        server.restart().unwrap();
        server
    })
    .await
    .unwrap();
    within(sending).await.unwrap().unwrap();
    assert_eq!((connectivity.connects(), connectivity.losses()), (2, 1));
    let mut receiver = receiver(&url, strict()).await.unwrap();
    sender.send(&event("2")).await.unwrap();
    assert_eq!(id(&next(&mut receiver).await), "2");
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_outlives_its_server() {
    let mut server = Server::start().unwrap();
    let mut receiver = receiver_from(&server, "orders").await;
    let held = {
        sender_to(&server, "orders").await.send(&event("0")).await.unwrap();
        next(&mut receiver).await
    };
    server.stop();
    lost(&receiver).await;
    let server = tokio::task::spawn_blocking(move || {
        server.restart().unwrap();
        server
    })
    .await
    .unwrap();
    within(server.has_subscriptions("orders", 1)).await;
    held.accept().await.unwrap(); // nothing is left to settle
    sender_to(&server, "orders").await.send(&event("1")).await.unwrap();
    assert_eq!(id(&next(&mut receiver).await), "1");
    assert_eq!(receiver.connectivity().losses(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dropped_sender_enqueued_arrives() {
    let server = Server::start().unwrap();
    let mut receiver = receiver_from(&server, "orders").await;
    let sender = sender_to(&server, "orders").await;
    for event in events(100) {
        drop(sender.enqueue(&event).await.unwrap());
    }
    drop(sender);
    for number in 0..100 {
        assert_eq!(take(&mut receiver).await.0, number.to_string());
    }
}

/// Core NATS keeps nothing: what a receiver had, the next one does not get.
#[tokio::test]
async fn what_a_receiver_held_is_gone_with_it() {
    let server = Server::start().unwrap();
    let mut first = receiver_from(&server, "orders").await;
    let sender = sender_to(&server, "orders").await;
    sender.send(&event("1")).await.unwrap();
    let held = next(&mut first).await;
    drop((held, first));
    within(server.has_subscriptions("orders", 0)).await;
    let mut second = receiver_from(&server, "orders").await;
    sender.send(&event("2")).await.unwrap();
    assert_eq!(take(&mut second).await.0, "2");
}

#[tokio::test]
async fn a_closed_receiver_ends_its_subscription() {
    let server = Server::start().unwrap();
    let mut drained = receiver_from(&server, "orders").await;
    let dropped = receiver_from(&server, "orders").await;
    assert_eq!(server.subscriptions("orders"), 2);
    drained.drain(patience()).await.unwrap();
    drop(dropped);
    within(server.has_subscriptions("orders", 0)).await;
}

/// What the server routed to it until its handlers end would be lost.
#[tokio::test]
async fn a_member_of_a_queue_group_that_drains_gets_no_more() {
    let server = Server::start().unwrap();
    let url = format!("{}?queue=workers", server.url("jobs"));
    let mut draining = receiver(&url, strict()).await.unwrap();
    let sender = sender_to(&server, "jobs").await;
    sender.send(&event("held")).await.unwrap();
    let held = next(&mut draining).await;
    let mut other = receiver(&url, strict()).await.unwrap();
    let drained = tokio::spawn(async move { draining.drain(patience()).await });
    within(server.has_subscriptions("jobs", 1)).await;
    sender.send_all(events(20)).await.unwrap();
    for number in 0..20 {
        assert_eq!(take(&mut other).await.0, number.to_string());
    }
    held.accept().await.unwrap();
    drained.await.unwrap().unwrap();
}

/// The server would give it its share again, and nothing takes that.
#[tokio::test]
async fn a_member_that_drains_does_not_come_back_when_its_connection_is_lost() {
    let server = Server::start().unwrap();
    let proxy = FaultProxy::start(([127, 0, 0, 1], server.port()).into()).unwrap();
    let url = format!("nats://{}/jobs?queue=workers", proxy.address());
    let mut draining = receiver(&url, strict()).await.unwrap();
    sender_to(&server, "jobs").await.send(&event("held")).await.unwrap();
    let held = next(&mut draining).await;
    let mut connectivity = draining.connectivity();
    let drained = tokio::spawn(async move { draining.drain(patience()).await });
    within(server.has_subscriptions("jobs", 0)).await;
    proxy.end(End::Reset);
    within(async {
        while connectivity.losses() == 0 {
            connectivity.changed().await;
        }
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await; // in which it would connect
    assert_eq!(connectivity.connects(), 1);
    held.retry(Duration::ZERO).await.unwrap();
    within(drained).await.unwrap().unwrap();
}

/// Nothing is left of the lost connection, so that messages are lost from now on, until there is another one.
#[tokio::test]
async fn a_receiver_whose_handlers_hold_all_connects_again() {
    let server = Server::start().unwrap();
    let proxy = FaultProxy::start(([127, 0, 0, 1], server.port()).into()).unwrap();
    let url = format!("nats://{}/orders?in-flight=1", proxy.address());
    let mut receiver = receiver(&url, strict()).await.unwrap();
    let sender = sender_to(&server, "orders").await;
    sender.send(&event("1")).await.unwrap();
    let held = next(&mut receiver).await;
    proxy.end(End::Reset);
    lost(&receiver).await;
    let mut connectivity = receiver.connectivity();
    within(async {
        while connectivity.connects() < 2 {
            connectivity.changed().await;
        }
    })
    .await;
    sender.send(&event("2")).await.unwrap();
    held.accept().await.unwrap();
    assert_eq!(take(&mut receiver).await.0, "2");
}

/// After this time, also on a busy machine, what does not come has been dropped.
const NO_MORE: Duration = Duration::from_secs(3);

#[tokio::test]
async fn what_comes_faster_than_it_is_taken_is_dropped_and_the_rest_stays_whole() {
    let server = Server::start().unwrap();
    let url = format!("{}?prefetch=10&in-flight=5", server.url("orders"));
    let mut receiver = receiver(&url, strict()).await.unwrap();
    let sender = sender_to(&server, "orders").await;
    sender.send_all(events(500)).await.unwrap();
    sender.close().await.unwrap();
    let mut seen = Vec::new();
    while let Ok(delivery) = tokio::time::timeout(NO_MORE, receiver.next()).await {
        let delivery = delivery.unwrap().unwrap();
        seen.push(id(&delivery).parse::<u32>().unwrap());
        delivery.accept().await.unwrap();
    }
    // At least those that fit in: the subscription's, and those in flight.
    assert!((10..500).contains(&seen.len()) && seen.is_sorted(), "{seen:?}");
    assert_eq!(receiver.metrics().dropped, 500 - seen.len() as u64);
    assert_eq!(receiver.connectivity().losses(), 0);
}

/// Wherever they are: here, in the client, or on their way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_when_a_receiver_ends_is_counted() {
    for prefetch in ["", "&prefetch=1", "&prefetch=100"] {
        let server = Server::start().unwrap();
        let url = format!("{}?in-flight=5{prefetch}", server.url("orders"));
        let mut receiver = receiver(&url, strict()).await.unwrap();
        let sender = sender_to(&server, "orders").await;
        sender.send_all(events(500)).await.unwrap();
        next(&mut receiver).await.accept().await.unwrap();
        within(receiver.drain(patience())).await.unwrap();
        let metrics = receiver.metrics();
        assert_eq!((metrics.received, metrics.dropped), (1, 499), "{metrics}");
    }
}

/// What was released comes again, and waits once more when the receiver ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_released_is_not_counted_as_dropped() {
    let server = Server::start().unwrap();
    let mut receiver = receiver(&format!("{}?in-flight=5", server.url("orders")), strict()).await.unwrap();
    let sender = sender_to(&server, "orders").await;
    sender.send_all(events(500)).await.unwrap();
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(next(&mut receiver).await);
    }
    drop(held);
    drop(next(&mut receiver).await);
    within(receiver.drain(patience())).await.unwrap();
    let metrics = receiver.metrics();
    assert_eq!((metrics.received, metrics.released, metrics.dropped), (6, 6, 495), "{metrics}");
}

/// What waits is bounded by bytes, too, also while nothing is taken.
#[tokio::test]
async fn what_waits_for_a_slow_consumer_is_bounded_by_bytes() {
    let logged = Logged::begin();
    let server = with(|options| options.max_pending = usize::MAX); // the bound is the receiver's
    let proxy = FaultProxy::start(([127, 0, 0, 1], server.port()).into()).unwrap();
    let url = format!("nats://{}/orders?in-flight-bytes=1000000", proxy.address());
    let mut receiver = receiver(&url, strict()).await.unwrap();
    let sender = sender_to(&server, "orders").await;
    for number in 0..320 {
        sender.send(&large(number, 1_000_000)).await.unwrap();
        tokio::task::yield_now().await;
    }
    sender.close().await.unwrap();
    // All of it comes before any of it is taken, except what sockets keep for a moment.
    within(proxy.until(|counts| counts.to_client >= 320_000_000)).await;
    within(async {
        while !logged.text().contains("messages are dropped") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut seen = Vec::new();
    while let Ok(delivery) = tokio::time::timeout(NO_MORE, receiver.next()).await {
        let delivery = delivery.unwrap().unwrap();
        seen.push(id(&delivery).parse::<u32>().unwrap());
        delivery.accept().await.unwrap();
    }
    // 192 MiB, what is in flight, and what sockets kept on a busy machine: up to 32 MB, twice.
    assert!((201..280).contains(&seen.len()) && seen.is_sorted(), "{seen:?}");
}

/// The client keeps each header in a list of its own, in a table.
#[tokio::test]
async fn what_tiny_headers_take_counts_among_the_bytes_in_flight() {
    let server = Server::start().unwrap();
    let mut receiver = receiver_from(&server, "orders").await;
    let headers: String = (0..10_000).map(|number| format!("x{number}:\r\n")).collect();
    let block = format!("NATS/1.0\r\n{headers}\r\n");
    put_raw(server.port(), "orders", block.as_bytes(), b"x").await;
    let delivery = next(&mut receiver).await;
    let size = delivery.received().size();
    assert!(size >= 10_000 * 130, "{size}");
    delivery.reject("x").await.unwrap();
}

#[tokio::test]
async fn only_those_who_may_are_let_in() {
    let server = with(|options| {
        options.users.push(("alice".into(), "s3cret/".into()));
        options.tokens.push("t0ken".into());
    });
    let url = |user: &str| server.url("orders").replace("nats://", &format!("nats://{user}"));
    for user in ["alice:s3cret%2F@", "t0ken@"] {
        sender(&url(user), NatsSenderOptions::default()).await.unwrap().send(&event("1")).await.unwrap();
        receiver(&url(user), strict()).await.unwrap();
    }
    for user in ["", "alice:wr0ng@", "alice@", "wr0ng@"] {
        let error = sender(&url(user), NatsSenderOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(!format!("{error} {error:?}").contains("wr0ng"), "{error:?}");
        assert_eq!(receiver(&url(user), strict()).await.unwrap_err().kind(), ErrorKind::Refused);
    }
}

/// Counts logins; each has another token.
#[derive(Debug)]
struct Rotating(AtomicU32);

impl Logins<Login> for Rotating {
    fn login(&self) -> Pin<Box<dyn Future<Output = Result<Login, cloudevents_core::Error>> + Send + '_>> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(Ok(Login::token(format!("t{number}")))))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_are_requested_before_each_connection() {
    let mut server = with(|options| options.tokens = (0..1000).map(|number| format!("t{number}")).collect());
    let mut options = NatsSenderOptions::default();
    let logins = Arc::new(Rotating(AtomicU32::new(0)));
    options.connection.logins = Some(Arc::clone(&logins) as Arc<dyn Logins<Login>>);
    let sender = sender(&server.url("orders"), options).await.unwrap();
    sender.send(&event("1")).await.unwrap();
    assert_eq!(logins.0.load(Ordering::Relaxed), 1);
    let server = tokio::task::spawn_blocking(move || {
        server.stop();
        server.restart().unwrap();
        server
    })
    .await
    .unwrap();
    let mut connectivity = sender.connectivity();
    within(async {
        while connectivity.connects() < 2 {
            connectivity.changed().await;
        }
    })
    .await;
    // Each attempt that no server was there for has taken one, too.
    assert!(logins.0.load(Ordering::Relaxed) >= 2);
    drop(server);
}

/// The receiver ends at once with the error where that is what the program wants, and not after five minutes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_long_a_refused_login_is_tried_again_is_an_option() {
    let mut server = with(|options| options.tokens = vec!["t0".into()]);
    let mut options = strict();
    options.connection.logins = Some(Arc::new(Rotating(AtomicU32::new(0))));
    options.connection.backoff.refused = Duration::ZERO;
    let mut receiver = receiver(&server.url("orders"), options).await.unwrap();
    let _server = tokio::task::spawn_blocking(move || {
        server.stop();
        server.restart().unwrap();
        server
    })
    .await
    .unwrap();
    let error = within(receiver.next()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(receiver.connectivity().state().is_failed());
}

#[tokio::test]
async fn a_forbidden_subscription_is_refused() {
    let server = with(|options| options.denied = vec!["secret.>".into()]);
    let error = receiver(&server.url("secret.plans"), strict()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("Permissions Violation"), "{error}");
    receiver(&server.url("orders"), strict()).await.unwrap();
}

/// The server reports it before it shows that it has read the message.
#[tokio::test]
async fn a_forbidden_subject_is_refused_at_once_and_no_other() {
    let server = with(|options| options.denied = vec!["secret.>".into()]);
    let sender = sender_to(&server, "secret.plans").await;
    for _ in 0..3 {
        let refused = within(sender.send(&event("1"))).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Refused);
        let text = refused.to_string();
        assert!(text.contains(r#"Permissions Violation for Publish to "secret.plans""#), "{refused}");
    }
    let mut outcomes = Vec::new();
    for number in 0..100 {
        let subject = if number % 10 == 0 { "secret.plans" } else { "orders" };
        outcomes.push(sender.enqueue(Outgoing::from(event(number)).to(subject)).await.unwrap());
    }
    within(sender.close()).await.unwrap();
    for (number, outcome) in outcomes.into_iter().enumerate() {
        let refused = outcome.now_or_never().unwrap().is_err_and(|error| error.kind() == ErrorKind::Refused);
        assert_eq!(refused, number % 10 == 0, "{number}");
    }
}

/// The connection ends before the server has said whether it takes a message: it may have it, so that it is not sent again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_may_have_is_not_sent_again() {
    const SIZE: usize = 100_000;
    let server = with(|options| options.denied = vec!["secret.>".into()]);
    let proxy = FaultProxy::start(([127, 0, 0, 1], server.port()).into()).unwrap();
    let url = format!("nats://{}/secret.plans", proxy.address());
    let sender = sender(&url, NatsSenderOptions::default()).await.unwrap();
    assert_eq!(within(sender.send(&event("1"))).await.unwrap_err().kind(), ErrorKind::Refused);
    proxy.stall(Flow::ToClient);
    let before = proxy.counts().to_server;
    let sending = tokio::spawn(async move { sender.send(&large("2", SIZE)).await });
    // More than what the message before may have left to be sent: its round trip ends with a line.
    within(proxy.until(|counts| counts.to_server >= before + SIZE as u64)).await;
    proxy.end(End::Cut);
    proxy.resume();
    let error = within(sending).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    assert!(error.to_string().contains("may have the message"), "{error}");
}

/// Messages that are sent side by side have reports of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forbidden_subject_is_refused_to_all_who_send_at_once() {
    let server = with(|options| options.denied = vec!["secret.>".into()]);
    let sender = sender_to(&server, "secret.plans").await;
    let sending = (0..4).map(|_| {
        let sender = sender.clone();
        tokio::spawn(async move {
            for number in 0..100 {
                let refused = sender.send(&event(number)).await.unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
            }
        })
    });
    for sent in within(futures_util::future::join_all(sending)).await {
        sent.unwrap();
    }
}

/// A subject that is made from attributes may be many: more than the client passes on reports of.
#[tokio::test]
async fn many_forbidden_subjects_are_refused() {
    let server = with(|options| options.denied = vec!["secret.>".into()]);
    let sender = sender_to(&server, "secret.{type}").await;
    let of = |number: u32| Event::builder().id("1").source("/s").ty(format!("t{number}")).build().unwrap();
    let mut outcomes = Vec::new();
    for number in 0..1000 {
        outcomes.push(within(sender.enqueue(&of(number))).await.unwrap());
    }
    for (number, outcome) in outcomes.into_iter().enumerate() {
        assert_eq!(within(outcome).await.unwrap_err().kind(), ErrorKind::Refused, "{number}");
    }
}

#[tokio::test]
async fn a_user_without_an_inbox_can_receive_and_send() {
    let server = with(|options| options.denied = vec!["_INBOX.>".into()]);
    let mut receiver = receiver_from(&server, "orders").await;
    let sender = sender_to(&server, "orders").await;
    sender.send(&event("1")).await.unwrap();
    sender.close().await.unwrap();
    assert_eq!(id(&next(&mut receiver).await), "1");
}

/// JetStream replies to an inbox.
#[tokio::test]
async fn a_user_without_an_inbox_is_refused_by_jetstream() {
    let server = with(|options| options.denied = vec!["_INBOX.>".into()]);
    let url = server.url("orders").replace("nats:", "nats+jetstream:");
    let refused = [
        within(receiver(&url, strict())).await.unwrap_err(),
        within(sender(&url, NatsSenderOptions::default())).await.unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.to_string().contains("Permissions Violation for Subscription"), "{error}");
        assert!(error.help().unwrap().contains("inbox_prefix"), "{error}");
    }
}

/// The stream would never answer.
#[tokio::test]
async fn a_forbidden_subject_is_refused_at_once_by_jetstream() {
    let server = with(|options| options.denied = vec!["secret.>".into()]);
    let url = server.url("secret.x").replace("nats:", "nats+jetstream:");
    let sender = sender(&url, NatsSenderOptions::default()).await.unwrap();
    for _ in 0..2 {
        let error = within(sender.send(&event("1"))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.to_string().contains("Permissions Violation for Publish"), "{error}");
    }
}

/// A stream without acknowledgements: the client keeps the messages that wait for them until its connection ends.
#[tokio::test]
async fn a_stream_that_never_answers_gets_another_connection() {
    let logged = Logged::begin();
    let server = Server::start().unwrap();
    let client = async_nats::connect(server.url("")).await.unwrap();
    let _silent = client.subscribe("orders").await.unwrap();
    client.flush().await.unwrap();
    let mut options = NatsSenderOptions::default();
    options.sender.timeout = Some(Duration::from_millis(20));
    options.sender.in_flight = Some(Bounds { messages: 10, ..Bounds::default() });
    let url = server.url("orders").replace("nats:", "nats+jetstream:");
    let sender = sender(&url, options).await.unwrap();
    let sends = (0..1100).map(|number| {
        let (sender, event) = (sender.clone(), event(number));
        async move { sender.send(&event).await.unwrap_err() }
    });
    for error in within(join_all(sends)).await {
        assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Disconnected), "{error}");
    }
    assert_eq!(sender.connectivity().losses(), 1);
    assert!(logged.text().contains("confirms none"), "{}", logged.text());
}

#[tokio::test]
async fn requests_that_are_never_answered_get_another_connection() {
    let server = Server::start().unwrap();
    let client = async_nats::connect(server.url("")).await.unwrap();
    let _silent = client.subscribe("prices").await.unwrap();
    client.flush().await.unwrap();
    let sender = sender_to(&server, "prices").await;
    let asks = (0..1100).map(|number| {
        let (sender, event) = (sender.clone(), event(number));
        async move { sender.request(&event, Duration::from_millis(50)).await.unwrap_err() }
    });
    for error in within(join_all(asks)).await {
        assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Disconnected), "{error}");
    }
    within(async {
        while sender.connectivity().losses() == 0 {
            sender.connectivity().changed().await
        }
    })
    .await;
    sender.send(&event("after")).await.unwrap();
    assert_eq!(sender.connectivity().losses(), 1);
}

/// What is left of a request in the client goes with its reply, which may come late.
#[tokio::test]
async fn requests_that_are_answered_late_keep_the_connection() {
    let server = Server::start().unwrap();
    let client = async_nats::connect(server.url("")).await.unwrap();
    let mut asked = client.subscribe("prices").await.unwrap();
    let mut asked_last = client.subscribe("last").await.unwrap();
    client.flush().await.unwrap();
    let (replied, mut replies) = tokio::sync::mpsc::unbounded_channel();
    let replying = client.clone();
    tokio::spawn(async move {
        while let Some(message) = asked.next().await {
            let (client, replied) = (replying.clone(), replied.clone());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                client.publish(message.reply.unwrap(), "late".into()).await.unwrap();
                replied.send(()).unwrap();
            });
        }
    });
    tokio::spawn(async move {
        while let Some(message) = asked_last.next().await {
            client.publish(message.reply.unwrap(), "in time".into()).await.unwrap();
        }
    });
    let sender = sender_to(&server, "prices").await;
    for _ in 0..11 {
        let asks = (0..100).map(|number| {
            let (sender, event) = (sender.clone(), event(number));
            async move { sender.request(&event, Duration::from_millis(50)).await.unwrap_err() }
        });
        for error in within(join_all(asks)).await {
            assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        }
        for _ in 0..100 {
            within(replies.recv()).await.unwrap();
        }
        // The late replies are there before this one, which is no event.
        let last = sender.request(Outgoing::from(event("last")).to("last"), patience()).await;
        assert_eq!(last.unwrap_err().kind(), ErrorKind::NotACloudEvent);
    }
    sender.send(&event("after")).await.unwrap();
    assert_eq!(sender.connectivity().losses(), 0);
}

#[tokio::test]
async fn a_message_that_is_too_large_is_not_sent() {
    let server = with(|options| options.max_payload = 1000);
    let mut receiver = receiver_from(&server, "orders").await;
    let sender = sender_to(&server, "orders").await;
    let error = sender.send(&large("1", 1000)).await.unwrap_err();
    assert_eq!((error.kind(), sender.refuses_message(&error)), (ErrorKind::TooLarge, true));
    let error = sender.request(&large("1", 1000), patience()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    sender.send(&large("2", 500)).await.unwrap();
    assert_eq!(id(&next(&mut receiver).await), "2");
}

#[tokio::test]
async fn rejected_messages_go_to_a_subject() {
    let server = Server::start().unwrap();
    let mut letters = receiver_from(&server, "rejected").await;
    let url = format!("{}?dead-letter=rejected", server.url("orders"));
    let mut receiver = receiver(&url, DecodeOptions::strict().into()).await.unwrap();
    let sender = sender_to(&server, "orders").await;
    sender.send(Outgoing::from(event("1")).header("X-Trace", "t")).await.unwrap();
    next(&mut receiver).await.reject("no\nmore").await.unwrap();
    let letter = next(&mut letters).await;
    assert_eq!(letter.event().unwrap(), event("1"));
    let header = |name: &str| letter.header_text(name).map(|value| value.into_owned()).unwrap_or_default();
    assert_eq!(
        (header("dead-letter-reason"), header("dead-letter-topic")),
        ("no more".into(), "orders".into())
    );
    assert_eq!((header("dead-letter-attempt"), header("x-trace")), ("1".into(), "t".into()));

    // A document without headers stays one.
    let client = async_nats::connect(server.url("")).await.unwrap();
    let document = r#"{"specversion":"1.0","id":"2","source":"/tests","type":"t"}"#;
    client.publish("orders", document.into()).await.unwrap();
    next(&mut receiver).await.reject("no").await.unwrap();
    let letter = next(&mut letters).await;
    assert_eq!((id(&letter).as_str(), &letter.body().unwrap()[..]), ("2", document.as_bytes()));

    // And what is no event.
    client.publish("orders", "21.5".into()).await.unwrap();
    let foreign = next(&mut receiver).await;
    let error = foreign.event().unwrap_err();
    foreign.reject(&error).await.unwrap();
    let letter = next(&mut letters).await;
    assert_eq!(letter.header_text("dead-letter-error").as_deref(), Some("not-a-cloudevent"));
    assert_eq!(letter.body().unwrap(), "21.5");
}

/// The line takes nothing any more, and the program ends: what was sent has an outcome, and so has the close.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_in_a_stall_ends() {
    let server = Server::start().unwrap();
    let proxy = FaultProxy::start(([127, 0, 0, 1], server.port()).into()).unwrap();
    let mut options = NatsSenderOptions::default();
    options.sender.timeout = Some(Duration::from_secs(1));
    let sender = sender(&format!("nats://{}/orders", proxy.address()), options).await.unwrap();
    proxy.stall(Flow::ToServer);
    let mut outcomes = Vec::new();
    for number in 0..40 {
        outcomes.push(within(sender.enqueue(large(number, 400_000))).await.unwrap());
    }
    within(sender.close()).await.unwrap();
    let ended = outcomes.into_iter().filter_map(|outcome| outcome.now_or_never());
    let kinds: Vec<_> = ended.map(|outcome| outcome.err().map(|error| error.kind())).collect();
    assert_eq!(kinds.len(), 40);
    assert!(kinds.contains(&Some(ErrorKind::Timeout)), "{kinds:?}");
}

/// The server reports it behind the message, which is lost then; the rejected one is kept, and tried again.
#[tokio::test]
async fn a_dead_letter_that_is_forbidden_is_not_stored() {
    let server = with(|options| options.denied = vec!["rejected".into()]);
    let url = format!("{}?dead-letter=rejected", server.url("orders"));
    let mut receiver = receiver(&url, DecodeOptions::strict().into()).await.unwrap();
    sender_to(&server, "orders").await.send(&event("1")).await.unwrap();
    let error = within(next(&mut receiver).await.reject("no")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert_eq!(receiver.letters().used().messages, 1);
}

#[tokio::test]
async fn a_dead_letter_that_is_too_large_loses_headers() {
    let server = with(|options| options.max_payload = 1000);
    let mut letters = receiver_from(&server, "rejected").await;
    let url = format!("{}?dead-letter=rejected", server.url("orders"));
    let mut receiver = receiver(&url, DecodeOptions::strict().into()).await.unwrap();
    let client = async_nats::connect(server.url("")).await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("X-Trace", "t");
    client.publish_with_headers("orders", headers, vec![b'x'; 960].into()).await.unwrap();
    within(next(&mut receiver).await.reject("no event")).await.unwrap();
    let letter = next(&mut letters).await;
    assert_eq!((letter.body().unwrap().len(), letter.header("dead-letter-reason")), (960, None));
    assert_eq!(letter.header_text("x-trace").as_deref(), Some("t"));
}

#[tokio::test]
async fn messages_without_headers_reach_old_servers() {
    let server = with(|options| options.headers = false);
    let url = format!("{}?mode=structured&headers=false", server.url("orders"));
    let mut receiver = receiver_from(&server, "orders").await;
    let sender = sender(&url, NatsSenderOptions::default()).await.unwrap();
    sender.send(&event("1")).await.unwrap();
    let delivery = next(&mut receiver).await;
    assert_eq!(id(&delivery), "1");
    assert!(delivery.headers().is_empty());
    let header = sender.send(Outgoing::from(event("1")).header("a", "b")).await.unwrap_err();
    assert_eq!(header.kind(), ErrorKind::Inexact);
}

/// As a log or a queue may bring it beside an event.
#[tokio::test]
async fn a_header_of_bytes_follows_the_policy() {
    let server = Server::start().unwrap();
    let mut receiver = receiver_from(&server, "orders").await;
    let with = || Outgoing::from(event("1")).header("x-bin", b"\x00\xff").header("x-kept", "k");
    let refusing = sender_to(&server, "orders").await;
    let error = refusing.send(with()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Inexact);
    assert!(error.detail().contains("`x-bin`") && error.detail().contains("NATS"), "{error}");
    for losses in ["log", "allow"] {
        let url = format!("{}?losses={losses}", server.url("orders"));
        let sender = sender(&url, NatsSenderOptions::default()).await.unwrap();
        sender.send(with()).await.unwrap();
        let delivery = next(&mut receiver).await;
        assert_eq!(id(&delivery), "1");
        assert!(delivery.header("x-bin").is_none());
        assert_eq!(delivery.header_text("x-kept").as_deref(), Some("k"));
        assert_eq!(sender.metrics().lossy, 1);
    }
}

#[tokio::test]
async fn what_goes_along_is_seen_by_other_clients() {
    let server = Server::start().unwrap();
    let client = async_nats::connect(server.url("")).await.unwrap();
    let mut plain = client.subscribe("orders").await.unwrap();
    client.flush().await.unwrap();
    within(server.has_subscriptions("orders", 1)).await;
    let sender = sender_to(&server, "orders").await;
    sender.send(Outgoing::from(event("1")).header("X-Trace", "t").reply_to("answers")).await.unwrap();
    let message = within(futures_util::StreamExt::next(&mut plain)).await.unwrap();
    assert_eq!(message.reply.as_ref().map(|reply| reply.as_str()), Some("answers"));
    let headers = message.headers.as_ref().unwrap();
    assert_eq!(
        (headers.get("ce-id").unwrap().as_str(), headers.get("X-Trace").unwrap().as_str()),
        ("1", "t")
    );
    assert_eq!(decode(&message, &DecodeOptions::strict()).unwrap().value, event("1"));
    // An attribute cannot be smuggled in as a header.
    for name in ["ce-id", "Content-Type", "Nats-Rollup"] {
        let error = sender.send(Outgoing::from(event("1")).header(name, "2")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Inexact, "{name}");
    }
    let native = {
        let mut receiver = receiver_from(&server, "others").await;
        let (message, _) = encode("others", &event("5"), cloudevents_core::Mode::Binary).unwrap();
        client
            .publish_with_headers(message.subject, message.headers.unwrap(), message.payload)
            .await
            .unwrap();
        next(&mut receiver).await.native::<ReceivedMessage>().unwrap().clone()
    };
    assert_eq!((native.message.subject.as_str(), native.delivered.is_none()), ("others", true));
}

#[tokio::test]
async fn messages_are_forwarded_as_they_were_received() {
    let server = Server::start().unwrap();
    let client = async_nats::connect(server.url("")).await.unwrap();
    let mut receiver = receiver_from(&server, "orders").await;
    let mut copies = receiver_from(&server, "copies").await;
    let mut headers = HeaderMap::new();
    headers.insert("ce-id", "1");
    headers.insert("Nats-Msg-Id", "7");
    client.publish_with_headers("orders", headers, "x".into()).await.unwrap();
    let malformed = next(&mut receiver).await;
    assert_eq!(malformed.event().unwrap_err().kind(), ErrorKind::MissingAttribute);
    let sender = sender_to(&server, "copies").await;
    sender.send(Outgoing::as_received(malformed.received().clone())).await.unwrap();
    let copy = next(&mut copies).await;
    assert_eq!((copy.header_text("ce-id").as_deref(), copy.body().unwrap()), (Some("1"), "x".into()));
    assert!(copy.header("Nats-Msg-Id").is_none());
}

#[tokio::test]
async fn urls_that_cannot_be_used() {
    for url in [
        "nats://127.0.0.1:1/",
        "nats://127.0.0.1:1/a..b",
        "nats://127.0.0.1:1/a.*",
        "nats://127.0.0.1:1/{type",
        "nats://127.0.0.1:1/a?mode=other",
        "nats://127.0.0.1:1/a?format=json",
        "nats://127.0.0.1:1/a?headers=maybe",
        "nats://127.0.0.1:1/a?stream=S",
        "nats://127.0.0.1:1/a?prefetch=1",
        "nats://127.0.0.1:1/a?deduplicate=true",
        "amqp://127.0.0.1:1/a",
    ] {
        let error = sender(url, NatsSenderOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{url}: {error}");
    }
    for url in [
        "nats://127.0.0.1:1/?reject=drop",
        "nats://127.0.0.1:1/a?reject=broker",
        "nats://127.0.0.1:1/a?reject=drop&dead-letter=b",
        "nats://127.0.0.1:1/a?dead-letter=",
        "nats://127.0.0.1:1/a.*?dead-letter=a.b", // it reads that itself
        "nats+jetstream://127.0.0.1:1/a.%3E?dead-letter=a.b.c",
        "nats://127.0.0.1:1/a?reject=drop&prefetch=x",
        "nats://127.0.0.1:1/a?reject=drop&consumer=c",
        "nats+jetstream://127.0.0.1:1/?reject=drop",
        "nats+jetstream://127.0.0.1:1/a?reject=drop&deliver=last",
        "nats+jetstream://127.0.0.1:1/a?reject=drop&consumer=a.b",
        "nats+jetstream://127.0.0.1:1/a?reject=drop&queue=q",
        "nats+jetstream://127.0.0.1:1/a?reject=drop&ack-wait=soon",
    ] {
        let error = receiver(url, NatsReceiverOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{url}: {error}");
    }
    // A stream may have less than the filter.
    let read = receiver("nats+jetstream://127.0.0.1:1/a.%3E?dead-letter=a.b", NatsReceiverOptions::default());
    assert!(read.await.unwrap_err().help().unwrap().contains("/?stream="));
    let undecided = receiver("nats://127.0.0.1:1/a", NatsReceiverOptions::default()).await.unwrap_err();
    assert_eq!(undecided.kind(), ErrorKind::Unsupported);
    for url in [
        "nats://127.0.0.1:1/a?headers=false",
        "nats+jetstream://127.0.0.1:1/a?headers=false&mode=structured&deduplicate=true",
    ] {
        assert_eq!(
            sender(url, NatsSenderOptions::default()).await.unwrap_err().kind(),
            ErrorKind::Unsupported
        );
    }
}

#[tokio::test]
async fn a_second_host_stands_in() {
    let server = Server::start().unwrap();
    let nowhere = "127.0.0.1:9";
    let url = format!("nats://{nowhere},127.0.0.1:{}/orders", server.port());
    sender(&url, NatsSenderOptions::default()).await.unwrap().send(&event("1")).await.unwrap();
    let error = sender(&format!("nats://{nowhere}/orders"), NatsSenderOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert!(Endpoint::parse(&url).is_ok());
}

#[tokio::test]
async fn without_jetstream_there_is_an_error() {
    let server = Server::start().unwrap();
    let url = server.url("orders").replace("nats:", "nats+jetstream:");
    let error =
        sender(&url, NatsSenderOptions::default()).await.unwrap().send(&event("1")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    let error = receiver(&url, strict()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.help().unwrap().contains("JetStream"), "{error}");
}

#[test]
fn without_a_runtime_there_is_an_error() {
    let polled = futures_util::FutureExt::now_or_never(sender("nats://127.0.0.1:1/a", Default::default()));
    assert_eq!(polled.unwrap().unwrap_err().kind(), ErrorKind::Unsupported);
    let polled =
        futures_util::FutureExt::now_or_never(receiver("nats://127.0.0.1:1/a?reject=drop", strict()));
    assert_eq!(polled.unwrap().unwrap_err().kind(), ErrorKind::Unsupported);
}

/// Regression: such an event was refused for what binary mode would have lost.
#[tokio::test]
async fn a_document_is_judged_by_what_it_loses_itself() {
    let server = Server::start().unwrap();
    let mut receiver = receiver_from(&server, "orders").await;
    let event = Event::builder().id("1").source("/s").ty("t").subject("caf\u{e9}");
    let event = event.payload("text/plain; charset=iso-8859-1", Payload::text("\u{20ac}")).build().unwrap();
    let mut options = NatsSenderOptions::default();
    options.raw = true;
    within(sender(&server.url("orders"), options).await.unwrap().send(&event)).await.unwrap();
    assert_eq!(next(&mut receiver).await.event().unwrap(), event);
}

/// What would not arrive without escapes goes as a document: what that loses, the policy decides, as it does for every other document.
#[tokio::test]
async fn the_policy_decides_about_events_that_would_not_arrive_raw() {
    let server = Server::start().unwrap();
    let mut receiver = receiver_from(&server, "orders").await;
    let any = Payload::proto("type.googleapis.com/example.Order", vec![8, 1]);
    let event = Event::builder().id("1").source("/s").ty("t").subject("caf\u{e9}");
    let event = event.payload("application/protobuf", any).build().unwrap();
    for (losses, arrives) in [(LossPolicy::Refuse, false), (LossPolicy::Allow, true)] {
        let mut options = NatsSenderOptions::default();
        options.raw = true;
        options.sender.losses = losses;
        let sender = sender(&server.url("orders"), options).await.unwrap();
        let sent = within(sender.send(&event)).await;
        let expected = if arrives { Ok(()) } else { Err(ErrorKind::Inexact) };
        assert_eq!(sent.map(drop).map_err(|error| error.kind()), expected);
    }
    assert_eq!(id(&next(&mut receiver).await), "1");
}
