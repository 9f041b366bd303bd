//! Who may deliver: tokens and signatures, over sockets.

use crate::tools::{SECRET, STRUCTURED, TOKEN, Target, bearer, document, soon, with_token};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_http::Decompression;
use cloudevents_webhook::{
    AccessToken,
    deliver::Practice,
    handshake::{AllowedOrigins, Rate},
    receiver::{MemoryStore, VerifyToken, Webhook, WebhookOptions},
    signature::{Coverage, GitHub, Sign, SignatureError, StandardSigner, StandardWebhooks, Verified, Verify},
};
use data_encoding::BASE64;
use http::{Method, Request, request::Parts};
use std::{
    error::Error as _,
    sync::{Arc, Mutex},
    thread::{self, ThreadId},
    time::{Duration, Instant, SystemTime},
};

#[test]
fn a_webhook_without_proof_of_the_sender_does_not_open() {
    let open = |options: WebhookOptions| Webhook::open(options).map(|_| ());
    let error = open(WebhookOptions::without_handshake()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.help().unwrap().contains("unauthenticated"));
    open(WebhookOptions::without_handshake().unauthenticated()).unwrap();
    open(WebhookOptions::without_handshake().token("")).unwrap_err();
    let mut options = with_token();
    options.http.accepted = http::StatusCode::OK;
    open(options).unwrap_err();
}

#[tokio::test]
async fn a_token_by_header_or_by_query_and_never_both() {
    let (target, seen) = Target::accepting(with_token().token("new")).await;
    let kind = ("content-type", STRUCTURED);
    let bearer = bearer();
    let by_header = target.post(&[kind, ("authorization", &bearer)], document("1")).await;
    assert_eq!((by_header.status.as_u16(), by_header.header("cache-control")), (204, None));
    let by_query =
        target.send(Method::POST, &format!("?p=q&access_token={TOKEN}"), &[kind], document("2")).await;
    assert_eq!((by_query.status.as_u16(), by_query.header("cache-control")), (204, Some("private")));
    let rotated = target.post(&[kind, ("authorization", "bearer new")], document("3")).await;
    assert_eq!(rotated.status, 204);

    let query = format!("?access_token={TOKEN}");
    let both = target.send(Method::POST, &query, &[kind, ("authorization", &bearer)], document("4")).await;
    assert_eq!(both.status, 400);
    for headers in [
        vec![kind],
        vec![kind, ("authorization", "Bearer wrong")],
        vec![kind, ("authorization", "Basic bUZfOS5CNWYtNC4xSnFN")],
    ] {
        let refused = target.post(&headers, document("5")).await;
        assert_eq!((refused.status.as_u16(), refused.header("www-authenticate")), (401, Some("Bearer")));
    }
    assert_eq!(target.post(&[kind, ("authorization", "Bearer")], document("6")).await.status, 400);
    assert_eq!(target.send(Method::POST, "?access_token=", &[kind], document("6")).await.status, 401);
    assert_eq!(seen.ids(), ["1", "2", "3"]);
}

#[tokio::test]
async fn a_handler_does_not_see_the_token() {
    let (target, mut receiver) = Target::open(with_token()).await;
    let query = format!("?a=1&access_token={TOKEN}&b=2");
    let headers = [("content-type", STRUCTURED), ("x-other", "kept")];
    let respond = target.send(Method::POST, &query, &headers, document("1"));
    let handle = async {
        let delivery = soon(receiver.next()).await.unwrap().unwrap();
        let parts: &Parts = delivery.native().unwrap();
        assert_eq!(parts.uri, "/hook?a=1&b=2");
        assert!(!format!("{parts:?}").contains(TOKEN));
        assert_eq!(delivery.header_text("x-other").unwrap(), "kept");
        delivery.accept().await.unwrap();
    };
    assert_eq!(tokio::join!(respond, handle).0.status, 204);
}

/// Accepts tokens that end in the number of a tenant.
struct Tenants;

impl VerifyToken for Tenants {
    async fn verify(&self, token: &AccessToken<'_>, _: &Parts) -> Result<bool, Error> {
        tokio::task::yield_now().await;
        match token.expose() {
            "issuer is down" => Err(Error::new(ErrorKind::Transport)),
            "issuer says nothing" => std::future::pending().await,
            token => Ok(token.starts_with("tenant-")),
        }
    }
}

