//! What every store does. Each check has a store of its own.

use crate::tools::{Arrived, MINUTE, SECOND, at, event, id, message, message_in_order};
use cloudevents_core::EventKey;
use cloudevents_outbox::{
    Attempt, Begun, Claim, ClaimedMessage, Clock, Entry, Health, Inbox, InboxStore, Outbox, OutboxOptions,
    Query, Retention, Seen, Settlement, State, Step, Store, Ticket,
};
use cloudevents_transport::Outgoing;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Runs every check on a new store.
pub(crate) async fn check_all<S: Store + InboxStore + Clone>(open: impl AsyncFn() -> S) {
    what_is_enqueued_is_claimed_unchanged(open().await).await;
    many_messages_are_enqueued_in_their_order(open().await).await;
    a_lease_reserves_a_message_until_it_ends(open().await).await;
    a_renewed_lease_lasts(open().await).await;
    what_is_settled_again_or_renewed_afterwards_stays(open().await).await;
    targets_take_turns(open().await).await;
    a_claim_covers_any_number_of_targets(open().await).await;
    a_claim_may_be_of_one_target(open().await).await;
    results_are_recorded_and_the_next_messages_claimed(open().await).await;
    claims_are_bounded_by_bytes(open().await).await;
    large_messages_leave_room_for_small_ones(open().await).await;
    targets_get_one_message_each_where_many_have_delivered_nothing(open().await).await;
    messages_in_order_wait_for_each_other(open().await).await;
    paused_and_disabled_targets_are_skipped(open().await).await;
    one_message_tries_a_target_in_an_outage(open().await).await;
    messages_in_order_try_a_target_in_an_outage_one_after_the_other(open().await).await;
    an_outage_is_tried_with_more_messages_in_order_after_each_pause(open().await).await;
    a_pause_that_a_target_requests_is_never_shortened(open().await).await;
    what_knows_less_of_an_outage_does_not_end_its_pause(open().await).await;
    the_latest_times_are_kept(open().await).await;
    attempts_are_counted_and_logged(open().await).await;
    the_log_of_attempts_is_bounded(open().await).await;
    messages_are_found_by_what_they_are(open().await).await;
    messages_are_replayed_by_event_target_and_time(open().await).await;
    a_replay_begins_anew(open().await).await;
    a_replay_of_what_was_due_later_does_not_expire_at_once(open().await).await;
    a_deadline_begins_when_a_message_is_due(open().await).await;
    old_messages_are_deleted(open().await).await;
    overdue_messages_of_paused_targets_are_given_up(open().await).await;
    overdue_messages_that_a_sender_holds_back_are_given_up(open().await).await;
    a_backlog_of_a_stopped_target_is_given_up_in_parts(open().await).await;
    no_message_is_claimed_twice_at_once(open().await).await;
    workers_share_a_store(open().await).await;
    check_inbox(open).await;
}

/// Runs every check of an inbox on a new store.
pub(crate) async fn check_inbox<S: InboxStore + Clone>(open: impl AsyncFn() -> S) {
    an_event_is_handled_once(open().await).await;
    a_beginning_that_comes_too_late_ends_no_later_one(open().await).await;
    an_event_that_was_seen_is_done(open().await).await;
    a_clock_that_is_set_back_ends_no_event_for_longer(open().await).await;
    long_keys_are_distinct(open().await).await;
    one_of_many_handles_an_event(open().await).await;
}

async fn claim(store: &impl Store, now: SystemTime, limit: usize) -> Vec<ClaimedMessage> {
    store.claim(Claim::new(now, limit, MINUTE)).await.unwrap().messages
}

fn settlement(message: &ClaimedMessage, step: Step) -> Settlement {
    let (ticket, target) = (message.ticket, Arc::clone(&message.target));
    Settlement { ticket, target, step, attempt: None, health: None }
}

async fn settle(store: &impl Store, message: &ClaimedMessage, step: Step, now: SystemTime) {
    assert_eq!(store.settle(vec![settlement(message, step)], now).await.unwrap().valid, 1);
}

fn ids(messages: &[ClaimedMessage]) -> Vec<String> {
    messages.iter().map(|message| id(&message.outgoing(at(0)).unwrap())).collect()
}

async fn what_is_enqueued_is_claimed_unchanged(store: impl Store) {
    let outgoing = Outgoing::from(event("ä\u{1f980}"))
        .to("elsewhere")
        .key([0, 255])
        .header("traceparent", "00-1-2-01")
        .header("traceparent", [0xff])
        .expires_after(MINUTE)
        .priority(7)
        .reply_to("me")
        .correlation([1]);
    let entry = Entry::new("a target \u{1f980}", outgoing).not_before(at(5));
    let numbers = store.enqueue(vec![entry.encode(at(0)).unwrap(), message("b", 2, at(0))]).await.unwrap();
    assert!(numbers[0] < numbers[1]);
    let early = claim(&store, at(4), 10).await;
    assert_eq!(ids(&early), ["2"]);
    let claimed = claim(&store, at(5), 10).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!((claimed[0].ticket.number, &*claimed[0].target), (numbers[0], "a target \u{1f980}"));
    assert_eq!((claimed[0].attempt, claimed[0].started, claimed[0].expires), (1, at(5), Some(at(60))));
    let outgoing = claimed[0].outgoing(at(15)).unwrap();
    assert_eq!(id(&outgoing), "ä\u{1f980}");
    assert_eq!(outgoing.destination(), Some("elsewhere"));
    assert_eq!(outgoing.record_key().unwrap()[..], [0, 255]);
    let headers: Vec<_> = outgoing.headers().map(|(name, value)| (name, &value[..])).collect();
    assert_eq!(headers, [("traceparent", &b"00-1-2-01"[..]), ("traceparent", &[0xff])]);
    assert_eq!(outgoing.expiry(), Some(45 * SECOND)); // what is left of it
    assert_eq!((outgoing.priority_level(), outgoing.reply_address()), (Some(7), Some("me")));
    assert_eq!(outgoing.correlation_data().unwrap()[..], [1]);
}

async fn many_messages_are_enqueued_in_their_order(store: impl Store) {
    let entry = |number: u64| {
        let outgoing = Outgoing::from(&event(number));
        let outgoing = if number.is_multiple_of(3) {
            outgoing.expires_after(SECOND * u32::try_from(number).unwrap())
        } else {
            outgoing
        };
        let entry = Entry::new(format!("target {}", number % 7), outgoing);
        let entry = if number.is_multiple_of(2) { entry.in_order() } else { entry };
        if number.is_multiple_of(5) { entry.not_before(at(number)) } else { entry }
    };
    store.enqueue(vec![message("a", "before", at(0))]).await.unwrap();
    let messages = (1..=45).map(|number| entry(number).encode(at(0)).unwrap()).collect();
    let numbers = store.enqueue(messages).await.unwrap();
    let records = store.find(Query::default().after(numbers[0] - 1)).await.unwrap();
    assert_eq!((numbers.len(), records.len()), (45, 45));
    for (number, (stored, record)) in (1_u64..).zip(numbers.iter().zip(&records)) {
        assert_eq!((record.number, &*record.target), (*stored, &*format!("target {}", number % 7)));
        assert_eq!(record.id.as_deref(), Some(&*number.to_string()));
        assert_eq!(
            (record.source.as_deref(), record.ty.as_deref()),
            (Some("/shop"), Some("com.example.order.placed"))
        );
        assert_eq!((record.ordered, record.enqueued), (number.is_multiple_of(2), at(0)));
        assert_eq!(record.due, at(if number.is_multiple_of(5) { number } else { 0 }));
        assert_eq!(id(&record.outgoing().unwrap()), number.to_string());
    }
    for message in claim(&store, at(100), 100).await {
        let number: u64 = id(&message.outgoing(at(0)).unwrap()).parse().unwrap_or(1);
        assert_eq!(message.expires, number.is_multiple_of(3).then(|| at(number)));
    }
}

