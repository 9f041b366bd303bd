//! An answer against one of the outcomes that its case allows.

use cloudevents_vectors::{Case, Expected, ExpectedError, Outcome};
use serde_json::{Map, Value};

use crate::answer::Reply;
use crate::tree::json::{self, Json, Kind};

use super::difference::NOTHING;
use super::how::TIMESTAMP;
use super::message::{self, Wanted};
use super::{Difference, How, MOST, Path, event};

/// Where the reply is not the outcome, in the first [`MOST`] places. Nothing: it is.
pub(crate) fn differences(case: &Case, outcome: &Outcome, how: &How, reply: &Reply) -> Vec<Difference> {
    let mut differences = Vec::new();
    match (&outcome.expected, reply) {
        (Expected::Result(wanted), Reply::Result(got)) => {
            Results { case, how, absent: &outcome.absent_headers }.diff(wanted, got, &mut differences);
        }
        (Expected::Error(wanted), Reply::Error(got)) => refusals(wanted, got, &mut differences),
        (Expected::Result(_), Reply::Error(got)) => {
            differences.push(Path::new("answer").differs("a result", format!("the error {got}")));
        }
        (Expected::Error(_), Reply::Result(got)) => {
            differences.push(Path::new("answer").differs("an error", format!("the result {got}")));
        }
    }
    differences.truncate(MOST);
    differences
}

/// Whether reply and outcome are both results or both refusals.
pub(crate) fn same_sort(outcome: &Outcome, reply: &Reply) -> bool {
    matches!(
        (&outcome.expected, reply),
        (Expected::Result(_), Reply::Result(_)) | (Expected::Error(_), Reply::Error(_))
    )
}

fn refusals(wanted: &ExpectedError, got: &Json, differences: &mut Vec<Difference>) {
    let path = Path::new("error");
    let mut stated = |name: &str, wanted: Option<Value>| {
        if let Some(wanted) = wanted {
            let (path, wanted) = (path.member(name), Json::from(&wanted));
            match got.get(name) {
                Some(got) => json::diff(&path, &wanted, got, differences),
                None => differences.push(path.differs(wanted, "nothing")),
            }
        }
    };
    stated("kind", wanted.kind.as_deref().map(Value::from));
    stated("attribute", wanted.attribute.as_deref().map(Value::from));
    stated("index", wanted.index.map(Value::from));
}

/// How the results of a case are compared.
struct Results<'a> {
    case: &'a Case,
    how: &'a How,
    absent: &'a [String],
}

impl Results<'_> {
    fn diff(&self, wanted: &Map<String, Value>, got: &Json, differences: &mut Vec<Difference>) {
        for (name, wanted) in wanted {
            let (path, wanted) = (Path::new(name), Json::from(wanted));
            match (name.as_str(), got.get(name)) {
                ("repairs" | "losses" | "notes", _) if !self.how.reports.contains(name) => (),
                ("repairs" | "losses", got) => concerns(&path, &wanted, got, differences),
                ("notes", got) => notes(&path, &wanted, got, differences),
                (_, None) => differences.push(path.differs(wanted, "nothing")),
                (_, Some(got)) => self.member(&path, name, &wanted, got, differences),
            }
        }
        // A value without an error is not the same as one with it, so that silence says something here.
        if let (true, None, Some(got)) = (
            self.case.op() == Some("sql"),
            wanted.get("error"),
            got.get("error").filter(|error| !error.is_null()),
        ) {
            differences.push(Path::new("error").differs("nothing", got));
        }
    }

    fn member(&self, path: &Path, name: &str, wanted: &Json, got: &Json, differences: &mut Vec<Difference>) {
        match name {
            "events" => event::diff_all(path, self.how, wanted, got, differences),
            "event" => event::diff(path, self.how, wanted, got, differences),
            "message" | "response" | "requests" => {
                let (via, absent, how) = (self.via(), self.absent, self.how);
                let wanted =
                    Wanted { via, message: wanted, absent, counts_attributes: name == "requests", how };
                let compare = match name {
                    "message" => message::diff,
                    "response" => message::diff_exchange,
                    _ => message::diff_requests,
                };
                if name == "response" && self.is_delivery() {
                    compare(path, &wanted, &message::without_consent(got), differences);
                } else {
                    compare(path, &wanted, got, differences);
                }
            }
            // How long a sender waits at least.
            "wait" if is_at_least(wanted, got) => (),
            "value" | "canonical" if self.is_same_timestamp(wanted, got) => (),
            "value" if self.is_canonical_string(wanted, got) => (),
            _ => json::diff(path, wanted, got, differences),
        }
    }

    /// Whether the parsed value is the wanted timestamp.
    fn is_same_timestamp(&self, wanted: &Json, got: &Json) -> bool {
        self.case.request.get("type").is_some_and(|name| name == TIMESTAMP)
            && wanted
                .as_str()
                .zip(got.as_str())
                .is_some_and(|(wanted, got)| self.how.same_instant(wanted, got))
    }

    /// Whether the value of a text that was parsed came as its canonical string.
    fn is_canonical_string(&self, wanted: &Json, got: &Json) -> bool {
        self.how.canonical_strings
            && self.case.op() == Some("parse")
            && wanted.as_str().is_none()
            && got.as_str() == Some(&*wanted.to_string())
    }

    /// Whether the response is one to a delivery, and not to a request of the handshake.
    fn is_delivery(&self) -> bool {
        let request = self.case.request.get("request").unwrap_or(&Value::Null);
        self.case.op() == Some("deliver") && request.get("method").is_none_or(|method| method != "OPTIONS")
    }

    /// The carrier of the message of the result.
    fn via(&self) -> &str {
        let request = &self.case.request;
        let via = request.get("to").unwrap_or(&Value::Null).get("via").or_else(|| request.get("via"));
        // The requests about webhooks name no carrier, and their messages are messages of HTTP.
        via.and_then(Value::as_str).unwrap_or("http")
    }
}

