//! Events to requests.

use crate::encode_message;
use cloudevents_core::{Error, Event, Format, Message};
use http::HeaderMap;
use reqwest::RequestBuilder;
use serde::{Serialize, Serializer, ser::Error as _};

/// Events in requests of reqwest.
///
/// A mistake, such as a batch of mixed spec versions, waits for `build` or `send`, as all mistakes of a request builder do: it is then a `reqwest::Error` for which `is_builder` holds and whose source says what is
/// wrong, and nothing was sent. Who wants the [`Error`] itself encodes first, with [`encode_message`] or
/// [`BuilderExt`](crate::BuilderExt).
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
pub trait RequestBuilderExt: Sized {
    /// With this message: its headers are set, others stay; the body is replaced.
    fn message(self, message: &Message) -> Self;

    /// With this event in binary mode.
    fn event(self, event: &Event) -> Self {
        self.message(&Message::Binary(event.clone()))
    }

    /// With this event in structured mode. [`encode`](crate::encode) tells what the format could not hold.
    fn structured_event(self, event: &Event, format: &dyn Format) -> Self;

    /// With these events as a batch. [`encode_batch`](crate::encode_batch) tells what the format could not hold. Send one only
    /// where it was asked for.
    fn events(self, events: &[Event], format: &dyn Format) -> Self;
}

impl RequestBuilderExt for RequestBuilder {
    fn message(self, message: &Message) -> Self {
        let mut headers = HeaderMap::new();
        match encode_message(message, &mut headers) {
            Ok(body) => self.headers(headers).body(body),
            Err(error) => mistaken(self, &error),
        }
    }

    fn structured_event(self, event: &Event, format: &dyn Format) -> Self {
        match Message::structured(event, format) {
            Ok((message, _)) => self.message(&message),
            Err(error) => mistaken(self, &error),
        }
    }

    fn events(self, events: &[Event], format: &dyn Format) -> Self {
        match Message::batched(events, format) {
            Ok((message, _)) => self.message(&message),
            Err(error) => mistaken(self, &error),
        }
    }
}

/// The builder keeps the mistakes of bodies that cannot be serialized, and this is one.
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
