//! The seven types of attribute values.

use crate::{Error, ErrorKind, Timestamp, Uri, UriReference, text};
use alloc::{borrow::Cow, format, string::String, vec::Vec};
use core::fmt;

/// The value of a context attribute: a view that is free to copy.
///
/// ```
/// use cloudevents_core::{Event, Value};
///
/// let event = Event::builder().id("1").source("/s").ty("t").extension("priority", 3).build()?;
/// assert_eq!(event.attribute("priority"), Some(Value::Integer(3)));
/// assert_eq!(event.attribute("priority").unwrap().to_string(), "3");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number of 32 bits, signed.
    Integer(i32),
    /// Text without control characters and noncharacters.
    String(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
    /// An absolute URI.
    Uri(Uri<'a>),
    /// A URI or relative reference.
    UriReference(UriReference<'a>),
    /// A date and time with offset.
    Timestamp(Timestamp<'a>),
}

impl<'a> Value<'a> {
    /// The type the value has.
    pub fn attribute_type(self) -> AttributeType {
        match self {
            Self::Boolean(_) => AttributeType::Boolean,
            Self::Integer(_) => AttributeType::Integer,
            Self::String(_) => AttributeType::String,
            Self::Binary(_) => AttributeType::Binary,
            Self::Uri(_) => AttributeType::Uri,
            Self::UriReference(_) => AttributeType::UriReference,
            Self::Timestamp(_) => AttributeType::Timestamp,
        }
    }

    /// The text of a String, URI, URI-reference or Timestamp.
    pub fn as_str(self) -> Option<&'a str> {
        match self {
            Self::String(text) => Some(text),
            Self::Uri(uri) => Some(uri.as_str()),
            Self::UriReference(reference) => Some(reference.as_str()),
            Self::Timestamp(timestamp) => Some(timestamp.as_str()),
            Self::Boolean(_) | Self::Integer(_) | Self::Binary(_) => None,
        }
    }

    /// The canonical string of the value (specification, "Type System"): what text-only carriers write.
    pub fn to_canonical(self) -> Cow<'a, str> {
        match self {
            Self::Boolean(true) => "true".into(),
            Self::Boolean(false) => "false".into(),
            Self::Integer(number) => format!("{number}").into(),
            Self::Binary(bytes) => base64_simd::STANDARD.encode_to_string(bytes).into(),
            Self::String(_) | Self::Uri(_) | Self::UriReference(_) | Self::Timestamp(_) => {
                self.as_str().unwrap_or_default().into()
            }
        }
    }
}

/// Writes the canonical string.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_canonical())
    }
}

/// One of the seven types of the CloudEvents type system.
///
/// ```
/// use cloudevents_core::{AttributeType, Value};
///
/// let mut scratch = Vec::new();
/// assert_eq!(AttributeType::Integer.parse("-42", &mut scratch)?, Value::Integer(-42));
/// assert_eq!(AttributeType::Binary.parse("AAE=", &mut scratch)?, Value::Binary(&[0, 1]));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttributeType {
    /// `true` or `false`.
    Boolean,
    /// A whole number of 32 bits, signed.
    Integer,
    /// Text.
    String,
    /// Bytes, in text as base64.
    Binary,
    /// An absolute URI.
    Uri,
    /// A URI or relative reference.
    UriReference,
    /// An RFC 3339 date and time.
    Timestamp,
}

impl AttributeType {
    /// All seven.
    pub const ALL: [Self; 7] = [
        Self::Boolean,
        Self::Integer,
        Self::String,
        Self::Binary,
        Self::Uri,
        Self::UriReference,
        Self::Timestamp,
    ];

    /// The specification's name of the type: `URI-reference`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "Boolean",
            Self::Integer => "Integer",
            Self::String => "String",
            Self::Binary => "Binary",
            Self::Uri => "URI",
            Self::UriReference => "URI-reference",
            Self::Timestamp => "Timestamp",
        }
    }

    /// The type of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| ty.name() == name)
    }

    /// Reads a canonical string as a value of this type. `scratch` holds the bytes of a Binary.
    ///
    /// Errors are of the kind that belongs to the type, such as [`InvalidInteger`](ErrorKind::InvalidInteger).
    pub fn parse<'a>(self, text: &'a str, scratch: &'a mut Vec<u8>) -> Result<Value<'a>, Error> {
        Ok(match self {
            Self::Boolean => Value::Boolean(parse_boolean(text)?),
            Self::Integer => Value::Integer(parse_integer(text)?),
            Self::String => {
                text::check(text)?;
                Value::String(text)
            }
            Self::Binary => {
                *scratch = decode_base64(text)?;
                Value::Binary(scratch)
            }
            Self::Uri => Value::Uri(Uri::parse(text)?),
            Self::UriReference => Value::UriReference(UriReference::parse(text)?),
            Self::Timestamp => Value::Timestamp(Timestamp::parse(text)?),
        })
    }
}

impl fmt::Display for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn parse_boolean(text: &str) -> Result<bool, Error> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Error::new(ErrorKind::InvalidBoolean)
            .with_detail("only `true` and `false`, in lower case, are booleans")
            .with_clause("CE-Type-System-c")),
    }
}

