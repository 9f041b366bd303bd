//! Tests of the sender and the receiver beyond the contract.

use crate::tools::{
    event, events, id, large, lost, next, patience, receiver_from, send_bare, sender_to, strict, until,
    within,
};
use cloudevents_amqp::fe2o3_amqp018::{
    AmqpReceiverOptions, AmqpRefusal, AmqpSenderOptions, Login, ReceivedMessage, Sasl, from_sections,
    receiver, sender,
};
use cloudevents_amqp::{AmqpMessage, AmqpValue, Body};
use cloudevents_core::{Error, ErrorKind, Message};
use cloudevents_testkit::{
    amqp::{Answer, Broker, BrokerOptions, Queue},
    fault_proxy::{End, FaultProxy},
    logged::Logged,
};
use cloudevents_transport::{Bounds, ConnectionState, Endpoint, Logins, Outgoing, Sender};
use fe2o3_amqp_types::{
    messaging::{MessageAnnotations, annotations::OwnedKey},
    primitives::Value,
};
use futures_util::FutureExt;
use std::{
    error::Error as _,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    runtime::{Builder, Handle},
    sync::watch,
    task::yield_now,
    time::timeout,
};

/// How long to wait for something that must not happen.
const QUIET: Duration = Duration::from_millis(200);

fn broker(change: impl FnOnce(&mut BrokerOptions)) -> Broker {
    let mut options = BrokerOptions::default();
    change(&mut options);
    Broker::with_options(options).unwrap()
}

fn bounded(in_flight: Bounds) -> AmqpReceiverOptions {
    let mut options = strict();
    options.receiver.in_flight = in_flight;
    options
}

/// Creates a queue with this many events.
async fn filled(broker: &Broker, address: &str, count: usize) -> Queue {
    let sender = sender_to(broker, address).await;
    within(sender.send_all(events(count))).await.unwrap();
    within(sender.close()).await.unwrap();
    broker.queue(address)
}

fn refusal(error: &Error) -> &AmqpRefusal {
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    error.source().unwrap().downcast_ref().unwrap()
}

#[tokio::test]
async fn a_thousand_unanswered_messages_are_under_way() {
    let broker = broker(|options| options.credit = 2000);
    let queue = broker.queue("orders");
    queue.answer(Answer::Withhold);
    let sender = sender_to(&broker, "orders").await;
    let mut outcomes = Vec::new();
    for event in events(1000) {
        outcomes.push(within(sender.enqueue(event)).await.unwrap());
    }
    assert_eq!((queue.len(), sender.metrics().sent), (0, 0));
    queue.answer(Answer::Accept);
    for outcome in outcomes {
        within(outcome).await.unwrap();
    }
    assert_eq!(queue.len(), 1000);
}

#[tokio::test]
async fn the_brokers_credit_is_the_room_for_sending() {
    let broker = broker(|options| options.credit = 10);
    let queue = broker.queue("orders");
    let sender = sender_to(&broker, "orders").await;
    within(sender.send(&event("first"))).await.unwrap(); // now the credit is known
    queue.answer(Answer::Withhold);
    for event in events(9) {
        drop(within(sender.enqueue(event)).await.unwrap());
    }
    // Dropped while it waits for credit, it sends nothing.
    assert!(timeout(QUIET, sender.enqueue(event("dropped"))).await.is_err());
    let waiting = sender.clone();
    let waiting = tokio::spawn(async move { waiting.send(&event("waiting")).await });
    queue.answer(Answer::Accept);
    within(waiting).await.unwrap().unwrap();
    within(sender.close()).await.unwrap();
    assert_eq!(queue.len(), 11);
    let mut receiver = receiver_from(&broker, "orders").await;
    let mut seen = Vec::new();
    for _ in 0..11 {
        let delivery = next(&mut receiver).await;
        seen.push(id(&delivery));
        within(delivery.accept()).await.unwrap();
    }
    let sent = ["first", "0", "1", "2", "3", "4", "5", "6", "7", "8", "waiting"];
    assert_eq!(seen, sent);
}

