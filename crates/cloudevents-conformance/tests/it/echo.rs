//! Consumers and producers behind a channel that is in memory.

use cloudevents_conformance::vectors::{self, Document};
use cloudevents_conformance::{
    Arrived, Channel, ChannelError, ConsumerTestee, Finding, KnownFailing, ProducerTestee, Reporter,
    RunError, Selection, Suite, Testee, Verdict, badge, run,
};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::Duration;

/// A consumer in memory: what it publishes when it gets a message.
struct Consumer<F> {
    published: VecDeque<Arrived>,
    read: F,
}

impl<F: FnMut(&Value) -> Vec<Arrived>> Channel for Consumer<F> {
    fn send(&mut self, message: &Value) -> Result<(), ChannelError> {
        if message["value"] == "unwritable" {
            return Err(ChannelError::Unwritable("no bytes".to_owned()));
        }
        self.published.extend((self.read)(message));
        Ok(())
    }

    fn receive(&mut self, _: Duration) -> Result<Option<Arrived>, ChannelError> {
        Ok(self.published.pop_front())
    }
}

fn event(id: &str, more: &[(&str, &str)]) -> Value {
    let attributes: serde_json::Map<String, Value> = [("id", id), ("source", "/s"), ("type", "t")]
        .iter()
        .chain(more)
        .map(|(name, text)| ((*name).to_owned(), json!({"type": "String", "value": text})))
        .collect();
    json!({"specversion": "1.0", "attributes": attributes})
}

/// Reads `ce_id` and `ce_subject`, which is all that these cases have.
fn honest(message: &Value) -> Vec<Arrived> {
    let header = |wanted: &str| {
        let headers = message["headers"].as_array().into_iter().flatten();
        headers.clone().find(|pair| pair[0] == wanted).and_then(|pair| pair[1]["text"].as_str())
    };
    let subject: Vec<_> = header("ce_subject").map(|text| ("subject", text)).into_iter().collect();
    header("ce_id").map(|id| Arrived::Event(event(id, &subject))).into_iter().collect()
}

fn suite() -> Suite {
    let case = |name: &str, value: Value, headers: Value, expect: Value| {
        json!({"id": format!("kafka/t/{name}"), "title": "t", "clauses": ["KAFKA-3.2.3-a"], "level": "MUST", "revisions": ["1.0.2"],
            "request": {"op": "decode", "via": "kafka", "message": {"key": null, "headers": headers, "value": value}},
            "expect": [expect]})
    };
    let headers = || json!([["ce_id", {"text": "1"}], ["ce_subject", {"text": "a%20b"}]]);
    let read = json!({"result": {"mode": "binary", "events": [event("1", &[("subject", "a%20b")])]}});
    let refused = || json!({"error": {"kind": "not-a-cloudevent"}});
    let without = || json!([["ce_subject", {"text": "a"}]]);
    let document = json!({"area": "kafka", "topic": "t", "title": "t", "cases": [
        case("valid", Value::Null, headers(), read.clone()),
        case("invalid", Value::Null, without(), refused()),
        case("unwritable", json!("unwritable"), headers(), read.clone()),
        case("valid-again", Value::Null, headers(), read),
    ]});
    Suite::new([Document::parse(&document.to_string()).unwrap()], []).observed_through("kafka")
}

/// Keeps what became of each case.
#[derive(Default)]
struct Verdicts(Vec<(String, Verdict, String)>);

impl Reporter for Verdicts {
    fn case(&mut self, report: &cloudevents_conformance::CaseReport<'_>) -> std::io::Result<()> {
        let why = match &report.finding {
            Finding::Failed(failure) => {
                failure.closest().map(|attempt| attempt.differences[0].to_string()).unwrap_or_default()
            }
            Finding::Crashed(breakdown) => breakdown.to_string(),
            Finding::Unsupported(reason) => reason.clone(),
            _ => String::new(),
        };
        let name = report.case.id.rsplit('/').next().unwrap().to_owned();
        self.0.push((name, report.verdict, why));
        Ok(())
    }

    fn finished(&mut self, _: &cloudevents_conformance::Summary) -> std::io::Result<()> {
        Ok(())
    }
}

fn verdicts(suite: &Suite, testee: &mut dyn Testee) -> Vec<(String, Verdict, String)> {
    let mut verdicts = Verdicts::default();
    run(suite, &Selection::default(), &KnownFailing::default(), testee, &mut verdicts).unwrap();
    verdicts.0
}