async fn a_lease_reserves_a_message_until_it_ends(store: impl Store) {
    store.enqueue(vec![message("a", 1, at(0))]).await.unwrap();
    let first = claim(&store, at(0), 10).await;
    assert_eq!(ids(&first), ["1"]);
    assert!(claim(&store, at(59), 10).await.is_empty());
    let second = claim(&store, at(60), 10).await;
    // A claim of a worker that died is no attempt.
    assert_eq!((second[0].ticket.number, second[0].attempt), (first[0].ticket.number, 1));
    // The first worker comes too late.
    let late = settlement(&first[0], Step::Delivered);
    let settled = store.settle(vec![late.clone()], at(61)).await.unwrap();
    assert_eq!((settled.valid, settled.lost), (0, vec![first[0].ticket]));
    let both = vec![first[0].ticket, second[0].ticket];
    assert_eq!(store.renew(both, at(120)).await.unwrap(), [second[0].ticket]);
    assert_eq!(store.counts().await.unwrap().pending, 1);
    settle(&store, &second[0], Step::Delivered, at(62)).await;
    assert_eq!(store.settle(vec![late], at(63)).await.unwrap().valid, 0);
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.pending, counts.delivered, counts.oldest_pending), (0, 1, None));
}

async fn a_renewed_lease_lasts(store: impl Store) {
    store.enqueue(vec![message("a", 1, at(0))]).await.unwrap();
    let claimed = claim(&store, at(0), 10).await;
    let tickets = vec![claimed[0].ticket];
    assert_eq!(store.renew(tickets.clone(), at(100)).await.unwrap(), tickets);
    assert!(claim(&store, at(99), 10).await.is_empty());
    assert_eq!(claim(&store, at(100), 10).await.len(), 1);
}

/// The answer of a call was lost, or another call of the same worker overtook it.
async fn what_is_settled_again_or_renewed_afterwards_stays(store: impl Store) {
    store.enqueue((1..=3).map(|id| message("a", id, at(0))).collect()).await.unwrap();
    let first = claim(&store, at(0), 10).await;
    settle(&store, &first[0], Step::Retry { due: at(100), counts: true }, at(1)).await;
    settle(&store, &first[1], Step::Retry { due: at(100), counts: false }, at(1)).await;
    settle(&store, &first[2], Step::Release, at(100)).await;
    let steps = [
        Step::Retry { due: at(100), counts: true },
        Step::Retry { due: at(100), counts: false },
        Step::Release,
    ];
    let again = first.iter().zip(steps).map(|(message, step)| settlement(message, step)).collect();
    store.settle(again, at(101)).await.unwrap();
    let tickets: Vec<Ticket> = first.iter().map(|message| message.ticket).collect();
    assert!(store.renew(tickets.clone(), at(500)).await.unwrap().is_empty());
    assert!(claim(&store, at(99), 10).await.is_empty());
    let second = claim(&store, at(100), 10).await;
    assert_eq!(second.iter().map(|message| message.attempt).collect::<Vec<_>>(), [2, 1, 1]);
    assert!(second.iter().all(|message| !tickets.contains(&message.ticket)));
}

async fn targets_take_turns(store: impl Store) {
    let flood = (0..1000).map(|id| message("flood", id, at(0)));
    let others = ["Z", "a", "zz", "é", "日本"].map(|target| message(target, target, at(1)));
    store.enqueue(flood.chain(others).collect()).await.unwrap();
    let mut request = Claim::new(at(1), 50, MINUTE);
    request.per_target = 10;
    let claimed = store.claim(request.clone()).await.unwrap();
    let mut by_target = BTreeMap::<&str, usize>::new();
    for message in &claimed.messages {
        *by_target.entry(&message.target).or_default() += 1;
    }
    let expected = [("Z", 1), ("a", 1), ("flood", 10), ("zz", 1), ("é", 1), ("日本", 1)];
    assert_eq!(by_target.into_iter().collect::<Vec<_>>(), expected);
    assert!(claimed.has_more && claimed.next.is_none());
    // The worker has less room for some.
    request.rooms = vec![("flood".into(), 3)];
    assert_eq!(store.claim(request.clone()).await.unwrap().messages.len(), 3);
    // Those that have been due longest come first.
    request.rooms.clear();
    let claimed = store.claim(request).await.unwrap();
    assert_eq!(ids(&claimed.messages), (13..23).map(|id| id.to_string()).collect::<Vec<_>>());
}

async fn a_claim_covers_any_number_of_targets(store: impl Store) {
    const TARGETS: usize = 3000;
    let messages = (0..TARGETS).map(|target| message(&format!("t{target:05}"), target, at(0)));
    store.enqueue(messages.collect()).await.unwrap();
    let mut request = Claim::new(at(0), 100, MINUTE);
    let (mut seen, mut calls) = (BTreeSet::new(), 0);
    loop {
        let claimed = store.claim(request.clone()).await.unwrap();
        calls += 1;
        assert!(claimed.messages.len() <= 100);
        seen.extend(claimed.messages.iter().map(|message| Arc::clone(&message.target)));
        request.after = claimed.next;
        if request.after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), TARGETS);
    // Targets whose messages are not due are passed over, in calls of bounded size.
    assert!(calls <= 40, "{calls} calls");
    request.now = at(1);
    let mut passed = 0;
    loop {
        let claimed = store.claim(request.clone()).await.unwrap();
        assert!(claimed.messages.is_empty());
        passed += 1;
        request.after = claimed.next;
        if request.after.is_none() {
            break;
        }
    }
    assert!((2..=5).contains(&passed), "{passed} calls");
}

async fn a_claim_may_be_of_one_target(store: impl Store) {
    let targets = ["a", "b", "b ", "ba", "\u{e000}", "\u{d7ff}", "x\u{1}", "x"];
    for (target, begin) in targets.iter().zip(b'a'..) {
        let id = |number| format!("{}{number}", char::from(begin));
        let messages = (0..4).map(|number| message_in_order(target, id(number), at(0)));
        store.enqueue(messages.chain([message(target, id(9), at(0))]).collect()).await.unwrap();
    }
    let only = async |target: &str, now: SystemTime| {
        let mut claim = Claim::new(now, 10, MINUTE);
        claim.only = Some(target.into());
        store.claim(claim).await.unwrap()
    };
    for (target, begin) in targets.iter().zip(b'a'..) {
        let id = |number| format!("{}{number}", char::from(begin));
        let claimed = only(target, at(1)).await;
        // The first one in order alone, and all others.
        assert_eq!(ids(&claimed.messages), [id(0), id(9)]);
        assert_eq!((claimed.next, &*claimed.messages[0].target), (None, *target));
        assert!(!claimed.has_more, "nothing else can be claimed");
        assert!(only(target, at(2)).await.messages.is_empty(), "the second one waits for the first one");
        settle(&store, &claimed.messages[0], Step::Delivered, at(3)).await;
        assert_eq!(ids(&only(target, at(3)).await.messages), [id(1)]);
    }
    for target in ["", "0", "bb", "zz", "y"] {
        assert!(only(target, at(4)).await.messages.is_empty(), "{target:?}");
    }
}

