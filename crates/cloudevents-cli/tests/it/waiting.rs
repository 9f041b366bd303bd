//! How long the program waits, and what it reports meanwhile.

use crate::program::{GOOD, ce, command};
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

#[test]
fn the_time_limit_holds_for_the_start() {
    let begin = Instant::now();
    let ran = ce(&["conformance", "run", "--time-limit", "1", "--", "sleep", "50"]);
    assert_eq!(ran.status, 2, "{}", ran.err);
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
}

#[cfg(feature = "kafka")]
#[test]
fn brokers_that_refuse_are_named_at_once() {
    let (one, two) = ("127.0.0.1:1", "127.0.0.1:9");
    let url = format!("kafka://{one},{two}/orders");
    for arguments in [&["send", url.as_str()][..], &["listen", url.as_str()]] {
        let begin = Instant::now();
        let ran = ce(arguments);
        assert_eq!(ran.status, 3, "{}", ran.err);
        assert!(ran.err.contains("the brokers do not accept connections: "), "{}", ran.err);
        for broker in [one, two] {
            assert!(ran.err.contains(broker), "{}", ran.err);
        }
        // The client alone reports after ten seconds or more.
        assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    }
}
