//! Upper bounds of decoding.

use crate::{Error, ErrorKind};

/// Upper bounds enforced while decoding. Exceeding one is an error of kind `too-large`, `too-many` or `too-deep`.
///
/// The specification requires consumers to accept events of 64 KiB. The defaults are well above.
///
/// ```
/// let limits = cloudevents_core::Limits::default();
/// assert_eq!((limits.bytes, limits.depth), (16 << 20, 127));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a document or body. Default: 16 MiB. At most 2 GiB can be addressed.
    pub bytes: usize,
    /// Attributes of one event. Default: 256.
    pub attributes: usize,
    /// Bytes of one attribute's name. Default: 256.
    pub name: usize,
    /// Bytes of one attribute's value. Default: 64 KiB.
    pub value: usize,
    /// Levels of nesting in a document, the event itself included. Default: 127, the limit of `serde_json`.
    pub depth: u32,
    /// Events in a batch. Default: 10,000.
    pub batch: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 16 << 20, attributes: 256, name: 256, value: 64 << 10, depth: 127, batch: 10_000 }
    }
}

impl Limits {
    /// No bounds, for documents that the program has stored itself. Documents of more than 2 GiB cannot be addressed in any case.
    ///
    /// ```
    /// assert_eq!(cloudevents_core::Limits::unlimited().attributes, usize::MAX);
    /// ```
    pub const fn unlimited() -> Self {
        let most = usize::MAX;
        Self { bytes: most, attributes: most, name: most, value: most, depth: u32::MAX, batch: most }
    }

    /// Refuses a document or body with more bytes than the limit.
    pub fn check_bytes(&self, bytes: usize) -> Result<(), Error> {
        if bytes <= self.bytes {
            return Ok(());
        }
        Err(Error::new(ErrorKind::TooLarge)
            .with_detail(alloc::format!("{bytes} bytes, and the limit is {}", self.bytes))
            .with_help("raise Limits::bytes if messages of this size are expected"))
    }
}