async fn results_are_recorded_and_the_next_messages_claimed(store: impl Store) {
    store.enqueue((1..=3).map(|id| message_in_order("a", id, at(0))).collect()).await.unwrap();
    let only = |now| {
        let mut claim = Claim::new(now, 10, MINUTE);
        claim.only = Some("a".into());
        claim
    };
    let then = async |message: &ClaimedMessage, step: Step, now: SystemTime| {
        let settlements = vec![settlement(message, step)];
        let (settled, claimed) = store.settle_and_claim(settlements, now, only(now)).await.unwrap();
        // Another claim of this database may be under way.
        let claimed = match claimed {
            Some(claimed) => claimed,
            None => store.claim(only(now)).await.unwrap(),
        };
        (settled, claimed.messages)
    };
    let first = store.claim(only(at(1))).await.unwrap().messages;
    let (settled, second) = then(&first[0], Step::Delivered, at(2)).await;
    assert_eq!((settled.valid, ids(&second)), (1, vec!["2".to_owned()]));
    // A lease that has ended changes nothing, and a message that is held is not claimed.
    let (settled, none) = then(&first[0], Step::Dead("late".into()), at(3)).await;
    assert_eq!((settled.valid, settled.lost, none.len()), (0, vec![first[0].ticket], 0));
    let (settled, again) = then(&second[0], Step::Release, at(4)).await;
    assert_eq!((settled.valid, ids(&again)), (1, vec!["2".to_owned()]));
    assert_ne!(again[0].ticket, second[0].ticket);
    let (_, none) = then(&again[0], Step::Retry { due: at(9), counts: true }, at(5)).await;
    assert!(none.is_empty());
    let again = store.claim(only(at(9))).await.unwrap().messages;
    let (_, third) = then(&again[0], Step::Dead("refused".into()), at(10)).await;
    assert_eq!((again[0].attempt, ids(&third)), (2, vec!["3".to_owned()]));
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.delivered, counts.dead, counts.pending), (1, 1, 1));
}

async fn claims_are_bounded_by_bytes(store: impl Store) {
    let size = message("a", 0, at(0)).body.len();
    store
        .enqueue((0..5).map(|id| message("a", id, at(0))).chain([message("b", 5, at(0))]).collect())
        .await
        .unwrap();
    let mut request = Claim::new(at(0), 10, MINUTE);
    request.bytes = size * 2;
    let claimed = store.claim(request.clone()).await.unwrap();
    assert_eq!((claimed.messages.len(), claimed.has_more), (2, true));
    request.after = claimed.next;
    assert_eq!(store.claim(request.clone()).await.unwrap().messages.len(), 2);
    // One message always fits.
    request.bytes = 1;
    assert_eq!(ids(&store.claim(request).await.unwrap().messages), ["4"]);
}

async fn large_messages_leave_room_for_small_ones(store: impl Store) {
    let large = |id: u64| {
        let mut large = message_in_order("a", id, at(0));
        large.body.push_str(&" ".repeat(10_000));
        large
    };
    let small = message("b", 9, at(0));
    let (large, size) = ([1, 2, 3, 4].map(large), 10_000 + message("a", 1, at(0)).body.len());
    store.enqueue(large.into_iter().chain([small.clone()]).collect()).await.unwrap();
    let mut request = Claim::new(at(0), 10, MINUTE);
    (request.bytes, request.may_exceed) = (size * 2 - 1, false);
    let claimed = store.claim(request.clone()).await.unwrap();
    assert_eq!((ids(&claimed.messages), claimed.has_more, claimed.next), (vec!["9".into()], true, None));
    // A small one in order does not pass a large one.
    let small = message_in_order("a", 10, at(0));
    store.enqueue(vec![small, message("b", 11, at(0))]).await.unwrap();
    request.bytes = size * 3;
    assert_eq!(ids(&store.claim(request.clone()).await.unwrap().messages), ["1", "2", "11"]);
}

async fn targets_get_one_message_each_where_many_have_delivered_nothing(store: impl Store) {
    let of = |target: &str| {
        let in_order = (1..=4).map(|id| message_in_order(target, id, at(0)));
        in_order.chain((5..=9).map(|id| message(target, id, at(0)))).collect::<Vec<_>>()
    };
    let targets = ["a", "b", "c", "d"];
    store.enqueue(targets.into_iter().flat_map(of).collect()).await.unwrap();
    let mut request = Claim::new(at(0), 100, MINUTE);
    (request.together, request.per_target, request.rooms) = (3, 4, vec![("c".into(), 6)]);
    let claimed = store.claim(request.clone()).await.unwrap();
    let of = |messages: &[ClaimedMessage], target: &str| {
        let of_target: Vec<ClaimedMessage> =
            messages.iter().filter(|message| *message.target == *target).cloned().collect();
        ids(&of_target)
    };
    let found = targets.map(|target| of(&claimed.messages, target));
    let expected: [&[&str]; 4] =
        [&["1", "2", "3", "5", "6"], &["1"], &["1", "2", "3", "5", "6", "7"], &["1"]];
    assert_eq!(
        (found, claimed.has_more),
        (expected.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect()), true)
    );
    // The first one was claimed before: if it is refused, the next ones show whose fault that is.
    let first = claimed.messages.iter().find(|message| &*message.target == "d").unwrap();
    settle(&store, first, Step::Retry { due: at(1), counts: true }, at(1)).await;
    (request.now, request.together) = (at(1), 0);
    assert_eq!(of(&store.claim(request).await.unwrap().messages, "d"), ["1", "2", "3"]);
}

async fn messages_in_order_wait_for_each_other(store: impl Store) {
    let in_order = (1..=5).map(|id| message_in_order("a", id, at(0)));
    let apart = (6..=7).map(|id| message("a", id, at(0)));
    store.enqueue(in_order.chain(apart).collect()).await.unwrap();
    let claimed = claim(&store, at(0), 5).await;
    assert_eq!(ids(&claimed), ["1", "2", "3", "6", "7"]);
    // Those behind wait while one before them is leased.
    assert!(claim(&store, at(1), 10).await.is_empty());
    // The first is tried later: all behind it wait, also those that were returned.
    settle(&store, &claimed[0], Step::Retry { due: at(10), counts: true }, at(2)).await;
    settle(&store, &claimed[1], Step::Release, at(2)).await;
    settle(&store, &claimed[2], Step::Release, at(2)).await;
    assert!(claim(&store, at(9), 10).await.is_empty());
    let claimed = claim(&store, at(10), 2).await;
    assert_eq!(ids(&claimed), ["1", "2"]);
    assert_eq!((claimed[0].attempt, claimed[1].attempt), (2, 1));
    // A dead letter leaves the order.
    settle(&store, &claimed[0], Step::Dead("no".into()), at(11)).await;
    assert!(claim(&store, at(12), 10).await.is_empty());
    settle(&store, &claimed[1], Step::Delivered, at(12)).await;
    assert_eq!(ids(&claim(&store, at(12), 10).await), ["3", "4", "5"]);
}

