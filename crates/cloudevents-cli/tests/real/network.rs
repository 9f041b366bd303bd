//! `ce send` and `ce listen`, over loopback.

use crate::program::{GOOD, Listener, ce, ce_with, file};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

/// Posts over a plain socket, and returns the status line of the response.
fn post(url: &str, headers: &str, body: &str) -> String {
    exchange(url, "POST", headers, body).lines().next().unwrap_or_default().to_owned()
}

/// Sends a request over a plain socket, and returns the response.
fn exchange(url: &str, method: &str, headers: &str, body: &str) -> String {
    let address = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(stream, "{method} /events HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn from_one_to_the_other() {
    let listener = Listener::start(&["--count", "5"]);
    assert_eq!(listener.notes, "");
    let batch = file("batch.json", format!("[{GOOD},{GOOD}]"));
    let ran = ce(&["send", "--mode", "batched", &listener.url, batch.to_str().unwrap()]);
    assert_eq!((ran.status, ran.out.as_str()), (0, ""));
    assert_eq!(ran.err, format!("2 events sent to {}\n", listener.url));
    let ran = ce_with(&["send", "--mode", "structured", &listener.url], format!("{GOOD}\n{GOOD}\n"));
    assert_eq!(ran.status, 0, "{}", ran.err);
    let ran = ce(&[
        "send",
        &listener.url,
        "--id",
        "9",
        "--source",
        "/shop",
        "--type",
        "com.example.order",
        "--subject",
        "café",
        "--time",
        "2024-05-17T08:15:30.10Z",
        "-e",
        "priority:Integer=3",
        "-e",
        "note=100 %",
        "--data",
        "{\"total\":1.10}",
    ]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let listened = listener.end();
    assert_eq!((listened.status, listened.err.as_str()), (0, "5 events received\n"));
    let lines: Vec<_> = listened.out.lines().collect();
    assert_eq!(lines[..4], [GOOD; 4]);
    let wanted = r#"{"specversion":"1.0","id":"9","source":"/shop","type":"com.example.order","datacontenttype":"application/json","subject":"café","time":"2024-05-17T08:15:30.10Z","note":"100 %","priority":"3","data":{"total":1.10}}"#;
    assert_eq!(lines[4], wanted);
}

#[test]
fn a_bad_message_is_told_and_the_next_one_received() {
    let listener = Listener::start(&["--count", "1"]);
    let marks = "ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\n";
    let answer = post(&listener.url, &format!("{marks}ce-time: 2026-02-30T10:00:00Z\r\n"), "");
    assert_eq!(answer, "HTTP/1.1 400 Bad Request");
    let answer = post(
        &listener.url,
        "content-type: application/cloudevents+json\r\n",
        "{\"specversion\":\"1.0\",\n \"id\":7}",
    );
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert_eq!(post(&listener.url, marks, "hi"), "HTTP/1.1 204 No Content");
    let listened = listener.end();
    assert_eq!((listened.status, listened.out.lines().count()), (1, 1));
    let wanted = "\
error: attribute `time` is not a timestamp [invalid-timestamp]
  --> message 1 (from 127.0.0.1:PORT at /events)
   |  ce-time: 2026-02-30T10:00:00Z
   |           ^^^^^^^^^^^^^^^^^^^^ February 2026 has 28 days
  = CloudEvents 1.0, section \"Type System\": Timestamp string form is RFC 3339 (CE-Type-System-l)
  = help: --lenient=dropped-attribute reads it; it may be from event-grid

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
    let marks = "ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\nauthorization: Bearer secret\r\ncontent-type: text/plain\r\n";
    assert_eq!(post(&listener.url, marks, "hi"), "HTTP/1.1 204 No Content");
    let listened = listener.end();
    let shown = without_ports(&listened.err);
    assert!(
        shown.starts_with("message 1 from 127.0.0.1:PORT at /events, binary mode\n  host: 127.0.0.1:"),
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
    let marks = "ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\n";
    let listener = Listener::start(&["--count", "1", "--respond", "507"]);
    assert!(post(&listener.url, marks, "").starts_with("HTTP/1.1 507 "));
    let listened = listener.end();
    assert_eq!((listened.status, listened.out.lines().count()), (0, 1), "{}", listened.err);

    // A client that tries again is accepted in the end.
    let listener = Listener::start(&["--count", "1", "--fail-rate", "50"]);
    let mut refused = 0;
    while post(&listener.url, marks, "") != "HTTP/1.1 204 No Content" {
        refused += 1;
    }
    let listened = listener.end();
    assert_eq!((listened.status, listened.out.lines().count()), (0, 1));
    assert_eq!(listened.err.matches("is refused on purpose [fault]").count(), refused, "{}", listened.err);

    #[cfg(unix)]
    {
        let listener = Listener::start(&["--fail-rate", "100%"]);
        assert_eq!(post(&listener.url, marks, ""), "HTTP/1.1 503 Service Unavailable");
        listener.interrupt();
        assert_eq!(listener.end().out, "");
    }

    let listener = Listener::start(&["--count", "2", "--fail-rate", "0", "--delay", "0.2"]);
    let begin = std::time::Instant::now();
    assert_eq!(post(&listener.url, marks, ""), "HTTP/1.1 204 No Content");
    assert!(begin.elapsed().as_millis() >= 200);
    assert_eq!(post(&listener.url, marks, ""), "HTTP/1.1 204 No Content");
    assert_eq!(listener.end().out.lines().count(), 2);

    for (arguments, words) in [
        (["--respond", "99"], "expected a status"),
        (["--fail-rate", "101"], "expected a percentage"),
        (["--delay", "x"], "expected a number of seconds"),
    ] {
        let ran = ce(&[&["listen", "http://127.0.0.1:0/"], &arguments[..]].concat());
        assert_eq!(ran.status, 2);
        assert!(ran.err.contains(words), "{}", ran.err);
    }
    assert_eq!(ce(&["listen", "ws://127.0.0.1:0/", "--respond", "503"]).status, 2);
}

#[test]
fn a_target_that_answers() {
    let reply = file("reply.json", GOOD.replace("\"1\"", "\"answer\""));
    let reply = reply.to_str().unwrap();
    for more in [&[][..], &["--respond", "200"]] {
        let listener = Listener::start(&[&["--count", "1", "--reply", reply], more].concat());
        let answer = exchange(
            &listener.url,
            "POST",
            "ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\n",
            "",
        );
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("ce-id: answer\r\n"), "{answer}");
        assert_eq!(listener.end().status, 0);
    }
    let ran = ce(&["listen", "http://127.0.0.1:0/", "--reply", reply, "--allow-origin", "*"]);
    assert_eq!(ran.status, 2);
}

#[test]
fn replies_are_printed() {
    let answer = GOOD.replace("\"1\"", "\"answer\"");
    let reply = file("printed-reply.json", &answer);
    let listener = Listener::start(&["--count", "2", "--reply", reply.to_str().unwrap()]);
    let ran = ce_with(&["send", "--reply", &listener.url], format!("{GOOD}\n{GOOD}\n"));
    assert_eq!((ran.status, ran.out), (0, format!("{answer}\n{answer}\n")), "{}", ran.err);
    assert!(ran.err.contains("2 events sent"), "{}", ran.err);
    assert_eq!(listener.end().status, 0);
    // Without an event in the response, there is no reply.
    let listener = Listener::start(&["--count", "1"]);
    let ran = ce_with(&["send", "--reply", &listener.url], GOOD);
    assert_eq!((ran.status, ran.out.as_str()), (1, ""), "{}", ran.err);
    assert_eq!(listener.end().status, 0);
    let ran = ce_with(&["send", "--reply", "-"], GOOD);
    assert_eq!(ran.status, 2, "{}", ran.err);
}

#[test]
fn a_target_that_agrees() {
    let listener = Listener::start(&["--count", "1", "--allow-origin", "*"]);
    let agreed = exchange(&listener.url, "OPTIONS", "webhook-request-origin: sender.example\r\n", "");
    let granted = "webhook-allowed-origin: sender.example\r\n";
    assert!(agreed.starts_with("HTTP/1.1 200 ") && agreed.contains(granted), "{agreed}");
    let marks =
        "ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\ncontent-type: text/plain\r\n";
    let refused = exchange(&listener.url, "POST", marks, "hi");
    assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
    let accepted =
        exchange(&listener.url, "POST", &format!("{marks}webhook-request-origin: sender.example\r\n"), "hi");
    assert!(accepted.starts_with("HTTP/1.1 204 "), "{accepted}");
    assert_eq!(listener.end().status, 0);
}

#[test]
fn filters_by_attribute() {
    let listener = Listener::start(&["--count", "1", "--filter", "type=com.*.order", "--filter", "n > 1"]);
    let events =
        [("com.shop.order", 1), ("com.shop.orders", 2), ("com_shop.order", 2), ("com.shop.order", 2)];
    for (number, (ty, n)) in events.iter().enumerate() {
        let (id, n) = (number.to_string(), format!("n:Integer={n}"));
        let ran =
            ce(&["send", &listener.url, "--id", &id, "--source", "/s", "--type", ty, "-e", &n, "--no-time"]);
        assert_eq!(ran.status, 0, "{}", ran.err);
    }
    let listened = listener.end();
    assert!(listened.out.contains("\"id\":\"3\"") && listened.out.lines().count() == 1, "{}", listened.out);
    assert!(listened.err.ends_with("1 event received, 3 left out\n"), "{}", listened.err);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_listening() {
    let listener = Listener::start(&[]);
    assert_eq!(ce_with(&["send", &listener.url], GOOD).status, 0);
    listener.interrupt();
    let listened = listener.end();
    assert_eq!(
        (listened.status, listened.out.as_str()),
        (0, format!("{GOOD}\n").as_str()),
        "{}",
        listened.err
    );
    assert_eq!(listened.err, "1 event received\n");
}

#[test]
fn an_id_and_a_time_are_generated_for_flags_only() {
    let listener = Listener::start(&["--count", "2"]);
    let ran = ce(&["send", &listener.url, "--source", "/s", "--type", "t"]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let file = file("missing.json", r#"{"specversion":"1.0","source":"/s","type":"t"}"#);
    assert_eq!(ce(&["send", &listener.url, file.to_str().unwrap()]).status, 1);
    let other = ce(&["send", &listener.url, "--source", "/s", "--type", "t", "--id", "1", "--no-time"]);
    assert_eq!(other.err, format!("1 event sent to {}\n", listener.url));
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
    assert_eq!(ce_with(&["send", &root], GOOD).status, 1);
    assert_eq!(ce_with(&["send", &listener.url], GOOD).status, 0);
    let listened = listener.end();
    assert_eq!(listened.status, 0);
    assert!(
        listened.err.contains("warning: a request was refused: 404 Not Found of POST /other [refused]"),
        "{}",
        listened.err
    );
}

#[test]
fn flags_at_fault_are_shown() {
    let ran = ce(&[
        "send",
        "http://127.0.0.1:9/",
        "--id",
        "1",
        "--source",
        "/s",
        "--type",
        "t",
        "-e",
        "n:Integer=x",
        "--time",
        "2026-02-30",
    ]);
    assert_eq!(ran.status, 2);
    assert!(
        ran.err.contains("  --> command line\n   |  --time 2026-02-30\n   |         ^^^^^^^^^^ "),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("   |  -e n:Integer=x\n   |               ^ "), "{}", ran.err);
}

#[test]
fn what_is_no_event_is_not_sent() {
    let listener = Listener::start(&["--count", "2"]);
    let input = format!("{GOOD}\n{{}}\n{GOOD}\n");
    let ran = ce_with(&["send", "--keep-going", &listener.url], input);
    assert_eq!(ran.status, 1);
    assert!(ran.err.contains("standard input:2:2"), "{}", ran.err);
    let listened = listener.end();
    assert_eq!((listened.status, listened.out.lines().count()), (0, 2));
}

#[test]
fn when_nobody_is_there() {
    let ran = ce_with(&["send", "http://me:s3cret@127.0.0.1:9/?token=t0ken"], format!("{GOOD}\n{GOOD}\n"));
    assert_eq!((ran.status, ran.out.as_str()), (3, ""));
    assert!(ran.err.contains("[unreachable]"), "{}", ran.err);
    assert!(!ran.err.contains("s3cret") && !ran.err.contains("t0ken"), "{}", ran.err);
    // Sending stops after the first failure.
    assert_eq!(ran.err.lines().filter(|line| line.starts_with("error:")).count(), 1, "{}", ran.err);
    for url in ["stomp://host/queue", "not a url", "@nowhere"] {
        assert_eq!(ce_with(&["send", url], GOOD).status, 2, "{url}");
        assert_eq!(ce(&["listen", url]).status, 2, "{url}");
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let ran = ce(&["listen", &format!("http://{}/", taken.local_addr().unwrap())]);
    assert_eq!(ran.status, 3, "{}", ran.err);
}

/// A server that responds to each request with this status, and returns the `authorization` headers it
/// received.
fn server(status: &'static str, requests: usize) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen = thread::spawn(move || {
        (0..requests)
            .map(|_| {
                let mut stream = BufReader::new(listener.accept().unwrap().0);
                let mut seen = String::new();
                let mut line = String::new();
                while stream.read_line(&mut line).unwrap() > 2 {
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("authorization:") {
                        seen = line[line.len() - value.len()..].trim().to_owned();
                    }
                    line.clear();
                }
                write!(
                    stream.get_mut(),
                    "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
                )
                .unwrap();
                seen
            })
            .collect()
    });
    (address, seen)
}

#[test]
fn refusals_and_failures_are_told_apart() {
    for (answer, status) in
        [("204 No Content", 0), ("422 Unprocessable Entity", 1), ("503 Service Unavailable", 3)]
    {
        let (address, seen) = server(answer, 1);
        let ran = ce_with(&["send", &format!("http://{address}/")], GOOD);
        assert_eq!(ran.status, status, "{answer}: {}", ran.err);
        seen.join().unwrap();
    }
}

#[test]
fn secrets_are_sent_and_not_shown() {
    let (address, seen) = server("204 No Content", 2);
    let headers = file("headers.txt", "Authorization: Bearer from-a-file\n\n");
    let runs = [
        ce_with(&["send", &format!("http://me:p%40ss@{address}/")], GOOD),
        ce_with(&["send", &format!("http://{address}/"), "-H", &format!("@{}", headers.display())], GOOD),
    ];
    assert_eq!(seen.join().unwrap(), ["Basic bWU6cEBzcw==", "Bearer from-a-file"]);
    for ran in runs {
        assert_eq!(ran.status, 0, "{}", ran.err);
        assert!(!ran.err.contains("p%40ss") && !ran.err.contains("from-a-file"), "{}", ran.err);
    }
}

/// Built alone, the program has only its own cryptographic provider, and the HTTP client panics without one.
#[cfg(feature = "tls")]
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
    let ran = ce_with(&["send", &format!("https://127.0.0.1:{port}/events")], GOOD);
    assert_eq!(ran.status, 3, "{}", ran.err);
    assert!(ran.err.contains("[unreachable]"), "{}", ran.err);
    // A handshake record of TLS.
    assert_eq!(peer.join().unwrap(), [22, 3, 1]);
}

/// What cannot be read is refused by the server before there is a delivery.
#[test]
fn refusals_of_requests_are_reported() {
    let listener = Listener::start(&["--count", "1"]);
    let address = listener.url.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let ask = |request: String| {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).split(' ').nth(1).unwrap_or_default().to_owned()
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
        assert_eq!(ask(request.clone()), status, "{}", &request[..request.len().min(300)]);
    }
    assert_eq!(ce_with(&["send", &listener.url], GOOD).status, 0);
    let ran = listener.end();
    assert_eq!((ran.status, ran.lines().len()), (1, 1), "{}", ran.err);
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
        let address = listener.url.strip_prefix("ws://").unwrap().split('/').next().unwrap().to_owned();
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(&bytes).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
        assert_eq!(ce_with(&["send", &listener.url], GOOD).status, 0);
        let ran = listener.end();
        assert_eq!((ran.status, ran.lines().len()), (status, 1), "{}", ran.err);
        assert!(ran.err.contains(said), "{}", ran.err);
    }
}

/// Somebody looks for the right path, and the one who listens sees it.
#[test]
fn requests_for_another_path_or_with_another_method_are_shown() {
    for arguments in [&["--count", "1"][..], &["--count", "1", "--allow-origin", "*"]] {
        let listener = Listener::start(arguments);
        let address = listener.url.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
        for line in ["POST /other", "GET /events"] {
            let mut stream = TcpStream::connect(&address).unwrap();
            write!(stream, "{line} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
                .unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        }
        let mut stream = TcpStream::connect(&address).unwrap();
        let body = "{}";
        write!(
            stream,
            "POST /events HTTP/1.1\r\nhost: test\r\nconnection: close\r\nwebhook-request-origin: a.example\r\nce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
        let ran = listener.end();
        assert_eq!((ran.status, ran.lines().len()), (0, 1), "{}", ran.err);
        for words in ["404 Not Found", "405 Method Not Allowed"] {
            assert!(ran.err.contains(words), "{arguments:?}: {words}: {}", ran.err);
        }
    }
}

#[cfg(feature = "websockets")]
#[test]
fn refused_handshakes_are_shown() {
    let listener = Listener::at("ws://127.0.0.1:0/events", &["--count", "1"]);
    let address = listener.url.strip_prefix("ws://").unwrap().split('/').next().unwrap().to_owned();
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (path, headers) in [("/other", upgrade), ("/events", upgrade), ("/events", "connection: close\r\n")] {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: test\r\n{headers}sec-websocket-protocol: chat\r\n\r\n")
            .unwrap();
        let mut byte = [0; 12];
        stream.read_exact(&mut byte).unwrap();
    }
    assert_eq!(ce_with(&["send", &listener.url], GOOD).status, 0);
    let ran = listener.end();
    assert_eq!((ran.status, ran.lines().len()), (0, 1), "{}", ran.err);
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
    assert_eq!(listener.end().status, 0);
}