fn consumer(read: impl FnMut(&Value) -> Vec<Arrived>) -> ConsumerTestee<impl Channel> {
    let channel = Consumer { published: VecDeque::new(), read };
    ConsumerTestee::new(channel, "kafka", 7)
}

fn short(found: &[(String, Verdict, String)]) -> Vec<(&str, Verdict)> {
    found.iter().map(|(name, verdict, _)| (name.as_str(), *verdict)).collect()
}

#[test]
fn a_consumer_that_reads_what_is_stated_passes() {
    let found = verdicts(&suite(), &mut consumer(honest));
    assert_eq!(
        short(&found),
        [
            ("valid", Verdict::Passed),
            ("invalid", Verdict::Passed),
            ("unwritable", Verdict::Skipped),
            ("valid-again", Verdict::Passed),
        ]
    );
}

#[test]
fn an_invalid_message_does_not_come_back_as_a_valid_event() {
    let found = verdicts(
        &suite(),
        &mut consumer(|message: &Value| {
            let read = honest(message);
            if read.is_empty() { vec![Arrived::Event(event("made-up", &[]))] } else { read }
        }),
    );
    assert_eq!(short(&found)[1], ("invalid", Verdict::Failed));
    assert!(found[1].2.starts_with("answer: expected an error, got the result"), "{found:?}");
    // One that comes back as it was, still invalid, was not refused: whoever copies messages unread would pass.
    let found = verdicts(
        &suite(),
        &mut consumer(|message: &Value| {
            let read = honest(message);
            if read.is_empty() { vec![Arrived::Unreadable("no id".to_owned())] } else { read }
        }),
    );
    assert_eq!(short(&found)[1], ("invalid", Verdict::Failed));
    assert!(found[1].2.contains("no id"), "{found:?}");
}

#[test]
fn the_result_of_a_consumer_says_what_it_is() {
    let mut testee = consumer(honest).name("the consumer of kafka://h/t");
    let published = Suite::published().unwrap();
    let observed = published.observed_through("kafka");
    let selection = Selection::default().run("kafka/binary-decode/missing-id".parse().unwrap());
    let summary = run(&observed, &selection, &KnownFailing::default(), &mut testee, &mut ()).unwrap();
    assert_eq!(summary.provenance.observed.as_deref(), Some("a consumer over kafka"));
    let shown = badge(&summary);
    assert!(
        shown.contains("(the consumer of kafka://h/t, by 1.0.2, a consumer over kafka, in part)"),
        "{shown}"
    );
    // Not the part of the suite that a consumer can be tested with, but all of it.
    assert!(summary.score.all > 1900 && observed.cases().len() < 200, "{:?}", summary.score);
    let suite = Suite::produced("kafka", [("one", &event("1", &[]))]).unwrap();
    let channel = Consumer { published: [Arrived::Event(event("1", &[]))].into(), read: honest };
    let mut testee = ProducerTestee::new(channel, &suite);
    let summary = run(&suite, &Selection::default(), &KnownFailing::default(), &mut testee, &mut ()).unwrap();
    let shown = badge(&summary);
    assert!(shown.contains("a producer over kafka with 1 event of its own"), "{shown}");
    let samples = published_events();
    let named = samples.iter().map(|sample| (sample["name"].as_str().unwrap(), &sample["event"]));
    let observed = |suite: &Suite| {
        let channel = Consumer { published: [Arrived::Event(event("1", &[]))].into(), read: honest };
        let known = KnownFailing::default();
        let testee = &mut ProducerTestee::new(channel, suite);
        let summary = run(suite, &Selection::default(), &known, testee, &mut ()).unwrap();
        (summary.provenance.observed.unwrap(), summary.score.all)
    };
    let all = Suite::produced("kafka", named.clone()).unwrap();
    assert_eq!(observed(&all), ("a producer over kafka".to_owned(), samples.len() + 1));
    let few = Suite::produced("kafka", named.take(2)).unwrap();
    assert_eq!(observed(&few).0, "a producer over kafka with 2 events of its own");
}

fn published_events() -> Vec<Value> {
    let (_, text) = vectors::samples().find(|(path, _)| *path == "events.json").unwrap();
    serde_json::from_str(text).unwrap()
}

