//! `ce webhook verify` as a filter.

use crate::{
    program::{Ran, ce_with, command, file, ran},
    webhook_gate::{STANDARD, headers, signed},
};
use cloudevents_kit::webhook::signature::{
    GitHub, HmacSignature, MessageSigner, Sign, SigningKey, StandardSigner, Stripe,
};
use serde_json::Value;
use std::{
    fmt::Write as _,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

/// Runs `ce webhook verify` over this body, with a secret in `HOOK_SECRET`.
fn verify(secret: &str, arguments: &[&str], body: &[u8]) -> Ran {
    let mut command = command(&[&["webhook", "verify"], arguments].concat());
    command.env("HOOK_SECRET", secret).env("HOOK_TOKEN", "a token");
    ran(command, body)
}

/// Header lines, as `curl -H @FILE` reads them.
fn lines(headers: &[(String, String)]) -> String {
    headers.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name}: {value}");
        text
    })
}

fn at(path: &Path) -> String {
    format!("@{}", path.display())
}

/// Spaces and a last line end are not those of a serializer.
const BODY: &[u8] = b"{ \"id\":\"evt_1\",\t\"type\":\"t\", \"n\": 1.0 }\r\n";

#[test]
fn each_scheme_passes_the_body_of_a_genuine_delivery_and_of_no_other() {
    let partner = HmacSignature::new("x-partner-signature", "se cret 1").unwrap();
    let partner = partner.prefixed("sha256=").timed("x-partner-time", "v1:", ".");
    let hmac = ["--scheme", "hmac", "--hmac", "X-Partner-Signature: sha256={hex}"];
    let timed = [&hmac[..], &["--hmac-of", "v1:{X-Partner-Time}.{body}"]].concat();
    let shopify = ["--scheme", "hmac", "--hmac", "X-Shopify-Hmac-Sha256: {base64}"];
    let schemes: [(&[&str], &str, Box<dyn Sign>); 8] = [
        (&[], STANDARD, Box::new(StandardSigner::new(STANDARD).unwrap())),
        (&["--scheme", "standard-webhooks"], STANDARD, Box::new(StandardSigner::new(STANDARD).unwrap())),
        (&["--provider", "svix"], STANDARD, Box::new(StandardSigner::new(STANDARD).unwrap().svix())),
        (&["--provider", "github"], "se cret 1", Box::new(GitHub::new("se cret 1").unwrap())),
        (&["--scheme", "stripe"], "se cret 1", Box::new(Stripe::new("se cret 1").unwrap())),
        (&["--scheme", "slack"], "se cret 1", Box::new(HmacSignature::slack("se cret 1").unwrap())),
        (&timed, "se cret 1", Box::new(partner)),
        (&shopify, "se cret 1", Box::new(HmacSignature::shopify("se cret 1").unwrap())),
    ];
    for (arguments, secret, signer) in schemes {
        let delivery = signed(&*signer, "msg_1", &[("content-type", "application/json")], BODY);
        let head = at(&file("headers.txt", lines(&delivery)));
        let others = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        let other = if secret == STANDARD { others } else { "se cret 2" };
        let run = |secret: &str, more: &[&str], body: &[u8]| {
            verify(secret, &[arguments, &["-H", &head], more].concat(), body)
        };
        let ran = run(secret, &["--secret-env", "HOOK_SECRET"], BODY);
        assert_eq!((ran.status, ran.out.as_bytes()), (0, BODY), "{arguments:?}: {}", ran.err);
        // Nothing of another body, of a delivery with another key, or of one without a signature comes out.
        for ran in [run(secret, &[], &[BODY, b" "].concat()), run(other, &[], BODY)] {
            assert_eq!((ran.status, ran.out.as_str()), (1, ""), "{arguments:?}");
            assert!(ran.err.contains("fits none of the keys"), "{arguments:?}: {}", ran.err);
        }
        let bare = [arguments, &["-H", "content-type: application/json"]].concat();
        let ran = verify(secret, &bare, BODY);
        assert!(ran.status == 1 && ran.out.is_empty() && ran.err.contains("is missing"), "{}", ran.err);
        // A file has a line end; the old key is on a line of its own. The body may be in a file, too.
        let keys = at(&file("key", format!("{other}\n{secret}\n")));
        let body = file("body", BODY);
        let ran = run("", &["--secret", &keys, body.to_str().unwrap()], b"");
        assert_eq!((ran.status, ran.out.as_bytes()), (0, BODY), "{arguments:?}: {}", ran.err);
        assert!(!ran.err.contains("se cret 1"), "{}", ran.err);
    }
}