async fn paused_and_disabled_targets_are_skipped(store: impl Store) {
    store.enqueue(["a", "b", "c"].map(|target| message(target, target, at(0))).into()).await.unwrap();
    let mut paused = Health::default();
    (paused.paused_until, paused.reason) = (Some(at(10)), "busy".into());
    store.set_health("a".into(), paused.clone()).await.unwrap();
    let mut disabled = Health::default();
    disabled.is_disabled = true;
    store.set_health("b".into(), disabled.clone()).await.unwrap();
    let claimed = claim(&store, at(9), 10).await;
    assert_eq!(ids(&claimed), ["c"]);
    assert_eq!(ids(&claim(&store, at(10), 10).await), ["a"]);
    // What comes of messages under way does not enable a target.
    let after = settlement(&claimed[0], Step::Delivered);
    let after = Settlement { target: "b".into(), health: Some(Health::default()), ..after };
    assert_eq!(store.settle(vec![after], at(10)).await.unwrap().stopped, ["b".into()]);
    let targets = store.targets("".into()).await.unwrap();
    let known: Vec<_> = targets.into_iter().map(|target| (target.name, target.health)).collect();
    assert_eq!(known, [("a".into(), paused), ("b".into(), disabled)]);
    assert_eq!(store.targets("a".into()).await.unwrap().len(), 1);
    store.set_health("b".into(), Health::default()).await.unwrap();
    assert_eq!(ids(&claim(&store, at(11), 10).await), ["b"]);
}

async fn one_message_tries_a_target_in_an_outage(store: impl Store) {
    store.enqueue((1..=5).map(|id| message("a", id, at(0))).collect()).await.unwrap();
    let mut outage = Health::default();
    (outage.failed, outage.pauses, outage.reason) = (vec![91, 92, 93], 2, "gone".into());
    assert!(outage.is_outage());
    store.set_health("a".into(), outage.clone()).await.unwrap();
    let claimed = claim(&store, at(0), 10).await;
    assert_eq!((ids(&claimed), &claimed[0].health), (vec!["1".to_owned()], &outage));
    // No other worker tries until the lease ends, or the result is known.
    assert!(claim(&store, at(59), 10).await.is_empty());
    let back = Settlement { health: Some(Health::default()), ..settlement(&claimed[0], Step::Delivered) };
    store.settle(vec![back], at(30)).await.unwrap();
    assert_eq!(ids(&claim(&store, at(31), 10).await), ["2", "3", "4", "5"]);
    assert!(store.targets("".into()).await.unwrap().is_empty());
}

/// While messages in order are refused, the next one shows whose fault that is. Others have their turn.
async fn messages_in_order_try_a_target_in_an_outage_one_after_the_other(store: impl Store) {
    let in_order = (1..=40).map(|id| message_in_order("a", id, at(0)));
    store.enqueue(in_order.chain((41..=42).map(|id| message("a", id, at(0)))).collect()).await.unwrap();
    let outage = |pauses| {
        let mut outage = Health::default();
        (outage.failed, outage.pauses, outage.reason) = (vec![91, 92, 93], pauses, "gone".into());
        outage
    };
    for (pauses, number, first) in [(6, 32, "1"), (3, 1, "41"), (2, 1, "42"), (3, 0, "")] {
        store.set_health("a".into(), outage(pauses)).await.unwrap();
        let mut request = Claim::new(at(0), 100, MINUTE);
        request.per_target = 1;
        let claimed = store.claim(request).await.unwrap();
        let claimed = ids(&claimed.messages);
        assert_eq!((claimed.len(), claimed.first().map_or("", String::as_str)), (number, first));
    }
    // All leases have ended, and there is less room.
    store.set_health("a".into(), outage(2)).await.unwrap();
    assert_eq!(ids(&claim(&store, at(60), 2).await), ["1", "2"]);
    let mut request = Claim::new(at(60), 100, MINUTE);
    request.rooms = vec![("a".into(), 0)];
    store.set_health("a".into(), outage(3)).await.unwrap();
    assert!(store.claim(request).await.unwrap().messages.is_empty());
}

/// Refused because of the sender, they are lost if that is corrected among them.
async fn an_outage_is_tried_with_more_messages_in_order_after_each_pause(store: impl Store) {
    store.enqueue((1..=40).map(|id| message_in_order("a", id, at(0))).collect()).await.unwrap();
    for (pauses, number) in [1, 1, 2, 4, 8, 16, 32, 32].into_iter().enumerate() {
        let mut outage = Health::default();
        (outage.failed, outage.reason) = (vec![91, 92, 93], "gone".into());
        outage.pauses = u32::try_from(pauses).unwrap();
        store.set_health("a".into(), outage).await.unwrap();
        let now = at(100 * u64::try_from(pauses).unwrap());
        assert_eq!(claim(&store, now, 100).await.len(), number, "{pauses}");
    }
}

async fn a_pause_that_a_target_requests_is_never_shortened(store: impl Store) {
    store.enqueue((1..=9).map(|id| message("a", id, at(0))).collect()).await.unwrap();
    let claimed = claim(&store, at(0), 8).await;
    let with = |message: &ClaimedMessage, step: Step, health: Health| Settlement {
        health: Some(health),
        ..settlement(message, step)
    };
    let requested = |until: u64| {
        let mut health = Health::default();
        (health.failed, health.requested_until, health.reason) = (vec![1], Some(at(until)), "busy".into());
        health
    };
    let later = || Step::Retry { due: at(0), counts: true };
    let end = async || store.targets("".into()).await.unwrap()[0].health.requested_until;
    // Two in one call: the order does not matter.
    let both = vec![with(&claimed[0], later(), requested(100)), with(&claimed[1], later(), requested(50))];
    store.settle(both, at(1)).await.unwrap();
    assert_eq!(end().await, Some(at(100)));
    // A success of another message, a failure that knows of no request, and a shorter request.
    let mut outage = Health::default();
    outage.failed = vec![3];
    for (message, step, health) in [
        (&claimed[2], Step::Delivered, Health::default()),
        (&claimed[3], later(), outage),
        (&claimed[4], later(), requested(20)),
    ] {
        store.settle(vec![with(message, step, health)], at(2)).await.unwrap();
        assert_eq!(end().await, Some(at(100)));
        assert!(claim(&store, at(99), 10).await.is_empty());
    }
    // A worker whose lease has passed to another one: both what it knows and what it does not.
    let stale = |health| Settlement {
        ticket: Ticket { claim: claimed[5].ticket.claim - 1, ..claimed[5].ticket },
        ..with(&claimed[5], Step::Delivered, health)
    };
    assert_eq!(store.settle(vec![stale(Health::default())], at(3)).await.unwrap().valid, 0);
    assert_eq!(end().await, Some(at(100)));
    // Whoever settles learns that nothing is to be sent.
    let settled = store.settle(vec![stale(requested(110))], at(3)).await.unwrap();
    assert_eq!((settled.valid, &*settled.stopped), (0, &["a".into()][..]));
    let ended = Settlement { health: None, ..stale(Health::default()) };
    assert!(store.settle(vec![ended], at(110)).await.unwrap().stopped.is_empty());
    assert_eq!(end().await, Some(at(110)));
    assert!(claim(&store, at(109), 10).await.is_empty());
    let back = claim(&store, at(110), 1).await;
    assert_eq!(back.len(), 1);
    // It has ended, so a success clears everything.
    store.settle(vec![with(&back[0], Step::Delivered, Health::default())], at(111)).await.unwrap();
    assert!(store.targets("".into()).await.unwrap().is_empty());
    // The program may end a pause.
    store.set_health("a".into(), requested(1000)).await.unwrap();
    assert!(claim(&store, at(999), 10).await.is_empty());
    store.set_health("a".into(), requested(200)).await.unwrap();
    assert_eq!(end().await, Some(at(200)));
    store.set_health("a".into(), Health::default()).await.unwrap();
    assert!(!claim(&store, at(200), 10).await.is_empty());
}