#[tokio::test]
async fn closing_ends_the_wait_for_credit() {
    let broker = broker(|options| options.credit = 1);
    let queue = broker.queue("orders");
    let sender = sender_to(&broker, "orders").await;
    within(sender.send(&event("first"))).await.unwrap(); // now the credit is known
    queue.answer(Answer::Withhold);
    let pending = within(sender.enqueue(event("pending"))).await.unwrap();
    let clone = sender.clone();
    let waiting = tokio::spawn(async move { clone.send(&event("waiting")).await });
    assert!(timeout(QUIET, sender.close()).await.is_err()); // a message is pending
    assert_eq!(within(waiting).await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
    queue.answer(Answer::Accept);
    within(pending).await.unwrap();
    within(sender.close()).await.unwrap();
    assert_eq!(queue.len(), 2);
}

#[test]
fn without_a_runtime_there_is_an_error() {
    let url = "amqp://127.0.0.1:1/orders";
    let opened = sender(url, AmqpSenderOptions::default()).now_or_never().unwrap();
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::Unsupported);
    let opened = receiver(url, strict()).now_or_never().unwrap();
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn outcomes_outlive_the_runtime() {
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    let broker = Broker::start().unwrap();
    broker.queue("orders").answer(Answer::Withhold);
    let first = runtime();
    let sender = first.block_on(sender_to(&broker, "orders"));
    let mut outcome = first.block_on(within(sender.enqueue(event(1)))).unwrap();
    assert!(first.block_on(async { timeout(QUIET, &mut outcome).await }).is_err());
    drop(first);
    let error = runtime().block_on(within(&mut outcome)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
}

#[tokio::test]
async fn what_may_be_in_flight_is_bounded_at_the_sender_too() {
    let broker = Broker::start().unwrap();
    broker.queue("orders").answer(Answer::Withhold);
    let mut options = AmqpSenderOptions::default();
    options.sender.in_flight = Some(Bounds { messages: 3, ..Bounds::default() });
    let sender = sender(&broker.url("orders"), options).await.unwrap();
    for event in events(3) {
        drop(within(sender.enqueue(event)).await.unwrap()); // dropping an outcome makes no room
    }
    assert!(timeout(QUIET, sender.enqueue(event("3"))).await.is_err());
    broker.queue("orders").answer(Answer::Accept);
    within(sender.send(&event("4"))).await.unwrap();
    assert_eq!(broker.queue("orders").len(), 4);
}

#[tokio::test]
async fn the_senders_outcome_is_the_brokers() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    let sender = sender_to(&broker, "orders").await;
    queue.answer(Answer::reject("amqp:resource-limit-exceeded", "the queue is full"));
    let error = within(sender.send(&event(1))).await.unwrap_err();
    let AmqpRefusal::Rejected { condition, description } = refusal(&error) else { panic!("{error}") };
    assert_eq!(condition.as_deref(), Some("amqp:resource-limit-exceeded"));
    assert_eq!(description.as_deref(), Some("the queue is full"));
    assert!(error.to_string().contains("amqp:resource-limit-exceeded: the queue is full"), "{error}");
    assert!(!refusal(&error).is_temporary());
    queue.answer(Answer::reject("com.example:odd", ""));
    let error = within(sender.send(&event(2))).await.unwrap_err();
    assert!(error.to_string().contains("rejected with com.example:odd"), "{error}");
    queue.answer(Answer::Release);
    let error = within(sender.send(&event(3))).await.unwrap_err();
    assert!(refusal(&error).is_temporary() && *refusal(&error) == AmqpRefusal::Released);
    queue.answer(Answer::Modify);
    let error = within(sender.send(&event(4))).await.unwrap_err();
    assert_eq!(*refusal(&error), AmqpRefusal::Modified { undeliverable_here: false });
    queue.answer(Answer::Accept);
    within(sender.send(&event(5))).await.unwrap();
    assert_eq!((queue.len(), sender.metrics().sent), (1, 1));
}

#[tokio::test]
async fn a_broker_that_does_not_answer_is_a_timeout() {
    let broker = Broker::start().unwrap();
    broker.queue("orders").answer(Answer::Withhold);
    let mut options = AmqpSenderOptions::default();
    options.sender.timeout = Some(QUIET);
    let sender = sender(&broker.url("orders"), options).await.unwrap();
    // One after the other, so that there is no need to wait in between.
    for number in 1..=3 {
        assert_eq!(within(sender.send(&event(number))).await.unwrap_err().kind(), ErrorKind::Timeout);
    }
    within(sender.close()).await.unwrap();
}

/// What was given up and is not answered stays in the client, until that is as much as may be in flight.
#[tokio::test]
async fn a_broker_that_never_answers_gets_another_connection() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    queue.answer(Answer::Withhold);
    let mut options = AmqpSenderOptions::default();
    options.sender.timeout = Some(Duration::from_millis(50));
    options.sender.in_flight = Some(Bounds { bytes: 1 << 20, ..Bounds::default() });
    let sender = sender(&broker.url("orders"), options).await.unwrap();
    let connectivity = sender.connectivity();
    let mut sent = 0;
    while connectivity.losses() == 0 {
        let error = within(sender.send(&large("large", 400_000))).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Disconnected), "{error}");
        sent += 1;
        assert!(sent < 100, "nothing ends the connection");
    }
    assert!(sent >= 3, "{sent}");
    queue.answer(Answer::Accept);
    within(async { while sender.send(&event("last")).await.is_err() {} }).await;
    assert_eq!(connectivity.losses(), 1);
}

