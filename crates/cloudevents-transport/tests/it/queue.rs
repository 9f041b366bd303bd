//! Behaviour of a queue beyond the contract: credit, confirms, lost connections.

use crate::{event, events, id};
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind};
use cloudevents_transport::{
    Bounds, By, Endpoint, Extends, Host, Outcome, Outgoing, Raw, Received, Receiver, ReceiverCapabilities,
    ReceiverOptions, Settlement,
    binding::{
        connect::{Backoff, Connect, Reconnect},
        log::LogOptions,
        queue::{Arrived, QueueOptions, QueueReceiver, QueueSource, Room},
    },
    fake::{FakeLog, FakeQueue},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

const SOON: Duration = Duration::from_secs(5);

async fn filled(credit: usize, count: usize) -> (FakeQueue, Receiver) {
    let queue = FakeQueue::with_credit(credit);
    queue.sender().send_all(events(count)).await.unwrap();
    let receiver = queue.receiver(DecodeOptions::strict());
    (queue, receiver)
}

#[tokio::test(start_paused = true)]
async fn credit_bounds_what_is_unsettled() {
    let (queue, mut receiver) = filled(2, 4).await;
    let (zero, one) = (receiver.next().await.unwrap().unwrap(), receiver.next().await.unwrap().unwrap());
    assert!(tokio::time::timeout(Duration::from_millis(1), receiver.next()).await.is_err());
    drop(zero.accept()); // not awaited, and settled nevertheless
    one.retry(Duration::ZERO).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let delivery = receiver.next().await.unwrap().unwrap();
        seen.push((id(&delivery), delivery.attempt()));
        delivery.accept().await.unwrap();
    }
    assert_eq!(seen, [("2".into(), 1), ("3".into(), 1), ("1".into(), 2)]);
    receiver.drain(SOON).await.unwrap();
    assert!(queue.is_empty());
}

/// What was to be released comes again by itself.
#[tokio::test(start_paused = true)]
async fn what_is_released_after_its_connection_was_lost_is_no_failure() {
    let (queue, mut receiver) = filled(2, 2).await;
    let (one, other) = (receiver.next().await.unwrap().unwrap(), receiver.next().await.unwrap().unwrap());
    queue.cut();
    drop(one);
    assert_eq!(other.release().await.unwrap_err().kind(), ErrorKind::Disconnected);
    for _ in 0..2 {
        receiver.next().await.unwrap().unwrap().accept().await.unwrap();
    }
    let metrics = receiver.metrics();
    assert_eq!((metrics.received, metrics.released, metrics.settlements_failed), (4, 2, 0));
}

/// The confirm comes late. The sender's limit applies back-pressure, and closing waits for the confirm.
#[tokio::test(start_paused = true)]
async fn unconfirmed_messages_bound_the_sender() {
    let queue = FakeQueue::with_bounds(10, Bounds { messages: 2, bytes: 1000 });
    queue.hold_confirms(true);
    let sender = queue.sender();
    let first = sender.enqueue(event(0)).await.unwrap();
    drop(sender.enqueue(event(1)).await.unwrap());
    let third = event(2);
    let waits = sender.send(&third);
    assert!(tokio::time::timeout(Duration::from_millis(1), waits).await.is_err()); // cancelled: nothing was sent
    assert_eq!(queue.len(), 2);
    assert!(tokio::time::timeout(Duration::from_millis(1), sender.close()).await.is_err());
    queue.hold_confirms(false);
    sender.close().await.unwrap();
    first.await.unwrap();
    let metrics = sender.metrics();
    assert_eq!((metrics.enqueued, metrics.sent), (2, 2));
}

#[test]
fn without_a_runtime_the_first_call_is_an_error() {
    let mut receiver = FakeQueue::new().receiver(ReceiverOptions::default());
    let error = futures_util::FutureExt::now_or_never(receiver.next()).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

/// So that code for several destinations can be tested.
#[tokio::test(start_paused = true)]
async fn fakes_take_a_destination_and_show_it() {
    let (queue, log) = (FakeQueue::new(), FakeLog::new(1));
    let of_log = log.receiver(DecodeOptions::strict(), LogOptions::default().dropping_rejected()).unwrap().0;
    let of_queue = queue.receiver(DecodeOptions::strict());
    for (sender, mut receiver) in [(queue.sender(), of_queue), (log.sender(), of_log)] {
        sender.send(Outgoing::from(event(1)).to("audit")).await.unwrap();
        let delivery = receiver.next().await.unwrap().unwrap();
        assert_eq!(delivery.received().topic(), Some("audit"));
        delivery.accept().await.unwrap();
    }
}

/// The message would come again while its settlement waits for an answer.
#[tokio::test(start_paused = true)]
async fn what_is_accepted_is_renewed_until_the_queue_answers() {
    let mut capabilities = ReceiverCapabilities::queue();
    capabilities.extends = Extends::Every(Duration::from_secs(30));
    let queue = FakeQueue::with_capabilities(capabilities);
    queue.sender().send_all((0..2).map(event)).await.unwrap();
    let mut receiver = queue.receiver(DecodeOptions::strict());
    queue.hold_settlements(true);
    let accepted = receiver.next().await.unwrap().unwrap().accept();
    let held = receiver.next().await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_secs(101)).await;
    assert_eq!(queue.extended(), 2 * 6, "the accepted one and the one that is held, each 15 seconds");
    queue.hold_settlements(false);
    accepted.await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(queue.extended(), 2 * 6 + 4, "the one that is held");
    held.accept().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(queue.extended(), 2 * 6 + 4);
}

