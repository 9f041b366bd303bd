//! Dead letters that their place does not take as they are, and those that wait.

use crate::{event, with_capabilities};
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Event};
use cloudevents_testkit::logged::Logged;
use cloudevents_transport::{
    Bounds, By, Confirmed, DeadLetter, DeadLetterSink, Failure, Outgoing, Receiver, ReceiverCapabilities,
    RunState, Sender, SenderCapabilities,
    binding::{log::LogOptions, queue::QueueOptions},
    fake::{FakeLog, FakeQueue},
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// Takes letters of at most so many bytes.
#[derive(Clone, Default)]
struct Small {
    most: Arc<AtomicUsize>,
    stored: Arc<Mutex<Vec<DeadLetter>>>,
}

impl Small {
    fn letter(&self) -> DeadLetter {
        self.stored.lock().unwrap().pop().expect("a letter is stored")
    }
}

impl DeadLetterSink for Small {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        let own = letter.headers().iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        if own + letter.received.size() > self.most.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::TooLarge));
        }
        self.stored.lock().unwrap().push(letter);
        Ok(())
    }
}

/// When something was tried that never succeeds.
#[derive(Clone, Default)]
struct Attempts(Arc<Mutex<Vec<Instant>>>);

impl Attempts {
    async fn begin(&self) {
        let attempts = {
            let mut times = self.0.lock().unwrap();
            times.push(Instant::now());
            times.len()
        };
        if attempts > 1_000 {
            std::future::pending::<()>().await; // or a loop without pauses would not end
        }
    }

    /// There is neither a hot loop nor a long idle time in the first second and in the first minute.
    fn are_bounded(&self, what: &str) {
        let times = self.0.lock().unwrap();
        let within = |seconds| times.iter().filter(|at| (**at - times[0]).as_secs() < seconds).count();
        let (second, minute) = (within(1), within(60));
        assert!((2..=20).contains(&second), "{what}: {second} attempts in a second");
        assert!((5..=700).contains(&minute), "{what}: {minute} attempts in a minute");
    }
}

impl DeadLetterSink for Attempts {
    async fn put(&self, _: DeadLetter) -> Result<(), Error> {
        self.begin().await;
        Err(Error::new(ErrorKind::Unreachable))
    }
}

/// Whatever pause the options have: a place that refuses each letter is tried now and then.
#[tokio::test(start_paused = true)]
async fn a_place_that_refuses_everything_is_tried_now_and_then() {
    async fn reject(_: Event) -> Result<(), Failure> {
        Err(Failure::reject("never"))
    }
    let minute = || sleep(Duration::from_secs(61));
    for backoff in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(10)] {
        let (queue, of_queue) = (FakeQueue::new(), Attempts::default());
        queue.sender().send(event(1)).await.unwrap();
        let mut options = QueueOptions::default().with_sink(of_queue.clone());
        options.sink_backoff = backoff;
        let receiver = queue.receiver_with(DecodeOptions::strict(), options);
        let _ = receiver.run(reject).until(minute()).await; // the letter stays
        of_queue.are_bounded(&format!("a queue, {backoff:?}"));

        let (log, of_log) = (FakeLog::new(1), Attempts::default());
        log.sender().send(event(1)).await.unwrap();
        let mut options = LogOptions::default().with_sink(of_log.clone());
        options.sink_backoff = backoff;
        let (receiver, _consumer) = log.receiver(DecodeOptions::strict(), options).unwrap();
        let _ = receiver.run(reject).until(minute()).await; // the letter stays
        of_log.are_bounded(&format!("a log, {backoff:?}"));
    }
}

/// Without a pause in the options, too: the message comes again, because its broker has no place for it.
#[tokio::test(start_paused = true)]
async fn a_message_that_its_broker_cannot_reject_comes_again_now_and_then() {
    for redelivers in [By::Broker, By::Memory] {
        let mut capabilities = ReceiverCapabilities::queue();
        (capabilities.rejects, capabilities.redelivers) = (By::None, redelivers);
        let (queue, handled) = (FakeQueue::with_capabilities(capabilities), Attempts::default());
        queue.sender().send(event(1)).await.unwrap();
        let mut options = QueueOptions::default().rejecting_to_broker();
        options.sink_backoff = Duration::ZERO;
        let handle = async |_: Event| -> Result<(), Failure> {
            handled.begin().await;
            Err(Failure::reject("never"))
        };
        let receiver = queue.receiver_with(DecodeOptions::strict(), options);
        let _ = receiver.run(handle).until(sleep(Duration::from_secs(61))).await; // the message stays
        handled.are_bounded(&format!("{redelivers:?}"));
    }
}