/// An answer that arrived in time is not a timeout, even if the outcome is awaited only later.
#[tokio::test]
async fn an_answer_that_came_in_time_is_no_timeout() {
    let broker = Broker::start().unwrap();
    let mut options = AmqpSenderOptions::default();
    options.sender.timeout = Some(Duration::from_secs(5)); // in which all are answered
    let (mut senders, mut outcomes) = (Vec::new(), Vec::new());
    // Several, as the task may check either its timer or the answers first.
    for queue in 0..8 {
        let sender = sender(&broker.url(&format!("orders-{queue}")), options.clone()).await.unwrap();
        for event in events(3) {
            outcomes.push(within(sender.enqueue(event)).await.unwrap());
        }
        senders.push(sender); // when dropped, it would check the answers
    }
    tokio::time::sleep(options.sender.timeout.unwrap() + QUIET).await; // until they are due
    for outcome in outcomes {
        within(outcome).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_too_large_for_the_broker_is_not_sent() {
    let broker = broker(|options| options.max_message_size = Some(1024));
    let sender = sender_to(&broker, "orders").await;
    let error = within(sender.send(&large("large", 2000))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(error.to_string().contains("no more than 1024"), "{error}");
    within(sender.send(&large("small", 100))).await.unwrap();
    assert_eq!(broker.queue("orders").len(), 1);
}

/// A broker that has not told its limit ends the link, and with it the messages on their way. One of them is too large: the largest.
#[tokio::test]
async fn what_ends_the_link_by_its_size_is_refused_and_the_others_are_not() {
    let broker = broker(|options| options.detaches_above = Some(1000));
    let queue = broker.queue("orders");
    let sender = sender_to(&broker, "orders").await;
    for address in ["orders", "others"] {
        broker.queue(address).answer(Answer::Withhold);
        let mut outcomes = Vec::new();
        for size in [10, 1000, 1001, 10] {
            let outgoing = Outgoing::from(large(size, size)).to(address);
            outcomes.push(within(sender.enqueue(outgoing)).await.unwrap());
        }
        let mut errors = Vec::new();
        for outcome in outcomes {
            let error = within(outcome).await.unwrap_err();
            errors.push((error.kind(), sender.refuses_message(&error)));
        }
        let (lost, refused) = ((ErrorKind::Disconnected, false), (ErrorKind::TooLarge, true));
        assert_eq!(errors, [lost, lost, refused, lost], "{address}");
        broker.queue(address).answer(Answer::Accept);
        within(sender.send(Outgoing::from(large("again", 1000)).to(address))).await.unwrap();
    }
    assert_eq!(queue.len(), 1);
}

/// Conditions of the specification, of Azure and of no one: which say that another message could be taken?
#[tokio::test]
async fn only_some_conditions_are_about_the_message() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    let sender = sender_to(&broker, "orders").await;
    for (condition, about_the_message) in [
        ("amqp:decode-error", true),
        ("amqp:invalid-field", true),
        ("amqp:link:message-size-exceeded", true),
        ("com.microsoft:argument-error", true),
        ("amqp:internal-error", false),
        ("amqp:not-allowed", false),
        ("amqp:not-implemented", false),
        ("amqp:precondition-failed", false),
        ("amqp:resource-limit-exceeded", false),
        ("amqp:unauthorized-access", false),
        ("com.example:odd", false),
        ("com.microsoft:server-busy", false),
    ] {
        queue.answer(Answer::reject(condition, ""));
        let error = within(sender.send(&event(1))).await.unwrap_err();
        assert_eq!(sender.refuses_message(&error), about_the_message, "{condition}");
    }
    for answer in [Answer::Release, Answer::Modify] {
        queue.answer(answer);
        let error = within(sender.send(&event(1))).await.unwrap_err();
        assert!(!sender.refuses_message(&error), "{error}");
    }
}

#[tokio::test]
async fn a_message_of_many_frames_arrives() {
    let broker = Broker::start().unwrap();
    let sender = sender_to(&broker, "orders").await;
    let sent = large("large", 3 << 20);
    within(sender.send(&sent)).await.unwrap();
    let mut receiver = receiver_from(&broker, "orders").await;
    let delivery = next(&mut receiver).await;
    assert_eq!(delivery.event().unwrap().data_bytes(), sent.data_bytes());
    within(delivery.accept()).await.unwrap();
}

#[tokio::test]
async fn what_is_too_large_for_the_receiver_does_not_come() {
    let broker = Broker::start().unwrap();
    within(sender_to(&broker, "orders").await.send(&large("large", 2000))).await.unwrap();
    within(sender_to(&broker, "orders").await.send(&event("small"))).await.unwrap();
    let mut options = strict();
    options.max_message_size = Some(1024);
    let mut receiver = receiver(&broker.url("orders"), options).await.unwrap();
    assert_eq!(id(&next(&mut receiver).await), "small");
    let dead = broker.queue("orders").dead_letters();
    assert_eq!(dead[0].condition.as_deref(), Some("amqp:link:message-size-exceeded"));
}

/// A message that the client library cannot read is delivered once as an error, is rejected, and does not
/// block the following messages.
#[tokio::test]
async fn what_is_no_message_surfaces_and_blocks_nothing() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    queue.put_undecodable();
    within(sender_to(&broker, "orders").await.send(&event("after"))).await.unwrap();
    let mut receiver = receiver_from(&broker, "orders").await;
    let broken = next(&mut receiver).await;
    let error = broken.event().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidDocument, "{error}");
    assert!(error.to_string().contains("not an AMQP message"), "{error}");
    assert_eq!(broken.topic(), Some("orders"));
    assert_eq!(broken.body(), None);
    within(broken.reject("unreadable")).await.unwrap();
    let after = next(&mut receiver).await;
    assert_eq!(id(&after), "after");
    within(after.accept()).await.unwrap();
    within(receiver.drain(patience())).await.unwrap();
    assert_eq!((queue.len(), queue.unsettled()), (0, 0));
    assert_eq!(queue.dead_letters()[0].description.as_deref(), Some("unreadable"));
}

/// Deliveries never exceed the bounds, even if the program does not call the receiver.
#[tokio::test]
async fn a_stalled_consumer_is_sent_no_more_than_its_bounds() {
    let broker = Broker::start().unwrap();
    let queue = filled(&broker, "orders", 100).await;
    let options = bounded(Bounds { messages: 10, ..Bounds::default() });
    let mut stalled = receiver(&broker.url("orders"), options).await.unwrap();
    until(&queue, |queue| queue.unsettled() == 10).await;
    tokio::time::sleep(QUIET).await; // nothing must happen meanwhile
    assert_eq!((queue.unsettled(), queue.len()), (10, 90));
    for _ in 0..100 {
        within(next(&mut stalled).await.accept()).await.unwrap();
        assert!(queue.unsettled() <= 10, "{queue:?}");
    }
    assert_eq!(queue.len(), 0);
}

/// Sizes are not known in advance, so prefetched messages come on top.
#[tokio::test]
async fn a_stalled_consumer_bounds_bytes() {
    let broker = Broker::start().unwrap();
    let sender = sender_to(&broker, "orders").await;
    within(sender.send_all((0..40).map(|id| large(id, 10_000)))).await.unwrap();
    let queue = broker.queue("orders");
    let in_flight = Bounds { messages: 1000, bytes: 50_000 };
    let mut options = bounded(in_flight);
    options.prefetch = Some(4);
    let mut receiver = receiver(&broker.url("orders"), options).await.unwrap();
    let mut held = Vec::new();
    while receiver.in_flight().used().bytes < in_flight.bytes {
        held.push(next(&mut receiver).await);
    }
    assert_eq!(held.len(), 5);
    tokio::time::sleep(QUIET).await; // nothing must happen meanwhile
    assert!(queue.unsettled() <= 5 + 1 + 4, "{queue:?}");
    for delivery in held {
        within(delivery.accept()).await.unwrap();
    }
    for _ in 5..40 {
        within(next(&mut receiver).await.accept()).await.unwrap();
    }
}

#[tokio::test]
async fn a_link_that_ends_while_there_is_no_room_is_a_lost_connection() {
    let broker = Broker::start().unwrap();
    let options = bounded(Bounds { messages: 1, ..Bounds::default() });
    let mut receiver = receiver(&broker.url("orders"), options).await.unwrap();
    broker.queue("orders").put(b"x");
    let held = next(&mut receiver).await;
    broker.detach("orders");
    lost(&receiver).await;
    assert_eq!(within(held.accept()).await.unwrap_err().kind(), ErrorKind::Disconnected);
    within(next(&mut receiver).await.accept()).await.unwrap();
}

