//! What a peer's text must not repeat where it is shown.

use std::fmt;

/// The least that an identifier in a URL has, to count as a secret.
const IDENTIFIER: usize = 8;

/// The least that is recognized of a credential between characters that may be escaped.
const PART: usize = 6;

/// Credentials of a request, and what makes its URL one that only those know who were given it. The text of a peer that repeats one of them
/// does not belong in errors, logs and tables.
///
/// ```
/// use cloudevents_transport::binding::Secrets;
///
/// let secrets = Secrets::of_url("https://example.com/hooks/pXc8Zb3nTqWmEXAMPLE0").with("s3cr3t");
/// assert!(secrets.are_in("you sent Authorization: Bearer s3cr3t"));
/// assert!(secrets.are_in("cannot POST /hooks/pXc8Zb3nTqWmEXAMPLE0"));
/// assert!(!secrets.are_in("there are no hooks"));
/// ```
#[derive(Clone, Default)]
pub struct Secrets {
    credentials: Vec<String>,
    /// What is behind the host.
    url: String,
}

impl Secrets {
    /// What is shown in place of a text that repeats a secret.
    pub const NOT_SHOWN: &'static str = "its text is not shown, because it repeats a secret of the request";

    /// The secrets of a URL: what looks like an identifier in its path and query.
    pub fn of_url(url: &str) -> Self {
        let after_host = url.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
        let url = after_host.map(|(_, path)| path.to_owned()).unwrap_or_default();
        Self { credentials: Vec::new(), url }
    }

    /// Adds a credential, such as a token, a password, or the value of a cookie.
    pub fn with(mut self, credential: impl Into<String>) -> Self {
        let credential = credential.into();
        if letters(&credential).next().is_some() {
            self.credentials.push(credential);
        }
        self
    }

    /// How many bytes the longest one may have in a text, also one that is escaped: so much more is read of a text of which only the
    /// beginning is shown.
    pub fn longest(&self) -> usize {
        let credentials = self.credentials.iter().map(|credential| credential.len().saturating_mul(6));
        credentials.chain([self.url.len()]).max().unwrap_or_default()
    }

    /// Whether a text repeats one of them, in any letter case, or with other characters between letters and digits.
    pub fn are_in(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        let has = |secret: &str| text.contains(&secret.to_ascii_lowercase());
        let of_text = (!self.credentials.is_empty()).then(|| letters(&text).collect::<String>());
        let repeats = |credential: &String| {
            // What is escaped in between differs.
            parts(credential).any(|part| part.len() >= PART && has(part))
                || of_text
                    .as_ref()
                    .is_some_and(|text| text.contains(&letters(credential).collect::<String>()))
        };
        self.credentials.iter().any(repeats) || parts(&self.url).any(|part| is_identifier(part) && has(part))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

/// The letters and digits between other characters.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_ascii_alphanumeric())
}

fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(char::is_ascii_alphanumeric).map(|character| character.to_ascii_lowercase())
}

/// Words have no digits, and are not as long.
fn is_identifier(part: &str) -> bool {
    let has_digits = part.bytes().any(|byte| byte.is_ascii_digit());
    part.len() >= IDENTIFIER.saturating_mul(3) || (part.len() >= IDENTIFIER && has_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_url_are_no_secrets() {
        let url = "https://partner.example/notifications/orders2?kind=webhooks";
        let secrets = Secrets::of_url(url).with("a-b");
        for said in ["there is no /notifications/orders2 of that kind", "webhooks", ""] {
            assert!(!secrets.are_in(said), "{said}");
        }
        for said in ["A-B", r"a\-b"] {
            assert!(secrets.are_in(said), "{said}");
        }
        assert!(!Secrets::default().with("").with("==").are_in("a=="));
        assert_eq!(format!("{secrets:?}"), "Secrets { .. }");
    }
}
