//! The handshake, header by header.

use cloudevents_webhook::handshake::{
    AllowedOrigins, Consent, Grant, InvalidGrant, Origin, Rate, Registration,
};
use http::{Method, Request, Response, StatusCode, request::Parts};
use proptest::prelude::*;

fn options(headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(Method::OPTIONS).uri("/hook");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn consent() -> Consent {
    Consent::new(AllowedOrigins::new(["trusted.example.com", "*.partner.example"]).unwrap())
        .with_highest_rate(Rate::per_minute(100).unwrap())
}

fn has_no_consent(response: &Response<()>) -> bool {
    !response.headers().keys().any(|name| name.as_str().starts_with("webhook-"))
}

/// WEBHOOK-4.2-a, WEBHOOK-4.2-e, WEBHOOK-4.2.1-b, WEBHOOK-4.2.2-a, -b, -e.
#[test]
fn consent_names_origin_and_rate() {
    for (requested, granted) in
        [(Some("40"), "40"), (Some("100"), "100"), (Some("5000"), "100"), (None, "100")]
    {
        let mut headers = vec![("webhook-request-origin", "EU.partner.example")];
        headers.extend(requested.map(|rate| ("webhook-request-rate", rate)));
        let response = consent().respond(&options(&headers));
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["webhook-allowed-origin"], "EU.partner.example");
        assert_eq!(response.headers()["webhook-allowed-rate"], granted);
        assert!(response.headers()["allow"].to_str().unwrap().contains("POST"));
    }
    let unlimited =
        Consent::new(AllowedOrigins::any()).respond(&options(&[("webhook-request-origin", "a.example")]));
    assert_eq!(unlimited.headers()["webhook-allowed-rate"], "*");
}

#[test]
fn no_consent_for_others() {
    for origin in [
        "trusted.example.com.attacker.example",
        "attackertrusted.example.com",
        "example.com",
        "partner.example",
        "attacker-partner.example",
        "a.partner.example.attacker.example",
    ] {
        let response = consent().respond(&options(&[("webhook-request-origin", origin)]));
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{origin}");
        assert!(has_no_consent(&response), "{origin}");
    }
    for headers in [
        vec![("webhook-request-origin", "https://trusted.example.com")],
        vec![("webhook-request-origin", "trusted.example.com, attacker.example")],
        vec![
            ("webhook-request-origin", "trusted.example.com"),
            ("webhook-request-origin", "attacker.example"),
        ],
        vec![("webhook-request-origin", "*")],
        vec![("webhook-request-origin", "trusted.example.com"), ("webhook-request-rate", "0")],
        vec![("webhook-request-origin", "trusted.example.com"), ("webhook-request-rate", "*")],
        vec![("webhook-request-origin", "trusted.example.com"), ("webhook-request-rate", "1e9")],
    ] {
        let response = consent().respond(&options(&headers));
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{headers:?}");
        assert!(has_no_consent(&response), "{headers:?}");
    }
    // An OPTIONS request of a browser or a scanner.
    let response = consent().respond(&options(&[("origin", "https://trusted.example.com")]));
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(has_no_consent(&response));
}

/// WEBHOOK-4.2-b: a target that agrees by callback withholds the headers.
#[test]
fn consent_by_callback_is_withheld() {
    let headers = [
        ("webhook-request-origin", "trusted.example.com"),
        ("webhook-request-callback", "https://sender.example/confirm?id=1&key=abc"),
        ("webhook-request-rate", "500"),
    ];
    let pending = consent().pending(&options(&headers)).unwrap();
    assert!(!format!("{pending:?}").contains("abc"), "{pending:?}");
    assert_eq!(pending.callback(), "https://sender.example/confirm?id=1&key=abc");
    assert_eq!(
        (pending.origin().as_str(), pending.rate()),
        ("trusted.example.com", Rate::per_minute(100).unwrap())
    );
    assert!(has_no_consent(&pending.response()));
    // No callback for senders that are not allowed: otherwise any peer could make this service request URLs.
    let stranger = [("webhook-request-origin", "attacker.example"), headers[1]];
    assert_eq!(consent().pending(&options(&stranger)), None);
    assert_eq!(consent().pending(&options(&headers[..1])), None);
}