#[tokio::test]
async fn a_queue_that_is_deleted_is_waited_for() {
    let broker = Broker::start().unwrap();
    let sender = sender_to(&broker, "orders").await;
    within(sender.send_all(events(2))).await.unwrap();
    let mut receiver = receiver(&broker.url("orders"), strict()).await.unwrap();
    let held = next(&mut receiver).await;
    broker.delete_queue("orders");
    lost(&receiver).await;
    assert_eq!(within(held.accept()).await.unwrap_err().kind(), ErrorKind::Disconnected);
    let (event, sending) = (large(7, 10), sender.clone());
    // A link that the broker ends may have been there already: then it is not known what became of the message.
    let waiting = tokio::spawn(async move {
        while let Err(error) = sending.send(event.clone()).await {
            assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
        }
    });
    // A link to it was refused, as a user learns.
    let mut connectivity = receiver.connectivity();
    let says = |error: &Error| error.to_string().contains("there is no such queue");
    within(async {
        while !connectivity.state().error().is_some_and(says) {
            connectivity.changed().await;
        }
    })
    .await;
    broker.queue("orders");
    within(waiting).await.unwrap();
    let mut arrived = next(&mut receiver).await;
    // What was delivered ahead, before the queue was deleted.
    while id(&arrived) != "7" {
        let _ = arrived.accept().await;
        arrived = next(&mut receiver).await;
    }
    within(arrived.accept()).await.unwrap();
}

/// Credit cannot be withdrawn when the bytes run out.
#[tokio::test]
async fn what_arrives_while_there_is_no_room_is_kept_and_hides_no_end_of_the_link() {
    let broker = Broker::start().unwrap();
    let sender = sender_to(&broker, "orders").await;
    within(sender.send_all((0..20).map(|id| large(id, 10_000)))).await.unwrap();
    let queue = broker.queue("orders");
    let mut options = bounded(Bounds { messages: 1000, bytes: 15_000 });
    options.prefetch = Some(8);
    let mut receiver = receiver(&broker.url("orders"), options).await.unwrap();
    let held = [next(&mut receiver).await, next(&mut receiver).await];
    until(&queue, |queue| queue.unsettled() > 4).await;
    tokio::time::sleep(QUIET).await; // it looks at the link meanwhile
    for delivery in held {
        within(delivery.accept()).await.unwrap();
    }
    for number in 2..10 {
        let delivery = next(&mut receiver).await;
        assert_eq!(id(&delivery), number.to_string());
        within(delivery.accept()).await.unwrap();
    }
    let held = [next(&mut receiver).await, next(&mut receiver).await];
    // What is settled is not on its way any more, and would come again.
    until(&queue, |queue| queue.len() + queue.unsettled() == 10).await;
    tokio::time::sleep(QUIET).await; // it looks at the link meanwhile
    broker.detach("orders");
    lost(&receiver).await;
    for delivery in held {
        assert_eq!(within(delivery.accept()).await.unwrap_err().kind(), ErrorKind::Disconnected);
    }
    for number in 10..20 {
        let delivery = next(&mut receiver).await;
        assert_eq!(id(&delivery), number.to_string());
        within(delivery.accept()).await.unwrap();
    }
    within(receiver.drain(patience())).await.unwrap();
    assert_eq!((queue.len(), queue.unsettled()), (0, 0));
}

#[tokio::test]
async fn a_sender_outlives_its_broker() {
    let mut broker = Broker::start().unwrap();
    let mut options = AmqpSenderOptions::default();
    options.sender.in_flight = Some(Bounds { messages: 2, ..Bounds::default() });
    let sender = sender(&broker.url("orders"), options).await.unwrap();
    within(sender.send(&event(1))).await.unwrap();
    broker.queue("orders").answer(Answer::Withhold);
    let pending = within(sender.enqueue(event("pending"))).await.unwrap();
    broker.stop();
    assert_eq!(within(pending).await.unwrap_err().kind(), ErrorKind::Disconnected);
    // The next message waits for the broker to be reachable again, and the state shows it.
    let waiting = tokio::spawn({
        let sender = sender.clone();
        async move { sender.send(&event(2)).await }
    });
    let mut seen = sender.connectivity();
    within(async {
        while !matches!(seen.state(), ConnectionState::Connecting { failed: 1.., error: Some(_) }) {
            seen.changed().await;
        }
    })
    .await;
    assert!(!waiting.is_finished());
    broker.queue("orders").answer(Answer::Accept);
    broker.restart().unwrap();
    within(waiting).await.unwrap().unwrap();
    within(sender.send(&event(3))).await.unwrap();
    assert_eq!((sender.metrics().connects, sender.metrics().disconnects), (2, 1));
    for number in 4..9 {
        drop(within(sender.enqueue(event(number))).await.unwrap()); // the answers make room there, too
    }
    within(sender.close()).await.unwrap();
    assert_eq!(broker.queue("orders").len(), 8);
    // Nothing of either connection is left.
    let tasks = Handle::current().metrics();
    within(async {
        while tasks.num_alive_tasks() > 0 {
            yield_now().await;
        }
    })
    .await;
}

/// Forwards bytes in both directions until it is cut, and leaves the connections open. Returns the port.
async fn line(broker: &Broker, mut cut: watch::Receiver<bool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, behind) = (listener.local_addr().unwrap().port(), broker.port());
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut one, _)) = listener.accept().await {
            let mut two = TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
            tokio::select! {
                _ = copy_bidirectional(&mut one, &mut two) => {}
                _ = cut.wait_for(|cut| *cut) => {}
            }
            open.push((one, two));
        }
    });
    port
}

