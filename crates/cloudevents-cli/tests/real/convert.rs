//! `ce convert`.

use crate::program::{GOOD, ce_with, file, path_of};

#[test]
fn there_and_back() {
    let lines = format!("{GOOD}\n{}\n", GOOD.replace("\"t\"}", "\"t\",\"data\":{\"a\": 1.10}}"));
    let batch = ce_with(&["convert", "--to", "json-batch"], &lines).ended(0).says_only("");
    assert!(batch.out.starts_with("[{") && batch.out.ends_with("}]\n"), "{}", batch.out);
    ce_with(&["convert"], &batch.out).prints(&lines);
    ce_with(&["convert", "--to", "json"], GOOD).prints(&format!("{GOOD}\n"));
}

#[test]
fn a_document_holds_one_event() {
    ce_with(&["convert", "--to", "json"], format!("[{GOOD},{GOOD}]"))
        .ended(2)
        .prints("")
        .says("help: write a batch with --to json-batch");
    ce_with(&["convert", "--to", "json"], "[]").ended(1);
    assert_eq!(ce_with(&["convert", "--to", "json-batch"], "[]").out, "[]\n");
}

#[test]
fn stops_at_what_is_no_event_unless_told_otherwise() {
    let input = format!("{GOOD}\nnonsense\n{GOOD}\n");
    ce_with(&["convert"], &input).ended(1).prints_lines(1);
    ce_with(&["convert", "--keep-going"], &input).ended(1).prints_lines(2).says("--> standard input:2:1\n");
}

#[test]
fn upgrades() {
    let old =
        r#"{"specversion":"0.3","id":"1","source":"/s","type":"t","schemaurl":"https://example.com/s"}"#;
    ce_with(&["convert", "--upgrade"], old).prints("{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\"dataschema\":\"https://example.com/s\"}\n");
    ce_with(&["convert", "--to", "json-batch"], format!("{old}\n{GOOD}\n")).ended(1).says("--upgrade");
}

#[test]
fn losses_are_told() {
    // Text under a JSON content type, which the JSON format can only hold as a JSON string.
    let event = r#"{"via":"http","message":{"headers":[["ce-specversion","1.0"],["ce-id","1"],["ce-source","/s"],["ce-type","t"],["content-type","application/json"]],"body":{"text":"{oops"}}}"#;
    let ran = ce_with(&["decode"], event).ended(0);
    assert!(ran.out.contains("data_base64"), "{}", ran.out);
}

#[test]
fn the_name_of_a_file_tells_lines() {
    let path = file("events.jsonl", "{oops\n");
    ce_with(&["convert", "--keep-going", path.to_str().unwrap()], "").says("events.jsonl:1:2");
}

#[test]
fn yaml_is_read() {
    let yaml = "---\nspecversion: \"1.0\"\nid: a\nsource: /s\ntype: t\nn: 3\nok: true\ntime: 2018-04-05T17:31:00.10+02:00\n\
                data:\n  price: 1.10\n  big: 12345678901234567890123\n---\n- {specversion: '1.0', id: b, source: /s, type: t}\n";
    let lines = "{\"specversion\":\"1.0\",\"id\":\"a\",\"source\":\"/s\",\"type\":\"t\",\"time\":\"2018-04-05T17:31:00.10+02:00\",\"n\":3,\"ok\":true,\
                 \"data\":{\"price\":1.10,\"big\":12345678901234567890123}}\n\
                 {\"specversion\":\"1.0\",\"id\":\"b\",\"source\":\"/s\",\"type\":\"t\"}\n";
    // Detected by content, detected by name, and given.
    for ran in [
        ce_with(&["convert"], yaml),
        ce_with(&["convert", &path_of("events.yaml", yaml)], ""),
        ce_with(&["convert", &path_of("events.YML", yaml)], ""),
        ce_with(&["convert", "--from", "yaml"], yaml),
    ] {
        assert_eq!((ran.status, ran.err.as_str(), ran.out.as_str()), (0, "", lines));
    }
    // And back.
    let written = ce_with(&["convert", "--to", "yaml"], lines);
    assert!(written.out.starts_with("---\nspecversion: \"1.0\"\nid: \"a\"\n"), "{}", written.out);
    assert_eq!(ce_with(&["convert"], &written.out).out, lines);
    ce_with(&["validate"], yaml).ended(0);
    // Valid JSON that is not valid YAML: its bytes stay, and are read back.
    for data in [r#""\ud800""#, r#"{"a":1,"a":2}"#] {
        let event = GOOD.replace("\"t\"}", &format!("\"t\",\"data\":{data}}}"));
        for arguments in [&["convert", "--to", "yaml"][..], &["listen", "-", "--output", "yaml"]] {
            let ran = ce_with(arguments, &event).ended(0);
            let back = ce_with(&["convert"], &ran.out).ended(0);
            let body = |event: &str| ce_with(&["encode"], event).lines()[0]["message"]["body"].clone();
            assert_eq!(body(&back.out), body(&event), "{}", ran.out);
        }
    }
}

