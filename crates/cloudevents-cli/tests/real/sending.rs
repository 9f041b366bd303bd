//! `ce send`: the wire, retries, repetitions, and options that mean nothing together.

use crate::hook::{Request, accepting, hook};
use crate::program::{
    GOOD, Listener, Ran, ce, ce_with, command, exchange, exited, file, path_of, run, signal, with_id,
};
use cloudevents_kit::webhook::signature::{
    Coverage, MessageSignatures, SigningKey, StandardWebhooks, Verify,
};
use cloudevents_testkit::slowed;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

/// Responds to one request after the other with these status lines, the last one for all others too. Returns the URL, and how many
/// requests came.
fn server(statuses: &'static [&'static str]) -> (String, Arc<AtomicUsize>) {
    let count = Arc::<AtomicUsize>::default();
    let counting = Arc::clone(&count);
    let answer = move |_| {
        let count = counting.fetch_add(1, Ordering::SeqCst);
        *statuses.get(count).or(statuses.last()).unwrap()
    };
    (hook(answer), count)
}

/// How many requests came before one more, which waits for them.
fn requests((url, count): (String, Arc<AtomicUsize>)) -> usize {
    exchange(url.split('/').nth(2).unwrap(), "POST /stop HTTP/1.1\r\n\r\n");
    count.load(Ordering::SeqCst) - 1
}

const AGENT: &str = concat!("ce/", env!("CARGO_PKG_VERSION"));

const FLAGS: [&str; 7] = ["--id", "1", "--source", "/s", "--type", "t", "--no-time"];

fn send<'a>(url: &'a str, more: &[&'a str]) -> Ran {
    let mut all = vec!["send", url];
    all.extend(FLAGS);
    all.extend(more);
    ce(&all)
}

#[test]
fn both_sides_of_an_exchange() {
    let listener = Listener::start(&["--count", "1"]);
    let address = listener.address();
    let wanted = format!(
        "> POST /events HTTP/1.1\n> host: {address}\n> accept: */*\n> user-agent: {AGENT}\n> authorization: (not shown)\n> ce-specversion: 1.0\n> ce-id: 1\n> \
         ce-source: /s\n> ce-type: t\n> content-type: application/json\n> content-length: 8\n>\n> {{\"a\":\n> 1}}\n< HTTP/1.1 204 No Content\n"
    );
    send(&listener.url, &["-v", "-H", "Authorization: Bearer secret", "--data", "{\"a\":\n1}"])
        .ended(0)
        .says_first(&wanted)
        .says_last(&format!("1 event sent to {}\n", listener.url))
        .prints("");
    listener.end();
    // Refusals have a body.
    let target = server(&["422 Unprocessable Content"]);
    let ran = send(&target.0, &["-v"]).says("\n< HTTP/1.1 422 Unprocessable Entity\n< content-length: 0\n");
    assert_eq!((ran.status, requests(target)), (1, 1));
}

#[test]
fn a_dry_run_sends_nothing() {
    let ran = send("http://user:secret@127.0.0.1:1/hook?a=b", &["--dry-run", "--data", "hi"]);
    let wanted = format!(
        "POST /hook?a=b HTTP/1.1\nhost: 127.0.0.1:1\naccept: */*\nuser-agent: {AGENT}\nauthorization: (not shown)\nce-specversion: 1.0\nce-id: 1\n\
         ce-source: /s\nce-type: t\ncontent-type: text/plain\ncontent-length: 2\n\nhi\n"
    );
    assert_eq!((ran.status, ran.out.as_str(), ran.err.as_str()), (0, wanted.as_str(), ""));
    let event = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","datacontenttype":"text/plain","data":"hi"}"#;
    assert_eq!(ce_with(&["decode"], &ran.out).out, format!("{event}\n"));
    let ran = ce_with(
        &["send", "--dry-run", "kafka://127.0.0.1:1/orders", "-m", "structured"],
        format!("{GOOD}\n{GOOD}\n"),
    )
    .ended(0)
    .prints_lines(2);
    assert_eq!(ce_with(&["decode"], &ran.out).out, format!("{GOOD}\n{GOOD}\n"));
    ce(&["send", "--dry-run", "kafka://127.0.0.1:1/orders", "-H", "a: b"]).ended(2);
}