#[tokio::test]
async fn a_broker_that_falls_silent_is_a_lost_connection() {
    let broker = Broker::start().unwrap();
    let (cut, is_cut) = watch::channel(false);
    let mut options = strict();
    options.connection.idle_timeout = Duration::from_secs(1);
    let url = format!("amqp://127.0.0.1:{}/orders", line(&broker, is_cut).await);
    let mut receiver = receiver(&url, options).await.unwrap();
    // Idle peers both send something from time to time.
    assert!(timeout(Duration::from_secs(3), receiver.next()).await.is_err());
    broker.queue("orders").put(b"x");
    drop(next(&mut receiver).await);
    cut.send(true).unwrap();
    lost(&receiver).await;
}

#[tokio::test]
async fn closing_without_a_broker_is_no_error() {
    let mut broker = Broker::start().unwrap();
    let sender = sender_to(&broker, "orders").await;
    broker.stop();
    within(sender.close()).await.unwrap();
    assert_eq!(within(sender.send(&event(1))).await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn what_a_dropped_sender_enqueued_arrives() {
    let broker = Broker::start().unwrap();
    let queue = broker.queue("orders");
    queue.answer(Answer::Withhold);
    let sender = sender_to(&broker, "orders").await;
    for event in events(200) {
        drop(within(sender.enqueue(event)).await.unwrap());
    }
    drop(sender);
    tokio::time::sleep(QUIET).await; // the link must not end too early
    queue.answer(Answer::Accept);
    until(&queue, |queue| queue.len() == 200).await;
}

#[tokio::test]
async fn a_receiver_outlives_its_broker() {
    let mut broker = Broker::start().unwrap();
    let queue = filled(&broker, "orders", 4).await;
    let mut receiver = receiver_from(&broker, "orders").await;
    within(next(&mut receiver).await.accept()).await.unwrap();
    let held = next(&mut receiver).await;
    until(&queue, |queue| queue.unsettled() == 3 && queue.is_empty()).await;
    broker.stop();
    lost(&receiver).await;
    assert!(timeout(QUIET, receiver.next()).await.is_err()); // redelivered, but not twice
    assert_eq!(within(held.accept()).await.unwrap_err().kind(), ErrorKind::Disconnected);
    assert_eq!(queue.len(), 3);
    broker.restart().unwrap();
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let delivery = next(&mut receiver).await;
        seen.push(id(&delivery));
        within(delivery.accept()).await.unwrap();
    }
    assert_eq!(seen, ["1", "2", "3"]);
    within(receiver.drain(patience())).await.unwrap();
    assert_eq!((queue.len(), queue.unsettled()), (0, 0));
}

/// The task does not run in between, and so finds all of them at once.
#[tokio::test]
async fn settlements_that_are_asked_together_stay_apart() {
    let broker = Broker::start().unwrap();
    let queue = filled(&broker, "orders", 9).await;
    let mut receiver = receiver_from(&broker, "orders").await;
    let mut held = Vec::new();
    for _ in 0..9 {
        held.push(next(&mut receiver).await);
    }
    let mut outcomes = Vec::new();
    for (number, delivery) in held.into_iter().enumerate() {
        outcomes.push(match number {
            0 | 1 | 4 | 8 => delivery.accept(),
            2 => delivery.reject("one"),
            3 => delivery.reject("other"),
            5 => delivery.release(),
            6 => delivery.retry(Duration::ZERO),
            _ => delivery.retry(patience()),
        });
    }
    for outcome in outcomes {
        within(outcome).await.unwrap();
    }
    within(receiver.drain(patience())).await.unwrap();
    assert_eq!((queue.len(), queue.unsettled()), (3, 0));
    let reasons: Vec<_> = queue.dead_letters().into_iter().map(|dead| dead.description.unwrap()).collect();
    assert_eq!(reasons, ["one", "other"]);
    let mut receiver = receiver_from(&broker, "orders").await;
    let mut again = Vec::new();
    for _ in 0..3 {
        let delivery = next(&mut receiver).await;
        again.push((id(&delivery), delivery.attempt()));
        within(delivery.accept()).await.unwrap();
    }
    again.sort_unstable();
    assert_eq!(again, [("5".to_owned(), 1), ("6".to_owned(), 2), ("7".to_owned(), 2)]);
}

/// Dropping the receiver ends its task, and releases prefetched messages. Deliveries that are still held
/// can be settled.
#[tokio::test]
async fn a_dropped_receiver_releases() {
    let broker = Broker::start().unwrap();
    let queue = filled(&broker, "orders", 20).await;
    let mut receiver = receiver_from(&broker, "orders").await;
    let held = next(&mut receiver).await;
    until(&queue, |queue| queue.unsettled() == 20).await;
    drop(receiver);
    until(&queue, |queue| queue.unsettled() == 1 && queue.len() == 19).await;
    within(held.accept()).await.unwrap();
    until(&queue, |queue| queue.unsettled() == 0 && queue.len() == 19).await;
    let again = next(&mut receiver_from(&broker, "orders").await).await;
    assert_eq!((id(&again).as_str(), again.attempt()), ("1", 1)); // releasing does not count
}

#[tokio::test]
async fn draining_releases_what_was_prefetched_and_retries_at_once() {
    let broker = Broker::start().unwrap();
    let queue = filled(&broker, "orders", 20).await;
    let mut receiver = receiver_from(&broker, "orders").await;
    within(next(&mut receiver).await.accept()).await.unwrap();
    within(next(&mut receiver).await.retry(Duration::from_secs(3600))).await.unwrap();
    until(&queue, |queue| queue.unsettled() == 19).await;
    within(receiver.drain(patience())).await.unwrap();
    assert_eq!((queue.len(), queue.unsettled()), (19, 0));
    let again = next(&mut receiver_from(&broker, "orders").await).await;
    assert_eq!((id(&again).as_str(), again.attempt()), ("1", 2));
}

#[tokio::test]
async fn rejected_messages_keep_their_reason() {
    let broker = Broker::start().unwrap();
    let queue = filled(&broker, "orders", 1).await;
    let mut receiver = receiver_from(&broker, "orders").await;
    within(next(&mut receiver).await.retry(Duration::ZERO)).await.unwrap();
    let delivery = next(&mut receiver).await;
    assert_eq!(delivery.attempt(), 2);
    within(delivery.reject("no such order")).await.unwrap();
    until(&queue, |queue| !queue.dead_letters().is_empty()).await;
    let dead = queue.dead_letters();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].condition.as_deref(), Some("amqp:precondition-failed"));
    assert_eq!((dead[0].description.as_deref(), dead[0].failures), (Some("no such order"), 1));
}

