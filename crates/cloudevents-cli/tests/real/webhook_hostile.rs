//! `ce webhook serve --to` under attack: captured deliveries, claims, floods and files that block.

use crate::{
    program::{command, file},
    webhook_gate::{STANDARD, Service, TOKEN, WITH_SECRET, headers, in_front_of, post, signed, standard},
    webhook_operating::{get, hang_up, is, state_of, until_times},
    webhook_schemes::{reporting, until},
};
use cloudevents_kit::webhook::signature::{GitHub, HmacSignature, Sign as _};
use cloudevents_testkit::slowed;
use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    process::Command,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

const SHARED: &str = "a key that both sides know";
const EVENT: &[u8] = br#"{"specversion":"1.0","id":"1","source":"/s","type":"pay","data":{"sum":100}}"#;
const CONTENT: (&str, &str) = ("content-type", "application/cloudevents+json");
/// By Python's `hashlib`.
const DIGEST: &str = "sha-256=:wyRv5b5ip/3rbUS3fslvcENUjyk8+myAXao9XfOvPGU=:";

/// A message signature of `EVENT` over the least and these headers (RFC 9421, section 2.5): its input and its value.
fn message_signature(label: &str, covered: &[(&str, &str)]) -> (String, String) {
    let least =
        [("@method", "POST"), ("@authority", "gate.example"), ("@path", "/hook"), ("content-digest", DIGEST)];
    let all = [&least[..], covered].concat();
    let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let names: Vec<String> = all.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let input = format!("({});created={created};keyid=\"k1\"", names.join(" "));
    let lines: String = all.iter().map(|(name, value)| format!("\"{name}\": {value}\n")).collect();
    let base = format!("{lines}\"@signature-params\": {input}");
    // An HMAC of any text.
    let (mut parts, ()) = http::Request::post("/").body(()).unwrap().into_parts();
    let signer = HmacSignature::new("x", SHARED).unwrap().base64();
    signer.sign(&mut parts, base.as_bytes(), "1", SystemTime::now()).unwrap();
    (format!("{label}={input}"), format!("{label}=:{}:", parts.headers["x"].to_str().unwrap()))
}

/// Posts the event with these signatures. Returns the status.
fn send_signed(url: &str, signatures: &[&(String, String)], added: &[(&str, &str)]) -> u16 {
    let inputs: Vec<_> = signatures.iter().map(|(input, _)| input.as_str()).collect();
    let values: Vec<_> = signatures.iter().map(|(_, value)| value.as_str()).collect();
    let (inputs, values) = (inputs.join(", "), values.join(", "));
    let given = [CONTENT, ("content-digest", DIGEST), ("signature-input", &inputs), ("signature", &values)];
    post(url, &headers(&[&given[..], added].concat()), EVENT).status
}

#[test]
fn a_captured_message_signature_is_handed_on_once() {
    let scheme = ["--scheme", "message-signatures", "--authority", "gate.example", "--key-id", "k1"];
    let key = format!("whsec_{}", base64_simd::STANDARD.encode_to_string(SHARED));
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("hook.db").display());
    let stores = [&[][..], &["--remember", store.as_str()]];
    for remember in &stores[..if cfg!(feature = "outbox") { 2 } else { 1 }] {
        let service = Service::start();
        let by_body = ["--recognize-by", "body"];
        let gate =
            in_front_of(&service.url(), &key, &[&scheme[..], &by_body, WITH_SECRET, remember].concat());
        let of_content = message_signature("a", &[CONTENT]);
        for added in [&[][..], &[], &[("content-encoding", "identity")], &[("ce-x", "1")]] {
            assert_eq!(send_signed(&gate.url, &[&of_content], added), 204, "{added:?}");
        }
        assert_eq!(service.seen().len(), 1);
        // Another gate, and so another memory. One of two signatures covers the id.
        let service = Service::start();
        let gate = in_front_of(&service.url(), &key, &[&scheme[..], WITH_SECRET, remember].concat());
        let id = ("webhook-id", "msg_1");
        let (with, without) = (message_signature("a", &[CONTENT, id]), message_signature("b", &[CONTENT]));
        let send = |signatures: &[&(String, String)], id: &[_]| send_signed(&gate.url, signatures, id);
        assert_eq!(send(&[&with, &without], &[id]), 204);
        // A repeat. The signature that does not cover the id counts for nothing.
        assert_eq!([send(&[&without, &with], &[id]), send(&[&without], &[])], [204, 403]);
        assert_eq!(send(&[&without], &[id]), 403);
        assert_eq!(send(&[&with], &[id]), 204);
        assert_eq!(service.seen().len(), 1);
    }
}

