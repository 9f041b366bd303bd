//! What binary mode cannot carry.

use axum::response::IntoResponse;
use cloudevents_core::{ErrorKind, Event, Message, Mode, Payload};
use cloudevents_http::{BuilderExt, axum08::CloudEventMessage, reqwest013::RequestBuilderExt};
use cloudevents_json::Json;
use std::error::Error as _;

/// A protobuf `Any` lost its type URL in binary mode without a report.
#[test]
fn a_lost_type_url_is_reported() {
    let payload = Payload::proto("type.googleapis.com/example.Order", vec![8, 1]);
    let event = Event::builder().id("1").source("/s").ty("t").payload_only(payload).build().unwrap();
    let (_, losses) = cloudevents_http::encode(&event, Mode::Binary, &mut http::HeaderMap::new()).unwrap();
    let found: Vec<_> = losses.iter().map(|loss| (loss.at(), loss.kind())).collect();
    assert_eq!(found, [("datacontenttype", "content-type-stated"), ("data", "type-url")]);
}

/// Builders sent an `Any` without its type URL, and without a word.
#[test]
fn builders_refuse_what_changes_the_meaning() {
    let event = |content_type: &str, payload| {
        Event::builder()
            .id("1")
            .source("/s")
            .ty("t")
            .extension("n", 3)
            .payload(content_type, payload)
            .build()
            .unwrap()
    };
    let any = Payload::proto("type.googleapis.com/example.Order", vec![8, 1]);
    for changed in
        [event("application/protobuf", any), event("text/plain; charset=iso-8859-1", Payload::text("€"))]
    {
        let error = http::Request::post("/").event(&changed).unwrap_err();
        assert_eq!((error.kind(), error.attribute()), (ErrorKind::Inexact, Some("data")));
        // Nor does a message have a place for losses.
        let message = Message::from(&changed);
        let error = http::Response::builder().message(&message).unwrap_err();
        assert_eq!((error.kind(), error.attribute()), (ErrorKind::Inexact, Some("data")));
        let error = reqwest::Client::new().post("http://localhost/").message(&message).build().unwrap_err();
        assert!(error.source().unwrap().to_string().contains("inexact"), "{error:?}");
        let response = CloudEventMessage(message).into_response();
        assert_eq!(response.status(), http::StatusCode::INTERNAL_SERVER_ERROR);
    }
    // An Integer becomes a String, and text bytes.
    assert!(http::Request::post("/").event(&event("text/plain", Payload::text("a"))).is_ok());
    let any = event("application/protobuf", Payload::proto("type.googleapis.com/example.Order", vec![8, 1]));
    assert_eq!(
        http::Request::post("/").structured_event(&any, &Json::new()).unwrap_err().kind(),
        ErrorKind::Inexact
    );
}

/// Text was written as UTF-8 under a content type that names another charset.
#[test]
fn text_is_written_in_its_charset() {
    let event = |charset: &str, text: &str| {
        let content_type = format!("text/plain; charset={charset}");
        Event::builder()
            .id("1")
            .source("/s")
            .ty("t")
            .payload(content_type, Payload::text(text))
            .build()
            .unwrap()
    };
    let encoded = |charset, text| {
        let (body, losses) =
            cloudevents_http::encode(&event(charset, text), Mode::Binary, &mut http::HeaderMap::new())
                .unwrap();
        (body, losses.iter().map(|loss| loss.kind()).collect::<Vec<_>>())
    };
    assert_eq!(encoded("ISO-8859-1", "café"), (b"caf\xe9"[..].into(), vec!["text-as-bytes"]));
    assert_eq!(encoded("utf-16", "é"), (b"\xfe\xff\0\xe9"[..].into(), vec!["text-as-bytes"]));
    assert_eq!(encoded("utf-8", "é"), ("é".into(), vec!["text-as-bytes"]));
    assert_eq!(encoded("iso-8859-1", "€"), ("€".into(), vec!["charset"]));
    assert_eq!(encoded("x-unknown", "a"), ("a".into(), vec!["charset"]));
}

/// More headers than a `HeaderMap` holds were a panic.
#[test]
fn too_many_headers_are_an_error() {
    let builder = Event::builder().id("1").source("/s").ty("t");
    let event = (0..40_000).fold(builder, |builder, number| builder.extension(format!("x{number}"), "a"));
    let event = event.build().unwrap();
    let error = cloudevents_http::encode(&event, Mode::Binary, &mut http::HeaderMap::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooMany);
    assert!(
        cloudevents_http::encode(&event, Mode::Structured(&Json::new()), &mut http::HeaderMap::new()).is_ok()
    );
}
