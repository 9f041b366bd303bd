//! `ce send` and `ce listen`, over loopback.

use crate::hook::{accepting, hook};
use crate::program::{self, GOOD, Listener, ce, ce_line, ce_with, file, path_of};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

const MARKS: &str = "ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\n";

/// Posts over a plain socket, and returns the status line of the response.
fn post(url: &str, headers: &str, body: &str) -> String {
    exchange(url, "POST", headers, body).lines().next().unwrap_or_default().to_owned()
}

/// Sends a request over a plain socket, and returns the response.
fn exchange(url: &str, method: &str, headers: &str, body: &str) -> String {
    let (address, length) = (url.split('/').nth(2).unwrap(), body.len());
    let head = "HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length";
    program::exchange(address, format!("{method} /events {head}: {length}\r\n{headers}\r\n{body}"))
}

#[test]
fn from_one_to_the_other() {
    let listener = Listener::start(&["--count", "5"]);
    assert_eq!(listener.notes, "");
    let batch = file("batch.json", format!("[{GOOD},{GOOD}]"));
    ce(&["send", "--mode", "batched", &listener.url, batch.to_str().unwrap()])
        .ended(0)
        .prints("")
        .says_only(&format!("2 events sent to {}\n", listener.url));
    ce_with(&["send", "--mode", "structured", &listener.url], format!("{GOOD}\n{GOOD}\n")).ended(0);
    let flags =
        "--id 9 --source /shop --type com.example.order --subject café --time 2024-05-17T08:15:30.10Z";
    let flags: Vec<&str> = flags.split(' ').chain(["-e", "priority:Integer=3", "-e", "note=100 %"]).collect();
    let data = ["--data", "{\"total\":1.10}"];
    ce(&[&["send", &listener.url], &flags[..], &data].concat()).ended(0);
    let listened = listener.end().ended(0).says_only("5 events received\n");
    let lines: Vec<_> = listened.out.lines().collect();
    assert_eq!(lines[..4], [GOOD; 4]);
    let wanted = r#"{"specversion":"1.0","id":"9","source":"/shop","type":"com.example.order","datacontenttype":"application/json","subject":"café","time":"2024-05-17T08:15:30.10Z","note":"100 %","priority":"3","data":{"total":1.10}}"#;
    assert_eq!(lines[4], wanted);
}

#[test]
fn a_bad_message_is_told_and_the_next_one_received() {
    let listener = Listener::start(&["--count", "1"]);
    let answer = post(&listener.url, &format!("{MARKS}ce-time: 2026-02-30T10:00:00Z\r\n"), "");
    assert_eq!(answer, "HTTP/1.1 400 Bad Request");
    let answer = post(
        &listener.url,
        "content-type: application/cloudevents+json\r\n",
        "{\"specversion\":\"1.0\",\n \"id\":7}",
    );
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert_eq!(post(&listener.url, MARKS, "hi"), "HTTP/1.1 204 No Content");
    let listened = listener.end();
    assert_eq!((listened.status, listened.out.lines().count()), (1, 1));
    let wanted = "\
error: attribute `time` is not a timestamp [invalid-timestamp]
  --> message 1 (from 127.0.0.1:PORT at /events)
   |  ce-time: 2026-02-30T10:00:00Z
   |           ^^^^^^^^^^^^^^^^^^^^ February 2026 has 28 days
  = CloudEvents 1.0, section \"Type System\": Timestamp string form is RFC 3339 (CE-Type-System-l)
  = help: --lenient=dropped-attribute reads it without the attribute; it may be from event-grid

error: attribute `id` has the wrong type [invalid-type]
  --> message 2:2:7 (from 127.0.0.1:PORT at /events)
   |  \"id\":7}
   |       ^ ";
    assert!(without_ports(&listened.err).starts_with(wanted), "{}", listened.err);
}

