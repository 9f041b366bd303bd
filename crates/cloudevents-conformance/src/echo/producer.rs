//! A producer as a testee.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use cloudevents_vectors::{Document, InvalidData};
use serde_json::{Value, json};

use super::marker::id_of;
use super::observed::observed;
use super::{Arrived, Channel, PRODUCER};
use crate::compare::same_event;
use crate::{Breakdown, BreakdownKind, Suite, Testee};

/// The member of an outcome that lists messages of no case.
const OTHERS: &str = "others";

impl Suite {
    /// The cases that a producer can be tested with. The events have names, and have the form of the testee protocol.
    ///
    /// Each event has to arrive once or more, in modes of the producer's choice. No other event may arrive. Every event has an id of its
    /// own.
    ///
    /// [`observed_through`](Self::observed_through) lists the parts of an event that are compared. An event without `time` may arrive with
    /// a `time`, which the producer may set. A time may have fewer digits, as native types have. Reports name events that are not events of
    /// the vectors.
    pub fn produced<'a>(
        binding: &str,
        events: impl IntoIterator<Item = (&'a str, &'a Value)>,
    ) -> Result<Self, InvalidData> {
        let case = |name: &str, title: &str, clauses: &[&str], event: Value, expected: Vec<Value>| {
            let expect: Vec<_> = expected.into_iter().map(|result| json!({"result": result})).collect();
            json!({
                "id": format!("producer/{binding}/{name}"),
                "title": title,
                "clauses": clauses,
                "level": "MUST",
                "revisions": ["1.0.2", "main"],
                "request": {"op": "produce", "event": event},
                "expect": expect,
                "compare": {"json": "double"},
            })
        };
        let mut cases: Vec<Value> = Vec::new();
        let events: Vec<_> = events.into_iter().collect();
        for &(name, event) in &events {
            let title = "The event arrives with its attributes and its payload";
            let clauses = ["CE-Extension-d", "CE-Type-System-r"];
            let expected = with_fewer_digits(&observed(event));
            let expected = expected.iter().map(|event| json!({"events": [event]})).collect();
            cases.push(case(name, title, &clauses, event.clone(), expected));
        }
        let title = "Every message is one of the events";
        cases.push(case(
            "nothing-else",
            title,
            &["CE-Context-Attributes-a"],
            Value::Null,
            vec![json!({OTHERS: []})],
        ));
        let document =
            json!({"area": "producer", "topic": binding, "title": "What a producer writes", "cases": cases});
        let document = Document::parse(&document.to_string())?;
        let suite = Suite::new([document], cloudevents_vectors::load_requirements()?);
        let published = published();
        let is_published = |event: &&Value| published.iter().any(|published| published == *event);
        let own = match events.len() {
            count if count == published.len() && events.iter().all(|(_, event)| is_published(event)) => {
                String::new()
            }
            1 => " with 1 event of its own".to_owned(),
            count => format!(" with {count} events of its own"),
        };
        Ok(suite.observing(format!("{PRODUCER} {binding}{own}"), |_| true))
    }
}

/// The events of the vectors that a producer is given.
fn published() -> Vec<Value> {
    let text = cloudevents_vectors::samples().find(|(path, _)| *path == "events.json").map(|(_, text)| text);
    let samples: Vec<Value> = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    samples.iter().filter_map(|sample| sample.get("event")).cloned().collect()
}

/// The event, and with fewer digits of its times, as the native types of many languages have them.
fn with_fewer_digits(event: &Value) -> Vec<Value> {
    let mut events = vec![event.clone()];
    for digits in [7, 6, 3] {
        let mut shorter = event.clone();
        let attributes = shorter.get_mut("attributes").and_then(Value::as_object_mut);
        for attribute in attributes.into_iter().flat_map(|attributes| attributes.values_mut()) {
            let is_time = attribute.get("type").is_some_and(|name| name == "Timestamp");
            let cut = attribute.get("value").and_then(Value::as_str).and_then(|text| cut(text, digits));
            if let (true, Some(text), Some(value)) = (is_time, cut, attribute.get_mut("value")) {
                *value = json!(text);
            }
        }
        if !events.contains(&shorter) {
            events.push(shorter);
        }
    }
    events
}

/// A timestamp with this number of digits behind its seconds, if it has more.
fn cut(timestamp: &str, digits: usize) -> Option<String> {
    let (seconds, rest) = timestamp.split_once('.')?;
    let (fraction, zone) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?;
    Some(format!("{seconds}.{}{zone}", fraction.get(..digits)?))
}

/// A producer, as a [`Testee`]. Its messages are read from a channel. Run it with the suite from [`Suite::produced`] that it was made for.
///
/// The producer may write the events in any order, each once or in several modes. When none of the missing events has arrived within the
/// time limit, the wait for them ends, even if other messages still come.
pub struct ProducerTestee<C> {
    channel: C,
    name: String,
    limit: Duration,
    start_limit: Duration,
    /// The distinct arrivals of each event, by the id of the event: at most as many as are [kept](KEPT).
    wanted: BTreeMap<String, Vec<Value>>,
    /// Descriptions of the messages that are none of the events.
    others: Vec<String>,
    /// When the events that are missing are not waited for any more.
    deadline: Instant,
    /// Nothing more is waited for.
    ended: bool,
}

/// How many different messages of a sort are kept. A producer may never end, and other programs may write to the same topic or queue.
const KEPT: usize = 100;

/// The kind of message that was taken.
enum Taken {
    /// The first of an event that has to arrive.
    Wanted,
    /// Any other.
    More,
    /// None came in time.
    Nothing,
}

