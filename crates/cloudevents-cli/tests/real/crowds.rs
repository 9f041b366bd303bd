//! A thousand hostile connections at once: the memory of a server and of a client stays within its bound.
//!
//! The bound of a server is what its options say: 64 MiB in flight, in buffers that grow by doubling, and for each of 1,024 connections 400
//! KiB of a head over HTTP or 32 KiB over WebSockets. The program itself has some 40 MiB unoptimised. So it is 128 + 400 + 40 MiB over
//! HTTP, and 128 + 32 + 40 MiB over WebSockets.

use crate::bounded::peak;
use crate::program::{ce_with, command, signal};
use cloudevents_testkit::{patience, slowed};
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};
use tempfile::NamedTempFile;

const CROWD: usize = 1024;
const GOOD: &str = crate::program::GOOD;

/// Lets this program have more descriptors than the usual 1,024, which are fewer than the crowds of tests that run at once.
fn needs_descriptors() {
    let process = std::process::id().to_string();
    let raised = Command::new("prlimit").args(["--nofile=8192:", "--pid", &process]).status();
    if !raised.is_ok_and(|status| status.success()) {
        eprintln!("the limit of descriptors stays");
    }
}

/// Opens this many connections, and writes to each until the peer takes no more.
fn crowd(address: &str, head: &[u8], unit: &[u8], most: usize) -> Vec<TcpStream> {
    let mut all = Vec::new();
    for _ in 0..CROWD {
        let mut stream = match TcpStream::connect(address) {
            Ok(stream) => stream,
            Err(error) => {
                if all.len() <= CROWD / 2 {
                    eprintln!("connection {} was not made: {error}", all.len());
                }
                continue;
            }
        };
        stream.set_nonblocking(true).unwrap();
        let _ = stream.write(head);
        all.push(stream);
    }
    let mut written = 0;
    while written < most {
        for stream in &mut all {
            let _ = stream.write(unit);
        }
        written += unit.len().max(1);
    }
    all
}

/// Waits until this command of `ce listen` does, and returns its address and its URL, too. The port is its own choice: at another one, a
/// server of another test may answer. What it reports goes to a file, so that no pipe fills.
fn listening(mut command: Command, reports: &NamedTempFile) -> (Child, String, String) {
    command.env("CE_CONFIG", "").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.stderr(reports.reopen().unwrap()).spawn().unwrap();
    loop {
        let told = fs::read_to_string(reports.path()).unwrap();
        let url = |line: &str| line.strip_prefix("listening at ")?.strip_suffix('\n').map(str::to_owned);
        if let Some(url) = told.split_inclusive('\n').find_map(url) {
            let address = url.split('/').nth(2).unwrap().to_owned();
            return (child, address, url);
        }
        assert_eq!(child.try_wait().unwrap(), None, "{told}");
        thread::sleep(Duration::from_millis(5)); // between two looks
    }
}

/// Peaks of memory while a crowd of each kind is connected. Each time, an event comes through: while the crowd stays, unless all of it may
/// keep its places.
fn withstands(scheme: &str, bound: usize, crowds: &[(&str, &[u8], &[u8], usize)]) {
    needs_descriptors();
    for (kind, head, unit, most) in crowds {
        let reports = NamedTempFile::new().unwrap();
        let any = format!("{scheme}://127.0.0.1:0/events");
        let (mut child, address, url) = listening(command(&["listen", &any, "--count", "1"]), &reports);
        let all = crowd(&address, head, unit, *most);
        let reported = || {
            let all = fs::read_to_string(reports.path()).unwrap();
            all.lines().rev().take(40).collect::<Vec<_>>().join("\n")
        };
        let number = all.len();
        assert!(number > CROWD / 2, "{kind}: {number}\nlistener: {:?}\n{}", child.try_wait(), reported());
        let peak = peak(child.id());
        eprintln!("{scheme}, {kind}: {peak} MiB of {bound}");
        assert!(peak > 0 && peak <= bound, "{kind}: {peak} MiB of {bound}");
        let stays = scheme == "http" || *kind == "half a handshake";
        let all = Some(all).filter(|_| stays);
        let ran = ce_with(&["send", &url, "--retry", "6"], GOOD);
        drop(all);
        assert_eq!(ran.status, 0, "{kind}: {}\nlistener: {:?}\n{}", ran.err, child.try_wait(), reported());
        let ended = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(ended.stdout).unwrap(), format!("{GOOD}\n"), "{kind}");
    }
}

