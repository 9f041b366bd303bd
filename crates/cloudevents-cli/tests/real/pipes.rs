//! Pipes that nothing reads or writes do not keep the program from ending.

use crate::program::{GOOD, Ran, ce_with, command, end_of, exited, file, signal, start, url_of, with_id};
use cloudevents_testkit::ports;
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

pub(crate) fn fifo(name: &str) -> PathBuf {
    let path = file(name, "").with_extension("fifo");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

#[cfg(target_os = "linux")]
/// Starts the program, which waits for something: it is in a call that does not return.
fn blocked(arguments: &[&str]) -> Child {
    let child = start(arguments);
    // Its thread is in the call that opens the pipe, or writes to it.
    let is_blocked = || {
        let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
        tasks.flatten().any(|task| {
            let place = fs::read_to_string(task.path().join("wchan")).unwrap_or_default();
            place.contains("wait_for_partner") || place.contains("pipe_write")
        })
    };
    // Some kernels do not show it.
    let begin = Instant::now();
    while !is_blocked() && begin.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(5)); // between two looks
    }
    child
}

#[cfg(target_os = "linux")]
/// Sends SIGTERM once. Returns the exit status, and what it says.
fn terminated(child: Child) -> Ran {
    signal(&child, "-TERM");
    end_of(child)
}

/// Opening such a pipe waits for its other end.
#[cfg(target_os = "linux")]
#[test]
fn a_pipe_without_another_end_is_not_waited_for_after_a_signal() {
    let (pipe, events) = (fifo("pipe"), file("in.jsonl", GOOD));
    let (url, events) = (format!("file:{}", pipe.display()), format!("file:{}", events.display()));
    let nowhere = "http://127.0.0.1:9/";
    for (arguments, status) in [
        (vec!["send", &url, "--source", "/s", "--type", "t"], 1),
        (vec!["bridge", &events, &url], 0),
        (vec!["bridge", &url, nowhere], 0),
    ] {
        terminated(blocked(&arguments)).ended(status);
    }
}

/// The pipe is full, and its reader does not read.
#[cfg(target_os = "linux")]
#[test]
fn a_pipe_that_is_not_read_is_not_waited_for_after_a_signal() {
    let pipe = fifo("pipe");
    let _reader = File::options().read(true).write(true).open(&pipe).unwrap();
    let event = GOOD.replacen('{', &format!(r#"{{"data":"{}","#, "x".repeat(50_000)), 1);
    let events = file("in.jsonl", vec![event; 20].join("\n"));
    let (to, from) = (format!("file:{}", pipe.display()), format!("file:{}", events.display()));
    let settings = file("bridge.yaml", format!("from: {from}\nto: {to}\ndrain: 1\n"));
    terminated(blocked(&["bridge", "--config", settings.to_str().unwrap()]))
        .ended(3)
        .says("1 message moved, 0 refused\n");
    let arguments = ["send", &to, events.to_str().unwrap(), "--timeout", "1"];
    terminated(blocked(&arguments)).ended(3).says("it did not end within 1s after Ctrl-C").says("1 failed");
}

/// As a peer that reads nothing, over WebSockets.
#[test]
fn what_is_not_taken_for_long_is_reported() {
    let pipe = fifo("pipe");
    let mut reader = File::options().read(true).write(true).open(&pipe).unwrap();
    let event = GOOD.replacen('{', &format!(r#"{{"data":"{}","#, "x".repeat(200_000)), 1);
    let events = file("in.jsonl", &event);
    let url = format!("file:{}", pipe.display());
    let mut child = start(&["send", &url, events.to_str().unwrap(), "--timeout", "1"]);
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    assert_eq!(line, "warning: nothing was taken for 2s; Ctrl-C ends it [waiting]\n");
    reader.read_exact(&mut vec![0; event.len()]).unwrap();
    line.clear();
    errors.read_to_string(&mut line).unwrap();
    assert_eq!(line, format!("1 event sent to {}\n", pipe.display()));
    assert!(child.wait().unwrap().success());
}

/// What is in a pipe is lost when its reader closes it, if only to open it again.
#[test]
fn a_pipe_is_opened_once() {
    for _ in 0..20 {
        let pipe = fifo("pipe");
        let mut child = start(&["listen", &format!("file:{}", pipe.display())]);
        File::options().write(true).open(&pipe).unwrap().write_all(GOOD.as_bytes()).unwrap();
        let out = child.stdout.take().unwrap();
        assert_eq!(exited(&mut child), Some(0), "the event is lost");
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), GOOD);
    }
}

/// Nothing can read it again.
#[test]
fn a_bridge_ends_when_its_standard_output_is_closed() {
    let events: Vec<_> = (0..2000).map(|id| with_id(id)).collect();
    let from = url_of("in.jsonl", events.join("\n"));
    for (to, name) in
        [("-", "standard output"), ("file:/dev/stdout", "`/dev/stdout`"), ("file:///dev/fd/1", "`/dev/fd/1`")]
    {
        let mut child = start(&["bridge", &from, to]);
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), events[0]);
        end_of(child).ended(3).says_last(&format!("error: {name} was closed by its reader\n"));
    }
}

