//! `ce webhook serve --to` while it runs: new secrets, its log, its probes and metrics, and headers of proxies.

use crate::{
    program::{Served, command, file},
    webhook_gate::{STANDARD, Service, TOKEN, WITH_SECRET, headers, in_front_of, post, signed, standard},
    webhook_schemes::{reporting, serving, until},
};
use cloudevents_kit::webhook::signature::{GitHub, Sign, StandardSigner};
use cloudevents_testkit::patience;
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant, SystemTime},
};

pub(crate) fn hang_up(gate: &Served) {
    let id = gate.child.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
}

fn of_github(secret: &str, id: &str, body: &[u8]) -> Vec<(String, String)> {
    let given = [("content-type", "application/json"), ("x-github-event", "push"), ("x-github-delivery", id)];
    signed(&GitHub::new(secret).unwrap(), id, &given, body)
}

/// Waits until these words are reported so many times.
pub(crate) fn until_times(reports: &PathBuf, words: &str, times: usize) -> String {
    let begin = Instant::now();
    loop {
        let reported = fs::read_to_string(reports).unwrap();
        if reported.matches(words).count() >= times {
            return reported;
        }
        assert!(begin.elapsed() < patience(), "`{words}` is not there {times} times: {reported}");
        thread::sleep(Duration::from_millis(5)); // between two looks
    }
}

/// Senders deliver meanwhile: none is refused, and no connection is.
#[test]
fn secrets_and_tokens_are_read_again_without_a_gap() {
    let service = Service::start();
    let (secret, token) = (file("secret", "old-secret\n"), file("token", "first\n"));
    let [at_secret, at_token] = [&secret, &token].map(|path| format!("@{}", path.display()));
    let arguments = ["--provider", "github", "--secret", &at_secret, "--token", &at_token];
    let (gate, reports) = reporting(&service, "", &arguments);
    let deliver = |key: &str, token: &str, body: &str| {
        let mut delivery = of_github(key, "1", body.as_bytes());
        delivery.push(("authorization".to_owned(), format!("Bearer {token}")));
        post(&gate.url, &delivery, body.as_bytes()).status
    };
    assert_eq!(deliver("old-secret", "first", "[1]"), 204);
    assert_eq!(deliver("new-secret", "first", "[2]"), 403);
    assert_eq!(deliver("old-secret", "second", "[2]"), 401);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let steady = scope.spawn(|| {
            let mut number = 0;
            while !is_over.load(Ordering::Relaxed) {
                number += 1;
                assert_eq!(deliver("old-secret", "first", &format!("{{\"n\":{number}}}")), 204);
            }
            number
        });
        fs::write(&secret, "old-secret\nnew-secret\n").unwrap();
        hang_up(&gate);
        until(&reports, "the secrets were read again");
        assert_eq!(deliver("new-secret", "first", "[2]"), 204);
        assert_eq!(deliver("old-secret", "first", "[3]"), 204);
        is_over.store(true, Ordering::Relaxed);
        assert!(steady.join().unwrap() > 0);
    });
    assert_eq!(service.seen().last().unwrap().all("webhook-verified").len(), 1);
    // The old ones are no longer valid.
    fs::write(&secret, "new-secret\n").unwrap();
    fs::write(&token, "second\n").unwrap();
    hang_up(&gate);
    until_times(&reports, "the secrets were read again", 2);
    assert_eq!(deliver("old-secret", "second", "[4]"), 403);
    assert_eq!(deliver("new-secret", "first", "[4]"), 401);
    assert_eq!(deliver("new-secret", "second", "[4]"), 204);
}