#[test]
fn temporary_errors_are_tried_again() {
    let target = server(&[
        "503 Service Unavailable\r\nretry-after: 0",
        "503 Service Unavailable\r\nretry-after: 0",
        "204 No Content",
    ]);
    send(&target.0, &["--retry", "2"]).ended(0).says("attempt 1 failed").says("attempt 2 failed");
    assert_eq!(requests(target), 3);

    let target = server(&["503 Service Unavailable\r\nretry-after: 0"]);
    send(&target.0, &["--retry", "1"])
        .ended(3)
        .says_last(&format!("0 events sent to {}, 1 failed\n", target.0))
        .says("(2 attempts)");
    assert_eq!(requests(target), 2);

    let target = server(&["400 Bad Request"]);
    send(&target.0, &["--retry", "3"]).ended(1);
    assert_eq!(requests(target), 1);
    let target = server(&["400 Bad Request", "204 No Content"]);
    send(&target.0, &["--retry", "1", "--retry-all"]).ended(0);
    assert_eq!(requests(target), 2);
}

/// The pauses of messages that are sent at once pass beside each other: each has its second attempt before one has its third.
#[test]
fn messages_in_flight_wait_for_their_next_attempts_together() {
    let (comes, ids) = mpsc::channel();
    let url = hook(move |request| {
        comes.send(request.header("ce-id").unwrap().to_owned()).unwrap();
        "503 Service Unavailable"
    });
    let lines: String = (1..=5).map(|id| with_id(id) + "\n").collect();
    let path = file("five.jsonl", lines);
    let ran = ce(&["send", &url, "--parallel", "20", "--keep-going", "--retry", "2", path.to_str().unwrap()]);
    let ids: Vec<String> = ids.try_iter().collect();
    assert_eq!(ids.len(), 15, "{ids:?}");
    for round in ids.chunks(5) {
        let mut round = round.to_vec();
        round.sort();
        assert_eq!(round, ["1", "2", "3", "4", "5"], "{ids:?}");
    }
    assert!(ran.err.ends_with(&format!("0 events sent to {url}, 5 failed\n")), "{}", ran.err);
}

/// A peer that requests no pause gets the program's own, which grow.
#[test]
fn a_requested_wait_of_zero_does_not_shorten_the_pauses() {
    let target = server(&["503 Service Unavailable\r\nretry-after: 0"]);
    let begin = Instant::now();
    let ran = send(&target.0, &["--retry", "2"]);
    // 500 ms and 1 s.
    assert!(begin.elapsed() >= Duration::from_millis(1500), "{:?}", begin.elapsed());
    for words in
        ["attempt 1 failed; the next one in 500ms, 2 left", "attempt 2 failed; the next one in 1s, 1 left"]
    {
        assert!(ran.err.contains(words), "{}", ran.err);
    }
    assert_eq!((ran.status, requests(target)), (3, 3));
}

/// Also after the last attempt of a message, when the next one has its turn.
#[test]
fn a_pause_that_the_peer_requests_concerns_the_next_message() {
    for retries in ["0", "1"] {
        let target = server(match retries {
            "0" => &["429 Too Many Requests\r\nretry-after: 4", "204 No Content"],
            _ => &[
                "503 Service Unavailable\r\nretry-after: 0",
                "503 Service Unavailable\r\nretry-after: 4",
                "204 No Content",
            ],
        });
        let path = file("paused.jsonl", format!("{GOOD}\n{GOOD}\n"));
        let begin = Instant::now();
        let path = path.to_str().unwrap();
        let ran = ce(&["send", &target.0, "--keep-going", "--retry", retries, path]);
        assert!(begin.elapsed() >= Duration::from_secs(4), "{:?}: {}", begin.elapsed(), ran.err);
        // What is left of it.
        assert!(ran.err.contains("the peer requested a pause; the next message in "), "{}", ran.err);
        assert!(ran.err.contains("1 event sent to"), "{}", ran.err);
        assert_eq!(requests(target), 2 + retries.parse::<usize>().unwrap());
    }
}

