//! Which headers count, what a request is answered with, and what a receiver has room for.

use crate::tools::{GOOD, Wire, client, event, is_late, serve, soon};
use axum::{Router, routing};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Formats};
use cloudevents_http::{
    BodyOptions, HttpReceiver, HttpReceiverOptions, Problem, decode, read_body,
    reqwest013::{HttpSenderOptions, sender},
    select_format,
};
use cloudevents_json::Json;
use cloudevents_transport::{Bounds, Orders, Sender};
use http::{HeaderMap, HeaderValue, StatusCode, header::ACCEPT};
use http_body_util::{Full, Limited};
use std::time::{Duration, Instant};

const V1: [(&str, &str); 4] =
    [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t")];

/// Names as long as those of headers that mean something.
#[test]
fn other_headers_are_let_through() {
    for other in [("content-language", "en, de"), ("cookie-check", "?"), ("content-encodinh", "gzip")] {
        let decoded = decode(V1.into_iter().chain([other]), Bytes::new(), &DecodeOptions::strict()).unwrap();
        assert_eq!(decoded.value.extensions().count(), 0, "{other:?}");
        assert_eq!(decoded.value.datacontenttype(), None, "{other:?}");
    }
}

/// CloudEvents 0.3: with `datacontentencoding` the body is base64.
#[test]
fn a_base64_body_of_03() {
    let headers = [("ce-specversion", "0.3"), ("ce-datacontentencoding", "base64")];
    let decode = |body: &'static str| {
        let headers = V1.into_iter().skip(1).chain(headers);
        decode(headers, Bytes::from_static(body.as_bytes()), &DecodeOptions::strict())
    };
    assert_eq!(decode("AP8=").unwrap().value.data_bytes().unwrap().as_ref(), [0, 255]);
    assert!(decode("not base64").is_err());
}

/// RFC 9110, section 12.5.1: a range of another type accepts nothing of this one.
#[test]
fn ranges_of_other_types() {
    let formats = Formats::none().with(Json::new());
    for (accept, accepted) in [
        ("text/*", false),
        ("*/json", false),
        ("application/cloudevents", false),
        ("application/*", true),
        ("application/*;q=1", true),
        ("application/*;q=0", false),
        ("Application/*;q=0.5, text/*", true),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        assert_eq!(select_format(&headers, &formats, false).is_some(), accepted, "{accept}");
    }
}

/// A media type of the message that is not understood is answered with those that are; one of the payload is not.
#[test]
fn rejections() {
    for (kind, status, accept) in [
        (ErrorKind::UnknownFormat, StatusCode::UNSUPPORTED_MEDIA_TYPE, true),
        (ErrorKind::UnexpectedContentType, StatusCode::UNSUPPORTED_MEDIA_TYPE, false),
        (ErrorKind::UnexpectedEventType, StatusCode::UNPROCESSABLE_ENTITY, false),
        (ErrorKind::MissingAttribute, StatusCode::BAD_REQUEST, false),
        (ErrorKind::TooLarge, StatusCode::PAYLOAD_TOO_LARGE, false),
        (ErrorKind::Timeout, StatusCode::REQUEST_TIMEOUT, false),
    ] {
        let problem = Problem::of_request(Error::new(kind), V1, &DecodeOptions::strict(), true);
        let response = problem.into_http();
        assert_eq!(
            (response.status(), response.headers().contains_key(ACCEPT)),
            (status, accept),
            "{kind:?}"
        );
    }
}

