//! The store in a real PostgreSQL server, which `.ci/brokers/postgres` starts. Each store has a schema of its own.

use crate::{
    failover, foreign, kill, stores,
    tools::{Arrived, at, event, message},
};
use cloudevents_core::{ErrorKind, Event};
use cloudevents_outbox::{
    Begun, Claim, Entry, Health, Inbox, Outbox, OutboxOptions, Store,
    tokio_postgres07::{self, PostgresStore},
};
use cloudevents_testkit::fault_proxy::{FaultProxy, Flow};
use cloudevents_testkit::patience;
use std::{
    env, process,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};
use tokio::{
    io::{self, AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_postgres::{Client, Config, NoTls};

/// The URL of the server.
const URL: &str = "CE_TEST_POSTGRES_URL";

/// The URL of a pooler of its connections.
const POOLER: &str = "CE_TEST_PGBOUNCER_URL";

/// The schema for the child that is killed.
const SCHEMA: &str = "CE_TEST_KILL_SCHEMA";

static SCHEMAS: AtomicUsize = AtomicUsize::new(0);

/// Whether there is a server.
pub(crate) fn there_is_one() -> bool {
    let is_set = env::var(URL).is_ok();
    if !is_set {
        println!("SKIPPED: {URL} is not set; .ci/brokers/postgres starts a server and sets it");
    }
    is_set
}

pub(crate) fn config(schema: &str) -> Config {
    let mut config: Config = env::var(URL).unwrap().parse().unwrap();
    config.options(format!("-csearch_path={schema}")).application_name(schema);
    config
}

pub(crate) async fn client(schema: &str) -> Client {
    let (client, connection) = config(schema).connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A new schema.
pub(crate) async fn schema() -> String {
    let name = format!("outbox_{}_{}", process::id(), SCHEMAS.fetch_add(1, Ordering::Relaxed));
    client("public").await.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap();
    name
}

async fn store(schema: &str) -> PostgresStore {
    PostgresStore::connect(config(schema), NoTls).await.unwrap()
}

/// The statement of the page stores what the worker sends.
#[tokio::test]
async fn another_language_fills_an_outbox() {
    if !there_is_one() {
        return;
    }
    let schema = schema().await;
    let store = store(&schema).await;
    let program = client(&schema).await;
    program.execute(&foreign::statement("PostgreSQL"), &[&"billing", &foreign::EVENT]).await.unwrap();
    program.execute("UPDATE ce_outbox SET enqueued = enqueued - 90000", &[]).await.unwrap();
    // A newer one does not hide since when the older one waits.
    program.execute(&foreign::statement("PostgreSQL"), &[&"billing", &foreign::EVENT]).await.unwrap();
    let waiting = program.query_one(&foreign::waiting("PostgreSQL"), &[]).await.unwrap();
    let seconds: i64 = waiting.get(2);
    assert_eq!((waiting.get(0), waiting.get(1)), ("billing", 2_i64));
    assert!((89..690).contains(&seconds), "{seconds}");
    let newer = "DELETE FROM ce_outbox WHERE number = (SELECT max(number) FROM ce_outbox)";
    assert_eq!(program.execute(newer, &[]).await.unwrap(), 1);
    foreign::is_delivered(store).await;
}

/// A store opens the tables that the page has.
#[tokio::test]
async fn another_language_creates_the_tables() {
    if !there_is_one() {
        return;
    }
    let schema = schema().await;
    let program = client(&schema).await;
    program.batch_execute(&foreign::tables("PostgreSQL")).await.unwrap();
    program.execute(&foreign::statement("PostgreSQL"), &[&"billing", &foreign::EVENT]).await.unwrap();
    foreign::is_delivered(store(&schema).await).await;
}

/// What is at this port relays to the server.
async fn store_at(schema: &str, port: u16) -> PostgresStore {
    let (config, mut through) = (config(schema), Config::new());
    through.host("127.0.0.1").port(port).options(config.get_options().unwrap()).application_name(schema);
    through.user(config.get_user().unwrap()).dbname(config.get_dbname().unwrap());
    PostgresStore::connect(through, NoTls).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_in_postgres() {
    if there_is_one() {
        stores::check_all(async || store(&schema().await).await).await;
    }
}

/// Locks all tables until its transaction ends: the statements of other sessions wait.
async fn lock(schema: &str) -> Client {
    let locking = client(schema).await;
    locking.batch_execute("BEGIN").await.unwrap();
    let select = "SELECT tablename FROM pg_tables WHERE schemaname = $1";
    for table in locking.query(select, &[&schema]).await.unwrap() {
        let table: String = table.get(0);
        locking.batch_execute(&format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")).await.unwrap();
    }
    locking
}

/// Waits until the server has at most so many sessions of a schema.
async fn until_sessions(schema: &str, most: i64) {
    let watching = client("public").await;
    let sessions = async || -> i64 {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
        watching.query_one(sql, &[&schema]).await.unwrap().get(0)
    };
    let few = async {
        while sessions().await > most {
            sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(timeout(patience(), few).await.is_ok(), "{} sessions", sessions().await);
}

/// A lock of somebody else holds up all statements, and callers give up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_given_up_leave_no_sessions_behind() {
    if !there_is_one() {
        return;
    }
    let schema = schema().await;
    let outbox = Outbox::new(store(&schema).await);
    let locking = lock(&schema).await;
    for _ in 0..12 {
        let given_up = timeout(Duration::from_millis(200), outbox.counts()).await;
        assert!(given_up.is_err(), "there is no lock: {given_up:?}");
    }
    until_sessions(&schema, 5).await; // that of the lock is one of them
    locking.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(outbox.counts().await.unwrap().pending, 0);
}

/// A program may keep a call longer than the runtime that polls it, or drop it elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_dropped_outside_of_the_runtime_leaves_no_session_behind() {
    if !there_is_one() {
        return;
    }
    let schema = schema().await;
    let outbox = Outbox::new(store(&schema).await);
    let _locking = lock(&schema).await;
    let mut call = Box::pin(outbox.counts());
    assert!(timeout(Duration::from_millis(200), call.as_mut()).await.is_err());
    std::thread::scope(|scope| {
        scope.spawn(move || drop(call));
    });
    until_sessions(&schema, 1).await; // that of the lock
}

/// Relays connections, each statement only after a call was cancelled if that is wanted: the request to cancel has overtaken it.
async fn overtaking(server: u16, is_wanted: Arc<AtomicBool>) -> u16 {
    const CANCEL: [u8; 4] = 80_877_102_u32.to_be_bytes();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let cancelled = Arc::new(watch::Sender::new(false));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (is_wanted, cancelled) = (Arc::clone(&is_wanted), Arc::clone(&cancelled));
            tokio::spawn(async move {
                let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                let ((mut requests, mut responses), (mut answering, mut asked)) =
                    (client.into_split(), server.into_split());
                let answers =
                    tokio::spawn(async move { drop(io::copy(&mut answering, &mut responses).await) });
                let mut read = vec![0; 65_536];
                while let Ok(length @ 1..) = requests.read(&mut read).await {
                    let request = &read[..length];
                    let is_cancel = request.get(4..8) == Some(&CANCEL);
                    if is_wanted.load(Ordering::SeqCst) && !is_cancel {
                        drop(cancelled.subscribe().wait_for(|is| *is).await);
                    }
                    asked.write_all(request).await.unwrap();
                    if is_cancel {
                        answers.await.unwrap(); // the server has acted on it, and hung up
                        cancelled.send_replace(true);
                        return;
                    }
                }
            });
        }
    });
    port
}

/// A slow network may bring the request to cancel a statement before the statement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_cancelled_before_its_statement_arrives_leaves_no_session_behind() {
    if !there_is_one() {
        return;
    }
    let (schema, is_slow) = (schema().await, Arc::default());
    let server = config(&schema).get_ports()[0];
    let outbox = Outbox::new(store_at(&schema, overtaking(server, Arc::clone(&is_slow)).await).await);
    let _locking = lock(&schema).await;
    is_slow.store(true, Ordering::SeqCst);
    assert!(timeout(Duration::from_millis(200), outbox.counts()).await.is_err());
    until_sessions(&schema, 1).await; // that of the lock
}

/// Not a test: the process that is killed.
#[tokio::test]
async fn child() {
    let Ok(schema) = env::var(SCHEMA) else { return };
    kill::work(store(&schema).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_program_loses_nothing_in_postgres() {
    if there_is_one() {
        let schema = schema().await;
        let store = store(&schema).await;
        kill::loses_nothing("postgres::child", SCHEMA, &schema, || store.clone()).await;
    }
}

async fn lose(schema: &str, lost: &str) {
    let client = client(schema).await;
    client.batch_execute(lost).await.unwrap();
    if lost == failover::NO_MESSAGES {
        client.batch_execute("ALTER TABLE ce_outbox ALTER number RESTART").await.unwrap();
    }
}

#[tokio::test]
async fn a_failover_of_postgres_forgets_tickets() {
    if there_is_one() {
        let schema = schema().await;
        failover::old_tickets_are_void(store(&schema).await, async |lost| lose(&schema, lost).await).await;
    }
}

#[tokio::test]
async fn what_is_new_after_a_failover_of_postgres_is_sent() {
    if there_is_one() {
        let schema = schema().await;
        failover::what_is_new_is_sent(store(&schema).await, async |lost| lose(&schema, lost).await).await;
    }
}

#[tokio::test]
async fn tables_are_created_once() {
    if !there_is_one() {
        return;
    }
    let schema = schema().await;
    let many = (0..8).map(|_| tokio::spawn(PostgresStore::connect(config(&schema), NoTls)));
    for created in many.collect::<Vec<_>>() {
        created.await.unwrap().unwrap();
    }
    let client = client(&schema).await;
    client.execute("UPDATE ce_outbox_schema SET version = 77", &[]).await.unwrap();
    let error = PostgresStore::connect(config(&schema), NoTls).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Unsupported, false));
    assert!(error.detail().contains("version 77"), "{error}");
}

#[tokio::test]
async fn tables_of_an_earlier_release_get_what_they_lack() {
    if !there_is_one() {
        return;
    }
    let schema = schema().await;
    drop(store(&schema).await);
    let client = client(&schema).await;
    client.batch_execute("DROP TABLE ce_outbox_pauses").await.unwrap();
    for _ in 0..2 {
        let store = store(&schema).await;
        let mut health = Health::default();
        health.requested_until = Some(at(1));
        store.set_health("a".into(), health.clone()).await.unwrap();
        assert_eq!(store.targets("".into()).await.unwrap()[0].health, health);
    }
}

/// Workers of releases that know no requested pauses clear a target's row after a success.
#[tokio::test]
async fn a_worker_of_an_earlier_release_does_not_end_a_pause_that_a_target_requests() {
    if !there_is_one() {
        return;
    }
    let schema = schema().await;
    let store = store(&schema).await;
    store.enqueue(vec![message("a", 1, at(0))]).await.unwrap();
    let mut health = Health::default();
    (health.requested_until, health.reason) = (Some(at(100)), "busy".into());
    store.set_health("a".into(), health.clone()).await.unwrap();
    let delete = "DELETE FROM ce_outbox_targets WHERE target = 'a' AND NOT disabled";
    client(&schema).await.batch_execute(delete).await.unwrap();
    assert_eq!(store.targets("".into()).await.unwrap()[0].health, health);
    let claim = |now| store.claim(Claim::new(at(now), 10, Duration::from_secs(60)));
    assert!(claim(99).await.unwrap().messages.is_empty());
    assert_eq!(claim(100).await.unwrap().messages.len(), 1);
}

#[tokio::test]
async fn an_event_is_stored_with_the_change_it_tells_of() {
    if !there_is_one() {
        return;
    }
    let schema = schema().await;
    let outbox = Outbox::new(store(&schema).await);
    let mut client = client(&schema).await;
    client.batch_execute("CREATE TABLE orders (id text)").await.unwrap();
    for (id, commits) in [("1", true), ("2", false)] {
        let transaction = client.transaction().await.unwrap();
        transaction.execute("INSERT INTO orders (id) VALUES ($1)", &[&id]).await.unwrap();
        tokio_postgres07::enqueue(&transaction, &Entry::new("a", event(id))).await.unwrap();
        if commits {
            transaction.commit().await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
        }
    }
    let arrived = Arrived::default();
    let peer = arrived.sender();
    let route = move |_: Arc<str>| std::future::ready(Ok(peer.clone()));
    outbox.run(route, OutboxOptions::default()).until(arrived.until(1)).await.unwrap();
    assert_eq!(arrived.ids(), ["1"]);
    assert_eq!(outbox.counts().await.unwrap().pending, 0);
}

#[tokio::test]
async fn an_event_is_handled_with_its_effects() {
    if !there_is_one() {
        return;
    }
    let schema = schema().await;
    let inbox = Inbox::new(store(&schema).await, "billing");
    let mut client = client(&schema).await;
    client.batch_execute("CREATE TABLE invoices (id text)").await.unwrap();
    for (id, commits) in [("1", true), ("2", false)] {
        let Begun::First(started) = inbox.begin(event(id).key()).await.unwrap() else { panic!() };
        let transaction = client.transaction().await.unwrap();
        transaction.execute("INSERT INTO invoices (id) VALUES ($1)", &[&id]).await.unwrap();
        assert!(tokio_postgres07::complete(&transaction, &started).await.unwrap());
        if commits {
            transaction.commit().await.unwrap();
            assert_eq!(inbox.begin(event(id).key()).await.unwrap(), Begun::Done);
        } else {
            transaction.rollback().await.unwrap();
            assert!(matches!(inbox.begin(event(id).key()).await.unwrap(), Begun::UnderWay(_)));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_outlives_its_connections() {
    const EVENTS: usize = 200;
    if !there_is_one() {
        return;
    }
    let schema = schema().await;
    let outbox = Outbox::new(store(&schema).await);
    let client = client("public").await;
    let arrived = Arrived::default();
    let cutting = async {
        for id in 0..EVENTS {
            // Perhaps the connection of this call is cut: then it is not known whether the message is stored.
            while outbox.enqueue(Entry::new("a", event(id))).await.is_err() {}
            if id % 20 == 0 {
                let cut =
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
                client.execute(cut, &[&schema]).await.unwrap();
            }
        }
        while outbox.counts().await.map_or(1, |counts| counts.pending) > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let peer = arrived.sender();
    let route = move |_: Arc<str>| std::future::ready(Ok(peer.clone()));
    let mut options = OutboxOptions::default();
    options.lease = Duration::from_secs(1);
    outbox.run(route, options).until(cutting).await.unwrap();
    let distinct: std::collections::BTreeSet<_> = arrived.ids().into_iter().collect();
    assert_eq!(distinct.len(), EVENTS);
}

/// What an operator repairs is waited for, and the worker is not ready meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_outlives_what_an_operator_repairs() {
    if !there_is_one() {
        return;
    }
    let schema = schema().await;
    drop(store(&schema).await);
    let operator = client(&schema).await;
    let grant = format!(
        "CREATE ROLE {schema} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {schema}; GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {schema}"
    );
    operator.batch_execute(&grant).await.unwrap();
    let mut config = config(&schema);
    config.user(&schema).application_name(&format!("{schema}_worker"));
    let outbox = Outbox::new(PostgresStore::connect(config.clone(), NoTls).await.unwrap());
    let ended = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{schema}_worker'"
    );
    let faults = [
        (format!("ALTER ROLE {schema} NOLOGIN; {ended}"), format!("ALTER ROLE {schema} LOGIN")),
        (format!("REVOKE ALL ON ce_outbox FROM {schema}"), format!("GRANT ALL ON ce_outbox TO {schema}")),
        (
            "ALTER TABLE ce_outbox RENAME TO elsewhere".to_owned(),
            "ALTER TABLE elsewhere RENAME TO ce_outbox".to_owned(),
        ),
    ];
    let arrived = Arrived::default();
    let repairing = async {
        let mut number = 0;
        for (fault, repair) in faults {
            operator.batch_execute(&fault).await.unwrap();
            let noticing = async {
                while outbox.is_ready() {
                    sleep(Duration::from_millis(5)).await;
                }
            };
            timeout(patience(), noticing).await.expect(&fault);
            // A program that opens its store then has a wrong configuration, as far as anyone can say.
            if fault.contains("NOLOGIN") {
                let refused = PostgresStore::connect(config.clone(), NoTls).await.unwrap_err();
                assert_eq!((refused.kind(), refused.is_temporary()), (ErrorKind::Refused, false));
            }
            operator.batch_execute(&repair).await.unwrap();
            number += 1;
            while outbox.enqueue(Entry::new("a", event(number))).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
            timeout(patience(), arrived.until(number)).await.expect(&repair);
            // The peer has the event before the worker knows.
            let knowing = async {
                while !outbox.is_ready() {
                    sleep(Duration::from_millis(5)).await;
                }
            };
            timeout(patience(), knowing).await.expect(&repair);
        }
    };
    let peer = arrived.sender();
    let route = move |_: Arc<str>| std::future::ready(Ok(peer.clone()));
    outbox.run(route, OutboxOptions::default()).until(repairing).await.unwrap();
    assert_eq!(arrived.len(), 3);
    let drop = format!("DROP OWNED BY {schema}; DROP ROLE {schema}");
    operator.batch_execute(&drop).await.unwrap();
}

/// PgBouncer gives each transaction another session, in transaction mode and with several sessions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_may_give_each_transaction_another_session() {
    if !there_is_one() {
        return;
    }
    let Ok(pooler) = env::var(POOLER) else {
        println!("SKIPPED: {POOLER} is not set; .ci/brokers/postgres sets it where pgbouncer is installed");
        return;
    };
    let direct = database("pooled", "").await;
    let mut config: Config = pooler.parse().unwrap();
    config.dbname(direct.get_dbname().unwrap());
    // All sessions of the pooler are there, and take turns.
    let mut held = Vec::new();
    for _ in 0..4 {
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute("BEGIN").await.unwrap();
        held.push(client);
    }
    for client in &held {
        client.batch_execute("COMMIT").await.unwrap();
    }
    for _ in 0..5 {
        let many = (0..8).map(|_| PostgresStore::connect(config.clone(), NoTls));
        for opened in futures_util::future::join_all(many).await {
            opened.unwrap();
        }
        PostgresStore::connect_existing(config.clone(), NoTls).await.unwrap();
    }
    let outbox = Outbox::new(PostgresStore::connect(config, NoTls).await.unwrap());
    let arrived = Arrived::default();
    outbox.enqueue_all((0..100).map(|id| Entry::new("a", event(id)).in_order())).await.unwrap();
    let peer = arrived.sender();
    let route = move |_: Arc<str>| std::future::ready(Ok(peer.clone()));
    outbox.run(route, OutboxOptions::default()).until(arrived.until(100)).await.unwrap();
    assert_eq!(outbox.counts().await.unwrap().pending, 0);
}

#[tokio::test]
async fn no_server_is_reported() {
    let config: Config = "postgresql://ci@127.0.0.1:1/none".parse().unwrap();
    let error = PostgresStore::connect(config, NoTls).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Unreachable, true));
}

