//! The socket that the client reads from. It repairs counts that the client gets wrong.
//!
//! The client takes the delivery count of a `flow` of the broker at once. Messages before it may not have been taken by the program: the
//! client counts them again when they are taken. Each grant then gives the broker more credit than the client believes in, and the first
//! message beyond that is lost with its connection. RabbitMQ 4.3 sends a `flow` behind the first messages of each quorum queue. So a `flow`
//! to the link of a receiver passes without its delivery count: the client counts by itself.
//!
//! An aborted delivery uses credit, too, and the client does not count it. It is counted here, for [`Source`](super::source) to grant it
//! again.

use std::{
    io,
    mem::MaybeUninit,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    sync::watch,
};

/// How much of a frame is kept until its performative is complete. Larger ones pass without a look.
const MOST: usize = 1 << 16;

/// How much is read at once.
const CHUNK: usize = 1 << 13;

/// The size of a frame, its data offset, type and channel, and the descriptor of its performative.
const HEAD: usize = 11;

const ATTACH: u8 = 0x12;
const FLOW: u8 = 0x13;
const TRANSFER: u8 = 0x14;

/// The link of a receiver.
#[derive(Debug)]
pub(super) struct Watched {
    name: String,
    aborted: watch::Sender<u32>,
    has_warned: bool,
}

impl Watched {
    /// Watches the link of this name. Returns also how many of its deliveries the broker has aborted.
    pub(super) fn new(name: String) -> (Self, watch::Receiver<u32>) {
        let (aborted, count) = watch::channel(0);
        (Self { name, aborted, has_warned: false }, count)
    }
}

/// Reads frames from the broker, and passes them on.
#[derive(Debug)]
pub(super) struct Socket<S> {
    inner: S,
    watched: Option<Watched>,
    /// The channel and the handle that the broker gave the link.
    link: Option<(u16, u32)>,
    /// Bytes that were read and not passed on.
    kept: Vec<u8>,
    /// How many bytes from there on can be passed on.
    passing: usize,
}

impl<S> Socket<S> {
    pub(super) fn new(inner: S, watched: Option<Watched>) -> Self {
        Self { inner, watched, link: None, kept: Vec::new(), passing: 0 }
    }

    /// Looks at the frames that were read, as far as they are complete.
    fn look(&mut self) {
        while let Some(length) = self.frame() {
            self.passing = self.passing.saturating_add(length);
        }
    }

    /// Looks at the next frame, and returns its length. `None` if more of it is needed.
    fn frame(&mut self) -> Option<usize> {
        let rest = self.kept.get(self.passing..)?;
        let head: &[u8; 8] = rest.first_chunk()?;
        // The header of the protocol has no length.
        let length = if head.starts_with(b"AMQP") { 8 } else { usize::try_from(number(head)?).ok()?.max(8) };
        let [.., 2, 0, high, low] = *head else { return Some(length) };
        if length < HEAD {
            return Some(length); // a sign of life
        }
        let (head, body): (&[u8; HEAD], _) = rest.split_first_chunk()?;
        let [.., 0, 0x53, code @ (ATTACH | FLOW | TRANSFER)] = *head else { return Some(length) };
        let Some(fields) = list(body) else { return (rest.len() >= length.min(MOST)).then_some(length) };
        let channel = u16::from_be_bytes([high, low]);
        let removed = self.performative(code, channel, fields).unwrap_or_default();
        Some(length.saturating_sub(removed))
    }

