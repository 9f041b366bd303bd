//! `ce webhook serve --to` in front of services in the frameworks of other languages.

use crate::webhook_gate::{STANDARD, headers, in_front_of, post, signed};
use cloudevents_kit::webhook::signature::{GitHub, Sign, StandardSigner, Stripe};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
};

/// `NAME=PROGRAM`, one per line.
const PEERS: &str = "CE_TEST_PEERS";

/// A service, which prints its port and then each delivery that it accepts.
struct Peer {
    child: Child,
    url: String,
    accepted: JoinHandle<Vec<Value>>,
}

impl Peer {
    fn start(program: &str) -> Self {
        let mut words = program.split(' ');
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .env("GATE_PASSWORD", "next-password\npass%word/x")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap();
        let url = format!("http://127.0.0.1:{}/hook", port.trim());
        // At once: a pipe that is full would hold the service up.
        let accepted =
            thread::spawn(move || lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect());
        Self { child, url, accepted }
    }

    /// Ends it, and returns what it has accepted.
    fn end(mut self) -> Vec<Value> {
        drop(self.child.stdin.take());
        let accepted = self.accepted.join().unwrap();
        self.child.wait().unwrap();
        accepted
    }
}

#[test]
fn over_services() {
    let Ok(peers) = std::env::var(PEERS) else {
        println!("SKIPPED: {PEERS} is not set; spec-tests/crosslang/services/run.sh sets it");
        return;
    };
    let schemes: [(&str, &str, &dyn Sign, &dyn Sign); 3] = [
        ("github", "a-secret", &GitHub::new("a-secret").unwrap(), &GitHub::new("other").unwrap()),
        ("stripe", "a-secret", &Stripe::new("a-secret").unwrap(), &Stripe::new("other").unwrap()),
        (
            "standard-webhooks",
            STANDARD,
            &StandardSigner::new(STANDARD).unwrap(),
            &StandardSigner::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap(),
        ),
    ];
    for (name, program) in peers.lines().filter_map(|line| line.split_once('=')) {
        for (scheme, secret, signer, forger) in schemes {
            let peer = Peer::start(program);
            let arguments = ["--provider", scheme, "--secret-env", "HOOK_SECRET"];
            let to = peer.url.replacen("http://", "http://gate:pass%25word%2Fx@", 1);
            let gate = in_front_of(&to, secret, &arguments);
            let verified = format!("signature={scheme};key=\"HOOK_SECRET\";number=1");
            // Frameworks take these names for those of the genuine headers.
            let given = [
                ("Content-Type", "application/json"),
                ("X-GitHub-Event", "issues"),
                ("X_GitHub_Event", "forged"),
                ("Webhook_Verified", "signature=forged"),
                ("Webhook-Verified", "signature=forged"),
                ("Accept-Encoding", "gzip"),
            ];
            // Digits, spaces, escapes and line ends are not those of a serializer.
            let bodies = [
                "{ \"id\": \"evt_1\", \"n\": 1.50,\t\"s\": \"\\u00fc\u{fc}\" }\r\n".to_owned(),
                format!("{{\"id\":\"evt_2\",\"s\":\"{}\"}}", "x".repeat(90_000)),
            ];
            for (number, body) in bodies.iter().enumerate() {
                let id = format!("msg_{number}");
                let body = body.as_bytes();
                let [genuine, forged] = [signer, forger].map(|signer| signed(signer, &id, &given, body));
                let status =
                    |delivery: &[(String, String)], body: &[u8]| post(&gate.url, delivery, body).status;
                assert_eq!(status(&forged, body), 403, "{name}, {scheme}");
                assert_eq!(status(&headers(&given), body), 403, "{name}, {scheme}");
                assert_eq!(status(&genuine, &[body, b" "].concat()), 403, "{name}, {scheme}");
                // It comes again, because its sender did not get the response.
                assert_eq!([(); 2].map(|()| status(&genuine, body)), [204; 2], "{name}, {scheme}");
            }
            // A delivery around the target is refused, with the header or without.
            let forged = [("Webhook-Verified", verified.as_str()), ("Authorization", "Basic Z2F0ZTp4")];
            for more in [&[][..], &forged[..1], &forged] {
                let around = [&given[..2], more].concat();
                assert_eq!(
                    post(&peer.url, &headers(&around), b"{}").status,
                    503,
                    "{name}, {scheme}, {more:?}"
                );
            }
            // A failure is one, each time that the delivery comes.
            let body = b"{\"id\":\"evt_3\",\"fails\":true}";
            let fails = signed(signer, "msg_3", &given, body);
            assert_eq!([(); 2].map(|()| post(&gate.url, &fails, body).status), [503; 2], "{name}, {scheme}");
            // What is no JSON can never be read.
            let body = b"payload=%7B%7D";
            assert_eq!(
                post(&gate.url, &signed(signer, "msg_4", &given, body), body).status,
                422,
                "{name}, {scheme}"
            );
            // Behind another parser, the mistake is of the service: the sender does not give up.
            if name == "express" {
                let gate = in_front_of(&to.replace("/hook", "/parsed"), secret, &arguments);
                let body = b"{\"id\":\"evt_5\"}";
                let delivery = signed(signer, "msg_5", &given, body);
                assert_eq!(post(&gate.url, &delivery, body).status, 503, "{scheme}");
                let checked = [
                    given[0],
                    ("Webhook-Verified", verified.as_str()),
                    // `gate:pass%word/x`
                    ("Authorization", "Basic Z2F0ZTpwYXNzJXdvcmQveA=="),
                ];
                let around = peer.url.replace("/hook", "/parsed");
                assert_eq!(post(&around, &headers(&checked), body).status, 500, "{scheme}");
            }
            let expected = bodies.map(|body| json!({"event": "issues", "verified": verified, "body": body}));
            assert!(peer.end() == expected, "{name}, {scheme}");
            println!("{name}, {scheme}: each genuine delivery arrived once, and nothing else");
        }
    }
}
