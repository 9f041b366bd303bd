//! How `run` settles by the results of handlers, begins and ends.

use crate::{Gives, event, events, filled, unsettled, until_settled};
use cloudevents_core::{
    Codec, CodecContext, Data, Decode, DecodeOptions, Encode, Error, ErrorKind, Event, EventData, Payload,
    TypedEvent,
};
use cloudevents_json::{Json, JsonEventExt};
use cloudevents_testkit::logged::Logged;
use cloudevents_transport::{
    Delivery, Failure, Receiver, ReceiverCapabilities, ReceiverOptions, UnreadablePolicy, Verdict,
    binding::log::LogOptions,
    fake::{FakeLog, FakeQueue},
};
use std::{
    cell::Cell,
    fmt,
    future::{pending, ready},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    task::yield_now,
    time::{Instant, sleep},
};

fn options() -> ReceiverOptions {
    ReceiverOptions::default()
}

#[tokio::test(start_paused = true)]
async fn ok_accepts_and_an_error_is_retried_with_backoff_then_rejected() {
    let queue = filled(2).await;
    let receiver = queue.receiver(options());
    let (counters, seen, begun) = (receiver.counters(), Mutex::new(Vec::new()), Instant::now());
    let handle = async |event: Event| -> Result<(), std::fmt::Error> {
        seen.lock().unwrap().push((event.id().to_owned(), begun.elapsed().as_secs()));
        if event.id() == "1" { Err(std::fmt::Error) } else { Ok(()) }
    };
    let shutdown = until_settled(counters.clone(), 2);
    receiver.run(handle).concurrency(4).attempts(3).until(shutdown).await.unwrap();
    let seen = seen.into_inner().unwrap();
    let at = |id: &str| seen.iter().filter(|(known, _)| known == id).map(|(_, at)| *at).collect::<Vec<_>>();
    assert_eq!((at("0"), at("1")), (vec![0], vec![0, 1, 3]));
    let reason = format!("attempt 3: {}", std::fmt::Error);
    assert_eq!((queue.len(), queue.rejected()[0].1.as_str()), (0, reason.as_str()));
    let metrics = counters.snapshot();
    // Between its attempts, the message stays here, unsettled.
    assert_eq!((metrics.accepted, metrics.retried, metrics.rejected, metrics.handlers_failed), (1, 0, 1, 3));
}

#[tokio::test(start_paused = true)]
async fn a_failure_says_what_happens_to_the_message() {
    let queue = filled(2).await;
    let receiver = queue.receiver(options());
    let (counters, begun) = (receiver.counters(), Instant::now());
    let handle = async |(event, delivery): (Event, Delivery)| -> Result<(), Failure> {
        match event.id() {
            "0" => Err(Failure::reject("total must be positive")),
            _ if delivery.attempt() == 1 => Err(Failure::retry_after(Duration::from_secs(7), "busy")),
            _ => Ok(()),
        }
    };
    let shutdown = until_settled(counters.clone(), 2);
    receiver.run(handle).concurrency(1).until(shutdown).await.unwrap();
    assert_eq!((queue.rejected()[0].1.as_str(), begun.elapsed().as_secs()), ("total must be positive", 7));
}

/// A failed attempt does not count, and messages in memory go back.
#[tokio::test(start_paused = true)]
async fn a_number_of_messages_is_handled() {
    let queue = filled(5).await;
    let (handled, attempts) = (Mutex::new(Vec::new()), AtomicU32::new(0));
    let handle = async |event: Event| -> Result<(), std::fmt::Error> {
        if event.id() == "1" && attempts.fetch_add(1, Ordering::Relaxed) < 2 {
            return Err(std::fmt::Error);
        }
        handled.lock().unwrap().push(event.id().to_owned());
        Ok(())
    };
    queue.receiver(options()).run(handle).concurrency(4).count(3).await.unwrap();
    let mut handled = handled.into_inner().unwrap();
    handled.sort();
    assert_eq!((handled, queue.len()), (vec!["0".to_owned(), "1".to_owned(), "2".to_owned()], 2));
    let none = async |event: Event| -> () { panic!("no message is to come: {}", event.id()) };
    queue.receiver(options()).run(none).count(0).await.unwrap();
    assert_eq!(queue.len(), 2);
}

