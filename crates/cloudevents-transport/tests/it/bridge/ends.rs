//! Ends of a bridge that do as a test sets them.

use crate::event;
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Event};
use cloudevents_transport::{
    Bridge, Confirmed, Connectivity, Content, DeadLetter, DeadLetterSink, Outcome, Outgoing, Raw, Receipt,
    Received, Receiver, ReceiverCapabilities, Sender, SenderCapabilities, Settlement,
    binding::{Incoming, Receive, Reporter, Settle, Token, Transmit},
    bridge::BridgePolicy,
    fake::FakeQueue,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};
use tokio::time::{Instant, sleep, sleep_until};

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// What an end does with each message.
#[derive(Clone, Default)]
pub(super) enum Does {
    #[default]
    Takes,
    Fails(Error),
    FailsAfter(Duration, Error),
    Hangs,
    TakesIts(Duration),
    /// By the id of the event, and the number of the attempt at this end, from 1 on.
    Judges(Arc<Judge>),
}

type Judge = dyn Fn(&str, usize) -> Does + Send + Sync;

/// An end of a bridge that does as it is set.
#[derive(Clone)]
pub(super) struct End {
    pub(super) does: Arc<Mutex<Does>>,
    pub(super) reporter: Reporter,
    /// Whether its errors are about single messages, except for errors of the moment.
    pub(super) of_messages: bool,
    /// Whether it reports the second time that it gets an event.
    pub(super) knows: bool,
    /// The ids of the events, attempt by attempt.
    pub(super) tried: Arc<Mutex<Vec<String>>>,
}

impl End {
    pub(super) fn new() -> Self {
        let (reporter, _) = Connectivity::channel();
        reporter.connected(None);
        Self { does: Arc::default(), reporter, of_messages: false, knows: false, tried: Arc::default() }
    }

    pub(super) fn set(&self, does: Does) {
        *self.does.lock().unwrap() = does;
    }

    pub(super) fn judges(&self, judge: impl Fn(&str, usize) -> Does + Send + Sync + 'static) {
        self.set(Does::Judges(Arc::new(judge)));
    }

    /// Loses its connection, or has it again.
    pub(super) fn is_away(&self, away: bool) {
        match away {
            true => self.reporter.lost(&Error::new(ErrorKind::Disconnected)),
            false => self.reporter.connected(None),
        }
        self.set(if away { Does::Fails(Error::new(ErrorKind::Disconnected)) } else { Does::Takes });
    }

    pub(super) fn sender(&self) -> Sender {
        Sender::new(self.clone())
    }

    async fn take(&self, id: String) -> Result<Receipt, Error> {
        let (number, is_known) = {
            let mut tried = self.tried.lock().unwrap();
            let is_known = tried.contains(&id);
            tried.push(id.clone());
            (tried.len(), is_known)
        };
        let mut does = self.does.lock().unwrap().clone();
        if let Does::Judges(judge) = does {
            does = judge(&id, number);
        }
        match does {
            Does::Takes | Does::Judges(_) => {}
            Does::Fails(error) => return Err(error),
            Does::FailsAfter(time, error) => {
                sleep(time).await;
                return Err(error);
            }
            Does::TakesIts(time) => {
                let until = Instant::now() + time;
                while Instant::now() < until {
                    sleep_until(until.min(Instant::now() + SECOND)).await;
                    // It was lost meanwhile.
                    if let Does::Fails(error) = &*self.does.lock().unwrap() {
                        return Err(error.clone());
                    }
                }
            }
            Does::Hangs => {
                while matches!(*self.does.lock().unwrap(), Does::Hangs) {
                    sleep(SECOND / 10).await;
                }
            }
        }
        Ok(match self.knows {
            true => Receipt::new().with_duplicate(is_known),
            false => Receipt::new(),
        })
    }
}

impl Transmit for End {
    fn capabilities(&self) -> SenderCapabilities {
        SenderCapabilities::plain(Confirmed::Accepted)
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        let (resolver, outcome) = Outcome::channel();
        let (end, strict) = (self.clone(), DecodeOptions::strict());
        let id = match outgoing.content() {
            Content::Message(message) => message.attribute("id", &strict).ok().flatten(),
            _ => None,
        };
        let id = id.unwrap_or_default();
        tokio::spawn(async move { resolver.resolve(end.take(id).await) });
        Ok(outcome)
    }

