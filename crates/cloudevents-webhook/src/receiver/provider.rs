//! Functions that conversions of payloads that are not CloudEvents share.

use cloudevents_core::{Error, ErrorKind};
use serde_json::Value;

/// A body that is an object of JSON.
pub(super) fn object(body: &[u8]) -> Result<Value, Error> {
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err(Error::new(ErrorKind::InvalidData)
            .with_detail("the body is not an object of JSON: the sender has to send application/json")),
    }
}

/// The member at this path, with full stops between the names. `None` also for an empty path, and for null.
pub(super) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let found = path.split('.').try_fold(value, |value, name| value.get(name))?;
    Some(found).filter(|found| !found.is_null())
}

/// The text or number at this path, if it is not empty.
pub(super) fn text(value: &Value, path: &str) -> Option<String> {
    match at(value, path)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