impl<C: Channel> ProducerTestee<C> {
    /// A producer whose messages this channel receives, and which has to write the events of this suite.
    pub fn new(channel: C, suite: &Suite) -> Self {
        let events = suite.cases().iter().filter_map(|case| case.request.get("event"));
        ProducerTestee {
            channel,
            name: "a producer".to_owned(),
            limit: Duration::from_secs(10),
            start_limit: Duration::from_secs(60),
            wanted: events.filter_map(id_of).map(|id| (id.to_owned(), Vec::new())).collect(),
            others: Vec::new(),
            deadline: Instant::now(),
            ended: false,
        }
    }

    /// Sets the name that reports show.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets how long to wait for a missing event after the last arrival of one. Default: ten seconds.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sets how long to wait for the first message. Default: a minute.
    pub fn start_limit(mut self, limit: Duration) -> Self {
        self.start_limit = limit;
        self
    }

    /// Waits for the first message.
    fn start(&mut self) -> Result<Value, Breakdown> {
        if let Taken::Nothing = self.take(self.start_limit)? {
            let detail = format!("no message came within {:?}", self.start_limit);
            return Err(Breakdown::new(BreakdownKind::NotStarted, detail));
        }
        self.deadline = Instant::now() + self.limit;
        Ok(json!({
            "version": 1,
            "implementation": {"name": self.name, "version": "", "language": ""},
            "capabilities": {
                "ops": ["produce"], "formats": [], "bindings": [],
                "payloads": ["json", "text", "binary", "xml", "cbor", "proto"],
            },
        }))
    }

    fn judge(&mut self, request: &Value) -> Result<Value, Breakdown> {
        let event = request.get("event").unwrap_or(&Value::Null);
        let Some(id) = id_of(event) else { return self.others() };
        while self.wanted.get(id).is_some_and(Vec::is_empty) && !self.ended {
            match self.take_until(self.deadline)? {
                Taken::Wanted => self.deadline = Instant::now() + self.limit,
                Taken::More => (),
                Taken::Nothing => self.ended = true,
            }
        }
        let Some(arrived) = self.wanted.get(id).filter(|arrived| !arrived.is_empty()) else {
            return Ok(json!({"error": {"kind": "nothing-came", "message": "the event did not arrive"}}));
        };
        // The same event in another mode is no other event, and a time that the producer set is another one each time.
        let has_time = event.pointer("/attributes/time").is_some();
        let compared = |event: &Value| {
            let mut event = event.clone();
            if let (false, Some(Value::Object(attributes))) = (has_time, event.get_mut("attributes")) {
                attributes.remove("time");
            }
            event
        };
        let mut events: Vec<&Value> = Vec::new();
        for event in arrived {
            if !events.iter().any(|known| same_event(&compared(known), &compared(event))) {
                events.push(event);
            }
        }
        Ok(json!({"result": {"events": events}}))
    }

    /// The messages that no case is about.
    fn others(&mut self) -> Result<Value, Breakdown> {
        // The messages that have been read, and those under way, such as another mode of the last event. If messages never end, there is no
        // quiet.
        let quiet = self.limit.min(Duration::from_secs(1));
        let deadline = Instant::now() + self.limit;
        while !self.ended {
            let taken = self.take_until(deadline.min(Instant::now() + quiet))?;
            self.ended = matches!(taken, Taken::Nothing);
        }
        Ok(json!({"result": {OTHERS: self.others}}))
    }

    /// Takes one message, if it comes before this.
    fn take_until(&mut self, deadline: Instant) -> Result<Taken, Breakdown> {
        match deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Ok(Taken::Nothing),
            within => self.take(within),
        }
    }

    /// Takes one message, if it comes in time.
    fn take(&mut self, within: Duration) -> Result<Taken, Breakdown> {
        let arrived = self
            .channel
            .receive(within)
            .map_err(|error| Breakdown::new(BreakdownKind::Crashed, error.to_string()))?;
        let other = match arrived {
            None => return Ok(Taken::Nothing),
            Some(Arrived::Unreadable(reason)) => reason,
            Some(Arrived::Event(event)) => {
                let id = id_of(&event).unwrap_or_default();
                match self.wanted.get_mut(id) {
                    Some(known) => {
                        let is_first = known.is_empty();
                        let event = observed(&event);
                        if known.len() < KEPT && !known.contains(&event) {
                            known.push(event);
                        }
                        return Ok(if is_first { Taken::Wanted } else { Taken::More });
                    }
                    None => format!("an event with the id {id:?}, which is none of the events"),
                }
            }
        };
        if self.others.len() < KEPT && !self.others.contains(&other) {
            self.others.push(other);
        }
        Ok(Taken::More)
    }
}

impl<C: Channel> Testee for ProducerTestee<C> {
    fn call(&mut self, request: &str) -> Result<String, Breakdown> {
        let request: Value = serde_json::from_str(request)
            .map_err(|error| Breakdown::new(BreakdownKind::Garbage, error.to_string()))?;
        if request.get("cmd").is_some_and(|command| command == "start") {
            return Ok(self.start()?.to_string());
        }
        let mut answer = self.judge(&request)?;
        if let (Some(members), Some(seq)) = (answer.as_object_mut(), request.get("seq")) {
            members.insert("seq".into(), seq.clone());
        }
        Ok(answer.to_string())
    }
}

impl<C> fmt::Debug for ProducerTestee<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerTestee").field("name", &self.name).finish_non_exhaustive()
    }
}
