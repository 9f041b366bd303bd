//! The target's side of the handshake.

use super::{
    ALLOWED_ORIGIN, ALLOWED_RATE, AllowedOrigins, Origin, REQUEST_CALLBACK, REQUEST_ORIGIN, REQUEST_RATE,
    Rate, once,
};
use http::{HeaderMap, Method, Response, StatusCode, header, request::Parts, response};
use std::fmt;

/// Answers validation requests.
#[derive(Clone, Debug)]
pub struct Consent {
    allowed: AllowedOrigins,
    highest: Rate,
}

impl Consent {
    /// Agrees to these senders, without a limit of their rate.
    pub fn new(allowed: AllowedOrigins) -> Self {
        Self { allowed, highest: Rate::unlimited() }
    }

    /// Grants at most this rate. If a sender requests a lower rate, it is granted that rate.
    pub fn with_highest_rate(mut self, rate: Rate) -> Self {
        self.highest = rate;
        self
    }

    /// The response to a validation request.
    ///
    /// | request | response |
    /// |---|---|
    /// | of an allowed origin | 200 with `WebHook-Allowed-Origin` (that origin, as the request has it), `WebHook-Allowed-Rate`, `Allow: POST` |
    /// | of another origin | 403 without these headers |
    /// | without `WebHook-Request-Origin`, or with another method than `OPTIONS`: not a validation request | 405 with `Allow: POST` |
    /// | with a malformed or repeated header | 400 |
    ///
    /// The callback of the request is ignored. To decide later and call it, use [`pending`](Self::pending).
    pub fn respond(&self, request: &Parts) -> Response<()> {
        let refused = |status| builder(status).body(());
        let response = match read(request) {
            Err(()) => refused(StatusCode::BAD_REQUEST),
            Ok(None) => refused(StatusCode::METHOD_NOT_ALLOWED),
            Ok(Some((origin, ..))) if !self.allowed.allows(&origin) => refused(StatusCode::FORBIDDEN),
            Ok(Some((_, written, requested))) => builder(StatusCode::OK)
                .header(ALLOWED_ORIGIN, written)
                .header(ALLOWED_RATE, self.granted(requested).to_string())
                .body(()),
        };
        // All of these values can be header values.
        response.unwrap_or_default()
    }

    /// Returns a validation request to decide on later, by its callback. `None` if it is malformed, comes from an origin that is not
    /// allowed, or has no callback. Respond to it with [`PendingConsent::response`].
    pub fn pending(&self, request: &Parts) -> Option<PendingConsent> {
        let (origin, _, requested) = read(request).ok().flatten()?;
        let callback = once(&request.headers, REQUEST_CALLBACK).ok().flatten()?;
        self.allowed.allows(&origin).then(|| PendingConsent {
            rate: self.granted(requested),
            callback: callback.into(),
            origin,
        })
    }

    /// Whether a delivery comes from an allowed sender: it names one in `WebHook-Request-Origin` (webhook specification, 4.1.2).
    pub fn allows_delivery(&self, headers: &HeaderMap) -> bool {
        match once(headers, REQUEST_ORIGIN) {
            Ok(Some(origin)) => origin.parse().is_ok_and(|origin| self.allows(&origin)),
            _ => false,
        }
    }

    pub(crate) fn allows(&self, origin: &Origin) -> bool {
        self.allowed.allows(origin)
    }

    fn granted(&self, requested: Option<Rate>) -> Rate {
        requested.unwrap_or(self.highest).min(self.highest)
    }
}

/// A sender that waits for consent by callback.
///
/// The callback is a URL that the peer chose: check it with [`UrlGuard`](crate::guard::UrlGuard) before it is requested, and request it
/// from a queue that the application drains, so that no peer can make this service send as many requests as it likes.
#[derive(Clone, PartialEq, Eq)]
pub struct PendingConsent {
    origin: Origin,
    rate: Rate,
    callback: Box<str>,
}

impl PendingConsent {
    /// The sender.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The rate to grant, for the `WebHook-Allowed-Rate` of the callback.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// The URL to call with GET or POST over HTTPS, unchecked.
    pub fn callback(&self) -> &str {
        &self.callback
    }

    /// The response meanwhile: 202 without the headers of consent (webhook specification, 4.2).
    pub fn response(&self) -> Response<()> {
        builder(StatusCode::ACCEPTED).body(()).unwrap_or_default()
    }
}

/// Does not show the callback, which is secret.
impl fmt::Debug for PendingConsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingConsent")
            .field("origin", &self.origin)
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}

fn builder(status: StatusCode) -> response::Builder {
    Response::builder().status(status).header(header::ALLOW, "OPTIONS, POST")
}

/// Origin, also as it is written, and requested rate.
type Asked<'a> = (Origin, &'a str, Option<Rate>);

/// Reads a validation request. `None` if the request is none.
fn read(request: &Parts) -> Result<Option<Asked<'_>>, ()> {
    let headers = &request.headers;
    if request.method != Method::OPTIONS {
        return Ok(None);
    }
    let Some(written) = once(headers, REQUEST_ORIGIN)? else { return Ok(None) };
    let origin = written.parse().map_err(|_| ())?;
    let rate = match once(headers, REQUEST_RATE)? {
        // No limit can be granted, and not requested (section 4.1.4).
        Some("*") => return Err(()),
        Some(rate) => Some(rate.parse().map_err(|_| ())?),
        None => None,
    };
    Ok(Some((origin, written, rate)))
}
