//! Likely mistakes in valid expressions.

use crate::Span;
use std::borrow::Cow;
use std::fmt;

/// A likely mistake in an expression that parses and can be evaluated.
///
/// ```
/// use cloudevents_sql::{Expression, WarningKind};
///
/// let expression = Expression::parse("time > '2026-01-01T00:00:00Z'")?;
/// let warning = &expression.warnings()[0];
/// assert_eq!(warning.kind(), WarningKind::NeverSucceeds);
/// assert_eq!(warning.message(), "`time` is never an Integer, which > compares");
/// # Ok::<(), cloudevents_sql::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub(crate) kind: WarningKind,
    pub(crate) span: Span,
    pub(crate) message: Cow<'static, str>,
}

impl Warning {
    /// The kind of the warning.
    pub fn kind(&self) -> WarningKind {
        self.kind
    }

    /// The part of the expression it is about.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The problem, as a sentence without a full stop.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {}) [{}]", self.message, self.span.start(), self.kind.code())
    }
}

/// The kinds of warnings.
///
/// ```
/// assert_eq!(cloudevents_sql::WarningKind::UnknownFunction.code(), "unknown-function");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WarningKind {
    /// The whole expression has the same value for every event.
    Constant,
    /// No event has an attribute of this name.
    ImpossibleName,
    /// A name of more than 20 characters, against a recommendation (CESQL 2.2).
    LongName,
    /// AND, OR and XOR are mixed without parentheses. They have equal precedence and group from left to right; other engines group from
    /// right to left.
    MixedLogic,
    /// A part that always fails, such as a cast that fails for every value.
    NeverSucceeds,
    /// A comparison whose operands are never equal.
    NeverEqual,
    /// NOT binds more tightly than the operator behind its operand.
    NotBindsTighter,
    /// No event passes it as a filter: its value is not a Boolean.
    NotBoolean,
    /// No function with this name takes this number of arguments.
    UnknownFunction,
}

impl WarningKind {
    /// The kebab-case code that programs may rely on.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::ImpossibleName => "impossible-name",
            Self::LongName => "long-name",
            Self::MixedLogic => "mixed-logic",
            Self::NeverSucceeds => "never-succeeds",
            Self::NeverEqual => "never-equal",
            Self::NotBindsTighter => "not-binds-tighter",
            Self::NotBoolean => "not-boolean",
            Self::UnknownFunction => "unknown-function",
        }
    }
}
