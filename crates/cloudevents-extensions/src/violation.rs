//! Errors of extensions that break a rule.

use cloudevents_core::{Error, ErrorKind};
use std::borrow::Cow;

/// Creates an error of kind [`InvalidExtension`](ErrorKind::InvalidExtension).
///
/// `clause` is the id of the rule that is broken, and `detail` follows the words "breaks a rule of its extension".
///
/// ```
/// let error = cloudevents_extensions::violation("sampledrate", "SAMPLE-sampledrate-b", "0 is not greater than zero");
/// assert_eq!(
///     error.to_string(),
///     "attribute `sampledrate` breaks a rule of its extension: 0 is not greater than zero [invalid-extension]"
/// );
/// ```
pub fn violation(attribute: &str, clause: &'static str, detail: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidExtension).with_attribute(attribute).with_clause(clause).with_detail(detail)
}