#[cfg(feature = "outbox")]
#[test]
fn gates_that_differ_share_a_file_and_no_memory() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("hook.db").display());
    let remember = ["--secret-env", "HOOK_SECRET", "--remember", &store];
    let github = [&["--provider", "github"], &remember[..]].concat();
    let json = [("content-type", "application/json")];
    let delivery = signed(&GitHub::new("hook-key").unwrap(), "1", &json, b"{}");
    for user in ["deploy", "audit"] {
        let to = service.url().replace("http://", &format!("http://{user}:p@"));
        let gate = in_front_of(&to, "hook-key", &github);
        assert_eq!([(); 2].map(|()| post(&gate.url, &delivery, b"{}").status), [204; 2]);
    }
    assert_eq!(service.seen().len(), 2);
    for header in ["x-a", "x-b"] {
        let form = format!("{header}: {{hex}}");
        let hmac = [&["--scheme", "hmac", "--hmac", &form], &remember[..]].concat();
        let gate = in_front_of(&service.url(), "hook-key", &hmac);
        let delivery = signed(&HmacSignature::new(header, "hook-key").unwrap(), "1", &json, b"{}");
        assert_eq!(post(&gate.url, &delivery, b"{}").status, 204);
    }
    assert_eq!(service.seen().len(), 4);
    let kept = fs::read(folder.path().join("hook.db")).unwrap();
    assert!(!String::from_utf8_lossy(&kept).contains("deploy"));
}

