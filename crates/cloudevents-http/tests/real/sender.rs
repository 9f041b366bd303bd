//! The sender, against servers of every temper.

use crate::tools::{client, event, patience, samples, serve, soon};
use axum::{Router, body::Bytes, response::IntoResponse, routing};
use cloudevents_core::{ContentMode, Error, ErrorKind, Event, Message, Payload};
use cloudevents_http::{
    Problem,
    axum08::CloudEventMessage,
    reqwest013::{HttpSenderOptions, Refusal, RequestBuilderExt, sender},
};
use cloudevents_json::Json;
use cloudevents_testkit::carrier::{Carrier, carrier_form};
use cloudevents_transport::{Bounds, LossPolicy, Outgoing, Sender};
use http::{HeaderMap, StatusCode, Uri};
use std::{
    error::Error as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};
use tokio::sync::Semaphore;

fn options() -> HttpSenderOptions {
    let mut options = HttpSenderOptions::default();
    options.client = Some(client());
    options
}

async fn to(handler: routing::MethodRouter) -> Sender {
    to_with(handler, options()).await
}

async fn to_with(handler: routing::MethodRouter, options: HttpSenderOptions) -> Sender {
    let address = serve(Router::new().route("/events", handler)).await;
    sender(&format!("http://{address}/events"), options).unwrap()
}

fn refusal(error: &Error) -> &Refusal {
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    error.source().unwrap().downcast_ref().unwrap()
}

type Received = Arc<Mutex<Vec<Message>>>;

fn collector() -> (Received, routing::MethodRouter) {
    let received = Received::default();
    let into = Arc::clone(&received);
    let handler = routing::post(async move |CloudEventMessage(message): CloudEventMessage| {
        into.lock().unwrap().push(message);
        StatusCode::ACCEPTED
    });
    (received, handler)
}

#[tokio::test]
async fn in_every_mode() {
    let (received, handler) = collector();
    let sender = to(handler.clone()).await;
    let mut structured = options();
    structured.sender.format = Some(Arc::new(Json::new()));
    let documents = to_with(handler, structured).await;
    for (name, event) in samples().into_iter().take(20) {
        soon(sender.send(&event)).await.unwrap();
        soon(documents.send(&event)).await.unwrap();
        let batch = Message::batched(std::slice::from_ref(&event), &Json::new()).unwrap().0;
        soon(documents.send(batch)).await.unwrap();
        let messages = std::mem::take(&mut *received.lock().unwrap());
        let modes: Vec<_> = messages.iter().map(Message::mode).collect();
        assert_eq!(modes, [ContentMode::Binary, ContentMode::Structured, ContentMode::Batched], "{name}");
        let with = cloudevents_core::DecodeOptions::strict()
            .with_formats(cloudevents_core::Formats::none().with(Json::new()));
        assert_eq!(
            messages[0].event(&with).unwrap().value,
            carrier_form(&event, Carrier::HttpBinary),
            "{name}"
        );
        assert_eq!(messages[1].event(&with).unwrap().value, carrier_form(&event, Carrier::Json), "{name}");
    }
}

#[tokio::test]
async fn a_refusal_says_why_and_when() {
    let long = "x".repeat(1 << 20);
    let sender =
        to(routing::post(async move || (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "120")], long)))
            .await;
    let error = soon(sender.send(&event("1"))).await.unwrap_err();
    let refusal = refusal(&error);
    assert_eq!(
        (refusal.status(), refusal.retry_after()),
        (StatusCode::SERVICE_UNAVAILABLE, Some(Duration::from_secs(120)))
    );
    assert_eq!((refusal.excerpt().len(), refusal.is_temporary()), (1024, true));
    assert!(error.to_string().starts_with("the peer refused this: 503 Service Unavailable: xxx"), "{error}");
    assert_eq!(error.help(), Some("try again after 120s"));
}

#[tokio::test]
async fn a_refusal_in_pieces_is_read_to_its_end() {
    let pieces = || futures_util::stream::iter(["Sold ", "out", "."].map(Ok::<_, std::io::Error>));
    let sender =
        to(routing::post(async move || (StatusCode::CONFLICT, axum::body::Body::from_stream(pieces()))))
            .await;
    let error = soon(sender.send(&event("1"))).await.unwrap_err();
    assert_eq!(refusal(&error).excerpt(), "Sold out.");
}

