//! Files as targets: no event is lost by what the file ends with, or by a disk that is full.

use crate::program::{self, Bridge, GOOD, Ran, ce, ce_with, command, file, signal, with_id};
use flate2::{Compression, write::GzEncoder};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

/// An event of some 200 bytes.
fn event(id: usize) -> String {
    format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t","data":"{}"}}"#, "x".repeat(140))
}

fn url(path: &Path) -> String {
    format!("file:{}", path.display())
}

fn send(path: &Path, event: &str) -> Ran {
    ce_with(&["send", &url(path)], event)
}

/// The program, where no file may be larger than 2 KiB: a write beyond that is short, and the next one fails, as on a full disk.
fn with_little_room(arguments: &[&str]) -> Command {
    let program = command(arguments);
    let mut limited = Command::new("bash");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 2; exec \"$0\" \"$@\""]);
    limited.arg(program.get_program()).args(program.get_args()).env("CE_CONFIG", "");
    limited
}

#[test]
fn a_last_line_without_an_end_is_ended() {
    for last in [GOOD, r#"{"specversion":"1.0","id":"cut"#] {
        let path = file("out.jsonl", format!("{GOOD}\n{last}"));
        for id in [2, 3] {
            send(&path, &event(id)).ended(0);
        }
        let expected = format!("{GOOD}\n{last}\n{}\n{}\n", event(2), event(3));
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    }
}

#[test]
fn what_ends_well_stays_as_it_is() {
    for before in [String::new(), format!("{GOOD}\n")] {
        let path = file("out.jsonl", &before);
        send(&path, "").ended(0);
        assert_eq!(fs::read_to_string(&path).unwrap(), before);
        send(&path, &event(2)).ended(0);
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{before}{}\n", event(2)));
    }
}

#[test]
fn nothing_is_appended_to_a_compressed_file() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(format!("{GOOD}\n").as_bytes()).unwrap();
    let compressed = gzip.finish().unwrap();
    let (path, from) = (file("out.jsonl.gz", &compressed), file("in.jsonl", event(2)));
    for ran in [send(&path, &event(2)), ce(&["bridge", &url(&from), &url(&path)])] {
        ran.ended(2).says("is compressed (gzip)").says("decompress it first");
    }
    assert_eq!(fs::read(&path).unwrap(), compressed);
    ce(&["validate", path.to_str().unwrap()]).ended(0);
}

/// Lines of JSON would make these unreadable.
#[test]
fn nothing_is_appended_to_a_file_of_another_form() {
    let yaml = "specversion: \"1.0\"\nid: \"1\"\nsource: /s\ntype: t\n".to_owned();
    for (name, before) in [
        ("new.yml", String::new()),
        ("out.yaml", format!("{GOOD}\n")),
        ("block", yaml),
        ("batch.json", format!("[{GOOD}]\n")),
        ("xml", "<event/>".to_owned()),
        ("proto.pb", "\n\u{3}abc".to_owned()),
    ] {
        let (path, from) = (file(name, &before), file("in.jsonl", event(2)));
        for ran in [send(&path, &event(2)), ce(&["bridge", &url(&from), &url(&path)])] {
            ran.ended(2).says("lines of JSON");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), before, "{name}");
    }
    let blank = file("blank.jsonl", "\n\n");
    send(&blank, &event(2)).ended(0);
}

/// As logrotate does: what was there stays, and what comes is in the file with the name.
#[test]
fn a_file_that_is_renamed_or_removed_is_made_again() {
    let path = file("out.jsonl", "");
    let from = format!("http://127.0.0.1:{}/", cloudevents_testkit::ports::free());
    let bridge = Bridge::start(&[&from, &url(&path)]);
    let line = |id: usize| with_id(id) + "\n";
    let send = |id| assert_eq!(ce_with(&["send", &from], line(id)).status, 0);
    let older = path.with_extension("1");
    send(1);
    fs::rename(&path, &older).unwrap();
    send(2);
    assert_eq!(fs::read_to_string(&path).unwrap(), line(2));
    fs::remove_file(&path).unwrap();
    send(3);
    // One that another program has made, and not ended.
    fs::rename(&path, path.with_extension("2")).unwrap();
    fs::write(&path, GOOD).unwrap();
    send(4);
    send(5);
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{GOOD}\n{}{}", line(4), line(5)));
    assert_eq!(fs::read_to_string(&older).unwrap(), line(1));
    bridge.stop();
}

