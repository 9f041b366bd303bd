//! A sender that attacks a target.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

/// An attack of a hostile sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attack {
    /// The head of a request, one byte at this interval, without end.
    SlowHead(Duration),
    /// Headers without end.
    HeaderFlood,
    /// A good head, and one byte of the body at this interval, without end.
    SlowBody(Duration),
    /// A good head, and a chunked body without end.
    EndlessBody,
    /// A good head that declares a body of this many bytes, and none of them.
    Declared(u64),
}

/// The target's reaction to an attack.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attacked {
    /// The status of its response. `None` if it closed the connection without one.
    pub status: Option<u16>,
    /// The number of bytes that it read before that.
    pub sent: u64,
    /// How long it took.
    pub took: Duration,
}

/// Attacks a target until it responds or hangs up. `headers` are the headers of a delivery that it would accept: lines that end in `\r\n`.
///
/// Returns `None` if the target does neither within the limit, so that the attack succeeds.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use cloudevents_testkit::webhook::{Attack, attack};
/// use std::time::Duration;
///
/// // A target that never responds.
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let address = listener.local_addr()?;
/// let attacked = attack(address, "/hook", "", Attack::SlowBody(Duration::from_millis(1)), Duration::from_millis(20)).await;
/// assert!(attacked.is_none());
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
pub async fn attack(
    address: SocketAddr,
    path: &str,
    headers: &str,
    attack: Attack,
    limit: Duration,
) -> Option<Attacked> {
    let started = Instant::now();
    let mut sent = 0_u64;
    let status = timeout(limit, run(address, path, headers, attack, &mut sent)).await.ok()?;
    Some(Attacked { status, sent, took: started.elapsed() })
}

async fn run(address: SocketAddr, path: &str, headers: &str, attack: Attack, sent: &mut u64) -> Option<u16> {
    let Ok(stream) = TcpStream::connect(address).await else { return None };
    let (mut reading, mut writing) = stream.into_split();
    let start = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\n{headers}");
    let write = async {
        let mut put = async |bytes: &[u8]| -> io::Result<()> {
            writing.write_all(bytes).await?;
            *sent = sent.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            Ok(())
        };
        put(start.as_bytes()).await?;
        match attack {
            Attack::SlowHead(interval) => {
                put(b"x-slow: ").await?;
                loop {
                    put(b"x").await?;
                    sleep(interval).await;
                }
            }
            Attack::HeaderFlood => loop {
                put(b"x-flood: 0123456789012345678901234567890123456789\r\n").await?;
            },
            Attack::SlowBody(interval) => {
                put(b"content-length: 1000000\r\n\r\n").await?;
                loop {
                    put(b"x").await?;
                    sleep(interval).await;
                }
            }
            Attack::EndlessBody => {
                put(b"transfer-encoding: chunked\r\n\r\n").await?;
                loop {
                    put(b"400\r\n").await?;
                    put(&[b'x'; 0x400]).await?;
                    put(b"\r\n").await?;
                }
            }
            Attack::Declared(length) => {
                put(format!("content-length: {length}\r\n\r\n").as_bytes()).await?;
                std::future::pending().await
            }
        }
    };
    let read = async {
        let mut response = Vec::new();
        // "HTTP/1.1 413"
        while response.len() < 12 {
            if !matches!(reading.read_buf(&mut response).await, Ok(read) if read > 0) {
                return None;
            }
        }
        std::str::from_utf8(response.get(9..12)?).ok()?.parse().ok()
    };
    let write = async {
        let _: io::Result<std::convert::Infallible> = write.await;
        // The target does not take more: its response may be on the way.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        status = read => status,
        () = write => None,
    }
}