/// A key of 200 bytes, a header of a thousand, and a payload of a hundred.
fn large() -> (Event, Outgoing) {
    let event = event(1).into_builder().text("x".repeat(100)).build().unwrap();
    let outgoing = Outgoing::from(&event).key("k".repeat(200)).header("x", "x".repeat(1000));
    (event, outgoing)
}

/// A queue and a log.
fn sources(sink: &Small) -> [(Sender, Receiver); 2] {
    let (queue, log) = (FakeQueue::new(), FakeLog::new(1));
    let options = QueueOptions::default().with_sink(sink.clone());
    let of_log = log.receiver(DecodeOptions::strict(), LogOptions::default().with_sink(sink.clone()));
    [
        (queue.sender(), queue.receiver_with(DecodeOptions::strict(), options)),
        (log.sender(), of_log.unwrap().0),
    ]
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_stored_without_a_part() {
    let sink = Small::default();
    for (sender, mut receiver) in sources(&sink) {
        for (most, left_out) in [(2000, 0), (1350, 1), (350, 2), (150, 3)] {
            let (said, begun) = (Logged::begin(), Instant::now());
            sink.most.store(most, Ordering::Relaxed);
            let (event, outgoing) = large();
            sender.send(outgoing).await.unwrap();
            receiver.next().await.unwrap().unwrap().reject("no").await.unwrap();
            assert_eq!(begun.elapsed(), Duration::ZERO, "it does not wait for another time");
            let letter = sink.letter();
            assert_eq!(letter.received.body().as_deref(), Some("x".repeat(100).as_bytes()));
            assert_eq!(letter.headers().is_empty(), left_out >= 1);
            assert_eq!(letter.received.header("x").is_none(), left_out >= 2);
            assert_eq!(letter.received.key().is_none(), left_out >= 3);
            let found = letter.received.message().map(|message| message.event(&DecodeOptions::strict()));
            assert_eq!(found.ok().map(|event| event.unwrap().value), (left_out < 3).then_some(event));
            assert_eq!(said.text().matches("is stored without a part").count(), usize::from(left_out > 0));
        }
        receiver.drain(Duration::from_secs(1)).await.unwrap();
    }
}

/// Another place, over a protocol without keys.
#[derive(Clone, Default)]
struct Keyless(Arc<Mutex<Vec<DeadLetter>>>);

/// Sends letters over any protocol, as the documentation has it.
struct Elsewhere(Sender);

impl DeadLetterSink for Elsewhere {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        self.0.send(letter.outgoing()).await.map(drop)
    }
}