/// A database may cancel statements that take too long: those that wait for a lock, for example.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_outlives_statements_that_the_server_cancels() {
    if !there_is_one() {
        return;
    }
    let schema = schema().await;
    // The tables are created by one that waits for the locks of other tests.
    Outbox::new(store(&schema).await).enqueue(Entry::new("a", event(1))).await.unwrap();
    let mut impatient = config(&schema);
    impatient.options(format!("-csearch_path={schema} -cstatement_timeout=200"));
    let connected = async {
        loop {
            match PostgresStore::connect(impatient.clone(), NoTls).await {
                // What it looks at first may take too long for a busy machine, too.
                Err(error) if error.is_temporary() => {}
                connected => break connected.unwrap(),
            }
        }
    };
    let connected = tokio::time::timeout(patience(), connected).await;
    let outbox = Outbox::new(connected.expect("no statement is in time"));
    let mut other = client(&schema).await;
    let transaction = other.transaction().await.unwrap();
    transaction.batch_execute("LOCK TABLE ce_outbox IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let arrived = Arrived::default();
    let unlocking = async {
        sleep(Duration::from_millis(600)).await;
        transaction.commit().await.unwrap();
        arrived.until(1).await;
    };
    let peer = arrived.sender();
    let route = move |_: Arc<str>| std::future::ready(Ok(peer.clone()));
    outbox.run(route, OutboxOptions::default()).until(unlocking).await.unwrap();
    assert_eq!(arrived.ids(), ["1"]);
}