/// Of a worker whose lease has ended, or whose attempt was begun before another worker had the outage recorded.
async fn what_knows_less_of_an_outage_does_not_end_its_pause(store: impl Store) {
    store.enqueue((1..=6).map(|id| message("a", id, at(0))).collect()).await.unwrap();
    let claimed = claim(&store, at(0), 10).await;
    let known = |failed: &[u64], pauses: u32, until: Option<u64>| {
        let mut health = Health::default();
        (health.failed, health.pauses, health.reason) = (failed.into(), pauses, "gone".into());
        health.paused_until = until.map(at);
        Some(health)
    };
    let later = || Step::Retry { due: at(0), counts: true };
    let stored = async || store.targets("".into()).await.unwrap().pop().map(|target| target.health);
    let outage = known(&[91, 92, 93], 8, Some(300));
    let first = Settlement { health: outage.clone(), ..settlement(&claimed[0], later()) };
    store.settle(vec![first.clone()], at(1)).await.unwrap();
    assert_eq!(stored().await, outage);
    // Failures of messages that were claimed before.
    for (message, health) in
        [(&claimed[1], known(&[2], 0, None)), (&claimed[2], known(&[2, 3, 4], 1, Some(5)))]
    {
        let failed = Settlement { health, ..settlement(message, later()) };
        assert_eq!(store.settle(vec![failed], at(2)).await.unwrap().valid, 1);
        assert_eq!(stored().await, outage);
    }
    // The lease of the first message has ended.
    for health in [Some(Health::default()), known(&[2], 0, None), known(&[91, 92, 93], 9, Some(900))] {
        let late = Settlement { health, ..first.clone() };
        assert_eq!(store.settle(vec![late], at(3)).await.unwrap().valid, 0);
        assert_eq!(stored().await, outage);
    }
    // Whoever tried the target knows of the outage: the pause may be shorter than the lease.
    let longer = known(&[91, 92, 93], 9, Some(200));
    let tried = Settlement { health: longer.clone(), ..settlement(&claimed[3], later()) };
    store.settle(vec![tried], at(4)).await.unwrap();
    assert_eq!(stored().await, longer);
    // A success ends it, and what fails after that counts from there on.
    let one = known(&[6], 0, None);
    let both = vec![
        Settlement { health: Some(Health::default()), ..settlement(&claimed[4], Step::Delivered) },
        Settlement { health: one.clone(), ..settlement(&claimed[5], later()) },
    ];
    store.settle(both, at(5)).await.unwrap();
    assert_eq!(stored().await, one);
}

/// What is beyond the clock of a store expires and is due as late as possible, and not at once.
async fn the_latest_times_are_kept(store: impl Store) {
    let entry = Entry::new("a", Outgoing::from(event(1)).expires_after(Duration::MAX));
    let number = store.enqueue(vec![entry.encode(at(0)).unwrap()]).await.unwrap()[0];
    let claimed = claim(&store, at(0), 1).await;
    assert!(claimed[0].expires.unwrap() > at(0) + 365 * 24 * 60 * MINUTE);
    settle(&store, &claimed[0], Step::Dead("no".into()), at(1)).await;
    assert_eq!(store.replay(Query::default().with_number(number), at(2)).await.unwrap(), 1);
    assert!(claim(&store, at(2), 1).await[0].expires.unwrap() > at(0) + 365 * 24 * 60 * MINUTE);
}

async fn attempts_are_counted_and_logged(store: impl Store) {
    let number = store.enqueue(vec![message("a", 1, at(0))]).await.unwrap()[0];
    let detail = "ä".repeat(512);
    let logged = |second: u64, status: &str| Attempt {
        at: at(second),
        latency: Duration::from_micros(1234),
        status: status.into(),
        detail: detail.as_str().into(),
    };
    let steps = [
        (Step::Retry { due: at(1), counts: true }, "timeout"),
        (Step::Retry { due: at(2), counts: false }, "unreachable"),
        (Step::Release, "none"),
        (Step::Retry { due: at(4), counts: true }, "refused"),
        (Step::Dead("because".into()), "refused"),
    ];
    let mut counted = Vec::new();
    for (second, (step, status)) in (0..).zip(steps) {
        let claimed = claim(&store, at(second), 1).await;
        counted.push(claimed[0].attempt);
        let attempt = (step != Step::Release).then(|| logged(second, status));
        let settled = Settlement { attempt, ..settlement(&claimed[0], step) };
        assert_eq!(store.settle(vec![settled], at(second)).await.unwrap().valid, 1);
    }
    assert_eq!(counted, [1, 2, 2, 2, 3]);
    let expected =
        [logged(0, "timeout"), logged(1, "unreachable"), logged(3, "refused"), logged(4, "refused")];
    assert_eq!(store.attempts(number).await.unwrap(), expected);
    let record = store.find(Query::default()).await.unwrap().remove(0);
    assert_eq!((record.number, record.state, record.attempts), (number, State::Dead, 3));
    assert_eq!((record.reason.as_deref(), record.ended), (Some("because"), Some(at(4))));
}

async fn the_log_of_attempts_is_bounded(store: impl Store) {
    let number = store.enqueue(vec![message("a", 1, at(0))]).await.unwrap()[0];
    for second in 0..100 {
        let claimed = claim(&store, at(second), 1).await;
        let attempt =
            Attempt { at: at(second), latency: SECOND, status: "timeout".into(), detail: "".into() };
        let step = Step::Retry { due: at(second + 1), counts: false };
        let settled = Settlement { attempt: Some(attempt), ..settlement(&claimed[0], step) };
        store.settle(vec![settled], at(second)).await.unwrap();
    }
    let attempts = store.attempts(number).await.unwrap();
    assert!((32..50).contains(&attempts.len()), "{}", attempts.len());
    assert_eq!(attempts.last().unwrap().at, at(99));
}

/// Six messages, enqueued a second apart: the first three delivered, dead and pending, and so on.
async fn a_few(store: &impl Store) -> Vec<u64> {
    let mut numbers = Vec::new();
    for second in 0..6 {
        let target = if second < 3 { "a" } else { "b" };
        numbers.extend(store.enqueue(vec![message(target, second, at(second))]).await.unwrap());
    }
    for message in claim(store, at(6), 10).await {
        let step = match message.ticket.number {
            number if number == numbers[0] || number == numbers[3] => Step::Delivered,
            number if number == numbers[1] || number == numbers[4] => Step::Dead("no".into()),
            _ => Step::Release,
        };
        settle(store, &message, step, at(7)).await;
    }
    numbers
}

