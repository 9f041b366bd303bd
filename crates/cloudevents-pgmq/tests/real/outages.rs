//! A server that hangs, a queue that is gone, and PgBouncer.

use crate::tools::{Place, event, id, large, next, strict, take, until, within};
use cloudevents_core::ErrorKind;
use cloudevents_pgmq::tokio_postgres07::receiver;
use cloudevents_testkit::fault_proxy::{End, FaultProxy, Flow};
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

/// A proxy before the server, and the place behind it.
fn proxied(place: &Place) -> (FaultProxy, Place) {
    let address = place.database.rsplit_once('@').unwrap().1.split('/').next().unwrap();
    let proxy = FaultProxy::start(address.parse().unwrap()).unwrap();
    let database = place.database.replace(address, &proxy.address().to_string());
    (proxy, Place { database, queue: place.queue.clone() })
}

/// Connections are lost in the middle of an answer, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_read_without_an_answer_is_as_before() {
    let Some(place) = Place::new("cut").await else { return };
    let (proxy, cut) = proxied(&place);
    let mut receiver = cut.receiver("lock=10m").await;
    proxy.end_after(Flow::ToClient, 50_000, End::Reset);
    within(place.sender("").await.send_all((0..20).map(|number| large(number, 100_000)))).await.unwrap();
    within(proxy.until(|counts| counts.accepted >= 6)).await;
    proxy.resume();
    for expected in 0..20 {
        let delivery = next(&mut receiver).await;
        assert_eq!((id(&delivery), delivery.attempt()), (expected.to_string(), 1));
        within(delivery.accept()).await.unwrap();
    }
    assert_eq!(place.counts().await, (0, 0));
}

/// The answer had more bytes than were expected, so that some messages wait in the receiver when the connection is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waited_for_room_when_the_connection_was_lost_comes_before_newer_ones() {
    let Some(place) = Place::new("waited").await else { return };
    let (proxy, cut) = proxied(&place);
    within(place.sender("").await.send_all((0..15).map(event))).await.unwrap();
    let mut receiver = cut.receiver("in-flight-bytes=2000000&lock=10m").await;
    for expected in 0..15 {
        assert_eq!(take(&mut receiver).await, expected.to_string());
    }
    // All at once.
    place
        .run(&format!(
            "SELECT pgmq.send('{}', jsonb_build_object('specversion', '1.0', 'id', n::text, 'source', '/tests', 'type', 't', \
             'data', repeat('x', 500000))) FROM generate_series(15, 39) AS n",
            place.queue
        ))
        .await;
    let held = next(&mut receiver).await;
    until(async || place.counts().await.1 >= 8).await;
    proxy.end(End::Reset);
    until(async || receiver.connectivity().connects() == 2).await;
    assert_eq!(id(&held), "15");
    within(held.accept()).await.unwrap();
    for expected in 16..40 {
        assert_eq!(take(&mut receiver).await, expected.to_string());
    }
    assert_eq!(place.counts().await, (0, 0));
}

/// Connections are lost at any moment: messages may come twice, but none comes for the first time behind a later one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_lost_change_no_order() {
    const COUNT: usize = 1500;
    let Some(place) = Place::new("moments").await else { return };
    let (proxy, cut) = proxied(&place);
    within(place.sender("").await.send_all((0..COUNT).map(event))).await.unwrap();
    let mut receiver = cut.receiver("lock=10m").await;
    let (mut next_one, mut taken) = (0, 0);
    while next_one < COUNT {
        let delivery = next(&mut receiver).await;
        let number: usize = id(&delivery).parse().unwrap();
        assert!(number <= next_one, "{number} before {next_one}");
        next_one = next_one.max(number + 1);
        drop(delivery.accept());
        taken += 1;
        if taken % 211 == 0 {
            proxy.end(if taken % 2 == 0 { End::Reset } else { End::Cut });
        }
    }
    println!("{} connections, {taken} deliveries", receiver.connectivity().connects());
}