/// A server that fails over without a word leaves silent connections. One call waits for its time limit, and not one for each of them.
#[tokio::test]
async fn a_silent_connection_is_the_end_of_those_that_are_idle() {
    if !there_is_one() {
        return;
    }
    let schema = schema().await;
    let server = config(&schema).get_ports()[0];
    let proxy = FaultProxy::start(([127, 0, 0, 1], server).into()).unwrap();
    let store = store_at(&schema, proxy.address().port()).await;
    for counted in futures_util::future::join_all((0..8).map(|_| store.counts())).await {
        counted.unwrap();
    }
    proxy.half_open();
    tokio::time::pause();
    assert_eq!(store.counts().await.unwrap_err().kind(), ErrorKind::Timeout);
    tokio::time::resume();
    let counted = tokio::time::timeout(patience(), store.counts()).await;
    counted.expect("it waits for another silent connection").unwrap();
}

/// A database of its own: what locks it as a whole holds up no other test.
async fn database(name: &str, how: &str) -> Config {
    let name = format!("{name}_{}", process::id());
    client("public").await.batch_execute(&format!("CREATE DATABASE {name} {how}")).await.unwrap();
    let mut config = config("public");
    config.dbname(&name).application_name(&name);
    config
}

/// A program that is frozen, or whose machine is gone: it closes no connection, and the server does not notice for hours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stops_in_the_middle_of_a_claim_stops_no_other() {
    if !there_is_one() {
        return;
    }
    let config = database("frozen", "").await;
    let proxy = FaultProxy::start(([127, 0, 0, 1], config.get_ports()[0]).into()).unwrap();
    let mut through = Config::new();
    through.host("127.0.0.1").port(proxy.address().port()).user(config.get_user().unwrap());
    through.dbname(config.get_dbname().unwrap()).application_name("frozen");
    let other = PostgresStore::connect(config.clone(), NoTls).await.unwrap();
    let frozen = PostgresStore::connect(through, NoTls).await.unwrap();
    other.enqueue(vec![message("a", "1", at(0))]).await.unwrap();
    // It gets the lock of claims when it can no longer use it.
    let (locking, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    let lock = i64::from_be_bytes(*b"ce_outbo");
    locking.execute("SELECT pg_advisory_lock($1)", &[&lock]).await.unwrap();
    let claim = || Claim::new(at(10), 10, Duration::from_secs(60));
    let claiming = tokio::spawn(async move { frozen.claim(claim()).await });
    let waits =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'frozen' AND wait_event = 'advisory'";
    let waiting = async {
        while locking.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(patience(), waiting).await.expect("the claim does not wait for the lock");
    proxy.stall(Flow::Both);
    locking.execute("SELECT pg_advisory_unlock($1)", &[&lock]).await.unwrap();
    let claimed = timeout(patience(), other.claim(claim())).await;
    claiming.abort();
    assert_eq!(claimed.expect("no worker gets the lock").unwrap().messages.len(), 1);
}

/// What it has claimed is more than the buffers of the connection take: the server goes on writing to a client that does not read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stops_reading_what_it_has_claimed_stops_no_other() {
    if !there_is_one() {
        return;
    }
    let config = database("reading", "").await;
    let proxy = FaultProxy::start(([127, 0, 0, 1], config.get_ports()[0]).into()).unwrap();
    let mut through = Config::new();
    through.host("127.0.0.1").port(proxy.address().port()).user(config.get_user().unwrap());
    through.dbname(config.get_dbname().unwrap()).application_name("reading");
    let other = PostgresStore::connect(config.clone(), NoTls).await.unwrap();
    let frozen = PostgresStore::connect(through, NoTls).await.unwrap();
    let large = |id: usize| {
        let event = Event::builder().id(id.to_string()).source("/s").ty("t").text("x".repeat(1 << 20));
        Entry::new("a", event.build().unwrap()).encode(at(0)).unwrap()
    };
    other.enqueue((0..32).map(large).collect()).await.unwrap();
    other.enqueue(vec![message("b", "1", at(0))]).await.unwrap();
    proxy.slow(Flow::ToClient, (1 << 20).try_into().unwrap());
    let claiming =
        tokio::spawn(async move { frozen.claim(Claim::new(at(10), 32, Duration::from_secs(60))).await });
    let (watching, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    let writes = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'reading' AND wait_event = 'ClientWrite'";
    let writing = async {
        while watching.query_one(writes, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(patience(), writing).await.expect("the server does not wait for the client");
    proxy.stall(Flow::Both);
    // Its first 32 messages are claimed again: that transaction is undone.
    let claim = Claim::new(at(10), 33, Duration::from_secs(60));
    let claimed = timeout(patience(), other.claim(claim)).await;
    claiming.abort();
    assert_eq!(claimed.expect("no worker gets the lock").unwrap().messages.len(), 33);
}

/// A handler that hangs after it has recorded the event in its transaction; its sender tries again meanwhile.
#[tokio::test]
async fn an_event_whose_transaction_hangs_holds_up_no_other() {
    if !there_is_one() {
        return;
    }
    let schema = schema().await;
    let inbox = Inbox::new(store(&schema).await, "billing");
    let mut client = client(&schema).await;
    let Begun::First(started) = inbox.begin(event("1").key()).await.unwrap() else { panic!() };
    let transaction = client.transaction().await.unwrap();
    assert!(tokio_postgres07::complete(&transaction, &started).await.unwrap());
    let again = timeout(patience(), inbox.begin(event("1").key())).await;
    assert!(matches!(again.expect("it waits for the transaction").unwrap(), Begun::UnderWay(_)));
    transaction.commit().await.unwrap();
    assert_eq!(inbox.begin(event("1").key()).await.unwrap(), Begun::Done);
}

/// Its transaction is still there when the lease has ended. The store has four connections.
#[tokio::test]
async fn an_event_whose_transaction_outlives_its_lease_holds_up_no_other() {
    if !there_is_one() {
        return;
    }
    let schema = schema().await;
    let inbox = Inbox::new(store(&schema).await, "billing").with_lease(Duration::from_millis(100));
    let mut client = client(&schema).await;
    let key = event("1").key();
    let Begun::First(started) = inbox.begin(key.clone()).await.unwrap() else { panic!() };
    let transaction = client.transaction().await.unwrap();
    assert!(tokio_postgres07::complete(&transaction, &started).await.unwrap());
    sleep(Duration::from_millis(200)).await;
    let mut all = JoinSet::new();
    for _ in 0..4 {
        let (inbox, key) = (inbox.clone(), key.clone());
        all.spawn(async move { inbox.begin(key).await });
    }
    let before = SystemTime::now();
    let other = timeout(patience(), inbox.begin(event("2").key())).await;
    assert!(matches!(other.expect("it waits for a connection").unwrap(), Begun::First(_)));
    for again in timeout(patience(), all.join_all()).await.expect("they wait for the transaction") {
        // Not at once: that would be asked without end.
        assert!(matches!(again.unwrap(), Begun::UnderWay(until) if until > before));
    }
    let ends = async { (inbox.abandon(started.clone()).await, inbox.complete(started.clone()).await) };
    let (abandoned, completed) = timeout(patience(), ends).await.expect("it waits for the transaction");
    assert!(abandoned.unwrap_err().is_temporary() && completed.unwrap_err().is_temporary());
    transaction.rollback().await.unwrap();
    assert!(inbox.complete(started.clone()).await.unwrap());
    assert!(!inbox.abandon(started).await.unwrap());
    assert_eq!(inbox.begin(key).await.unwrap(), Begun::Done);
}

/// A transaction that is dropped is rolled back a little later, and one whose statement still runs when that has ended.
#[tokio::test]
async fn an_event_is_given_up_though_the_transaction_of_its_handler_still_has_it() {
    if !there_is_one() {
        return;
    }
    let schema = schema().await;
    let inbox = Inbox::new(store(&schema).await, "billing");
    let mut client = client(&schema).await;
    let key = event("1").key();
    let (held, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let rolling_back = tokio::spawn({
        let (held, release) = (Arc::clone(&held), Arc::clone(&release));
        let Begun::First(started) = inbox.begin(key.clone()).await.unwrap() else { panic!() };
        inbox.abandon(started).await.unwrap();
        async move {
            release.notified().await;
            let transaction = client.transaction().await.unwrap();
            let update = "UPDATE ce_inbox SET completed = 1";
            transaction.execute(update, &[]).await.unwrap();
            held.notify_one();
            sleep(Duration::from_millis(500)).await;
            transaction.rollback().await.unwrap();
        }
    });
    let handled = inbox.once_with(key.clone(), async |_| {
        release.notify_one();
        held.notified().await;
        Err::<(), _>("another service failed")
    });
    assert!(handled.await.is_err());
    rolling_back.await.unwrap();
    let again = async {
        while !matches!(inbox.begin(key.clone()).await.unwrap(), Begun::First(_)) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(patience(), again).await.expect("it waits for the lease");
}

/// What a target responds is stored, whatever characters it has. Where that is impossible, nothing is sent.
#[tokio::test]
async fn a_database_that_cannot_hold_all_text_is_refused() {
    if !there_is_one() {
        return;
    }
    let config = database("latin", "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0").await;
    let error = PostgresStore::connect(config, NoTls).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Unsupported, false));
    assert!(error.detail().contains("LATIN1"), "{error}");
}
