//! What arrives, and what does not.

use super::{
    all,
    ends::{Does, End, for_now},
    run, run_with, with,
};
use crate::{event, events, one, slow};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Document, Error, ErrorKind, Event, Format, FormatId, Leniency, Losses, MediaType,
    Message, Repair, RepairKind, Value,
};
use cloudevents_json::Json;
use cloudevents_testkit::logged::Logged;
use cloudevents_transport::{
    Bridge, Delivery, EventFilter, OrderBy, Origin, Outgoing, PrometheusPage, Raw, Received, ReceiverOptions,
    binding::OwnWait,
    bridge::{BridgePolicy, Fate, Foreign, Form, HOPS, HeaderRule, KeyRule, Redrive, Wrap},
    fake::FakeQueue,
};
use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};
use tokio::time::{Instant, sleep};
use tracing::Level;

fn policy() -> BridgePolicy {
    BridgePolicy::default()
}

/// A message that waits holds up none of the others, which have no keys.
fn no_order() -> BridgePolicy {
    let mut policy = policy();
    policy.order = OrderBy::None;
    policy
}

fn header(delivery: &Delivery, name: &str) -> Option<String> {
    delivery.header_text(name).map(|text| text.into_owned())
}

#[tokio::test(start_paused = true)]
async fn bytes_key_headers_and_trace_context_arrive_unchanged() {
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    // A spelling that no encoder of the toolkit writes.
    let text = r#"{"type":"t", "specversion":"1.0" , "source":"/s","id":"1","data":{"a" : 1.0}}"#;
    let document = Document::new(FormatId::JSON, Bytes::from_static(text.as_bytes()));
    let outgoing = Outgoing::from(Message::Structured(document))
        .key("k")
        .header("traceparent", "00-1-2-01")
        .header("x", "y");
    from.sender().send(outgoing).await.unwrap();
    from.sender().send(event(2)).await.unwrap();
    let status = run(&from, &to, policy()).await;
    let arrived = all(&to).await;
    assert_eq!(arrived[0].body().unwrap(), text);
    assert_eq!(arrived[0].key().unwrap(), &b"k"[..]);
    assert_eq!(header(&arrived[0], "traceparent").unwrap(), "00-1-2-01");
    assert_eq!(header(&arrived[0], "x").unwrap(), "y");
    assert_eq!(header(&arrived[0], HOPS).unwrap(), "1");
    assert_eq!(arrived[1].event().unwrap(), event(2));
    assert!(from.is_empty());
    assert_eq!((status.metrics().confirmed, status.metrics().all_refused()), (2, 0));
}

