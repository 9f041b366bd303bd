//! Messages that the SDK writes.

use super::{pairs, percent_decoded};
use crate::{
    ledger::{Explanation, Ledger},
    tagged, vectors,
};
use cloudevents_core::{Data, Event, Losses};
use cloudevents_sdk_bridge::to_sdk_lossy;
use serde_json::Value;
use std::collections::BTreeMap;

#[test]
fn messages() {
    let mut ledger = Ledger::new(TABLE);
    for case in vectors::cases("http") {
        let request = &case["request"];
        let expected = &case["expect"][0]["result"]["message"];
        if request["op"] != "encode" || request["mode"] != "binary" || expected.is_null() {
            continue;
        }
        let event = tagged::event(&request["events"][0]).unwrap_or_else(|| panic!("{request}"));
        let written = Written::new(event, expected);
        for difference in written.differences() {
            ledger.enter(case["id"].as_str().unwrap(), &written, &difference);
        }
    }
    ledger.close();
}

/// An event, what it should look like, and what the SDK writes for it.
struct Written {
    event: Event,
    losses: Losses,
    expected: Sent,
    theirs: Sent,
}

struct Sent {
    /// Values as the vectors write them: a character for each octet.
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

#[derive(Debug)]
enum Difference {
    Header { name: String, expected: Option<String>, theirs: Option<String> },
    Body,
}

impl Written {
    fn new(event: Event, expected: &Value) -> Self {
        let (theirs, losses) = to_sdk_lossy(&event).unwrap();
        let request = http::Request::<Option<Vec<u8>>>::try_from(theirs).unwrap();
        let octets = |value: &http::HeaderValue| value.as_bytes().iter().copied().map(char::from).collect();
        let theirs = Sent {
            headers: request
                .headers()
                .iter()
                .map(|(name, value)| (name.as_str().into(), octets(value)))
                .collect(),
            body: request.into_body().unwrap_or_default(),
        };
        let expected = Sent {
            headers: pairs(&expected["headers"]).into_iter().collect(),
            body: vectors::bytes(&expected["body"]).unwrap_or_default(),
        };
        Self { event, losses, expected, theirs }
    }

    fn differences(&self) -> Vec<Difference> {
        let (expected, theirs) = (&self.expected.headers, &self.theirs.headers);
        let mut names: Vec<_> = expected.keys().chain(theirs.keys()).collect();
        names.sort();
        names.dedup();
        let mut found = Vec::new();
        for name in names.into_iter().filter(|name| expected.get(*name) != theirs.get(*name)) {
            let (expected, theirs) = (expected.get(name).cloned(), theirs.get(name).cloned());
            found.push(Difference::Header { name: name.clone(), expected, theirs });
        }
        if self.expected.body != self.theirs.body {
            found.push(Difference::Body);
        }
        found
    }
}

/// Whether the bridge reports a loss for this header.
fn is_lost(written: &Written, difference: &Difference, attribute: &str) -> bool {
    matches!(difference, Difference::Header { name, .. } if name.strip_prefix("ce-") == Some(attribute))
        && written.losses.iter().any(|loss| loss.at() == attribute)
}

const TABLE: &[Explanation<Written, Difference>] = &[
    Explanation {
        trap: "J27",
        clause: "CE-time-b",
        reason: "the SDK turns every timestamp into UTC (the bridge reports it)",
        applies: |written, difference| is_lost(written, difference, "time"),
    },
    Explanation {
        trap: "-",
        clause: "SDK-Acceptance-a",
        reason: "the SDK has no place for a relative schemaurl (the bridge reports it)",
        applies: |written, difference| is_lost(written, difference, "schemaurl"),
    },
    Explanation {
        trap: "-",
        clause: "CE-Type-System-l",
        reason: "the SDK writes +00:00 for Z in headers: the same time in another spelling",
        applies: |_, difference| match difference {
            Difference::Header { name, expected: Some(expected), theirs: Some(theirs) } => {
                name == "ce-time" && theirs.replace("+00:00", "Z") == *expected
            }
            _ => false,
        },
    },
    Explanation {
        trap: "H2",
        clause: "HTTP-3.1.3.2-c",
        reason: "the SDK writes values as they are, without percent-escapes",
        applies: |_, difference| match difference {
            Difference::Header { expected: Some(expected), theirs: Some(theirs), .. } => {
                let octets: Vec<_> = theirs.chars().map(|octet| u8::try_from(octet).unwrap()).collect();
                percent_decoded(expected.as_bytes()) == Some(octets)
            }
            _ => false,
        },
    },
    Explanation {
        trap: "H24",
        clause: "CE-datacontenttype-d",
        reason: "the SDK does not state the content type that JSON implies",
        applies: |written, difference| {
            matches!(difference, Difference::Header { name, theirs: None, .. } if name == "content-type")
                && matches!(written.event.data(), Some(Data::Json(_)))
        },
    },
];
