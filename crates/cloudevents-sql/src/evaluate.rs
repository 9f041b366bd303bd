//! The evaluator.
//!
//! A part that fails has the value that the specification defines for its error. Every operator and function that contains it stops, and
//! has the zero value of its type. Operands are evaluated from left to right, and all of them, so that all errors are reported, except
//! where AND, OR and IN stop early.

use crate::functions::Builtin;
use crate::lookup::Attributes;
use crate::plan::{Plan, Step};
use crate::{BinaryOperator, ErrorKind, EvaluationError, Span, Type, Value, math, strings};
use std::borrow::Cow;

/// The result of evaluating an expression: always a value, and the errors that occurred (CESQL 3.3).
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_sql::{ErrorKind, Expression, Value};
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let expression = Expression::parse("LEFT(id, -1)")?;
/// let evaluation = expression.evaluate(&event);
/// assert_eq!(evaluation.value, Value::from("1"));
/// assert_eq!(evaluation.errors[0].kind(), ErrorKind::FunctionEvaluation);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evaluation<'a> {
    /// The value.
    pub value: Value<'a>,
    /// The errors, in the order in which they occurred. Usually empty.
    pub errors: Vec<EvaluationError>,
}

impl Evaluation<'_> {
    /// Whether the event passes a filter with this result: the value is TRUE, and no error occurred (CESQL 1.2).
    pub fn passes(&self) -> bool {
        self.errors.is_empty() && self.value == Value::Boolean(true)
    }

    /// Converts it into one that owns its value.
    pub fn into_owned(self) -> Evaluation<'static> {
        Evaluation { value: self.value.into_owned(), errors: self.errors }
    }
}

/// What steps are evaluated with.
pub(crate) struct Context<'e, A> {
    pub(crate) attributes: &'e A,
    /// `None` when the first error decides and no caller reads it.
    pub(crate) errors: Option<Vec<EvaluationError>>,
    /// Bytes that a text may have.
    pub(crate) text: usize,
}

impl<A> Context<'_, A> {
    #[cold]
    fn raise(&mut self, kind: ErrorKind, span: Span, message: impl FnOnce() -> Cow<'static, str>) {
        if let Some(errors) = &mut self.errors {
            errors.push(EvaluationError { kind, span, message: message() });
        }
    }
}

/// The value of a step. An error is the value of a step that failed.
pub(crate) fn value<'e, A: Attributes>(
    step: &'e Step,
    cx: &mut Context<'e, A>,
) -> Result<Value<'e>, Value<'e>> {
    match &step.kind {
        Plan::Constant(value) => Ok(value.borrowed()),
        Plan::Failing(value, errors) => {
            if let Some(met) = &mut cx.errors {
                met.extend_from_slice(errors);
            }
            Err(value.borrowed())
        }
        Plan::Attribute(slot) => match cx.attributes.get(slot) {
            Some(value) => Ok(value.into()),
            None => {
                let message = || format!("the event has no attribute `{}`", slot.name).into();
                cx.raise(ErrorKind::MissingAttribute, step.span, message);
                Err(Value::Boolean(false))
            }
        },
        Plan::Negate(operand) => {
            let number = integer(operand, cx).ok_or(Value::Integer(0))?;
            calculated(math::negate(number), step, cx)
        }
        Plan::Math(operator, operands) => {
            let (left, right) = integers(operands, cx).ok_or(Value::Integer(0))?;
            calculated(math::calculate(*operator, left, right), step, cx)
        }
        Plan::Builtin(function, arguments) => call(*function, arguments, step, cx),
        Plan::Custom(function, arguments) => {
            let signature = &function.signature;
            let zero = || signature.returns.zero();
            let values: Vec<Option<Value<'_>>> = arguments
                .iter()
                .enumerate()
                .map(|(index, argument)| typed(argument, signature.parameter(index)?, cx))
                .collect();
            let values: Vec<Value<'_>> = values.into_iter().collect::<Option<_>>().ok_or_else(zero)?;
            function.call(&values).map_err(|error| {
                let message = || format!("{}: {}", function.name, error.message).into();
                cx.raise(ErrorKind::FunctionEvaluation, step.span, message);
                error.value.unwrap_or_else(zero)
            })
        }
        Plan::Missing(name, arguments) => {
            let message = || format!("there is no function {name} of {}", counted(*arguments)).into();
            cx.raise(ErrorKind::MissingFunction, step.span, message);
            Err(Value::Boolean(false))
        }
        _ => test(step, cx).map(Value::Boolean).ok_or(Value::Boolean(false)),
    }
}

