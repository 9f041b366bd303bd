//! The syntax tree.

use crate::{Pattern, Span, Value};
use std::fmt;

/// A node of the syntax tree, with its place in the text.
///
/// Two nodes are equal if they mean the same, wherever they are in the text. [`Display`](fmt::Display) writes the expression with the
/// parentheses that it needs and no others; its output parses to an equal tree.
///
/// ```
/// use cloudevents_sql::{BinaryOperator, Expression, Syntax};
///
/// let expression = Expression::parse("( (subject='x') and not exists priority )")?;
/// let Syntax::Binary { operator: BinaryOperator::And, left, right } = expression.syntax().kind() else { panic!() };
/// assert_eq!(left.to_string(), "subject = 'x'");
/// assert_eq!(right.to_string(), "NOT EXISTS priority");
/// # Ok::<(), cloudevents_sql::ParseError>(())
/// ```
#[derive(Clone)]
pub struct Node {
    pub(crate) kind: Syntax,
    pub(crate) span: Span,
    /// Levels of nodes, this one included.
    pub(crate) height: usize,
    /// Whether it has parentheses around it in the text.
    pub(crate) enclosed: bool,
}

/// The kind of a node, with its parts (CESQL 2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Syntax {
    /// A literal.
    Literal(Value<'static>),
    /// An attribute, by its name in lower case.
    Attribute(Box<str>),
    /// `NOT operand`.
    Not(Box<Node>),
    /// `-operand`.
    Negate(Box<Node>),
    /// Two operands and the operator between them.
    Binary {
        /// The operator.
        operator: BinaryOperator,
        /// The left operand.
        left: Box<Node>,
        /// The right operand.
        right: Box<Node>,
    },
    /// `operand LIKE 'pattern'`.
    Like {
        /// The text that is matched.
        operand: Box<Node>,
        /// The pattern.
        pattern: Pattern,
        /// Whether it is `NOT LIKE`.
        negated: bool,
    },
    /// `EXISTS name`, the name in lower case.
    Exists(Box<str>),
    /// `operand IN (element, ...)`.
    In {
        /// The value that is looked for.
        operand: Box<Node>,
        /// The elements: one or more.
        set: Vec<Node>,
        /// Whether it is `NOT IN`.
        negated: bool,
    },
    /// `NAME(argument, ...)`, the name in upper case.
    Call {
        /// The name of the function.
        name: Box<str>,
        /// The arguments.
        arguments: Vec<Node>,
    },
}

impl Node {
    /// The kind of the node, with its parts.
    pub fn kind(&self) -> &Syntax {
        &self.kind
    }

    /// Its place in the text, without parentheses around it.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The direct children, from left to right.
    pub fn children(&self) -> impl Iterator<Item = &Node> {
        let (one, two, list): (Option<&Node>, Option<&Node>, &[Node]) = match &self.kind {
            Syntax::Literal(_) | Syntax::Attribute(_) | Syntax::Exists(_) => (None, None, &[]),
            Syntax::Not(operand) | Syntax::Negate(operand) | Syntax::Like { operand, .. } => {
                (Some(operand), None, &[])
            }
            Syntax::Binary { left, right, .. } => (Some(left), Some(right), &[]),
            Syntax::In { operand, set, .. } => (Some(operand), None, set),
            Syntax::Call { arguments, .. } => (None, None, arguments),
        };
        one.into_iter().chain(two).chain(list)
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Eq for Node {}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

/// The operators with two operands (CESQL 3.4.2).
///
/// ```
/// assert_eq!(cloudevents_sql::BinaryOperator::NotEqual.symbol(), "!=");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOperator {
    /// `AND`.
    And,
    /// `OR`.
    Or,
    /// `XOR`.
    Xor,
    /// `=`.
    Equal,
    /// `!=`, and `<>`, which is the same.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
    /// `+`.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`.
    Divide,
    /// `%`.
    Remainder,
}

impl BinaryOperator {
    /// How it is written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::And => "AND",
            Self::Or => "OR",
            Self::Xor => "XOR",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }

    pub(crate) fn from_symbol(symbol: &str) -> Option<Self> {
        Some(match symbol {
            "=" => Self::Equal,
            "!=" | "<>" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            "+" => Self::Add,
            "-" => Self::Subtract,
            "*" => Self::Multiply,
            "/" => Self::Divide,
            "%" => Self::Remainder,
            _ => return None,
        })
    }

    pub(crate) fn is_logic(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Xor)
    }

    pub(crate) fn level(self) -> Level {
        match self {
            Self::And | Self::Or | Self::Xor => Level::Logic,
            Self::Equal
            | Self::NotEqual
            | Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual => Level::Comparison,
            Self::Add | Self::Subtract => Level::Sum,
            Self::Multiply | Self::Divide | Self::Remainder => Level::Product,
        }
    }
}

/// How tightly operators bind (CESQL 3.6), the loosest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Logic,
    Comparison,
    Sum,
    Product,
    In,
    Like,
    Unary,
    Atom,
}

impl Level {
    /// The next tighter one.
    pub(crate) fn above(self) -> Self {
        match self {
            Self::Logic => Self::Comparison,
            Self::Comparison => Self::Sum,
            Self::Sum => Self::Product,
            Self::Product => Self::In,
            Self::In => Self::Like,
            Self::Like => Self::Unary,
            Self::Unary | Self::Atom => Self::Atom,
        }
    }
}

impl Syntax {
    pub(crate) fn level(&self) -> Level {
        match self {
            Self::Binary { operator, .. } => operator.level(),
            Self::In { .. } => Level::In,
            Self::Like { .. } => Level::Like,
            Self::Not(_) | Self::Negate(_) => Level::Unary,
            Self::Literal(_) | Self::Attribute(_) | Self::Exists(_) | Self::Call { .. } => Level::Atom,
        }
    }
}
