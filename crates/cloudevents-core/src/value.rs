//! The seven types of attribute values.

mod from_value;
mod to_value;
mod value_buf;

pub use from_value::FromValue;
pub use to_value::ToValue;
pub use value_buf::ValueBuf;

use crate::{Error, ErrorKind, Timestamp, Uri, UriReference, text};
use alloc::{borrow::Cow, format, vec::Vec};
use core::{fmt, str::FromStr};

/// The value of a context attribute: a view that is free to copy. [`ValueBuf`] owns its value.
///
/// Conversions from Rust types create a value of the corresponding type. Conversions to Rust types follow the rules of
/// [`FromValue`]. Comparing with text, numbers or booleans does not convert: an Integer does not equal text.
///
/// ```
/// use cloudevents_core::{Event, Value};
///
/// let event = Event::builder().id("1").source("/s").ty("t").extension("priority", 3).build()?;
/// assert_eq!(event.attribute("priority"), Some(Value::Integer(3)));
/// assert_eq!(event.attribute("priority").unwrap().to_string(), "3");
/// assert_eq!(event.attribute("id").unwrap(), "1");
///
/// assert_eq!(Value::from(3), Value::Integer(3));
/// assert_eq!(u8::try_from(Value::Integer(3))?, 3);
/// assert!(Value::try_from(5_000_000_000_i64).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value<'a> {
    /// `true` or `false`.
    Boolean(bool),
    /// A signed whole number of 32 bits.
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
    /// The type of the value.
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

    /// The canonical string of the value (specification, "Type System"), which text-only carriers write.
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
    /// A signed whole number of 32 bits.
    Integer,
    /// Text.
    String,
    /// Bytes, written as base64 in text.
    Binary,
    /// An absolute URI.
    Uri,
    /// A URI or relative reference.
    UriReference,
    /// An RFC 3339 date and time.
    Timestamp,
}

impl AttributeType {
    /// All seven types.
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

    /// The type with this name. `None` if the name is unknown.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| ty.name() == name)
    }

    /// Reads a canonical string as a value of this type. `scratch` holds the bytes of a Binary.
    ///
    /// Errors are of the kind that matches the type, such as [`InvalidInteger`](ErrorKind::InvalidInteger).
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

/// Reads the specification's name of a type. Errors are of kind [`InvalidType`](ErrorKind::InvalidType).
impl FromStr for AttributeType {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::from_name(name).ok_or_else(|| {
            Error::new(ErrorKind::InvalidType)
                .with_detail(format!("`{name}` is not the name of a type"))
                .with_help("write Boolean, Integer, String, Binary, URI, URI-reference or Timestamp")
        })
    }
}

impl fmt::Display for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

pub(crate) fn parse_boolean(text: &str) -> Result<bool, Error> {
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
/// assert_eq!(cloudevents_core::codec::parse_integer("-42")?, -42);
/// assert!(cloudevents_core::codec::parse_integer("042").is_err());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn parse_integer(text: &str) -> Result<i32, Error> {
    check_digits(text)?;
    text.parse().map_err(|_| {
        Error::new(ErrorKind::InvalidInteger)
            .with_detail("it is outside -2147483648 to 2147483647")
            .with_clause("CE-Type-System-d")
    })
}

/// Checks the spelling of an Integer with any number of digits.
pub(crate) fn check_digits(text: &str) -> Result<(), Error> {
    let detail = match text.strip_prefix('-').unwrap_or(text).as_bytes() {
        [] | [b'0', _, ..] => "digits without leading zeros are expected",
        digits if !digits.iter().all(u8::is_ascii_digit) => {
            "only digits after an optional minus are allowed: no plus sign, fraction or exponent"
        }
        _ => return Ok(()),
    };
    Err(Error::new(ErrorKind::InvalidInteger).with_detail(detail).with_clause("CE-Type-System-e"))
}

/// Decodes the canonical string of a Binary: base64 of RFC 4648 section 4, padded, without white space.
///
/// Errors are of kind [`InvalidBinary`](ErrorKind::InvalidBinary) (clause CE-Type-System-i).
///
/// ```
/// assert_eq!(cloudevents_core::codec::decode_base64("AP8=")?, [0, 255]);
/// assert!(cloudevents_core::codec::decode_base64("AP8").is_err());
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