#[test]
fn a_server_of_http_stays_within_its_bound() {
    let gzip_member = [31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let post = "POST /events HTTP/1.1\r\nhost: x\r\nce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\n";
    let body = format!("{post}content-length: 16000000\r\n\r\n");
    let zipped = format!("{post}content-encoding: gzip\r\ncontent-length: 16000000\r\n\r\n");
    // 8 MiB of one byte each, in frames that do not end.
    let zstd = [&[0x28, 0xb5, 0x2f, 0xfd, 0, 0x68][..], &[2, 0, 0x10, b'x'].repeat(64)].concat();
    let windows = format!("{post}content-encoding: zstd\r\ncontent-length: 16000000\r\n\r\n");
    let windows = [windows.as_bytes(), &zstd].concat();
    let extension = format!("{post}transfer-encoding: chunked\r\n\r\n1;x=");
    let trailers = format!("{post}transfer-encoding: chunked\r\n\r\n0\r\nx: ");
    let other = "GET /other HTTP/1.1\r\nhost: x\r\n\r\n".repeat(64);
    let many = [b'x'; 1 << 15];
    withstands(
        "http",
        568,
        &[
            ("silent", b"", b"", 0),
            ("half a head", b"POST /events HTTP/1.1\r\nx: ", &many, 1 << 18),
            ("stalled bodies", body.as_bytes(), &many, 1 << 18),
            ("slow readers", b"", other.as_bytes(), 1 << 16),
            ("windows of zstd", &windows, b"", 0),
            ("a chunk extension", extension.as_bytes(), &many, 1 << 18),
            ("trailers", trailers.as_bytes(), &many, 1 << 18),
        ],
    );
    // While these are worked on, others may have to wait: only memory is looked at.
    let reports = NamedTempFile::new().unwrap();
    let (mut child, address, _) = listening(command(&["listen", "http://127.0.0.1:0/events"]), &reports);
    let all = crowd(&address, zipped.as_bytes(), &gzip_member.repeat(500), 1 << 17);
    let peak = peak(child.id());
    eprintln!("http, empty gzip members: {peak} MiB of 568");
    assert!(all.len() > CROWD / 2 && peak > 0 && peak <= 568, "{peak} MiB");
    // What was not read to its end is no message that is not settled.
    signal(&child, "-INT");
    child.wait().unwrap();
    let reported = fs::read_to_string(reports.path()).unwrap();
    assert!(!reported.contains("not settled"), "{reported}");
}

#[test]
fn a_server_of_websockets_stays_within_its_bound() {
    let handshake = b"GET /events HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nsec-websocket-protocol: cloudevents.json\r\n\r\n";
    let frame = [&handshake[..], &[0x81, 0xff, 0, 0, 0, 0, 0, 0xf0, 0, 0, 0, 0, 0, 0]].concat();
    let ping = [0x89, 0xfd, 0, 0, 0, 0].iter().copied().chain([b'x'; 125]).collect::<Vec<u8>>().repeat(100);
    withstands(
        "ws",
        200,
        &[
            ("silent", handshake, b"", 0),
            ("half a handshake", b"GET / HTTP/1.1\r\n", b"", 0),
            ("stalled frames", &frame, &[b'x'; 1 << 16], 1 << 20),
            ("slow readers", handshake, &ping, 1 << 19),
        ],
    );
}

/// Responses whose body or head does not end, to a client with 1,024 messages in flight.
#[test]
fn a_client_stays_within_its_bound() {
    needs_descriptors();
    for (kind, head) in [
        ("a body that does not end", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
        (
            "a refusal that does not end",
            "HTTP/1.1 422 Unprocessable Content\r\ncontent-length: 100000000\r\n\r\n",
        ),
        ("a head that does not end", "HTTP/1.1 200 OK\r\nx: "),
    ] {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", server.local_addr().unwrap());
        let (done, highest) = (AtomicBool::new(false), std::sync::atomic::AtomicUsize::new(0));
        server.set_nonblocking(true).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let chunk = format!("10000\r\n{}\r\n", "x".repeat(1 << 16));
                let mut open: Vec<TcpStream> = Vec::new();
                while !done.load(Ordering::Acquire) {
                    while let Ok((mut stream, _)) = server.accept() {
                        stream.set_nonblocking(true).unwrap();
                        let _ = stream.write(head.as_bytes());
                        open.push(stream);
                    }
                    for stream in &mut open {
                        let _ = stream.read(&mut [0; 4096]);
                        let _ = stream.write(chunk.as_bytes());
                    }
                    thread::sleep(Duration::from_millis(1)); // between two rounds
                }
            });
            let events = format!("{GOOD}\n").repeat(CROWD);
            let mut child = command(&["send", &url, "--parallel", "1024", "--keep-going", "--timeout", "5"])
                .stdin(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(events.as_bytes()).unwrap();
            let begin = Instant::now();
            // It does not end before it was measured.
            while highest.fetch_max(peak(child.id()), Ordering::Relaxed) == 0 {
                assert!(begin.elapsed() < 3 * patience(), "{kind}: it cannot be measured");
            }
            drop(stdin);
            while child.try_wait().unwrap().is_none() {
                highest.fetch_max(peak(child.id()), Ordering::Relaxed);
                assert!(begin.elapsed() < 3 * patience(), "{kind}: it does not end");
                thread::sleep(Duration::from_millis(2)); // between two measurements
            }
            done.store(true, Ordering::Release);
        });
        let highest = highest.into_inner();
        eprintln!("{kind}: {highest} MiB");
        assert!(highest > 0 && highest < 600, "{kind}: {highest} MiB");
    }
}