/// The peer requested a pause: after Ctrl-C, nothing is sent before its end, and the command does not wait for it.
#[test]
fn ctrl_c_ends_a_pause_without_another_attempt() {
    for retries in ["0", "1"] {
        let target = server(&["429 Too Many Requests\r\nretry-after: 600", "204 No Content"]);
        let path = file("interrupted.jsonl", format!("{GOOD}\n").repeat(9));
        let arguments = ["send", &*target.0, "--keep-going", "--retry", retries, path.to_str().unwrap()];
        let mut child = command(&arguments).stderr(Stdio::piped()).spawn().unwrap();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        // What is left of the pause, or all of it.
        let (words, least) = match retries {
            "0" => ("requested a pause; the next message in ", 500),
            _ => ("attempt 1 failed; the next one in ", 600),
        };
        while !line.contains(words) && err.read_line(&mut line).unwrap() > 0 {}
        let wait = line.split_once(words).and_then(|(_, rest)| rest.split_once('s')).unwrap().0;
        assert!((least..=600).contains(&wait.parse().unwrap()), "{line}");
        signal(&child, "-INT");
        let status = exited(&mut child);
        err.read_to_string(&mut line).unwrap();
        assert!(status.is_some_and(|status| status != 0), "it waits for the pause: {line}");
        assert_eq!(requests(target), 1, "{line}");
        // What is neither sent nor failed is named.
        let (_, behind) = line.split_once("; the input behind ").expect(&line);
        assert!(behind.contains("interrupted.jsonl") && behind.contains("was not sent"), "{line}");
    }
}

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn with_secret(arguments: &[&str]) -> Ran {
    let mut command = command(arguments);
    command.env("HOOK_SECRET", SECRET);
    run(command)
}

/// The request in the form of a verifier.
fn parts(request: &Request) -> http::request::Parts {
    let begin = http::Request::post(request.head.split(' ').nth(1).unwrap());
    let parts = request.headers().fold(begin, |parts, (name, value)| parts.header(name, value));
    parts.body(()).unwrap().into_parts().0
}

#[test]
fn requests_are_signed() {
    let key = SigningKey::parse(SECRET).unwrap().verifying_key();
    for (more, covers) in [
        (&["--mode", "structured"][..], Coverage::Body),
        (&["--signature", "message-signatures", "--key-id", "mine"], Coverage::Attributes),
    ] {
        let (url, requests) = accepting();
        let url = url.replace("/events", "/hook?a=b");
        let signed = ["send", &*url, "--secret-env", "HOOK_SECRET", "--data", "hi"];
        let arguments = [&signed[..], &FLAGS, more].concat();
        with_secret(&arguments).ended(0);
        let request = requests.recv().unwrap();
        let (parts, body) = (parts(&request), request.body);
        let address = url.split('/').nth(2).unwrap();
        let verifier: Box<dyn Verify> = match covers {
            Coverage::Body => Box::new(StandardWebhooks::new(SECRET).unwrap()),
            _ => Box::new(MessageSignatures::new(address, "mine", key.clone())),
        };
        let verified = verifier.verify(&parts, &body, SystemTime::now()).unwrap();
        assert_eq!(verified.coverage, covers);
        assert!(verifier.verify(&parts, b"another", SystemTime::now()).is_err());
        // The id is that of the event, whatever the attempt.
        assert!(verified.id.is_some());
        assert_eq!(parts.headers.contains_key("ce-id"), covers == Coverage::Attributes);
    }
}

#[test]
fn signatures_that_would_cover_too_little_are_refused() {
    for (arguments, words) in [
        (&["http://127.0.0.1:9/"][..], "does not cover the attributes of binary mode"),
        (&["http://127.0.0.1:9/", "--signature", "message-signatures"], "--key-id"),
        (&["http://127.0.0.1:9/", "--mode", "structured", "--key-id", "a"], "--key-id"),
        (&["file:out.jsonl", "--mode", "structured"], "only requests to `http` and `https` URLs are signed"),
    ] {
        let all = [&["send", "--secret-env", "HOOK_SECRET"][..], &FLAGS, arguments].concat();
        with_secret(&all).ended(2).says(words);
    }
}

