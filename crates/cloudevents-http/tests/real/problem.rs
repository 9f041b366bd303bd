//! Problems: whose mistake they are, and how clients read them.

use crate::tools::{client, serve};
use axum::{Router, routing};
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Event};
use cloudevents_http::{
    Problem, axum08::CloudEvent, encode, encode_message, encode_with, reqwest013::ResponseExt,
};
use cloudevents_json::Json;
use http::{HeaderMap, StatusCode};
use std::time::Duration;

async fn fails(CloudEvent(event): CloudEvent) -> Result<StatusCode, Problem> {
    match event.id() {
        "lost" => {
            Err(Error::new(ErrorKind::Disconnected).with_detail("10.0.0.7:5432").with_help("call Bob"))?
        }
        "broken" => Err(Error::new(ErrorKind::InvalidData)
            .with_attribute("secret")
            .with_detail("row 7")
            .with_help("call Bob"))?,
        "built" => {
            Event::builder().id("").build()?;
        }
        "total" => {
            let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "total must be positive");
            return Err(problem.with_code("total").with_member("total", -1));
        }
        "rejected" => {
            let error = Error::new(ErrorKind::InvalidData).with_detail("no order").with_help("call Bob");
            return Err(Problem::rejection(error));
        }
        _ => {}
    }
    Ok(StatusCode::NO_CONTENT)
}

#[tokio::test]
async fn a_failure_of_the_server_is_not_the_clients() {
    let address = serve(Router::new().route("/events", routing::post(fails))).await;
    for (id, status, code, detail) in [
        ("lost", 503, None, None),
        ("broken", 500, None, None),
        ("built", 500, None, None),
        ("total", 422, Some("total"), Some("total must be positive")),
        ("rejected", 400, Some("invalid-data"), Some("the payload is invalid: no order")),
    ] {
        let request = client().post(format!("http://{address}/events"));
        let headers = [("ce-specversion", "1.0"), ("ce-id", id), ("ce-source", "/s"), ("ce-type", "t")];
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let text = response.text().await.unwrap();
        for private in ["10.0.0.7", "row 7", "secret", "Bob"] {
            assert!(!text.contains(private), "{id}: {text}");
        }
        let request = client().post(format!("http://{address}/events"));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let problem = request.send().await.unwrap().problem().await.unwrap();
        assert_eq!(
            (problem.status().as_u16(), problem.code(), problem.detail()),
            (status, code, detail),
            "{id}"
        );
        assert_eq!(problem.is_temporary(), status >= 500);
        assert_eq!(problem.member::<i32>("total"), (id == "total").then_some(-1));
        assert_eq!(problem.member::<String>("total"), None);
    }
}

#[tokio::test]
async fn a_rejection_is_read_whole() {
    let handler = routing::post(async |events: cloudevents_http::axum08::CloudEvents| events);
    let address = serve(Router::new().route("/events", handler)).await;
    let batch = r#"[{"specversion":"1.0","id":"1","source":"/s","type":"t"},{"specversion":"1.0","id":"","source":"/s","type":"t"}]"#;
    let response = client()
        .post(format!("http://{address}/events"))
        .header("content-type", "application/cloudevents-batch+json")
        .body(batch)
        .send()
        .await
        .unwrap();
    let problem = response.problem().await.unwrap();
    assert_eq!((problem.status(), problem.title()), (StatusCode::BAD_REQUEST, Some("Bad Request")));
    assert_eq!((problem.code(), problem.attribute()), (Some("empty-attribute"), Some("id")));
    assert_eq!((problem.index(), problem.clause()), (Some(1), Some("CE-id-b")));
    assert!(problem.offset().is_some_and(|offset| offset > 50), "{problem:?}");
    assert_eq!(problem.problem_type(), "about:blank");
}

fn response(status: u16, media_type: &str, body: &str) -> http::Response<bytes::Bytes> {
    let builder = http::Response::builder().status(status).header("content-type", media_type);
    builder.header("retry-after", "7").body(body.to_owned().into()).unwrap()
}

