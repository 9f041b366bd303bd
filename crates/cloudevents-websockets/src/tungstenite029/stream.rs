//! The stream below a WebSocket, which follows the frames that are read.

use super::arriving::Share;
use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::timeout,
};

/// A connection of any kind: plain, with TLS, or upgraded by a server.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

pub(crate) type Io = Box<dyn Duplex>;

/// Follows the frames that are read, because the client library does not show that a message is arriving. A large frame is passed on as
/// fragments, because the client library allocates a frame as a whole, and keeps that memory for the next ones.
pub(crate) struct Metered<S> {
    inner: S,
    frames: Frames,
    /// Bytes that were read and go through the frames again.
    ///
    /// They came with the head of the handshake: so the client library begins with an empty buffer of its configured size, and not with a
    /// small one. Or they are the beginning of a header.
    unread: Vec<u8>,
    /// Headers of fragments, for the client library.
    made: Vec<u8>,
    /// The share of the message that is arriving in the memory that connections share.
    share: Option<Share>,
    /// The bytes that were read in this turn.
    turn: usize,
}

impl<S> Metered<S> {
    /// For a client whose messages have at most this many bytes: the response to the handshake comes before the frames.
    pub(crate) fn after_head(inner: S, limit: usize) -> Self {
        let mut metered = Self::behind(inner, limit, None);
        metered.frames.head = Some(0);
        metered
    }

    /// For a stream on which frames come, of messages that have at most this many bytes and share memory with others.
    #[cfg(feature = "server")]
    pub(crate) fn new(inner: S, limit: usize, share: Share) -> Self {
        Self::behind(inner, limit, Some(share))
    }

    fn behind(inner: S, limit: usize, share: Option<Share>) -> Self {
        let frames = Frames { limit: u64::try_from(limit).unwrap_or(u64::MAX), ..Frames::default() };
        Self { inner, frames, unread: Vec::new(), made: Vec::new(), share, turn: 0 }
    }

    /// The number of the message that is arriving: its beginning was read, and its end was not.
    pub(crate) fn arriving(&self) -> Option<u64> {
        (self.frames.is_inside() || !self.unread.is_empty()).then_some(self.frames.messages)
    }

    /// Whether nothing is read because other messages that are arriving take the memory.
    pub(crate) fn is_paused(&self) -> bool {
        self.share.as_ref().is_some_and(Share::is_waiting)
    }

    /// Whether that was so since the message that is arriving began.
    pub(crate) fn was_paused(&self) -> bool {
        self.share.as_ref().is_some_and(Share::has_waited)
    }

    /// Nothing is read, for another reason.
    pub(crate) fn pause(&mut self) {
        self.share.as_mut().into_iter().for_each(Share::pause);
    }

    /// Whether the message that is arriving was given up.
    pub(crate) fn is_given_up(&self) -> bool {
        self.share.as_ref().is_some_and(Share::is_given_up)
    }

    /// The frames that were read.
    pub(crate) fn frames(&self) -> &Frames {
        &self.frames
    }
}

