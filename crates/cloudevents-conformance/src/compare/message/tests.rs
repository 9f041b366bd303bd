//! Each carrier by a few messages.

use cloudevents_vectors::JsonComparison;
use serde_json::{Value, json};

use super::*;

mod exchanges;

fn found(via: &str, wanted: Value, got: Value) -> Vec<String> {
    found_with(via, JsonComparison::Value, &[], wanted, got)
}

fn found_with(via: &str, json: JsonComparison, absent: &[&str], wanted: Value, got: Value) -> Vec<String> {
    let absent: Vec<_> = absent.iter().map(|&name| name.to_owned()).collect();
    let (message, got) = (Json::from(&wanted), Json::from(&got));
    let how = How { json, ..How::default() };
    let wanted = Wanted { via, message: &message, absent: &absent, counts_attributes: false, how: &how };
    let mut differences = Vec::new();
    diff(&Path::new("message"), &wanted, &got, &mut differences);
    differences.iter().map(ToString::to_string).collect()
}

const SAME: [&str; 0] = [];

#[test]
fn http_headers_are_a_multiset_with_names_in_any_case() {
    let wanted = json!({"headers": [["ce-id", "1"], ["ce-subject", "a"], ["CE-Subject", "b"]]});
    let got = |headers: Value| found("http", wanted.clone(), json!({"headers": headers}));
    assert_eq!(got(json!([["Ce-Subject", "b"], ["CE-ID", "1"], ["ce-subject", "a"]])), SAME);
    assert_eq!(
        got(json!([["ce-id", "1 "], ["ce-subject", "a"], ["ce-x", "y"]])),
        [
            "message.headers.ce-id: expected \"1\", got \"1 \"",
            "message.headers.CE-Subject: missing: \"b\"",
            "message.headers.ce-x: unexpected: \"y\"",
        ]
    );
    assert_eq!(got(json!([["ce-id", "1"], ["ce-subject", "a"], ["ce-subject", "a"]])).len(), 1);
    assert_eq!(got(json!("none")).len(), 1);
    assert_eq!(got(json!([["ce-id"]])).len(), 1);
}

#[test]
fn headers_of_neither_attributes_nor_the_content_type_are_free() {
    let with = |via: &str, name: &str, value: Value| {
        let list = if via == "amqp" { "application-properties" } else { "headers" };
        let wanted = json!({list: [], "body": null});
        found(via, wanted, json!({list: [[name, value]], "body": null})).len()
    };
    let string = json!({"type": "string", "value": "1"});
    assert_eq!(with("http", "Content-Length", json!("1")), 0);
    assert_eq!(with("kafka", "trace", json!({"text": "1"})), 0);
    assert_eq!(with("amqp", "jms", string.clone()), 0);
    for (name, counts) in [
        ("ce-x", [1, 0, 0]),
        ("CE-x", [1, 0, 0]),
        ("ce_x", [0, 1, 0]),
        ("cloudEvents_x", [0, 0, 1]),
        ("cloudEvents:x", [0, 0, 1]),
        ("content-type", [1, 1, 0]),
    ] {
        let found = [
            with("http", name, json!("1")),
            with("kafka", name, json!({"text": "1"})),
            with("amqp", name, string.clone()),
        ];
        assert_eq!(found, counts, "{name}");
    }
    // In MQTT every name may be that of an attribute.
    let mqtt = |list: Value| json!({"user-properties": list, "payload": {"text": ""}});
    assert_eq!(found("mqtt5", mqtt(json!([])), mqtt(json!([["trace", "1"]]))).len(), 1);
}

