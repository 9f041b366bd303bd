#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic))]

mod cast;
mod check;
mod compile;
mod error;
mod evaluate;
mod expression;
mod function;
mod functions;
mod lexer;
mod like;
mod lookup;
mod math;
mod options;
mod parse;
mod plan;
mod print;
mod span;
mod strings;
mod syntax;
mod value;
mod warning;

#[doc = include_str!("../OPERATORS.md")]
pub mod operators {}

pub use error::{ErrorKind, EvaluationError, ParseError};
pub use evaluate::Evaluation;
pub use expression::Expression;
pub use function::{Function, FunctionError, Signature};
pub use functions::{Functions, InvalidFunction};
pub use like::{Pattern, Shape};
pub use options::{Limits, Options};
pub use span::Span;
pub use syntax::{BinaryOperator, Node, Syntax};
pub use value::{Type, Value};
pub use warning::{Warning, WarningKind};
