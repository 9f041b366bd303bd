//! The handshake by which a target agrees to deliveries (webhook specification, section 4).
//!
//! ```
//! use cloudevents_webhook::handshake::{AllowedOrigins, Consent, Grant, Origin, Rate, Registration};
//!
//! // The sender asks the exact URL that it will deliver to.
//! let origin: Origin = "eventemitter.example.com".parse()?;
//! let registration = Registration::new(origin.clone()).with_rate(Rate::per_minute(120)?);
//! let request = registration.request("https://partner.example/hook")?;
//!
//! // The target has a list of senders, and a highest rate.
//! let allowed = AllowedOrigins::new(["eventemitter.example.com", "*.sender.example"])?;
//! let (head, ()) = request.into_parts();
//! let consent = Consent::new(allowed).with_highest_rate(Rate::per_minute(100)?);
//! let response = consent.respond(&head);
//! assert_eq!(response.headers()["webhook-allowed-rate"], "100");
//!
//! // Only the headers of the response are consent, never its status.
//! let grant = Grant::from_response(&response, &registration)?.ok_or("no consent")?;
//! assert_eq!(grant.rate(), Rate::per_minute(100)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod allowed;
mod consent;
mod grant;
mod origin;
mod rate;
mod registration;

pub use allowed::AllowedOrigins;
pub use consent::{Consent, PendingConsent};
pub use grant::{Grant, InvalidGrant};
pub use origin::{InvalidOrigin, Origin};
pub use rate::{InvalidRate, Rate};
pub use registration::Registration;

pub(crate) const REQUEST_ORIGIN: &str = "webhook-request-origin";
pub(crate) const REQUEST_RATE: &str = "webhook-request-rate";
pub(crate) const REQUEST_CALLBACK: &str = "webhook-request-callback";
pub(crate) const ALLOWED_ORIGIN: &str = "webhook-allowed-origin";
pub(crate) const ALLOWED_RATE: &str = "webhook-allowed-rate";

/// The header of this name. `Err` where it is there more than once or is not ASCII.
pub(crate) fn once<'a>(headers: &'a http::HeaderMap, name: &str) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(|text| Some(text.trim())).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}
