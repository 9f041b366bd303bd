//! Dead letters that the place of the policy does not take as they are.

use crate::{Gives, event, events, received};
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Message};
use cloudevents_json::Json;
use cloudevents_testkit::logged::Logged;
use cloudevents_transport::{
    Bridge, Carries, Confirmed, Connectivity, Content, DeadLetter, DeadLetterSink, OrderBy, Outcome,
    Outgoing, Receipt, Received, Receiver, ReceiverCapabilities, Sender, SenderCapabilities, Settlement,
    binding::{Incoming, Settle, Token, Transmit, queue::QueueOptions},
    bridge::{BridgePolicy, Fate},
    fake::FakeQueue,
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{sleep, timeout};
use tracing::Level;

/// Stores dead letters where their receipt says.
struct Stores(Receipt);

impl DeadLetterSink for Stores {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        letter.stored_at(self.0.clone())
    }
}

/// At the destination of the source, and at that of the policy, whose receipts have an offset alone.
#[tokio::test(start_paused = true)]
async fn the_log_and_the_observer_have_the_place_of_a_dead_letter() {
    let receipt = Receipt::new().with_place("rejected").with_partition(1).with_offset(5);
    for of_policy in [false, true] {
        let (from, to, place, log) =
            (FakeQueue::new(), FakeQueue::new(), FakeQueue::new(), Logged::with_debug());
        to.refuse_if(|_| true);
        from.sender().send(event(1)).await.unwrap();
        let places = Arc::new(Mutex::new(Vec::new()));
        let mut policy = BridgePolicy::default();
        policy.dead_letters = of_policy.then(|| place.sender());
        policy.observer = Some(Arc::new({
            let places = Arc::clone(&places);
            move |received: &Received, fate: &Fate| {
                if let Fate::DeadLetter(_) = fate {
                    places.lock().unwrap().push(received.dead_letter().cloned());
                }
            }
        }));
        let options = QueueOptions::default().with_sink(Stores(receipt.clone()));
        let receiver = from.receiver_with(DecodeOptions::strict(), options);
        let bridge = Bridge::new(receiver, to.sender(), policy).unwrap();
        bridge.run().until(sleep(Duration::from_secs(60))).await.unwrap();
        let (level, words) = match of_policy {
            true => (Level::INFO, "refused; its dead letter is stored"),
            false => (Level::DEBUG, "the dead letter is stored"),
        };
        let lines = log.lines(Level::DEBUG).into_iter().filter(|line| line.text.starts_with(words));
        let lines: Vec<_> = lines.collect();
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert!(line.level == level && line.text.contains(" id=1 source=/tests "), "{line:?}");
        let places = places.lock().unwrap();
        let [Some(found)] = places.as_slice() else { panic!("{places:?}") };
        if of_policy {
            assert!(found.offset().is_some() && line.text.contains(" letter_offset="), "{line:?}");
        } else {
            assert_eq!(found, &receipt);
            let named = " letter=rejected/1 at 5 letter_place=";
            assert!(line.text.contains(named), "{line:?}");
            assert!(line.text.contains(" letter_partition=1 letter_offset=5"), "{line:?}");
        }
    }
}

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

/// Carries no keys, and headers as MQTT does.
struct Poor(Sender);

impl Transmit for Poor {
    fn capabilities(&self) -> SenderCapabilities {
        let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted).carrying(Carries::HEADERS);
        capabilities.headers_apart = false;
        capabilities
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        self.0.enqueue(outgoing).await
    }

    fn refuses_message(&self, error: &Error) -> Option<bool> {
        Some(self.0.refuses_message(error))
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

/// As where records of Kafka become dead letters over MQTT.
#[tokio::test(start_paused = true)]
async fn only_what_the_place_does_not_carry_is_left_out() {
    let (from, to, place) = (FakeQueue::new(), FakeQueue::new(), FakeQueue::new());
    to.refuse_if(|_| true);
    let message = Outgoing::from(event(1)).key("k").header("x-note", "ab").header("tenant", "north");
    from.sender().send(message.header("traceparent", "00-1-2-01")).await.unwrap();
    let mut policy = BridgePolicy::default();
    policy.dead_letters = Some(Sender::new(Poor(place.sender())));
    let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), to.sender(), policy).unwrap();
    bridge.run().until(sleep(Duration::from_secs(60))).await.unwrap();
    let letter = place.receiver(DecodeOptions::strict()).next().await.unwrap().unwrap();
    assert_eq!((letter.event().unwrap(), letter.key()), (event(1), None));
    let header = |name| letter.header_text(name).map(|value| value.into_owned());
    assert_eq!(header("x-note").as_deref(), Some("ab"));
    assert!(header("dead-letter-reason").is_some());
    assert_eq!((header("tenant"), header("traceparent")), (None, None));
}

/// As where a producer posts a batch, the target refuses one of its events, and the dead letters go to RabbitMQ.
#[tokio::test(start_paused = true)]
async fn a_batch_becomes_letters_of_its_events_where_the_place_takes_no_batches() {
    let (from, to, place) = (FakeQueue::new(), FakeQueue::new(), FakeQueue::new());
    to.refuse_if(|message| matches!(message, Message::Binary(event) if event.id() == "2"));
    let batch = Message::batched(&[event(1), event(2), event(3)], &Json::new()).unwrap().0;
    from.sender().send(Outgoing::from(batch).header("x-note", "ab")).await.unwrap();
    let mut policy = BridgePolicy::default();
    policy.dead_letters = Some(Sender::new(Poor(place.sender())));
    let target = Sender::new(Poor(to.sender())); // takes no batches, either
    let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), target, policy).unwrap();
    bridge.run().until(sleep(Duration::from_secs(60))).await.unwrap();
    assert_eq!((from.len(), to.len(), place.len()), (0, 2, 3));
    let mut letters = place.receiver(DecodeOptions::strict());
    for number in 1..=3 {
        let letter = letters.next().await.unwrap().unwrap();
        assert_eq!(letter.event().unwrap(), event(number));
        assert_eq!(letter.header_text("x-note").as_deref(), Some("ab"));
        assert!(letter.header("dead-letter-reason").is_some());
        letter.accept().await.unwrap();
    }
}

