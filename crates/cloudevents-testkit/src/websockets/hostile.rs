//! A server that answers handshakes and frames with bytes of the test.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// How a [`HostileServer`] responds to a handshake.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Handshake {
    /// Accepts, with the first subprotocol that the client offers.
    Good,
    /// Like [`Good`](Self::Good). Afterwards, the server reads and never answers, not even pings.
    Mute,
    /// Without a subprotocol.
    NoSubprotocol,
    /// Accepts, with this value of `Sec-WebSocket-Protocol`.
    Subprotocol(&'static str),
    /// Sends these bytes, then closes the connection.
    Response(&'static str),
    /// With headers that never end.
    Flood,
    /// Not at all.
    Silence,
}

/// A WebSocket server that sends the bytes that the test gives it, valid or not. It answers pings and echoes close frames.
/// Dropping it closes all connections.
///
/// ```
/// use cloudevents_testkit::websockets::{Handshake, HostileServer};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// // An unmasked text frame with one byte that is not UTF-8.
/// let server = HostileServer::start(Handshake::Good, vec![0x81, 1, 0xff]).await?;
/// assert!(server.url().starts_with("ws://127.0.0.1:"));
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub struct HostileServer {
    address: SocketAddr,
    codes: Codes,
    task: JoinHandle<()>,
}

type Codes = Arc<Mutex<Vec<Option<u16>>>>;

impl HostileServer {
    /// Listens on a free port. Each connection gets this handshake, and then these bytes.
    pub async fn start(handshake: Handshake, bytes: Vec<u8>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let codes = Codes::default();
        let seen = Arc::clone(&codes);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, handshake, bytes.clone(), Arc::clone(&seen)));
            }
        });
        Ok(Self { address, codes, task })
    }

    /// The URL to connect to.
    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// The status codes of the close frames that clients have sent, in the order of arrival. `None` is a close frame without one.
    pub fn close_codes(&self) -> Vec<Option<u16>> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for HostileServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for HostileServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostileServer").field("address", &self.address).finish_non_exhaustive()
    }
}

async fn serve(mut stream: TcpStream, handshake: Handshake, bytes: Vec<u8>, codes: Codes) -> Option<()> {
    let request = head(&mut stream).await?;
    let value = |name: &str| {
        let mut lines = request.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let subprotocol = match handshake {
        Handshake::Good | Handshake::Mute => {
            let offered = value("sec-websocket-protocol")?;
            format!("sec-websocket-protocol: {}\r\n", offered.split(',').next()?)
        }
        Handshake::Subprotocol(value) => format!("sec-websocket-protocol: {value}\r\n"),
        Handshake::NoSubprotocol => String::new(),
        Handshake::Response(response) => return stream.write_all(response.as_bytes()).await.ok(),
        Handshake::Flood => {
            stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n").await.ok()?;
            loop {
                stream.write_all(&b"x-more: yes\r\n".repeat(1000)).await.ok()?;
            }
        }
        Handshake::Silence => loop {
            stream.read_u8().await.ok()?;
        },
    };
    let accept = derive_accept_key(value("sec-websocket-key")?.as_bytes());
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: \
         {accept}\r\n{subprotocol}\r\n"
    );
    stream.write_all(response.as_bytes()).await.ok()?;
    stream.write_all(&bytes).await.ok()?;
    loop {
        let (opcode, payload) = frame(&mut stream).await?;
        if matches!(handshake, Handshake::Mute) {
            continue;
        }
        let length = u8::try_from(payload.len()).unwrap_or(0);
        match opcode {
            0x8 => {
                let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                codes.lock().unwrap_or_else(PoisonError::into_inner).push(code);
                stream.write_all(&[&[0x88, length], &*payload].concat()).await.ok()?;
                return stream.shutdown().await.ok();
            }
            0x9 => stream.write_all(&[&[0x8a, length], &*payload].concat()).await.ok()?,
            _ => {}
        }
    }
}

/// Reads the head of a request.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// Reads a frame of a client: opcode and payload.
async fn frame(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let (first, second) = (stream.read_u8().await.ok()?, stream.read_u8().await.ok()?);
    let length = match second & 0x7f {
        126 => u64::from(stream.read_u16().await.ok()?),
        127 => stream.read_u64().await.ok()?,
        length => length.into(),
    };
    let mut mask = [0; 4];
    stream.read_exact(&mut mask).await.ok()?;
    let mut payload = vec![0; usize::try_from(length).ok()?];
    stream.read_exact(&mut payload).await.ok()?;
    for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
    Some((first & 0x0f, payload))
}
