//! Messages as they arrived: `ce listen --envelope` and `--format-string`.

use crate::program::{GOOD, Listener, ce, ce_with, exchange};
use crate::suggested::send_documents;
use cloudevents_testkit::{kafka, nats};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
};

const KEYED: &str = r#"{"specversion":"1.0","id":"2","source":"/s","type":"t","datacontenttype":"application/json","partitionkey":"k","data":{"total":1.10}}"#;

/// Posts a text that is no event. Returns the status line.
fn post(listener: &Listener, body: &str) -> String {
    let request = format!(
        "POST /events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer s3cret\r\ncontent-type: text/plain\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    exchange(listener.address(), request).lines().next().unwrap().to_owned()
}

/// Whether this is a time in UTC, RFC 3339.
fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap();
    cloudevents_kit::Event::builder().id("1").source("/s").ty("t").time(text).build().is_ok()
        && text.ends_with('Z')
}

#[test]
fn of_http() {
    let listener = Listener::start(&["--envelope", "-n", "4"]);
    let url = listener.url.clone();
    ce_with(&["send", &url, "-H", "X-Trace: 7"], KEYED).ended(0);
    assert_eq!(post(&listener, "plain\n"), "HTTP/1.1 415 Unsupported Media Type");
    let batch = format!("{GOOD}\n{KEYED}\n");
    ce_with(&["send", &url, "--mode", "batched"], batch).ended(0);
    let ran = listener.end();
    // Something was no event, and is reported, too.
    assert_eq!(ran.status, 1, "{}", ran.err);
    assert!(ran.err.contains("[not-a-cloudevent]"), "{}", ran.err);
    assert!(!ran.out.contains("s3cret"), "{}", ran.out);

    let lines = ran.lines();
    assert_eq!(lines.len(), 4, "{}", ran.out);
    for line in &lines {
        assert!(is_time(&line["time"]), "{line}");
        let place = format!("from {} at /events", line["peer"].as_str().unwrap());
        assert_eq!((&line["place"], &line["topic"]), (&json!(place), &json!("/events")));
        assert_eq!(["partition", "offset", "key"].map(|name| line.get(name)), [None; 3], "{line}");
    }
    // Digits stay.
    assert!(ran.out.lines().next().unwrap().ends_with(&format!("\"event\":{KEYED}}}")), "{}", ran.out);
    let has = |line: &Value, name: &str, value: &str| {
        line["headers"].as_array().unwrap().contains(&json!([name, value]))
    };
    assert!(has(&lines[0], "x-trace", "7") && has(&lines[0], "ce-id", "2"), "{}", lines[0]);
    assert!(has(&lines[1], "authorization", "(not shown)"), "{}", lines[1]);
    assert_eq!(
        (&lines[1]["message"]["body"], &lines[1]["kind"]),
        (&json!("plain\n"), &json!("not-a-cloudevent"))
    );
    assert_eq!(lines[1]["message"]["headers"], lines[1]["headers"]);
    assert!(lines[1]["error"].is_string() && lines[1].get("event").is_none(), "{}", lines[1]);
    let of_batch: Vec<_> = lines[2..].iter().map(|line| (&line["index"], &line["event"]["id"])).collect();
    assert_eq!(of_batch, [(&json!(0), &json!("1")), (&json!(1), &json!("2"))]);
}

