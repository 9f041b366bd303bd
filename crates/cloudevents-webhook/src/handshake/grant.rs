//! A target's consent, as the sender reads it.

use super::{ALLOWED_ORIGIN, ALLOWED_RATE, Origin, Rate, Registration, once};
use http::Response;
use std::fmt;

/// The permission to deliver to a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    origin: Origin,
    rate: Rate,
}

impl Grant {
    /// Reads the response to a validation request: `None` if the target has not agreed, or may agree later by callback.
    ///
    /// The status is ignored. `WebHook-Allowed-Origin` must be the requested origin, in any letter case, or `*`. Without
    /// `WebHook-Allowed-Rate`, the rate is the requested rate. Without a requested rate, there is no limit. An error names the malformed
    /// header. It means that the target has not agreed.
    pub fn from_response<T>(
        response: &Response<T>,
        registration: &Registration,
    ) -> Result<Option<Self>, InvalidGrant> {
        let origin = once(response.headers(), ALLOWED_ORIGIN).map_err(|()| InvalidGrant::Origin)?;
        let Some(allowed) = origin else { return Ok(None) };
        if allowed != "*" {
            let allowed: Origin = allowed.parse().map_err(|_| InvalidGrant::Origin)?;
            if allowed != *registration.origin() {
                return Err(InvalidGrant::OtherOrigin);
            }
        }
        let rate = once(response.headers(), ALLOWED_RATE).map_err(|()| InvalidGrant::Rate)?;
        Self::with_rate(registration, rate).map(Some)
    }

    /// Reads the `WebHook-Allowed-Rate` of a callback, which may be absent: then the rate is the requested one.
    pub fn from_callback(
        headers: &http::HeaderMap,
        registration: &Registration,
    ) -> Result<Self, InvalidGrant> {
        Self::with_rate(registration, once(headers, ALLOWED_RATE).map_err(|()| InvalidGrant::Rate)?)
    }

    /// Without asking: the target agreed by other means, or knows no handshake.
    #[cfg(feature = "reqwest013")]
    pub(crate) fn assumed(origin: Origin, rate: Rate) -> Self {
        Self { origin, rate }
    }

    /// The origin, which every delivery has to name in `WebHook-Request-Origin`.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The rate to keep to.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    fn with_rate(registration: &Registration, rate: Option<&str>) -> Result<Self, InvalidGrant> {
        let rate = match rate {
            Some(rate) => rate.parse().map_err(|_| InvalidGrant::Rate)?,
            None => registration.rate().unwrap_or(Rate::unlimited()),
        };
        Ok(Self { origin: registration.origin().clone(), rate })
    }
}

/// A response that looks like consent and is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidGrant {
    /// `WebHook-Allowed-Origin` is repeated or not an origin (WEBHOOK-4.2.1-b).
    Origin,
    /// `WebHook-Allowed-Origin` names another origin (WEBHOOK-4.2.1-b).
    OtherOrigin,
    /// `WebHook-Allowed-Rate` is repeated or not a rate (WEBHOOK-4.2.2-e).
    Rate,
}

impl fmt::Display for InvalidGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Origin => "`WebHook-Allowed-Origin` is repeated or not an origin",
            Self::OtherOrigin => "`WebHook-Allowed-Origin` names another origin",
            Self::Rate => "`WebHook-Allowed-Rate` is repeated or not a rate",
        })
    }
}

impl std::error::Error for InvalidGrant {}
