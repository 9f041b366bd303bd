//! Decompressing a body piece by piece.

#[cfg(feature = "zstd")]
use super::zstd::Zstd;
use super::{Coding, Decompression};
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind, Limits};
use std::io::{self, Write};

/// Compressed bytes between two checks of the decompressed size: of gzip, 4 KiB can become 4 MiB.
const STEP: usize = 4 << 10;

/// The decompressed size that is allowed for every body, at any ratio.
const FREE: usize = 64 << 10;

/// A body that is decompressed while it arrives.
pub(crate) struct Inflater {
    decoder: Decoder,
    ratio: usize,
    received: usize,
    /// The most bytes so far, of the output and of a window, that were within the bounds.
    admitted: usize,
}

enum Decoder {
    #[cfg(feature = "gzip")]
    Gzip(Box<flate2::write::MultiGzDecoder<Output>>),
    #[cfg(feature = "zstd")]
    Zstd(Box<Zstd<Output>>),
}

impl Decoder {
    /// Whether received bytes are decompressed at once, except the last piece.
    fn is_gzip(&self) -> bool {
        match self {
            #[cfg(feature = "gzip")]
            Self::Gzip(_) => true,
            #[cfg(feature = "zstd")]
            Self::Zstd(_) => false,
        }
    }
}

impl Inflater {
    pub(crate) fn new(coding: Coding, with: Decompression, limits: &Limits) -> Self {
        let output = Output { bytes: Vec::new(), most: limits.bytes, allowed: FREE, stopped: None };
        let decoder = match coding {
            #[cfg(feature = "gzip")]
            Coding::Gzip => Decoder::Gzip(Box::new(flate2::write::MultiGzDecoder::new(output))),
            #[cfg(feature = "zstd")]
            Coding::Zstd => Decoder::Zstd(Box::new(Zstd::new(output))),
        };
        Self { decoder, ratio: with.ratio(), received: 0, admitted: 0 }
    }

    /// Takes a piece of the body. `admit` receives the size of the decompressed piece, and may refuse.
    pub(crate) fn push(
        &mut self,
        piece: &[u8],
        admit: &mut impl FnMut(usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for step in piece.chunks(STEP) {
            self.received = self.received.saturating_add(step.len());
            let allowed = self.received.saturating_mul(self.ratio).max(FREE);
            self.output().allowed = allowed;
            let written = match &mut self.decoder {
                #[cfg(feature = "gzip")]
                Decoder::Gzip(gzip) => gzip.write_all(step),
                #[cfg(feature = "zstd")]
                Decoder::Zstd(zstd) => zstd.write(step),
            };
            self.check(written)?;
            self.admit(admit)?;
            // An honest encoder adds 5 bytes to 64 KiB that it cannot compress, and 18 to each member.
            let framing = self.received.saturating_sub(self.admitted);
            if self.decoder.is_gzip() && framing > FREE.max(self.admitted / 4) {
                return Err(too_large("the body consists of members without content".to_owned()));
            }
        }
        Ok(())
    }

    /// The decompressed body, which has to be complete.
    pub(crate) fn finish(
        mut self,
        admit: &mut impl FnMut(usize) -> Result<(), Error>,
    ) -> Result<Bytes, Error> {
        let finished = match &mut self.decoder {
            #[cfg(feature = "gzip")]
            Decoder::Gzip(gzip) => gzip.try_finish(),
            #[cfg(feature = "zstd")]
            Decoder::Zstd(zstd) => zstd.finish(),
        };
        self.check(finished)?;
        self.admit(admit)?;
        Ok(std::mem::take(&mut self.output().bytes).into())
    }

    fn output(&mut self) -> &mut Output {
        match &mut self.decoder {
            #[cfg(feature = "gzip")]
            Decoder::Gzip(gzip) => gzip.get_mut(),
            #[cfg(feature = "zstd")]
            Decoder::Zstd(zstd) => zstd.output(),
        }
    }

    fn admit(&mut self, admit: &mut impl FnMut(usize) -> Result<(), Error>) -> Result<(), Error> {
        let window = match &self.decoder {
            #[cfg(feature = "gzip")]
            Decoder::Gzip(_) => 0,
            #[cfg(feature = "zstd")]
            Decoder::Zstd(zstd) => zstd.window(),
        };
        let length = self.output().bytes.len().saturating_add(window);
        let new = length.saturating_sub(self.admitted);
        self.admitted = self.admitted.max(length);
        if new == 0 { Ok(()) } else { admit(new) }
    }

    fn check(&mut self, result: io::Result<()>) -> Result<(), Error> {
        let Err(error) = result else { return Ok(()) };
        Err(self.output().stopped.take().unwrap_or_else(|| malformed(error)))
    }
}

/// The decompressed bytes, within their bounds.
pub(super) struct Output {
    bytes: Vec<u8>,
    most: usize,
    /// The number of bytes that the ratio allows so far.
    allowed: usize,
    /// Why the last write failed.
    stopped: Option<Error>,
}

impl Write for Output {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let length = self.bytes.len().saturating_add(piece.len());
        let stopped = if length > self.most {
            Some(too_large(format!("the body decompresses to more than {} bytes", self.most)))
        } else if length > self.allowed {
            Some(too_large("the body decompresses to more than the allowed multiple of its size".to_owned()))
        } else {
            None
        };
        if stopped.is_some() {
            self.stopped = stopped;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cold]
fn too_large(detail: String) -> Error {
    Error::new(ErrorKind::TooLarge).with_detail(detail)
}

#[cold]
fn malformed(error: io::Error) -> Error {
    Error::new(ErrorKind::InvalidData)
        .with_detail(format!("the body is not in its content coding: {error}"))
        .with_source(error)
}

#[cfg(all(test, feature = "zstd"))]
mod tests {
    use super::*;

    /// 300 bytes fill a window of 8 MiB, of which nothing is written before it is full.
    #[test]
    fn the_window_of_zstd_counts() {
        let limits = cloudevents_core::DecodeOptions::strict().limits;
        let mut inflater = Inflater::new(Coding::Zstd, Decompression::all(), &limits);
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0, 13 << 3];
        // 128 KiB of one byte; not the last block.
        let [a, b, c, _] = (128_u32 << 10 << 3 | 1 << 1).to_le_bytes();
        let mut counted = 0;
        let mut admit = |length: usize| {
            counted += length;
            Ok(())
        };
        inflater.push(&[&frame[..], &[a, b, c, 0].repeat(64)].concat(), &mut admit).unwrap();
        assert_eq!(inflater.output().bytes.len(), 0);
        assert_eq!(counted, 8 << 20);
    }
}
