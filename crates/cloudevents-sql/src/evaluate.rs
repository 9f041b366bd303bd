//! The evaluator.
//!
//! A part that fails has the value that the specification defines for its error. Every operator and function that contains it stops, and
//! has the zero value of its type. Operands are evaluated from left to right, and all of them, so that all errors are reported, except
//! where AND, OR and IN stop early.

use crate::functions::Builtin;
use crate::lookup::{Attributes, Slot};
use crate::plan::{Plan, Step};
use crate::{
    BinaryOperator, ErrorKind, EvaluationError, Function, Pattern, Span, Type, Value, math, strings,
};
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

    /// Converts it into an evaluation that owns its value.
    pub fn into_owned(self) -> Evaluation<'static> {
        Evaluation { value: self.value.into_owned(), errors: self.errors }
    }
}

/// The steps that patterns of LIKE and functions of text may take in one evaluation: some hundredths of a second.
const STEPS: usize = 1 << 24;

/// The attributes and the limits of an evaluation, and its errors.
pub(crate) struct Context<'e, A> {
    attributes: &'e A,
    /// `None` when the first error decides and no caller reads it.
    pub(crate) errors: Option<Vec<EvaluationError>>,
    /// Bytes that a text may have.
    text: usize,
    /// The steps that patterns and functions may still take.
    steps: usize,
}

impl<'e, A> Context<'e, A> {
    /// For whether an expression is true.
    pub(crate) fn new(attributes: &'e A, text: usize) -> Self {
        Self { attributes, errors: None, text, steps: STEPS }
    }

    /// For its value and all errors.
    pub(crate) fn with_errors(attributes: &'e A, text: usize) -> Self {
        Self { errors: Some(Vec::new()), ..Self::new(attributes, text) }
    }
}

impl<A> Context<'_, A> {
    /// Takes steps; `false` if there are too few left.
    #[inline]
    fn spend(&mut self, steps: usize) -> bool {
        let left = self.steps.checked_sub(steps);
        self.steps = left.unwrap_or(self.steps);
        left.is_some()
    }

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
        Plan::Attribute(slot) => attribute(slot, step, cx),
        Plan::Negate(operand) => match integer(operand, cx) {
            Some(number) => calculated(math::negate(number), step, cx),
            None => Err(Value::Integer(0)),
        },
        Plan::Math(operator, operands) => match integers(operands, cx) {
            Some((left, right)) => calculated(math::calculate(*operator, left, right), step, cx),
            None => Err(Value::Integer(0)),
        },
        Plan::Builtin(function, arguments) => call(*function, arguments, step, cx),
        Plan::Custom(function, arguments) => custom(function, arguments, step, cx),
        Plan::Missing(name, arguments) => {
            missing(name, *arguments, step, cx);
            Err(Value::Boolean(false))
        }
        _ => test(step, cx).map(Value::Boolean).ok_or(Value::Boolean(false)),
    }
}

#[inline]
fn attribute<'e, A: Attributes>(
    slot: &Slot,
    step: &Step,
    cx: &mut Context<'e, A>,
) -> Result<Value<'e>, Value<'e>> {
    if let Some(value) = cx.attributes.get(slot) {
        return Ok(value.into());
    }
    let message = || format!("the event has no attribute `{}`", slot.name).into();
    cx.raise(ErrorKind::MissingAttribute, step.span, message);
    Err(Value::Boolean(false))
}

#[cold]
fn missing<A>(name: &str, arguments: usize, step: &Step, cx: &mut Context<'_, A>) {
    let message = || format!("there is no function {name} of {}", counted(arguments)).into();
    cx.raise(ErrorKind::MissingFunction, step.span, message);
}

