//! What no server should stumble over: each refusal is typed, costs little, and the next request is served.

use crate::tools::{GOOD, Wire, patience, post, serve, soon};
use axum::{Router, routing};
use cloudevents_core::{Data, DecodeOptions, ErrorKind, RepairKind};
use cloudevents_http::{
    HttpReceiver, HttpReceiverOptions,
    axum08::{CloudEvent, CloudEventMessage, CloudEvents, DecodingLayer},
};
use http::StatusCode;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

/// What runs into the deadline gets this one; what must end before it gets [`patience`], however slow the machine is.
const DEADLINE: Duration = Duration::from_millis(300);

fn decoding() -> DecodeOptions {
    let mut decoding = DecodeOptions::strict();
    decoding.limits.bytes = 4 << 20;
    decoding.limits.attributes = 20;
    decoding
}

/// Every extractor, at a path of its own.
async fn extractors(deadline: Duration) -> SocketAddr {
    let one = routing::post(async |_: CloudEvent| StatusCode::NO_CONTENT);
    let optional = routing::post(async |event: Option<CloudEvent>| {
        event.map_or(StatusCode::IM_A_TEAPOT, |_| StatusCode::NO_CONTENT)
    });
    let several = routing::post(async |_: CloudEvents| StatusCode::NO_CONTENT);
    let message = routing::post(async |_: CloudEventMessage| StatusCode::NO_CONTENT);
    let layer = DecodingLayer::new(decoding()).body_deadline(deadline);
    serve(
        Router::new()
            .route("/events", one)
            .route("/optional", optional)
            .route("/several", several)
            .route("/message", message)
            .layer(layer),
    )
    .await
}

/// A receiver whose deliveries are accepted when they are events and rejected when they are not.
async fn receiver(deadline: Duration) -> (SocketAddr, JoinHandle<()>) {
    let mut options = HttpReceiverOptions::from(decoding());
    options.body_deadline = deadline;
    options.header_deadline = deadline;
    let receiver = HttpReceiver::bind("http://127.0.0.1:0/events", options).await.unwrap();
    let address = receiver.local_addr();
    let mut deliveries = receiver.into_receiver();
    let serving = tokio::spawn(async move {
        while let Some(delivery) = deliveries.next().await.unwrap() {
            // The sender may have gone.
            let _ = match delivery.event() {
                Ok(_) => delivery.accept().await,
                Err(error) if error.kind() == ErrorKind::Batched => delivery.accept().await,
                Err(error) => delivery.reject(&error).await,
            };
        }
    });
    (address, serving)
}

struct Case {
    what: &'static str,
    request: Vec<u8>,
    status: u16,
    code: &'static str,
}

fn case(what: &'static str, headers: &str, body: impl AsRef<[u8]>, status: u16, code: &'static str) -> Case {
    let body = body.as_ref();
    let mut request =
        format!("POST /events HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n{headers}\r\n", body.len())
            .into_bytes();
    request.extend_from_slice(body);
    Case { what, request, status, code }
}

const REQUIRED: &str = "ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\n";
const JSON: &str = "content-type: application/cloudevents+json\r\n";

