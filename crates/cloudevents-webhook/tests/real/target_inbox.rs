//! Targets that remember deliveries in a database: SQLite, and PostgreSQL where `.ci/brokers/postgres` has started a server.
//!
//! Two targets over one store are two processes of a service, or one before and after a restart.

use crate::tools::{Target, soon, with_token};
use cloudevents_core::{Error, ErrorKind, EventKey};
use cloudevents_outbox::{
    self as outbox, Clock, Inbox, InboxStore, Started,
    rusqlite041::{self, SqliteStore},
    tokio_postgres07::{self, PostgresStore},
};
use cloudevents_transport::{Delivery, Receiver};
use cloudevents_webhook::{
    DeliveryKey,
    receiver::{Begun, DeliveryClaim, DurableStore, IdempotencyStore},
};
use http::{StatusCode, request::Parts};
use std::{
    cell::Cell,
    env, process,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};
use tokio::time::sleep;
use tokio_postgres::{Client, Config, NoTls};

const LEASE: Duration = Duration::from_secs(60);

/// A target and its receiver, over this inbox.
async fn open<S: InboxStore + Clone>(inbox: Inbox<S>) -> (Target, Receiver) {
    Target::open(with_token().idempotency(DurableStore::new(inbox))).await
}

/// One whose deliveries wait for another process for this long.
async fn waiting<S: InboxStore + Clone>(inbox: Inbox<S>, within: Duration) -> (Target, Receiver) {
    Target::open(with_token().respond_within(within).idempotency(DurableStore::new(inbox))).await
}

fn inbox<S: InboxStore + Clone>(store: S) -> Inbox<S> {
    Inbox::new(store, "hook").with_lease(LEASE)
}

async fn next(receiver: &mut Receiver) -> Delivery {
    soon(receiver.next()).await.unwrap().unwrap()
}

/// Sends it until a handler has it: the record of the attempt before may still be under way, which makes the response 503.
async fn handled(
    target: &Target,
    receiver: &mut Receiver,
    id: &str,
    handle: impl AsyncFnOnce(Delivery),
) -> StatusCode {
    let begun = Cell::new(false);
    let handling = async {
        let delivery = next(receiver).await;
        begun.set(true);
        handle(delivery).await;
    };
    let sending = async {
        loop {
            let status = target.event(id).await.status;
            if begun.get() || status != 503 {
                return status;
            }
            sleep(Duration::from_millis(10)).await; // between two attempts
        }
    };
    tokio::join!(sending, handling).0
}

/// The response to one that was processed, once that is recorded.
async fn again(target: &Target, id: &str) -> StatusCode {
    let sending = async {
        loop {
            let status = target.event(id).await.status;
            if status != 503 {
                return status;
            }
            sleep(Duration::from_millis(10)).await; // between two attempts
        }
    };
    soon(sending).await
}

async fn remembers_after_a_restart<S: InboxStore + Clone>(store: impl AsyncFn() -> S) {
    let (target, mut receiver) = open(inbox(store().await)).await;
    let accept = async { next(&mut receiver).await.accept().await.unwrap() };
    assert_eq!(tokio::join!(target.event("1"), accept).0.status, 204);
    drop((target, receiver));

    let (target, mut receiver) = open(inbox(store().await)).await;
    assert_eq!(again(&target, "1").await, 204);
    let accept = async { next(&mut receiver).await.accept().await.unwrap() };
    assert_eq!(tokio::join!(target.event("2"), accept).0.status, 204);
    assert_eq!(receiver.metrics().received, 1); // the handler saw the second only

    // Another target in the same store has not seen the first.
    let (target, mut receiver) = open(Inbox::new(store().await, "another hook")).await;
    let accept = async { next(&mut receiver).await.accept().await.unwrap() };
    assert_eq!(tokio::join!(target.event("1"), accept).0.status, 204);
}

