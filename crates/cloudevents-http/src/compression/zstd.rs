//! Zstandard (RFC 8878), frame by frame and block by block, so that no more than a block is decompressed at once.

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, Write};

/// The largest window that a content coding may need (RFC 9659, section 3).
const MAX_WINDOW: u64 = 8 << 20;

/// The largest block (RFC 8878, section 3.1.1.2.4).
const MAX_BLOCK: usize = 128 << 10;

const SKIPPABLE: std::ops::RangeInclusive<u32> = 0x184D_2A50..=0x184D_2A5F;

/// Decompresses the bytes that are written to it.
pub(super) struct Zstd<W> {
    decoder: FrameDecoder,
    output: W,
    /// Compressed bytes that do not make up a whole header or block yet: 128 KiB at most.
    pending: Vec<u8>,
    state: State,
    frames: usize,
    /// The decompressed bytes of the frame that were written, and at most so many that were not: the window.
    written: u64,
    decoded: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    BetweenFrames,
    Skipping(usize),
    InFrame { checksum: usize, size: Option<u64> },
}

impl<W: Write> Zstd<W> {
    pub(super) fn new(output: W) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW);
        Self {
            decoder,
            output,
            pending: Vec::new(),
            state: State::BetweenFrames,
            frames: 0,
            written: 0,
            decoded: 0,
        }
    }

    pub(super) fn output(&mut self) -> &mut W {
        &mut self.output
    }

    /// The most bytes of the window, which are decompressed and not written.
    pub(super) fn window(&self) -> usize {
        let State::InFrame { size, .. } = self.state else { return 0 };
        let most = size.unwrap_or(MAX_WINDOW).min(MAX_WINDOW);
        usize::try_from(self.decoded.saturating_sub(self.written).min(most)).unwrap_or(usize::MAX)
    }

    pub(super) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.pending.extend_from_slice(piece);
        let mut pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        while let Some(used) = self.step(rest)? {
            rest = rest.get(used..).unwrap_or_default();
        }
        let used = pending.len().saturating_sub(rest.len());
        pending.drain(..used);
        self.pending = pending;
        Ok(())
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self.state {
            State::BetweenFrames if self.pending.is_empty() && self.frames > 0 => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Reads one header or block. Returns its length, or `None` when not all of it is there.
    fn step(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        match self.state {
            State::BetweenFrames => self.header(bytes),
            State::Skipping(left) => {
                let used = left.min(bytes.len());
                self.state = match left.saturating_sub(used) {
                    0 => State::BetweenFrames,
                    left => State::Skipping(left),
                };
                Ok(Some(used).filter(|used| *used > 0 || left == 0))
            }
            State::InFrame { checksum, size } => self.block(bytes, checksum, size),
        }
    }

    fn header(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        let Some((magic, rest)) = bytes.split_first_chunk() else { return Ok(None) };
        if SKIPPABLE.contains(&u32::from_le_bytes(*magic)) {
            let Some(length) = rest.first_chunk() else { return Ok(None) };
            let length = u32::from_le_bytes(*length);
            self.state = State::Skipping(usize::try_from(length).unwrap_or(usize::MAX));
            return Ok(Some(8));
        }
        let Some(&descriptor) = rest.first() else { return Ok(None) };
        if descriptor & 8 != 0 {
            return Err(malformed("the reserved bit of a frame is set"));
        }
        // Section 3.1.1.1.1: which fields follow the descriptor.
        let single_segment = descriptor & 0x20 != 0;
        let dictionary = match descriptor & 3 {
            3 => 4_usize,
            length => usize::from(length),
        };
        let size = match descriptor >> 6 {
            0 => usize::from(single_segment),
            1 => 2,
            2 => 4,
            _ => 8,
        };
        let window = usize::from(!single_segment);
        let length = [window, dictionary, size].into_iter().fold(5, usize::saturating_add);
        let Some(header) = bytes.get(..length) else { return Ok(None) };
        self.decoder.reset(header).map_err(malformed)?;
        (self.frames, self.written, self.decoded) = (self.frames.saturating_add(1), 0, 0);
        let declared = header.get(length.saturating_sub(size)..).unwrap_or_default();
        let size = (size > 0).then(|| {
            // Section 3.1.1.1.4: of two bytes, 256 is left out.
            let offset = if size == 2 { 256 } else { 0 };
            declared.iter().rev().fold(0_u64, |all, byte| all << 8 | u64::from(*byte)).saturating_add(offset)
        });
        self.state = State::InFrame { checksum: if descriptor & 4 == 0 { 0 } else { 4 }, size };
        Ok(Some(length))
    }

    fn block(&mut self, bytes: &[u8], checksum: usize, size: Option<u64>) -> io::Result<Option<usize>> {
        // Section 3.1.1.2: a bit for the last block, two for the type, the size.
        let Some([a, b, c]) = bytes.first_chunk() else { return Ok(None) };
        let head = u32::from_le_bytes([*a, *b, *c, 0]);
        let last = head & 1 == 1;
        let size_field = usize::try_from(head >> 3).unwrap_or(usize::MAX);
        // Only the decoder knows the size of a decompressed block.
        let (content, most) = match head >> 1 & 3 {
            0 => (size_field, size_field),
            1 => (1, size_field), // one byte, repeated
            _ => (size_field, MAX_BLOCK),
        };
        if content > MAX_BLOCK {
            return Err(malformed("a block is longer than 128 KiB"));
        }
        let length = content.saturating_add(if last { checksum } else { 0 }).saturating_add(3);
        let Some(mut block) = bytes.get(..length) else { return Ok(None) };
        self.decoder.decode_blocks(&mut block, BlockDecodingStrategy::UptoBlocks(1)).map_err(malformed)?;
        let written = self.decoder.collect_to_writer(&mut self.output)?;
        self.decoded = self.decoded.saturating_add(u64::try_from(most).unwrap_or(u64::MAX));
        self.written = self.written.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
        if size.is_some_and(|size| self.written > size || last && self.written < size) {
            return Err(malformed("the content has another size than the frame declares"));
        }
        if last {
            let declared = self.decoder.get_checksum_from_data();
            if declared.is_some() && declared != self.decoder.get_calculated_checksum() {
                return Err(malformed("the checksum is another"));
            }
            self.state = State::BetweenFrames;
        }
        Ok(Some(length))
    }
}

#[cold]
fn malformed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