/// A rejected message goes to the other address unchanged, with the reason, and is then settled.
#[tokio::test]
async fn dead_letters_go_to_an_address() {
    let broker = Broker::start().unwrap();
    let queue = filled(&broker, "orders", 1).await;
    let message = AmqpMessage::new(Body::Data("malformed".into()))
        .with_property("cloudEvents_id", AmqpValue::String("2".into()))
        .with_property("cloudEvents_specversion", AmqpValue::String("1.0".into()));
    send_bare(&broker.url(""), "orders", from_sections(message).unwrap()).await;
    let url = format!("{}?dead-letter=rejected&attempts=2", broker.url("orders"));
    let mut receiver = receiver(&url, AmqpReceiverOptions::default()).await.unwrap();
    within(next(&mut receiver).await.retry(Duration::ZERO)).await.unwrap();
    for _ in 0..2 {
        let delivery = next(&mut receiver).await;
        match delivery.event() {
            Ok(_) => {
                assert_eq!((delivery.attempt(), delivery.is_redelivered()), (2, Some(true)));
                within(delivery.retry(Duration::ZERO)).await.unwrap();
            }
            Err(error) => within(delivery.reject(error)).await.unwrap(),
        }
    }
    within(receiver.drain(patience())).await.unwrap();
    assert_eq!((queue.len(), queue.unsettled(), queue.dead_letters().len()), (0, 0, 0));
    let mut rejected = receiver_from(&broker, "rejected").await;
    let mut reasons = Vec::new();
    for _ in 0..2 {
        let delivery = next(&mut rejected).await;
        let header = |name: &str| delivery.header_text(name).unwrap_or_default().into_owned();
        assert_eq!(header("dead-letter-topic"), "orders");
        match delivery.event() {
            Ok(event) => assert_eq!((event.id(), header("dead-letter-attempt")), ("0", "2".to_owned())),
            Err(_) => {
                assert_eq!(delivery.body().unwrap(), "malformed");
                assert_eq!(header("dead-letter-error"), "missing-attribute");
            }
        }
        reasons.push(header("dead-letter-reason"));
        within(delivery.accept()).await.unwrap();
    }
    reasons.sort_unstable();
    assert!(reasons[0].contains("source"), "{reasons:?}");
    assert_eq!(reasons[1], "given up after 2 attempts");
}