#[test]
fn what_comes_back_is_compared() {
    type Change = fn(Vec<Arrived>) -> Vec<Arrived>;
    let changes: [(Change, &str); 4] = [
        (|_| vec![Arrived::Event(event("1", &[("subject", "a b")]))], "events[0].attributes.subject.value"),
        (|_| vec![Arrived::Event(event("1", &[]))], "events[0].attributes.subject"),
        (|read| [read.clone(), read].concat(), "events: expected 1 events, got 2 events"),
        (|_| vec![Arrived::Unreadable("no source".to_owned())], "events[0]"),
    ];
    for (change, why) in changes {
        let found = verdicts(
            &suite(),
            &mut consumer(move |message: &Value| {
                let is_marker = message.to_string().contains("ce-conformance-7-");
                if is_marker { honest(message) } else { change(honest(message)) }
            }),
        );
        assert_eq!(found[0].1, Verdict::Failed, "{why}");
        assert!(found[0].2.starts_with(why), "{why}: {found:?}");
    }
}

#[test]
fn a_consumer_that_stops_reading_has_crashed() {
    let mut ended = false;
    let mut testee = consumer(move |message: &Value| {
        let read = honest(message);
        ended |= read.is_empty();
        if ended { Vec::new() } else { read }
    });
    // The first start needs none of it, and the one behind the crash all of it.
    testee = testee.start_limit(Duration::from_secs(3));
    let found = verdicts(&suite(), &mut testee);
    let (crashed, unasked) = (Verdict::Crashed, Verdict::Unasked);
    assert_eq!(
        short(&found),
        [("valid", Verdict::Passed), ("invalid", crashed), ("unwritable", unasked), ("valid-again", unasked)]
    );
    assert!(found[1].2.contains("the valid event behind the message did not come back"), "{found:?}");
}

#[test]
fn a_consumer_that_never_reads_does_not_start() {
    let mut testee = consumer(|_: &Value| Vec::new()).start_limit(Duration::from_millis(50));
    let error =
        run(&suite(), &Selection::default(), &KnownFailing::default(), &mut testee, &mut Verdicts::default());
    let Err(RunError::NotStarted { breakdown, .. }) = error else { panic!("{error:?}") };
    assert!(breakdown.detail.starts_with("no event came back within"), "{breakdown}");
}

#[test]
fn what_was_there_before_is_ignored() {
    let mut channel = Consumer { published: VecDeque::new(), read: honest };
    channel.published.extend([Arrived::Unreadable("old".to_owned()), Arrived::Event(event("1", &[]))]);
    let found = verdicts(&suite(), &mut ConsumerTestee::new(channel, "kafka", 7));
    assert_eq!(found[0].1, Verdict::Passed, "{found:?}");
}

/// What a producer has written.
fn produced(arrived: Vec<Arrived>) -> Vec<(String, Verdict, String)> {
    let events = [event("1", &[("subject", "a")]), event("2", &[("n", "3")])];
    let suite = Suite::produced("kafka", ["one", "two"].into_iter().zip(&events)).unwrap();
    let channel = Consumer { published: arrived.into(), read: honest };
    verdicts(&suite, &mut ProducerTestee::new(channel, &suite))
}

#[test]
fn a_producer_that_writes_the_events_passes() {
    let number = json!({"type": "Integer", "value": 3});
    let mut typed = event("2", &[]);
    typed["attributes"]["n"] = number;
    let arrived = [typed, event("1", &[("subject", "a")]), event("2", &[("n", "3")])].map(Arrived::Event);
    let passed = Verdict::Passed;
    assert_eq!(
        short(&produced(arrived.into())),
        [("one", passed), ("two", passed), ("nothing-else", passed)]
    );
}

