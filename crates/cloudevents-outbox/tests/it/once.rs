//! Handlers that an inbox keeps from handling an event twice.

use crate::tools::event;
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Event, EventKey};
use cloudevents_outbox::{
    Begun, Clock, Inbox, InboxStore, MemoryInbox, Seen, Started,
    rusqlite041::{self, SqliteStore},
};
use cloudevents_transport::{
    Failure, ReceiverOptions,
    binding::log::LogOptions,
    fake::{FakeLog, FakeQueue},
};
use rusqlite::Connection;
use std::{
    cell::{Cell, RefCell},
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};
use tokio::{
    sync::Semaphore,
    time::{sleep, sleep_until, timeout},
};

fn in_memory() -> Inbox<MemoryInbox> {
    Inbox::new(MemoryInbox::new(1000.try_into().unwrap()), "billing")
}

async fn never(why: &str) {
    panic!("{why}")
}

#[tokio::test]
async fn duplicates_are_counted_and_not_handled() {
    let (inbox, handled) = (in_memory(), Cell::new(0));
    let queue = FakeQueue::new();
    for id in [1, 2, 1, 1] {
        queue.sender().send(&event(id)).await.unwrap();
    }
    let handle = async |event: Event| inbox.once(event.key(), async { handled.set(handled.get() + 1) }).await;
    let all = async {
        while handled.get() < 2 || inbox.duplicates() < 2 {
            sleep(Duration::from_millis(1)).await; // between two looks
        }
    };
    let run = queue.receiver(DecodeOptions::strict()).run(handle).until(all);
    timeout(Duration::from_secs(20), run).await.unwrap().unwrap();
    assert_eq!((handled.get(), inbox.duplicates(), queue.len()), (2, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_failure_a_panic_and_a_time_limit_give_the_event_up() {
    let (inbox, attempts) = (in_memory(), Cell::new(0));
    let queue = FakeQueue::new();
    queue.sender().send(&event(1)).await.unwrap();
    let handle = async |event: Event| {
        attempts.set(attempts.get() + 1);
        let attempt = attempts.get();
        let handling = async move {
            match attempt {
                1 => Err(Failure::retry("not now")),
                2 => panic!("a bug"),
                3 => pending().await,
                _ => Ok(()),
            }
        };
        inbox.once(event.key(), handling).await
    };
    let mut options = ReceiverOptions::from(DecodeOptions::strict());
    (options.retry.first, options.retry.longest) = (Duration::from_millis(20), Duration::from_millis(20));
    let done = async {
        while attempts.get() < 4 {
            sleep(Duration::from_millis(1)).await; // between two looks
        }
    };
    // Without giving up, each would wait for the lease, which is five minutes.
    let run = queue.receiver(options).run(handle).time_limit(Duration::from_millis(50)).until(done);
    timeout(Duration::from_secs(30), run).await.unwrap().unwrap();
    assert_eq!((attempts.get(), queue.len()), (4, 0));
    assert_eq!(inbox.begin(event(1).key()).await.unwrap(), Begun::Done);
}

#[tokio::test]
async fn one_that_is_under_way_elsewhere_is_waited_for() {
    let inbox = in_memory();
    let Begun::First(elsewhere) = inbox.begin(event(1).key()).await.unwrap() else { panic!() };
    let failure = inbox.once(event(1).key(), never("it is under way")).await.unwrap_err();
    assert!(failure.is_unavailable());
    assert!(failure.delay().is_some_and(|delay| delay > Duration::ZERO && delay <= Duration::from_secs(1)));
    inbox.complete(elsewhere).await.unwrap();
    inbox.once(event(1).key(), never("it was handled")).await.unwrap();
    assert_eq!(inbox.duplicates(), 1);
}

#[tokio::test]
async fn memory_has_a_bound() {
    let inbox = Inbox::new(MemoryInbox::new(2.try_into().unwrap()), "a");
    for id in 1..=3 {
        inbox.once(event(id).key(), async {}).await.unwrap();
    }
    assert!(
        matches!(inbox.begin(event(1).key()).await.unwrap(), Begun::First(_)),
        "the first one is forgotten"
    );
    assert_eq!(inbox.begin(event(3).key()).await.unwrap(), Begun::Done);
}

/// A consumer is ended fifty times while it handles a log from its committed position, and each event has its effect once.
#[tokio::test]
async fn a_consumer_that_is_killed_has_each_effect_once() {
    const EVENTS: u32 = 400;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.db");
    let log = FakeLog::new(2);
    let database = RefCell::new(Connection::open(&file).unwrap());
    let create = "PRAGMA journal_mode=WAL; PRAGMA busy_timeout=5000; CREATE TABLE charged (event TEXT)";
    database.borrow().execute_batch(create).unwrap();
    for id in 0..EVENTS {
        log.sender().send(&event(id)).await.unwrap();
    }
    let charge = |event: &Event, started: &Started| -> Result<(), Failure> {
        let mut database = database.borrow_mut();
        let transaction = database.transaction()?;
        transaction.execute("INSERT INTO charged (event) VALUES (?1)", [event.id()])?;
        if !rusqlite041::complete(&transaction, started)? {
            return Err(Failure::retry("another delivery has the event"));
        }
        Ok(transaction.commit()?)
    };
    let counted = || {
        database.borrow().query_row("SELECT count(*) FROM charged", [], |row| row.get::<_, u32>(0)).unwrap()
    };
    let begin = Instant::now();
    let (mut kills, mut duplicates) = (0_u32, 0);
    while kills < 50 || counted() < EVENTS {
        // Another process has another store; an attempt of the killed one ends with its lease.
        let inbox =
            Inbox::new(SqliteStore::open(&file).unwrap(), "billing").with_lease(Duration::from_millis(30));
        let handle = async |event: Event| {
            tokio::task::yield_now().await;
            inbox.once_with(event.key(), async |started| charge(&event, &started)).await
        };
        let mut options = ReceiverOptions::from(DecodeOptions::strict());
        (options.retry.first, options.retry.longest) = (Duration::from_millis(10), Duration::from_millis(40));
        let (receiver, _consumer) = log.receiver(options, LogOptions::default().dropping_rejected()).unwrap();
        // A life lasts until some more are charged, and not for a time: each one begins with the first event, so that those of a slow
        // machine would come no further from some number on.
        let enough = (counted() + 1 + kills % 13).min(EVENTS);
        let life = async {
            while counted() < enough {
                assert!(begin.elapsed() < Duration::from_secs(600), "{} of {EVENTS}", counted());
                sleep(Duration::from_millis(1)).await; // between two looks
            }
        };
        tokio::select! {
            _ = receiver.run(handle).concurrency(8) => {}
            () = life => {}
        }
        kills += 1;
        duplicates += inbox.duplicates();
    }
    let distinct = "SELECT count(DISTINCT event) FROM charged";
    let distinct: u32 = database.borrow().query_row(distinct, [], |row| row.get(0)).unwrap();
    assert_eq!((counted(), distinct), (EVENTS, EVENTS));
    assert!(duplicates > 0, "nothing was delivered twice: the test shows nothing");
}

/// A store that is away for a number of completions, answers no beginning before this time, and takes its time for so many calls at once.
#[derive(Clone)]
struct Flaky {
    inner: MemoryInbox,
    failures: Arc<AtomicU32>,
    silent_until: tokio::time::Instant,
    calls: Arc<Semaphore>,
    takes: Duration,
}

fn flaky(failures: u32) -> Flaky {
    Flaky {
        inner: MemoryInbox::new(1_000.try_into().unwrap()),
        failures: Arc::new(AtomicU32::new(failures)),
        silent_until: tokio::time::Instant::now(),
        calls: Arc::new(Semaphore::new(1_000)),
        takes: Duration::ZERO,
    }
}

impl Flaky {
    async fn call(&self) {
        let _call = self.calls.acquire().await.unwrap();
        sleep(self.takes).await;
    }
}

impl InboxStore for Flaky {
    async fn begin(
        &self,
        consumer: Arc<str>,
        key: EventKey,
        now: SystemTime,
        lease: Duration,
    ) -> Result<Begun, Error> {
        sleep_until(self.silent_until).await;
        self.call().await;
        self.inner.begin(consumer, key, now, lease).await
    }

    async fn complete(&self, started: Started, now: SystemTime) -> Result<bool, Error> {
        self.call().await;
        let left =
            self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left.is_ok() {
            return Err(Error::new(ErrorKind::Disconnected));
        }
        self.inner.complete(started, now).await
    }

    async fn abandon(&self, started: Started, now: SystemTime) -> Result<bool, Error> {
        self.call().await;
        self.inner.abandon(started, now).await
    }

    async fn see(&self, consumer: Arc<str>, key: EventKey, now: SystemTime) -> Result<Seen, Error> {
        self.inner.see(consumer, key, now).await
    }

    async fn forget(&self, consumer: Arc<str>, before: SystemTime, limit: usize) -> Result<usize, Error> {
        self.inner.forget(consumer, before, limit).await
    }
}

/// It takes longer than it may be silent until it comes to the last of them.
#[tokio::test(start_paused = true)]
async fn a_store_that_has_much_to_do_is_waited_for() {
    const EVENTS: usize = 1_000;

    let busy = Flaky { calls: Arc::new(Semaphore::new(4)), takes: Duration::from_millis(100), ..flaky(0) };
    let (inbox, handled) = (Inbox::new(busy, "billing"), AtomicU32::new(0));
    let queue = FakeQueue::new();
    queue.sender().send_all((0..EVENTS).map(event)).await.unwrap();
    let handle = async |event: Event| {
        let handling = async {
            handled.fetch_add(1, Ordering::Relaxed);
        };
        inbox.once(event.key(), handling).await
    };
    let begun = tokio::time::Instant::now();
    let all = async {
        while (handled.load(Ordering::Relaxed) as usize) < EVENTS {
            sleep(Duration::from_millis(10)).await; // between two looks
        }
    };
    queue.receiver(DecodeOptions::strict()).run(handle).concurrency(256).until(all).await.unwrap();
    assert_eq!(handled.load(Ordering::Relaxed) as usize, EVENTS);
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed()); // 2,000 calls
}

/// The event was handled: that the store is away just then must not have it handled again.
#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_when_the_handler_has_succeeded_is_waited_for() {
    let inbox = Inbox::new(flaky(5), "billing");
    inbox.once(event(1).key(), async {}).await.unwrap();
    inbox.once(event(1).key(), never("handled twice")).await.unwrap();
    assert_eq!(inbox.duplicates(), 1);
}

/// Such as by a connection that is lost with the store, or a time limit: a handled event is recorded all the same.
#[tokio::test(start_paused = true)]
async fn what_was_handled_is_recorded_though_its_attempt_is_dropped() {
    let begun = tokio::time::Instant::now();
    let at = SystemTime::now();
    let clock = Clock::new(move || at + begun.elapsed());
    let inbox = Inbox::new(flaky(5), "billing").with_lease(Duration::from_secs(60)).with_clock(clock);
    timeout(Duration::from_secs(1), inbox.once(event(1).key(), async {})).await.unwrap_err();
    sleep(Duration::from_secs(61)).await; // the lease ends
    inbox.once(event(1).key(), never("handled twice")).await.unwrap();
    assert_eq!(inbox.duplicates(), 1);
}

/// Until the lease has ended: then another delivery may have begun.
#[tokio::test(start_paused = true)]
async fn a_store_that_stays_away_is_waited_for_until_the_lease_has_ended() {
    let begun = tokio::time::Instant::now();
    let at = SystemTime::now();
    let clock = Clock::new(move || at + begun.elapsed());
    let inbox = Inbox::new(flaky(u32::MAX), "billing").with_lease(Duration::from_secs(60)).with_clock(clock);
    let failure = inbox.once(event(1).key(), async {}).await.unwrap_err();
    assert!(
        failure.is_unavailable() && (60..=90).contains(&begun.elapsed().as_secs()),
        "{:?}",
        begun.elapsed()
    );
}

/// The store begins all the same: a file is locked meanwhile.
#[tokio::test]
async fn an_attempt_that_is_dropped_while_it_begins_gives_the_event_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.db");
    let (inbox, handled) = (Inbox::new(SqliteStore::open(&file).unwrap(), "billing"), Cell::new(0));
    let other = Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let dropped = inbox.once(event(1).key(), never("the file is locked"));
    timeout(Duration::from_millis(100), dropped).await.unwrap_err();
    other.execute_batch("ROLLBACK").unwrap();
    let again = async {
        while inbox.once(event(1).key(), async { handled.set(handled.get() + 1) }).await.is_err() {
            sleep(Duration::from_millis(10)).await; // between two looks
        }
    };
    // Otherwise, it would wait for the lease, which is five minutes.
    timeout(Duration::from_secs(30), again).await.unwrap();
    assert_eq!((handled.get(), inbox.duplicates()), (1, 0));
}

