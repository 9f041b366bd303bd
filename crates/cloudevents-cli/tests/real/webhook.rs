//! `ce webhook`: a target, and what a check makes of it and of faults.

use crate::program::{self, GOOD, Ran, Served, ce_with, command};
use cloudevents_kit::webhook::signature::{GitHub, Sign, Stripe};
use cloudevents_testkit::patience;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read, Write},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TOKEN: &str = "a long random token";

/// Starts `ce webhook serve`.
fn serve(arguments: &[&str]) -> Served {
    let arguments =
        [&["webhook", "serve", "http://127.0.0.1:0/hook", "--body-deadline", "5"], arguments].concat();
    Served::of(command(&arguments).envs([("HOOK_TOKEN", TOKEN), ("HOOK_SECRET", SECRET)]))
}

/// Everything that a target can check.
const STRICT: &[&str] = &[
    "--origin",
    "me.example",
    "--token-env",
    "HOOK_TOKEN",
    "--secret-env",
    "HOOK_SECRET",
    "--rate",
    "100000",
];

fn check(url: &str, arguments: &[&str]) -> Ran {
    let mut command = command(&["webhook", "check", url, "--origin", "me.example", "--output", "json"]);
    command
        .args(["--token-env", "HOOK_TOKEN", "--secret-env", "HOOK_SECRET"])
        .args(arguments)
        .envs([("HOOK_TOKEN", TOKEN), ("HOOK_SECRET", SECRET)]);
    program::run(command)
}