    /// Looks at a performative whose fields are here, behind the head of the frame. Returns how many bytes of it were removed, if any.
    fn performative(&mut self, code: u8, channel: u16, fields: Range<usize>) -> Option<usize> {
        let start = self.passing.saturating_add(HEAD);
        let list = self.kept.get(start..)?.get(..fields.end)?;
        let field = |number| field(list, fields.start, number).and_then(|range| list.get(range));
        let is_of_link =
            |handle: &[u8]| self.link.is_some() && self.link == uint(handle).map(|at| (channel, at));
        let watched = self.watched.as_mut()?;
        match code {
            ATTACH if text(field(0)?)? == watched.name.as_bytes() => {
                self.link = Some((channel, uint(field(1)?)?));
            }
            TRANSFER if is_of_link(field(0)?) => {
                let is_true = |value: &[u8]| matches!(value, [0x41] | [0x56, 1]);
                // An aborted delivery may be marked as settled, too.
                if field(9).is_some_and(is_true) {
                    watched.aborted.send_modify(|count| *count = count.saturating_add(1));
                } else if !watched.has_warned && field(4).is_some_and(is_true) {
                    watched.has_warned = true;
                    tracing::warn!(
                        "the broker sends settled messages: what is retried, rejected or released is lost"
                    );
                }
            }
            FLOW if is_of_link(field(4)?) => return self.uncount(start, fields),
            _ => {}
        }
        None
    }

