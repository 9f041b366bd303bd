//! What `ce send -v` and `--dry-run` show, beside what other clients read.

use crate::hook::accepting;
use crate::program::{GOOD, ce, ce_with};
use cloudevents_testkit::{amqp, kafka, mqtt, nats};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
};

const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","datacontenttype":"application/json","partitionkey":"k","data":{"n":1}}"#;

/// Sends the event, and returns what -v shows, which is what --dry-run shows.
fn shown(url: &str, arguments: &[&str]) -> Value {
    let dry = ce_with(&[&["send", "--dry-run", url], arguments].concat(), EVENT).ended(0);
    let sent = ce_with(&[&["send", "-v", url], arguments].concat(), EVENT).ended(0);
    let text: String = sent.err.lines().filter_map(|line| line.strip_prefix("> ")).collect();
    let shown: Value = serde_json::from_str(&text).expect(&sent.err);
    assert_eq!([&shown], [&dry.lines()[0]]);
    shown
}

/// Whether this program of another project is installed.
fn has(program: &str) -> bool {
    let found =
        Command::new(program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        assert!(std::env::var_os("CE_NO_SKIP").is_none_or(|all| all != "1"), "{program} is not installed");
        eprintln!("SKIPPED: {program} is not installed");
    }
    found
}

#[test]
fn of_mqtt() {
    for (options, arguments, version, qos, retain) in [
        ("?qos=2&retain=true", &[][..], "5", 2, true),
        ("?prefix=ce-", &[], "5", 1, false),
        ("?peer=go-2", &[], "5", 1, false),
        ("", &["--peer", "javascript-10"], "5", 1, false),
        ("", &["--peer", "dapr"], "5", 1, false),
        ("", &["--mode", "structured"], "5", 1, false),
        ("?version=3.1.1&qos=0", &[], "311", 0, false),
    ] {
        let broker = mqtt::Broker::start().unwrap();
        let shown = shown(&broker.url(&format!("plant/{{type}}{options}")), arguments);
        let sent = broker.published().pop().unwrap();
        assert_eq!(shown["to"], json!({"topic": sent.topic, "qos": sent.qos, "retain": sent.retain}));
        assert_eq!((sent.qos, sent.retain), (qos, retain));
        let message = &shown["message"];
        assert_eq!(message["payload"]["text"], String::from_utf8_lossy(&sent.payload).as_ref());
        assert_eq!(message["content-type"].as_str(), sent.content_type.as_deref());
        let properties: Vec<_> =
            sent.user_properties.iter().map(|(name, value)| json!([name, value])).collect();
        assert_eq!(message["user-properties"].as_array().cloned().unwrap_or_default(), properties);
        if retain && has("mosquitto_sub") {
            let format = ["-F", "%t %q %r %C %P %p"];
            let version = if version == "5" { "mqttv5" } else { version };
            let arguments = format!("-p {} -V {version} -t plant/# -q 2 -C 1", broker.port());
            let read =
                Command::new("mosquitto_sub").args(arguments.split(' ')).args(format).output().unwrap();
            let read = String::from_utf8(read.stdout).unwrap();
            let told = |name: &str| message[name].as_str().unwrap().to_owned();
            let wanted =
                format!("{} {qos} 1 {} ", shown["to"]["topic"].as_str().unwrap(), told("content-type"));
            assert!(read.starts_with(&wanted) && read.trim_end().ends_with("{\"n\":1}"), "{read}");
        }
    }
}

#[test]
fn of_kafka() {
    let broker = kafka::Broker::start().unwrap();
    broker.create_topic("orders", 1).unwrap();
    let shown = shown(&broker.url("orders?key=partitionkey"), &[]);
    assert_eq!(shown["to"], json!({"topic": "orders", "key": "k"}));
    assert_eq!(shown["message"]["key"], json!({"text": "k"}));
    if has("kcat") {
        let arguments = format!("-C -b {} -t orders -o beginning -c 1 -J -q", broker.bootstrap_servers());
        let read = Command::new("kcat").args(arguments.split(' ')).output().unwrap();
        let read: Value = serde_json::from_slice(&read.stdout).unwrap();
        assert_eq!((&read["key"], &read["topic"]), (&shown["to"]["key"], &shown["to"]["topic"]));
        assert_eq!(read["payload"], shown["message"]["value"]["text"]);
        assert_eq!(read["key"], shown["message"]["key"]["text"]);
        let headers: Vec<Value> = shown["message"]["headers"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|header| [header[0].clone(), header[1]["text"].clone()])
            .collect();
        assert_eq!(read["headers"], json!(headers));
    }
}

