//! Static checks (CESQL 3.3: some errors should be found when an expression is compiled).

use crate::evaluate::{counted, shortened};
use crate::functions::Resolved;
use crate::plan::{Plan, Step};
use crate::syntax::{BinaryOperator, Level, Node, Syntax};
use crate::{EvaluationError, Functions, Options, Span, Type, Value, Warning, WarningKind};
use std::borrow::Cow;

pub(crate) fn check(root: &Node, step: &Step, options: &Options) -> Vec<Warning> {
    let mut checks = Checks { functions: &options.functions, found: Vec::new() };
    checks.node(root);
    if let (Plan::Constant(value), false) = (&step.kind, matches!(root.kind, Syntax::Literal(_))) {
        let message = format!("this is {} for every event", shortened(value));
        checks.warn(WarningKind::Constant, root.span, message);
    }
    if checks.found.is_empty()
        && let Some(error) = failing(step)
    {
        checks.warn(WarningKind::NeverSucceeds, error.span, error.message.clone());
    }
    if let Some(ty @ (Type::Integer | Type::String)) = checks.type_of(root) {
        let message = format!("as a filter this passes no event: its value is of type {ty}");
        checks.warn(WarningKind::NotBoolean, root.span, message);
    }
    checks.found
}

/// The first error that every event has.
fn failing(step: &Step) -> Option<&EvaluationError> {
    match &step.kind {
        Plan::Failing(_, errors) => errors.first(),
        Plan::Constant(_) | Plan::Attribute(_) | Plan::Exists(_) | Plan::Missing(..) => None,
        Plan::Not(operand) | Plan::Negate(operand) | Plan::Like(operand, ..) => failing(operand),
        Plan::Logic(_, operands)
        | Plan::Equal(operands, _)
        | Plan::Order(_, operands)
        | Plan::Math(_, operands) => operands.iter().find_map(failing),
        Plan::In(operand, set, _) => failing(operand).or_else(|| set.iter().find_map(failing)),
        Plan::Builtin(_, arguments) | Plan::Custom(_, arguments) => arguments.iter().find_map(failing),
    }
}

struct Checks<'a> {
    functions: &'a Functions,
    found: Vec<Warning>,
}

