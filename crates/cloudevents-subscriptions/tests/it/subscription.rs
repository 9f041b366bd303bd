//! The subscription object.

use cloudevents_core::Event;
use cloudevents_subscriptions::{Subscription, SubscriptionRequest};
use proptest::prelude::*;

const FULL: &str = r#"{
    "id": "ignored", "source": "https://example.com/orders", "types": ["a", "b"], "config": {"interval": 5},
    "filters": [{"prefix": {"subject": "eu/"}}],
    "sink": "https://example.com/hook", "protocol": "HTTP",
    "protocolsettings": {"method": "POST", "headers": {"x-a": "b"}, "custom": [1]},
    "sinkcredential": {"credentialtype": "REFRESHTOKEN", "accesstoken": "s3cret1", "accesstokenexpiresutc": "2026-11-20T10:00:00Z",
        "accesstokentype": "bearer", "refreshtoken": "s3cret2", "refreshtokenendpoint": "https://s3cret3.example/token"}
}"#;

#[test]
fn everything_is_kept_and_secrets_are_not_shown() {
    let request = SubscriptionRequest::parse(FULL).unwrap();
    let subscription = Subscription::new("7", request.clone());
    let shown = format!("{request:?} {request} {subscription:?} {subscription} {}", subscription.to_json());
    assert!(!shown.contains("s3cret"), "{shown}");
    let public = subscription.to_json();
    assert_eq!(public["id"], "7");
    assert_eq!(public["sinkcredential"], serde_json::json!({"credentialtype": "REFRESHTOKEN"}));
    assert_eq!(public["protocolsettings"]["custom"][0], 1);
    assert_eq!(public["config"]["interval"], 5);
    let again = SubscriptionRequest::parse(request.to_json_with_secrets().to_string()).unwrap();
    assert_eq!(again, request);
}

