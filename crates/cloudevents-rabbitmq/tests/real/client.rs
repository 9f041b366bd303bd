//! Sender and receiver against the testkit's broker.

use crate::{
    bare,
    tools::{
        event, events, id, large, lost, next, patience, receiver_from, sender_to, strict, until, within,
    },
};
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_rabbitmq::lapin4::{
    Login, QueueType, RabbitConnection, RabbitReceiverOptions, RabbitRefusal, RabbitSenderOptions,
    ReceivedMessage, Sasl, receiver, sender,
};
use cloudevents_testkit::{
    logged::Logged,
    rabbitmq::{Answer, Broker, BrokerOptions},
};
use cloudevents_transport::{
    Bounds, Bridge, Failure, Logins, LossPolicy, Outgoing, RunState, Sender, SenderOptions,
    binding::queue::QueueOptions, bridge::BridgePolicy,
};
use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use std::{
    error::Error as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

fn refusal(error: &cloudevents_core::Error) -> &RabbitRefusal {
    assert_eq!(error.kind(), ErrorKind::Refused);
    error.source().unwrap().downcast_ref().unwrap()
}

#[tokio::test]
async fn the_senders_outcome_is_the_brokers() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    let sender = sender_to(&broker, "orders").await;
    let receipt = within(sender.send(&event(1))).await.unwrap();
    assert_eq!(receipt.place(), Some("/queues/orders"));
    queue.answer(Answer::Nack);
    let error = within(sender.send(&event(2))).await.unwrap_err();
    assert_eq!(refusal(&error), &RabbitRefusal::Nacked);
    assert!(error.is_temporary() && refusal(&error).is_temporary());
    queue.answer(Answer::Ack);
    within(sender.send(&event(3))).await.unwrap();
    assert_eq!(queue.len(), 2);
    assert!(queue.messages().iter().all(|message| message.is_persistent()));
}

#[tokio::test]
async fn a_message_without_a_queue_is_refused() {
    let broker = Broker::start().unwrap();
    let sender = sender(&broker.url("queue=missing"), RabbitSenderOptions::default()).await.unwrap();
    let error = within(sender.send(&event(1))).await.unwrap_err();
    let RabbitRefusal::Returned { code, routing_key, .. } = refusal(&error) else { panic!("{error:?}") };
    assert_eq!((*code, &**routing_key), (312, "missing"));
    assert!(!error.is_temporary() && error.help().unwrap().contains("declare"));
    let unwatched = broker.url("queue=missing&mandatory=false");
    let sender =
        cloudevents_rabbitmq::lapin4::sender(&unwatched, RabbitSenderOptions::default()).await.unwrap();
    within(sender.send(&event(1))).await.unwrap();
}

/// The broker confirms many messages at once, some of which it returned before. Each outcome is that of its
/// own message, although the client library gives returned messages to any.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn returned_messages_are_told_apart() {
    for confirms_together in [true, false] {
        let mut options = BrokerOptions::default();
        options.confirms_together = confirms_together;
        let broker = Broker::with_options(options).unwrap();
        broker.bind("shop", "direct", "known", "orders");
        let sender = sender(&broker.url("exchange=shop"), RabbitSenderOptions::default()).await.unwrap();
        for round in 0..20 {
            let enqueued = (0..200).map(|number| {
                let to = if (number * 7 + round) % 3 == 0 { "unknown" } else { "known" };
                let sender = &sender;
                async move {
                    let outcome = sender.enqueue(Outgoing::from(event(number % 50)).to(to)).await.unwrap();
                    (to, outcome.await)
                }
            });
            for (to, outcome) in within(join_all(enqueued)).await {
                match to {
                    "known" => assert_eq!(outcome.unwrap().place(), Some("/exchanges/shop/known")),
                    _ => assert!(matches!(refusal(&outcome.unwrap_err()), RabbitRefusal::Returned { .. })),
                }
            }
        }
    }
}

#[tokio::test]
async fn messages_go_to_other_exchanges_and_routing_keys() {
    let broker = Broker::start().unwrap();
    broker.bind("shop", "topic", "orders.#", "orders");
    broker.bind("audit", "fanout", "", "audit");
    let url = broker.url("exchange=shop&routing-key=orders.eu");
    let sender = sender(&url, RabbitSenderOptions::default()).await.unwrap();
    within(sender.send(&event(1))).await.unwrap();
    for (number, to) in
        ["orders.us", "/exchanges/audit", "/queues/audit", "/exchanges/shop/orders"].iter().enumerate()
    {
        within(sender.send(Outgoing::from(event(number + 2)).to(*to))).await.unwrap();
    }
    let keys = |queue: &str| -> Vec<(String, String)> {
        let messages = broker.queue(queue).messages();
        messages.iter().map(|message| (message.exchange().into(), message.routing_key().into())).collect()
    };
    let pair = |exchange: &str, key: &str| (exchange.to_owned(), key.to_owned());
    assert_eq!(
        keys("orders"),
        [pair("shop", "orders.eu"), pair("shop", "orders.us"), pair("shop", "orders")]
    );
    assert_eq!(keys("audit"), [pair("audit", ""), pair("", "audit")]);
    // What does not exist is refused, and the messages around it arrive.
    let (missing, after) = within(futures_util::future::join(
        sender.send(Outgoing::from(event(6)).to("/exchanges/missing/k")),
        sender.send(&event(7)),
    ))
    .await;
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::Refused);
    after.unwrap();
    assert_eq!(sender.connectivity().losses(), 0);
    let wrong = within(sender.send(Outgoing::from(event(8)).to("/topics/x"))).await.unwrap_err();
    assert!(wrong.help().unwrap().contains("/exchanges/"));
    assert_eq!((wrong.kind(), sender.refuses_message(&wrong)), (ErrorKind::InvalidString, true));
}

