//! Events to requests.

use crate::{
    encode::{keep_meaning, kept},
    encode_message,
};
use cloudevents_core::{Error, Event, Format, Message};
use http::{HeaderMap, HeaderValue, header::CONTENT_LENGTH};
use reqwest::RequestBuilder;
use sealed::Sealed;
use serde::{Serialize, Serializer, ser::Error as _};

/// Events in requests of reqwest.
///
/// `build` and `send` return a mistake, such as a batch of mixed spec versions, as they return all mistakes of a request builder. It is a
/// `reqwest::Error` for which `is_builder` holds, and the mistake is its source. Nothing was sent then. To get the [`Error`] itself, encode
/// with [`encode_message`] or [`BuilderExt`](crate::BuilderExt) first.
///
/// ```no_run
/// use cloudevents_core::Event;
/// use cloudevents_http::reqwest013::RequestBuilderExt;
/// use cloudevents_json::Json;
///
/// # async fn send() -> Result<(), Box<dyn std::error::Error>> {
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let client = reqwest::Client::new();
/// client.post("http://localhost/").event(&event).send().await?.error_for_status()?;
/// client.post("http://localhost/").structured_event(&event, &Json::new()).send().await?.error_for_status()?;
/// # Ok(()) }
/// ```
pub trait RequestBuilderExt: Sized + Sealed {
    /// Adds this message: sets its headers and keeps the others, and replaces the body. Losses as with
    /// [`structured_event`](Self::structured_event).
    fn message(self, message: &Message) -> Self;

    /// Adds this event in binary mode. Losses as with [`structured_event`](Self::structured_event).
    fn event(self, event: &Event) -> Self;

    /// Adds this event in structured mode. A value that the format cannot hold is a mistake, as with
    /// [`BuilderExt::structured_event`](crate::BuilderExt::structured_event).
    fn structured_event(self, event: &Event, format: &dyn Format) -> Self;

    /// Adds these events as a batch. Losses as with [`structured_event`](Self::structured_event). Send batches only to peers that
    /// requested them.
    fn events(self, events: &[Event], format: &dyn Format) -> Self;
}

impl RequestBuilderExt for RequestBuilder {
    fn message(self, message: &Message) -> Self {
        let mut headers = HeaderMap::new();
        match keep_meaning(message).and_then(|()| encode_message(message, &mut headers)) {
            Ok(body) => {
                add_length(&body, &mut headers);
                self.headers(headers).body(body)
            }
            Err(error) => mistaken(self, &error),
        }
    }

    fn event(self, event: &Event) -> Self {
        self.message(&Message::from(event))
    }

    fn structured_event(self, event: &Event, format: &dyn Format) -> Self {
        match Message::structured(event, format).and_then(kept) {
            Ok(message) => self.message(&message),
            Err(error) => mistaken(self, &error),
        }
    }

    fn events(self, events: &[Event], format: &dyn Format) -> Self {
        match Message::batched(events, format).and_then(kept) {
            Ok(message) => self.message(&message),
            Err(error) => mistaken(self, &error),
        }
    }
}

/// Adds the length of an empty body, which the client leaves out: a method that has content should have it (RFC 9110, section 8.6).
pub(super) fn add_length(body: &[u8], headers: &mut HeaderMap) {
    if body.is_empty() {
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
}

/// The builder keeps the mistakes of bodies that cannot be serialized: this is such a body.
#[cold]
fn mistaken(builder: RequestBuilder, error: &Error) -> RequestBuilder {
    struct Mistake<'a>(&'a Error);

    impl Serialize for Mistake<'_> {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(S::Error::custom(self.0))
        }
    }

    builder.json(&Mistake(error))
}

/// Not public: only this crate implements the trait above.
mod sealed {
    pub trait Sealed {}
    impl Sealed for reqwest::RequestBuilder {}
}