#[test]
fn events_are_selected_by_source_types_and_filters() {
    let request = SubscriptionRequest::parse(FULL).unwrap();
    for (source, ty, subject, expected) in [
        ("https://example.com/orders", "a", "eu/1", true),
        ("https://example.com/orders", "b", "eu/1", true),
        ("https://example.com/orders", "c", "eu/1", false),
        ("https://example.com/order", "a", "eu/1", false),
        ("https://example.com/orders", "a", "us/1", false),
    ] {
        let event = Event::builder().id("1").source(source).ty(ty).subject(subject).build().unwrap();
        assert_eq!(request.matches(&event), expected);
        assert_eq!(request.selection().matches(&event), expected);
    }
    let all = SubscriptionRequest::parse(
        r#"{"sink": "https://example.com/hook", "protocol": "HTTP", "types": []}"#,
    )
    .unwrap();
    assert!(all.matches(&Event::builder().id("1").source("/s").ty("t").build().unwrap()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn numbers_of_settings_keep_their_last_digit(
        unit in 0.0..1.0f64, bits in any::<u64>().prop_filter("finite", |bits| f64::from_bits(*bits).is_finite())
    ) {
        for number in [unit, f64::from_bits(bits)] {
            let document = format!(r#"{{"sink": "https://example.com/", "protocol": "HTTP", "config": {{"n": {number:e}}}}}"#);
            let request = SubscriptionRequest::parse(document).unwrap();
            let shown = Subscription::new("7", request).to_json();
            prop_assert_eq!(shown["config"]["n"].as_f64(), Some(number));
        }
    }
}

#[test]
fn sinks_over_http_have_a_host() {
    for sink in ["http://h", "HTTPS://h?q", "http://[::1]:8080/x", "https://u:p@h:1/x@y", "http://1.2.3.4/"] {
        let document = format!(r#"{{"sink": "{sink}", "protocol": "HTTP"}}"#);
        assert_eq!(SubscriptionRequest::parse(document).unwrap().sink(), sink);
    }
    // Other protocols may have sinks without one.
    let request = r#"{"sink": "urn:queue", "protocol": "AMQP"}"#;
    assert_eq!(SubscriptionRequest::parse(request).unwrap().sink(), "urn:queue");
}

#[test]
fn mistakes_have_a_place() {
    let with =
        |members: &str| format!(r#"{{"sink": "https://example.com/hook", "protocol": "HTTP", {members}}}"#);
    for (document, message) in [
        ("[]".to_owned(), "a subscription is an object, and this is an array"),
        (r#"{"protocol": "HTTP"}"#.into(), "`sink` is required and missing"),
        (r#"{"sink": "https://example.com/"}"#.into(), "`protocol` is required and missing"),
        (r#"{"sink": "", "protocol": "HTTP"}"#.into(), "/sink: the value is empty"),
        (r#"{"sink": "/hook", "protocol": "HTTP"}"#.into(), "/sink: not an absolute URI"),
        (
            r#"{"sink": "mqtt://broker/", "protocol": "HTTP"}"#.into(),
            "/sink: over HTTP, events are delivered to a URI of the scheme http or https",
        ),
        (r#"{"sink": "http:", "protocol": "HTTP"}"#.into(), "/sink: the URI has no host"),
        (r#"{"sink": "http:///x", "protocol": "HTTP"}"#.into(), "/sink: the URI has no host"),
        (r#"{"sink": "HTTPS:example.com/x", "protocol": "HTTP"}"#.into(), "/sink: the URI has no host"),
        (r#"{"sink": "http://?host=x", "protocol": "HTTP"}"#.into(), "/sink: the URI has no host"),
        (r#"{"sink": "http://user@:80/x", "protocol": "HTTP"}"#.into(), "/sink: the URI has no host"),
        (r#"{"sink": "mqtt://broker/", "protocol": "MQTT5"}"#.into(), "/protocolsettings: MQTT5 needs the setting `topicname`"),
        (
            r#"{"sink": "mqtt://broker/", "protocol": "MQTT3", "protocolsettings": {"topicname": "t", "qos": 3}}"#.into(),
            "/protocolsettings/qos: this is a whole number from 0 to 2, and here is a number",
        ),
        (r#"{"sink": "nats://broker/", "protocol": "NATS", "protocolsettings": {}}"#.into(), "/protocolsettings: NATS needs the setting `subject`"),
        (
            r#"{"sink": "amqp://broker/", "protocol": "AMQP", "protocolsettings": {"sendersettlementmode": "mixed"}}"#.into(),
            "/protocolsettings/sendersettlementmode: this is one of settled, unsettled, and here is a string",
        ),
        (with(r#""source": "a b""#), "/source: not a URI-reference"),
        (with(r#""source": """#), "/source: the value is empty"),
        (with(r#""types": "a""#), "/types: types are an array, and this is a string"),
        (with(r#""types": ["a", ""]"#), "/types/1: a type is a string that is not empty"),
        (with(r#""config": {"": 1}"#), "/config/: the key is empty"),
        (with(r#""filter": []"#), "/filter: a subscription has no such property"),
        (with(r#""filters": [{"regex": {}}]"#), "/filters/0/regex: there is no dialect \"regex\": the dialects are exact, prefix, suffix, all, any, not, sql"),
        (with(r#""protocolsettings": {"headers": {"a": 1}}"#), "/protocolsettings/headers: this is an object of strings, and here is an object"),
        (with(r#""sinkcredential": {}"#), "/sinkcredential: the credential has no `credentialtype`; secrets are never given out, so an update has to state them again"),
        (with(r#""sinkcredential": {"credentialtype": "KEY"}"#), "/sinkcredential/credentialtype: the types of credentials are PLAIN, ACCESSTOKEN and REFRESHTOKEN"),
        (
            with(r#""sinkcredential": {"credentialtype": "PLAIN", "identifier": "a", "secret": "b", "token": "c"}"#),
            "/sinkcredential/token: a credential of type PLAIN has no such member",
        ),
        (
            with(r#""sinkcredential": {"credentialtype": "ACCESSTOKEN", "accesstoken": "a", "accesstokenexpiresutc": "soon", "accesstokentype": "bearer"}"#),
            "/sinkcredential/accesstokenexpiresutc: not an RFC 3339 timestamp",
        ),
    ] {
        assert_eq!(SubscriptionRequest::parse(&document).unwrap_err().to_string(), message, "{document}");
    }
}