#[tokio::test]
async fn a_verifier_of_the_application_decides() {
    let options = WebhookOptions::without_handshake().verify_token(Tenants);
    let (target, seen) = Target::accepting(options.respond_within(Duration::from_secs(5))).await;
    let mut statuses = Vec::new();
    for (id, token) in
        [("1", "tenant-7"), ("2", "stranger"), ("3", "issuer is down"), ("4", "issuer says nothing")]
    {
        let headers = [("content-type", STRUCTURED), ("authorization", &format!("Bearer {token}"))];
        statuses.push(target.post(&headers, document(id)).await.status.as_u16());
    }
    assert_eq!((statuses, seen.ids()), (vec![204, 401, 503, 503], vec!["1".to_owned()]));
}

/// The headers of Standard Webhooks for this body.
fn signed(body: &str, id: &str, at: SystemTime) -> Vec<(String, String)> {
    let (mut parts, ()) = Request::post("/hook").body(()).unwrap().into_parts();
    StandardSigner::new(SECRET).unwrap().sign(&mut parts, body.as_bytes(), id, at).unwrap();
    let text = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    parts.headers.iter().map(text).collect()
}

fn refs(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

pub(crate) fn with_signature() -> WebhookOptions {
    WebhookOptions::without_handshake().signature(StandardWebhooks::new(SECRET).unwrap())
}

#[tokio::test]
async fn a_signature_of_the_body_allows_structured_mode_only() {
    let (target, seen) = Target::accepting(with_signature()).await;
    let (body, now) = (document("1"), SystemTime::now());
    let mut headers = signed(&body, "msg_1", now);
    headers.push(("content-type".into(), STRUCTURED.into()));
    assert_eq!(target.post(&refs(&headers), body.clone()).await.status, 204);

    // Changed, unsigned, old: the response does not say which.
    let changed = target.post(&refs(&headers), document("2")).await;
    let unsigned = target.post(&[("content-type", STRUCTURED)], body.clone()).await;
    let mut headers = signed(&body, "msg_1", now - Duration::from_secs(301));
    headers.push(("content-type".into(), STRUCTURED.into()));
    let old = target.post(&refs(&headers), body).await;
    for refused in [changed, unsigned, old] {
        assert_eq!(refused.status, 403);
        assert_eq!(refused.problem("detail"), "the signature was refused");
    }

    // In binary mode the attributes would be whatever the network made of them.
    let mut binary = signed("payload", "msg_2", now);
    for (name, value) in [("specversion", "1.0"), ("id", "3"), ("source", "/s"), ("type", "t")]
        .map(|(n, v)| (format!("ce-{n}"), v))
    {
        binary.push((name, value.into()));
    }
    binary.push(("content-type".into(), "text/plain".into()));
    let refused = target.post(&refs(&binary), "payload").await;
    assert_eq!(refused.status, 415);
    assert!(refused.header("accept").unwrap().contains(STRUCTURED));
    assert_eq!(seen.ids(), ["1"]);

    let (target, seen) = Target::accepting(with_signature().unsigned_attributes()).await;
    assert_eq!(target.post(&refs(&binary), "payload").await.status, 204);
    assert_eq!(seen.ids(), ["3"]);
}

#[tokio::test]
async fn what_was_signed_can_be_replayed_once_at_most() {
    let (target, mut receiver) = Target::open(with_signature().idempotency(MemoryStore::new(10))).await;
    let body = document("1");
    let mut headers = signed(&body, "msg_1", SystemTime::now());
    headers.push(("content-type".into(), STRUCTURED.into()));
    let headers = refs(&headers);
    let first = target.post(&headers, body.clone());
    let handle = async {
        let delivery = soon(receiver.next()).await.unwrap().unwrap();
        let parts: &Parts = delivery.native().unwrap();
        assert_eq!(parts.extensions.get::<Verified>().unwrap().id.as_deref(), Some("msg_1"));
        // The same delivery while this one is not finished has its turn after it.
        let meanwhile = target.post(&headers, body.clone());
        let (meanwhile, accepted) = tokio::join!(meanwhile, delivery.accept());
        accepted.unwrap();
        assert_eq!(meanwhile.status, 204);
    };
    assert_eq!(tokio::join!(first, handle).0.status, 204);
    assert_eq!(target.post(&headers, body).await.status, 204);
    assert_eq!(receiver.metrics().received, 1);
}

#[tokio::test]
async fn requests_that_are_no_events_can_be_converted() {
    let options = WebhookOptions::without_handshake().signature(GitHub::new("secret").unwrap()).convert(
        |parts, body| {
            let header =
                |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let event = cloudevents_core::Event::builder()
                .id(header("x-github-delivery"))
                .source("https://github.com/octo/repo")
                .ty(format!("com.github.{}", header("x-github-event")));
            Ok(event.payload("application/json", cloudevents_core::Payload::body(body.clone())).build()?)
        },
    );
    let (target, mut receiver) = Target::open(options).await;
    let (mut parts, ()) = Request::post("/hook").body(()).unwrap().into_parts();
    GitHub::new("secret")
        .unwrap()
        .sign(&mut parts, br#"{"action":"opened"}"#, "1", SystemTime::now())
        .unwrap();
    let signature = parts.headers["x-hub-signature-256"].to_str().unwrap().to_owned();
    let headers = [
        ("content-type", "application/json"),
        ("x-github-event", "issues"),
        ("x-github-delivery", "72d3162e"),
        ("x-hub-signature-256", &signature),
    ];
    let respond = target.post(&headers, r#"{"action":"opened"}"#);
    let handle = async {
        let delivery = soon(receiver.next()).await.unwrap().unwrap();
        let event = delivery.event().unwrap();
        assert_eq!((event.ty(), event.id()), ("com.github.issues", "72d3162e"));
        delivery.accept().await.unwrap();
    };
    assert_eq!(tokio::join!(respond, handle).0.status, 204);
    let nameless = [("content-type", "application/json"), ("x-hub-signature-256", &signature)];
    assert_eq!(target.post(&nameless, r#"{"action":"opened"}"#).await.status, 400);
}

#[tokio::test]
async fn what_is_not_signed_does_not_use_up_the_rate() {
    let (target, seen) = Target::accepting(with_signature().highest_rate(Rate::per_minute(5).unwrap())).await;
    for _ in 0..20 {
        let junk = target.post(&[("content-type", STRUCTURED)], document("junk")).await;
        assert_eq!(junk.status, 403);
    }
    for id in ["1", "2", "3", "4", "5"] {
        assert_eq!(post_signed(&target, id).await.status, 204);
    }
    assert_eq!(post_signed(&target, "6").await.status, 429);
    assert_eq!(seen.ids(), ["1", "2", "3", "4", "5"]);
}

/// Whoever has seen a delivery can send it again while its signature is fresh.
#[tokio::test]
async fn replays_do_not_use_up_the_rate() {
    let rate = Rate::per_minute(5).unwrap();
    let options = with_signature().highest_rate(rate).idempotency(MemoryStore::new(10));
    let (target, seen) = Target::accepting(options).await;
    for _ in 0..20 {
        assert_eq!(post_signed(&target, "1").await.status, 204);
    }
    for id in ["2", "3", "4", "5"] {
        assert_eq!(post_signed(&target, id).await.status, 204);
    }
    // Beyond the rate, it was not processed.
    for _ in 0..2 {
        let late = post_signed(&target, "6").await;
        assert!(late.status == 429 && late.header("retry-after").is_some());
    }
    assert_eq!(seen.ids(), ["1", "2", "3", "4", "5"]);
}

/// The content type is not signed, and with another one a delivery may be malformed.
#[tokio::test]
async fn a_captured_body_with_other_headers_does_not_use_up_the_rate() {
    let signer = GitHub::new("secret").unwrap();
    let options = WebhookOptions::without_handshake()
        .signature(signer.clone())
        .highest_rate(Rate::per_minute(5).unwrap())
        .idempotency(MemoryStore::new(10));
    let (target, seen) = Target::accepting(options).await;
    let post = async |id: &str, content_type: &str| {
        let (mut parts, ()) = Request::post("/hook").body(()).unwrap().into_parts();
        signer.sign(&mut parts, document(id).as_bytes(), "", SystemTime::now()).unwrap();
        let signature = parts.headers["x-hub-signature-256"].to_str().unwrap();
        let headers = [("content-type", content_type), ("x-hub-signature-256", signature)];
        target.post(&headers, document(id)).await.status.as_u16()
    };
    assert_eq!(post("1", STRUCTURED).await, 204);
    for _ in 0..20 {
        let replayed = post("1", "application/cloudevents-batch+json").await;
        // It was processed, and is not handed on again.
        assert!(matches!(replayed, 204 | 429), "{replayed}");
    }
    for id in ["2", "3", "4", "5"] {
        assert_eq!(post(id, STRUCTURED).await, 204);
    }
    assert_eq!(post("6", STRUCTURED).await, 429);
    assert_eq!(seen.ids(), ["1", "2", "3", "4", "5"]);
}

/// It is not remembered as processed.
#[tokio::test]
async fn replays_of_a_delivery_that_was_rejected_do_not_use_up_the_rate() {
    let options = with_signature().highest_rate(Rate::per_minute(5).unwrap());
    // Less than the wait for the rate.
    let options = options.idempotency(MemoryStore::new(10)).respond_within(Duration::from_secs(1));
    let (target, mut receiver) = Target::open(options).await;
    tokio::spawn(async move {
        while let Ok(Some(delivery)) = receiver.next().await {
            match delivery.event().unwrap().id() {
                "1" => delivery.reject("no").await.unwrap(),
                _ => delivery.accept().await.unwrap(),
            }
        }
    });
    let mut rejected = 0;
    for _ in 0..20 {
        match post_signed(&target, "1").await.status.as_u16() {
            422 => rejected += 1,
            status => assert_eq!(status, 429),
        }
    }
    // The handler does not see more of these than the rate allows, either: once, three times more, and then at that rate.
    assert!((4..=10).contains(&rejected), "{rejected}");
    for id in ["2", "3", "4", "5"] {
        assert_eq!(post_signed(&target, id).await.status, 204);
    }
    assert_eq!(post_signed(&target, "6").await.status, 429);
}

/// Whoever has captured a delivery sends it again and again, while the sender tries another one again.
#[tokio::test]
async fn many_repeats_of_one_delivery_do_not_use_up_the_rate_of_retries() {
    let options = with_signature().highest_rate(Rate::per_minute(5).unwrap());
    let options = options.respond_within(Duration::from_secs(1));
    for options in [options.clone(), options.idempotency(MemoryStore::new(10))] {
        let (target, mut receiver) = Target::open(options).await;
        tokio::spawn(async move {
            let mut is_ready = false;
            while let Ok(Some(delivery)) = receiver.next().await {
                match delivery.event().unwrap().id() {
                    "captured" => delivery.reject("no").await.unwrap(),
                    "retried" if !std::mem::replace(&mut is_ready, true) => {
                        delivery.release().await.unwrap();
                    }
                    _ => delivery.accept().await.unwrap(),
                }
            }
        });
        assert_eq!(post_signed(&target, "retried").await.status, 503);
        for _ in 0..30 {
            let status = post_signed(&target, "captured").await.status.as_u16();
            assert!(matches!(status, 422 | 429), "{status}");
        }
        assert_eq!(post_signed(&target, "captured").await.status, 429);
        assert_eq!(post_signed(&target, "retried").await.status, 204);
    }
}

/// The attempt of the sender comes after many copies of a stranger, and has its turn.
#[tokio::test]
async fn a_delivery_that_comes_too_often_waits_for_the_rate() {
    let options = with_signature().highest_rate(Rate::per_minute(60).unwrap());
    let (target, mut receiver) = Target::open(options.idempotency(MemoryStore::new(10))).await;
    tokio::spawn(async move {
        let mut seen = 0;
        while let Ok(Some(delivery)) = receiver.next().await {
            seen += 1;
            match seen {
                1..70 => delivery.reject("no").await.unwrap(),
                _ => delivery.accept().await.unwrap(),
            }
        }
    });
    let begun = Instant::now();
    let mut answers = Vec::new();
    for _ in 0..70 {
        answers.push(post_signed(&target, "captured").await.status.as_u16());
    }
    assert_eq!(answers, [&[422; 69][..], &[204]].concat());
    // One, three more, and sixty at once. Each of the others waited a second, or less for those that came before.
    assert!(begun.elapsed() >= Duration::from_secs(4), "{:?}", begun.elapsed());
}

/// Whoever has captured a delivery sends it in the name of another allowed origin each time.
#[tokio::test]
async fn invented_origins_give_a_repeated_delivery_no_rate() {
    let origins = AllowedOrigins::new(["*.partner.example"]).unwrap();
    let options = WebhookOptions::allowing(origins).signature(StandardWebhooks::new(SECRET).unwrap());
    let (target, _) = Target::accepting(options.highest_rate(Rate::per_minute(5).unwrap())).await;
    let post = async |id: &str, origin: &str| {
        let body = document(id);
        let mut headers = signed(&body, id, SystemTime::now());
        headers.push(("content-type".into(), STRUCTURED.into()));
        headers.push(("webhook-request-origin".into(), format!("{origin}.partner.example")));
        target.post(&refs(&headers), body).await.status.as_u16()
    };
    let mut accepted = 0;
    for number in 0..30 {
        accepted += u32::from(post("captured", &format!("a{number}")).await == 204);
    }
    assert!(accepted < 15, "{accepted}");
    assert_eq!(post("captured", "b").await, 429);
    assert_eq!(post("new", "b").await, 204);
}

/// A signature of body and attributes, without an id.
struct Attributes;

impl Verify for Attributes {
    fn verify(&self, _: &Parts, _: &[u8], _: SystemTime) -> Result<Verified, SignatureError> {
        Ok(Verified::new(Coverage::Attributes))
    }
}

/// Repeats of one use up nothing of the rate of the others.
#[tokio::test]
async fn events_with_equal_payloads_are_different_where_their_attributes_are_signed() {
    let options = WebhookOptions::without_handshake().signature(Attributes);
    let (target, seen) = Target::accepting(options.highest_rate(Rate::per_minute(5).unwrap())).await;
    let post = async |id: &str| {
        let attributes = [("ce-specversion", "1.0"), ("ce-id", id), ("ce-source", "/s"), ("ce-type", "beat")];
        let headers = [&attributes[..], &[("content-type", "text/plain")]].concat();
        target.post(&headers, "alive").await.status.as_u16()
    };
    for _ in 0..30 {
        assert!(matches!(post("1").await, 204 | 429));
    }
    for id in ["2", "3", "4", "5"] {
        assert_eq!(post(id).await, 204);
    }
    assert_eq!(post("6").await, 429);
    assert_eq!(seen.ids().iter().filter(|id| *id != "1").count(), 4);
}

pub(crate) async fn post_signed(target: &Target, id: &str) -> crate::tools::Response {
    let body = document(id);
    let mut headers = signed(&body, id, SystemTime::now());
    headers.push(("content-type".into(), STRUCTURED.into()));
    target.post(&refs(&headers), body).await
}

/// The document of event 1, compressed by another implementation.
const GZIP: &str = "H4sIAAAAAAACAxWJOw6AMAhA78Jsqq7ehlCGJq2QgsbGeHfp9j4vmDLd3K3ICQfsaYMFSp4YYHJ14pDV2dyi+NDpJC3xg00rp7niZHSMoziqYIbvB0dtTZNbAAAA";

/// The body as it came: what its content coding makes of it is not looked at before.
#[tokio::test]
async fn the_signature_is_checked_before_a_body_is_decompressed() {
    let mut options = with_signature();
    options.http.decompression = Decompression::all();
    options.http.receiver.in_flight.messages = 1;
    let (target, seen) = Target::accepting(options).await;
    let body = BASE64.decode(GZIP.as_bytes()).unwrap();
    let send = async |signed_body: &[u8], sent: Vec<u8>| {
        let (mut parts, ()) = Request::post("/hook").body(()).unwrap().into_parts();
        StandardSigner::new(SECRET).unwrap().sign(&mut parts, signed_body, "msg", SystemTime::now()).unwrap();
        let mut headers: Vec<(String, String)> = parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        headers.push(("content-type".into(), STRUCTURED.into()));
        headers.push(("content-encoding".into(), "gzip".into()));
        target.post(&refs(&headers), sent).await.status.as_u16()
    };
    assert_eq!(send(document("1").as_bytes(), body.clone()).await, 403);
    assert_eq!(send(b"something else", body.clone()).await, 403);
    assert_eq!(send(b"something else", b"not compressed".to_vec()).await, 403);
    assert_eq!(send(b"not compressed", b"not compressed".to_vec()).await, 400);
    assert_eq!(send(&body, body.clone()).await, 204);
    assert_eq!(seen.ids(), ["1"]);
}

/// Notes which threads check signatures.
struct Threads(Arc<Mutex<Vec<(usize, ThreadId)>>>);

impl Verify for Threads {
    fn verify(&self, _: &Parts, body: &[u8], _: SystemTime) -> Result<Verified, SignatureError> {
        self.0.lock().unwrap().push((body.len(), thread::current().id()));
        Ok(Verified::new(Coverage::Body))
    }
}

#[tokio::test]
async fn signatures_of_long_bodies_are_checked_beside_the_reactor() {
    let threads = Arc::<Mutex<Vec<_>>>::default();
    let mut options = WebhookOptions::without_handshake().signature(Threads(Arc::clone(&threads)));
    options.http.receiver.decoding.limits.bytes = 8 << 20;
    let (target, seen) = Target::accepting(options).await;
    for (id, length) in [("1", 0), ("2", 4 << 20), ("3", 100 << 10)] {
        let body = document(id).replace("payload", &"x".repeat(length));
        assert_eq!(target.post(&[("content-type", STRUCTURED)], body).await.status, 204);
    }
    assert_eq!(seen.ids(), ["1", "2", "3"]);
    let here = thread::current().id();
    let is_here = threads.lock().unwrap().iter().map(|(_, thread)| *thread == here).collect::<Vec<_>>();
    assert_eq!(is_here, [true, false, false]);
}

#[tokio::test]
async fn a_token_in_the_query_is_read_whole() {
    let token = "dG9rZW4/+w==";
    let (target, mut receiver) = Target::open(WebhookOptions::without_handshake().token(token)).await;
    for query in [
        "?access_token=dG9rZW4/%2Bw==&a=1",
        "?a=1&access_token=dG9rZW4%2F%2Bw%3D%3D",
        "?access%5Ftoken=dG9rZW4/%2Bw==&a=1",
    ] {
        let respond = target.send(Method::POST, query, &[("content-type", STRUCTURED)], document("1"));
        let handle = async {
            let delivery = soon(receiver.next()).await.unwrap().unwrap();
            let parts: &Parts = delivery.native().unwrap();
            assert_eq!(parts.uri, "/hook?a=1");
            delivery.accept().await.unwrap();
            std::future::pending().await
        };
        tokio::select! {
            response = respond => assert_eq!(response.status, 204, "{query}: {response:?}"),
            () = handle => {}
        }
    }
}

/// The sender learns the status alone.
#[tokio::test]
async fn a_refusal_has_its_reason_for_the_log() {
    let refusals = Arc::<Mutex<Vec<String>>>::default();
    let seen = Arc::clone(&refusals);
    let mut options = with_signature().senders(Practice::EventGrid);
    options.http.on_refusal = Some(Arc::new(move |error: &Error| {
        seen.lock().unwrap().push(error.detail().to_owned());
    }));
    let (webhook, _receiver) = Webhook::open(options).unwrap();
    let respond = async |headers: &[(String, String)]| {
        let mut request = http::Request::post("/hook").header("content-type", STRUCTURED);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(http_body_util::Full::new(bytes::Bytes::from(document("1")))).unwrap();
        webhook.respond(request, None).await
    };
    let response = respond(&signed("another body", "msg_1", SystemTime::now())).await;
    let why = response.extensions().get::<Error>().unwrap().source().unwrap();
    assert_eq!(why.downcast_ref(), Some(&SignatureError::Mismatch));
    assert!(!String::from_utf8_lossy(response.body()).contains("keys"), "{response:?}");
    let response = respond(&[]).await;
    let why = response.extensions().get::<Error>().unwrap().source().unwrap();
    assert_eq!(why.downcast_ref(), Some(&SignatureError::Missing("webhook-id")));
    // Event Grid sends a delivery again after 415.
    let binary = http::Request::post("/hook").header("content-type", "text/plain");
    let response = webhook.respond(binary.body(String::from("text")).unwrap(), None).await;
    assert_eq!(response.status(), 400);
    assert_eq!(response.extensions().get(), Some(&http::StatusCode::UNSUPPORTED_MEDIA_TYPE));
    let refusals = refusals.lock().unwrap().clone();
    assert_eq!(refusals[0], "403 Forbidden: the signature was refused: the signature fits none of the keys");
    assert!(refusals[2].starts_with("400 Bad Request: "), "{refusals:?}");
}
