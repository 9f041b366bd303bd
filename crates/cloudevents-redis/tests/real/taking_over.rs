//! A consumer takes over the entries that another one does not keep.

use crate::{
    process::Process,
    tools::{Place, event, id, large, name, next, take, until, within},
};
use cloudevents_redis::redis1::ReceivedMessage;
use cloudevents_testkit::{logged::Logged, patience, queues::each_message_is_settled_once, slowed};
use cloudevents_transport::Delivery;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tracing::Level;

/// Long before the time of the lock is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_released_comes_to_others_at_once_and_in_order() {
    let Some(place) = Place::new("released") else { return };
    let sender = place.sender("").await;
    within(sender.send_all((0..20).map(event))).await.unwrap();
    let mut first = place.receiver("lock=10m").await;
    let mut held = Vec::new();
    for expected in 0..10 {
        held.push(next(&mut first).await);
        assert_eq!(id(&held[expected]), expected.to_string());
    }
    let (kept, begun) = (held.remove(3), Instant::now());
    drop(held);
    within(kept.accept()).await.unwrap();
    within(first.drain(Duration::from_secs(5))).await.unwrap();
    let mut second = place.receiver("lock=10m").await;
    for expected in (0..20).filter(|number| *number != 3) {
        let delivery = next(&mut second).await;
        assert_eq!(
            (id(&delivery), delivery.attempt()),
            (expected.to_string(), 1),
            "a release counts no attempt"
        );
        within(delivery.accept()).await.unwrap();
    }
    assert!(begun.elapsed() < slowed(Duration::from_secs(60)), "{:?}", begun.elapsed());
    within(second.drain(Duration::from_secs(5))).await.unwrap();
    // Both consumers had made-up names, and are gone.
    let consumers: Vec<redis::Value> = place.ask(&["XINFO", "CONSUMERS", &place.stream, "cloudevents"]).await;
    assert_eq!(consumers.len(), 1, "{consumers:?}");
}

/// Sends this many events, and delivers the first three to a consumer of the group `g`, which does not accept them.
async fn left(place: &Place, events: u32, consumer: &str) {
    let stream = &*place.stream;
    within(place.sender("").await.send_all((0..events).map(event))).await.unwrap();
    place.ask::<redis::Value>(&["XGROUP", "CREATE", stream, "g", "0"]).await;
    let read = ["XREADGROUP", "GROUP", "g", consumer, "COUNT", "3", "STREAMS", stream, ">"];
    place.ask::<redis::Value>(&read).await;
}

/// The entries of a consumer that is gone are taken over after the time of the lock, and that counts as an attempt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_consumer_left_is_taken_over() {
    let Some(place) = Place::new("dead") else { return };
    left(&place, 5, "dead").await;
    let mut receiver = place.receiver("group=g&lock=1s").await;
    let mut attempts = BTreeMap::new();
    while attempts.len() < 5 {
        let delivery = next(&mut receiver).await;
        assert_eq!(delivery.is_redelivered(), Some(delivery.attempt() > 1));
        assert!(delivery.received().timestamp().unwrap().elapsed().unwrap() < Duration::from_secs(600));
        attempts.insert(id(&delivery), delivery.attempt());
        within(delivery.accept()).await.unwrap();
    }
    let wanted =
        [("0", 2), ("1", 2), ("2", 2), ("3", 1), ("4", 1)].map(|(id, attempt)| (id.to_owned(), attempt));
    assert_eq!(attempts, BTreeMap::from(wanted));
}

#[tokio::test]
async fn the_log_names_the_consumer_whose_entries_were_taken_over() {
    let Some(place) = Place::new("named") else { return };
    let logged = Logged::begin();
    left(&place, 5, "dead").await;
    let mut receiver = place.receiver("group=g&lock=1s").await;
    for _ in 0..5 {
        take(&mut receiver).await;
    }
    let lines = logged.lines(Level::INFO).into_iter().filter(|line| line.text.contains("taken over"));
    let lines: Vec<_> = lines.map(|line| line.text).collect();
    // A line for each request that took some over.
    let entries = lines.iter().map(|line| line.split_once(r#" consumer="dead" entries="#).unwrap().1);
    let numbers = entries.map(|rest| rest.split_once(" idle=").unwrap().0.parse::<u32>().unwrap());
    assert_eq!(numbers.sum::<u32>(), 3, "{lines:?}");
}

/// The search before it had to wait for permits, which is no reason to wait with the next one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_consumer_left_is_taken_over_though_the_last_search_took_long() {
    let Some(place) = Place::new("searched") else { return };
    let (sender, stream) = (place.sender("").await, &*place.stream);
    place.ask::<redis::Value>(&["XGROUP", "CREATE", stream, "g", "0", "MKSTREAM"]).await;
    let read = ["XREADGROUP", "GROUP", "g", "dead", "STREAMS", stream, ">"];
    within(sender.send_all((0..40).map(event))).await.unwrap();
    place.ask::<redis::Value>(&read).await;
    let mut receiver = place.receiver("group=g&lock=1s&in-flight=4").await;
    for _ in 0..40 {
        let delivery = next(&mut receiver).await;
        tokio::time::sleep(Duration::from_millis(100)).await; // a handler
        within(delivery.accept()).await.unwrap();
    }
    within(sender.send_all((40..45).map(event))).await.unwrap();
    place.ask::<redis::Value>(&read).await;
    let begun = Instant::now();
    for _ in 0..5 {
        take(&mut receiver).await;
    }
    assert!(begun.elapsed() < slowed(Duration::from_secs(15)), "{:?}", begun.elapsed());
}

/// The server has not heard of the renewals of the entries that are here. To connect, it need not go through all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_without_a_permit_connects_again_with_few_requests() {
    const COUNT: usize = 500;
    let Some(server) = Process::start() else { return };
    let place = Place { server: server.url(), stream: name("held") };
    within(place.sender("").await.send_all((0..COUNT).map(event))).await.unwrap();
    let mut receiver = place.receiver(&format!("consumer=me&lock=10s&in-flight={COUNT}")).await;
    let mut held = Vec::new();
    while held.len() < COUNT {
        held.push(next(&mut receiver).await);
    }
    let stream = &*place.stream;
    let ids: Vec<_> = held.iter().map(|delivery| native(delivery).id.to_string()).collect();
    let mut late = vec!["XCLAIM", stream, "cloudevents", "me", "0"];
    late.extend(ids.iter().map(|id| &**id));
    late.extend(["IDLE", "60000", "JUSTID"]);
    place.ask::<redis::Value>(&late).await;
    let searches = async || {
        let stats: String = place.ask(&["INFO", "commandstats"]).await;
        let calls = stats.lines().find_map(|line| line.strip_prefix("cmdstat_xautoclaim:calls="));
        calls.map_or(0, |calls| calls.split(',').next().unwrap().parse::<usize>().unwrap())
    };
    let before = searches().await;
    place.ask::<usize>(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    until(async || receiver.connectivity().connects() == 2).await;
    let made = searches().await - before;
    assert!((1..=2).contains(&made), "{made} requests");
    for delivery in held {
        drop(delivery.accept());
    }
    within(receiver.drain(patience())).await.unwrap();
    assert_eq!(place.pending("cloudevents").await, 0);
}

/// A consumer with a name of its own has at once the entries that it had not handled before it died.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_comes_back_has_its_entries_at_once_and_before_newer_ones() {
    let Some(place) = Place::new("back") else { return };
    left(&place, 5, "me").await;
    let mut receiver = place.receiver("group=g&consumer=me&lock=10m").await;
    for expected in 0..5 {
        assert_eq!(take(&mut receiver).await, expected.to_string());
    }
}

