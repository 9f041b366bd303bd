//! Messages and lines without a reader. A message of JetStream that the client cannot parse keeps `ce bridge --idle` until all others have
//! come. `ce listen` gives back the messages whose lines it cannot print.

use crate::program::{Ran, ce, command};
use cloudevents_testkit::{patience, process::Process};
use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Command, Stdio},
};

/// How many events are before the message, and behind it.
const EVENTS: usize = 30;

/// A server with such a message in the middle of its stream, whose user `alice` may not do this.
fn server(name: &str, denied: &str) -> Option<(Process, PathBuf)> {
    let mut messages: Vec<_> = (0..2 * EVENTS).map(|id| event(id, "")).collect();
    messages.insert(EVENTS, b"NATS/1.0\r\nce-id: \xff\xfe\r\n\r\n".to_vec());
    server_with(name, denied, &messages)
}

/// The headers of an event.
pub(crate) fn event(id: usize, subject: &str) -> Vec<u8> {
    let attributes = format!("ce-specversion: 1.0\r\nce-id: {id}\r\nce-source: /s\r\nce-type: t");
    let subject = if subject.is_empty() { String::new() } else { format!("\r\nce-subject: {subject}") };
    format!("NATS/1.0\r\n{attributes}{subject}\r\n\r\n").into_bytes()
}

/// A server with these messages. Without a password, a client is `root`.
pub(crate) fn server_with(name: &str, denied: &str, messages: &[Vec<u8>]) -> Option<(Process, PathBuf)> {
    let Some(program) = env::var_os("CE_TEST_NATS_BIN") else {
        println!("skipped: CE_TEST_NATS_BIN is not set");
        return None;
    };
    let folder = env::temp_dir().join(format!("ce-unread-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let config = folder.join("users.conf");
    let users = r#"{ user: root, password: p }, { user: alice, password: p, permissions: { publish: { deny: "DENIED" } } }"#;
    let users =
        format!("authorization {{ users = [ {} ] }}\nno_auth_user: root\n", users.replace("DENIED", denied));
    fs::write(&config, users).unwrap();
    let process = Process::start(&folder, move |port, folder| {
        let mut command = Command::new(&program);
        command.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream", "--store_dir"]);
        command.arg(folder).arg("--config").arg(folder.join("users.conf"));
        command
    });
    let process = process.unwrap();
    fill(process.port(), messages);
    Some((process, folder))
}

/// Creates the stream `S`, with messages of these headers.
fn fill(port: u16, messages: &[Vec<u8>]) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(patience())).unwrap();
    let body = r#"{"name":"S","subjects":["S.>"],"storage":"memory"}"#;
    let mut said = b"CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB reply 1\r\n".to_vec();
    said.extend(format!("PUB $JS.API.STREAM.CREATE.S reply {}\r\n{body}\r\n", body.len()).bytes());
    says(&mut stream, &said, "did_create", 1);
    said.clear();
    for headers in messages {
        said.extend(format!("HPUB S.x reply {0} {0}\r\n", headers.len()).bytes());
        said.extend_from_slice(headers);
        said.extend_from_slice(b"\r\n");
    }
    says(&mut stream, &said, "\"seq\":", messages.len());
}

/// Sends this, and waits for these words, so many times.
fn says(stream: &mut TcpStream, said: &[u8], words: &str, times: usize) {
    stream.write_all(said).unwrap();
    let (mut heard, mut part) = (Vec::new(), [0; 4096]);
    while String::from_utf8_lossy(&heard).matches(words).count() < times {
        let read = stream.read(&mut part).unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&heard));
        heard.extend_from_slice(&part[..read]);
    }
}

/// Moves everything to a file. Returns how it ended, and what is there.
fn bridge(server: &(Process, PathBuf), user: &str) -> (Ran, String) {
    let target = server.1.join("moved.jsonl");
    let query = "consumer=c&ack-wait=2s&dead-letter=S.letters";
    let from = format!("nats+jetstream://{user}:p@127.0.0.1:{}/S.x?{query}", server.0.port());
    let ran = ce(&["bridge", &from, &format!("file:{}", target.display()), "--idle", "1", "--losses", "log"]);
    (ran, fs::read_to_string(target).unwrap())
}