    /// Makes the delivery count of a `flow` null, and returns how much shorter it is then.
    fn uncount(&mut self, start: usize, fields: Range<usize>) -> Option<usize> {
        let body = self.kept.get_mut(start..)?.get_mut(..fields.end)?;
        let count = field(body, fields.start, 5)?;
        let removed = count.len().checked_sub(1)?;
        *body.get_mut(count.start)? = 0x40;
        match body {
            [0xc0, size, ..] => *size = size.checked_sub(u8::try_from(removed).ok()?)?,
            [_, size @ ..] => shorten(size, removed)?,
            [] => return None,
        }
        shorten(self.kept.get_mut(self.passing..)?, removed)?;
        let from = start.saturating_add(count.start).saturating_add(1);
        self.kept.drain(from..from.saturating_add(removed));
        Some(removed)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.watched.is_none() {
            return Pin::new(&mut this.inner).poll_read(context, buffer);
        }
        loop {
            this.look();
            let count = this.passing.min(this.kept.len()).min(buffer.remaining());
            if let Some(ready) = this.kept.get(..count).filter(|ready| !ready.is_empty()) {
                buffer.put_slice(ready);
                this.kept.drain(..count);
                this.passing = this.passing.saturating_sub(count);
                return Poll::Ready(Ok(()));
            }
            if this.passing > 0 {
                // The rest of a large frame, which was looked at.
                let before = buffer.filled().len();
                let mut rest = (&mut this.inner).take(this.passing as u64);
                ready!(Pin::new(&mut rest).poll_read(context, buffer))?;
                this.passing = this.passing.saturating_sub(buffer.filled().len().saturating_sub(before));
                return Poll::Ready(Ok(()));
            }
            let mut chunk = [MaybeUninit::uninit(); CHUNK];
            let mut read = ReadBuf::uninit(&mut chunk);
            ready!(Pin::new(&mut this.inner).poll_read(context, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.kept.extend_from_slice(read.filled());
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
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

/// The big-endian number of four bytes at the start.
fn number(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// Makes the number of four bytes at the start smaller.
fn shorten(bytes: &mut [u8], by: usize) -> Option<()> {
    let shorter = number(bytes)?.checked_sub(u32::try_from(by).ok()?)?;
    *bytes.first_chunk_mut()? = shorter.to_be_bytes();
    Some(())
}

/// The positions of the fields of the list at the start (AMQP 1.0, part 1, section 1.6.22), if all of them are here.
fn list(bytes: &[u8]) -> Option<Range<usize>> {
    let fields = match bytes.first()? {
        0xc0 => 3,
        0xd0 => 9,
        _ => return None,
    };
    let end = size(bytes)?;
    (fields <= end && end <= bytes.len()).then_some(fields..end)
}

/// The position of the field of this number, counted from 0. `None` if the list ends before it.
fn field(list: &[u8], fields: usize, number: usize) -> Option<Range<usize>> {
    let mut start = fields;
    for _ in 0..number {
        start = start.saturating_add(value(list.get(start..)?)?);
    }
    let end = start.saturating_add(value(list.get(start..)?)?);
    (end <= list.len()).then_some(start..end)
}

/// How long the value at the start is. A described value must not describe another described value: no field here has any.
fn value(bytes: &[u8]) -> Option<usize> {
    let Some((0, descriptor)) = bytes.split_first() else { return size(bytes) };
    let length = size(descriptor)?;
    Some(length.saturating_add(size(descriptor.get(length..)?)?).saturating_add(1))
}

/// How long the value at the start is, which has no descriptor (part 1, section 1.2).
fn size(bytes: &[u8]) -> Option<usize> {
    let (code, rest) = bytes.split_first()?;
    Some(match code >> 4 {
        0x4 => 1,
        0x5 => 2,
        0x6 => 3,
        0x7 => 5,
        0x8 => 9,
        0x9 => 17,
        0xa | 0xc | 0xe => usize::from(*rest.first()?).saturating_add(2),
        0xb | 0xd | 0xf => usize::try_from(number(rest)?).ok()?.saturating_add(5),
        _ => return None,
    })
}

fn uint(value: &[u8]) -> Option<u32> {
    match value {
        [0x43] => Some(0),
        [0x52, small] => Some(u32::from(*small)),
        [0x70, bytes @ ..] => number(bytes),
        _ => None,
    }
}

fn text(value: &[u8]) -> Option<&[u8]> {
    match value {
        [0xa1, _, text @ ..] | [0xb1, _, _, _, _, text @ ..] => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fe2o3_amqp_types::{
        definitions::{Handle, ReceiverSettleMode, Role, SenderSettleMode},
        performatives::{Attach, Flow, Performative, Transfer},
    };

    fn frame(channel: u8, performative: Performative, payload: &[u8]) -> Vec<u8> {
        raw(channel, &[&serde_amqp::to_vec(&performative).unwrap(), payload].concat())
    }

    fn raw(channel: u8, body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
        [&size[..], &[2, 0, 0, channel], body].concat()
    }

    fn attach(channel: u8, name: &str, handle: u32) -> Vec<u8> {
        let attach = Attach {
            name: name.into(),
            handle: Handle(handle),
            role: Role::Sender,
            snd_settle_mode: SenderSettleMode::Unsettled,
            rcv_settle_mode: ReceiverSettleMode::First,
            source: None,
            target: None,
            unsettled: None,
            incomplete_unsettled: false,
            initial_delivery_count: Some(0),
            max_message_size: None,
            offered_capabilities: None,
            desired_capabilities: None,
            properties: None,
        };
        frame(channel, Performative::Attach(attach), b"")
    }

    fn flow(channel: u8, handle: u32, delivery_count: Option<u32>) -> Vec<u8> {
        let flow = Flow {
            next_incoming_id: None,
            incoming_window: 5000,
            next_outgoing_id: 0,
            outgoing_window: 7,
            handle: Some(Handle(handle)),
            delivery_count,
            link_credit: Some(3),
            available: Some(1000),
            drain: false,
            echo: true,
            properties: None,
        };
        frame(channel, Performative::Flow(flow), b"")
    }

    fn transfer(channel: u8, handle: u32, aborted: bool, payload: &[u8]) -> Vec<u8> {
        let transfer = Transfer {
            handle: Handle(handle),
            delivery_id: Some(1),
            delivery_tag: Some(vec![1].into()),
            message_format: Some(0),
            settled: None,
            more: true,
            rcv_settle_mode: None,
            // A described value before the last fields.
            state: Some(fe2o3_amqp_types::messaging::DeliveryState::Released(
                fe2o3_amqp_types::messaging::Released {},
            )),
            resume: false,
            aborted,
            batchable: true,
        };
        frame(channel, Performative::Transfer(transfer), payload)
    }

    /// What a socket makes of these bytes, which come in pieces, and how many deliveries of its link it saw aborted.
    async fn read(bytes: &[u8], piece: usize) -> (Vec<u8>, u32) {
        let (near, mut far) = tokio::io::duplex(piece);
        let (watched, aborted) = Watched::new("orders-1".into());
        let mut socket = Socket::new(near, Some(watched));
        let bytes = bytes.to_vec();
        let writing = async {
            tokio::io::AsyncWriteExt::write_all(&mut far, &bytes).await.unwrap();
            drop(far);
        };
        let mut all = Vec::new();
        let (read, ()) = tokio::join!(socket.read_to_end(&mut all), writing);
        read.unwrap();
        let aborted = *aborted.borrow();
        (all, aborted)
    }

    #[tokio::test]
    async fn only_what_concerns_the_link_is_changed_wherever_it_is_cut() {
        let large = transfer(1, 5, false, &[0x13; 3 * MOST]);
        let with = |counts: [Option<u32>; 4]| {
            let [none, zero, small, large_count] = counts;
            [
                &b"AMQP\x00\x01\x00\x00"[..],
                &attach(1, "other", 6),
                &attach(1, "orders-1", 5),
                &raw(0, b""),
                &flow(1, 5, none),
                &flow(1, 5, zero),
                &large,
                &flow(1, 5, small),
                &transfer(1, 5, true, b""),
                &flow(1, 5, large_count),
                &flow(1, 6, Some(7)),
                &flow(2, 5, Some(7)),
                &transfer(1, 6, true, b""),
                &transfer(2, 5, true, b"x"),
                &transfer(1, 5, true, b"x"),
                &raw(1, b"\x00\x53\x13\x45"),
            ]
            .concat()
        };
        let expected = with([None; 4]);
        for piece in [1, 7, 100, CHUNK, 4 * MOST] {
            let (read, aborted) = read(&with([None, Some(0), Some(200), Some(70_000)]), piece).await;
            assert!(read == expected, "in pieces of {piece}");
            assert_eq!(aborted, 2);
        }
    }

    /// As without this socket: pieces would cost large messages time.
    #[tokio::test]
    async fn the_rest_of_a_large_frame_is_read_at_once() {
        let bytes = [attach(1, "orders-1", 5), transfer(1, 5, false, &[0x13; 16 * MOST])].concat();
        let (watched, _aborted) = Watched::new("orders-1".into());
        let mut socket = Socket::new(&bytes[..], Some(watched));
        let (mut all, mut reads) = (Vec::with_capacity(2 * bytes.len()), 0);
        while socket.read_buf(&mut all).await.unwrap() > 0 {
            reads += 1;
        }
        assert!(all == bytes && reads < 5, "{reads} reads of {} bytes", all.len());
    }

    /// The client reports their faults.
    #[tokio::test]
    async fn frames_that_cannot_be_read_pass() {
        let link = attach(1, "orders-1", 5);
        for body in [
            &b"\x00\x53\x13\xc0\x00\x00"[..],
            b"\x00\x53\x13\xc0\x01\x0b\x40\x40",
            b"\x00\x53\x13\xd0\x00\x00\x00\x02\x00\x00",
            b"\x00\x53\x13\xc0\x07\x05\x40\x43\x43\x43\x52\x05",
            b"\x00\x53\x13\xc0\x09\x06\x40\x43\x43\x43\x52\x05\x70\x00",
            b"\x00\x53\x14\xc0\x05\x0b\x52\x05\x00\x00\x00",
            b"\x00\x53\x14\xc0\x08\x0b\x52\x05\xb0\xff\xff\xff\xff",
            b"\x00\x53",
        ] {
            let bytes = [&link[..], &raw(1, body), &raw(1, b"")].concat();
            let (read, aborted) = read(&bytes, 64).await;
            assert_eq!((read, aborted), (bytes, 0));
        }
        for bytes in [&b"\x00\x00\x00\x00\x02\x00\x00\x00"[..], b"HTTP/1.1 400 Bad Request\r\n\r\n"] {
            let (read, _) = read(bytes, 64).await;
            assert!(bytes.starts_with(&read));
        }
    }
}
