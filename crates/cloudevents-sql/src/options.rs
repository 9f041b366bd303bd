//! How expressions are parsed.

use crate::Functions;

/// The options of parsing an expression: limits, and the functions that it may call.
///
/// ```
/// use cloudevents_sql::{Expression, Options};
///
/// let mut options = Options::default();
/// options.limits.length = 16;
/// assert!(Expression::parse_with("subject = 'a longer text'", &options).is_err());
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Upper bounds for expressions and for the text that functions return.
    pub limits: Limits,
    /// The functions that expressions may call. Default: the built-in ones.
    pub functions: Functions,
}

impl Options {
    /// Returns a copy with these functions.
    pub fn with_functions(mut self, functions: Functions) -> Self {
        self.functions = functions;
        self
    }

    /// Returns a copy with these limits.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// Upper bounds for expressions and for the text that functions return.
///
/// An expression beyond `length` or `depth` does not parse. A function whose result is longer than `text` fails. LIKE and functions of text
/// may take 2^24 steps in one evaluation. Beyond that, they fail. A function takes a step for each byte that it reads. LIKE takes a step
/// for each comparison of a character of the text with a character between `%` and `%`.
///
/// ```
/// let limits = cloudevents_sql::Limits::default();
/// assert_eq!((limits.length, limits.depth, limits.text), (64 << 10, 200, 1 << 20));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of the expression's text. Default: 64 KiB. More than 1 MiB counts as 1 MiB.
    pub length: usize,
    /// Levels of nesting: of parentheses, and of the syntax tree, where `a AND b AND c` has three. Default: 200. More than 250 counts as
    /// 250, which needs less than 512 KiB of stack, unoptimised too.
    pub depth: usize,
    /// Bytes of a text that a function returns. Default: 1 MiB.
    pub text: usize,
}

impl Limits {
    pub(crate) const LENGTH: usize = 1 << 20;
    pub(crate) const DEPTH: usize = 250;
}

impl Default for Limits {
    fn default() -> Self {
        Self { length: 64 << 10, depth: 200, text: 1 << 20 }
    }
}
