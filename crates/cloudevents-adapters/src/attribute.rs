//! The attribute that a value of JSON becomes.

use crate::place;
use cloudevents_core::{Value, ValueBuf};
use serde_json::Value as Json;

/// The value of an attribute. Integers and Booleans keep their types. A value that has members or elements, or is a number that no Integer
/// can have, is its text. `None` for a text that is not Unicode.
pub(crate) fn value(raw: &str) -> Option<ValueBuf> {
    Some(match serde_json::from_str(raw) {
        Ok(Json::Bool(boolean)) => Value::Boolean(boolean).into(),
        Ok(Json::String(text)) => Value::String(&text).into(),
        Ok(Json::Number(number)) => match number.as_i64().and_then(|number| i32::try_from(number).ok()) {
            Some(integer) => Value::Integer(integer).into(),
            None => Value::String(raw).into(),
        },
        Err(_) if raw.starts_with('"') => return None,
        _ => Value::String(&place::compact(raw)).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_types_and_digits() {
        for (raw, wanted) in [
            ("true", Value::Boolean(true)),
            ("-2147483648", Value::Integer(i32::MIN)),
            ("2147483648", Value::String("2147483648")),
            ("1.50", Value::String("1.50")),
            ("1e999", Value::String("1e999")),
            (r#""\u00e9""#, Value::String("é")),
            (r#"{"q": [1, "a b"]}"#, Value::String(r#"{"q":[1,"a b"]}"#)),
        ] {
            assert_eq!(value(raw), Some(wanted.into()), "{raw}");
        }
        assert_eq!(value(r#""\ud800""#), None);
    }
}
