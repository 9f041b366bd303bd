//! The validation of Azure Event Grid's own schema.

use bytes::Bytes;
use cloudevents_http::is_cloudevent;
use http::{HeaderValue, Response, header, request::Parts};
use serde_json::{Value, json};

/// The longest body of a validation event.
const LONGEST: usize = 64 << 10;

const KIND: &str = "Microsoft.EventGrid.SubscriptionValidationEvent";

/// The names of subscriptions that are agreed to, in any letter case: Event Grid sends them in capitals.
#[derive(Clone, Debug)]
pub(super) struct Subscriptions(Vec<Box<str>>);

impl Subscriptions {
    pub(super) fn new<T: Into<Box<str>>>(names: impl IntoIterator<Item = T>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    /// Whether a request in Event Grid's own schema names one of the subscriptions. Its deliveries name no origin.
    pub(super) fn recognizes(&self, request: &Parts) -> bool {
        let name = text(request, "aeg-subscription-name");
        !is_cloudevent(&request.headers)
            && name.is_some_and(|name| self.0.iter().any(|known| known.eq_ignore_ascii_case(name)))
    }

    /// Whether the headers belong to a validation event for one of the subscriptions.
    pub(super) fn validates(&self, request: &Parts) -> bool {
        let kind = text(request, "aeg-event-type");
        kind.is_some_and(|kind| kind.eq_ignore_ascii_case("SubscriptionValidation"))
            && self.recognizes(request)
    }

    /// Returns the response that repeats the code: 200, as Event Grid requires. `None` if the body is not a validation event.
    pub(super) fn respond(&self, body: &[u8]) -> Option<Response<Bytes>> {
        let events: Value = serde_json::from_slice(body.get(..LONGEST).map_or(body, |_| &[])).ok()?;
        let [event] = events.as_array()?.as_slice() else { return None };
        if event.get("eventType")?.as_str()? != KIND {
            return None;
        }
        let code = event.get("data")?.get("validationCode")?.as_str()?;
        let mut response = Response::new(json!({ "validationResponse": code }).to_string().into());
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Some(response)
    }
}

fn text<'a>(request: &'a Parts, name: &str) -> Option<&'a str> {
    request.headers.get(name)?.to_str().ok()
}