impl Checks<'_> {
    fn warn(&mut self, kind: WarningKind, span: Span, message: impl Into<Cow<'static, str>>) {
        self.found.push(Warning { kind, span, message: message.into() });
    }

    fn node(&mut self, node: &Node) {
        match &node.kind {
            Syntax::Literal(_) => {}
            Syntax::Attribute(name) | Syntax::Exists(name) => self.name(name, node.span),
            Syntax::Not(operand) => self.cast(operand, Type::Boolean, "NOT inverts"),
            Syntax::Negate(operand) => self.cast(operand, Type::Integer, "- negates"),
            Syntax::Like { operand, .. } => self.not_before(operand, "LIKE"),
            Syntax::In { operand, set, .. } => {
                self.not_before(operand, "IN");
                if let Some(ty) = self.type_of(operand) {
                    let what = format!("IN compares with {operand}");
                    set.iter().for_each(|element| self.cast(element, ty, &what));
                }
            }
            Syntax::Binary { operator, left, right } => self.binary(*operator, left, right, node.span),
            Syntax::Call { name, arguments } => self.call(name, arguments, node.span),
        }
        node.children().for_each(|child| self.node(child));
    }

    fn name(&mut self, name: &str, span: Span) {
        if name == "data" {
            let message = "no event has an attribute `data`: the payload cannot be addressed";
            self.warn(WarningKind::ImpossibleName, span, message);
        } else if name.len() > 20 {
            let message = format!("`{name}` has {} characters, and names should not exceed 20", name.len());
            self.warn(WarningKind::LongName, span, message);
        }
    }

    fn binary(&mut self, operator: BinaryOperator, left: &Node, right: &Node, span: Span) {
        let symbol = operator.symbol();
        match operator.level() {
            Level::Logic => {
                self.cast(left, Type::Boolean, &format!("{symbol} combines"));
                self.cast(right, Type::Boolean, &format!("{symbol} combines"));
                if let Syntax::Binary { operator: inner, .. } = &left.kind
                    && inner.is_logic()
                    && *inner != operator
                    && !left.enclosed
                {
                    let message = format!(
                        "{} and {symbol} bind equally, from left to right, here; some engines read them from right to left: use \
                         parentheses",
                        inner.symbol()
                    );
                    self.warn(WarningKind::MixedLogic, span, message);
                }
                return;
            }
            Level::Comparison => self.not_before(left, symbol),
            _ => {
                self.cast(left, Type::Integer, &format!("{symbol} calculates with"));
                self.cast(right, Type::Integer, &format!("{symbol} calculates with"));
                if operator == BinaryOperator::Divide || operator == BinaryOperator::Remainder {
                    self.zero(right);
                }
                return;
            }
        }
        if operator == BinaryOperator::Equal || operator == BinaryOperator::NotEqual {
            self.equality(left, right, symbol, span);
        } else {
            self.cast(left, Type::Integer, &format!("{symbol} compares"));
            self.cast(right, Type::Integer, &format!("{symbol} compares"));
        }
    }

    fn zero(&mut self, divisor: &Node) {
        if let Syntax::Literal(Value::Integer(0)) = divisor.kind {
            self.warn(WarningKind::NeverSucceeds, divisor.span, "division by zero");
        }
    }

    /// The left operand is cast to the type of the right one.
    fn equality(&mut self, left: &Node, right: &Node, symbol: &str, span: Span) {
        let Some(to) = self.type_of(right) else { return };
        self.cast(left, to, &format!("{symbol} compares with {right}"));
        let (Some(from), Syntax::Literal(Value::String(text))) = (self.type_of(left), &right.kind) else {
            return;
        };
        let never = match from {
            Type::Boolean => !matches!(&**text, "true" | "false"),
            Type::Integer => crate::cast::integer(text).is_none_or(|number| number.to_string() != **text),
            Type::String => false,
        };
        if never {
            let message = format!("{left} is of type {from}, and as text never {right}");
            self.warn(WarningKind::NeverEqual, span, message);
        }
    }

    fn call(&mut self, name: &str, arguments: &[Node], span: Span) {
        let parameter: Box<dyn Fn(usize) -> Option<Type>> = match self
            .functions
            .resolve(name, arguments.len())
        {
            Some(Resolved::Builtin(function)) => Box::new(move |index| function.parameter(index)),
            Some(Resolved::Custom(function)) => Box::new(move |index| function.signature.parameter(index)),
            None => {
                let message = self.unknown(name, arguments.len());
                return self.warn(WarningKind::UnknownFunction, span, message);
            }
        };
        for (index, argument) in arguments.iter().enumerate() {
            if let Some(ty) = parameter(index) {
                self.cast(argument, ty, &format!("{name} takes"));
            }
        }
        if let (Some(Resolved::Builtin(cast)), [argument]) = (self.functions.resolve(name, 1), arguments)
            && cast.parameter(0).is_none()
        {
            self.cast(argument, cast.returns(), &format!("{name} makes of it"));
        }
    }

    fn unknown(&self, name: &str, arguments: usize) -> String {
        let arities: Vec<String> = self.functions.arities(name).map(|arity| arity.to_string()).collect();
        if !arities.is_empty() {
            return format!("{name} takes {} arguments, not {arguments}", arities.join(" or "));
        }
        let missing = format!("there is no function {name} of {}", counted(arguments));
        let close = self.functions.names().find(|known| {
            known.starts_with(name)
                || name.starts_with(known)
                || known.replace('_', "") == name.replace('_', "")
        });
        match close {
            Some(close) => format!("{missing}: is it {close}?"),
            None => missing,
        }
    }

    /// Warns of a cast that no value survives.
    fn cast(&mut self, node: &Node, to: Type, what: &str) {
        let never = match &node.kind {
            Syntax::Literal(value) => value.clone().cast(to).is_err(),
            Syntax::Attribute(name) => to != Type::String && is_never_a_number(name),
            _ => false,
        };
        if never {
            let shown = match &node.kind {
                Syntax::Literal(value) => shortened(value),
                _ => format!("`{node}`"),
            };
            let message = format!("{shown} is never {}, which {what}", with_article(to));
            self.warn(WarningKind::NeverSucceeds, node.span, message);
        }
    }

    fn not_before(&mut self, operand: &Node, operator: &str) {
        if let (Syntax::Not(inner), false) = (&operand.kind, operand.enclosed) {
            let message = format!(
                "NOT binds more tightly than {operator}: this is (NOT {inner}) {operator} ...; use parentheses to say which is meant"
            );
            self.warn(WarningKind::NotBindsTighter, operand.span, message);
        }
    }

    /// The type of a node, if it does not depend on the event.
    fn type_of(&self, node: &Node) -> Option<Type> {
        match &node.kind {
            Syntax::Literal(value) => Some(value.ty()),
            Syntax::Attribute(name) => is_text(name).then_some(Type::String),
            Syntax::Not(_) | Syntax::Like { .. } | Syntax::Exists(_) | Syntax::In { .. } => {
                Some(Type::Boolean)
            }
            Syntax::Negate(_) => Some(Type::Integer),
            Syntax::Binary { operator, .. } => match operator.level() {
                Level::Logic | Level::Comparison => Some(Type::Boolean),
                _ => Some(Type::Integer),
            },
            Syntax::Call { name, arguments } => match self.functions.resolve(name, arguments.len())? {
                Resolved::Builtin(function) => Some(function.returns()),
                Resolved::Custom(function) => Some(function.signature.returns),
            },
        }
    }
}

fn is_text(name: &str) -> bool {
    is_never_a_number(name) || matches!(name, "id" | "source" | "type" | "subject" | "schemaurl")
}

/// A timestamp, a URI with a scheme, a media type and `1.0` are neither integers nor Booleans.
fn is_never_a_number(name: &str) -> bool {
    matches!(name, "time" | "dataschema" | "datacontenttype" | "specversion")
}

fn with_article(ty: Type) -> &'static str {
    match ty {
        Type::Boolean => "a Boolean",
        Type::Integer => "an Integer",
        Type::String => "a String",
    }
}
