//! `ce webhook serve --to`: the secret of the service, and tokens and keys in files.

use crate::{
    program::{Served, ce_with, command, file},
    webhook_gate::{STANDARD, Service, TOKEN, WITH_SECRET, headers, in_front_of, post, standard},
    webhook_operating::hang_up,
    webhook_schemes::{reporting, until},
};
use cloudevents_kit::webhook::signature::{Sign as _, Stripe};
use std::{fs, time::UNIX_EPOCH};

/// `gate:pass%word/x`, in base64, by `printf | base64`.
const BASIC: &str = "Basic Z2F0ZTpwYXNzJXdvcmQveA==";

fn with_password(service: &Service, password: &str) -> String {
    service.url().replacen("http://", &format!("http://gate:{password}@"), 1)
}

/// Other users of a machine see the arguments of a program, and neither its variables nor its files.
#[test]
fn the_url_of_a_service_comes_from_a_variable_a_file_or_a_connection() {
    let service = Service::start();
    let url = with_password(&service, "pass%25word%2Fx");
    let unencoded = with_password(&service, "pass%25word/x");
    let place = format!("@{}", file("service.url", format!("{url}\n")).display());
    let password = file("password", "pass%word/x\n");
    let config = format!(
        "connections:\n  shop: {{url: '{}', user: gate, password-file: '{}'}}\n  odd: {{url: '{0}', headers: ['X-A: 1']}}\n",
        service.url(),
        password.display()
    );
    let config = file("config.yaml", config);
    let gate = |options: &[&str]| {
        let arguments = [&["webhook", "serve", "http://127.0.0.1:0/hook"], options, WITH_SECRET].concat();
        let mut command = command(&arguments);
        command
            .env("HOOK_SECRET", STANDARD)
            .env("SERVICE", &url)
            .env("UNENCODED", &unencoded)
            .env("CE_CONFIG", &config);
        command
    };
    for (number, options) in
        [["--to-env", "SERVICE"], ["--to-env", &place], ["--to", "@shop"]].iter().enumerate()
    {
        let gate = Served::of(&mut gate(options));
        assert_eq!(post(&gate.url, &standard("msg_1", b"{}"), b"{}").status, 204, "{options:?}");
        assert_eq!(service.seen()[number].all("authorization"), [BASIC], "{options:?}");
    }
    let two_lines = format!("@{}", file("two.url", format!("{url}\n{url}\n")).display());
    for (options, words) in [
        (&["--to-env", "NO_SUCH_SERVICE"][..], "`NO_SUCH_SERVICE` is not set"),
        (&["--to-env", "service.url"], "`service.url` is not set"),
        (&["--to-env", "gate:pass%25word"], "the environment variable of a secret is not set"),
        (&["--to-env", "UNENCODED"], "percent-encode the password"),
        (&["--to-env", &two_lines], "--to-env is of one URL"),
        (&["--to-env", "SERVICE", "--to", "http://127.0.0.1:9/"], "cannot be used with"),
        (&["--to", "@no-such"], "there is no connection `no-such`"),
        (&["--to", "@odd"], "has headers, which a gate does not send"),
    ] {
        let output = gate(options).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && errors.contains(words), "{options:?}: {errors}");
        assert!(!errors.contains("pass%25word"), "{errors}");
    }
    // A default of the other option does not decide.
    let output =
        gate(&["--to", "http://127.0.0.1:9/"]).env("CE_WEBHOOK_SERVE_TO_ENV", "SERVICE").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && errors.contains("are both set"), "{errors}");
}

/// A captured delivery would be handed on once more.
#[cfg(feature = "outbox")]
#[test]
fn a_new_password_and_another_spelling_of_a_file_leave_the_memory_as_it_is() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("hook.db").display());
    let key = file("key", STANDARD);
    let dotted = key.parent().unwrap().join(".").join(key.file_name().unwrap());
    let send = |to: &str, key: &std::path::Path| {
        let gate = in_front_of(to, "", &["--secret", &format!("@{}", key.display()), "--remember", &store]);
        assert_eq!(post(&gate.url, &standard("msg_1", b"{}"), b"{}").status, 204);
        service.seen().len()
    };
    assert_eq!(send(&with_password(&service, "old"), &key), 1);
    assert_eq!(send(&with_password(&service, "new"), &key), 1);
    assert_eq!(send(&with_password(&service, "new"), &dotted), 1);
    // Another user of the service has deliveries of its own.
    let other = with_password(&service, "new").replacen("gate:", "audit:", 1);
    assert_eq!(send(&other, &key), 2);
}

