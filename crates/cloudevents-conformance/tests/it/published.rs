//! The comparison, by the published vectors: it takes what they want, and nothing else.

use cloudevents_conformance::vectors::{
    Carrier, Case, Document, Expected, Flag, JsonComparison, Outcome, Revision, load_documents,
};
use cloudevents_conformance::{
    CaseReport, Finding, InProcess, KnownFailing, Reporter, Selection, Suite, Summary, run,
};
use serde_json::{Value, json};

#[test]
fn the_first_outcome_of_every_case_passes() {
    let suite = Suite::published().unwrap();
    for (case, finding) in suite.cases().iter().zip(judged(&suite, first)) {
        assert_eq!(finding, Finding::Passed, "{}: {finding:#?}", case.id);
    }
}

#[test]
fn a_first_outcome_with_anything_changed_does_not_pass() {
    let mut documents = load_documents().unwrap();
    let mut cases: Vec<_> = documents.iter_mut().flat_map(|document| document.cases.drain(..)).collect();
    for case in &mut cases {
        // With several outcomes, a change may turn one into the other.
        case.expect.truncate(1);
        case.expect[0].revisions = None;
    }
    // On all processors, as it takes a while.
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    let document = &documents[0];
    std::thread::scope(|scope| {
        for part in cases.chunks(cases.len().div_ceil(threads)) {
            scope.spawn(|| change_all(document, part));
        }
    });
}

/// Without optimisation, one in so many changes of each case.
const STEP: usize = if cfg!(debug_assertions) { 18 } else { 1 };

/// Judges these cases with one change each, until each had all its changes.
fn change_all(document: &Document, cases: &[Case]) {
    let changes: Vec<_> = cases.iter().map(changes).collect();
    let mut rounds = 0;
    loop {
        let changed = cases.iter().zip(&changes);
        let changed: Vec<_> =
            changed.filter_map(|(case, changes)| Some((case, changes.get(rounds)?))).collect();
        if changed.is_empty() {
            break;
        }
        let mut document = document.clone();
        document.cases = changed.iter().map(|(case, _)| (*case).clone()).collect();
        let mut answers = changed.iter().map(|(_, (_, answer))| answer.clone());
        let findings = judged(&Suite::new([document], []), |_| answers.next().unwrap());
        for ((case, (place, answer)), finding) in changed.iter().zip(findings) {
            assert!(
                matches!(finding, Finding::Failed(_)),
                "{}: {place} changed, and it passes: {answer}",
                case.id
            );
        }
        rounds += STEP;
    }
    assert!(rounds > 0);
}

#[test]
fn a_refusal_is_no_result_and_a_result_no_refusal() {
    let suite = Suite::published().unwrap();
    let refusals = judged(&suite, |_| json!({"error": {"kind": "strange"}}));
    let results = judged(&suite, |_| json!({"result": {"strange": 1}}));
    for ((case, refusal), result) in suite.cases().iter().zip(refusals).zip(results) {
        // For an implementation of both revisions, `main` decides.
        let decides = |outcome: &Outcome| {
            !case.revisions.contains(&Revision::Main)
                || outcome.revisions.as_ref().is_none_or(|revisions| revisions.contains(&Revision::Main))
        };
        let any_refusal = case
            .expect
            .iter()
            .any(|outcome| decides(outcome) && outcome.expected == Expected::Error(Default::default()));
        assert_eq!(refusal == Finding::Passed, any_refusal, "{}", case.id);
        assert_ne!(result, Finding::Passed, "{}", case.id);
    }
}