/// So that a bridge puts it aside, and does not try it for ever.
#[tokio::test]
async fn a_routing_key_that_an_event_makes_too_long_is_the_mistake_of_that_event() {
    let broker = Broker::start().unwrap();
    broker.bind("shop", "topic", "#", "orders");
    let url = broker.url("exchange=shop&routing-key=orders.{subject|id}");
    let sender = sender(&url, RabbitSenderOptions::default()).await.unwrap();
    let with = |subject: &str| event(1).into_builder().subject(subject).build().unwrap();
    let error = within(sender.send(&with(&"x".repeat(250)))).await.unwrap_err();
    assert_eq!((error.kind(), sender.refuses_message(&error)), (ErrorKind::TooLarge, true));
    within(sender.send(&with("eu"))).await.unwrap();
    within(sender.send(&event(2))).await.unwrap();
    let keys: Vec<String> =
        broker.queue("orders").messages().iter().map(|message| message.routing_key().to_owned()).collect();
    assert_eq!(keys, ["orders.eu", "orders.2"]);
}

#[tokio::test]
async fn what_goes_along_with_a_message_arrives() {
    let broker = Broker::start().unwrap();
    let sender = sender_to(&broker, "orders").await;
    let outgoing = Outgoing::from(event(1))
        .header("traceparent", "00-1")
        .header("bytes", b"\xff")
        .expires_after(Duration::from_secs(60))
        .priority(7)
        .reply_to("answers")
        .correlation("c1");
    within(sender.send(outgoing)).await.unwrap();
    let messages = broker.queue("orders").messages();
    assert_eq!(messages[0].header("traceparent").unwrap(), "00-1");
    assert_eq!(messages[0].header("bytes").unwrap(), &b"\xff"[..]);
    assert_eq!((messages[0].expiration(), messages[0].priority()), (Some("60000"), Some(7)));
    let mut receiver = receiver_from(&broker, "orders").await;
    let delivery = next(&mut receiver).await;
    assert_eq!((delivery.reply_to(), delivery.correlation().as_deref()), (Some("answers"), Some(&b"c1"[..])));
    let native: &ReceivedMessage = delivery.native().unwrap();
    assert_eq!(*native.properties.priority(), Some(7));
    for (outgoing, kind) in [
        (Outgoing::from(event(1)).header("ce-id", "2"), ErrorKind::Inexact),
        (Outgoing::from(event(1)).header("cloudEvents:x", "2"), ErrorKind::Inexact),
        (Outgoing::from(event(1)).header("a", "1").header("a", "2"), ErrorKind::Inexact),
        (Outgoing::from(event(1)).header("CC", "elsewhere"), ErrorKind::Inexact),
        (Outgoing::from(event(1)).header("n".repeat(256), "1"), ErrorKind::Inexact),
        (Outgoing::from(event(1)).correlation(b"\xff"), ErrorKind::Unsupported),
        (Outgoing::from(event(1)).reply_to("a".repeat(256)), ErrorKind::TooLarge),
    ] {
        assert_eq!(within(sender.send(outgoing)).await.unwrap_err().kind(), kind);
    }
}

/// No protocol carries it on, not even this one: it is no text, and a message that is sent on has headers of text and bytes.
#[tokio::test]
async fn a_table_among_the_headers_is_lost_by_the_policy() {
    let table = |entries: &[(&str, AMQPValue)]| {
        let mut table = FieldTable::default();
        for (name, value) in entries {
            table.insert((*name).into(), value.clone());
        }
        table
    };
    let text = |text: &str| AMQPValue::LongString(text.into());
    let broker = Broker::start().unwrap();
    broker.queue("orders");
    let headers = table(&[
        ("ce-specversion", text("1.0")),
        ("ce-id", text("1")),
        ("ce-source", text("/s")),
        ("ce-type", text("t")),
        ("x-list", AMQPValue::FieldArray(vec![AMQPValue::Void].into())),
        ("x-number", AMQPValue::LongInt(-5)),
        ("x-shovelled", AMQPValue::FieldArray(vec![AMQPValue::Void].into())),
        ("x-table", AMQPValue::FieldTable(table(&[("a", text("1"))]))),
    ]);
    let mut receiver = receiver_from(&broker, "orders").await;
    bare::publish_with(&broker.url(""), "orders", BasicProperties::default().with_headers(headers), b"")
        .await;
    let delivery = next(&mut receiver).await;
    broker.queue("others");
    let others = sender_to(&broker, "others").await;
    let error = within(others.send(delivery.forward())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Inexact);
    assert_eq!(
        error.detail(),
        "the header `x-list` is not carried: its value is an array of RabbitMQ; the header `x-table` is not carried: its value is a table of RabbitMQ"
    );
    let mut policy = BridgePolicy::default();
    policy.losses = LossPolicy::Allow;
    let mut options = SenderOptions::default();
    options.losses = LossPolicy::Allow;
    drop((delivery, receiver));
    let target = others.with_options(options);
    let bridge = Bridge::new(receiver_from(&broker, "orders").await, target.clone(), policy).unwrap();
    let stop = bridge.stopper();
    let bridge = tokio::spawn(async move { bridge.run().await });
    let arrived = next(&mut receiver_from(&broker, "others").await).await;
    let names: Vec<_> = arrived.headers().iter().map(|(name, _)| (*name).to_owned()).collect();
    let foreign: Vec<_> = names.iter().map(String::as_str).filter(|name| !name.starts_with("ce-")).collect();
    assert_eq!((id(&arrived).as_str(), foreign), ("1", vec!["bridge-hops", "x-number", "x-publication"]));
    within(arrived.accept()).await.unwrap();
    stop.stop();
    bridge.await.unwrap().unwrap();
    assert_eq!(target.metrics().lossy, 1);
}

