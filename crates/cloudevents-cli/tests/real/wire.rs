//! `ce encode`, `ce decode` and `ce testee`.

use crate::program::{GOOD, ce, ce_line, ce_with, command};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

#[test]
fn encode_and_decode_are_inverse() {
    let event = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","datacontenttype":"text/plain","subject":"Größe 42","data":"hi"}"#;
    let encoded = ce_with(&["encode"], event).ended(0).says_only("");
    let message = &encoded.lines()[0];
    assert_eq!(message["via"], "http");
    assert!(
        message["message"]["headers"]
            .as_array()
            .unwrap()
            .contains(&serde_json::json!(["ce-subject", "Gr%C3%B6%C3%9Fe%2042"]))
    );
    let decoded = ce_with(&["decode", "--tagged"], &encoded.out);
    assert_eq!(decoded.lines()[0]["attributes"]["subject"]["value"], "Größe 42");
    for mode in ["structured", "batched"] {
        let encoded = ce_with(&["encode", "--mode", mode], event);
        assert_eq!(ce_with(&["decode"], &encoded.out).out, format!("{event}\n"), "{mode}");
    }
    let encoded = ce_with(&["encode", "--via", "json-batch"], format!("{GOOD}\n{GOOD}"));
    assert_eq!(ce_with(&["decode"], &encoded.out).out, format!("{GOOD}\n{GOOD}\n"));
}

#[test]
fn options_of_encode_that_mean_nothing_are_refused() {
    for (arguments, words) in [
        (&["--format", "avro"][..], "--format has no effect in binary mode"),
        (
            &["--via", "kafka", "--mode", "binary", "--format", "avro"],
            "--format has no effect in binary mode",
        ),
        (&["--via", "cbor", "--mode", "structured"], "--mode has no effect: `cbor` is a format"),
        (&["--via", "json-batch", "--format", "json"], "--format has no effect: `json-batch` is a format"),
    ] {
        ce_with(&[&["encode"], arguments].concat(), GOOD).ended(2).prints("").says(words);
    }
    // The messages of these are documents without a mode, too.
    ce_with(&["encode", "--via", "websockets", "--format", "xml"], GOOD).ended(0);
}

#[test]
fn encode_for_people() {
    ce_with(&["encode", "--output", "pretty"], GOOD)
        .prints("ce-specversion: 1.0\nce-id: 1\nce-source: /s\nce-type: t\n");
}

#[test]
fn encode_from_flags() {
    let ran = ce_line("encode --id 1 --source /s --type t --no-time -e n:Integer=3 --data {}")
        .ended(0)
        .says_only("");
    let wanted = serde_json::json!([
        ["ce-specversion", "1.0"],
        ["ce-id", "1"],
        ["ce-source", "/s"],
        ["ce-type", "t"],
        ["content-type", "application/json"],
        ["ce-n", "3"],
    ]);
    assert_eq!(ran.lines()[0]["message"], serde_json::json!({"headers": wanted, "body": {"text": "{}"}}));
    let ran = ce(&["encode", "--via", "kafka", "--source", "/s", "--type", "t"])
        .says("generated the id ")
        .says("generated the time ");
    assert_eq!(ran.lines()[0]["via"], "kafka");
}

#[test]
fn decode_reads_what_encode_shows() {
    let events = format!(
        "{GOOD}\n{}\n{}\n",
        r#"{"specversion":"1.0","id":"2","source":"/s","type":"t","datacontenttype":"text/plain","data":"a\nb\n\nc"}"#,
        r#"{"specversion":"1.0","id":"3","source":"/s","type":"t","data":{"a":[1.10,true]}}"#
    );
    for mode in ["binary", "structured"] {
        let shown = ce_with(&["encode", "--mode", mode, "--output", "pretty"], &events);
        let decoded = ce_with(&["decode"], &shown.out).ended(0).says_only("");
        let of = |event: &Value| (event["id"].clone(), event["data"].clone());
        let [found, wanted] = [decoded, ce_with(&["convert"], &events)]
            .map(|ran| ran.lines().iter().map(of).collect::<Vec<_>>());
        assert_eq!(found, wanted, "{mode}");
    }
}

