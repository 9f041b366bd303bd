//! `ce webhook check` and targets with the faults that people write: each is found by the rules that name it.

use crate::program::command;
use bytes::Bytes;
use cloudevents_kit::{
    http::{HttpReceiverOptions, serve},
    webhook::{
        handshake::AllowedOrigins,
        receiver::{Webhook, WebhookOptions},
        signature::StandardWebhooks,
    },
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, request::Parts};
use serde_json::Value;
use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::SystemTime,
};
use tokio::net::TcpListener;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TOKEN: &str = "a long random token";
const ORIGIN: &str = "me.example";

/// What a faulty target does with a request.
enum Does {
    /// What a right one does, with the request as the fault has left it.
    Right,
    /// The same without looking at the signature.
    Unsigned,
    Responds(u16),
}

/// What a target remembers.
type Memory = HashSet<String>;

struct Fault {
    name: &'static str,
    /// Changes a request.
    on_request: fn(&mut Parts, &mut Vec<u8>, &mut Memory) -> Does,
    /// Changes the response to a request of this method.
    on_response: fn(&Method, &mut Response<Bytes>),
    rules: &'static [&'static str],
}

const fn reads(
    name: &'static str,
    on_request: fn(&mut Parts, &mut Vec<u8>, &mut Memory) -> Does,
    rules: &'static [&'static str],
) -> Fault {
    Fault { name, on_request, on_response: |_, _| {}, rules }
}