#[tokio::test]
async fn a_broker_that_does_not_answer_is_a_timeout() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    queue.answer(Answer::Withhold);
    let mut options = RabbitSenderOptions::default();
    options.sender.timeout = Some(Duration::from_millis(300));
    let sender = sender(&broker.url("queue=orders"), options).await.unwrap();
    let error = within(sender.send(&event(1))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

/// What was given up and is not answered stays in the client, until that is as much as may be in flight.
#[tokio::test]
async fn a_broker_that_never_answers_gets_another_connection() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    queue.answer(Answer::Withhold);
    let mut options = RabbitSenderOptions::default();
    options.sender.timeout = Some(Duration::from_millis(50));
    options.sender.in_flight = Some(Bounds { bytes: 1 << 20, ..Bounds::default() });
    let sender = sender(&broker.url("queue=orders"), options).await.unwrap();
    let connectivity = sender.connectivity();
    let mut sent = 0;
    while connectivity.losses() == 0 {
        let error = within(sender.send(&large(1, 400_000))).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Disconnected), "{error}");
        sent += 1;
        assert!(sent < 100, "nothing ends the connection");
    }
    assert!(sent >= 3, "{sent}");
    queue.answer(Answer::Ack);
    within(async { while sender.send(&event(2)).await.is_err() {} }).await;
    assert_eq!(connectivity.losses(), 1);
}

#[tokio::test]
async fn a_peer_that_never_speaks_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = RabbitSenderOptions::default();
    options.connection.connect_timeout = Duration::from_secs(3);
    let url = format!("rabbitmq://{}/?queue=q", silent.local_addr().unwrap());
    let error = within(sender(&url, options)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    // The connection is closed, and with it the thread that waited.
    let (mut accepted, _) = within(silent.accept()).await.unwrap();
    let mut bytes = Vec::new();
    within(accepted.read_to_end(&mut bytes)).await.unwrap();
    assert_eq!(bytes, b"AMQP\0\0\x09\x01");
}

#[tokio::test]
async fn what_is_no_broker_is_an_error() {
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rabbitmq://{}/?queue=q", other.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut accepted, _) = other.accept().await.unwrap();
            accepted.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        }
    });
    let error = within(sender(&url, RabbitSenderOptions::default())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:?}");
}

