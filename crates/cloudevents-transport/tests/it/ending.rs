//! An orderly end of what reads a log: nothing that was handled comes again.

use cloudevents_core::{DecodeOptions, Error, ErrorKind, Event};
use cloudevents_testkit::logged::Logged;
use cloudevents_transport::{
    Bridge, Confirmed, Content, EventFilter, Failure, OrderBy, Outcome, Outgoing, Receipt, Receiver,
    ReceiverOptions, Sender, SenderCapabilities,
    binding::{Transmit, log::LogOptions},
    bridge::BridgePolicy,
    fake::FakeLog,
};
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep};

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A message: its key, and how long its handler takes.
type Sent = (Option<u8>, u64);

fn event(number: usize, key: Option<u8>) -> Event {
    let event = Event::builder().id(number.to_string()).source("/s").ty("t");
    match key {
        Some(key) => event.extension("partitionkey", key.to_string()).build().unwrap(),
        None => event.build().unwrap(),
    }
}

async fn filled(partitions: u32, keys: impl IntoIterator<Item = Option<u8>>) -> FakeLog {
    let log = FakeLog::new(partitions);
    for (number, key) in keys.into_iter().enumerate() {
        log.sender().send(event(number, key)).await.unwrap();
    }
    log
}

fn open(log: &FakeLog) -> Receiver {
    let options = ReceiverOptions::from(DecodeOptions::strict());
    log.receiver(options, LogOptions::default().with_sink(log.sink())).unwrap().0
}

/// What was handled, in that order: ids.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<usize>>>);

impl Seen {
    fn add(&self, event: &Event) {
        self.0.lock().unwrap().push(event.id().parse().unwrap());
    }

    fn list(&self) -> Vec<usize> {
        self.0.lock().unwrap().clone()
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// A target that takes each message after a time of its own, unless it is away.
#[derive(Clone)]
struct Target {
    seen: Seen,
    /// What closing it takes.
    closes: Duration,
    takes: Arc<dyn Fn(usize) -> Duration + Send + Sync>,
    is_away: Arc<AtomicBool>,
}

impl Target {
    fn new(takes: impl Fn(usize) -> Duration + Send + Sync + 'static) -> Self {
        Self {
            seen: Seen::default(),
            closes: Duration::ZERO,
            takes: Arc::new(takes),
            is_away: Arc::default(),
        }
    }

    fn bridge(&self, log: &FakeLog, change: impl FnOnce(&mut BridgePolicy)) -> Bridge {
        let mut policy = BridgePolicy::default();
        change(&mut policy);
        Bridge::new(open(log), Sender::new(self.clone()), policy).unwrap()
    }
}

impl Transmit for Target {
    fn capabilities(&self) -> SenderCapabilities {
        SenderCapabilities::plain(Confirmed::Accepted)
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        let Content::Message(message) = outgoing.content() else { panic!() };
        let event = message.event(&DecodeOptions::strict()).unwrap().value;
        sleep((self.takes)(event.id().parse().unwrap())).await;
        if self.is_away.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Unreachable));
        }
        self.seen.add(&event);
        Ok(Outcome::ready(Ok(Receipt::new())))
    }

    async fn close(&self) -> Result<(), Error> {
        sleep(self.closes).await;
        Ok(())
    }
}

/// Runs it until then, and returns its result and how long it took to end.
async fn until<T>(stop: Duration, run: impl AsyncFnOnce(tokio::time::Sleep) -> T) -> (T, Duration) {
    let begun = Instant::now();
    let ended = run(sleep(stop)).await;
    (ended, begun.elapsed().saturating_sub(stop))
}

fn each_once_and_in_order(seen: &[usize], sent: &[Sent], partitions: u32) {
    let mut sorted = seen.to_vec();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..sent.len()).collect::<Vec<_>>(), "something came twice, or never");
    let mut last = BTreeMap::new();
    for number in seen {
        // Without a key, it is the order of the partition, of which there is one then.
        let key = sent[*number].0;
        let before = last.insert(key, *number);
        assert!(before < Some(*number) || (key.is_none() && partitions > 1), "{number} after {before:?}");
    }
}

fn sent() -> impl Strategy<Value = Vec<Sent>> {
    prop::collection::vec((prop::option::weighted(0.7, 0_u8..8), 0_u64..50), 1..80)
}

