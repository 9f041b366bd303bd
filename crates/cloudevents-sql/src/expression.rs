//! Expressions.

use crate::evaluate::{self, Context, Evaluation};
use crate::lookup::{Attributes, ByName, Names};
use crate::plan::Step;
use crate::syntax::{Node, Syntax};
use crate::{Options, ParseError, Warning, check, compile, parse};
use cloudevents_core::{DecodeOptions, Error, Event, FoundAttributes, Message, ResolvedName};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// An expression of CESQL, parsed, checked and compiled. A clone counts references, and one expression may be used by many threads.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_sql::Expression;
///
/// let wanted = Expression::parse("type LIKE 'com.example.%' AND priority > 2")?;
/// let event = Event::builder().id("1").source("/s").ty("com.example.order").extension("priority", 3).build()?;
/// assert!(wanted.matches(&event));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Expression(Arc<Inner>);

struct Inner {
    source: Box<str>,
    syntax: Node,
    step: Step,
    warnings: Box<[Warning]>,
    names: Names,
    text: usize,
}

impl Expression {
    /// Parses a text with the default limits and the built-in functions.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::parse_with(text, &Options::default())
    }

    /// Parses a text.
    ///
    /// A call of an undefined function parses. It is a [warning](Self::warnings), and an error when it is evaluated (CESQL 3.5).
    pub fn parse_with(text: &str, options: &Options) -> Result<Self, ParseError> {
        let syntax = parse::parse(text, &options.limits)?;
        let mut attributes = Vec::new();
        collect_attributes(&syntax, &mut attributes);
        let names = Names::new(attributes);
        let step = compile::compile(&syntax, &names, options);
        Ok(Self(Arc::new(Inner {
            source: text.into(),
            warnings: check::check(&syntax, &step, options).into(),
            syntax,
            step,
            names,
            text: options.limits.text,
        })))
    }

    /// Whether the event passes this expression as a filter: its value is the Boolean TRUE, and no error occurred (CESQL 1.2).
    ///
    /// Evaluation stops at the first error. Only functions that return text, and casts from Integer to String, allocate.
    #[inline]
    pub fn matches(&self, event: &Event) -> bool {
        let mut cx = Context::new(event, self.0.text);
        evaluate::is_true(&self.0.step, &mut cx)
    }

    /// Whether the message passes this expression as a filter, without decoding it.
    ///
    /// A document is read only up to the last attribute that the expression uses. The rest is not checked.
    ///
    /// Errors: [`Batched`](cloudevents_core::ErrorKind::Batched) for a batch, and the errors of reading a document.
    pub fn matches_message(&self, message: &Message, with: &DecodeOptions) -> Result<bool, Error> {
        if let Message::Binary(event) = message {
            return Ok(self.matches(event));
        }
        message.look_up(&self.0.names.possible, with, |found| {
            let mut cx = Context::new(&found, self.0.text);
            evaluate::is_true(&self.0.step, &mut cx)
        })
    }

    /// Whether an event with these attributes passes this expression as a filter. For filters that use more attributes than this
    /// expression.
    ///
    /// All [`names`](Self::names) must have been looked up: an attribute that was not counts as absent.
    ///
    /// ```
    /// use cloudevents_core::{Event, FoundAttributes, ResolvedName};
    ///
    /// let wanted = cloudevents_sql::Expression::parse("priority > 2")?;
    /// let names = ResolvedName::all(["type", "priority"])?;
    /// let event = Event::builder().id("1").source("/s").ty("t").extension("priority", 3).build()?;
    /// assert!(wanted.matches_found(FoundAttributes::in_event(&names, &event)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn matches_found(&self, found: FoundAttributes<'_>) -> bool {
        let found = ByName(found);
        let mut cx = Context::new(&found, self.0.text);
        evaluate::is_true(&self.0.step, &mut cx)
    }

    /// Evaluates the expression for an event, and returns its value and the errors that occurred.
    ///
    /// There is always a value. A part that fails has the value that the specification defines for its error, and the operators and
    /// functions that contain it have the zero value of their type.
    pub fn evaluate<'e>(&'e self, event: &'e Event) -> Evaluation<'e> {
        self.evaluated(event)
    }

    /// Evaluates the expression for the event of a message. Errors are the errors of [`matches_message`](Self::matches_message).
    pub fn evaluate_message(
        &self,
        message: &Message,
        with: &DecodeOptions,
    ) -> Result<Evaluation<'static>, Error> {
        message.look_up(&self.0.names.possible, with, |found| self.evaluated(&found).into_owned())
    }

    /// The text as it was parsed.
    pub fn as_str(&self) -> &str {
        &self.0.source
    }

    /// The syntax tree.
    pub fn syntax(&self) -> &Node {
        &self.0.syntax
    }

    /// Returns the likely mistakes in the expression. An expression with warnings can be used.
    pub fn warnings(&self) -> &[Warning] {
        &self.0.warnings
    }

    /// The names of the attributes it looks at, in alphabetical order.
    ///
    /// ```
    /// let expression = cloudevents_sql::Expression::parse("SUBJECT = 'x' AND EXISTS priority OR subject = id")?;
    /// assert_eq!(expression.attributes().collect::<Vec<_>>(), ["id", "priority", "subject"]);
    /// # Ok::<(), cloudevents_sql::ParseError>(())
    /// ```
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.0.names.all.iter().map(|name| &**name)
    }

    /// The names of the attributes that it looks at and that an event can have, in alphabetical order.
    pub fn names(&self) -> &[ResolvedName] {
        &self.0.names.possible
    }

    fn evaluated<'e>(&'e self, attributes: &'e impl Attributes) -> Evaluation<'e> {
        let mut cx = Context::with_errors(attributes, self.0.text);
        let value = evaluate::value(&self.0.step, &mut cx).unwrap_or_else(|value| value);
        Evaluation { value, errors: cx.errors.unwrap_or_default() }
    }
}

fn collect_attributes(node: &Node, into: &mut Vec<Box<str>>) {
    if let Syntax::Attribute(name) | Syntax::Exists(name) = &node.kind {
        into.push(name.clone());
    }
    node.children().for_each(|child| collect_attributes(child, into));
}

/// Writes the expression in its usual spelling: keywords in capital letters, one space, no parentheses that change nothing.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.syntax.fmt(f)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.0.source)
    }
}

/// Expressions are equal when their syntax trees are.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.syntax == other.0.syntax
    }
}

impl Eq for Expression {}

impl FromStr for Expression {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}
