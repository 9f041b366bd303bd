//! Attribute values as canonical text, without the heap if possible.

use cloudevents_core::Value;
use std::fmt::{self, Write};

/// Calls a function with the canonical text of a value. Only Binary allocates.
#[inline]
pub(crate) fn with_text<R>(value: Value<'_>, read: impl FnOnce(&str) -> R) -> R {
    match (value.as_str(), value) {
        (Some(text), _) => read(text),
        (None, Value::Boolean(boolean)) => read(if boolean { "true" } else { "false" }),
        (None, Value::Integer(number)) => {
            let mut digits = Digits { bytes: [0; 11], length: 0 };
            // The longest is `-2147483648`, of 11 characters.
            let _ = write!(digits, "{number}");
            read(digits.as_str())
        }
        (None, other) => read(&other.to_canonical()),
    }
}

struct Digits {
    bytes: [u8; 11],
    length: usize,
}

impl Digits {
    fn as_str(&self) -> &str {
        self.bytes.get(..self.length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

impl fmt::Write for Digits {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length.saturating_add(text.len());
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical() {
        for number in [0, 7, -1, i32::MAX, i32::MIN] {
            assert!(with_text(Value::Integer(number), |text| text == number.to_string()));
        }
        assert!(with_text(Value::Binary(&[0, 255]), |text| text == "AP8="));
        assert!(with_text(Value::Boolean(false), |text| text == "false"));
    }
}