/// Whether the value of a step is the Boolean TRUE, without an error.
#[inline]
pub(crate) fn is_true<'e, A: Attributes>(step: &'e Step, cx: &mut Context<'e, A>) -> bool {
    if is_test(&step.kind) {
        test(step, cx) == Some(true)
    } else {
        value(step, cx) == Ok(Value::Boolean(true))
    }
}

/// The value of a step as Boolean. `None` when it failed.
#[inline]
pub(crate) fn boolean<'e, A: Attributes>(step: &'e Step, cx: &mut Context<'e, A>) -> Option<bool> {
    if is_test(&step.kind) { test(step, cx) } else { typed(step, Type::Boolean, cx)?.as_bool() }
}

fn is_test(plan: &Plan) -> bool {
    matches!(
        plan,
        Plan::Exists(_)
            | Plan::Not(_)
            | Plan::Logic(..)
            | Plan::Equal(..)
            | Plan::Order(..)
            | Plan::Like(..)
            | Plan::In(..)
    )
}

/// The steps whose values are Booleans. Where they fail, they are false.
fn test<'e, A: Attributes>(step: &'e Step, cx: &mut Context<'e, A>) -> Option<bool> {
    match &step.kind {
        Plan::Exists(slot) => Some(cx.attributes.get(slot).is_some()),
        Plan::Not(operand) => boolean(operand, cx).map(|boolean| !boolean),
        Plan::Logic(operator, operands) => {
            let [left, right] = &**operands;
            match (operator, boolean(left, cx)) {
                (BinaryOperator::And, left @ (None | Some(false))) => left,
                (BinaryOperator::Or, left @ (None | Some(true))) => left,
                (BinaryOperator::Xor, left) => {
                    let right = boolean(right, cx);
                    left.zip(right).map(|(left, right)| left != right)
                }
                _ => boolean(right, cx),
            }
        }
        Plan::Equal(operands, negated) => {
            let [left, right] = &**operands;
            if let (Some(text), Plan::Constant(Value::String(wanted))) = (plain(left, cx), &right.kind) {
                return Some((text == *wanted) != *negated);
            }
            let (from, to) = (value(left, cx), value(right, cx));
            let (from, to) = (from.ok()?, to.ok()?);
            let from = cast(from, to.ty(), left.span, cx)?;
            Some((from == to) != *negated)
        }
        Plan::Order(operator, operands) => {
            let (left, right) = integers(operands, cx)?;
            Some(match operator {
                BinaryOperator::Less => left < right,
                BinaryOperator::LessOrEqual => left <= right,
                BinaryOperator::Greater => left > right,
                _ => left >= right,
            })
        }
        Plan::Like(operand, pattern, negated) => {
            if let Some(text) = plain(operand, cx) {
                return Some(pattern.matches(text) != *negated);
            }
            text(operand, cx).map(|text| pattern.matches(&text) != *negated)
        }
        Plan::In(operand, set, negated) => {
            let wanted = value(operand, cx).ok()?;
            for element in set {
                if let (Value::String(wanted), Plan::Constant(Value::String(text))) = (&wanted, &element.kind)
                {
                    if wanted == text {
                        return Some(!negated);
                    }
                    continue;
                }
                let found = value(element, cx).ok()?;
                if cast(found, wanted.ty(), element.span, cx)? == wanted {
                    return Some(!negated);
                }
            }
            Some(*negated)
        }
        _ => value(step, cx).ok()?.as_bool(),
    }
}

/// The text of an attribute that is text and there: the short way for most of all filters, which moves no values.
#[inline]
fn plain<'e, A: Attributes>(step: &Step, cx: &Context<'e, A>) -> Option<&'e str> {
    match &step.kind {
        Plan::Attribute(slot) => cx.attributes.get(slot)?.as_str(),
        _ => None,
    }
}

