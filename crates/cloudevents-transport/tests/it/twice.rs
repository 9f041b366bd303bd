//! Each fault comes twice to the same receiver, with a recovery between. The second round is as the first one: attempts at the same times,
//! which have bounds above and below, and the same numbers.

use crate::{event, events, until_settled};
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Event, Message};
use cloudevents_transport::{
    DeadLetter, DeadLetterSink, Failure, Raw, Received, Receiver, ReceiverCapabilities, ReceiverOptions,
    binding::{Incoming, Receive, Token, log::LogOptions, queue::QueueOptions},
    fake::{FakeLog, FakeQueue},
};
use std::{
    ops::RangeInclusive,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

const SECOND: Duration = Duration::from_secs(1);
const HALF: Duration = Duration::from_secs(30);
const MINUTE: Duration = Duration::from_secs(60);

/// How long a fault lasts, and how many attempts at something shared belong into this time.
const LASTS: Duration = Duration::from_secs(600);
const ATTEMPTS: RangeInclusive<usize> = 12..=60;

/// A fault, and when something was tried that it hinders.
#[derive(Clone)]
struct Fault {
    lasts: watch::Sender<bool>,
    /// The longest pause between attempts.
    longest: Duration,
    tried: Arc<Mutex<Vec<Instant>>>,
}

impl Fault {
    fn new(longest: Duration) -> Self {
        Self { lasts: watch::Sender::new(false), longest, tried: Arc::default() }
    }

    /// An attempt. Returns whether the fault lasts.
    async fn is_tried(&self) -> bool {
        let tried = {
            let mut tried = self.tried.lock().unwrap();
            tried.push(Instant::now());
            tried.len()
        };
        if tried > 10 * ATTEMPTS.end() {
            sleep(2 * LASTS).await; // or a loop without pauses would not end
        }
        *self.lasts.borrow()
    }

    /// The fault comes twice. `begins` gives the receiver something to try, and `recovers` waits until it has succeeded: soon
    /// after the longest pause at the latest.
    async fn comes_twice(&self, begins: impl AsyncFn(usize), recovers: impl AsyncFn(usize)) {
        let mut rounds = Vec::new();
        for round in 0..2 {
            self.tried.lock().unwrap().clear();
            let begun = Instant::now();
            self.lasts.send_replace(true);
            begins(round).await;
            sleep(LASTS).await;
            let times: Vec<_> = self.tried.lock().unwrap().iter().map(|at| *at - begun).collect();
            assert!(ATTEMPTS.contains(&times.len()), "round {round}: {} attempts", times.len());
            let pauses = times.windows(2).map(|pair| pair[1] - pair[0]);
            assert!(pauses.max() <= Some(self.longest), "round {round}: {times:?}");
            self.lasts.send_replace(false);
            recovers(round).await;
            let after = begun.elapsed() - LASTS;
            assert!(after <= self.longest + 2 * SECOND, "round {round}: it takes {after:?}");
            rounds.push((times, after));
            sleep(5 * MINUTE).await;
        }
        assert_eq!(rounds[0], rounds[1]);
    }
}

/// A source without a connection while the fault lasts. It has one message after each fault.
struct Source(Fault, watch::Receiver<bool>, u32);

impl Receive for Source {
    fn capabilities(&self) -> ReceiverCapabilities {
        ReceiverCapabilities::queue()
    }

    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        loop {
            if *self.1.borrow_and_update() {
                self.2 += 1;
                self.0.is_tried().await;
                return Err(Error::new(ErrorKind::Disconnected));
            }
            if std::mem::take(&mut self.2) > 0 {
                let message = Message::from(event(1));
                let received = Received::new(Ok(Decoded::clean(message)), Raw::default());
                return Ok(Some(Incoming::new(received, Token::unsettled())));
            }
            self.1.changed().await.unwrap();
        }
    }

    async fn drain(&mut self, _: Duration) -> Result<(), Error> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_is_away() {
    let fault = Fault::new(HALF);
    let source = Source(fault.clone(), fault.lasts.subscribe(), 0);
    let receiver = Receiver::new(source, ReceiverOptions::default());
    let counters = receiver.counters();
    let faults = fault
        .comes_twice(async |_| {}, async |round| until_settled(counters.clone(), round as u64 + 1).await);
    receiver.run(async |_: Event| ()).until(faults).await.unwrap();
}

/// A handler fails while the fault lasts, with each of so many messages.
async fn everything_fails(messages: usize, open: impl AsyncFn(Vec<Event>), receiver: Receiver) {
    let (fault, counters) = (Fault::new(HALF), receiver.counters());
    let handle = async |_: Event| -> Result<(), Failure> {
        if fault.is_tried().await { Err("the database is away")? } else { Ok(()) }
    };
    let begins = async |round| {
        let outages = counters.snapshot().outages;
        assert_eq!(outages, round as u64, "each outage is counted");
        open(events(messages).collect()).await;
    };
    let recovers = async |round| until_settled(counters.clone(), ((round + 1) * messages) as u64).await;
    let faults = async {
        fault.comes_twice(begins, recovers).await;
        assert_eq!(counters.snapshot().outages, 2);
    };
    receiver.run(handle).concurrency(8).until(faults).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn everything_fails_that_a_queue_has() {
    let queue = FakeQueue::new();
    let receiver = queue.receiver(ReceiverOptions::default());
    let sends = async |events: Vec<Event>| queue.sender().send_all(events).await.unwrap();
    everything_fails(20, sends, receiver).await;
}

#[tokio::test(start_paused = true)]
async fn everything_fails_that_a_log_has() {
    let log = FakeLog::new(1);
    let options = LogOptions::default().with_sink(log.sink());
    let (receiver, _) = log.receiver(ReceiverOptions::default(), options).unwrap();
    let sends = async |events: Vec<Event>| log.sender().send_all(events).await.unwrap();
    everything_fails(20, sends, receiver).await;
}

impl DeadLetterSink for Fault {
    async fn put(&self, _: DeadLetter) -> Result<(), Error> {
        if self.is_tried().await { Err(Error::new(ErrorKind::Unreachable)) } else { Ok(()) }
    }
}

/// A letter is not stored while the fault lasts.
async fn letters_are_declined(fault: Fault, send: impl AsyncFn(Event), receiver: Receiver) {
    let stored = receiver.counters();
    let faults = fault.comes_twice(
        async |round| send(event(round)).await,
        async |round| {
            while fault.tried.lock().unwrap().last().is_none_or(|at| at.elapsed() > SECOND) {
                sleep(SECOND / 10).await;
            }
            assert_eq!(stored.snapshot().rejected, round as u64 + 1);
        },
    );
    let handle = async |_: Event| -> Result<(), Failure> { Err(Failure::reject("never")) };
    receiver.run(handle).until(faults).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn letters_of_a_queue_are_declined() {
    let (queue, fault) = (FakeQueue::new(), Fault::new(MINUTE));
    let options = QueueOptions::default().with_sink(fault.clone());
    let receiver = queue.receiver_with(DecodeOptions::strict(), options);
    letters_are_declined(fault, async |event| queue.sender().send(event).await.map(drop).unwrap(), receiver)
        .await;
}

#[tokio::test(start_paused = true)]
async fn letters_of_a_log_are_declined() {
    let (log, fault) = (FakeLog::new(1), Fault::new(MINUTE));
    let options = LogOptions::default().with_sink(fault.clone());
    let (receiver, _) = log.receiver(DecodeOptions::strict(), options).unwrap();
    letters_are_declined(fault, async |event| log.sender().send(event).await.map(drop).unwrap(), receiver)
        .await;
}
