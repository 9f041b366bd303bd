//! Memory of commands on input that goes on and on: within a bound that does not depend on its length, or the input is refused at a limit.

use crate::program::{GOOD, ce, ce_with, command, file};
use flate2::{Compression, write::GzEncoder};
use std::{
    fs,
    io::{Read, Write},
    process::Stdio,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

/// The most memory that a process has had so far, in MiB; 0 once it has ended.
pub(crate) fn peak(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB"))
        .map_or(0, |kib| kib.trim().parse::<usize>().unwrap() >> 10)
}

/// Runs the program on `head`, then `unit` as often as `bytes` takes, then `tail`. Returns its status, the beginning of what it reports,
/// and its peak of memory in MiB. A process over `most` is killed.
fn run(
    arguments: &[&str],
    head: &str,
    unit: &str,
    bytes: usize,
    tail: &str,
    most: usize,
) -> (Option<i32>, String, usize) {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, mut stderr) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
    let (done, measured) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            // It may end soon behind its input.
            while !measured.load(Ordering::Acquire) && !done.load(Ordering::Acquire) {
                thread::yield_now();
            }
            let some = unit.repeat((1 << 16) / unit.len().max(1) + 1);
            // The program need not read all of it.
            let mut fed = stdin.write_all(head.as_bytes()).map_or(bytes, |()| 0);
            while fed < bytes {
                fed = stdin.write_all(some.as_bytes()).map_or(bytes, |()| fed + some.len());
            }
            let _ = stdin.write_all(tail.as_bytes());
            drop(stdin);
        });
        let reported = scope.spawn(|| {
            let mut text = Vec::new();
            let _ = (&mut stderr).take(4096).read_to_end(&mut text);
            let _ = std::io::copy(&mut stderr, &mut std::io::sink());
            done.store(true, Ordering::Release);
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut highest = 0;
        while !done.load(Ordering::Acquire) {
            highest = highest.max(peak(child.id()));
            measured.store(highest > 0, Ordering::Release);
            if highest > most {
                child.kill().unwrap();
            }
            thread::sleep(Duration::from_millis(2)); // between two measurements
        }
        (child.wait().unwrap().code(), reported.join().unwrap(), highest)
    })
}

const MIB: usize = 1 << 20;

/// What each byte may cost several hundred of: errors, line breaks, events.
#[test]
fn input_without_end_takes_bounded_memory() {
    let many = format!("[{}", format!("{GOOD},").repeat(160_000));
    let large = format!("{},\"data\":\"{}\"}}\n", GOOD.trim_end_matches('}'), "x".repeat(8 * MIB));
    for (name, arguments, head, unit, bytes, tail, most) in [
        ("elements that are no events", &["validate"][..], "[", "{},", MIB, "{}]", 150),
        ("white space between elements", &["convert"], &many, " \n", 24 * MIB, "{}]", 90),
        ("line breaks in an element", &["convert"], &format!("{many}{{\"a\":"), "\n", 16 * MIB, "1}]", 110),
        ("documents that are no events", &["sql", "1 = 1"], "{\n", "}{\n", MIB / 4, "}", 100),
        ("empty arrays", &["validate"], "", "[]", 4 * MIB, "", 100),
        ("a batch of empty events", &["validate", "--from", "protobuf-batch"], "", "\n\0", 4 * MIB, "", 400),
        ("large events of a JSON batch", &["convert", "--to", "json-batch"], "", &large, 200 * MIB, "", 120),
        ("large events that are received", &["listen", "-"], "", &large, 300 * MIB, "", 150),
    ] {
        let (status, reported, peak) = run(arguments, head, unit, bytes, tail, most);
        assert!(peak > 0 && peak <= most, "{name}: {peak} MiB, {reported}");
        assert!(matches!(status, Some(0..=2)), "{name}: {status:?}, {reported}");
    }
}

/// What is read as a whole is not cut.
#[test]
fn documents_have_a_limit_behind_which_none_is_left_out() {
    let document = "{\n\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\"data\":\"";
    let document = format!("{document}{}\"}}\n", "x".repeat(4096 - 3 - document.len()));
    for head in ["\n", "[]\n"] {
        let (status, reported, peak) = run(&["validate"], head, &document, 270 * MIB, "", 700);
        assert_eq!(status, Some(2), "{reported}");
        assert!(reported.contains("256 MiB") && peak < 700, "{peak} MiB: {reported}");
    }
}

