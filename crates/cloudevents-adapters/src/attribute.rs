//! The attribute that a value of JSON becomes.

use crate::place;
use cloudevents_core::{Value, ValueBuf, codec::decode_base64};
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

/// The members of an attribute of a message.
struct Form {
    ty: &'static str,
    text: &'static str,
    base64: &'static str,
    /// Members that have no elements.
    lists: &'static [&'static str],
}

/// Of SNS; of SQS in an event of Lambda; and of SQS in a response of its API.
const FORMS: [Form; 3] = [
    Form { ty: "Type", text: "Value", base64: "Value", lists: &[] },
    Form {
        ty: "dataType",
        text: "stringValue",
        base64: "binaryValue",
        lists: &["stringListValues", "binaryListValues"],
    },
    Form {
        ty: "DataType",
        text: "StringValue",
        base64: "BinaryValue",
        lists: &["StringListValues", "BinaryListValues"],
    },
];

/// The names of members that are read.
pub(crate) const NAMES: [&str; 8] =
    ["Type", "Value", "dataType", "stringValue", "binaryValue", "DataType", "StringValue", "BinaryValue"];

impl Form {
    /// Whether a value has the members of the form, and no others.
    fn fits(&self, members: &[(String, &str)]) -> bool {
        let has = |wanted: &str| members.iter().any(|(name, value)| name == wanted && *value != "null");
        let is_known = |(name, value): &(String, &str)| {
            let is_empty = || place::elements(value, 1).is_some_and(|all| all.is_empty());
            let name = name.as_str();
            *value == "null"
                || [self.ty, self.text, self.base64].contains(&name)
                || (self.lists.contains(&name) && is_empty())
        };
        let is_one = self.text == self.base64 || has(self.text) != has(self.base64);
        has(self.ty) && (has(self.text) || has(self.base64)) && is_one && members.iter().all(is_known)
    }
}

fn form(raw: &str) -> Option<&'static Form> {
    let members = place::members(raw, usize::MAX, |_| true);
    FORMS.iter().find(|form| form.fits(&members))
}

/// Whether a value is an attribute of a message of SNS or SQS, which has a type and a value, and nothing else.
pub(crate) fn is_typed(raw: &str) -> bool {
    form(raw).is_some()
}

/// The value of an attribute of a message of SNS or SQS. `None` if no attribute of an event can have the value.
pub(crate) fn typed(raw: &str) -> Option<ValueBuf> {
    let form = form(raw)?;
    let text = |name: &str| -> Option<String> { serde_json::from_str(place::at(raw, name)?).ok() };
    Some(match place::text(raw, form.ty)?.starts_with("Binary") {
        true => Value::Binary(&decode_base64(text(form.base64)?).ok()?).into(),
        false => Value::String(&text(form.text)?).into(),
    })
}

/// The text of an attribute in binary mode, which may be an attribute of a message of SNS or SQS. `None` if it is no text.
pub(crate) fn text(raw: &str, is_typed: bool) -> Option<String> {
    if !is_typed {
        return serde_json::from_str(raw).ok();
    }
    match typed(raw)?.view() {
        Value::String(text) => Some(text.to_owned()),
        _ => None,
    }
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

    /// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html>,
    /// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html> and
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_MessageAttributeValue.html>
    #[test]
    fn attributes_of_messages_have_a_type_and_a_value() {
        for (raw, wanted) in [
            (r#"{"Type":"String","Value":"x"}"#, Some(Value::String("x"))),
            (r#"{"Type":"Binary","Value":"AAEC"}"#, Some(Value::Binary(&[0, 1, 2]))),
            (
                r#"{"stringValue":"x","stringListValues":[],"binaryListValues":[],"dataType":"String"}"#,
                Some(Value::String("x")),
            ),
            (r#"{"stringValue":"1.50","binaryValue":null,"dataType":"Number"}"#, Some(Value::String("1.50"))),
            (r#"{"binaryValue":"AAEC","dataType":"Binary.png"}"#, Some(Value::Binary(&[0, 1, 2]))),
            (r#"{"StringValue":"x","DataType":"String"}"#, Some(Value::String("x"))),
            (r#"{"BinaryValue":"AAEC","DataType":"Binary"}"#, Some(Value::Binary(&[0, 1, 2]))),
            (r#"{"stringValue":"x","binaryValue":"AAEC","dataType":"String"}"#, None),
            (r#"{"stringValue":"x","stringListValues":["y"],"dataType":"String"}"#, None),
            (r#"{"StringValue":"x","dataType":"String"}"#, None),
            (r#"{"BinaryValue":"no base64","DataType":"Binary"}"#, None),
            (r#"{"StringValue":7,"DataType":"Number"}"#, None),
            (r#"{"DataType":"String"}"#, None),
            (
                r#"{"Type":"String","Value":"x","a":null,"b":null,"c":null,"d":null,"e":null,"f":null}"#,
                Some(Value::String("x")),
            ),
            (
                r#"{"Type":"String","Value":"x","a":null,"b":null,"c":null,"d":null,"e":null,"f":null,"unit":"z"}"#,
                None,
            ),
            (r#""x""#, None),
        ] {
            assert_eq!(typed(raw), wanted.map(Into::into), "{raw}");
        }
        let [bytes, own] =
            [r#"{"binaryValue":"AAEC","dataType":"Binary"}"#, r#"{"Type":"String","Value":"x"}"#];
        assert_eq!(
            (text(bytes, true), text(own, true), text(own, false)),
            (None, Some("x".to_owned()), None)
        );
        assert_eq!((text(r#""x""#, false), text(r#""x""#, true)), (Some("x".to_owned()), None));
        for form in &FORMS {
            assert!([form.ty, form.text, form.base64].iter().all(|name| NAMES.contains(name)));
        }
    }
}
