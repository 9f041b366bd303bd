//! From the syntax tree to the steps of the evaluator. Parts that do not depend on the event are evaluated here, once.

use crate::evaluate::{self, Context};
use crate::functions::Resolved;
use crate::lookup::{Names, Nothing};
use crate::plan::{Plan, Step};
use crate::syntax::{BinaryOperator, Node, Syntax};
use crate::{Options, Value};

pub(crate) fn compile(node: &Node, names: &Names, options: &Options) -> Step {
    Compiler { names, options }.step(node)
}

struct Compiler<'a> {
    names: &'a Names,
    options: &'a Options,
}

// One small function for each shape of children: every level of nesting is a few calls, and their frames are small so.
impl Compiler<'_> {
    fn step(&self, node: &Node) -> Step {
        fold(Step { kind: self.plan(&node.kind), span: node.span }, self.options)
    }

    fn plan(&self, syntax: &Syntax) -> Plan {
        match syntax {
            Syntax::Literal(value) => Plan::Constant(value.clone()),
            Syntax::Attribute(name) => Plan::Attribute(self.names.slot(name)),
            Syntax::Exists(name) => Plan::Exists(self.names.slot(name)),
            Syntax::Not(operand) => Plan::Not(self.one(operand)),
            Syntax::Negate(operand) => Plan::Negate(self.one(operand)),
            Syntax::Like { operand, pattern, negated } => {
                Plan::Like(self.one(operand), pattern.clone(), *negated)
            }
            Syntax::In { operand, set, negated } => Plan::In(self.one(operand), self.list(set), *negated),
            Syntax::Binary { operator, left, right } => binary(*operator, self.two(left, right)),
            Syntax::Call { name, arguments } => self.call(name, arguments),
        }
    }

    fn one(&self, node: &Node) -> Box<Step> {
        Box::new(self.step(node))
    }

    fn two(&self, left: &Node, right: &Node) -> Box<[Step; 2]> {
        Box::new([self.step(left), self.step(right)])
    }

    fn list(&self, nodes: &[Node]) -> Box<[Step]> {
        let mut steps = Vec::with_capacity(nodes.len());
        for node in nodes {
            steps.push(self.step(node));
        }
        steps.into()
    }

    fn call(&self, name: &str, arguments: &[Node]) -> Plan {
        match self.options.functions.resolve(name, arguments.len()) {
            Some(Resolved::Builtin(function)) => Plan::Builtin(function, self.list(arguments)),
            Some(Resolved::Custom(function)) => Plan::Custom(function, self.list(arguments)),
            None => Plan::Missing(name.into(), arguments.len()),
        }
    }
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

/// The product of the lengths of a text and a pattern that are compared while an expression is parsed. Parsing takes time that grows with
/// the length of the expression, and only with that.
const MOST_LIKE: usize = 1 << 12;

/// The errors of a part that fails for every event, up to which it is evaluated while parsing.
const MOST_ERRORS: usize = 8;

fn fold(step: Step, options: &Options) -> Step {
    if !is_foldable(&step.kind) {
        return step;
    }
    let mut cx = Context::with_errors(&Nothing, options.limits.text);
    let value = evaluate::value(&step, &mut cx).map(Value::into_owned).map_err(Value::into_owned);
    let errors = cx.errors.unwrap_or_default();
    let kind = match value {
        Ok(value) => Plan::Constant(value),
        // Every level of nesting would copy them.
        Err(_) if errors.len() > MOST_ERRORS => return step,
        Err(value) => Plan::Failing(value, errors.into()),
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
        Plan::Not(operand) | Plan::Negate(operand) => operand.is_constant(),
        Plan::Like(operand, pattern, _) => match &operand.kind {
            Plan::Constant(Value::String(text)) => {
                text.len().saturating_mul(pattern.as_str().len()) <= MOST_LIKE
            }
            _ => operand.is_constant(),
        },
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
    let mut cx = Context::new(&Nothing, 0);
    match (operator, evaluate::boolean(left, &mut cx)) {
        (BinaryOperator::And | BinaryOperator::Or, None) => true,
        (BinaryOperator::And, Some(left)) => !left,
        (BinaryOperator::Or, Some(left)) => left,
        _ => false,
    }
}