#[tokio::test]
async fn nobody_there_is_a_lost_connection() {
    let url = "rabbitmq://127.0.0.1:9/?queue=q&reject=drop";
    let error = sender(&url.replace("&reject=drop", ""), RabbitSenderOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    let error = receiver(url, DecodeOptions::strict().into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
}

#[tokio::test]
async fn only_those_who_may_are_let_in() {
    let mut options = BrokerOptions::default();
    options.users.push(("alice".into(), "hunter2".into()));
    let broker = Broker::with_options(options).unwrap();
    broker.queue("q");
    let url = |user: &str| broker.url("queue=q").replace("://", &format!("://{user}"));
    within(sender(&url("alice:hunter2@"), RabbitSenderOptions::default())).await.unwrap();
    let mut wrong = RabbitSenderOptions::default();
    wrong.connection.sasl = Some(Sasl::plain("alice", "hunter3"));
    for (url, options) in [(url("alice:hunter3@"), RabbitSenderOptions::default()), (url(""), wrong)] {
        let error = within(sender(&url, options)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        let shown = format!("{error:?} {error:#}");
        assert!(!shown.contains("hunter"), "{shown}");
    }
    let mut connection = RabbitConnection::default();
    connection.sasl = Some(Sasl::plain("alice", "hunter2"));
    assert!(!format!("{connection:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_missing_queue_is_refused_and_a_declared_one_is_not() {
    let broker = Broker::start().unwrap();
    let url = |options: &str| broker.url(&format!("queue=new&reject=drop{options}"));
    let error = within(receiver(&url(""), DecodeOptions::strict().into())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.help().unwrap().contains("declare"));
    within(receiver(&url("&declare=quorum"), DecodeOptions::strict().into())).await.unwrap();
    assert_eq!(broker.queue("new").argument("x-queue-type").unwrap(), "quorum");
    let error = within(receiver(&url("&declare=classic"), DecodeOptions::strict().into())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
}

#[tokio::test]
async fn a_receiver_opens_only_when_it_is_decided_what_happens_to_rejected_messages() {
    let broker = Broker::start().unwrap();
    broker.queue("q");
    let open = async |options: &str| {
        let url = broker.url(&format!("queue=q{options}"));
        receiver(&url, DecodeOptions::strict().into()).await.map(drop).map_err(|error| error.kind())
    };
    assert_eq!(open("").await, Err(ErrorKind::Unsupported));
    assert_eq!(open("&reject=drop&dead-letter=x").await, Err(ErrorKind::InvalidUrl));
    assert_eq!(open("&reject=maybe").await, Err(ErrorKind::InvalidUrl));
    // Its own queue: what cannot be read would go round for ever.
    assert_eq!(open("&dead-letter=q").await, Err(ErrorKind::InvalidUrl));
    assert_eq!(open("&dead-letter=/queues/q").await, Err(ErrorKind::InvalidUrl));
    assert_eq!(open("&reject=drop&wait=never").await, Err(ErrorKind::InvalidUrl));
    assert_eq!(open("&reject=drop").await, Ok(()));
}

#[tokio::test]
async fn dead_letters_keep_everything_and_say_why() {
    let broker = Broker::start().unwrap();
    let dead = broker.queue("rejected");
    let sender = sender_to(&broker, "orders").await;
    within(sender.send(Outgoing::from(event(1)).header("traceparent", "00-1").correlation("c")))
        .await
        .unwrap();
    broker.queue("orders").put_with(b"{}", None, &[("ce-id", b"2")]);
    let url = broker.url("queue=orders&dead-letter=rejected&attempts=1");
    let mut receiver = receiver(&url, DecodeOptions::strict().into()).await.unwrap();
    within(next(&mut receiver).await.reject("too late")).await.unwrap();
    let malformed = next(&mut receiver).await;
    let error = malformed.event().unwrap_err();
    within(malformed.reject(error.to_string())).await.unwrap();
    until(&dead, |queue| queue.len() == 2).await;
    until(&broker.queue("orders"), |queue| queue.unsettled() == 0).await;
    let letters = dead.messages();
    let of = |index: usize, name: &str| {
        letters[index].header(name).map(|value| String::from_utf8(value.into()).unwrap())
    };
    assert_eq!(of(0, "dead-letter-reason").unwrap(), "too late");
    assert_eq!(
        (of(0, "dead-letter-topic").unwrap(), of(0, "dead-letter-attempt").unwrap()),
        ("orders".into(), "1".into())
    );
    assert_eq!((of(0, "traceparent").unwrap(), of(0, "ce-id").unwrap()), ("00-1".into(), "1".into()));
    assert_eq!(of(1, "dead-letter-error").unwrap(), "missing-attribute");
    assert!(of(0, "dead-letter-error").is_none() && of(0, "delivery-attempt").is_none());
    // A letter is still the event.
    let mut again = receiver_from(&broker, "rejected").await;
    assert_eq!(id(&next(&mut again).await), "1");
}

/// The receiver would stop at its bounds instead, with the first letters.
#[tokio::test]
async fn a_place_for_dead_letters_that_is_missing_is_an_error_of_opening() {
    let broker = Broker::start().unwrap();
    broker.queue("orders");
    for place in ["missing", "/exchanges/missing/key"] {
        let url = broker.url(&format!("queue=orders&dead-letter={place}"));
        let error = receiver(&url, DecodeOptions::strict().into()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        let named = format!("the dead-letter place `{place}` takes nothing: NOT_FOUND");
        assert!(error.detail().starts_with(&named), "{error}");
    }
    let declared = broker.url("queue=orders&dead-letter=missing&declare=classic");
    receiver(&declared, DecodeOptions::strict().into()).await.unwrap();
}

#[tokio::test]
async fn a_dead_letter_without_a_queue_is_tried_again() {
    let broker = Broker::start().unwrap();
    let sender = sender_to(&broker, "orders").await;
    within(sender.send(&event(1))).await.unwrap();
    let mut options = RabbitReceiverOptions::from(DecodeOptions::strict());
    options.queue.sink_backoff = Duration::from_millis(50);
    broker.queue("missing");
    let url = broker.url("queue=orders&dead-letter=missing");
    let mut receiver = receiver(&url, options).await.unwrap();
    broker.delete_queue("missing");
    let error = within(next(&mut receiver).await.reject("no")).await.unwrap_err();
    assert!(matches!(refusal(&error), RabbitRefusal::Returned { .. }));
    let missing = broker.queue("missing");
    until(&missing, |queue| queue.len() == 1).await;
    within(receiver.drain(patience())).await.unwrap();
    assert_eq!((broker.queue("orders").len(), broker.queue("orders").unsettled()), (0, 0));
}

#[tokio::test]
async fn retries_wait_in_a_queue_and_count() {
    let broker = Broker::start().unwrap();
    let sender = sender_to(&broker, "orders").await;
    within(sender.send(Outgoing::from(event(1)).header("h", "x").expires_after(Duration::from_secs(9))))
        .await
        .unwrap();
    let mut receiver = receiver_from(&broker, "orders").await;
    let begun = std::time::Instant::now();
    within(next(&mut receiver).await.retry(Duration::from_millis(280))).await.unwrap();
    // It waits at the broker.
    let waiting = broker.queue("orders.retry-quorum.300");
    assert_eq!(waiting.argument("x-message-ttl").unwrap(), "300");
    assert_eq!(waiting.argument("x-expires").unwrap(), "86400300");
    let again = next(&mut receiver).await;
    assert!(begun.elapsed() >= Duration::from_millis(280));
    assert_eq!((again.attempt(), again.is_redelivered()), (2, Some(true)));
    assert_eq!((id(&again), again.header("h").as_deref()), ("1".to_owned(), Some(&b"x"[..])));
    // Without a delay, it goes to the queue directly.
    within(again.retry(Duration::ZERO)).await.unwrap();
    let third = next(&mut receiver).await;
    assert_eq!(third.attempt(), 3);
    within(third.accept()).await.unwrap();
    until(&broker.queue("orders"), |queue| queue.unsettled() == 0).await;
}

#[tokio::test]
async fn a_retry_that_cannot_be_sent_stays_in_the_queue() {
    let broker = Broker::start().unwrap();
    let sender = sender_to(&broker, "orders").await;
    within(sender.send(&event(1))).await.unwrap();
    let mut receiver = receiver_from(&broker, "orders").await;
    let delivery = next(&mut receiver).await;
    broker.queue("orders").answer(Answer::Nack);
    assert_eq!(within(delivery.retry(Duration::ZERO)).await.unwrap_err().kind(), ErrorKind::Refused);
    broker.queue("orders").answer(Answer::Ack);
    let again = next(&mut receiver).await;
    assert_eq!((id(&again), again.attempt()), ("1".to_owned(), 1));
}

#[tokio::test]
async fn retries_can_wait_here() {
    let broker = Broker::start().unwrap();
    let sender = sender_to(&broker, "orders").await;
    within(sender.send(&event(1))).await.unwrap();
    let url = broker.url("queue=orders&reject=drop&wait=none");
    let mut receiver = receiver(&url, DecodeOptions::strict().into()).await.unwrap();
    let begun = std::time::Instant::now();
    within(next(&mut receiver).await.retry(Duration::from_millis(300))).await.unwrap();
    assert_eq!(broker.queue("orders").unsettled(), 1);
    let again = next(&mut receiver).await;
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert_eq!(again.attempt(), 2);
    assert!(!broker.has_queue("orders.retry-quorum.300"));
}

#[tokio::test]
async fn what_may_be_in_flight_is_bounded_at_the_sender_too() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    queue.answer(Answer::Withhold);
    let mut options = RabbitSenderOptions::default();
    options.sender.in_flight = Some(Bounds { messages: 3, ..Bounds::default() });
    let sender = sender(&broker.url("queue=orders"), options).await.unwrap();
    let outcomes = within(join_all(events(3).map(|event| sender.enqueue(event)))).await;
    assert!(sender.enqueue(event(3)).now_or_never().is_none());
    queue.answer(Answer::Ack);
    for outcome in outcomes {
        within(outcome.unwrap()).await.unwrap();
    }
    within(sender.send(&event(4))).await.unwrap();
    assert_eq!(queue.len(), 4);
}

#[tokio::test]
async fn what_is_too_large_for_the_broker_is_an_error() {
    let mut options = BrokerOptions::default();
    options.max_message_size = Some(1000);
    let broker = Broker::with_options(options).unwrap();
    let queue = broker.queue("orders");
    let url = |options: &str| broker.url(&format!("queue=orders{options}"));
    let checked = sender(&url("&max-message-size=1000"), RabbitSenderOptions::default()).await.unwrap();
    let error = within(checked.send(&large(1, 1001))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    within(checked.send(&large(2, 1000))).await.unwrap();
    assert_eq!(checked.connectivity().losses(), 0);
    // Otherwise the broker closes the channel, not the connection.
    let unchecked = sender(&url(""), RabbitSenderOptions::default()).await.unwrap();
    let connections = broker.connections();
    let error = within(unchecked.send(&large(3, 1001))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    // The client has heard why the channel has ended.
    let mut connectivity = unchecked.connectivity();
    within(async {
        while connectivity.losses() == 0 {
            connectivity.changed().await;
        }
    })
    .await;
    within(unchecked.send(&event(4))).await.unwrap();
    assert_eq!((broker.connections(), unchecked.connectivity().losses()), (connections, 1));
    until(&queue, |queue| queue.len() == 2).await;
}

/// The largest frame that RabbitMQ takes.
const FRAME_MAX: usize = 131_072;

#[tokio::test]
async fn headers_that_do_not_fit_into_a_frame_are_the_mistake_of_their_message() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    let sender = sender_to(&broker, "orders").await;
    queue.answer(Answer::Withhold);
    let first = within(sender.enqueue(&event(1))).await.unwrap();
    let with = |size| Outgoing::from(event(2)).header("x-large", vec![b'x'; size]);
    let error = within(sender.send(with(FRAME_MAX))).await.unwrap_err();
    assert_eq!((error.kind(), sender.refuses_message(&error)), (ErrorKind::TooLarge, true));
    queue.answer(Answer::Ack);
    within(first).await.unwrap();
    // The broker takes all that is not refused, up to the last byte.
    let mut size = FRAME_MAX - 250;
    while within(sender.send(with(size))).await.is_ok() {
        size += 1;
    }
    assert!((FRAME_MAX - 249..FRAME_MAX).contains(&size), "{size}");
    assert_eq!(sender.connectivity().losses(), 0);
}

#[tokio::test]
async fn a_dead_letter_is_stored_however_large_its_headers_are() {
    let broker = Broker::start().unwrap();
    let (orders, dead) = (broker.queue("orders"), broker.queue("rejected"));
    let url = broker.url("queue=orders&dead-letter=rejected");
    let mut receiver = receiver(&url, DecodeOptions::strict().into()).await.unwrap();
    for (at, size) in (0..).zip([FRAME_MAX - 250, FRAME_MAX - 53]) {
        let large = vec![b'x'; size];
        orders.put_with(b"{}", None, &[("x-large", &large), ("x-a", b"b")]);
        within(next(&mut receiver).await.reject("no")).await.unwrap();
        until(&dead, |queue| queue.len() == at + 1).await;
        let letter = &dead.messages()[at];
        // Its own headers go first, and the message's only if there is no other way.
        assert_eq!((letter.header("dead-letter-attempt"), letter.is_persistent()), (None, at == 1));
        assert_eq!((letter.header("x-a").is_some(), letter.header("x-large").is_some()), (at == 0, at == 0));
        assert_eq!(letter.body(), "{}");
    }
    assert_eq!(receiver.connectivity().losses(), 0);
}

/// An event stays one, whatever it loses.
#[tokio::test]
async fn the_dead_letter_of_an_event_with_large_headers_is_an_event() {
    let broker = Broker::start().unwrap();
    let (orders, dead) = (broker.queue("orders"), broker.queue("rejected"));
    let url = broker.url("queue=orders&dead-letter=rejected");
    let mut rejecting = receiver(&url, DecodeOptions::strict().into()).await.unwrap();
    let mut headers = vec![
        ("cloudEvents:specversion", &b"1.0"[..]),
        ("cloudEvents:id", b"1"),
        ("cloudEvents:source", b"/tests"),
        ("cloudEvents:type", b"t"),
    ];
    // What a frame has besides (AMQP 0.9.1, section 4.2.6.1): with the number that a letter gets, these headers do not fit.
    let others: usize = headers.iter().map(|(name, value)| name.len() + value.len() + 6).sum();
    let large = vec![b'x'; FRAME_MAX - others - "x-large".len() - 6 - "text/plain".len() - 1 - 31];
    headers.push(("x-large", &large));
    orders.put_with(b"payload", Some("text/plain"), &headers);
    within(next(&mut rejecting).await.reject("no")).await.unwrap();
    assert!(dead.messages()[0].is_persistent());
    let letter = next(&mut receiver_from(&broker, "rejected").await).await;
    assert_eq!(letter.event().unwrap().id(), "1");
    assert_eq!((letter.header("x-large"), letter.header("dead-letter-reason")), (None, None));
    assert_eq!(letter.body().unwrap(), "payload");
    assert_eq!(rejecting.connectivity().losses(), 0);
}

/// Letters that wait for their queue take the room of the receiver.
#[tokio::test]
async fn dead_letters_that_wait_show() {
    let broker = Broker::start().unwrap();
    let (orders, dead) = (sender_to(&broker, "orders").await, broker.queue("rejected"));
    dead.answer(Answer::Withhold);
    let mut options = RabbitReceiverOptions::from(DecodeOptions::strict());
    options.receiver.in_flight = Bounds { messages: 2, ..Bounds::default() };
    let receiver = receiver(&broker.url("queue=orders&dead-letter=rejected"), options).await.unwrap();
    let (activity, letters) = (receiver.activity(), receiver.letters());
    within(orders.send_all(events(5))).await.unwrap();
    let watch = within(async {
        while (activity.state(), letters.used().messages) != (RunState::Blocked, 2) {
            tokio::time::sleep(Duration::from_millis(10)).await; // between two looks
        }
        dead.answer(Answer::Ack);
        dead.until(|queue| queue.len() >= 3).await;
    });
    let run = receiver.run(async |_: cloudevents_core::Event| Err::<(), _>(Failure::reject("no")));
    within(run.until(watch)).await.unwrap();
}

/// A message that is too large takes the channel of the others with it, and is not theirs.
#[tokio::test]
async fn what_is_too_large_for_the_broker_is_the_mistake_of_that_message_only() {
    let mut options = BrokerOptions::default();
    options.max_message_size = Some(1000);
    let broker = Broker::with_options(options).unwrap();
    let queue = broker.queue("orders");
    let sender = sender_to(&broker, "orders").await;
    queue.answer(Answer::Withhold);
    let mut outcomes = Vec::new();
    for (id, size) in [(1, 10), (2, 1000), (3, 1001), (4, 1001), (5, 10)] {
        outcomes.push(within(sender.enqueue(large(id, size))).await.unwrap());
    }
    let mut errors = Vec::new();
    for outcome in outcomes {
        let error = within(outcome).await.unwrap_err();
        errors.push((error.kind(), sender.refuses_message(&error)));
    }
    let (lost, refused) = ((ErrorKind::Disconnected, false), (ErrorKind::TooLarge, true));
    assert_eq!(errors, [lost, lost, refused, refused, lost]);
}

/// What the peer sends is about no message, whatever it is.
#[tokio::test]
async fn garbage_from_the_peer_is_no_mistake_of_a_message() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    let between = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rabbitmq://{}/?queue=orders", between.local_addr().unwrap());
    let (break_it, broken) = tokio::sync::oneshot::channel();
    let port = broker.port();
    tokio::spawn(async move {
        let (mut near, _) = between.accept().await.unwrap();
        let mut far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
            _ = broken => {}
        }
        // A method frame of 4 GiB, and the peer stays.
        near.write_all(&[1, 0, 1, 255, 255, 255, 255]).await.unwrap();
        let _ = near.read_to_end(&mut Vec::new()).await;
    });
    let sender = within(sender(&url, RabbitSenderOptions::default())).await.unwrap();
    queue.answer(Answer::Withhold);
    let outcome = within(sender.enqueue(event(1))).await.unwrap();
    break_it.send(()).unwrap();
    let error = within(outcome).await.unwrap_err();
    assert_eq!((error.kind(), sender.refuses_message(&error)), (ErrorKind::Disconnected, false), "{error}");
    assert!(error.to_string().contains("4294967295"), "{error}");
}

#[tokio::test]
async fn a_channel_that_closed_for_a_message_that_is_too_large_is_not_the_end_of_the_connection() {
    let mut options = BrokerOptions::default();
    options.max_message_size = Some(1_000);
    let broker = Broker::with_options(options).unwrap();
    let queue = broker.queue("orders");
    let sender = sender_to(&broker, "orders").await;
    within(sender.send(&event(1))).await.unwrap();
    let error = within(sender.send(&large(2, 2_000))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    // The client has heard why the channel has ended.
    let mut connectivity = sender.connectivity();
    within(async {
        while connectivity.losses() == 0 {
            connectivity.changed().await;
        }
    })
    .await;
    within(sender.send(&event(3))).await.unwrap();
    assert_eq!((queue.len(), broker.connections()), (2, 1));
}

/// Tokens that were valid when they were requested.
#[derive(Debug, Default)]
struct Tokens(AtomicUsize);

impl Logins<Login> for Tokens {
    fn login(&self) -> BoxFuture<'_, Result<Login, Error>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let sasl = Sasl::plain("", "token");
        async { Ok(Login::from(sasl)) }.boxed()
    }
}

/// Before 4.3, RabbitMQ leaves a connection open when its token has expired, and refuses what comes over it.
#[tokio::test]
async fn a_sender_whose_token_has_expired_logs_in_again() {
    let broker = Broker::start().unwrap();
    let tokens = Arc::new(Tokens::default());
    let mut options = RabbitSenderOptions::default();
    options.declare = Some(QueueType::Classic);
    options.connection.logins = Some(Arc::clone(&tokens) as Arc<dyn Logins<Login>>);
    let sender = within(sender(&broker.url("queue=orders"), options)).await.unwrap();
    within(sender.send(&event(1))).await.unwrap();
    broker.expire_logins();
    let error = within(sender.send(&event(2))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    within(sender.send(&event(3))).await.unwrap();
    assert_eq!((broker.queue("orders").len(), tokens.0.load(Ordering::Relaxed)), (2, 2));
}

/// So does what publishes retries, which hears of it when it declares the queue in which they wait.
#[tokio::test]
async fn retries_go_on_after_their_token_has_expired() {
    let broker = Broker::start().unwrap();
    let tokens = Arc::new(Tokens::default());
    let mut options = strict();
    options.declare = Some(QueueType::Classic);
    options.connection.logins = Some(Arc::clone(&tokens) as Arc<dyn Logins<Login>>);
    let mut receiver = within(receiver(&broker.url("queue=orders"), options)).await.unwrap();
    within(sender_to(&broker, "orders").await.send(&event(1))).await.unwrap();
    let logins = tokens.0.load(Ordering::Relaxed);
    broker.expire_logins();
    within(async { while next(&mut receiver).await.retry(Duration::from_secs(60)).await.is_err() {} }).await;
    assert_eq!((broker.queue("orders").len(), tokens.0.load(Ordering::Relaxed)), (0, logins + 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_outlives_its_broker() {
    let mut broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    let sender = sender_to(&broker, "orders").await;
    within(sender.send(&event(1))).await.unwrap();
    queue.answer(Answer::Withhold);
    let in_flight = within(sender.enqueue(&event(2))).await.unwrap();
    let mut broker = tokio::task::spawn_blocking(move || {
        broker.stop();
        broker
    })
    .await
    .unwrap();
    assert_eq!(within(in_flight).await.unwrap_err().kind(), ErrorKind::Disconnected);
    queue.answer(Answer::Ack);
    broker.restart().unwrap();
    within(sender.send(&event(3))).await.unwrap();
    let bodies: Vec<_> = queue.messages().iter().map(|message| message.header("ce-id").unwrap()).collect();
    assert_eq!(bodies, ["1", "3"]);
    // An operator can close the connection, too.
    broker.close_connections();
    until(&queue, |_| broker.connections() == 0 || sender.connectivity().losses() > 1).await;
    within(sender.send(&event(4))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_outlives_its_broker() {
    let mut broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    within(sender_to(&broker, "orders").await.send_all(events(3))).await.unwrap();
    let mut receiver = receiver_from(&broker, "orders").await;
    let held = next(&mut receiver).await;
    let mut broker = tokio::task::spawn_blocking(move || {
        broker.stop();
        broker
    })
    .await
    .unwrap();
    lost(&receiver).await;
    assert_eq!(within(held.accept()).await.unwrap_err().kind(), ErrorKind::Disconnected);
    broker.restart().unwrap();
    for number in 0..3 {
        let delivery = next(&mut receiver).await;
        assert_eq!((id(&delivery), delivery.is_redelivered()), (number.to_string(), Some(true)));
        within(delivery.accept()).await.unwrap();
    }
    until(&queue, |queue| queue.is_empty() && queue.unsettled() == 0).await;
}

#[tokio::test]
async fn a_deleted_queue_is_noticed() {
    let broker = Broker::start().unwrap();
    let mut receiver = receiver_from(&broker, "orders").await;
    broker.delete_queue("orders");
    lost(&receiver).await;
    broker.queue("orders").put_with(b"", None, &[]);
    assert_eq!(next(&mut receiver).await.event().unwrap_err().kind(), ErrorKind::NotACloudEvent);
}

/// The broker cancels the consumer, and the channel stays.
#[tokio::test]
async fn a_deleted_queue_is_noticed_while_there_is_no_room() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    within(sender_to(&broker, "orders").await.send_all(events(1))).await.unwrap();
    let mut options = strict();
    options.receiver.in_flight.messages = 1;
    let mut receiver = receiver(&broker.url("queue=orders"), options).await.unwrap();
    let held = next(&mut receiver).await;
    assert_eq!(queue.unsettled(), 1);
    broker.delete_queue("orders");
    lost(&receiver).await;
    assert!(!held.is_current());
    assert_eq!(within(held.accept()).await.unwrap_err().kind(), ErrorKind::Disconnected);
    broker.queue("orders").put_with(b"", None, &[]);
    assert_eq!(next(&mut receiver).await.event().unwrap_err().kind(), ErrorKind::NotACloudEvent);
}

#[tokio::test]
async fn a_stalled_consumer_is_sent_no_more_than_its_bounds() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    within(sender_to(&broker, "orders").await.send_all(events(50))).await.unwrap();
    let mut options = strict();
    options.receiver.in_flight.messages = 7;
    let mut receiver = receiver(&broker.url("queue=orders"), options).await.unwrap();
    until(&queue, |queue| queue.unsettled() == 7).await;
    let held = next(&mut receiver).await;
    assert_eq!((queue.unsettled(), queue.len()), (7, 43));
    within(held.accept()).await.unwrap();
    until(&queue, |queue| queue.unsettled() == 7 && queue.len() == 42).await;
}

#[tokio::test]
async fn draining_releases_what_was_prefetched() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    within(sender_to(&broker, "orders").await.send_all(events(20))).await.unwrap();
    let mut receiver = receiver_from(&broker, "orders").await;
    let first = next(&mut receiver).await;
    drop(first.accept());
    within(receiver.drain(patience())).await.unwrap();
    assert_eq!((queue.len(), queue.unsettled(), queue.consumers()), (19, 0, 0));
    let mut next_one = receiver_from(&broker, "orders").await;
    assert_eq!(id(&next(&mut next_one).await), "1");
}

#[tokio::test]
async fn a_dropped_receiver_releases() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    within(sender_to(&broker, "orders").await.send_all(events(20))).await.unwrap();
    let mut receiver = receiver_from(&broker, "orders").await;
    drop(next(&mut receiver).await);
    drop(receiver);
    until(&queue, |queue| queue.len() == 20 && queue.unsettled() == 0 && queue.consumers() == 0).await;
}

#[tokio::test]
async fn what_a_dropped_sender_enqueued_arrives() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    let sender = sender_to(&broker, "orders").await;
    let outcomes = within(join_all(events(100).map(|event| sender.enqueue(event)))).await;
    drop((outcomes, sender));
    until(&queue, |queue| queue.len() == 100).await;
    until(&queue, |_| broker.connections() == 0).await;
}

#[tokio::test]
async fn rejected_messages_can_be_left_to_the_broker_or_dropped() {
    let broker = Broker::start().unwrap();
    let (connection, channel) = bare::channel(&broker.url("")).await;
    let mut arguments = lapin::types::FieldTable::default();
    let text = |text: &str| lapin::types::AMQPValue::LongString(text.into());
    arguments.insert("x-dead-letter-exchange".into(), text(""));
    arguments.insert("x-dead-letter-routing-key".into(), text("brokers"));
    channel.queue_declare("orders".into(), Default::default(), arguments).await.unwrap();
    let dead = broker.queue("brokers");
    let sender = sender_to(&broker, "orders").await;
    for (reject, expected) in [("broker", 1), ("drop", 1)] {
        within(sender.send(&event(1))).await.unwrap();
        let url = broker.url(&format!("queue=orders&reject={reject}"));
        let mut receiver = receiver(&url, DecodeOptions::strict().into()).await.unwrap();
        within(next(&mut receiver).await.reject("no")).await.unwrap();
        within(receiver.drain(patience())).await.unwrap();
        assert_eq!((dead.len(), broker.queue("orders").len()), (expected, 0));
    }
    drop(connection);
}

#[tokio::test]
async fn quorum_queues_count_deliveries() {
    let broker = Broker::start().unwrap();
    let mut options = RabbitSenderOptions::default();
    options.declare = Some(QueueType::Quorum);
    let sender: Sender = sender(&broker.url("queue=orders"), options).await.unwrap();
    within(sender.send(&event(1))).await.unwrap();
    for attempt in 1..4 {
        let mut receiver = receiver_from(&broker, "orders").await;
        let delivery = next(&mut receiver).await;
        assert_eq!((delivery.attempt(), id(&delivery)), (attempt, "1".to_owned()));
        drop(receiver);
        // It stops consuming, so what is released does not come back to it.
        until(&broker.queue("orders"), |queue| queue.consumers() == 0).await;
        within(delivery.release()).await.unwrap();
        until(&broker.queue("orders"), |queue| queue.len() == 1).await;
    }
}

/// RabbitMQ 4 deletes what came back to a quorum queue 20 times, and says nothing.
#[tokio::test]
async fn a_message_that_comes_back_to_its_queue_again_and_again_is_in_the_log() {
    let logged = Logged::begin();
    let broker = Broker::start().unwrap();
    let url = broker.url("queue=orders&declare=quorum");
    within(sender(&url, RabbitSenderOptions::default()).await.unwrap().send(&event(1))).await.unwrap();
    let mut receiver = receiver(&url, strict()).await.unwrap();
    for attempt in 1..=12 {
        let delivery = next(&mut receiver).await;
        assert_eq!(delivery.attempt(), attempt);
        assert_eq!(logged.text().matches("delivery-limit").count(), usize::from(attempt > 10));
        within(delivery.release()).await.unwrap();
    }
}

/// Foreign messages surface as they are, and block nothing.
#[tokio::test]
async fn foreign_messages_surface() {
    let broker = Broker::start().unwrap();
    broker.queue("orders").put(b"hello");
    within(sender_to(&broker, "orders").await.send(&event(1))).await.unwrap();
    let mut options = RabbitReceiverOptions::from(DecodeOptions::strict());
    options.queue = QueueOptions::default().dropping_rejected();
    let mut receiver = receiver(&broker.url("queue=orders"), options).await.unwrap();
    let foreign = next(&mut receiver).await;
    assert_eq!(foreign.event().unwrap_err().kind(), ErrorKind::NotACloudEvent);
    assert_eq!((foreign.body().unwrap(), foreign.topic()), ("hello".into(), Some("orders")));
    within(foreign.accept()).await.unwrap();
    assert_eq!(id(&next(&mut receiver).await), "1");
}