/// What begins another line of a log, or acts on a terminal, is not in the text of an error, nor of what is behind it.
#[tokio::test]
async fn the_text_of_a_refusal_stays_in_its_line() {
    const SAID: &str = "no\n2026-11-24 ERROR \u{1b}[2J\u{9b}2J\u{202e}\u{61c}\"é";
    let document = || {
        let problem = serde_json::json!({"detail": SAID, "code": "a\nb"}).to_string();
        (StatusCode::CONFLICT, [("content-type", "application/problem+json")], problem)
    };
    for sender in [
        to(routing::post(async || (StatusCode::CONFLICT, SAID))).await,
        to(routing::post(async move || document())).await,
    ] {
        let error = soon(sender.send(&event("1"))).await.unwrap_err();
        let shown = [error.to_string(), refusal(&error).to_string(), refusal(&error).problem().to_string()];
        assert!(shown[0].contains(r#"no\n2026-11-24 ERROR \u{1b}[2J\u{9b}2J\u{202e}\u{61c}"é"#), "{shown:?}");
        assert!(!shown.concat().contains(char::is_control), "{shown:?}");
    }
}

/// As services that echo, and pages for debugging do.
#[tokio::test]
async fn credentials_that_a_peer_repeats_are_not_in_errors() {
    type Says = fn(&Uri, &HeaderMap) -> String;

    fn authorization(headers: &HeaderMap) -> &str {
        headers["authorization"].to_str().unwrap()
    }

    fn peer(says: Says, is_document: bool) -> Router {
        Router::new().fallback(async move |uri: Uri, headers: HeaderMap| {
            let said = says(&uri, &headers);
            let problem = serde_json::json!({"detail": &said, "headers": &said}).to_string();
            match is_document {
                true => (StatusCode::BAD_REQUEST, [("content-type", "application/problem+json")], problem),
                false => (StatusCode::BAD_REQUEST, [("content-type", "text/plain")], said),
            }
        })
    }

    let all: Says = |_, headers| format!("you sent {headers:?}");
    let escaped: Says = |_, headers| format!("{headers:?}").replace(['/', '+'], "%2F");
    let others: Says = |_, headers| {
        format!("{:?} {:?}", headers.get("x-api-key"), headers.get("cookie")).replace("None", "p@ssw0rd")
    };
    let at_the_end: Says = |_, headers| format!("{}{}", " x".repeat(500), authorization(headers));
    let address: Says = |uri, _| format!("cannot POST {uri}");
    // As some writers of JSON do.
    let by_number: Says = |_, headers| {
        authorization(headers).replace('/', "\\u002F").replace('+', "\\u002B").replace('=', "\\u003D")
    };
    for (says, is_document) in [
        (all, false),
        (all, true),
        (escaped, false),
        (others, false),
        (others, true),
        (at_the_end, false),
        (address, false),
        (by_number, false),
    ] {
        let mut with_headers = options();
        for (name, value) in [
            ("authorization", "Bearer s3cr3t/T0kenLong+Value=="),
            ("x-api-key", "keyOfTheApi"),
            ("cookie", "theme=dark; session=5e551onId"),
        ] {
            with_headers.headers.insert(name, value.parse().unwrap());
        }
        let server = serve(peer(says, is_document)).await;
        for (user, options) in [("", with_headers), ("me:p%40ssw0rd@", options())] {
            let sender =
                sender(&format!("http://{user}{server}/hooks/pXc8Zb3nTqWmEXAMPLE0"), options).unwrap();
            let failed = soon(sender.send(&event("1"))).await.unwrap_err();
            let asked = soon(sender.request(&event("1"), Duration::from_secs(10))).await.unwrap_err();
            for error in [failed, asked] {
                let refusal = refusal(&error);
                let shown = format!("{error:#} {error:?} {} {:?}", refusal.excerpt(), refusal.problem());
                for secret in ["s3cr3t", "T0ken", "keyOfTheApi", "5e551on", "p@ssw0rd", "bWU6c", "pXc8Zb"] {
                    assert!(!shown.contains(secret), "{shown}");
                }
                assert!(error.to_string().contains("400 Bad Request"), "{error}");
            }
        }
    }
}

/// Another server of the toolkit says what is wrong, and the sender reads it.
#[tokio::test]
async fn a_refusal_has_the_problem() {
    let handler = routing::post(async |_: CloudEventMessage| {
        let error =
            Error::new(ErrorKind::InvalidTimestamp).with_attribute("time").with_detail("x".repeat(3000));
        Problem::rejection(error.with_clause("CE-time-a").with_help("for developers"))
    });
    let error = soon(to(handler).await.send(&event("1"))).await.unwrap_err();
    let refusal = refusal(&error);
    let problem = refusal.problem();
    assert_eq!((problem.code(), problem.attribute()), (Some("invalid-timestamp"), Some("time")));
    assert_eq!((problem.clause(), problem.detail().unwrap().len() > 3000), (Some("CE-time-a"), true));
    assert!(!error.is_temporary() && !format!("{refusal:?}").contains("developers"));
    assert!(
        error.to_string().starts_with("the peer refused this: 400 Bad Request: attribute `time` is not"),
        "{error}"
    );

    let busy = routing::post(async || {
        Problem::from(Error::new(ErrorKind::Timeout).with_retry_after(Duration::from_secs(9)))
    });
    let error = soon(to(busy).await.send(&event("1"))).await.unwrap_err();
    assert_eq!((error.is_temporary(), error.retry_after()), (true, Some(Duration::from_secs(9))));
    assert_eq!(self::refusal(&error).status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_date_to_try_again_at() {
    let date = httpdate(SystemTime::now() + Duration::from_secs(100));
    let sender =
        to(routing::post(async move || (StatusCode::TOO_MANY_REQUESTS, [("retry-after", date)]))).await;
    let error = soon(sender.send(&event("1"))).await.unwrap_err();
    let after = refusal(&error).retry_after().unwrap();
    assert!((90..=100).contains(&after.as_secs()), "{after:?}");
}

/// RFC 9110, section 5.6.7.
fn httpdate(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let (days, rest) = (i64::try_from(seconds / 86_400).unwrap(), seconds % 86_400);
    let week = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][usize::try_from(days % 7).unwrap()];
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    // Howard Hinnant's civil_from_days.
    let z = days + 719_468;
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + i64::from(month <= 2);
    let month = months[usize::try_from(month - 1).unwrap()];
    format!("{week}, {day:02} {month} {year} {:02}:{:02}:{:02} GMT", rest / 3600, rest / 60 % 60, rest % 60)
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let followed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&followed);
    let app = Router::new()
        .route("/events", routing::post(async || (StatusCode::TEMPORARY_REDIRECT, [("location", "/other")])))
        .route("/other", routing::any(async move || counter.fetch_add(1, Ordering::Relaxed).to_string()));
    let address = serve(app).await;
    // With the client that is made without being given one.
    let sender = sender(&format!("http://{address}/events"), HttpSenderOptions::default()).unwrap();
    let error = soon(sender.send(&event("1"))).await.unwrap_err();
    assert_eq!(refusal(&error).status(), StatusCode::TEMPORARY_REDIRECT);
    assert!(!refusal(&error).is_temporary() && error.help().unwrap().contains("redirect"));
    assert_eq!(followed.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn nobody_answers() {
    // One that no other test is given once it is closed.
    let port = cloudevents_testkit::ports::free();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let url = format!("http://alice:s3cret@{}/events?token=s3cret", listener.local_addr().unwrap());
    let mut impatient = options();
    impatient.sender.timeout = Some(Duration::from_millis(100));
    let (sender, impatient) = (sender(&url, options()).unwrap(), sender(&url, impatient).unwrap());
    // Connections are taken by the system, and no program reads from them.
    let error = soon(impatient.send(&event("1"))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = soon(sender.send(&event("1"))).await.unwrap_err();
    let expected =
        format!("the peer cannot be reached: connecting to {address}: connection refused [unreachable]");
    assert_eq!(error.to_string(), expected);
    assert!(error.is_temporary());
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(!format!("{error} {error:?} {sender:?}").contains("s3cret"), "{error:?}");
}

#[tokio::test]
async fn a_peer_that_hangs_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sender = sender(&format!("http://{}/", listener.local_addr().unwrap()), options()).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    assert_eq!(soon(sender.send(&event("1"))).await.unwrap_err().kind(), ErrorKind::Disconnected);
}

#[tokio::test]
async fn headers_of_every_request() {
    let seen = Arc::new(Mutex::new(HeaderMap::new()));
    let into = Arc::clone(&seen);
    let mut options = options();
    options.headers.insert("authorization", "Bearer s3cret".parse().unwrap());
    options.headers.insert("ce-id", "not this".parse().unwrap());
    assert!(!format!("{options:?}").contains("s3cret"));
    let handler = routing::post(async move |uri: Uri, headers: HeaderMap, _: Bytes| {
        assert_eq!(uri.path(), "/events");
        *into.lock().unwrap() = headers;
        StatusCode::OK.into_response()
    });
    let sender = to_with(handler, options).await;
    soon(sender.send(&event("1"))).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(
        (&seen["authorization"], &seen["ce-id"]),
        (&"Bearer s3cret".parse().unwrap(), &"1".parse().unwrap())
    );
    assert_eq!(seen.get_all("ce-id").iter().count(), 1);
}

/// What would not arrive without escapes goes as a document: what that loses, the policy decides, as it does for every other document.
#[tokio::test]
async fn the_policy_decides_about_events_that_would_not_arrive_raw() {
    let any = Payload::proto("type.googleapis.com/example.Order", vec![8, 1]);
    let event = Event::builder().id("1").source("/s").ty("t").subject("caf\u{e9}");
    let event = event.payload("application/protobuf", any).build().unwrap();
    for (losses, arrives) in [(LossPolicy::Refuse, false), (LossPolicy::Allow, true)] {
        let (received, handler) = collector();
        let mut options = options();
        options.raw = true;
        options.sender.losses = losses;
        let sent = soon(to_with(handler, options).await.send(&event)).await;
        assert_eq!(
            sent.as_ref().map(drop).map_err(Error::kind),
            if arrives { Ok(()) } else { Err(ErrorKind::Inexact) }
        );
        assert_eq!(received.lock().unwrap().len(), usize::from(arrives));
    }
}

/// A server that answers when it is let.
fn gate() -> (Arc<Semaphore>, Arc<AtomicUsize>, routing::MethodRouter) {
    let (gate, arrived) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (waiting, counter) = (Arc::clone(&gate), Arc::clone(&arrived));
    let handler = routing::post(async move || {
        counter.fetch_add(1, Ordering::SeqCst);
        waiting.acquire().await.unwrap().forget();
        StatusCode::NO_CONTENT
    });
    (gate, arrived, handler)
}

#[tokio::test]
async fn what_is_under_way_is_bounded() {
    let (gate, arrived, handler) = gate();
    let mut options = options();
    options.sender.in_flight = Some(Bounds { messages: 2, ..Bounds::default() });
    let sender = to_with(handler, options).await;
    let first = sender.enqueue(event("1")).await.unwrap();
    let second = sender.enqueue(event("2")).await.unwrap();
    soon(async {
        while arrived.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let third = sender.enqueue(event("3"));
    let mut third = std::pin::pin!(third);
    assert!(tokio::time::timeout(Duration::from_millis(50), third.as_mut()).await.is_err());
    gate.add_permits(1);
    let third = soon(third).await.unwrap();
    gate.add_permits(2);
    for outcome in [first, second, third] {
        soon(outcome).await.unwrap();
    }
    assert_eq!(arrived.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn closing_waits_for_what_is_under_way() {
    let (gate, arrived, handler) = gate();
    let sender = to(handler).await;
    drop(sender.enqueue(event("1")).await.unwrap()); // it is sent all the same
    let closing = tokio::spawn({
        let sender = sender.clone();
        async move { sender.close().await }
    });
    soon(async {
        while arrived.load(Ordering::SeqCst) < 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!closing.is_finished());
    gate.add_permits(1);
    soon(closing).await.unwrap().unwrap();
    assert_eq!(sender.send(&event("2")).await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn one_at_a_time_keeps_the_order() {
    let (received, handler) = collector();
    let mut options = options();
    options.sender.in_flight = Some(Bounds { messages: 1, ..Bounds::default() });
    let sender = to_with(handler, options).await;
    soon(sender.send_all((0..50).map(|n| event(&n.to_string())))).await.unwrap();
    let ids: Vec<String> = received
        .lock()
        .unwrap()
        .iter()
        .map(|message| message.attribute("id", &cloudevents_core::DecodeOptions::strict()).unwrap().unwrap())
        .collect();
    assert_eq!(ids, (0..50).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn urls() {
    for url in ["", "/events", "ftp://localhost/", "mailto:a@b", "http://"] {
        assert_eq!(sender(url, options()).unwrap_err().kind(), ErrorKind::InvalidUrl, "{url}");
    }
}

#[tokio::test]
async fn user_info_of_the_url_becomes_a_header() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://me:p%40w@{}/events", listener.local_addr().unwrap());
    let sender = cloudevents_http::reqwest013::sender(
        &url,
        cloudevents_http::reqwest013::HttpSenderOptions::default(),
    )
    .unwrap();
    let event = cloudevents_core::Event::builder().id("1").source("/s").ty("t").build().unwrap();
    let served = async {
        let (mut connection, _) = listener.accept().await.unwrap();
        let (mut request, mut chunk) = (Vec::new(), [0; 1024]);
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            let length = connection.read(&mut chunk).await.unwrap();
            assert!(length > 0, "the request ended early");
            request.extend_from_slice(&chunk[..length]);
        }
        connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        String::from_utf8(request).unwrap()
    };
    let (request, sent) = tokio::join!(served, sender.send(&event));
    sent.unwrap();
    // RFC 7617: base64 of `me:p@w`.
    assert!(request.contains("authorization: Basic bWU6cEB3"), "{request}");
    assert!(!request.contains("p%40w"), "{request}");
    assert!(!format!("{sender:?}").contains("p%40w"));
}

/// An event that asks is answered with one that has its id as subject.
fn answering() -> routing::MethodRouter {
    routing::post(async |headers: HeaderMap, CloudEventMessage(message): CloudEventMessage| {
        let event = message.event(&cloudevents_core::DecodeOptions::strict()).unwrap().value;
        match event.id() {
            "silent" => StatusCode::NO_CONTENT.into_response(),
            "refused" => StatusCode::FORBIDDEN.into_response(),
            "late" => std::future::pending().await,
            id => {
                let trace = headers.get("traceparent").map_or("none", |trace| trace.to_str().unwrap());
                [
                    ("ce-specversion", "1.0"),
                    ("ce-id", "answer"),
                    ("ce-source", "/s"),
                    ("ce-type", trace),
                    ("ce-subject", id),
                ]
                .into_response()
            }
        }
    })
}

#[tokio::test]
async fn a_request_returns_the_event_of_the_response() {
    let sender = to(answering()).await;
    assert!(sender.capabilities().requests);
    let ask = async |id: &str| {
        let request = Outgoing::from(event(id)).header("traceparent", "00-1-2-01");
        let limit = if id == "late" { Duration::from_secs(1) } else { patience() };
        soon(sender.request(request, limit)).await
    };
    let answer = ask("1").await.unwrap();
    assert_eq!((answer.id(), answer.ty(), answer.subject()), ("answer", "00-1-2-01", Some("1")));
    assert_eq!(ask("silent").await.unwrap_err().kind(), ErrorKind::NotACloudEvent);
    assert_eq!(refusal(&ask("refused").await.unwrap_err()).status(), StatusCode::FORBIDDEN);
    assert_eq!(ask("late").await.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!((sender.metrics().enqueued, sender.metrics().sent, sender.metrics().failed), (4, 1, 3));
}

#[tokio::test]
async fn a_destination_is_a_path_of_the_same_server() {
    let (received, handler) = collector();
    let address = serve(Router::new().route("/events/eu", handler)).await;
    let sender = sender(&format!("http://{address}/events/all"), options()).unwrap();
    for destination in ["eu", "/events/eu", &format!("http://{address}/events/eu")] {
        soon(sender.send(Outgoing::from(event("1")).to(destination))).await.unwrap();
    }
    assert_eq!(received.lock().unwrap().len(), 3);
    // Credentials of this server go to no other.
    for destination in ["http://example.com/events/eu", "//example.com/", "https://127.0.0.1/"] {
        let error = soon(sender.send(Outgoing::from(event("1")).to(destination))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{destination}");
    }
}

#[tokio::test]
async fn a_header_must_not_be_an_attribute() {
    let sender = to(answering()).await;
    for (name, value) in
        [("ce-id", "2"), ("CE-ID", "2"), ("Content-Type", "a/b"), ("no name", "x"), ("x", "a\r\nce-id: 2")]
    {
        let error = soon(sender.send(Outgoing::from(event("1")).header(name, value))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Inexact, "{name}");
    }
}

/// RFC 9110, section 8.6: servers may refuse a request with a method that has content, and no length (411).
#[tokio::test]
async fn a_message_without_payload_has_a_length() {
    let target = crate::tools::Recorder::start().await;
    let event = Event::builder().id("1").source("/s").ty("t").build().unwrap();
    let mut options = HttpSenderOptions::default();
    options.client = Some(client());
    sender(&target.url, options).unwrap().send(&event).await.unwrap();
    client().post(&target.url).event(&event).send().await.unwrap();
    for request in target.requests() {
        assert_eq!(request.matches("\r\ncontent-length: 0\r\n").count(), 1, "{request}");
    }
    assert_eq!(target.requests().len(), 2);
}
