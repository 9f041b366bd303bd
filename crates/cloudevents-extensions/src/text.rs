//! Attribute text that was checked.

use cloudevents_core::{AttributeType, Error, ErrorKind, FromValue, ToValue, Value};
use std::{fmt, str::FromStr};

/// A CloudEvents String: text without control characters and noncharacters. It may be empty.
///
/// As an attribute, only a String is read: an Integer, for example, breaks a rule that requires text.
///
/// ```
/// use cloudevents_extensions::Text;
///
/// let text: Text = "8f14e45f".parse()?;
/// assert_eq!(text, "8f14e45f");
/// assert!("a\nb".parse::<Text>().is_err());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Box<str>);

impl Text {
    /// Checks the text. Errors are of kind [`InvalidString`](ErrorKind::InvalidString).
    pub fn parse(text: impl Into<Box<str>>) -> Result<Self, Error> {
        let text = text.into();
        AttributeType::String.parse(&text, &mut Vec::new())?;
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromValue<'_> for Text {
    fn from_value(value: Value<'_>) -> Result<Self, Error> {
        match value {
            Value::String(text) => Ok(Self(text.into())),
            other => Err(Error::new(ErrorKind::InvalidType)
                .with_detail(format!("String is expected, and this is {}", other.attribute_type()))),
        }
    }
}

/// A [`Text`] that is not empty.
///
/// ```
/// use cloudevents_core::ErrorKind;
/// use cloudevents_extensions::NonEmptyText;
///
/// let text: NonEmptyText = "order-42".parse()?;
/// assert_eq!(text, "order-42");
/// assert_eq!("".parse::<NonEmptyText>().unwrap_err().kind(), ErrorKind::EmptyAttribute);
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NonEmptyText(Text);

impl NonEmptyText {
    /// Checks the text. Errors are of kind [`EmptyAttribute`](ErrorKind::EmptyAttribute) or [`InvalidString`](ErrorKind::InvalidString).
    pub fn parse(text: impl Into<Box<str>>) -> Result<Self, Error> {
        Text::parse(text)?.try_into()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl NonEmptyText {
    /// The number with 20 digits, the most that one has.
    pub(crate) fn digits(number: u64) -> Self {
        Self(Text(format!("{number:020}").into()))
    }
}

impl TryFrom<Text> for NonEmptyText {
    type Error = Error;

    fn try_from(text: Text) -> Result<Self, Error> {
        if text.as_str().is_empty() { Err(Error::new(ErrorKind::EmptyAttribute)) } else { Ok(Self(text)) }
    }
}

impl From<NonEmptyText> for Text {
    fn from(text: NonEmptyText) -> Self {
        text.0
    }
}

impl FromValue<'_> for NonEmptyText {
    fn from_value(value: Value<'_>) -> Result<Self, Error> {
        Text::from_value(value)?.try_into()
    }
}

/// The shared implementations of both.
macro_rules! texts {
    ($($text:ident)*) => { $(
        impl FromStr for $text {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Self::parse(text)
            }
        }

        impl AsRef<str> for $text {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl PartialEq<str> for $text {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $text {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }

        impl ToValue for $text {
            fn with_value<R>(&self, use_it: impl FnOnce(Result<Option<Value<'_>>, Error>) -> R) -> R {
                use_it(Ok(Some(Value::String(self.as_str()))))
            }
        }

        impl fmt::Display for $text {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $text {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }
    )* };
}

texts! { Text NonEmptyText }
