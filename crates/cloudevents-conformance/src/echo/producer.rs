//! A producer as a testee.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use cloudevents_vectors::{Document, InvalidData};
use serde_json::{Value, json};

use super::marker::id_of;
use super::observed::observed;
use super::{Arrived, Channel, PRODUCER};
use crate::compare::same_event;
use crate::{Breakdown, BreakdownKind, Suite, Testee};

/// What an outcome says of messages that no case is about.
const OTHERS: &str = "others";

impl Suite {
    /// The cases that a producer can be tested with: each of these events, by name and in the form of the testee protocol, has to arrive
    /// once or more, in modes of the producer's choice, and nothing else may. Every event has an id of its own.
    ///
    /// Of an event counts what [`observed_through`](Self::observed_through) lists. One without `time` may arrive with one, which the
    /// producer may set, and a time may have fewer digits, as native types have. Reports name events that are not those of the vectors.
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

/// A producer, as a [`Testee`]: what it writes is read from a place. Run it with a suite from [`Suite::produced`].
///
/// It may write the events in any order, each once or in several modes. When nothing has come for the time limit, the events that are
/// still missing are not waited for any more.
pub struct ProducerTestee<C> {
    channel: C,
    name: String,
    limit: Duration,
    start_limit: Duration,
    events: BTreeMap<String, Vec<Value>>,
    unreadable: Vec<String>,
    wanted: Vec<String>,
    /// Nothing more is waited for.
    ended: bool,
}

impl<C: Channel> ProducerTestee<C> {
    /// A producer whose messages this channel receives.
    pub fn new(channel: C) -> Self {
        ProducerTestee {
            channel,
            name: "a producer".to_owned(),
            limit: Duration::from_secs(10),
            start_limit: Duration::from_secs(60),
            events: BTreeMap::new(),
            unreadable: Vec::new(),
            wanted: Vec::new(),
            ended: false,
        }
    }

    /// Sets the name that reports show.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets how long to wait for a message after the last one. Default: ten seconds.
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
        if !self.take(self.start_limit)? {
            let detail = format!("no message came within {:?}", self.start_limit);
            return Err(Breakdown::new(BreakdownKind::NotStarted, detail));
        }
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
        self.wanted.push(id.to_owned());
        while !self.events.contains_key(id) && !self.ended {
            self.ended = !self.take(self.limit)?;
        }
        let Some(arrived) = self.events.get(id) else {
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
        // What has been read, and what is on its way: another mode of the last event, say.
        let quiet = self.limit.min(Duration::from_secs(1));
        while !self.ended {
            self.ended = !self.take(quiet)?;
        }
        let mut others = self.unreadable.clone();
        let unknown = self.events.keys().filter(|id| !self.wanted.contains(id));
        others.extend(unknown.map(|id| format!("an event with the id {id:?}, which is none of the events")));
        Ok(json!({"result": {OTHERS: others}}))
    }

    /// Takes one message. Returns false if none came in time.
    fn take(&mut self, within: Duration) -> Result<bool, Breakdown> {
        let arrived = self
            .channel
            .receive(within)
            .map_err(|error| Breakdown::new(BreakdownKind::Crashed, error.to_string()))?;
        match arrived {
            None => return Ok(false),
            Some(Arrived::Unreadable(reason)) => self.unreadable.push(reason),
            Some(Arrived::Event(event)) => {
                let id = id_of(&event).unwrap_or_default().to_owned();
                self.events.entry(id).or_default().push(observed(&event));
            }
        }
        Ok(true)
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
