//! Each fault of the proxy does what it says, until it is ended, and no fault does it.

use cloudevents_testkit::fault_proxy::{Counts, End, FaultProxy, Flow};
use cloudevents_testkit::patience;
use std::{io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    time::{Instant, timeout},
};

/// How long to watch for a byte that must not come.
const QUIET: Duration = Duration::from_millis(200);

/// A server, the proxy before it, and a connection through the proxy: the client's and the server's side.
struct Line {
    server: TcpListener,
    proxy: FaultProxy,
    near: TcpStream,
    far: TcpStream,
}

impl Line {
    async fn new() -> Self {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = FaultProxy::start(server.local_addr().unwrap()).unwrap();
        let (near, far) = connect(&proxy, &server).await;
        let mut line = Self { server, proxy, near, far };
        line.passes().await;
        line
    }

    /// Both directions work.
    async fn passes(&mut self) {
        passes(&mut self.near, &mut self.far).await;
        passes(&mut self.far, &mut self.near).await;
    }
}

async fn connect(proxy: &FaultProxy, server: &TcpListener) -> (TcpStream, TcpStream) {
    let near = TcpStream::connect(proxy.address()).await.unwrap();
    let (far, _) = within(server.accept()).await.unwrap();
    (near, far)
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(patience(), future).await.unwrap()
}

async fn passes(from: &mut TcpStream, to: &mut TcpStream) {
    from.write_all(b"passes").await.unwrap();
    comes(to, b"passes").await;
}

async fn comes(at: &mut TcpStream, expected: &[u8]) {
    let mut arrived = vec![0; expected.len()];
    within(at.read_exact(&mut arrived)).await.unwrap();
    assert_eq!(arrived, expected);
}

/// Neither a byte nor an end.
async fn is_quiet(at: &mut TcpStream) {
    let came = timeout(QUIET, at.read(&mut [0])).await;
    assert!(came.is_err(), "{came:?}");
}

async fn is_cut(at: &mut TcpStream) {
    assert_eq!(within(at.read(&mut [0])).await.unwrap(), 0);
}