/// A message whose settlement was lost with a connection is moved once more.
fn different(moved: &str) -> usize {
    moved.lines().collect::<BTreeSet<_>>().len()
}

#[test]
fn a_bridge_is_not_idle_before_everything_has_come_again() {
    let Some(server) = server("found", "none.at.all") else { return };
    let (ran, moved) = bridge(&server, "root");
    assert_eq!(different(&moved), 2 * EVENTS, "{}", ran.err);
    assert_eq!(ran.status, 0, "{}", ran.err);
    ce(&["listen", &format!("nats+jetstream://127.0.0.1:{}/S.letters", server.0.port()), "--peek"])
        .says("1 ");
}

#[test]
fn a_bridge_that_cannot_read_a_message_says_so_at_its_end() {
    let Some(server) = server("denied", "$JS.API.STREAM.MSG.GET.>") else { return };
    let (ran, moved) = bridge(&server, "alice");
    assert_eq!(different(&moved), 2 * EVENTS, "{}", ran.err);
    assert_eq!(ran.status, 3, "{}", ran.err);
    assert!(ran.err.contains("a message of the source was not received"), "{}", ran.err);
    assert!(ran.err.contains("$JS.API.STREAM.MSG.GET.S"), "{}", ran.err);
}

/// What comes with several of them comes in turn with them, for which each of them ends a connection several times.
#[test]
fn a_bridge_that_cannot_read_several_messages_moves_all_others() {
    let mut messages: Vec<_> = (0..600).map(|id| event(id, "")).collect();
    for number in 0..12 {
        messages.insert(20 + 45 * number, b"NATS/1.0\r\nce-id: \xff\xfe\r\n\r\n".to_vec());
    }
    let Some(server) = server_with("several", "$JS.API.STREAM.MSG.GET.>", &messages) else { return };
    let (ran, moved) = bridge(&server, "alice");
    assert_eq!(different(&moved), 600, "{}", ran.err);
    assert_eq!(ran.status, 3, "{}", ran.err);
}

/// As a receiver that was killed has left it.
#[test]
fn a_bridge_is_not_idle_before_everything_has_come_again_that_another_one_held() {
    let Some(server) = server("killed", "none.at.all") else { return };
    let mut other = TcpStream::connect(("127.0.0.1", server.0.port())).unwrap();
    other.set_read_timeout(Some(patience())).unwrap();
    let config =
        r#"{"durable_name":"c","ack_policy":"explicit","ack_wait":4000000000,"filter_subject":"S.x"}"#;
    let create = format!(r#"{{"stream_name":"S","config":{config}}}"#);
    let said = format!(
        "CONNECT {{\"verbose\":false,\"headers\":true}}\r\nSUB reply 1\r\nPUB $JS.API.CONSUMER.DURABLE.CREATE.S.c reply {}\r\n{create}\r\n",
        create.len()
    );
    says(&mut other, said.as_bytes(), "\"name\":\"c\"", 1);
    let all = (2 * EVENTS + 1).to_string();
    let said = format!("PUB $JS.API.CONSUMER.MSG.NEXT.S.c reply {}\r\n{all}\r\n", all.len());
    says(&mut other, said.as_bytes(), "HMSG S.x", 2 * EVENTS + 1);
    drop(other);
    let (ran, moved) = bridge(&server, "root");
    assert_eq!((ran.status, different(&moved)), (0, 2 * EVENTS), "{}", ran.err);
}

/// As `head` reads the first lines only.
#[test]
fn what_a_listener_cannot_print_goes_back_at_once_and_in_order() {
    // Some of them fill a pipe.
    let messages: Vec<_> = (0..2 * EVENTS).map(|id| event(id, &"x".repeat(8000))).collect();
    let Some(server) = server_with("pipe", "none.at.all", &messages) else { return };
    let url = format!("nats+jetstream://127.0.0.1:{}/S.x?consumer=c&ack-wait=1h", server.0.port());
    let mut head = command(&["listen", &url]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(head.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!((head.wait().unwrap().code(), line.is_empty()), (Some(0), false));
    let rest = ce(&["listen", &url, "--count", "20", "--idle", "60", "--output", "json"]).ended(0);
    let events = rest.lines();
    let ids: Vec<usize> = events.iter().map(|event| event["id"].as_str().unwrap().parse().unwrap()).collect();
    assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "{ids:?}");
}
