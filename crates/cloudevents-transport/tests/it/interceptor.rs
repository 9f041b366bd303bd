//! What interceptors see.

use crate::{event, filled, until_settled};
use cloudevents_core::{DecodeOptions, ErrorKind, Event};
use cloudevents_testkit::logged::Logged;
use cloudevents_transport::{
    AfterSend, Bridge, Carries, Delivery, Failure, Handling, Interceptor, Outgoing, ReceiverOptions,
    SenderCapabilities, Transports, UnreadablePolicy,
    binding::log::LogOptions,
    bridge::BridgePolicy,
    fake::{FakeLog, FakeQueue},
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tracing::Span;

/// Writes down what happens, and adds a header.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn add(&self, line: impl ToString) {
        self.0.lock().unwrap().push(line.to_string());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn interceptor(&self) -> Arc<dyn Interceptor> {
        Arc::new(self.clone())
    }
}

impl Interceptor for Notes {
    fn sending(&self, message: &mut Outgoing, to: SenderCapabilities) -> Option<AfterSend> {
        if to.carries.contains(Carries::HEADERS) {
            message.set_header("hop", "1");
            message.set_header("hop", "2");
        }
        self.add("sending");
        let notes = self.clone();
        Some(Box::new(move |sent| match sent {
            Ok(receipt) => notes.add(format!("sent to {:?}", receipt.offset())),
            Err(error) => notes.add(format!("not sent: {}", error.kind().code())),
        }))
    }

    fn handling(&self, delivery: &Delivery) -> Option<Handling> {
        let (id, attempt) = (delivery.event().unwrap().id().to_owned(), delivery.attempt());
        self.add(format!("handling {id}, attempt {attempt}"));
        let notes = self.clone();
        let after = move |ended: Result<(), &Failure>| match ended {
            Ok(()) => notes.add(format!("handled {id}")),
            Err(failure) if failure.is_reject() => notes.add(format!("rejected {id}: {failure}")),
            Err(failure) => notes.add(format!("failed {id}: {failure}")),
        };
        Some(Handling::new(tracing::info_span!("process")).with_after(after))
    }
}

/// Panics wherever it is called.
struct Bomb;

impl Interceptor for Bomb {
    fn sending(&self, message: &mut Outgoing, _: SenderCapabilities) -> Option<AfterSend> {
        assert!(message.record_key().is_some(), "a bomb");
        Some(Box::new(|_| panic!("a bomb")))
    }

    fn handling(&self, delivery: &Delivery) -> Option<Handling> {
        assert!(delivery.key().is_some(), "a bomb");
        Some(Handling::new(Span::none()).with_after(|_| panic!("a bomb")))
    }
}