/// The rules with this verdict.
fn with(ran: &Ran, verdict: &str) -> Vec<String> {
    let is = |finding: &Value| finding["verdict"] == verdict;
    ran.lines().iter().filter(|line| is(line)).map(|line| line["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_right_target_passes_every_rule() {
    let served = serve(STRICT);
    let junit = std::env::temp_dir().join(format!("ce-webhook-{}.xml", std::process::id()));
    let ran = check(&served.url, &["--junit", junit.to_str().unwrap()]);
    assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
    assert!(with(&ran, "fail").is_empty() && with(&ran, "warn").is_empty(), "{}", ran.out);
    assert_eq!(with(&ran, "skip"), ["response.retry-after"]); // the rate is not met
    assert!(with(&ran, "pass").len() >= 30, "{}", ran.out);
    // What was found is why a rule holds.
    let is_contradiction = |finding: &Value| {
        let found = finding["found"].as_str().unwrap();
        finding["verdict"] == "pass"
            && (found.is_empty() || found.contains("missing") || found.contains("not"))
    };
    let contradictions: Vec<Value> = ran.lines().into_iter().filter(is_contradiction).collect();
    assert!(contradictions.is_empty(), "{contradictions:?}");
    let junit = std::fs::read_to_string(junit).unwrap();
    assert!(junit.contains("failures=\"0\"") && junit.contains("name=\"handshake.consent: "), "{junit}");
    // No secret in any output.
    assert!(![&ran.out, &ran.err, &junit].iter().any(|text| text.contains(TOKEN) || text.contains(SECRET)));
}

/// A fault, and the rules that find it.
const FAULTS: &[(&str, &str, &[&str])] = &[
    ("204=200", "fail", &["response.status"]),
    ("204=302", "fail", &["response.redirect", "delivery.structured"]),
    ("204=307", "fail", &["response.redirect"]),
    ("204=400", "fail", &["delivery.structured", "delivery.after"]),
    ("204=404", "fail", &["delivery.structured"]),
    ("204=500", "fail", &["delivery.structured", "size.64k"]),
    ("untyped-payload", "fail", &["response.status"]),
    ("401=204", "fail", &["token.none", "token.wrong"]),
    ("401=500", "fail", &["token.none", "token.wrong"]),
    ("401=302", "fail", &["token.none", "response.redirect"]),
    (
        "403=204",
        "fail",
        &["signature.none", "signature.wrong", "signature.old", "origin.other", "origin.none"],
    ),
    ("403=500", "fail", &["signature.wrong", "origin.other"]),
    ("400=204", "fail", &["token.both", "media-type.none", "payload.none", "event.attribute"]),
    ("400=500", "fail", &["token.both", "media-type.none", "payload.none", "event.syntax"]),
    ("415=204", "fail", &["media-type.unknown", "media-type.format"]),
    ("415=500", "fail", &["media-type.unknown", "delivery.binary"]),
    ("415=400", "warn", &["media-type.unknown"]),
    ("413=204", "fail", &["size.large"]),
    ("413=500", "fail", &["size.large"]),
    ("405=204", "fail", &["method.get"]),
    ("405=500", "fail", &["method.get"]),
    ("agrees-to-all", "fail", &["handshake.other", "handshake.malformed"]),
    ("no-handshake", "warn", &["handshake.consent"]),
    ("redirects-handshake", "fail", &["response.redirect"]),
    ("origin=other.example", "fail", &["handshake.consent"]),
    ("origin=me.example.attacker.invalid", "fail", &["handshake.consent"]),
    ("origin=", "warn", &["handshake.consent"]),
    ("rate=0", "fail", &["handshake.consent"]),
    ("rate=", "fail", &["handshake.rate"]),
    ("allow=", "warn", &["handshake.allow"]),
    ("bare-headers", "warn", &["response.private"]),
];

#[test]
fn every_planted_fault_is_found_by_its_rules() {
    assert!(FAULTS.len() >= 31);
    for (fault, verdict, rules) in FAULTS {
        let mut arguments = STRICT.to_vec();
        arguments.extend(["--misbehave", fault]);
        let served = serve(&arguments);
        let ran = check(&served.url, &["--i-own-this", "--quick"]);
        let found = with(&ran, verdict);
        for rule in *rules {
            assert!(
                found.iter().any(|found| found == rule),
                "{fault}: {rule} not among {found:?}\n{}",
                ran.err
            );
        }
        assert_eq!(ran.status, i32::from(!with(&ran, "fail").is_empty()), "{fault}");
    }
}

#[test]
fn a_slow_body_and_a_missing_limit() {
    let served = serve(&[STRICT, &["--misbehave", "408=204"]].concat());
    let ran = check(&served.url, &[]);
    assert!(with(&ran, "fail").contains(&"body.slow".to_owned()), "{}", ran.out);
}

#[test]
fn nothing_is_delivered_without_consent() {
    let served = serve(&[STRICT, &["--misbehave", "no-handshake"]].concat());
    let ran = check(&served.url, &[]);
    assert!(ran.err.contains("--i-own-this"), "{}", ran.err);
    let [passed, warned] = ["pass", "warn"].map(|verdict| with(&ran, verdict));
    let mut judged = passed.iter().chain(&warned);
    assert!(
        !warned.is_empty() && judged.all(|rule| rule.starts_with("handshake.")),
        "{passed:?}, {warned:?}"
    );
    // Nothing fails, and this is no success.
    let skipped = with(&ran, "skip");
    assert_eq!((ran.status, with(&ran, "fail").len()), (1, 0));
    assert!(skipped.contains(&"delivery.structured".to_owned()) && skipped.len() > 20, "{skipped:?}");
    let nothing = check("http://127.0.0.1:9/hook", &[]);
    assert_eq!(nothing.status, 3, "{}", nothing.err);
    for wrong in ["no url", "partner.example/hook", "ftp://partner.example/hook", "http://"] {
        let nothing = check(wrong, &[]);
        assert_eq!((nothing.status, nothing.out.as_str()), (2, ""), "{wrong}: {}", nothing.err);
    }
}

/// A target that grants this rate to `me.example`, or to every origin with `*`, and responds to deliveries with this head. Also counts
/// them.
fn granting(
    origin: &'static str,
    rate: &'static str,
    to_delivery: &'static str,
) -> (String, Arc<AtomicUsize>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let posts = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&posts);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut head, mut length) = (String::new(), 0);
            let mut line = String::new();
            while stream.read_line(&mut line).unwrap_or(0) > 2 {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                head += &std::mem::take(&mut line);
            }
            let _ = std::io::copy(&mut (&mut stream).take(length), &mut std::io::sink());
            let agreed = format!(
                "200 OK\r\nwebhook-allowed-origin: {origin}\r\nwebhook-allowed-rate: {rate}\r\nallow: POST"
            );
            let is_agreed = origin == "*" || head.contains("webhook-request-origin: me.example\r");
            let response = match head.starts_with("OPTIONS") && is_agreed {
                true => &agreed,
                false if head.starts_with("OPTIONS") => "403 Forbidden",
                false if head.starts_with("GET") => "405 Method Not Allowed\r\nallow: POST",
                false => {
                    seen.fetch_add(1, Ordering::Relaxed);
                    to_delivery
                }
            };
            let response = format!("HTTP/1.1 {response}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            let _ = stream.get_mut().write_all(response.as_bytes());
        }
    });
    (url, posts)
}