/// Replaces the ports of peers, which are any.
fn without_ports(text: &str) -> String {
    let mut parts = text.split("from 127.0.0.1:");
    let mut found = parts.next().unwrap().to_owned();
    for part in parts {
        found += "from 127.0.0.1:PORT";
        found += part.trim_start_matches(|character: char| character.is_ascii_digit());
    }
    found
}

#[test]
fn where_messages_come_from() {
    let listener = Listener::start(&["--count", "1", "-v"]);
    let marks = &format!("{MARKS}authorization: Bearer secret\r\ncontent-type: text/plain\r\n");
    assert_eq!(post(&listener.url, marks, "hi"), "HTTP/1.1 204 No Content");
    let listened = listener.end();
    let shown = without_ports(&listened.err);
    assert!(
        shown.starts_with("message 1 from 127.0.0.1:PORT at /events, binary mode\n  host: x\n"),
        "{shown}"
    );
    assert!(
        shown.contains("\n  authorization: (not shown)\n") && shown.contains("\n  ce-id: 1\n"),
        "{shown}"
    );
    // Text is shown as text.
    assert!(
        listened.out.ends_with("\"datacontenttype\":\"text/plain\",\"data\":\"hi\"}\n"),
        "{}",
        listened.out
    );
}

#[test]
fn a_target_that_fails() {
    let listener = Listener::start(&["--count", "1", "--respond", "507"]);
    assert!(post(&listener.url, MARKS, "").starts_with("HTTP/1.1 507 "));
    let listened = listener.end();
    assert_eq!((listened.status, listened.out.lines().count()), (0, 1), "{}", listened.err);

    // A client that tries again is accepted in the end.
    let listener = Listener::start(&["--count", "1", "--fail-rate", "50"]);
    let mut refused = 0;
    while post(&listener.url, MARKS, "") != "HTTP/1.1 204 No Content" {
        refused += 1;
    }
    let listened = listener.end();
    assert_eq!((listened.status, listened.out.lines().count()), (0, 1));
    assert_eq!(listened.err.matches("is refused on purpose [fault]").count(), refused, "{}", listened.err);

    {
        let listener = Listener::start(&["--fail-rate", "100%"]);
        assert_eq!(post(&listener.url, MARKS, ""), "HTTP/1.1 503 Service Unavailable");
        listener.interrupt();
        assert_eq!(listener.end().out, "");
    }

    let listener = Listener::start(&["--count", "2", "--fail-rate", "0", "--delay", "0.2"]);
    let begin = std::time::Instant::now();
    assert_eq!(post(&listener.url, MARKS, ""), "HTTP/1.1 204 No Content");
    assert!(begin.elapsed().as_millis() >= 200);
    assert_eq!(post(&listener.url, MARKS, ""), "HTTP/1.1 204 No Content");
    assert_eq!(listener.end().out.lines().count(), 2);

    for (arguments, words) in [
        (["--respond", "99"], "expected a status"),
        (["--fail-rate", "101"], "expected a percentage"),
        (["--delay", "x"], "expected a number of seconds"),
    ] {
        ce(&[&["listen", "http://127.0.0.1:0/"], &arguments[..]].concat()).ended(2).says(words);
    }
    ce(&["listen", "ws://127.0.0.1:0/", "--respond", "503"]).ended(2);
}

#[test]
fn a_target_that_answers() {
    let reply: &str = &path_of("reply.json", GOOD.replace("\"1\"", "\"answer\""));
    for more in [&[][..], &["--respond", "200"]] {
        let listener = Listener::start(&[&["--count", "1", "--reply", reply], more].concat());
        let answer = exchange(&listener.url, "POST", MARKS, "");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("ce-id: answer\r\n"), "{answer}");
        listener.end().ended(0);
    }
    ce(&["listen", "http://127.0.0.1:0/", "--reply", reply, "--allow-origin", "*"]).ended(2);
}