#[tokio::test]
async fn entries_that_were_trimmed_are_said() {
    let Some(place) = Place::new("trimmed") else { return };
    let logged = Logged::begin();
    left(&place, 4, "dead").await;
    place.ask::<usize>(&["XTRIM", &place.stream, "MAXLEN", "2"]).await;
    let mut receiver = place.receiver("group=g&lock=1s").await;
    let mut came = vec![take(&mut receiver).await, take(&mut receiver).await];
    came.sort();
    assert_eq!(came, ["2", "3"]);
    until(async || receiver.connectivity().dropped() == 2).await;
    assert_eq!(place.pending("g").await, 0);
    assert_eq!(receiver.metrics().dropped, 2);
    assert!(logged.text().contains("it is lost"), "{}", logged.text());
}

/// An entry that was accepted elsewhere is not lost, also if it was deleted after that.
#[tokio::test]
async fn what_is_released_and_gone_is_said_only_if_it_is_lost() {
    let Some(place) = Place::new("gone") else { return };
    within(place.sender("mode=binary").await.send_all((0..3).map(|id| large(id, 200_000)))).await.unwrap();
    let mut receiver = place.receiver("group=g&lock=10m").await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(next(&mut receiver).await);
    }
    let ids: Vec<_> = held.iter().map(|delivery| native(delivery).id.to_string()).collect();
    place.ask::<usize>(&["XACK", &place.stream, "g", &ids[0]]).await;
    place.ask::<usize>(&["XDEL", &place.stream, &ids[1]]).await;
    for delivery in held {
        within(delivery.release()).await.unwrap();
    }
    assert_eq!(take(&mut receiver).await, "2");
    assert_eq!((receiver.connectivity().dropped(), receiver.connectivity().losses()), (1, 0));
}

fn native(delivery: &Delivery) -> &ReceivedMessage {
    delivery.received().native().unwrap()
}

/// Redis has no receipts: it accepts an entry for the group, whoever has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_was_taken_over_can_still_be_accepted() {
    let Some(place) = Place::new("both") else { return };
    within(place.sender("").await.send(&event(0))).await.unwrap();
    let mut receiver = place.receiver("group=g&lock=10m").await;
    let held = next(&mut receiver).await;
    // As another receiver does it when a lock has ended.
    let entry = native(&held).id.to_string();
    place.ask::<redis::Value>(&["XCLAIM", &place.stream, "g", "other", "0", &entry]).await;
    assert_eq!(place.pending("g").await, 1);
    within(held.accept()).await.unwrap();
    assert_eq!(place.pending("g").await, 0);
    let accepted: usize = place.ask(&["XACK", &place.stream, "g", &entry]).await;
    assert_eq!((accepted, receiver.connectivity().losses()), (0, 0), "the other one changes nothing");
}

/// Handlers that release, retry and reject lose nothing, and each rejected entry is in the other stream once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn releases_retries_and_rejections_under_load() {
    const COUNT: usize = 2000;
    let Some(place) = Place::new("load") else { return };
    let letters = name("letters");
    within(place.sender("").await.send_all((0..COUNT).map(event))).await.unwrap();
    let query = format!("lock=1m&dead-letter={letters}");
    let (one, other) = (place.receiver(&query).await, place.receiver(&query).await);
    each_message_is_settled_once(one, other, COUNT).await;
    assert_eq!(place.ask::<usize>(&["XLEN", &letters]).await, COUNT / 10);
    assert_eq!(place.pending("cloudevents").await, 0);
}
