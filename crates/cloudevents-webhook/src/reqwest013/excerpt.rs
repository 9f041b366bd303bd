//! What a target's response says, for errors and logs.

use std::borrow::Cow;

/// The bytes that are kept of a response.
const EXCERPT: usize = 1024;

/// The most bytes of a response that are read for it.
const LONGEST: usize = 64 << 10;

/// The least that an identifier in a URL has, to count as a secret.
const IDENTIFIER: usize = 8;

/// The least that is recognized of a token between characters that may be escaped.
const PART: usize = 6;

/// What must not be in an excerpt: the token, and what makes a URL one that only those know who were given it.
pub(super) struct Secrets<'a> {
    token: Option<&'a str>,
    url: Cow<'a, str>,
}

impl<'a> Secrets<'a> {
    pub(super) fn new(token: Option<&'a str>, url: &'a str) -> Self {
        let after_host = url.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
        Self { token, url: after_host.map_or_else(Default::default, |(_, path)| path.into()) }
    }

    /// How many bytes of a response to read, so that a secret that begins in the excerpt is there as a whole, also a token that is escaped.
    pub(super) fn reads(&self) -> usize {
        let token = self.token.map_or(0, str::len).saturating_mul(6);
        EXCERPT.saturating_add(token.max(self.url.len())).min(LONGEST)
    }

    /// The beginning of a response, in one line; a note instead where it repeats a secret. `None` if there is none.
    pub(super) fn excerpt(&self, body: &[u8]) -> Option<Cow<'static, str>> {
        let text = String::from_utf8_lossy(body);
        if text.trim().is_empty() {
            return None;
        }
        if self.are_in(&text) {
            return Some("its text is not shown, because it repeats a secret of the request".into());
        }
        let excerpt = String::from_utf8_lossy(body.get(..EXCERPT).unwrap_or(body));
        Some(excerpt.trim().escape_debug().to_string().into())
    }

    fn are_in(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        let has = |secret: &str| text.contains(&secret.to_ascii_lowercase());
        let token_is_in = self.token.is_some_and(|token| {
            // What is escaped in between differs.
            parts(token).any(|part| part.len() >= PART && has(part))
                || letters(&text).contains(&letters(token))
        });
        token_is_in || parts(&self.url).any(|part| is_identifier(part) && has(part))
    }
}

/// The letters and digits between other characters.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_ascii_alphanumeric())
}

fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
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
        let secrets =
            Secrets::new(Some("a-b"), "https://partner.example/notifications/orders2?kind=webhooks");
        for said in ["there is no /notifications/orders2 of that kind", "webhooks"] {
            assert_eq!(secrets.excerpt(said.as_bytes()).unwrap(), said);
        }
        assert_eq!(secrets.excerpt(b" \n"), None);
        for said in ["A-B", r"a\-b"] {
            assert_ne!(secrets.excerpt(said.as_bytes()).unwrap(), said);
        }
    }

    #[test]
    fn an_identifier_of_the_url_that_begins_in_the_excerpt_is_recognized() {
        let capability = "pXc8Zb3nTqWmEXAMPLE0";
        let url = format!("https://partner.example/hooks/{capability}");
        let secrets = Secrets::new(None, &url);
        for begun in 1..=capability.len() {
            let body = format!("{}{capability} and more", " ".repeat(EXCERPT - begun));
            let read = body.as_bytes().get(..secrets.reads()).unwrap_or(body.as_bytes());
            let shown = secrets.excerpt(read).unwrap();
            assert!(shown.contains("not shown"), "{shown}");
        }
    }
}
