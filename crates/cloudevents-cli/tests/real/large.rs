//! Input that several threads work on: results and errors stay in the order of the input.

use crate::program::{ce, ce_with, command, path_of};
use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

/// A valid event with this id. Many of them make several parts of the input.
fn event(id: usize) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"/shop/orders","type":"order","data":{{"n":{id}}}}}"#
    )
}

const COUNT: usize = 20_000;

/// Lines that are not events, counted from 1: alone, next to each other, and the last one.
const BAD: [usize; 5] = [3, 9_000, 9_001, 15_000, COUNT];

fn lines() -> String {
    let line = |number| if BAD.contains(&number) { "{\"id\":1}".to_owned() } else { event(number) };
    (1..=COUNT).map(|number| line(number) + "\n").collect()
}

fn good() -> impl Iterator<Item = usize> {
    (1..=COUNT).filter(|number| !BAD.contains(number))
}

#[test]
fn lines_stay_in_order() {
    let lines = lines();
    let path: &str = &path_of("large.jsonl", &lines);
    let wanted: String = good().map(|number| event(number) + "\n").collect();
    let convert = ["convert", "--keep-going", "--error-format", "json"];
    for ran in [ce(&[&convert[..], &[path]].concat()), ce_with(&convert, &lines)] {
        assert_eq!(ran.status, 1);
        assert!(ran.out == wanted);
        let numbers: Vec<_> = ran.errors().iter().map(|error| error["line"].as_u64().unwrap()).collect();
        assert_eq!(numbers, BAD.map(|number| number as u64));
    }
    // Without --keep-going, it ends at the first one, after what is before it.
    ce(&["convert", path])
        .ended(1)
        .prints(&format!("{}\n{}\n", event(1), event(2)))
        .says("large.jsonl:3:7\n");

    let encoded = ce(&["encode", path]);
    let ids: Vec<_> =
        encoded.lines().iter().map(|line| line["message"]["headers"][1][1].to_string()).collect();
    assert_eq!(ids, good().map(|number| format!("\"{number}\"")).collect::<Vec<_>>());
    let places: Vec<_> = encoded.err.lines().filter_map(|line| line.split("large.jsonl:").nth(1)).collect();
    assert_eq!(places, BAD.map(|number| format!("{number}:7")));
}

#[test]
fn every_line_is_validated_with_its_number() {
    let ran = ce_with(&["validate", "--error-format", "json"], lines()).ended(1);
    let found = ran.lines();
    assert_eq!(found.len(), COUNT);
    for (index, line) in found.iter().enumerate() {
        let number = index + 1;
        assert_eq!(line["line"], number);
        assert_eq!(line["valid"], !BAD.contains(&number), "{line}");
    }
    ce_with(&["validate", "--output", "pretty"], lines())
        .prints("invalid  standard input: 5 of 20,000 events, 20 problems\n");
}

#[test]
fn elements_of_a_large_batch_stay_in_order() {
    // More than is read into memory, in lines of three, with an event of another version and what is not an event.
    let count = 150_000;
    let (old, bad) = (70_001, 90_001);
    let element = |index| match index {
        _ if index == old => event(index).replace("\"1.0\"", "\"0.3\""),
        _ if index == bad => "{}".to_owned(),
        _ => event(index),
    };
    let mut text = "[".to_owned();
    for index in 0..count {
        let end = if index + 1 == count { "]" } else { "," };
        text += &element(index);
        text += end;
        text += if index % 3 == 2 { "\n" } else { "" };
    }
    text += &format!(" {}", event(count));
    let ran = ce_with(&["validate", "--error-format", "json"], &text).ended(1);
    let found = ran.lines();
    assert_eq!(found.len(), count + 1);
    for (index, line) in found.iter().enumerate().take(count) {
        assert_eq!((&line["index"], &line["line"]), (&index.into(), &(index / 3 + 1).into()));
        assert_eq!(line["valid"], index != old && index != bad, "{line}");
    }
    assert_eq!(found[count]["id"], count.to_string());
    let kinds: Vec<_> =
        ran.errors().iter().map(|error| (error["kind"].to_string(), error["line"].clone())).collect();
    assert_eq!(kinds[0], ("\"mixed-specversions\"".to_owned(), (old / 3 + 1).into()));
    assert!(
        kinds[1..].iter().all(|(kind, line)| kind == "\"missing-attribute\"" && *line == bad / 3 + 1),
        "{kinds:?}"
    );
    let converted = ce_with(&["convert", "--keep-going"], &text);
    let wanted = |index: &usize| *index != old && *index != bad;
    assert!(converted.out == (0..=count).filter(wanted).map(|index| event(index) + "\n").collect::<String>());
}

#[test]
fn a_line_is_written_before_the_next_one_is_read() {
    let mut child = command(&["convert", "--from", "lines"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, mut out) =
        (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()).lines());
    // One line alone, which makes a part, then so many that several threads work, then again one at a time.
    for many in [1, 1, 10_000, 1, 1, 1] {
        let text: String = (0..many).map(|id| event(id) + "\n").collect();
        let writer = std::thread::spawn(move || {
            stdin.write_all(text.as_bytes()).unwrap();
            stdin
        });
        for id in 0..many {
            assert_eq!(out.next().unwrap().unwrap(), event(id));
        }
        stdin = writer.join().unwrap();
    }
    drop(stdin);
    assert!(out.next().is_none() && child.wait().unwrap().success());
}

/// As `jq .` writes them: as linear as lines.
#[test]
fn documents_one_after_another_take_linear_time() {
    const COUNT: usize = 100_000;
    let documents: String = (0..COUNT).map(|id| event(id).replace(',', ",\n")).collect();
    let lines: String = (0..COUNT).map(|id| event(id) + "\n").collect();
    let time = |text: &str| {
        let begin = std::time::Instant::now();
        ce_with(&["convert"], text).ended(0);
        begin.elapsed()
    };
    // With quadratic time, documents always take many times as long as lines. Other tests may disturb a measurement.
    let measured: Vec<_> = (0..4).map(|_| (time(&lines), time(&documents))).collect();
    assert!(measured.iter().any(|(lines, documents)| *documents < *lines * 6), "{measured:?}");
}

/// Documents before what is not UTF-8 are sound.
#[test]
fn documents_before_broken_text_are_read() {
    let mut text = format!("{}\n{}\n", event(1).replace(',', ",\n"), event(2)).into_bytes();
    text.extend(b"{\"a\":\"\xff\"}");
    ce_with(&["convert"], text).ended(1).prints(&format!("{}\n{}\n", event(1), event(2)));
}