/// Event Grid does not try again after 401.
#[test]
fn a_token_changes_without_a_gap() {
    let service = Service::start();
    let token = file("token", format!("{TOKEN}\n"));
    let place = format!("@{}", token.display());
    let (gate, reports) = reporting(&service, "", &["--provider", "event-grid", "--token", &place]);
    let event = br#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
    let deliver = |token: &str| {
        let bearer = format!("Bearer {token}");
        let given = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/cloudevents+json"),
            ("origin", "eventgrid.azure.net"),
        ];
        post(&gate.url, &headers(&given), event).status
    };
    assert_eq!([deliver(TOKEN), deliver("the next token")], [204, 401]);
    let mut times = 0;
    let mut written = |text: &str, words: &str| {
        times += 1;
        fs::write(&token, text).unwrap();
        hang_up(&gate);
        crate::webhook_operating::until_times(&reports, words, times);
    };
    written(&format!("the next token\r\n\n{TOKEN}\n"), "the secrets were read again");
    assert_eq!([deliver(TOKEN), deliver("the next token"), deliver("another token")], [204, 204, 401]);
    written("the next token\n", "the secrets were read again");
    assert_eq!([deliver(TOKEN), deliver("the next token")], [401, 204]);
    // A remark is no token.
    fs::write(&token, "the next token\n# old\n").unwrap();
    hang_up(&gate);
    until(&reports, "has fewer than 8 characters");
    assert_eq!([deliver("# old"), deliver("the next token")], [401, 204]);
}

/// Without the name, an operator cannot tell a stranger from a mistake.
#[test]
fn a_refused_handshake_is_logged_with_its_origin() {
    let service = Service::start();
    let (gate, reports) = reporting(&service, "", &["--provider", "event-grid", "--token", "HOOK_TOKEN"]);
    let address = gate.url.strip_prefix("http://").unwrap().split_once('/').unwrap().0;
    let head = format!(
        "OPTIONS /hook HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nwebhook-request-origin: evil.example\r\nauthorization: Bearer {TOKEN}\r\n\r\n"
    );
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
    until(&reports, "403 Forbidden: the origin \"evil.example\" is not allowed (event-grid, from 127.0.0.1:");
}

/// The time of a stored delivery, and the id and the key that fit.
#[test]
fn a_stored_delivery_of_stripe_is_verified_at_its_time() {
    let body = r#"{"id":"evt_1","object":"event"}"#;
    let (mut parts, ()) = http::Request::post("/hook").body(()).unwrap().into_parts();
    let at = UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_010);
    Stripe::new("second-key").unwrap().sign(&mut parts, body.as_bytes(), "", at).unwrap();
    let signature = parts.headers["stripe-signature"].to_str().unwrap();
    let request = format!("POST /hook HTTP/1.1\r\nstripe-signature: {signature}\r\n\r\n{body}");
    let key = format!("@{}", file("stripe.key", "first-key\nsecond-key\n").display());
    let verify = |more: &[&str]| {
        let arguments = ["webhook", "verify", "--request", "--provider", "stripe", "--secret", &key];
        ce_with(&[&arguments, more].concat(), &request)
    };
    let ran = verify(&[]);
    assert!(ran.status == 1 && ran.out.is_empty() && ran.err.contains("add `--at`"), "{}", ran.err);
    assert_eq!(verify(&["--at", "1700000010"]).out, body);
    let ran = verify(&["--at", "1700000010", "--output", "json"]);
    assert_eq!(ran.out, "{\"id\":\"evt_1\",\"key\":2,\"verified\":true}\n", "{}", ran.err);
}