async fn an_unfinished_one_gets_503_everywhere<S: InboxStore + Clone>(store: impl AsyncFn() -> S) {
    let (one, mut first) = open(inbox(store().await)).await;
    let (other, mut second) = waiting(inbox(store().await), Duration::from_secs(2)).await;
    for abandoned in [false, true] {
        let handle = async |delivery: Delivery| {
            let meanwhile = other.event("1").await;
            assert_eq!((meanwhile.status.as_u16(), meanwhile.header("retry-after")), (503, Some("1")));
            match abandoned {
                false => delivery.retry(Duration::ZERO).await.unwrap(),
                true => delivery.reject("no").await.unwrap(),
            }
        };
        let status = handled(&one, &mut first, "1", handle).await;
        assert_eq!(status, if abandoned { 422 } else { 503 });
    }
    assert_eq!(second.metrics().received, 0);
    // It is forgotten: the next attempt is handled, wherever it comes.
    let accept = async |delivery: Delivery| delivery.accept().await.unwrap();
    assert_eq!(handled(&other, &mut second, "1", accept).await, 204);
    assert_eq!(again(&one, "1").await, 204);
    assert_eq!(first.metrics().received, 2);
}

async fn a_crash_leaves_a_lease<S: InboxStore + Clone>(store: impl AsyncFn() -> S) {
    let seconds = Arc::new(AtomicU64::new(1_800_000_000));
    let now = Arc::clone(&seconds);
    let clock = Clock::new(move || SystemTime::UNIX_EPOCH + Duration::from_secs(now.load(Ordering::Relaxed)));
    // The state that a process leaves behind if it is killed while it handles the delivery.
    let dead = DurableStore::new(inbox(store().await).with_clock(clock.clone()));
    let key = DeliveryKey::of_event("/tests", "1");
    let Begun::Claimed(lost) = dead.begin(key).await.unwrap() else { panic!("it was begun before") };

    // A copy in the process that has the delivery would wait for its turn.
    let store = async || inbox(store().await).with_clock(clock.clone());
    let (other, _other) = waiting(store().await, Duration::from_millis(500)).await;
    let (target, mut receiver) = waiting(store().await, Duration::from_secs(5)).await;
    seconds.fetch_add(LEASE.as_secs() - 1, Ordering::Relaxed);
    assert_eq!(target.event("1").await.status, 503);
    seconds.fetch_add(1, Ordering::Relaxed);
    let handle = async {
        let delivery = next(&mut receiver).await;
        // What the dead one would still do changes nothing.
        dead.abandon(key, lost).await.unwrap();
        assert_eq!(other.event("1").await.status, 503);
        dead.complete(key, lost).await.unwrap();
        assert_eq!(other.event("1").await.status, 503);
        delivery.accept().await.unwrap();
    };
    assert_eq!(tokio::join!(target.event("1"), handle).0.status, 204);
    assert_eq!(again(&target, "1").await, 204);
    assert_eq!(receiver.metrics().received, 1);
}

fn claim(delivery: &Delivery) -> DeliveryClaim {
    *delivery.native::<Parts>().unwrap().extensions.get().unwrap()
}

#[tokio::test]
async fn a_restarted_target_remembers_what_it_processed() {
    let folder = tempfile::tempdir().unwrap();
    let open = async || SqliteStore::open(folder.path().join("inbox.db")).unwrap();
    remembers_after_a_restart(open).await;
}

#[tokio::test]
async fn a_delivery_that_another_process_handles_gets_503() {
    let folder = tempfile::tempdir().unwrap();
    let open = async || SqliteStore::open(folder.path().join("inbox.db")).unwrap();
    an_unfinished_one_gets_503_everywhere(open).await;
}

#[tokio::test]
async fn a_crash_leaves_a_delivery_unfinished_until_its_lease_ends() {
    let folder = tempfile::tempdir().unwrap();
    let open = async || SqliteStore::open(folder.path().join("inbox.db")).unwrap();
    a_crash_leaves_a_lease(open).await;
}

