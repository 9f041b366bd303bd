//! The dead-letter place, and redrives.

use super::Situation;
use crate::{
    bridge::ends::{Does, End, SECOND, refused, send},
    event, keyed,
};
use cloudevents_core::DecodeOptions;
use cloudevents_transport::{
    Bridge,
    binding::queue::QueueOptions,
    bridge::{BridgePolicy, Redrive},
    fake::FakeQueue,
};
use tokio::time::sleep;

/// Refuses events whose id begins with "bad".
fn refuses_some() -> End {
    let to = End { of_messages: true, ..End::new() };
    to.judges(|id, _| if id.starts_with("bad") { Does::Fails(refused()) } else { Does::Takes });
    to
}

/// A bridge whose source has the dead-letter place.
fn with_place(from: &FakeQueue, to: &End, place: &End) -> Bridge {
    let options = QueueOptions::default().with_sink(place.clone());
    let receiver = from.receiver_with(DecodeOptions::strict(), options);
    Bridge::new(receiver, to.sender(), BridgePolicy::default()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_place_that_answers_slowly() {
    let (from, to, place) = (FakeQueue::new(), refuses_some(), End::new());
    place.set(Does::TakesIts(25 * SECOND));
    let bridge = with_place(&from, &to, &place);
    let mut now =
        Situation::begin("the dead-letter place takes 25 seconds for each dead letter", bridge.status());
    let watch = async {
        for number in 0..5 {
            from.sender().send_all([keyed(format!("bad {number}"), "a"), keyed(number, "b")]).await.unwrap();
            now.lasts(40 * SECOND).await;
            assert_eq!(now.status.waiting_letters(), 0);
        }
        assert_eq!(now.grew("cloudevents_bridge_all_refused_total"), 5.0);
        now.is_over_after(SECOND).await;
    };
    bridge.run().until(watch).await.unwrap();
    now.compare(&[("each message", 5)]);
}

/// Messages of other keys move all the time.
#[tokio::test(start_paused = true)]
async fn letters_that_wait_while_others_move() {
    let (from, to, place) = (FakeQueue::new(), refuses_some(), End::new());
    place.set(Does::Fails(refused()));
    let bridge = with_place(&from, &to, &place);
    let name = "refused messages wait for the dead-letter place of the source, and others move";
    let mut now = Situation::begin(name, bridge.status());
    let watch = async {
        from.sender().send_all([keyed("bad 1", "a"), keyed("bad 2", "a")]).await.unwrap();
        sleep(SECOND).await;
        for number in 0..130 {
            from.sender().send(&keyed(number, "b")).await.unwrap();
            now.lasts(SECOND).await;
        }
        assert_eq!((now.status.waiting_letters(), now.status.metrics().confirmed), (2, 130));
        assert_eq!(now.grew("cloudevents_bridge_waiting_letters"), 2.0);
        assert_eq!(now.grew("cloudevents_bridge_all_refused_total"), 0.0);
        place.set(Does::Takes);
        now.is_over_after(61 * SECOND).await;
        assert_eq!(now.grew("cloudevents_bridge_all_refused_total"), 2.0);
    };
    bridge.run().until(watch).await.unwrap();
    let failed = now.grew("cloudevents_settlements_failed_total{end=\"source\"}") as usize;
    now.compare(&[("each message", 2), ("each failed letter", failed)]);
}

/// Nothing says that the bridge moves messages again when it does not.
#[tokio::test(start_paused = true)]
async fn a_target_that_is_away_beside_letters_that_wait() {
    let (from, to, place) = (FakeQueue::new(), refuses_some(), End::new());
    place.set(Does::Fails(refused()));
    let bridge = with_place(&from, &to, &place);
    let name = "refused messages wait for the dead-letter place, and the target is away, too";
    let mut now = Situation::begin(name, bridge.status());
    let watch = async {
        from.sender().send(&keyed("bad", "a")).await.unwrap();
        sleep(SECOND).await;
        for number in 0..20 {
            from.sender().send(&keyed(number, "b")).await.unwrap();
            now.lasts(SECOND).await;
        }
        to.is_away(true);
        from.sender().send(&keyed("last", "b")).await.unwrap();
        now.lasts(90 * SECOND).await;
        let said = now.said();
        assert!(
            said.iter().all(|line| !line.contains("moves messages again") && !line.contains("is over")),
            "{said:#?}"
        );
        place.set(Does::Takes);
        to.is_away(false);
        now.is_over_after(61 * SECOND).await;
    };
    bridge.run().until(watch).await.unwrap();
    let failed = now.grew("cloudevents_bridge_failed_total") as usize;
    now.compare(&[("each attempt", failed)]);
}

#[tokio::test(start_paused = true)]
async fn a_redrive_with_letters_that_are_refused_again() {
    let (from, to) = (FakeQueue::new(), refuses_some());
    let mut policy = BridgePolicy::default();
    policy.redrive = Some(Redrive::default());
    let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), to.sender(), policy).unwrap();
    let mut now = Situation::begin("the target refuses letters of a redrive again", bridge.status());
    send(&from, 10).await;
    from.sender().send_all([event("bad 1"), event("bad 2")]).await.unwrap();
    let watch = async {
        now.lasts(100 * SECOND).await;
        assert_eq!((now.status.pending(), now.status.metrics().confirmed), (0, 10));
    };
    bridge.run().until(watch).await.unwrap();
    now.look();
    assert_eq!((from.len(), now.grew("cloudevents_bridge_all_refused_total")), (2, 2.0));
    let line = now.line("refused again");
    assert!(line.contains("bad 1 of /tests") && line.contains("403 Forbidden"), "{line}");
    now.compare(&[("each message", 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_redrive_at_its_limit() {
    let (from, to) = (FakeQueue::new(), End::new());
    let mut redrive = Redrive::default();
    redrive.messages = Some(4);
    let mut policy = BridgePolicy::default();
    policy.redrive = Some(redrive);
    to.set(Does::TakesIts(SECOND));
    let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), to.sender(), policy).unwrap();
    let mut now =
        Situation::begin("a redrive has sent as many letters as its limit (`-n`), and ends", bridge.status());
    send(&from, 10).await;
    let (ended, ()) = tokio::join!(bridge.run(), now.lasts(60 * SECOND));
    ended.unwrap();
    assert_eq!((from.len(), now.status.metrics().confirmed, now.status.pending()), (6, 4, 0));
    now.compare(&[]);
}