#[test]
fn a_media_type_beside_the_content_type_may_be_spelled_otherwise() {
    let found = |any_spelling, via: &str, (name, list): (&str, &str), wanted: &str, got: &str| {
        let value = |text: &str| if via == "kafka" { json!({"text": text}) } else { json!(text) };
        let message = |text: &str| Json::from(&json!({list: [[name, value(text)]]}));
        let (message, got) = (message(wanted), message(got));
        let how = How { any_spelling, ..How::default() };
        let wanted = Wanted { via, message: &message, absent: &[], counts_attributes: false, how: &how };
        let mut differences = Vec::new();
        diff(&Path::new("message"), &wanted, &got, &mut differences);
        differences.len()
    };
    let (one, same, other) = ("A/B; C=\"d\"", "a/b;c=d", "a/b;c=e");
    let kafka = ("kafka", ("ce_datacontenttype", "headers"));
    for (via, place) in [kafka, ("mqtt5", ("datacontenttype", "user-properties"))] {
        assert_eq!((found(true, via, place, one, same), found(false, via, place, one, same)), (0, 1));
        assert_eq!(found(true, via, place, one, other), 1);
    }
    assert_eq!(found(true, "kafka", ("ce_x", "headers"), one, same), 1);
}

#[test]
fn each_header_of_an_attribute_may_stand_beside_a_structured_message_or_not() {
    let found = |via: &str, content_type: &str, wanted: &[[&str; 2]], got: &[[&str; 2]], may_mirror| {
        let message = |fields: &[[&str; 2]]| match via {
            "mqtt5" => {
                json!({"user-properties": fields, "content-type": content_type, "payload": {"text": "{}"}})
            }
            _ => {
                let fields = [&[["content-type", content_type]], fields].concat();
                json!({"headers": fields, "body": {"text": "{}"}})
            }
        };
        let (message, got) = (Json::from(&message(wanted)), Json::from(&message(got)));
        let how = How { may_mirror, ..How::default() };
        let wanted = Wanted { via, message: &message, absent: &[], counts_attributes: false, how: &how };
        let mut differences = Vec::new();
        diff(&Path::new("message"), &wanted, &got, &mut differences);
        differences.len()
    };
    let json = "application/cloudevents+json";
    let all = [["ce-specversion", "1.0"], ["ce-id", "1"], ["ce-type", "t"]];
    for some in [&all[..], &all[1..], &all[2..], &[]] {
        assert_eq!(found("http", json, &all, some, true), 0, "{some:?}");
        assert_eq!(found("http", json, &all, some, false), 3 - some.len(), "{some:?}");
        // In binary mode and in a batch they are what they are.
        for other in ["application/json", "application/cloudevents-batch+json"] {
            assert_eq!(found("http", other, &all, some, true), 3 - some.len(), "{other}");
        }
    }
    // What is there agrees, once.
    for other in [
        &[["ce-id", "2"]][..],
        &[["ce-x", "1"]],
        &[["ce-id", "1"], ["ce-id", "1"]],
        &[["ce-id", "1"], ["CE-ID", "2"]],
    ] {
        assert_eq!(found("http", json, &all, other, true), 1, "{other:?}");
    }
    let all = [["specversion", "1.0"], ["id", "1"]];
    assert_eq!(found("mqtt5", json, &all, &all[1..], true), 0);
    assert_eq!(found("mqtt5", json, &all, &[["id", "2"]], true), 1);
}

#[test]
fn a_time_in_a_header_may_be_escaped_in_any_spelling() {
    let how = How { any_escapes: true, may_add_time: true, ..How::default() };
    let found = |wanted: Value, got: Value| {
        let (message, got) = (Json::from(&json!({"headers": wanted})), Json::from(&json!({"headers": got})));
        let wanted =
            Wanted { via: "http", message: &message, absent: &[], counts_attributes: false, how: &how };
        let mut differences = Vec::new();
        diff(&Path::new("message"), &wanted, &got, &mut differences);
        differences.len()
    };
    let version = json!(["ce-specversion", "1.0"]);
    for (time, count) in [
        ("2018-04-05T17%3A31%3A00.000Z", 0),
        ("2018-04-05T18%3a31%3a00%2B01%3a00", 0),
        ("2018-04-05T17%3A31%3A01Z", 1),
    ] {
        let got = json!([version, ["ce-time", time]]);
        assert_eq!(
            found(json!([version, ["ce-time", "2018-04-05T17:31:00Z"]]), got.clone()),
            count,
            "{time}"
        );
        // One that the writer adds.
        assert_eq!(found(json!([version]), got), 0, "{time}");
    }
}

