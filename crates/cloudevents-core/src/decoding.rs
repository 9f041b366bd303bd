//! The options shared by all decoders, extractors and receivers.

use crate::{Formats, Leniency, Limits, Repair};
use alloc::vec::Vec;

/// Options for decoding: formats, limits and leniency. The default is strict, with the default limits and no formats. Bindings always
/// decode JSON.
///
/// Programs that use `cloudevents-kit` begin with its function `decoding()`: these options, with every format that the build has.
///
/// ```
/// use cloudevents_core::{DecodeOptions, RepairKind};
///
/// let mut decoding = DecodeOptions::strict();
/// decoding.limits.bytes = 256 * 1024;
/// decoding.leniency.allow(RepairKind::UriFragment);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DecodeOptions {
    /// The event formats accepted for structured and batched messages.
    pub formats: Formats,
    /// Upper bounds enforced while decoding.
    pub limits: Limits,
    /// Which mistakes are repaired instead of refused.
    pub leniency: Leniency,
}

impl DecodeOptions {
    /// Strict decoding, which is the default.
    pub fn strict() -> Self {
        Self::default()
    }

    /// Decoding with [`Leniency::all`]. Repairs are reported with the decoded value.
    pub fn lenient() -> Self {
        Self { leniency: Leniency::all(), ..Self::default() }
    }

    /// Returns a copy with the given formats.
    pub fn with_formats(mut self, formats: Formats) -> Self {
        self.formats = formats;
        self
    }

    /// Returns a copy with the given limits.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Returns a copy with the given leniency.
    pub fn with_leniency(mut self, leniency: Leniency) -> Self {
        self.leniency = leniency;
        self
    }
}

/// A decoded value and the repairs made while decoding. Strict decoding makes none.
///
/// ```
/// use cloudevents_core::Decoded;
///
/// let decoded = Decoded::clean("7").map(|text| text.len());
/// assert_eq!(decoded.value, 1);
/// assert!(decoded.repairs().is_empty());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Decoded<T> {
    /// The decoded value.
    pub value: T,
    /// The repairs.
    pub repairs: Vec<Repair>,
}

impl<T> Decoded<T> {
    /// A value and the repairs made while decoding it.
    #[inline]
    pub fn new(value: T, repairs: Vec<Repair>) -> Self {
        Self { value, repairs }
    }

    /// A value that needed no repair.
    #[inline]
    pub fn clean(value: T) -> Self {
        Self { value, repairs: Vec::new() }
    }

    /// Adds a repair, as the first.
    pub fn with_repair(mut self, repair: impl Into<Option<Repair>>) -> Self {
        if let Some(repair) = repair.into() {
            self.repairs.insert(0, repair);
        }
        self
    }

    /// Gives each repair the index, counted from 0, of the event in its batch.
    ///
    /// ```
    /// use cloudevents_core::{Decoded, Repair, RepairKind};
    ///
    /// let decoded = Decoded::new((), vec![Repair::new(RepairKind::LowerCasedName)]).with_index(3);
    /// assert_eq!(decoded.repairs()[0].index(), Some(3));
    /// ```
    #[inline]
    pub fn with_index(mut self, index: usize) -> Self {
        self.repairs = self.repairs.into_iter().map(|repair| repair.with_index(index)).collect();
        self
    }

    /// The repairs.
    pub fn repairs(&self) -> &[Repair] {
        &self.repairs
    }

    /// Converts the value and keeps the repairs.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Decoded<U> {
        Decoded { value: f(self.value), repairs: self.repairs }
    }
}
