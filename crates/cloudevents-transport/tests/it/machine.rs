//! The queue machine, against a queue that a test drives.

use crate::event;
use cloudevents_core::{Decoded, Error, ErrorKind, Message};
use cloudevents_testkit::logged::Logged;
use cloudevents_transport::{
    Bounds, By, ConnectionState, DeadLetter, DeadLetterSink, Delivery, Endpoint, Extends, Host, Outcome, Raw,
    Received, Receiver, ReceiverCapabilities, ReceiverOptions, Settlement,
    binding::{
        connect::{Backoff, Connect, Reconnect},
        queue::{Arrived, QueueOptions, QueueReceiver, QueueSource, Room},
    },
};
use futures_util::future::BoxFuture;
use std::{
    mem::take,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    time::{Instant, sleep, timeout},
};

const SECOND: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(3600);

/// A queue whose connections the test feeds, and which records settlements. Its tags may outlive their connections.
#[derive(Clone)]
struct Queue<const OUTLIVES: bool = false>(Arc<State>);

struct State {
    /// Of the next connection, and of those that are there.
    capabilities: Mutex<ReceiverCapabilities>,
    connections: Mutex<Vec<mpsc::UnboundedReceiver<Arrived<u32>>>>,
    seen: Mutex<Vec<String>>,
    /// How many messages were allowed, each time.
    allowed: Mutex<Vec<usize>>,
    /// The kind of error when no connection is left.
    gone: ErrorKind,
    panics: AtomicBool,
    /// Whether the connection is known to be lost, which it may be before its last message was taken.
    lost: watch::Sender<bool>,
    /// Confirmations wait for a permit.
    confirms: Option<Arc<Semaphore>>,
}

struct Connection<const OUTLIVES: bool>(mpsc::UnboundedReceiver<Arrived<u32>>, Arc<State>);

type Feed = mpsc::UnboundedSender<Arrived<u32>>;

fn queue(capabilities: ReceiverCapabilities, connections: usize, gone: ErrorKind) -> (Queue, Vec<Feed>) {
    queue_with(capabilities, connections, gone, None)
}

fn queue_with(
    capabilities: ReceiverCapabilities,
    connections: usize,
    gone: ErrorKind,
    confirms: Option<Arc<Semaphore>>,
) -> (Queue, Vec<Feed>) {
    let (feeds, mut ends): (Vec<_>, Vec<_>) = (0..connections).map(|_| mpsc::unbounded_channel()).unzip();
    ends.reverse();
    let (connections, panics) = (Mutex::new(ends), AtomicBool::new(false));
    let capabilities = Mutex::new(capabilities);
    let (seen, allowed) = (Mutex::default(), Mutex::default());
    let lost = watch::Sender::new(false);
    let state = State { capabilities, connections, seen, allowed, gone, panics, lost, confirms };
    (Queue(Arc::new(state)), feeds)
}

impl<const OUTLIVES: bool> Queue<OUTLIVES> {
    fn seen(&self) -> Vec<String> {
        take(&mut *self.0.seen.lock().unwrap())
    }

    async fn receiver(&self, room: Room, options: QueueOptions) -> Receiver {
        self.receiver_with(room, options, ReceiverOptions::default()).await
    }

    async fn receiver_with(&self, room: Room, queue: QueueOptions, options: ReceiverOptions) -> Receiver {
        let hosts = Endpoint::parse("x://a/").unwrap().hosts().to_vec();
        let reconnect = Reconnect::new(self.clone(), hosts, Backoff::default());
        let receiver = QueueReceiver::open(reconnect, room, queue).await.unwrap();
        Receiver::new(receiver, options)
    }
}

impl<const OUTLIVES: bool> Connect for Queue<OUTLIVES> {
    type Connection = Connection<OUTLIVES>;

    async fn connect(&self, _: &Host) -> Result<Connection<OUTLIVES>, Error> {
        let connection = self.0.connections.lock().unwrap().pop();
        Ok(Connection(connection.ok_or_else(|| Error::new(self.0.gone))?, Arc::clone(&self.0)))
    }
}

impl<const OUTLIVES: bool> QueueSource for Connection<OUTLIVES> {
    type Tag = u32;

    const TAGS_OUTLIVE_CONNECTIONS: bool = OUTLIVES;

    fn capabilities(&self) -> ReceiverCapabilities {
        *self.1.capabilities.lock().unwrap()
    }

    async fn allow(&mut self, room: Bounds) -> Result<(), Error> {
        self.1.allowed.lock().unwrap().push(room.messages);
        Ok(())
    }

    async fn next(&mut self) -> Result<Arrived<u32>, Error> {
        assert!(!self.1.panics.load(Ordering::Relaxed), "a bug in a binding");
        self.0.recv().await.ok_or_else(|| Error::new(ErrorKind::Disconnected))
    }

    async fn stop(&mut self) -> Result<(), Error> {
        if OUTLIVES {
            self.1.seen.lock().unwrap().push("stop".into());
        }
        Ok(())
    }

    /// Hundreds go apart.
    fn are_alike(one: &u32, other: &u32) -> bool {
        one / 100 == other / 100
    }