#[test]
fn replies_are_printed() {
    let answer = GOOD.replace("\"1\"", "\"answer\"");
    let reply = file("printed-reply.json", &answer);
    let listener = Listener::start(&["--count", "2", "--reply", reply.to_str().unwrap()]);
    ce_with(&["send", "--reply", &listener.url], format!("{GOOD}\n{GOOD}\n"))
        .ended(0)
        .prints(&format!("{answer}\n{answer}\n"))
        .says("2 events sent");
    listener.end().ended(0);
    // Without an event in the response, there is no reply.
    let listener = Listener::start(&["--count", "1"]);
    ce_with(&["send", "--reply", &listener.url], GOOD).ended(1).prints("");
    listener.end().ended(0);
    ce_with(&["send", "--reply", "-"], GOOD).ended(2);
}

#[test]
fn a_target_that_agrees() {
    let listener = Listener::start(&["--count", "1", "--allow-origin", "*"]);
    let agreed = exchange(&listener.url, "OPTIONS", "webhook-request-origin: sender.example\r\n", "");
    let granted = "webhook-allowed-origin: sender.example\r\n";
    assert!(agreed.starts_with("HTTP/1.1 200 ") && agreed.contains(granted), "{agreed}");
    let marks = &format!("{MARKS}content-type: text/plain\r\n");
    let refused = exchange(&listener.url, "POST", marks, "hi");
    assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
    let accepted =
        exchange(&listener.url, "POST", &format!("{marks}webhook-request-origin: sender.example\r\n"), "hi");
    assert!(accepted.starts_with("HTTP/1.1 204 "), "{accepted}");
    listener.end().ended(0);
}

#[test]
fn filters_by_attribute() {
    let listener = Listener::start(&["--count", "1", "--filter", "type=com.*.order", "--filter", "n > 1"]);
    let events =
        [("com.shop.order", 1), ("com.shop.orders", 2), ("com_shop.order", 2), ("com.shop.order", 2)];
    for (number, (ty, n)) in events.iter().enumerate() {
        let (id, n) = (number.to_string(), format!("n:Integer={n}"));
        ce(&["send", &listener.url, "--id", &id, "--source", "/s", "--type", ty, "-e", &n, "--no-time"])
            .ended(0);
    }
    let listened = listener.end();
    assert!(listened.out.contains("\"id\":\"3\"") && listened.out.lines().count() == 1, "{}", listened.out);
    assert!(listened.err.ends_with("1 event received, 3 left out\n"), "{}", listened.err);
}

#[test]
fn ctrl_c_ends_listening() {
    let listener = Listener::start(&[]);
    ce_with(&["send", &listener.url], GOOD).ended(0);
    listener.stop().ended(0).prints(&format!("{GOOD}\n")).says_only("1 event received\n");
}