async fn messages_are_found_by_what_they_are(store: impl Store) {
    let numbers = a_few(&store).await;
    let find = async |query: Query| -> Vec<usize> {
        let found = store.find(query).await.unwrap();
        found
            .iter()
            .map(|record| numbers.iter().position(|number| *number == record.number).unwrap())
            .collect()
    };
    assert_eq!(find(Query::default()).await, [0, 1, 2, 3, 4, 5]);
    assert_eq!(find(Query::default().with_state(State::Dead)).await, [1, 4]);
    assert_eq!(find(Query::default().with_target("b")).await, [3, 4, 5]);
    assert_eq!(find(Query::default().with_event(EventKey::new("/shop", "2").unwrap())).await, [2]);
    assert_eq!(find(Query::default().with_event(EventKey::new("/other", "2").unwrap())).await, [0; 0]);
    assert_eq!(find(Query::default().with_number(numbers[5])).await, [5]);
    assert_eq!(find(Query::default().from(at(1)).until(at(4))).await, [1, 2, 3]);
    assert_eq!(find(Query::default().with_limit(2)).await, [0, 1]);
    assert_eq!(find(Query::default().with_limit(2).after(numbers[1])).await, [2, 3]);
    let record = store.find(Query::default().with_number(numbers[4])).await.unwrap().remove(0);
    assert_eq!((&*record.target, record.state, record.enqueued), ("b", State::Dead, at(4)));
    assert_eq!((record.source.as_deref(), record.id.as_deref()), (Some("/shop"), Some("4")));
    assert_eq!(record.ty.as_deref(), Some("com.example.order.placed"));
    assert_eq!(id(&record.outgoing().unwrap()), "4");
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.pending, counts.delivered, counts.dead), (2, 2, 2));
    assert_eq!(counts.oldest_pending, Some(at(2)));
}

async fn messages_are_replayed_by_event_target_and_time(store: impl Store) {
    let numbers = a_few(&store).await;
    let pending = async || -> Vec<u64> {
        let found = store.find(Query::default().with_state(State::Pending)).await.unwrap();
        found.iter().map(|record| record.number).collect()
    };
    let replay = async |query: Query| store.replay(query, at(10)).await.unwrap();
    assert_eq!(replay(Query::default().with_event(EventKey::new("/shop", "0").unwrap())).await, 1);
    assert_eq!(pending().await, [numbers[0], numbers[2], numbers[5]]);
    assert_eq!(replay(Query::default().with_target("b").with_state(State::Dead)).await, 1);
    assert_eq!(pending().await, [numbers[0], numbers[2], numbers[4], numbers[5]]);
    assert_eq!(replay(Query::default().from(at(1)).until(at(3))).await, 1);
    assert_eq!(replay(Query::default()).await, 1);
    assert_eq!(pending().await, numbers);
    // More than fit into a transaction.
    let many = (0..2500).map(|id| message("many", id, at(20))).collect();
    store.enqueue(many).await.unwrap();
    let mut request = Claim::new(at(20), 3000, MINUTE);
    request.per_target = 3000;
    let claimed = store.claim(request).await.unwrap().messages;
    assert_eq!(claimed.len(), 2506);
    let settlements = claimed.iter().map(|message| settlement(message, Step::Delivered)).collect();
    store.settle(settlements, at(21)).await.unwrap();
    assert_eq!(store.replay(Query::default().with_target("many"), at(22)).await.unwrap(), 2500);
}

async fn a_replay_begins_anew(store: impl Store) {
    let outgoing = Outgoing::from(event(1)).expires_after(10 * SECOND);
    let message = Entry::new("a", outgoing).encode(at(0)).unwrap();
    store.enqueue(vec![message]).await.unwrap();
    let first = claim(&store, at(0), 1).await;
    settle(&store, &first[0], Step::Dead("no".into()), at(1)).await;
    assert_eq!(store.replay(Query::default(), at(1000)).await.unwrap(), 1);
    // A worker that held it before has no right to it.
    let late = settlement(&first[0], Step::Delivered);
    assert_eq!(store.settle(vec![late], at(1000)).await.unwrap().valid, 0);
    let again = claim(&store, at(1000), 1).await;
    assert_eq!((again[0].attempt, again[0].started, again[0].expires), (1, at(1000), Some(at(1010))));
    let record = store.find(Query::default()).await.unwrap().remove(0);
    assert_eq!((record.enqueued, record.ended, record.reason), (at(0), None, None));
}

async fn a_deadline_begins_when_a_message_is_due(store: impl Store) {
    let later = Entry::new("a", event(1)).not_before(at(100)).encode(at(0)).unwrap();
    store.enqueue(vec![later]).await.unwrap();
    let mut paused = Health::default();
    paused.paused_until = Some(at(1000));
    store.set_health("a".into(), paused).await.unwrap();
    let give_up = async |now| store.give_up(vec![], Some(50 * SECOND), at(now), 10).await.unwrap();
    assert_eq!((give_up(60).await, give_up(100).await, give_up(150).await, give_up(151).await), (0, 0, 0, 1));
}

/// Also where it expired before it was due.
async fn a_replay_of_what_was_due_later_does_not_expire_at_once(store: impl Store) {
    for (due, lifetime) in [(4, 6), (20, 10)] {
        let outgoing = Outgoing::from(event(due)).expires_after(10 * SECOND);
        let entry = Entry::new("a", outgoing).not_before(at(due)).encode(at(0)).unwrap();
        let numbers = store.enqueue(vec![entry]).await.unwrap();
        let mut claimed = claim(&store, at(due), 1).await;
        for now in [100, 200] {
            settle(&store, &claimed[0], Step::Dead("no".into()), at(now)).await;
            assert_eq!(store.replay(Query::default().with_number(numbers[0]), at(now)).await.unwrap(), 1);
            claimed = claim(&store, at(now), 1).await;
            assert_eq!((claimed[0].started, claimed[0].expires), (at(now), Some(at(now + lifetime))));
        }
        settle(&store, &claimed[0], Step::Delivered, at(200)).await;
    }
}

async fn old_messages_are_deleted(store: impl Store) {
    let numbers = a_few(&store).await;
    let retention = Retention { delivered: 10 * SECOND, dead: 20 * SECOND };
    assert_eq!(store.prune(retention, at(17), 10).await.unwrap(), 0);
    assert_eq!(store.prune(retention, at(18), 1).await.unwrap(), 1);
    assert_eq!(store.prune(retention, at(18), 10).await.unwrap(), 1);
    assert_eq!(store.counts().await.unwrap().dead, 2);
    assert_eq!(store.prune(retention, at(28), 10).await.unwrap(), 2);
    let left: Vec<_> =
        store.find(Query::default()).await.unwrap().iter().map(|record| record.number).collect();
    assert_eq!(left, [numbers[2], numbers[5]]);
    assert_eq!(store.prune(retention, at(1000), 10).await.unwrap(), 0);
}

