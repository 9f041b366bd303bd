//! Who sends.

use std::{fmt, str::FromStr};

/// The DNS name that identifies a sending system: `eventemitter.example.com` (webhook specification, 4.1.2).
///
/// It is kept in lower case, without a final dot, and compared as a whole.
///
/// ```
/// use cloudevents_webhook::handshake::Origin;
///
/// let origin: Origin = "EventEmitter.example.com.".parse()?;
/// assert_eq!(origin.as_str(), "eventemitter.example.com");
/// for no_name in ["", "*", "a..b", "https://example.com", "example.com:443", "-a.example", "größe.example"] {
///     assert!(no_name.parse::<Origin>().is_err(), "{no_name}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(Box<str>);

impl Origin {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not a DNS name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidOrigin;

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an origin is a DNS name such as `eventemitter.example.com`, without scheme and port")
    }
}

impl std::error::Error for InvalidOrigin {}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.len() > 253 || !name.split('.').all(is_label) {
            return Err(InvalidOrigin);
        }
        Ok(Self(name.to_ascii_lowercase().into()))
    }
}

impl AsRef<str> for Origin {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A label of RFC 1123, and underscores, which names of services have.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && !label.starts_with('-')
        && !label.ends_with('-')
}
