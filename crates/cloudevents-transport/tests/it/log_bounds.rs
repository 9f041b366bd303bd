//! A log under failures: its messages in memory stay within the bounds, and are handled in the end.

use crate::{event, id};
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Event, Message};
use cloudevents_transport::{
    Bounds, DeadLetter, DeadLetterSink, Failure, Partition, Raw, Received, ReceiverOptions, Settlement,
    UnreadablePolicy,
    binding::{
        Incoming, Receive,
        log::{Epoch, Ledger, LogOptions, LogReceiver, LogSource, Record},
    },
    fake::FakeLog,
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout, timeout_at},
};

const SOON: Duration = Duration::from_secs(5);

/// Takes nothing until it is opened, and panics until then if configured to.
#[derive(Clone)]
pub(crate) struct Gate {
    open: watch::Sender<bool>,
    panics: bool,
    waiting: Arc<AtomicUsize>,
    kept: Arc<AtomicUsize>,
}

impl Gate {
    pub(crate) fn closed(panics: bool) -> Self {
        Self { open: watch::Sender::new(false), panics, waiting: Arc::default(), kept: Arc::default() }
    }

    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }

    /// How many messages it has.
    pub(crate) fn kept(&self) -> usize {
        self.kept.load(Ordering::Relaxed)
    }
}