#[test]
fn decode_reads_messages_of_other_tools() {
    let raw = "POST /hook HTTP/1.1\r\nHost: example.com\r\nce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi";
    let object = r#"{"headers":{"CE-SpecVersion":"1.0","ce-id":"1","ce-source":"/s","ce-type":"t","content-type":"text/plain"},"body":"hi"}"#;
    let encoded = r#"{"headers":{"ce-specversion":["1.0"],"ce-id":1,"ce-source":"/s","ce-type":"t","content-type":"text/plain"},"body":"aGk=","isBase64Encoded":true}"#;
    // A line of kcat 1.7, with its own names.
    let kcat = r#"{"topic":"orders","partition":0,"offset":5,"tstype":"create","ts":1588345126000,"broker":1,"headers":["ce_specversion","1.0","ce_id","1","ce_source","/s","ce_type","t","content-type","text/plain"],"key":null,"payload":"hi"}"#;
    let wanted = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\"datacontenttype\":\"text/plain\",\"data\":\"hi\"}\n";
    for input in [raw, object, encoded, kcat] {
        ce_with(&["decode"], input).ended(0).prints(wanted).says_only("");
    }
    assert_eq!(ce_with(&["decode"], GOOD).out, format!("{GOOD}\n"));
}

#[test]
fn decode_names_members_that_it_does_not_read() {
    let message = r#"{"headers":{"ce-specversion":"1.0","ce-id":"1","ce-source":"/s","ce-type":"t"},"body":"hi","attributes":{"a":"b"}}"#;
    let ran = ce_with(&["decode", "--via", "google-pubsub"], message);
    assert_eq!((ran.status, ran.lines().len()), (0, 1), "{}", ran.err);
    let words = ["warning", "not read: `attributes`", "a message has `body`, `headers`"];
    assert!(words.iter().all(|words| ran.err.contains(words)), "{}", ran.err);
    let ran = ce(&["decode", "--via", "carrier"]);
    assert!(
        ran.status == 2 && ran.err.contains("possible values") && ran.err.contains("google-pubsub"),
        "{}",
        ran.err
    );
}

#[test]
fn decode_refuses() {
    ce_with(&["decode"], r#"{"headers":[["ce-id","1"]]}"#).ended(1).prints("").says("[missing-attribute]");
    ce_with(&["decode"], "{\"headers\":\n oops}").ended(2).says("--> standard input:2:2\n");
}

#[test]
fn testee_answers_line_by_line() {
    let requests = "{\"cmd\":\"start\",\"version\":1}\n\n{\"cmd\":\"run\",\"seq\":7,\"op\":\"name\",\"text\":\"id\"}\nnonsense\n{\"cmd\":\"stop\"}\n{\"cmd\":\"start\"}\n";
    let ran = ce_with(&["testee"], requests).ended(0).says_only("");
    let answers = ran.lines();
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[0]["implementation"]["language"], "Rust");
    assert_eq!(answers[1], serde_json::json!({"seq": 7, "result": {"name": "id"}}));
    assert!(answers[2]["error"].is_object());
}

#[test]
fn testee_survives_any_line() {
    let mut requests = Vec::new();
    requests.extend(b"\xff\xfe\n");
    requests.extend(vec![b'['; 200_000]);
    requests.push(b'\n');
    requests.extend(
        format!("{{\"cmd\":\"run\",\"seq\":1,\"op\":\"name\",\"text\":\"{}\"}}\n", "x".repeat(3_000_000))
            .bytes(),
    );
    requests.extend(b"{\"cmd\":\"run\",\"seq\":2,\"op\":\"name\",\"text\":\"id\"}");
    let ran = ce_with(&["testee", "--max-line", "2000000"], &requests).ended(0);
    let answers = ran.lines();
    assert_eq!(answers.len(), 4);
    assert_eq!(answers[0]["error"]["kind"], "invalid-utf8");
    assert!(answers[1]["error"].is_object());
    assert_eq!(answers[2]["error"]["kind"], "too-large");
    assert_eq!(answers[3]["result"]["name"], "id");
}