#[test]
fn json_bodies_of_binary_messages_may_be_spelled_in_any_way() {
    let suite = Suite::published().unwrap().filter(|case| matches!(case.op(), Some("encode" | "transcode")));
    let mut spelled = 0;
    let findings = judged(&suite, |case| {
        let mut answer = first(case);
        // Only what is stated as JSON in the request can be written by a JSON library.
        if !case.request.iter().any(|(_, value)| value.to_string().contains("data_base64")) {
            let kinds = case.request.get("events").map(Value::to_string).unwrap_or_default();
            if !["{\"text\"", "{\"binary\"", "{\"cbor\"", "{\"xml\""].iter().any(|kind| kinds.contains(kind))
                && case.compare.json != JsonComparison::Text
            {
                spelled += usize::from(answer.pointer_mut("/result/message").is_some_and(pretty));
            }
        }
        answer
    });
    for (case, finding) in suite.cases().iter().zip(findings) {
        assert_eq!(finding, Finding::Passed, "{}: {finding:#?}", case.id);
    }
    assert!(spelled > 50, "{spelled}");
}

#[test]
fn a_time_may_be_added_to_what_is_written() {
    let suite = Suite::published().unwrap().filter(|case| {
        case.op() == Some("encode")
            && matches!(case.expect[0].expected, Expected::Result(_))
            && !case.has_flag(Flag::Verbatim)
            && !case.request["events"].to_string().contains("\"time\":")
            && !case.request["events"].to_string().contains("\"0.3\"")
    });
    let mut added = Vec::new();
    let findings = judged(&suite, |case| {
        let mut answer = first(case);
        added.push(answer.pointer_mut("/result/message").is_some_and(add_time));
        answer
    });
    for (case, finding) in suite.cases().iter().zip(findings) {
        assert_eq!(finding, Finding::Passed, "{}: {finding:#?}", case.id);
    }
    assert!(added.iter().filter(|added| **added).count() > 60, "{added:?}");
    let findings = judged_by(&suite, Selection::default().verbatim(true), |case| {
        let mut answer = first(case);
        answer.pointer_mut("/result/message").map(add_time);
        answer
    });
    for ((case, finding), added) in suite.cases().iter().zip(findings).zip(added) {
        assert_eq!(finding != Finding::Passed, added, "{}: {finding:#?}", case.id);
    }
}

/// Gives a message, as an attribute beside the others, or a document a time. Returns whether it has a place for it that is text.
fn add_time(message: &mut Value) -> bool {
    let time = "2026-11-24T20:00:00Z";
    let mut added = false;
    for name in ["headers", "user-properties", "application-properties"] {
        let Some(Value::Array(headers)) = message.get_mut(name) else { continue };
        let version =
            headers.iter().find(|header| header[0].as_str().unwrap_or_default().ends_with("specversion"));
        let with_time = version.map(|header| {
            let header = header.to_string().replace("specversion", "time").replace("1.0", time);
            serde_json::from_str(&header).unwrap()
        });
        added |= with_time.is_some();
        headers.extend(with_time);
    }
    let shown = message.to_string().to_lowercase();
    let is_document = shown.contains("application/cloudevents")
        || shown.contains("cloudevents.json")
        || !shown.contains("[[\"");
    let Some(body) = ["body", "value", "payload"].into_iter().find(|name| message[*name].is_object()) else {
        return added;
    };
    let body = &mut message[body];
    let holder = if body["data"].is_array() { &mut body["data"][0] } else { body };
    let Some(text) = holder["text"].as_str().filter(|_| is_document).map(str::to_owned) else { return added };
    let version = ["\"specversion\":\"1.0\"", "\"specversion\": \"1.0\""]
        .into_iter()
        .find(|version| text.contains(version));
    let with_time = match version {
        Some(version) => text.replace(version, &format!("{version},\"time\":\"{time}\"")),
        None => text.replace("</ce:id>", &format!("</ce:id><ce:time>{time}</ce:time>")),
    };
    added |= with_time != text;
    holder["text"] = json!(with_time);
    added
}

