//! The stream below a WebSocket, which follows the frames that are read, and writes those that were made before.

use std::{
    io,
    mem::take,
    pin::Pin,
    task::{Context, Poll, ready},
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
    /// What was read with the head of the handshake. It comes with the next read, so that the client library begins with an empty buffer
    /// of the size that it is configured with, and not with a small one.
    behind_head: Vec<u8>,
    /// Complete frames, and how much of them was written. They go before what the client library writes.
    batch: Vec<u8>,
    written: usize,
    /// Whether the client library has written a part of a frame.
    inside_frame: bool,
}

impl<S> Metered<S> {
    /// For a client: the response to the handshake comes before the frames.
    pub(crate) fn after_head(inner: S) -> Self {
        let mut metered = Self::behind(inner);
        metered.frames.head = Some(0);
        metered
    }

    /// For a stream on which frames come.
    #[cfg(feature = "server")]
    pub(crate) fn new(inner: S) -> Self {
        Self::behind(inner)
    }

    fn behind(inner: S) -> Self {
        let (behind_head, batch) = (Vec::new(), Vec::new());
        Self { inner, frames: Frames::default(), behind_head, batch, written: 0, inside_frame: false }
    }

    /// What was read.
    pub(crate) fn frames(&self) -> &Frames {
        &self.frames
    }
}

impl<S: AsyncWrite + Unpin> Metered<S> {
    /// Whether a batch may be written now: the client library is not in the middle of a frame.
    pub(crate) fn takes_batch(&self) -> bool {
        !self.inside_frame
    }

    /// Begins to write complete frames. Those of before were written.
    pub(crate) fn start_batch(&mut self, frames: Vec<u8>) {
        (self.batch, self.written) = (frames, 0);
    }

    /// Writes the batch.
    pub(crate) fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.batch.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.inner).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                more => self.written = self.written.saturating_add(more),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Returns the batch that was written, for its memory.
    pub(crate) fn end_batch(&mut self) -> Vec<u8> {
        self.written = 0;
        take(&mut self.batch)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = if self.behind_head.is_empty() {
            Pin::new(&mut self.inner).poll_read(context, buffer)
        } else {
            let length = self.behind_head.len().min(buffer.remaining());
            buffer.put_slice(self.behind_head.get(..length).unwrap_or_default());
            self.behind_head.drain(..length);
            Poll::Ready(Ok(()))
        };
        let new = buffer.filled().get(before..).unwrap_or_default();
        match self.frames.head(new) {
            None => self.frames.follow(new),
            Some(head) => {
                self.behind_head = new.get(head..).unwrap_or_default().to_vec();
                buffer.set_filled(before.saturating_add(head));
            }
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_batch(context))?;
        let written = ready!(Pin::new(&mut self.inner).poll_write(context, buffer))?;
        self.inside_frame = written < buffer.len();
        Poll::Ready(Ok(written))
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

    /// Returns how many of these bytes belong to the head of the handshake; `None` behind it.
    fn head(&mut self, read: &[u8]) -> Option<usize> {
        let mut found = self.head?;
        for (index, byte) in read.iter().enumerate() {
            found = if EMPTY_LINE.get(found) == Some(byte) {
                found.saturating_add(1)
            } else {
                usize::from(*byte == b'\r')
            };
            if found == EMPTY_LINE.len() {
                self.head = None;
                return Some(index.saturating_add(1));
            }
        }
        self.head = Some(found);
        Some(read.len())
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
            self.header(*byte);
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
    use futures_util::FutureExt;
    use std::future::poll_fn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

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

    /// However it arrives, what the client library reads first is the head, without what follows.
    #[tokio::test]
    async fn the_head_is_read_alone() {
        let head = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n";
        let bytes = [&head[..], b"\x81\x02{}\x81\x02{"].concat();
        for cut in 1..bytes.len() {
            let (mut peer, stream) = tokio::io::duplex(1024);
            let mut stream = Metered::after_head(stream);
            let (first, second) = bytes.split_at(cut);
            peer.write_all(first).await.unwrap();
            let mut read = vec![0; 1024];
            let mut length = stream.read(&mut read).await.unwrap();
            assert_eq!(length, cut.min(head.len()));
            peer.write_all(second).await.unwrap();
            while length < head.len() {
                length += stream.read(&mut read[length..]).await.unwrap();
            }
            assert_eq!((&read[..length], stream.frames().arriving()), (&head[..], None), "{cut}");
            while length < bytes.len() {
                let room = if cut % 2 == 0 { length + 1 } else { read.len() };
                length += stream.read(&mut read[length..room]).await.unwrap();
            }
            assert_eq!((&read[..length], stream.frames().arriving()), (&bytes[..], Some(1)), "{cut}");
            assert_eq!(stream.frames().bytes(), 7, "of frames");
        }
    }

    /// Neither is written into the middle of the other.
    #[tokio::test]
    async fn batches_and_other_frames_take_turns() {
        let (stream, mut peer) = tokio::io::duplex(4);
        let mut stream = Metered::behind(stream);
        let mut read = async |bytes: usize| {
            let mut read = vec![0; bytes];
            peer.read_exact(&mut read).await.unwrap();
            String::from_utf8(read).unwrap()
        };
        let batch = async |stream: &mut Metered<_>| poll_fn(|context| stream.poll_batch(context)).await;
        stream.start_batch(b"batch1".to_vec());
        assert!(batch(&mut stream).now_or_never().is_none(), "4 bytes are written");
        assert!(stream.write(b"pong").now_or_never().is_none(), "the batch goes first");
        assert_eq!(read(4).await, "batc");
        assert_eq!(stream.write(b"pong").await.unwrap(), 2);
        assert!(!stream.takes_batch(), "the pong has begun");
        assert_eq!(stream.end_batch(), b"batch1");
        assert_eq!(read(4).await, "h1po");
        assert_eq!(stream.write(b"ng").await.unwrap(), 2);
        assert!(stream.takes_batch());
        stream.start_batch(b"b2".to_vec());
        batch(&mut stream).await.unwrap();
        assert_eq!(read(4).await, "ngb2");
    }
}
