//! `ce webhook serve --to`: the requests of the service, and the responses of its senders.

use crate::{
    program::{GOOD, Served, ce_with, command},
    webhook_operating::{get, state_of},
    webhook_schemes::reporting,
};
use cloudevents_kit::webhook::signature::{GitHub, HmacSignature, Sign, StandardSigner, Stripe};
use cloudevents_testkit::patience;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::Stdio,
    sync::{Arc, Condvar, Mutex},
    time::SystemTime,
};

pub(crate) const TOKEN: &str = "a long random token";
pub(crate) const STANDARD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A request that a service got.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let is_it = |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        self.headers.iter().filter(is_it).map(|(_, value)| value.as_str()).collect()
    }
}

/// A service that records its requests, and responds as it was last set to.
pub(crate) struct Service {
    address: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    /// Status line, headers and body, as a response has them. Without one, it responds never.
    response: Option<String>,
    /// It responds to none before it has so many requests.
    least: usize,
}

impl Service {
    pub(crate) fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn on(listener: TcpListener) -> Self {
        let state = Arc::<(Mutex<State>, Condvar)>::default();
        let service = Self { address: listener.local_addr().unwrap(), state: Arc::clone(&state) };
        service.responds("204 No Content");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let state = Arc::clone(&state);
                std::thread::spawn(move || serve(stream.unwrap(), &state));
            }
        });
        service
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/app/hook", self.address)
    }

    /// Responds so from now on, without a body.
    pub(crate) fn responds(&self, head: &str) {
        self.replies(head, "");
    }

    pub(crate) fn replies(&self, head: &str, body: &str) {
        let length = body.len();
        let response =
            format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
        self.state.0.lock().unwrap().response = Some(response);
    }

    /// Responds once it has so many requests.
    pub(crate) fn responds_to_all(&self, number: usize) {
        self.state.0.lock().unwrap().least = number;
        self.state.1.notify_all();
    }

    /// Responds no more.
    pub(crate) fn hangs(&self) {
        self.state.0.lock().unwrap().response = None;
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.0.lock().unwrap().seen.clone()
    }

    /// Waits until it has so many requests.
    pub(crate) fn wait_for(&self, number: usize) {
        let (state, changed) = &*self.state;
        let few = |state: &mut State| state.seen.len() < number;
        let (_state, waited) = changed.wait_timeout_while(state.lock().unwrap(), patience(), few).unwrap();
        assert!(!waited.timed_out(), "the service does not have {number} requests");
    }
}

fn serve(stream: TcpStream, (state, changed): &(Mutex<State>, Condvar)) {
    let mut stream = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).unwrap_or(0) <= 2 {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    if lines.is_empty() {
        return;
    }
    let line = lines.remove(0);
    let headers: Vec<(String, String)> = lines
        .iter()
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let mut seen = Seen { line, headers, body: Vec::new() };
    let length = seen.all("content-length").first().map_or(0, |length| length.parse().unwrap());
    (&mut stream).take(length).read_to_end(&mut seen.body).unwrap();
    let mut state = state.lock().unwrap();
    state.seen.push(seen);
    changed.notify_all();
    let few = |state: &mut State| state.seen.len() < state.least;
    let (state, _) = changed.wait_timeout_while(state, patience(), few).unwrap();
    let response = state.response.clone();
    drop(state);
    match response {
        Some(response) => {
            let _ = stream.get_mut().write_all(response.as_bytes());
        }
        // Until the other side ends.
        None => drop(std::io::copy(&mut stream, &mut std::io::sink())),
    }
}

/// Starts `ce webhook serve --to`.
pub(crate) fn in_front_of(service: &str, secret: &str, arguments: &[&str]) -> Served {
    let arguments = [&["webhook", "serve", "http://127.0.0.1:0/hook", "--to", service], arguments].concat();
    Served::of(command(&arguments).envs([("HOOK_TOKEN", TOKEN), ("HOOK_SECRET", secret)]))
}

