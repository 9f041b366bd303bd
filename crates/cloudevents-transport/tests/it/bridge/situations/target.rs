//! A target that fails for now, is slow, or loses its connection.

use super::Situation;
use crate::{
    bridge::ends::{Does, End, SECOND, bridge, for_now, send},
    event, keyed,
};
use cloudevents_core::DecodeOptions;
use cloudevents_transport::{Bridge, bridge::BridgePolicy, fake::FakeQueue};
use std::num::NonZeroU32;
use tokio::time::sleep;

/// Sends an event of a key of its own each second.
async fn others(from: &FakeQueue) {
    for number in 100.. {
        from.sender().send(&keyed(number, &number.to_string())).await.unwrap();
        sleep(SECOND).await;
    }
}

/// Runs the bridge while others come, until this is done.
async fn beside_others(from: &FakeQueue, bridge: Bridge, watch: impl Future<Output = ()>) {
    let both = async {
        tokio::select! {
            () = others(from) => {}
            () = watch => {}
        }
    };
    bridge.run().until(both).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_blocked() {
    let (from, to) = (FakeQueue::new(), End::new());
    to.judges(|id, _| if id == "bad" { Does::Fails(for_now()) } else { Does::Takes });
    let bridge = bridge(&from, &to);
    let mut now = Situation::begin("one of many keys has a message that fails for now", bridge.status());
    beside_others(&from, bridge, async {
        sleep(2 * SECOND).await;
        from.sender().send_all([keyed("bad", "a"), keyed("behind", "a")]).await.unwrap();
        now.lasts(200 * SECOND).await;
        let status = now.status.clone();
        assert_eq!((status.activity().waiting(), status.pending()), (1, 2));
        assert!(now.grew("cloudevents_bridge_confirmed_total") >= 199.0);
        let line = now.line("tried again");
        assert!(line.contains("bad of /tests") && line.contains("503 Service Unavailable"), "{line}");
        to.set(Does::Takes);
        sleep(31 * SECOND).await;
        assert_eq!(status.pending(), 0);
    })
    .await;
    let failed = now.grew("cloudevents_bridge_failed_total") as usize;
    assert_eq!(to.tried.lock().unwrap().iter().filter(|id| *id == "bad").count(), failed + 1);
    now.compare(&[("each attempt", failed)]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_names_a_wait() {
    let (from, to) = (FakeQueue::new(), End::new());
    to.set(Does::Fails(for_now().with_retry_after(120 * SECOND)));
    let bridge = bridge(&from, &to);
    let mut now =
        Situation::begin("the target asks for a wait of two minutes (`Retry-After`)", bridge.status());
    let watch = async {
        send(&from, 1).await;
        sleep(SECOND).await;
        now.lasts(300 * SECOND).await;
        assert!(now.line("tried again").contains("after=120s"));
        to.set(Does::Takes);
        now.is_over_after(70 * SECOND).await;
    };
    bridge.run().until(watch).await.unwrap();
    assert_eq!(to.tried.lock().unwrap().len(), 4);
    now.compare(&[("each attempt", 3)]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_fails_every_second_time() {
    let (from, to) = (FakeQueue::new(), End::new());
    to.judges(|_, attempt| if attempt % 2 == 0 { Does::Fails(for_now()) } else { Does::Takes });
    let bridge = bridge(&from, &to);
    let mut now = Situation::begin("every second attempt at the target fails for now", bridge.status());
    beside_others(&from, bridge, async {
        now.lasts(200 * SECOND).await;
        to.set(Does::Takes);
        sleep(31 * SECOND).await;
        assert_eq!(now.status.pending(), 0);
    })
    .await;
    let failed = now.grew("cloudevents_bridge_failed_total") as usize;
    assert!(failed > 50, "{failed}");
    now.compare(&[("each attempt", failed)]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_to_the_target_that_flaps() {
    let (from, to) = (FakeQueue::new(), End::new());
    let bridge = bridge(&from, &to);
    let mut now = Situation::begin("the connection to the target is lost every ten seconds", bridge.status());
    beside_others(&from, bridge, async {
        for _ in 0..20 {
            to.is_away(true);
            now.lasts(3 * SECOND).await;
            to.is_away(false);
            now.lasts(7 * SECOND).await;
        }
        sleep(31 * SECOND).await;
    })
    .await;
    let failed = now.grew("cloudevents_bridge_failed_total") as usize;
    now.compare(&[("each attempt", failed), ("each loss", 20)]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_slow_and_then_away() {
    let (from, to) = (FakeQueue::new(), End::new());
    to.set(Does::TakesIts(50 * SECOND));
    let bridge = bridge(&from, &to);
    let mut now = Situation::begin("the target is slow, and is away after that", bridge.status());
    let watch = async {
        send(&from, 10).await;
        now.lasts(220 * SECOND).await;
        assert_eq!(
            (
                now.status.metrics().confirmed,
                now.said().iter().filter(|line| line.starts_with("WARN")).count()
            ),
            (4, 0)
        );
        to.is_away(true);
        now.lasts(100 * SECOND).await;
        assert!(now.line("stalls").contains("pending=6"));
        to.is_away(false);
        now.is_over_after(60 * SECOND).await;
    };
    bridge.run().until(watch).await.unwrap();
    let failed = now.grew("cloudevents_bridge_failed_total") as usize;
    now.compare(&[("each attempt", failed)]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_delivered_at_its_50th_attempt() {
    let (from, to) = (FakeQueue::new(), End::new());
    to.judges(|id, attempt| if id == "0" && attempt < 50 { Does::Fails(for_now()) } else { Does::Takes });
    let mut policy = BridgePolicy::default();
    policy.retry.longest = SECOND; // so that it is no outage of minutes
    let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), to.sender(), policy).unwrap();
    let mut now =
        Situation::begin("attempts fail for less than a minute, and then one succeeds", bridge.status());
    let watch = async {
        send(&from, 1).await;
        sleep(SECOND / 4).await;
        now.lasts(48 * SECOND).await;
        now.is_over_after(5 * SECOND).await;
    };
    bridge.run().until(watch).await.unwrap();
    assert!(now.line("failed=49").contains("0 of /tests"));
    assert_eq!(now.grew("cloudevents_bridge_failed_total"), 49.0);
    assert_eq!(now.grew("cloudevents_bridge_confirmed_total"), 1.0);
    now.compare(&[("each attempt", 49)]);
}

#[tokio::test(start_paused = true)]
async fn a_second_outage_within_a_minute() {
    let (from, to) = (FakeQueue::new(), End::new());
    let bridge = bridge(&from, &to);
    let mut now = Situation::begin("the target is away twice within a minute", bridge.status());
    beside_others(&from, bridge, async {
        sleep(SECOND).await;
        for outage in 1..=2 {
            to.is_away(true);
            now.lasts(15 * SECOND).await;
            let stalls = now.said().iter().filter(|line| line.contains("the bridge stalls")).count();
            assert_eq!(stalls, outage, "{:#?}", now.said());
            to.is_away(false);
            now.lasts(15 * SECOND).await;
        }
        sleep(31 * SECOND).await;
        assert_eq!(now.status.pending(), 0);
    })
    .await;
    let failed = now.grew("cloudevents_bridge_failed_total") as usize;
    now.compare(&[("each attempt", failed), ("each loss", 2), ("each outage", 2)]);
}

/// The target takes as many at once as the bridge sends. All others wait in the bridge.
#[tokio::test(start_paused = true)]
async fn as_many_messages_as_the_limit() {
    let (from, to) = (FakeQueue::new(), End::new());
    to.set(Does::TakesIts(3 * SECOND));
    let mut policy = BridgePolicy::default();
    policy.limit = 10;
    let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), to.sender(), policy).unwrap();
    let mut now = Situation::begin("as many messages are on their way as `limit` allows", bridge.status());
    let watch = async {
        from.sender().send_all((0..1000).map(|number| keyed(number, &number.to_string()))).await.unwrap();
        now.lasts(200 * SECOND).await;
        assert_eq!(now.status.activity().running(), 10);
    };
    bridge.run().until(watch).await.unwrap();
    now.compare(&[]);
}

#[tokio::test(start_paused = true)]
async fn more_messages_than_the_rate() {
    let (from, to) = (FakeQueue::new(), End::new());
    let mut policy = BridgePolicy::default();
    policy.rate = NonZeroU32::new(1);
    let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), to.sender(), policy).unwrap();
    let mut now = Situation::begin("more messages come than `rate` allows", bridge.status());
    let watch = async {
        from.sender().send_all((0..300).map(event)).await.unwrap();
        now.lasts(200 * SECOND).await;
        assert!((190..=202).contains(&now.status.metrics().confirmed), "{:?}", now.status);
    };
    bridge.run().until(watch).await.unwrap();
    now.compare(&[]);
}
