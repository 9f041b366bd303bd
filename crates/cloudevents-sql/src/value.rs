//! The three types of the language, and their values.

use std::borrow::Cow;
use std::fmt;

/// A value of the language (CESQL 3.1): the result of an expression, or an argument of a function.
///
/// ```
/// use cloudevents_sql::{Type, Value};
///
/// assert_eq!(Value::from(5).cast(Type::String), Ok(Value::from("5")));
/// assert_eq!(Value::from("+5").cast(Type::Integer), Ok(Value::from(5)));
/// assert_eq!(Value::from("five").cast(Type::Integer), Err(Value::from("five")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value<'a> {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number of 32 bits, signed.
    Integer(i32),
    /// Text. Attributes of the types URI, URI-reference, Timestamp and Binary are their canonical text.
    String(Cow<'a, str>),
}

/// One of the three types of the language.
///
/// ```
/// use cloudevents_sql::{Type, Value};
///
/// assert_eq!(Type::Integer.zero(), Value::Integer(0));
/// assert_eq!(Type::String.name(), "String");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// `true` or `false`.
    Boolean,
    /// A whole number of 32 bits, signed.
    Integer,
    /// Text.
    String,
}

impl Type {
    /// The zero value of the type: `false`, `0`, the empty text (CESQL 3.1).
    pub fn zero(self) -> Value<'static> {
        match self {
            Self::Boolean => Value::Boolean(false),
            Self::Integer => Value::Integer(0),
            Self::String => Value::String(Cow::Borrowed("")),
        }
    }

    /// The specification's name of the type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "Boolean",
            Self::Integer => "Integer",
            Self::String => "String",
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<'a> Value<'a> {
    /// The type of the value.
    pub fn ty(&self) -> Type {
        match self {
            Self::Boolean(_) => Type::Boolean,
            Self::Integer(_) => Type::Integer,
            Self::String(_) => Type::String,
        }
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Boolean(boolean) = self { Some(*boolean) } else { None }
    }

    /// The number, if it is one.
    pub fn as_integer(&self) -> Option<i32> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// Converts it into a value that owns its text.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Boolean(boolean) => Value::Boolean(boolean),
            Self::Integer(number) => Value::Integer(number),
            Self::String(text) => Value::String(Cow::Owned(text.into_owned())),
        }
    }

    /// Borrows the value, without copying its text.
    pub(crate) fn borrowed(&self) -> Value<'_> {
        match self {
            Self::Boolean(boolean) => Value::Boolean(*boolean),
            Self::Integer(number) => Value::Integer(*number),
            Self::String(text) => Value::String(Cow::Borrowed(text)),
        }
    }
}

/// Writes the value as a literal of the language. If no literal can hold a text, writes the closest possible one.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(boolean) => write!(f, "{boolean}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::String(text) => crate::print::literal(text, f),
        }
    }
}

impl From<bool> for Value<'_> {
    fn from(boolean: bool) -> Self {
        Self::Boolean(boolean)
    }
}

impl From<i32> for Value<'_> {
    fn from(number: i32) -> Self {
        Self::Integer(number)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::String(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::String(Cow::Owned(text))
    }
}

impl<'a> From<Cow<'a, str>> for Value<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::String(text)
    }
}

/// As attributes appear in expressions (CESQL 3.2).
impl<'a> From<cloudevents_core::Value<'a>> for Value<'a> {
    #[inline]
    fn from(value: cloudevents_core::Value<'a>) -> Self {
        match value {
            cloudevents_core::Value::Boolean(boolean) => Self::Boolean(boolean),
            cloudevents_core::Value::Integer(number) => Self::Integer(number),
            other => match other.as_str() {
                Some(text) => Self::String(Cow::Borrowed(text)),
                None => Self::String(other.to_canonical()),
            },
        }
    }
}