#[test]
fn an_id_and_a_time_are_generated_for_flags_only() {
    let listener = Listener::start(&["--count", "2"]);
    let ran = ce(&["send", &listener.url, "--source", "/s", "--type", "t"]).ended(0);
    let file = file("missing.json", r#"{"specversion":"1.0","source":"/s","type":"t"}"#);
    ce(&["send", &listener.url, file.to_str().unwrap()]).ended(1);
    ce(&["send", &listener.url, "--source", "/s", "--type", "t", "--id", "1", "--no-time"])
        .says_only(&format!("1 event sent to {}\n", listener.url));
    let listened = listener.end();
    let events: Vec<serde_json::Value> =
        listened.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for name in ["id", "time"] {
        let wanted =
            format!("note: generated the {name} {} [generated]\n", events[0][name].as_str().unwrap());
        assert!(ran.err.contains(&wanted), "{}", ran.err);
    }
    assert_eq!((&events[1]["id"], &events[1]["time"]), (&"1".into(), &serde_json::Value::Null));
}

/// A probe is no failure, and no secret either.
#[test]
fn requests_for_something_else_are_shown() {
    let listener = Listener::start(&["--count", "1"]);
    let root = listener.url.replace("/events", "/other");
    ce_with(&["send", &root], GOOD).ended(1);
    ce_with(&["send", &listener.url], GOOD).ended(0);
    listener.end().ended(0).says("warning: a request was refused: 404 Not Found of POST /other [refused]");
}

#[test]
fn flags_at_fault_are_shown() {
    ce_line("send http://127.0.0.1:9/ --id 1 --source /s --type t -e n:Integer=x --time 2026-02-30")
        .ended(2)
        .says("  --> command line\n   |  --time 2026-02-30\n   |         ^^^^^^^^^^ ")
        .says("   |  -e n:Integer=x\n   |               ^ ");
}

#[test]
fn what_is_no_event_is_not_sent() {
    let listener = Listener::start(&["--count", "2"]);
    let input = format!("{GOOD}\n{{}}\n{GOOD}\n");
    ce_with(&["send", "--keep-going", &listener.url], input).ended(1).says("standard input:2:2");
    let listened = listener.end();
    assert_eq!((listened.status, listened.out.lines().count()), (0, 2));
}

#[test]
fn when_nobody_is_there() {
    let ran = ce_with(&["send", "http://me:s3cret@127.0.0.1:9/?token=t0ken"], format!("{GOOD}\n{GOOD}\n"))
        .ended(3)
        .prints("")
        .says("[unreachable]")
        .never_says("s3cret")
        .never_says("t0ken");
    // Sending stops after the first failure.
    assert_eq!(ran.err.lines().filter(|line| line.starts_with("error:")).count(), 1, "{}", ran.err);
    for url in ["stomp://host/queue", "not a url", "@nowhere"] {
        ce_with(&["send", url], GOOD).ended(2);
        ce(&["listen", url]).ended(2);
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    ce(&["listen", &format!("http://{}/", taken.local_addr().unwrap())]).ended(3);
}

#[test]
fn refusals_and_failures_are_told_apart() {
    for (answer, status) in
        [("204 No Content", 0), ("422 Unprocessable Entity", 1), ("503 Service Unavailable", 3)]
    {
        ce_with(&["send", &hook(move |_| answer)], GOOD).ended(status);
    }
}

#[test]
fn secrets_are_sent_and_not_shown() {
    let (url, seen) = accepting();
    let headers = file("headers.txt", "Authorization: Bearer from-a-file\n\n");
    let runs = [
        ce_with(&["send", &url.replace("://", "://me:p%40ss@")], GOOD),
        ce_with(&["send", &url, "-H", &format!("@{}", headers.display())], GOOD),
    ];
    let seen = seen.try_iter().map(|request| request.header("authorization").unwrap().to_owned());
    assert_eq!(seen.collect::<Vec<_>>(), ["Basic bWU6cEBzcw==", "Bearer from-a-file"]);
    for ran in runs {
        ran.ended(0).never_says("p%40ss").never_says("from-a-file");
    }
}

/// Built alone, the program has only its own cryptographic provider, and the HTTP client panics without one.
#[test]
fn tls_is_tried_where_it_is_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let peer = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut hello = [0; 3];
        stream.read_exact(&mut hello).unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        hello
    });
    ce_with(&["send", &format!("https://127.0.0.1:{port}/events")], GOOD).ended(3).says("[unreachable]");
    // A handshake record of TLS.
    assert_eq!(peer.join().unwrap(), [22, 3, 1]);
}