/// Seconds since 1970 where a number of seconds belongs, and the largest number.
#[test]
fn a_wait_that_the_peer_requests_is_a_day_at_most() {
    for status in [
        "429 Too Many Requests\r\nretry-after: 1795219200",
        "503 Service Unavailable\r\nretry-after: 18446744073709551615",
    ] {
        let target = server(Vec::leak(vec![status]));
        let arguments = [&["send", &*target.0, "--retry", "1"][..], &FLAGS].concat();
        let mut child = command(&arguments).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(line.contains("attempt 1 failed; the next one in 86400s, 1 left"), "{line}");
        assert_eq!(requests(target), 1);
    }
}

/// The client skips them, and reads on and on.
#[test]
fn interim_responses_without_end_end_at_the_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let flooding = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        // What comes before the request is no response, and an error of its own.
        assert_ne!(stream.read(&mut [0; 1024]).unwrap(), 0);
        let some = b"HTTP/1.1 102 Processing\r\n\r\n".repeat(1000);
        // Until the client has closed the connection, or much later.
        let begin = Instant::now();
        while stream.write_all(&some).is_ok() && begin.elapsed() < slowed(Duration::from_secs(240)) {}
    });
    let begin = Instant::now();
    let ran = ce_with(&["send", &url, "--timeout", "5"], GOOD);
    let took = begin.elapsed();
    flooding.join().unwrap();
    assert_eq!(ran.status, 3, "{}", ran.err);
    assert!(ran.err.contains("the time limit passed"), "{}", ran.err);
    // A debug build reads slowly what it skips, some 50 MB before it looks at the time.
    assert!(took < slowed(Duration::from_secs(160)), "{took:?}");
}

#[test]
fn what_failed_is_named() {
    let target = server(&["204 No Content", "422 Unprocessable Content", "204 No Content"]);
    let path = file("events.jsonl", format!("{GOOD}\n\n{GOOD}\n{GOOD}\n"));
    ce(&["send", &target.0, "--keep-going", path.to_str().unwrap()])
        .ended(1)
        .says(&format!("  --> {}:3\n", path.display()))
        .says_last(&format!("2 events sent to {}, 1 failed\n", target.0));
    assert_eq!(requests(target), 3);
    // The total is there when the input is at fault, too.
    let target = server(&["204 No Content"]);
    ce_with(&["send", &target.0], format!("{GOOD}\n{{}}\n{GOOD}\n"))
        .ended(1)
        .says(&format!("1 event sent to {}, 1 failed", target.0));
    assert_eq!(requests(target), 1);
}

#[test]
fn what_was_not_sent_is_reported() {
    let words = "0 events sent to URL, 1 failed; the rest was not sent, --keep-going sends it\n";
    let path = file("events.jsonl", format!("{GOOD}\n{GOOD}\n"));
    let target = server(&["503 Service Unavailable"]);
    let path = path.to_str().unwrap();
    for arguments in [&["--type", "t", "--source", "/s", "--repeat", "3"][..], &[path]] {
        ce(&[&["send", &target.0], arguments].concat()).ended(3).says_last(&words.replace("URL", &target.0));
    }
    ce(&["send", &target.0, "--keep-going", path])
        .says_last(&format!("0 events sent to {}, 2 failed\n", target.0));
    assert_eq!(requests(target), 4);
}

#[test]
fn repeated_events_have_other_ids() {
    let listener = Listener::start(&["--count", "5"]);
    let data = file("data.json", "{\"total\":1.10}");
    let data = format!("@{}", data.display());
    ce(&["send", &listener.url, "--source", "/s", "--type", "t", "--repeat", "3", "--data", &data])
        .says_last(&format!("3 events sent to {}\n", listener.url));
    let path = file("one.json", GOOD);
    ce(&["send", &listener.url, "--repeat", "2", "--rate", "1000", path.to_str().unwrap()]).ended(0);
    let out = listener.end().out;
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines[3..], [GOOD, GOOD]);
    let ids: std::collections::HashSet<_> = lines[..3]
        .iter()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 3);
    assert!(lines[..3].iter().all(|line| line.ends_with("\"data\":{\"total\":1.10}}")));
}

#[test]
fn another_address_for_a_host() {
    let listener = Listener::start(&["--count", "1"]);
    let port = listener.port();
    let url = format!("http://shop.invalid:{port}/events");
    send(&url, &["--resolve", &format!("shop.invalid:{port}:127.0.0.1")]).ended(0);
    listener.end().ended(0);
}