impl<S: AsyncRead + Unpin> Metered<S> {
    /// Reads into this buffer, which is large enough for a header. Ready without a byte is the end.
    fn poll_frames(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        loop {
            if let Some(share) = &mut self.share {
                ready!(share.poll_room(context))?;
            }
            let most = self.frames.most().min(buffer.remaining());
            let read = self.poll_source(context, buffer, most);
            let passed = self.frames.follow(buffer.filled_mut().get_mut(before..).unwrap_or_default());
            if let Some(share) = &mut self.share {
                share.hold(self.frames.held);
            }
            let passed = before.saturating_add(passed?);
            self.unread.splice(0..0, buffer.filled().get(passed..).unwrap_or_default().iter().copied());
            buffer.set_filled(passed);
            if passed > before {
                return Poll::Ready(Ok(()));
            }
            // Otherwise it was only the beginning of a header.
            if ready!(read)? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Puts unread bytes into the buffer, at most so many, and reads more if they may be the beginning of a header.
    ///
    /// Returns how many bytes came, 0 at the end.
    fn poll_source(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let again = self.unread.len().min(most);
        buffer.put_slice(self.unread.get(..again).unwrap_or_default());
        self.unread.drain(..again);
        let more = most.saturating_sub(again);
        if again >= MAX_HEADER || more == 0 {
            return Poll::Ready(Ok(again));
        }
        if self.turn >= TURN {
            self.turn = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut rest = ReadBuf::new(buffer.initialize_unfilled_to(more));
        let read = Pin::new(&mut self.inner).poll_read(context, &mut rest);
        let more = rest.filled().len();
        self.turn = if read.is_pending() { 0 } else { self.turn.saturating_add(more) };
        ready!(read)?;
        buffer.advance(more);
        Poll::Ready(Ok(more))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Metered<S> {
    /// Closes this side, and discards data that still comes, until the peer has closed or is silent.
    ///
    /// Until then, the peer can read the close frame: a connection that is closed while the peer sends is reset (RFC 6455, section 7.1.1).
    /// Nothing of a message is kept.
    pub(crate) async fn discard(self) {
        let Self { mut inner, share, unread, .. } = self;
        drop((share, unread));
        let _ = inner.shutdown().await;
        let mut discarded = vec![0; DISCARDED];
        while let Ok(Ok(1..)) = timeout(SILENCE, inner.read(&mut discarded)).await {}
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.frames.head.is_some() {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut this.inner).poll_read(context, buffer))?;
            let new = buffer.filled().get(before..).unwrap_or_default();
            let head = this.frames.head(new);
            this.unread.extend_from_slice(new.get(head..).unwrap_or_default());
            buffer.set_filled(before.saturating_add(head));
            return Poll::Ready(Ok(()));
        }
        if this.made.is_empty() {
            this.made = this.frames.fragment();
        }
        if this.made.is_empty() && buffer.remaining() >= MAX_HEADER {
            return this.poll_frames(context, buffer);
        }
        if this.made.is_empty() {
            let mut small = [0; MAX_HEADER];
            let mut small = ReadBuf::new(&mut small);
            ready!(this.poll_frames(context, &mut small))?;
            this.made = small.filled().to_vec();
        }
        let length = this.made.len().min(buffer.remaining());
        buffer.put_slice(this.made.get(..length).unwrap_or_default());
        this.made.drain(..length);
        Poll::Ready(Ok(()))
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

/// The most bytes of a frame that the client library gets at once: as many as it reads at once.
const FRAGMENT: usize = super::arriving::READ;

/// The most bytes of the header of a frame.
const MAX_HEADER: usize = 14;

/// How much is read before other connections have their turn: small frames are much work.
const TURN: usize = super::arriving::READ;

/// How much is discarded at once, and how long a peer may be silent that was sent the close frame.
const DISCARDED: usize = 8 << 10;
const SILENCE: Duration = Duration::from_secs(2);

/// The beginnings and ends of the frames of a stream (RFC 6455, section 5.2). The client library checks the frames, except that a length is
/// minimal.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// How much of the empty line after the head of the handshake was found. `None` behind it.
    head: Option<u8>,
    /// The most bytes of a message. The client library refuses a larger frame by its header.
    limit: u64,
    /// The first byte of the frame.
    first: u8,
    /// The bytes left of the payload of this frame.
    left: u64,
    /// Of a frame that is passed on as fragments.
    fragment: Option<Fragment>,
    /// Whether a message with fragments has begun.
    fragments: bool,
    /// The bytes of the message that is arriving.
    held: u64,
    /// Messages that were read completely.
    messages: u64,
    bytes: u64,
}

/// A fragment of a large frame.
#[derive(Clone, Copy, Debug)]
struct Fragment {
    /// The bytes left of it.
    left: usize,
    mask: Option<[u8; 4]>,
}

/// All bytes of an empty line were found, with the end of the line before.
const EMPTY_LINE: u8 = 3;

impl Frames {
    /// The bytes that were read.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether a message or a frame has begun.
    fn is_inside(&self) -> bool {
        self.fragments || self.left > 0
    }

    /// Returns how many of these bytes belong to the head of the handshake, which is not behind them.
    fn head(&mut self, read: &[u8]) -> usize {
        let mut found = self.head.unwrap_or_default();
        for (index, byte) in read.iter().enumerate() {
            // Lines may end with LF alone, as for the client library.
            found = match (found, *byte) {
                (1 | 2, b'\n') => EMPTY_LINE,
                (1, b'\r') => 2,
                (_, b'\n') => 1,
                _ => 0,
            };
            if found == EMPTY_LINE {
                self.head = None;
                return index.saturating_add(1);
            }
        }
        self.head = Some(found);
        read.len()
    }

    /// The most bytes that may be read now: a fragment ends at the offset at which the header of the next fragment goes.
    fn most(&self) -> usize {
        self.fragment.map_or(usize::MAX, |fragment| fragment.left)
    }

    /// Follows these bytes, and returns how many of them may be passed on. The rest comes again, with more. The header of a large frame
    /// becomes that of its first fragment.
    fn follow(&mut self, read: &mut [u8]) -> io::Result<usize> {
        let mut at = 0_usize;
        while let Some(rest) = read.get_mut(at..).filter(|rest| !rest.is_empty()) {
            if self.left == 0 {
                let Some(header) = Header::parse(rest)? else { break };
                if header.is_data() && header.payload <= self.limit {
                    self.fragment = header.split(rest);
                }
                (self.first, self.left) = (header.first, header.payload);
                at = at.saturating_add(header.size);
                if header.payload == 0 {
                    self.end();
                }
                continue;
            }
            let frame = usize::try_from(self.left).unwrap_or(usize::MAX);
            let skipped = rest.len().min(frame).min(self.most());
            if skipped == 0 {
                break; // where a header goes
            }
            let more = u64::try_from(skipped).unwrap_or(u64::MAX);
            self.left = self.left.saturating_sub(more);
            if self.first & CONTROL == 0 {
                self.held = self.held.saturating_add(more);
            }
            if let Some(fragment) = &mut self.fragment {
                fragment.left = fragment.left.saturating_sub(skipped);
            }
            at = at.saturating_add(skipped);
            if self.left == 0 {
                self.end();
            }
        }
        self.bytes = self.bytes.saturating_add(u64::try_from(at).unwrap_or(u64::MAX));
        Ok(at)
    }

    /// Returns the header of the next fragment, if it goes here.
    fn fragment(&mut self) -> Vec<u8> {
        let Some(Fragment { left: 0, mask }) = self.fragment else { return Vec::new() };
        let rest = usize::try_from(self.left).unwrap_or(usize::MAX);
        let last = rest <= FRAGMENT;
        let size = rest.min(FRAGMENT);
        self.fragment = Some(Fragment { left: size, mask });
        let bit = if mask.is_some() { MASKED } else { 0 };
        let mut header = vec![if last { self.first & FIN } else { 0 }];
        match u8::try_from(size).ok().filter(|size| *size < 126) {
            Some(size) => header.push(bit | size),
            None => {
                header.push(bit | 126);
                header.extend(u16::try_from(size).unwrap_or(u16::MAX).to_be_bytes());
            }
        }
        header.extend(mask.into_iter().flatten());
        header
    }

    /// The end of a frame: of a message, of a fragment, or of a control frame, which may come between fragments.
    fn end(&mut self) {
        self.fragment = None;
        if self.first & CONTROL != 0 {
            return;
        }
        self.fragments = self.first & FIN == 0;
        if !self.fragments {
            (self.messages, self.held) = (self.messages.saturating_add(1), 0);
        }
    }
}

/// In the first byte of a header: the last frame of a message, and a frame that is not of a message.
const FIN: u8 = 0x80;
const CONTROL: u8 = 0x08;

/// In the second byte.
const MASKED: u8 = 0x80;

/// The header of a frame.
struct Header {
    first: u8,
    second: u8,
    size: usize,
    payload: u64,
    mask: Option<[u8; 4]>,
}

impl Header {
    /// Reads a header at the beginning of these bytes, if it is complete. The error is a length that is not minimal.
    fn parse(bytes: &[u8]) -> io::Result<Option<Self>> {
        let [first, second, extended @ ..] = bytes else { return Ok(None) };
        let (more, payload, least) = match second & !MASKED {
            126 => (2, extended.first_chunk().map(|size| u64::from(u16::from_be_bytes(*size))), 126),
            127 => (8, extended.first_chunk().map(|size| u64::from_be_bytes(*size)), 0x1_0000),
            short => (0, Some(u64::from(short)), 0),
        };
        let Some(payload) = payload else { return Ok(None) };
        if payload < least {
            return Err(io::Error::other(NotMinimal));
        }
        let mut size = 2_usize.saturating_add(more);
        let mut mask = None;
        if second & MASKED != 0 {
            let Some(key) = bytes.get(size..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
            (mask, size) = (Some(*key), size.saturating_add(4));
        }
        Ok(Some(Self { first: *first, second: *second, size, payload, mask }))
    }

    /// Whether the frame is of a message, and has no bit of an extension.
    fn is_data(&self) -> bool {
        matches!(self.first & !FIN, 0..=2)
    }

    /// Makes the header of a large frame, at the beginning of these bytes, the header of its first fragment.
    ///
    /// Its length has the same form, so that it is not the shortest form. The mask begins anew every four bytes, and a fragment is a
    /// multiple.
    fn split(&self, bytes: &mut [u8]) -> Option<Fragment> {
        let size = u16::try_from(FRAGMENT).ok().filter(|size| self.payload > u64::from(*size))?;
        let [first, _, length @ ..] = bytes else { return None };
        *first &= !FIN;
        match self.second & !MASKED {
            126 => *length.first_chunk_mut()? = size.to_be_bytes(),
            _ => *length.first_chunk_mut()? = u64::from(size).to_be_bytes(),
        }
        Some(Fragment { left: FRAGMENT, mask: self.mask })
    }
}

/// The source of an error of reading: a length has more bytes than it needs (RFC 6455, section 5.2).
#[derive(Debug)]
pub(super) struct NotMinimal;

impl fmt::Display for NotMinimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the length of a frame is not in its shortest form")
    }
}

impl std::error::Error for NotMinimal {}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

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
    #[tokio::test]
    async fn frames_are_followed_in_pieces_of_any_size() {
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
                let mut metered = Metered::behind(&stream[..], 1 << 20, None);
                let mut read = vec![0; piece];
                while metered.read(&mut read).await.unwrap() > 0 {}
                let frames = &metered.frames;
                assert_eq!((frames.messages, metered.arriving(), frames.held), (5, None, 0), "{piece}");
            }
            let (mut peer, stream) = tokio::io::duplex(1 << 20);
            let mut metered = Metered::behind(stream, 1 << 20, None);
            let mut arriving = Vec::new();
            for part in &parts {
                peer.write_all(part).await.unwrap();
                // The end of a turn is a pause.
                for _ in 0..3 {
                    while metered.read(&mut [0; 1 << 16]).now_or_never().is_some() {}
                }
                arriving.push(metered.arriving());
            }
            assert_eq!(arriving, [None, None, None, None, Some(4), Some(4), Some(4), None, None]);
            peer.write_all(&[0x81]).await.unwrap();
            assert!(metered.read(&mut [0; 100]).now_or_never().is_none());
            assert_eq!(metered.arriving(), Some(5));
        }
    }