    fn connectivity(&self) -> Connectivity {
        self.reporter.connectivity()
    }

    fn refuses_message(&self, error: &Error) -> Option<bool> {
        Some(self.of_messages && !error.is_temporary())
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

impl DeadLetterSink for End {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        let message = letter.received.message().ok();
        let id = message.and_then(|message| message.attribute("id", &DecodeOptions::strict()).ok().flatten());
        self.take(id.unwrap_or_default()).await.map(drop)
    }
}

/// A source whose messages have the time at which they came to its broker, and whose connection a test makes.
#[derive(Clone)]
pub(super) struct Feed {
    messages: Arc<Mutex<VecDeque<(Event, Duration)>>>,
    pub(super) reporter: Reporter,
    /// Whether its next settlement is lost: the message comes again.
    pub(super) loses: Arc<Mutex<bool>>,
}

impl Feed {
    /// Without a connection.
    pub(super) fn new() -> Self {
        Self { messages: Arc::default(), reporter: Connectivity::channel().0, loses: Arc::default() }
    }

    /// Has one more message, which came to the broker so long ago.
    pub(super) fn has(&self, event: Event, age: Duration) {
        self.messages.lock().unwrap().push_back((event, age));
    }

    pub(super) fn receiver(&self) -> Receiver {
        Receiver::new(self.clone(), DecodeOptions::strict())
    }
}

impl Receive for Feed {
    fn capabilities(&self) -> ReceiverCapabilities {
        ReceiverCapabilities::queue()
    }

    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        loop {
            let is_connected = self.reporter.connectivity().state().is_connected();
            let next = if is_connected { self.messages.lock().unwrap().pop_front() } else { None };
            let Some((event, age)) = next else {
                sleep(SECOND / 10).await;
                continue;
            };
            let mut raw = Raw::default();
            raw.timestamp = SystemTime::now().checked_sub(age);
            let received = Received::new(Ok(Decoded::clean(event.clone().into())), raw);
            let token = match std::mem::take(&mut *self.loses.lock().unwrap()) {
                true => Token::new(Lost { feed: self.clone(), event }),
                false => Token::new(Answer),
            };
            return Ok(Some(Incoming::new(received, token)));
        }
    }

    async fn drain(&mut self, _: Duration) -> Result<(), Error> {
        Ok(())
    }

    fn connectivity(&self) -> Connectivity {
        self.reporter.connectivity()
    }
}

pub(super) struct Answer;

impl Settle for Answer {
    fn settle(self: Box<Self>, _: Settlement) -> Outcome {
        Outcome::done()
    }
}

/// Settles with a connection that is lost before the settlement arrives.
struct Lost {
    feed: Feed,
    event: Event,
}

impl Settle for Lost {
    fn settle(self: Box<Self>, _: Settlement) -> Outcome {
        let error = Error::new(ErrorKind::Disconnected);
        self.feed.reporter.lost(&error);
        self.feed.has(self.event, Duration::ZERO);
        self.feed.reporter.connected(None);
        Outcome::ready(Err(error))
    }
}

/// 403, of which the bridge knows nothing but that it is permanent.
pub(super) fn refused() -> Error {
    Error::new(ErrorKind::Refused).with_detail("403 Forbidden")
}

/// 503.
pub(super) fn for_now() -> Error {
    Error::new(ErrorKind::Refused).with_detail("503 Service Unavailable").with_temporary(true)
}

pub(super) fn refusing() -> End {
    let to = End { of_messages: true, ..End::new() };
    to.set(Does::Fails(refused()));
    to
}

pub(super) async fn send(from: &FakeQueue, count: usize) {
    from.sender().send_all((0..count).map(event)).await.unwrap();
}

pub(super) fn bridge(from: &FakeQueue, to: &End) -> Bridge {
    Bridge::new(from.receiver(DecodeOptions::strict()), to.sender(), BridgePolicy::default()).unwrap()
}