async fn overdue_messages_of_paused_targets_are_given_up(store: impl Store) {
    for target in ["paused", "requested", "disabled", "ended", "well"] {
        let messages = (0..3).map(|id| message(target, format!("{target} {id}"), at(10 * id)));
        store.enqueue(messages.collect()).await.unwrap();
        let expiring = Entry::new(target, Outgoing::from(event(target)).expires_after(15 * SECOND));
        store.enqueue(vec![expiring.encode(at(22)).unwrap()]).await.unwrap();
    }
    let health = |change: fn(&mut Health)| {
        let mut health = Health::default();
        change(&mut health);
        health
    };
    // One of this target is leased when the pause begins.
    let mut leasing = Claim::new(at(30), 1, MINUTE);
    leasing.after = Some("o".into());
    assert_eq!(ids(&store.claim(leasing).await.unwrap().messages), ["paused 0"]);
    for (target, health) in [
        ("paused", health(|health| health.paused_until = Some(at(100)))),
        ("requested", health(|health| health.requested_until = Some(at(100)))),
        ("disabled", health(|health| health.is_disabled = true)),
        (
            "ended",
            health(|health| (health.paused_until, health.requested_until) = (Some(at(36)), Some(at(36)))),
        ),
    ] {
        store.set_health(target.into(), health).await.unwrap();
    }
    let dead = async || {
        let dead = store.find(Query::default().with_state(State::Dead)).await.unwrap();
        dead.into_iter()
            .map(|record| format!("{}: {}", record.id.unwrap(), record.reason.unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(store.give_up(vec![], None, at(36), 100).await.unwrap(), 0);
    assert_eq!(store.give_up(vec![], Some(16 * SECOND), at(36), 2).await.unwrap(), 2);
    assert_eq!(store.give_up(vec![], Some(16 * SECOND), at(36), 100).await.unwrap(), 3);
    let overdue =
        "given up after its deadline, while its target was paused or disabled, or its sender held it back";
    let all = ["paused 1", "requested 0", "requested 1", "disabled 0", "disabled 1"];
    assert_eq!(dead().await, all.map(|id| format!("{id}: {overdue}")));
    assert_eq!(store.give_up(vec![], None, at(37), 100).await.unwrap(), 3);
    let expired =
        dead().await.into_iter().filter(|dead| dead.ends_with(": it expired before it could be delivered"));
    assert_eq!(expired.count(), 3);
}

async fn overdue_messages_that_a_sender_holds_back_are_given_up(store: impl Store) {
    let held_back = || vec!["other".into(), "another".into()];
    assert_eq!(store.give_up(held_back(), Some(MINUTE), at(37), 100).await.unwrap(), 0);
    store.enqueue((0..2).map(|id| message("other", id, at(40 * id))).collect()).await.unwrap();
    assert_eq!(store.give_up(held_back(), Some(MINUTE), at(61), 100).await.unwrap(), 1);
    assert_eq!(store.give_up(held_back(), Some(MINUTE), at(101), 100).await.unwrap(), 1);
}

/// A call looks at ten thousand messages.
async fn a_backlog_of_a_stopped_target_is_given_up_in_parts(store: impl Store) {
    let mut messages: Vec<_> = (0..10_000).map(|id| message("a", id, at(0))).collect();
    let expiring = Outgoing::from(&event("expires")).expires_after(SECOND);
    messages.push(Entry::new("a", expiring).in_order().encode(at(0)).unwrap());
    store.enqueue(messages).await.unwrap();
    let mut health = Health::default();
    health.is_disabled = true;
    store.set_health("a".into(), health).await.unwrap();
    let give_up = async |now| store.give_up(Vec::new(), Some(MINUTE), now, 500).await.unwrap();
    assert_eq!((give_up(at(0)).await, give_up(at(0)).await), (0, 0));
    // From the first one on, and then those behind.
    assert_eq!((give_up(at(2)).await, give_up(at(2)).await, give_up(at(2)).await), (0, 1, 0));
    // What has been due since before the deadline does not wait for its turn.
    assert_eq!((give_up(at(61)).await, give_up(at(61)).await), (500, 500));
}

async fn no_message_is_claimed_twice_at_once(store: impl Store + Clone) {
    const MESSAGES: usize = 400;
    let targets = (0..MESSAGES).map(|id| match id % 3 {
        0 => message("a", id, at(0)),
        1 => message(&format!("t{}", id % 40), id, at(0)),
        _ => message_in_order("b", id, at(0)),
    });
    store.enqueue(targets.collect()).await.unwrap();
    let workers = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut all = Vec::new();
            loop {
                let claimed = claim(&store, at(0), 7).await;
                if claimed.is_empty() {
                    return all;
                }
                // Those in order are let go one after the other, so that the rest can be claimed.
                for message in claimed {
                    all.push((message.ticket.number, message.ordered));
                    settle(&store, &message, Step::Delivered, at(0)).await;
                }
            }
        })
    });
    let mut numbers = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        numbers.extend(worker.await.unwrap().into_iter().map(|(number, _)| number));
    }
    // A worker ends when all that is left is leased to others, so the last one may leave some.
    numbers.extend(claim(&store, at(0), MESSAGES).await.iter().map(|message| message.ticket.number));
    let distinct: BTreeSet<_> = numbers.iter().collect();
    assert_eq!(distinct.len(), numbers.len(), "a message was claimed twice");
    assert_eq!(numbers.len(), MESSAGES);
}

async fn workers_share_a_store(store: impl Store + Clone) {
    const MESSAGES: usize = 300;
    let outbox = Outbox::new(store.clone());
    let entries = (0..MESSAGES).map(|id| Entry::new(format!("t{}", id % 7), event(id)));
    outbox.enqueue_all(entries).await.unwrap();
    let arrived = Arrived::default();
    let run = async |outbox: Outbox<_>| {
        let senders: HashMap<_, _> = (0..7).map(|target| (format!("t{target}"), arrived.sender())).collect();
        outbox.run(senders, OutboxOptions::default()).until(arrived.until(MESSAGES)).await.unwrap();
    };
    // Two in the same process, as in two.
    tokio::join!(run(outbox.clone()), run(Outbox::new(store)));
    let distinct: BTreeSet<_> = arrived.ids().into_iter().collect();
    assert_eq!((distinct.len(), arrived.len()), (MESSAGES, MESSAGES));
    let counts = outbox.counts().await.unwrap();
    assert_eq!((counts.pending, counts.delivered), (0, u64::try_from(MESSAGES).unwrap()));
}

async fn an_event_is_handled_once(store: impl InboxStore) {
    let key = event(1).key();
    let begin = async |consumer: &str, now| {
        store.begin(consumer.into(), key.clone(), now, 10 * SECOND).await.unwrap()
    };
    let Begun::First(first) = begin("a", at(0)).await else { panic!() };
    assert_eq!(begin("a", at(9)).await, Begun::UnderWay(at(10)));
    assert!(matches!(begin("b", at(9)).await, Begun::First(_)), "consumers are apart");
    // The lease ends: the consumer crashed, or is slow.
    let Begun::First(second) = begin("a", at(10)).await else { panic!() };
    assert!(!store.complete(first.clone(), at(11)).await.unwrap());
    assert!(!store.abandon(first, at(11)).await.unwrap());
    assert_eq!(begin("a", at(11)).await, Begun::UnderWay(at(20)));
    assert!(store.abandon(second.clone(), at(11)).await.unwrap());
    let Begun::First(third) = begin("a", at(12)).await else { panic!() };
    assert!(!store.complete(second, at(12)).await.unwrap(), "abandoned");
    assert!(store.complete(third.clone(), at(12)).await.unwrap());
    assert_eq!(begin("a", at(1000)).await, Begun::Done);
    assert!(!store.abandon(third, at(1000)).await.unwrap());
    let forget =
        async |consumer: &str, before, limit| store.forget(consumer.into(), before, limit).await.unwrap();
    assert_eq!(forget("a", at(12), 10).await, 0);
    // The longest lease has no end within reach.
    let longest = async |now| store.begin("a".into(), event(3).key(), now, Duration::MAX).await.unwrap();
    let Begun::First(held) = longest(at(12)).await else { panic!() };
    assert!(matches!(longest(at(1000)).await, Begun::UnderWay(_)));
    assert!(store.abandon(held, at(1000)).await.unwrap());
    let Begun::First(other) = store.begin("a".into(), event(2).key(), at(12), SECOND).await.unwrap() else {
        panic!()
    };
    assert!(store.complete(other, at(13)).await.unwrap());
    assert_eq!(forget("a", at(20), 1).await, 1); // one at a time
    assert_eq!(forget("a", at(20), 10).await, 1);
    assert!(matches!(begin("b", at(19)).await, Begun::First(_)), "another consumer's retention is its own");
    assert!(matches!(begin("a", at(1001)).await, Begun::First(_)));
}

