//! Text that brokers accept.

use cloudevents_core::{Error, ErrorKind, Value};

/// Checks that every broker takes this text in a packet.
///
/// NUL is forbidden. A broker may end the connection because of other control characters and of noncharacters (MQTT 5.0, section 1.5.4), as
/// Mosquitto does. Everything on its way is lost then, at each attempt. A String of CloudEvents does not have them either.
///
/// Errors are of kind [`Unsupported`](ErrorKind::Unsupported).
pub(super) fn check(text: &str) -> Result<(), Error> {
    Value::try_from(text).map(drop).map_err(|error| unsupported(&error))
}

#[cold]
fn unsupported(error: &Error) -> Error {
    Error::new(ErrorKind::Unsupported)
        .with_detail(format!("brokers may end the connection because of a {}", error.detail()))
        .with_help("leave the character out; only the payload may contain it")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The characters of MQTT 5.0, section 1.5.4, and those beside them.
    #[test]
    fn what_a_broker_may_call_malformed() {
        for bad in ["\0", "\x01", "a\tb", "\r\n", "\x1f", "\x7f", "\u{80}", "\u{9f}"] {
            assert_eq!(check(bad).unwrap_err().kind(), ErrorKind::Unsupported, "{bad:?}");
        }
        for bad in ["\u{fdd0}", "\u{fdef}", "\u{fffe}", "\u{ffff}", "\u{1fffe}", "\u{10ffff}"] {
            assert_eq!(check(bad).unwrap_err().kind(), ErrorKind::Unsupported, "{bad:?}");
        }
        for good in ["", " ~", "\u{a0}", "Größe", "\u{fdcf}\u{fdf0}", "\u{feff}", "\u{fffd}", "\u{10fffd}"]
        {
            assert!(check(good).is_ok(), "{good:?}");
        }
    }
}