#[test]
fn secrets_that_cannot_be_read_leave_the_old_ones_in_use() {
    let service = Service::start();
    let (secret, token) = (file("secret", STANDARD), file("token", TOKEN));
    let [at_secret, at_token] = [&secret, &token].map(|path| format!("@{}", path.display()));
    let (gate, reports) = reporting(&service, "", &["--secret", &at_secret, "--token", &at_token]);
    let deliver = |id: &str| {
        let mut delivery = standard(id, b"{}");
        delivery.push(("authorization".to_owned(), format!("Bearer {TOKEN}")));
        post(&gate.url, &delivery, b"{}").status
    };
    let why = "warning: the secrets were not read again: the old ones stay: ";
    let mut times = 0;
    let mut tried = || {
        hang_up(&gate);
        times += 1;
        until_times(&reports, why, times);
        assert_eq!(deliver(&format!("msg_{times}")), 204);
    };
    for wrong in ["", " \n", "whsec_%%%", "no key"] {
        fs::write(&secret, wrong).unwrap();
        tried();
    }
    fs::remove_file(&secret).unwrap();
    tried();
    // A right secret beside a wrong token is not taken either.
    fs::write(&secret, "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    fs::write(&token, " spaced ").unwrap();
    tried();
    let reported = fs::read_to_string(&reports).unwrap();
    assert!(!reported.contains("whsec_%%%") && !reported.contains("spaced"), "{reported}");
}

/// A supervisor takes another status for a failure.
#[test]
fn junk_of_a_client_leaves_an_orderly_end_as_it_is() {
    let service = Service::start();
    let (mut gate, reports) = reporting(&service, STANDARD, WITH_SECRET);
    let address = gate.url.strip_prefix("http://").unwrap().strip_suffix("/hook").unwrap().to_owned();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GARBAGE\r\n\r\n").unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    until(&reports, "warning: a request was refused");
    let malformed = br#"{"specversion":"1.0","id":"","source":"/s","type":"t"}"#;
    let given = [("content-type", "application/cloudevents+json")];
    let event = signed(&StandardSigner::new(STANDARD).unwrap(), "msg_1", &given, malformed);
    assert_eq!(post(&gate.url, &event, malformed).status, 400);
    let id = gate.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let status = gate.child.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{}", fs::read_to_string(&reports).unwrap());
}

/// As for other programs: there is nothing to read again.
#[test]
fn without_a_file_sighup_ends_the_program() {
    let service = Service::start();
    let mut gate = in_front_of(&service.url(), STANDARD, WITH_SECRET);
    hang_up(&gate);
    assert_eq!(gate.child.wait().unwrap().code(), None);
}

#[test]
fn a_refusal_is_logged_with_its_sender_and_reason_and_the_status_that_the_sender_gets() {
    let service = Service::start();
    let (gate, reports) =
        reporting(&service, "hook-key", &["--provider", "github", "--secret", "HOOK_SECRET"]);
    let wrong = of_github("other", "72d3162e-cc78-11e3-81ab-4c9367dc0958", b"{}");
    assert_eq!(post(&gate.url, &wrong, b"{}").status, 403);
    let words = "warning: a request was refused: 403 Forbidden: the signature fits none of the keys \
                 (github, id \"72d3162e-cc78-11e3-81ab-4c9367dc0958\", from 127.0.0.1:";
    until(&reports, words);
    let unsigned = headers(&[("content-type", "application/json"), ("x-forwarded-for", "192.0.2.9")]);
    assert_eq!(post(&gate.url, &unsigned, b"{}").status, 403);
    until(&reports, "the header `x-hub-signature-256` is missing (github, from 127.0.0.1:");
    let signer = StandardSigner::new(STANDARD).unwrap();
    let (gate, reports) = reporting(&service, STANDARD, WITH_SECRET);
    let (mut late, ()) = http::Request::post("/hook").body(()).unwrap().into_parts();
    signer.sign(&mut late, b"{}", "msg_1", SystemTime::now() - Duration::from_secs(400)).unwrap();
    let late: Vec<_> =
        late.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let late = [&late[..], &[("content-type", "application/json")]].concat();
    assert_eq!(post(&gate.url, &headers(&late), b"{}").status, 403);
    until(&reports, "too far apart (standard-webhooks, id \"msg_1\", from 127.0.0.1:");
    let mut dotted = standard("msg_1", b"{}");
    dotted.iter_mut().filter(|(name, _)| name == "webhook-id").for_each(|(_, id)| *id = "msg.1".to_owned());
    assert_eq!(post(&gate.url, &dotted, b"{}").status, 403);
    until(&reports, "the id of the delivery has a full stop");
    // Event Grid sends a delivery again after 415, and so gets 400.
    let arguments = ["--provider", "event-grid", "--token", "HOOK_TOKEN"];
    let (gate, reports) = reporting(&service, "", &arguments);
    let bearer = format!("Bearer {TOKEN}");
    let given =
        [("origin", "eventgrid.azure.net"), ("authorization", &bearer), ("content-type", "text/html")];
    for (service_status, expected) in [("204 No Content", 400), ("404 Not Found", 400)] {
        service.responds(service_status);
        assert_eq!(post(&gate.url, &headers(&given), b"{}").status, expected);
    }
    assert!(until(&reports, "400 Bad Request: ").contains("(event-grid, from 127.0.0.1:"));
    let structured = [given[0], given[1], ("content-type", "application/cloudevents+json")];
    let event = br#"{"specversion":"1.0","id":"e1","source":"/s","type":"t"}"#;
    assert_eq!(post(&gate.url, &headers(&structured), event).status, 400);
    until(
        &reports,
        "the service responded 404 Not Found: the sender gets 400 (event-grid, id \"e1\", from 127.0.0.1:",
    );
    assert!(service.seen().len() == 1);
}

#[test]
fn a_failure_of_the_service_is_logged_as_one() {
    let service = Service::start();
    let (gate, reports) = reporting(&service, STANDARD, WITH_SECRET);
    service.responds("500 Internal Server Error");
    assert_eq!(post(&gate.url, &standard("msg_1", b"{}"), b"{}").status, 503);
    let words = "warning: the service responded 500 Internal Server Error: the sender gets 503 \
                 (standard-webhooks, id \"msg_1\", from 127.0.0.1:";
    let reported = until(&reports, words);
    assert!(!reported.contains("not handed on") && !reported.contains("accepted"), "{reported}");
    service.responds("413 Payload Too Large");
    assert_eq!(post(&gate.url, &standard("msg_2", b"{}"), b"{}").status, 422);
    until(
        &reports,
        "the service responded 413 Payload Too Large: the sender gets 422 (standard-webhooks, id \"msg_2\"",
    );
    service.responds("204 No Content");
    assert_eq!(post(&gate.url, &standard("msg_3", b"{}"), b"{}").status, 204);
    // A line for an accepted delivery is of level `info`.
    let (gate, reports) = reporting(&service, STANDARD, &[WITH_SECRET, &["--log", "info"]].concat());
    for _ in 0..2 {
        assert_eq!(post(&gate.url, &standard("msg_4", b"{}"), b"{}").status, 204);
    }
    until(&reports, "the service accepted a delivery (standard-webhooks, id \"msg_4\", from 127.0.0.1:");
    until(
        &reports,
        "a delivery came again, and was accepted before (standard-webhooks, id \"msg_4\", from 127.0.0.1:",
    );
}

/// Programs that collect logs read them.
#[test]
fn the_log_is_json_where_reports_are() {
    let service = Service::start();
    let (secret, reports) = (file("secret", STANDARD), file("reports", ""));
    let at_secret = format!("@{}", secret.display());
    let to = service.url();
    let all = ["webhook", "serve", "http://127.0.0.1:0/hook", "--to", &to, "--secret", &at_secret];
    let mut gate = command(&[&all[..], &["--log", "info", "--error-format", "json"]].concat());
    let child = gate.stderr(fs::File::options().append(true).open(&reports).unwrap()).spawn().unwrap();
    let mut gate = Served { child, url: String::new() };
    let (_, url) =
        until(&reports, "\"}\n").split_once("\"url\":\"").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    gate.url = url.split('"').next().unwrap().to_owned();
    hang_up(&gate);
    until(&reports, "\"the secrets were read again\"");
    for _ in 0..2 {
        assert_eq!(post(&gate.url, &standard("msg_1", b"{}"), b"{}").status, 204);
    }
    until(&reports, "a delivery came again");
    let mut outcomes = Vec::new();
    for line in until(&reports, "the service accepted a delivery").lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect(line);
        assert!(line["timestamp"].is_string() && line["severity"] == "note", "{line}");
        if line["id"] == "msg_1" && line["peer"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.1:")) {
            outcomes.push(line["outcome"].as_str().unwrap().to_owned());
        }
    }
    outcomes.sort();
    assert_eq!(outcomes, ["accepted", "repeated"]);
    // Whatever an id has, it passes for no peer.
    let forged = [("webhook-id", "7, from 203.0.113.7:443) [refused]"), ("content-type", "text/plain")];
    assert_eq!(post(&gate.url, &headers(&forged), b"{}").status, 403);
    let reported = until(&reports, "a request was refused");
    let line: serde_json::Value = serde_json::from_str(reported.lines().last().unwrap()).unwrap();
    assert_eq!(line["id"], "7, from 203.0.113.7:443) [refused]");
    // The id has a full stop.
    assert_eq!(line["reason"], "signature");
    assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
    let told = "(standard-webhooks, id \"7, from 203.0.113.7:443) [refused]\", from 127.0.0.1:";
    assert!(line["detail"].as_str().unwrap().contains(told), "{line}");
}