    async fn tend(&mut self) -> Error {
        while !OUTLIVES || !self.0.is_closed() {
            sleep(SECOND / 100).await;
        }
        Error::new(ErrorKind::Disconnected)
    }

    async fn settle(&mut self, tags: Vec<u32>, how: Settlement) -> Result<Outcome, Error> {
        if self.0.is_closed() || *self.1.lost.borrow() {
            return Err(Error::new(ErrorKind::Disconnected));
        }
        self.1.seen.lock().unwrap().push(format!("{how} {tags:?}"));
        Ok(match self.1.confirms.clone() {
            None => Outcome::done(),
            Some(confirms) => Outcome::watching(async move {
                confirms.acquire().await.unwrap().forget();
                Ok(())
            }),
        })
    }

    fn lost(&self) -> BoxFuture<'static, Error> {
        let mut lost = self.1.lost.subscribe();
        Box::pin(async move {
            let _ = lost.wait_for(|lost| *lost).await;
            Error::new(ErrorKind::Disconnected)
        })
    }

    async fn extend(&mut self, tags: Vec<u32>) -> Result<(), Error> {
        self.1.seen.lock().unwrap().push(format!("extend {tags:?}"));
        Ok(())
    }

    async fn close(self) -> Result<(), Error> {
        self.1.seen.lock().unwrap().push("close".into());
        Ok(())
    }
}

fn arrived(tag: u32) -> Arrived<u32> {
    let raw = {
        let mut raw = Raw::default();
        raw.body = Some(vec![b'x'; 100].into());
        raw
    };
    let received = Received::new(Ok(Decoded::clean(Message::from(event(tag)))), raw);
    Arrived { received, tag, attempt: 1 }
}

fn wide() -> Room {
    Room::new(Bounds::default(), 1024)
}

fn broker() -> QueueOptions {
    QueueOptions::default().rejecting_to_broker()
}

async fn next(receiver: &mut Receiver) -> Delivery {
    timeout(LONG, receiver.next()).await.expect("nothing came").unwrap().unwrap()
}

