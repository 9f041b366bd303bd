//! Every row of the tables of the specification's adapters, compared with the events of this crate.
//!
//! `specification/*.tsv` has the cells of <https://github.com/cloudevents/spec/tree/main/cloudevents/adapters>, word for word: the heading
//! of a table, its attribute, and its value. Documents are made of the places that the cells name, and so are the expected values.

use crate::tools::{attribute, data};
use cloudevents_adapters::find;
use cloudevents_core::{DecodeOptions, Event};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const GITHUB: &str = include_str!("specification/github.tsv");
const GITLAB: &str = include_str!("specification/gitlab.tsv");
const AWS_S3: &str = include_str!("specification/aws-s3.tsv");
const AWS_SNS: &str = include_str!("specification/aws-sns.tsv");

/// The tables of a page: their headings, and the cells by their attributes.
fn tables(page: &'static str) -> Vec<(&'static str, BTreeMap<&'static str, &'static str>)> {
    let mut all: Vec<(&str, BTreeMap<_, _>)> = Vec::new();
    for line in page.lines() {
        let [heading, name, cell] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        if all.last().is_none_or(|(known, _)| *known != heading) {
            all.push((heading, BTreeMap::new()));
        }
        all.last_mut().unwrap().1.insert(name, cell);
    }
    all
}

/// The places that a cell has in quotation marks.
fn places(cell: &str) -> Vec<&str> {
    let is_place =
        |text: &&str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    let quoted = cell.split('"').skip(1).step_by(2);
    quoted.filter(is_place).filter(|place| *place != "null").collect()
}

/// A text for a place: a reference of a URL, or a timestamp.
fn sample(place: &str) -> Value {
    if place.ends_with("_at") || place.ends_with("_date") || place.ends_with("Time") || place == "Timestamp" {
        let second = place.bytes().map(u32::from).sum::<u32>() % 60;
        return format!("2026-11-20T10:00:{second:02}Z").into();
    }
    match place.ends_with("url") || place.ends_with("homepage") {
        true => format!("https://example.com/{place}").into(),
        false => format!("of-{place}").into(),
    }
}

fn put(document: &mut Value, place: &str, value: Value) {
    let inner = place.split('.').fold(document, |inner, name| {
        if inner.is_null() {
            *inner = json!({});
        }
        &mut inner[name]
    });
    *inner = value;
}

/// A document with all places that the cells name.
fn document(cells: &BTreeMap<&str, &str>, names: &[&str]) -> Value {
    let mut document = json!({});
    for name in names {
        for place in cells.get(name).into_iter().flat_map(|cell| places(cell)) {
            put(&mut document, place, sample(place));
        }
    }
    document
}

fn made(adapter: &str, headers: &[(&str, &str)], document: &Value) -> Event {
    let body = document.to_string();
    let with = DecodeOptions::strict();
    let mut events = find(adapter).unwrap().events(headers, &body.clone().into(), &with);
    assert_eq!(events.len(), 1);
    events.remove(0).unwrap_or_else(|error| panic!("{body}: {error:#}")).value
}

/// The text that a cell describes: literal text between grave accents, places, and `+` between them.
fn expected(cell: &str) -> String {
    if cell == "Omit" {
        return String::new();
    }
    let mut text = String::new();
    for part in cell.split(" + ") {
        let part = part.trim();
        if let Some(literal) = part.strip_prefix('`') {
            text.push_str(literal.split('`').next().unwrap());
        } else {
            text.push_str(sample(places(part)[0]).as_str().unwrap());
        }
    }
    text
}

/// The name of an event of GitHub is the one in its type.
fn event_name(cells: &BTreeMap<&str, &str>) -> String {
    let literal = cells["type"].split('`').nth(1).unwrap();
    literal.strip_prefix("com.github.").unwrap().trim_end_matches('.').to_owned()
}

const TYPE_SOURCE_SUBJECT_TIME: [&str; 4] = ["type", "source", "subject", "time"];

