//! Values from Rust types.

use super::Value;
use crate::{Error, ErrorKind, Timestamp, Uri, UriReference, text};
use alloc::{borrow::Cow, boxed::Box, format, string::String, vec::Vec};

/// The argument of a setter for an attribute value.
///
/// It is text, `bool`, an integer, bytes, one of the typed views, [`ValueBuf`](crate::ValueBuf), [`SystemTime`](std::time::SystemTime), or
/// a date type of `time`, `jiff` or `chrono` with the feature of that name.
///
/// Setters also take an `Option`: `None` removes the attribute. An Integer has 32 bits: a number that does not fit is an error of kind
/// [`InvalidInteger`](ErrorKind::InvalidInteger) (clause CE-Type-System-d). Write larger ones as text; [`FromValue`](crate::FromValue)
/// reads those as integers, too. Floating-point numbers are deliberately left out.
///
/// ```
/// use cloudevents_core::{Event, Timestamp};
///
/// let tenant: Option<String> = None;
/// let event = Event::builder()
///     .id("1")
///     .source("/s")
///     .ty("t")
///     .extension("text", "x")
///     .extension("number", 7)
///     .extension("flag", true)
///     .extension("bytes", [0, 255])
///     .extension("when", Timestamp::parse("2018-04-05T17:31:00Z")?)
///     .extension("tenant", tenant)
///     .build()?;
/// assert_eq!(event.extensions().len(), 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a value that a CloudEvents attribute can have",
    note = "there is no type for fractions: write floating-point numbers as text",
    note = "date types need a feature of cloudevents-core (or cloudevents-kit): `chrono04`, `time03` or `jiff02`"
)]
pub trait ToValue {
    /// Calls `use_it` with the value, with `None` if there is no value, or with the error.
    fn with_value<R>(&self, use_it: impl FnOnce(Result<Option<Value<'_>>, Error>) -> R) -> R;
}

macro_rules! to_value {
    ($($type:ty: |$this:ident| $value:expr;)*) => { $(
        impl ToValue for $type {
            fn with_value<R>(&self, use_it: impl FnOnce(Result<Option<Value<'_>>, Error>) -> R) -> R {
                let $this = self;
                use_it(Ok(Some($value)))
            }
        }
    )* };
}

to_value! {
    bool: |this| Value::Boolean(*this);
    i8: |this| Value::Integer((*this).into());
    i16: |this| Value::Integer((*this).into());
    i32: |this| Value::Integer(*this);
    u8: |this| Value::Integer((*this).into());
    u16: |this| Value::Integer((*this).into());
    str: |this| Value::String(this);
    String: |this| Value::String(this);
    Box<str>: |this| Value::String(this);
    Cow<'_, str>: |this| Value::String(this);
    [u8]: |this| Value::Binary(this);
    Vec<u8>: |this| Value::Binary(this);
    bytes::Bytes: |this| Value::Binary(this);
    Uri<'_>: |this| Value::Uri(*this);
    UriReference<'_>: |this| Value::UriReference(*this);
    Timestamp<'_>: |this| Value::Timestamp(*this);
    Value<'_>: |this| *this;
}

impl<const N: usize> ToValue for [u8; N] {
    fn with_value<R>(&self, use_it: impl FnOnce(Result<Option<Value<'_>>, Error>) -> R) -> R {
        use_it(Ok(Some(Value::Binary(self))))
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn with_value<R>(&self, use_it: impl FnOnce(Result<Option<Value<'_>>, Error>) -> R) -> R {
        (**self).with_value(use_it)
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn with_value<R>(&self, use_it: impl FnOnce(Result<Option<Value<'_>>, Error>) -> R) -> R {
        match self {
            Some(value) => value.with_value(use_it),
            None => use_it(Ok(None)),
        }
    }
}

macro_rules! from_rust {
    ($($type:ty: |$this:ident| $value:expr;)*) => { $(
        impl<'a> From<$type> for Value<'a> {
            fn from($this: $type) -> Self {
                $value
            }
        }
    )* };
}

from_rust! {
    bool: |boolean| Self::Boolean(boolean);
    i8: |number| Self::Integer(number.into());
    i16: |number| Self::Integer(number.into());
    i32: |number| Self::Integer(number);
    u8: |number| Self::Integer(number.into());
    u16: |number| Self::Integer(number.into());
    &'a [u8]: |bytes| Self::Binary(bytes);
    &'a Vec<u8>: |bytes| Self::Binary(bytes);
    &'a bytes::Bytes: |bytes| Self::Binary(bytes);
    Uri<'a>: |uri| Self::Uri(uri);
    UriReference<'a>: |reference| Self::UriReference(reference);
    Timestamp<'a>: |timestamp| Self::Timestamp(timestamp);
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Binary(bytes)
    }
}

/// A String. Errors are of kind [`InvalidString`](ErrorKind::InvalidString).
impl<'a> TryFrom<&'a str> for Value<'a> {
    type Error = Error;

    fn try_from(text: &'a str) -> Result<Self, Error> {
        text::check(text).map(|()| Self::String(text))
    }
}

/// A String. Errors are of kind [`InvalidString`](ErrorKind::InvalidString).
impl<'a> TryFrom<&'a String> for Value<'a> {
    type Error = Error;

    fn try_from(text: &'a String) -> Result<Self, Error> {
        Self::try_from(text.as_str())
    }
}

macro_rules! from_wide {
    ($($type:ty)*) => { $(
        /// An Integer. Errors are of kind [`InvalidInteger`](ErrorKind::InvalidInteger).
        impl TryFrom<$type> for Value<'_> {
            type Error = Error;

            fn try_from(number: $type) -> Result<Self, Error> {
                i32::try_from(number).map(Self::Integer).map_err(|_| {
                    Error::new(ErrorKind::InvalidInteger)
                        .with_detail(format!("{number} is outside -2147483648 to 2147483647"))
                        .with_help("write it as text, which is read as a number, too")
                        .with_clause("CE-Type-System-d")
                })
            }
        }

        impl ToValue for $type {
            fn with_value<R>(&self, use_it: impl FnOnce(Result<Option<Value<'_>>, Error>) -> R) -> R {
                use_it(Value::try_from(*self).map(Some))
            }
        }
    )* };
}

from_wide! { u32 i64 u64 i128 u128 isize usize }

impl PartialEq<str> for Value<'_> {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Value<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == Some(*other)
    }
}

impl PartialEq<i32> for Value<'_> {
    fn eq(&self, other: &i32) -> bool {
        *self == Self::Integer(*other)
    }
}

impl PartialEq<bool> for Value<'_> {
    fn eq(&self, other: &bool) -> bool {
        *self == Self::Boolean(*other)
    }
}

impl PartialEq<[u8]> for Value<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        *self == Value::Binary(other)
    }
}

#[cfg(test)]
mod tests {
    use crate::{ErrorKind, Event};

    #[test]
    fn a_number_is_written_as_the_type_it_is_read_as() {
        let builder = || Event::builder().id("1").source("/s").ty("t");
        let event =
            builder().extension("a", 3_u32).extension("b", 7_usize).extension("c", -1_i64).build().unwrap();
        assert_eq!(event.extension_as::<u32>("a").unwrap(), Some(3));
        assert_eq!(event.extension_as::<usize>("b").unwrap(), Some(7));
        assert_eq!(event.extension_as::<i64>("c").unwrap(), Some(-1));
        let mistakes = builder().extension("sequence", 1_u64 << 31).build().unwrap_err();
        let [error] = mistakes.errors() else { panic!("{mistakes}") };
        assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidInteger, Some("sequence")));
        assert_eq!(error.clause(), Some("CE-Type-System-d"));
    }

    #[test]
    fn core_attributes_are_no_extensions() {
        let event = Event::builder().id("1").source("/s").ty("t").subject("x").build().unwrap();
        let error = event.extension_as::<&str>("subject").unwrap_err();
        assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidName, Some("subject")));
        assert_eq!(event.extension_as::<&str>("subjects").unwrap(), None);
    }
}