fn custom<'e, A: Attributes>(
    function: &Function,
    arguments: &'e [Step],
    step: &'e Step,
    cx: &mut Context<'e, A>,
) -> Result<Value<'e>, Value<'e>> {
    let signature = &function.signature;
    let zero = || signature.returns.zero();
    let mut values = Some(Vec::with_capacity(arguments.len()));
    for (index, argument) in arguments.iter().enumerate() {
        let value = signature.parameter(index).and_then(|ty| typed(argument, ty, cx));
        values = values.zip(value).map(|(mut values, value)| {
            values.push(value);
            values
        });
    }
    function.call(&values.ok_or_else(zero)?).map_err(|error| {
        let message = || format!("{}: {}", function.name, error.message).into();
        cx.raise(ErrorKind::FunctionEvaluation, step.span, message);
        error.value.unwrap_or_else(zero)
    })
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

/// The steps whose values are Booleans. A step that fails is false.
///
/// One function for each: every level of nesting is a few calls, and their frames are small so.
fn test<'e, A: Attributes>(step: &'e Step, cx: &mut Context<'e, A>) -> Option<bool> {
    match &step.kind {
        Plan::Exists(slot) => Some(cx.attributes.get(slot).is_some()),
        Plan::Not(operand) => boolean(operand, cx).map(|boolean| !boolean),
        Plan::Logic(operator, operands) => logic(*operator, operands, cx),
        Plan::Equal(operands, negated) => equal(operands, cx).map(|equal| equal != *negated),
        Plan::Order(operator, operands) => {
            integers(operands, cx).map(|(left, right)| ordered(*operator, left, right))
        }
        Plan::Like(operand, pattern, negated) => {
            like(operand, pattern, step, cx).map(|like| like != *negated)
        }
        Plan::In(operand, set, negated) => contained(operand, set, cx).map(|contained| contained != *negated),
        _ => value(step, cx).ok()?.as_bool(),
    }
}

#[inline]
fn logic<'e, A: Attributes>(
    operator: BinaryOperator,
    [left, right]: &'e [Step; 2],
    cx: &mut Context<'e, A>,
) -> Option<bool> {
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

#[inline]
fn equal<'e, A: Attributes>([left, right]: &'e [Step; 2], cx: &mut Context<'e, A>) -> Option<bool> {
    if let (Some(text), Plan::Constant(Value::String(wanted))) = (plain(left, cx), &right.kind) {
        return Some(text == *wanted);
    }
    let (from, to) = (value(left, cx), value(right, cx));
    let (from, to) = (from.ok()?, to.ok()?);
    Some(cast(from, to.ty(), left.span, cx)? == to)
}

fn ordered(operator: BinaryOperator, left: i32, right: i32) -> bool {
    match operator {
        BinaryOperator::Less => left < right,
        BinaryOperator::LessOrEqual => left <= right,
        BinaryOperator::Greater => left > right,
        _ => left >= right,
    }
}

#[inline]
fn like<'e, A: Attributes>(
    operand: &'e Step,
    pattern: &Pattern,
    step: &Step,
    cx: &mut Context<'e, A>,
) -> Option<bool> {
    match plain(operand, cx) {
        Some(text) => matched(text, pattern, step, cx),
        None => text(operand, cx).and_then(|text| matched(&text, pattern, step, cx)),
    }
}

#[inline]
fn matched<A>(text: &str, pattern: &Pattern, step: &Step, cx: &mut Context<'_, A>) -> Option<bool> {
    let matched = pattern.matches_within(text, |steps| cx.spend(steps));
    if matched.is_none() {
        cx.raise(ErrorKind::Generic, step.span, || "LIKE: the patterns and texts are too long".into());
    }
    matched
}

fn contained<'e, A: Attributes>(operand: &'e Step, set: &'e [Step], cx: &mut Context<'e, A>) -> Option<bool> {
    let wanted = value(operand, cx).ok()?;
    for element in set {
        if let (Value::String(wanted), Plan::Constant(Value::String(text))) = (&wanted, &element.kind) {
            if wanted == text {
                return Some(true);
            }
            continue;
        }
        let found = value(element, cx).ok()?;
        if cast(found, wanted.ty(), element.span, cx)? == wanted {
            return Some(true);
        }
    }
    Some(false)
}

