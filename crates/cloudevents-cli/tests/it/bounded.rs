//! Memory of commands on input that goes on and on: within a bound that does not depend on its length, or the input is refused at a limit.

use crate::program::{GOOD, ce, command};
use std::{
    fs,
    io::{Read, Write},
    process::{Child, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

/// The most memory that a process has had so far, in MiB; 0 once it has ended.
fn peak(child: &Child) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB"))
        .map_or(0, |kib| kib.trim().parse::<usize>().unwrap() >> 10)
}

/// Runs the program on `head`, then `unit` as often as `bytes` takes, then `tail`. Returns its status, the beginning of what it reports, and its
/// peak of memory in MiB. What is over `most` is killed.
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
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let some = unit.repeat((1 << 16) / unit.len() + 1);
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
            highest = highest.max(peak(&child));
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
        ("elements that are no events", &["validate"][..], "[", "{},", 3 * MIB, "{}]", 300),
        ("white space between elements", &["convert"], &many, " \n", 24 * MIB, "{}]", 90),
        ("line breaks in an element", &["convert"], &format!("{many}{{\"a\":"), "\n", 16 * MIB, "1}]", 110),
        ("documents that are no events", &["sql", "1 = 1"], "{\n", "}{\n", MIB / 4, "}", 100),
        ("a batch of empty events", &["validate", "--from", "protobuf-batch"], "", "\n\0", 4 * MIB, "", 400),
        ("large events of a JSON batch", &["convert", "--to", "json-batch"], "", &large, 200 * MIB, "", 120),
        ("large events that are received", &["listen", "-"], "", &large, 300 * MIB, "", 150),
    ] {
        let (status, reported, peak) = run(arguments, head, unit, bytes, tail, most);
        assert!(peak > 0 && peak <= most, "{name}: {peak} MiB, {reported}");
        assert!(matches!(status, Some(0..=2)), "{name}: {status:?}, {reported}");
    }
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
