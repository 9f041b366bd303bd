//! Rust types from values.

use super::{AttributeType, Value, check_digits, decode_base64, parse_boolean};
use crate::{Error, ErrorKind, Instant, Timestamp, Uri, UriReference};
use alloc::{borrow::Cow, format, string::String, vec::Vec};
use bytes::Bytes;

/// A Rust type that attribute values can be read as, regardless of the carrier.
///
/// Text-only carriers, such as HTTP headers, turn every extension into a String. So each Rust type reads its CloudEvents type and
/// the canonical string of that type: `i32` reads `Integer(3)` and `String("3")`. `String` and `Cow<str>` read the canonical string
/// of any value.
///
/// | Rust type | reads |
/// |---|---|
/// | `bool` | Boolean, String |
/// | `i8` to `i128`, `u8` to `u128` | Integer, String; a String may have more digits than an Integer |
/// | `&str` | String, URI, URI-reference, Timestamp |
/// | `String`, `Cow<str>` | every type |
/// | `Vec<u8>`, `Bytes` | Binary, String in base64 |
/// | `&[u8]` | Binary |
/// | [`Uri`] | URI, URI-reference that is an absolute URI, String |
/// | [`UriReference`] | URI, URI-reference, String |
/// | [`Timestamp`], [`Instant`], date types | Timestamp, String |
/// | [`Value`], [`ValueBuf`](crate::ValueBuf) | every type, as it is |
///
/// The date types are [`SystemTime`](std::time::SystemTime) with the feature `std`, and those of `time`, `jiff` and `chrono` with the
/// feature of that name. `TryFrom<Value>` follows the same rules.
///
/// A value of another type is an error of kind [`InvalidType`](ErrorKind::InvalidType). A String that is not a canonical string of
/// the type is an error of the kind that matches the type, such as [`InvalidInteger`](ErrorKind::InvalidInteger).
///
/// ```
/// use cloudevents_core::{Event, FromValue, Value};
///
/// let event = Event::builder().id("1").source("/s").ty("t").extension("priority", "3").build()?;
/// assert_eq!(event.extension_as::<i32>("priority")?, Some(3));
/// assert_eq!(event.extension_as::<i32>("absent")?, None);
/// assert_eq!(i32::from_value(Value::Integer(3))?, 3);
/// assert!(i32::from_value(Value::Boolean(true)).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "the value of a CloudEvents attribute cannot be read as `{Self}`",
    note = "there is no type for fractions: read a `String` and parse it",
    note = "date types need a feature of cloudevents-core (or cloudevents-kit): `chrono04`, `time03` or `jiff02`"
)]
pub trait FromValue<'a>: Sized {
    /// Reads the value.
    fn from_value(value: Value<'a>) -> Result<Self, Error>;
}

impl<'a> FromValue<'a> for Value<'a> {
    fn from_value(value: Value<'a>) -> Result<Self, Error> {
        Ok(value)
    }
}

macro_rules! from_value {
    ($($type:ty: |$value:ident| $read:expr;)*) => { $(
        impl<'a> FromValue<'a> for $type {
            fn from_value($value: Value<'a>) -> Result<Self, Error> {
                $read
            }
        }

        impl<'a> TryFrom<Value<'a>> for $type {
            type Error = Error;

            fn try_from(value: Value<'a>) -> Result<Self, Error> {
                Self::from_value(value)
            }
        }
    )* };
}

from_value! {
    bool: |value| match value {
        Value::Boolean(boolean) => Ok(boolean),
        Value::String(text) => parse_boolean(text),
        _ => Err(unexpected(AttributeType::Boolean, value)),
    };
    i8: |value| integer(value);
    i16: |value| integer(value);
    i32: |value| integer(value);
    i64: |value| integer(value);
    i128: |value| integer(value);
    isize: |value| integer(value);
    u8: |value| integer(value);
    u16: |value| integer(value);
    u32: |value| integer(value);
    u64: |value| integer(value);
    u128: |value| integer(value);
    usize: |value| integer(value);
    &'a str: |value| value.as_str().ok_or_else(|| {
        unexpected(AttributeType::String, value).with_help("read it as a `String` to get its canonical string")
    });
    String: |value| Ok(value.to_canonical().into_owned());
    Cow<'a, str>: |value| Ok(value.to_canonical());
    &'a [u8]: |value| match value {
        Value::Binary(bytes) => Ok(bytes),
        _ => Err(unexpected(AttributeType::Binary, value)
            .with_help("read it as a `Vec<u8>`, which takes base64, too")),
    };
    Vec<u8>: |value| match value {
        Value::Binary(bytes) => Ok(bytes.into()),
        Value::String(text) => decode_base64(text),
        _ => Err(unexpected(AttributeType::Binary, value)),
    };
    Bytes: |value| <Vec<u8>>::from_value(value).map(Self::from);
    Uri<'a>: |value| match value {
        Value::Uri(uri) => Ok(uri),
        Value::UriReference(reference) => Uri::parse(reference.as_str()),
        Value::String(text) => Uri::parse(text),
        _ => Err(unexpected(AttributeType::Uri, value)),
    };
    UriReference<'a>: |value| match value {
        Value::Uri(uri) => Ok(uri.into()),
        Value::UriReference(reference) => Ok(reference),
        Value::String(text) => UriReference::parse(text),
        _ => Err(unexpected(AttributeType::UriReference, value)),
    };
    Timestamp<'a>: |value| match value {
        Value::Timestamp(timestamp) => Ok(timestamp),
        Value::String(text) => Timestamp::parse(text),
        _ => Err(unexpected(AttributeType::Timestamp, value)),
    };
    Instant: |value| Timestamp::from_value(value).map(Timestamp::instant);
}