#[test]
fn more_of_a_value_may_be_escaped_and_a_media_type_is_one() {
    let how = How { any_spelling: true, ..How::default() };
    let found = |via: &str, wanted: Value, got: Value| {
        let (message, got) =
            (Json::from(&json!({"headers": [wanted]})), Json::from(&json!({"headers": [got]})));
        let wanted = Wanted { via, message: &message, absent: &[], counts_attributes: false, how: &how };
        let mut differences = Vec::new();
        diff(&Path::new("message"), &wanted, &got, &mut differences);
        differences.len()
    };
    for via in ["http", "nats"] {
        let subject = |text: &str| json!(["ce-subject", text]);
        for (wanted, got, count) in [
            ("a,%20b", "a%2C%20b", 0),
            ("a,b", "%61%2C%62", 0),
            // Digits in lower case, quotation marks, and another text.
            ("a,b", "a%2cb", 1),
            ("a,%20b", "\"a, b\"", 1),
            ("a%25b", "a%b", 1),
            ("a%2561", "a%61", 1),
            ("a,b", "a%2", 1),
            ("a,b", "a%é", 1),
        ] {
            assert_eq!(found(via, subject(wanted), subject(got)), count, "{via}: {got}");
        }
    }
    let media_type = |text: &str| json!(["ce-datacontenttype", text]);
    for (got, count) in [
        ("application/x-thing;charset=utf-8;q=1", 0),
        ("application/x-thing;%20Charset=UTF-8;%20q=1", 0),
        ("application/x-thing;charset=utf-8;q=2", 1),
    ] {
        let wanted = media_type("Application/X-Thing;%20Charset=%22utf-8%22;%20q=1");
        assert_eq!(found("nats", wanted, media_type(got)), count, "{got}");
    }
}

#[test]
fn a_sender_may_add_the_optional_headers_of_a_validation_request() {
    let how = How::default();
    let found = |method: &str, absent: &[String], more: Value| {
        let message = |more: &[Value]| {
            let origin = json!(["WebHook-Request-Origin", "example.com"]);
            let headers = [&[origin], more].concat();
            json!({"method": method, "headers": headers})
        };
        let (wanted, got) = (Json::from(&message(&[])), Json::from(&message(&[more])));
        let wanted = Wanted { via: "http", message: &wanted, absent, counts_attributes: true, how: &how };
        let mut differences = Vec::new();
        diff_exchange(&Path::new("request"), &wanted, &got, &mut differences);
        differences.len()
    };
    let callback = json!(["WebHook-Request-Callback", "https://example.com/?key=1"]);
    let rate = |text: &str| json!(["webhook-request-rate", text]);
    assert_eq!(found("OPTIONS", &[], callback.clone()), 0);
    assert_eq!(found("OPTIONS", &[], rate("120")), 0);
    for none in ["0", "", "1.5", "-1", "many"] {
        assert_eq!(found("OPTIONS", &[], rate(none)), 1, "{none}");
    }
    assert_eq!(found("OPTIONS", &["WebHook-Request-Rate".to_owned()], rate("120")), 1);
    assert_eq!(found("OPTIONS", &[], json!(["WebHook-Request-Other", "1"])), 1);
    assert_eq!(found("POST", &[], callback), 1);
}