/// WEBHOOK-4.1.2-a, WEBHOOK-4.1.4-b, WEBHOOK-4.1-a.
#[test]
fn the_senders_request() {
    let registration = Registration::new("sender.example".parse().unwrap())
        .with_rate(Rate::per_minute(120).unwrap())
        .with_callback("https://sender.example/confirm?key=abc");
    let request = registration.request("https://partner.example/hook?tenant=7").unwrap();
    // The callback is a secret.
    assert!(!format!("{registration:?} {request:?}").contains("abc"), "{registration:?} {request:?}");
    assert_eq!(
        (request.method(), request.uri().to_string()),
        (&Method::OPTIONS, "https://partner.example/hook?tenant=7".into())
    );
    assert_eq!(request.headers()["webhook-request-origin"], "sender.example");
    assert_eq!(request.headers()["webhook-request-rate"], "120");
    assert_eq!(request.headers()["webhook-request-callback"], "https://sender.example/confirm?key=abc");
    let plain = Registration::new("sender.example".parse().unwrap()).with_rate(Rate::unlimited());
    assert!(
        !plain.request("https://partner.example/").unwrap().headers().contains_key("webhook-request-rate")
    );
    assert!(
        Registration::new("s.example".parse().unwrap())
            .with_callback("a\nb")
            .request("https://p.example/")
            .is_err()
    );
}

fn answer(headers: &[(&str, &str)]) -> Result<Option<Grant>, InvalidGrant> {
    let mut response = Response::builder().status(200);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    let registration =
        Registration::new("sender.example".parse().unwrap()).with_rate(Rate::per_minute(120).unwrap());
    Grant::from_response(&response.body(()).unwrap(), &registration)
}

/// WEBHOOK-4.2-c: only the headers are consent.
#[test]
fn only_headers_are_consent() {
    assert_eq!(answer(&[]), Ok(None));
    assert_eq!(answer(&[("webhook-allowed-rate", "*")]), Ok(None));
    let rate = |headers: &[(&str, &str)]| answer(headers).unwrap().unwrap().rate();
    assert_eq!(rate(&[("webhook-allowed-origin", "*"), ("webhook-allowed-rate", "*")]), Rate::unlimited());
    assert_eq!(
        rate(&[("webhook-allowed-origin", "Sender.Example"), ("webhook-allowed-rate", "60")]),
        Rate::per_minute(60).unwrap()
    );
    // WEBHOOK-4.2.2-d, by analogy: without a rate, the requested one.
    assert_eq!(rate(&[("webhook-allowed-origin", "*")]), Rate::per_minute(120).unwrap());
    for (headers, invalid) in [
        (vec![("webhook-allowed-origin", "other.example")], InvalidGrant::OtherOrigin),
        (vec![("webhook-allowed-origin", "sender.example.attacker.example")], InvalidGrant::OtherOrigin),
        (vec![("webhook-allowed-origin", "*.example")], InvalidGrant::Origin),
        (vec![("webhook-allowed-origin", "")], InvalidGrant::Origin),
        (
            vec![("webhook-allowed-origin", "*"), ("webhook-allowed-origin", "sender.example")],
            InvalidGrant::Origin,
        ),
        (vec![("webhook-allowed-origin", "*"), ("webhook-allowed-rate", "0")], InvalidGrant::Rate),
        (vec![("webhook-allowed-origin", "*"), ("webhook-allowed-rate", "-1")], InvalidGrant::Rate),
        (vec![("webhook-allowed-origin", "*"), ("webhook-allowed-rate", "many")], InvalidGrant::Rate),
    ] {
        assert_eq!(answer(&headers), Err(invalid), "{headers:?}");
    }
}

/// WEBHOOK-4.1.2-b: deliveries name their origin.
#[test]
fn deliveries_name_their_origin() {
    let allows = |headers: &[(&str, &str)]| consent().allows_delivery(&options(headers).headers);
    assert!(allows(&[("webhook-request-origin", "trusted.example.com")]));
    assert!(!allows(&[]));
    assert!(!allows(&[("webhook-request-origin", "attacker.example")]));
    assert!(!allows(&[
        ("webhook-request-origin", "trusted.example.com"),
        ("webhook-request-origin", "trusted.example.com")
    ]));
}

proptest! {
    /// A suffix matches whole labels: what it allows ends with a full stop and the suffix, and nothing else does.
    #[test]
    fn suffixes_match_whole_labels(name in "[a-c.-]{0,12}", suffix in "[a-c]{1,3}(\\.[a-c]{1,3})?") {
        let allowed = AllowedOrigins::new([format!("*.{suffix}")]).unwrap();
        let Ok(origin) = name.parse::<Origin>() else { return Ok(()) };
        let labels: Vec<&str> = origin.as_str().split('.').collect();
        let wanted: Vec<&str> = suffix.split('.').collect();
        prop_assert_eq!(allowed.allows(&origin), labels.len() > wanted.len() && labels.ends_with(&wanted));
    }

    #[test]
    fn any_header_value(value in "[ -~]{0,40}") {
        let response = consent().respond(&options(&[("webhook-request-origin", &value), ("webhook-request-rate", &value)]));
        prop_assert!(has_no_consent(&response));
    }
}