/// Whether a number is as great as the wanted one. It may be a fraction.
fn is_at_least(wanted: &Json, got: &Json) -> bool {
    let number = |value: &Json| value.to_string().parse::<f64>().ok().filter(|number| number.is_finite());
    number(wanted).zip(number(got)).is_some_and(|(wanted, got)| got >= wanted)
}

/// Compares repairs or losses by their subjects, in any order. An empty list may be absent.
///
/// Losses that do not change the meaning may be reported in addition to the wanted losses.
fn concerns(path: &Path, wanted: &Json, got: Option<&Json>, differences: &mut Vec<Difference>) {
    let got = got.filter(|got| !got.is_null());
    let (Some(wanted_items), Some(got_items)) = (wanted.items(), got.map_or(Some(&[][..]), Json::items))
    else {
        let got = got.map_or("nothing".to_owned(), ToString::to_string);
        differences.push(path.differs(wanted, got));
        return;
    };
    let mut rest: Vec<&Json> = got_items.iter().collect();
    for wanted in wanted_items {
        match rest.iter().position(|got| concern_the_same(wanted, got)) {
            Some(index) => drop(rest.remove(index)),
            None => differences.push(path.differs(wanted, NOTHING)),
        }
    }
    rest.retain(|got| !keeps_meaning(got));
    differences.extend(rest.into_iter().take(MOST).map(|got| path.differs(NOTHING, got)));
}

/// Whether a loss is of one of the classes that leave the meaning as it is.
fn keeps_meaning(loss: &Json) -> bool {
    const CLASSES: [&str; 3] = ["spelling", "type", "payload-form"];
    loss.get("class").and_then(Json::as_str).is_some_and(|class| CLASSES.contains(&class))
}

fn concern_the_same(wanted: &Json, got: &Json) -> bool {
    ["attribute", "at"].iter().all(|name| match (wanted.get(name), got.get(name)) {
        (Some(wanted), Some(got)) => wanted.kind == got.kind,
        (None, _) => true,
        (Some(_), None) => false,
    })
}