#[test]
fn headers_of_http_beside_a_document_are_those_of_no_binary_message() {
    let message = |media_type: &str, body: &str, more: Option<Value>| {
        let list: Vec<_> = [Some(json!(["content-type", media_type])), more].into_iter().flatten().collect();
        json!({"headers": list, "body": {"text": body}})
    };
    let beside = |name: &str, text: &str| Some(json!([name, text]));
    let one = |more| message("application/cloudevents+json", r#"{"datacontenttype":"text/plain"}"#, more);
    assert_eq!(found("http", one(None), one(beside("ce-datacontenttype", "text/plain"))), SAME);
    assert_eq!(found("http", one(None), one(beside("ce-datacontenttype", "text/html"))).len(), 1);
    let batch = |more| message("application/cloudevents-batch+json", "[]", more);
    assert_eq!(found("http", batch(None), batch(beside("ce-id", "1"))), SAME);
    let binary = |more| message("text/plain", "a", more);
    assert_eq!(found("http", binary(None), binary(beside("ce-datacontenttype", "text/plain"))).len(), 1);
}

#[test]
fn datacontenttype_beside_a_document_of_kafka_and_mqtt_says_what_the_document_says() {
    let document = r#"{"datacontenttype":"application/json"}"#;
    let kafka = |content_type: &str, beside: Option<&str>| {
        let list = [Some(("content-type", content_type)), beside.map(|text| ("ce_datacontenttype", text))];
        let list: Vec<_> =
            list.into_iter().flatten().map(|(name, text)| json!([name, {"text": text}])).collect();
        json!({"headers": list, "value": {"text": document}})
    };
    let mqtt = |content_type: &str, beside: Option<&str>| {
        let list: Vec<_> = beside.map(|text| json!(["datacontenttype", text])).into_iter().collect();
        json!({"user-properties": list, "content-type": content_type, "payload": {"text": document}})
    };
    for (via, message) in [("kafka", &kafka as &dyn Fn(&str, Option<&str>) -> Value), ("mqtt5", &mqtt)] {
        let found = |content_type: &str, beside| {
            found(via, message(content_type, None), message(content_type, Some(beside))).len()
        };
        let structured = "application/cloudevents+json";
        let of_structured = (found(structured, "Application/JSON"), found(structured, "text/plain"));
        assert_eq!(of_structured, (0, 1), "{via}");
        // In binary mode, the outcomes of a case say it.
        assert_eq!(found("application/json", "application/json"), 1, "{via}");
    }
}

#[test]
fn more_of_a_header_value_may_be_escaped_than_has_to_be() {
    let found = |name: &str, wanted: &str, got: &str, any_escapes| {
        let (message, got) = (json!({"headers": [[name, wanted]]}), json!({"headers": [[name, got]]}));
        let (message, got) = (Json::from(&message), Json::from(&got));
        let how = How { any_escapes, ..How::default() };
        let wanted =
            Wanted { via: "http", message: &message, absent: &[], counts_attributes: false, how: &how };
        let mut differences = Vec::new();
        diff(&Path::new("message"), &wanted, &got, &mut differences);
        differences.len()
    };
    for (wanted, same) in [
        ("/a", "%2Fa"),
        ("%C3%A9", "%c3%a9"),
        ("a%20b", "%61%20b"),
        ("%25", "%25"),
        ("/a", "\"/a\""),
        ("a%20b", "\"a%20b\""),
        ("a~\\", "\"a~\\\\\""),
        ("ab", "\"\\a\\b\""),
    ] {
        assert_eq!(found("ce-x", wanted, same, true), 0, "{same}");
        // What need not be escaped may be all the same.
        let is_needless = ["%2Fa", "%61%20b"].contains(&same);
        assert_eq!(found("ce-x", wanted, same, false), usize::from(wanted != same && !is_needless), "{same}");
    }
    for (wanted, other) in [
        // Its last mark is escaped, so that none closes it.
        ("a~\\", "\"a~\\\""),
        ("a~", "\"a~\"b\""),
        ("a%20b", "a b"),
        ("%22a%22", "\"a\""),
        ("%2541", "%41"),
        ("%25", "%"),
        ("%25", "%2"),
        ("%C3%A9", "%E9"),
        ("%C3%A9", "é"),
        ("a", "b"),
    ] {
        assert_eq!(found("ce-x", wanted, other, true), 1, "{other}");
    }
    assert_eq!(found("content-type", "a/b", "a%2Fb", true), 1);
}

#[test]
fn each_property_may_have_its_native_type_or_its_canonical_string() {
    let found = |via: &str, wanted: [Value; 2], got: [Value; 2], any_form| {
        let list = if via == "amqp" { "application-properties" } else { "headers" };
        let message =
            |[a, b]: [Value; 2]| Json::from(&json!({list: [["cloudEvents:a", a], ["cloudEvents:b", b]]}));
        let (message, got) = (message(wanted), message(got));
        let how = How { any_form, ..How::default() };
        let wanted = Wanted { via, message: &message, absent: &[], counts_attributes: false, how: &how };
        let mut differences = Vec::new();
        diff(&Path::new("message"), &wanted, &got, &mut differences);
        differences.len()
    };
    let typed = |of_type: &str, value: Value| json!({"type": of_type, "value": value});
    let flag = typed("boolean", json!(true));
    for (via, native, text, same, other) in [
        ("amqp", typed("long", json!(-5)), "string", "-5", "-05"),
        ("amqp", typed("binary", json!("AP8=")), "string", "AP8=", "AP8"),
        (
            "amqp",
            typed("timestamp", json!(1_522_949_460_250_i64)),
            "string",
            "2018-04-05T17:31:00.25Z",
            "2018-04-05T17:31:00Z",
        ),
        (
            "rabbitmq",
            typed("timestamp", json!(1_522_949_460)),
            "longstr",
            "2018-04-05T17:31:00Z",
            "2018-04-05T17:31:01Z",
        ),
        ("rabbitmq", typed("long-int", json!(5)), "longstr", "5", "6"),
    ] {
        let wanted = [native.clone(), flag.clone()];
        let string = |value: &str| typed(text, json!(value));
        let mixed = [string(same), flag.clone()];
        assert_eq!(found(via, wanted.clone(), mixed.clone(), true), 0, "{native}");
        assert_eq!(found(via, wanted.clone(), mixed, false), 1, "{native}");
        assert_eq!(found(via, wanted.clone(), [native.clone(), string("true")], true), 0, "{native}");
        assert_eq!(found(via, wanted, [string(other), flag.clone()], true), 1, "{native}");
        // A String has no other type.
        assert_eq!(
            found(via, [string(same), flag.clone()], [native.clone(), flag.clone()], true),
            1,
            "{native}"
        );
    }
}

#[test]
fn http_content_types_are_media_types() {
    let wanted = json!({"headers": [["content-type", "text/plain; charset=utf-8"]]});
    let got = |text: &str| found("http", wanted.clone(), json!({"headers": [["Content-Type", text]]}));
    assert_eq!(got("Text/Plain;Charset=utf-8"), SAME);
    assert_eq!(
        got("text/plain"),
        ["message.headers.content-type: expected \"text/plain; charset=utf-8\", got \"text/plain\""]
    );
}

#[test]
fn json_that_no_event_stated_may_have_a_charset() {
    let message = Json::from(&json!({"headers": [["content-type", "application/json"]]}));
    let of = |text: &str| Json::from(&json!({"headers": [["Content-Type", text]]}));
    let found = |text: &str, json_supplied| {
        let how = How { json_supplied, ..How::default() };
        let wanted =
            Wanted { via: "http", message: &message, absent: &[], counts_attributes: false, how: &how };
        let mut differences = Vec::new();
        diff(&Path::new("message"), &wanted, &of(text), &mut differences);
        differences.len()
    };
    assert_eq!(found("application/json; charset=utf-8", true), 0);
    assert_eq!(found("application/json; charset=utf-8", false), 1);
    assert_eq!(found("application/json; charset=latin1", true), 1);
    assert_eq!(found("text/plain", true), 1);
}

#[test]
fn http_headers_that_are_not_stated_are_free_but_for_the_absent_ones() {
    let got = json!({"headers": [["x", "y"], ["Content-Type", "a/b"]]});
    assert_eq!(found("http", json!({}), got.clone()), SAME);
    assert_eq!(
        found_with("http", JsonComparison::Value, &["content-type"], json!({}), got.clone()),
        ["message.headers.Content-Type: unexpected: \"a/b\""]
    );
    assert_eq!(
        found_with("http", JsonComparison::Value, &["content-type"], json!({"headers": [["x", "y"]]}), got)
            .len(),
        1
    );
}

#[test]
fn http_bodies_compare_by_mode() {
    let message = |content_type: &str, text: &str| json!({"headers": [["content-type", content_type]], "body": {"text": text}});
    let structured = "application/cloudevents+json";
    assert_eq!(
        found("http", message(structured, r#"{"a":1,"b":2}"#), message(structured, r#"{"b":2, "a":1}"#)),
        SAME
    );
    assert_eq!(
        found("http", message(structured, r#"{"a":1}"#), message(structured, r#"{"a":1.0}"#)),
        ["message.body.a: expected 1, got 1.0"]
    );
    let binary = "application/json";
    assert_eq!(found("http", message(binary, "[1]"), message(binary, "[ 1]")).len(), 1);
    assert_eq!(
        found_with(
            "http",
            JsonComparison::Text,
            &[],
            message(structured, r#"{"data":[1]}"#),
            message(structured, r#"{"data":[1 ]}"#)
        )
        .len(),
        1
    );
}

#[test]
fn http_has_no_body_or_an_empty_one() {
    let empty = [
        json!({"headers": []}),
        json!({"headers": [], "body": {"text": ""}}),
        json!({"headers": [], "body": null}),
    ];
    for wanted in &empty {
        for got in &empty {
            assert_eq!(found("http", wanted.clone(), got.clone()), SAME);
        }
        let got = json!({"headers": [], "body": {"base64": "AA=="}});
        assert_eq!(found("http", wanted.clone(), got), ["message.body: expected \"\", got \"\\0\""]);
        assert_eq!(found("http", wanted.clone(), json!({"headers": [], "body": "text"})).len(), 1);
    }
}

#[test]
fn http_status_counts_where_stated() {
    let got = json!({"status": 200, "headers": []});
    assert_eq!(found("http", json!({"headers": []}), got.clone()), SAME);
    assert_eq!(found("http", json!({"status": 204}), got), ["message.status: expected 204, got 200"]);
}

#[test]
fn formats_are_documents() {
    let message = |text: &str| json!({"body": {"text": text}});
    assert_eq!(found("json", message(r#"{"a":[]}"#), message(r#"{ "a":[]}"#)), SAME);
    assert_eq!(found("json-batch", message("[1]"), message("[2]")), ["message.body[0]: expected 1, got 2"]);
    assert_eq!(found("cbor", message("a"), json!({"body": {"base64": "YQ=="}})), SAME);
    assert_eq!(found("cbor", message("a"), message("b")).len(), 1);
    assert_eq!(found("json", message("{}"), json!([])).len(), 1);
}

#[test]
fn kafka_tells_null_from_empty_and_names_have_a_case() {
    let wanted = json!({"key": null, "headers": [["ce_id", {"text": "1"}], ["x", null]], "value": null});
    assert_eq!(
        found("kafka", wanted.clone(), json!({"headers": [["x", null], ["ce_id", {"base64": "MQ=="}]]})),
        SAME
    );
    assert_eq!(
        found(
            "kafka",
            wanted.clone(),
            json!({"headers": [["CE_id", {"text": "1"}], ["x", {"text": ""}]], "value": {"text": ""}})
        ),
        [
            "message.headers.ce_id: missing: {\"text\":\"1\"}",
            "message.headers.x: expected null, got {\"text\":\"\"}",
            "message.value: expected no body, got \"\""
        ]
    );
    assert_eq!(
        found(
            "kafka",
            json!({"key": {"text": "k"}, "headers": []}),
            json!({"key": {"text": "l"}, "headers": []})
        ),
        ["message.key: expected \"k\", got \"l\""]
    );
    let document = |content_type: &str, text: &str| json!({"headers": [["content-type", {"text": content_type}]], "value": {"text": text}});
    assert_eq!(
        found(
            "kafka",
            document("application/cloudevents+json", r#"{"a":1}"#),
            document("application/cloudevents+json; charset=UTF-8", r#"{"a": 1}"#)
        ),
        SAME
    );
}

#[test]
fn amqp_properties_sections_and_typed_values() {
    let wanted = json!({
        "properties": {"content-type": "application/json", "subject": "s"},
        "application-properties": [["cloudEvents_n", {"type": "int", "value": 1}]],
        "body": {"data": [{"text": "ab"}]}
    });
    let got = json!({
        "properties": {"content-type": "Application/JSON", "subject": "s", "message-id": "1"},
        "application-properties": [["cloudEvents_n", {"value": 1, "type": "int"}]],
        "body": {"data": [{"text": "a"}, {"text": "b"}]}
    });
    assert_eq!(found("amqp", wanted.clone(), got), SAME);
    assert_eq!(
        found(
            "amqp",
            wanted,
            json!({"application-properties": [["cloudEvents_n", {"type": "long", "value": 1}]], "body": null})
        ),
        [
            "message.properties.subject: missing: \"s\"",
            "message.application-properties.cloudEvents_n: expected {\"type\":\"int\",\"value\":1}, got {\"type\":\"long\",\"value\":1}",
            "message.properties.content-type: missing: \"application/json\"",
            "message.body: expected \"ab\", got no body",
        ]
    );
    let value = |text: &str| json!({"body": {"value": {"type": "string", "value": text}}});
    assert_eq!(found("amqp", value("a"), value("a")), SAME);
    assert_eq!(found("amqp", value("a"), value("b")).len(), 1);
    // Without sections there is no body in AMQP: null is the one for none.
    let null = json!({"body": {"value": {"type": "null", "value": null}}});
    assert_eq!(found("amqp", json!({"body": null}), null.clone()), SAME);
    assert_eq!(found("amqp", json!({"body": {"data": [{"text": "a"}]}}), null).len(), 1);
    assert_eq!(found("amqp", json!({"body": null}), value("")).len(), 1);
    assert_eq!(
        found("amqp", json!({"body": null}), json!({"properties": {"content-type": "a/b"}})),
        ["message.properties.content-type: unexpected: \"a/b\""]
    );
}

#[test]
fn mqtt5_has_user_properties_and_a_content_type() {
    let wanted =
        json!({"content-type": "text/plain", "user-properties": [["id", "1"]], "payload": {"text": "a"}});
    let got = json!({"topic": "t", "content-type": "TEXT/plain", "user-properties": [["id", "1"]], "payload": {"text": "a"}});
    assert_eq!(found("mqtt5", wanted.clone(), got), SAME);
    assert_eq!(
        found("mqtt5", wanted, json!({"user-properties": [["ID", "1"]], "payload": {"text": "a"}})).len(),
        3
    );
}

#[test]
fn what_has_no_headers_is_structured() {
    let payload = |text: &str| json!({"payload": {"text": text}});
    for via in ["mqtt3", "nats"] {
        assert_eq!(found(via, payload(r#"{"a":1}"#), payload(r#"{ "a":1}"#)), SAME, "{via}");
        assert_eq!(found(via, payload(r#"{"a":1}"#), payload(r#"{"a":2}"#)).len(), 1, "{via}");
    }
    let framed = |subprotocol: &str, text: &str| json!({"subprotocol": subprotocol, "frame": "text", "payload": {"text": text}});
    assert_eq!(
        found("websockets", framed("cloudevents.json", "[1]"), framed("cloudevents.json", "[ 1]")),
        SAME
    );
    assert_eq!(
        found("websockets", framed("cloudevents.xml", "[1]"), framed("cloudevents.xml", "[ 1]")).len(),
        1
    );
    assert_eq!(
        found("websockets", framed("cloudevents.json", "[1]"), framed("cloudevents.avro", "[1]")).len(),
        1
    );
}
