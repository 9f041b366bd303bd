//! Dead letters that the place of the policy does not take as they are.

use crate::event;
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_transport::{
    Bridge, Connectivity, Content, Outcome, Outgoing, Receipt, Sender, SenderCapabilities,
    binding::Transmit,
    bridge::{BridgePolicy, Fate},
    fake::FakeQueue,
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{sleep, timeout};

/// Cannot express some messages.
struct Picky(Sender, fn(&Outgoing) -> bool);

impl Transmit for Picky {
    fn capabilities(&self) -> SenderCapabilities {
        self.0.capabilities()
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        if !self.1(&outgoing) {
            return Err(Error::new(ErrorKind::Unsupported).with_detail("a tab"));
        }
        self.0.enqueue(outgoing).await
    }

    fn connectivity(&self) -> Connectivity {
        self.0.connectivity()
    }

    async fn close(&self) -> Result<(), Error> {
        self.0.close().await
    }
}

fn without_tabs(queue: &FakeQueue) -> Sender {
    Sender::new(Picky(queue.sender(), |outgoing| {
        let received = match outgoing.content() {
            Content::AsReceived(received) => received.header("fake"),
            _ => None,
        };
        received.is_none() && outgoing.headers().all(|(_, value)| !value.contains(&b'\t'))
    }))
}

/// As where a header with a tab goes to MQTT, and the dead letters, too.
#[tokio::test(start_paused = true)]
async fn what_the_place_cannot_express_is_left_out() {
    let (from, to, place) = (FakeQueue::new(), FakeQueue::new(), FakeQueue::new());
    let message = |id, value| Outgoing::from(event(id)).key("k").header("x-note", value);
    for message in [message(1, "a\tb"), message(2, "ab")] {
        from.sender().send(message).await.unwrap();
    }
    from.push_garbage(ErrorKind::InvalidDocument, b"broken"); // with a header
    let mut policy = BridgePolicy::default();
    policy.dead_letters = Some(without_tabs(&place));
    let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), without_tabs(&to), policy).unwrap();
    let status = bridge.status();
    bridge.run().until(sleep(Duration::from_secs(60))).await.unwrap();
    assert_eq!((from.len(), to.len(), place.len()), (0, 1, 2));
    assert_eq!((status.metrics().failed, status.metrics().refused["unsupported"]), (0, 1));

    let mut letters = place.receiver(DecodeOptions::strict());
    let header = |letter: &cloudevents_transport::Delivery, name| {
        letter.header_text(name).map(|value| value.into_owned())
    };
    let (mut of_events, mut others) = (0, 0);
    while let Ok(letter) = timeout(Duration::from_secs(1), letters.next()).await {
        let letter = letter.unwrap().unwrap();
        assert_eq!(header(&letter, "x-note"), None);
        match letter.event() {
            Ok(found) => {
                assert_eq!(found, event(1));
                assert_eq!(header(&letter, "dead-letter-error").as_deref(), Some("unsupported"));
                of_events += 1;
            }
            Err(_) => {
                assert_eq!(letter.body().unwrap(), "broken");
                others += 1;
            }
        }
        assert!(header(&letter, "dead-letter-reason").is_some());
        letter.accept().await.unwrap();
    }
    assert_eq!((of_events, others), (1, 1));
}

/// What is not stored stays at the source. No other message waits for it, and the target is not said to be away.
#[tokio::test(start_paused = true)]
async fn a_place_that_takes_a_message_in_no_form_is_no_outage() {
    let (from, to, place) = (FakeQueue::new(), FakeQueue::new(), FakeQueue::new());
    to.refuse_if(|message| {
        message.attribute("id", &DecodeOptions::strict()).unwrap().as_deref() == Some("1")
    });
    from.sender().send_all([event(1), event(2)]).await.unwrap();
    let fates = Arc::new(Mutex::new(Vec::new()));
    let mut policy = BridgePolicy::default();
    policy.dead_letters = Some(Sender::new(Picky(place.sender(), |_| false)));
    policy.observer = Some(Arc::new({
        let fates = Arc::clone(&fates);
        move |_, fate: &Fate| {
            if let Fate::Failed(error) = fate {
                fates.lock().unwrap().push(error.kind());
            }
        }
    }));
    // Both ends were used, and so are connected.
    place.sender().send(event(0)).await.unwrap();
    let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), to.sender(), policy).unwrap();
    let status = bridge.status();
    let watch = async {
        sleep(Duration::from_secs(600)).await;
        assert_eq!(to.len(), 1);
        assert_eq!(status.received().outages, 0);
        assert!(!format!("{status:?}").contains("available: false"), "{status:?}");
    };
    bridge.run().until(watch).await.unwrap();
    let fates = fates.lock().unwrap();
    assert!(fates.len() > 10 && fates.iter().all(|kind| *kind == ErrorKind::Unsupported), "{fates:?}");
    assert_eq!((from.len(), place.len()), (1, 1));
}