/// Every line of the head, as it arrives.
#[test]
fn of_http() {
    let arguments = ["--id", "1", "--source", "/s", "--type", "t", "--no-time", "--subject", "café"];
    for (more, mode) in [
        (&[][..], "binary"),
        (&["--data", "{}"], "binary"),
        (&["--peer", "go-2"], "structured"),
        (&["--peer", "dapr"], "structured"),
    ] {
        let (url, requests) = accepting();
        let url = url.replace("/events", "/x?y=z");
        let all = [&["send", &url], &arguments[..], more].concat();
        let sent = ce(&[&all[..], &["-v"]].concat()).ended(0);
        let sorted = |lines: Vec<String>| lines.into_iter().collect::<std::collections::BTreeSet<_>>();
        let head: Vec<String> = requests.recv().unwrap().head.trim_end().lines().map(str::to_owned).collect();
        let shown: Vec<String> =
            sent.err.lines().filter_map(|line| line.strip_prefix("> ").map(str::to_owned)).collect();
        let shown: Vec<String> = shown[..head.len()].to_vec();
        assert_eq!(sorted(shown), sorted(head.clone()), "{}", sent.err);
        let dry = ce(&[&all[..], &["--dry-run"]].concat());
        let dry: Vec<String> =
            dry.out.lines().take_while(|line| !line.is_empty()).map(str::to_owned).collect();
        assert_eq!(sorted(dry), sorted(head.clone()));
        let is_document = head.iter().any(|line| line == "content-type: application/cloudevents+json");
        assert_eq!(is_document, mode == "structured", "{head:?}");
    }
}

/// Beside what the protocol itself says to a subscriber.
#[test]
fn of_nats() {
    for (query, arguments) in [
        ("", &[][..]),
        ("?raw=true", &[]),
        ("?peer=go-2", &[]),
        ("", &["--peer", "go-2"]),
        ("?headers=false", &[]),
        ("?headers=false", &["--mode", "structured"]),
    ] {
        of_nats_with(query, arguments);
    }
    // JetStream recognises the event by its source and id.
    let dry = ce_with(
        &["send", "--dry-run", "nats+jetstream://127.0.0.1:9/orders?deduplicate=true&stream=S"],
        GOOD,
    );
    let wanted = json!({"subject": "orders", "Nats-Msg-Id": "/s%201", "Nats-Expected-Stream": "S"});
    assert_eq!(dry.lines()[0]["to"], wanted);
}

fn of_nats_with(query: &str, arguments: &[&str]) {
    let server = nats::Server::start().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.write_all(b"CONNECT {\"headers\":true,\"verbose\":false}\r\nSUB orders.> 1\r\nPING\r\n").unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    while line.trim() != "PONG" {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0);
    }
    let shown = shown(&server.url(&format!("orders.{{type}}{query}")), arguments);
    line.clear();
    lines.read_line(&mut line).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    let headers = shown["message"]["headers"].as_array().cloned().unwrap_or_default();
    let verb = if headers.is_empty() { "MSG" } else { "HMSG" };
    assert_eq!(
        (words[0], words[1]),
        (verb, shown["to"]["subject"].as_str().unwrap()),
        "{query} {arguments:?}"
    );
    let mut body = vec![0; words[words.len() - 1].parse().unwrap()];
    lines.read_exact(&mut body).unwrap();
    let text = String::from_utf8(body).unwrap();
    for header in headers {
        let line = format!("{}: {}\r\n", header[0].as_str().unwrap(), header[1].as_str().unwrap());
        assert!(text.contains(&line), "{query} {arguments:?}: {line}, {text}");
    }
    let payload = shown["message"]["payload"]["text"].as_str().unwrap();
    assert!(text.ends_with(payload) && (verb == "HMSG" || text == payload), "{query} {arguments:?}: {text}");
}

#[test]
fn of_amqp() {
    let broker = amqp::Broker::start().unwrap();
    let queue = broker.queue("orders");
    let shown = shown(&broker.url("orders?separator=colon"), &[]);
    assert_eq!(shown["to"], json!({"address": "orders"}));
    let names: Vec<_> = shown["message"]["application-properties"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| pair[0].as_str().unwrap())
        .collect();
    assert!(names.contains(&"cloudEvents:type"), "{names:?}");
    assert_eq!(queue.len(), 1);
    let event = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","priority":3}"#;
    for (query, arguments, name, ty) in [
        ("", &[][..], "cloudEvents_priority", "long"),
        ("?strings=true", &[], "cloudEvents_priority", "string"),
        ("?peer=python-2", &[], "cloudEvents_priority", "string"),
        ("", &["--peer", "java-4"], "cloudEvents:priority", "string"),
        ("?separator=underscore&strings=false", &["--peer", "java-4"], "cloudEvents_priority", "long"),
    ] {
        let url = broker.url(&format!("others{query}"));
        let dry = ce_with(&[&["send", "--dry-run", &url], arguments].concat(), event);
        let properties = dry.lines()[0]["message"]["application-properties"].clone();
        let found = properties.as_array().unwrap().iter().find(|pair| pair[0] == name).unwrap();
        assert_eq!(found[1]["type"], ty, "{query} {arguments:?}");
        // What a client reads is of the same form.
        ce_with(&[&["send", &url], arguments].concat(), event).ended(0);
        ce(&["listen", "-v", url.split('?').next().unwrap(), "--count", "1"])
            .says(&format!("\n  {name}: 3\n"));
    }
}

