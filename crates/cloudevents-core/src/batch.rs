//! Events to be written as a batch.

use crate::{Error, ErrorKind, Event, Limits, SpecVersion};
use alloc::vec::Vec;

/// The events of a batch to be written: borrowed from a slice of events or of references to events.
///
/// ```
/// use cloudevents_core::{Batch, Event};
///
/// let [a, b] = ["1", "2"].map(|id| Event::builder().id(id).source("/s").ty("t").build().unwrap());
/// let references = vec![&b, &a]; // filtered or sorted, and nothing cloned
/// assert_eq!(Batch::from(&references).iter().map(Event::id).collect::<Vec<_>>(), ["2", "1"]);
/// assert_eq!(Batch::from(&[a, b]).len(), 2);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Batch<'a> {
    /// One of the two slices is empty.
    owned: &'a [Event],
    borrowed: &'a [&'a Event],
}

impl<'a> Batch<'a> {
    /// The number of events.
    pub fn len(self) -> usize {
        self.owned.len().max(self.borrowed.len())
    }

    /// Whether the batch has no events.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The first event.
    pub fn first(self) -> Option<&'a Event> {
        self.iter().next()
    }

    /// The events in their order.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = &'a Event> + Clone {
        self.owned.iter().chain(self.borrowed.iter().copied())
    }

    /// Returns the specversion that all events have. `None` for an empty batch.
    ///
    /// Errors are of kind [`MixedSpecversions`](ErrorKind::MixedSpecversions) and carry the index of the first event with another one
    /// (clause CE-Message-a).
    pub fn specversion(self) -> Result<Option<SpecVersion>, Error> {
        let Some(first) = self.first().map(Event::specversion) else { return Ok(None) };
        match self.iter().position(|event| event.specversion() != first) {
            None => Ok(Some(first)),
            Some(index) => Err(mixed_specversions(first).with_index(index)),
        }
    }
}

impl<'a> From<&'a [Event]> for Batch<'a> {
    fn from(owned: &'a [Event]) -> Self {
        Self { owned, borrowed: &[] }
    }
}

impl<'a> From<&'a Vec<Event>> for Batch<'a> {
    fn from(owned: &'a Vec<Event>) -> Self {
        Self { owned, borrowed: &[] }
    }
}

impl<'a, const N: usize> From<&'a [Event; N]> for Batch<'a> {
    fn from(owned: &'a [Event; N]) -> Self {
        Self { owned, borrowed: &[] }
    }
}

impl<'a> From<&'a [&'a Event]> for Batch<'a> {
    fn from(borrowed: &'a [&'a Event]) -> Self {
        Self { owned: &[], borrowed }
    }
}

impl<'a> From<&'a Vec<&'a Event>> for Batch<'a> {
    fn from(borrowed: &'a Vec<&'a Event>) -> Self {
        Self { owned: &[], borrowed }
    }
}

impl<'a, const N: usize> From<&'a [&'a Event; N]> for Batch<'a> {
    fn from(borrowed: &'a [&'a Event; N]) -> Self {
        Self { owned: &[], borrowed }
    }
}

/// The error for an event of a batch whose first event has another specversion.
#[cold]
pub fn mixed_specversions(first: SpecVersion) -> Error {
    Error::new(ErrorKind::MixedSpecversions)
        .with_attribute("specversion")
        .with_detail(alloc::format!("the first event has {first}"))
        .with_clause("CE-Message-a")
}

/// Checks that an event with this index, which begins at this offset of the document, is within the limit of a batch.
#[inline]
pub fn check_count(index: usize, offset: usize, limits: &Limits) -> Result<(), Error> {
    if index < limits.batch { Ok(()) } else { Err(too_many(index, limits.batch).with_offset(offset)) }
}

#[cold]
fn too_many(index: usize, limit: usize) -> Error {
    Error::new(ErrorKind::TooMany)
        .with_detail(alloc::format!("the limit is {limit} events in a batch"))
        .with_index(index)
        .with_help("raise Limits::batch if batches of this size are expected")
}