impl DeadLetterSink for Keyless {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        if letter.outgoing().record_key().is_some() {
            return Err(Error::new(ErrorKind::Inexact));
        }
        self.0.lock().unwrap().push(letter);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_protocol_of_the_place_lacks_is_left_out() {
    let (log, sink) = (FakeLog::new(1), Keyless::default());
    let options = LogOptions::default().with_sink(sink.clone());
    let (mut receiver, _) = log.receiver(DecodeOptions::strict(), options).unwrap();
    let (event, outgoing) = large();
    log.sender().send(outgoing).await.unwrap();
    let (said, begun) = (Logged::begin(), Instant::now());
    receiver.next().await.unwrap().unwrap().reject("no").await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO, "it does not wait for another time");
    let letter = sink.0.lock().unwrap().pop().expect("a letter is stored");
    let found = letter.received.message().unwrap().event(&DecodeOptions::strict()).unwrap().value;
    assert_eq!((found, letter.received.header("x").is_some()), (event, true));
    assert!(said.text().contains("the key"), "{}", said.text());
    receiver.drain(Duration::from_secs(1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_place_without_headers_has_the_event_as_a_whole() {
    let (queue, place) = (FakeQueue::new(), FakeQueue::new());
    // An event and nothing else, as MQTT 3.1.1 carries.
    let plain = SenderCapabilities::plain(Confirmed::Accepted);
    let sink = Elsewhere(with_capabilities(place.sender(), plain));
    let options = QueueOptions::default().with_sink(sink);
    let mut receiver = queue.receiver_with(DecodeOptions::strict(), options);
    let (event, outgoing) = large();
    queue.sender().send(outgoing).await.unwrap();
    let (said, begun) = (Logged::begin(), Instant::now());
    receiver.next().await.unwrap().unwrap().reject("no").await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO, "it does not wait for another time");
    let letter = place.receiver(DecodeOptions::strict()).next().await.unwrap().unwrap();
    assert_eq!((letter.event().unwrap(), letter.key(), letter.headers().len()), (event, None, 0));
    for left_out in ["the key", "the headers of the letter", "the headers of the message"] {
        assert!(said.text().contains(left_out), "{}", said.text());
    }
    receiver.drain(Duration::from_secs(1)).await.unwrap();
}

/// Whatever is left out, its body is too large until the place takes more: then it is stored as a whole.
#[tokio::test(start_paused = true)]
async fn what_is_too_large_in_any_form_waits_as_it_is() {
    let sink = Small::default();
    for (sender, mut receiver) in sources(&sink) {
        sink.most.store(50, Ordering::Relaxed);
        sender.send(large().1).await.unwrap();
        let rejected = receiver.next().await.unwrap().unwrap().reject("no").await;
        assert_eq!(rejected.unwrap_err().kind(), ErrorKind::TooLarge);
        sleep(Duration::from_secs(300)).await;
        assert!(sink.stored.lock().unwrap().is_empty());
        assert_eq!(receiver.letters().used().messages, 1);
        sink.most.store(2000, Ordering::Relaxed);
        sleep(Duration::from_secs(60)).await;
        let letter = sink.letter();
        assert!(!letter.headers().is_empty() && letter.received.header("x").is_some());
        assert_eq!(receiver.letters().used().messages, 0);
        receiver.drain(Duration::from_secs(1)).await.unwrap();
    }
}

/// Letters that wait take the room, and that shows.
#[tokio::test(start_paused = true)]
async fn letters_that_wait_show() {
    let sink = Small::default(); // takes none
    let queue = FakeQueue::with_credit(3);
    queue.sender().send_all((0..5).map(|_| large().0)).await.unwrap();
    let receiver =
        queue.receiver_with(DecodeOptions::strict(), QueueOptions::default().with_sink(sink.clone()));
    let (activity, letters, counters) = (receiver.activity(), receiver.letters(), receiver.counters());
    let watch = async {
        sleep(Duration::from_secs(20)).await;
        assert_eq!((letters.used().messages, activity.state()), (3, RunState::Blocked));
        assert_eq!((letters.used().bytes, counters.snapshot().unsettled()), (300, 0));
        sink.most.store(usize::MAX, Ordering::Relaxed);
        sleep(Duration::from_secs(120)).await;
        assert_eq!(
            (letters.used(), activity.state()),
            (Bounds { messages: 0, bytes: 0 }, RunState::Receiving)
        );
    };
    let run = receiver.run(async |_: Event| Err::<(), _>(Failure::reject("no"))).until(watch);
    run.await.unwrap();
    assert_eq!(sink.stored.lock().unwrap().len(), 5);
}

/// The next receiver has them, and stores them: its program would otherwise wait for ever for letters of which none is left.
#[tokio::test(start_paused = true)]
async fn letters_that_a_receiver_has_left_are_not_in_the_number_of_another_with_its_sink() {
    let (sink, queue, log) = (Small::default(), FakeQueue::new(), FakeLog::new(1));
    let (of_queue, of_log) =
        (QueueOptions::default().with_sink(sink.clone()), LogOptions::default().with_sink(sink.clone()));
    for is_log in [false, true] {
        let open = || match is_log {
            false => queue.receiver_with(DecodeOptions::strict(), of_queue.clone()),
            true => log.receiver(DecodeOptions::strict(), of_log.clone()).unwrap().0,
        };
        let sender = if is_log { log.sender() } else { queue.sender() };
        sink.most.store(0, Ordering::Relaxed);
        sender.send(large().1).await.unwrap();
        let mut first = open();
        first.next().await.unwrap().unwrap().reject("no").await.unwrap_err();
        assert_eq!(first.letters().used().messages, 1);
        first.drain(Duration::from_secs(60)).await.unwrap();
        let mut second = open();
        assert_eq!((first.letters().used().messages, second.letters().used().messages), (1, 0));
        let again = second.next().await.unwrap().unwrap();
        sink.most.store(usize::MAX, Ordering::Relaxed);
        again.reject("no").await.unwrap();
        assert_eq!((first.letters().used().messages, second.letters().used().messages), (1, 0));
        second.drain(Duration::from_secs(60)).await.unwrap();
        sink.letter();
    }
}