#[tokio::test]
async fn a_limit_of_the_program_ends_a_body() {
    let body = Limited::new(Full::new(Bytes::from_static(b"four and more")), 4);
    let decoding = DecodeOptions::strict();
    let error = read_body(&mut HeaderMap::new(), body, BodyOptions::from(&decoding)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(error.detail().contains("another limit"), "{error}");
}

fn to(url: &str, messages: usize) -> Sender {
    let mut options = HttpSenderOptions::default();
    options.client = Some(client());
    options.sender.in_flight = Some(Bounds { messages, ..Bounds::default() });
    sender(url, options).unwrap()
}

#[tokio::test]
async fn which_refusals_are_temporary() {
    let status = |status: StatusCode| routing::post(move || async move { status });
    let app = Router::new()
        .route("/503", status(StatusCode::SERVICE_UNAVAILABLE))
        .route("/429", status(StatusCode::TOO_MANY_REQUESTS))
        .route("/400", status(StatusCode::BAD_REQUEST))
        .route("/302", status(StatusCode::FOUND));
    let address = serve(app).await;
    for (path, temporary) in [("503", true), ("429", true), ("400", false), ("302", false)] {
        let error = soon(to(&format!("http://{address}/{path}"), 8).send(&event("1"))).await.unwrap_err();
        assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, temporary), "{path}");
        assert_eq!(error.help().is_some_and(|help| help.contains("redirect")), path == "302", "{path}");
    }
}

/// Requests that are under way together may overtake each other.
#[test]
fn a_sender_with_one_request_at_a_time_keeps_the_order() {
    let orders = |messages| to("http://127.0.0.1:9/", messages).capabilities().orders;
    assert!(matches!(orders(2), Orders::Nothing));
    assert!(!matches!(orders(1), Orders::Nothing));
}

async fn receiver(options: HttpReceiverOptions) -> HttpReceiver {
    HttpReceiver::bind("http://127.0.0.1:0/events", options).await.unwrap()
}

#[tokio::test]
async fn what_is_forwarded_of_a_request() {
    let receiver = receiver(HttpReceiverOptions::default()).await;
    let address = receiver.local_addr();
    let mut deliveries = receiver.into_receiver();
    let mut wire = Wire::connect(address).await;
    wire.write(
        "POST /events HTTP/1.1\r\nhost: test\r\ncontent-length: 1\r\nauthorization: secret\r\ntraceparent: 00\r\nx-a: 1\r\n\
         connection: x-hop\r\nx-hop: 1\r\nproxy-authorization: secret\r\nx-forwarded-for: ::1\r\nwebhook-signature: v1\r\n\
         ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\nce-ext: x\r\n\r\nx",
    )
    .await;
    let delivery = soon(deliveries.next()).await.unwrap().unwrap();
    let mut names: Vec<_> = delivery.headers().into_iter().map(|(name, _)| name.to_owned()).collect();
    names.sort_unstable();
    let all = "authorization ce-ext ce-id ce-source ce-specversion ce-type connection content-length host \
         proxy-authorization traceparent webhook-signature x-a x-forwarded-for x-hop";
    assert_eq!(names.join(" "), all);
    let sizes = delivery
        .headers()
        .iter()
        .map(|(name, value)| name.len() + value.as_ref().unwrap().len())
        .sum::<usize>();
    assert_eq!(delivery.size(), sizes + 1);
    let forward = delivery.forward();
    let mut forwarded: Vec<_> = forward.headers().map(|(name, value)| (name, &value[..])).collect();
    forwarded.sort_unstable();
    assert_eq!(forwarded, [("traceparent", &b"00"[..]), ("x-a", b"1")]);
    delivery.accept().await.unwrap();
}

#[tokio::test]
async fn as_many_connections_as_there_is_room_for() {
    let mut options = HttpReceiverOptions::default();
    options.connections = 1;
    let receiver = receiver(options).await;
    let address = receiver.local_addr();
    let mut deliveries = receiver.into_receiver();
    let mut first = Wire::connect(address).await;
    first.write(GOOD).await;
    let delivery = soon(deliveries.next()).await.unwrap().unwrap();
    let mut second = Wire::connect(address).await;
    second.write(GOOD).await;
    assert!(tokio::time::timeout(Duration::from_millis(100), deliveries.next()).await.is_err());
    delivery.accept().await.unwrap();
    assert_eq!(first.answer().await.unwrap().status, StatusCode::NO_CONTENT);
    soon(deliveries.next()).await.unwrap().unwrap().accept().await.unwrap();
    assert_eq!(second.answer().await.unwrap().status, StatusCode::NO_CONTENT);
}

