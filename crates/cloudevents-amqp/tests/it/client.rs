//! The sender and the receiver, beyond what the contract asks for.

use crate::tools::{
    PATIENCE, event, events, id, large, next, receiver_from, send_bare, sender_to, strict, until, within,
};
use cloudevents_amqp::fe2o3_amqp018::{
    AmqpReceiverOptions, AmqpRefusal, AmqpSenderOptions, from_sections, receiver, sender,
};
use cloudevents_amqp::{AmqpMessage, AmqpValue, Body};
use cloudevents_core::{Decoding, Error, ErrorKind, Message};
use cloudevents_testkit::amqp::{Answer, Broker, BrokerOptions, Queue};
use cloudevents_transport::{Bounds, Sender};
use futures_util::FutureExt;
use std::{error::Error as _, time::Duration};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    runtime::{Builder, Handle},
    sync::watch,
    task::yield_now,
    time::timeout,
};

/// How long to look for what must not happen.
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

/// A queue with so many events.
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
        outcomes.push(within(sender.enqueue(event.into())).await.unwrap());
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
        drop(within(sender.enqueue(event.into())).await.unwrap());
    }
    // Dropped while it waits for credit, it sends nothing.
    assert!(timeout(QUIET, sender.enqueue(event("dropped").into())).await.is_err());
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
    let pending = within(sender.enqueue(event("pending").into())).await.unwrap();
    let clone = sender.clone();
    let waiting = tokio::spawn(async move { clone.send(&event("waiting")).await });
    assert!(timeout(QUIET, sender.close()).await.is_err()); // there is something pending
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
    let mut outcome = first.block_on(within(sender.enqueue(event(1).into()))).unwrap();
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
    options.in_flight = Bounds { messages: 3, ..Bounds::default() };
    let sender = sender(&broker.url("orders"), options).await.unwrap();
    for event in events(3) {
        drop(within(sender.enqueue(event.into())).await.unwrap()); // a dropped outcome gives no place back
    }
    assert!(timeout(QUIET, sender.enqueue(event("3").into())).await.is_err());
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
    options.timeout = QUIET;
    let sender = sender(&broker.url("orders"), options).await.unwrap();
    // Each after the other, so that there is nothing to wait for in between.
    for number in 1..=3 {
        assert_eq!(within(sender.send(&event(number))).await.unwrap_err().kind(), ErrorKind::Timeout);
    }
    within(sender.close()).await.unwrap();
}

/// What nobody asks about is not looked at before it is due.
#[tokio::test]
async fn an_answer_that_came_in_time_is_no_timeout() {
    let broker = Broker::start().unwrap();
    let mut options = AmqpSenderOptions::default();
    options.timeout = Duration::from_secs(1);
    let (mut senders, mut outcomes) = (Vec::new(), Vec::new());
    // Several, as the task may look at its timer first, or at answers.
    for queue in 0..8 {
        let sender = sender(&broker.url(&format!("orders-{queue}")), options.clone()).await.unwrap();
        for event in events(3) {
            outcomes.push(within(sender.enqueue(event.into())).await.unwrap());
        }
        senders.push(sender); // dropped, it would look at the answers
    }
    tokio::time::sleep(options.timeout + QUIET).await; // until they are due
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

/// What the client library cannot read surfaces once, is rejected, and does not block what comes after it.
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
    assert!(error.to_string().contains("no AMQP message"), "{error}");
    assert_eq!(broken.raw().topic.as_deref(), Some("orders"));
    assert_eq!(broken.raw().body, None);
    within(broken.reject("unreadable")).await.unwrap();
    let after = next(&mut receiver).await;
    assert_eq!(id(&after), "after");
    within(after.accept()).await.unwrap();
    within(receiver.drain(PATIENCE)).await.unwrap();
    assert_eq!((queue.len(), queue.unsettled()), (0, 0));
    assert_eq!(queue.dead_letters()[0].description.as_deref(), Some("unreadable"));
}

/// What is given out never exceeds the bounds, though nobody calls the receiver.
#[tokio::test]
async fn a_stalled_consumer_is_sent_no_more_than_its_bounds() {
    let broker = Broker::start().unwrap();
    let queue = filled(&broker, "orders", 100).await;
    let options = bounded(Bounds { messages: 10, ..Bounds::default() });
    let mut stalled = receiver(&broker.url("orders"), options).await.unwrap();
    until(&queue, |queue| queue.unsettled() == 10).await;
    tokio::time::sleep(QUIET).await; // a look for what must not happen
    assert_eq!((queue.unsettled(), queue.len()), (10, 90));
    for _ in 0..100 {
        within(next(&mut stalled).await.accept()).await.unwrap();
        assert!(queue.unsettled() <= 10, "{queue:?}");
    }
    assert_eq!(queue.len(), 0);
}

/// Sizes are not known ahead, so that what is prefetched comes on top.
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
    tokio::time::sleep(QUIET).await; // a look for what must not happen
    assert!(queue.unsettled() <= 5 + 1 + 4, "{queue:?}");
    for delivery in held {
        within(delivery.accept()).await.unwrap();
    }
    for _ in 5..40 {
        within(next(&mut receiver).await.accept()).await.unwrap();
    }
}