fn cases() -> Vec<Case> {
    let required = |more: &str| format!("{REQUIRED}{more}\r\n");
    let deep = format!(
        r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{}1{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let many: String = (0..100_000).map(|n| format!(r#""a{n}":"x","#)).collect();
    let many = format!(r#"{{{many}"specversion":"1.0","id":"1","source":"/s","type":"t"}}"#);
    let some: String = (0..30).map(|n| format!("ce-a{n}: x\r\n")).collect();
    let long = format!("ce-long: {}", "x".repeat(100_000));
    let mut cases = vec![
        case("nothing at all", "", "", 400, "not-a-cloudevent"),
        case("somebody else's", "content-type: application/json\r\n", "{}", 415, "not-a-cloudevent"),
        case("an empty document", JSON, "", 400, "invalid-document"),
        case("a document cut short", JSON, r#"{"specversion":"1.0","id":"1","#, 400, "invalid-document"),
        case("a document of another kind", JSON, "<event/>", 400, "invalid-document"),
        case(
            "a document that is not UTF-8",
            JSON,
            b"{\"specversion\":\"1.0\",\"id\":\"\xff\",\"source\":\"/s\",\"type\":\"t\"}",
            400,
            "invalid-utf8",
        ),
        case(
            "an unknown format",
            "content-type: application/cloudevents+nobody\r\n",
            "?",
            415,
            "unknown-format",
        ),
        case("compressed", &required("content-encoding: gzip"), "\x1f", 415, "content-encoding"),
        case(
            "a missing attribute",
            "ce-specversion: 1.0\r\nce-id: 1\r\nce-type: t\r\n",
            "",
            400,
            "missing-attribute",
        ),
        case(
            "another version",
            "ce-specversion: 2.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\n",
            "",
            400,
            "unsupported-specversion",
        ),
        case("an attribute twice", &required("ce-id: 2"), "", 400, "duplicate-attribute"),
        case(
            "two content types",
            &required("content-type: text/plain\r\ncontent-type: text/html"),
            "",
            400,
            "duplicate-attribute",
        ),
        case("no media type", &required("content-type: nonsense"), "", 400, "invalid-media-type"),
        case(
            "octets in a header",
            "ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\nce-subject: %ff\r\n",
            "",
            400,
            "invalid-utf8",
        ),
        case("a broken escape", &required("ce-subject: 100%"), "", 400, "invalid-escape"),
        case("no timestamp", &required("ce-time: 2026-02-30T00:00:00Z"), "", 400, "invalid-timestamp"),
        case("too many headers", &required(some.trim_end()), "", 413, "too-many"),
        case("a long header", &required(&long), "", 413, "too-large"),
        case("100,000 attributes", JSON, many, 413, "too-many"),
        case("nested 100,000 deep", JSON, deep, 400, "too-deep"),
        case("a body beyond the limit", REQUIRED, vec![b'x'; (4 << 20) + 1], 413, "too-large"),
    ];
    cases.push(Case {
        what: "1 GiB declared",
        request: format!(
            "POST /events HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n{REQUIRED}\r\n",
            1_u64 << 30
        )
        .into(),
        status: 413,
        code: "too-large",
    });
    cases.push(Case {
        what: "a body that stalls",
        request: format!("POST /events HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n{REQUIRED}\r\nxx")
            .into(),
        status: 408,
        code: "timeout",
    });
    cases
}

impl Case {
    /// Does the server wait for more until its deadline?
    fn stalls(&self) -> bool {
        self.status == 408
    }
}

async fn check(address: SocketAddr, case: &Case) {
    let answer = post(address, &case.request).await.unwrap_or_else(|| panic!("{}: no answer", case.what));
    assert_eq!(answer.status.as_u16(), case.status, "{}: {answer:?}", case.what);
    assert_eq!(answer.problem("code"), case.code, "{}", case.what);
    assert!(answer.body.len() < 2048, "{}: {} bytes", case.what, answer.body.len());
    served(address).await;
}

async fn served(address: SocketAddr) {
    assert_eq!(post(address, GOOD).await.unwrap().status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn extractors_refuse() {
    let (patient, strict) = (extractors(patience()).await, extractors(DEADLINE).await);
    for case in cases() {
        check(if case.stalls() { strict } else { patient }, &case).await;
    }
}

#[tokio::test]
async fn every_extractor_refuses() {
    let address = extractors(patience()).await;
    for path in ["/optional", "/several", "/message"] {
        for case in cases().into_iter().filter(|case| !case.stalls() && case.code != "not-a-cloudevent") {
            let request =
                [b"POST ".as_slice(), path.as_bytes(), &case.request["POST /events".len()..]].concat();
            let answer = post(address, request).await.unwrap();
            let document = case.request.windows(22).any(|window| window == b"application/cloudevent");
            if path == "/message" && document && case.code != "too-large" {
                assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", case.what); // documents are not looked at
            } else {
                assert_eq!(
                    (answer.status.as_u16(), answer.problem("code")),
                    (case.status, case.code.into()),
                    "{}",
                    case.what
                );
            }
        }
    }
}

#[tokio::test]
async fn the_receiver_refuses() {
    let (patient, strict) = (receiver(patience()).await.0, receiver(DEADLINE).await.0);
    for case in cases() {
        // A document is decoded by whoever takes the delivery, who rejects it: the response is the same.
        check(if case.stalls() { strict } else { patient }, &case).await;
    }
}

/// The connection goes on where the body was read.
#[tokio::test]
async fn the_next_request_on_the_same_connection() {
    for address in [extractors(patience()).await, receiver(patience()).await.0] {
        let mut wire = Wire::connect(address).await;
        for case in cases().iter().filter(|case| !case.stalls() && case.status != 413) {
            wire.write(&case.request).await;
            assert!(wire.answer().await.unwrap().status.is_client_error(), "{}", case.what);
            wire.write(GOOD).await;
            assert_eq!(wire.answer().await.unwrap().status, StatusCode::NO_CONTENT, "after {}", case.what);
        }
    }
}

#[tokio::test]
async fn a_slow_drip() {
    for address in [extractors(DEADLINE).await, receiver(DEADLINE).await.0] {
        let start = Instant::now();
        let mut wire = Wire::connect(address).await;
        wire.write(format!(
            "POST /events HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n{REQUIRED}\r\n"
        ))
        .await;
        let answer = loop {
            wire.write("1\r\nx\r\n").await;
            if let Some(answer) = wire.answer_within(Duration::from_millis(20)).await {
                break answer;
            }
            assert!(start.elapsed() < patience());
        };
        assert!(start.elapsed() >= DEADLINE);
        assert_eq!((answer.status.as_u16(), answer.problem("code")), (408, "timeout".into()));
        assert_eq!(answer.headers["connection"], "close");
        served(address).await;
    }
}

#[tokio::test]
async fn a_body_that_never_ends() {
    for address in [extractors(patience()).await, receiver(patience()).await.0] {
        let mut wire = Wire::connect(address).await;
        wire.write(format!(
            "POST /events HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n{REQUIRED}\r\n"
        ))
        .await;
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        let mut written = 0;
        while soon(wire.write(&chunk)).await {
            written += chunk.len();
            assert!(written < 64 << 20, "{written} bytes were taken");
            if let Some(answer) = wire.answer_within(Duration::ZERO).await {
                assert_eq!((answer.status.as_u16(), answer.problem("code")), (413, "too-large".into()));
                break;
            }
        }
        served(address).await;
    }
}

#[tokio::test]
async fn a_sender_that_hangs_up_in_the_middle() {
    for address in [extractors(patience()).await, receiver(patience()).await.0] {
        for headers in ["content-length: 10", "transfer-encoding: chunked"] {
            let mut wire = Wire::connect(address).await;
            wire.write(format!("POST /events HTTP/1.1\r\nhost: test\r\n{headers}\r\n{REQUIRED}\r\n")).await;
            wire.finish().await;
            if let Some(answer) = wire.answer().await {
                assert_eq!(answer.status, StatusCode::BAD_REQUEST);
            }
            served(address).await;
        }
    }
}

#[tokio::test]
async fn a_hundred_thousand_headers() {
    let headers: String = (0..100_000).map(|n| format!("ce-a{n}: x\r\n")).collect();
    for address in [extractors(patience()).await, receiver(patience()).await.0] {
        // hyper refuses before there is a request; it may hang up while the rest is still being written.
        if let Some(answer) =
            post(address, format!("POST /events HTTP/1.1\r\nhost: test\r\n{REQUIRED}{headers}\r\n")).await
        {
            assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        served(address).await;
    }
}

#[tokio::test]
async fn headers_that_never_end() {
    let (address, _serving) = receiver(DEADLINE).await;
    for start in ["", "POST /events HTTP/1.1\r\nhost: te"] {
        let mut wire = Wire::connect(address).await;
        wire.write(start).await;
        assert!(wire.answer().await.is_none_or(|answer| answer.status.is_client_error()));
    }
    served(address).await;
}

/// RFC 9110, section 5.6.6: a parameter may be empty. Documents were refused, and lenient decoding took JSON for bytes.
#[test]
fn empty_parameters_of_a_content_type() {
    let document = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
    for content_type in ["application/cloudevents+json;", "application/cloudevents+json ; ; charset=utf-8;"] {
        let headers = [("content-type", content_type)];
        let event = cloudevents_http::decode(headers, document.into(), &DecodeOptions::strict()).unwrap();
        assert_eq!(event.value.id(), "1");
    }
    let head = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t")];
    let headers = || head.into_iter().chain([("content-type", "application/json; ;a=b;")]);
    assert!(cloudevents_http::decode(headers(), "{}".into(), &DecodeOptions::strict()).is_err());
    let lenient = cloudevents_http::decode(headers(), "{}".into(), &DecodeOptions::lenient()).unwrap();
    assert_eq!(lenient.value.datacontenttype().unwrap().as_str(), "application/json;a=b");
    assert!(matches!(lenient.value.data(), Some(Data::Json(_))));
    assert_eq!(lenient.repairs()[0].kind(), RepairKind::EmptyParameter);
}

/// RFC 9110, section 5.6.3: white space around a semicolon may be a tab, which `datacontenttype` cannot have. Lenient decoding left the
/// content type out, and took JSON for bytes.
#[test]
fn tabs_in_a_content_type() {
    let head = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t")];
    let headers = || head.into_iter().chain([("content-type", "application/json;\tcharset=utf-8")]);
    let strict = cloudevents_http::decode(headers(), "{}".into(), &DecodeOptions::strict()).unwrap_err();
    assert_eq!(strict.clause(), Some("CE-Type-System-f"));
    let lenient = cloudevents_http::decode(headers(), "{}".into(), &DecodeOptions::lenient()).unwrap();
    assert_eq!(lenient.value.datacontenttype().unwrap().as_str(), "application/json; charset=utf-8");
    assert!(matches!(lenient.value.data(), Some(Data::Json(_))));
    assert_eq!(lenient.repairs()[0].kind(), RepairKind::EmptyParameter);
    let document = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
    let headers = [("content-type", "application/cloudevents+json\t;\tcharset=utf-8;\tx=\"\t\"")];
    assert!(cloudevents_http::decode(headers, document.into(), &DecodeOptions::strict()).is_ok());
}