fn paused(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(work);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_bridge_sends_nothing_twice_whenever_it_ends(sent in sent(), partitions in 1_u32..4, stops in prop::collection::vec(1_u64..400, 1..6), rate in prop::option::weighted(0.2, 50_u32..200)) {
        paused(async {
            let log = filled(partitions, sent.iter().map(|(key, _)| *key)).await;
            let takes: Vec<_> = sent.iter().map(|(_, takes)| Duration::from_millis(*takes)).collect();
            let target = Target::new(move |number| takes[number]);
            for stop in stops.into_iter().map(Duration::from_millis).chain([SECOND * 60]) {
                let bridge = target.bridge(&log, |policy| policy.rate = rate.and_then(NonZeroU32::new));
                let (ended, took) = until(stop, async |stop| bridge.run().until(stop).await).await;
                ended.unwrap();
                assert!(took < SECOND * 30, "{took:?}");
            }
            each_once_and_in_order(&target.seen.list(), &sent, partitions);
        });
    }

    #[test]
    fn run_handles_nothing_twice_whenever_it_ends(sent in sent(), partitions in 1_u32..4, stops in prop::collection::vec(1_u64..400, 1..6), handlers in 1_usize..20) {
        paused(async {
            let log = filled(partitions, sent.iter().map(|(key, _)| *key)).await;
            let (seen, failed) = (Seen::default(), Mutex::new(BTreeMap::<usize, ()>::new()));
            for stop in stops.into_iter().map(Duration::from_millis).chain([SECOND * 60]) {
                let handle = async |event: Event| {
                    let number: usize = event.id().parse().unwrap();
                    sleep(Duration::from_millis(sent[number].1)).await;
                    // Some fail once, and wait.
                    if number.is_multiple_of(7) && failed.lock().unwrap().insert(number, ()).is_none() {
                        return Err(Failure::retry("once"));
                    }
                    seen.add(&event);
                    Ok(())
                };
                let running = open(&log).run(handle).in_order(OrderBy::Key).concurrency(handlers);
                let (ended, took) = until(stop, async |stop| running.until(stop).await).await;
                ended.unwrap();
                assert!(took < SECOND * 30, "{took:?}");
            }
            each_once_and_in_order(&seen.list(), &sent, partitions);
        });
    }
}

/// One key is slow: eight messages of it, then eight of other keys.
async fn one_slow_key() -> (FakeLog, Target) {
    let log = filled(1, (0..16).map(|number| Some(if number < 8 { 0 } else { number }))).await;
    (log, Target::new(|number| if number < 8 { SECOND } else { MILLI }))
}