impl DeadLetterSink for Gate {
    async fn put(&self, _: DeadLetter) -> Result<(), Error> {
        assert!(!self.panics || *self.open.borrow(), "the sink is broken");
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _ = self.open.subscribe().wait_for(|open| *open).await;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        self.kept.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Messages that are not CloudEvents are rejected by policy. Without bounds, a topic full of them would be
/// read into memory while the sink stalls.
#[tokio::test(start_paused = true)]
async fn a_foreign_topic_with_a_stalled_sink_is_not_read_into_memory() {
    const COUNT: u64 = 1000;
    for waiting in
        [Bounds { messages: 10, ..Bounds::default() }, Bounds { bytes: 10 * 1024, ..Bounds::default() }]
    {
        let log = FakeLog::new(1);
        for _ in 0..COUNT {
            log.append_garbage(0, ErrorKind::NotACloudEvent, &[b'x'; 1024]);
        }
        let sink = Gate::closed(false);
        let mut log_options = LogOptions::default().with_sink(sink.clone());
        log_options.waiting = waiting;
        let mut options = ReceiverOptions::default();
        options.not_cloudevents = UnreadablePolicy::Reject;
        let (mut receiver, _consumer) = log.receiver(options, log_options).unwrap();
        assert!(timeout(SOON, receiver.next()).await.is_err());
        assert_eq!((receiver.metrics().received, sink.waiting.load(Ordering::Relaxed)), (10, 10));
        sink.open.send_replace(true);
        assert!(timeout(SOON, receiver.next()).await.is_err());
        receiver.drain(SOON).await.unwrap();
        assert_eq!((sink.kept.load(Ordering::Relaxed) as u64, log.committed(0)), (COUNT, COUNT));
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_panics_holds_the_watermark_until_it_works() {
    let log = FakeLog::new(1);
    log.sender().send(&event(0)).await.unwrap();
    let sink = Gate::closed(true);
    let (mut receiver, consumer) =
        log.receiver(DecodeOptions::strict(), LogOptions::default().with_sink(sink.clone())).unwrap();
    let error = receiver.next().await.unwrap().unwrap().reject("bad").await.unwrap_err();
    assert_eq!((error.kind(), consumer.ledger().outstanding()), (ErrorKind::Transport, 1));
    assert!(timeout(SOON, receiver.next()).await.is_err(), "the message comes again");
    sink.open();
    while sink.kept() == 0 {
        sleep(SOON).await;
    }
    receiver.drain(SOON).await.unwrap();
    assert_eq!(log.committed(0), 1);
}

/// The bytes of messages that wait for another attempt count.
#[tokio::test(start_paused = true)]
async fn retries_are_bounded_by_bytes() {
    let log = FakeLog::new(1);
    let large = |id: usize| {
        let payload = cloudevents_core::Payload::binary(vec![b'x'; 1024]);
        event(id).into_builder().payload("application/octet-stream", Ok(payload)).build().unwrap()
    };
    log.sender().send_all((0..20).map(large)).await.unwrap();
    let mut options = LogOptions::default().dropping_rejected();
    options.waiting.bytes = 4 * 1024;
    let (mut receiver, _consumer) = log.receiver(DecodeOptions::strict(), options).unwrap();
    let since = Instant::now();
    for _ in 0..4 {
        receiver.next().await.unwrap().unwrap().retry(Duration::from_secs(60)).await.unwrap();
    }
    let again = receiver.next().await.unwrap().unwrap();
    assert_eq!((id(&again).as_str(), again.attempt(), since.elapsed().as_secs()), ("0", 2, 60));
}

/// A message that is never settled stops its partition at the bound, so that no more is delivered again after
/// a crash.
#[tokio::test(start_paused = true)]
async fn the_lead_of_a_watermark_is_bounded() {
    let log = FakeLog::new(2);
    log.sender().send_all((0..100).map(event)).await.unwrap(); // in turn
    let mut options = LogOptions::default().dropping_rejected();
    options.max_lead = 10;
    let (mut receiver, consumer) = log.receiver(DecodeOptions::strict(), options).unwrap();
    let held = receiver.next().await.unwrap().unwrap();
    let partition = held.partition().unwrap().clone();
    while let Ok(next) = timeout(Duration::from_millis(1), receiver.next()).await {
        next.unwrap().unwrap().accept().await.unwrap();
    }
    let ledger = consumer.ledger();
    assert_eq!((ledger.watermark(&partition), ledger.position(&partition)), (Some(0), Some(10)));
    assert!(ledger.is_full());
    held.accept().await.unwrap();
    assert!(!ledger.is_full());
    while let Ok(next) = timeout(Duration::from_millis(1), receiver.next()).await {
        next.unwrap().unwrap().accept().await.unwrap();
    }
    // Revoking a partition that is too far ahead lets the others continue.
    log.sender().send_all((0..100).map(event)).await.unwrap();
    let mut held = Vec::new();
    while let Ok(next) = timeout(Duration::from_millis(1), receiver.next()).await {
        held.push(next.unwrap().unwrap());
    }
    assert!(ledger.is_full());
    consumer.revoke(0);
    consumer.revoke(1);
    assert!(!ledger.is_full());
}

/// If dropped messages were always delivered first, a program that drops some would never get to the others.
#[tokio::test(start_paused = true)]
async fn what_is_released_over_and_over_waits_and_is_counted() {
    let log = FakeLog::new(1);
    log.sender().send_all((0..50).map(event)).await.unwrap();
    let (mut receiver, _) =
        log.receiver(DecodeOptions::strict(), LogOptions::default().dropping_rejected()).unwrap();
    let (since, mut times) = (Instant::now(), 0);
    while let Ok(next) = timeout_at(since + Duration::from_secs(60), receiver.next()).await {
        let delivery = next.unwrap().unwrap();
        if id(&delivery) == "0" {
            times += 1;
            drop(delivery);
        } else {
            delivery.accept().await.unwrap();
        }
    }
    let metrics = receiver.metrics();
    assert_eq!((metrics.accepted, since.elapsed().as_secs()), (49, 60));
    // At once, and after 0.1, 0.2, 0.4 .. seconds.
    assert_eq!((times, metrics.released, metrics.released_again), (11, 11, 10));
}

/// The sink, the broker and the handlers fail in turn while messages keep arriving. Held messages stay within
/// the bounds, and in the end all are handled.
#[tokio::test(start_paused = true)]
async fn nothing_grows_while_everything_fails() {
    let seconds = std::env::var("CE_LONG_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let each = Duration::from_secs(seconds);
    let log = FakeLog::new(4);
    let sink = Gate::closed(false);
    let mut log_options = LogOptions::default().with_sink(sink.clone());
    log_options.waiting = Bounds { messages: 50, bytes: 1 << 20 };
    log_options.max_lead = 500;
    let mut options = ReceiverOptions::default();
    options.not_cloudevents = UnreadablePolicy::Reject;
    options.in_flight = Bounds { messages: 100, bytes: 1 << 20 };
    let (receiver, consumer) = log.receiver(options, log_options).unwrap();
    let (counters, in_flight) = (receiver.counters(), receiver.in_flight().clone());
    let (fails, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let handle = async |event: Event| -> Result<(), Failure> {
        sleep(Duration::from_millis(1)).await;
        if event.id() == "reject" {
            return Err(Failure::reject("as its name says"));
        }
        if fails.load(Ordering::Relaxed) { Err("out of order")? } else { Ok(()) }
    };
    let sent = AtomicUsize::new(0);
    let load = async {
        let sender = log.sender();
        while !done.load(Ordering::Relaxed) {
            let number = sent.fetch_add(1, Ordering::Relaxed);
            match number % 10 {
                0 => log.append_garbage((number / 10 % 4) as u32, ErrorKind::NotACloudEvent, b"foreign"),
                1 => sender.send(&event("reject")).await.map(drop).unwrap(),
                _ => sender.send(&event(number)).await.map(drop).unwrap(),
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    let faults = async {
        let ledger = consumer.ledger().clone();
        let watch = async |time: Duration| {
            let until = Instant::now() + time;
            while Instant::now() < until {
                // Messages on their way to the sink are outstanding, and count in the bounds of waiting
                // messages.
                assert!(in_flight.used().messages <= 100, "{in_flight:?}");
                assert!(ledger.outstanding() <= 100 + 50, "{ledger:?}");
                sleep(Duration::from_millis(100)).await;
            }
        };
        watch(each).await; // the sink stalls
        sink.open.send_replace(true);
        watch(Duration::from_secs(1)).await;
        fails.store(true, Ordering::Relaxed); // the handlers fail
        watch(each).await;
        fails.store(false, Ordering::Relaxed);
        watch(Duration::from_secs(1)).await;
        consumer.revoke(0); // the broker revokes partitions, and assigns them again
        consumer.revoke(1);
        watch(each).await;
        consumer.assign(0);
        consumer.assign(1);
        done.store(true, Ordering::Relaxed);
        let everything = async {
            let partitions: Vec<_> = (0..4).map(|number| Partition::new("fake", number)).collect();
            while partitions
                .iter()
                .any(|partition| ledger.watermark(partition) != Some(log.len(partition.number()) as u64))
            {
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(Duration::from_secs(3600), everything).await.unwrap();
    };
    let run = async {
        let (faults_done, ended) = tokio::sync::oneshot::channel::<()>();
        let running = receiver.run(handle).concurrency(64).until(ended);
        let faults = async {
            faults.await;
            drop(faults_done);
        };
        let (running, (), ()) = tokio::join!(running, faults, load);
        running.unwrap();
    };
    run.await;
    let committed: u64 = (0..4).map(|partition| log.committed(partition)).sum();
    assert_eq!(committed, (0..4).map(|partition| log.len(partition) as u64).sum::<u64>());
    assert!(counters.snapshot().outages >= 1, "{}", counters.snapshot());
}

/// An MQTT session: acknowledgements in the order of arrival, sent without a call of `next`, and invalid on
/// another connection.
struct Session {
    partition: Partition,
    epoch: Epoch,
    arrived: u64,
}

impl LogSource for Session {
    async fn next(&mut self) -> Result<Record, Error> {
        if self.arrived == 4 {
            std::future::pending::<()>().await;
        }
        let message = cloudevents_core::Decoded::clean(Message::from(event(self.arrived)));
        let record =
            Record::new(self.partition.clone(), self.arrived, Received::new(Ok(message), Raw::default()));
        self.arrived += 1;
        Ok(record.under(self.epoch))
    }

    async fn commit(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_acknowledges_in_order_while_the_program_asks_for_nothing() {
    let ledger = Ledger::new(LogOptions::default().dropping_rejected()).unwrap();
    let (wake, wakes) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    ledger.notifying({
        let (wake, wakes) = (Arc::clone(&wake), Arc::clone(&wakes));
        move || {
            wakes.fetch_add(1, Ordering::Relaxed);
            wake.notify_one();
        }
    });
    // The task that owns the connection acknowledges the next message in order.
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let connection = tokio::spawn({
        let (ledger, acknowledged) = (ledger.clone(), Arc::clone(&acknowledged));
        async move {
            loop {
                wake.notified().await;
                let marks = ledger.marks();
                acknowledged.lock().unwrap().extend(marks.into_iter().map(|mark| (mark.epoch, mark.offset)));
            }
        }
    });
    let told = async |count: usize| {
        while acknowledged.lock().unwrap().len() < count {
            tokio::task::yield_now().await;
        }
    };
    let partition = Partition::new("session", 0);
    let old = ledger.assign(partition.clone(), 0);
    let mut session =
        LogReceiver::new(ledger.clone(), Session { partition: partition.clone(), epoch: old, arrived: 0 });
    let mut tokens = Vec::new();
    for _ in 0..4 {
        let incoming: Incoming = session.next().await.unwrap().unwrap();
        tokens.push(incoming.into_parts().1);
    }
    let [zero, one, two, three] = <[_; 4]>::try_from(tokens).unwrap();
    one.settle(Settlement::Accept).await.unwrap(); // a gap before it: nothing to acknowledge
    assert_eq!(wakes.load(Ordering::Relaxed), 0);
    zero.settle(Settlement::Accept).await.unwrap();
    told(1).await;
    two.settle(Settlement::Reject { reason: "no".into(), attempt: 1 }).await.unwrap();
    told(2).await;
    assert_eq!(
        (acknowledged.lock().unwrap().clone(), wakes.load(Ordering::Relaxed)),
        (vec![(old, 2), (old, 3)], 2)
    );
    // On another connection, messages of the previous one are revoked, and not acknowledged.
    let new = ledger.assign(partition.clone(), 0);
    assert_eq!(three.settle(Settlement::Accept).await.unwrap_err().kind(), ErrorKind::Revoked);
    let late =
        Record::new(partition, 0, Received::new(Err(Error::new(ErrorKind::InvalidDocument)), Raw::default()));
    assert!(ledger.take(late.clone().under(old)).is_none() && ledger.marks().is_empty());
    drop(ledger.take(late.under(new)).unwrap().into_parts().1.settle(Settlement::Accept));
    told(3).await;
    assert_eq!(acknowledged.lock().unwrap().last(), Some(&(new, 1)));
    connection.abort();
}