/// It would be read as long as there is room on the disk.
#[test]
fn a_file_that_is_written_is_not_read() {
    let path = file("both.jsonl", format!("{GOOD}\n").repeat(3));
    let before = fs::read_to_string(&path).unwrap();
    let link = path.with_file_name("link.jsonl");
    fs::hard_link(&path, &link).unwrap();
    let (name, other) = (path.to_str().unwrap(), link.to_str().unwrap());
    let append = || fs::File::options().append(true).open(&path).unwrap();
    let read = || fs::File::open(&link).unwrap();
    let (from, to) = (url(&path), url(&link));
    let mut runs = [
        command(&["send", &to, name]),
        command(&["send", &to]),
        command(&["send", "-", name]),
        command(&["bridge", &from, &to]),
        command(&["bridge", &from, "-"]),
        command(&["listen", &from]),
        command(&["convert", other]),
        command(&["convert"]),
        command(&["validate", name]),
        command(&["encode", name]),
        command(&["decode", name]),
        command(&["inspect", name]),
        command(&["filter", "id = '1'", name]),
    ];
    for run in &mut runs {
        run.stdin(read()).stdout(append());
        let mut limited = Command::new("timeout");
        limited.args(["20"]).arg(run.get_program()).args(run.get_args()).env("CE_CONFIG", "");
        limited.stdin(read()).stdout(append());
        let ran = program::run(limited);
        assert_eq!(fs::read_to_string(&path).unwrap(), before, "{run:?}: {}", ran.err);
        ran.ended(2).says("is also written, and would be read without end");
    }
}

#[test]
fn a_full_disk_leaves_whole_events() {
    let events: Vec<_> = (0..20).map(event).collect();
    let (path, from) = (file("out.jsonl", ""), file("in.jsonl", events.join("\n")));
    let ran = program::run(with_little_room(&["send", &url(&path), from.to_str().unwrap()])).ended(3);
    let sent = fs::read_to_string(&path).unwrap().lines().count();
    ran.says(&format!("{sent} events sent"));
    assert!((5..15).contains(&sent), "{sent}");
    // There is room again.
    send(&path, &events[sent..].join("\n")).ended(0);
    assert_eq!(fs::read_to_string(&path).unwrap(), events.join("\n") + "\n");
}

#[test]
fn a_bridge_to_a_full_disk_leaves_whole_events() {
    let events: Vec<_> = (0..20).map(event).collect();
    let (path, from) = (file("out.jsonl", ""), file("in.jsonl", events.join("\n")));
    let mut bridge = Bridge::run(with_little_room(&["bridge", &url(&from), &url(&path), "--order", "topic"]));
    let again = bridge.line("will be sent again");
    assert!(again.ends_with("File too large (os error 27) [retry]"), "one code: {again}");
    // A failed attempt was made again.
    bridge.until(&["cloudevents_bridge_failed_total"], 2);
    bridge.signal("-KILL");
    assert_eq!(bridge.end().0, None);
    let written = fs::read_to_string(&path).unwrap();
    let sent = written.lines().count();
    assert!((5..15).contains(&sent), "{sent}");
    assert_eq!(written, events[..sent].join("\n") + "\n");
    // There is room again. The file is read from its beginning.
    ce(&["bridge", &url(&from), &url(&path), "--order", "topic"]).ended(0);
    assert_eq!(fs::read_to_string(&path).unwrap(), written + &events.join("\n") + "\n");
}