/// A service that reads JSON fails on it.
#[test]
fn a_form_of_github_that_the_service_fails_on_is_named() {
    let service = Service::start();
    let (gate, reports) =
        reporting(&service, "hook-key", &["--provider", "github", "--secret", "HOOK_SECRET"]);
    let given = [("content-type", "application/x-www-form-urlencoded"), ("x-github-event", "push")];
    let (first, second) = (b"payload=%7B%7D", b"payload=%5B%5D");
    let form = |body: &[u8]| signed(&GitHub::new("hook-key").unwrap(), "1", &given, body);
    assert_eq!(post(&gate.url, &form(first), first).status, 204);
    service.responds("500 Internal Server Error");
    assert_eq!(post(&gate.url, &form(second), second).status, 503);
    let reported = until(&reports, "choose application/json as the content type of the webhook at GitHub");
    assert_eq!(reported.matches("warning").count(), 1, "{reported}");
}

/// The address that a gate says it serves its state at.
pub(crate) fn state_of(reports: &PathBuf) -> String {
    let reported = until(reports, "/metrics\n");
    let (_, rest) = reported.split_once("state and metrics at http://").unwrap();
    rest.split_once('/').unwrap().0.to_owned()
}

pub(crate) fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

pub(crate) fn is(address: &str, path: &str, status: &str) -> bool {
    get(address, path).starts_with(&format!("HTTP/1.1 {status}"))
}