/// Notes are advice: each expected note must be among the reported ones.
fn notes(path: &Path, wanted: &Json, got: Option<&Json>, differences: &mut Vec<Difference>) {
    let got = got.and_then(Json::items).unwrap_or_default();
    let kind = |note: &Json| note.get("kind").map(|kind: &Json| Kind::clone(&kind.kind));
    for wanted in wanted.items().unwrap_or_default() {
        if !got.iter().any(|got| kind(got) == kind(wanted)) {
            differences.push(path.differs(wanted, NOTHING));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use cloudevents_vectors::{Document, Revision};
    use serde_json::json;

    use super::*;

    fn case(request: Value, outcome: Value) -> Case {
        let document = json!({"area": "a", "topic": "t", "title": "t", "cases": [{
            "id": "a/t/x", "title": "t", "clauses": ["A-1-a"], "level": "MUST", "revisions": ["main"],
            "request": request, "expect": [outcome]
        }]});
        Document::parse(&document.to_string()).unwrap().cases.remove(0)
    }

    fn found(op: &str, outcome: Value, reply: &Reply) -> Vec<String> {
        let case = case(json!({"op": op, "via": "http"}), outcome);
        differences(&case, &case.expect[0], &how(&case), reply).iter().map(ToString::to_string).collect()
    }

    fn how(case: &Case) -> How {
        How::of(case, &[Revision::Main], &["losses", "repairs", "notes"].map(str::to_owned), false, false)
    }

    fn result(value: Value) -> Reply {
        Reply::Result(Json::from(&value))
    }

    fn error(value: Value) -> Reply {
        Reply::Error(Json::from(&value))
    }

    #[test]
    fn a_flood_of_headers_is_compared_soon_and_shown_in_part() {
        let headers: Vec<Value> =
            (0..200_000).map(|number| json!(["content-type", number.to_string()])).collect();
        let wanted = json!({"result": {"message": {"headers": []}}, "absent-headers": ["content-type"]});
        let reply = result(json!({"message": {"headers": headers}}));
        let begin = Instant::now();
        assert_eq!(found("encode", wanted, &reply).len(), MOST);
        // It takes a second at most. Comparing each with each takes minutes.
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    }

    #[test]
    fn any_refusal_is_a_refusal() {
        let reply = error(json!({"kind": "strange", "message": "no"}));
        assert_eq!(found("decode", json!({"error": {}}), &reply), [""; 0]);
        assert_eq!(found("decode", json!({"error": {}}), &result(json!({"events": []}))).len(), 1);
        assert_eq!(found("decode", json!({"result": {"events": []}}), &reply).len(), 1);
    }

    #[test]
    fn what_is_stated_of_a_refusal_counts() {
        let wanted = json!({"error": {"kind": "inexact", "attribute": "time", "index": 2}});
        let right = json!({"kind": "inexact", "attribute": "time", "index": 2, "message": "m"});
        assert_eq!(found("decode", wanted.clone(), &error(right)), [""; 0]);
        assert_eq!(
            found("decode", wanted, &error(json!({"kind": "other", "index": "2"}))),
            [
                "error.kind: expected \"inexact\", got \"other\"",
                "error.attribute: missing: \"time\"",
                "error.index: expected 2, got \"2\"",
            ]
        );
    }

    #[test]
    fn the_sort_of_an_answer_is_that_of_an_outcome() {
        let case = |outcome| case(json!({"op": "decode", "via": "http"}), outcome);
        for (outcome, is_result) in [(json!({"result": {"events": []}}), true), (json!({"error": {}}), false)]
        {
            let outcome = &case(outcome).expect[0];
            assert_eq!(same_sort(outcome, &result(json!({}))), is_result);
            assert_eq!(same_sort(outcome, &error(json!({}))), !is_result);
        }
    }

    #[test]
    fn consent_beside_the_response_to_a_delivery_is_free() {
        let found = |op: &str, method: &str| {
            let request = json!({"op": op, "policy": {}, "request": {"method": method, "headers": []}});
            let case = case(request, json!({"result": {"response": {"status": 204, "headers": []}}}));
            let headers = json!([["WebHook-Allowed-Origin", "example.com"], ["webhook-allowed-rate", "1"]]);
            let reply = result(json!({"response": {"status": 204, "headers": headers}}));
            differences(&case, &case.expect[0], &how(&case), &reply).len()
        };
        assert_eq!(found("deliver", "POST"), 0);
        assert_eq!((found("deliver", "OPTIONS"), found("handshake", "POST")), (2, 2));
    }

    #[test]
    fn what_is_parsed_compares_by_its_type() {
        let (one, same) = ("2018-04-05T17:31:00Z", "2018-04-05T18:31:00.000+01:00");
        let found = |of_type: &str| {
            let request = json!({"op": "parse", "type": of_type, "text": one});
            let case = case(request, json!({"result": {"value": one, "canonical": one}}));
            differences(
                &case,
                &case.expect[0],
                &how(&case),
                &result(json!({"value": same, "canonical": same})),
            )
            .len()
        };
        assert_eq!((found("Timestamp"), found("String")), (0, 2));
    }

    #[test]
    fn what_is_parsed_may_come_as_its_canonical_string() {
        let found = |wanted: Value, got: Value| {
            let request = json!({"op": "parse", "type": "Integer", "text": "7"});
            let case = case(request, json!({"result": {"value": wanted, "canonical": "7"}}));
            let reply = result(json!({"value": got, "canonical": "7"}));
            differences(&case, &case.expect[0], &how(&case), &reply).len()
        };
        assert_eq!((found(json!(7), json!("7")), found(json!(7), json!("07"))), (0, 1));
        assert_eq!(found(json!("7"), json!(7)), 1);
    }

    #[test]
    fn what_the_request_calls_a_timestamp_is_one() {
        let (one, same) = ("2018-04-05T17:31:00Z", "2018-04-05T18:31:00.000+01:00");
        let found = |of_type: &str| {
            let attributes = json!({"x": {"type": of_type, "value": one}});
            let events = json!([{"specversion": "1.0", "attributes": attributes}]);
            let request = json!({"op": "encode", "via": "http", "events": events});
            let case = case(request, json!({"result": {"message": {"headers": [["ce-x", one]]}}}));
            let reply = result(json!({"message": {"headers": [["ce-x", same]]}}));
            differences(&case, &case.expect[0], &how(&case), &reply).len()
        };
        assert_eq!((found("Timestamp"), found("String")), (0, 1));
    }

    #[test]
    fn members_of_results_count_where_stated() {
        let reply = result(json!({"events": [], "mode": "batched", "format": "json", "more": 1}));
        assert_eq!(found("decode", json!({"result": {"events": []}}), &reply), [""; 0]);
        assert_eq!(
            found("decode", json!({"result": {"mode": "batched", "format": "json"}}), &reply),
            [""; 0]
        );
        assert_eq!(
            found("decode", json!({"result": {"canonical": "x", "mode": "binary"}}), &reply),
            ["canonical: missing: \"x\"", "mode: expected \"binary\", got \"batched\""]
        );
    }

    #[test]
    fn a_sender_waits_at_least_as_long_as_it_has_to() {
        let wait =
            |got: Value| found("send", json!({"result": {"wait": 121}}), &result(json!({"wait": got})));
        for enough in [json!(121), json!(122), json!(121.0), json!(121.5), json!(2.5e11)] {
            assert_eq!(wait(enough.clone()), [""; 0], "{enough}");
        }
        for other in [json!(120), json!(120.9), json!(-1), json!("121"), Value::Null] {
            assert_eq!(wait(other.clone()).len(), 1, "{other}");
        }
    }

    #[test]
    fn repairs_compare_by_what_they_concern() {
        let reply =
            result(json!({"repairs": [{"kind": "a", "attribute": "x"}, {"kind": "b", "attribute": "y"}]}));
        let wanted = |repairs: Value| found("decode", json!({"result": {"repairs": repairs}}), &reply);
        assert_eq!(wanted(json!([{"kind": "other", "attribute": "y"}, {"attribute": "x"}])), [""; 0]);
        assert_eq!(wanted(json!([{"attribute": "x"}])).len(), 1);
        assert_eq!(wanted(json!([{"attribute": "x"}, {"attribute": "x"}])).len(), 2);
        assert_eq!(wanted(json!([])).len(), 2);
    }

    #[test]
    fn only_main_says_that_a_record_without_a_value_has_no_payload() {
        let (released, main) = ([Revision::V1_0_2], [Revision::V1_0_2, Revision::Main]);
        let found = |request: Value, expected: Value, got: Value, revisions: &[Revision]| {
            let mut case = case(request, json!({"result": expected}));
            case.revisions = main.to_vec();
            let how = How::of(&case, revisions, &[], false, false);
            differences(&case, &case.expect[0], &how, &result(got)).len()
        };
        let event =
            |data: &Value| json!({"events": [{"specversion": "1.0", "attributes": {}, "data": data}]});
        let none = json!({"events": [{"specversion": "1.0", "attributes": {}}]});
        let read = |value: Value| json!({"op": "decode", "via": "kafka", "message": {"value": value}});
        let empty = event(&json!({"binary": ""}));
        for (value, revisions, count) in [
            (Value::Null, &released[..], 0),
            (Value::Null, &main[..], 1),
            (json!({"text": ""}), &released[..], 1),
        ] {
            assert_eq!(found(read(value.clone()), none.clone(), empty.clone(), revisions), count, "{value}");
        }
        assert_eq!(found(read(Value::Null), none.clone(), event(&json!({"text": "a"})), &released), 1);
        let write = |via: &str| json!({"op": "encode", "via": via, "events": []});
        let record = |value: Value| json!({"message": {"headers": [], "value": value}});
        let (null, octets) = (record(Value::Null), record(json!({"text": ""})));
        assert_eq!(found(write("kafka"), null.clone(), octets.clone(), &released), 0);
        assert_eq!(found(write("kafka"), null.clone(), octets.clone(), &main), 1);
        // A payload of no bytes is one.
        assert_eq!(found(write("kafka"), octets, null, &released), 1);
        let body = |body: Value| json!({"message": {"application-properties": [], "body": body}});
        let (null, octets) = (body(Value::Null), body(json!({"data": [{"text": ""}]})));
        assert_eq!(found(write("amqp"), null, octets, &released), 1);
    }

    #[test]
    fn what_is_not_claimed_is_not_compared() {
        let case = case(
            json!({"op": "transcode"}),
            json!({"result": {"losses": [{"at": "data"}], "notes": [{"kind": "x"}]}}),
        );
        let found = |reports: &[String]| {
            let how = How::of(&case, &[Revision::Main], reports, false, false);
            differences(&case, &case.expect[0], &how, &result(json!({}))).len()
        };
        assert_eq!((found(&[]), found(&["losses".to_owned()])), (0, 1));
    }

    #[test]
    fn no_losses_may_be_left_out() {
        let wanted = json!({"result": {"losses": []}});
        assert_eq!(found("transcode", wanted.clone(), &result(json!({}))), [""; 0]);
        assert_eq!(found("transcode", wanted.clone(), &result(json!({"losses": []}))), [""; 0]);
        assert_eq!(found("transcode", wanted.clone(), &result(json!({"losses": 1}))).len(), 1);
        assert_eq!(found("transcode", wanted, &result(json!({"losses": [{"at": "data"}]}))).len(), 1);
        let wanted = json!({"result": {"losses": []}});
        for (class, differences) in
            [("spelling", 0), ("type", 0), ("payload-form", 0), ("meaning", 1), ("x", 1)]
        {
            let got = result(json!({"losses": [{"at": "data", "class": class}]}));
            assert_eq!(found("transcode", wanted.clone(), &got).len(), differences, "{class}");
        }
        let wanted = json!({"result": {"losses": [{"at": "data"}]}});
        assert_eq!(found("transcode", wanted.clone(), &result(json!({"losses": [{"at": "data"}]}))), [""; 0]);
        assert_eq!(found("transcode", wanted.clone(), &result(json!({"losses": [{"at": "time"}]}))).len(), 2);
        assert_eq!(found("transcode", wanted, &result(json!({}))).len(), 1);
    }

    #[test]
    fn notes_that_are_stated_are_among_those_given() {
        let wanted = json!({"result": {"notes": [{"kind": "payload-not-json"}]}});
        let reply = result(json!({"notes": [{"kind": "other"}, {"kind": "payload-not-json"}]}));
        assert_eq!(found("decode", wanted.clone(), &reply), [""; 0]);
        assert_eq!(found("decode", wanted, &result(json!({}))).len(), 1);
        assert_eq!(found("decode", json!({"result": {}}), &reply), [""; 0]);
    }

    #[test]
    fn an_expression_without_an_error_has_none() {
        let value = json!({"type": "Integer", "value": 0});
        let wanted = json!({"result": {"value": value}});
        assert_eq!(found("sql", wanted.clone(), &result(json!({"value": value}))), [""; 0]);
        assert_eq!(
            found("sql", wanted, &result(json!({"value": value, "error": "cast"}))),
            ["error: unexpected: \"cast\""]
        );
    }

    #[test]
    fn messages_compare_as_their_carrier_says() {
        let wanted =
            json!({"result": {"message": {"headers": [["CE-id", "1"]]}}, "absent-headers": ["Content-Type"]});
        let reply = |headers: Value| result(json!({"message": {"headers": headers}}));
        assert_eq!(found("encode", wanted.clone(), &reply(json!([["ce-ID", "1"]]))), [""; 0]);
        assert!(
            !found("encode", wanted.clone(), &reply(json!([["ce-id", "1"], ["content-type", "a/b"]])))
                .is_empty()
        );
        let to = case(json!({"op": "transcode", "via": "http", "to": {"via": "kafka"}}), wanted);
        assert_eq!(Results { case: &to, how: &how(&to), absent: &[] }.via(), "kafka");
    }
}
