//! Senders.

use crate::{Takes, event, events};
use cloudevents_core::{Error, ErrorKind, Event, Message};
use cloudevents_json::Json;
use cloudevents_testkit::logged::Logged;
use cloudevents_transport::{
    Carries, Confirmed, Content, LossPolicy, Outcome, Outgoing, Receipt, SendAllError, Sender,
    SenderCapabilities, SenderOptions,
    binding::Transmit,
    fake::{FakeLog, FakeQueue},
};
use std::{
    future::ready,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

#[test]
fn senders_are_shared_and_their_futures_can_be_spawned() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    fn spawnable<T: Send>(_: T) {}
    shared::<Sender>();
    fn check(sender: &Sender, event: &Event) {
        spawnable(sender.send(event));
        spawnable(sender.send_all(vec![event.clone()]));
        spawnable(sender.enqueue(event.clone()));
        spawnable(sender.close());
    }
    let _ = check;
}

#[tokio::test(start_paused = true)]
async fn send_all_says_which_failed() {
    let queue = FakeQueue::new();
    queue.refuse_if(|message| matches!(message, Message::Binary(event) if ["2", "4"].contains(&event.id())));
    let sender = queue.sender();
    let failure: SendAllError = sender.send_all(events(6)).await.unwrap_err();
    let failed: Vec<_> = failure.failed.iter().map(|(index, error)| (*index, error.kind())).collect();
    assert_eq!(failed, [(2, ErrorKind::Refused), (4, ErrorKind::Refused)]);
    assert_eq!((failure.total, queue.len()), (6, 4));
    let indexes: Vec<_> = Error::from(failure).into_mistakes().iter().map(Error::index).collect();
    assert_eq!(indexes, [Some(2), Some(4)]);
    let metrics = sender.metrics();
    assert_eq!((metrics.enqueued, metrics.sent, metrics.failed), (6, 4, 2));
}

#[tokio::test(start_paused = true)]
async fn send_all_tells_what_was_not_even_handed_over() {
    let queue = FakeQueue::new();
    let sender = queue.sender();
    sender.close().await.unwrap();
    let failure = sender.send_all(events(3)).await.unwrap_err();
    assert!(failure.failed.iter().all(|(_, error)| error.kind() == ErrorKind::Closed));
    assert_eq!((failure.failed.len(), queue.len(), sender.metrics().failed), (3, 0, 3));
}

#[tokio::test(start_paused = true)]
async fn send_all_is_pipelined_within_a_window() {
    let (open, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let highest = Arc::clone(&most);
    // Answers late.
    let sender = Sender::new(Takes(SenderCapabilities::plain(Confirmed::Accepted), move |_: Outgoing| {
        highest.fetch_max(open.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        let (open, (resolver, outcome)) = (Arc::clone(&open), Outcome::channel());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await; // paused time: a turn of the clock
            open.fetch_sub(1, Ordering::Relaxed);
            resolver.resolve(Ok(Receipt::new()));
        });
        ready(Ok(outcome))
    }));
    let since = tokio::time::Instant::now();
    sender.send_all(events(3000)).await.unwrap();
    assert_eq!(most.load(Ordering::Relaxed), 1024);
    assert_eq!(since.elapsed(), Duration::from_secs(3)); // not 3,000
}

/// Notes the messages that are handed over.
fn noting(seen: &Arc<Mutex<Vec<String>>>) -> Sender {
    let seen = Arc::clone(seen);
    Sender::new(Takes(SenderCapabilities::plain(Confirmed::Accepted), move |outgoing: Outgoing| {
        let Content::Message(Message::Binary(event)) = outgoing.content() else { panic!("it was an event") };
        seen.lock().unwrap().push(event.id().to_owned());
        ready(Ok(Outcome::ready(Ok(Receipt::new()))))
    }))
}