fn call<'e, A: Attributes>(
    function: Builtin,
    arguments: &'e [Step],
    step: &'e Step,
    cx: &mut Context<'e, A>,
) -> Result<Value<'e>, Value<'e>> {
    let failed = function.returns().zero();
    let (first, second, third) = (arguments.first(), arguments.get(1), arguments.get(2));
    // The number of arguments was checked when the function was resolved.
    let Some(first) = first else { return Ok(failed) };
    match function {
        Builtin::Bool | Builtin::Int | Builtin::String => typed(first, function.returns(), cx).ok_or(failed),
        Builtin::Length => text(first, cx).map(|text| Value::Integer(strings::length(&text))).ok_or(failed),
        Builtin::Lower => text(first, cx).map(|text| strings::lower(text).into()).ok_or(failed),
        Builtin::Upper => text(first, cx).map(|text| strings::upper(text).into()).ok_or(failed),
        Builtin::Trim => text(first, cx).map(|text| strings::trim(text).into()).ok_or(failed),
        Builtin::Concat => concatenated(&Cow::Borrowed(""), arguments, step, cx),
        Builtin::ConcatWs => {
            let separator = text(first, cx);
            let joined = concatenated(
                separator.as_ref().unwrap_or(&Cow::Borrowed("")),
                arguments.get(1..).unwrap_or_default(),
                step,
                cx,
            );
            separator.ok_or(failed).and(joined)
        }
        Builtin::Abs => {
            let number = integer(first, cx).ok_or(failed)?;
            number.checked_abs().map(Value::Integer).ok_or_else(|| {
                cx.raise(ErrorKind::Math, step.span, || "ABS: the result does not fit in 32 bits".into());
                Value::Integer(i32::MAX)
            })
        }
        Builtin::Left | Builtin::Right => {
            let (text, count) = (text(first, cx), second.and_then(|second| integer(second, cx)));
            let (text, count) = text.zip(count).ok_or(failed)?;
            let side = if function == Builtin::Left { strings::left } else { strings::right };
            strings::cut(text, |text| side(text, count)).map(Value::from).map_err(|text| {
                let message = || format!("{}: a negative number of characters", function.name()).into();
                cx.raise(ErrorKind::FunctionEvaluation, step.span, message);
                text.into()
            })
        }
        Builtin::Substring | Builtin::SubstringOf => {
            let (text, position) = (text(first, cx), second.and_then(|second| integer(second, cx)));
            let count = third.map(|third| integer(third, cx).ok_or(()));
            let (text, position) = text.zip(position).ok_or(Value::from(""))?;
            let count = count.transpose().map_err(|()| Value::from(""))?;
            strings::cut(text, |text| strings::substring(text, position, count)).map(Value::from).map_err(
                |_| {
                    let message = || "SUBSTRING: a position outside of the text, or a negative length".into();
                    cx.raise(ErrorKind::FunctionEvaluation, step.span, message);
                    failed
                },
            )
        }
    }
}

fn concatenated<'e, A: Attributes>(
    separator: &str,
    arguments: &'e [Step],
    step: &'e Step,
    cx: &mut Context<'e, A>,
) -> Result<Value<'e>, Value<'e>> {
    let mut whole = Some(String::new());
    for (index, argument) in arguments.iter().enumerate() {
        let Some(piece) = text(argument, cx) else {
            whole = None;
            continue;
        };
        let Some(joined) = &mut whole else { continue };
        let separator = if index == 0 { "" } else { separator };
        if joined.len().saturating_add(separator.len()).saturating_add(piece.len()) > cx.text {
            let limit = cx.text;
            let message = || format!("the text would have more than {limit} bytes").into();
            cx.raise(ErrorKind::FunctionEvaluation, step.span, message);
            return Err(Value::from(""));
        }
        joined.push_str(separator);
        joined.push_str(&piece);
    }
    whole.map(Value::from).ok_or(Value::from(""))
}

fn calculated<'e, A>(
    result: Result<i32, &'static str>,
    step: &Step,
    cx: &mut Context<'e, A>,
) -> Result<Value<'e>, Value<'e>> {
    result.map(Value::Integer).map_err(|reason| {
        cx.raise(ErrorKind::Math, step.span, || reason.into());
        Value::Integer(0)
    })
}

fn integers<'e, A: Attributes>(operands: &'e [Step; 2], cx: &mut Context<'e, A>) -> Option<(i32, i32)> {
    let [left, right] = operands;
    let (left, right) = (integer(left, cx), integer(right, cx));
    left.zip(right)
}

fn integer<'e, A: Attributes>(step: &'e Step, cx: &mut Context<'e, A>) -> Option<i32> {
    typed(step, Type::Integer, cx)?.as_integer()
}

fn text<'e, A: Attributes>(step: &'e Step, cx: &mut Context<'e, A>) -> Option<Cow<'e, str>> {
    match typed(step, Type::String, cx)? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn typed<'e, A: Attributes>(step: &'e Step, ty: Type, cx: &mut Context<'e, A>) -> Option<Value<'e>> {
    let value = value(step, cx).ok()?;
    cast(value, ty, step.span, cx)
}

#[inline]
fn cast<'e, A>(value: Value<'e>, to: Type, span: Span, cx: &mut Context<'e, A>) -> Option<Value<'e>> {
    match value.cast(to) {
        Ok(value) => Some(value),
        Err(value) => {
            cx.raise(ErrorKind::Cast, span, || format!("{} is no {to}", shortened(&value)).into());
            None
        }
    }
}

pub(crate) fn shortened(value: &Value<'_>) -> String {
    const SHOWN: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

pub(crate) fn counted(arguments: usize) -> String {
    match arguments {
        0 => "no arguments".into(),
        1 => "one argument".into(),
        more => format!("{more} arguments"),
    }
}