    /// What the client library reads is the same message, and no frame of it is larger than a fragment.
    #[tokio::test]
    async fn large_frames_become_fragments() {
        for (size, masked) in [(FRAGMENT, false), (FRAGMENT + 1, true), (65_536, false), (300_001, true)] {
            let mut sent = frame(0x82, 0, masked);
            sent.truncate(1);
            let key = if masked { vec![1, 2, 3, 4] } else { Vec::new() };
            let bit = if masked { 0x80 } else { 0 };
            if size < 65_536 {
                sent.push(bit | 126);
                sent.extend(u16::try_from(size).unwrap().to_be_bytes());
            } else {
                sent.push(bit | 127);
                sent.extend(u64::try_from(size).unwrap().to_be_bytes());
            }
            sent.extend(&key);
            let payload: Vec<u8> = (0..size).map(|index| u8::try_from(index % 251).unwrap()).collect();
            sent.extend(&payload);
            sent.extend(frame(0x81, 3, masked));
            for piece in [1, 100, FRAGMENT, 1 << 20] {
                let mut metered = Metered::behind(&sent[..], 1 << 20, None);
                let (mut read, mut all) = (vec![0; piece], Vec::new());
                loop {
                    let length = metered.read(&mut read).await.unwrap();
                    if length == 0 {
                        break;
                    }
                    all.extend(&read[..length]);
                }
                let (mut found, mut rest, mut frames) = (Vec::<u8>::new(), &all[..], 0);
                loop {
                    let header = Header::parse_any(rest);
                    let length = usize::try_from(header.payload).unwrap();
                    assert!(length <= FRAGMENT);
                    assert_eq!(header.first & 0x7f, if frames == 0 { 2 } else { 0 });
                    assert_eq!(header.mask.into_iter().flatten().collect::<Vec<u8>>(), key);
                    found.extend(&rest[header.size..header.size + length]);
                    rest = &rest[header.size + length..];
                    frames += 1;
                    if header.first & FIN != 0 {
                        break;
                    }
                }
                assert!(found == payload, "{size} bytes in pieces of {piece}");
                assert!(rest == frame(0x81, 3, masked), "{size} bytes in pieces of {piece}");
                assert_eq!(frames, size.div_ceil(FRAGMENT));
            }
        }
    }

