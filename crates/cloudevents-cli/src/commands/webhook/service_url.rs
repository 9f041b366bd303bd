//! The URL of the service behind `ce webhook serve --to`: its place, its mistakes, and its next password.

use super::keys::value;
use crate::{
    connect::address::{Address, address},
    failure::Failure,
    plain::plain,
};
use cloudevents_kit::transport::Side;
use reqwest::Url;
use std::sync::{Arc, PoisonError, RwLock};

/// Where the URL is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// `--to`: the URL, or `@NAME` for a connection of the configuration file.
    Argument(String),
    /// `--to-env`: a variable, or `@FILE`.
    Secret(String),
}

/// The URL that holds now, with its secrets. Clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct ServiceUrl {
    place: Place,
    now: Arc<RwLock<Url>>,
}

impl ServiceUrl {
    /// Reads the URL.
    pub(super) fn read(place: Place) -> Result<Self, Failure> {
        let now = Arc::new(RwLock::new(url(&place)?));
        Ok(Self { place, now })
    }

    /// The URL for the next request.
    pub(super) fn now(&self) -> Url {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a file has it, which may change while the program runs.
    pub(super) fn is_in_a_file(&self) -> bool {
        let (Place::Argument(text) | Place::Secret(text)) = &self.place;
        text.starts_with('@')
    }

    /// Reads the URL again, and does not use it yet. Only its password may be another one: the name under which deliveries are remembered
    /// has the rest.
    pub(super) fn again(&self) -> Result<Url, Failure> {
        let next = url(&self.place)?;
        if without_password(&next) == without_password(&self.now()) {
            return Ok(next);
        }
        Err(Failure::usage("the URL of the service has more than another password: start the gate again"))
    }

    /// From now on, requests have this URL.
    pub(super) fn replace(&self, next: Url) {
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = next;
    }
}

/// The same URL without its password.
pub(super) fn without_password(url: &Url) -> Url {
    let mut url = url.clone();
    // Fails for URLs that have no password.
    let _ = url.set_password(None);
    url
}

fn url(place: &Place) -> Result<Url, Failure> {
    match place {
        Place::Argument(to) => {
            let Address { url, headers } = address(to, Side::Send)?;
            if headers.is_empty() {
                return parse(&url);
            }
            let words = format!("the connection `{}` has headers, which a gate does not send", plain(to));
            Err(Failure::usage(words)
                .help("`user` and `password-file` of a connection are a secret that the service can check"))
        }
        Place::Secret(place) => {
            // With one of these characters, it may be the URL itself.
            let value = value(place, |name| !name.contains([':', '@', '/']))?;
            let url = value.trim();
            match url.contains(char::is_whitespace) {
                true => {
                    Err(Failure::usage(format!("`{place}` has white space inside: --to-env is of one URL")))
                }
                false => parse(url),
            }
        }
    }
}

/// Errors do not have the text, which is a secret.
fn parse(text: &str) -> Result<Url, Failure> {
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
        return Err(Failure::usage("the URL of the service does not begin with http:// or https://"));
    }
    Url::parse(text).map_err(|error| {
        // These characters end the part of a URL that has the password.
        let user = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        match rest.contains('@') && !user.contains('@') {
            true => Failure::usage(
                "the password of the service has `/`, `?`, `#` or `\\`, which ends it in a URL",
            )
            .help("percent-encode the password: `/` is `%2F`, `?` is `%3F`, `#` is `%23`, `\\` is `%5C`"),
            false => Failure::usage(format!("the URL of the service is malformed: {error}")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named_and_the_url_is_not() {
        for (text, words) in [
            ("", "does not begin with http:// or https://"),
            ("127.0.0.1:1", "does not begin with http:// or https://"),
            ("ftp://127.0.0.1/", "does not begin with http:// or https://"),
            ("http://", "malformed: empty host"),
            ("http://127.0.0.1:s3cret/", "malformed: invalid port number"),
            ("http://gate:s3cret/b@127.0.0.1:1/hook", "the password of the service has `/`"),
            ("https://gate:s3cret?b@127.0.0.1:1/hook", "the password of the service has `/`"),
            ("http://gate:s3cret#b@127.0.0.1:1/hook", "the password of the service has `/`"),
        ] {
            let message = parse(text).unwrap_err().message();
            assert!(message.contains(words) && !message.contains("s3cret"), "{text}: {message}");
        }
        assert_eq!(parse("HTTP://gate:a%2Fb@127.0.0.1:1/hook").unwrap().password(), Some("a%2Fb"));
    }
}