#[tokio::test]
async fn a_sender_outlives_its_broker() {
    let mut broker = Broker::start().unwrap();
    let mut options = AmqpSenderOptions::default();
    options.in_flight = Bounds { messages: 2, ..Bounds::default() };
    let sender = sender(&broker.url("orders"), options).await.unwrap();
    within(sender.send(&event(1))).await.unwrap();
    broker.queue("orders").answer(Answer::Withhold);
    let pending = within(sender.enqueue(event("pending").into())).await.unwrap();
    broker.stop();
    assert_eq!(within(pending).await.unwrap_err().kind(), ErrorKind::Disconnected);
    assert_eq!(within(sender.send(&event(2))).await.unwrap_err().kind(), ErrorKind::Disconnected);
    broker.queue("orders").answer(Answer::Accept);
    broker.restart().unwrap();
    within(sender.send(&event(3))).await.unwrap();
    for number in 4..9 {
        drop(within(sender.enqueue(event(number).into())).await.unwrap()); // the answers make room there, too
    }
    within(sender.close()).await.unwrap();
    assert_eq!(broker.queue("orders").len(), 7);
    // Of neither connection is anything left.
    let tasks = Handle::current().metrics();
    within(async {
        while tasks.num_alive_tasks() > 0 {
            yield_now().await;
        }
    })
    .await;
}

/// Passes bytes on, both ways, until it is told to pass none, and leaves the connections open. Answers with the port.
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
    // With nothing to say, both say so now and then.
    assert!(timeout(Duration::from_secs(3), receiver.next()).await.is_err());
    broker.queue("orders").put(b"x");
    drop(next(&mut receiver).await);
    cut.send(true).unwrap();
    loop {
        match within(receiver.next()).await {
            Ok(delivery) => drop(delivery),
            Err(error) => break assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}"),
        }
    }
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
        drop(within(sender.enqueue(event.into())).await.unwrap());
    }
    drop(sender);
    tokio::time::sleep(QUIET).await; // a look for a link that ends too early
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
    let mut kinds = Vec::new();
    while kinds.len() < 3 {
        match within(receiver.next()).await {
            Ok(Some(prefetched)) => drop(prefetched),
            Ok(None) => panic!("it ended"),
            Err(error) => kinds.push(error.kind()),
        }
    }
    assert_eq!(kinds, [ErrorKind::Disconnected; 3]);
    assert_eq!(within(held.accept()).await.unwrap_err().kind(), ErrorKind::Disconnected);
    assert_eq!(queue.len(), 3);
    broker.restart().unwrap();
    let mut seen = Vec::new();
    while seen.len() < 3 {
        match within(receiver.next()).await {
            Ok(delivery) => {
                let delivery = delivery.unwrap();
                seen.push(id(&delivery));
                within(delivery.accept()).await.unwrap();
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Disconnected), // of a try before the restart
        }
    }
    assert_eq!(seen, ["1", "2", "3"]);
    within(receiver.drain(PATIENCE)).await.unwrap();
    assert_eq!((queue.len(), queue.unsettled()), (0, 0));
}

/// The task has no turn between them, and so finds all of them at once.
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
            _ => delivery.retry(PATIENCE),
        });
    }
    for outcome in outcomes {
        within(outcome).await.unwrap();
    }
    within(receiver.drain(PATIENCE)).await.unwrap();
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

/// Dropping the receiver ends its task, and releases what was prefetched; what is still held can still be settled.
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
    within(receiver.drain(PATIENCE)).await.unwrap();
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
    for option in ["mode=binary", "prefetch=many", "group=x"] {
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

/// The first host that can be connected to is taken.
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
    assert!(matches!(structured.message().unwrap(), Message::Structured { .. }));
    assert_eq!(id(&structured), "1");
    assert_eq!(structured.topic(), Some("orders"));
    let colon = next(&mut receiver).await;
    assert_eq!(colon.raw().header("cloudEvents:id").unwrap(), "2");
    let underscore = next(&mut receiver).await;
    assert_eq!(underscore.raw().header("cloudEvents_id").unwrap(), "3");
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
    assert_eq!(within(sender.send_message(batch)).await.unwrap_err().kind(), ErrorKind::Unsupported);
    within(sender.send(&event(2))).await.unwrap();
}

/// A message that is foreign in its sections too: a value in place of data.
#[tokio::test]
async fn foreign_messages_surface() {
    let broker = Broker::start().unwrap();
    let message = AmqpMessage::new(Body::Value(AmqpValue::Int(42)));
    send_bare(&broker.url(""), "orders", from_sections(message).unwrap()).await;
    broker.queue("orders").put(b"bare");
    let mut receiver = receiver(&broker.url("orders"), Decoding::strict().into()).await.unwrap();
    for body in ["42", "bare"] {
        let delivery = next(&mut receiver).await;
        assert_eq!(delivery.event().unwrap_err().kind(), ErrorKind::NotACloudEvent);
        assert_eq!(delivery.raw().body.as_ref().unwrap(), body);
        within(delivery.reject("foreign")).await.unwrap();
    }
}