/// What was printed before is settled. The message that is being printed is not.
#[cfg(target_os = "linux")]
#[test]
fn a_reader_that_stalls_does_not_keep_a_listener_from_ending() {
    let event = GOOD.replacen('{', &format!(r#"{{"data":"{}","#, "x".repeat(50_000)), 1);
    let events = format!("file:{}", file("in.jsonl", vec![event; 20].join("\n")).display());
    let mut child = blocked(&["listen", &events]);
    let out = child.stdout.take().unwrap();
    terminated(child)
        .ended(3)
        .says_last("standard output is not read: it did not end within 5s after Ctrl-C\n");
    drop(out);
}

/// The same of a target of webhooks. What it has not printed is not accepted.
#[cfg(target_os = "linux")]
#[test]
fn a_reader_that_stalls_does_not_keep_a_target_from_ending() {
    let address = format!("127.0.0.1:{}", ports::free());
    let url = format!("http://{address}/hook");
    let event = |id| {
        let id = format!(r#"{{"data":"{}","id":"{id}","#, "x".repeat(50_000));
        GOOD.replacen(r#""id":"1","#, "", 1).replacen('{', &id, 1)
    };
    let events = (0..20).map(event).collect::<Vec<_>>().join("\n");
    let to = url.clone();
    let sending = std::thread::spawn(move || {
        while TcpStream::connect(&address).is_err() {
            std::thread::sleep(Duration::from_millis(5)); // between two tries
        }
        ce_with(&["send", &to, "--timeout", "20"], &events)
    });
    let mut child = blocked(&["webhook", "serve", &url, "--unauthenticated"]);
    let out = child.stdout.take().unwrap();
    terminated(child)
        .ended(3)
        .says("finishing 1 message, press Ctrl-C again to stop\n")
        .says_last("standard output is not read: it did not end within 5s after Ctrl-C\n");
    drop(out);
    assert_ne!(sending.join().unwrap().status, 0);
}

/// Opening such a pipe waits for its writer, which is as idle as one that writes nothing.
#[test]
fn a_pipe_that_nothing_writes_is_idle_before_it_is_opened() {
    let url = format!("file:{}", fifo("pipe").display());
    for arguments in
        [&["listen", &url, "--idle", "1"][..], &["bridge", &url, "http://127.0.0.1:9/", "--idle", "1"]]
    {
        end_of(start(arguments)).ended(0);
    }
}

/// Refuses every event, which has no payload.
#[cfg(target_os = "linux")]
fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut out = stream.try_clone().unwrap();
                for line in BufReader::new(stream).lines().map_while(Result::ok).filter(String::is_empty) {
                    drop(line);
                    let _ = out.write_all(b"HTTP/1.1 422 Unprocessable Content\r\ncontent-length: 0\r\n\r\n");
                }
            });
        }
    });
    url
}

/// A driver of logs that blocks holds up neither what comes nor what a signal requests.
#[cfg(target_os = "linux")]
#[test]
fn reports_that_are_not_read_hold_up_nothing() {
    let target = refusing();
    // What is refused is reported. A pipe has 64 KiB.
    let many = [GOOD; 2000].join("\n");
    for (name, to, path, status) in [("listen", None, "other", 0), ("bridge", Some(&*target), "events", 1)] {
        let address = format!("127.0.0.1:{}", ports::free());
        let from = format!("http://{address}/events");
        let ends: Vec<_> = [name, &from].into_iter().chain(to).collect();
        let mut child =
            command(&ends).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        while TcpStream::connect(&address).is_err() {
            std::thread::sleep(Duration::from_millis(5)); // between two tries
        }
        let refused = ce_with(&["send", &format!("http://{address}/{path}"), "--timeout", "10"], &many);
        let sent = ce_with(&["send", &from, "--timeout", "10"], GOOD);
        signal(&child, "-TERM");
        let ended = exited(&mut child);
        assert_eq!((refused.status, sent.status), (1, status), "{name}: {}", sent.err);
        assert_eq!(ended, Some(0), "{name} goes on");
    }
}
