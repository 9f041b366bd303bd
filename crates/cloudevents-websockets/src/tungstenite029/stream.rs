//! The stream below a WebSocket, which follows the frames that are read.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection of any kind: plain, with TLS, or upgraded by a server.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

pub(crate) type Io = Box<dyn Duplex>;

/// Follows the frames that are read, because the client library does not show that a message is arriving.
pub(crate) struct Metered<S> {
    inner: S,
    frames: Frames,
}

impl<S> Metered<S> {
    /// For a client: the response to the handshake comes before the frames.
    pub(crate) fn after_head(inner: S) -> Self {
        Self { inner, frames: Frames { head: Some(0), ..Frames::default() } }
    }

    /// For a stream on which frames come.
    #[cfg(feature = "server")]
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, frames: Frames::default() }
    }

    /// What was read.
    pub(crate) fn frames(&self) -> &Frames {
        &self.frames
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        self.frames.follow(buffer.filled().get(before..).unwrap_or_default());
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// Where the frames of a stream begin and end (RFC 6455, section 5.2). The client library checks them.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// How much of the empty line after the head of the handshake was found; `None` behind it.
    head: Option<usize>,
    /// The header of the next frame, as far as it was read, and its length so far.
    header: [u8; 14],
    length: usize,
    /// The bytes left of the payload of this frame.
    left: u64,
    /// Whether a message with fragments has begun.
    fragments: bool,
    /// Messages that were read completely.
    messages: u64,
    bytes: u64,
}

const EMPTY_LINE: &[u8; 4] = b"\r\n\r\n";

impl Frames {
    /// The bytes that were read.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The number of the message that is arriving: its beginning was read, and its end was not.
    pub(crate) fn arriving(&self) -> Option<u64> {
        (self.fragments || self.length > 0 || self.left > 0).then_some(self.messages)
    }

    fn follow(&mut self, mut read: &[u8]) {
        self.bytes = self.bytes.saturating_add(u64::try_from(read.len()).unwrap_or(u64::MAX));
        while let Some((byte, rest)) = read.split_first() {
            if self.left > 0 {
                let skipped = usize::try_from(self.left).unwrap_or(usize::MAX).min(read.len());
                self.left = self.left.saturating_sub(u64::try_from(skipped).unwrap_or(u64::MAX));
                read = read.get(skipped..).unwrap_or_default();
                if self.left == 0 {
                    self.end();
                }
                continue;
            }
            read = rest;
            match self.head {
                None => self.header(*byte),
                Some(found) => {
                    let found = if EMPTY_LINE.get(found) == Some(byte) {
                        found.saturating_add(1)
                    } else {
                        usize::from(*byte == b'\r')
                    };
                    self.head = (found < EMPTY_LINE.len()).then_some(found);
                }
            }
        }
    }

    /// Reads one byte of a header.
    fn header(&mut self, byte: u8) {
        if let Some(place) = self.header.get_mut(self.length) {
            *place = byte;
        }
        self.length = self.length.saturating_add(1);
        let [_, second, extended @ ..] = &self.header;
        let mask = if second & 0x80 == 0 { 0_usize } else { 4 };
        let (size, payload) = match second & 0x7f {
            126 => (4, extended.first_chunk().map_or(0, |size| u16::from_be_bytes(*size).into())),
            127 => (10, extended.first_chunk().map_or(0, |size| u64::from_be_bytes(*size))),
            short => (2, u64::from(short)),
        };
        if self.length >= 2 && self.length == mask.saturating_add(size) {
            self.left = payload;
            self.length = 0;
            if payload == 0 {
                self.end();
            }
        }
    }

    /// The end of a frame: of a message, of a fragment, or of a control frame, which may come between fragments.
    fn end(&mut self) {
        let [first, ..] = self.header;
        if first & 0x08 != 0 {
            return;
        }
        self.fragments = first & 0x80 == 0;
        if !self.fragments {
            self.messages = self.messages.saturating_add(1);
        }
        self.header = [0; 14];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, payload: usize, masked: bool) -> Vec<u8> {
        let bit = if masked { 0x80 } else { 0 };
        let mut frame = vec![first];
        match payload {
            0..126 => frame.push(bit | u8::try_from(payload).unwrap()),
            126..65_536 => {
                frame.push(bit | 126);
                frame.extend(u16::try_from(payload).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(bit | 127);
                frame.extend(u64::try_from(payload).unwrap().to_be_bytes());
            }
        }
        frame.extend(vec![0xff; payload + if masked { 4 } else { 0 }]);
        frame
    }

    /// However the bytes are cut, the ends of messages are found.
    #[test]
    fn frames_are_followed_in_pieces_of_any_size() {
        for masked in [false, true] {
            let parts = [
                frame(0x81, 0, masked),
                frame(0x81, 125, masked),
                frame(0x82, 126, masked),
                frame(0x82, 70_000, masked),
                frame(0x01, 10, masked),
                frame(0x8a, 3, masked), // a pong between fragments
                frame(0x00, 0, masked),
                frame(0x80, 300, masked),
                frame(0x89, 0, masked),
            ];
            let stream = parts.concat();
            for piece in [1, 2, 3, 7, 1000, stream.len()] {
                let mut frames = Frames::default();
                for bytes in stream.chunks(piece) {
                    frames.follow(bytes);
                }
                assert_eq!((frames.messages, frames.arriving()), (5, None), "{piece}");
            }
            let mut frames = Frames::default();
            let arriving: Vec<_> = parts
                .iter()
                .map(|part| {
                    frames.follow(part);
                    frames.arriving()
                })
                .collect();
            assert_eq!(arriving, [None, None, None, None, Some(4), Some(4), Some(4), None, None]);
            frames.follow(&[0x81]);
            assert_eq!(frames.arriving(), Some(5));
        }
    }

    #[test]
    fn frames_begin_after_the_head() {
        let mut frames = Metered::after_head(()).frames;
        frames.follow(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n");
        assert_eq!(frames.arriving(), None);
        frames.follow(b"\r");
        frames.follow(b"\n\x81\x02{");
        assert_eq!(frames.arriving(), Some(0));
        frames.follow(b"}");
        assert_eq!((frames.messages, frames.arriving()), (1, None));
    }
}
