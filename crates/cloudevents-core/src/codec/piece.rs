//! References to text of an assembler.

use crate::attributes::Span;

/// A piece of text, in the document or in the text that was pushed.
///
/// ```
/// let decoding = cloudevents_core::DecodeOptions::strict();
/// let mut assembler = cloudevents_core::codec::Assembler::new(&decoding);
/// let piece = assembler.push("text")?;
/// assert_eq!(assembler.text(piece), "text");
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
// One word, so that `Result`s of pieces are passed in registers.
#[derive(Clone, Copy, Debug)]
pub struct Piece(Span);

/// A bit that lengths do not use: whether the text is known to be printable ASCII.
const PLAIN: u32 = 1 << 31;

impl Piece {
    #[inline]
    pub(crate) const fn new(span: Span, plain: bool) -> Self {
        Self(Span::new(span.offset(), span.length() | if plain { PLAIN } else { 0 }))
    }

    #[inline]
    pub(crate) const fn span(self) -> Span {
        Span::new(self.0.offset(), self.0.length() & !PLAIN)
    }

    /// Whether the text is already known to be printable ASCII.
    #[inline]
    pub(crate) const fn is_plain(self) -> bool {
        self.0.length() & PLAIN != 0
    }
}