/// For `while read`, `tail -n` and log shippers. Strings and digits stay.
#[test]
fn a_payload_with_line_breaks_is_one_line() {
    let payload = "{\n  \"a\": \"x\\n  y\",\r\n\t\"b\": 1.10\n}";
    let event = format!(
        r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","datacontenttype":"application/json","data":{payload}}}"#
    );
    let event = crate::program::file("broken-over-lines.json", event);
    for form in [&["--envelope", "--output", "json"][..], &["-f", "%e\\n"]] {
        let listener = Listener::start(&[form, &["-n", "3"]].concat());
        ce(&["send", &listener.url, event.to_str().unwrap(), "--repeat", "3"]).ended(0);
        let ran = listener.end();
        let lines: Vec<&str> = ran.out.lines().collect();
        assert_eq!(lines.len(), 3, "{form:?}: {}", ran.out);
        for line in lines {
            assert!(line.contains(r#""a": "x\n  y""#) && line.contains(r#""b": 1.10"#), "{line}");
            serde_json::from_str::<Value>(line).unwrap();
        }
    }
}

#[test]
fn in_other_forms() {
    for (form, wanted) in [
        (
            "pretty",
            &["  at orders/0, offset 0, key k\n", "  ce_id: 2\n", "\npartitionkey     String         k\n"][..],
        ),
        (
            "yaml",
            &[
                "---\ntime: \"",
                "\npartition: 0\noffset: 0\nkey: \"k\"\n",
                "\nevent:\n  specversion: \"1.0\"\n",
            ],
        ),
    ] {
        let broker = kafka::Broker::start().unwrap();
        broker.create_topic("orders", 1).unwrap();
        ce_with(&["send", &broker.url("orders?key=partitionkey")], KEYED).ended(0);
        let ran = ce(&["listen", &broker.url("orders"), "-n", "1", "--envelope", "--output", form]).ended(0);
        for part in wanted {
            assert!(ran.out.contains(part), "{part:?}: {}", ran.out);
        }
    }
}

/// Beside what the broker itself has.
#[test]
fn of_kafka() {
    let broker = kafka::Broker::start().unwrap();
    broker.create_topic("orders", 1).unwrap();
    let url = broker.url("orders");
    ce_with(&["send", &broker.url("orders?key=partitionkey")], KEYED).ended(0);
    send_documents(&url, &["{oops"]);
    let records = broker.messages("orders").unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();

    let ran = ce(&["listen", &url, "-n", "2", "--envelope"]).ended(1);
    let lines = ran.lines();
    assert_eq!(lines.len(), 2, "{}", ran.out);
    for (offset, (line, record)) in lines.iter().zip(&records).enumerate() {
        assert_eq!(
            ["topic", "partition", "offset"].map(|name| &line[name]),
            [&json!("orders"), &json!(0), &json!(offset)]
        );
        assert_eq!(line.get("key").cloned(), record.key.as_deref().map(|key| text(key).into()));
        assert!(is_time(&line["time"]) && is_time(&line["timestamp"]), "{line}");
        // A log counts no attempts.
        assert_eq!(line.get("attempt"), None, "{line}");
        for header in line["headers"].as_array().unwrap() {
            let (name, value) = (header[0].as_str().unwrap(), header[1].as_str().unwrap());
            assert_eq!(record.header(name).map(text).as_deref(), Some(value));
        }
    }
    assert!(ran.out.lines().next().unwrap().ends_with(&format!("\"event\":{KEYED}}}")), "{}", ran.out);
    assert_eq!(lines[1]["message"]["body"], "{oops");

    let template = r"%t|%p|%o|%k|%K|%s|%S|%{type}|%{partitionkey}|%{data}|%E\n";
    let ran = ce(&["listen", &url, "-n", "2", "-f", template]).ended(1);
    let error = lines[1]["error"].as_str().unwrap();
    let wanted = format!(
        "orders|0|0|k|1|{{\"total\":1.10}}|14|t|k|{{\"total\":1.10}}|\norders|0|1||-1|{{oops|5||||{error}\n"
    );
    assert_eq!(ran.out, wanted);

    // What is no event matches no filter.
    ce(&["listen", &url, "--idle", "2", "-f", r"%i\n", "--filter", "type=t"]).ended(1).prints("2\n");
}

#[test]
fn of_nats() {
    let server = nats::Server::start().unwrap();
    let listener =
        Listener::at(&server.url("orders.%3E"), &["-n", "2", "-f", r"%t %{header:ce-id} [%p%o%k] %s %n%E\n"]);
    ce_with(&["send", &server.url("orders.new")], KEYED).ended(0);
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.write_all(b"CONNECT {\"verbose\":false}\r\nPUB orders.old 5\r\nplain\r\nPING\r\n").unwrap();
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    while line.trim() != "PONG" {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0);
    }
    let ran = listener.end().ended(1);
    let (first, second) = ran.out.split_once('\n').unwrap();
    assert_eq!(first, "orders.new 2 [] {\"total\":1.10} ");
    assert!(second.starts_with("orders.old  [] plain ") && second.trim_end().len() > 21, "{second}");
}

#[test]
fn wrong_usage() {
    let (http, nowhere) = ("http://127.0.0.1:0/", "kafka://127.0.0.1:9/t?group=g&reject=drop&since=");
    let (no_time, both) = (format!("{nowhere}now"), format!("{nowhere}1970-01-01T00:00:00Z&offset=latest"));
    for (arguments, words) in [
        (&[http, "-f", "%z"][..], "there is no placeholder `%z`: they are %t %p %o %k"),
        (&[http, "--format-string", "%{Type}"], "%{ATTRIBUTE}, such as %{type}"),
        (&[http, "-f", "%i", "--envelope"], "cannot be used with"),
        (&[http, "--since", "1h"], "these are `kafka`, `nats+jetstream`, `nats+jetstream+tls`"),
        (&["-", "--since", "1h"], "--since is for protocols that find messages by their time"),
        (&[nowhere, "--since", "soon"], "expected a number and a unit"),
        (&[&no_time], "the value of the option `since` is not a time"),
        (&[&both], "the options `offset` and `since` are both there"),
        (&[http, "--last", "3"], "--last is for protocols that keep messages in an order"),
        (&[nowhere, "--last", "3", "--since", "1h"], "cannot be used with"),
        (
            &["kafka://127.0.0.1:9/t?group=g&reject=drop&offset=latest", "--last", "3"],
            "`offset` and `last` are both",
        ),
    ] {
        ce(&[&["listen"], arguments].concat()).ended(2).prints("").says(words);
    }
}
