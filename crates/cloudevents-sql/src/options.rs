//! How expressions are parsed.

use crate::Functions;

/// What an expression is parsed with: limits, and the functions it may call.
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
    /// What an expression may be at most.
    pub limits: Limits,
    /// The functions that expressions may call. The default is the built-in ones.
    pub functions: Functions,
}

impl Options {
    /// The same with these functions.
    pub fn with_functions(mut self, functions: Functions) -> Self {
        self.functions = functions;
        self
    }

    /// The same with these limits.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// What an expression may be at most. Beyond `length` and `depth` it does not parse; a text beyond `text` is an error of the function
/// that would have made it.
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
    /// 250, which the stack of any thread has room for.
    pub depth: usize,
    /// Bytes of a text that a function makes during evaluation. Default: 1 MiB.
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