#[test]
fn documents_of_others() {
    // RFC 9457, section 3: the first example.
    let body = r#"{"type":"https://example.com/probs/out-of-credit","title":"You do not have enough credit.","detail":"Your current balance is 30, but that costs 50.","instance":"/account/12345/msgs/abc","balance":30,"accounts":["/account/12345","/account/67890"]}"#;
    let problem =
        Problem::from_http(&response(403, "application/problem+json; charset=utf-8", body)).unwrap();
    assert_eq!(problem.title(), Some("You do not have enough credit."));
    assert_eq!(problem.instance(), Some("/account/12345/msgs/abc"));
    assert_eq!(problem.member::<Vec<String>>("accounts").unwrap().len(), 2);
    assert_eq!(problem.retry_after(), Some(Duration::from_secs(7)));
    assert_eq!(problem.to_string(), "403 Forbidden: Your current balance is 30, but that costs 50.");
    // Section 3.1: members of another type are ignored. The status is that of the response.
    let body = r#"{"status":500,"title":7,"detail":["no"],"index":-1,"clause":{}}"#;
    let problem = Problem::from_http(&response(400, "APPLICATION/problem+JSON", body)).unwrap();
    assert_eq!((problem.status().as_u16(), problem.title(), problem.detail()), (400, None, None));
    assert_eq!((problem.index(), problem.clause()), (None, None));
    // What is written is what was read.
    let again = Problem::from_http(&problem.clone().with_member("a", 1).into_http()).unwrap();
    assert_eq!(again.member::<u8>("a"), Some(1));

    for bad in ["", "[]", "{", "null", &"[".repeat(10_000)] {
        let error = Problem::from_http(&response(400, "application/problem+json", bad)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidDocument);
    }
    let problem = Problem::from_http(&response(502, "text/html", "<html>")).unwrap();
    assert_eq!((problem.status().as_u16(), problem.detail(), problem.is_temporary()), (502, None, true));
}

#[test]
fn a_title_is_shown_that_says_more_than_the_status() {
    let shown = |title: &str| {
        let body = format!(r#"{{"title":"{title}"}}"#);
        Problem::from_http(&response(409, "application/problem+json", &body)).unwrap().to_string()
    };
    assert_eq!(shown("Sold out"), "409 Conflict: Sold out");
    assert_eq!(shown("Conflict"), "409 Conflict");
}

/// A receiver of this toolkit gives the code `refused` for what it rejects, which the error of its sender has, too.
#[test]
fn an_error_has_its_code_once() {
    let problem =
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no order [x] [refused]").with_code("refused");
    let error = cloudevents_core::Error::from(problem);
    assert_eq!(error.to_string(), "the peer refused this: 422 Unprocessable Entity: no order [x] [refused]");
}

#[test]
fn a_used_map_of_headers_keeps_nothing_of_another_message() {
    let used = || {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("ce-secret", "42"),
            ("ce-subject", "old"),
            ("ce-id", "old"),
            ("content-type", "text/plain"),
            ("content-encoding", "gzip"),
            ("content-length", "7"),
            ("authorization", "Bearer x"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        headers.append("ce-id", "older".parse().unwrap());
        headers
    };
    let names = |headers: &HeaderMap| {
        let mut names: Vec<_> = headers.iter().map(|(name, _)| name.as_str().to_owned()).collect();
        names.sort_unstable();
        names.join(" ")
    };
    let event = Event::builder().id("1").source("/s").ty("t").build().unwrap();
    let json = Json::new();
    let mut headers = used();
    let _ = encode(&event, cloudevents_core::Mode::Binary, &mut headers).unwrap();
    assert_eq!(names(&headers), "authorization ce-id ce-source ce-specversion ce-type");
    assert_eq!(headers["ce-id"], "1");
    let mut headers = used();
    let _ = encode(&event, cloudevents_core::Mode::Structured(&json), &mut headers).unwrap();
    assert_eq!(names(&headers), "authorization content-type");
    for message in [
        cloudevents_core::Message::structured(&event, &json).unwrap().0,
        cloudevents_core::Message::batched(std::slice::from_ref(&event), &json).unwrap().0,
    ] {
        let mut headers = used();
        encode_message(&message, &mut headers).unwrap();
        assert_eq!(names(&headers), "authorization content-type");
    }
}

#[test]
fn pairs_instead_of_a_map() {
    let with = DecodeOptions::strict();
    for (name, event) in crate::tools::samples() {
        let mut headers = HeaderMap::new();
        let (body, _) = encode(&event, cloudevents_core::Mode::Binary, &mut headers).unwrap();
        let mut pairs = Vec::new();
        let (same, _) = encode_with(&event, cloudevents_core::Mode::Binary, |name, value| {
            pairs.push((name.to_uppercase(), value.to_owned()));
        })
        .unwrap();
        assert_eq!((&same, pairs.len()), (&body, headers.len()), "{name}");
        let expected = cloudevents_http::decode(&headers, body.clone(), &with).unwrap().value;
        assert_eq!(cloudevents_http::decode(pairs, body, &with).unwrap().value, expected, "{name}");
    }
    // What the http crate would not let through.
    let good = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t")];
    for (bad, kind) in [
        (("ce-subject", &b"a\nb"[..]), ErrorKind::InvalidString),
        (("ce-subject", b"\xff"), ErrorKind::InvalidEscape),
        (("content-type", b"text/plain\r\nx: y"), ErrorKind::InvalidMediaType),
        (("ce-\u{e9}", b"1"), ErrorKind::InvalidName),
        (("Ce-Id", b"2"), ErrorKind::DuplicateAttribute),
    ] {
        let headers = good.iter().map(|(name, value)| (*name, value.as_bytes())).chain([bad]);
        let error = cloudevents_http::decode(headers, bytes::Bytes::new(), &with).unwrap_err();
        assert_eq!(error.kind(), kind, "{bad:?}");
    }
}