/// What is not text, or would be shown otherwise than it is, is shown as JSON between messages as text.
#[test]
fn decode_reads_what_encode_shows_of_any_payload() {
    let event = |id: usize, data: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t","datacontenttype":"text/plain",{data}}}"#
        )
    };
    let payloads = [
        r#""data_base64":"AP8KCg==""#,
        r#""data":"a\r\nb\r\n""#,
        "\"data\":\"a\u{202e}b\"",
        r#""data":"a\u0007b""#,
        r#""data":"tab\there""#,
        r#""data_base64":"/w==""#,
        r#""data":"\n\nce-id: 1\n\n""#,
        r#""data":"last""#,
    ];
    let events: String = payloads.iter().enumerate().map(|(id, data)| event(id, data) + "\n").collect();
    let shown = ce_with(&["encode", "--output", "pretty"], &events);
    let decoded = ce_with(&["decode"], &shown.out);
    assert_eq!((decoded.status, decoded.err.as_str()), (0, ""), "{}", shown.out);
    assert_eq!(decoded.out, ce_with(&["convert"], &events).out, "{}", shown.out);
}

#[test]
fn decode_takes_the_chunks_out_of_a_captured_request() {
    let raw = "POST /hook HTTP/1.1\r\nHost: example.com\r\nce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n5\r\n there\r\n0\r\n\r\n";
    let raw = raw.replace("5\r\n", "6\r\n");
    let ran = ce_with(&["decode"], &raw);
    assert_eq!((ran.status, &ran.lines()[0]["data"]), (0, &"hi there".into()), "{}", ran.err);
    ce_with(&["decode"], raw.replace("2\r\nhi", "4\r\nhi")).ended(2).says("the chunked body is broken");
}

/// An event is written when its message has arrived, whatever follows.
#[test]
fn decode_writes_before_it_reads_on() {
    let mut child = command(&["decode"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut out) =
        (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()).lines());
    let http = "ce-specversion: 1.0\nce-id: 1\nce-source: /s\nce-type: t\ncontent-length: 2\n\nhi\n";
    let pretty = "{\"headers\": {\n\"ce-specversion\":\"1.0\",\"ce-id\":\"1\",\"ce-source\":\"/s\",\n\"ce-type\":\"t\"}}\n";
    for message in [GOOD, http, pretty, GOOD] {
        stdin.write_all(format!("{message}\n").as_bytes()).unwrap();
        assert!(out.next().unwrap().unwrap().contains("\"id\":\"1\""), "{message}");
    }
    drop(stdin);
    assert!(out.next().is_none() && child.wait().unwrap().success());
}

/// The limit is that of a message, and its memory that of the limit.
#[test]
fn a_message_without_end_is_refused() {
    for beginning in [
        "{\"headers\": {\"ce-id\": \"",
        "POST / HTTP/1.1\ncontent-length: 99999999\n\n",
        "\0",
        "ce-id: 1\n\n",
    ] {
        let input = format!("{GOOD}\n{beginning}{}", "0".repeat(70 << 20));
        let ran = ce_with(&["decode"], input).ended(2).prints(&*format!("{GOOD}\n")).says("standard input:2");
        if beginning != "\0" {
            assert!(ran.err.contains("a message has 32 MiB at most"), "{beginning}: {}", ran.err);
        }
    }
}

/// What peers send: the error says which repair and which peer would read it.
#[test]
fn messages_of_other_implementations() {
    let raw = r#"{"via":"http","headers":{"ce-specversion":"1.0","ce-id":"1","ce-source":"/s","ce-type":"t","ce-subject":"100%"}}"#;
    let ran = ce_with(&["decode", "--error-format", "json"], raw).ended(1);
    let help = ran.errors()[0]["help"].as_str().unwrap().to_owned();
    assert!(help.contains("--lenient=literal-text reads it") && help.contains("go-2"), "{help}");
    for arguments in [
        ["decode", "--peer", "go-2"],
        ["decode", "--lenient", "--tagged"],
        ["decode", "--lenient=raw-text", "--tagged"],
    ] {
        ce_with(&arguments, raw).ended(0).says("subject");
    }
}