    impl Header {
        /// Also one whose length is not minimal.
        fn parse_any(bytes: &[u8]) -> Self {
            let mut bytes = bytes[..14].to_vec();
            let length = u64::from_be_bytes(bytes[2..10].try_into().unwrap());
            let is_long = bytes[1] & !MASKED == 127;
            if is_long {
                bytes[2..10].copy_from_slice(&(length + 0x1_0000).to_be_bytes());
            }
            let mut header = Self::parse(&bytes).unwrap().unwrap();
            if is_long {
                header.payload = length;
            }
            header
        }
    }

    /// However it arrives, the client library first reads the head alone.
    #[tokio::test]
    async fn the_head_is_read_alone() {
        let head = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n";
        for (head, cut) in
            (1..head.len() + 7).flat_map(|cut| [(head.to_owned(), cut), (head.replace('\r', ""), cut)])
        {
            let head = head.as_bytes();
            let bytes = [head, b"\x81\x02{}\x81\x02{"].concat();
            let cut = cut.min(bytes.len() - 1);
            let (mut peer, stream) = tokio::io::duplex(1024);
            let mut stream = Metered::after_head(stream, 1024);
            let (first, second) = bytes.split_at(cut);
            peer.write_all(first).await.unwrap();
            let mut read = vec![0; 1024];
            let mut length = stream.read(&mut read).await.unwrap();
            assert_eq!(length, cut.min(head.len()), "{cut}");
            peer.write_all(second).await.unwrap();
            while length < head.len() {
                length += stream.read(&mut read[length..]).await.unwrap();
            }
            assert!(read[..length] == head[..], "{cut}");
            while length < bytes.len() {
                let room = if cut % 2 == 0 { length + 1 } else { read.len() };
                length += stream.read(&mut read[length..room]).await.unwrap();
            }
            assert_eq!((&read[..length], stream.arriving()), (&bytes[..], Some(1)), "{cut}");
            assert_eq!(stream.frames().bytes(), 7, "of frames");
        }
    }
}