/// Neither a message that waits for another attempt, nor a handler that takes its time, is idleness.
#[tokio::test(start_paused = true)]
async fn it_ends_when_it_has_been_idle() {
    let queue = filled(3).await;
    let (attempts, begun) = (AtomicU32::new(0), Instant::now());
    let handle = async |event: Event| -> Result<(), Failure> {
        match event.id() {
            "1" if attempts.fetch_add(1, Ordering::Relaxed) == 0 => {
                return Err(Failure::retry_after(Duration::from_secs(60), "busy"));
            }
            "2" => sleep(Duration::from_secs(30)).await,
            _ => {}
        }
        Ok(())
    };
    queue.receiver(options()).run(handle).until_idle(Duration::from_secs(8)).await.unwrap();
    assert_eq!((queue.len(), attempts.into_inner(), begun.elapsed().as_secs() / 10), (0, 2, 6));
    queue.receiver(options()).run(async |_: Event| ()).until_idle(Duration::from_millis(80)).await.unwrap();
}

struct OrderPlaced(u64);

impl EventData for OrderPlaced {
    const TYPE: &'static str = "com.example.order.placed";
    type Codec = Number;
}

/// A number as text.
struct Number;

impl Codec for Number {
    const CONTENT_TYPE: &'static str = "text/plain";
}

impl Encode<OrderPlaced> for Number {
    fn encode(value: &OrderPlaced, _: &CodecContext<'_>) -> Result<Payload, Error> {
        Ok(Payload::text(value.0.to_string()))
    }
}