/// Reads the canonical string of an Integer: an optional minus, then digits without leading zeros, within 32 bits.
///
/// Errors are of kind [`InvalidInteger`](ErrorKind::InvalidInteger) (clauses CE-Type-System-d and CE-Type-System-e).
///
/// ```
/// assert_eq!(cloudevents_core::parse_integer("-42")?, -42);
/// assert!(cloudevents_core::parse_integer("042").is_err());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn parse_integer(text: &str) -> Result<i32, Error> {
    let refuse = |detail: &'static str, clause| {
        Err(Error::new(ErrorKind::InvalidInteger).with_detail(detail).with_clause(clause))
    };
    match text.strip_prefix('-').unwrap_or(text).as_bytes() {
        [] | [b'0', _, ..] => refuse("digits without leading zeros are expected", "CE-Type-System-e"),
        digits if !digits.iter().all(u8::is_ascii_digit) => refuse(
            "only digits after an optional minus are allowed: no plus sign, fraction or exponent",
            "CE-Type-System-e",
        ),
        _ => text.parse().or_else(|_| refuse("it is outside -2147483648 to 2147483647", "CE-Type-System-d")),
    }
}

/// Decodes the canonical string of a Binary: base64 of RFC 4648 section 4, padded, without white space.
///
/// Errors are of kind [`InvalidBinary`](ErrorKind::InvalidBinary) (clause CE-Type-System-i).
///
/// ```
/// assert_eq!(cloudevents_core::decode_base64("AP8=")?, [0, 255]);
/// assert!(cloudevents_core::decode_base64("AP8").is_err());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn decode_base64(text: impl AsRef<[u8]>) -> Result<Vec<u8>, Error> {
    base64_simd::STANDARD.decode_to_vec(text.as_ref()).map_err(|_| {
        Error::new(ErrorKind::InvalidBinary)
            .with_detail(
                "base64 of RFC 4648 section 4 is expected: the characters A-Z a-z 0-9 + /, padded with =",
            )
            .with_clause("CE-Type-System-i")
    })
}

/// What a setter takes for an attribute value: `&str`, `bool`, `i32`, bytes, or any of the typed views.
///
/// Wider integers and floating point numbers deliberately do not implement it: an Integer has 32 bits.
///
/// ```
/// use cloudevents_core::{Event, Timestamp};
///
/// let event = Event::builder()
///     .id("1")
///     .source("/s")
///     .ty("t")
///     .extension("text", "x")
///     .extension("number", 7)
///     .extension("flag", true)
///     .extension("bytes", [0, 255])
///     .extension("when", Timestamp::parse("2018-04-05T17:31:00Z")?)
///     .build()?;
/// assert_eq!(event.extensions().len(), 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait ToValue {
    /// Hands the value, or what is wrong with it, to `use_it`.
    fn with_value<R>(&self, use_it: impl FnOnce(Result<Value<'_>, Error>) -> R) -> R;
}

macro_rules! to_value {
    ($($(#[$attribute:meta])* $type:ty: |$this:ident| $value:expr;)*) => { $(
        $(#[$attribute])*
        impl ToValue for $type {
            fn with_value<R>(&self, use_it: impl FnOnce(Result<Value<'_>, Error>) -> R) -> R {
                let $this = self;
                use_it(Ok($value))
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
    [u8]: |this| Value::Binary(this);
    Vec<u8>: |this| Value::Binary(this);
    bytes::Bytes: |this| Value::Binary(this);
    Uri<'_>: |this| Value::Uri(*this);
    UriReference<'_>: |this| Value::UriReference(*this);
    Timestamp<'_>: |this| Value::Timestamp(*this);
    Value<'_>: |this| *this;
}

impl<const N: usize> ToValue for [u8; N] {
    fn with_value<R>(&self, use_it: impl FnOnce(Result<Value<'_>, Error>) -> R) -> R {
        use_it(Ok(Value::Binary(self)))
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn with_value<R>(&self, use_it: impl FnOnce(Result<Value<'_>, Error>) -> R) -> R {
        (**self).with_value(use_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        for (text, number) in
            [("0", 0), ("-0", 0), ("7", 7), ("2147483647", i32::MAX), ("-2147483648", i32::MIN)]
        {
            assert_eq!(parse_integer(text).unwrap(), number);
        }
        for bad in [
            "",
            "-",
            "+1",
            "01",
            "-01",
            "1.0",
            "1e3",
            " 1",
            "2147483648",
            "-2147483649",
            "1_000",
            "٣",
            "99999999999999999999",
        ] {
            assert_eq!(parse_integer(bad).unwrap_err().kind(), ErrorKind::InvalidInteger, "{bad}");
        }
    }

    #[test]
    fn base64_is_strict() {
        assert_eq!(decode_base64("AP8=").unwrap(), [0, 255]);
        assert_eq!(decode_base64("").unwrap(), []);
        for bad in ["AP8", "AP9=", "A-_=", "AP8=\n", "AP 8=", "=", "AP8=="] {
            assert!(decode_base64(bad).is_err(), "{bad}");
        }
    }
}