#[test]
fn each_event_of_github() {
    let tables = tables(GITHUB);
    assert_eq!(tables.len(), 71);
    for (heading, cells) in &tables {
        let name = event_name(cells);
        let mut body = document(cells, &TYPE_SOURCE_SUBJECT_TIME);
        // Bodies have an action, also those whose type does not.
        if body["action"].is_null() {
            body["action"] = sample("action");
        }
        let headers = [
            ("X-GitHub-Event", name.as_str()),
            ("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        ];
        let event = made("github", &headers, &body);
        assert_eq!(cells["id"], r#""X-GitHub-Delivery" HTTP header value"#);
        assert_eq!(event.id(), headers[1].1, "{heading}");
        assert_eq!(data(&event), body.to_string(), "{heading}");
        assert_eq!(attribute(&event, "datacontenttype"), "application/json");
        // For `discussion`, the page has a time there, which is no URI.
        assert!(event.dataschema().is_none(), "{heading}");
        let ty = match name.as_str() {
            // The pages lack a full stop between the name and the action.
            "repository_dispatch" | "repository_ruleset" => format!("com.github.{name}.of-action"),
            // A comment asks whether a state follows.
            "status" => "com.github.status".to_owned(),
            _ => expected(cells["type"]),
        };
        assert_eq!(event.ty(), ty, "{heading}");
        let source = match name.as_str() {
            // `"sender.url" value without the /username portion`
            "marketplace_purchase" => "https://example.com".to_owned(),
            _ => expected(cells["source"]),
        };
        assert_eq!(event.source().as_str(), source, "{heading}");
        assert_eq!(
            event.subject().unwrap_or_default(),
            expected(cells["subject"].split(" value").next().unwrap()),
            "{heading}"
        );
        let time = attribute(&event, "time");
        match (name.as_str(), places(cells["time"]).as_slice()) {
            ("release", _) => assert_eq!(time, ""),
            (_, []) => assert!(cells["time"].starts_with("Current time") && time.is_empty(), "{heading}"),
            (_, all) => {
                assert_eq!(time, sample(all[0]), "{heading}");
                // "unless null, then" the next one, and the current time at last.
                for (index, place) in all.iter().enumerate() {
                    put(&mut body, place, Value::Null);
                    let next = all.get(index + 1).map(|next| sample(next));
                    let event = made("github", &headers, &body);
                    assert_eq!(
                        attribute(&event, "time"),
                        next.unwrap_or_default().as_str().unwrap_or_default(),
                        "{heading}"
                    );
                }
            }
        }
    }
}

/// `release.*_at` "based on action".
#[test]
fn the_time_of_a_release_is_of_its_action() {
    let cells = &tables(GITHUB).into_iter().find(|(heading, _)| *heading == "ReleaseEvent").unwrap().1;
    assert_eq!(cells["time"], r#""release.\*\_at" value based on action"#);
    for (action, place) in [
        ("created", Some("created_at")),
        ("published", Some("published_at")),
        ("released", Some("published_at")),
        ("prereleased", Some("published_at")),
        ("edited", Some("updated_at")),
        // A release has no time of these.
        ("unpublished", None),
        ("deleted", None),
    ] {
        let mut body = document(cells, &["source", "subject"]);
        body["action"] = action.into();
        for name in ["created_at", "published_at", "updated_at"] {
            put(&mut body, &format!("release.{name}"), sample(name));
        }
        let event = made("github", &[("x-github-event", "release")], &body);
        assert_eq!(event.ty(), format!("com.github.release.{action}"));
        let time = place.map(|place| sample(place).as_str().unwrap().to_owned());
        assert_eq!(attribute(&event, "time"), time.unwrap_or_default(), "{action}");
    }
}

/// The page asks "not a timestamp??": GitHub has a number of seconds in some payloads. `date -u -d @1557933591` of coreutils.
#[test]
fn the_time_of_an_installation_may_be_a_number() {
    let cells = &tables(GITHUB).into_iter().find(|(heading, _)| *heading == "InstallationEvent").unwrap().1;
    let mut body = document(cells, &TYPE_SOURCE_SUBJECT_TIME);
    put(&mut body, "installation.updated_at", 1_557_933_591.into());
    let event = made("github", &[("x-github-event", "installation")], &body);
    assert_eq!(attribute(&event, "time"), "2019-05-15T15:19:51Z");
}

#[test]
fn each_event_of_gitlab() {
    let tables = tables(GITLAB);
    assert_eq!(tables.len(), 11);
    for (heading, cells) in &tables {
        let mut body = document(cells, &TYPE_SOURCE_SUBJECT_TIME);
        let (kind, noteable) = match *heading {
            "Push Event" => ("push", ""),
            "Tag Event" => ("tag_push", ""),
            "Issue Event" => ("issue", ""),
            "Comment on Commit Event" => ("note", "Commit"),
            "Comment on Merge Request Event" => ("note", "MergeRequest"),
            "Comment on Issue Event" => ("note", "Issue"),
            "Comment on Code Snippet Event" => ("note", "Snippet"),
            "Merge Request Event" => ("merge_request", ""),
            "Wiki Page Event" => ("wiki_page", ""),
            "Pipeline Event" => ("pipeline", ""),
            "Job Event" => ("build", ""),
            other => panic!("{other}"),
        };
        body["object_kind"] = kind.into();
        if !noteable.is_empty() {
            put(&mut body, "object_attributes.noteable_type", noteable.into());
        }
        let is_of_note = cells["source"].contains("#note");
        if is_of_note {
            put(
                &mut body,
                "object_attributes.url",
                "https://example.com/object_attributes.url#note_1".into(),
            );
        }
        let event = made("gitlab", &[("X-Gitlab-Event-UUID", "13792a34")], &body);
        assert!(cells["id"].starts_with("Generate a new unique value"));
        assert_eq!((event.id(), event.ty()), ("13792a34", expected(cells["type"]).as_str()), "{heading}");
        let source = expected(cells["source"].split(" value").next().unwrap());
        assert_eq!(event.source().as_str(), source, "{heading}");
        assert_eq!(event.subject().unwrap_or_default(), expected(cells["subject"]), "{heading}");
        // A place of the page of comments lacks its second quotation mark.
        let time = if cells["time"] == "Current time" { "" } else { "object_attributes.created_at" };
        assert!(time.is_empty() || cells["time"].starts_with("\"object_attributes.created_at"), "{heading}");
        if !time.is_empty() && body["object_attributes"]["created_at"].is_null() {
            put(&mut body, time, sample(time));
        }
        let event = made("gitlab", &[], &body);
        let wanted = if time.is_empty() { json!("") } else { sample(time) };
        assert_eq!(attribute(&event, "time"), wanted, "{heading}");
        assert_eq!(data(&event), body.to_string());
    }
}

#[test]
fn events_of_s3() {
    let (_, cells) = &tables(AWS_S3)[0];
    let mut record = json!({"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}}});
    let mut text = |place: &str| match place {
        "eventSource" => "aws:s3".to_owned(),
        // The records have one bucket.
        "s3.buckets.name" => "b".to_owned(),
        place => {
            put(&mut record, place, sample(place));
            sample(place).as_str().unwrap().to_owned()
        }
    };
    let mut wanted = BTreeMap::new();
    for name in ["id", "source", "type", "subject", "time"] {
        let parts = cells[name].split('+').map(|part| match part.trim().strip_prefix('`') {
            Some(literal) => literal.trim_end_matches('`').to_owned(),
            None => text(part.split('"').nth(1).unwrap()),
        });
        wanted.insert(name, parts.collect::<String>());
    }
    let event = made("aws-s3", &[], &json!({"Records": [record]}));
    for (name, wanted) in wanted {
        assert_eq!(attribute(&event, name), wanted, "{name}");
    }
    assert_eq!((cells["dataschema"], event.dataschema()), ("Omit", None));
    assert_eq!(data(&event), record.to_string());
}

#[test]
fn messages_of_sns() {
    let tables = tables(AWS_SNS);
    assert_eq!(tables.len(), 3);
    for (heading, cells) in &tables {
        let kind = heading.replace(' ', "");
        let body = json!({"Type": kind, "TopicArn": "t", "MessageId": "m", "Message": "x", "Subject": "of-Subject",
            "Timestamp": sample("Timestamp")});
        let value =
            |name: &str| if name == "x-amz-sns-message-type" { kind.clone() } else { format!("of-{name}") };
        let names = [
            "x-amz-sns-message-id",
            "x-amz-sns-message-type",
            "x-amz-sns-topic-arn",
            "x-amz-sns-subscription-arn",
        ];
        let values = names.map(value);
        let headers: Vec<_> = names.iter().copied().zip(values.iter().map(String::as_str)).collect();
        let event = made("aws-sns", &headers, &body);
        let of = |cell: &str| match cell.split('"').nth(1) {
            Some(place) if names.contains(&place) => value(place),
            Some(place) => sample(place).as_str().unwrap().to_owned(),
            None => String::new(),
        };
        for name in ["id", "source", "subject", "time"] {
            assert_eq!(attribute(&event, name), of(cells[name]), "{heading} {name}");
        }
        assert_eq!(cells["type"].split('`').nth(1), Some("com.amazonaws.sns."));
        assert_eq!(event.ty(), format!("com.amazonaws.sns.{kind}"));
    }
}