/// A peer that sends its message each second, until it is accepted or refused.
fn peer(message: Message, answers: &Arc<Mutex<Vec<Settlement>>>) -> Receiver {
    let answers = Arc::clone(answers);
    let next = move || {
        let (received, answers) = (received(message.clone()), Arc::clone(&answers));
        async move {
            sleep(Duration::from_secs(1)).await;
            let is_last =
                |answer: &Settlement| matches!(answer, Settlement::Accept | Settlement::Reject { .. });
            let has_answer = answers.lock().unwrap().iter().any(is_last);
            Ok((!has_answer).then(|| Incoming::new(received, Token::new(Answer(answers)))))
        }
    };
    Receiver::new(Gives(ReceiverCapabilities::exchange(), next), DecodeOptions::strict())
}

struct Answer(Arc<Mutex<Vec<Settlement>>>);

impl Settle for Answer {
    fn settle(self: Box<Self>, how: Settlement) -> Outcome {
        self.0.lock().unwrap().push(how);
        Outcome::done()
    }
}

/// As where one of the events is too large for the target and for the place.
#[tokio::test(start_paused = true)]
async fn letters_of_a_batch_are_not_repeated_for_one_that_can_never_be_stored() {
    let (to, place, answers) = (FakeQueue::new(), FakeQueue::new(), Arc::default());
    to.refuse_if(|message| matches!(message, Message::Binary(event) if event.id() == "2"));
    let batch = Message::batched(&[event(1), event(2), event(3)], &Json::new()).unwrap().0;
    let from = peer(batch, &answers);
    let mut policy = BridgePolicy::default();
    policy.dead_letters = Some(Sender::new(Picky(
        Sender::new(Poor(place.sender())),
        |outgoing| matches!(outgoing.content(), Content::Message(Message::Binary(event)) if event.id() != "2"),
    )));
    let bridge = Bridge::new(from, Sender::new(Poor(to.sender())), policy).unwrap();
    let status = bridge.status();
    bridge.run().until(sleep(Duration::from_secs(60))).await.unwrap();
    let answers = answers.lock().unwrap();
    assert!(matches!(answers[..], [Settlement::Reject { .. }]), "{answers:?}");
    assert_eq!((to.len(), place.len(), status.metrics().all_refused()), (2, 1, 1));
}

/// A peer that is refused may drop its message.
#[tokio::test(start_paused = true)]
async fn a_place_that_is_away_refuses_nothing_of_a_peer() {
    let (to, answers) = (FakeQueue::new(), Arc::default());
    to.refuse_if(|_| true);
    let from = peer(event(1).into(), &answers);
    let mut policy = BridgePolicy::default();
    policy.dead_letters = Some(Sender::new(Full));
    let bridge = Bridge::new(from, to.sender(), policy).unwrap();
    bridge.run().until(sleep(Duration::from_secs(60))).await.unwrap();
    let answers = answers.lock().unwrap();
    let is_later = |answer: &Settlement| matches!(answer, Settlement::Retry { .. } | Settlement::Release);
    assert!(answers.len() > 10 && answers.iter().all(is_later), "{answers:?}");
}

/// A place that is there, and takes nothing.
struct Full;

impl Transmit for Full {
    fn capabilities(&self) -> SenderCapabilities {
        SenderCapabilities::plain(Confirmed::Accepted).carrying(Carries::HEADERS.and(Carries::KEY))
    }

    async fn enqueue(&self, _: Outgoing) -> Result<Outcome<Receipt>, Error> {
        Err(Error::new(ErrorKind::Refused).with_detail("503 Service Unavailable"))
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// A sink that takes nothing.
impl DeadLetterSink for Full {
    async fn put(&self, _: DeadLetter) -> Result<(), Error> {
        Err(Error::new(ErrorKind::Refused).with_temporary(true))
    }
}

/// They are settled as far as the bridge is concerned, and at the source all the same.
#[tokio::test(start_paused = true)]
async fn letters_that_the_place_of_the_source_does_not_take_are_still_to_be_moved() {
    let (from, to) = (FakeQueue::with_credit(5), FakeQueue::new());
    to.refuse_if(|_| true);
    from.sender().send_all(events(10)).await.unwrap();
    let receiver = from.receiver_with(DecodeOptions::strict(), QueueOptions::default().with_sink(Full));
    let bridge = Bridge::new(receiver, to.sender(), BridgePolicy::default()).unwrap();
    let status = bridge.status();
    let watch = async {
        sleep(Duration::from_secs(60)).await;
        assert!(status.pending() == 5 && !status.is_ready(), "{status:?}");
    };
    bridge.run().until(watch).await.unwrap();
    // Those that have none at the end are reported, and are no dead letters.
    assert_eq!((status.metrics().all_refused(), status.waiting_letters(), from.len()), (0, 5, 10));
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
    policy.order = OrderBy::None;
    policy.dead_letters = Some(Sender::new(Picky(place.sender(), |_| false)));
    policy.observer = Some(Arc::new({
        let fates = Arc::clone(&fates);
        move |_, fate: &Fate| {
            if let Fate::Waiting { error, .. } = fate {
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
