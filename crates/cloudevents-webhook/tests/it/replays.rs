//! One captured delivery is handed on once, whatever of it anyone on the way can change.

use bytes::Bytes;
use cloudevents_core::{Error, Event};
use cloudevents_transport::Receiver;
use cloudevents_webhook::{
    DeliveryKey,
    receiver::{MemoryStore, Webhook, WebhookOptions, stripe_event},
    signature::{
        GitHub, HmacSignature, Identity, MessageSignatures, Sign, StandardSigner, StandardWebhooks, Stripe,
        VerifyingKey,
    },
};
use data_encoding::BASE64;
use http::{HeaderValue, Request, request::Parts};
use http_body_util::Full;
use proptest::{collection::vec, prelude::*, sample::subsequence};
use ring::{digest, hmac};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::{Builder, Runtime};

const KEY: &str = "a key of sixteen letters";
const STANDARD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const EVENT: &str = r#"{"specversion":"1.0","id":"evt_1","source":"/s","type":"t","data":{"sum":100}}"#;
const PLAIN: [(&str, &str); 1] = [("content-type", "application/json")];
const STRUCTURED: [(&str, &str); 1] = [("content-type", "application/cloudevents+json")];
const BINARY: [(&str, &str); 5] = [
    ("content-type", "application/json"),
    ("ce-specversion", "1.0"),
    ("ce-id", "1"),
    ("ce-source", "/s"),
    ("ce-type", "t"),
];
const LEAST: [&str; 4] = ["@method", "@authority", "@path", "content-digest"];

/// A delivery as someone on the way has it.
#[derive(Clone)]
struct Captured {
    head: Parts,
    body: &'static str,
    /// Message signatures: inputs, and signatures.
    signatures: Vec<(String, String)>,
}

/// What someone on the way does to it.
#[derive(Clone, Debug)]
struct Change {
    content_type: Option<Option<&'static str>>,
    added: Vec<(&'static str, &'static str)>,
    removed: Vec<&'static str>,
    /// Which signatures stay, and in which order.
    signatures: Vec<usize>,
}

