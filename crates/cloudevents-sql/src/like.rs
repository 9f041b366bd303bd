//! Patterns of LIKE (CESQL 3.4.3).

use std::fmt;

/// A pattern of LIKE. `%` matches any number of characters, `_` exactly one; after a backslash, both match literally. Every other
/// character matches itself. A pattern must match the whole text.
///
/// ```
/// use cloudevents_sql::Pattern;
///
/// let pattern = Pattern::new("com.example.%_v\\_");
/// assert!(pattern.matches("com.example.order.2v_"));
/// assert!(!pattern.matches("com.example.v_"));
/// assert!(!pattern.matches("com.example.order.2v2"));
/// ```
#[derive(Clone)]
pub struct Pattern {
    text: Box<str>,
    /// The segment before the first `%`.
    first: Segment,
    /// The segments between `%` and `%`.
    middle: Box<[Segment]>,
    /// The segment behind the last `%`. `None` when there is no `%`.
    last: Option<Segment>,
}

type Segment = Box<[Piece]>;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    /// This number of arbitrary characters.
    Any(usize),
}

impl Pattern {
    /// Parses a pattern: the content of a string literal, with its quotation marks unescaped. Every text is a valid pattern.
    pub fn new(pattern: &str) -> Self {
        let mut segments = segments(pattern).into_iter();
        let first = segments.next().unwrap_or_default();
        let mut middle: Vec<Segment> = segments.collect();
        let last = middle.pop();
        // Between two `%` that follow each other is nothing to look for.
        middle.retain(|segment| !segment.is_empty());
        Self { text: pattern.into(), first, middle: middle.into(), last }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole text matches. The number of steps is at most the product of the lengths of text and pattern. Allocates nothing.
    #[inline]
    pub fn matches(&self, text: &str) -> bool {
        self.matches_within(text, |_| true) == Some(true)
    }

    /// Like [`matches`](Self::matches), with a limit of steps.
    ///
    /// Calls a function before each search for a segment between `%` and `%`, with the number of steps that the search may take. `None` if
    /// the function does not permit them.
    #[inline]
    pub(crate) fn matches_within(&self, text: &str, mut permit: impl FnMut(usize) -> bool) -> Option<bool> {
        let Some(mut rest) = strip_start(&self.first, text) else { return Some(false) };
        let Some(last) = &self.last else { return Some(rest.is_empty()) };
        match strip_end(last, rest) {
            Some(left) => rest = left,
            None => return Some(false),
        }
        // The leftmost place of each segment leaves the most room for those behind it.
        for segment in &self.middle {
            if !permit(steps(segment, rest)) {
                return None;
            }
            match find(segment, rest) {
                Some(left) => rest = left,
                None => return Some(false),
            }
        }
        Some(true)
    }

    /// The simple form of the pattern, if it has one. An index looks texts up by it.
    pub fn shape(&self) -> Shape<'_> {
        match (plain(&self.first), self.last.as_deref().map(plain)) {
            (Some(text), None) => Shape::Exact(text),
            (Some(start), Some(Some(""))) if self.middle.is_empty() => Shape::Prefix(start),
            (Some(""), Some(Some(end))) if self.middle.is_empty() => Shape::Suffix(end),
            _ => Shape::Other,
        }
    }
}

/// The text of a segment without `_`.
fn plain(segment: &[Piece]) -> Option<&str> {
    match segment {
        [] => Some(""),
        [Piece::Text(text)] => Some(text),
        _ => None,
    }
}

/// The simple forms of patterns.
///
/// ```
/// use cloudevents_sql::{Pattern, Shape};
///
/// assert_eq!(Pattern::new("com.example.%").shape(), Shape::Prefix("com.example."));
/// assert_eq!(Pattern::new("%\\_done").shape(), Shape::Suffix("_done"));
/// assert_eq!(Pattern::new("order").shape(), Shape::Exact("order"));
/// assert_eq!(Pattern::new("a%z").shape(), Shape::Other);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape<'a> {
    /// This text and no other.
    Exact(&'a str),
    /// Texts that begin with this one.
    Prefix(&'a str),
    /// Texts that end with this one.
    Suffix(&'a str),
    /// Anything else.
    Other,
}

fn segments(pattern: &str) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if matches!(chars.peek(), Some('%' | '_')) => text.extend(chars.next()),
            '%' => {
                flush(&mut text, &mut pieces);
                segments.push(std::mem::take(&mut pieces).into());
            }
            '_' => {
                flush(&mut text, &mut pieces);
                match pieces.last_mut() {
                    Some(Piece::Any(count)) => *count = count.saturating_add(1),
                    _ => pieces.push(Piece::Any(1)),
                }
            }
            c => text.push(c),
        }
    }
    flush(&mut text, &mut pieces);
    segments.push(pieces.into());
    segments
}

fn flush(text: &mut String, pieces: &mut Vec<Piece>) {
    if !text.is_empty() {
        pieces.push(Piece::Text(std::mem::take(text).into()));
    }
}

/// The text behind the segment, when the text begins with the segment.
#[inline]
fn strip_start<'t>(segment: &[Piece], text: &'t str) -> Option<&'t str> {
    segment.iter().try_fold(text, |rest, piece| match piece {
        Piece::Text(piece) => rest.strip_prefix(&**piece),
        Piece::Any(count) => {
            let mut chars = rest.chars();
            for _ in 0..*count {
                chars.next()?;
            }
            Some(chars.as_str())
        }
    })
}

/// The text before the segment, when the text ends with the segment.
#[inline]
fn strip_end<'t>(segment: &[Piece], text: &'t str) -> Option<&'t str> {
    segment.iter().rev().try_fold(text, |rest, piece| match piece {
        Piece::Text(piece) => rest.strip_suffix(&**piece),
        Piece::Any(count) => {
            let mut chars = rest.chars();
            for _ in 0..*count {
                chars.next_back()?;
            }
            Some(chars.as_str())
        }
    })
}

/// The most steps that [`find`] takes: with `_`, each place of the text is compared with the whole segment.
fn steps(segment: &[Piece], text: &str) -> usize {
    let length = |piece: &Piece| match piece {
        Piece::Text(piece) => piece.len(),
        Piece::Any(count) => *count,
    };
    match segment {
        [Piece::Text(piece)] => text.len().saturating_add(piece.len()),
        _ => segment.iter().map(length).fold(0, usize::saturating_add).saturating_mul(text.len()),
    }
}

/// The text behind the leftmost place of the segment.
fn find<'t>(segment: &[Piece], text: &'t str) -> Option<&'t str> {
    if let [Piece::Text(piece)] = segment {
        return text.split_once(&**piece).map(|(_, left)| left);
    }
    let first = match segment.first() {
        Some(Piece::Text(piece)) => piece.chars().next(),
        _ => None,
    };
    let mut rest = text;
    loop {
        if let Some(first) = first {
            rest = rest.get(rest.find(first)?..)?;
        }
        if let Some(left) = strip_start(segment, rest) {
            return Some(left);
        }
        let mut chars = rest.chars();
        chars.next()?;
        rest = chars.as_str();
    }
}

/// Patterns are equal when they are written the same.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.text)
    }
}
