//! The end of a bridge.

use super::Situation;
use crate::{
    bridge::ends::{Does, End, SECOND, bridge},
    keyed,
};
use cloudevents_core::ErrorKind;
use cloudevents_transport::fake::FakeQueue;
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn an_end_with_messages_on_their_way() {
    for (name, does, left) in [
        (
            "SIGTERM comes, and the target takes the messages on their way in time",
            Does::TakesIts(20 * SECOND),
            0,
        ),
        ("SIGTERM comes, and the target takes the messages on their way too late", Does::Hangs, 3),
    ] {
        let (from, to) = (FakeQueue::new(), End::new());
        to.set(does);
        let bridge = bridge(&from, &to);
        let mut now = Situation::begin(name, bridge.status());
        let watch = async {
            from.sender().send_all(["1", "2", "3"].map(|id| keyed(id, id))).await.unwrap();
            sleep(SECOND).await;
            assert_eq!(now.status.activity().running(), 3);
            now.lasts(60 * SECOND).await;
        };
        let (ended, ()) = tokio::join!(bridge.run().until(sleep(5 * SECOND)), watch);
        assert_eq!(
            (from.len(), now.status.metrics().confirmed, now.status.pending()),
            (left, 3 - left as u64, 0)
        );
        let late = ended.err();
        assert_eq!(late.as_ref().map(|error| error.kind()), (left > 0).then_some(ErrorKind::Timeout));
        assert!(late.is_none_or(|error| error.detail().ends_with("at the deadline: 3")));
        now.compare(&[]);
    }
}