/// The specification allows it (WEBHOOK-4.2.1-b).
#[test]
fn a_target_that_agrees_to_every_origin_does_not_fail() {
    let (url, _) = granting("*", "*", "204 No Content");
    let ran = check(&url, &["--quick"]);
    let warned = with(&ran, "warn");
    for rule in ["handshake.other", "handshake.malformed", "handshake.none"] {
        assert!(warned.iter().any(|warned| warned == rule), "{rule}: {}", ran.out);
    }
    let skipped = with(&ran, "skip");
    for rule in ["origin.other", "origin.none"] {
        assert!(skipped.iter().any(|skipped| skipped == rule), "{rule}: {}", ran.out);
    }
}

/// A target whose limit is used up all the time. Each request is repeated a few times at most, and all of them are few.
#[test]
fn a_target_that_limits_every_delivery_is_not_judged() {
    let (url, posts) = granting("me.example", "*", "429 Too Many Requests\r\nretry-after: 0");
    let ran = check(&url, &["--quick"]);
    let [passed, warned, failed] = ["pass", "warn", "fail"].map(|verdict| with(&ran, verdict));
    assert_eq!((ran.status, warned.len(), failed.len()), (1, 0, 0), "{}{}", ran.out, ran.err);
    let is_known = |rule: &String| {
        rule.starts_with("handshake.") || rule.starts_with("response.") || rule == "method.get"
    };
    assert!(passed.iter().all(is_known), "{passed:?}");
    assert!(ran.err.contains("no delivery could be judged"), "{}", ran.err);
    let posts = posts.load(Ordering::Relaxed);
    assert!(posts < 40, "{posts} deliveries were sent");
}

#[test]
fn a_check_keeps_to_the_rate_that_the_target_grants() {
    let (url, posts) = granting("me.example", "2", "204 No Content");
    let mut check = command(&["webhook", "check", &url, "--origin", "me.example", "--quick"]);
    let child = check.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut checking = Served { child, url };
    let until = Instant::now() + patience();
    while posts.load(Ordering::Relaxed) < 2 {
        assert!(Instant::now() < until, "nothing is delivered");
        std::thread::sleep(Duration::from_millis(5));
    }
    // Others would come in a moment, and the check would end.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(posts.load(Ordering::Relaxed), 2);
    assert!(checking.child.try_wait().unwrap().is_none(), "the check does not wait");
}

#[test]
fn a_target_without_proof_of_the_sender_does_not_start_and_warns_in_a_check() {
    let ran = command(&["webhook", "serve", "http://127.0.0.1:0/"]).output().unwrap();
    assert_eq!(ran.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("unauthenticated"));
    let served = serve(&["--unauthenticated"]);
    let output = command(&["webhook", "check", &served.url, "--i-own-this", "--quick", "--output", "json"])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"token.required\""));
}

#[test]
fn what_is_signed_is_verified() {
    let run = |arguments: &[&str], body: &str| {
        let mut child = command(arguments)
            .env("HOOK_SECRET", SECRET)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), body.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    // The example of Standard Webhooks' libraries.
    let body = r#"{"test": 2432232314}"#;
    let sign = [
        "webhook",
        "sign",
        "-",
        "--id",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "--at",
        "1614265330",
        "--output",
        "json",
    ];
    let (status, out) = run(&sign, body);
    let headers: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (status, &headers["webhook-signature"]),
        (0, &"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".into())
    );
    let lines: Vec<String> = ["id", "timestamp", "signature"]
        .map(|name| format!("webhook-{name}: {}", headers[format!("webhook-{name}")].as_str().unwrap()))
        .into();
    let verify =
        ["webhook", "verify", "-", "-H", &lines[0], "-H", &lines[1], "-H", &lines[2], "--at", "1614265400"];
    assert_eq!(run(&verify, body).0, 0);
    assert_eq!(run(&verify, "{}").0, 1);
    assert_eq!(ce_with(&["webhook", "sign", "-", "--secret-env", "NO_SUCH_VARIABLE"], body).status, 2);
}