#[test]
fn of_websockets() {
    let ran = ce_with(&["send", "--dry-run", "ws://127.0.0.1:9/?format=protobuf"], GOOD);
    let message = &ran.lines()[0]["message"];
    assert_eq!((&message["subprotocol"], &message["frame"]), (&json!("cloudevents.proto"), &json!("binary")));
}

const DOCUMENT: (&str, &str) = ("content-type", "application/cloudevents+json");

/// Headers, attributes and fields, all of them or some, and the document where there is one.
#[test]
fn of_protocols_without_an_embedded_broker() {
    let routed = [DOCUMENT, ("ce-type", "t"), ("ce-source", "/s")];
    let (fields, names) = ([DOCUMENT, ("data", GOOD)], [("ce-id", "1"), ("ce-source", "/s")]);
    let text = |value: &Value| value["text"].as_str().or(value.as_str()).unwrap().to_owned();
    for (url, to, part, wanted, document) in [
        ("sqs://eu-central-1/1/orders", "queue 1/orders", "attributes", &[DOCUMENT][..], "body"),
        ("sns://eu-central-1/1/orders", "topic 1/orders", "attributes", &routed, ""),
        ("eventbridge://eu-central-1/1/orders", "bus 1/orders", "", &[], "detail"),
        ("postgres://shop@localhost/d?queue=orders", "queue orders", "headers", &[DOCUMENT], "message"),
        ("redis://localhost/?stream=orders", "stream orders", "fields", &fields, ""),
        ("redis://localhost/?stream=orders --mode binary", "stream orders", "some fields", &names, ""),
        ("pubsub://my-project/orders", "topic orders", "some attributes", &[("ce-type", "t")], ""),
    ] {
        let via = url.split(':').next().unwrap().replace("postgres", "pgmq");
        let arguments: Vec<&str> = ["send", "--dry-run"].into_iter().chain(url.split(' ')).collect();
        let shown = ce_with(&arguments, GOOD).ended(0).lines().remove(0);
        let (kind, place) = to.split_once(' ').unwrap();
        assert_eq!((&shown["via"], &shown["to"]), (&json!(via), &json!({kind: place})));
        let message = &shown["message"];
        let pairs = message[part.trim_start_matches("some ")].as_array().cloned().unwrap_or_default();
        let mut found: Vec<_> = pairs.iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect();
        let is_wanted = |(name, value): &(String, String)| wanted.contains(&(name.as_str(), value.as_str()));
        found.retain(|pair| !part.starts_with("some ") || is_wanted(pair));
        assert!(found.len() == wanted.len() && found.iter().all(is_wanted), "{message}");
        assert!(document.is_empty() || message[document]["text"] == GOOD, "{message}");
        let routes = (&message["detail-type"], &message["source"]);
        assert!(via != "eventbridge" || routes == (&json!("t"), &json!("/s")), "{message}");
    }
    let redis = "redis://localhost/?stream=orders&mode=binary";
    ce_with(&["send", "--dry-run", redis], GOOD).ended(2).says("use --mode");
    for wrong in [["--mode", "binary"], ["--format", "xml"]] {
        let postgres = "postgres://shop@localhost/shop?queue=orders";
        ce_with(&["send", "--dry-run", postgres, wrong[0], wrong[1]], GOOD).fails().says("pgmq");
    }
}

/// What a protocol does not carry is not sent as something else.
#[test]
fn what_a_protocol_does_not_carry_is_refused() {
    for (url, arguments, words) in [
        ("mqtt://127.0.0.1:9/t?version=3.1.1", &["--mode", "binary"][..], "MQTT 3.1.1 has no binary mode"),
        ("ws://127.0.0.1:9/", &["--mode", "binary"], "WebSockets has no binary mode"),
        ("ws://127.0.0.1:9/", &["--format", "avro"], "the URL offers the format json, and --format is avro"),
        (
            "ws://127.0.0.1:9/?format=avro",
            &["--format", "json", "--mode", "structured"],
            "the URL offers the format avro",
        ),
        (
            "mqtt://127.0.0.1:9/t?version=3.1.1",
            &["--format", "cbor"],
            "structured messages of MQTT 3.1.1 are JSON, not cbor",
        ),
        (
            "nats://127.0.0.1:9/t",
            &["--mode", "structured", "--format", "xml"],
            "structured messages of NATS are JSON, not xml",
        ),
        ("mqtt3://127.0.0.1:9/t", &[], "events cannot be sent to `mqtt3` URLs"),
    ] {
        for dry in [&["--dry-run"][..], &["--timeout", "1"]] {
            ce_with(&[&["send", url], arguments, dry].concat(), GOOD).ended(2).prints("").says(words);
        }
    }
}