/// The text of an attribute that is present and a text: the short way of most filters. It moves no values.
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
    // The number of arguments was checked when the function was resolved.
    let [first, others @ ..] = arguments else { return Ok(function.returns().zero()) };
    match function {
        Builtin::Bool | Builtin::Int | Builtin::String => {
            typed(first, function.returns(), cx).ok_or_else(|| function.returns().zero())
        }
        Builtin::Length | Builtin::Lower | Builtin::Upper | Builtin::Trim => of_text(function, first, cx),
        Builtin::Concat => concatenated("", arguments, step, cx),
        Builtin::ConcatWs => {
            let separator = text(first, cx);
            let joined = concatenated(separator.as_deref().unwrap_or_default(), others, step, cx);
            separator.ok_or(Value::from("")).and(joined)
        }
        Builtin::Abs => absolute(first, step, cx),
        Builtin::Left | Builtin::Right => side(function, arguments, step, cx),
        Builtin::Substring | Builtin::SubstringOf => substring(arguments, step, cx),
    }
}

fn of_text<'e, A: Attributes>(
    function: Builtin,
    argument: &'e Step,
    cx: &mut Context<'e, A>,
) -> Result<Value<'e>, Value<'e>> {
    let text = read(argument, cx).ok_or_else(|| function.returns().zero())?;
    Ok(match function {
        Builtin::Length => Value::Integer(strings::length(&text)),
        Builtin::Lower => strings::lower(text).into(),
        Builtin::Upper => strings::upper(text).into(),
        _ => strings::trim(text).into(),
    })
}

fn absolute<'e, A: Attributes>(
    argument: &'e Step,
    step: &Step,
    cx: &mut Context<'e, A>,
) -> Result<Value<'e>, Value<'e>> {
    let number = integer(argument, cx).ok_or(Value::Integer(0))?;
    number.checked_abs().map(Value::Integer).ok_or_else(|| {
        cx.raise(ErrorKind::Math, step.span, || "ABS: the result does not fit in 32 bits".into());
        Value::Integer(i32::MAX)
    })
}

/// LEFT or RIGHT.
fn side<'e, A: Attributes>(
    function: Builtin,
    arguments: &'e [Step],
    step: &Step,
    cx: &mut Context<'e, A>,
) -> Result<Value<'e>, Value<'e>> {
    let [whole, count] = arguments else { return Err(Value::from("")) };
    let (whole, count) = (read(whole, cx), integer(count, cx));
    let (Some(whole), Some(count)) = (whole, count) else { return Err(Value::from("")) };
    let side = if function == Builtin::Left { strings::left } else { strings::right };
    cut(whole, |text| side(text, count)).inspect_err(|_| {
        let message = || format!("{}: a negative number of characters", function.name()).into();
        cx.raise(ErrorKind::FunctionEvaluation, step.span, message);
    })
}

fn substring<'e, A: Attributes>(
    arguments: &'e [Step],
    step: &Step,
    cx: &mut Context<'e, A>,
) -> Result<Value<'e>, Value<'e>> {
    let [whole, position, count @ ..] = arguments else { return Err(Value::from("")) };
    let (whole, position) = (read(whole, cx), integer(position, cx));
    let count = count.first().map(|count| integer(count, cx));
    let (Some(whole), Some(position), None | Some(Some(_))) = (whole, position, count) else {
        return Err(Value::from(""));
    };
    cut(whole, |text| strings::substring(text, position, count.flatten())).map_err(|_| {
        let message = || "SUBSTRING: a position outside of the text, or a negative length".into();
        cx.raise(ErrorKind::FunctionEvaluation, step.span, message);
        Value::from("")
    })
}

fn cut<'e>(whole: Cow<'e, str>, part: impl Fn(&str) -> Option<&str>) -> Result<Value<'e>, Value<'e>> {
    strings::cut(whole, part).map(Value::from).map_err(Value::from)
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
        if !cx.spend(separator.len().saturating_add(piece.len())) {
            too_much(argument, cx);
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

/// The text of an argument that a function reads as a whole.
fn read<'e, A: Attributes>(step: &'e Step, cx: &mut Context<'e, A>) -> Option<Cow<'e, str>> {
    let text = text(step, cx)?;
    if !cx.spend(text.len()) {
        too_much(step, cx);
        return None;
    }
    Some(text)
}

#[cold]
fn too_much<A>(step: &Step, cx: &mut Context<'_, A>) {
    cx.raise(ErrorKind::Generic, step.span, || "the functions read too much text".into());
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