/// Posts a body with these headers, and returns the status.
fn post(url: &str, headers: &[(&str, &str)], body: &str) -> u16 {
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let request = format!(
        "POST /{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response.split(' ').nth(1).unwrap().parse().unwrap()
}

/// What a target refuses before there is a delivery, with the reason.
#[test]
fn refusals_of_a_target_are_shown() {
    let mut child =
        command(&["webhook", "serve", "http://127.0.0.1:0/hook", "-n", "1", "--origin", "me.example"])
            .args(["--token-env", "HOOK_TOKEN"])
            .env("HOOK_TOKEN", TOKEN)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    err.read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening at ").unwrap().to_owned();
    let (origin, token) = (("webhook-request-origin", "me.example"), format!("Bearer {TOKEN}"));
    let token = ("authorization", token.as_str());
    let json = ("content-type", "application/cloudevents+json");
    let text = ("content-type", "text/html");
    let grid = r#"{"topic":"/t","subject":"s","eventType":"Blob","eventTime":"2017-06-26T18:41:00Z","id":"7","data":1}"#;
    assert_eq!(post(&url, &[token, json], GOOD), 403);
    assert_eq!(post(&url, &[origin, json], GOOD), 401);
    assert_eq!(post(&url, &[origin, token, text], GOOD), 415);
    assert_eq!(post(&url, &[origin, token, ("content-type", "application/json")], grid), 415);
    assert_eq!(post(&url.replace("/hook", "/other"), &[origin, token, json], GOOD), 404);
    assert_eq!(post(&url, &[origin, token, json], GOOD), 204);
    let mut rest = String::new();
    err.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest}");
    assert_eq!(rest.matches("warning: a request was refused").count(), 5, "{rest}");
    for status in [
        "403 Forbidden: ",
        "401 Unauthorized: ",
        "415 Unsupported Media Type: there is neither",
        "it is an event in the schema of Azure Event Grid: `--from event-grid` makes events of it",
        "404 Not Found of POST /other",
    ] {
        assert!(rest.contains(status), "{status}: {rest}");
    }
}

/// What is written to a file is read by curl.
#[test]
fn headers_of_a_signature_are_those_of_a_request() {
    let run = |arguments: &[&str]| {
        let mut command = command(&[&["webhook", "sign", "-", "--at", "1"], arguments].concat());
        let mut child =
            command.env("HOOK_SECRET", SECRET).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"{}").unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    let headers = run(&["--headers"]);
    assert_eq!(headers.lines().count(), 3, "{headers}");
    assert!(
        headers.contains("webhook-timestamp: 1\n") && headers.contains("webhook-signature: v1,"),
        "{headers}"
    );
    assert!(run(&[]).starts_with('{'));
}