/// The examples of the documents of GitHub and Slack.
#[test]
fn the_examples_of_the_documents_are_genuine() {
    let github = [
        "--provider",
        "github",
        "-H",
        "X-Hub-Signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    ];
    verify("It's a Secret to Everybody", &github, b"Hello, World!").ended(0).prints("Hello, World!");
    let slack = [
        "--scheme",
        "slack",
        "-H",
        "X-Slack-Request-Timestamp: 1531420618",
        "-H",
        "X-Slack-Signature: v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    ];
    let body = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let secret = "8f742231b10e8888abcd99yyyzzz85a5";
    let timely = [&slack[..], &["--at", "1531420700"]].concat();
    verify(secret, &timely, body).ended(0);
    // An old delivery is a replay.
    verify(secret, &slack, body).ended(1).says("too far apart");
}

#[test]
fn message_signatures_are_of_a_whole_request() {
    let key = SigningKey::parse(STANDARD).unwrap();
    let uri = "https://partner.example/hook?tenant=1";
    let (mut parts, ()) =
        http::Request::post(uri).header("content-type", "application/json").body(()).unwrap().into_parts();
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    MessageSigner::new("2026", key).sign(&mut parts, BODY, "msg_1", now).unwrap();
    let mut text = String::from("POST /hook?tenant=1 HTTP/1.1\r\nHost: other.example\r\n");
    for (name, value) in &parts.headers {
        let _ = write!(text, "{name}: {}\r\n", value.to_str().unwrap());
    }
    let request = [text.as_bytes(), b"\r\n", BODY].concat();
    let run = |arguments: &[&str], request: &[u8]| {
        let usual = ["--scheme", "message-signatures", "--at", "1700000001", "--request"];
        verify(STANDARD, &[&usual, arguments].concat(), request)
    };
    let known = ["--key-id", "2026", "--authority", "partner.example"];
    let ran = run(&known, &request);
    assert_eq!((ran.status, ran.out.as_bytes()), (0, BODY), "{}", ran.err);
    let elsewhere = String::from_utf8_lossy(&request).replace("/hook?", "/other?").into_bytes();
    assert_eq!(run(&known, &elsewhere).status, 1);
    assert_eq!(run(&known, &[&request[..], b" "].concat()).status, 1);
    assert_eq!(run(&["--key-id", "2026", "--authority", "other.example"], &request).status, 1);
    assert_eq!(run(&["--key-id", "2025", "--authority", "partner.example"], &request).status, 1);
    let added = String::from_utf8_lossy(&request).replacen("\r\nHost:", "\r\nce-type: t\r\nHost:", 1);
    run(&known, added.as_bytes()).ended(1).prints("").says("let the sender sign each `ce-` header");
    // Several hosts have the target.
    assert_eq!(run(&[&known[..], &["--authority", "other.example"]].concat(), &request).status, 0);
    for (arguments, words) in [(&known[..2], "--authority"), (&known[2..], "--key-id")] {
        let ran = run(arguments, &request);
        assert!(ran.status == 2 && ran.err.contains(words), "{}", ran.err);
    }
}

/// A request as it was captured, and its token.
#[test]
fn tokens_are_checked_alone_and_beside_a_signature() {
    let request = |query: &str, header: &str| {
        format!("POST /hook{query} HTTP/1.1\nHost: x\n{header}Content-Length: 2\n\n{{}}\n").into_bytes()
    };
    let bearer = "Authorization: Bearer a token\n";
    for (given, status, words) in [
        (request("", bearer), 0, ""),
        (request("?access_token=a%20token", ""), 0, ""),
        (request("", ""), 1, "there is none"),
        (request("", "Authorization: Bearer a toke\n"), 1, "it is another one"),
        (request("?access_token=a%20token", bearer), 1, "more than one access token"),
    ] {
        let ran = verify("", &["--request", "--token-env", "HOOK_TOKEN"], &given);
        let expected = if status == 0 { "{}" } else { "" };
        assert_eq!((ran.status, ran.out.as_str()), (status, expected), "{}", ran.err);
        assert!(ran.err.contains(words) && !ran.err.contains("a toke"), "{}", ran.err);
    }
    // Bytes behind the body would be neither checked nor refused.
    let longer = [&request("", bearer)[..], b"EVIL"].concat();
    let ran = verify("", &["--request", "--token-env", "HOOK_TOKEN"], &longer).ended(2).prints("");
    assert!(ran.err.contains("more bytes after the body of its `Content-Length`"), "{}", ran.err);
    let token = at(&file("token", "a token\n"));
    verify("", &["--request", "--token", &token], &request("", bearer)).ended(0);
    let short = "the access token in `HOOK_TOKEN` has fewer than 16 characters";
    verify("", &["--request", "--token", "HOOK_TOKEN"], &request("", bearer)).ended(0).says(short);
    let long = at(&file("token", "a token of 16 ch\n"));
    let long_bearer = "Authorization: Bearer a token of 16 ch\n";
    let ran = verify("", &["--request", "--token", &long], &request("", long_bearer)).ended(0);
    assert!(ran.err.is_empty(), "{}", ran.err);
    let both = ["--request", "--token", &token, "--provider", "github", "--secret", "HOOK_SECRET"];
    verify("a secret", &both, &request("", bearer)).ended(1).says("x-hub-signature-256");
}

/// As in `--request`: the values of headers are octets.
#[test]
fn headers_in_a_file_need_not_be_utf_8() {
    let delivery = signed(&GitHub::new("a secret").unwrap(), "1", &[("content-type", "text/plain")], BODY);
    let latin1 = [lines(&delivery).as_bytes(), b"x-city: M\xfcnchen\r\n"].concat();
    let head = at(&file("headers.txt", latin1));
    let ran = verify("a secret", &["--provider", "github", "-H", &head], BODY).ended(0);
    assert_eq!(ran.out.as_bytes(), BODY);
}

#[test]
fn web_pubsub_signs_the_connection() {
    // HMAC-SHA256 of `connection-1` with `access-key`, by Python's `hmac`.
    let signature = "ce-signature: sha256=8f36456b7db5be1e6cfd39950cbc7cc1b4e06bea3538a1471ddeb741517f68fb";
    let arguments = ["--provider", "web-pubsub", "-H", signature, "-H", "ce-connectionId: connection-1"];
    verify("other-key\naccess-key", &arguments, b"hello").ended(0).prints("hello");
    verify("other-key", &arguments, b"hello").ended(1);
}

/// As `ce webhook serve` does.
#[test]
fn attributes_that_nothing_signed_are_not_genuine() {
    let attributes = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t")];
    let json = [&[("content-type", "application/json")][..], &attributes].concat();
    let structured = [&[("content-type", "application/cloudevents+json")][..], &attributes].concat();
    let one = crate::program::GOOD.as_bytes();
    let standard = StandardSigner::new(STANDARD).unwrap();
    let github = GitHub::new("a secret").unwrap();
    let uncovered = "does not cover the attributes in the `ce-` headers";
    for (signer, secret, arguments, given, body, is_genuine) in [
        (&standard as &dyn Sign, STANDARD, &[][..], &json[..], BODY, false),
        // One such header is enough, and none is missed without a content type.
        (&standard, STANDARD, &[][..], &attributes[3..], BODY, false),
        (&github, "a secret", &["--provider", "github"][..], &json[..], BODY, false),
        // The body has the attributes that count.
        (&standard, STANDARD, &[][..], &structured[..], one, true),
    ] {
        let delivery = signed(signer, "msg_1", given, body);
        let head = at(&file("headers.txt", lines(&delivery)));
        let all = [arguments, &["-H", &head]].concat();
        let ran = verify(secret, &all, body);
        let printed = if is_genuine { body } else { b"" };
        assert_eq!((ran.status, ran.out.as_bytes()), (i32::from(!is_genuine), printed), "{}", ran.err);
        assert_eq!(ran.err.contains(uncovered), !is_genuine, "{}", ran.err);
        assert_eq!(ran.err.contains("send structured mode"), !is_genuine, "{}", ran.err);
        let ran = verify(secret, &[&all[..], &["-", "--output", "json"]].concat(), body);
        assert_eq!(ran.out.contains("\"verified\":true"), is_genuine, "{}", ran.out);
    }
}

#[test]
fn events_are_those_of_a_target() {
    let body = br#"{"action":"opened","issue":{"number":7},"repository":{"url":"https://api.github.com/repos/octo/hello"}}"#;
    let given = [("content-type", "application/json"), ("x-github-event", "issues")];
    let delivery = signed(&GitHub::new("a secret").unwrap(), "1", &given, body);
    let head = at(&file("headers.txt", lines(&delivery)));
    let arguments = ["--provider", "github", "-H", &head, "--events"];
    let ran = verify("a secret", &arguments, body).ended(0);
    let event: Value = serde_json::from_str(ran.out.trim()).unwrap();
    assert_eq!(event["type"], "com.github.issues.opened");
    verify("other-key", &arguments, body).ended(1).prints("");
    // CloudEvents, one or several; what is none has a reason; attributes that nothing signed are no event.
    let one = crate::program::GOOD;
    let batch = format!("[{one},{one}]");
    let attributes = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t")];
    for (content_type, more, body, status, events) in [
        ("application/cloudevents+json", &[][..], one, 0, 1),
        ("application/cloudevents-batch+json", &[], &batch, 0, 2),
        ("application/cloudevents+json", &[], "{}", 1, 0),
        ("application/json", &[], "{}", 1, 0),
        ("application/json", &attributes, "{}", 1, 0),
    ] {
        let given = [&[("content-type", content_type)], more].concat();
        let delivery = signed(&StandardSigner::new(STANDARD).unwrap(), "msg_1", &given, body.as_bytes());
        let head = at(&file("headers.txt", lines(&delivery)));
        let ran = verify(STANDARD, &["-H", &head, "--events"], body.as_bytes());
        assert_eq!((ran.status, ran.out.lines().count()), (status, events), "{body}: {}", ran.err);
        assert_eq!(ran.err.is_empty(), status == 0, "{}", ran.err);
        // Without `--events`, the body of a genuine delivery need not be an event.
        let ran = verify(STANDARD, &["-H", &head], body.as_bytes());
        assert_eq!(ran.status, i32::from(!more.is_empty()), "{body}: {}", ran.err);
    }
    let grid = r#"[{"topic":"/t","subject":"s","eventType":"Blob","eventTime":"2017-06-26T18:41:00Z","id":"7","data":{}}]"#;
    let delivery = headers(&[("authorization", "Bearer a token"), ("content-type", "application/json")]);
    let head = at(&file("headers.txt", lines(&delivery)));
    let arguments = ["--token-env", "HOOK_TOKEN", "-H", &head, "--events", "--from", "event-grid"];
    let ran = verify("", &arguments, grid.as_bytes());
    assert!(ran.status == 0 && ran.lines()[0]["id"] == "7", "{}{}", ran.out, ran.err);
}

#[test]
fn what_one_command_signs_the_other_verifies() {
    let hmac = ["--scheme", "hmac", "--hmac", "X-Sign: {base64}", "--hmac-of", "{X-Time}{body}"];
    for scheme in [
        &["--provider", "github"][..],
        &["--provider", "stripe"],
        &["--provider", "slack"],
        &["--provider", "svix"],
        &hmac,
    ] {
        let secret = if scheme.contains(&"svix") { STANDARD } else { "a secret" };
        let body = file("body.json", BODY);
        let key = at(&file("key", secret));
        let sign = ["webhook", "sign", body.to_str().unwrap(), "--headers", "--secret", &key];
        let signed = ce_with(&[&sign, scheme].concat(), "").ended(0);
        let head = at(&file("headers.txt", &signed.out));
        let ran = verify(secret, &[scheme, &["-H", &head]].concat(), BODY);
        assert_eq!((ran.status, ran.out.as_bytes()), (0, BODY), "{scheme:?}: {}", ran.err);
    }
    for scheme in ["web-pubsub", "event-grid"] {
        ce_with(&["webhook", "sign", "-", "--scheme", scheme, "--secret", "PATH"], "{}")
            .ended(2)
            .says("no signatures");
    }
}

#[test]
fn wrong_usage_is_named_and_shows_no_secret() {
    let header = ["-H", "a: b"];
    for (arguments, words) in [
        (&["--scheme", "hmac"][..], "--hmac"),
        (&["--hmac", "X-A: {hex}"], "--provider hmac"),
        (&["--scheme", "hmac", "--hmac", "X-A"], "write `Name: {hex}`"),
        (&["--scheme", "hmac", "--hmac", "X-A: hex"], "ends with `{hex}`"),
        (&["--scheme", "hmac", "--hmac", "X A: {hex}"], "not one of a header"),
        (&["--scheme", "hmac", "--hmac", "X-A: {hex}", "--hmac-of", "{a}{b}{body}"], "one header in braces"),
        (&["--scheme", "hmac", "--hmac", "X-A: {hex}", "--hmac-of", "body"], "ends with `{body}`"),
        (&["--authority", "a.example"], "message-signatures"),
        (&["--scheme", "event-grid"], "Event Grid does not sign"),
        (&["--from", "auto"], "--events"),
        (&["--secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], "`@FILE`"),
        (&["--secret", "@/no/such/file"], "/no/such/file"),
        (&["--header", "no header"], "--header: not a header"),
    ] {
        let ran = verify("a secret", &[&header, arguments].concat(), b"{}");
        assert!(
            ran.status == 2 && ran.err.contains(words) && ran.out.is_empty(),
            "{arguments:?}: {}",
            ran.err
        );
        assert!(!ran.err.contains("MfKQ9"), "{}", ran.err);
    }
    verify("a secret", &[], b"{}").ended(2).says("--header");
}

/// Programs that read the verdict go on to work.
#[test]
fn a_verdict_takes_the_place_of_the_body() {
    let delivery = signed(&StandardSigner::new(STANDARD).unwrap(), "msg_1", &[], BODY);
    let head = at(&file("headers.txt", lines(&delivery)));
    verify(STANDARD, &["-", "-H", &head, "--output", "json"], BODY)
        .prints("{\"id\":\"msg_1\",\"key\":1,\"verified\":true}\n");
    verify(STANDARD, &["-", "-H", &head, "--output", "pretty"], BODY).prints("valid: msg_1\n");
}
