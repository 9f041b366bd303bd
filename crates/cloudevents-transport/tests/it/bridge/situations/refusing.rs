//! Messages that are refused, or lose a part.

use super::Situation;
use crate::{
    bridge::ends::{Does, End, SECOND, bridge, refused},
    event, keyed,
};
use cloudevents_core::{DecodeOptions, ErrorKind};
use cloudevents_transport::{
    Bridge, LossPolicy, Outgoing, SenderOptions,
    binding::queue::QueueOptions,
    bridge::{BridgePolicy, HOPS},
    fake::FakeQueue,
};
use tokio::time::sleep;

/// Refuses the event with the id "bad".
fn refuses_one() -> End {
    let to = End { of_messages: true, ..End::new() };
    to.judges(|id, _| if id == "bad" { Does::Fails(refused()) } else { Does::Takes });
    to
}

async fn many_and_a_bad_one(from: &FakeQueue, now: &mut Situation) {
    for number in 0..100 {
        let id = if number == 50 { "bad".to_owned() } else { number.to_string() };
        from.sender().send(&keyed(id, "a")).await.unwrap();
        now.lasts(SECOND).await;
    }
    assert_eq!(now.grew("cloudevents_received_total{end=\"source\"}"), 100.0);
    assert_eq!(now.grew("cloudevents_sent_total{end=\"target\"}"), 99.0);
    assert_eq!(now.grew("cloudevents_bridge_confirmed_total"), 99.0);
    assert_eq!(now.grew("cloudevents_bridge_all_refused_total"), 1.0);
    assert_eq!(now.status.metrics().refused, [("refused", 1)].into());
    assert_eq!(now.grew("cloudevents_bridge_refused_total{reason=\"refused\"}"), 1.0);
}

#[tokio::test(start_paused = true)]
async fn one_message_of_many_whose_letter_is_stored() {
    let (from, to, place) = (FakeQueue::new(), refuses_one(), FakeQueue::new());
    let mut policy = BridgePolicy::default();
    let letters = place.sender();
    letters.send(event(0)).await.unwrap(); // so that it is connected
    policy.dead_letters = Some(letters);
    let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), to.sender(), policy).unwrap();
    let status = bridge.status();
    let mut now = Situation::begin("the target refuses one message of many (`--dead-letter`)", status);
    bridge.run().until(many_and_a_bad_one(&from, &mut now)).await.unwrap();
    assert_eq!((place.len(), now.grew("cloudevents_sent_total{end=\"dead-letters\"}")), (2, 1.0));
    let line = now.line("refused");
    assert!(line.contains("bad of /tests") && line.contains("403 Forbidden"), "{line}");
    now.compare(&[]);
}

#[tokio::test(start_paused = true)]
async fn one_message_of_many_that_the_source_keeps_or_drops() {
    let options = QueueOptions::default;
    for (options, kept) in [
        (options().rejecting_to_broker(), 1),
        (options().dropping_rejected(), 0),
        (options().with_sink(End::new()), 0),
    ] {
        let (from, to) = (FakeQueue::new(), refuses_one());
        let receiver = from.receiver_with(DecodeOptions::strict(), options);
        let bridge = Bridge::new(receiver, to.sender(), BridgePolicy::default()).unwrap();
        let name = "the target refuses one message of many (`reject` or `dead-letter` of the source)";
        let mut now = Situation::begin(name, bridge.status());
        bridge.run().until(many_and_a_bad_one(&from, &mut now)).await.unwrap();
        assert_eq!((from.rejected().len(), from.len()), (kept, 0));
        let line = now.line("rejected");
        assert!(line.contains("bad of /tests") && line.contains("403 Forbidden"), "{line}");
        now.compare(&[]);
    }
}

#[tokio::test(start_paused = true)]
async fn messages_that_are_no_events() {
    for (name, kind) in [
        ("messages come that are no events", ErrorKind::NotACloudEvent),
        ("invalid events come, in binary mode", ErrorKind::MissingAttribute),
    ] {
        let (from, to) = (FakeQueue::new(), End::new());
        let bridge = bridge(&from, &to);
        let mut now = Situation::begin(name, bridge.status());
        let watch = async {
            for number in 0..10 {
                from.push_garbage(kind, b"what is this?");
                from.sender().send(&event(number)).await.unwrap();
                now.lasts(10 * SECOND).await;
            }
            assert_eq!((now.status.metrics().confirmed, from.rejected().len()), (10, 10));
            assert_eq!(now.status.metrics().refused, [(kind.code(), 10)].into());
            assert!(now.line("rejected").contains(" at 1 "), "{:#?}", now.said());
            now.is_over_after(SECOND).await;
        };
        bridge.run().until(watch).await.unwrap();
        let places = now.said().into_iter().filter(|line| line.contains("invalid event")).collect::<Vec<_>>();
        assert!(places.iter().all(|line| line.contains("offset: Some(")), "{places:#?}");
        now.compare(&[("each message", 10)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_circles() {
    let (from, to) = (FakeQueue::new(), End::new());
    let bridge = bridge(&from, &to);
    let mut now = Situation::begin("a message has passed too many bridges", bridge.status());
    let watch = async {
        from.sender().send(Outgoing::from(event("bad")).header(HOPS, "8")).await.unwrap();
        now.lasts(70 * SECOND).await;
        let line = now.line("rejected");
        assert!(line.contains("bad of /tests") && line.contains("bridges"), "{line}");
        assert_eq!(now.grew("cloudevents_bridge_looped_total"), 1.0);
        now.is_over_after(SECOND).await;
    };
    bridge.run().until(watch).await.unwrap();
    now.compare(&[]);
}

#[tokio::test(start_paused = true)]
async fn parts_that_the_target_does_not_carry() {
    let (from, to) = (FakeQueue::new(), End::new());
    let mut options = SenderOptions::default();
    options.losses = LossPolicy::Log;
    let sender = to.sender().with_options(options);
    let receiver = from.receiver(DecodeOptions::strict());
    let bridge = Bridge::new(receiver, sender, BridgePolicy::default()).unwrap();
    let mut now =
        Situation::begin("the target does not carry a header, and `losses` is `log`", bridge.status());
    let watch = async {
        for number in 0..10 {
            from.sender().send(Outgoing::from(event(number)).header("x-tenant", "7")).await.unwrap();
            now.lasts(10 * SECOND).await;
        }
        let line = now.line("a message is sent without");
        assert!(
            line.contains("x-tenant") && line.contains("event=") && !line.contains("event=None"),
            "{line}"
        );
        assert_eq!(now.grew("cloudevents_lossy_total{end=\"target\"}"), 10.0);
        sleep(SECOND).await;
    };
    bridge.run().until(watch).await.unwrap();
    now.compare(&[("each message", 10)]);
}
