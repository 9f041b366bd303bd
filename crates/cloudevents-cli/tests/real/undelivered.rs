//! `ce send --failed`, and signed requests of `ce bridge`: senders of webhooks without Rust.

use crate::{
    program::{Bridge, ce, ce_with, command, file, with_id},
    webhook_gate::{STANDARD, Service},
};
use bytes::Bytes;
use cloudevents_kit::webhook::signature::{MessageSignatures, SigningKey, StandardWebhooks, Verify};
use std::{fs, time::SystemTime};

/// An event with this id.
fn event(id: &str) -> String {
    with_id(id)
}

#[test]
fn events_that_failed_for_good_are_in_a_file_that_is_sent_again() {
    let service = Service::start();
    service.responds("400 Bad Request");
    let folder = tempfile::tempdir().unwrap();
    let [input, failed] = ["events.jsonl", "failed.jsonl"].map(|name| folder.path().join(name));
    fs::write(&input, format!("{}\n{}\n", event("a"), event("b"))).unwrap();
    let [from, to] = [&input, &failed].map(|path| path.display().to_string());
    let url = service.url();
    let ran = ce(&["send", &url, &from, "--keep-going", "--failed", &to, "--error-format", "json"]).ended(1);
    let ids: Vec<_> = ran.errors().iter().filter_map(|line| line["id"].as_str().map(str::to_owned)).collect();
    assert_eq!(ids, ["a", "b"], "{}", ran.err);
    // In text, too: the input may be a pipe.
    ce_with(&["send", &url], event("c")).says("(event \"c\")");
    let kept = fs::read_to_string(&failed).unwrap();
    let kept: Vec<serde_json::Value> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(kept.iter().map(|event| event["id"].as_str().unwrap()).collect::<Vec<_>>(), ["a", "b"]);
    service.responds("204 No Content");
    ce(&["send", &url, &to]).ended(0);
    let seen = service.seen();
    assert_eq!(seen.last().unwrap().all("ce-id"), ["b"]);
    assert_eq!(seen[0].all("user-agent"), [concat!("ce/", env!("CARGO_PKG_VERSION"))]);
    let ran = ce_with(&["send", &url, "-H", "User-Agent: shop/1"], event("d"));
    assert_eq!((ran.status, service.seen().last().unwrap().all("user-agent")), (0, vec!["shop/1"]));
    // It would never end.
    ce(&["send", &url, &to, "--failed", &to]).ended(2).says("is also written");
}

/// The request of the service, in the form of a verifier.
fn parts(seen: &crate::webhook_gate::Seen, url: &str) -> http::request::Parts {
    let mut request = http::Request::post(url);
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature", "signature", "signature-input"]
        .into_iter()
        .chain(["content-digest", "content-type", "host", "ce-id", "ce-source", "ce-type", "ce-specversion"])
    {
        for value in seen.all(name) {
            request = request.header(name, value);
        }
    }
    request.body(()).unwrap().into_parts().0
}

/// A second attempt has the id of the first.
#[test]
fn a_bridge_signs_its_requests() {
    let service = Service::start();
    service.responds("503 Service Unavailable\r\nretry-after: 0");
    let input = file("events.jsonl", format!("{}\n", event("a")));
    let from = format!("file:{}", input.display());
    let url = service.url();
    let key = format!("@{}", file("key", STANDARD).display());
    let config =
        file("bridge.yaml", format!("from: {from}\nto: {url}\nmode: structured\nto-secret-env: '{key}'\n"));
    let bridge = Bridge::run(command(&["bridge", "--config", &config.display().to_string()]));
    service.wait_for(2);
    service.responds("204 No Content");
    bridge.ended(0);
    let seen = service.seen();
    let verifier = StandardWebhooks::new(STANDARD).unwrap();
    for request in &seen {
        let verified = verifier.verify(&parts(request, &url), &request.body, SystemTime::now());
        assert_eq!(verified.unwrap().id.as_deref(), Some(seen[0].all("webhook-id")[0]));
    }
    assert!(String::from_utf8_lossy(&seen[0].body).contains("\"id\":\"a\""));
    // Flags do the same as the file, such as for a redrive.
    let arguments = ["bridge", &from, &url, "--mode", "structured", "--to-secret-env", &key];
    ce(&arguments).ended(0);
    let last = service.seen().pop().unwrap();
    assert_eq!((service.seen().len(), &last.body), (seen.len() + 1, &seen[0].body));
    verifier.verify(&parts(&last, &url), &last.body, SystemTime::now()).unwrap();
    // Message signatures cover the attributes of binary mode.
    let arguments = ["bridge", &from, &url, "--to-secret-env", &key, "--to-key-id", "2026"];
    ce(&arguments).ended(0);
    let last = service.seen().pop().unwrap();
    let authority = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let expected =
        MessageSignatures::new(authority, "2026", SigningKey::parse(STANDARD).unwrap().verifying_key());
    assert_eq!(last.all("ce-id"), ["a"]);
    expected.verify(&parts(&last, &url), &Bytes::from(last.body.clone()), SystemTime::now()).unwrap();
    for (more, words) in [
        (&["--to-secret-env", &key][..], "add --mode structured"),
        (&["--to-key-id", "2026"], "--to-key-id is for --to-secret-env"),
        (&["--to-secret-env", "NO_SUCH_KEY", "--to-key-id", "2026"], "`NO_SUCH_KEY` is not set"),
    ] {
        ce(&[&["bridge", &from, &url, "--check"], more].concat()).ended(2).says(words);
    }
    ce(&["bridge", &from, "-", "--check", "--to-secret-env", &key, "--to-key-id", "2026"])
        .ended(2)
        .says("only requests to `http`");
}
