//! The sender's side of the handshake.

use super::{Origin, REQUEST_CALLBACK, REQUEST_ORIGIN, REQUEST_RATE, Rate};
use cloudevents_core::{Error, ErrorKind};
use http::{HeaderValue, Method, Request};
use std::fmt;

/// A sender's request for consent: its origin, the rate at which it wants to deliver, and a callback.
#[derive(Clone)]
pub struct Registration {
    origin: Origin,
    rate: Option<Rate>,
    callback: Option<Box<str>>,
}

impl Registration {
    /// Asks to deliver as this origin.
    pub fn new(origin: Origin) -> Self {
        Self { origin, rate: None, callback: None }
    }

    /// Requests this rate. Without a limit, no rate is requested: the specification has no value for it.
    pub fn with_rate(mut self, rate: Rate) -> Self {
        self.rate = rate.limit().is_some().then_some(rate);
        self
    }

    /// Offers a URL that the target can call to agree later. It should hold an identifier of the target and a secret that cannot be
    /// guessed, and be good for one call (webhook specification, 4.1.3).
    pub fn with_callback(mut self, url: impl Into<Box<str>>) -> Self {
        self.callback = Some(url.into());
        self
    }

    /// The origin.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The requested rate.
    pub fn rate(&self) -> Option<Rate> {
        self.rate
    }

    /// Returns the validation request to this URL, which must be the URL that events are delivered to.
    ///
    /// Errors are of kind [`InvalidUrl`](ErrorKind::InvalidUrl).
    pub fn request(&self, url: &str) -> Result<Request<()>, Error> {
        let invalid = |what: &'static str| Error::new(ErrorKind::InvalidUrl).with_detail(what);
        let mut request =
            Request::builder().method(Method::OPTIONS).uri(url).header(REQUEST_ORIGIN, self.origin.as_str());
        if let Some(rate) = self.rate {
            request = request.header(REQUEST_RATE, rate.to_string());
        }
        if let Some(callback) = &self.callback {
            let mut callback = HeaderValue::from_str(callback)
                .map_err(|_| invalid("the callback cannot be a header value"))?;
            callback.set_sensitive(true);
            request = request.header(REQUEST_CALLBACK, callback);
        }
        request.body(()).map_err(|_| invalid("the target cannot be the URI of a request"))
    }
}

/// Does not show the callback, which is secret.
impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("origin", &self.origin)
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}
