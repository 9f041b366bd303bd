//! No case of release 1.0.2 leans on a sentence that only the main branch has, whatever clauses it cites.

use cloudevents_conformance::vectors::{
    Case, Expected, Keyword, Level, Outcome, Revision, Testable, load_documents, load_requirements,
};
use serde_json::{Map, Value};

/// A sentence of main alone, and what a case shows that leans on it.
struct Sentence {
    /// The ids of its clauses, which end in `*` where several begin so.
    clauses: &'static [&'static str],
    shows: fn(&Case) -> bool,
}

const SENTENCES: &[Sentence] = &[
    // A record without a value has no payload.
    Sentence {
        clauses: &["KAFKA-3.2.2-b"],
        shows: |case| {
            let bare = |message: &Value| message["value"].is_null() && !is_structured(message);
            accepts(case) && messages(case).any(|(via, message)| via == "kafka" && bare(message))
        },
    },
    // The underscore behind the prefix of AMQP.
    Sentence {
        clauses: &["AMQP-3.1.3.1-*"],
        shows: |case| {
            let named = |message: &Value| names(message).any(|name| name == "cloudEvents_specversion");
            accepts(case)
                && messages(case)
                    .any(|(via, message)| via == "amqp" && named(message) && !is_structured(message))
        },
    },
    // Binary mode of NATS.
    Sentence {
        clauses: &["NATS-1.3-b", "NATS-3.1.*"],
        shows: |case| {
            let named = |message: &Value| names(message).any(|name| name.to_lowercase().starts_with("ce-"));
            messages(case).any(|(via, message)| via == "nats" && named(message) && !is_structured(message))
        },
    },
    // The media type of Avro.
    Sentence {
        clauses: &["AVRO-4-a"],
        shows: |case| {
            accepts(case)
                && messages(case).any(|(_, message)| message.to_string().contains("cloudevents+avro"))
        },
    },
    // A payload of bytes that has no content type gets none.
    Sentence {
        clauses: &["JSON-3.1.1-d", "JSON-3.1.1-e", "JSON-3.1.2-c"],
        shows: |case| {
            let is_bare = |event: &Value| {
                event["data"].get("binary").is_some() && event["attributes"].get("datacontenttype").is_none()
            };
            let allowed: Vec<_> = allowed(case).collect();
            let written = |outcome: &&Outcome| match &outcome.expected {
                Expected::Result(result) => {
                    let text = Value::Object(result.clone()).to_string();
                    text.contains("data_base64") && !text.contains("datacontenttype")
                }
                Expected::Error(_) => false,
            };
            // Of what an API is given, nothing says that it came from the JSON format.
            case.op() == Some("decode")
                && case.request["via"] == "json"
                && events(case).any(is_bare)
                && allowed.len() == 1
                || case.op() == Some("transcode") && allowed.len() == 1 && allowed.iter().any(written)
        },
    },
    // Media types of CloudEvents in another case, but for HTTP and the JSON format (RFC 7231, section 3.1.1.1).
    Sentence {
        clauses: &["SDK-Encode-Decode-f", "CE-datacontenttype-f"],
        shows: |case| {
            accepts(case)
                && messages(case).any(|(via, message)| {
                    let text = message.to_string();
                    let cased = text.to_lowercase().contains("application/cloudevents")
                        && !text.contains("application/cloudevents");
                    cased && via != "http"
                })
        },
    },
    // The events of a batch have one specversion, which the release says of HTTP alone.
    Sentence {
        clauses: &["CE-Message-a"],
        shows: |case| {
            let versions = |(via, message): (&str, &Value)| {
                let text = message["body"]["text"].as_str().unwrap_or_default();
                let found = ["\"specversion\":\"1.0\"", "\"specversion\":\"0.3\""];
                via.ends_with("-batch") && found.iter().all(|version| text.replace(' ', "").contains(version))
            };
            // The events of one version may be read.
            let may_refuse = allowed(case).any(|outcome| matches!(outcome.expected, Expected::Error(_)));
            may_refuse && messages(case).any(versions)
        },
    },
    // What 1.0.2 says of batches without events stands in the JSON format (section 4.1).
    Sentence {
        clauses: &["CE-Message-b"],
        shows: |case| {
            let is_none = |outcome: &Outcome| match &outcome.expected {
                Expected::Result(result) => result.get("events") == Some(&Value::Array(Vec::new())),
                Expected::Error(_) => false,
            };
            let other = |(via, _): (&str, &Value)| via.ends_with("-batch") && via != "json-batch";
            accepts(case) && messages(case).any(other) && allowed(case).any(is_none)
        },
    },
    // An attribute that comes twice.
    Sentence {
        clauses: &["CE-Context-Attributes-d"],
        shows: |case| {
            let twice = |(via, message): (&str, &Value)| {
                let prefix = match via {
                    "http" | "nats" => "ce-",
                    "kafka" => "ce_",
                    "amqp" => "cloudEvents",
                    _ => "",
                };
                let mut seen = std::collections::BTreeSet::new();
                names(message).filter(|name| name.starts_with(prefix)).any(|name| !seen.insert(name))
            };
            refuses(case) && messages(case).any(twice)
        },
    },
    // A name without characters, and the name `data`.
    Sentence {
        clauses: &["CE-Naming-c", "CE-Naming-f"],
        shows: |case| {
            let bad = |name: &str| {
                let name = ["ce-", "ce_", "cloudEvents:", "cloudEvents_"]
                    .iter()
                    .find_map(|prefix| name.strip_prefix(prefix))
                    .unwrap_or(name);
                matches!(name, "" | "data")
            };
            let given = events(case).filter_map(|event| event["attributes"].as_object());
            let mut given = given.flat_map(Map::keys);
            refuses(case)
                && (messages(case).any(|(_, message)| names(message).any(bad)) || given.any(|name| bad(name)))
        },
    },
];

