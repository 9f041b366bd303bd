//! Carriers beside each other, and requests with their responses.

use super::*;

#[test]
fn rabbitmq_and_nats_have_headers() {
    let wanted =
        json!({"headers": [["cloudEvents:id", {"type": "longstr", "value": "1"}]], "body": {"text": ""}});
    assert_eq!(found("rabbitmq", wanted.clone(), wanted.clone()), SAME);
    assert_eq!(found("rabbitmq", wanted, json!({"headers": []})).len(), 1);
    let nats = |name: &str| json!({"headers": [[name, "1"]], "payload": {"text": "x"}});
    assert_eq!(found("nats", nats("ce-id"), nats("CE-ID")), SAME);
}

#[test]
fn an_unknown_carrier_compares_as_json() {
    assert_eq!(found("pigeon", json!({"wing": 1}), json!({"wing": 1})), SAME);
    assert_eq!(found("pigeon", json!({"wing": 1}), json!({"wing": 2})).len(), 1);
}

#[test]
fn times_in_headers_compare_by_their_instants() {
    let (one, same, other) =
        ("2018-04-05T17:31:00Z", "2018-04-05T18:31:00.000+01:00", "2018-04-05T17:31:00.000000001Z");
    let header = |name: &str, value: Value| json!({"headers": [[name, value]]});
    assert_eq!(found("http", header("ce-time", json!(one)), header("CE-Time", json!(same))), SAME);
    assert_eq!(found("http", header("ce-time", json!(one)), header("ce-time", json!(other))).len(), 1);
    assert_eq!(found("http", header("ce-x", json!(one)), header("ce-x", json!(same))).len(), 1);
    let bytes = |text: &str| json!({"text": text});
    assert_eq!(found("kafka", header("ce_time", bytes(one)), header("ce_time", bytes(same))), SAME);
    let typed = |name: &str, of_type: &str, text: &str| json!({"application-properties": [[name, {"type": of_type, "value": text}]]});
    let wanted = || typed("cloudEvents_time", "string", one);
    assert_eq!(found("amqp", wanted(), typed("cloudEvents_time", "string", same)), SAME);
    assert_eq!(found("amqp", wanted(), typed("cloudEvents_time", "symbol", same)).len(), 1);
    let extension = |text: &str| typed("cloudEvents_x", "string", text);
    assert_eq!(found("amqp", extension(one), extension(same)).len(), 1);
    let property = |text: &str| json!({"user-properties": [["time", text]], "payload": {"text": ""}});
    assert_eq!(found("mqtt5", property(one), property(same)), SAME);
}

/// The differences between exchanges of webhooks: a response, or the requests of a sender.
fn exchanged(wanted: Value, got: Value) -> Vec<String> {
    let (message, got) = (Json::from(&wanted), Json::from(&got));
    let counts_attributes = wanted.is_array();
    let wanted =
        Wanted { via: "http", message: &message, absent: &[], counts_attributes, how: &How::default() };
    let mut differences = Vec::new();
    let compare = if counts_attributes { diff_requests } else { diff_exchange };
    compare(&Path::new("x"), &wanted, &got, &mut differences);
    differences.iter().map(ToString::to_string).collect()
}

#[test]
fn a_status_may_be_any_of_its_class() {
    let found = |wanted: Value, got: Value| {
        exchanged(json!({"status": wanted, "headers": []}), json!({"status": got})).len()
    };
    assert_eq!([404, 499].map(|got| found(json!("4xx"), json!(got))), [0, 0]);
    assert_eq!([200, 302, 500, 4].map(|got| found(json!("4xx"), json!(got))), [1, 1, 1, 1]);
    assert_eq!((found(json!(204), json!(204)), found(json!(204), json!(201))), (0, 1));
}