/// Writes the JSON payload of a message in binary mode as a library for JSON does that breaks lines. Returns whether there is one.
fn pretty(message: &mut Value) -> bool {
    let shown = message.to_string().to_lowercase();
    if !shown.contains("/json\"") && !shown.contains("+json\"") || shown.contains("application/cloudevents") {
        return false;
    }
    let Some(body) = ["body", "value", "payload"].into_iter().find(|name| message[*name].is_object()) else {
        return false;
    };
    let body = &mut message[body];
    let holder = if body["data"].is_array() { &mut body["data"][0] } else { body };
    let Some(text) = holder["text"].as_str().map(str::to_owned) else { return false };
    if serde_json::from_str::<Value>(&text).is_err() {
        return false;
    }
    let (mut spelled, mut in_string, mut escaped) = (String::new(), false, false);
    for character in text.chars() {
        spelled.push(character);
        match character {
            '"' if !escaped => in_string = !in_string,
            ',' | '[' | '{' if !in_string => spelled.push_str("\n  "),
            ':' if !in_string => spelled.push(' '),
            _ => (),
        }
        escaped = character == '\\' && !escaped;
    }
    holder["text"] = json!(spelled + "\n");
    true
}

/// The answer that the first outcome of a case wants.
fn first(case: &Case) -> Value {
    match &case.expect[0].expected {
        Expected::Result(result) => json!({"result": result}),
        Expected::Error(error) => json!({"error": error}),
    }
}

/// What the harness finds of each case, in order, when a testee answers so.
fn judged(suite: &Suite, answer: impl FnMut(&Case) -> Value) -> Vec<Finding> {
    judged_by(suite, Selection::default(), answer)
}

/// The same, in a profile.
fn judged_by(suite: &Suite, profile: Selection, mut answer: impl FnMut(&Case) -> Value) -> Vec<Finding> {
    let mut cases = suite.cases().iter();
    let mut testee = InProcess::new(|request: &str| {
        let request: Value = serde_json::from_str(request).unwrap();
        if request["cmd"] == "start" {
            return json!({
                "version": 1, "implementation": {"name": "Mirror", "version": "1", "language": "Rust"},
                "capabilities": {
                    "strictness": ["strict", "lenient"], "reports": ["losses", "repairs", "notes"],
                    "payloads": ["json", "text", "binary", "xml", "cbor", "proto"],
                    "options": ["key", "separator", "subprotocol", "topic", "subject"],
                }
            })
            .to_string();
        }
        let mut answer = answer(cases.next().unwrap());
        answer["seq"] = request["seq"].clone();
        answer.to_string()
    });
    let selection = profile.drafts(true).revision(Revision::V1_0_2).revision(Revision::Main);
    let mut findings = Findings(Vec::new());
    run(suite, &selection, &KnownFailing::default(), &mut testee, &mut findings).unwrap();
    assert_eq!(findings.0.len(), suite.cases().len());
    findings.0
}

struct Findings(Vec<Finding>);

impl Reporter for Findings {
    fn case(&mut self, report: &CaseReport<'_>) -> std::io::Result<()> {
        self.0.push(report.finding.clone());
        Ok(())
    }

    fn finished(&mut self, _: &Summary) -> std::io::Result<()> {
        Ok(())
    }
}

/// The first outcome of a case with one thing changed, for each thing that counts, and the place of it.
fn changes(case: &Case) -> Vec<(String, Value)> {
    let answer = first(case);
    let places = places(&answer, "").into_iter();
    let header = format!("{}inserted", prefix(case));
    places
        .flat_map(|place| {
            changed(&answer, &place, &header).into_iter().map(move |answer| (place.clone(), answer))
        })
        .collect()
}

/// The prefix of headers of attributes in the message that a case writes.
fn prefix(case: &Case) -> &'static str {
    let to = case.request.get("to").and_then(|to| to.get("via")).or_else(|| case.request.get("via"));
    let carrier = to.and_then(Value::as_str).and_then(Carrier::of);
    let headers = carrier.and_then(|carrier| carrier.headers.as_ref());
    headers.and_then(|headers| headers.prefixes.first()).map_or("ce-", String::as_str)
}