/// An event behind so many spaces is not left out.
#[test]
fn a_line_that_is_too_long_is_refused() {
    let head = format!("{GOOD}{}", " ".repeat(MIB));
    let (status, reported, _) =
        run(&["convert"], &head, &" ".repeat(MIB), 257 * MIB, &format!("{GOOD}\n{GOOD}\n"), 800);
    assert_eq!(status, Some(2), "{reported}");
    assert!(reported.contains("256 MiB"), "{reported}");
}

/// Aliases of many documents count together: each of these writes some 11 MB.
#[test]
fn aliases_of_many_documents_have_one_bound() {
    let mut document =
        format!("specversion: '1.0'\nid: '1'\nsource: /s\ntype: t\ndata:\n  a: &a \"{}\"\n", "x".repeat(100));
    for (name, of) in [("b", "a"), ("c", "b"), ("d", "c"), ("e", "d"), ("f", "e")] {
        document += &format!("  {name}: &{name} [{}]\n", vec![format!("*{of}"); 10].join(","));
    }
    document += "---\n";
    let bytes = 60 * document.len();
    let (status, reported, peak) =
        run(&["validate", "--from", "yaml"], "", &document, bytes, &document.replace("---\n", ""), 300);
    assert_eq!(status, Some(1), "{reported}");
    assert!(reported.contains("aliases") && peak < 300, "{peak} MiB: {reported}");
}

/// A batch is one document. Of JSON, `ce convert` writes it in parts.
#[test]
fn a_batch_has_a_limit_that_the_help_states() {
    let line = format!("{GOOD}\n");
    for arguments in [
        &["convert", "--to", "protobuf-batch"][..],
        &["encode", "--mode", "batched"],
        &["send", "--mode", "batched", "--dry-run", "http://127.0.0.1:9/"],
        &["send", "--mode", "batched", "file:/dev/null"],
    ] {
        let (status, reported, peak) = run(arguments, "", &line, 200_100 * line.len(), "", 1000);
        assert_eq!(status, Some(1), "{arguments:?}: {reported}");
        assert!(
            reported.contains("a batch may have 256 MiB and 200,000 events"),
            "{arguments:?}: {reported}"
        );
        assert!(peak < 400, "{arguments:?}: {peak} MiB");
        let help = ce(&[arguments[0], "--help"]).out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains("256 MiB and 200,000 events"), "{help}");
    }
    let (status, reported, _) =
        run(&["convert", "--to", "json-batch"], "", &line, 200_100 * line.len(), "", 400);
    assert_eq!(status, Some(0), "{reported}");
}

/// What a message costs does not follow from its bytes: `{"":0}` takes a hundred times as much.
#[test]
fn a_wire_message_takes_bounded_memory() {
    let document = GOOD.trim_end_matches('}').to_owned() + ",\"data\":[1.50";
    for (name, head, unit, bytes, tail, most, refusal) in [
        ("values", "{\"body\":[", "{\"\":0},", 8 * MIB, "0]}", 150, Some("100,000 values")),
        (
            "values of what is no message",
            "[",
            "{\"\":0},",
            8 * MIB,
            "0]",
            150,
            Some("a message is an object"),
        ),
        ("headers", "ce-id: 1\n", "a:\n", 16 * MIB, "\n", 200, Some("10,000 headers")),
        ("values of a document", &document, ",0.1", 8 * MIB, "]}", 250, None),
        (
            "blank lines",
            "ce-id: 1\nce-source: /s\nce-type: t\nce-specversion: 1.0\n\n",
            "\n",
            MIB,
            "x",
            100,
            None,
        ),
    ] {
        let (status, reported, peak) = run(&["decode"], head, unit, bytes, tail, most);
        assert!(peak > 0 && peak <= most, "{name}: {peak} MiB, {reported}");
        assert_eq!(status == Some(0), refusal.is_none(), "{name}: {status:?}, {reported}");
        assert!(refusal.is_none_or(|words| reported.contains(words)), "{name}: {reported}");
    }
    let request = "{\"cmd\":\"run\",\"op\":\"decode\",\"a\":[";
    let (_, _, peak) = run(&["testee"], request, "{\"\":0},", 8 * MIB, "0]}\n", 150);
    assert!(peak > 0 && peak <= 150, "testee: {peak} MiB");
    let help = ce(&["decode", "--help"]).out;
    assert!(help.contains("100,000 values") && help.contains("10,000 headers"), "{help}");
}

