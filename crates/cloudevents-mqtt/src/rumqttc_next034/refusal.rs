//! Messages that the broker refused.

use super::failure;
use cloudevents_core::{Error, ErrorKind};
use std::fmt;

/// The broker's reason for refusing a message: the source of an error of kind [`Refused`](ErrorKind::Refused). MQTT 3.1.1 has none.
///
/// ```
/// use cloudevents_core::Error;
/// use cloudevents_mqtt::rumqttc_next034::MqttRefusal;
/// use std::error::Error as _;
///
/// fn is_over_quota(error: &Error) -> bool {
///     error.source().and_then(|source| source.downcast_ref::<MqttRefusal>()).is_some_and(|refusal| refusal.code == 0x97)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MqttRefusal {
    /// The reason code (MQTT 5.0, section 2.4), from 0x80.
    pub code: u8,
    /// The Reason String, if the broker gave one.
    pub reason: Option<Box<str>>,
}

impl MqttRefusal {
    /// Returns the refusal, if this reason code is one.
    pub(super) fn new(code: u8, reason: Option<String>) -> Option<Self> {
        (code >= 0x80).then(|| Self { code, reason: reason.map(Into::into) })
    }

    #[cold]
    pub(super) fn into_error(self) -> Error {
        Error::new(ErrorKind::Refused).with_detail(self.to_string()).with_source(self)
    }
}

/// Whether the broker refused this very message, so that no later attempt can succeed and other messages may.
///
/// Then its payload does not have the form that its properties state (0x99), or it is too large (0x95). Other reason codes are about the
/// topic, the rights or the state of the broker. `None` if the error is not a refusal with a reason code.
pub(super) fn refuses_message(error: &Error) -> Option<bool> {
    let refusal = std::error::Error::source(error)?.downcast_ref::<MqttRefusal>()?;
    Some(matches!(refusal.code, 0x95 | 0x99))
}

impl fmt::Display for MqttRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&failure::words(self.code, self.reason.as_deref()))
    }
}

impl std::error::Error for MqttRefusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_some_codes_are_about_the_message() {
        for (code, about_the_message) in
            [(0x80, false), (0x87, false), (0x90, false), (0x95, true), (0x97, false), (0x99, true)]
        {
            let error = MqttRefusal::new(code, None).unwrap().into_error();
            assert_eq!(refuses_message(&error), Some(about_the_message), "{code:#x}");
        }
    }
}
