//! Secrets, which come from the environment or from files and never from the command line.

use crate::{console::Console, failure::Failure, input, plain::plain, report::Report};
use cloudevents_kit::webhook::signature::{
    InvalidKey, SigningKey, StandardSigner, StandardWebhooks, VerifyingKey,
};
use std::path::Path;

/// The shortest secret of an HMAC, and the shortest of several tokens, in characters. Providers such as GitHub and Stripe allow any text. A
/// shorter one, such as a line with a remark, could be guessed.
pub(super) const SHORTEST: usize = 8;

/// A token with fewer characters could be guessed.
const LONG_TOKEN: usize = 16;

/// The value of an environment variable, or the text of a file (`@FILE`). It is not white space alone, which would be no secret.
pub(super) fn secret(place: &str) -> Result<String, Failure> {
    value(place, |name| name.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_')))
}

/// The same. `is_name` says whether a place may be named in an error: what is no name may be the secret itself.
pub(super) fn value(place: &str, is_name: fn(&str) -> bool) -> Result<String, Failure> {
    let is_secret = |value: &String| !value.trim().is_empty();
    // Such as the byte order mark of an editor, which no sender has in its secret.
    let is_plain = |value: &String| {
        let mut odd = value.chars().filter(|character| character.is_control() || *character == '\u{feff}');
        odd.all(|character| matches!(character, '\r' | '\n' | '\t'))
    };
    if let Some(path) = place.strip_prefix('@') {
        let text = input::text(Path::new(path), input::SMALL)?;
        let text =
            Some(text).filter(is_secret).ok_or_else(|| Failure::usage(format!("`{path}` is empty")))?;
        return Some(text)
            .filter(is_plain)
            .ok_or_else(|| Failure::usage(format!("`{path}` has a byte order mark or a control character")));
    }
    std::env::var(place).ok().filter(is_secret).ok_or_else(|| {
        let name = if is_name(place) { format!("`{}`", plain(place)) } else { "of a secret".to_owned() };
        let words = format!("the environment variable {name} is not set, is empty, or is not text");
        Failure::usage(words).help("name a variable, or a file as `@FILE`")
    })
}

/// The secrets in a place, one a line: those of most schemes may have any characters. White space around each does not count.
pub(super) fn secrets(place: &str) -> Result<Vec<String>, Failure> {
    let value = secret(place)?;
    let lines = value.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.map(str::to_owned).collect())
}

/// The tokens in a place, one a line, as senders send them: without the line end that a file has. There is one at least.
fn tokens(place: &str) -> Result<Vec<String>, Failure> {
    let mut value = secret(place)?;
    if place.starts_with('@') {
        value.truncate(value.trim_end_matches(['\r', '\n']).len());
    }
    let lines: Vec<_> = value.split(['\r', '\n']).filter(|line| !line.trim().is_empty()).collect();
    if value.trim() != value || lines.iter().any(|line| line.trim() != *line) {
        return Err(Failure::usage(format!("a token in `{place}` begins or ends with white space")));
    }
    // One of several lines may be a remark, which anyone could guess.
    if lines.len() > 1 && lines.iter().any(|line| line.chars().count() < SHORTEST) {
        return Err(Failure::usage(format!("a token in `{place}` has fewer than {SHORTEST} characters"))
            .help("each line is a token: `ce webhook secret` makes one"));
    }
    Ok(lines.into_iter().map(str::to_owned).collect())
}

/// The tokens that a receiver checks, as [`tokens`] reads them. There is a warning of short ones: anyone can try tokens.
pub(super) fn checked_tokens(place: &str, console: &Console) -> Result<Vec<String>, Failure> {
    let tokens = tokens(place)?;
    if tokens.iter().any(|token| token.chars().count() < LONG_TOKEN) {
        let words = format!("the access token in `{place}` has fewer than {LONG_TOKEN} characters");
        console.report(&Report::warning(words).help("it could be guessed: `ce webhook secret` makes one"));
    }
    Ok(tokens)
}

/// The token that a sender has: the first one in a place.
pub(super) fn token(place: &str) -> Result<String, Failure> {
    // A place with a secret has a first one.
    Ok(tokens(place)?.into_iter().next().unwrap_or_default())
}

/// The keys of Standard Webhooks in a place, which white space separates while they are rotated. There is one at least.
pub(super) fn verifying_keys(place: &str) -> Result<(VerifyingKey, Vec<VerifyingKey>), Failure> {
    let value = secret(place)?;
    let parse = |key: &str| match key.starts_with("whsk_") {
        true => SigningKey::parse(key).map(|key| key.verifying_key()),
        false => VerifyingKey::parse(key),
    };
    let mut keys = value.split_whitespace().map(parse);
    let first = keys.next().unwrap_or_else(|| parse(""));
    let more = keys.collect::<Result<_, _>>();
    first.and_then(|first| Ok((first, more?))).map_err(|error| {
        Failure::usage(format!("the value of `{place}` is not a key: {error}")).help(
            "after `whsec_` is a shared secret, and after `whpk_` the public key of the sender, in Base64: docs/webhooks-with-ce.md makes \
             one of a PEM file",
        )
    })
}

/// A verifier with the keys in this place.
pub(super) fn verifier(place: &str) -> Result<StandardWebhooks, Failure> {
    let (first, more) = verifying_keys(place)?;
    Ok(more.into_iter().fold(StandardWebhooks::with_key(first), StandardWebhooks::or_key))
}

/// A signer with each of the keys in this place.
pub(crate) fn signer(place: &str) -> Result<StandardSigner, Failure> {
    let value = secret(place)?;
    let mut keys = value.split_whitespace();
    let first = StandardSigner::new(keys.next().unwrap_or_default());
    keys.try_fold(first, |signer, key| Ok(signer?.and(key)))
        .and_then(|signer| signer)
        .map_err(|error| not_a_key(place, error))
}

/// The only key in this place.
pub(crate) fn signing_key(place: &str) -> Result<SigningKey, Failure> {
    SigningKey::parse(secret(place)?.trim()).map_err(|error| not_a_key(place, error))
}

fn not_a_key(place: &str, error: InvalidKey) -> Failure {
    Failure::usage(format!("the value of `{place}` is not a key: {error}"))
        .help("`ce webhook secret` makes one")
}