/// A response to a sender.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Posts a body with these headers.
pub(crate) fn post(url: &str, headers: &[(String, String)], body: &[u8]) -> Answer {
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!(
        "POST /{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    // A body that is too large is refused before it is read.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response);
    let response = String::from_utf8(response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{response}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

pub(crate) fn headers(given: &[(&str, &str)]) -> Vec<(String, String)> {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// These headers, and those of a signature.
pub(crate) fn signed(
    signer: &dyn Sign,
    id: &str,
    given: &[(&str, &str)],
    body: &[u8],
) -> Vec<(String, String)> {
    let (mut parts, ()) = http::Request::post("/hook").body(()).unwrap().into_parts();
    signer.sign(&mut parts, body, id, SystemTime::now()).unwrap();
    let text = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    headers(given).into_iter().chain(parts.headers.iter().map(text)).collect()
}

/// A signed delivery of Standard Webhooks that is no CloudEvent.
pub(crate) fn standard(id: &str, body: &[u8]) -> Vec<(String, String)> {
    signed(&StandardSigner::new(STANDARD).unwrap(), id, &[("content-type", "application/json")], body)
}

pub(crate) const WITH_SECRET: &[&str] = &["--secret-env", "HOOK_SECRET"];

#[test]
fn a_delivery_of_github_arrives_byte_for_byte_with_who_sent_it() {
    let service = Service::start();
    service.replies("200 OK\r\ncontent-type: text/x-reply", "taken");
    let gate = in_front_of(
        &service.url(),
        "old-secret\nnew-secret",
        &["--provider", "github", "--secret-env", "HOOK_SECRET"],
    );
    // Spaces, escapes and a last line end are not those of a serializer.
    let body = b"{ \"action\":\"opened\",\n\t\"issue\": {\"number\": 7.0, \"title\":\"\\u00fcber\"} }\r\n";
    let given = [
        ("Content-Type", "application/json; charset=utf-8"),
        ("X-GitHub-Event", "issues"),
        ("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        ("User-Agent", "GitHub-Hookshot/044aadd"),
        ("Authorization", "Basic c2VjcmV0"),
        ("Connection", "X-Tenant"),
        ("X-Tenant", "blue"),
    ];
    let genuine = signed(&GitHub::new("new-secret").unwrap(), "1", &given, body);
    let forged = signed(&GitHub::new("other").unwrap(), "1", &given, body);
    assert_eq!(post(&gate.url, &forged, body).status, 403);
    assert_eq!(post(&gate.url, &headers(&given), body).status, 403);
    assert_eq!(post(&gate.url, &genuine, &[body, &b" "[..]].concat()).status, 403);
    assert!(service.seen().is_empty());
    let answer = post(&format!("{}?tenant=1", gate.url), &genuine, body);
    assert_eq!((answer.status, answer.body.as_str()), (200, "taken"), "{}", answer.head);
    assert!(answer.head.contains("content-type: text/x-reply"), "{}", answer.head);
    let [seen] = &service.seen()[..] else { panic!("{:?}", service.seen()) };
    assert_eq!((seen.line.as_str(), seen.body.as_slice()), ("POST /app/hook?tenant=1 HTTP/1.1", &body[..]));
    for (name, value) in &given[..4] {
        assert_eq!(seen.all(name), [*value], "{name}");
    }
    assert_eq!(seen.all("webhook-verified"), [r#"signature=github;key="HOOK_SECRET";number=2"#]);
    assert_eq!(seen.all("host"), [service.address.to_string()]);
    assert_eq!(seen.all("x-hub-signature-256").len(), 1);
    assert!(!seen.all("connection").contains(&"X-Tenant"), "{seen:?}");
    assert!(seen.all("authorization").is_empty(), "{seen:?}");
    // `Connection` removes no header: anyone on the way could name one.
    assert_eq!(seen.all("x-tenant"), ["blue"]);
}

#[test]
fn senders_cannot_say_who_they_are() {
    let service = Service::start();
    let spellings = [
        "Webhook-Verified",
        "WEBHOOK-VERIFIED",
        "webhook_verified",
        "Webhook_Verified",
        "webhook.verified",
        "webhookverified",
    ];
    let given: Vec<_> = spellings.iter().map(|name| (*name, "signature=github")).collect();
    let mut delivery = headers(&given);
    delivery.extend(headers(&[("content-type", "application/json")]));
    // Anyone may send: no header is there.
    let gate = in_front_of(&service.url(), "", &["--unauthenticated"]);
    assert_eq!(post(&gate.url, &delivery, b"{}").status, 204);
    // The token was checked, in the query or in a header: a header of ours, and no other.
    let gate =
        in_front_of(&service.url(), "", &["--token-env", "HOOK_TOKEN", "--origin", "*.partner.example"]);
    delivery.push(("webhook-request-origin".to_owned(), "EU.partner.example".to_owned()));
    assert_eq!(post(&gate.url, &delivery, b"{}").status, 401);
    let by_query = format!("{}?a=1&access_token={}", gate.url, TOKEN.replace(' ', "%20"));
    assert_eq!(post(&by_query, &delivery, b"{}").status, 204);
    delivery.push(("authorization".to_owned(), format!("Bearer {TOKEN}")));
    assert_eq!(post(&gate.url, &delivery, b"{}").status, 204);
    let seen = service.seen();
    let verified = |seen: &Seen| -> Vec<String> {
        let is_like =
            |name: &str| name.to_ascii_lowercase().replace(['-', '_', '.'], "") == "webhookverified";
        let found = seen.headers.iter().filter(|(name, _)| is_like(name));
        found.map(|(name, value)| format!("{name}: {value}")).collect()
    };
    assert!(verified(&seen[0]).is_empty(), "{:?}", seen[0]);
    for with_token in &seen[1..] {
        let expected = r#"webhook-verified: token="HOOK_TOKEN", origin="eu.partner.example""#;
        assert_eq!(verified(with_token), [expected]);
        assert!(with_token.all("authorization").is_empty(), "{with_token:?}");
        assert!(!format!("{with_token:?}").contains("random"), "{with_token:?}");
    }
    assert_eq!(seen[1].line, "POST /app/hook?a=1 HTTP/1.1");
    assert_eq!(seen.len(), 3);
}

#[test]
fn events_arrive_in_their_mode() {
    let service = Service::start();
    let gate = in_front_of(&service.url(), "", &["--token-env", "HOOK_TOKEN"]);
    let token = format!("Bearer {TOKEN}");
    let token = ("authorization", token.as_str());
    let structured = headers(&[token, ("content-type", "application/cloudevents+json; charset=utf-8")]);
    let spaced = GOOD.replace(',', " ,\n");
    assert_eq!(post(&gate.url, &structured, spaced.as_bytes()).status, 204);
    let attributes = [("ce-specversion", "1.0"), ("ce-id", "2"), ("ce-source", "/s"), ("ce-type", "a%20b")];
    let binary = [&[token, ("content-type", "text/plain")], &attributes[..]].concat();
    assert_eq!(post(&gate.url, &headers(&binary), b"hello").status, 204);
    let seen = service.seen();
    assert_eq!(seen[0].body, spaced.as_bytes());
    assert_eq!(seen[0].all("content-type"), ["application/cloudevents+json; charset=utf-8"]);
    assert_eq!((seen[1].body.as_slice(), seen[1].all("content-type")), (&b"hello"[..], vec!["text/plain"]));
    for (name, value) in attributes {
        assert_eq!(seen[1].all(name), [value]);
    }
    // What is malformed is not for the service.
    assert_eq!(
        post(&gate.url, &structured, br#"{"specversion":"1.0","id":"","source":"/s","type":"t"}"#).status,
        400
    );
    assert_eq!(service.seen().len(), 2);
}

#[test]
fn the_sender_gets_what_makes_it_give_up_or_try_again() {
    let service = Service::start();
    let gate = in_front_of(&service.url(), STANDARD, WITH_SECRET);
    let mut number = 0;
    for (responded, expected, after) in [
        ("200 OK", 204, None),
        ("202 Accepted", 204, None),
        ("400 Bad Request", 422, None),
        ("401 Unauthorized", 422, None),
        ("404 Not Found", 422, None),
        ("410 Gone", 422, None),
        ("415 Unsupported Media Type", 415, None),
        ("422 Unprocessable Content", 422, None),
        ("408 Request Timeout", 503, Some("1")),
        ("425 Too Early", 503, Some("1")),
        ("429 Too Many Requests\r\nretry-after: 120", 503, Some("120")),
        ("500 Internal Server Error", 503, Some("1")),
        ("503 Service Unavailable\r\nretry-after: 7", 503, Some("7")),
        ("302 Found\r\nlocation: http://127.0.0.1:9/", 503, Some("1")),
    ] {
        service.responds(responded);
        number += 1;
        let answer = post(&gate.url, &standard(&format!("msg_{number}"), b"[1]"), b"[1]");
        assert_eq!(answer.status, expected, "{responded}");
        let found = answer.head.lines().find_map(|line| line.strip_prefix("retry-after: "));
        assert_eq!(found, after, "{responded}");
    }
    assert_eq!(service.seen().len(), number);
}

#[test]
fn while_the_service_is_away_senders_get_503() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let _entered = runtime.enter();
    // It has its port, and does not listen.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let gate = in_front_of(&format!("http://{address}/hook"), STANDARD, WITH_SECRET);
    let delivery = standard("msg_1", b"{}");
    let answer = post(&gate.url, &delivery, b"{}");
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("retry-after: 1"), "{}", answer.head);
    let listener = socket.listen(16).unwrap().into_std().unwrap();
    listener.set_nonblocking(false).unwrap();
    let service = Service::on(listener);
    assert_eq!(post(&gate.url, &delivery, b"{}").status, 204);
    assert_eq!(service.seen().len(), 1);
}

#[test]
fn what_the_service_accepted_is_handed_on_once() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("hook.db").display());
    let in_file = ["--remember", store.as_str()];
    let stores = [&[][..], &in_file];
    for remember in &stores[..if cfg!(feature = "outbox") { 2 } else { 1 }] {
        let started = || in_front_of(&service.url(), STANDARD, &[WITH_SECRET, remember].concat());
        let before = service.seen().len();
        let mut running = started();
        service.responds("500 Internal Server Error");
        assert_eq!(post(&running.url, &standard("msg_1", b"{}"), b"{}").status, 503);
        service.responds("204 No Content");
        for _ in 0..3 {
            assert_eq!(post(&running.url, &standard("msg_1", b"{}"), b"{}").status, 204);
        }
        assert_eq!(post(&running.url, &standard("msg_2", b"{}"), b"{}").status, 204);
        assert_eq!(service.seen().len() - before, 3);
        drop(std::mem::replace(&mut running, started()));
        assert_eq!(post(&running.url, &standard("msg_1", b"{}"), b"{}").status, 204);
        assert_eq!(service.seen().len() - before, if remember.is_empty() { 4 } else { 3 });
    }
    // By what is signed, whatever the headers say.
    let delivery = |signer: &dyn Sign, id: &str, body: &[u8]| {
        let given =
            [("content-type", "application/json"), ("x-github-event", "push"), ("x-github-delivery", id)];
        signed(signer, "1", &given, body)
    };
    let (github, stripe) = (GitHub::new("a-secret").unwrap(), Stripe::new("a-secret").unwrap());
    let providers: [(&str, &dyn Sign); 2] = [("github", &github), ("stripe", &stripe)];
    for (provider, signer) in providers {
        let before = service.seen().len();
        let gate =
            in_front_of(&service.url(), "a-secret", &[&["--provider", provider], WITH_SECRET].concat());
        let bodies = [
            &br#"{"object":"event","id":"evt_1","type":"t"}"#[..],
            br#"{"object":"event","id":"evt_2","type":"t"}"#,
        ];
        for (body, id) in [(bodies[0], "1"), (bodies[0], "1"), (bodies[0], "other"), (bodies[1], "2")] {
            assert_eq!(post(&gate.url, &delivery(signer, id, body), body).status, 204, "{provider}");
        }
        assert_eq!(service.seen().len() - before, 2, "{provider}");
    }
}

/// GitHub signs no id: two deliveries may have equal bodies.
#[test]
fn with_nothing_to_recognise_them_by_all_are_handed_on() {
    let service = Service::start();
    let options = ["--provider", "github", "--recognize-by", "nothing"];
    let gate = in_front_of(&service.url(), "a-secret", &[WITH_SECRET, &options].concat());
    let given = [("content-type", "application/json"), ("x-github-event", "workflow_dispatch")];
    let delivery = signed(&GitHub::new("a-secret").unwrap(), "", &given, b"{}");
    assert_eq!([(); 2].map(|()| post(&gate.url, &delivery, b"{}").status), [204, 204]);
    assert_eq!(service.seen().len(), 2);
}

/// Without anything signed that shows it, equal deliveries are different ones.
#[test]
fn deliveries_with_a_token_alone_are_all_handed_on() {
    let service = Service::start();
    let gate = in_front_of(&service.url(), "", &["--token-env", "HOOK_TOKEN"]);
    let token = format!("Bearer {TOKEN}");
    let delivery = headers(&[("authorization", &token), ("content-type", "text/plain")]);
    assert_eq!([(); 2].map(|()| post(&gate.url, &delivery, b"ping").status), [204, 204]);
    assert_eq!(service.seen().len(), 2);
}

#[test]
fn a_slow_service_is_bounded() {
    let service = Service::start();
    service.hangs();
    let arguments = ["--in-flight", "1", "--to-timeout", "3", "--metrics", "127.0.0.1:0"];
    let (gate, reports) = reporting(&service, STANDARD, &[WITH_SECRET, &arguments].concat());
    let url = gate.url.clone();
    let first = std::thread::spawn(move || post(&url, &standard("msg_1", b"{}"), b"{}"));
    service.wait_for(1);
    // The only place is taken.
    let answer = post(&gate.url, &standard("msg_2", b"{}"), b"{}");
    assert_eq!((answer.status, first.is_finished()), (503, false));
    assert!(answer.head.contains("retry-after: "), "{}", answer.head);
    assert_eq!(first.join().unwrap().status, 503);
    service.responds("204 No Content");
    for id in ["msg_1", "msg_2"] {
        assert_eq!(post(&gate.url, &standard(id, b"{}"), b"{}").status, 204, "{id}");
    }
    assert_eq!(service.seen().len(), 3);
    let page = get(&state_of(&reports), "/metrics");
    for (outcome, number) in [("busy", 1), ("failed", 1), ("accepted", 2), ("rejected", 0), ("repeated", 0)] {
        let line = format!("\ncloudevents_webhook_deliveries_total{{outcome=\"{outcome}\"}} {number}\n");
        assert!(page.contains(&line), "{line}{page}");
    }
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    let service = Service::start();
    let gate = in_front_of(&service.url(), STANDARD, &[WITH_SECRET, &["--max-body", "1000"]].concat());
    for (length, expected) in [(1001, 413), (1000, 204)] {
        let body = vec![b' '; length];
        assert_eq!(post(&gate.url, &standard("msg_1", &body), &body).status, expected);
    }
    assert_eq!(service.seen().len(), 1);
}

#[test]
fn slack_and_svix() {
    let service = Service::start();
    let gate = in_front_of(
        &service.url(),
        "other-secret\nslack-secret\n",
        &[&["--provider", "slack"], WITH_SECRET].concat(),
    );
    let slack = HmacSignature::slack("slack-secret").unwrap();
    let json = ("content-type", "application/json");
    // Slack registers a URL once its challenge comes back.
    service.replies(
        "200 OK\r\ncontent-type: text/plain",
        "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P",
    );
    let challenge = br#"{"token":"t","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}"#;
    let answer = post(&gate.url, &signed(&slack, "1", &[json], challenge), challenge);
    assert_eq!((answer.status, answer.body.len()), (200, 52));
    let event = br#"{"type":"event_callback","team_id":"T1","event_id":"Ev1","event_time":1,"event":{"type":"app_mention"}}"#;
    let again = br#"{"type":"event_callback","team_id":"T1","event_id":"Ev1","event_time":1,"event":{"type":"app_mention"} }"#;
    for body in [event, &again[..]] {
        assert_eq!(post(&gate.url, &signed(&slack, "1", &[json], body), body).status / 100, 2);
    }
    let form = ("content-type", "application/x-www-form-urlencoded");
    let command = b"team_id=T1&command=%2Fdeploy&text=&trigger_id=13345224609.738474920";
    assert_eq!(post(&gate.url, &signed(&slack, "1", &[form], command), command).status, 200);
    assert_eq!(post(&gate.url, &signed(&slack, "1", &[form], b"command=a"), command).status, 403);
    let seen = service.seen();
    assert_eq!(
        seen.iter().map(|seen| seen.body.as_slice()).collect::<Vec<_>>(),
        [challenge, &event[..], command]
    );
    assert_eq!(seen[2].all("content-type"), ["application/x-www-form-urlencoded"]);
    assert_eq!(seen[2].all("webhook-verified"), [r#"signature=slack;key="HOOK_SECRET";number=2"#]);

    let gate = in_front_of(&service.url(), STANDARD, &[&["--provider", "svix"], WITH_SECRET].concat());
    let svix = signed(&StandardSigner::new(STANDARD).unwrap().svix(), "msg_1", &[json], b"{}");
    assert!(svix.iter().any(|(name, _)| name == "svix-signature"));
    assert_eq!([(); 2].map(|()| post(&gate.url, &svix, b"{}").status), [200, 204]);
    assert_eq!(post(&gate.url, &standard("msg_2", b"{}"), b"{}").status, 403);
    assert_eq!(service.seen().len(), 4);
}

#[test]
fn deliveries_of_slack_and_svix_are_printed_as_events() {
    let slack = br#"{"type":"event_callback","team_id":"T1","event_id":"Ev1","event_time":1234567890,"event":{"type":"app_mention"}}"#;
    let svix = br#"{"type":"invoice.paid","data":{}}"#;
    type Signed<'a> = (&'a str, &'a str, Box<dyn Sign>, &'a [u8], [&'a str; 3]);
    let signers: [Signed<'_>; 2] = [
        (
            "slack",
            "slack-secret",
            Box::new(HmacSignature::slack("slack-secret").unwrap()),
            slack,
            ["Ev1", "https://slack.com/T1", "com.slack.app_mention"],
        ),
        (
            "svix",
            STANDARD,
            Box::new(StandardSigner::new(STANDARD).unwrap().svix()),
            svix,
            ["msg_1", "https://www.svix.com", "com.svix.invoice.paid"],
        ),
    ];
    for (provider, secret, signer, body, expected) in signers {
        let mut child =
            command(&["webhook", "serve", "http://127.0.0.1:0/hook", "--provider", provider, "-n", "1"])
                .args(["--secret-env", "HOOK_SECRET", "--output", "json"])
                .env("HOOK_SECRET", secret)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
        let mut line = String::new();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        err.read_line(&mut line).unwrap();
        let url = line[line.find("http://").unwrap()..].trim_end_matches(|end: char| !end.is_alphanumeric());
        let delivery = signed(&*signer, "msg_1", &[("content-type", "application/json")], body);
        assert_eq!(post(url, &delivery, body).status, 204, "{provider}");
        let output = child.wait_with_output().unwrap();
        let event: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let found = ["id", "source", "type"].map(|name| event[name].as_str().unwrap());
        assert_eq!(found, expected);
        let data: serde_json::Value = serde_json::from_slice(body).unwrap();
        assert_eq!(event["data"], data);
    }
}

#[test]
fn wrong_usage_is_named() {
    let serve = ["webhook", "serve", "http://127.0.0.1:0/", "--unauthenticated"];
    for (arguments, words) in [
        (&["--to", "127.0.0.1:3000"][..], "the URL of the service does not begin with http"),
        (&["--to", "http://127.0.0.1:9/", "--misbehave", "204=503"], "--misbehave"),
        (&["--to-timeout", "3"], "--to"),
        (&["--recognize-by", "nothing"], "--recognize-by is for deliveries with signatures"),
        (&["--recognize-by", "id"], "message-signatures"),
        (&["--scheme", "hmac", "--hmac", "x: {hex}", "--hmac-of", "{url}{body}"], "not a part of the URL"),
        (&["--in-flight", "3"], "--to"),
        (&["--to", "http://127.0.0.1:9/", "--in-flight", "0"], "--in-flight"),
        #[cfg(feature = "outbox")]
        (&["--to", "http://127.0.0.1:9/", "--remember", "hook.db"], "--remember is neither `sqlite:`"),
        #[cfg(feature = "outbox")]
        (
            &["--to", "http://127.0.0.1:9/", "--remember", "sqlite::memory:"],
            "--remember is neither `sqlite:`",
        ),
    ] {
        let ran = ce_with(&[&serve, arguments].concat(), "");
        assert!(ran.status == 2 && ran.err.contains(words), "{arguments:?}: {}", ran.err);
    }
}

/// A check that was requested is done, or nothing is served.
#[test]
fn white_space_is_no_secret_and_no_token() {
    for (option, value) in
        [("--secret-env", " "), ("--secret-env", "\n"), ("--token-env", "\t"), ("--token-env", "t\n")]
    {
        for provider in ["github", "stripe", "slack", "svix"] {
            let arguments =
                ["webhook", "serve", "http://127.0.0.1:0/", "--unauthenticated", "--provider", provider];
            let ran = command(&arguments).args([option, "SPACES"]).env("SPACES", value).output().unwrap();
            let errors = String::from_utf8_lossy(&ran.stderr);
            assert!(
                ran.status.code() == Some(2) && errors.contains("`SPACES`"),
                "{provider} {value:?}: {errors}"
            );
        }
    }
}

/// A name that GitHub may have and a CloudEvent may not.
#[test]
fn a_genuine_delivery_that_makes_no_event_is_handed_on() {
    let service = Service::start();
    let gate =
        in_front_of(&service.url(), "hook-key", &["--provider", "github", "--secret-env", "HOOK_SECRET"]);
    let body = "{\"ref\":\"refs/heads/x\u{fdd0}\",\"repository\":{\"html_url\":\"https://github.com/a/b\"}}";
    let given =
        [("Content-Type", "application/json"), ("X-GitHub-Event", "push"), ("X-GitHub-Delivery", "1")];
    let genuine = signed(&GitHub::new("hook-key").unwrap(), "1", &given, body.as_bytes());
    for _ in 0..2 {
        assert_eq!(post(&gate.url, &genuine, body.as_bytes()).status, 204);
    }
    assert_eq!(post(&gate.url, &headers(&given), body.as_bytes()).status, 403);
    let [seen] = &service.seen()[..] else { panic!("{:?}", service.seen()) };
    assert_eq!(seen.body, body.as_bytes());
}