#[test]
fn deliveries_of_providers_are_printed_as_events() {
    let github = r#"{"action":"opened","issue":{"number":7},"repository":{"url":"https://api.github.com/repos/octo/hello"}}"#;
    let stripe = r#"{"object":"event","id":"evt_1","type":"invoice.paid"}"#;
    for (provider, body, ty) in
        [("github", github, "com.github.issues.opened"), ("stripe", stripe, "com.stripe.invoice.paid")]
    {
        let (mut parts, ()) = http::Request::post("/hook").body(()).unwrap().into_parts();
        let signer: &dyn Sign = match provider {
            "github" => &GitHub::new("new-secret").unwrap(),
            _ => &Stripe::new("new-secret").unwrap(),
        };
        signer.sign(&mut parts, body.as_bytes(), "1", std::time::SystemTime::now()).unwrap();
        let mut headers = vec![("content-type", "application/json"), ("x-github-event", "issues")];
        headers.extend(parts.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())));
        let mut child =
            command(&["webhook", "serve", "http://127.0.0.1:0/hook", "--provider", provider, "-n", "1"])
                .args(["--secret-env", "HOOK_SECRET", "--output", "json"])
                .env("HOOK_SECRET", "old-secret\nnew-secret")
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
        let mut line = String::new();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        err.read_line(&mut line).unwrap();
        let url = line[line.find("http://").unwrap()..]
            .trim_end_matches(|end: char| !end.is_alphanumeric())
            .to_owned();
        assert_eq!(post(&url, &headers, &body.replace('1', "2").replace('7', "8")), 403, "{provider}");
        assert_eq!(post(&url, &headers, body), 204, "{provider}");
        drop(err);
        let output = child.wait_with_output().unwrap();
        let event: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((output.status.code(), event["type"].as_str()), (Some(0), Some(ty)));
    }
    let refused = command(&[
        "webhook",
        "serve",
        "http://127.0.0.1:0/",
        "--provider",
        "event-grid",
        "--secret-env",
        "HOOK_SECRET",
    ])
    .env("HOOK_SECRET", "a secret")
    .output()
    .unwrap();
    assert_eq!(refused.status.code(), Some(2));
}

/// They name their sender in `Origin`, and some have a schema that is no URI.
#[test]
fn deliveries_of_event_grid_are_accepted() {
    let served = serve(&["--provider", "event-grid", "--token-env", "HOOK_TOKEN"]);
    let body = r##"{"specversion":"1.0","id":"1","source":"/s","type":"t","dataschema":"#","data":{}}"##;
    let url = format!("{}?access_token={}", served.url, TOKEN.replace(' ', "%20"));
    let headers = |origin| [("origin", origin), ("content-type", "application/cloudevents+json")];
    assert_eq!(post(&url, &headers("attacker.example"), body), 403);
    assert_eq!(post(&served.url, &headers("eventgrid.azure.net"), body), 401);
    assert_eq!(post(&url, &headers("eventgrid.azure.net"), body), 204);
}