#[tokio::test]
async fn a_handler_completes_a_delivery_in_the_transaction_of_its_effects() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let store = DurableStore::new(inbox(SqliteStore::open(&path).unwrap()));
    let (target, mut receiver) = Target::open(with_token().idempotency(store.clone())).await;
    let mut database = rusqlite::Connection::open(&path).unwrap();
    database.execute_batch("CREATE TABLE invoices (id TEXT)").unwrap();
    // The handler fails after the commit: the delivery is processed all the same.
    let handle = async {
        let delivery = next(&mut receiver).await;
        let transaction = database.transaction().unwrap();
        transaction.execute("INSERT INTO invoices VALUES ('1')", []).unwrap();
        assert!(rusqlite041::complete(&transaction, &store.started(claim(&delivery)).unwrap()).unwrap());
        transaction.commit().unwrap();
        delivery.retry(Duration::ZERO).await.unwrap();
    };
    assert_eq!(tokio::join!(target.event("1"), handle).0.status, 503);
    assert_eq!(target.event("1").await.status, 204);
    // Before the commit: nothing happened, and the next attempt is handled.
    let handle = async {
        let delivery = next(&mut receiver).await;
        let transaction = database.transaction().unwrap();
        transaction.execute("INSERT INTO invoices VALUES ('2')", []).unwrap();
        assert!(rusqlite041::complete(&transaction, &store.started(claim(&delivery)).unwrap()).unwrap());
        transaction.rollback().unwrap();
        delivery.retry(Duration::ZERO).await.unwrap();
    };
    assert_eq!(tokio::join!(target.event("2"), handle).0.status, 503);
    let accept = async |delivery: Delivery| delivery.accept().await.unwrap();
    assert_eq!(handled(&target, &mut receiver, "2", accept).await, 204);
    let invoices: i64 = database.query_row("SELECT count(*) FROM invoices", [], |row| row.get(0)).unwrap();
    assert_eq!((invoices, receiver.metrics().received), (1, 3));
}

#[tokio::test]
async fn a_store_that_fails_makes_the_response_503() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let (target, receiver) = open(inbox(SqliteStore::open(&path).unwrap())).await;
    rusqlite::Connection::open(&path).unwrap().execute_batch("DROP TABLE ce_inbox").unwrap();
    let refused = target.event("1").await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (503, Some("1")));
    assert_eq!(receiver.metrics().received, 0);
}

/// The URL of a server.
const URL: &str = "CE_TEST_POSTGRES_URL";

async fn client(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A new schema of the server, if there is one.
async fn postgres(name: &str) -> Option<Config> {
    let Ok(url) = env::var(URL) else {
        println!("SKIPPED: {URL} is not set; .ci/brokers/postgres starts a server and sets it");
        return None;
    };
    let mut config: Config = url.parse().unwrap();
    let schema = format!("webhook_{}_{name}", process::id());
    client(&config).await.batch_execute(&format!("CREATE SCHEMA {schema}")).await.unwrap();
    config.options(format!("-csearch_path={schema}"));
    Some(config)
}

#[tokio::test]
async fn targets_remember_deliveries_in_postgres() {
    let Some(config) = postgres("remember").await else { return };
    remembers_after_a_restart(async || PostgresStore::connect(config.clone(), NoTls).await.unwrap()).await;
    let Some(config) = postgres("unfinished").await else { return };
    an_unfinished_one_gets_503_everywhere(async || {
        PostgresStore::connect(config.clone(), NoTls).await.unwrap()
    })
    .await;
    let Some(config) = postgres("crash").await else { return };
    a_crash_leaves_a_lease(async || PostgresStore::connect(config.clone(), NoTls).await.unwrap()).await;
}

#[tokio::test]
async fn a_handler_completes_a_delivery_in_its_transaction_in_postgres() {
    let Some(config) = postgres("transaction").await else { return };
    let store = DurableStore::new(inbox(PostgresStore::connect(config.clone(), NoTls).await.unwrap()));
    let (target, mut receiver) = Target::open(with_token().idempotency(store.clone())).await;
    let mut database = client(&config).await;
    let handle = async {
        let delivery = next(&mut receiver).await;
        let transaction = database.transaction().await.unwrap();
        let started = store.started(claim(&delivery)).unwrap();
        assert!(tokio_postgres07::complete(&transaction, &started).await.unwrap());
        transaction.commit().await.unwrap();
        delivery.retry(Duration::ZERO).await.unwrap();
    };
    assert_eq!(tokio::join!(target.event("1"), handle).0.status, 503);
    assert_eq!(target.event("1").await.status, 204);
}

#[tokio::test]
async fn no_postgres_is_503() {
    let Some(config) = postgres("gone").await else { return };
    let (target, receiver) = open(inbox(PostgresStore::connect(config.clone(), NoTls).await.unwrap())).await;
    client(&config).await.batch_execute("DROP TABLE ce_inbox").await.unwrap();
    assert_eq!(target.event("1").await.status, 503);
    assert_eq!(receiver.metrics().received, 0);
}

/// A target that runs for years does not keep what no sender repeats.
#[tokio::test]
async fn a_store_forgets_what_is_older_than_its_retention() {
    let seconds = Arc::new(AtomicU64::new(1_000_000));
    let clock = {
        let seconds = Arc::clone(&seconds);
        Clock::new(move || SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.load(Ordering::Relaxed)))
    };
    let inner = SqliteStore::in_memory().unwrap();
    let store =
        DurableStore::new(inbox(inner.clone()).with_clock(clock)).with_retention(Duration::from_secs(1000));
    let handle = async |id: u64| {
        let key = DeliveryKey::of_event("/tests", &id.to_string());
        match store.begin(key).await.unwrap() {
            Begun::Claimed(claim) => store.complete(key, claim).await.map(|()| true).unwrap(),
            _ => false,
        }
    };
    for id in 0..300 {
        assert!(handle(id).await);
        seconds.fetch_add(10, Ordering::Relaxed);
    }
    assert!(!handle(299).await && !handle(250).await, "young ones are remembered");
    let everything = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let kept = inner.forget("hook".into(), everything, 1000).await.unwrap();
    assert!((100..=210).contains(&kept), "{kept} of 300");
}