#[test]
fn a_producer_may_have_native_types_and_set_a_time() {
    let timed = |mut event: Value, time: &str| {
        event["attributes"]["time"] = json!({"type": "Timestamp", "value": time});
        event
    };
    let with = |mut event: Value, data: &str| {
        event["data"] = json!({"json": data});
        event
    };
    let json_type = [("datacontenttype", "application/json")];
    let events = [
        event("1", &[]),
        timed(with(event("2", &json_type), "[21.50,2.0]"), "2024-02-29T23:59:59.123456789+05:30"),
    ];
    let verdicts_of = |arrived: Vec<Value>| {
        let suite = Suite::produced("kafka", ["one", "two"].into_iter().zip(&events)).unwrap();
        let published = arrived.into_iter().map(Arrived::Event).collect();
        let found = verdicts(&suite, &mut ProducerTestee::new(Consumer { published, read: honest }, &suite));
        short(&found).into_iter().map(|(_, verdict)| verdict).collect::<Vec<_>>()
    };
    // In two modes, each with a time of its own; and with the digits of a native type.
    let one = |time: &str| timed(event("1", &[]), time);
    let two = |time: &str, data: &str| timed(with(event("2", &json_type), data), time);
    let first = [one("2024-01-01T00:00:00Z"), one("2024-01-01T00:00:01Z")];
    let (passed, failed) = (Verdict::Passed, Verdict::Failed);
    for digits in ["123456789", "1234567", "123456", "123"] {
        let arrived =
            [first.to_vec(), vec![two(&format!("2024-02-29T18:29:59.{digits}Z"), "[21.5,2]")]].concat();
        assert_eq!(verdicts_of(arrived), [passed; 3], "{digits}");
    }
    let wrong = |one: Value, two: Value| verdicts_of(vec![one, two]);
    let right = || two("2024-02-29T18:29:59.123Z", "[21.5,2]");
    assert_eq!(wrong(one("yesterday"), right()), [failed, passed, passed]);
    assert_eq!(wrong(event("1", &[("subject", "a")]), right()), [failed, passed, passed]);
    assert_eq!(wrong(event("1", &[]), two("2024-02-29T18:29:59Z", "[21.5,2]")), [passed, failed, passed]);
    assert_eq!(wrong(event("1", &[]), two("2024-02-29T18:29:59.123Z", "[21.6,2]")), [passed, failed, passed]);
}

#[test]
fn what_a_producer_writes_is_compared() {
    let found = produced(vec![
        Arrived::Event(event("1", &[])),
        Arrived::Unreadable("attribute `id` is missing".to_owned()),
        Arrived::Event(event("3", &[])),
    ]);
    let failed = Verdict::Failed;
    assert_eq!(short(&found), [("one", failed), ("two", failed), ("nothing-else", failed)]);
    assert!(found[0].2.starts_with("events[0].attributes.subject"), "{found:?}");
    assert!(found[1].2.contains("the event did not arrive"), "{found:?}");
    assert!(found[2].2.contains("attribute `id` is missing") || found[2].2.contains("others"), "{found:?}");
}

/// A place where messages never end: the same events again and again, or new ones.
struct Endless<F>(u64, F);

impl<F: FnMut(u64) -> Arrived> Channel for Endless<F> {
    fn send(&mut self, _: &Value) -> Result<(), ChannelError> {
        Ok(())
    }

    fn receive(&mut self, _: Duration) -> Result<Option<Arrived>, ChannelError> {
        self.0 += 1;
        std::thread::sleep(Duration::from_millis(1)); // between two messages
        Ok(Some((self.1)(self.0)))
    }
}

#[test]
fn a_producer_that_never_stops_is_judged() {
    let events = [event("1", &[]), event("2", &[])];
    let suite = Suite::produced("kafka", ["one", "two"].into_iter().zip(&events)).unwrap();
    let judged = |read: fn(u64) -> Arrived| {
        let testee = ProducerTestee::new(Endless(0, read), &suite);
        // The first messages are there at once, and have to be taken before it is over.
        verdicts(&suite, &mut testee.time_limit(Duration::from_secs(3)))
    };
    let (passed, failed) = (Verdict::Passed, Verdict::Failed);
    let found = judged(|number| Arrived::Event(event(&(number % 2 + 1).to_string(), &[])));
    assert_eq!(short(&found), [("one", passed), ("two", passed), ("nothing-else", passed)]);
    // The second event is missing, whatever else comes.
    let found = judged(|number| match number % 3 {
        0 => Arrived::Event(event("1", &[])),
        1 => Arrived::Event(event(&format!("x{number}"), &[])),
        _ => Arrived::Unreadable(format!("no id {number}")),
    });
    assert_eq!(short(&found), [("one", passed), ("two", failed), ("nothing-else", failed)]);
    assert!(found[1].2.contains("the event did not arrive"), "{found:?}");
}