/// One that has been silent for long may give way, and begins a request before another one comes.
#[tokio::test]
async fn a_connection_that_begins_late_is_not_one_beyond_those_there_is_room_for() {
    let empty = GOOD.replace("content-length: 7", "content-length: 0").replace("payload", "");
    for request in [GOOD, &empty] {
        let mut options = HttpReceiverOptions::default();
        options.connections = 1;
        let receiver = receiver(options).await;
        let address = receiver.local_addr();
        let mut deliveries = receiver.into_receiver();
        let mut first = Wire::connect(address).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        first.write(request).await;
        let delivery = soon(deliveries.next()).await.unwrap().unwrap();
        let mut second = Wire::connect(address).await;
        second.write(request).await;
        let early = tokio::time::timeout(Duration::from_millis(200), deliveries.next()).await;
        assert!(early.is_err(), "{request}");
        delivery.accept().await.unwrap();
        assert_eq!(first.answer().await.unwrap().status, StatusCode::NO_CONTENT);
        // It gives way now, and the second one keeps its place.
        soon(deliveries.next()).await.unwrap().unwrap().accept().await.unwrap();
        assert_eq!(second.answer().await.unwrap().status, StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn deadlines_without_end() {
    let mut options = HttpReceiverOptions::default();
    (options.header_deadline, options.body_deadline, options.response_deadline) =
        (Duration::MAX, Duration::MAX, Duration::MAX);
    let receiver = receiver(options).await;
    let address = receiver.local_addr();
    let mut deliveries = receiver.into_receiver();
    let mut wire = Wire::connect(address).await;
    wire.write(GOOD).await;
    soon(deliveries.next()).await.unwrap().unwrap().accept().await.unwrap();
    assert_eq!(wire.answer().await.unwrap().status, StatusCode::NO_CONTENT);
}

/// Bodies count as they arrive, until the bound is reached. One alone may be larger than all together.
#[tokio::test]
async fn bodies_of_unknown_length_share_the_bound() {
    let mut options = HttpReceiverOptions::default();
    options.receiver.in_flight = Bounds { messages: 100, bytes: 1000 };
    let receiver = receiver(options).await;
    let address = receiver.local_addr();
    let mut deliveries = receiver.into_receiver();
    tokio::spawn(async move {
        while let Ok(Some(delivery)) = deliveries.next().await {
            let _ = delivery.accept().await;
        }
    });
    let head = GOOD.split_once("\r\n\r\n").unwrap().0;
    let head: Vec<_> =
        head.split("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("content-length")).collect();
    let head = head.join("\r\n") + "\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = |length: usize| format!("{length:x}\r\n{}\r\n", "x".repeat(length));
    let end = "0\r\n\r\n";
    let start = || async {
        let mut wire = Wire::connect(address).await;
        wire.write(&head).await;
        wire
    };

    let mut alone = start().await;
    alone.write(chunk(5000) + end).await;
    assert_eq!(alone.answer().await.unwrap().status, StatusCode::NO_CONTENT);

    let begin = Instant::now();
    let (mut one, mut other) = (start().await, start().await);
    one.write(chunk(400)).await;
    other.write(chunk(400)).await;
    assert!(one.answer_within(Duration::from_millis(50)).await.is_none());
    assert!(other.answer_within(Duration::from_millis(50)).await.is_none());
    one.write(chunk(300) + &chunk(1)).await;
    let (answer, status, mut stays) = tokio::select! {
        answer = one.answer() => (answer, StatusCode::SERVICE_UNAVAILABLE, other),
        // One that has had its time makes room.
        answer = other.answer() => {
            assert!(is_late(begin), "{answer:?}");
            (answer, StatusCode::REQUEST_TIMEOUT, one)
        }
    };
    assert_eq!(answer.unwrap().status, status);
    stays.write(end).await;
    assert_eq!(stays.answer().await.unwrap().status, StatusCode::NO_CONTENT);
}