async fn is_quiet(receiver: &mut Receiver) -> bool {
    timeout(SECOND / 2, receiver.next()).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn equal_settlements_go_together_and_retries_wait_here() {
    let (queue, feeds) = queue(ReceiverCapabilities::queue(), 1, ErrorKind::Closed);
    let mut receiver = queue.receiver(wide(), broker()).await;
    (1..=7).for_each(|tag| feeds[0].send(arrived(tag)).unwrap());
    let mut held = Vec::new();
    for _ in 0..7 {
        held.push(next(&mut receiver).await);
    }
    let mut outcomes = Vec::new();
    for (index, delivery) in held.into_iter().enumerate() {
        outcomes.push(match index {
            0 | 1 => delivery.accept(),
            2 => delivery.retry(20 * SECOND),
            3 | 4 => delivery.reject("bad"),
            5 => delivery.reject("worse"),
            _ => delivery.release(),
        });
    }
    for outcome in outcomes {
        outcome.await.unwrap();
    }
    assert_eq!(queue.seen(), ["accept [1, 2]", "reject: bad [4, 5]", "reject: worse [6]", "release [7]"]);
    sleep(19 * SECOND).await;
    assert!(queue.seen().is_empty());
    sleep(2 * SECOND).await;
    assert_eq!(queue.seen(), ["retry after 0ns [3]"]);
    receiver.drain(SECOND).await.unwrap();
    assert_eq!(queue.seen(), ["close"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_alike_has_outcomes_of_its_own() {
    let (queue, feeds) = queue(ReceiverCapabilities::queue(), 1, ErrorKind::Closed);
    let mut receiver = queue.receiver(wide(), broker()).await;
    [1, 101, 102, 2, 103].into_iter().for_each(|tag| feeds[0].send(arrived(tag)).unwrap());
    let mut accepted = Vec::new();
    for _ in 0..3 {
        accepted.push(next(&mut receiver).await);
    }
    let later = [next(&mut receiver).await, next(&mut receiver).await];
    let accepted: Vec<_> = accepted.into_iter().map(Delivery::accept).collect();
    for outcome in accepted {
        outcome.await.unwrap();
    }
    for delivery in later {
        delivery.retry(SECOND).await.unwrap();
    }
    sleep(2 * SECOND).await;
    let expected = ["accept [1]", "accept [101, 102]", "retry after 0ns [2]", "retry after 0ns [103]"];
    assert_eq!(queue.seen(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_receiver_releases_what_was_prefetched_and_what_is_held_can_be_settled() {
    let (queue, feeds) = queue(ReceiverCapabilities::queue(), 1, ErrorKind::Closed);
    let mut receiver = queue.receiver(wide(), broker()).await;
    (1..=3).for_each(|tag| feeds[0].send(arrived(tag)).unwrap());
    let held = next(&mut receiver).await;
    drop(receiver);
    sleep(SECOND).await;
    assert_eq!(queue.seen(), ["release [2, 3]"]);
    held.accept().await.unwrap();
    sleep(SECOND).await;
    assert_eq!(queue.seen(), ["accept [1]", "close"]);
}

#[tokio::test(start_paused = true)]
async fn a_delay_that_cannot_be_held_is_bounded_and_draining_ends_it() {
    let (queue, feeds) = queue(ReceiverCapabilities::queue(), 1, ErrorKind::Closed);
    let mut options = broker();
    options.longest_delay = 60 * SECOND;
    let mut receiver = queue.receiver(wide(), options).await;
    (1..=2).for_each(|tag| feeds[0].send(arrived(tag)).unwrap());
    next(&mut receiver).await.retry(Duration::MAX).await.unwrap();
    sleep(61 * SECOND).await;
    assert_eq!(queue.seen(), ["retry after 0ns [1]"]);
    next(&mut receiver).await.retry(50 * SECOND).await.unwrap();
    let begun = Instant::now();
    receiver.drain(LONG).await.unwrap();
    assert_eq!(
        (queue.seen(), begun.elapsed()),
        (vec!["retry after 0ns [2]".to_owned(), "close".into()], Duration::ZERO)
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_held_is_kept_from_coming_again_until_it_is_settled() {
    let capabilities = {
        let mut can = ReceiverCapabilities::queue();
        can.extends = Extends::Every(30 * SECOND);
        can
    };
    let (queue, feeds) = queue(capabilities, 1, ErrorKind::Closed);
    let mut receiver = queue.receiver(wide(), broker()).await;
    (1..=2).for_each(|tag| feeds[0].send(arrived(tag)).unwrap());
    let (one, two) = (next(&mut receiver).await, next(&mut receiver).await);
    one.extend().unwrap();
    sleep(SECOND).await;
    assert_eq!(queue.seen(), ["extend [1]"]); // by hand
    one.accept().await.unwrap();
    sleep(15 * SECOND).await;
    assert_eq!(queue.seen(), ["accept [1]", "extend [2]"]); // by the machine, and only for the held one
    sleep(LONG).await;
    assert_eq!(queue.seen(), vec!["extend [2]"; 240]); // at half of each period
    two.retry(60 * SECOND).await.unwrap();
    sleep(50 * SECOND).await;
    assert_eq!(queue.seen(), vec!["extend [2]"; 3]); // while it waits for another attempt, too
    sleep(LONG).await;
    assert_eq!(queue.seen(), ["extend [2]", "retry after 0ns [2]"]);
}

/// Nothing waits where it is not renewed, and more is allowed for many messages at a time.
#[tokio::test(start_paused = true)]
async fn what_waits_for_the_program_is_kept_from_coming_again() {
    let mut can = ReceiverCapabilities::queue();
    can.extends = Extends::Every(30 * SECOND);
    let (queue, feeds) = queue(can, 1, ErrorKind::Closed);
    let mut receiver = queue.receiver(Room::new(Bounds::default(), 64), broker()).await;
    (1..=64).for_each(|tag| feeds[0].send(arrived(tag)).unwrap());
    sleep(20 * SECOND).await;
    let renewed = queue.seen().iter().map(|calls| calls.matches(',').count() + 1).sum::<usize>();
    assert_eq!(renewed, 64);
    take(&mut *queue.0.allowed.lock().unwrap());
    for _ in 0..64 {
        next(&mut receiver).await.accept().await.unwrap();
    }
    let mut allowed = take(&mut *queue.0.allowed.lock().unwrap());
    allowed.retain(|messages| *messages > 0);
    assert!(allowed.iter().min() >= Some(&16) && allowed.iter().max() <= Some(&64), "{allowed:?}");
    feeds[0].send(arrived(65)).unwrap();
    next(&mut receiver).await.accept().await.unwrap();
}

/// Few places are free when the rest comes of what was requested before.
#[tokio::test(start_paused = true)]
async fn what_comes_late_is_kept_from_coming_again() {
    let mut can = ReceiverCapabilities::queue();
    can.extends = Extends::Every(30 * SECOND);
    let (queue, feeds) = queue(can, 1, ErrorKind::Closed);
    let _receiver = queue.receiver(Room::new(Bounds::default(), 64), broker()).await;
    (1..=56).for_each(|tag| feeds[0].send(arrived(tag)).unwrap());
    sleep(SECOND).await;
    (57..=64).for_each(|tag| feeds[0].send(arrived(tag)).unwrap());
    sleep(20 * SECOND).await;
    let renewed = queue.seen().iter().map(|calls| calls.matches(',').count() + 1).sum::<usize>();
    assert_eq!(renewed, 64);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_extended_says_so() {
    for (extends, expected) in [(Extends::Never, false), (Extends::NotNeeded, true)] {
        let capabilities = {
            let mut can = ReceiverCapabilities::queue();
            can.extends = extends;
            can
        };
        let (queue, feeds) = queue(capabilities, 1, ErrorKind::Closed);
        let mut receiver = queue.receiver(wide(), broker()).await;
        feeds[0].send(arrived(1)).unwrap();
        assert_eq!(next(&mut receiver).await.extend().is_ok(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_made_again_and_what_it_brought_is_settled_no_more() {
    let (queue, mut feeds) = queue(ReceiverCapabilities::queue(), 2, ErrorKind::Closed);
    let mut receiver = queue.receiver(wide(), broker()).await;
    (1..=3).for_each(|tag| feeds[0].send(arrived(tag)).unwrap());
    let (held, retried) = (next(&mut receiver).await, next(&mut receiver).await);
    retried.retry(20 * SECOND).await.unwrap();
    drop(feeds.remove(0)); // with the third on its way, which the program must not see twice
    feeds[0].send(arrived(4)).unwrap();
    sleep(SECOND).await;
    let four = next(&mut receiver).await;
    assert_eq!(four.event().unwrap().id(), "4");
    assert!(four.is_current() && !held.is_current());
    held.revoked().await;
    assert_eq!(held.accept().await.unwrap_err().kind(), ErrorKind::Disconnected);
    four.accept().await.unwrap();
    sleep(30 * SECOND).await;
    assert_eq!(queue.seen(), ["accept [4]"]); // nothing of the lost connection, not even the retry
    let connectivity = receiver.connectivity();
    assert!(connectivity.state().is_connected());
    assert_eq!((connectivity.connects(), connectivity.losses()), (2, 1));
    receiver.drain(SECOND).await.unwrap();
    assert_eq!(receiver.metrics().settlements_failed, 1);
}

#[tokio::test(start_paused = true)]
async fn while_the_broker_is_away_settlements_are_answered_and_a_stop_is_heard() {
    let (queue, mut feeds) = queue(ReceiverCapabilities::queue(), 1, ErrorKind::Disconnected);
    let mut receiver = queue.receiver(wide(), broker()).await;
    (1..=2).for_each(|tag| feeds[0].send(arrived(tag)).unwrap());
    let (one, two) = (next(&mut receiver).await, next(&mut receiver).await);
    feeds.clear();
    assert!(timeout(60 * SECOND, receiver.next()).await.is_err());
    let ConnectionState::Connecting { failed, error: Some(_) } = receiver.connectivity().state() else {
        panic!("{:?}", receiver.connectivity())
    };
    assert!(failed > 3);
    let begun = Instant::now();
    assert_eq!(one.accept().await.unwrap_err().kind(), ErrorKind::Disconnected);
    assert_eq!(receiver.drain(LONG).await.unwrap_err().kind(), ErrorKind::Disconnected);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(two.accept().await.unwrap_err().kind(), ErrorKind::Disconnected);
}

/// A queue with one connection whose tags outlive it, with the messages that it has delivered.
async fn outliving() -> (Queue<true>, Receiver, Vec<Feed>, [Delivery; 2]) {
    let (queue, feeds) = queue(ReceiverCapabilities::queue(), 2, ErrorKind::Disconnected);
    let second = queue.0.connections.lock().unwrap().remove(0);
    let queue = Queue::<true>(queue.0);
    let mut receiver = queue.receiver(wide(), broker()).await;
    (1..=3).for_each(|tag| feeds[0].send(arrived(tag)).unwrap());
    let held = [next(&mut receiver).await, next(&mut receiver).await];
    sleep(SECOND).await; // the third one is prefetched
    // The second connection is not there yet.
    drop(second);
    (queue, receiver, feeds, held)
}

impl Queue<true> {
    /// Lets the queue be reached again.
    fn comes_back(&self) -> Feed {
        let (feed, fed) = mpsc::unbounded_channel();
        self.0.connections.lock().unwrap().push(fed);
        feed
    }
}

/// Ends a connection.
fn cut(feeds: &mut Vec<Feed>) {
    drop(feeds.remove(0));
}

/// The state shows a loss before the last message of the connection was taken.
#[tokio::test(start_paused = true)]
async fn what_is_settled_behind_a_loss_waits_for_the_next_connection() {
    let (queue, mut receiver, mut feeds, [one, two]) = outliving().await;
    let delayed = next(&mut receiver).await;
    delayed.retry(2 * SECOND).await.unwrap();
    queue.0.lost.send_replace(true);
    sleep(SECOND).await;
    let settled = tokio::spawn(async move { tokio::join!(one.accept(), two.retry(Duration::ZERO)) });
    sleep(5 * SECOND).await;
    assert_eq!((queue.seen(), settled.is_finished()), (vec![], false));
    cut(&mut feeds);
    sleep(SECOND).await;
    queue.0.lost.send_replace(false);
    let _feed = queue.comes_back();
    let (accepted, retried) = settled.await.unwrap();
    accepted.unwrap();
    retried.unwrap();
    sleep(SECOND).await;
    assert_eq!(queue.seen(), ["accept [1]", "retry after 0ns [2]", "retry after 0ns [3]"]);
}

/// Handlers hold all that they may, so that nothing is taken or settled: another connection is made all the same. What was last renewed
/// over the lost one may not have arrived.
#[tokio::test(start_paused = true)]
async fn what_is_held_behind_a_loss_is_renewed_over_the_next_connection() {
    let mut can = ReceiverCapabilities::queue();
    can.extends = Extends::Every(20 * SECOND);
    let (queue, feeds) = queue(can, 1, ErrorKind::Disconnected);
    let queue = Queue::<true>(queue.0);
    let bounds = Bounds { messages: 2, ..Bounds::default() };
    let mut receiver = queue.receiver(Room::new(bounds, 1024), broker()).await;
    (1..=3).for_each(|tag| feeds[0].send(arrived(tag)).unwrap());
    let (one, two) = (next(&mut receiver).await, next(&mut receiver).await);
    queue.0.lost.send_replace(true);
    sleep(SECOND).await;
    queue.0.lost.send_replace(false);
    let _feed = queue.comes_back();
    sleep(4 * SECOND).await;
    assert!(receiver.connectivity().state().is_connected());
    assert_eq!(queue.seen(), ["extend [1, 2]"]);
    sleep(10 * SECOND).await;
    assert_eq!(queue.seen(), ["extend [1, 2]"]);
    one.accept().await.unwrap();
    two.release().await.unwrap();
    assert_eq!(queue.seen(), ["accept [1]", "release [2]"]);
}

/// What is held for a consumer that was made again with a shorter time comes again unless it is renewed in that time.
#[tokio::test(start_paused = true)]
async fn what_is_held_is_renewed_at_the_period_of_the_connection_that_there_is() {
    let every = |seconds: u32| {
        let mut can = ReceiverCapabilities::queue();
        can.extends = Extends::Every(seconds * SECOND);
        can
    };
    let (queue, mut feeds) = queue(every(600), 1, ErrorKind::Disconnected);
    let queue = Queue::<true>(queue.0);
    let mut receiver = queue.receiver(wide(), broker()).await;
    feeds[0].send(arrived(1)).unwrap();
    let _before = next(&mut receiver).await;
    *queue.0.capabilities.lock().unwrap() = every(2);
    let feed = queue.comes_back();
    cut(&mut feeds);
    feed.send(arrived(2)).unwrap();
    let _behind = next(&mut receiver).await;
    sleep(SECOND / 10).await;
    queue.seen();
    sleep(4 * SECOND).await;
    let seen = queue.seen().concat();
    assert!(seen.matches('1').count() >= 3 && seen.matches('2').count() >= 3, "{seen}");
}

#[tokio::test(start_paused = true)]
async fn what_outlives_its_connection_is_settled_by_a_receiver_that_was_stopped_while_the_broker_was_away() {
    let (queue, mut receiver, mut feeds, [one, two]) = outliving().await;
    cut(&mut feeds);
    sleep(SECOND).await;
    let accepted = tokio::spawn(async move { one.accept().await });
    let back = async {
        sleep(3 * SECOND).await;
        let feed = queue.comes_back();
        while !accepted.is_finished() {
            sleep(SECOND).await;
        }
        two.accept().await.unwrap();
        feed
    };
    let (drained, _feed) = tokio::join!(receiver.drain(LONG), back);
    drained.unwrap();
    accepted.await.unwrap().unwrap();
    let mut seen = queue.seen();
    assert_eq!((seen.remove(0), seen.pop()), ("stop".into(), Some("close".into())));
    seen.sort();
    assert_eq!(seen, ["accept [1]", "accept [2]", "release [3]"]);
}

#[tokio::test(start_paused = true)]
async fn what_outlives_its_connection_is_settled_when_it_is_lost_while_the_receiver_drains() {
    let (queue, mut receiver, mut feeds, [one, two]) = outliving().await;
    one.accept().await.unwrap();
    let back = async {
        sleep(SECOND).await;
        cut(&mut feeds);
        sleep(3 * SECOND).await;
        let feed = queue.comes_back();
        two.accept().await.unwrap();
        feed
    };
    let (drained, _feed) = tokio::join!(receiver.drain(LONG), back);
    drained.unwrap();
    let seen = queue.seen();
    assert_eq!(seen, ["accept [1]", "stop", "release [3]", "stop", "accept [2]", "close"]);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_was_stopped_waits_for_a_broker_that_stays_away_for_a_few_seconds() {
    let (_queue, mut receiver, mut feeds, [one, _two]) = outliving().await;
    cut(&mut feeds);
    sleep(SECOND).await;
    let begun = Instant::now();
    let accepted = tokio::spawn(async move { one.accept().await });
    assert_eq!(receiver.drain(LONG).await.unwrap_err().kind(), ErrorKind::Disconnected);
    assert_eq!(begun.elapsed(), 10 * SECOND);
    assert!(accepted.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn while_the_broker_is_away_the_outcome_of_a_rejection_is_known() {
    let (queue, mut feeds) = queue(ReceiverCapabilities::queue(), 1, ErrorKind::Disconnected);
    let letters = Letters::slow();
    let mut receiver = queue.receiver(wide(), QueueOptions::default().with_sink(letters.clone())).await;
    (1..=2).for_each(|tag| feeds[0].send(arrived(tag)).unwrap());
    let (one, _two) = (next(&mut receiver).await, next(&mut receiver).await);
    let rejected = one.reject("stored while the broker is away");
    sleep(SECOND).await;
    cut(&mut feeds);
    sleep(SECOND).await;
    letters.0.1.as_ref().unwrap().add_permits(1);
    let error = timeout(60 * SECOND, rejected).await.unwrap().unwrap_err();
    assert_eq!((error.kind(), letters.reasons().len()), (ErrorKind::Disconnected, 1));
    assert_eq!(receiver.in_flight().used().messages, 1); // it holds no place any more
}

#[tokio::test(start_paused = true)]
async fn what_is_decided_while_the_broker_is_away_is_settled_when_it_is_back() {
    let (queue, feeds) = queue(ReceiverCapabilities::queue(), 1, ErrorKind::Disconnected);
    let (queue, mut feeds) = (Queue::<true>(queue.0), feeds);
    let letters = Letters::that(&["declines"]);
    let mut receiver = queue.receiver(wide(), QueueOptions::default().with_sink(letters.clone())).await;
    (1..=3).for_each(|tag| feeds[0].send(arrived(tag)).unwrap());
    let [one, two, three] = [next(&mut receiver).await, next(&mut receiver).await, next(&mut receiver).await];
    cut(&mut feeds);
    sleep(SECOND).await;
    let declined = timeout(SECOND, one.reject("declined, then stored")).await.unwrap().unwrap_err();
    assert_eq!(declined.kind(), ErrorKind::Refused);
    timeout(SECOND, two.retry(30 * SECOND)).await.unwrap().unwrap(); // it waits here
    let accepted = tokio::spawn(async move { three.accept().await });
    sleep(20 * SECOND).await;
    assert_eq!((letters.reasons().len(), accepted.is_finished(), queue.seen().len()), (1, false, 0));
    let feed = queue.comes_back();
    sleep(20 * SECOND).await;
    accepted.await.unwrap().unwrap();
    let mut seen = queue.seen();
    seen.sort();
    assert_eq!(seen.concat().matches("accept").count(), seen.len() - 1, "{seen:?}");
    assert!(
        seen.concat().contains('1')
            && seen.concat().contains('3')
            && seen.last().unwrap() == "retry after 0ns [2]",
        "{seen:?}"
    );
    receiver.drain(SECOND).await.unwrap();
    drop(feed);
}

#[tokio::test(start_paused = true)]
async fn what_a_protocol_forgets_is_settled_while_the_broker_is_away() {
    let (queue, mut feeds) = queue(ReceiverCapabilities::unsettled(), 1, ErrorKind::Disconnected);
    let letters = Letters::default();
    let mut receiver = queue.receiver(wide(), QueueOptions::default().with_sink(letters.clone())).await;
    (1..=4).for_each(|tag| feeds[0].send(arrived(tag)).unwrap());
    let [one, two] = [next(&mut receiver).await, next(&mut receiver).await];
    let [three, four] = [next(&mut receiver).await, next(&mut receiver).await];
    cut(&mut feeds);
    sleep(SECOND).await;
    let begun = Instant::now();
    timeout(SECOND, one.reject("no")).await.unwrap().unwrap();
    timeout(SECOND, two.retry(LONG)).await.unwrap().unwrap();
    timeout(SECOND, three.release()).await.unwrap().unwrap();
    assert_eq!((letters.reasons(), begun.elapsed()), (vec!["no".to_owned()], Duration::ZERO));
    let drained = async {
        sleep(SECOND).await;
        four.accept().await.unwrap();
    };
    let (drained, ()) = tokio::join!(receiver.drain(LONG), drained);
    drained.unwrap();
    assert_eq!(begun.elapsed(), SECOND);
}

/// What it would deliver again from memory, it delivers no more: it has nothing to wait for.
#[tokio::test(start_paused = true)]
async fn a_receiver_of_what_a_protocol_forgets_ends_though_the_broker_stays_away() {
    let (queue, mut feeds) = queue(ReceiverCapabilities::unsettled(), 1, ErrorKind::Disconnected);
    let letters = Letters::that(&["declines"]);
    let mut receiver = queue.receiver(wide(), QueueOptions::default().with_sink(letters.clone())).await;
    (1..=4).for_each(|tag| feeds[0].send(arrived(tag)).unwrap());
    let [one, two] = [next(&mut receiver).await, next(&mut receiver).await];
    let three = next(&mut receiver).await;
    cut(&mut feeds); // the fourth one is prefetched
    sleep(SECOND).await;
    let begun = Instant::now();
    let settled = async {
        sleep(SECOND).await;
        one.retry(LONG).await.unwrap();
        drop(two);
        assert_eq!(three.reject("no").await.unwrap_err().kind(), ErrorKind::Refused);
    };
    let (drained, ()) = tokio::join!(receiver.drain(LONG), settled);
    drained.unwrap();
    assert_eq!(begun.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_is_an_error_and_so_is_what_cannot_get_better() {
    let (panics, feeds) = queue(ReceiverCapabilities::queue(), 1, ErrorKind::Closed);
    let mut receiver = panics.receiver(wide(), broker()).await;
    panics.0.panics.store(true, Ordering::Relaxed);
    feeds[0].send(arrived(1)).unwrap();
    let error = loop {
        match receiver.next().await {
            Ok(delivery) => drop(delivery.unwrap()),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Transport, "{error}");
    let (closed, feeds) = queue(ReceiverCapabilities::queue(), 1, ErrorKind::Closed);
    let mut receiver = closed.receiver(wide(), broker()).await;
    drop(feeds);
    for _ in 0..2 {
        assert_eq!(receiver.next().await.unwrap_err().kind(), ErrorKind::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_refused_for_long_ends_the_receiver() {
    let (refuses, feeds) = queue(ReceiverCapabilities::queue(), 1, ErrorKind::Refused);
    let mut receiver = refuses.receiver(wide(), broker()).await;
    let begun = Instant::now();
    drop(feeds);
    assert_eq!(receiver.next().await.unwrap_err().kind(), ErrorKind::Refused);
    assert!((300..331).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    for _ in 0..2 {
        assert_eq!(receiver.next().await.unwrap_err().kind(), ErrorKind::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn letters_that_wait_when_a_receiver_ends_by_an_error_stay_in_its_number() {
    let (queue, mut feeds) = queue(ReceiverCapabilities::queue(), 1, ErrorKind::Refused);
    let queue = Queue::<true>(queue.0);
    let letters = Letters::slow();
    let mut receiver = queue.receiver(wide(), QueueOptions::default().with_sink(letters.clone())).await;
    feeds[0].send(arrived(1)).unwrap();
    let _rejected = next(&mut receiver).await.reject("no");
    sleep(SECOND).await;
    cut(&mut feeds);
    assert_eq!(receiver.next().await.unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(receiver.letters().used().messages, 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_protocol_forgets_comes_again_from_memory_and_is_never_ok_for_nothing() {
    let capabilities = {
        let mut can = ReceiverCapabilities::unsettled();
        can.rejects = By::None;
        can
    };
    let (queue, feeds) = queue(capabilities, 1, ErrorKind::Closed);
    let mut receiver = queue.receiver(wide(), broker()).await;
    feeds[0].send(arrived(1)).unwrap();
    let begun = Instant::now();
    next(&mut receiver).await.retry(5 * SECOND).await.unwrap();
    let again = next(&mut receiver).await;
    assert_eq!((again.attempt(), begun.elapsed().as_secs()), (2, 5));
    drop(again);
    let released = next(&mut receiver).await;
    assert_eq!(released.attempt(), 2); // releasing does not count
    assert_eq!(released.reject("no").await.unwrap_err().kind(), ErrorKind::Unsupported);
    next(&mut receiver).await.accept().await.unwrap(); // it was not lost
    assert!(queue.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn attempts_are_bounded() {
    for capabilities in [ReceiverCapabilities::queue(), ReceiverCapabilities::unsettled()] {
        let (queue, feeds) = queue(capabilities, 1, ErrorKind::Closed);
        let letters = Letters::default();
        let mut options = ReceiverOptions::default();
        options.attempts = Some(2);
        let with_sink = QueueOptions::default().with_sink(letters.clone());
        let mut receiver = queue.receiver_with(wide(), with_sink, options).await;
        feeds[0].send(arrived(1)).unwrap();
        next(&mut receiver).await.retry(Duration::ZERO).await.unwrap();
        if capabilities.redelivers == By::Broker {
            feeds[0].send(Arrived { attempt: 2, ..arrived(1) }).unwrap();
        }
        next(&mut receiver).await.retry(Duration::ZERO).await.unwrap();
        assert_eq!(letters.reasons(), ["given up after 2 attempts"]);
    }
}

/// Stores reasons, after a permit for each. Declines or panics as scripted.
#[derive(Clone, Default)]
struct Letters(Arc<Kept>);

/// The reasons, the permits, and what to do instead of keeping.
type Kept = (Mutex<Vec<String>>, Option<Semaphore>, Mutex<Vec<&'static str>>);

impl Letters {
    fn slow() -> Self {
        Self(Arc::new((Mutex::default(), Some(Semaphore::new(0)), Mutex::default())))
    }

    fn that(does: &[&'static str]) -> Self {
        Self(Arc::new((Mutex::default(), None, Mutex::new(does.to_vec()))))
    }

    fn reasons(&self) -> Vec<String> {
        self.0.0.lock().unwrap().clone()
    }
}

impl DeadLetterSink for Letters {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        if let Some(permits) = &self.0.1 {
            permits.acquire().await.unwrap().forget();
        }
        let does = self.0.2.lock().unwrap().pop();
        match does {
            Some("declines") => return Err(Error::new(ErrorKind::Refused)),
            Some(panics) => panic!("{panics}"),
            None => {}
        }
        self.0.0.lock().unwrap().push(letter.reason.to_string());
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn everything_that_holds_a_message_counts_in_the_bounds() {
    let letters = Letters::slow();
    let (queue, feeds) = queue(ReceiverCapabilities::unsettled(), 1, ErrorKind::Closed);
    let room = Room::new(Bounds { messages: 3, ..Bounds::default() }, 1024);
    let mut receiver = queue.receiver(room, QueueOptions::default().with_sink(letters.clone())).await;
    (1..=5).for_each(|tag| feeds[0].send(arrived(tag)).unwrap());
    let rejected = next(&mut receiver).await.reject("bad");
    next(&mut receiver).await.retry(LONG).await.unwrap();
    let held = next(&mut receiver).await;
    assert!(is_quiet(&mut receiver).await); // at the sink, waiting, held
    letters.0.1.as_ref().unwrap().add_permits(1);
    rejected.await.unwrap();
    let four = next(&mut receiver).await;
    assert!(is_quiet(&mut receiver).await);
    held.accept().await.unwrap();
    next(&mut receiver).await.accept().await.unwrap();
    four.accept().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn bytes_count_until_only_the_tag_is_kept() {
    // Each message has 100 bytes.
    let bounds = Bounds { messages: 100, bytes: 250 };
    for (capabilities, more) in
        [(ReceiverCapabilities::queue(), true), (ReceiverCapabilities::unsettled(), false)]
    {
        let (queue, feeds) = queue(capabilities, 1, ErrorKind::Closed);
        let mut receiver = queue.receiver(Room::new(bounds, 1), broker()).await;
        (1..=5).for_each(|tag| feeds[0].send(arrived(tag)).unwrap());
        let _held = [next(&mut receiver).await, next(&mut receiver).await];
        let third = next(&mut receiver).await;
        assert!(is_quiet(&mut receiver).await);
        third.retry(LONG).await.unwrap();
        assert_eq!(is_quiet(&mut receiver).await, !more, "{capabilities:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_settlement_keeps_its_place_until_it_is_confirmed_and_holds_up_nothing() {
    let confirms = Arc::new(Semaphore::new(0));
    let (queue, feeds) =
        queue_with(ReceiverCapabilities::queue(), 1, ErrorKind::Closed, Some(Arc::clone(&confirms)));
    let room = Room::new(Bounds { messages: 2, ..Bounds::default() }, 10);
    let mut receiver = queue.receiver(room, broker()).await;
    (1..=3).for_each(|tag| feeds[0].send(arrived(tag)).unwrap());
    let one = next(&mut receiver).await.accept();
    let two = next(&mut receiver).await; // while the first is not confirmed
    assert!(is_quiet(&mut receiver).await);
    confirms.add_permits(1);
    one.await.unwrap();
    let three = next(&mut receiver).await;
    let (two, three) = (two.accept(), three.accept());
    let (drained, ()) = tokio::join!(receiver.drain(LONG), async {
        sleep(SECOND).await;
        assert!(!queue.seen().contains(&"close".to_owned()));
        confirms.add_permits(2);
    });
    drained.unwrap();
    two.await.unwrap();
    three.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_the_sink_declines_or_panics_at_is_tried_again_by_itself() {
    for does in ["declines", "panics"] {
        let letters = Letters::that(&[does]);
        let (queue, feeds) = queue(ReceiverCapabilities::queue(), 1, ErrorKind::Closed);
        let mut receiver = queue.receiver(wide(), QueueOptions::default().with_sink(letters.clone())).await;
        assert_eq!(receiver.capabilities().rejects, By::Memory);
        feeds[0].send(arrived(1)).unwrap();
        next(&mut receiver).await.reject("bad").await.unwrap_err();
        assert!(is_quiet(&mut receiver).await); // it is not delivered again
        assert!(queue.seen().is_empty() && letters.reasons().is_empty());
        sleep(SECOND).await;
        assert_eq!(
            (queue.seen(), letters.reasons()),
            (vec!["accept [1]".to_owned()], vec!["bad".to_owned()])
        );
        assert!(is_quiet(&mut receiver).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_program_that_releases_everything_makes_no_hot_loop() {
    let (queue, feeds) = queue(ReceiverCapabilities::queue(), 1, ErrorKind::Closed);
    let mut receiver = queue.receiver(wide(), broker()).await;
    let begun = Instant::now();
    for _ in 0..40 {
        let released = queue.0.seen.lock().unwrap().len();
        feeds[0].send(arrived(1)).unwrap();
        next(&mut receiver).await.release().await.unwrap();
        while queue.0.seen.lock().unwrap().len() == released {
            sleep(SECOND / 10).await; // until the broker has it again
        }
    }
    assert!((8..10).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed()); // 32 at once, and a second for each of 8
}

#[tokio::test(start_paused = true)]
async fn a_receiver_opens_only_when_it_is_decided_what_happens_to_rejected_messages() {
    let (queue, _feeds) = queue(ReceiverCapabilities::queue(), 1, ErrorKind::Closed);
    let hosts = Endpoint::parse("x://a/").unwrap().hosts().to_vec();
    let reconnect = Reconnect::new(queue.clone(), hosts, Backoff::default());
    let error = QueueReceiver::open(reconnect, wide(), QueueOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.help().unwrap().contains("dropping_rejected"), "{error}");
    assert_eq!(queue.0.connections.lock().unwrap().len(), 1); // nothing was connected
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_on_rejection_is_accepted() {
    let (queue, feeds) = queue(ReceiverCapabilities::queue(), 1, ErrorKind::Closed);
    let mut receiver = queue.receiver(wide(), QueueOptions::default().dropping_rejected()).await;
    feeds[0].send(arrived(1)).unwrap();
    next(&mut receiver).await.reject("bad").await.unwrap();
    assert_eq!(queue.seen(), ["accept [1]"]);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_does_not_answer_is_named_in_the_log() {
    let logged = Logged::begin();
    let (queue, feeds) = queue(ReceiverCapabilities::queue(), 1, ErrorKind::Closed);
    let mut receiver = queue.receiver(wide(), QueueOptions::default().with_sink(Letters::slow())).await;
    feeds[0].send(arrived(1)).unwrap();
    let rejected = next(&mut receiver).await.reject("poison");
    sleep(9 * SECOND).await;
    assert_eq!(logged.text(), "");
    sleep(51 * SECOND).await;
    let text = logged.text();
    assert!(text.contains("does not answer") && text.contains("poison"), "{text}");
    assert_eq!(text.lines().count(), 2, "{text}"); // after 10 and 30 seconds
    drop(rejected);
}
