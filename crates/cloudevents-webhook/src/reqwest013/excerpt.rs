//! Excerpts of a target's response, for errors and logs.

use cloudevents_transport::binding::Secrets;
use std::borrow::Cow;

/// The bytes that are kept of a response.
const EXCERPT: usize = 1024;

/// The most bytes of a response that are read for it.
const LONGEST: usize = 64 << 10;

/// How many bytes of a response to read, so that a secret that begins in the excerpt is there as a whole.
pub(super) fn reads(secrets: &Secrets) -> usize {
    EXCERPT.saturating_add(secrets.longest()).min(LONGEST)
}

/// The beginning of a response, in one line. If it repeats a secret, a note instead. `None` if there is none.
pub(super) fn excerpt(body: &[u8], secrets: &Secrets) -> Option<Cow<'static, str>> {
    let text = String::from_utf8_lossy(body);
    if text.trim().is_empty() {
        return None;
    }
    if secrets.are_in(&text) {
        return Some(Secrets::NOT_SHOWN.into());
    }
    let excerpt = String::from_utf8_lossy(body.get(..EXCERPT).unwrap_or(body));
    Some(excerpt.trim().escape_debug().to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_of_the_url_that_begins_in_the_excerpt_is_recognized() {
        let capability = "pXc8Zb3nTqWmEXAMPLE0";
        let secrets = Secrets::of_url(&format!("https://partner.example/hooks/{capability}"));
        for begun in 1..=capability.len() {
            let body = format!("{}{capability} and more", " ".repeat(EXCERPT - begun));
            let read = body.as_bytes().get(..reads(&secrets)).unwrap_or(body.as_bytes());
            assert_eq!(excerpt(read, &secrets).unwrap(), Secrets::NOT_SHOWN);
        }
        assert_eq!(excerpt(b" \n", &secrets), None);
        assert_eq!(excerpt(b" a\nb ", &secrets).unwrap(), r"a\nb");
    }
}