#[tokio::test]
async fn nothing_is_handed_over_before_the_future_is_polled() {
    let seen = Arc::default();
    let sender = noting(&seen);
    drop(sender.enqueue(event(1)));
    drop(sender.send(&event(1)));
    assert!(seen.lock().unwrap().is_empty());
    assert_eq!(sender.metrics().enqueued, 0);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_send_that_was_handed_over_stays_so() {
    let queue = FakeQueue::new();
    queue.hold_confirms(true);
    let sender = queue.sender();
    let one = event(1);
    assert!(tokio::time::timeout(Duration::from_secs(1), sender.send(&one)).await.is_err());
    assert_eq!(queue.len(), 1);
}

#[tokio::test]
async fn what_is_not_carried_goes_by_the_policy() {
    let seen = Arc::default();
    let with = |losses| {
        let mut options = SenderOptions::default();
        options.losses = losses;
        noting(&seen).with_options(options)
    };
    let keyed = || Outgoing::from(event(1)).key("42").priority(9);
    let refusing = with(LossPolicy::Refuse);
    let error = refusing.send(keyed()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Inexact);
    assert!(error.to_string().contains("does not carry: key, priority"), "{error}");
    assert!(seen.lock().unwrap().is_empty());
    assert_eq!((refusing.metrics().failed, refusing.metrics().lossy), (1, 0));
    for losses in [LossPolicy::Log, LossPolicy::Allow] {
        let sender = with(losses);
        sender.send(keyed()).await.unwrap();
        sender.send(&event(2)).await.unwrap();
        assert_eq!((sender.metrics().sent, sender.metrics().lossy), (2, 1), "{losses:?}");
        // Sending to another address is not a loss.
        let elsewhere = sender.send(Outgoing::from(event(3)).to("elsewhere")).await;
        assert_eq!(elsewhere.unwrap_err().kind(), ErrorKind::Unsupported);
        let asked = sender.request(&event(4), Duration::from_secs(1)).await;
        assert_eq!(asked.unwrap_err().kind(), ErrorKind::Unsupported);
    }
}

#[tokio::test]
async fn a_logged_loss_names_the_event_of_a_document_and_every_header() {
    let mut options = SenderOptions::default();
    options.losses = LossPolicy::Log;
    // Headers as MQTT carries them.
    let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted).carrying(Carries::HEADERS);
    capabilities.headers_apart = false;
    let take = |_: Outgoing| ready(Ok(Outcome::ready(Ok(Receipt::new()))));
    let sender = Sender::new(Takes(capabilities, take)).with_options(options);
    let document = Message::structured(&event(7), &Json::new()).unwrap().0;
    for (outgoing, parts) in [
        (Outgoing::from(document), &["does not carry: key"][..]),
        (Outgoing::from(event(7)).header("one", "1").header("two", "2"), &["`one`", "`two`"][..]),
    ] {
        let logged = Logged::begin();
        sender.send(outgoing.key("42")).await.unwrap();
        let text = logged.text();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains(&event(7).to_string()), "{text}");
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
}

/// Carries headers of text.
#[derive(Clone, Default)]
struct OfText(Arc<Mutex<Vec<Outgoing>>>);