impl Decode<OrderPlaced> for Number {
    fn decode(data: Data<'_>, _: &CodecContext<'_>) -> Result<OrderPlaced, Error> {
        let text = String::from_utf8_lossy(data.as_bytes()).into_owned();
        text.parse().map(OrderPlaced).map_err(|_| Error::new(ErrorKind::InvalidData))
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_cannot_take_goes_by_policy_and_blocks_nothing() {
    let unreadable = async || {
        let queue = FakeQueue::new();
        queue.push_garbage(ErrorKind::MissingAttribute, b"malformed");
        queue.push_garbage(ErrorKind::NotACloudEvent, b"foreign");
        queue.sender().send(&event("of another type")).await.unwrap();
        let typed = TypedEvent::build(Event::builder().id("1").source("/s"), OrderPlaced(7)).unwrap();
        queue.sender().send(typed.event()).await.unwrap();
        queue
    };
    for policy in [UnreadablePolicy::Reject, UnreadablePolicy::Skip] {
        let queue = unreadable().await;
        let mut options = options();
        options.malformed = policy;
        let receiver = queue.receiver(options);
        let (counters, seen) = (receiver.counters(), Cell::new(0));
        let handle = async |order: TypedEvent<OrderPlaced>| seen.set(seen.get() + order.data().0);
        let shutdown = until_settled(counters.clone(), 4);
        receiver.run(handle).concurrency(4).until(shutdown).await.unwrap();
        let rejected = if policy == UnreadablePolicy::Reject { 3 } else { 0 };
        assert_eq!((seen.get(), queue.len(), queue.rejected().len()), (7, 0, rejected), "{policy:?}");
        assert_eq!(counters.snapshot().handlers_failed, 0, "{policy:?}");
    }
    let queue = unreadable().await;
    let mut options = options();
    options.malformed = UnreadablePolicy::Deliver;
    let error = queue.receiver(options).run(async |_: Event| ()).concurrency(1).await.unwrap_err();
    assert_eq!((error.kind(), queue.len()), (ErrorKind::MissingAttribute, 4)); // it is delivered again
}

#[tokio::test(start_paused = true)]
async fn what_is_skipped_is_counted() {
    let queue = FakeQueue::new();
    queue.push_garbage(ErrorKind::MissingAttribute, b"malformed");
    let mut options = options();
    options.malformed = UnreadablePolicy::Skip;
    let receiver = queue.receiver(options);
    let counters = receiver.counters();
    receiver.run(async |_: Event| ()).until(until_settled(counters.clone(), 1)).await.unwrap();
    assert_eq!(counters.snapshot().skipped, 1);
}

/// Decoding is code of the program, too.
struct Fragile;

impl EventData for Fragile {
    const TYPE: &'static str = "t";
    type Codec = Panics;
}

struct Panics;

impl Codec for Panics {
    const CONTENT_TYPE: &'static str = "text/plain";
}

impl Decode<Fragile> for Panics {
    fn decode(_: Data<'_>, _: &CodecContext<'_>) -> Result<Fragile, Error> {
        panic!("a bug in a codec");
    }
}

#[tokio::test(start_paused = true)]
async fn a_codec_that_panics_has_failed() {
    let queue = FakeQueue::new();
    let event = event(1).into_builder().payload("text/plain", Ok(Payload::text("x"))).build().unwrap();
    queue.sender().send(&event).await.unwrap();
    let receiver = queue.receiver(options());
    let counters = receiver.counters();
    let handle = async |_: TypedEvent<Fragile>| ();
    receiver.run(handle).attempts(2).until(until_settled(counters.clone(), 1)).await.unwrap();
    assert_eq!((queue.rejected().len(), counters.snapshot().handlers_failed), (1, 2));
}

/// An error that cannot be displayed, such as that of a format of dates.
#[derive(Debug)]
struct Mute;

impl fmt::Display for Mute {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Err(fmt::Error)
    }
}

impl std::error::Error for Mute {}

#[tokio::test(start_paused = true)]
async fn an_error_that_cannot_be_displayed_ends_nothing_else() {
    let queue = filled(3).await;
    let receiver = queue.receiver(options());
    let counters = receiver.counters();
    let handle = async |event: Event| match event.id() {
        "0" => Err(Failure::reject(Mute)),
        "1" => Err(Failure::retry(Mute)),
        _ => Ok(()),
    };
    receiver.run(handle).attempts(2).until(until_settled(counters.clone(), 3)).await.unwrap();
    assert_eq!((queue.rejected().len(), counters.snapshot().accepted), (2, 1));
}

/// What a handler returns is code of the program, too.
struct Bomb(bool);

impl Verdict for Bomb {
    fn verdict(self) -> Result<(), Failure> {
        assert!(!self.0, "a bug in a conversion");
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_verdict_that_panics_is_a_failure() {
    let queue = filled(2).await;
    let receiver = queue.receiver(options());
    let counters = receiver.counters();
    let handle = async |event: Event| Bomb(event.id() == "0");
    receiver.run(handle).attempts(2).until(until_settled(counters.clone(), 2)).await.unwrap();
    assert_eq!((queue.rejected().len(), counters.snapshot().accepted), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_does_not_fit_is_not_tried_again() {
    let queue = filled(1).await;
    let receiver = queue.receiver(options());
    let (counters, calls) = (receiver.counters(), Cell::new(0));
    let handle = async |event: Event| -> Result<(), Failure> {
        calls.set(calls.get() + 1);
        let _: u32 = event.data_as_json()?;
        Ok(())
    };
    let shutdown = until_settled(counters.clone(), 1);
    receiver.run(handle).concurrency(1).until(shutdown).await.unwrap();
    assert_eq!((queue.rejected().len(), calls.get()), (1, 1));
}

/// Handlers that run are waited for, what is behind them goes back, and nothing of that is worth a warning.
#[tokio::test(start_paused = true)]
async fn a_clean_shutdown_logs_no_warning() {
    let (logged, log) = (Logged::begin(), FakeLog::new(2));
    log.sender().send_all(events(20)).await.unwrap();
    let queue = filled(20).await;
    let (of_log, _) = log.receiver(options(), LogOptions::default().dropping_rejected()).unwrap();
    for receiver in [queue.receiver(options()), of_log] {
        let counters = receiver.counters();
        let handle = async |_: Event| sleep(Duration::from_secs(2)).await;
        receiver.run(handle).concurrency(4).until(sleep(Duration::from_secs(1))).await.unwrap();
        assert_eq!(counters.snapshot().accepted, 4);
    }
    assert_eq!(logged.text(), "");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_has_failed() {
    let queue = filled(2).await;
    let receiver = queue.receiver(options());
    let counters = receiver.counters();
    let handle = async |delivery: Delivery| {
        assert!(delivery.attempt() > 1, "a bug");
    };
    let shutdown = until_settled(counters.clone(), 2);
    receiver.run(handle).concurrency(4).until(shutdown).await.unwrap();
    let metrics = counters.snapshot();
    assert_eq!((metrics.handlers_failed, metrics.rejected, metrics.accepted), (2, 0, 2));
}

/// A handler with the delivery may settle by itself. Otherwise, its result settles the message.
#[tokio::test(start_paused = true)]
async fn a_delivery_is_lent() {
    let queue = filled(5).await;
    let receiver = queue.receiver(options());
    let counters = receiver.counters();
    let handle = async |delivery: Delivery| -> Result<(), Failure> {
        match delivery.event()?.id() {
            "0" => drop(delivery),
            "1" => delivery.reject("by hand").await?,
            "2" if delivery.attempt() == 1 => Err("no")?,
            // After a move to another task, that task settles it.
            "3" => drop(tokio::spawn(async move {
                sleep(Duration::from_secs(2)).await;
                delivery.reject("later").await
            })),
            _ => {}
        }
        Ok(())
    };
    let shutdown = until_settled(counters.clone(), 5);
    receiver.run(handle).concurrency(4).until(shutdown).await.unwrap();
    let metrics = counters.snapshot();
    assert_eq!((metrics.accepted, metrics.rejected, metrics.handlers_failed, metrics.released), (3, 2, 1, 0));
    let reasons: Vec<_> = queue.rejected().into_iter().map(|(_, reason)| reason).collect();
    assert_eq!(reasons, ["by hand", "later"]);
}

#[tokio::test(start_paused = true)]
async fn the_limit_holds() {
    let queue = filled(100).await;
    let receiver = queue.receiver(options());
    let (counters, running, most) = (receiver.counters(), AtomicUsize::new(0), AtomicUsize::new(0));
    let since = Instant::now();
    let handle = async |_: Event| {
        most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        sleep(Duration::from_secs(1)).await; // paused time: work that takes a second
        running.fetch_sub(1, Ordering::Relaxed);
    };
    receiver.run(handle).concurrency(10).until(until_settled(counters, 100)).await.unwrap();
    assert_eq!((most.into_inner(), since.elapsed().as_secs()), (10, 10));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_is_dropped_and_has_failed() {
    let queue = filled(1).await;
    let receiver = queue.receiver(options());
    let (counters, ended, begun) = (receiver.counters(), Cell::new(0), Instant::now());
    let handle = async |_: Event| {
        sleep(Duration::from_secs(7)).await;
        ended.set(ended.get() + 1);
    };
    let run = receiver.run(handle).time_limit(Duration::from_secs(5)).attempts(2);
    run.until(until_settled(counters.clone(), 1)).await.unwrap();
    // Twice five seconds, and one between the attempts.
    assert_eq!((begun.elapsed().as_secs(), ended.get(), counters.snapshot().handlers_failed), (11, 0, 2));
    assert_eq!(queue.rejected()[0].1, "attempt 2: the handler took longer than 5s");
}

/// A limit of no handlers is one.
#[tokio::test(start_paused = true)]
async fn what_fails_while_it_ends_goes_back() {
    let queue = filled(1).await;
    let receiver = queue.receiver(options());
    let (stop, counters) = (receiver.stopper(), receiver.counters());
    let handle = async |_: Event| {
        stop.stop();
        Err::<(), _>("out of luck")
    };
    receiver.run(handle).concurrency(0).await.unwrap();
    let metrics = counters.snapshot();
    assert_eq!((metrics.handlers_failed, metrics.unsettled(), queue.len()), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn shutdown_receives_nothing_more_and_waits_for_handlers_that_run() {
    let queue = filled(3).await;
    let receiver = queue.receiver(options());
    let (counters, begun) = (receiver.counters(), Instant::now());
    let handle = async |_: Event| sleep(Duration::from_secs(5)).await;
    receiver.run(handle).concurrency(2).until(sleep(Duration::from_secs(1))).await.unwrap();
    assert_eq!((counters.snapshot().accepted, queue.len(), begun.elapsed().as_secs()), (2, 1, 5));
}

#[tokio::test(start_paused = true)]
async fn handlers_that_do_not_end_are_dropped_at_the_deadline() {
    let queue = filled(1).await;
    let mut options = options();
    options.drain = Duration::from_secs(10);
    let never = async |_: Event| pending::<()>().await;
    let begun = Instant::now();
    let run = queue.receiver(options).run(never).concurrency(1);
    let error = run.until(sleep(Duration::from_secs(1))).await.unwrap_err();
    assert_eq!((error.kind(), begun.elapsed().as_secs(), queue.len()), (ErrorKind::Timeout, 11, 1));
}

/// A source that always has another message and a handler that never waits starve neither the shutdown nor
/// other tasks.
#[tokio::test]
async fn a_busy_receiver_hears_of_its_shutdown() {
    let queue = filled(100_000).await;
    let receiver = queue.receiver(options());
    let other = Arc::new(AtomicBool::new(false));
    let counters = receiver.counters();
    let task = tokio::spawn({
        let other = Arc::clone(&other);
        async move { other.store(true, Ordering::Relaxed) }
    });
    let shutdown = async {
        while !other.load(Ordering::Relaxed) {
            yield_now().await;
        }
    };
    receiver.run(async |_: Event| ()).concurrency(64).until(shutdown).await.unwrap();
    task.await.unwrap();
    assert!(counters.snapshot().accepted < 100_000);
}

/// The broker delivers the messages of a lost connection again, so their handlers do not go on beside that.
#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_waited_for_and_ends_its_handlers() {
    let queue = filled(1).await;
    let receiver = queue.receiver(options());
    let (counters, calls, ended) = (receiver.counters(), Cell::new(0), Cell::new(0));
    let cut = queue.clone();
    let handle = async |delivery: Delivery| {
        calls.set(calls.get() + 1);
        if calls.get() == 1 {
            cut.refuse_connections(Some(ErrorKind::Disconnected));
            cut.cut();
            delivery.revoked().await;
            assert!(!delivery.is_current());
            pending::<()>().await;
        }
        ended.set(ended.get() + 1);
    };
    let shutdown = async {
        sleep(Duration::from_secs(60)).await;
        assert_eq!((calls.get(), counters.snapshot().handlers_failed), (1, 0));
        queue.refuse_connections(None);
        until_settled(counters.clone(), 1).await;
        queue.sender().send(&event(1)).await.unwrap();
        until_settled(counters.clone(), 2).await;
    };
    receiver.run(handle).until(shutdown).await.unwrap();
    assert_eq!((calls.get(), ended.get(), queue.len()), (3, 2, 0));
    assert_eq!(counters.snapshot().handlers_failed, 0);
}

/// How soon messages are tried again says nothing about a source that is away.
#[tokio::test(start_paused = true)]
async fn a_source_that_is_away_is_no_busy_loop() {
    let mut options = options();
    (options.retry.first, options.retry.longest) = (Duration::ZERO, Duration::ZERO);
    let (asked, begun) = (Arc::<AtomicU32>::default(), Instant::now());
    let counted = Arc::clone(&asked);
    let next = move || {
        assert!(counted.fetch_add(1, Ordering::Relaxed) < 10_000, "a busy loop");
        let is_away = begun.elapsed() < Duration::from_secs(60);
        ready(if is_away { Err(Error::new(ErrorKind::Disconnected)) } else { Ok(None) })
    };
    let receiver = Receiver::new(Gives(ReceiverCapabilities::queue(), next), options);
    receiver.run(async |_: Event| {}).await.unwrap();
    assert!(asked.load(Ordering::Relaxed) < 1_000, "{asked:?}");
}

/// Two messages, and then an error that no later call mends.
fn broken() -> Receiver {
    let mut messages = (1..=2).map(|id| unsettled(event(id)));
    let next = move || ready(messages.next().map(Some).ok_or_else(|| Error::new(ErrorKind::Closed)));
    Receiver::new(Gives(ReceiverCapabilities::queue(), next), options())
}

#[tokio::test(start_paused = true)]
async fn a_permanent_error_waits_for_the_handlers() {
    let receiver = broken();
    let (counters, begun) = (receiver.counters(), Instant::now());
    let error = receiver.run(async |_: Event| sleep(Duration::from_secs(2)).await).await.unwrap_err();
    assert_eq!((error.kind(), begun.elapsed().as_secs()), (ErrorKind::Closed, 2));
    assert_eq!(counters.snapshot().accepted, 2);
}

/// What hangs does not hide why it ends.
#[tokio::test(start_paused = true)]
async fn a_permanent_error_is_the_result_though_a_handler_hangs() {
    let receiver = broken();
    let error = receiver.run(async |_: Event| pending::<()>().await).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    // One message cannot be read, which ends it by its policy, and another one hangs.
    let queue = filled(1).await;
    queue.push_garbage(ErrorKind::MissingAttribute, b"malformed");
    let mut deliver = options();
    deliver.malformed = UnreadablePolicy::Deliver;
    let error = queue.receiver(deliver).run(async |_: Event| pending::<()>().await).await.unwrap_err();
    assert_eq!((error.kind(), queue.len()), (ErrorKind::MissingAttribute, 2));
}

/// A delay, and a time to end, that cannot be added to the current time are long ones.
#[tokio::test(start_paused = true)]
async fn the_longest_delay_is_no_overflow() {
    let queue = filled(1).await;
    let (receiver, calls) = (queue.receiver(options()), Cell::new(0));
    let handle = async |_: Event| {
        calls.set(calls.get() + 1);
        Err::<(), _>(Failure::retry_after(Duration::MAX, "much later"))
    };
    receiver.run(handle).until(sleep(Duration::from_secs(60))).await.unwrap();
    assert_eq!(calls.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_longest_time_to_end_is_no_overflow() {
    let queue = filled(1).await;
    let mut options = options();
    options.drain = Duration::MAX;
    let receiver = queue.receiver(options);
    let handle = async |_: Event| sleep(Duration::from_secs(60)).await;
    receiver.run(handle).until(sleep(Duration::from_secs(1))).await.unwrap();
    assert!(queue.is_empty());
}

/// The broker has the messages again, and the next receiver continues with them.
#[tokio::test(start_paused = true)]
async fn a_connection_that_is_lost_for_good_ends_it_with_the_error() {
    let queue = filled(2).await;
    let cut = queue.clone();
    let handle = async |_: Event| {
        cut.refuse_connections(Some(ErrorKind::Closed));
        cut.cut();
        pending::<()>().await;
    };
    let error = queue.receiver(options()).run(handle).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    queue.refuse_connections(None);
    let receiver = queue.receiver(options());
    let counters = receiver.counters();
    receiver.run(async |_: Event| ()).until(until_settled(counters, 2)).await.unwrap();
    assert!(queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn batches_are_handled_as_one() {
    let queue = FakeQueue::new();
    let all: Vec<_> = events(3).collect();
    let batch = cloudevents_core::Message::batched(&all, &Json::new()).unwrap().0;
    queue.sender().send(batch).await.unwrap();
    let decoding = DecodeOptions::strict().with_formats(cloudevents_core::Formats::none().with(Json::new()));
    let receiver = queue.receiver(decoding);
    let (counters, seen) = (receiver.counters(), Cell::new(0));
    let handle = async |events: Vec<Event>| seen.set(events.len());
    let shutdown = until_settled(counters.clone(), 1);
    receiver.run(handle).concurrency(4).until(shutdown).await.unwrap();
    assert_eq!((seen.get(), counters.snapshot().accepted), (3, 1));
}
