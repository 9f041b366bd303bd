//! The stream below the client: TLS, and how much the server may send at once.

use super::Tls;
use cloudevents_core::Error;
use cloudevents_transport::binding::{Guard, Stream, disconnected};
use std::io;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Asks for TLS, before anything else.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// The bytes of the head of a message: its type, and its length without the type.
const HEAD: usize = 5;

/// Agrees with the server on TLS, and connects over it.
pub(super) async fn secured(tls: &Tls, host: &str, mut tcp: TcpStream) -> Result<Box<dyn Stream>, Error> {
    tcp.write_all(&TLS_REQUEST).await.map_err(disconnected)?;
    match tcp.read_u8().await.map_err(disconnected)? {
        b'S' => Ok(Box::new(tls.connect(host, tcp).await?)),
        _ => Err(disconnected(format!("{host} has no TLS"))
            .with_help("turn TLS on in the server (`ssl`), or leave out `sslmode=verify-full`")),
    }
}

/// A stream whose messages have so many bytes at most. The client allocates the length that a server claims to send.
pub(super) fn guarded(inner: Box<dyn Stream>, most: usize) -> Guard {
    let mut frames = Frames { most, head: [0; HEAD], known: 0, left: 0 };
    Guard::new(inner, move |came| frames.follow(came))
}

/// Follows the messages of a server.
#[derive(Debug)]
struct Frames {
    most: usize,
    head: [u8; HEAD],
    /// How many bytes of the head are known.
    known: usize,
    /// How many bytes of the message are still to come.
    left: usize,
}

impl Frames {
    /// Takes the bytes that have come. An error means that a message is too long.
    fn follow(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let inner = self.left.min(bytes.len());
            self.left = self.left.saturating_sub(inner);
            bytes = bytes.get(inner..).unwrap_or_default();
            while self.left == 0
                && let Some((first, rest)) = bytes.split_first()
            {
                if let Some(place) = self.head.get_mut(self.known) {
                    *place = *first;
                }
                self.known = self.known.saturating_add(1);
                bytes = rest;
                if self.known == HEAD {
                    let [_, length @ ..] = self.head;
                    // The length counts itself.
                    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                    self.known = 0;
                    self.left = length.saturating_sub(4);
                    if self.left > self.most {
                        let detail = format!(
                            "the server sends {} bytes at once, and the limit is {}",
                            self.left, self.most
                        );
                        return Err(io::Error::new(io::ErrorKind::InvalidData, detail));
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_followed_wherever_they_are_cut() {
        let frames = || Frames { most: 10, head: [0; HEAD], known: 0, left: 0 };
        let good = b"Z\0\0\0\x05IC\0\0\0\x0eten bytes.1\0\0\0\x04Z\0\0\0\x05I";
        let long = b"Z\0\0\0\x05ID\0\0\0\x0f";
        for size in 1..=good.len() {
            let mut followed = frames();
            good.chunks(size).for_each(|part| followed.follow(part).unwrap());
            assert_eq!((followed.known, followed.left), (0, 0));
            let mut followed = frames();
            assert!(long.chunks(size).any(|part| followed.follow(part).is_err()), "{size}");
        }
    }
}