/// The one before it was abandoned, and what is older than some time forgotten.
async fn a_beginning_that_comes_too_late_ends_no_later_one(store: impl InboxStore) {
    let begin = async |now| {
        let begun = store.begin("a".into(), event(1).key(), now, 10 * SECOND).await.unwrap();
        let Begun::First(started) = begun else { panic!("{begun:?}") };
        started
    };
    let (first, second) = (begin(at(0)).await, begin(at(10)).await);
    assert!(store.abandon(second, at(11)).await.unwrap());
    store.forget("a".into(), at(1), 10).await.unwrap();
    let third = begin(at(12)).await;
    assert!(!store.abandon(first.clone(), at(13)).await.unwrap(), "{first:?}, {third:?}");
    assert!(!store.complete(first, at(13)).await.unwrap());
    assert!(store.complete(third, at(14)).await.unwrap());
    // What was abandoned is forgotten in its time.
    let begun = store.begin("a".into(), event(2).key(), at(20), 10 * SECOND).await.unwrap();
    let Begun::First(fourth) = begun else { panic!("{begun:?}") };
    assert!(store.abandon(fourth, at(21)).await.unwrap());
    assert_eq!(store.forget("a".into(), at(21), 10).await.unwrap(), 1);
    assert_eq!(store.forget("a".into(), at(22), 10).await.unwrap(), 1);
}

async fn an_event_that_was_seen_is_done(store: impl InboxStore) {
    let key = |number| event(number).key();
    let see = async |number, now| store.see("a".into(), key(number), now).await.unwrap();
    let begin = async |number, now| store.begin("a".into(), key(number), now, 10 * SECOND).await.unwrap();
    assert_eq!([see(1, at(0)).await, see(1, at(5)).await], [Seen::Recorded; 2]);
    assert_eq!(begin(1, at(5)).await, Begun::Done);
    assert!(matches!(store.begin("b".into(), key(1), at(5), SECOND).await.unwrap(), Begun::First(_)));
    // A beginning stays as it is while it has its lease.
    let Begun::First(started) = begin(2, at(5)).await else { panic!() };
    assert_eq!(see(2, at(14)).await, Seen::UnderWay);
    assert!(store.complete(started.clone(), at(14)).await.unwrap());
    assert_eq!([see(2, at(15)).await, see(2, at(20)).await], [Seen::Done; 2]);
    assert_eq!(begin(2, at(20)).await, Begun::Done);
    // After that, and after it was given up, there is none.
    let Begun::First(late) = begin(3, at(5)).await else { panic!() };
    assert_eq!(see(3, at(15)).await, Seen::Recorded);
    assert!(!store.complete(late.clone(), at(16)).await.unwrap());
    assert!(!store.abandon(late, at(16)).await.unwrap());
    let Begun::First(given_up) = begin(4, at(5)).await else { panic!() };
    assert!(store.abandon(given_up, at(6)).await.unwrap());
    assert_eq!([see(4, at(6)).await, see(4, at(7)).await], [Seen::Recorded; 2]);
    // Each time counts as the first.
    let forget = async |before| store.forget("a".into(), before, 10).await.unwrap();
    assert_eq!([forget(at(5)).await, forget(at(6)).await], [0, 1]);
    assert_eq!([forget(at(7)).await, forget(at(8)).await], [0, 1]);
    assert_eq!([forget(at(20)).await, forget(at(21)).await], [1, 1]);
    assert!(matches!(begin(1, at(21)).await, Begun::First(_)));
}

/// An event is given up while the clock is an hour ahead.
async fn a_clock_that_is_set_back_ends_no_event_for_longer(store: impl InboxStore) {
    let begin = async |now| store.begin("a".into(), event(1).key(), now, 10 * SECOND).await.unwrap();
    let Begun::First(ahead) = begin(at(3600)).await else { panic!() };
    assert!(store.abandon(ahead.clone(), at(3601)).await.unwrap());
    assert_eq!(store.forget("a".into(), at(3600), 10).await.unwrap(), 0);
    let Begun::First(right) = begin(at(2)).await else { panic!("it was given up") };
    assert_ne!(ahead.times, right.times);
    assert!(!store.complete(ahead, at(3)).await.unwrap());
    assert!(matches!(begin(at(3)).await, Begun::UnderWay(_)));
    assert!(store.abandon(right, at(4)).await.unwrap());
    assert_eq!(store.see("a".into(), event(1).key(), at(1)).await.unwrap(), Seen::Recorded);
}

/// Keys that are longer than an index of PostgreSQL takes, and that no compression makes shorter.
async fn long_keys_are_distinct(store: impl InboxStore) {
    let inbox = Inbox::new(store, "long").with_clock(Clock::new(|| at(0)));
    let text = |seed: u64| {
        let mut state = seed;
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'a' + u8::try_from((state >> 33) % 26).unwrap())
        };
        (0..20_000).map(|_| next()).collect::<String>()
    };
    let (long, other) = (text(1), text(2));
    let (head, tail) = long.split_at(10_000);
    let keys = [
        (long.as_str(), "1"),
        ("/source", &long),
        ("/source", &other),
        (head, tail),
        (&long[..9_999], &long[9_999..]),
    ];
    for (source, id) in keys {
        let key = EventKey::new(source, id).unwrap();
        let Begun::First(started) = inbox.begin(key.clone()).await.unwrap() else {
            panic!("it is not the first")
        };
        assert_eq!(started.key, key);
        assert!(matches!(inbox.begin(key.clone()).await.unwrap(), Begun::UnderWay(_)));
        assert!(inbox.abandon(started).await.unwrap());
        let Begun::First(again) = inbox.begin(key.clone()).await.unwrap() else { panic!("it was abandoned") };
        assert!(inbox.complete(again).await.unwrap());
        assert_eq!(inbox.begin(key).await.unwrap(), Begun::Done);
    }
    assert_eq!(inbox.with_clock(Clock::new(|| at(100))).forget(SECOND).await.unwrap(), keys.len() as u64);
}

async fn one_of_many_handles_an_event(store: impl InboxStore + Clone) {
    let begun = (0..20).map(|_| {
        let inbox = Inbox::new(store.clone(), "a");
        tokio::spawn(async move { inbox.begin(event(1).key()).await.unwrap() })
    });
    let mut firsts = 0;
    for begun in begun.collect::<Vec<_>>() {
        firsts += usize::from(matches!(begun.await.unwrap(), Begun::First(_)));
    }
    assert_eq!(firsts, 1);
}
