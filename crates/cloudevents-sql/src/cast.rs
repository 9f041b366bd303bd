//! Casts between the types (CESQL 3.7).

use crate::{Type, Value};
use std::borrow::Cow;

impl<'a> Value<'a> {
    /// Casts the value to another type. Returns the unchanged value as the error if a text is not a 32-bit integer or a Boolean.
    #[inline]
    pub fn cast(self, to: Type) -> Result<Self, Self> {
        match (self, to) {
            (value @ Self::Boolean(_), Type::Boolean)
            | (value @ Self::Integer(_), Type::Integer)
            | (value @ Self::String(_), Type::String) => Ok(value),
            (Self::Boolean(boolean), Type::Integer) => Ok(Self::Integer(boolean.into())),
            (Self::Boolean(boolean), Type::String) => {
                Ok(Self::String(Cow::Borrowed(if boolean { "true" } else { "false" })))
            }
            (Self::Integer(number), Type::Boolean) => Ok(Self::Boolean(number != 0)),
            (Self::Integer(number), Type::String) => Ok(Self::String(number.to_string().into())),
            (Self::String(text), Type::Integer) => {
                integer(&text).map(Self::Integer).ok_or(Self::String(text))
            }
            (Self::String(text), Type::Boolean) => {
                boolean(&text).map(Self::Boolean).ok_or(Self::String(text))
            }
        }
    }
}

/// "The string MAY begin with a leading sign": `i32` parses an optional sign and digits, and nothing else.
pub(crate) fn integer(text: &str) -> Option<i32> {
    text.parse().ok()
}

pub(crate) fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_numbers() {
        for (text, number) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("+7", Some(7)),
            ("007", Some(7)),
            ("-2147483648", Some(i32::MIN)),
            ("2147483647", Some(i32::MAX)),
            ("2147483648", None),
            ("-2147483649", None),
            ("", None),
            ("+", None),
            ("-", None),
            ("--1", None),
            (" 1", None),
            ("1 ", None),
            ("1.0", None),
            ("1e3", None),
            ("0x1", None),
            ("1_000", None),
            ("٣", None),
        ] {
            assert_eq!(integer(text), number, "{text:?}");
        }
    }

    #[test]
    fn texts_that_are_booleans() {
        for (text, expected) in [
            ("true", Some(true)),
            ("TrUe", Some(true)),
            ("FALSE", Some(false)),
            ("1", None),
            ("", None),
            (" true", None),
            ("yes", None),
        ] {
            assert_eq!(boolean(text), expected, "{text:?}");
        }
    }
}
