//! Taking dead letters back.

use crate::{Takes, event, events, keyed};
use cloudevents_core::{DecodeOptions, Document, Error, ErrorKind, FormatId, Formats, Message};
use cloudevents_json::Json;
use cloudevents_testkit::rng::Rng;
use cloudevents_transport::{
    Bounds, Bridge, EventFilter, Outgoing, Receiver, ReceiverCapabilities, ReceiverOptions, RunState, Sender,
    binding::log::LogOptions,
    bridge::{BridgePolicy, Fate, REPLAYS, Redrive},
    fake::{FakeLog, FakeQueue},
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{sleep, timeout};

fn policy(redrive: Redrive) -> BridgePolicy {
    let mut policy = BridgePolicy::default();
    policy.redrive = Some(redrive);
    policy
}

async fn run(from: Receiver, to: &FakeQueue, policy: BridgePolicy) {
    let bridge = Bridge::new(from, to.sender(), policy).unwrap();
    bridge.run().until(sleep(Duration::from_secs(60))).await.unwrap();
}

async fn letters(count: usize, replays: Option<&str>) -> FakeQueue {
    let queue = FakeQueue::new();
    for event in events(count) {
        let mut letter = Outgoing::from(event).header("dead-letter-reason", "because").header("x", "y");
        if let Some(replays) = replays {
            letter = letter.header(REPLAYS, replays);
        }
        queue.sender().send(letter).await.unwrap();
    }
    queue
}

#[tokio::test(start_paused = true)]
async fn letters_lose_their_headers_and_count_their_replays() {
    for (replays, next) in [(None, "1"), (Some("2"), "3")] {
        let (from, to) = (letters(1, replays).await, FakeQueue::new());
        run(from.receiver(DecodeOptions::strict()), &to, policy(Redrive::default())).await;
        let mut receiver = to.receiver(DecodeOptions::strict());
        let arrived = receiver.next().await.unwrap().unwrap();
        assert_eq!(arrived.event().unwrap(), event(0));
        assert_eq!(arrived.header_text(REPLAYS).unwrap(), next);
        assert_eq!(arrived.header_text("x").unwrap(), "y");
        assert_eq!(arrived.header("dead-letter-reason"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn replays_have_a_limit() {
    let (from, to) = (letters(2, Some("3")).await, FakeQueue::new());
    run(from.receiver(DecodeOptions::strict()), &to, policy(Redrive::default())).await;
    assert_eq!((to.len(), from.len(), from.rejected().len()), (0, 2, 0));
    let mut redrive = Redrive::default();
    redrive.rejects = true;
    run(from.receiver(DecodeOptions::strict()), &to, policy(redrive)).await;
    assert_eq!((to.len(), from.len(), from.rejected().len()), (0, 0, 2));
    assert!(from.rejected()[0].1.contains("3 times"), "{:?}", from.rejected());
}

/// The receiver may drop what it rejects, and who takes letters back has no other copy.
#[tokio::test(start_paused = true)]
async fn what_the_target_refuses_again_stays_and_is_not_waited_for() {
    for limit in [None, Some(4)] {
        let (from, to) = (letters(10, None).await, FakeQueue::new());
        to.refuse_if(|message| {
            message.attribute("id", &DecodeOptions::strict()).is_ok_and(|id| id.as_deref() < Some("3"))
        });
        let mut redrive = Redrive::default();
        redrive.messages = limit;
        let mut policy = policy(redrive);
        let kept = Arc::new(Mutex::new(0));
        let seen = Arc::clone(&kept);
        policy.observer = Some(Arc::new(move |_, fate| {
            *seen.lock().unwrap() += usize::from(matches!(fate, Fate::Kept(_)));
        }));
        let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), to.sender(), policy).unwrap();
        let status = bridge.status();
        let watch = async {
            sleep(Duration::from_secs(60)).await;
            assert_eq!((status.received().unsettled(), status.pending()), (3, 0));
        };
        bridge.run().until(watch).await.unwrap();
        let moved = limit.map_or(7, |limit| limit as usize - 3);
        assert_eq!((to.len(), from.len(), from.rejected().len()), (moved, 10 - moved, 0));
        assert_eq!((*kept.lock().unwrap(), status.metrics().all_refused()), (3, 3));
    }
}

/// Its position does not move past them, so that its group takes them back another time.
#[tokio::test(start_paused = true)]
async fn what_a_log_has_of_letters_that_are_refused_again_comes_again() {
    let (from, to) = (FakeLog::new(1), FakeQueue::new());
    from.sender().send_all((0..5).map(|number| keyed(number, "k"))).await.unwrap();
    to.refuse_if(|message| {
        message.attribute("id", &DecodeOptions::strict()).is_ok_and(|id| id.as_deref() == Some("2"))
    });
    let (receiver, _consumer) =
        from.receiver(ReceiverOptions::default(), LogOptions::default().dropping_rejected()).unwrap();
    run(receiver, &to, policy(Redrive::default())).await;
    assert_eq!((to.len(), from.committed(0)), (4, 2));
}

#[tokio::test]
async fn a_redrive_is_an_error_where_what_is_refused_again_or_left_would_be_gone() {
    for (has_place, rejects, is_dry, is_filtered) in [
        (false, false, false, false),
        (true, false, false, false),
        (false, true, false, false),
        (false, false, true, false),
        (true, false, false, true),
        (false, true, false, true),
        (false, false, true, true),
    ] {
        let from = FakeQueue::with_capabilities(ReceiverCapabilities::unsettled());
        let mut redrive = Redrive::default();
        (redrive.rejects, redrive.dry_run) = (rejects, is_dry);
        redrive.filter = is_filtered.then(|| EventFilter::new(|_, _| Ok(false)));
        let mut policy = policy(redrive);
        policy.dead_letters = has_place.then(|| FakeQueue::new().sender());
        let opened = Bridge::new(from.receiver(DecodeOptions::strict()), FakeQueue::new().sender(), policy);
        let keeps = is_dry || (has_place || rejects) && !is_filtered;
        assert_eq!(
            opened.err().map(|error| error.kind()),
            (!keeps).then_some(ErrorKind::Unsupported),
            "{has_place}, {rejects}, {is_dry}, {is_filtered}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_changes_nothing() {
    let (from, to) = (letters(10, None).await, FakeQueue::new());
    let mut redrive = Redrive::default();
    redrive.dry_run = true;
    let mut policy = policy(redrive);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    policy.observer = Some(Arc::new(move |received, fate| {
        if matches!(fate, Fate::WouldSend) {
            kept.lock().unwrap().push(received.offset());
        }
    }));
    run(from.receiver(DecodeOptions::strict()), &to, policy).await;
    assert_eq!(seen.lock().unwrap().len(), 10);
    assert_eq!((to.len(), from.len(), from.rejected().len()), (0, 10, 0));
}

/// Another filter may be for those that this one leaves.
#[tokio::test(start_paused = true)]
async fn a_dry_run_with_a_filter_does_not_move_the_position_of_a_log() {
    for is_dry in [true, false] {
        let (from, to) = (FakeLog::new(1), FakeQueue::new());
        from.sender().send_all((0..5).map(|number| keyed(number, "k"))).await.unwrap();
        let mut redrive = Redrive::default();
        redrive.dry_run = is_dry;
        redrive.filter = Some(EventFilter::new(|_, _| Ok(false)));
        let (receiver, _consumer) =
            from.receiver(ReceiverOptions::default(), LogOptions::default().dropping_rejected()).unwrap();
        run(receiver, &to, policy(redrive)).await;
        assert_eq!((to.len(), from.committed(0)), (0, if is_dry { 0 } else { 5 }));
    }
}

/// Otherwise who waits for it would wait for ever.
#[tokio::test(start_paused = true)]
async fn what_a_redrive_holds_until_it_ends_is_not_waited_for() {
    for is_dry in [true, false] {
        let (from, to) = (letters(10, None).await, FakeQueue::new());
        let mut options = ReceiverOptions::default();
        options.in_flight = Bounds { messages: 5, bytes: usize::MAX };
        let mut redrive = Redrive::default();
        redrive.dry_run = is_dry;
        redrive.filter = (!is_dry).then(|| EventFilter::new(|_, _| Ok(false)));
        let bridge = Bridge::new(from.receiver(options), to.sender(), policy(redrive)).unwrap();
        let status = bridge.status();
        assert_eq!(status.pending(), 0);
        let watch = async {
            sleep(Duration::from_secs(60)).await;
            assert_eq!((status.received().unsettled(), status.pending()), (5, 0));
            assert_eq!(status.activity().state(), RunState::Blocked);
        };
        bridge.run().until(watch).await.unwrap();
        assert_eq!((to.len(), from.len()), (0, 10));
    }
}

/// Nothing that it shows leaves its partition, so that what is behind it would never be seen, and who looks would take what is shown for
/// all that there is.
#[tokio::test(start_paused = true)]
async fn a_dry_run_shows_of_one_partition_what_there_is_room_for_and_is_blocked_then() {
    for (messages, max_lead) in [(8, 10_000), (1024, 8)] {
        let (from, to) = (FakeLog::new(2), FakeQueue::new());
        from.sender().send_all((0..20).map(|number| keyed(number, "k"))).await.unwrap();
        let mut options = ReceiverOptions::default();
        options.in_flight = Bounds { messages, bytes: usize::MAX };
        let mut of_log = LogOptions::default().dropping_rejected();
        of_log.max_lead = max_lead;
        let mut redrive = Redrive::default();
        redrive.dry_run = true;
        let (receiver, _consumer) = from.receiver(options, of_log).unwrap();
        let bridge = Bridge::new(receiver, to.sender(), policy(redrive)).unwrap();
        let status = bridge.status();
        let watch = async {
            sleep(Duration::from_secs(60)).await;
            assert_eq!((status.received().unsettled(), status.pending()), (8, 0));
            assert_eq!(status.activity().state(), RunState::Blocked);
        };
        bridge.run().until(watch).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_redrive_can_be_filtered() {
    let (from, to) = (letters(5, None).await, FakeQueue::new());
    let only = EventFilter::new(|message, with| Ok(message.attribute("id", with)?.as_deref() == Some("3")));
    let mut redrive = Redrive::default();
    redrive.filter = Some(only);
    run(from.receiver(DecodeOptions::strict()), &to, policy(redrive)).await;
    assert_eq!((to.len(), from.len()), (1, 4));
}

/// What is delivered to a receiver although its filter cannot read it would be refused here, and gone for good where that drops it.
#[tokio::test(start_paused = true)]
async fn a_filtered_redrive_leaves_what_its_filter_cannot_read() {
    for reads in [true, false] {
        let (from, to) = (letters(5, None).await, FakeQueue::new());
        from.push_garbage(ErrorKind::InvalidDocument, b"broken");
        from.push_garbage(ErrorKind::NotACloudEvent, b"something else");
        let mut redrive = Redrive::default();
        redrive.filter = Some(EventFilter::new(move |message, with| match reads {
            true => Ok(message.attribute("id", with)?.as_deref() == Some("3")),
            false => Err(Error::new(ErrorKind::InvalidDocument)),
        }));
        run(from.receiver(DecodeOptions::strict()), &to, policy(redrive)).await;
        let moved = usize::from(reads);
        assert_eq!((to.len(), from.len(), from.rejected().len()), (moved, 7 - moved, 0));
    }
}

/// A filter reads a document as far as the attributes that it names.
#[tokio::test(start_paused = true)]
async fn a_filtered_redrive_leaves_documents_with_mistakes_behind_what_its_filter_reads() {
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    for rest in [r#""time":"yesterday","id":"1"}"#, r#""data":1}"#, r#""id":"1","data":{"#] {
        let document = format!(r#"{{"specversion":"1.0","source":"/s","type":"t",{rest}"#);
        from.sender().send(Message::Structured(Document::new(FormatId::JSON, document))).await.unwrap();
    }
    let mut redrive = Redrive::default();
    redrive.filter =
        Some(EventFilter::new(|message, with| Ok(message.attribute("type", with)?.as_deref() == Some("t"))));
    let with = DecodeOptions::strict().with_formats(Formats::none().with(Json::new()));
    run(from.receiver(with), &to, policy(redrive)).await;
    assert_eq!((to.len(), from.len(), from.rejected().len()), (0, 3, 0));
}

/// RabbitMQ, for one, has each header once.
#[tokio::test(start_paused = true)]
async fn a_letter_that_is_refused_again_has_the_headers_of_the_last_refusal() {
    let (from, to, place) = (letters(1, None).await, FakeQueue::new(), FakeQueue::new());
    to.refuse_if(|_| true);
    let mut policy = policy(Redrive::default());
    policy.dead_letters = Some(place.sender());
    run(from.receiver(DecodeOptions::strict()), &to, policy).await;
    let letter = place.receiver(DecodeOptions::strict()).next().await.unwrap().unwrap();
    let headers = letter.headers();
    let reasons: Vec<_> = headers.iter().filter(|(name, _)| *name == "dead-letter-reason").collect();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert!(letter.header_text("dead-letter-reason").unwrap().contains("refused"));
    assert_eq!(letter.event().unwrap(), event(0));
}

/// Attempts that fail are of the same messages.
#[tokio::test(start_paused = true)]
async fn a_limit_of_messages_counts_no_message_twice() {
    let (from, to) = (letters(10, None).await, FakeQueue::new());
    let mut redrive = Redrive::default();
    redrive.messages = Some(4);
    let mut policy = policy(redrive);
    policy.limit = 2;
    to.refuse_connections(Some(ErrorKind::Disconnected));
    let back = async {
        sleep(Duration::from_secs(40)).await; // longer than a message waits for a connection
        to.refuse_connections(None);
    };
    tokio::join!(run(from.receiver(DecodeOptions::strict()), &to, policy), back);
    assert_eq!((to.len(), from.len()), (4, 6));
}

/// A message whose connection is lost on its way gives its place back.
#[tokio::test(start_paused = true)]
async fn a_limit_of_messages_is_reached_though_the_source_is_lost() {
    let (from, to) = (letters(10, None).await, FakeQueue::new());
    let mut redrive = Redrive::default();
    redrive.messages = Some(4);
    to.hold_confirms(true);
    let back = async {
        sleep(Duration::from_secs(5)).await;
        from.cut();
        sleep(Duration::from_secs(5)).await;
        to.hold_confirms(false);
    };
    let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), to.sender(), policy(redrive)).unwrap();
    let (ended, ()) = tokio::join!(tokio::time::timeout(Duration::from_secs(60), bridge.run()), back);
    ended.expect("it ends by its limit").unwrap();
    assert_eq!(from.len(), 6);
}

/// Refuses some attempts.
fn shaky(sender: Sender, rng: Rng) -> Sender {
    let rng = Mutex::new(rng);
    Sender::new(Takes(sender.capabilities(), move |outgoing: Outgoing| {
        let (fails, millis) = {
            let mut rng = rng.lock().unwrap();
            (rng.percent(40), rng.below(3000))
        };
        let sender = sender.clone();
        async move {
            sleep(Duration::from_millis(millis)).await;
            match fails {
                true => Err(Error::new(ErrorKind::Refused).with_temporary(true)),
                false => sender.enqueue(outgoing).await,
            }
        }
    }))
}

/// A limit, failures, an order and lost connections: messages left of a key are younger than all that were moved.
#[tokio::test(start_paused = true)]
async fn a_limit_of_messages_inverts_no_key_whatever_fails() {
    for seed in 0..100 {
        let (from, to, mut rng) = (FakeQueue::new(), FakeQueue::new(), Rng(seed));
        let keys: Vec<_> = (0..12).map(|_| rng.below(3).to_string()).collect();
        let pauses: Vec<_> = keys.iter().map(|_| Duration::from_millis(rng.below(1000))).collect();
        let filling = async {
            for ((event, key), pause) in events(12).zip(&keys).zip(&pauses) {
                sleep(*pause).await;
                from.sender().send(Outgoing::from(event).key(key)).await.unwrap();
            }
        };
        let (limit, cut) =
            (1 + rng.below(8), rng.percent(50).then(|| Duration::from_millis(rng.below(5000))));
        let mut redrive = Redrive::default();
        redrive.messages = Some(limit);
        let mut policy = policy(redrive);
        policy.limit = 1 + rng.below(6) as usize;
        let target = shaky(to.sender(), rng);
        let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), target, policy).unwrap();
        let cutting = async {
            if let Some(after) = cut {
                sleep(after).await;
                from.cut();
            }
        };
        let (ended, (), ()) =
            tokio::join!(timeout(Duration::from_secs(3600), bridge.run()), cutting, filling);
        ended.unwrap_or_else(|_| panic!("seed {seed} does not end")).unwrap();
        let mut moved = Vec::new();
        let mut arrived = to.receiver(DecodeOptions::strict());
        while let Ok(next) = timeout(Duration::from_secs(1), arrived.next()).await {
            let id: usize = next.unwrap().unwrap().event().unwrap().id().parse().unwrap();
            if !moved.contains(&id) {
                moved.push(id); // a connection that was lost may have moved it twice
            }
        }
        assert_eq!(moved.len() + from.len(), 12, "seed {seed}");
        assert!(cut.is_some() || moved.len() as u64 == limit, "seed {seed}: {moved:?}");
        for key in &keys {
            let of_key: Vec<_> = (0..12).filter(|id| keys[*id] == *key).collect();
            let moved: Vec<_> = moved.iter().copied().filter(|id| keys[*id] == *key).collect();
            assert_eq!(moved, of_key[..moved.len()], "seed {seed}, key {key}: {keys:?}");
        }
    }
}

/// Of a log, what is settled behind a message that is not comes again.
#[tokio::test(start_paused = true)]
async fn behind_a_limit_of_messages_a_log_goes_on_where_it_ended() {
    for seed in 0..100 {
        let (from, to, mut rng) = (FakeLog::new(2), FakeQueue::new(), Rng(seed));
        for event in events(30) {
            from.sender().send(Outgoing::from(event).key(rng.below(9).to_string())).await.unwrap();
        }
        let mut redrive = Redrive::default();
        let limit = 1 + rng.below(20);
        redrive.messages = Some(limit);
        let mut policy = policy(redrive);
        policy.limit = 1 + rng.below(12) as usize;
        let target = shaky(to.sender(), rng);
        let (receiver, _consumer) =
            from.receiver(ReceiverOptions::default(), LogOptions::default().dropping_rejected()).unwrap();
        let bridge = Bridge::new(receiver, target, policy).unwrap();
        timeout(Duration::from_secs(3600), bridge.run()).await.expect("it ends").unwrap();
        assert_eq!(to.len() as u64, limit, "seed {seed}");
        assert_eq!(from.committed(0) + from.committed(1), limit, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_no_messages_moves_none() {
    let (from, to) = (letters(3, None).await, FakeQueue::new());
    let mut redrive = Redrive::default();
    redrive.messages = Some(0);
    let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), to.sender(), policy(redrive)).unwrap();
    tokio::time::timeout(Duration::from_secs(60), bridge.run()).await.expect("it ends").unwrap();
    assert_eq!((to.len(), from.len()), (0, 3));
}