/// Digits of a document, and a member that appears twice, come to the decoder as they are.
#[test]
fn a_document_is_decoded_as_it_is() {
    let document = GOOD.replace('}', ",\"data\":1.50}");
    let ran = ce_with(&["decode"], &document);
    assert_eq!((ran.status, ran.out.trim()), (0, &*document), "{}", ran.err);
    ce_with(&["decode"], GOOD.replace('}', ",\"id\":\"2\"}")).ended(1).says("duplicate");
}

/// Files that are not read as events.
#[test]
fn other_files_have_a_limit_that_the_help_states() {
    let large = file("large", "");
    // Sparse: it takes no room on the disk.
    fs::File::options().write(true).open(&large).unwrap().set_len(300 << 20).unwrap();
    let (path, at) = (large.to_str().unwrap(), format!("@{}", large.display()));
    let help = |arguments: &[&str]| ce(arguments).out.split_whitespace().collect::<Vec<_>>().join(" ");
    for (arguments, limit, described) in [
        (&["webhook", "sign", path][..], "256 MiB", &["webhook", "sign", "--help"][..]),
        (&["webhook", "verify", path, "-H", "a: b"], "256 MiB", &["webhook", "verify", "--help"]),
        (&["webhook", "verify", "-", "-H", &at], "1 MiB", &["webhook", "verify", "--help"]),
        (&["send", "http://127.0.0.1:9/", "--header", &at], "1 MiB", &["send", "--help"]),
        (&["send", "http://me@127.0.0.1:9/", "--password-file", path], "1 MiB", &["send", "--help"]),
        (&["filter", path], "1 MiB", &["filter", "--help"]),
        (&["bridge", "--config", path], "1 MiB", &["bridge", "--help"]),
        (&["conformance", "diff", path, path], "256 MiB", &["conformance", "diff", "--help"]),
        (&["conformance", "report", path], "256 MiB", &["conformance", "report", "--help"]),
        (&["encode", "--source", "/s", "--type", "t", "--data", &at], "256 MiB", &["encode", "--help"]),
        (&["conformance", "run", "--known-failing", path], "1 MiB", &["conformance", "run", "--help"]),
    ] {
        let (status, reported, peak) = run(arguments, GOOD, "", 0, "", 300);
        assert_eq!(status, Some(2), "{arguments:?}: {reported}");
        assert!(reported.contains(&format!("has more than {limit}")), "{arguments:?}: {reported}");
        assert!(peak <= 300, "{arguments:?}: {peak} MiB");
        assert!(help(described).contains(limit), "{described:?}");
    }
    for help in [help(&["encode", "--help"]), help(&["send", "--help"])] {
        assert!(help.contains("the contents of a file of 256 MiB at most"), "{help}");
    }
    let settings = command(&["validate", "-"]).env("CE_CONFIG", path).output().unwrap();
    let reported = String::from_utf8(settings.stderr).unwrap();
    assert!(settings.status.code() == Some(2) && reported.contains("has more than 1 MiB"), "{reported}");
}

/// What is compressed a thousandfold has the limits of what it expands to.
#[test]
fn compressed_input_has_the_same_limits() {
    let compressed = |text: &str| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    };
    let blank = compressed(&" ".repeat(MIB));
    for (name, head, members, limit) in [
        ("bomb.yaml.gz", "a: b\n#", 70, "has more than 64 MiB"),
        ("bomb.xml.gz", "<event>", 260, "has more than 256 MiB"),
        ("bomb.json.gz", "{\"a\":", 260, "has more than 256 MiB"),
        ("bomb.jsonl.gz", "{\"a\":", 260, "line 1 is longer than 256 MiB"),
    ] {
        let path = file(name, [compressed(head), blank.repeat(members)].concat());
        let (status, reported, peak) = run(&["validate", path.to_str().unwrap()], "", "", 0, "", 700);
        assert_eq!(status, Some(2), "{name}: {reported}");
        assert!(reported.contains(limit) && peak < 700, "{name}: {peak} MiB, {reported}");
    }
}

