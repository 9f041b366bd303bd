//! Places in the text of an expression.

use std::ops::Range;

/// A piece of an expression's text: offsets in bytes, from 0, the end not included.
///
/// ```
/// use cloudevents_sql::Expression;
///
/// let expression = Expression::parse("  EXISTS subject")?;
/// assert_eq!(expression.syntax().span().range(), 2..16);
/// # Ok::<(), cloudevents_sql::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Texts are limited to 1 MiB, so that 32 bits are enough.
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start: u32::try_from(start).unwrap_or(u32::MAX), end: u32::try_from(end).unwrap_or(u32::MAX) }
    }

    pub(crate) fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end }
    }

    /// The offset of the first byte.
    pub fn start(self) -> usize {
        self.start as usize
    }

    /// The offset of the byte after the last.
    pub fn end(self) -> usize {
        self.end as usize
    }

    /// The same as a range.
    pub fn range(self) -> Range<usize> {
        self.start()..self.end()
    }
}