/// A store that is away for a moment.
#[derive(Clone)]
struct Flaky {
    inner: SqliteStore,
    is_away: Arc<AtomicBool>,
}

impl Flaky {
    fn reached(&self) -> Result<&SqliteStore, Error> {
        match self.is_away.load(Ordering::Relaxed) {
            true => Err(Error::new(ErrorKind::Unreachable)),
            false => Ok(&self.inner),
        }
    }
}

impl InboxStore for Flaky {
    async fn begin(
        &self,
        consumer: Arc<str>,
        key: EventKey,
        now: SystemTime,
        lease: Duration,
    ) -> Result<outbox::Begun, Error> {
        self.reached()?.begin(consumer, key, now, lease).await
    }

    async fn complete(&self, started: Started, now: SystemTime) -> Result<bool, Error> {
        self.reached()?.complete(started, now).await
    }

    async fn abandon(&self, started: Started, now: SystemTime) -> Result<bool, Error> {
        self.reached()?.abandon(started, now).await
    }

    async fn see(&self, consumer: Arc<str>, key: EventKey, now: SystemTime) -> Result<outbox::Seen, Error> {
        self.reached()?.see(consumer, key, now).await
    }

    async fn forget(&self, consumer: Arc<str>, before: SystemTime, limit: usize) -> Result<usize, Error> {
        self.reached()?.forget(consumer, before, limit).await
    }
}

/// The sender learns at once that a delivery was processed, and the store when it is back: no duplicate is handled after the lease.
#[tokio::test]
async fn a_delivery_is_recorded_when_the_store_is_back() {
    let seconds = Arc::new(AtomicU64::new(1_800_000_000));
    let now = Arc::clone(&seconds);
    let clock = Clock::new(move || SystemTime::UNIX_EPOCH + Duration::from_secs(now.load(Ordering::Relaxed)));
    let is_away = Arc::new(AtomicBool::new(false));
    let store = Flaky { inner: SqliteStore::in_memory().unwrap(), is_away: Arc::clone(&is_away) };
    let (target, mut receiver) = open(inbox(store.clone()).with_clock(clock)).await;
    let handle = async {
        let delivery = next(&mut receiver).await;
        is_away.store(true, Ordering::Relaxed);
        delivery.accept().await.unwrap();
    };
    assert_eq!(tokio::join!(target.event("1"), handle).0.status, 204);
    is_away.store(false, Ordering::Relaxed);
    assert_eq!(again(&target, "1").await, 204);
    seconds.fetch_add(LEASE.as_secs() + 1, Ordering::Relaxed);
    assert_eq!(target.event("1").await.status, 204);
    assert_eq!(receiver.metrics().received, 1);
}