/// `ce listen` with sixty descriptors.
fn limited(scheme: &str) -> (Child, String, String) {
    needs_descriptors();
    let program = command(&["listen", &format!("{scheme}://127.0.0.1:0/events"), "--count", "1"]);
    let mut limited = Command::new("bash");
    limited.args(["-c", "ulimit -n 60; exec \"$0\" \"$@\""]);
    limited.arg(program.get_program()).args(program.get_args());
    listening(limited, &NamedTempFile::new().unwrap())
}

/// The usual limit of descriptors, 1,024, is reached before that of connections.
#[test]
fn silent_connections_give_way_where_there_are_no_more_descriptors() {
    for scheme in ["http", "ws"] {
        let (mut child, address, url) = limited(scheme);
        let silent: Vec<_> = (0..100).map(|_| TcpStream::connect(&address).unwrap()).collect();
        let begin = Instant::now();
        let ran = ce_with(&["send", &url], GOOD);
        let took = begin.elapsed();
        if ran.status != 0 {
            child.kill().unwrap();
        }
        assert_eq!(ran.status, 0, "{scheme}: {}", ran.err);
        assert!(child.wait().unwrap().success(), "{scheme}");
        // Silence takes thirty.
        assert!(took < slowed(Duration::from_secs(25)), "{scheme}: {took:?}");
        drop(silent);
    }
}

/// How many connections to this address of 127.0.0.1 were not accepted yet.
fn waiting(address: &str) -> usize {
    let port: u16 = address.rsplit_once(':').unwrap().1.parse().unwrap();
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
    let fields = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // Those that listen have the state 0A, and these connections instead of bytes that were not read.
    let listens = |fields: &Vec<&str>| fields[1] == format!("0100007F:{port:04X}") && fields[3] == "0A";
    // The system writes the file in pieces, between which lines may move: one that is not found is to be looked for again.
    let waiting =
        |fields: Vec<&str>| usize::from_str_radix(fields[4].split_once(':').unwrap().1, 16).unwrap();
    fields.clone().find(listens).map_or(usize::MAX, waiting)
}

/// However many wait for their clients.
#[test]
fn a_newcomer_ends_one_connection_where_there_are_no_more_descriptors() {
    for scheme in ["http", "ws"] {
        let (mut child, address, _) = limited(scheme);
        let connect = || {
            let stream = TcpStream::connect(&address).unwrap();
            stream.set_nonblocking(true).unwrap();
            stream
        };
        let ended =
            |all: &[TcpStream]| all.iter().filter(|stream| (&**stream).read(&mut [0]).is_ok()).count();
        // More than there are descriptors for: some give way to others.
        let silent: Vec<TcpStream> = (0..70).map(|_| connect()).collect();
        let begin = Instant::now();
        while ended(&silent) == 0 || waiting(&address) > 0 {
            assert!(begin.elapsed() < patience(), "{scheme}: none gives way");
            thread::sleep(Duration::from_millis(20)); // between two looks
        }
        // Each is accepted behind the end of the one that gave way to it. The end of one more may be under way: the server keeps a
        // descriptor free.
        let before = ended(&silent);
        let newcomers: Vec<TcpStream> = (1..=5)
            .map(|nth| {
                let newcomer = connect();
                let begin = Instant::now();
                while ended(&silent) < before + nth {
                    assert!(begin.elapsed() < patience(), "{scheme}: none gives way to newcomer {nth}");
                    thread::sleep(Duration::from_millis(5)); // between two looks
                }
                newcomer
            })
            .collect();
        // What else ends comes at once.
        thread::sleep(Duration::from_millis(500));
        let gave_way = ended(&silent) - before;
        assert!(gave_way <= newcomers.len() + 1, "{scheme}: {gave_way} gave way to {}", newcomers.len());
        assert_eq!(ended(&newcomers), 0, "{scheme}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