#[test]
fn a_gate_has_probes_and_metrics() {
    let service = Service::start();
    let arguments = [WITH_SECRET, &["--metrics", "127.0.0.1:0"]].concat();
    let (gate, reports) = reporting(&service, STANDARD, &arguments);
    let state = state_of(&reports);
    assert!(is(&state, "/live", "200") && is(&state, "/ready", "200"));
    let deliver = |id: &str| post(&gate.url, &standard(id, b"[1,2]"), b"[1,2]").status;
    assert_eq!([deliver("msg_1"), deliver("msg_1"), deliver("msg_2")], [204; 3]);
    service.responds("500 Internal Server Error");
    assert_eq!(deliver("msg_3"), 503);
    service.responds("404 Not Found");
    assert_eq!(deliver("msg_3"), 422);
    assert_eq!(post(&gate.url, &headers(&[("content-type", "application/json")]), b"{}").status, 403);
    assert_eq!(post(&gate.url, &standard("msg_4", b"{}"), b"[]").status, 403);
    // A look at the gate is no warning.
    let address = gate.url.strip_prefix("http://").unwrap().strip_suffix("/hook").unwrap();
    assert!(is(address, "/", "404") && is(address, "/hook", "405"));
    // What is no request has a line and a number, too.
    for (number, junk) in
        ["GARBAGE\r\n\r\n", "POST /hook HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n"].iter().enumerate()
    {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(junk.as_bytes()).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
        until_times(&reports, "a request was refused: 400 Bad Request: ", number + 1);
    }
    until_times(&reports, "(standard-webhooks, from 127.0.0.1:", 3);
    let page = get(&state, "/metrics");
    for line in [
        "cloudevents_webhook_deliveries_total{outcome=\"accepted\"} 2",
        "cloudevents_webhook_deliveries_total{outcome=\"repeated\"} 1",
        "cloudevents_webhook_deliveries_total{outcome=\"failed\"} 1",
        "cloudevents_webhook_deliveries_total{outcome=\"rejected\"} 1",
        "cloudevents_webhook_refused_total{reason=\"no_signature\"} 1",
        "cloudevents_webhook_refused_total{reason=\"wrong_key\"} 1",
        "cloudevents_webhook_refused_total{reason=\"path\"} 1",
        "cloudevents_webhook_refused_total{reason=\"method\"} 1",
        "cloudevents_webhook_refused_total{reason=\"malformed\"} 2",
        "cloudevents_webhook_bytes_total 20",
    ] {
        assert!(page.contains(&format!("\n{line}\n")), "{line}: {page}");
    }
    #[cfg(all(feature = "amqp", feature = "mqtt"))]
    crate::monitoring::promtool(&["check", "metrics"], page.split_once("\r\n\r\n").unwrap().1);
    let reported = until(&reports, "fits none of the keys");
    assert!(!reported.contains("404 Not Found (") && !reported.contains("405"), "{reported}");
    let in_flight = "cloudevents_webhook_in_flight ";
    service.hangs();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| deliver("msg_5"));
        let begin = Instant::now();
        while !get(&state, "/metrics").contains(&format!("\n{in_flight}1\n")) {
            assert!(begin.elapsed() < patience());
            thread::sleep(Duration::from_millis(5)); // between two looks
        }
        assert_eq!(waiting.join().unwrap(), 503);
    });
}