/// What cannot be read is refused by the server before there is a delivery.
#[test]
fn refusals_of_requests_are_reported() {
    let listener = Listener::start(&["--count", "1"]);
    let ask = |request: &str| {
        let answer = program::exchange(listener.address(), request);
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    let head = "POST /events HTTP/1.1\r\nhost: test\r\nce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\nconnection: close\r\n";
    for (request, status) in [
        (format!("{head}content-length: 99999999\r\n\r\n"), "413"),
        (format!("{head}content-encoding: gzip\r\ncontent-length: 4\r\n\r\nnone"), "400"),
        (format!("{head}transfer-encoding: chunked\r\n\r\nnone\r\n"), "400"),
        (format!("{head}x: {}\r\n\r\n", "x".repeat(2 << 20)), "431"),
        (head.replace("host: test\r\n", "") + "\r\n", "400"),
        (format!("{head}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), "501"),
        ("nonsense\r\n\r\n".to_owned(), "400"),
    ] {
        assert_eq!(ask(&request), status, "{}", &request[..request.len().min(300)]);
    }
    ce_with(&["send", &listener.url], GOOD).ended(0);
    let ran = listener.end().ended(1).prints_lines(1);
    assert_eq!(ran.err.matches("a request was refused").count(), 7, "{}", ran.err);
}

/// A message that no delivery shows is a failure all the same. A probe is none.
#[test]
fn refusals_of_websockets_are_reported() {
    let handshake = "GET /events HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: cloudevents.json\r\n\r\n";
    for (bytes, said, status) in [
        (
            b"GET /health HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".to_vec(),
            "warning: a request was refused: 404 Not Found of GET /health",
            0,
        ),
        (
            [handshake.as_bytes(), b"\x81\x81\0\0\0\0\xff"].concat(),
            "error: a request was refused: the peer sent a text message that is not UTF-8",
            1,
        ),
    ] {
        let listener = Listener::at("ws://127.0.0.1:0/events", &["--count", "1"]);
        program::exchange(listener.address(), bytes);
        ce_with(&["send", &listener.url], GOOD).ended(0);
        listener.end().ended(status).prints_lines(1).says(said);
    }
}

/// Somebody looks for the right path, and the one who listens sees it.
#[test]
fn requests_for_another_path_or_with_another_method_are_shown() {
    for arguments in [&["--count", "1"][..], &["--count", "1", "--allow-origin", "*"]] {
        let listener = Listener::start(arguments);
        for line in ["POST /other", "GET /events"] {
            let head = "HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            program::exchange(listener.address(), format!("{line} {head}"));
        }
        let headers = "webhook-request-origin: a.example\r\ncontent-type: application/json\r\n";
        post(&listener.url, &format!("{MARKS}{headers}"), "{}");
        let ran = listener.end().ended(0).prints_lines(1);
        for words in ["404 Not Found", "405 Method Not Allowed"] {
            assert!(ran.err.contains(words), "{arguments:?}: {words}: {}", ran.err);
        }
    }
}

#[test]
fn refused_handshakes_are_shown() {
    let listener = Listener::at("ws://127.0.0.1:0/events", &["--count", "1"]);
    let address = listener.address();
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (path, headers) in [("/other", upgrade), ("/events", upgrade), ("/events", "connection: close\r\n")] {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: test\r\n{headers}sec-websocket-protocol: chat\r\n\r\n")
            .unwrap();
        let mut byte = [0; 12];
        stream.read_exact(&mut byte).unwrap();
    }
    ce_with(&["send", &listener.url], GOOD).ended(0);
    let ran = listener.end().ended(0).prints_lines(1);
    for words in [
        "404 Not Found",
        "400 Bad Request of GET /events: offer one of the subprotocols",
        "426 Upgrade Required",
    ] {
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
    }
}

/// A proxy of the environment is not asked for this machine.
#[test]
fn no_proxy_comes_between_this_machine_and_itself() {
    let listener = Listener::start(&["--count", "2"]);
    let port = listener.url.split(':').nth(2).unwrap().split('/').next().unwrap();
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{port}/events");
        let arguments = ["send", &url, "--source", "/s", "--type", "t"];
        let ran = crate::program::command(&arguments)
            .env("http_proxy", "http://127.0.0.1:1")
            .env("all_proxy", "http://127.0.0.1:1")
            .output()
            .unwrap();
        assert!(ran.status.success(), "{host}: {}", String::from_utf8_lossy(&ran.stderr));
    }
    listener.end().ended(0);
}
