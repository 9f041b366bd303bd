//! The compiled form: the evaluator walks it.

use crate::functions::Builtin;
use crate::lookup::Slot;
use crate::{BinaryOperator, EvaluationError, Function, Pattern, Span, Value};
use std::sync::Arc;

/// A step of an evaluation.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) kind: Plan,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum Plan {
    Constant(Value<'static>),
    /// A part that fails for every event: its value, and its errors.
    Failing(Value<'static>, Box<[EvaluationError]>),
    Attribute(Slot),
    Exists(Slot),
    Not(Box<Step>),
    Negate(Box<Step>),
    /// AND, OR, XOR.
    Logic(BinaryOperator, Box<[Step; 2]>),
    /// `=`, or `!=` when negated.
    Equal(Box<[Step; 2]>, bool),
    /// `<` and its kind.
    Order(BinaryOperator, Box<[Step; 2]>),
    Math(BinaryOperator, Box<[Step; 2]>),
    Like(Box<Step>, Pattern, bool),
    In(Box<Step>, Box<[Step]>, bool),
    Builtin(Builtin, Box<[Step]>),
    Custom(Arc<Function>, Box<[Step]>),
    /// A call of a function that is not there.
    Missing(Box<str>, usize),
}

impl Step {
    pub(crate) fn is_constant(&self) -> bool {
        matches!(self.kind, Plan::Constant(_) | Plan::Failing(..))
    }
}
