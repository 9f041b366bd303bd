//! URLs of the toolkit.

use std::fmt::{self, Write as _};

/// A URL with options, of which a later one replaces an earlier one.
pub(super) struct Url {
    base: String,
    options: Vec<(String, String)>,
}

impl Url {
    pub(super) fn new(scheme: &str, hosts: &str, path: &str) -> Self {
        Self { base: format!("{scheme}://{hosts}/{path}"), options: Vec::new() }
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.options.retain(|(known, _)| known != name);
        self.options.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)?;
        for (index, (name, value)) in self.options.iter().enumerate() {
            let separator = if index == 0 { '?' } else { '&' };
            write!(f, "{separator}{}={}", encoded(name, b""), encoded(value, b"/"))?;
        }
        Ok(())
    }
}

/// Percent-encodes all but unreserved characters and these.
pub(crate) fn encoded(text: &str, kept: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
