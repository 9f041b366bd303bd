//! Errors of expressions, and of their evaluation.

use crate::Span;
use std::borrow::Cow;
use std::fmt;

/// The kinds of errors (CESQL 3.3).
///
/// ```
/// assert_eq!(cloudevents_sql::ErrorKind::MissingAttribute.code(), "missing-attribute");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is not an expression.
    Parse,
    /// Division by zero, or a result beyond 32 bits.
    Math,
    /// A value that cannot be cast.
    Cast,
    /// An attribute that the event does not have.
    MissingAttribute,
    /// A function that is not defined for this number of arguments.
    MissingFunction,
    /// A function that failed.
    FunctionEvaluation,
    /// Anything else.
    Generic,
}

impl ErrorKind {
    /// The kebab-case code that programs may rely on.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Math => "math",
            Self::Cast => "cast",
            Self::MissingAttribute => "missing-attribute",
            Self::MissingFunction => "missing-function",
            Self::FunctionEvaluation => "function-evaluation",
            Self::Generic => "generic",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An error met during evaluation.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_sql::{ErrorKind, Expression};
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let expression = Expression::parse("priority > 2")?;
/// let errors = expression.evaluate(&event).errors;
/// assert_eq!(errors[0].kind(), ErrorKind::MissingAttribute);
/// assert_eq!(errors[0].to_string(), "the event has no attribute `priority` (at byte 0) [missing-attribute]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationError {
    pub(crate) kind: ErrorKind,
    pub(crate) span: Span,
    pub(crate) message: Cow<'static, str>,
}

impl EvaluationError {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The part of the expression that failed.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Describes the error, as a sentence without a full stop.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {}) [{}]", self.message, self.span.start(), self.kind)
    }
}

impl std::error::Error for EvaluationError {}

/// Why a text is not an expression: the place of the mistake, the expected text, and the text that is there.
///
/// [`Display`](fmt::Display) is one line; [`explain`](Self::explain) shows the place.
///
/// ```
/// let error = cloudevents_sql::Expression::parse("type LIKE 5").unwrap_err();
/// assert_eq!(error.to_string(), "expected a string literal as the pattern of LIKE, found the number `5` (at byte 10) [parse]");
/// assert_eq!(error.offset(), 10);
/// assert_eq!(error.explain(), "\
/// error: expected a string literal as the pattern of LIKE, found the number `5` [parse]
///    |
///  1 | type LIKE 5
///    |           ^
///    = help: write the pattern in quotes: '5'
/// ");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ParseError {
    inner: Box<Inner>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    span: Span,
    message: Cow<'static, str>,
    expected: Cow<'static, str>,
    help: Option<Cow<'static, str>>,
    /// The line of the mistake, its number counted from 1, and the characters before the mistake in it.
    line: Box<str>,
    number: usize,
    column: usize,
    width: usize,
}

impl ParseError {
    #[cold]
    pub(crate) fn new(
        text: &str,
        span: Span,
        expected: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        let before = text.get(..span.start()).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
        let rest = text.get(start..).unwrap_or_default();
        let line = rest.lines().next().unwrap_or_default();
        let column = text.get(start..span.start()).unwrap_or_default().chars().count();
        let marked = text.get(span.range()).unwrap_or_default();
        let (line, column) = window(line, column);
        Self {
            inner: Box::new(Inner {
                span,
                message: message.into(),
                expected: expected.into(),
                help: None,
                line,
                number: before.matches('\n').count().saturating_add(1),
                column,
                width: marked.lines().next().unwrap_or_default().chars().count().clamp(1, WINDOW),
            }),
        }
    }

    pub(crate) fn with_help(mut self, help: impl Into<Cow<'static, str>>) -> Self {
        self.inner.help = Some(help.into());
        self
    }

    /// The offset of the mistake in the text, in bytes from 0.
    pub fn offset(&self) -> usize {
        self.inner.span.start()
    }

    /// The part of the text that is wrong; empty at the end of the text.
    pub fn span(&self) -> Span {
        self.inner.span
    }

    /// The syntax that was expected there, such as `an expression`. Empty for mistakes such as a number that is too large.
    pub fn expected(&self) -> &str {
        &self.inner.expected
    }

    /// Describes the mistake, without the place.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// Advice to repair it.
    pub fn help(&self) -> Option<&str> {
        self.inner.help.as_deref()
    }

    /// Returns a report for people: the line of the mistake, with a caret below it. A long line is shortened to the part around it.
    pub fn explain(&self) -> String {
        let Inner { message, line, number, column, width, help, .. } = &*self.inner;
        let carets = "^".repeat((*width).min(line.chars().count().saturating_sub(*column)).max(1));
        // Tabs stay tabs, so that the caret is below its character however wide they are shown.
        let indent: String = line.chars().take(*column).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let mut text =
            format!("error: {message} [parse]\n   |\n{number:>2} | {line}\n   | {indent}{carets}\n");
        if let Some(help) = help {
            text.push_str("   = help: ");
            text.push_str(help);
            text.push('\n');
        }
        text
    }
}

/// Characters of a line that are shown.
const WINDOW: usize = 100;

fn window(line: &str, column: usize) -> (Box<str>, usize) {
    if line.chars().count() <= WINDOW {
        return (line.into(), column);
    }
    let skip = column.saturating_sub(WINDOW / 2);
    (line.chars().skip(skip).take(WINDOW).collect::<String>().into(), column.saturating_sub(skip))
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {}) [parse]", self.inner.message, self.offset())
    }
}

impl fmt::Debug for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for ParseError {}
