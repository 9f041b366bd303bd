//! `ce webhook serve --to`: schemes of signatures, secrets, and bounds.

use crate::{
    program::{Served, file},
    webhook_gate::{STANDARD, Service, TOKEN, headers, in_front_of, post, signed, standard},
};
use cloudevents_kit::webhook::signature::{GitHub, HmacSignature, MessageSigner, Sign as _, SigningKey};
use cloudevents_testkit::patience;
use std::{fs, path::PathBuf, process::Command, time::SystemTime};

#[test]
fn an_hmac_in_a_header_of_any_sender() {
    let service = Service::start();
    let scheme = ["--scheme", "hmac", "--hmac", "X-Partner-Signature: sha256={hex}"];
    let timed = ["--hmac-of", "{X-Partner-Time}.{body}", "--secret", "HOOK_SECRET"];
    let gate = in_front_of(&service.url(), "hook-key", &[&scheme[..], &timed].concat());
    let partner = HmacSignature::new("x-partner-signature", "hook-key").unwrap().prefixed("sha256=");
    let json = [("content-type", "application/json")];
    let genuine = signed(&partner.clone().timed("x-partner-time", "", "."), "1", &json, b"{}");
    let untimed = signed(&partner, "1", &json, b"{}");
    assert_eq!([&untimed, &genuine].map(|delivery| post(&gate.url, delivery, b"{}").status), [403, 204]);
    let [seen] = &service.seen()[..] else { panic!("{:?}", service.seen()) };
    assert_eq!(seen.all("webhook-verified"), [r#"signature=hmac;key="HOOK_SECRET";number=1"#]);
    // The body shows that it comes again.
    assert_eq!((post(&gate.url, &genuine, b"{}").status, service.seen().len()), (204, 1));
}

/// A content type is not signed. No other one makes another delivery of the same body.
#[test]
fn a_body_under_another_content_type_is_the_same_delivery() {
    let service = Service::start();
    let scheme = ["--scheme", "hmac", "--hmac", "X-Sig: {hex}", "--secret", "HOOK_SECRET"];
    let gate = in_front_of(&service.url(), "hook-key", &scheme);
    let partner = HmacSignature::new("x-sig", "hook-key").unwrap();
    for id in ["1", "2"] {
        let event = format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t"}}"#);
        let mut types = ["application/cloudevents+json", "application/json", "text/plain", ""];
        types.rotate_left(usize::from(id == "2"));
        for content_type in types {
            let given = [("content-type", content_type)];
            let delivery = signed(&partner, "1", &given, event.as_bytes());
            assert_eq!(post(&gate.url, &delivery, event.as_bytes()).status, 204, "{content_type}");
        }
    }
    assert_eq!(service.seen().len(), 2);
}

/// A gate that asks for no token leaves `Authorization` to others.
#[test]
fn an_authorization_of_another_kind_is_no_fault_without_tokens() {
    let service = Service::start();
    let gate = in_front_of(&service.url(), STANDARD, &["--secret-env", "HOOK_SECRET"]);
    let authorizations =
        [("msg_1", "key-123"), ("msg_2", "Basic c2VjcmV0"), ("msg_3", "Bearer x"), ("msg_4", "\u{e9}")];
    for (id, authorization) in authorizations {
        let mut delivery = standard(id, b"{}");
        delivery.push(("authorization".to_owned(), authorization.to_owned()));
        let url = format!("{}?access_token=1&x=1", gate.url);
        assert_eq!(post(&url, &delivery, b"{}").status, 204, "{authorization}");
    }
    // A token in the query is not for the service either.
    assert!(
        service.seen().iter().all(|seen| seen.line == "POST /app/hook?x=1 HTTP/1.1"),
        "{:?}",
        service.seen()
    );
}

#[test]
fn message_signatures_cover_attributes() {
    let service = Service::start();
    let scheme = ["--scheme", "message-signatures", "--key-id", "2026", "--authority", "partner.example"];
    let gate = in_front_of(&service.url(), STANDARD, &[&scheme[..], &["--secret", "HOOK_SECRET"]].concat());
    let given = [
        ("content-type", "text/plain"),
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/s"),
        ("ce-type", "t"),
    ];
    let mut request = http::Request::post("https://partner.example/hook");
    for (name, value) in given {
        request = request.header(name, value);
    }
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    let signer = MessageSigner::new("2026", SigningKey::parse(STANDARD).unwrap());
    signer.sign(&mut parts, b"hello", "msg_1", SystemTime::now()).unwrap();
    let text = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    let genuine: Vec<_> = parts.headers.iter().map(text).collect();
    let changed: Vec<_> = genuine
        .iter()
        .map(|(name, value)| (name.clone(), if name == "ce-type" { "u".to_owned() } else { value.clone() }))
        .collect();
    assert_eq!(post(&gate.url, &changed, b"hello").status, 403);
    assert_eq!(post(&gate.url.replace("/hook", "/other"), &genuine, b"hello").status, 404);
    assert_eq!(post(&gate.url, &genuine, b"hello").status, 204);
    let [seen] = &service.seen()[..] else { panic!("{:?}", service.seen()) };
    assert_eq!((seen.all("ce-type"), seen.body.as_slice()), (vec!["t"], &b"hello"[..]));
    assert_eq!(seen.all("webhook-verified"), [r#"signature=message-signatures;key="HOOK_SECRET";number=1"#]);
    // By the signed id, whatever else there is.
    assert_eq!((post(&gate.url, &genuine, b"hello").status, service.seen().len()), (204, 1));
}

/// The memory is the same one before, while and after a partner changes the name of its key.
#[test]
#[cfg(feature = "outbox")]
fn deliveries_are_recognised_while_the_name_of_a_key_changes() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("hook.db").display());
    let scheme = ["--scheme", "message-signatures", "--authority", "partner.example", "--remember", &store];
    for (names, name) in [
        (&["--key-id", "2026"][..], "2026"),
        (&["--key-id", "2026", "--key-id", "2027"], "2027"),
        (&["--key-id", "2027"], "2027"),
    ] {
        let options = [&scheme[..], names, &["--secret", "HOOK_SECRET"]].concat();
        let gate = in_front_of(&service.url(), STANDARD, &options);
        let request =
            http::Request::post("https://partner.example/hook").header("content-type", "text/plain");
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let signer = MessageSigner::new(name, SigningKey::parse(STANDARD).unwrap());
        signer.sign(&mut parts, b"hello", "msg_1", SystemTime::now()).unwrap();
        let given = parts.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let given: Vec<_> = given.collect();
        assert_eq!(post(&gate.url, &headers(&given), b"hello").status, 204, "{names:?}");
        assert_eq!(service.seen().len(), 1, "{names:?}");
    }
}

#[test]
fn events_of_web_pubsub_come_with_their_replies() {
    let service = Service::start();
    let arguments = ["--provider", "web-pubsub", "--secret", "HOOK_SECRET"];
    let gate = in_front_of(&service.url(), "old-secret\naccess-key", &arguments);
    // HMAC-SHA256 of `connection-1` with `access-key`, by Python's `hmac`.
    let signature = "sha256=8f36456b7db5be1e6cfd39950cbc7cc1b4e06bea3538a1471ddeb741517f68fb";
    let delivery = |origin, signature| {
        headers(&[
            ("webhook-request-origin", origin),
            ("content-type", "text/plain"),
            ("ce-specversion", "1.0"),
            ("ce-id", "1"),
            ("ce-source", "/hubs/chat/client/connection-1"),
            ("ce-type", "azure.webpubsub.user.message"),
            ("ce-connectionId", "connection-1"),
            ("ce-signature", signature),
        ])
    };
    let known = "chat.webpubsub.azure.com";
    let wrong = "sha256=0000000000000000000000000000000000000000000000000000000000000000";
    assert_eq!(post(&gate.url, &delivery(known, wrong), b"hello").status, 403);
    assert_eq!(post(&gate.url, &delivery("attacker.example", signature), b"hello").status, 403);
    service.replies("200 OK\r\ncontent-type: text/plain", "welcome");
    let answer = post(&gate.url, &delivery(known, signature), b"hello");
    assert_eq!((answer.status, answer.body.as_str()), (200, "welcome"));
    let [seen] = &service.seen()[..] else { panic!("{:?}", service.seen()) };
    let verified = r#"signature=web-pubsub;key="HOOK_SECRET";number=2, origin="chat.webpubsub.azure.com""#;
    assert_eq!((seen.all("webhook-verified"), seen.all("ce-id")), (vec![verified], vec!["1"]));
}

/// A server of the program whose reports go to a file.
pub(crate) fn reporting(service: &Service, secret: &str, arguments: &[&str]) -> (Served, PathBuf) {
    serving(secret, &[&["--to", &service.url()], arguments].concat())
}

/// `ce webhook serve` with these options, and the file with its standard error.
pub(crate) fn serving(secret: &str, arguments: &[&str]) -> (Served, PathBuf) {
    let all = [&["webhook", "serve", "http://127.0.0.1:0/hook"], arguments].concat();
    let mut command = crate::program::command(&all);
    reporting_of(command.envs([("HOOK_TOKEN", TOKEN), ("HOOK_SECRET", secret)]))
}

/// The same for this command.
pub(crate) fn reporting_of(command: &mut Command) -> (Served, PathBuf) {
    let reports = file("reports", "");
    let to_file = fs::File::options().append(true).open(&reports).unwrap();
    let mut child = command.stdin(std::process::Stdio::null()).stderr(to_file).spawn().unwrap();
    loop {
        let reported = fs::read_to_string(&reports).unwrap();
        let url = |line: &str| line.strip_prefix("listening at ")?.strip_suffix('\n').map(str::to_owned);
        if let Some(url) = reported.split_inclusive('\n').find_map(url) {
            return (Served { child, url }, reports);
        }
        assert_eq!(child.try_wait().unwrap(), None, "{reported}");
        std::thread::sleep(std::time::Duration::from_millis(5)); // between two looks
    }
}

/// Waits until these words are reported.
pub(crate) fn until(reports: &PathBuf, words: &str) -> String {
    let begin = std::time::Instant::now();
    loop {
        let reported = fs::read_to_string(reports).unwrap();
        if reported.contains(words) {
            return reported;
        }
        assert!(begin.elapsed() < patience(), "no `{words}`: {reported}");
        std::thread::sleep(std::time::Duration::from_millis(5)); // between two looks
    }
}

const GITHUB: &[&str] = &["--provider", "github", "--secret-env", "HOOK_SECRET"];

/// GitHub takes any text for a secret.
#[test]
fn a_secret_with_spaces_is_one_secret() {
    let service = Service::start();
    let (gate, reports) = reporting(&service, "correct horse\n battery staple \n", GITHUB);
    let json = [("content-type", "application/json")];
    let status = |secret: &str, number: u8| {
        let body = format!("[{number}]").into_bytes();
        post(&gate.url, &signed(&GitHub::new(secret).unwrap(), "1", &json, &body), &body).status
    };
    let found = ["correct", "horse", "correct horse", "battery staple"]
        .map(|secret| status(secret, secret.len() as u8));
    assert_eq!(found, [403, 403, 204, 204]);
    let reported = until(&reports, "white space inside");
    assert!(reported.contains("`HOOK_SECRET`") && !reported.contains("horse"), "{reported}");
}

#[test]
fn secrets_and_tokens_come_from_files() {
    let service = Service::start();
    let [key, token] =
        ["hook-key\n", "a token of a sender\r\n"].map(|text| format!("@{}", file("secret", text).display()));
    let arguments = ["--provider", "github", "--secret-env", &key, "--token", &token];
    let gate = in_front_of(&service.url(), "", &arguments);
    let given = [("content-type", "application/json"), ("authorization", "Bearer a token of a sender")];
    let genuine = signed(&GitHub::new("hook-key").unwrap(), "1", &given, b"{}");
    assert_eq!(post(&gate.url, &genuine, b"{}").status, 204);
    let seen = service.seen();
    let [verified] = seen[0].all("webhook-verified")[..] else { panic!("{seen:?}") };
    assert_eq!(verified, format!("signature=github;key=\"{key}\";number=1, token=\"{token}\""));
}

#[test]
fn lines_of_the_log_are_bounded() {
    let service = Service::start();
    let (gate, reports) = reporting(&service, "hook-key", &["--token-env", "HOOK_TOKEN"]);
    let long = "x".repeat(5000);
    let (authorization, version) = (format!("Bearer {TOKEN}"), format!("1.{long}"));
    assert_eq!(post(&gate.url.replace("/hook", &format!("/{long}")), &[], b"{}").status, 404);
    let event = headers(&[
        ("authorization", &authorization),
        ("content-type", "text/plain"),
        ("ce-specversion", &version),
        ("ce-id", "1"),
        ("ce-source", "/s"),
        ("ce-type", "t"),
    ]);
    assert_eq!(post(&gate.url, &event, b"{}").status, 400);
    until(&reports, "404 Not Found of POST /xxx");
    let reported = until(&reports, "specversion");
    assert!(reported.lines().all(|line| line.chars().count() < 300), "{reported}");
    assert!(reported.contains("xxx…"), "{reported}");
}

/// 429 is for those who sign, and not for what anybody sends.
#[test]
fn deliveries_beyond_the_rate_get_429() {
    let service = Service::start();
    let gate = in_front_of(&service.url(), "hook-key", &[GITHUB, &["--rate", "2"]].concat());
    let json = [("content-type", "application/json")];
    let send = |secret: &str, number: u8| {
        let body = format!("[{number}]").into_bytes();
        post(&gate.url, &signed(&GitHub::new(secret).unwrap(), "1", &json, &body), &body)
    };
    assert_eq!([1, 2, 3, 4].map(|number| send("other", number).status), [403; 4]);
    assert_eq!([1, 2].map(|number| send("hook-key", number).status), [204; 2]);
    let answer = send("hook-key", 3);
    assert_eq!(answer.status, 429);
    assert!(answer.head.contains("retry-after: "), "{}", answer.head);
    // One that was accepted is not counted once more.
    assert_eq!((send("hook-key", 1).status, service.seen().len()), (204, 2));
    // Each origin has the rate.
    let allowed = ["--origin", "*.partner.example", "--token-env", "HOOK_TOKEN", "--rate", "1"];
    let gate = in_front_of(&service.url(), "", &allowed);
    let authorization = format!("Bearer {TOKEN}");
    let found = ["a", "a", "b"].map(|host| {
        let origin = format!("{host}.partner.example");
        let given = [("authorization", authorization.as_str()), ("webhook-request-origin", &origin), json[0]];
        post(&gate.url, &headers(&given), b"{}").status
    });
    assert_eq!(found, [204, 429, 204]);
}

/// Each delivery needs a descriptor for its connection to the service, and all of them at once.
#[cfg(target_os = "linux")]
#[test]
fn a_crowd_of_strangers_leaves_descriptors_to_genuine_deliveries() {
    let service = Service::start();
    service.responds_to_all(16);
    let to = service.url();
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 100; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_ce")]);
    limited.args(["webhook", "serve", "http://127.0.0.1:0/hook", "--to", &to, "--in-flight", "16"]);
    let gate = Served::of(limited.args(GITHUB).envs([("HOOK_SECRET", "hook-key"), ("CE_CONFIG", "")]));
    let address = gate.url.split('/').nth(2).unwrap();
    let strangers: Vec<_> = (0..200).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    let send = &|number: usize| {
        let body = format!("[{number}]").into_bytes();
        let json = [("content-type", "application/json")];
        post(&gate.url, &signed(&GitHub::new("hook-key").unwrap(), "1", &json, &body), &body).status
    };
    let found: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..16).map(|number| scope.spawn(move || send(number))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!((found, service.seen().len(), strangers.len()), (vec![204; 16], 16, 200));
}