const fn responds(
    name: &'static str,
    on_response: fn(&Method, &mut Response<Bytes>),
    rules: &'static [&'static str],
) -> Fault {
    Fault { name, on_request: |_, _, _| Does::Right, on_response, rules }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn token(parts: &Parts) -> &str {
    text(&parts.headers, "authorization").strip_prefix("Bearer ").unwrap_or_default()
}

fn set(parts: &mut Parts, name: &'static str, value: &str) -> Does {
    parts.headers.insert(name, HeaderValue::from_str(value).unwrap());
    Does::Right
}

fn with_right_token(parts: &mut Parts) -> Does {
    set(parts, "authorization", &format!("Bearer {TOKEN}"))
}

fn is_delivery(parts: &Parts) -> bool {
    parts.method == Method::POST
}

/// Right, unless this is so.
fn or(is_so: bool, does: Does) -> Does {
    if is_so { does } else { Does::Right }
}

fn origin_if(is_so: bool, parts: &mut Parts) -> Does {
    if is_so { set(parts, "webhook-request-origin", ORIGIN) } else { Does::Right }
}

fn json_if(is_so: bool, parts: &mut Parts) -> Does {
    if is_so { set(parts, "content-type", "application/cloudevents+json") } else { Does::Right }
}

/// Whether the id of this delivery has come before.
fn is_known_id(parts: &Parts, memory: &mut Memory) -> bool {
    let id = text(&parts.headers, "webhook-id");
    !id.is_empty() && !memory.insert(id.to_owned())
}

fn json(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok()
}

const FAULTS: &[Fault] = &[
    reads(
        "compares as much of the token as came",
        |parts, _, _| {
            if TOKEN.starts_with(token(parts)) && !token(parts).is_empty() {
                with_right_token(parts)
            } else {
                Does::Right
            }
        },
        &["token.half"],
    ),
    reads(
        "looks whether the header begins with the token",
        |parts, _, _| if token(parts).starts_with(TOKEN) { with_right_token(parts) } else { Does::Right },
        &["token.longer"],
    ),
    reads(
        "looks whether there is a token",
        |parts, _, _| if token(parts).is_empty() { Does::Right } else { with_right_token(parts) },
        &["token.wrong", "token.half", "token.longer"],
    ),
    reads(
        "checks a token where there is one",
        |parts, _, _| {
            let is_absent = token(parts).is_empty() && parts.uri.query().is_none();
            if is_absent && is_delivery(parts) { with_right_token(parts) } else { Does::Right }
        },
        &["token.none"],
    ),
    reads(
        "does not read the token in the query",
        |parts, _, _| {
            parts.uri = "/hook".parse().unwrap();
            Does::Right
        },
        &["token.query"],
    ),
    reads(
        "takes the first of two tokens",
        |parts, _, _| {
            if !token(parts).is_empty() {
                parts.uri = "/hook".parse().unwrap();
            }
            Does::Right
        },
        &["token.both"],
    ),
    reads(
        "verifies a signature where there is one",
        |parts, _, _| or(!parts.headers.contains_key("webhook-signature"), Does::Unsigned),
        &["signature.none"],
    ),
    reads(
        "looks whether there is a signature",
        |parts, _, _| or(parts.headers.contains_key("webhook-signature"), Does::Unsigned),
        &["signature.wrong", "signature.old", "signature.future", "signature.id"],
    ),
    reads(
        "takes old signatures",
        |parts, _, _| {
            let at: u64 = text(&parts.headers, "webhook-timestamp").parse().unwrap_or(u64::MAX);
            or(at < now() - 300, Does::Unsigned)
        },
        &["signature.old"],
    ),
    reads(
        "takes signatures of the future",
        |parts, _, _| {
            let at: u64 = text(&parts.headers, "webhook-timestamp").parse().unwrap_or(0);
            or(at > now() + 300, Does::Unsigned)
        },
        &["signature.future"],
    ),
    reads(
        "signs the time and the body only",
        |parts, _, _| or(text(&parts.headers, "webhook-id") == "check_another", Does::Unsigned),
        &["signature.id"],
    ),
    reads(
        "compares the beginning of origins",
        |parts, _, _| origin_if(text(&parts.headers, "webhook-request-origin").starts_with(ORIGIN), parts),
        &["origin.other", "handshake.other"],
    ),
    reads(
        "checks origins in the handshake only",
        |parts, _, _| origin_if(is_delivery(parts), parts),
        &["origin.other", "origin.none"],
    ),
    reads(
        "agrees to whoever says nothing",
        |parts, _, _| origin_if(!parts.headers.contains_key("webhook-request-origin"), parts),
        &["handshake.none", "origin.none"],
    ),
    reads(
        "reads everything as JSON",
        |parts, _, _| json_if(is_delivery(parts) && !parts.headers.contains_key("ce-id"), parts),
        &["media-type.unknown", "media-type.format", "media-type.none"],
    ),
    reads(
        "takes any format for JSON",
        |parts, _, _| {
            json_if(text(&parts.headers, "content-type").starts_with("application/cloudevents+"), parts)
        },
        &["media-type.format"],
    ),
    reads(
        "takes a missing content type for JSON",
        |parts, _, _| json_if(!parts.headers.contains_key("content-type"), parts),
        &["media-type.none"],
    ),
    reads(
        "acknowledges an empty body",
        |parts, body, _| or(is_delivery(parts) && body.is_empty(), Does::Responds(204)),
        &["payload.none"],
    ),
    reads(
        "fails where there is no JSON",
        |parts, body, _| {
            or(
                is_delivery(parts) && !body.is_empty() && body != b"payload" && json(body).is_none(),
                Does::Responds(500),
            )
        },
        &["event.syntax"],
    ),
    reads(
        "does without an id",
        |parts, body, _| {
            let has_none = json(body).is_some_and(|event| event.is_object() && event.get("id").is_none());
            or(is_delivery(parts) && has_none, Does::Responds(204))
        },
        &["event.attribute"],
    ),
    reads(
        "has no limit of size",
        |_, body, _| or(body.len() > 1 << 20, Does::Responds(204)),
        &["size.large"],
    ),
    reads(
        "has a limit of 32 KiB",
        |_, body, _| or(body.len() > 32 << 10, Does::Responds(413)),
        &["size.64k"],
    ),
    reads(
        "takes GET for a delivery",
        |parts, _, _| or(parts.method == Method::GET, Does::Responds(204)),
        &["method.get"],
    ),
    reads(
        "refuses what it has processed",
        |parts, body, memory| {
            let text = String::from_utf8_lossy(body).into_owned();
            let is_known = is_delivery(parts) && !memory.insert(text);
            or(is_known, Does::Responds(409))
        },
        &["delivery.again", "delivery.again-later"],
    ),
    reads(
        "refuses the id of a delivery that it has processed",
        |parts, _, memory| or(is_known_id(parts, memory), Does::Responds(409)),
        &["delivery.again", "delivery.again-later"],
    ),
    Fault {
        name: "puts a delivery off and refuses the next attempt as a repetition",
        on_request: |parts, _, memory| match is_delivery(parts) && memory.insert("put off".to_owned()) {
            true => {
                is_known_id(parts, memory);
                Does::Responds(503)
            }
            false if is_known_id(parts, memory) => Does::Responds(409),
            false => Does::Right,
        },
        on_response: |_, response| {
            if response.status() == StatusCode::SERVICE_UNAVAILABLE {
                response.headers_mut().insert("retry-after", HeaderValue::from_static("0"));
            }
        },
        rules: &["delivery.structured", "delivery.again", "delivery.again-later"],
    },
    reads(
        "fails for batches",
        |parts, _, _| or(text(&parts.headers, "content-type").contains("batch"), Does::Responds(500)),
        &["delivery.batch"],
    ),
    reads(
        "fails for binary mode",
        |parts, _, _| or(parts.headers.contains_key("ce-id"), Does::Responds(500)),
        &["delivery.binary"],
    ),
    reads(
        "is down after the first document that is not JSON",
        |parts, body, memory| {
            if is_delivery(parts) && body == b"{\"specversion\":" {
                memory.insert("down".to_owned());
            }
            or(memory.contains("down"), Does::Responds(502))
        },
        &["event.syntax", "event.attribute", "size.large", "method.get", "delivery.after"],
    ),
    reads(
        "limits the rate and does not say until when",
        |parts, _, memory| or(is_delivery(parts) && memory.insert("limited".to_owned()), Does::Responds(429)),
        &["response.retry-after"],
    ),
    responds(
        "thanks with a page",
        |method, response| {
            if *method == Method::POST && response.status().is_success() {
                *response.status_mut() = StatusCode::IM_USED;
                *response.body_mut() = Bytes::from_static(b"<p>Thank you</p>");
                response.headers_mut().insert("content-type", HeaderValue::from_static("text/html"));
            }
        },
        &["response.status"],
    ),
    responds(
        "grants a rate that is no number",
        |method, response| {
            if *method == Method::OPTIONS && response.status().is_success() {
                response.headers_mut().insert("webhook-allowed-rate", HeaderValue::from_static("fast"));
            }
        },
        &["handshake.consent"],
    ),
    responds(
        "names two origins",
        |method, response| {
            if *method == Method::OPTIONS && response.status().is_success() {
                response.headers_mut().append("webhook-allowed-origin", HeaderValue::from_static("*"));
            }
        },
        &["handshake.consent"],
    ),
];

fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// A right target, with or without a look at signatures.
fn target(is_signed: bool) -> Webhook {
    let mut options = WebhookOptions::allowing(AllowedOrigins::new([ORIGIN]).unwrap()).token(TOKEN);
    if is_signed {
        options = options.signature(StandardWebhooks::new(SECRET).unwrap());
    }
    options.http.receiver.decoding.limits.bytes = 1 << 20;
    let (webhook, mut receiver) = Webhook::open(options).unwrap();
    tokio::spawn(async move {
        while let Ok(Some(delivery)) = receiver.next().await {
            let _ = match delivery.events() {
                Ok(_) => delivery.accept().await,
                Err(error) => delivery.reject(error).await,
            };
        }
    });
    webhook
}

/// Serves a target with this fault, and returns its URL.
async fn serve_faulty(fault: &'static Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (signed, unsigned) = (target(true), target(false));
    let memory: Arc<Mutex<Memory>> = Arc::default();
    tokio::spawn(async move {
        let respond = move |request: Request<cloudevents_kit::http::RequestBody>, peer| {
            let (signed, unsigned, memory) = (signed.clone(), unsigned.clone(), Arc::clone(&memory));
            async move {
                let (mut parts, body) = request.into_parts();
                let mut body = read(body).await;
                let method = parts.method.clone();
                let does = (fault.on_request)(&mut parts, &mut body, &mut memory.lock().unwrap());
                let request = Request::from_parts(parts, reqwest::Body::from(body));
                let mut response = match does {
                    Does::Right => signed.respond(request, Some(peer)).await,
                    Does::Unsigned => unsigned.respond(request, Some(peer)).await,
                    Does::Responds(status) => {
                        let mut response = Response::new(Bytes::new());
                        *response.status_mut() = StatusCode::from_u16(status).unwrap();
                        response
                    }
                };
                (fault.on_response)(&method, &mut response);
                response
            }
        };
        serve(listener, &HttpReceiverOptions::default(), std::future::pending(), respond).await;
    });
    url
}

async fn read(body: cloudevents_kit::http::RequestBody) -> Vec<u8> {
    let mut body = std::pin::pin!(body);
    let mut read = Vec::new();
    while let Some(Ok(frame)) =
        std::future::poll_fn(|context| http_body::Body::poll_frame(body.as_mut(), context)).await
    {
        read.extend(frame.into_data().unwrap_or_default());
    }
    read
}

/// The rules that fail.
fn failing(url: &str) -> (Vec<String>, String) {
    let output = command(&[
        "webhook",
        "check",
        url,
        "--origin",
        ORIGIN,
        "--output",
        "json",
        "--i-own-this",
        "--quick",
    ])
    .args(["--token-env", "HOOK_TOKEN", "--secret-env", "HOOK_SECRET"])
    .envs([("HOOK_TOKEN", TOKEN), ("HOOK_SECRET", SECRET)])
    .output()
    .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let findings = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let failed = findings.filter(|finding| finding["verdict"] == "fail");
    let rules: Vec<String> = failed.map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect();
    assert_eq!(output.status.code(), Some(i32::from(!rules.is_empty())));
    (rules, out)
}

#[test]
fn every_fault_that_people_write_is_found_by_its_rules() {
    // With those of `ce webhook serve --misbehave`, there are more than 60.
    assert!(FAULTS.len() >= 33);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    static RIGHT: Fault = reads("none", |_, _, _| Does::Right, &[]);
    let (rules, out) = failing(&runtime.block_on(serve_faulty(&RIGHT)));
    assert!(rules.is_empty(), "a right target: {out}");
    for fault in FAULTS {
        let (rules, out) = failing(&runtime.block_on(serve_faulty(fault)));
        for rule in fault.rules {
            assert!(
                rules.iter().any(|found| found == rule),
                "{}: {rule} not among {rules:?}\n{out}",
                fault.name
            );
        }
        // It names the fault, and little else.
        assert!(rules.len() <= fault.rules.len() + 1, "{}: {rules:?}", fault.name);
    }
}