#[tokio::test(start_paused = true)]
async fn a_send_is_seen_before_and_after_with_its_outcome() {
    let (log, notes) = (FakeLog::new(1), Notes::default());
    let sender = log.sender().with_interceptor(notes.interceptor());
    sender.send(&event(1)).await.unwrap();
    drop(sender.enqueue(&event(2)).await.unwrap()); // not awaited: seen all the same
    sender.clone().send_all([event(3)]).await.unwrap();
    sender.close().await.unwrap();
    assert_eq!(sender.send(&event(4)).await.unwrap_err().kind(), ErrorKind::Closed);
    let sent = |offset| ["sending".to_owned(), format!("sent to Some({offset})")];
    let mut expected: Vec<_> = (0..3).flat_map(sent).collect();
    expected.extend(["sending".to_owned(), "not sent: closed".to_owned()]);
    assert_eq!(notes.lines(), expected);

    let options = LogOptions::default().with_sink(log.sink());
    let (mut receiver, _) = log.receiver(DecodeOptions::strict(), options).unwrap();
    let delivery = receiver.next().await.unwrap().unwrap();
    let hops = delivery.headers().iter().filter(|(name, _)| *name == "hop").count();
    assert_eq!((hops, delivery.header_text("hop").as_deref()), (1, Some("2")));
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_comes_late_is_seen_once() {
    let (queue, notes) = (FakeQueue::new(), Notes::default());
    queue.hold_confirms(true);
    let sender = queue.sender().with_interceptor(notes.interceptor());
    let outcome = sender.enqueue(&event(1)).await.unwrap();
    assert_eq!(notes.lines(), ["sending"]);
    queue.hold_confirms(false);
    outcome.await.unwrap();
    assert_eq!(notes.lines(), ["sending", "sent to Some(1)"]);
}

#[tokio::test(start_paused = true)]
async fn each_attempt_is_seen_with_its_outcome_and_runs_in_its_span() {
    let _logged = Logged::begin(); // with a subscriber that has spans
    let (queue, notes) = (filled(3).await, Notes::default());
    let receiver = queue.receiver(ReceiverOptions::default()).with_interceptor(notes.interceptor());
    let settled = until_settled(receiver.counters(), 3);
    let handle = async |(event, delivery): (Event, Delivery)| {
        tokio::task::yield_now().await;
        let span = Span::current();
        assert_eq!(span.metadata().map(|metadata| metadata.name()), Some("process"));
        match (event.id(), delivery.attempt()) {
            ("1", 1) => Err(Failure::retry_after(Duration::from_secs(1), "busy")),
            ("2", _) => Err(Failure::reject("never")),
            _ => Ok(()),
        }
    };
    receiver.run(handle).concurrency(1).until(settled).await.unwrap();
    assert_eq!(
        notes.lines(),
        [
            "handling 0, attempt 1",
            "handled 0",
            "handling 1, attempt 1",
            "failed 1: busy",
            "handling 2, attempt 1",
            "rejected 2: never",
            "handling 1, attempt 2",
            "handled 1",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_ends_the_receiver_has_no_outcome() {
    /// Counts outcomes.
    struct Told(Arc<Mutex<usize>>);

    impl Interceptor for Told {
        fn handling(&self, _: &Delivery) -> Option<Handling> {
            let told = Arc::clone(&self.0);
            Some(Handling::new(Span::none()).with_after(move |_| *told.lock().unwrap() += 1))
        }
    }

    let (queue, told) = (filled(1).await, Arc::new(Mutex::new(0)));
    queue.push_garbage(ErrorKind::MissingAttribute, b"malformed");
    let mut options = ReceiverOptions::default();
    options.malformed = UnreadablePolicy::Deliver;
    let receiver = queue.receiver(options).with_interceptor(Arc::new(Told(Arc::clone(&told))));
    let error = receiver.run(async |_: Event| ()).concurrency(1).await.unwrap_err();
    assert_eq!((error.kind(), *told.lock().unwrap()), (ErrorKind::MissingAttribute, 1));
}

#[tokio::test(start_paused = true)]
async fn a_bridge_is_seen_at_both_ends() {
    let (from, to, notes) = (filled(1).await, FakeQueue::new(), Notes::default());
    let (source, target) = (from.clone(), to.clone());
    let interceptor = notes.interceptor();
    let transports = Transports::default()
        .with_interceptors(move |endpoint| {
            assert!(endpoint.scheme().starts_with("fake"));
            Arc::clone(&interceptor)
        })
        .with_receiver("fake+from", move |_, options: ReceiverOptions| {
            let receiver = source.receiver(options);
            async move { Ok(receiver) }
        })
        .with_sender("fake+to", move |_, _| {
            let sender = target.sender();
            async move { Ok(sender) }
        });
    let receiver = transports.receiver("fake+from://localhost/a").await.unwrap();
    let sender = transports.sender("fake+to://localhost/b").await.unwrap();
    let settled = until_settled(receiver.counters(), 1);
    Bridge::new(receiver, sender, BridgePolicy::default()).unwrap().run().until(settled).await.unwrap();
    assert_eq!(notes.lines(), ["handling 0, attempt 1", "sending", "sent to Some(1)", "handled 0"]);
}

#[tokio::test(start_paused = true)]
async fn panics_of_an_interceptor_lose_nothing() {
    let queue = FakeQueue::new();
    let sender = queue.sender().with_interceptor(Arc::new(Bomb));
    sender.send(&event(1)).await.unwrap();
    sender.send(Outgoing::from(&event(2)).key("k")).await.unwrap();
    let receiver = queue.receiver(ReceiverOptions::default()).with_interceptor(Arc::new(Bomb));
    let (counters, handled) = (receiver.counters(), Mutex::new(Vec::new()));
    let settled = until_settled(counters.clone(), 2);
    let handle = async |event: Event| handled.lock().unwrap().push(event.id().to_owned());
    receiver.run(handle).concurrency(1).until(settled).await.unwrap();
    assert_eq!(
        (handled.into_inner().unwrap(), counters.snapshot().handlers_failed),
        (vec!["1".into(), "2".into()], 0)
    );
}

/// An attempt that is abandoned has no outcome.
#[tokio::test(start_paused = true)]
async fn an_attempt_at_a_lost_message_ends_without_an_outcome() {
    let (queue, notes) = (filled(1).await, Notes::default());
    let receiver = queue.receiver(ReceiverOptions::default()).with_interceptor(notes.interceptor());
    let settled = until_settled(receiver.counters(), 1);
    let cut = queue.clone();
    let handle = async |delivery: Delivery| {
        if !delivery.is_redelivered().unwrap_or_default() && delivery.attempt() == 1 {
            cut.cut();
            delivery.revoked().await;
            std::future::pending::<()>().await;
        }
    };
    receiver.run(handle).concurrency(1).until(settled).await.unwrap();
    let lines = notes.lines();
    assert_eq!(lines.iter().filter(|line| line.starts_with("handling")).count(), 2, "{lines:?}");
    assert_eq!(lines.iter().filter(|line| *line == "handled 0").count(), 1, "{lines:?}");
}
