//! Compressed bodies: which are accepted, and within which bounds they are decompressed.

#[cfg(any(feature = "gzip", feature = "zstd"))]
mod inflate;
#[cfg(feature = "zstd")]
mod zstd;

#[cfg(any(feature = "gzip", feature = "zstd"))]
pub(crate) use inflate::Inflater;

#[cfg(any(feature = "axum08", feature = "exchange"))]
use http::HeaderValue;
#[cfg(any(feature = "gzip", feature = "zstd"))]
use http::{HeaderMap, header::CONTENT_ENCODING};

/// Whether compressed bodies are accepted (`Content-Encoding`, RFC 9110, section 8.4), and how far they may expand.
///
/// The default is [`off`](Self::off): a compressed body is refused with an error of kind
/// [`ContentEncoding`](cloudevents_core::ErrorKind::ContentEncoding), as a response 415. [`all`](Self::all) accepts the codings of this
/// build's features: `gzip` and `zstd`. A body has one coding. A list of several codings is refused.
///
/// Bodies are decompressed while they arrive. [`Limits::bytes`](cloudevents_core::Limits::bytes) bounds both the bytes that arrive and the
/// decompressed bytes. Besides, the decompressed bytes may be [`max_ratio`](Self::max_ratio) times the bytes that arrive. This is not
/// checked for the first 64 KiB. Windows of zstd may have 8 MiB (RFC 9659). Beyond a bound, the error is of kind
/// [`TooLarge`](cloudevents_core::ErrorKind::TooLarge).
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// # #[cfg(feature = "gzip")] {
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_http::{BodyOptions, Decompression, event_from_request};
/// use flate2::{Compression, write::GzEncoder};
/// use http_body_util::Full;
/// use std::io::Write;
///
/// let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
/// gzip.write_all(br#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#)?;
/// let request = http::Request::post("/")
///     .header("content-type", "application/cloudevents+json")
///     .header("content-encoding", "gzip")
///     .body(Full::new(bytes::Bytes::from(gzip.finish()?)))?;
///
/// let decoding = DecodeOptions::strict();
/// let options = BodyOptions::from(&decoding).with_decompression(Decompression::all());
/// assert_eq!(event_from_request(request, options).await?.value.id(), "1");
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decompression {
    on: bool,
    max_ratio: u32,
}

impl Decompression {
    /// No compressed bodies.
    pub const fn off() -> Self {
        Self { on: false, max_ratio: MAX_RATIO }
    }

    /// Bodies in the codings that the features of this build bring, up to 200 times their compressed size.
    pub const fn all() -> Self {
        Self { on: true, max_ratio: MAX_RATIO }
    }

    /// Returns a copy with another bound for the ratio of decompressed to compressed bytes.
    ///
    /// Events as JSON reach 5 to 20, batches of similar events 100 and more. The most is about 1,000 for gzip and 30,000 for zstd.
    pub const fn max_ratio(mut self, ratio: u32) -> Self {
        self.max_ratio = ratio;
        self
    }

    /// How the body of a message with these headers is decompressed. `None` when it is not compressed, or in a way that is not accepted.
    #[cfg(any(feature = "gzip", feature = "zstd"))]
    pub(crate) fn coding(self, headers: &HeaderMap) -> Option<Coding> {
        if !self.on {
            return None;
        }
        let mut values = headers.get_all(CONTENT_ENCODING).iter();
        let value = values.next()?.as_bytes().trim_ascii();
        if values.next().is_some() {
            return None;
        }
        CODINGS
            .iter()
            .find(|(names, _)| names.iter().any(|name| value.eq_ignore_ascii_case(name)))
            .map(|(_, coding)| *coding)
    }

    /// The value of `Accept-Encoding`.
    #[cfg(any(feature = "axum08", feature = "exchange"))]
    pub(crate) fn accepted(self) -> HeaderValue {
        HeaderValue::from_static(match self.on {
            true if cfg!(all(feature = "gzip", feature = "zstd")) => "gzip, zstd, identity",
            true if cfg!(feature = "gzip") => "gzip, identity",
            true if cfg!(feature = "zstd") => "zstd, identity",
            _ => "identity",
        })
    }

    #[cfg(any(feature = "gzip", feature = "zstd"))]
    pub(crate) fn ratio(self) -> usize {
        usize::try_from(self.max_ratio).unwrap_or(usize::MAX)
    }
}

/// [`off`](Self::off).
impl Default for Decompression {
    fn default() -> Self {
        Self::off()
    }
}

const MAX_RATIO: u32 = 200;

/// A content coding that this build can undo.
#[cfg(any(feature = "gzip", feature = "zstd"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    #[cfg(feature = "gzip")]
    Gzip,
    #[cfg(feature = "zstd")]
    Zstd,
}

/// With their names (RFC 9110, section 8.4.1.3 for the second of gzip).
#[cfg(any(feature = "gzip", feature = "zstd"))]
const CODINGS: &[(&[&[u8]], Coding)] = &[
    #[cfg(feature = "gzip")]
    (&[b"gzip", b"x-gzip"], Coding::Gzip),
    #[cfg(feature = "zstd")]
    (&[b"zstd"], Coding::Zstd),
];
