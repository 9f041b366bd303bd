//! How long the program waits, and what it reports meanwhile.

use crate::program::{GOOD, ce, command, exited, signal, until};
use cloudevents_testkit::patience;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Stdio},
    time::Instant,
};

/// A command that sends an event, and the connection. The event is in flight: the server has a part of it.
fn sending(errors: impl Into<Stdio>) -> (Child, TcpStream, String) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let mut child = command(&["send", &url]).stdin(Stdio::piped()).stderr(errors).spawn().unwrap();
    child.stdin.take().unwrap().write_all(GOOD.as_bytes()).unwrap();
    let (mut stream, _) = server.accept().unwrap();
    stream.read_exact(&mut [0]).unwrap();
    (child, stream, url)
}

#[test]
fn ctrl_c_reports_what_is_finished_first() {
    let (mut child, mut stream, url) = sending(Stdio::piped());
    signal(&child, "-INT");
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    assert_eq!(line, "finishing 1 message, press Ctrl-C again to stop\n");
    stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
    line.clear();
    errors.read_line(&mut line).unwrap();
    assert_eq!(line, format!("1 event sent to {url}\n"));
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_second_ctrl_c_stops() {
    let (mut child, _stream, _) = sending(Stdio::piped());
    signal(&child, "-INT");
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("finishing 1 message"), "{line}");
    signal(&child, "-INT");
    assert_eq!(exited(&mut child), Some(130));
}

/// The first one is reported, for which standard error has no room.
#[cfg(target_os = "linux")]
#[test]
fn a_second_ctrl_c_is_seen_while_standard_error_is_not_read() {
    let (_reader, mut full) = std::os::unix::net::UnixStream::pair().unwrap();
    // It takes no more before the program has begun.
    full.set_nonblocking(true).unwrap();
    while full.write(&[b'x'; 256]).is_ok() {}
    full.set_nonblocking(false).unwrap();
    let (mut child, _stream, _) = sending(std::os::fd::OwnedFd::from(full));
    signal(&child, "-INT");
    let threads = format!("/proc/{}/task", child.id());
    until("the thread that reports it begins", || {
        let threads = std::fs::read_dir(&threads).unwrap().flatten();
        let names = threads.flat_map(|thread| std::fs::read_to_string(thread.path().join("comm")));
        names.into_iter().any(|name| name == "note\n")
    });
    signal(&child, "-INT");
    assert_eq!(exited(&mut child), Some(130));
}

#[test]
fn the_time_limit_holds_for_the_start() {
    let begin = Instant::now();
    ce(&["conformance", "run", "--time-limit", "1", "--", "sleep", "50"]).ended(2);
    assert!(begin.elapsed() < patience(), "{:?}", begin.elapsed());
}

#[test]
fn brokers_that_refuse_are_named_at_once() {
    let (one, two) = ("127.0.0.1:1", "127.0.0.1:9");
    let url = format!("kafka://{one},{two}/orders");
    for arguments in [&["send", url.as_str()][..], &["listen", url.as_str()]] {
        let ran = ce(arguments).ended(3).says("the brokers do not accept connections: ");
        for broker in [one, two] {
            assert!(ran.err.contains(broker), "{}", ran.err);
        }
        // The client alone reports after ten seconds or more, and in other words.
        assert!(!ran.err.contains("no answer in"), "{}", ran.err);
    }
}
