//! Messages that are no events, and of which the receiver makes some.

use crate::{event, with_capabilities};
use cloudevents_core::{DecodeOptions, Decoded, Document, Error, ErrorKind, FormatId, Message, Payload};
use cloudevents_json::Json;
use cloudevents_transport::{
    Bridge, Carries, Confirmed, Content, EventFilter, OrderBy, Outcome, Outgoing, Receipt, Received,
    Receiver, ReceiverOptions, Sender, SenderCapabilities, UnreadablePolicy,
    binding::{Transmit, log::LogOptions},
    bridge::{BridgePolicy, BridgeStatus, Foreign, Redrive},
    fake::{FakeLog, FakeQueue},
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::sleep;

const FOREIGN: ErrorKind = ErrorKind::NotACloudEvent;

/// An event for each word. A body without words is none of these documents, and `!` is one that has no event.
fn words(received: &Received, _: &DecodeOptions) -> Option<Result<Decoded<Message>, Error>> {
    let body = received.body()?;
    let text = std::str::from_utf8(&body).ok().filter(|text| !text.is_empty())?;
    if text == "!" {
        return Some(Err(Error::new(FOREIGN).with_detail("it has no words")));
    }
    let events: Vec<_> = text.split(' ').map(event).collect();
    let message = match events.as_slice() {
        [event] => Message::from(event),
        events => Message::batched(events, &Json::new()).unwrap().0,
    };
    Some(Ok(Decoded::clean(message)))
}

fn receiver(queue: &FakeQueue) -> Receiver {
    queue.receiver(DecodeOptions::strict()).convert(words)
}

async fn run(from: Receiver, to: Sender, policy: BridgePolicy) -> BridgeStatus {
    let bridge = Bridge::new(from, to, policy).unwrap();
    let status = bridge.status();
    bridge.run().until(sleep(Duration::from_secs(600))).await.unwrap();
    status
}

/// Records the ids of events, each with the headers. It fails what it is asked to.
#[derive(Clone, Default)]
struct Target {
    seen: Arc<Mutex<Vec<String>>>,
    notes: Arc<Mutex<Vec<String>>>,
    /// The id of an event, how often it fails, and whether that can pass.
    fails: Option<(&'static str, usize, bool)>,
    batches: bool,
}

impl Target {
    fn failing(id: &'static str, times: usize, passes: bool) -> Self {
        Self { fails: Some((id, times, passes)), ..Self::default() }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Transmit for Target {
    fn capabilities(&self) -> SenderCapabilities {
        let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted).carrying(Carries::HEADERS);
        capabilities.batches = self.batches;
        capabilities
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        tokio::task::yield_now().await;
        let id = match outgoing.content() {
            Content::Message(Message::Binary(event)) => event.id(),
            Content::Message(Message::Structured(_)) => "a document",
            _ => panic!("{outgoing:?}"),
        };
        let mut seen = self.seen.lock().unwrap();
        let before = seen.iter().filter(|known| **known == id).count();
        seen.push(id.to_owned());
        let notes = outgoing.headers().filter(|(name, _)| *name == "x-note");
        self.notes.lock().unwrap().extend(notes.map(|(_, note)| format!("{note:?}")));
        match self.fails {
            Some((failing, times, passes)) if failing == id && before < times => {
                Err(Error::new(ErrorKind::Refused).with_temporary(passes))
            }
            _ => Ok(Outcome::ready(Ok(Receipt::new()))),
        }
    }

    fn refuses_message(&self, error: &Error) -> Option<bool> {
        Some(!error.is_temporary())
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// Takes everything but batches, as most brokers do.
fn single(sender: Sender) -> Sender {
    let mut capabilities = sender.capabilities();
    capabilities.batches = false;
    with_capabilities(sender, capabilities)
}

/// Also where the target takes batches, which may be more than its reader expects.
#[tokio::test(start_paused = true)]
async fn each_event_is_sent_by_itself_in_order() {
    for batches in [false, true] {
        let from = FakeQueue::new();
        for body in ["a b c", "d", "e f"] {
            from.push_garbage(FOREIGN, body.as_bytes());
        }
        from.sender().send(&event("g")).await.unwrap();
        let to = Target { batches, ..Target::default() };
        let status = run(receiver(&from), Sender::new(to.clone()), BridgePolicy::default()).await;
        assert_eq!(to.seen(), ["a", "b", "c", "d", "e", "f", "g"]);
        assert_eq!((from.len(), status.metrics().confirmed, status.received().accepted), (0, 4, 4));
        assert_eq!(status.received().not_cloud_events, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_settled_when_all_of_its_events_are_taken() {
    let log = FakeLog::new(1);
    for body in ["a b c", "d"] {
        log.append_garbage(0, FOREIGN, body.as_bytes());
    }
    // Twice, the target cannot take the second event now: all come again, and nothing overtakes them.
    let made = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&made);
    let (receiver, _) =
        log.receiver(DecodeOptions::strict(), LogOptions::default().dropping_rejected()).unwrap();
    let receiver = receiver.convert(move |received, with| {
        counted.fetch_add(1, Ordering::Relaxed);
        words(received, with)
    });
    let to = Target::failing("b", 2, true);
    let status = run(receiver, Sender::new(to.clone()), BridgePolicy::default()).await;
    assert_eq!(to.seen(), ["a", "b", "a", "b", "a", "b", "c", "d"]);
    assert_eq!((log.committed(0), status.metrics().failed, status.metrics().confirmed), (2, 2, 2));
    assert_eq!(made.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn what_a_log_delivers_again_is_made_once() {
    let log = FakeLog::new(1);
    log.append_garbage(0, FOREIGN, b"a b");
    let made = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&made);
    let (receiver, _) =
        log.receiver(DecodeOptions::strict(), LogOptions::default().dropping_rejected()).unwrap();
    let mut receiver = receiver.convert(move |received, with| {
        counted.fetch_add(1, Ordering::Relaxed);
        words(received, with)
    });
    for attempt in 1..=3 {
        let delivery = receiver.next().await.unwrap().unwrap();
        assert_eq!((delivery.attempt(), delivery.events().unwrap().len()), (attempt, 2));
        // Both are in memory.
        let made = delivery.message().unwrap().body_len();
        assert_eq!(receiver.in_flight().used().bytes, delivery.origin().size() + made);
        delivery.retry(Duration::from_secs(1)).await.unwrap();
    }
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_letter_is_what_was_received_where_its_place_takes_that() {
    // The place of the policy, and that of the receiver.
    for has_own in [true, false] {
        let (from, place) = (FakeQueue::new(), FakeQueue::new());
        from.push_garbage(FOREIGN, b"a b c");
        let mut policy = BridgePolicy::default();
        policy.dead_letters = has_own.then(|| single(place.sender()));
        let to = Target::failing("b", usize::MAX, false);
        let status = run(receiver(&from), Sender::new(to.clone()), policy).await;
        assert_eq!((to.seen(), from.len()), (vec!["a".into(), "b".into(), "c".to_owned()], 0));
        assert_eq!((status.metrics().all_refused(), status.metrics().confirmed), (1, 0));
        if !has_own {
            let (body, reason) = from.rejected().remove(0);
            assert_eq!(body.unwrap(), "a b c");
            assert!(reason.contains("event 1 of the batch"), "{reason}");
            continue;
        }
        let mut letters = place.receiver(DecodeOptions::strict());
        let letter = letters.next().await.unwrap().unwrap();
        assert_eq!((letter.event().unwrap_err().kind(), letter.body().unwrap()), (FOREIGN, "a b c".into()));
        assert!(letter.header_text("dead-letter-reason").unwrap().contains("event 1 of the batch"));
        assert_eq!(letter.header_text("fake").as_deref(), Some("garbage"));
        drop(letter);
        drop(letters);
        // It can be made anew, when what makes it is mended.
        let mut policy = BridgePolicy::default();
        policy.redrive = Some(Redrive::default());
        let to = Target::default();
        run(receiver(&place), Sender::new(to.clone()), policy).await;
        assert_eq!((to.seen(), place.len()), (vec!["a".into(), "b".into(), "c".to_owned()], 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_that_takes_events_only_gets_those() {
    let from = FakeQueue::new();
    from.push_garbage(FOREIGN, b"a b");
    let (to, place) = (Target::failing("b", usize::MAX, false), Target::default());
    let mut policy = BridgePolicy::default();
    policy.dead_letters = Some(Sender::new(place.clone()));
    run(receiver(&from), Sender::new(to.clone()), policy).await;
    assert_eq!((place.seen(), from.len()), (vec!["a".to_owned(), "b".into()], 0));
}

#[tokio::test(start_paused = true)]
async fn filters_orders_and_headers_are_those_of_the_events() {
    let (from, to) = (FakeQueue::new(), Target::default());
    for body in ["a b", "c", "d e"] {
        from.push_garbage(FOREIGN, body.as_bytes());
    }
    let is_wanted = |message: &Message, with: &DecodeOptions| {
        Ok(matches!(message.attribute("id", with)?.as_deref(), Some("b" | "c")))
    };
    let filtered = receiver(&from).filter(EventFilter::new(is_wanted).drop_unmatched()).unwrap();
    let mut policy = BridgePolicy::default();
    policy.order = OrderBy::attribute("id");
    policy.headers.rename.push(("fake".into(), "x-note".into()));
    let status = run(filtered, Sender::new(to.clone()), policy).await;
    assert_eq!((to.seen(), status.received().unmatched), (vec!["a".to_owned(), "b".into(), "c".into()], 1));
    assert_eq!(*to.notes.lock().unwrap(), [r#"b"garbage""#; 3]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_converted_is_treated_as_before() {
    // Nothing is made of the first, the second has no event, and the third claims to be one.
    let put = |queue: &FakeQueue| {
        queue.push_garbage(FOREIGN, b"");
        queue.push_garbage(FOREIGN, b"!");
        queue.push_garbage(ErrorKind::MissingAttribute, b"a b");
    };
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    put(&from);
    let status = run(receiver(&from), to.sender(), BridgePolicy::default()).await;
    let reasons: Vec<_> = from.rejected().into_iter().map(|(_, reason)| reason).collect();
    assert!(reasons.len() == 3 && reasons[1].contains("it has no words"), "{reasons:?}");
    assert_eq!((to.len(), status.received().not_cloud_events), (0, 2));

    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    put(&from);
    let mut policy = BridgePolicy::default();
    policy.foreign = Foreign::Forwarded;
    run(receiver(&from), to.sender(), policy).await;
    assert_eq!((to.len(), from.rejected().len()), (2, 1));

    let from = FakeQueue::new();
    put(&from);
    let mut options = ReceiverOptions::from(DecodeOptions::strict());
    options.not_cloudevents = UnreadablePolicy::Skip;
    let skipping = from.receiver(options).convert(words);
    let status = run(skipping, FakeQueue::new().sender(), BridgePolicy::default()).await;
    assert_eq!((status.received().skipped, from.rejected().len()), (2, 1));
}

/// As over MQTT 3.1.1, where every document could be an event.
#[tokio::test(start_paused = true)]
async fn documents_are_converted_too_and_events_of_binary_mode_are_not() {
    let (from, to) = (FakeQueue::new(), Target::default());
    for document in ["a", ""] {
        let document = Document::new(FormatId::JSON, document);
        from.sender().send(Message::Structured(document)).await.unwrap();
    }
    // Its payload is that of an event.
    let event = event("b").into_builder().payload("text/plain", Payload::text("c d")).build().unwrap();
    from.sender().send(&event).await.unwrap();
    run(receiver(&from), Sender::new(to.clone()), BridgePolicy::default()).await;
    assert_eq!(to.seen(), ["a", "a document", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_function_that_panics_leaves_the_message() {
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    from.push_garbage(FOREIGN, b"a");
    from.sender().send(&event("b")).await.unwrap();
    let receiver = from.receiver(DecodeOptions::strict()).convert(|_, _| panic!("of the program"));
    run(receiver, to.sender(), BridgePolicy::default()).await;
    assert_eq!((to.len(), from.rejected().len()), (1, 1));
}