fn signed_by(signer: &dyn Sign, headers: &[(&'static str, &str)], body: &'static str) -> Captured {
    let mut head = head(headers);
    signer.sign(&mut head, body.as_bytes(), "msg_1", SystemTime::now()).unwrap();
    Captured { head, body, signatures: Vec::new() }
}

fn head(headers: &[(&'static str, &str)]) -> Parts {
    let request =
        headers.iter().fold(Request::post("/hook"), |request, (name, value)| request.header(*name, *value));
    request.body(()).unwrap().into_parts().0
}

/// Message signatures over these headers each, by RFC 9421, section 2.5.
fn with_messages(headers: &[(&'static str, &str)], body: &'static str, covered: &[&[&str]]) -> Captured {
    let mut head = head(headers);
    let digest = BASE64.encode(digest::digest(&digest::SHA256, body.as_bytes()).as_ref());
    head.headers.insert("content-digest", format!("sha-256=:{digest}:").parse().unwrap());
    let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let sign = |(number, covered): (usize, &&[&str])| {
        let mut base = String::new();
        let components: Vec<&str> = LEAST.iter().chain(covered.iter()).copied().collect();
        for component in &components {
            let value = match *component {
                "@method" => "POST",
                "@authority" => "gate.example",
                "@path" => "/hook",
                name => head.headers[name].to_str().unwrap(),
            };
            base += &format!("\"{component}\": {value}\n");
        }
        let names: Vec<String> = components.iter().map(|component| format!("\"{component}\"")).collect();
        let input = format!("({});created={created};keyid=\"k1\"", names.join(" "));
        base += &format!("\"@signature-params\": {input}");
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes()), base.as_bytes());
        (format!("s{number}={input}"), format!("s{number}=:{}:", BASE64.encode(tag.as_ref())))
    };
    let signatures = covered.iter().enumerate().map(sign).collect();
    Captured { head, body, signatures }
}

impl Captured {
    fn request(&self, change: Option<&Change>) -> Request<Full<Bytes>> {
        let mut head = self.head.clone();
        let all = (0..self.signatures.len()).collect();
        let kept = change.map_or(&all, |change| &change.signatures);
        let kept: Vec<_> = kept.iter().filter_map(|number| self.signatures.get(*number)).collect();
        if !kept.is_empty() {
            let join = |texts: Vec<&str>| texts.join(", ").parse::<HeaderValue>().unwrap();
            let inputs = join(kept.iter().map(|(input, _)| input.as_str()).collect());
            head.headers.insert("signature-input", inputs);
            let signatures = join(kept.iter().map(|(_, signature)| signature.as_str()).collect());
            head.headers.insert("signature", signatures);
        }
        if let Some(Change { content_type, added, removed, .. }) = change {
            match content_type {
                Some(Some(other)) => drop(head.headers.insert("content-type", other.parse().unwrap())),
                Some(None) => drop(head.headers.remove("content-type")),
                None => {}
            }
            removed.iter().for_each(|name| drop(head.headers.remove(*name)));
            added.iter().for_each(|(name, value)| drop(head.headers.insert(*name, value.parse().unwrap())));
        }
        Request::from_parts(head, Full::new(Bytes::from_static(self.body.as_bytes())))
    }
}

/// As a gate in front of a service has it: a body that makes no event has the digest as its id.
fn or_digest(
    convert: fn(&Parts, &Bytes) -> Result<Event, Error>,
) -> impl Fn(&Parts, &Bytes) -> Result<Event, Error> {
    move |request, body| {
        convert(request, body).or_else(|_| {
            let id = DeliveryKey::of_body(body).to_string();
            Ok(Event::builder().id(id).source("/").ty("delivery").build()?)
        })
    }
}

fn none(_: &Parts, _: &Bytes) -> Result<Event, Error> {
    Err(Error::new(cloudevents_core::ErrorKind::NotACloudEvent))
}

fn target(scheme: &str) -> WebhookOptions {
    let options = WebhookOptions::without_handshake();
    match scheme {
        "standard" => options.signature(StandardWebhooks::new(STANDARD).unwrap()).convert(or_digest(none)),
        "github" => options.signature(GitHub::new(KEY).unwrap()).convert(or_digest(none)),
        "stripe" => options.signature(Stripe::new(KEY).unwrap()).convert(or_digest(stripe_event)),
        "hmac" => options.signature(HmacSignature::slack(KEY).unwrap()).convert(or_digest(none)),
        by => {
            let key = VerifyingKey::hmac(KEY).unwrap();
            let identity = match by {
                "messages by id" => Identity::Id,
                "messages by event" => Identity::Event,
                _ => Identity::Body,
            };
            let signatures = MessageSignatures::new("gate.example", "k1", key).identity(identity);
            options.signature(signatures).convert(or_digest(none))
        }
    }
}

/// Deliveries of all schemes, and all that message signatures may cover or not.
fn captured() -> Vec<(&'static str, Captured)> {
    let attributes = ["content-type", "ce-specversion", "ce-id", "ce-source", "ce-type"];
    let with_id = |headers: &[(&'static str, &'static str)]| [headers, &[("webhook-id", "msg_1")]].concat();
    let all = [&attributes[..], &["webhook-id"]].concat();
    let stripe = r#"{"object":"event","id":"evt_1","type":"t","specversion":"1.0","source":"/s"}"#;
    vec![
        ("standard", signed_by(&StandardSigner::new(STANDARD).unwrap(), &STRUCTURED, EVENT)),
        ("github", signed_by(&GitHub::new(KEY).unwrap(), &PLAIN, EVENT)),
        ("stripe", signed_by(&Stripe::new(KEY).unwrap(), &PLAIN, stripe)),
        ("hmac", signed_by(&HmacSignature::slack(KEY).unwrap(), &STRUCTURED, EVENT)),
        ("messages by body", with_messages(&STRUCTURED, EVENT, &[&["content-type"], &[]])),
        (
            "messages by body",
            with_messages(&with_id(&PLAIN), "{}", &[&["webhook-id"], &["content-type"], &[]]),
        ),
        ("messages by body", with_messages(&BINARY, EVENT, &[&attributes, &["content-type"], &[]])),
        ("messages by event", with_messages(&STRUCTURED, EVENT, &[&["content-type"], &[]])),
        ("messages by event", with_messages(&BINARY, EVENT, &[&attributes, &[], &["content-type"]])),
        (
            "messages by id",
            with_messages(&with_id(&PLAIN), "{}", &[&["webhook-id", "content-type"], &["content-type"]]),
        ),
        ("messages by id", with_messages(&with_id(&STRUCTURED), EVENT, &[&["webhook-id"], &[]])),
        ("messages by id", with_messages(&with_id(&BINARY), EVENT, &[&all, &["webhook-id"], &attributes])),
    ]
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

/// Sends a request, and accepts its delivery. Returns the status, and whether it was handed on.
async fn deliver(webhook: &Webhook, receiver: &mut Receiver, request: Request<Full<Bytes>>) -> (u16, bool) {
    let mut responding = std::pin::pin!(webhook.respond(request, None));
    let mut was_handed_on = false;
    loop {
        tokio::select! {
            biased;
            response = &mut responding => return (response.status().as_u16(), was_handed_on),
            delivery = receiver.next() => {
                was_handed_on = true;
                delivery.unwrap().unwrap().accept().await.unwrap();
            }
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let types = [
        None,
        Some(None),
        Some(Some("application/json")),
        Some(Some("text/plain")),
        Some(Some("application/cloudevents+json")),
        Some(Some("Application/CloudEvents+JSON; charset=utf-8")),
        Some(Some("application/cloudevents-batch+json")),
    ];
    let added = vec![
        ("content-encoding", "identity"),
        ("ce-x", "1"),
        ("ce-id", "2"),
        ("ce-specversion", "1.0"),
        ("webhook-id", "msg_2"),
        ("x-github-delivery", "2"),
        ("connection", "webhook-id"),
    ];
    let removed = vec!["webhook-id", "content-type", "ce-id", "ce-specversion", "ce-source", "ce-type"];
    let signatures = subsequence(vec![0, 1, 2], 1..=3).prop_shuffle();
    (prop::sample::select(types.to_vec()), subsequence(added, 0..=3), subsequence(removed, 0..=6), signatures)
        .prop_map(|(content_type, added, removed, signatures)| Change {
            content_type,
            added,
            removed,
            signatures,
        })
}

proptest! {
    #[test]
    fn no_variant_of_a_captured_delivery_is_handed_on_again(changes in vec(prop::option::of(change()), 1..12)) {
        for (scheme, captured) in captured() {
            let handed_on: Vec<_> = runtime().block_on(async {
                let (webhook, mut receiver) =
                    Webhook::open(target(scheme).idempotency(MemoryStore::new(1000))).unwrap();
                let mut handed_on = Vec::new();
                for change in &changes {
                    let request = captured.request(change.as_ref());
                    let (status, was_handed_on) = deliver(&webhook, &mut receiver, request).await;
                    if was_handed_on {
                        handed_on.push((status, change));
                    }
                }
                handed_on
            });
            prop_assert!(handed_on.len() <= 1, "{} of {}: {:?}", scheme, captured.body, handed_on);
        }
    }
}

/// What is done to one delivery loses no other.
#[test]
fn genuine_deliveries_are_handed_on_once_each() {
    for (scheme, captured) in captured() {
        runtime().block_on(async {
            let (webhook, mut receiver) =
                Webhook::open(target(scheme).idempotency(MemoryStore::new(1000))).unwrap();
            for expected in [true, false] {
                let delivered = deliver(&webhook, &mut receiver, captured.request(None)).await;
                assert_eq!(delivered, (204, expected), "{scheme} of {}", captured.body);
            }
        });
    }
}

/// A sender may serialize an event again for each attempt, or change the mode.
#[test]
fn an_event_is_recognised_in_each_mode() {
    let again = r#"{"id":"1","source":"/s","type":"t","specversion":"1.0","time":"2026-01-01T00:00:00Z"}"#;
    let first = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
    let attributes = ["content-type", "ce-specversion", "ce-id", "ce-source", "ce-type"];
    runtime().block_on(async {
        let options = target("messages by event").idempotency(MemoryStore::new(1000));
        let (webhook, mut receiver) = Webhook::open(options).unwrap();
        for (sent, expected) in [
            (with_messages(&STRUCTURED, first, &[&["content-type"]]), true),
            (with_messages(&STRUCTURED, again, &[&["content-type"]]), false),
            (with_messages(&BINARY, "{}", &[&attributes]), false),
        ] {
            let delivered = deliver(&webhook, &mut receiver, sent.request(None)).await;
            assert_eq!(delivered, (204, expected), "{}", sent.body);
        }
    });
}

/// A ping has the same body each time.
#[test]
fn equal_bodies_under_other_signed_ids_are_other_deliveries() {
    let id = |id| [("content-type", "application/json"), ("webhook-id", id)];
    let attributes = ["content-type", "ce-specversion", "ce-id", "ce-source", "ce-type"];
    let event = |id| [&BINARY[..2], &[("ce-id", id)], &BINARY[3..]].concat();
    runtime().block_on(async {
        for by in ["messages by id", "messages by event"] {
            let (webhook, mut receiver) =
                Webhook::open(target(by).idempotency(MemoryStore::new(1000))).unwrap();
            for number in ["1", "2", "3"] {
                let captured = match by {
                    "messages by id" => with_messages(&id(number), "{}", &[&["webhook-id"], &[]]),
                    _ => with_messages(&event(number), "[]", &[&attributes]),
                };
                let delivered = deliver(&webhook, &mut receiver, captured.request(None)).await;
                assert_eq!(delivered, (204, true), "{number} {by}");
            }
        }
    });
}

/// A body without an id may come again as another delivery. The signed time tells them apart, and each is handed on once.
#[test]
fn equal_bodies_under_other_signed_times_are_other_deliveries_unless_the_body_alone_counts() {
    let timed = || HmacSignature::new("x-signature", KEY).unwrap().timed("x-time", "", ".");
    let sent = |seconds| {
        let mut head = head(&PLAIN);
        let at = SystemTime::now() - Duration::from_secs(seconds);
        timed().sign(&mut head, b"{}", "", at).unwrap();
        Captured { head, body: "{}", signatures: Vec::new() }
    };
    let deliveries = [sent(20), sent(10), sent(0)];
    for (scheme, expected) in
        [(timed(), [true, true, true]), (timed().identity(Identity::Body), [true, false, false])]
    {
        runtime().block_on(async {
            let options = WebhookOptions::without_handshake().signature(scheme).convert(or_digest(none));
            let (webhook, mut receiver) = Webhook::open(options.idempotency(MemoryStore::new(1000))).unwrap();
            for expected in [expected, [false; 3]] {
                for (delivery, expected) in deliveries.iter().zip(expected) {
                    let delivered = deliver(&webhook, &mut receiver, delivery.request(None)).await;
                    assert_eq!(delivered, (204, expected));
                }
            }
        });
    }
}
