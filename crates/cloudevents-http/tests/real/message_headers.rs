//! What requests consist of, byte for byte, when a message has headers that belong to an exchange.

use crate::tools::{Recorder, client, event, patience};
use cloudevents_core::{DecodeOptions, Message};
use cloudevents_http::reqwest013::{HttpSenderOptions, sender};
use cloudevents_json::Json;
use cloudevents_transport::{
    Bridge, Outgoing, Sender,
    binding::log::LogOptions,
    bridge::BridgePolicy,
    fake::{FakeLog, FakeQueue},
};

/// Headers that a producer must not set: RFC 9110 (7.2, 7.6, 8, 10, 11, 13, 14), RFC 6265, RFC 7239, RFC 9440, RFC 9421, RFC 9530, and what
/// proxies, signatures and keys are named by custom.
const OF_THE_EXCHANGE: &[&str] = &[
    "Accept",
    "Accept-Encoding",
    "Api-Key",
    "Authorization",
    "Client-Cert",
    "Connection",
    "Content-Digest",
    "Content-Encoding",
    "Content-Length",
    "Content-Range",
    "Cookie",
    "Date",
    "Expect",
    "Forwarded",
    "HOST",
    "Idempotency-Key",
    "If-Match",
    "Keep-Alive",
    "Origin",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Range",
    "Sec-WebSocket-Key",
    "Set-Cookie",
    "Signature",
    "Signature-Input",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "True-Client-IP",
    "Upgrade",
    "User-Agent",
    "Via",
    "WWW-Authenticate",
    "WebHook-Request-Origin",
    "X-Amz-Security-Token",
    "X-Api-Key",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-HTTP-Method-Override",
    "X-Hub-Signature-256",
    "X-Original-URL",
    "X-Real-IP",
    "webhook-id",
    "webhook-signature",
];

/// What gateways and clouds set to the identity of a client, by their documentation, and names that servers take for another's: those that
/// pass headers as variables (RFC 3875, section 4.1.18) see no difference between `-` and `_`.
const OF_GATEWAYS: &[&str] = &[
    "ce_type",
    "CF-Access-Authenticated-User-Email",
    "CF-Connecting-IP",
    "content_type",
    "Dapr-Api-Token",
    "Depth",
    "Destination",
    "DPoP",
    "If",
    "Impersonate-Group",
    "Impersonate-User",
    "OIDC_CLAIM_email",
    "Overwrite",
    "Proxy",
    "Remote-Groups",
    "Remote-User",
    "remote_user",
    "SM_USER",
    "Stripe-Signature",
    "Tailscale-User-Login",
    "Teleport-Jwt-Assertion",
    "Transfer_Encoding",
    "webhook_id",
    "X-Amz-Date",
    "X-Amzn-Oidc-Identity",
    "X-Arr-ClientCert",
    "X-Authentik-Username",
    "X-Consumer-Username",
    "X-Credential-Identifier",
    "X-Forward-For",
    "X-Forwarded_For",
    "X-Goog-Authenticated-User-Email",
    "X-Goog-IAP-JWT-Assertion",
    "X-Host",
    "X-HTTP-Host-Override",
    "X-Middleware-Subrequest",
    "X-MS-Client-Principal",
    "X-MS-Token-AAD-Id-Token",
    "X-Original-Method",
    "X-Original-User",
    "X-Pomerium-Claim-Email",
    "X-Remote-Extra-Scopes",
    "X-Remote-Group",
    "X-Serverless-Authorization",
    "X-Twilio-Signature",
    "X-WEBAUTH-USER",
    "X-Webhook-Signature",
    "X.Real.IP",
    "X_Forwarded_For",
    "X_Real_IP",
];

const KEPT: &[&str] = &["traceparent", "tracestate", "baggage", "X-Tenant"];

/// What no target may see.
const PRODUCERS: &str = "of-the-producer";

fn with_headers(outgoing: impl Into<Outgoing>) -> Outgoing {
    let mut outgoing = outgoing.into().header("Connection", "X-Hop").header("X-Hop", PRODUCERS);
    for name in OF_THE_EXCHANGE.iter().chain(OF_GATEWAYS) {
        outgoing = outgoing.header(*name, PRODUCERS);
    }
    // A name that the program sets itself.
    outgoing = outgoing.header("x-own", PRODUCERS).header("X_Own", PRODUCERS);
    KEPT.iter().fold(outgoing, |outgoing, name| outgoing.header(*name, "kept"))
}