fn integer<T: TryFrom<i32> + core::str::FromStr>(value: Value<'_>) -> Result<T, Error> {
    let fits = match value {
        Value::Integer(number) => T::try_from(number).ok(),
        Value::String(text) => {
            check_digits(text)?;
            text.parse().ok()
        }
        _ => return Err(unexpected(AttributeType::Integer, value)),
    };
    fits.ok_or_else(|| {
        Error::new(ErrorKind::InvalidInteger)
            .with_detail(format!("{value} does not fit `{}`", core::any::type_name::<T>()))
    })
}

/// A value of another type than the requested one.
#[cold]
fn unexpected(expected: AttributeType, value: Value<'_>) -> Error {
    Error::new(ErrorKind::InvalidType)
        .with_detail(format!("{expected} is expected, and this is {}", value.attribute_type()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    // The String that a text-only carrier makes of a value reads as the original value.
    #[test]
    fn a_value_and_its_canonical_string_read_alike() {
        fn same<'a, T: FromValue<'a> + PartialEq + core::fmt::Debug>(
            value: Value<'a>,
            text: &'a str,
            expected: T,
        ) {
            assert_eq!(value.to_string(), text);
            assert_eq!(T::from_value(value).unwrap(), expected);
            assert_eq!(T::from_value(Value::String(text)).unwrap(), expected);
        }
        same(Value::Boolean(true), "true", true);
        same(Value::Integer(-7), "-7", -7);
        same(Value::Integer(255), "255", u8::MAX);
        same(Value::Integer(7), "7", 7_u64);
        same(Value::Binary(&[0, 255]), "AP8=", [0, 255].to_vec());
        same(Value::Binary(&[0, 255]), "AP8=", Bytes::from_static(&[0, 255]));
        same(Value::Integer(3), "3", String::from("3"));
        same(Value::Boolean(false), "false", Cow::Borrowed("false"));
        let uri = Uri::parse("urn:x:y").unwrap();
        same(Value::Uri(uri), "urn:x:y", uri);
        same(Value::Uri(uri), "urn:x:y", UriReference::from(uri));
        same(Value::UriReference(uri.into()), "urn:x:y", uri);
        let time = Timestamp::parse("2018-04-05T17:31:00+01:00").unwrap();
        same(Value::Timestamp(time), time.as_str(), time);
        same(Value::Timestamp(time), time.as_str(), time.instant());
        same(Value::Timestamp(time), time.as_str(), time.as_str());
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let kind = |result: Result<(), Error>| result.unwrap_err().kind();
        assert_eq!(kind(u8::from_value(Value::Integer(256)).map(drop)), ErrorKind::InvalidInteger);
        assert_eq!(kind(u32::from_value(Value::String("-1")).map(drop)), ErrorKind::InvalidInteger);
        assert_eq!(kind(i32::from_value(Value::String("2147483648")).map(drop)), ErrorKind::InvalidInteger);
        assert_eq!(kind(i64::from_value(Value::String("+1")).map(drop)), ErrorKind::InvalidInteger);
        assert_eq!(kind(i32::from_value(Value::Boolean(true)).map(drop)), ErrorKind::InvalidType);
        assert_eq!(kind(bool::from_value(Value::String("TRUE")).map(drop)), ErrorKind::InvalidBoolean);
        assert_eq!(kind(<&str>::from_value(Value::Integer(1)).map(drop)), ErrorKind::InvalidType);
        assert_eq!(kind(<&[u8]>::from_value(Value::String("AP8=")).map(drop)), ErrorKind::InvalidType);
        assert_eq!(kind(Uri::from_value(Value::String("/relative")).map(drop)), ErrorKind::InvalidUri);
        assert_eq!(
            kind(Timestamp::from_value(Value::String("never")).map(drop)),
            ErrorKind::InvalidTimestamp
        );
        assert_eq!(i64::from_value(Value::String("5000000000")).unwrap(), 5_000_000_000);
        let error = u8::from_value(Value::Integer(256)).unwrap_err();
        assert_eq!(error.detail(), "256 does not fit `u8`");
    }

    #[test]
    fn values_of_rust_types() {
        assert_eq!(Value::from(true), true);
        assert_eq!(Value::from(7_u16), 7);
        assert_eq!(Value::from(&[1, 2]), *[1, 2].as_slice());
        assert_eq!(Value::try_from("x").unwrap(), "x");
        assert_ne!(Value::Integer(3), *"3");
        assert_eq!(Value::try_from("\n").unwrap_err().kind(), ErrorKind::InvalidString);
        assert_eq!(Value::try_from(7_i64).unwrap(), 7);
        assert_eq!(Value::try_from(u32::MAX).unwrap_err().kind(), ErrorKind::InvalidInteger);
    }
}