#[test]
fn mistakes_in_yaml_are_told_where_they_stand() {
    let event = |time: &str| format!("specversion: \"1.0\"\nid: é\nsource: /s\ntype: t\ntime: {time}\n");
    let place = |text: &str| {
        let ran = ce_with(&["convert", "--error-format", "json"], text).ended(1);
        let error = &ran.errors()[0];
        (error["kind"].as_str().unwrap().to_owned(), error["line"].as_u64(), error["column"].as_u64())
    };
    assert_eq!(place(&event("yesterday")), ("invalid-timestamp".into(), Some(5), Some(7)));
    assert_eq!(place(&event("[").replace('\n', "\n\n")).0, "invalid-document");
    assert_eq!(place(&format!("---\n{}---\n{}", event("2018-04-05T17:31:00Z"), event("no"))).1, Some(12));
    assert_eq!(place("- specversion: '1.0'\n  id: a\n  source: /s\n  type: ''\n").1, Some(4));
    // A number is not text.
    assert_eq!(place("specversion: 1.0\nid: a\nsource: /s\ntype: t\n").1, Some(1));
    let error = ce_with(&["convert"], "specversion: 1.0\nid: a\nsource: /s\ntype: t\n").err;
    assert!(error.contains("help: if it is text, put it in quotation marks"), "{error}");
    let error = ce_with(&["convert"], event(".inf")).err;
    assert!(error.contains("JSON has no such number") && error.contains("standard input:5:7"), "{error}");
    let error = ce_with(&["convert"], event(r#""\uD83D\uDE00""#)).err;
    assert!(error.contains(r"`\U0001F600`") && error.contains("standard input:5:7"), "{error}");
    let bomb = (1..12).fold("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, level| {
        let aliases = vec![format!("*a{}", level - 1); 10].join(",");
        format!("{text}a{level}: &a{level} [{aliases}]\n")
    });
    assert_eq!(place(&bomb).0, "too-large");
    ce_with(&["convert", "--keep-going"], format!("{}---\n{}", event("no"), event("2018-04-05T17:31:00Z")))
        .ended(1)
        .prints_lines(1);
}

#[test]
fn exact_refuses_what_the_target_does_not_hold() {
    let event = |members: &str| GOOD.replace("\"t\"}", &format!("\"t\",{members}}}"));
    for (members, to, lost) in [
        (r#""time":"2018-04-05T19:31:00+02:00""#, "protobuf", Some("timestamp-offset")),
        (r#""time":"2018-04-05T19:31:00+02:00""#, "cbor", None),
        (r#""time":"2018-04-05T17:31:00.123456789Z""#, "avro-compact", Some("timestamp-digits")),
        (r#""time":"2018-04-05T17:31:00.123456789Z""#, "protobuf", None),
        (r#""1st":"a""#, "xml", Some("attribute-name")),
        (r#""1st":"a""#, "avro", None),
        (r#""datacontenttype":"application/json","data_base64":"e30=""#, "avro", Some("bytes-as-json")),
        (r#""datacontenttype":"application/json","data":{"a":1.10}"#, "avro", None),
        (r#""datacontenttype":"text/plain","data":"a""#, "avro-compact", Some("text-as-bytes")),
    ] {
        let ran = ce_with(&["convert", "--to", to, "--exact", "--error-format", "json"], event(members));
        let kinds = ran.kinds();
        assert_eq!(
            (ran.status, kinds.first().map(String::as_str)),
            (i32::from(lost.is_some()), lost),
            "{members} {to}"
        );
        assert_eq!(ran.out.is_empty(), lost.is_some());
        // Without --exact, the loss is only reported.
        let told = ce_with(&["convert", "--to", to], event(members));
        assert_eq!((told.status, told.err.is_empty()), (0, lost.is_none()), "{}", told.err);
    }
}
