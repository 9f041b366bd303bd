//! A queue whose broker goes away or hangs while a receiver ends: messages that may come again are an error, with their number.

use crate::event;
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Message};
use cloudevents_transport::{
    Bounds, Endpoint, Host, Outcome, Raw, Received, Receiver, ReceiverCapabilities, Settlement,
    binding::{
        Resolver,
        connect::{Backoff, Connect, Reconnect},
        queue::{Arrived, QueueOptions, QueueReceiver, QueueSource, Room},
    },
};
use std::{
    collections::VecDeque,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// How the broker answers.
#[derive(Clone, Copy, PartialEq)]
enum Broker {
    /// It confirms each settlement at once.
    Confirms,
    /// Its protocol has no confirmations, and it hangs when the receiver ends.
    HangsWithoutConfirmations,
    /// Settlements have no answer until the test answers them.
    IsSilent,
}

type Unanswered = Arc<Mutex<Vec<Resolver>>>;

struct Source {
    broker: Broker,
    waiting: VecDeque<Arrived<()>>,
    unanswered: Unanswered,
    settled: usize,
}

impl QueueSource for Source {
    type Tag = ();

    fn capabilities(&self) -> ReceiverCapabilities {
        ReceiverCapabilities::queue()
    }

    async fn stop(&mut self) -> Result<(), Error> {
        match self.broker {
            Broker::HangsWithoutConfirmations => {
                Err(Error::new(ErrorKind::Disconnected).with_detail("no answer"))
            }
            Broker::Confirms | Broker::IsSilent => Ok(()),
        }
    }

    async fn next(&mut self) -> Result<Arrived<()>, Error> {
        match self.waiting.pop_front() {
            Some(arrived) => Ok(arrived),
            None => pending().await,
        }
    }

    async fn settle(&mut self, tags: Vec<()>, _: Settlement) -> Result<Outcome, Error> {
        self.settled += tags.len();
        if self.broker != Broker::IsSilent {
            return Ok(Outcome::done());
        }
        let (resolver, outcome) = Outcome::channel();
        self.unanswered.lock().unwrap().push(resolver);
        Ok(outcome)
    }

    fn unconfirmed(&self) -> Option<String> {
        let hangs = self.broker == Broker::HangsWithoutConfirmations && self.settled > 0;
        hangs.then(|| format!("up to {} settled messages", self.settled))
    }

    async fn close(self) -> Result<(), Error> {
        Ok(())
    }
}

struct Once(Mutex<Option<Source>>);

impl Connect for Once {
    type Connection = Source;

    async fn connect(&self, _: &Host) -> Result<Source, Error> {
        let source = self.0.lock().unwrap().take();
        source.ok_or_else(|| Error::new(ErrorKind::Disconnected).with_detail("the broker is away"))
    }
}

/// A receiver that has received three messages and accepted them.
async fn accepted(broker: Broker) -> (Receiver, Unanswered) {
    let arrived = |number| Arrived {
        received: Received::new(Ok(Decoded::clean(Message::from(event(number)))), Raw::default()),
        tag: (),
        attempt: 1,
    };
    let (waiting, unanswered) = ((0..3).map(arrived).collect(), Unanswered::default());
    let source = Source { broker, waiting, unanswered: Arc::clone(&unanswered), settled: 0 };
    let hosts = Endpoint::parse("x://a/").unwrap().hosts().to_vec();
    let reconnect = Reconnect::new(Once(Mutex::new(Some(source))), hosts, Backoff::default());
    let room = Room::new(Bounds { messages: 8, bytes: usize::MAX }, 8);
    let receiver =
        QueueReceiver::open(reconnect, room, QueueOptions::default().dropping_rejected()).await.unwrap();
    let mut receiver = Receiver::new(receiver, DecodeOptions::strict());
    for _ in 0..3 {
        let delivery = timeout(SECOND, receiver.next()).await.expect("nothing came").unwrap().unwrap();
        drop(delivery.accept());
    }
    sleep(SECOND).await; // the clock is paused: the task has passed the settlements on
    (receiver, unanswered)
}

#[tokio::test(start_paused = true)]
async fn confirmed_settlements_are_a_clean_end() {
    let (mut receiver, _) = accepted(Broker::Confirms).await;
    receiver.drain(SECOND).await.unwrap();
}

/// RabbitMQ that was stopped ended with success, and a third of the messages came again.
#[tokio::test(start_paused = true)]
async fn settlements_that_nobody_confirmed_may_come_again() {
    let (mut receiver, _) = accepted(Broker::HangsWithoutConfirmations).await;
    let error = receiver.drain(60 * SECOND).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert_eq!(error.detail(), "no answer; messages that may come again: up to 3 settled messages");
}

#[tokio::test(start_paused = true)]
async fn settlements_without_an_answer_are_counted() {
    let (mut receiver, unanswered) = accepted(Broker::IsSilent).await;
    let error = receiver.drain(SECOND).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let expected =
        "not every delivery was settled in time; messages that may come again: 3 that are not settled";
    assert_eq!(error.detail(), expected);
    assert!(!unanswered.lock().unwrap().is_empty());
}

/// PostgreSQL that was stopped failed 338 settlements at an end with success.
#[tokio::test(start_paused = true)]
async fn settlements_that_fail_at_the_end_are_counted() {
    let (mut receiver, unanswered) = accepted(Broker::IsSilent).await;
    let failing = async {
        sleep(SECOND).await;
        for resolver in unanswered.lock().unwrap().drain(..) {
            resolver.resolve(Err(Error::new(ErrorKind::Timeout)));
        }
    };
    let (drained, ()) = tokio::join!(receiver.drain(60 * SECOND), failing);
    let expected = "settlements that failed at the end, and whose messages may come again: 3";
    assert_eq!(drained.unwrap_err().detail(), expected);
}
