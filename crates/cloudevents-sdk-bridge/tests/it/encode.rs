//! JSON documents, written by both.

use crate::{
    generate,
    ledger::{Explanation, Ledger},
    tree::Tree,
};
use cloudevents::{Data, EventBuilder, EventBuilderV03, EventBuilderV10, event::AttributesWriter};
use cloudevents_core::{Data as OurData, Event, Losses};
use cloudevents_sdk_bridge::{from_sdk, to_sdk_lossy};

/// An event of both, and the losses if it was ours.
struct Pair {
    ours: Event,
    theirs: cloudevents::Event,
    losses: Losses,
}

#[derive(Debug)]
struct Difference {
    member: String,
    ours: Option<Tree>,
    theirs: Option<Tree>,
}

impl Pair {
    fn differences(&self) -> Vec<Difference> {
        let ours = Tree::parse(&String::from_utf8(cloudevents_json::encode_lossy(&self.ours)).unwrap());
        let theirs = Tree::parse(&serde_json::to_string(&self.theirs).unwrap());
        assert!(!ours.members().is_empty() && !theirs.members().is_empty());
        let member = |tree: &Tree, name: &str| {
            let mut found = tree.members().iter().filter(|(n, _)| n == name);
            let first = found.next().map(|(_, value)| value.clone());
            assert!(found.next().is_none(), "{name} stands here twice: {tree:?}");
            first
        };
        let mut names: Vec<_> = ours.members().iter().chain(theirs.members()).map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        names
            .into_iter()
            .map(|name| Difference {
                member: name.clone(),
                ours: member(&ours, name),
                theirs: member(&theirs, name),
            })
            .filter(|difference| difference.ours != difference.theirs)
            .collect()
    }

    fn lost(&self, at: &str, kind: &str) -> bool {
        self.losses.iter().any(|loss| loss.at() == at && loss.kind() == kind)
    }
}

#[test]
fn events_of_ours() {
    let mut ledger = Ledger::new(OURS);
    for ours in generate::events(3000) {
        let (theirs, losses) = to_sdk_lossy(&ours).unwrap();
        let pair = Pair { ours, theirs, losses };
        for difference in pair.differences() {
            ledger.enter(&format!("{:?}", pair.ours), &pair, &difference);
        }
    }
    ledger.close();
}

const OURS: &[Explanation<Pair, Difference>] = &[
    Explanation {
        trap: "J27",
        clause: "CE-time-b",
        reason: "an offset, further digits, another spelling of the time (the bridge reports it)",
        applies: |pair, difference| {
            difference.member == "time"
                && difference.theirs.is_some()
                && ["offset", "precision", "spelling"].iter().any(|kind| pair.lost("time", kind))
        },
    },
    Explanation {
        trap: "-",
        clause: "CE-Type-System-l",
        reason: "a time that leaves the years 0000 to 9999 in UTC (the bridge reports it)",
        applies: |pair, difference| {
            difference.member == "time" && difference.theirs.is_none() && pair.lost("time", "range")
        },
    },
    Explanation {
        trap: "J28",
        clause: "CE-dataschema-b",
        reason: "another spelling of dataschema, or schemaurl (the bridge reports it)",
        applies: |pair, difference| {
            difference.theirs.is_some() && is_schema(difference) && pair.lost(&difference.member, "spelling")
        },
    },
    Explanation {
        trap: "-",
        clause: "CE-dataschema-b",
        reason: "a URI that is no URL by the rules of the WHATWG (the bridge reports it)",
        applies: |pair, difference| {
            difference.theirs.is_none() && is_schema(difference) && pair.lost(&difference.member, "not-a-url")
        },
    },
    Explanation {
        trap: "J22",
        clause: "JSON-3.1.2-d",
        reason: "JSON that no JSON value of the SDK holds goes as bytes, its content type stated (the bridge reports it)",
        applies: |pair, difference| {
            pair.lost("data", "json-as-bytes")
                && ["data", "data_base64", "datacontentencoding", "datacontenttype"]
                    .contains(&difference.member.as_str())
        },
    },
    Explanation {
        trap: "J14",
        clause: "JSON-3.1.1-f",
        reason: "text under a JSON content type, which the SDK could mistake for JSON, goes as bytes (the bridge reports it)",
        applies: |pair, difference| {
            (pair.lost("data", "text-as-bytes") || pair.lost("data", "xml-as-bytes"))
                && ["data", "data_base64", "datacontentencoding"].contains(&difference.member.as_str())
        },
    },
    Explanation {
        trap: "J22",
        clause: "JSON-3.1.2-d",
        reason: "the same number in another spelling",
        applies: |_, difference| {
            difference.member == "data"
                && matches!((&difference.ours, &difference.theirs), (Some(ours), Some(theirs)) if ours.same_but_numbers(theirs))
        },
    },
];

fn is_schema(difference: &Difference) -> bool {
    ["dataschema", "schemaurl"].contains(&difference.member.as_str())
}

#[test]
fn events_of_theirs() {
    let mut ledger = Ledger::new(THEIRS);
    for theirs in events() {
        let Ok(ours) = from_sdk(&theirs) else { continue };
        let pair = Pair { ours, theirs, losses: Losses::none() };
        for difference in pair.differences() {
            ledger.enter(&format!("{:?}", pair.theirs), &pair, &difference);
        }
    }
    ledger.close();
}

/// What programs make: every payload under every content type.
fn events() -> Vec<cloudevents::Event> {
    let payloads = [
        None,
        Some(Data::Json(serde_json::json!({"b": [1.5, null], "a": "é"}))),
        Some(Data::Json(serde_json::json!("placed"))),
        Some(Data::String("placed".into())),
        Some(Data::String("{\"order\": 42}".into())),
        Some(Data::Binary(b"{\"order\": 42}".to_vec())),
        Some(Data::Binary(b"\x01".to_vec())),
        Some(Data::Binary(Vec::new())),
    ];
    let mut events = Vec::new();
    for payload in payloads {
        for content_type in generate::CONTENT_TYPES.iter().map(Some).chain([None]) {
            let v10 = EventBuilderV10::new()
                .id("1")
                .source("/s")
                .ty("t")
                .extension("n", 1i64)
                .time("2018-04-05T17:31:00Z");
            let v03 = EventBuilderV03::new().id("1").source("/s").ty("t").extension("b", true);
            for mut event in [v10.build().unwrap(), v03.build().unwrap()] {
                event.set_datacontenttype(content_type.copied());
                if let Some(payload) = &payload {
                    event.set_data_unchecked(payload.clone());
                }
                events.push(event);
            }
        }
    }
    events
}

const THEIRS: &[Explanation<Pair, Difference>] = &[
    Explanation {
        trap: "J17",
        clause: "JSON-3.1.1-f",
        reason: "the SDK writes JSON that it has as bytes in base64; we write it as JSON",
        applies: |pair, difference| {
            let is_json = matches!(pair.ours.data(), Some(OurData::Json(_)));
            is_json
                && matches!(pair.theirs.data(), Some(Data::Binary(_)))
                && ["data", "data_base64", "datacontentencoding"].contains(&difference.member.as_str())
        },
    },
    Explanation {
        trap: "-",
        clause: "JSON-3.1.1-f",
        reason: "the SDK writes JSON that it has as text as a JSON string; we write it as JSON",
        applies: |pair, difference| {
            difference.member == "data"
                && matches!((pair.ours.data(), pair.theirs.data()), (Some(OurData::Json(json)), Some(Data::String(text)))
                    if json.as_str() == text)
        },
    },
];