/// Pointers to everything below a value that counts in a comparison.
fn places(value: &Value, path: &str) -> Vec<String> {
    let below: Vec<_> = match value {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (format!("{path}/{name}"), value)).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, value)| (format!("{path}/{index}"), value)).collect()
        }
        _ => Vec::new(),
    };
    let counts = |path: &str| {
        let concern = ["/result/repairs/", "/result/losses/"].iter().any(|list| path.starts_with(list));
        !(concern && path.ends_with("/kind"))
    };
    below
        .into_iter()
        .filter(|(path, _)| counts(path))
        .flat_map(|(path, value)| {
            let mut all = places(value, &path);
            all.push(path);
            all
        })
        .collect()
}

/// The answer with the value at a place changed, and without it.
fn changed(answer: &Value, path: &str, header: &str) -> Vec<Value> {
    let old = answer.pointer(path).unwrap();
    let mut all = Vec::new();
    let new = match old {
        Value::Null => Some(json!("x")),
        Value::Bool(value) => Some(json!(!value)),
        Value::Number(number) => Some(json!(number.as_i64().unwrap_or_default().wrapping_sub(1))),
        Value::String(text) => Some(json!(format!("{text}x"))),
        Value::Array(_) | Value::Object(_) => None,
    };
    if let Some(new) = new {
        let mut answer = answer.clone();
        *answer.pointer_mut(path).unwrap() = new;
        all.push(answer);
    }
    let (parent, name) = path.rsplit_once('/').unwrap();
    // What is empty may be left out, and what says nothing else may be left out of it.
    let empty = |value: &Value| {
        value.is_null()
            || *value == json!([])
            || *value == json!({})
            || *value == json!({"text": ""})
            || *value == json!({"base64": ""})
    };
    if !parent.is_empty() && !empty(old) {
        let mut answer = answer.clone();
        match answer.pointer_mut(parent).unwrap() {
            Value::Object(members) => drop(members.remove(name)),
            Value::Array(items) => drop(items.remove(name.parse().unwrap())),
            _ => unreachable!(),
        }
        all.push(answer);
    }
    all.extend(inserted(answer, path, header));
    all
}

/// The answer with something added to the value at a place, where an addition counts: to headers one of this name.
fn inserted(answer: &Value, path: &str, header: &str) -> Option<Value> {
    let mut answer = answer.clone();
    let (parent, name) = path.rsplit_once('/')?;
    // Of Kafka, whose headers are bytes.
    let is_record = answer.pointer(parent).is_some_and(|message| {
        message.get("value").is_some() || message["headers"][0][1].get("text").is_some()
    });
    // Beside a batch, headers of attributes are free.
    let is_batch = answer.pointer(path)?.to_string().contains("application/cloudevents-batch");
    let value = answer.pointer_mut(path)?;
    match value {
        Value::Object(members) if name == "attributes" => {
            members.insert("inserted".to_owned(), json!({"type": "String", "value": "x"}));
        }
        Value::Array(items)
            if ["events", "headers", "application-properties", "losses", "repairs"].contains(&name) =>
        {
            let more = match name {
                "events" => json!({"specversion": "1.0", "attributes": {}}),
                // Of a handshake, its own headers count.
                "headers" if path.contains("/response/") => json!(["webhook-inserted", "x"]),
                "headers" if is_record => json!([header, {"text": "x"}]),
                "headers" if is_batch => json!(["content-type", "x"]),
                "headers" => json!([header, "x"]),
                "application-properties" => json!(["cloudEvents_inserted", {"type": "string", "value": "x"}]),
                _ => json!({"kind": "inserted", "attribute": "inserted", "at": "inserted"}),
            };
            items.push(more);
        }
        Value::String(text) if path.ends_with("/body/text") || path.ends_with("/value/text") => {
            // Into a document, if it is one: a member, or text that does not belong there. At the end of anything else.
            let changed = if let Some(rest) = text.strip_prefix('{') {
                let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
                format!("{{\"inserted\":1{comma}{rest}")
            } else if let Some((before, after)) = text.split_once("</ce:id>") {
                format!("{before}</ce:id>stray{after}")
            } else {
                format!("{text}1")
            };
            *text = changed;
        }
        _ => return None,
    }
    Some(answer)
}