/// At `debug`, and not at `info`.
#[tokio::test(start_paused = true)]
async fn the_log_names_each_event_that_was_moved() {
    let (from, to, log) = (FakeQueue::new(), FakeQueue::new(), Logged::with_debug());
    from.sender().send_all(events(3)).await.unwrap();
    run(&from, &to, policy()).await;
    let moved = |level| log.lines(level).into_iter().filter(|line| line.text.starts_with("moved"));
    let lines: Vec<_> = moved(Level::DEBUG).map(|line| line.text).collect();
    let names = |(id, line): (usize, &String)| {
        line.contains(&format!(" delivery={id} of /tests")) && line.contains(" to=at ")
    };
    assert!(lines.len() == 3 && lines.iter().enumerate().all(names), "{lines:?}");
    assert_eq!(moved(Level::INFO).count(), 0);
    let members = |(id, line): (usize, &String)| {
        line.contains(&format!(" id={id} source=/tests ")) && line.contains(" to_offset=")
    };
    assert!(lines.iter().enumerate().all(members), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn forms() {
    for (form, modes) in [
        (Form::Kept, ["binary", "structured", "batched"].as_slice()),
        (Form::Binary, &["binary", "binary", "binary", "binary"]),
        (Form::Structured(Arc::new(Json::new())), &["structured", "structured", "structured", "structured"]),
    ] {
        let (from, to) = (FakeQueue::new(), FakeQueue::new());
        let all_events: Vec<Event> = events(4).collect();
        from.sender().send(&all_events[0]).await.unwrap();
        from.sender().send(Message::structured(&all_events[1], &Json::new()).unwrap().0).await.unwrap();
        from.sender().send(Message::batched(&all_events[2..], &Json::new()).unwrap().0).await.unwrap();
        let mut policy = policy();
        (policy.form, policy.limit) = (form, 1);
        run(&from, &to, policy).await;
        let arrived = all(&to).await;
        let found: Vec<_> =
            arrived.iter().map(|delivery| delivery.message().unwrap().mode().as_str()).collect();
        assert_eq!(found, modes);
        let found: Vec<_> = arrived.iter().flat_map(|delivery| delivery.events().unwrap()).collect();
        assert_eq!(found, all_events);
    }
}

#[tokio::test(start_paused = true)]
async fn templates_and_header_rules() {
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    let event = Event::builder().id("7").source("/s").ty("placed").extension("tenant", "t1").build().unwrap();
    let message = Message::structured(&event, &Json::new()).unwrap().0;
    let outgoing = Outgoing::from(message).header("a", "1").header("b", "2").header("tracestate", "x=y");
    from.sender().send(outgoing).await.unwrap();
    let mut policy = policy();
    policy.key = KeyRule::From("{tenant}-{id}".parse().unwrap());
    policy.subject = Some("{type}/{subject|id}".parse().unwrap());
    policy.headers = HeaderRule::none();
    policy.headers.rename.push(("A".into(), "renamed".into()));
    run(&from, &to, policy).await;
    let arrived = all(&to).await;
    assert_eq!(arrived[0].key().unwrap(), &b"t1-7"[..]);
    assert_eq!(arrived[0].event().unwrap(), event.into_builder().subject("placed/7").build().unwrap());
    assert_eq!(arrived[0].message().unwrap().mode().as_str(), "structured");
    let mut names: Vec<_> = arrived[0].headers().into_iter().map(|(name, _)| name.to_owned()).collect();
    names.retain(|name| !name.starts_with("content-type"));
    assert_eq!(names, ["renamed", "tracestate", HOPS]);
}

#[tokio::test(start_paused = true)]
async fn a_template_without_its_attribute_refuses_the_message() {
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    from.sender().send(event(1)).await.unwrap();
    let mut policy = policy();
    policy.key = KeyRule::From("{tenant}".parse().unwrap());
    let status = run(&from, &to, policy).await;
    assert!(to.is_empty());
    assert_eq!(status.metrics().refused["missing-attribute"], 1);
    assert!(from.rejected()[0].1.contains("`{tenant}`"), "{:?}", from.rejected());
}

/// What is judged is what would be sent. Nothing of a message with an event that is not admitted is.
#[tokio::test(start_paused = true)]
async fn events_that_are_not_admitted_are_refused_before_they_are_sent() {
    let admits = |event: &Event| match event.subject() {
        Some("2") => Err(Error::new(ErrorKind::InvalidData).with_detail("it breaks the contract")),
        _ => Ok(()),
    };
    let (from, to, letters) = (FakeQueue::new(), FakeQueue::new(), FakeQueue::new());
    from.sender().send_all((1..=3).map(event)).await.unwrap();
    let mut policy = policy();
    policy.subject = Some("{id}".parse().unwrap());
    policy.admit = Some(Arc::new(admits));
    policy.dead_letters = Some(letters.sender());
    let status = run(&from, &to, policy).await;
    let metrics = status.metrics();
    assert_eq!((metrics.confirmed, metrics.refused["invalid-data"]), (2, 1));
    let arrived: Vec<_> = all(&to).await.iter().map(crate::id).collect();
    assert_eq!(arrived, ["1", "3"]);
    let letter = all(&letters).await.remove(0);
    // It is as it was received.
    assert_eq!(letter.event().unwrap(), event(2));
    assert_eq!(header(&letter, "dead-letter-error").unwrap(), "invalid-data");
    assert!(header(&letter, "dead-letter-reason").unwrap().contains("it breaks the contract"));

    let document = |subject: u32| {
        format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"{subject}"}}"#)
    };
    let text = format!("[{},{},{}]", document(1), document(2), document(3));
    let batch = Message::Batched(Document::new(FormatId::JSON, text));
    for form in [Form::Kept, Form::Binary] {
        let (from, to) = (FakeQueue::new(), FakeQueue::new());
        from.sender().send(batch.clone()).await.unwrap();
        let mut policy = BridgePolicy::default();
        policy.form = form;
        policy.admit = Some(Arc::new(admits));
        run(&from, &to, policy).await;
        assert!(to.is_empty());
        assert_eq!(from.rejected().len(), 1);
        assert!(from.rejected()[0].1.contains("it breaks the contract"), "{:?}", from.rejected());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_event_is_refused_forwarded_or_wrapped() {
    for foreign in [Foreign::Refused, Foreign::Forwarded, Foreign::Wrapped(Wrap::new("/bridge", "raw"))] {
        let (from, to) = (FakeQueue::new(), FakeQueue::new());
        from.push_garbage(ErrorKind::NotACloudEvent, b"hello");
        from.push_garbage(ErrorKind::InvalidDocument, b"broken");
        let mut policy = policy();
        policy.foreign = foreign.clone();
        run(&from, &to, policy).await;
        let arrived = all(&to).await;
        let bodies: Vec<_> = from.rejected().into_iter().map(|(body, _)| body.unwrap()).collect();
        match foreign {
            Foreign::Refused => assert_eq!((arrived.len(), bodies.len()), (0, 2)),
            Foreign::Forwarded => {
                assert_eq!(arrived[0].body().unwrap(), "hello");
                assert_eq!(bodies, ["broken"]);
            }
            _ => {
                let event = arrived[0].event().unwrap();
                assert_eq!((event.source().as_str(), event.ty(), event.id()), ("/bridge", "raw", "/1"));
                assert_eq!(event.data_bytes().unwrap(), "hello");
                assert_eq!(bodies, ["broken"]);
            }
        }
    }
}

/// Without a filter, it would go to the target as it is.
#[tokio::test(start_paused = true)]
async fn what_a_filter_cannot_read_is_refused() {
    let broken = Bytes::from_static(br#"{"specversion":"1.0","id":"#);
    let document = || Document::new(FormatId::JSON, broken.clone());
    let selects =
        |message: &Message, with: &DecodeOptions| Ok(message.attribute("id", with)?.as_deref() == Some("1"));
    for is_filtered in [false, true] {
        let (from, to) = (FakeQueue::new(), FakeQueue::new());
        from.sender().send(Message::Structured(document())).await.unwrap();
        from.sender().send_all(events(3)).await.unwrap();
        let receiver = from.receiver(with());
        let receiver = match is_filtered {
            true => receiver.filter(EventFilter::new(selects).drop_unmatched()).unwrap(),
            false => receiver,
        };
        run_with(receiver, to.sender(), policy()).await;
        let arrived: Vec<_> =
            all(&to).await.iter().map(|delivery| delivery.body() == Some(broken.clone())).collect();
        let refused: Vec<_> = from.rejected().into_iter().map(|(body, _)| body.unwrap()).collect();
        match is_filtered {
            true => assert_eq!((arrived, refused), (vec![false], vec![broken.clone()])),
            false => assert_eq!((arrived, refused.len()), (vec![true, false, false, false], 0)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_a_dead_letter_and_does_not_stop_the_others() {
    let (from, to, letters) = (FakeQueue::new(), FakeQueue::new(), FakeQueue::new());
    to.refuse_if(|message| {
        message.attribute("id", &DecodeOptions::strict()).unwrap().as_deref() == Some("1")
    });
    from.sender().send_all(events(3)).await.unwrap();
    let mut own = policy();
    own.dead_letters = Some(letters.sender());
    let status = run(&from, &to, own).await;
    assert_eq!((to.len(), status.metrics().refused["refused"], from.rejected().len()), (2, 1, 0));
    let letter = all(&letters).await.remove(0);
    assert_eq!(letter.event().unwrap(), event(1)); // no attribute was added
    assert_eq!(header(&letter, "dead-letter-error").unwrap(), "refused");
    assert_eq!(header(&letter, "dead-letter-attempt").unwrap(), "1");
    assert_eq!(header(&letter, "dead-letter-offset").unwrap(), "2");
    assert!(header(&letter, "dead-letter-reason").unwrap().contains("refused"));
}

#[tokio::test(start_paused = true)]
async fn an_outage_makes_no_dead_letters_and_reading_stops() {
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    to.refuse_connections(Some(ErrorKind::Unreachable));
    from.sender().send_all(events(500)).await.unwrap();
    let receiver = from.receiver(with());
    let bridge = Bridge::new(receiver, to.sender(), no_order()).unwrap();
    let status = bridge.status();
    let stop = bridge.stopper();
    let task = tokio::spawn(async move { bridge.run().await });
    sleep(Duration::from_secs(7200)).await;
    assert_eq!((to.len(), from.rejected().len(), status.metrics().confirmed), (0, 0, 0));
    assert!(!status.is_ready());
    let taken = status.received().received;
    assert!(taken <= 256 + 64, "{taken} messages were read");
    to.refuse_connections(None);
    let begun = Instant::now();
    while status.metrics().confirmed < 500 {
        sleep(Duration::from_millis(100)).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
    assert!(status.is_ready(), "{status:?}");
    stop.stop();
    task.await.unwrap().unwrap();
    assert_eq!((to.len(), from.rejected().len(), from.len()), (500, 0, 0));
}

/// Such as a webhook that has granted a rate: no attempt was made, and the bridge moves all that it may.
#[tokio::test(start_paused = true)]
async fn a_wait_that_a_sender_imposes_on_itself_does_not_tell_whether_its_target_is_available() {
    let (from, to) = (FakeQueue::new(), End::new());
    let fails = |error| to.set(Does::Fails(error));
    fails(OwnWait::error("the rate is used up", Duration::from_secs(1)));
    from.sender().send_all(events(10)).await.unwrap();
    let bridge = Bridge::new(from.receiver(with()), to.sender(), no_order()).unwrap();
    let status = bridge.status();
    let watch = async {
        sleep(Duration::from_secs(60)).await;
        assert!(status.metrics().failed >= 10 && status.is_ready(), "{status:?}");
        assert_eq!(status.received().outages, 0);
        fails(Error::new(ErrorKind::Timeout));
        sleep(Duration::from_secs(60)).await;
        fails(OwnWait::error("the rate is used up", Duration::from_secs(1)));
        sleep(Duration::from_secs(60)).await;
        assert!(!status.is_ready(), "nor does it end an outage: {status:?}");
        to.set(Does::Takes);
        sleep(Duration::from_secs(60)).await;
        assert!(status.metrics().confirmed == 10 && status.is_ready(), "{status:?}");
    };
    bridge.run().until(watch).await.unwrap();
}

/// Such as `Retry-After: 0`, or a date that has passed by the clock of the bridge.
#[tokio::test(start_paused = true)]
async fn a_target_that_names_no_wait_is_not_asked_without_a_pause() {
    let (from, to) = (FakeQueue::new(), End::new());
    to.judges(|id, _| match id {
        "a" => Does::FailsAfter(Duration::from_millis(1), for_now().with_retry_after(Duration::ZERO)),
        _ => Does::Takes,
    });
    from.sender().send(Outgoing::from(event("a"))).await.unwrap();
    let bridge = Bridge::new(from.receiver(with()), to.sender(), policy()).unwrap();
    let watch = async {
        for number in 0..3_000 {
            from.sender().send(Outgoing::from(event(number))).await.unwrap();
            sleep(Duration::from_millis(10)).await; // others are accepted all the time
        }
    };
    bridge.run().until(watch).await.unwrap();
    let asked = to.tried.lock().unwrap().iter().filter(|id| *id == "a").count();
    assert!((2..=31).contains(&asked), "{asked} times in half a minute");
}

#[tokio::test(start_paused = true)]
async fn bridges_that_feed_each_other_stop_after_eight_hops() {
    let (one, two) = (FakeQueue::new(), FakeQueue::new());
    one.sender().send(event(1)).await.unwrap();
    let (there, back) = tokio::join!(run(&one, &two, policy()), run(&two, &one, policy()));
    let (there, back) = (there.metrics(), back.metrics());
    assert_eq!(there.confirmed + back.confirmed, 8);
    assert_eq!((there.looped + back.looped, one.len() + two.len()), (1, 0));
    let rejected: Vec<_> = one.rejected().into_iter().chain(two.rejected()).collect();
    assert!(rejected[0].1.contains("8 bridges"), "{rejected:?}");
}

#[tokio::test(start_paused = true)]
async fn events_of_64_kib_are_always_forwarded_and_larger_ones_by_the_limit() {
    let mut small = policy();
    small.max_size = Some((64 << 10) - 1);
    let queue = FakeQueue::new();
    assert_eq!(
        Bridge::new(queue.receiver(with()), queue.sender(), small).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    for bytes in [64 << 10, 65 << 10] {
        let data = vec![b'x'; bytes];
        let event = Event::builder().id("1").source("/s").ty("t").binary("text/plain", data).build().unwrap();
        from.sender().send(event).await.unwrap();
    }
    let mut exact = policy();
    exact.max_size = Some(64 << 10);
    let status = run(&from, &to, exact).await;
    assert_eq!((to.len(), status.metrics().refused["too-large"]), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_end_does_not_wait_for_turns() {
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    from.sender().send_all(events(1000)).await.unwrap();
    let mut slow = policy();
    slow.rate = NonZeroU32::new(1);
    let bridge = Bridge::new(from.receiver(with()), to.sender(), slow).unwrap();
    let begin = tokio::time::Instant::now();
    bridge.run().until(sleep(Duration::from_secs(5))).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    assert_eq!(from.len() + to.len(), 1000);
}

/// A batch whose events are sent one by one goes back as a whole.
#[tokio::test(start_paused = true)]
async fn the_end_does_not_wait_for_the_turns_of_a_batch() {
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    let all: Vec<_> = events(100).collect();
    from.sender().send(Message::batched(&all, &Json::new()).unwrap().0).await.unwrap();
    let mut slow = policy();
    (slow.rate, slow.form) = (NonZeroU32::new(1), Form::Binary);
    let bridge = Bridge::new(from.receiver(with()), to.sender(), slow).unwrap();
    let begin = Instant::now();
    bridge.run().until(sleep(Duration::from_secs(5))).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    assert!(from.len() == 1 && (5..8).contains(&to.len()), "{}", to.len());
}

#[tokio::test(start_paused = true)]
async fn options_of_the_receiver_do_not_settle_in_the_bridges_place() {
    // The receiver's own limit would reject after two attempts.
    let (from, to) = (FakeQueue::new(), End::new());
    to.judges(|_, attempt| if attempt <= 3 { Does::Fails(for_now()) } else { Does::Takes });
    from.sender().send(event(1)).await.unwrap();
    let mut options = ReceiverOptions::from(with());
    options.attempts = Some(2);
    let status = run_with(from.receiver(options), to.sender(), policy()).await;
    assert_eq!((status.metrics().confirmed, from.rejected().len()), (1, 0));
}

/// A function of the program that panics fails that attempt, and costs no other message anything.
#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure_of_one_message() {
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    from.sender().send_all(events(3)).await.unwrap();
    let calls = Arc::<Mutex<u32>>::default();
    to.refuse_if(|message| {
        message.attribute("id", &DecodeOptions::strict()).unwrap().as_deref() == Some("1")
    });
    let mut fragile = no_order();
    fragile.refuses_message = Some(|_| panic!("a bug of the program"));
    fragile.observer = Some(Arc::new({
        let calls = Arc::clone(&calls);
        move |_: &Received, _: &Fate| {
            *calls.lock().unwrap() += 1;
            panic!("another one");
        }
    }));
    let status = run(&from, &to, fragile).await;
    let metrics = status.metrics();
    assert_eq!((metrics.confirmed, to.len(), from.len()), (2, 2, 1));
    assert!(metrics.failed > 1 && u64::from(*calls.lock().unwrap()) == metrics.failed + 2, "{metrics:?}");
}

/// A format of the program, with a bug.
#[derive(Debug)]
struct Fragile(Json);

impl Format for Fragile {
    fn id(&self) -> FormatId {
        self.0.id()
    }

    fn media_type(&self) -> MediaType<'static> {
        self.0.media_type()
    }

    fn decode(&self, document: Bytes, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
        self.0.decode(document, with)
    }

    fn encode(&self, event: &Event, out: &mut Vec<u8>) -> Result<Losses, Error> {
        assert_ne!(event.id(), "1", "a bug of the format");
        self.0.encode(event, out)
    }
}

/// So do a format and a filter.
#[tokio::test(start_paused = true)]
async fn a_format_or_a_filter_that_panics_fails_one_message() {
    let mut formats = no_order();
    formats.form = Form::Structured(Arc::new(Fragile(Json::new())));
    let mut filters = no_order();
    let mut redrive = Redrive::default();
    redrive.filter = Some(EventFilter::new(|message, with| {
        assert_ne!(message.attribute("id", with)?.as_deref(), Some("1"), "a bug of the filter");
        Ok(true)
    }));
    filters.redrive = Some(redrive);
    for policy in [formats, filters] {
        let (from, to) = (FakeQueue::new(), FakeQueue::new());
        from.sender().send_all(events(3)).await.unwrap();
        let status = run(&from, &to, policy).await;
        let metrics = status.metrics();
        assert_eq!((metrics.confirmed, to.len(), from.len()), (2, 2, 1));
        assert!(metrics.failed > 1, "{metrics:?}");
    }
}

/// A message of which reading has shown that it has no headers to forward.
struct Bare;

impl Origin for Bare {
    fn native(&self) -> &dyn std::any::Any {
        self
    }

    fn size(&self) -> usize {
        1
    }

    fn body(&self) -> Option<Bytes> {
        None
    }

    fn headers<'a>(&'a self, _: &mut dyn FnMut(&'a str, Option<std::borrow::Cow<'a, [u8]>>)) {
        panic!("its headers are read");
    }

    fn is_forwarded(&self, _: &str) -> bool {
        false
    }

    fn has_forwarded_headers(&self) -> bool {
        false
    }
}

#[tokio::test(start_paused = true)]
async fn headers_that_are_not_forwarded_are_not_read() {
    assert_eq!(received(Bare).forward().headers().len(), 0);
    let to = FakeQueue::new();
    let from = one(received(Bare), with());
    let status = run_with(from, to.sender(), policy()).await;
    assert_eq!(status.metrics().confirmed, 1);
    assert_eq!(header(&all(&to).await[0], HOPS).unwrap(), "1");
}

fn received(origin: impl Origin) -> Received {
    Received::new(Ok(Decoded::clean(Message::from(event(1)))), origin)
}

#[tokio::test(start_paused = true)]
async fn the_lag_is_the_age_of_the_last_confirmed_message() {
    let minute = Duration::from_secs(60);
    for (time, least) in [(SystemTime::now() - minute, minute), (SystemTime::now() + minute, Duration::ZERO)]
    {
        let mut raw = Raw::default();
        raw.timestamp = Some(time);
        let from = one(received(raw), with());
        let status = run_with(from, FakeQueue::new().sender(), policy()).await;
        let lag = status.metrics().lag.unwrap();
        // Half a minute: the clock of the system may be set meanwhile.
        assert!(least <= lag + minute / 2 && lag < least + minute, "{lag:?}");
        let mut page = PrometheusPage::new();
        status.add_to(&mut page);
        let line = format!("cloudevents_bridge_lag_seconds {}.{:03}\n", lag.as_secs(), lag.subsec_millis());
        assert!(page.to_string().contains(&line));
    }
    // A source without the time of a message has none.
    let from = FakeQueue::new();
    from.sender().send(&event(1)).await.unwrap();
    assert_eq!(run(&from, &FakeQueue::new(), policy()).await.metrics().lag, None);
}

/// A message that is no event, as a foreign producer has put it into the queue.
fn foreign() -> Received {
    let mut raw = Raw::default();
    (raw.body, raw.key) = (Some("hello".into()), Some("k".into()));
    raw.headers = ["content-type", "X-Tenant", "x-secret", "x-other"]
        .map(|name| (name.into(), Some(Bytes::from(name))))
        .to_vec();
    Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), raw)
}

#[tokio::test(start_paused = true)]
async fn headers_of_what_is_no_event_are_renamed_and_dropped_too() {
    let to = FakeQueue::new();
    let from = one(foreign(), with());
    let mut policy = policy();
    policy.foreign = Foreign::Forwarded;
    policy.headers.rename.push(("X-Tenant".into(), "tenant".into()));
    policy.headers.drop.push("x-secret".into());
    run_with(from, to.sender(), policy).await;
    let arrived = all(&to).await;
    assert_eq!((arrived[0].body().unwrap(), arrived[0].key().unwrap()), ("hello".into(), b"k"[..].into()));
    assert_eq!(header(&arrived[0], "tenant").as_deref(), Some("X-Tenant"));
    assert_eq!(header(&arrived[0], "content-type").as_deref(), Some("content-type"));
    assert_eq!(header(&arrived[0], "x-other").as_deref(), Some("x-other"));
    assert_eq!((header(&arrived[0], "x-tenant"), header(&arrived[0], "x-secret")), (None, None));
}

/// What a repair has made an attribute does not go along as a header as well.
#[tokio::test(start_paused = true)]
async fn a_property_that_became_an_attribute_is_no_header() {
    let to = FakeQueue::new();
    let event = Event::builder().id("1").source("/s").ty("t").extension("ext", "x").build().unwrap();
    let mut raw = Raw::default();
    raw.headers = ["ext", "other"].map(|name| (name.into(), Some(Bytes::from(name)))).to_vec();
    let repair = Repair::new(RepairKind::UnprefixedExtension).with_attribute("ext");
    let received = Received::new(Ok(Decoded::new(Message::from(event), vec![repair])), raw);
    assert!(received.forward().headers().map(|(name, _)| name).eq(["other"]));
    let from = one(received, with());
    let status = run_with(from, to.sender(), policy()).await;
    assert_eq!(status.received().repaired, 1);
    let arrived = all(&to).await;
    assert_eq!(header(&arrived[0], "other").as_deref(), Some("other"));
    assert_eq!(header(&arrived[0], "ext"), None);
}

/// Nor does a content type under another name, which a target would refuse beside the right one.
#[test]
fn a_content_type_by_another_name_is_no_header() {
    let mut raw = Raw::default();
    raw.headers = ["contentType", "other"].map(|name| (name.into(), Some(Bytes::from(name)))).to_vec();
    let repair = Repair::new(RepairKind::ContentTypeName).with_attribute("datacontenttype");
    let received = Received::new(Ok(Decoded::new(Message::from(event(1)), vec![repair])), raw);
    assert!(received.forward().headers().map(|(name, _)| name).eq(["other"]));
}

/// Without leniency, a document goes on as it is, and is wrong at the target.
#[tokio::test(start_paused = true)]
async fn documents_that_need_repairs_are_repaired() {
    let text = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","Upper":"x","lower":"y"}"#;
    let good = r#"{"type":"t", "specversion":"1.0" , "source":"/s","id":"1"}"#;
    let document = |text: &'static str| Message::Structured(Document::new(FormatId::JSON, text));
    for (leniency, expected) in [(Leniency::strict(), Some(text)), (Leniency::all(), None)] {
        let to = FakeQueue::new();
        let from = FakeQueue::new();
        for text in [text, good] {
            from.sender().send(document(text)).await.unwrap();
        }
        run_with(from.receiver(with().with_leniency(leniency)), to.sender(), policy()).await;
        let arrived = all(&to).await;
        match expected {
            Some(text) => assert_eq!(arrived[0].body().unwrap(), text),
            None => assert_eq!(arrived[0].event().unwrap().extensions().len(), 2),
        }
        assert_eq!(arrived[1].body().unwrap(), good);
    }
}

/// The repairs of a batch reach its events at the target, as a batch or one by one, and are counted. So are those of documents.
#[tokio::test(start_paused = true)]
async fn batches_that_need_repairs_are_repaired_and_counted() {
    let text = r#"[{"specversion":"1.0","id":"1","source":"/s","type":"t","Upper":"x"},
        {"specversion":"1.0","id":"2","source":"/s","type":"t"}]"#;
    let batch = Message::Batched(Document::new(FormatId::JSON, text));
    for stays_a_batch in [true, false] {
        let (from, to) = (FakeQueue::new(), FakeQueue::new());
        from.sender().send(batch.clone()).await.unwrap();
        let mut policy = policy();
        if !stays_a_batch {
            policy.form = Form::Binary;
        }
        let receiver = from.receiver(with().with_leniency(Leniency::all()));
        let status = run_with(receiver, to.sender(), policy).await;
        assert_eq!((status.received().repaired, status.received().invalid), (1, 0));
        let arrived = all(&to).await;
        let events: Vec<_> = arrived.iter().flat_map(|delivery| delivery.events().unwrap()).collect();
        assert_eq!((arrived.len(), events.len()), (if stays_a_batch { 1 } else { 2 }, 2));
        assert_eq!(events[0].extension("upper"), Some(Value::String("x")));
    }
    let from = FakeQueue::new();
    let document = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","Upper":"x"}"#;
    let document = Document::new(FormatId::JSON, document);
    from.sender().send(Message::Structured(document)).await.unwrap();
    let receiver = from.receiver(with().with_leniency(Leniency::all()));
    let status = run_with(receiver, FakeQueue::new().sender(), policy()).await;
    assert_eq!(status.received().repaired, 1);
}

/// What no repair reads goes on as it does without leniency.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_repaired_goes_on_as_without_leniency() {
    let id = || FormatId::JSON;
    let document = Message::Structured(Document::new(id(), r#"{"specversion":"1.0","id":"1"}"#));
    let batch = Message::Batched(Document::new(id(), r#"[{"specversion":"1.0","id":"1"}]"#));
    for (message, body) in
        [(document, r#"{"specversion":"1.0","id":"1"}"#), (batch, r#"[{"specversion":"1.0","id":"1"}]"#)]
    {
        for leniency in [Leniency::strict(), Leniency::all()] {
            let (from, to) = (FakeQueue::new(), FakeQueue::new());
            from.sender().send(message.clone()).await.unwrap();
            let receiver = from.receiver(with().with_leniency(leniency));
            let status = run_with(receiver, to.sender(), policy()).await;
            assert_eq!(status.metrics().confirmed, 1, "{leniency}");
            assert_eq!(all(&to).await[0].body().unwrap(), body);
        }
    }
}

/// Messages that are lost while they wait for their turn leave it to the others.
#[tokio::test(start_paused = true)]
async fn a_rate_is_kept_while_the_source_is_cut() {
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    from.sender().send_all(events(300)).await.unwrap();
    let mut policy = policy();
    policy.rate = NonZeroU32::new(1);
    let bridge = Bridge::new(from.receiver(with()), to.sender(), policy).unwrap();
    let script = async {
        for _ in 0..10 {
            sleep(Duration::from_secs(6)).await;
            from.cut();
        }
        sleep(Duration::from_secs(60)).await;
        assert!((100..=125).contains(&to.len()), "{}", to.len());
    };
    bridge.run().until(script).await.unwrap();
}

/// Batches take their turns one after the other, so that the first ones end before the source is lost.
#[tokio::test(start_paused = true)]
async fn batches_that_are_split_end_one_after_the_other() {
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    for first in 0..4 {
        let all: Vec<_> = (0..100).map(|id| event(first * 100 + id)).collect();
        from.sender().send(Message::batched(&all, &Json::new()).unwrap().0).await.unwrap();
    }
    let mut policy = policy();
    policy.rate = NonZeroU32::new(10);
    (policy.order, policy.form) = (OrderBy::None, Form::Binary);
    let bridge = Bridge::new(from.receiver(with()), to.sender(), policy).unwrap();
    let script = async {
        for _ in 0..4 {
            sleep(Duration::from_secs(30)).await;
            from.cut();
        }
    };
    bridge.run().until(script).await.unwrap();
    assert_eq!(from.len(), 0);
}

/// A batch has each second turn.
#[tokio::test(start_paused = true)]
async fn a_batch_ends_before_a_backlog_of_single_messages() {
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    let all: Vec<_> = (0..100).map(event).collect();
    from.sender().send(Message::batched(&all, &Json::new()).unwrap().0).await.unwrap();
    from.sender().send_all((100..2000).map(event)).await.unwrap();
    let mut policy = policy();
    policy.rate = NonZeroU32::new(10);
    (policy.order, policy.form) = (OrderBy::None, Form::Binary);
    let bridge = Bridge::new(from.receiver(with()), to.sender(), policy).unwrap();
    bridge.run().until(sleep(Duration::from_secs(25))).await.unwrap();
    let arrived: std::collections::BTreeSet<_> = self::all(&to).await.iter().map(crate::id).collect();
    assert!(arrived.contains("99"), "{arrived:?}");
}

/// It has only each second turn of those that are there between two losses.
#[tokio::test(start_paused = true)]
async fn a_batch_that_never_ends_stops_nothing_else() {
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    let all: Vec<_> = (0..700).map(event).collect();
    from.sender().send(Message::batched(&all, &Json::new()).unwrap().0).await.unwrap();
    from.sender().send_all((1000..1010).map(event)).await.unwrap();
    let mut policy = policy();
    policy.rate = NonZeroU32::new(10);
    (policy.order, policy.form) = (OrderBy::None, Form::Binary);
    let bridge = Bridge::new(from.receiver(with()), to.sender(), policy).unwrap();
    let script = async {
        for _ in 0..5 {
            sleep(Duration::from_secs(60)).await;
            from.cut();
        }
    };
    bridge.run().until(script).await.unwrap();
    let arrived: std::collections::BTreeSet<_> = self::all(&to).await.iter().map(crate::id).collect();
    assert!((1000..1010).all(|id| arrived.contains(&id.to_string())), "{arrived:?}");
}

/// While the events of one batch are confirmed, others take their turns.
#[tokio::test(start_paused = true)]
async fn a_high_rate_is_reached_with_batches() {
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    for first in 0..16 {
        let all: Vec<_> = (0..100).map(|id| event(first * 100 + id)).collect();
        from.sender().send(Message::batched(&all, &Json::new()).unwrap().0).await.unwrap();
    }
    let mut policy = policy();
    policy.rate = NonZeroU32::new(1000);
    (policy.order, policy.form) = (OrderBy::None, Form::Binary);
    let bridge = Bridge::new(from.receiver(with()), slow(to.sender()), policy).unwrap();
    bridge.run().until(sleep(Duration::from_secs(20))).await.unwrap(); // with few under way at first
    assert_eq!(to.len(), 1600);
}