async fn is_reset(at: &mut TcpStream) {
    let error = within(at.read(&mut [0])).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_stall_holds_one_direction_or_both_until_it_ends() {
    let Line { proxy, mut near, mut far, .. } = Line::new().await;
    proxy.stall(Flow::ToServer);
    near.write_all(b"held").await.unwrap();
    is_quiet(&mut far).await;
    passes(&mut far, &mut near).await;
    proxy.stall(Flow::ToClient);
    comes(&mut far, b"held").await; // one fault of a kind at a time
    far.write_all(b"back").await.unwrap();
    is_quiet(&mut near).await;
    proxy.stall(Flow::Both);
    near.write_all(b"again").await.unwrap();
    is_quiet(&mut far).await;
    proxy.resume();
    comes(&mut far, b"again").await;
    comes(&mut near, b"back").await;
}

/// Who sends is blocked, and the end of the connection is held back with what it follows.
#[tokio::test]
async fn a_stall_reads_no_more_and_holds_the_end_back() {
    let Line { proxy, mut near, mut far, .. } = Line::new().await;
    proxy.stall(Flow::Both);
    let mut sent = 0;
    while let Ok(written) = timeout(QUIET, near.write(&[b'x'; 65_536])).await {
        sent += written.unwrap();
        assert!(sent < 64 << 20, "the proxy reads on");
    }
    far.shutdown().await.unwrap();
    is_quiet(&mut near).await;
    proxy.resume();
    is_cut(&mut near).await;
    let mut arrived = vec![0; sent];
    within(far.read_exact(&mut arrived)).await.unwrap();
    assert!(arrived.iter().all(|byte| *byte == b'x'));
}

#[tokio::test]
async fn a_rate_is_kept_in_its_direction() {
    let Line { proxy, mut near, mut far, .. } = Line::new().await;
    proxy.slow(Flow::ToClient, 1000.try_into().unwrap());
    let begin = Instant::now();
    near.write_all(&[1; 100_000]).await.unwrap();
    comes(&mut far, &[1; 100_000]).await;
    let there = begin.elapsed();
    far.write_all(&[2; 500]).await.unwrap();
    comes(&mut near, &[2; 500]).await;
    // The first and the last part do not wait.
    assert!(begin.elapsed() >= there + Duration::from_millis(400), "{:?}", begin.elapsed());
    proxy.resume();
    far.write_all(&[3; 100_000]).await.unwrap();
    comes(&mut near, &[3; 100_000]).await; // it would take 100 seconds
}

#[tokio::test]
async fn a_connection_is_cut_or_reset_once_and_for_both_sides() {
    let Line { server, proxy, mut near, mut far } = Line::new().await;
    // Data that wait unread do not turn the end into a reset.
    proxy.stall(Flow::Both);
    near.write_all(&[b'x'; 40_000]).await.unwrap();
    far.write_all(&[b'x'; 40_000]).await.unwrap();
    proxy.end(End::Cut);
    is_cut(&mut near).await;
    is_cut(&mut far).await;
    within(near.write_all(&[b'x'; 4 << 20])).await.unwrap();
    within(far.write_all(&[b'x'; 4 << 20])).await.unwrap();
    proxy.resume();
    let (mut near, mut far) = connect(&proxy, &server).await;
    passes(&mut near, &mut far).await;
    proxy.end(End::Reset);
    is_reset(&mut near).await;
    is_reset(&mut far).await;
    let (mut near, mut far) = connect(&proxy, &server).await;
    passes(&mut near, &mut far).await;
}

#[tokio::test]
async fn a_connection_ends_at_the_byte_of_its_direction() {
    let Line { server, proxy, mut near, mut far } = Line::new().await;
    proxy.end_after(Flow::ToServer, 4, End::Cut);
    far.write_all(b"more than four").await.unwrap();
    comes(&mut near, b"more than four").await;
    near.write_all(b"four and more").await.unwrap();
    comes(&mut far, b"four").await;
    is_cut(&mut far).await;
    is_cut(&mut near).await;
    // Each connection has its own count.
    proxy.end_after(Flow::ToClient, 5, End::Reset);
    for _ in 0..2 {
        let (mut near, mut far) = connect(&proxy, &server).await;
        passes(&mut near, &mut far).await;
        far.write_all(b"five.").await.unwrap();
        is_reset(&mut far).await;
        // The reset may overtake what was passed on.
        let mut arrived = Vec::new();
        assert!(within(near.read_to_end(&mut arrived)).await.is_err());
        assert!(b"five.".starts_with(&arrived), "{arrived:?}");
    }
    proxy.resume();
    let (mut near, mut far) = connect(&proxy, &server).await;
    passes(&mut far, &mut near).await;
}

#[tokio::test]
async fn a_half_open_connection_stays_silent_for_good() {
    let Line { server, proxy, mut near, mut far } = Line::new().await;
    proxy.half_open();
    is_cut(&mut far).await;
    near.write_all(b"is there anyone?").await.unwrap();
    is_quiet(&mut near).await;
    let (mut other, mut far) = connect(&proxy, &server).await;
    passes(&mut other, &mut far).await;
    proxy.resume();
    is_quiet(&mut near).await;
}

#[tokio::test]
async fn new_connections_are_refused_and_old_ones_stay() {
    let mut line = Line::new().await;
    for _ in 0..2 {
        within(line.proxy.refuse()).await;
        let error = TcpStream::connect(line.proxy.address()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        line.passes().await;
        line.proxy.resume();
        within(line.proxy.until(|counts| !counts.refusing)).await;
        let (near, far) = connect(&line.proxy, &line.server).await;
        (line.near, line.far) = (near, far);
        line.passes().await;
    }
}

#[tokio::test]
async fn without_a_server_the_connection_is_reset() {
    // As it is bound, the port stays its own; as it does not listen, it refuses connections.
    let held = TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let proxy = FaultProxy::start(held.local_addr().unwrap()).unwrap();
    // The reset may come before this knows that it is connected.
    let reset = async { TcpStream::connect(proxy.address()).await?.read(&mut [0]).await };
    assert_eq!(within(reset).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn connections_and_bytes_are_counted_and_ends_pass() {
    let Line { server, proxy, mut near, mut far } = Line::new().await;
    let mut expected = Counts::default();
    (expected.accepted, expected.open, expected.to_server, expected.to_client) = (1, 1, 6, 6);
    // They are counted behind the bytes.
    within(proxy.until(|counts| *counts == expected)).await;
    near.shutdown().await.unwrap();
    is_cut(&mut far).await;
    passes(&mut far, &mut near).await; // the other direction goes on
    drop(far);
    is_cut(&mut near).await;
    within(proxy.until(|counts| counts.open == 0)).await;
    let _open = connect(&proxy, &server).await;
    (expected.accepted, expected.to_client) = (2, 12);
    within(proxy.until(|counts| *counts == expected)).await;
}