impl Transmit for OfText {
    fn capabilities(&self) -> SenderCapabilities {
        SenderCapabilities::plain(Confirmed::Accepted).carrying(Carries::HEADERS)
    }

    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        outgoing.lost_headers(|_, value| std::str::from_utf8(value).err().map(|_| "a value of ours is text"))
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        self.0.lock().unwrap().push(outgoing);
        Ok(Outcome::ready(Ok(Receipt::new())))
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[tokio::test]
async fn a_header_that_is_not_carried_goes_by_the_policy() {
    let binding = OfText::default();
    let with = |losses| {
        let mut options = SenderOptions::default();
        options.losses = losses;
        Sender::new(binding.clone()).with_options(options)
    };
    let headed = || {
        let outgoing = Outgoing::from(event(1)).header("a", "1").header("b\n", b"\xff");
        outgoing.header("c", "2").header("d", b"\xfe").header("e", "3")
    };
    let error = with(LossPolicy::Refuse).send(headed()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Inexact);
    assert_eq!(
        error.detail(),
        "the header `b\\n` is not carried: a value of ours is text; the header `d` is not carried: a value of ours is text"
    );
    for losses in [LossPolicy::Log, LossPolicy::Allow] {
        let sender = with(losses);
        sender.send(headed()).await.unwrap();
        let sent = binding.0.lock().unwrap().pop().unwrap();
        assert_eq!(sent.headers().map(|(name, _)| name).collect::<Vec<_>>(), ["a", "c", "e"]);
        assert_eq!(sender.metrics().lossy, 1);
    }
    let many =
        (0..20).fold(Outgoing::from(event(1)), |outgoing, _| outgoing.header("n".repeat(500), b"\xff"));
    let error = with(LossPolicy::Refuse).send(many).await.unwrap_err();
    assert!(error.detail().ends_with("12 more headers are not carried"), "{error}");
    assert!(error.detail().len() < 2000, "{error}");
}

#[tokio::test]
async fn key_and_headers_go_along_and_receipts_say_where() {
    let log = FakeLog::new(3);
    let sender = log.sender();
    let keyed = Outgoing::from(event(1)).key("42").header("trace", "1").header("trace", "2");
    let first = sender.send(keyed.clone()).await.unwrap();
    let second = sender.send(keyed).await.unwrap();
    assert_eq!((first.place(), first.partition()), (Some("fake"), second.partition()));
    assert_eq!((first.offset(), second.offset(), second.is_duplicate()), (Some(0), Some(1), None));
}

/// Never has room.
struct Full;

impl Transmit for Full {
    fn capabilities(&self) -> SenderCapabilities {
        SenderCapabilities::plain(Confirmed::Written)
    }

    async fn enqueue(&self, _: Outgoing) -> Result<Outcome<Receipt>, Error> {
        std::future::pending().await
    }

    async fn close(&self) -> Result<(), Error> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn enqueuing_and_closing_have_deadlines() {
    let sender = Sender::new(Full);
    let since = tokio::time::Instant::now();
    let error = sender.send(&event(1)).await.unwrap_err();
    assert_eq!((error.kind(), since.elapsed()), (ErrorKind::Timeout, Duration::from_secs(30)));
    assert_eq!(sender.close().await.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(since.elapsed(), Duration::from_secs(120));
    assert_eq!(sender.send(&event(1)).await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test(start_paused = true)]
async fn what_no_task_awaits_is_counted() {
    let queue = FakeQueue::new();
    queue.hold_confirms(true);
    queue.refuse_if(|message| matches!(message, Message::Binary(event) if event.id() == "1"));
    let sender = queue.sender();
    for event in events(2) {
        drop(sender.enqueue(event).await.unwrap());
    }
    assert_eq!((sender.metrics().sent, sender.metrics().failed), (0, 0));
    queue.hold_confirms(false);
    assert_eq!((sender.metrics().sent, sender.metrics().failed), (1, 1));
}

/// Takes requests and never replies.
struct Mute;

impl Transmit for Mute {
    fn capabilities(&self) -> SenderCapabilities {
        SenderCapabilities::plain(Confirmed::Written)
    }

    async fn enqueue(&self, _: Outgoing) -> Result<Outcome<Receipt>, Error> {
        Err(Error::new(ErrorKind::Closed))
    }

    async fn request(&self, _: Outgoing, _: Duration) -> Result<Message, Error> {
        std::future::pending().await
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_has_an_unknown_result() {
    let sender = Sender::new(Mute);
    let request = sender.request(event(1), Duration::from_secs(60));
    assert!(tokio::time::timeout(Duration::from_secs(1), request).await.is_err());
    let metrics = sender.metrics();
    assert_eq!((metrics.enqueued, metrics.sent, metrics.failed), (1, 0, 1));
}