/// Event Grid's own schema needs no origin, and so its claim is none.
#[test]
fn an_origin_that_was_not_checked_is_not_named() {
    let service = Service::start();
    let arguments = ["--provider", "event-grid", "--token", "HOOK_TOKEN", "--subscription", "orders"];
    let gate = in_front_of(&service.url(), "", &arguments);
    let bearer = format!("Bearer {TOKEN}");
    let claims = [("webhook-request-origin", "admin.bank.example"), ("origin", "admin.bank.example")];
    for (number, claim) in claims.into_iter().enumerate() {
        let given = [
            ("content-type", "application/json"),
            ("aeg-event-type", "Notification"),
            ("aeg-subscription-name", "orders"),
            ("authorization", &bearer),
            claim,
        ];
        assert_eq!(post(&gate.url, &headers(&given), format!("[{number}]").as_bytes()).status, 204);
    }
    let seen = service.seen();
    let verified: Vec<_> = seen.iter().flat_map(|seen| seen.all("webhook-verified")).collect();
    assert_eq!(verified, [r#"token="HOOK_TOKEN""#; 2]);
}

/// A log that is full stops the machine.
#[test]
fn a_flood_of_strangers_makes_the_log_grow_slowly() {
    let service = Service::start();
    let (gate, reports) = reporting(&service, STANDARD, WITH_SECRET);
    let address = gate.url.split('/').nth(2).unwrap();
    let begin = Instant::now();
    let mut stream = TcpStream::connect(address).unwrap();
    let mut reader = stream.try_clone().unwrap();
    let reading = thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    let requests = "PUT /other HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n".repeat(100);
    for _ in 0..50 {
        stream.write_all(requests.as_bytes()).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    reading.join().unwrap().unwrap();
    assert_eq!(post(&gate.url, &standard("msg_1", b"{}"), b"{}").status, 204);
    let reported = until(&reports, "not shown, as too many came at once");
    let seconds = usize::try_from(begin.elapsed().as_secs()).unwrap() + 2;
    let lines = reported.matches("a request was refused").count();
    assert!((10..=10 * seconds).contains(&lines), "{lines} lines in {seconds} s");
    // What a service does has a limit of its own: a captured delivery that it refuses could fill the log, too.
    service.responds("500 Internal Server Error");
    for number in 0..20 {
        assert_eq!(post(&gate.url, &standard(&format!("msg_{number}x"), b"{}"), b"{}").status, 503);
    }
    until_times(&reports, "the service responded 500", 10);
    // A later second has the number of the others.
    for number in 20.. {
        assert_eq!(post(&gate.url, &standard(&format!("msg_{number}x"), b"{}"), b"{}").status, 503);
        if fs::read_to_string(&reports).unwrap().contains("attempts not shown, as too many came at once") {
            break;
        }
        assert!(begin.elapsed() < slowed(Duration::from_secs(60)));
    }
}

#[test]
fn a_secret_file_that_blocks_leaves_the_next_sighup_its_effect() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hook.key");
    fs::write(&path, "old-secret\n").unwrap();
    let at_path = format!("@{}", path.display());
    let (gate, reports) = reporting(&service, "", &["--provider", "github", "--secret", &at_path]);
    fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    hang_up(&gate);
    until(
        &reports,
        "the secrets were not read again: the old ones stay: a file was not read within 5 seconds",
    );
    let pipe = folder.path().join("pipe");
    fs::rename(&path, &pipe).unwrap();
    fs::write(&path, "new-secret\n").unwrap();
    hang_up(&gate);
    until(&reports, "the secrets were read again");
    // What comes out of the pipe now is too late.
    fs::write(&pipe, "old-secret\n").unwrap();
    let json = [("content-type", "application/json")];
    let status = ["old-secret", "new-secret"].map(|secret| {
        post(&gate.url, &signed(&GitHub::new(secret).unwrap(), "1", &json, b"{}"), b"{}").status
    });
    assert_eq!(status, [403, 204]);
}

/// A supervisor would end a gate whose `/live` is late.
#[cfg(target_os = "linux")]
#[test]
fn live_does_not_wait_behind_ready() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let _entered = runtime.enter();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    // Its queue is full: from now on, connecting does not end.
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let _queue: Vec<_> = (0..4)
        .map(|_| {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            tokio::spawn(socket.connect(address))
        })
        .collect();
    runtime.block_on(async { tokio::task::yield_now().await });
    let reports = file("reports", "");
    let to = format!("http://{address}/hook");
    let all = ["webhook", "serve", "http://127.0.0.1:0/hook", "--to", &to, "--metrics", "127.0.0.1:0"];
    let mut gate = command(&[&all[..], WITH_SECRET].concat());
    let errors = fs::File::options().append(true).open(&reports).unwrap();
    let child = gate.env("HOOK_SECRET", STANDARD).stderr(errors).spawn().unwrap();
    let _gate = crate::program::Served { child, url: String::new() };
    let state = state_of(&reports);
    thread::scope(|scope| {
        let asking: Vec<_> = (0..40).map(|_| scope.spawn(|| is(&state, "/ready", "503"))).collect();
        let begin = Instant::now();
        assert!((0..5).all(|_| is(&state, "/live", "200")));
        assert!(begin.elapsed() < slowed(Duration::from_secs(2)), "{:?}", begin.elapsed());
        assert!(asking.into_iter().all(|one| one.join().unwrap()));
    });
}

#[test]
fn a_gate_that_stops_is_not_ready() {
    let service = Service::start();
    service.hangs();
    let arguments = [WITH_SECRET, &["--metrics", "127.0.0.1:0"]].concat();
    let (mut gate, reports) = reporting(&service, STANDARD, &arguments);
    let state = state_of(&reports);
    assert!(is(&state, "/ready", "200"));
    let url = gate.url.clone();
    let waiting = thread::spawn(move || post(&url, &standard("msg_1", b"{}"), b"{}").status);
    service.wait_for(1);
    let id = gate.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let begin = Instant::now();
    while !is(&state, "/ready", "503") {
        assert!(begin.elapsed() < slowed(Duration::from_secs(8)));
        thread::sleep(Duration::from_millis(5)); // between two looks
    }
    assert!(get(&state, "/live").contains("live"));
    let page = get(&state, "/metrics");
    assert!(page.contains("\ncloudevents_webhook_ready 0\n"), "{page}");
    assert_eq!((waiting.join().unwrap(), gate.child.wait().unwrap().code()), (503, Some(0)));
}

#[test]
fn no_more_are_accepted_than_were_asked_for() {
    let service = Service::start();
    service.responds_to_all(3);
    let mut gate = in_front_of(&service.url(), STANDARD, &[WITH_SECRET, &["-n", "2"]].concat());
    let url = gate.url.as_str();
    let send = |number: usize| post(url, &standard(&format!("msg_{number}"), b"{}"), b"{}").status;
    let found = thread::scope(|scope| {
        let send = &send;
        let first = [0, 1].map(|number| scope.spawn(move || send(number)));
        service.wait_for(2);
        assert_eq!([2, 3, 4].map(send), [503; 3]);
        service.responds_to_all(2);
        first.map(|one| one.join().unwrap())
    });
    assert_eq!((found, service.seen().len()), ([204; 2], 2));
    assert_eq!(gate.child.wait().unwrap().code(), Some(0));
}

/// Some senders end their side behind the request.
#[test]
fn a_sender_that_half_closes_gets_its_response() {
    let service = Service::start();
    service.responds_to_all(2);
    let gate = in_front_of(&service.url(), STANDARD, WITH_SECRET);
    let given: String =
        standard("msg_1", b"{}").iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut stream = TcpStream::connect(gate.url.split('/').nth(2).unwrap()).unwrap();
    write!(stream, "POST /hook HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n{given}\r\n{{}}").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    service.wait_for(1);
    service.responds_to_all(1);
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 204 "), "{response}");
}

/// Such as a line with a remark.
#[test]
fn short_secrets_are_refused() {
    for provider in ["github", "stripe", "slack"] {
        let arguments = ["webhook", "serve", "http://127.0.0.1:0/", "--provider", provider];
        for (secret, expected) in [("x", 2), ("1234567", 2), ("12345678\n#prod", 2)] {
            let ran = command(&arguments).args(WITH_SECRET).env("HOOK_SECRET", secret).output().unwrap();
            let errors = String::from_utf8_lossy(&ran.stderr);
            assert_eq!(ran.status.code(), Some(expected), "{provider}: {errors}");
            assert!(errors.contains("`HOOK_SECRET` has fewer than 8 characters"), "{errors}");
        }
    }
}