/// A peer over WebSockets keeps no message that it has written.
#[test]
fn what_is_lost_as_a_bridge_to_a_full_disk_ends_is_reported() {
    let path = file("out.jsonl", "");
    let from = format!("ws://127.0.0.1:{}/events", cloudevents_testkit::ports::free());
    let bridge = Bridge::run(with_little_room(&[
        "bridge",
        "--order",
        "none",
        &format!("{from}?reject=drop"),
        &url(&path),
    ]));
    let events: Vec<_> = (0..20).map(event).collect();
    ce_with(&["send", &from], events.join("\n")).ended(0);
    // All of them have been received.
    bridge.until(&["cloudevents_bridge_confirmed_total", "cloudevents_bridge_in_flight_messages"], 20);
    bridge.until(&["cloudevents_bridge_failed_total"], 20);
    bridge.signal("-INT");
    let (status, last) = bridge.end();
    let written = fs::read_to_string(&path).unwrap();
    let sent = written.lines().count();
    assert!((5..15).contains(&sent) && written.ends_with('\n'), "{sent}");
    let lost = format!("error: {} messages lost", 20 - sent);
    assert!(last.lines().any(|line| line.starts_with(&lost)), "{lost}: {last}");
    assert_eq!(status, Some(3));
}

/// Events that were read from a pipe are in no other place; a file stays as it is.
#[test]
fn what_a_bridge_has_read_from_a_pipe_is_lost_when_it_ends_and_that_is_reported() {
    let events = (0..20).map(event).collect::<Vec<_>>().join("\n");
    let from = file("in.jsonl", &events);
    let hook = format!("http://127.0.0.1:{}/events", cloudevents_testkit::ports::free());
    for (input, lost, status) in [
        (Stdio::piped(), "error: 20 messages lost", Some(3)),
        (fs::File::open(&from).unwrap().into(), "", Some(0)),
    ] {
        let mut command = command(&["bridge", "-", &hook]);
        command.stdin(input);
        let mut bridge = Bridge::watch(command);
        if let Some(mut pipe) = bridge.child.stdin.take() {
            pipe.write_all(events.as_bytes()).unwrap();
        }
        bridge.until(&["cloudevents_bridge_in_flight_messages"], 20);
        bridge.signal("-INT");
        let (ended, text) = bridge.end();
        assert_eq!(ended, status, "{text}");
        assert!(text.lines().any(|line| line.starts_with(lost)), "{text}");
        assert_eq!(text.contains(" lost"), !lost.is_empty(), "{text}");
    }
}

/// A file would be read from its beginning, and what was read ahead of standard input would be lost.
#[test]
fn a_hangup_does_not_lose_or_repeat_what_a_bridge_reads_from_a_file() {
    // More than a pipe has room for: the bridge goes on until its other end is read.
    let events: Vec<_> = (0..400).map(|id| event(id).replace("xx", "xxxxxxxxxxxxxx")).collect();
    let from = file("in.jsonl", events.join("\n"));
    for source in [url(&from), "-".to_owned()] {
        let path = crate::pipes::fifo("out");
        let settings = format!("from: \"{source}\"\nto: \"{}\"\norder: topic\n", url(&path));
        let settings = file("bridge.yaml", settings);
        let mut bridge = command(&["bridge", "--config", settings.to_str().unwrap()])
            .stdin(fs::File::open(&from).unwrap())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut written = BufReader::new(fs::File::open(&path).unwrap()).lines().map(Result::unwrap);
        assert_eq!(written.next().as_ref(), events.first());
        signal(&bridge, "-HUP");
        let mut errors = BufReader::new(bridge.stderr.take().unwrap()).lines().map(Result::unwrap);
        assert!(errors.any(|line| line.contains("FROM is a file")), "{source}: it ended");
        assert!(written.eq(events[1..].iter().cloned()), "{source}");
        let rest: Vec<_> = errors.collect();
        assert_eq!(bridge.wait().unwrap().code(), Some(0), "{source}: {rest:#?}");
    }
}
