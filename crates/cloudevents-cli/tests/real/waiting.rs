//! How long the program waits, and what it reports meanwhile.

use crate::program::{GOOD, ce, command};
use cloudevents_testkit::patience;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

#[test]
fn ctrl_c_reports_what_is_finished_first() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", server.local_addr().unwrap());
    let mut child = command(&["send", &url]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(GOOD.as_bytes()).unwrap();
    // The message is in flight when the server has it.
    let (mut stream, _) = server.accept().unwrap();
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    assert_eq!(line, "finishing 1 message, press Ctrl-C again to stop\n");
    stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
    line.clear();
    errors.read_line(&mut line).unwrap();
    assert_eq!(line, format!("1 event sent to {}\n", url.trim_end_matches('/')));
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_second_ctrl_c_stops() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", server.local_addr().unwrap());
    let mut child = command(&["send", &url]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(GOOD.as_bytes()).unwrap();
    let (mut stream, _) = server.accept().unwrap();
    stream.read_exact(&mut [0]).unwrap();
    let id = child.id().to_string();
    let interrupt = || Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(interrupt().success());
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("finishing 1 message"), "{line}");
    assert!(interrupt().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// The first one is reported, for which standard error has no room.
#[cfg(target_os = "linux")]
#[test]
fn a_second_ctrl_c_is_seen_while_standard_error_is_not_read() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", server.local_addr().unwrap());
    let (_reader, mut full) = std::os::unix::net::UnixStream::pair().unwrap();
    // It takes no more before the program has begun.
    full.set_nonblocking(true).unwrap();
    while full.write(&[b'x'; 256]).is_ok() {}
    full.set_nonblocking(false).unwrap();
    let full = std::os::fd::OwnedFd::from(full);
    let mut child = command(&["send", &url]).stdin(Stdio::piped()).stderr(full).spawn().unwrap();
    child.stdin.take().unwrap().write_all(GOOD.as_bytes()).unwrap();
    let (mut stream, _) = server.accept().unwrap();
    stream.read_exact(&mut [0]).unwrap();
    let id = child.id().to_string();
    let interrupt = || assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    interrupt();
    // The thread that reports it has begun.
    let reports = || {
        let threads = std::fs::read_dir(format!("/proc/{id}/task")).unwrap().flatten();
        threads
            .flat_map(|thread| std::fs::read_to_string(thread.path().join("comm")))
            .any(|name| name == "note\n")
    };
    let begin = Instant::now();
    while !reports() {
        assert!(begin.elapsed() < patience(), "the first one is not seen");
        std::thread::yield_now();
    }
    interrupt();
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() && begin.elapsed() < patience() {
        std::thread::sleep(Duration::from_millis(5)); // between two looks
    }
    let _ = child.kill();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn the_time_limit_holds_for_the_start() {
    let begin = Instant::now();
    let ran = ce(&["conformance", "run", "--time-limit", "1", "--", "sleep", "50"]);
    assert_eq!(ran.status, 2, "{}", ran.err);
    assert!(begin.elapsed() < patience(), "{:?}", begin.elapsed());
}

#[cfg(feature = "kafka")]
#[test]
fn brokers_that_refuse_are_named_at_once() {
    let (one, two) = ("127.0.0.1:1", "127.0.0.1:9");
    let url = format!("kafka://{one},{two}/orders");
    for arguments in [&["send", url.as_str()][..], &["listen", url.as_str()]] {
        let ran = ce(arguments);
        assert_eq!(ran.status, 3, "{}", ran.err);
        assert!(ran.err.contains("the brokers do not accept connections: "), "{}", ran.err);
        for broker in [one, two] {
            assert!(ran.err.contains(broker), "{}", ran.err);
        }
        // The client alone reports after ten seconds or more, and in other words.
        assert!(!ran.err.contains("no answer in"), "{}", ran.err);
    }
}