/// Sentences of main that no request can show, and why.
const UNSEEN: &[(&str, &str)] = &[
    ("AVRO-1-a", "about documents of formats"),
    ("CE-Event-Format-b", "about documents of formats"),
    ("SDK-Encode-Decode-b", "which modes an API has is said by its claims"),
    ("SDK-Feature-Support-a", "about a table"),
];

#[test]
fn no_case_of_the_release_leans_on_main() {
    let documents = load_documents().unwrap();
    let cases: Vec<_> = documents.iter().flat_map(|document| &document.cases).collect();
    for sentence in SENTENCES {
        let leaning: Vec<_> =
            of_release(&cases).filter(|case| (sentence.shows)(case)).map(|case| &case.id).collect();
        assert!(leaning.is_empty(), "{:?}: {leaning:#?}", sentence.clauses);
        // A rule that finds nothing anywhere shows nothing.
        let main = cases.iter().filter(|case| case.revisions == [Revision::Main]);
        assert!(main.filter(|case| (sentence.shows)(case)).count() > 0, "{:?}", sentence.clauses);
    }
}

#[test]
fn every_sentence_of_main_alone_is_looked_for() {
    let known = |id: &str| {
        let named = |name: &&str| name.strip_suffix('*').map_or(*name == id, |start| id.starts_with(start));
        SENTENCES.iter().any(|sentence| sentence.clauses.iter().any(&named))
            || UNSEEN.iter().any(|(name, _)| *name == id)
    };
    let requirements = load_requirements().unwrap();
    let mut missing = Vec::new();
    for one in &requirements {
        let is_strong = matches!(one.level, Keyword::Must | Keyword::MustNot) && one.testable != Testable::No;
        // Documents that the release does not have are those of cases for main alone.
        let is_shared = !["cloudevents/extensions/", "cloudevents/working-drafts/"]
            .iter()
            .any(|folder| one.document.starts_with(folder));
        if one.revisions == [Revision::Main] && is_strong && is_shared && !known(&one.id) {
            missing.push(&one.id);
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn what_a_case_of_the_release_must_rest_on_is_in_the_release() {
    let requirements = load_requirements().unwrap();
    let holds = |id: &str| {
        requirements.iter().any(|one| {
            one.id == id && one.revisions.contains(&Revision::V1_0_2) && one.level.level() == Level::Must
        })
    };
    let documents = load_documents().unwrap();
    let cases: Vec<_> = documents.iter().flat_map(|document| &document.cases).collect();
    for case in of_release(&cases) {
        assert!(case.clauses.iter().any(|id| holds(id)), "{}: {:?}", case.id, case.clauses);
    }
}

/// The cases that the base profile judges by release 1.0.2.
fn of_release<'a>(cases: &'a [&'a Case]) -> impl Iterator<Item = &'a Case> {
    cases.iter().copied().filter(|case| {
        case.revisions.contains(&Revision::V1_0_2)
            && case.level == Level::Must
            && case.flags.is_empty()
            && case.disputed.is_none()
    })
}

/// The outcomes that 1.0.2 allows, or main, where the case is one of main alone.
fn allowed(case: &Case) -> impl Iterator<Item = &Outcome> {
    let by = *case.revisions.first().unwrap();
    let of = move |outcome: &&Outcome| outcome.revisions.as_ref().is_none_or(|all| all.contains(&by));
    case.expect.iter().filter(of)
}

/// Whether all that is allowed is to accept.
fn accepts(case: &Case) -> bool {
    allowed(case).all(|outcome| matches!(outcome.expected, Expected::Result(_)))
}

/// Whether all that is allowed is to refuse.
fn refuses(case: &Case) -> bool {
    allowed(case).all(|outcome| matches!(outcome.expected, Expected::Error(_)))
}

/// The messages that a request has, and their bindings or formats.
fn messages(case: &Case) -> impl Iterator<Item = (&str, &Value)> {
    let sides = [Some(&case.request), case.request.get("from").and_then(Value::as_object)];
    sides.into_iter().flatten().filter_map(|side| {
        Some((side.get("via")?.as_str()?, side.get("message").filter(|one| one.is_object())?))
    })
}

/// The names of headers and properties.
fn names(message: &Value) -> impl Iterator<Item = &str> {
    ["headers", "user-properties", "application-properties"]
        .into_iter()
        .filter_map(|list| message[list].as_array())
        .flatten()
        .filter_map(|pair| pair[0].as_str())
}

/// The events that are given or expected.
fn events(case: &Case) -> impl Iterator<Item = &Value> {
    let given = case.request.get("events").into_iter();
    let expected = allowed(case).filter_map(|outcome| match &outcome.expected {
        Expected::Result(result) => result.get("events"),
        Expected::Error(_) => None,
    });
    given.chain(expected).filter_map(Value::as_array).flatten()
}

fn is_structured(message: &Value) -> bool {
    let texts = [&message["headers"], &message["properties"], &message["content-type"]];
    texts.iter().any(|text| text.to_string().contains("application/cloudevents"))
}