/// The connection of the call is silent, and the store begins later.
#[tokio::test(start_paused = true)]
async fn a_store_that_begins_too_late_has_the_event_given_up() {
    let (mut silent, begun) = (flaky(0), tokio::time::Instant::now());
    silent.silent_until = begun + Duration::from_secs(20);
    let inbox = Inbox::new(silent, "hook").with_lease(Duration::from_secs(12));
    let late = inbox.begin_in_time(event(1).key()).await.unwrap_err();
    assert_eq!((late.kind(), begun.elapsed().as_secs()), (ErrorKind::Timeout, 3));
    sleep(Duration::from_secs(18)).await;
    assert!(matches!(inbox.begin_in_time(event(1).key()).await.unwrap(), Begun::First(_)));
    assert!(matches!(inbox.begin_in_time(event(1).key()).await.unwrap(), Begun::UnderWay(_)));
}

/// A server has failed over without a word, or a file is locked: no handler has run, though a time limit has passed again and again.
#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_uses_up_no_attempts() {
    let (mut silent, begun) = (flaky(0), tokio::time::Instant::now());
    silent.silent_until = begun + Duration::from_secs(60);
    let (inbox, handled, queue) = (Inbox::new(silent, "billing"), Cell::new(0), FakeQueue::new());
    queue.sender().send(&event(1)).await.unwrap();
    let handle = async |event: Event| inbox.once(event.key(), async { handled.set(handled.get() + 1) }).await;
    let done = async {
        while handled.get() == 0 && queue.rejected().is_empty() {
            sleep(Duration::from_millis(100)).await; // between two looks
        }
    };
    let run = queue.receiver(DecodeOptions::strict()).run(handle).attempts(3);
    let run = run.time_limit(Duration::from_secs(10)).until(done);
    timeout(Duration::from_secs(600), run).await.unwrap().unwrap();
    assert_eq!((handled.get(), queue.len(), queue.rejected().len()), (1, 0, 0));
}
