//! A target that is slow, and not away.

use crate::keyed;
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_transport::{
    Bridge, Confirmed, Content, Outcome, Outgoing, Receipt, Sender, SenderCapabilities, SenderOptions,
    binding::Transmit, bridge::BridgePolicy, fake::FakeQueue,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    sync::{Semaphore, oneshot},
    time::{Instant, sleep, timeout},
};

const MINUTE: Duration = Duration::from_secs(60);

/// How long a request may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A target with so many places, each of which works on one event for so long. It goes on with events whose client has gone away.
#[derive(Clone)]
struct Slow {
    places: Arc<Semaphore>,
    takes: Duration,
    limit: Duration,
    began: Instant,
    /// The events that it has worked on, and when each was done.
    done: Arc<Mutex<Vec<(Duration, String)>>>,
}

impl Slow {
    fn new(places: usize, takes: Duration, limit: Duration) -> Self {
        let places = Arc::new(Semaphore::new(places));
        Self { places, takes, limit, began: Instant::now(), done: Arc::default() }
    }

    /// How many were done in this time for the first time, and how often any was done once more.
    fn done(&self, from: Duration, to: Duration) -> (usize, usize) {
        let (mut seen, mut first, mut again) = (BTreeSet::new(), 0, 0);
        for (at, id) in &*self.done.lock().unwrap() {
            let is_new = seen.insert(id.clone());
            if (from..to).contains(at) {
                (first, again) = (first + usize::from(is_new), again + usize::from(!is_new));
            }
        }
        (first, again)
    }
}

impl Transmit for Slow {
    fn capabilities(&self) -> SenderCapabilities {
        SenderCapabilities::plain(Confirmed::Accepted)
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        let Content::Message(message) = outgoing.content() else { panic!("{outgoing:?}") };
        let id = message.attribute("id", &DecodeOptions::strict()).unwrap().unwrap();
        let (answers, answer) = oneshot::channel();
        let target = self.clone();
        tokio::spawn(async move {
            let _place = target.places.acquire().await.unwrap();
            sleep(target.takes).await;
            target.done.lock().unwrap().push((target.began.elapsed(), id));
            let _ = answers.send(());
        });
        let limit = self.limit;
        Ok(Outcome::watching(async move {
            match timeout(limit, answer).await {
                Ok(_) => Ok(Receipt::new()),
                Err(_) => Err(Error::new(ErrorKind::Timeout)),
            }
        }))
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

async fn moved_to(target: &Slow, count: usize, script: impl Future<Output = ()>) {
    moved_by(Sender::new(target.clone()), count, script).await;
}

async fn moved_by(sender: Sender, count: usize, script: impl Future<Output = ()>) {
    let from = FakeQueue::new();
    from.sender().send_all((0..count).map(|number| keyed(number, &number.to_string()))).await.unwrap();
    let mut policy = BridgePolicy::default();
    policy.drain = Duration::from_secs(1);
    let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), sender, policy);
    // What is under way at the end is not waited for.
    let _ = bridge.unwrap().run().until(script).await;
    assert!(!from.is_empty(), "all were moved before the end");
}

/// Whatever waits behind others until its time limit is sent again, and waits behind them once more.
#[tokio::test(start_paused = true)]
async fn a_slow_target_is_sent_nothing_twice_and_has_all_that_it_can_do() {
    for (places, seconds) in [(1, 3), (4, 3), (16, 3), (64, 3), (16, 1), (256, 12)] {
        let takes = Duration::from_secs(seconds);
        let target = Slow::new(places, takes, LIMIT);
        let could = places as f64 * 60.0 / takes.as_secs_f64(); // in a minute
        moved_to(&target, (could * 6.0) as usize + 300, sleep(5 * MINUTE)).await;
        let ((_, again), (first, _)) = (target.done(MINUTE, 5 * MINUTE), target.done(2 * MINUTE, 5 * MINUTE));
        let share = first as f64 / could / 3.0;
        assert!(
            again == 0 && share >= 0.8,
            "{places} of {takes:?}: {again} twice, {share} of what it can do"
        );
    }
}

/// With a limit that leaves little time to wait, some are sent twice until it is known.
#[tokio::test(start_paused = true)]
async fn a_shorter_time_limit_is_learned() {
    let target = Slow::new(16, Duration::from_secs(3), Duration::from_secs(10));
    moved_to(&target, 4000, sleep(10 * MINUTE)).await;
    let (first, again) = target.done(5 * MINUTE, 10 * MINUTE);
    let share = first as f64 / (16.0 * 5.0 * 60.0 / 3.0);
    assert!(again == 0 && share >= 0.8, "{again} twice, {share} of what it can do");
}

/// Nothing is sent twice to learn it.
#[tokio::test(start_paused = true)]
async fn a_shorter_time_limit_that_is_set_is_known_from_the_beginning() {
    let limit = Duration::from_secs(10);
    let target = Slow::new(16, Duration::from_secs(3), limit);
    let mut options = SenderOptions::default();
    options.timeout = Some(limit);
    moved_by(Sender::new(target.clone()).with_options(options), 4000, sleep(10 * MINUTE)).await;
    assert_eq!(target.done(Duration::ZERO, 10 * MINUTE).1, 0);
    let share = target.done(5 * MINUTE, 10 * MINUTE).0 as f64 / (16.0 * 5.0 * 60.0 / 3.0);
    assert!(share >= 0.8, "{share} of what it can do");
}

/// What was under way then is sent twice, and nothing once that is over.
#[tokio::test(start_paused = true)]
async fn a_target_that_becomes_slower_gets_less() {
    let target = Slow::new(16, Duration::from_secs(3), LIMIT);
    let places = Arc::clone(&target.places);
    let script = async {
        sleep(3 * MINUTE).await;
        places.acquire_many(14).await.unwrap().forget();
        sleep(27 * MINUTE).await;
    };
    moved_to(&target, 4000, script).await;
    assert_eq!(target.done(MINUTE, 3 * MINUTE).1, 0);
    let (first, again) = target.done(20 * MINUTE, 30 * MINUTE);
    let share = first as f64 / (2.0 * 10.0 * 60.0 / 3.0);
    assert!(again == 0 && share >= 0.8, "{again} twice, {share} of what it can do");
}

/// It begins with few, and costs a fast target nothing.
#[tokio::test(start_paused = true)]
async fn a_fast_target_soon_has_as_many_as_it_may_at_once() {
    let target = Slow::new(1000, Duration::from_millis(50), LIMIT);
    moved_to(&target, 15_000, sleep(Duration::from_secs(2))).await;
    let (first, again) = target.done(Duration::ZERO, Duration::from_secs(2));
    assert!(again == 0 && first as f64 >= 0.8 * 2.0 * 256.0 / 0.05, "{first}, {again} twice");
}