/// A source that loses its connection at its settlements, or at its first renewal, and whose messages outlive that.
struct Losing(Arc<Losses>);

#[derive(Default)]
struct Losses {
    renews: AtomicBool,
    given: AtomicUsize,
    settled: AtomicUsize,
    extended: AtomicUsize,
}

impl Connect for Losing {
    type Connection = Self;

    async fn connect(&self, _: &Host) -> Result<Self, Error> {
        Ok(Self(Arc::clone(&self.0)))
    }
}

impl QueueSource for Losing {
    type Tag = usize;

    const TAGS_OUTLIVE_CONNECTIONS: bool = true;

    fn capabilities(&self) -> ReceiverCapabilities {
        let mut capabilities = ReceiverCapabilities::queue();
        capabilities.extends = Extends::Every(Duration::from_secs(30));
        capabilities.delays = By::Memory;
        capabilities
    }

    async fn next(&mut self) -> Result<Arrived<usize>, Error> {
        if self.0.given.load(Ordering::Relaxed) == 2 {
            return std::future::pending().await;
        }
        let tag = self.0.given.fetch_add(1, Ordering::Relaxed);
        let message = Decoded::clean(event(tag).into());
        Ok(Arrived { received: Received::new(Ok(message), Raw::default()), tag, attempt: 1 })
    }

    fn are_alike(_: &usize, _: &usize) -> bool {
        false
    }

    async fn settle(&mut self, _: Vec<usize>, _: Settlement) -> Result<Outcome, Error> {
        self.0.settled.fetch_add(1, Ordering::Relaxed);
        match self.0.renews.load(Ordering::Relaxed) {
            true => Err(Error::new(ErrorKind::Disconnected)),
            false => Ok(Outcome::done()),
        }
    }

    async fn extend(&mut self, tags: Vec<usize>) -> Result<(), Error> {
        if !self.0.renews.swap(true, Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Disconnected));
        }
        self.0.extended.fetch_add(tags.len(), Ordering::Relaxed);
        Ok(())
    }

    async fn close(self) -> Result<(), Error> {
        Ok(())
    }
}

async fn losing(losses: &Arc<Losses>) -> Receiver {
    let hosts = Endpoint::parse("x://a/").unwrap().hosts().to_vec();
    let reconnect = Reconnect::new(Losing(Arc::clone(losses)), hosts, Backoff::default());
    let (room, options) = (Room::new(Bounds::default(), 10), QueueOptions::default().dropping_rejected());
    let receiver = QueueReceiver::open(reconnect, room, options).await.unwrap();
    Receiver::new(receiver, DecodeOptions::strict())
}

/// The broker would not deliver them again.
#[tokio::test(start_paused = true)]
async fn what_a_lost_connection_left_unsettled_is_renewed_no_more() {
    let losses = Arc::<Losses>::default();
    losses.renews.store(true, Ordering::Relaxed);
    let mut receiver = losing(&losses).await;
    let (one, other) = (receiver.next().await.unwrap().unwrap(), receiver.next().await.unwrap().unwrap());
    let (one, other) = (one.accept(), other.accept());
    assert!(one.await.is_err() && other.await.is_err());
    assert_eq!(losses.settled.load(Ordering::Relaxed), 1, "the other was not settled at all");
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(losses.extended.load(Ordering::Relaxed), 0);
}

/// Both retries are due at the moment of the renewal at which the connection is lost.
#[tokio::test(start_paused = true)]
async fn what_was_due_when_a_connection_was_lost_is_renewed_no_more() {
    let losses = Arc::<Losses>::default();
    let mut receiver = losing(&losses).await;
    for _ in 0..2 {
        let delivery = receiver.next().await.unwrap().unwrap();
        delivery.retry(Duration::from_secs(15)).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(losses.renews.load(Ordering::Relaxed), "it was lost");
    let (settled, extended) = (&losses.settled, &losses.extended);
    assert_eq!((settled.load(Ordering::Relaxed), extended.load(Ordering::Relaxed)), (0, 0));
}