fn to(target: &Recorder) -> Sender {
    let mut options = HttpSenderOptions::default();
    (options.client, options.client_headers) = (Some(client()), Some(Vec::new()));
    options.headers.insert("authorization", "Bearer own".parse().unwrap());
    options.headers.insert("x-own", "own".parse().unwrap());
    sender(&target.url, options).unwrap()
}

/// Headers are those of the sender, of the event and of the client, and nothing else.
fn check(target: &Recorder, request: &str, of_the_event: &[&str]) {
    let (head, _) = request.split_once("\r\n\r\n").unwrap();
    assert!(!request.contains(PRODUCERS), "{request}");
    let mut names: Vec<_> =
        head.split("\r\n").skip(1).map(|line| line.split_once(':').unwrap().0.to_ascii_lowercase()).collect();
    names.sort_unstable();
    let mut expected = vec!["accept", "authorization", "content-length", "host", "x-own"];
    expected.extend(of_the_event);
    expected.extend(["baggage", "traceparent", "tracestate", "x-tenant"]);
    expected.sort_unstable();
    assert_eq!(names, expected, "{head}");
    for line in
        [&format!("host: {}", target.address), "authorization: Bearer own", "x-own: own", "x-tenant: kept"]
    {
        assert!(head.split("\r\n").any(|found| found == line), "{line}: {head}");
    }
}

const BINARY: &[&str] = &["ce-id", "ce-source", "ce-specversion", "ce-type", "content-type"];

#[tokio::test]
async fn a_message_sets_no_header_of_the_exchange() {
    let target = Recorder::start().await;
    let sender = to(&target);
    sender.send(with_headers(event("1"))).await.unwrap();
    check(&target, &target.requests()[0], BINARY);
    let (document, _) = Message::structured(&event("2"), &Json::new()).unwrap();
    sender.send(with_headers(document)).await.unwrap();
    check(&target, &target.requests()[1], &["content-type"]);
}

/// Over a queue, and over a log, whose settlement differs.
#[tokio::test]
async fn a_bridge_with_default_settings_passes_no_header_of_the_exchange() {
    let with_hops = [BINARY, &["bridge-hops"]].concat();
    let (queue, log) = (FakeQueue::new(), FakeLog::new(1));
    queue.sender().send(with_headers(event("1"))).await.unwrap();
    log.sender().send(with_headers(event("2"))).await.unwrap();
    let log_options = LogOptions::default().dropping_rejected();
    let (of_log, _consumer) = log.receiver(DecodeOptions::strict(), log_options).unwrap();
    for receiver in [queue.receiver(DecodeOptions::strict()), of_log] {
        let target = Recorder::start().await;
        let bridge = Bridge::new(receiver, to(&target), BridgePolicy::default()).unwrap();
        tokio::time::timeout(patience(), bridge.run().until(target.until(1))).await.unwrap().unwrap();
        check(&target, &target.requests()[0], &with_hops);
    }
}

/// A client that authenticates by a header that no list names.
fn with_default_headers() -> reqwest::Client {
    let mut headers = http::HeaderMap::new();
    headers.insert("x-service", "of-the-client".parse().unwrap());
    reqwest::Client::builder().no_proxy().default_headers(headers).build().unwrap()
}

#[tokio::test]
async fn default_headers_of_a_client_are_not_replaced() {
    let names = || ["x-service", "x_service", "x-tenant", "traceparent"];
    // Of the message, by what the sender knows of the client.
    for (known, kept) in [
        (None, vec!["traceparent: message"]),
        (Some(vec!["x-service".parse().unwrap()]), vec!["traceparent: message", "x-tenant: message"]),
    ] {
        let target = Recorder::start().await;
        let mut options = HttpSenderOptions::default();
        (options.client, options.client_headers) = (Some(with_default_headers()), known);
        let sender = sender(&target.url, options).unwrap();
        let outgoing = names()
            .into_iter()
            .fold(Outgoing::from(event("1")), |outgoing, name| outgoing.header(name, "message"));
        sender.send(outgoing).await.unwrap();
        let request = &target.requests()[0];
        let mut of_message: Vec<_> =
            request.split("\r\n").filter(|line| line.ends_with(": message")).collect();
        of_message.sort_unstable();
        assert_eq!(of_message, kept, "{request}");
        assert!(request.contains("\r\nx-service: of-the-client\r\n"), "{request}");
    }
}
