//! A server that hangs, a queue that is gone, and PgBouncer.

use crate::tools::{Place, event, strict, take, until, within};
use cloudevents_core::ErrorKind;
use cloudevents_pgmq::tokio_postgres07::receiver;
use std::{env, time::Duration};

/// Another transaction holds a lock on the table, so that statements get no answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_answer_is_noticed() {
    let Some(place) = Place::new("hangs").await else { return };
    let sender = place.sender("timeout=500ms").await;
    let mut options = strict();
    options.connection.statement_timeout = Duration::from_millis(500);
    let mut receiver = within(receiver(&place.url("poll=20ms"), options)).await.unwrap();
    let holder = place.client().await;
    holder.batch_execute(&format!("BEGIN; LOCK TABLE pgmq.q_{}", place.queue)).await.unwrap();
    let error = within(sender.send(&event(0))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    until(async || sender.connectivity().losses() > 0 && receiver.connectivity().losses() > 0).await;
    holder.batch_execute("COMMIT").await.unwrap();
    // The first one may have been stored, or not.
    let sent = async { while sender.send(&event(1)).await.is_err() {} };
    within(sent).await;
    until(async || take(&mut receiver).await == "1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_dropped_and_made_again() {
    let Some(place) = Place::new("dropped").await else { return };
    let sender = place.sender("").await;
    let mut receiver = place.receiver("").await;
    place.run(&format!("SELECT pgmq.drop_queue('{}')", place.queue)).await;
    let error = within(sender.send(&event(0))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.help().unwrap().contains("pgmq.create"), "{error}");
    until(async || receiver.connectivity().losses() > 0).await;
    place.create(&place.queue).await;
    within(sender.send(&event(1))).await.unwrap();
    assert_eq!(take(&mut receiver).await, "1");
}

/// Ids and readings begin at 1 again. A settlement of a message of the old queue leaves the message of the same id alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_a_queue_that_was_made_again_are_not_settled_as_those_before() {
    let Some(place) = Place::new("again").await else { return };
    let sender = place.sender("").await;
    let mut receiver = place.receiver("").await;
    within(sender.send_all((0..3).map(event))).await.unwrap();
    let mut old = Vec::new();
    while old.len() < 3 {
        old.extend(within(receiver.next()).await.unwrap());
    }
    place.run(&format!("SELECT pgmq.drop_queue('{}')", place.queue)).await;
    until(async || receiver.connectivity().losses() > 0).await;
    place.create(&place.queue).await;
    within(sender.send_all((10..13).map(event))).await.unwrap();
    // They are read once, as the old ones were.
    let mut new = Vec::new();
    while new.len() < 3 {
        new.extend(within(receiver.next()).await.unwrap());
    }
    for delivery in old {
        assert!(within(delivery.accept()).await.is_err());
    }
    assert_eq!(place.counts().await, (0, 3));
    for delivery in new {
        within(delivery.accept()).await.unwrap();
    }
    assert_eq!(place.counts().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_pgbouncer() {
    let Ok(pooler) = env::var("CE_TEST_PGBOUNCER_URL") else {
        println!("skipped: CE_TEST_PGBOUNCER_URL is not set");
        return;
    };
    let Some(mut place) = Place::new("pooled").await else { return };
    let (pooler, database) = (pooler.rsplit_once('/').unwrap().0, place.database.rsplit_once('/').unwrap().1);
    let pooled = format!("{pooler}/{database}");
    let direct = std::mem::replace(&mut place.database, pooled);
    within(place.sender("").await.send_all((0..100).map(event))).await.unwrap();
    let mut receiver = place.receiver("groups=true").await;
    for expected in 0..100 {
        assert_eq!(take(&mut receiver).await, expected.to_string());
    }
    within(receiver.drain(Duration::from_secs(5))).await.unwrap();
    place.database = direct;
    assert_eq!(place.counts().await, (0, 0));
}