#[test]
fn options_that_mean_nothing_are_refused() {
    let path: &str = &path_of("one.json", GOOD);
    let http = "http://127.0.0.1:1/";
    for (arguments, words) in [
        (&["--format", "json", path][..], "--format has no effect in binary mode"),
        (&["--repeat", "2"], "--repeat cannot read standard input again"),
        (&["--repeat", "2", "-"], "--repeat cannot read standard input again"),
        (&["--type", "t", "--lenient"], "--lenient is for files"),
        (&["--type", "t", "--from", "json"], "--from is for files"),
        (&["-k", path], "--insecure is only for `https` URLs"),
        (&["--cacert", path, path], "--cacert is only for connections with TLS"),
        (&["--resolve", "other:80:127.0.0.1", path], "--resolve: the URL is not of `other:80`"),
        (&["--retry-all", path], "--retry"),
        (&["--dry-run", "--rate", "1", path], "--rate"),
        (&["--key", path, path], "--cert"),
        (&["--type", "t", path], "cannot be used with"),
        (&["--rate", "0", path], "expected a number"),
    ] {
        let mut all = vec!["send", http];
        all.extend(arguments);
        ce(&all).ended(2).says(words);
    }
}

/// A file is read in parts of 64 KiB, and a pipe in parts of 256 KiB. A message in flight does not wait for its outcome before the next
/// part is read.
#[test]
fn more_input_is_read_while_messages_are_in_flight() {
    use cloudevents_testkit::{fault_proxy::FaultProxy, mqtt, patience};
    const EVENTS: usize = 800;
    let broker = mqtt::Broker::start().unwrap();
    broker.answer(mqtt::Answer::Silence);
    let proxy = FaultProxy::start(([127, 0, 0, 1], broker.port()).into()).unwrap();
    let event = format!(
        "{}\n",
        GOOD.trim_end().replacen('{', &format!("{{\"comment\":\"{}\",", "x".repeat(1000)), 1)
    );
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.jsonl");
    std::fs::write(&path, event.repeat(EVENTS)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let url = format!("mqtt://{}/orders", proxy.address());
    for input in [path.to_str().unwrap(), "-"] {
        let before = proxy.counts().to_server;
        let mut sending = command(&["send", &url, input])
            .stdin(std::fs::File::open(&path).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let all = |counts: &cloudevents_testkit::fault_proxy::Counts| {
            counts.to_server - before >= (EVENTS * 1000) as u64
        };
        let sent = runtime.block_on(async { tokio::time::timeout(patience(), proxy.until(all)).await });
        sending.kill().unwrap();
        sending.wait().unwrap();
        assert!(sent.is_ok(), "{input}: {} bytes before an outcome", proxy.counts().to_server - before);
    }
}

/// The rest is not sent, unless that is requested. The total has every line.
#[test]
fn a_message_that_is_refused_ends_sending() {
    let statuses: &[&str] = &["204 No Content", "400 Bad Request", "204 No Content"];
    let path: &str = &path_of("three.jsonl", format!("{GOOD}\n{GOOD}\n{GOOD}\n"));
    let target = server(statuses);
    let total =
        format!("1 event sent to {}, 1 failed; the rest was not sent, --keep-going sends it\n", target.0);
    ce(&["send", &target.0, path]).ended(1).says_last(&total);
    assert_eq!(requests(target), 2);
    let target = server(statuses);
    let ran = ce(&["send", &target.0, "--keep-going", path]);
    let total = format!("2 events sent to {}, 1 failed\n", target.0);
    assert!(ran.status == 1 && ran.err.ends_with(&total), "{}", ran.err);
    assert_eq!(requests(target), 3);
}

/// Whatever comes before it and behind it: a failure of the peer is worse than a refusal, and nothing that is sent makes up for either.
#[test]
fn the_exit_status_is_that_of_the_worst_failure() {
    const DONE: &str = "204 No Content";
    const NO: &str = "400 Bad Request";
    const AWAY: &str = "503 Service Unavailable";
    const VALID: [(&[&str], i32); 7] = [
        (&[DONE, DONE, DONE], 0),
        (&[NO, DONE, DONE], 1),
        (&[DONE, DONE, NO], 1),
        (&[AWAY, DONE, DONE], 3),
        (&[AWAY, NO, DONE], 3),
        (&[NO, AWAY, DONE], 3),
        (&[AWAY, DONE, NO], 3),
    ];
    // The second line is no event, and is not sent.
    const INVALID: [(&[&str], i32); 3] = [(&[DONE, DONE], 1), (&[AWAY, DONE], 3), (&[DONE, AWAY], 3)];
    for (second, cases) in [(GOOD, &VALID[..]), ("{}", &INVALID[..])] {
        let path = file("three.jsonl", format!("{GOOD}\n{second}\n{GOOD}\n"));
        for &(statuses, expected) in cases {
            let target = server(statuses);
            let ran = ce(&["send", &target.0, "--keep-going", path.to_str().unwrap()]);
            assert_eq!(ran.status, expected, "{statuses:?}, {second}: {}", ran.err);
            assert_eq!(requests(target), statuses.len(), "{statuses:?}, {second}: {}", ran.err);
        }
    }
}

#[test]
fn an_invalid_event_is_in_the_total() {
    let path: &str = &path_of("invalid.jsonl", format!("{GOOD}\n{{\"specversion\":\"1.0\"}}\n{GOOD}\n"));
    let target = server(&["204 No Content"]);
    let total =
        format!("1 event sent to {}, 1 failed; the rest was not sent, --keep-going sends it\n", target.0);
    ce(&["send", &target.0, path]).ended(1).says_last(&total);
    let ran = ce(&["send", &target.0, "--keep-going", "--error-format", "json", path]);
    let last = ran.errors().pop().unwrap();
    assert_eq!((ran.status, &last["kind"], &last["severity"]), (1, &"summary".into(), &"note".into()));
    assert_eq!((&last["sent"], &last["failed"], &last["duplicates"]), (&2.into(), &1.into(), &0.into()));
    assert_eq!(requests(target), 3);
    // Also of nothing but successes.
    let target = server(&["204 No Content"]);
    let ran = send(&target.0, &["--error-format", "json"]);
    let last = ran.errors().pop().unwrap();
    assert_eq!((ran.status, &last["kind"], &last["sent"]), (0, &"summary".into(), &1.into()));
    assert_eq!(requests(target), 1);
}

/// Without a look at the connection before a request, the request would go to a server that is not there any more.
#[test]
fn a_server_may_close_a_connection_while_input_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut sending = command(&["send", &url]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = sending.stdin.take().unwrap();
    for _ in 0..20 {
        writeln!(input, "{GOOD}").unwrap();
        let mut stream = listener.accept().unwrap().0;
        take(&mut stream, b"\r\n\r\n");
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        stream.shutdown(Shutdown::Both).unwrap();
    }
    drop(input);
    assert_eq!(sending.wait().unwrap().code(), Some(0));
}

/// Threads that hand a request to each other take more time than the request.
#[cfg(target_os = "linux")]
#[test]
fn one_request_at_a_time_is_the_work_of_one_thread() {
    const EVENTS: usize = 500;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut sending = command(&["send", &url]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = sending.stdin.take().unwrap();
    writeln!(input, "{GOOD}").unwrap();
    let mut stream = listener.accept().unwrap().0;
    let mut answer = || {
        take(&mut stream, b"\r\n\r\n");
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    };
    answer();
    let before = waits(sending.id());
    input.write_all(format!("{GOOD}\n").repeat(EVENTS).as_bytes()).unwrap();
    (0..EVENTS).for_each(|_| answer());
    let waits = waits(sending.id()) - before;
    drop(input);
    assert_eq!(sending.wait().unwrap().code(), Some(0));
    assert!(waits < EVENTS * 5 / 2, "{waits} waits of {EVENTS} requests");
}

/// How often the threads of a process have waited.
#[cfg(target_os = "linux")]
fn waits(process: u32) -> usize {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap().flatten();
    let of_thread = |thread: std::fs::DirEntry| {
        let status = std::fs::read_to_string(thread.path().join("status")).ok()?;
        status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")?.trim().parse::<usize>().ok())
    };
    threads.filter_map(of_thread).sum()
}

/// Reads until this has come.
fn take(stream: &mut impl Read, end: &[u8]) {
    let (mut taken, mut byte) = (Vec::new(), [0]);
    while !taken.ends_with(end) {
        stream.read_exact(&mut byte).unwrap();
        taken.extend(byte);
    }
}
