//! Senders.

use crate::{event, events};
use cloudevents_core::{Error, ErrorKind, Event, Message};
use cloudevents_transport::{Outcome, SendAllError, Sender, Transmit, fake::FakeQueue};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

#[test]
fn senders_are_shared_and_their_futures_can_be_spawned() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    fn spawnable<T: Send>(_: T) {}
    shared::<Sender>();
    fn check(sender: &Sender, event: &Event) {
        spawnable(sender.send(event));
        spawnable(sender.send_all(vec![event.clone()]));
        spawnable(sender.enqueue(event.clone().into()));
        spawnable(sender.close());
    }
    let _ = check;
}

#[tokio::test(start_paused = true)]
async fn send_all_says_which_failed() {
    let queue = FakeQueue::new();
    queue.refuse_if(|message| matches!(message, Message::Binary(event) if ["2", "4"].contains(&event.id())));
    let sender = queue.sender();
    let failure: SendAllError = sender.send_all(events(6)).await.unwrap_err();
    let failed: Vec<_> = failure.failed.iter().map(|(index, error)| (*index, error.kind())).collect();
    assert_eq!(failed, [(2, ErrorKind::Refused), (4, ErrorKind::Refused)]);
    assert_eq!((failure.total, queue.len()), (6, 4));
    assert_eq!(Error::from(failure).index(), Some(2));
    let metrics = sender.metrics();
    assert_eq!((metrics.enqueued, metrics.sent, metrics.failed), (6, 4, 2));
}

#[tokio::test(start_paused = true)]
async fn send_all_tells_what_was_not_even_handed_over() {
    let queue = FakeQueue::new();
    let sender = queue.sender();
    sender.close().await.unwrap();
    let failure = sender.send_all(events(3)).await.unwrap_err();
    assert!(failure.failed.iter().all(|(_, error)| error.kind() == ErrorKind::Closed));
    assert_eq!((failure.failed.len(), queue.len(), sender.metrics().failed), (3, 0, 3));
}

/// Answers late, and counts how many it has open.
#[derive(Default)]
struct Late {
    open: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Transmit for Late {
    async fn enqueue(&self, _: Message) -> Result<Outcome, Error> {
        let now = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        let (resolver, outcome) = Outcome::channel();
        let open = Arc::clone(&self.open);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await; // paused time: a turn of the clock
            open.fetch_sub(1, Ordering::Relaxed);
            resolver.resolve(Ok(()));
        });
        Ok(outcome)
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn send_all_is_pipelined_within_a_window() {
    let binding = Late::default();
    let most = Arc::clone(&binding.most);
    let sender = Sender::new(binding);
    let since = tokio::time::Instant::now();
    sender.send_all(events(3000)).await.unwrap();
    assert_eq!(most.load(Ordering::Relaxed), 1024);
    assert_eq!(since.elapsed(), Duration::from_secs(3)); // not 3,000
}

/// Hands over every second message at once; of the others, it has to wait.
#[derive(Clone, Default)]
struct Halting(Arc<Mutex<Vec<(&'static str, String)>>>);

impl Halting {
    fn note(&self, how: &'static str, message: &Message) {
        let Message::Binary(event) = message else { panic!("it was an event") };
        self.0.lock().unwrap().push((how, event.id().to_owned()));
    }
}

impl Transmit for Halting {
    async fn enqueue(&self, message: Message) -> Result<Outcome, Error> {
        tokio::task::yield_now().await;
        self.note("waited", &message);
        Ok(Outcome::done())
    }

    fn try_enqueue(&self, message: Message) -> Result<Result<Outcome, Error>, Message> {
        if self.0.lock().unwrap().len() % 2 == 1 {
            return Err(message);
        }
        self.note("at once", &message);
        Ok(Ok(Outcome::done()))
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[tokio::test]
async fn what_can_be_handed_over_at_once_is() {
    let binding = Halting::default();
    let sender = Sender::new(binding.clone());
    sender.send_all(events(3)).await.unwrap();
    let handed_over = |how, id: &str| (how, id.to_owned());
    let expected = [handed_over("at once", "0"), handed_over("waited", "1"), handed_over("at once", "2")];
    assert_eq!(*binding.0.lock().unwrap(), expected);
    assert_eq!((sender.metrics().enqueued, sender.metrics().sent), (3, 3));
}

#[tokio::test]
async fn nothing_is_handed_over_before_the_future_is_polled() {
    let binding = Halting::default();
    let sender = Sender::new(binding.clone());
    drop(sender.enqueue(event(1).into()));
    drop(sender.send(&event(1)));
    assert!(binding.0.lock().unwrap().is_empty());
    assert_eq!(sender.metrics().enqueued, 0);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_send_that_was_handed_over_stays_so() {
    let queue = FakeQueue::new();
    queue.hold_confirms(true);
    let sender = queue.sender();
    let one = event(1);
    assert!(tokio::time::timeout(Duration::from_secs(1), sender.send(&one)).await.is_err());
    assert_eq!(queue.len(), 1);
}