#[test]
fn a_gate_is_not_ready_while_its_service_is_away() {
    // It has its port, and does not listen.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let _entered = runtime.enter();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let to = format!("http://{}/hook", socket.local_addr().unwrap());
    let reports = file("reports", "");
    let all = ["webhook", "serve", "http://127.0.0.1:0/hook", "--to", &to, "--metrics", "127.0.0.1:0"];
    let mut gate = command(&[&all[..], WITH_SECRET].concat());
    let errors = fs::File::options().append(true).open(&reports).unwrap();
    let child = gate.env("HOOK_SECRET", STANDARD).stderr(errors).spawn().unwrap();
    let gate = Served { child, url: String::new() };
    let state = state_of(&reports);
    assert!(is(&state, "/live", "200") && is(&state, "/ready", "503"));
    let _listens = socket.listen(1).unwrap();
    assert!(is(&state, "/ready", "200"));
    drop(gate);
}

/// The service listens for one delivery only, so that each look finds it away.
#[test]
fn a_delivery_that_the_service_accepts_is_a_look_that_found_it_ready() {
    // It has its port, and does not listen.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let _entered = runtime.enter();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let to = format!("http://{}/hook", socket.local_addr().unwrap());
    let arguments = [WITH_SECRET, &["--to", &to, "--metrics", "127.0.0.1:0"]].concat();
    let (gate, reports) = serving(STANDARD, &arguments);
    let state = state_of(&reports);
    until(&reports, "the gate is not ready: the service takes no connection, for at least");
    let listener = socket.listen(8).unwrap().into_std().unwrap();
    listener.set_nonblocking(false).unwrap();
    let service = thread::spawn(move || {
        loop {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut request, mut some) = (Vec::new(), [0; 1024]);
            while !request.ends_with(b"\r\n\r\n{}") {
                match stream.read(&mut some).unwrap() {
                    0 => break,
                    read => request.extend_from_slice(&some[..read]),
                }
            }
            // A look sends nothing.
            if !request.is_empty() {
                drop(listener);
                stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
                return;
            }
        }
    });
    assert_eq!(post(&gate.url, &standard("msg_1", b"{}"), b"{}").status, 204);
    service.join().unwrap();
    until(&reports, "the gate is ready again, after at least");
    assert!(get(&state, "/metrics").contains("\ncloudevents_webhook_ready 1\n"));
    assert!(is(&state, "/ready", "503"));
}

#[cfg(feature = "outbox")]
#[test]
fn a_gate_is_not_ready_while_its_store_is_away() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hook.db");
    let store = format!("sqlite:{}", path.display());
    let arguments = [WITH_SECRET, &["--metrics", "127.0.0.1:0", "--remember", &store]].concat();
    let (gate, reports) = reporting(&service, STANDARD, &arguments);
    let state = state_of(&reports);
    assert!(is(&state, "/ready", "200"));
    let away = Path::new(&path).with_extension("away");
    fs::rename(&path, &away).unwrap();
    assert!(is(&state, "/ready", "503"));
    // No delivery comes, and the log and the metrics have it all the same.
    until(
        &reports,
        "the gate is not ready: the file of accepted deliveries was deleted or replaced, for at least",
    );
    let gauge =
        |value: u8| get(&state, "/metrics").contains(&format!("\ncloudevents_webhook_ready {value}\n"));
    assert!(gauge(0));
    fs::rename(&away, &path).unwrap();
    assert!(is(&state, "/ready", "200"));
    until(&reports, "the gate is ready again, after at least");
    assert!(gauge(1));
    drop(gate);
}

