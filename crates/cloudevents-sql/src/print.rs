//! Writes syntax trees as text.

use crate::Value;
use crate::syntax::{Level, Node, Syntax};
use std::fmt::{self, Display, Formatter, Write};

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Syntax::Literal(value) => value.fmt(f),
            Syntax::Attribute(name) => f.write_str(name),
            Syntax::Exists(name) => write!(f, "EXISTS {name}"),
            Syntax::Not(operand) => {
                f.write_str("NOT ")?;
                at_least(Level::Unary, operand, f)
            }
            Syntax::Negate(operand) => {
                f.write_char('-')?;
                // `-5` would be a literal.
                match &operand.kind {
                    Syntax::Literal(Value::Integer(0..)) => write!(f, "({operand})"),
                    _ => at_least(Level::Unary, operand, f),
                }
            }
            Syntax::Binary { operator, left, right } => {
                at_least(operator.level(), left, f)?;
                write!(f, " {} ", operator.symbol())?;
                at_least(operator.level().above(), right, f)
            }
            Syntax::Like { operand, pattern, negated } => {
                at_least(Level::Like, operand, f)?;
                f.write_str(if *negated { " NOT LIKE " } else { " LIKE " })?;
                literal(pattern.as_str(), f)
            }
            Syntax::In { operand, set, negated } => {
                at_least(Level::In, operand, f)?;
                f.write_str(if *negated { " NOT IN " } else { " IN " })?;
                list(set, f)
            }
            Syntax::Call { name, arguments } => {
                f.write_str(name)?;
                list(arguments, f)
            }
        }
    }
}

fn at_least(level: Level, node: &Node, f: &mut Formatter<'_>) -> fmt::Result {
    if node.kind.level() >= level { node.fmt(f) } else { write!(f, "({node})") }
}

fn list(nodes: &[Node], f: &mut Formatter<'_>) -> fmt::Result {
    f.write_char('(')?;
    for (index, node) in nodes.iter().enumerate() {
        f.write_str(if index == 0 { "" } else { ", " })?;
        node.fmt(f)?;
    }
    f.write_char(')')
}

/// A text as a literal: in single quotation marks, unless only double ones can hold it.
pub(crate) fn literal(text: &str, f: &mut Formatter<'_>) -> fmt::Result {
    let quote = if holds(text, '\'') || !holds(text, '"') { '\'' } else { '"' };
    f.write_char(quote)?;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == quote {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
        if c == '\\'
            && let Some(next) = chars.next()
        {
            f.write_char(next)?;
        }
    }
    f.write_char(quote)
}

/// Whether a literal in these quotation marks can hold the text: a backslash before such a mark would be taken as its escape.
fn holds(text: &str, quote: char) -> bool {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\\' && chars.next().is_none_or(|next| next == quote) {
            return false;
        }
    }
    true
}
