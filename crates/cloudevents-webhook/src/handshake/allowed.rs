//! Which senders a target agrees to.

use super::{InvalidOrigin, Origin};

/// The senders that a target agrees to: exact names, and `*.suffix` for every name below a suffix.
///
/// A suffix matches whole labels: `*.example.com` allows `a.example.com` and `a.b.example.com`, and neither `example.com` nor
/// `badexample.com` nor `a.example.com.attacker.example`.
///
/// ```
/// use cloudevents_webhook::handshake::AllowedOrigins;
///
/// let allowed = AllowedOrigins::new(["trusted.example.com", "*.partner.example"])?;
/// assert!(allowed.allows(&"Trusted.example.com".parse()?));
/// assert!(allowed.allows(&"eu.partner.example".parse()?));
/// assert!(!allowed.allows(&"trusted.example.com.attacker.example".parse()?));
/// assert!(!allowed.allows(&"attacker-partner.example".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AllowedOrigins {
    any: bool,
    exact: Vec<Origin>,
    below: Vec<Origin>,
}

impl AllowedOrigins {
    /// Allows these: names, and `*.` with a name. `*` alone is an error: use [`any`](Self::any).
    pub fn new<T: AsRef<str>>(patterns: impl IntoIterator<Item = T>) -> Result<Self, InvalidOrigin> {
        let mut allowed = Self { any: false, exact: Vec::new(), below: Vec::new() };
        for pattern in patterns {
            match pattern.as_ref().strip_prefix("*.") {
                Some(suffix) => allowed.below.push(suffix.parse()?),
                None => allowed.exact.push(pattern.as_ref().parse()?),
            }
        }
        Ok(allowed)
    }

    /// Allows every sender. Anyone who finds the URL can then make any system deliver to it.
    pub fn any() -> Self {
        Self { any: true, exact: Vec::new(), below: Vec::new() }
    }

    /// Whether this sender is allowed.
    pub fn allows(&self, origin: &Origin) -> bool {
        let below = |suffix: &Origin| {
            origin
                .as_str()
                .strip_suffix(suffix.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        };
        self.any || self.exact.contains(origin) || self.below.iter().any(below)
    }
}