/// The receiver would stop at its bounds instead, with the first letters. The broker attaches the link all the same, and detaches it.
#[tokio::test]
async fn an_address_for_dead_letters_that_is_missing_is_an_error_of_opening() {
    let broker = Broker::start().unwrap();
    broker.queue("rejected");
    let url = format!("{}?dead-letter=rejected", broker.url("orders"));
    let letters = sender_to(&broker, "rejected").await;
    within(letters.check()).await.unwrap();
    broker.delete_queue("rejected");
    let error = within(receiver(&url, AmqpReceiverOptions::default())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    let named = "the dead-letter place `rejected` takes nothing: ";
    assert!(error.detail().starts_with(named) && error.detail().contains("amqp:not-found"), "{error}");
    let elsewhere = sender_to(&broker, "rejected").await;
    let error = within(elsewhere.check()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    broker.queue("rejected");
    within(receiver(&url, AmqpReceiverOptions::default())).await.unwrap();
}

/// RabbitMQ 3 ends the session. It declares what is at `/queue`, and drops what no queue at `/amq/queue` gets.
#[tokio::test]
async fn real_addresses_for_dead_letters_that_are_missing_are_errors_of_opening() {
    let (Ok(server), Ok("rabbitmq")) =
        (std::env::var("CE_TEST_AMQP_URL"), std::env::var("CE_TEST_AMQP_BROKER").as_deref())
    else {
        println!("SKIPPED: CE_TEST_AMQP_BROKER is not rabbitmq");
        return;
    };
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros();
    let open = async |place: String| {
        let url = format!("{server}orders-{now}?dead-letter={place}");
        receiver(&url, AmqpReceiverOptions::default()).await
    };
    let error = open(format!("/exchange/missing-{now}/key")).await.unwrap_err();
    assert!(
        error.detail().contains(&format!("amqp:not-found: NOT_FOUND - no exchange 'missing-{now}'")),
        "{error}"
    );
    open(format!("/queue/rejected-{now}")).await.unwrap();
}

/// The broker refuses what is sent there, and takes it in the end: nothing is settled before.
#[tokio::test]
async fn a_dead_letter_that_is_refused_is_tried_again() {
    let broker = Broker::start().unwrap();
    let queue = filled(&broker, "orders", 1).await;
    let letters = broker.queue("rejected");
    letters.answer(Answer::reject("amqp:resource-limit-exceeded", "full"));
    let mut options = AmqpReceiverOptions::default();
    options.queue.sink_backoff = Duration::from_millis(50);
    let url = format!("{}?dead-letter=rejected", broker.url("orders"));
    let mut receiver = receiver(&url, options).await.unwrap();
    let error = within(next(&mut receiver).await.reject("no")).await.unwrap_err();
    assert!(error.to_string().contains("full"), "{error}");
    assert_eq!((letters.len(), queue.unsettled()), (0, 1));
    letters.answer(Answer::Accept);
    until(&letters, |letters| letters.len() == 1).await;
    until(&queue, |queue| (queue.len(), queue.unsettled()) == (0, 0)).await;
    within(receiver.drain(patience())).await.unwrap();
    assert_eq!((queue.len(), queue.unsettled(), queue.dead_letters().len()), (0, 0, 0));
}

#[tokio::test]
async fn a_receiver_opens_only_when_it_is_decided_what_happens_to_rejected_messages() {
    let broker = Broker::start().unwrap();
    let error = receiver(&broker.url("orders"), AmqpReceiverOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.help().unwrap().contains("dead-letter=<address>"), "{error}");
}

#[tokio::test]
async fn two_receivers_share_a_queue() {
    let broker = Broker::start().unwrap();
    let queue = filled(&broker, "orders", 100).await;
    let options = bounded(Bounds { messages: 5, ..Bounds::default() });
    let mut one = receiver(&broker.url("orders"), options.clone()).await.unwrap();
    let mut two = receiver(&broker.url("orders"), options).await.unwrap();
    until(&queue, |queue| queue.unsettled() == 10).await;
    let mut seen = Vec::new();
    while seen.len() < 100 {
        let delivery = within(async {
            tokio::select! {
                delivery = one.next() => delivery,
                delivery = two.next() => delivery,
            }
        })
        .await
        .unwrap()
        .unwrap();
        seen.push(id(&delivery).parse::<usize>().unwrap());
        within(delivery.accept()).await.unwrap();
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn only_those_who_may_are_let_in() {
    let broker = broker(|options| options.users.push(("alice".into(), "s/cret".into())));
    let url = |user: &str| broker.url("orders").replace("//", &format!("//{user}"));
    let open = async |url: String| sender(&url, AmqpSenderOptions::default()).await;
    within(open(url("alice:s%2Fcret@")).await.unwrap().send(&event(1))).await.unwrap();
    for user in ["", "alice:wrong@", "bob:s%2Fcret@", "alice@"] {
        let error = open(url(user)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{user}: {error}");
        assert!(!format!("{error:?} {error}").contains("wrong"), "{error:?}");
    }
    let error = open(url("alice:s%2Fcret@") + "?sasl=external").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    let refused = receiver(&url("alice:wrong@"), strict()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
}

#[tokio::test]
async fn urls_that_cannot_be_used() {
    let broker = Broker::start().unwrap();
    for option in [
        "mode=loud",
        "format=json",
        "mode=structured&format=x",
        "separator=-",
        "prefetch=1",
        "moed=binary",
        "sasl=x",
        "mode=a&mode=b",
    ] {
        let url = format!("{}?{option}", broker.url("orders"));
        let error = sender(&url, AmqpSenderOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{option}: {error}");
    }
    for option in [
        "mode=binary",
        "prefetch=many",
        "group=x",
        "reject=x",
        "dead-letter=",
        "dead-letter=orders", // its own address
        "dead-letter=a&reject=drop",
        "attempts=x",
    ] {
        let url = format!("{}?{option}", broker.url("orders"));
        assert_eq!(receiver(&url, strict()).await.unwrap_err().kind(), ErrorKind::InvalidUrl, "{option}");
    }
}

#[tokio::test]
async fn nobody_there_is_a_lost_connection() {
    let mut broker = Broker::start().unwrap();
    broker.stop();
    let error = sender(&broker.url("orders"), AmqpSenderOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert!(error.to_string().contains(&broker.port().to_string()), "{error}");
}

/// The first reachable host is used.
#[tokio::test]
async fn a_second_host_stands_in() {
    let (mut gone, broker) = (Broker::start().unwrap(), Broker::start().unwrap());
    gone.stop();
    let url = format!("amqp://127.0.0.1:{},127.0.0.1:{}/orders", gone.port(), broker.port());
    within(sender(&url, AmqpSenderOptions::default()).await.unwrap().send(&event(1))).await.unwrap();
    assert_eq!(broker.queue("orders").len(), 1);
}

#[tokio::test]
async fn modes_and_separators_are_those_of_the_url() {
    let broker = Broker::start().unwrap();
    let open = async |option: &str| -> Sender {
        let url = format!("{}?{option}", broker.url("orders"));
        sender(&url, AmqpSenderOptions::default()).await.unwrap()
    };
    within(open("mode=structured&format=json").await.send(&event(1))).await.unwrap();
    within(open("separator=colon").await.send(&event(2))).await.unwrap();
    within(open("mode=binary&separator=underscore").await.send(&event(3))).await.unwrap();
    let mut receiver = receiver_from(&broker, "orders").await;
    let structured = next(&mut receiver).await;
    assert!(matches!(structured.message().unwrap(), Message::Structured(_)));
    assert_eq!(id(&structured), "1");
    assert_eq!(structured.topic(), Some("orders"));
    let colon = next(&mut receiver).await;
    assert_eq!(colon.header_text("cloudEvents:id").unwrap(), "2");
    let underscore = next(&mut receiver).await;
    assert_eq!(underscore.header_text("cloudEvents_id").unwrap(), "3");
    for delivery in [structured, colon, underscore] {
        assert_eq!(delivery.event().unwrap().source().as_str(), "/tests");
        within(delivery.accept()).await.unwrap();
    }
}

#[tokio::test]
async fn batches_are_not_sent() {
    let broker = Broker::start().unwrap();
    let sender = sender_to(&broker, "orders").await;
    let batch = Message::batched(&[event(1)], &cloudevents_json::Json::new()).unwrap().0;
    assert_eq!(within(sender.send(batch)).await.unwrap_err().kind(), ErrorKind::Unsupported);
    within(sender.send(&event(2))).await.unwrap();
}

/// A message whose sections are foreign too: a value instead of data.
#[tokio::test]
async fn foreign_messages_surface() {
    let broker = Broker::start().unwrap();
    let message = AmqpMessage::new(Body::Value(AmqpValue::Int(42)));
    send_bare(&broker.url(""), "orders", from_sections(message).unwrap()).await;
    broker.queue("orders").put(b"bare");
    let mut receiver = receiver(&broker.url("orders"), strict()).await.unwrap();
    for body in ["42", "bare"] {
        let delivery = next(&mut receiver).await;
        assert_eq!(delivery.event().unwrap_err().kind(), ErrorKind::NotACloudEvent);
        assert_eq!(delivery.body().unwrap(), body);
        within(delivery.reject("foreign")).await.unwrap();
    }
}

/// A stream delivers nothing again. Anybody can write the annotation, so that it stops no receiver.
#[tokio::test]
async fn messages_of_a_stream_of_rabbitmq_are_in_the_log_and_arrive() {
    let logged = Logged::begin();
    let broker = Broker::start().unwrap();
    for _ in 0..2 {
        let mut annotations = MessageAnnotations(Default::default());
        annotations.0.insert(OwnedKey::from("x-stream-offset"), Value::Ulong(7));
        let mut message = from_sections(AmqpMessage::new(Body::Absent)).unwrap();
        message.message_annotations = Some(annotations);
        send_bare(&broker.url(""), "audit", message).await;
    }
    let mut receiver = receiver(&broker.url("audit"), strict()).await.unwrap();
    for _ in 0..2 {
        within(next(&mut receiver).await.accept()).await.unwrap();
    }
    assert_eq!(logged.text().matches("a stream of RabbitMQ").count(), 1, "{}", logged.text());
}

#[tokio::test]
async fn what_goes_along_with_a_message_arrives() {
    let broker = Broker::start().unwrap();
    let (from, to) = (sender_to(&broker, "orders").await, sender_to(&broker, "forwarded").await);
    let outgoing = Outgoing::from(event(1))
        .key("42")
        .header("traceparent", "00-1-2-01")
        .header("bytes", b"\xff")
        .expires_after(Duration::from_secs(60))
        .priority(7)
        .reply_to("answers")
        .correlation("c-1");
    within(from.send(outgoing)).await.unwrap();
    let first = next(&mut receiver_from(&broker, "orders").await).await;
    assert_eq!((first.reply_to(), first.correlation().as_deref()), (Some("answers"), Some(&b"c-1"[..])));
    let native = first.received().native::<ReceivedMessage>().unwrap();
    let header = native.header.as_ref().unwrap();
    assert_eq!((header.ttl, header.priority.0, header.durable), (Some(60_000), 7, true));
    within(to.send(first.forward())).await.unwrap();
    let forwarded = next(&mut receiver_from(&broker, "forwarded").await).await;
    for delivery in [&first, &forwarded] {
        assert_eq!(id(delivery), "1");
        assert_eq!(delivery.key().as_deref(), Some(&b"42"[..]));
        assert_eq!(delivery.header_text("traceparent").as_deref(), Some("00-1-2-01"));
        assert_eq!(delivery.header("bytes").as_deref(), Some(&b"\xff"[..]));
    }
    let error = within(from.send(Outgoing::from(event(1)).header("cloudEvents:id", "2"))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Inexact);
}

/// Returns these passwords of `alice`, one for each connection, and then the last one again.
#[derive(Debug)]
struct Passwords(Mutex<Vec<&'static str>>, AtomicUsize);

impl Logins<Login> for Passwords {
    fn login(&self) -> Pin<Box<dyn Future<Output = Result<Login, Error>> + Send + '_>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        let mut passwords = self.0.lock().unwrap();
        let password = if passwords.len() > 1 { passwords.remove(0) } else { passwords[0] };
        Box::pin(async move { Ok(Sasl::plain("alice", password).into()) })
    }
}

#[tokio::test]
async fn credentials_are_asked_for_before_each_connection() {
    let mut broker = broker(|options| options.users.push(("alice".into(), "right".into())));
    let passwords = Arc::new(Passwords(
        Mutex::new(vec!["wrong", "right", "old", "old", "right"]),
        AtomicUsize::default(),
    ));
    let mut options = AmqpSenderOptions::default();
    options.connection.logins = Some(Arc::clone(&passwords) as Arc<dyn Logins<Login>>);
    let url = broker.url("orders");
    let open = || sender(&url, options.clone());
    // Opening reports a refusal at once.
    assert_eq!(within(open()).await.unwrap_err().kind(), ErrorKind::Refused);
    let sender = within(open()).await.unwrap();
    within(sender.send(&event(1))).await.unwrap();
    // Reconnecting retries, with the then current credentials.
    broker.stop();
    broker.restart().unwrap();
    within(async { while sender.send(&event(2)).await.is_err() {} }).await;
    assert!(passwords.1.load(Ordering::Relaxed) >= 5, "{passwords:?}");
}

/// The state of the receiver shows it although no message may be taken.
#[tokio::test]
async fn a_loss_is_seen_while_handlers_hold_everything() {
    let broker = Broker::start().unwrap();
    let address = broker.url("held");
    let host = Endpoint::parse(&address).unwrap().host().unwrap().to_string();
    let proxy = FaultProxy::start(host.parse().unwrap()).unwrap();
    let through = address.replace(&host, &proxy.address().to_string());
    sender_to(&broker, "held").await.send_all(events(3)).await.unwrap();
    let mut options = strict();
    options.receiver.in_flight.messages = 1;
    let mut receiving = receiver(&through, options).await.unwrap();
    let held = next(&mut receiving).await;
    proxy.end(End::Reset);
    lost(&receiving).await;
    within(held.revoked()).await;
    drop(held);
    assert_eq!(id(&next(&mut receiving).await), "0");
}

/// RabbitMQ 4.3 takes back what is held for `consumer_timeout`, and gives the receiver nothing more until that is settled. A receiver
/// names a longer time.
#[tokio::test]
async fn what_is_held_for_long_stays_and_others_come_beside_it() {
    const HOLD: Duration = Duration::from_millis(300);
    let broker = broker(|options| options.hold = Some(HOLD));
    let queue = broker.queue("held");
    let sender = sender_to(&broker, "held").await;
    within(sender.send(&event(1))).await.unwrap();
    let mut receiver = receiver_from(&broker, "held").await;
    let held = next(&mut receiver).await;
    tokio::time::sleep(HOLD * 3).await; // the lock has to be renewed meanwhile
    within(sender.send(&event(2))).await.unwrap();
    let other = next(&mut receiver).await;
    assert_eq!(id(&other), "2");
    other.accept().await.unwrap();
    held.accept().await.unwrap();
    until(&queue, |queue| queue.unsettled() == 0).await;
    assert!(queue.is_empty(), "what was held is in the queue again: {queue:?}");
}