#[test]
fn headers_beside_a_structured_delivery_may_be_there_or_not() {
    let found = |media_type: &str, more: &[[&str; 2]]| {
        let delivery = |more: &[[&str; 2]]| {
            let headers = [&[["content-type", media_type], ["authorization", "Bearer t"]], more].concat();
            json!([{"headers": headers, "body": {"text": r#"{"datacontenttype":"text/plain"}"#}}])
        };
        exchanged(delivery(&[["ce-id", "1"], ["ce-type", "t"]]), delivery(more)).len()
    };
    let structured = |more: &[[&str; 2]]| found("application/cloudevents+json", more);
    assert_eq!([structured(&[]), structured(&[["ce-id", "1"]])], [0, 0]);
    assert_eq!(structured(&[["ce-id", "1"], ["ce-type", "t"], ["ce-datacontenttype", "text/plain"]]), 0);
    assert_eq!([structured(&[["ce-id", "2"]]), structured(&[["ce-x", "1"]])], [1, 1]);
    assert_eq!(found("text/plain", &[["ce-id", "1"]]), 1);
}

#[test]
fn the_scheme_of_a_token_may_be_in_any_case() {
    let found = |text: &str| {
        let delivery = |text: &str| json!([{"headers": [["authorization", text]]}]);
        exchanged(delivery("Bearer aB"), delivery(text)).len()
    };
    assert_eq!(["Bearer aB", "BEARER  aB"].map(found), [0, 0]);
    assert_eq!(["Bearer ab", "Basic aB", "aB"].map(found), [1, 1, 1]);
}

#[test]
fn of_a_response_its_own_headers_count_and_those_that_are_stated() {
    let wanted = json!({"status": 429, "headers": [["Retry-After", "60"], ["Cache-Control", "private"]]});
    let found = |delay: &str, cache: &str| {
        let headers =
            json!([["retry-after", delay], ["cache-control", cache], ["Date", "x"], ["ce-id", "1"]]);
        exchanged(wanted.clone(), json!({"status": 429, "headers": headers})).len()
    };
    assert_eq!(found("1", "max-age=0, Private"), 0);
    assert_eq!(found("Fri, 31 Dec 9999 23:59:59 GMT", "private"), 0);
    assert_eq!((found("", "private"), found("soon", "private"), found("1", "public")), (1, 1, 1));
    let own = json!({"status": 429, "headers": [["retry-after", "1"], ["cache-control", "private"], ["webhook-allowed-origin", "*"]]});
    assert_eq!(exchanged(wanted, own).len(), 1);
}

#[test]
fn a_stated_allow_is_any_with_its_methods() {
    let wanted = json!({"headers": [["Allow", "POST"]]});
    let found = |allow: &str| exchanged(wanted.clone(), json!({"headers": [["allow", allow]]})).len();
    for enough in ["POST", "OPTIONS,POST", "GET, POST , OPTIONS"] {
        assert_eq!(found(enough), 0, "{enough}");
    }
    for other in ["", "OPTIONS", "post", "POSTS"] {
        assert_eq!(found(other), 1, "{other}");
    }
}

#[test]
fn requests_compare_one_by_one() {
    let post = json!({"method": "POST", "target": "/a", "headers": [["ce-id", "1"]], "body": {"text": "x"}});
    let options = json!({"method": "OPTIONS", "target": "/a", "headers": []});
    let wanted = json!([options, post]);
    assert_eq!(exchanged(wanted.clone(), wanted.clone()), SAME);
    assert_eq!(exchanged(wanted.clone(), json!([options])).len(), 1);
    assert_eq!(exchanged(wanted.clone(), json!([options, post, post])).len(), 1);
    assert!(!exchanged(wanted.clone(), json!([post, options])).is_empty());
    let mut more = post.clone();
    more["headers"] = json!([["ce-id", "1"], ["ce-time", "x"], ["user-agent", "y"]]);
    assert_eq!(
        exchanged(wanted.clone(), json!([options, more])),
        ["x[1].headers.ce-time: unexpected: \"x\""]
    );
    more["headers"] = json!([["ce-id", "1"]]);
    more["body"] = json!({"text": "y"});
    assert_eq!(exchanged(wanted, json!([options, more])).len(), 1);
}

#[test]
fn datacontenttype_of_amqp_may_stand_beside_the_content_type_that_says_the_same() {
    let message = |content_type: &str, beside: Option<&str>, body: &str| {
        let string = |text: &str| json!({"type": "string", "value": text});
        let beside = beside.map(|text| json!(["cloudEvents:datacontenttype", string(text)]));
        let id = json!(["cloudEvents:id", string("1")]);
        let list: Vec<_> = [Some(id), beside].into_iter().flatten().collect();
        json!({"properties": {"content-type": content_type}, "application-properties": list, "body": {"data": [{"text": body}]}})
    };
    let document = r#"{"datacontenttype":"text/plain"}"#;
    for (content_type, body, other) in
        [("text/plain", "a", "text/html"), ("application/cloudevents+json", document, "application/json")]
    {
        let found = |beside| {
            found("amqp", message(content_type, None, body), message(content_type, beside, body)).len()
        };
        assert_eq!((found(Some("Text/Plain")), found(Some(other))), (0, 1), "{content_type}");
    }
    // One that is stated stays.
    let wanted = message("text/plain", Some("text/plain"), "a");
    assert_eq!(found("amqp", wanted, message("text/plain", None, "a")).len(), 1);
}

#[test]
fn a_record_of_kafka_without_headers_is_a_document_of_json() {
    let message = |headers: Value, text: &str| json!({"headers": headers, "value": {"text": text}});
    let wanted = || message(json!([]), r#"{"id":"1","type":"t"}"#);
    let same = r#"{ "type": "t", "id": "1" }"#;
    assert_eq!(found("kafka", wanted(), message(json!([]), same)), SAME);
    assert_eq!(found("kafka", wanted(), json!({"value": {"text": same}})), SAME);
    assert_eq!(found("kafka", wanted(), message(json!([["ce_id", {"text": "1"}]]), same)).len(), 1);
    assert_eq!(found("kafka", wanted(), message(json!([]), r#"{"id":"2","type":"t"}"#)).len(), 1);
}