#[test]
fn a_key_is_made_and_rotated_without_a_gap() {
    let made = |arguments: &[&str], current: &str| -> Value {
        let output = command(&["webhook", "secret", "--output", "json"])
            .args(arguments)
            .env("CURRENT", current)
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let text = |value: &Value, member: &str| value[member].as_str().unwrap().to_owned();
    let body = r#"{"a":1}"#;
    let run = |arguments: &[&str], secret: &str| {
        let file = crate::program::file("body.json", body);
        let arguments: Vec<&str> =
            arguments.iter().map(|a| if *a == "BODY" { file.to_str().unwrap() } else { a }).collect();
        command_with(&arguments, secret)
    };
    let is_valid = |signer: &str, verifier: &str| {
        let output = run(&["webhook", "sign", "BODY", "--output", "json"], signer);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let headers: Value = serde_json::from_slice(&output.stdout).unwrap();
        let lines: Vec<String> = ["webhook-id", "webhook-timestamp", "webhook-signature"]
            .map(|name| format!("{name}: {}", headers[name].as_str().unwrap()))
            .into();
        let verify = ["webhook", "verify", "BODY", "-H", &lines[0], "-H", &lines[1], "-H", &lines[2]];
        run(&verify, verifier).status.success()
    };
    let old = text(&made(&[], ""), "secret");
    let both = text(&made(&["--rotate", "CURRENT"], &old), "secret");
    let (new, kept) = both.split_once(' ').unwrap();
    assert!(kept == old && new != old && !is_valid(&old, new));
    // The sender has both; receivers have the old one, the new one, or both.
    for receiver in [&old, new, &both] {
        assert!(is_valid(&both, receiver) && is_valid(receiver, &both), "{receiver}");
    }
    let again = text(&made(&["--rotate", "CURRENT"], &both), "secret");
    assert!(again.ends_with(&format!(" {new}")) && again.split(' ').count() == 2, "{again}");
    let pair = made(&["--ed25519"], "");
    assert!(is_valid(&text(&pair, "secret"), &text(&pair, "public")));
    let rotated =
        command(&["webhook", "secret", "--rotate", "CURRENT"]).env("CURRENT", "no key").output().unwrap();
    assert_eq!(rotated.status.code(), Some(2));
}

/// In `HOOK_SECRET=$(ce webhook secret)`, no form is named, and standard output is a pipe.
#[test]
fn a_key_in_a_pipe_is_text() {
    let output = command(&["webhook", "secret"]).env_remove("CE_OUTPUT").output().unwrap();
    let key = String::from_utf8(output.stdout).unwrap();
    assert!(key.starts_with("whsec_") && key.lines().count() == 1, "{key}");
}

/// `NAME=PROGRAM`, one per line.
const PEERS: &str = "CE_TEST_PEERS";

#[test]
fn over_webhook() {
    let Ok(peers) = std::env::var(PEERS) else {
        println!("SKIPPED: {PEERS} is not set; spec-tests/crosslang/webhook/run.sh sets it");
        return;
    };
    for (name, program) in peers.lines().filter_map(|line| line.split_once('=')) {
        let mut words = program.split(' ');
        let mut command = std::process::Command::new(words.next().unwrap());
        command.args(words).arg("me.example").env("HOOK_SECRET", SECRET);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let url = format!("http://127.0.0.1:{}/hook", port.trim());
        let target = Served { child, url };
        let check = |secret: &str| {
            let arguments = ["webhook", "check", &target.url, "--origin", "me.example", "--output", "json"];
            let mut command = program::command(&arguments);
            command.args(["--secret-env", "HOOK_SECRET"]).env("HOOK_SECRET", secret);
            program::run(command)
        };
        let ran = check(SECRET);
        assert_eq!(ran.status, 0, "{name}: {}{}", ran.out, ran.err);
        let [failed, warned, passed] = ["fail", "warn", "pass"].map(|verdict| with(&ran, verdict));
        assert!(failed.is_empty() && warned.is_empty(), "{name}: {failed:?} {warned:?}");
        assert!(
            with(&ran, "skip")
                .iter()
                .all(|rule| rule.starts_with("token.") || rule == "response.retry-after")
        );
        println!("{name}: {} rules pass", passed.len());
        // With another key nothing is accepted.
        let ran = check("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        let failed = with(&ran, "fail");
        assert!(ran.status == 1 && failed.contains(&"delivery.structured".to_owned()), "{name}: {failed:?}");
    }
}

fn command_with(arguments: &[&str], secret: &str) -> std::process::Output {
    command(arguments).args(["--secret-env", "HOOK_SECRET"]).env("HOOK_SECRET", secret).output().unwrap()
}

#[test]
fn deliveries_of_other_systems_are_printed_as_events() {
    let mut child = command(&["webhook", "serve", "http://127.0.0.1:0/hook", "-n", "2", "--unauthenticated"])
        .args(["--from", "auto"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    err.read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening at ").unwrap().to_owned();
    let grid = r#"{"topic":"/t","subject":"s","eventType":"Blob","eventTime":"2017-06-26T18:41:00Z","id":"7","data":{"n":1.50}}"#;
    let json = ("content-type", "application/json");
    assert_eq!(post(&url, &[json], r#"{"n":1}"#), 415);
    assert_eq!(post(&url, &[json], &format!("[{grid},{}]", grid.replace("\"7\"", "\"8\""))), 204);
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let ids = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone());
    assert_eq!(ids.collect::<Vec<_>>(), ["7", "8"]);
    let ran =
        ce_with(&["webhook", "serve", "http://127.0.0.1:0/", "--unauthenticated", "--from", "no-such"], "");
    assert!(ran.status == 2 && ran.err.contains("no adapter with the name `no-such`"), "{}", ran.err);
    let both = ["--provider", "github", "--from", "auto"];
    let ran =
        ce_with(&[&["webhook", "serve", "http://127.0.0.1:0/", "--unauthenticated"], &both[..]].concat(), "");
    assert!(ran.status == 2 && ran.err.contains("--provider says"), "{}", ran.err);
}