#[tokio::test(start_paused = true)]
async fn what_was_received_behind_the_last_that_began_goes_back() {
    // The slow key has messages before and behind the others.
    let log = filled(1, [0, 0, 0, 1, 2, 0, 0, 0].map(Some)).await;
    let target = Target::new(|number| if [3, 4].contains(&number) { MILLI } else { SECOND });
    let bridge = target.bridge(&log, |_| {});
    let activity = bridge.status().activity().clone();
    let mut finishing = 0;
    let watching = async {
        while activity.finishing() == 0 {
            sleep(MILLI).await;
        }
        finishing = activity.finishing();
    };
    let (ended, ()) = tokio::join!(bridge.run().until(sleep(SECOND / 2)), watching);
    ended.unwrap();
    assert_eq!((finishing, target.seen.list(), log.committed(0)), (3, vec![3, 4, 0, 1, 2], 5));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_done_in_time_is_an_error_and_said_with_its_number() {
    let (logged, (log, target)) = (Logged::begin(), one_slow_key().await);
    let bridge = target.bridge(&log, |policy| policy.drain = SECOND * 2);
    let (ended, took) = until(SECOND / 2, async |stop| bridge.run().until(stop).await).await;
    let error = ended.unwrap_err();
    let said = "settled messages that may come again, as one before them is not settled: 8";
    assert_eq!((error.kind(), took), (ErrorKind::Timeout, SECOND * 2));
    assert!(error.detail().contains(said) && logged.text().contains(said), "{error} {}", logged.text());
    assert!(error.detail().starts_with("handlers were still running at the deadline: 1"), "{error}");
    assert_eq!((target.seen.len(), log.committed(0)), (8 + 2, 2));
}

/// A sender of HTTP waits for the requests that are under way, and so for those that were given up.
#[tokio::test(start_paused = true)]
async fn what_is_given_up_is_not_waited_for_when_the_sender_is_closed() {
    for (drain, closes, most) in
        [(SECOND * 2, SECOND * 30, SECOND * 7), (SECOND * 60, SECOND * 7, SECOND * 40)]
    {
        let (log, mut target) = one_slow_key().await;
        target.closes = closes;
        let bridge = target.bridge(&log, |policy| policy.drain = drain);
        let (ended, took) = until(SECOND / 2, async |stop| bridge.run().until(stop).await).await;
        assert_eq!(ended.is_err(), drain == SECOND * 2, "{ended:?}");
        assert!(took <= most, "{took:?} of {most:?}");
    }
}

/// While the target is away, an end takes its time only where something is behind what waits.
#[tokio::test(start_paused = true)]
async fn what_waits_for_its_next_attempt_is_waited_for_only_if_something_behind_it_is_settled() {
    let log = filled(1, (0..16).map(Some)).await;
    let target = Target::new(|_| MILLI);
    target.is_away.store(true, Ordering::Relaxed);
    let bridge = target.bridge(&log, |_| {});
    let (ended, took) = until(SECOND * 20, async |stop| bridge.run().until(stop).await).await;
    ended.unwrap();
    assert!(took < SECOND && target.seen.len() == 0, "{took:?}");

    // It is back while the bridge ends.
    let (log, target) = one_slow_key().await;
    let bridge = target.bridge(&log, |_| {});
    let stop = async {
        sleep(SECOND / 2).await;
        target.is_away.store(true, Ordering::Relaxed);
        sleep(SECOND).await;
        let is_away = Arc::clone(&target.is_away);
        tokio::spawn(async move {
            sleep(SECOND * 5).await;
            is_away.store(false, Ordering::Relaxed);
        });
    };
    bridge.run().until(stop).await.unwrap();
    assert_eq!((target.seen.len(), log.committed(0)), (16, 16));
}

#[tokio::test(start_paused = true)]
async fn an_end_does_not_wait_for_an_attempt_that_would_be_too_late() {
    let log = filled(1, (0..16).map(Some)).await;
    let seen = Seen::default();
    let handle = async |event: Event| {
        if event.id() == "3" {
            return Err(Failure::retry_after(SECOND * 600, "later"));
        }
        seen.add(&event);
        Ok(())
    };
    let running = open(&log).run(handle);
    let (ended, took) = until(SECOND, async |stop| running.until(stop).await).await;
    let error = ended.unwrap_err();
    assert_eq!((error.kind(), took), (ErrorKind::Timeout, Duration::ZERO));
    assert!(error.detail().ends_with(": 12"), "{error}");
    assert_eq!((seen.len(), log.committed(0)), (15, 3));
}

/// What a filter has left out shows nowhere if it comes again.
#[tokio::test(start_paused = true)]
async fn what_a_filter_leaves_out_is_no_reason_to_wait() {
    let log = filled(1, (0..100).map(|number| Some(number % 10))).await;
    let only =
        EventFilter::new(
            |message, with| Ok(message.attribute("partitionkey", with)?.as_deref() == Some("0")),
        );
    let target = Target::new(|_| SECOND);
    let mut policy = BridgePolicy::default();
    policy.drain = SECOND * 30;
    let bridge = Bridge::new(open(&log).filter(only).unwrap(), Sender::new(target.clone()), policy).unwrap();
    let (ended, took) = until(SECOND / 2, async |stop| bridge.run().until(stop).await).await;
    ended.unwrap();
    assert!(took <= SECOND && target.seen.len() == 1, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn draining_a_receiver_says_what_comes_again() {
    let log = filled(1, (0..4).map(Some)).await;
    let mut receiver = open(&log);
    let mut deliveries = receiver.next_many(4, SECOND).await.unwrap();
    drop(deliveries.remove(0));
    for delivery in deliveries {
        delivery.accept().await.unwrap();
    }
    for _ in 0..2 {
        let error = receiver.drain(SECOND).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!(
            error.detail(),
            "settled messages that may come again, as one before them is not settled: 3"
        );
    }
    assert_eq!(log.committed(0), 0);
}