/// The number that stands between these words of the help of a command.
fn stated(command: &str, before: &str, after: &str) -> usize {
    let help = ce(&[command, "--help"]).out.split_whitespace().collect::<Vec<_>>().join(" ");
    let number = help.split_once(before).and_then(|(_, rest)| rest.split_once(after));
    let (number, _) = number.unwrap_or_else(|| panic!("{command}: `{before}` and `{after}` in {help}"));
    number.replace(',', "").parse().unwrap_or_else(|_| panic!("{command}: {number}"))
}

/// Reads what is as large as the limit, and refuses one more with words that have a limit.
fn is_the_limit(arguments: &[&str], limit: usize, input: impl Fn(usize) -> String) {
    for (length, is_read) in [(limit, true), (limit + 1, false)] {
        let ran = ce_with(arguments, input(length));
        let refused = ["limit", " MiB", "more than", "too-large"].iter().any(|words| ran.err.contains(words));
        let shown: String = ran.err.chars().take(500).collect();
        assert_eq!((ran.status == 0, refused), (is_read, !is_read), "{arguments:?}, {length}: {shown}");
    }
}

fn padded(head: &str, length: usize, tail: &str) -> String {
    head.to_owned() + &" ".repeat(length - head.len() - tail.len()) + tail
}

#[test]
fn messages_have_the_limits_that_the_help_states() {
    let headers = r#"{"headers":[["ce-id","1"],["ce-source","/s"],["ce-type","t"],["ce-specversion","1.0"]]"#;
    let lines = "ce-id: 1\nce-source: /s\nce-type: t\nce-specversion: 1.0\n";
    let mib = |before| stated("decode", before, " MiB") << 20;
    is_the_limit(&["decode"], mib("any length, a message "), |bytes| padded(headers, bytes, "}"));
    is_the_limit(&["decode"], mib("and its body "), |bytes| padded(GOOD.trim_end_matches('}'), bytes, "}"));
    // The headers above are 14 values. The names `body` and `x`, the body and the list are 5 more. A message without a body is an error if
    // it has a member that is not read.
    is_the_limit(
        &["decode"],
        stated("decode", "Messages that are not documents may have ", " values"),
        |values| format!("{headers},\"body\":\"\",\"x\":[0{}]}}", ",0".repeat(values - 19)),
    );
    is_the_limit(&["decode"], stated("decode", "names of members, or ", " headers"), |headers| {
        lines.to_owned() + &"a: b\n".repeat(headers - 4)
    });
}

#[test]
fn events_have_the_limits_that_the_help_states() {
    for command in ["convert", "encode", "filter", "inspect", "send", "sql", "validate"] {
        assert_eq!(stated(command, "with at most ", " MiB for an event"), 256, "{command}");
        assert_eq!(stated(command, "All other input may have ", " MiB"), 256, "{command}");
        assert_eq!(stated(command, "YAML ", " MiB"), 64, "{command}");
        assert_eq!(stated(command, "a batch or YAML ", " events"), 200_000, "{command}");
    }
    let start = GOOD.trim_end_matches('}');
    is_the_limit(&["convert"], 256 * MIB, |bytes| padded(start, bytes, "}"));
    is_the_limit(&["convert"], 256 * MIB, |bytes| format!("[{}]", padded(start, bytes, "}")));
    let xml = ce_with(&["convert", "--to", "xml"], GOOD).out;
    is_the_limit(&["convert"], 256 * MIB, |bytes| padded(&xml, bytes, ""));
    let yaml = ce_with(&["convert", "--to", "yaml"], GOOD).out;
    is_the_limit(&["convert", "--from", "yaml"], 64 * MIB, |bytes| padded(&format!("{yaml}#"), bytes, ""));
    is_the_limit(&["convert", "--from", "yaml"], 200_000, |events| {
        format!("---\n{}\n", yaml.trim_start_matches("---\n")).repeat(events)
    });
    let batch = ce_with(&["convert", "--to", "protobuf-batch"], GOOD).out;
    is_the_limit(&["convert", "--from", "protobuf-batch"], 200_000, |events| batch.repeat(events));
    is_the_limit(&["encode", "--mode", "batched"], stated("encode", "256 MiB and ", " events"), |events| {
        format!("{GOOD}\n").repeat(events)
    });
}