#[test]
fn an_address_that_is_taken_is_an_error_before_anything_is_served() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let arguments = ["webhook", "serve", "http://127.0.0.1:0/", "--to", "http://127.0.0.1:9/"];
    let ran = crate::program::ce(&[&arguments[..], &["--unauthenticated", "--metrics", &address]].concat());
    assert!(ran.status == 3 && ran.err.contains("metrics cannot be served"), "{}", ran.err);
}

#[test]
fn headers_of_proxies_are_passed_on_behind_a_trusted_proxy_only() {
    let given = [
        ("content-type", "application/json"),
        ("x-forwarded-for", "192.0.2.1, 198.51.100.7"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "for=192.0.2.1"),
        ("x-forwarded-user", "admin"),
        ("x-http-method-override", "DELETE"),
    ];
    let signer = StandardSigner::new(STANDARD).unwrap();
    let service = Service::start();
    let stranger = in_front_of(&service.url(), STANDARD, WITH_SECRET);
    assert_eq!(post(&stranger.url, &signed(&signer, "msg_1", &given, b"{}"), b"{}").status, 204);
    let arguments = [WITH_SECRET, &["--behind-proxy", "--log", "info"]].concat();
    let (trusting, reports) = reporting(&service, STANDARD, &arguments);
    assert_eq!(post(&trusting.url, &signed(&signer, "msg_2", &given, b"{}"), b"{}").status, 204);
    until(&reports, "(standard-webhooks, id \"msg_2\", from 198.51.100.7)");
    let seen = service.seen();
    let of = |number: usize| given.map(|(name, _)| seen[number].all(name).len());
    assert_eq!((of(0), of(1)), ([1, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0]));
}

const VALIDATION: &[u8] = br#"[{"id":"2d1781af","topic":"/subscriptions/x","subject":"","data":{"validationCode":"512d38b6"},"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","eventTime":"2018-01-25T22:12:19Z","metadataVersion":"1","dataVersion":"1"}]"#;

#[test]
fn the_own_schema_of_event_grid_is_validated_and_handed_on() {
    let service = Service::start();
    let bearer = format!("Bearer {TOKEN}");
    let given = |kind: &str, name: &str| {
        headers(&[
            ("content-type", "application/json"),
            ("aeg-event-type", kind),
            ("aeg-subscription-name", name),
            ("authorization", &bearer),
        ])
    };
    let arguments = ["--provider", "event-grid", "--token", "HOOK_TOKEN"];
    let (gate, reports) = reporting(&service, "", &arguments);
    assert_eq!(post(&gate.url, &given("SubscriptionValidation", "ORDERS"), VALIDATION).status, 403);
    until(
        &reports,
        "the request has Event Grid's own schema: allow its subscription, or choose the CloudEvents schema",
    );
    let gate = in_front_of(&service.url(), "", &[&arguments[..], &["--subscription", "orders"]].concat());
    let answer = post(&gate.url, &given("SubscriptionValidation", "ORDERS"), VALIDATION);
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"validationResponse":"512d38b6"}"#));
    assert_eq!(post(&gate.url, &given("SubscriptionValidation", "OTHER"), VALIDATION).status, 403);
    assert!(service.seen().is_empty());
    let body = br#"[{"topic":"/t","subject":"s","eventType":"Blob","eventTime":"2017-06-26T18:41:00Z","id":"7","data":1}]"#;
    for _ in 0..2 {
        assert_eq!(post(&gate.url, &given("Notification", "ORDERS"), body).status, 204);
    }
    assert_eq!(post(&gate.url, &given("Notification", "OTHER"), body).status, 403);
    let [seen] = &service.seen()[..] else { panic!("{:?}", service.seen()) };
    assert_eq!(seen.body, body);
    let wrong = ["webhook", "serve", "http://127.0.0.1:0/", "--unauthenticated", "--subscription", "orders"];
    assert_eq!(crate::program::ce(&wrong).status, 2);
}
