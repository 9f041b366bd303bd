//! From the syntax tree to the steps of the evaluator. What does not depend on the event is evaluated here, once.

use crate::evaluate::{self, Context};
use crate::functions::Resolved;
use crate::lookup::{Names, Nothing};
use crate::plan::{Plan, Step};
use crate::syntax::{BinaryOperator, Node, Syntax};
use crate::{Options, Value};

pub(crate) fn compile(node: &Node, names: &Names, options: &Options) -> Step {
    let below = |node: &Node| Box::new(compile(node, names, options));
    let kind = match &node.kind {
        Syntax::Literal(value) => Plan::Constant(value.clone()),
        Syntax::Attribute(name) => Plan::Attribute(names.slot(name)),
        Syntax::Exists(name) => Plan::Exists(names.slot(name)),
        Syntax::Not(operand) => Plan::Not(below(operand)),
        Syntax::Negate(operand) => Plan::Negate(below(operand)),
        Syntax::Like { operand, pattern, negated } => Plan::Like(below(operand), pattern.clone(), *negated),
        Syntax::In { operand, set, negated } => {
            Plan::In(below(operand), set.iter().map(|node| compile(node, names, options)).collect(), *negated)
        }
        Syntax::Binary { operator, left, right } => {
            binary(*operator, Box::new([compile(left, names, options), compile(right, names, options)]))
        }
        Syntax::Call { name, arguments } => {
            let steps = arguments.iter().map(|node| compile(node, names, options)).collect();
            match options.functions.resolve(name, arguments.len()) {
                Some(Resolved::Builtin(function)) => Plan::Builtin(function, steps),
                Some(Resolved::Custom(function)) => Plan::Custom(function, steps),
                None => Plan::Missing(name.clone(), arguments.len()),
            }
        }
    };
    fold(Step { kind, span: node.span }, options)
}

fn binary(operator: BinaryOperator, operands: Box<[Step; 2]>) -> Plan {
    use BinaryOperator::{And, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual, Or, Xor};
    match operator {
        And | Or | Xor => Plan::Logic(operator, operands),
        Equal => Plan::Equal(operands, false),
        NotEqual => Plan::Equal(operands, true),
        Less | LessOrEqual | Greater | GreaterOrEqual => Plan::Order(operator, operands),
        _ => Plan::Math(operator, operands),
    }
}

fn fold(step: Step, options: &Options) -> Step {
    if !is_foldable(&step.kind) {
        return step;
    }
    let mut cx = Context { attributes: &Nothing, errors: Some(Vec::new()), text: options.limits.text };
    let value = evaluate::value(&step, &mut cx).map(Value::into_owned).map_err(Value::into_owned);
    let kind = match value {
        Ok(value) => Plan::Constant(value),
        Err(value) => Plan::Failing(value, cx.errors.unwrap_or_default().into()),
    };
    Step { kind, span: step.span }
}

/// A function that the program defines may return another value on each call, so it is not evaluated here. If the left operand decides, the
/// right one may still be such a function, because it is never called.
fn is_foldable(plan: &Plan) -> bool {
    match plan {
        Plan::Constant(_) | Plan::Failing(..) | Plan::Attribute(_) | Plan::Exists(_) | Plan::Custom(..) => {
            false
        }
        Plan::Missing(..) => true,
        Plan::Not(operand) | Plan::Negate(operand) | Plan::Like(operand, ..) => operand.is_constant(),
        Plan::Logic(operator, operands) => {
            let [left, right] = &**operands;
            left.is_constant() && (right.is_constant() || decides(*operator, left))
        }
        Plan::Equal(operands, _) | Plan::Order(_, operands) | Plan::Math(_, operands) => {
            operands.iter().all(Step::is_constant)
        }
        Plan::In(operand, set, _) => operand.is_constant() && set.iter().all(Step::is_constant),
        Plan::Builtin(_, arguments) => arguments.iter().all(Step::is_constant),
    }
}

/// Whether the right operand is never evaluated.
fn decides(operator: BinaryOperator, left: &Step) -> bool {
    let mut cx = Context { attributes: &Nothing, errors: None, text: 0 };
    match (operator, evaluate::boolean(left, &mut cx)) {
        (BinaryOperator::And | BinaryOperator::Or, None) => true,
        (BinaryOperator::And, Some(left)) => !left,
        (BinaryOperator::Or, Some(left)) => left,
        _ => false,
    }
}
