//! Responses to events.

use crate::body::{Reading, event_from_response, events_from_response, message_from_response};
use cloudevents_core::{Decoded, Error, Event, Message};
use reqwest::{Body, Response};

/// Events in responses of reqwest, read within the limits of the decoding and a deadline (see [`Reading`]).
///
/// The status is not looked at: `error_for_status` comes before.
///
/// ```no_run
/// use cloudevents_core::Decoding;
/// use cloudevents_http::reqwest013::ResponseExt;
///
/// # async fn ask() -> Result<(), Box<dyn std::error::Error>> {
/// let response = reqwest::get("http://localhost/latest").await?.error_for_status()?;
/// let event = response.event(&Decoding::strict()).await?.value;
/// # Ok(()) }
/// ```
pub trait ResponseExt: Sized {
    /// The response as one event, in binary or structured mode.
    fn event<'a>(
        self,
        with: impl Into<Reading<'a>>,
    ) -> impl Future<Output = Result<Decoded<Event>, Error>> + Send;

    /// The response as events: one, or a batch.
    fn events<'a>(
        self,
        with: impl Into<Reading<'a>>,
    ) -> impl Future<Output = Result<Decoded<Vec<Event>>, Error>> + Send;

    /// The response as a message, its document or payload not looked at.
    fn message<'a>(self, with: impl Into<Reading<'a>>)
    -> impl Future<Output = Result<Message, Error>> + Send;
}

impl ResponseExt for Response {
    fn event<'a>(
        self,
        with: impl Into<Reading<'a>>,
    ) -> impl Future<Output = Result<Decoded<Event>, Error>> + Send {
        let with: Reading<'a> = with.into();
        event_from_response(http::Response::<Body>::from(self), with)
    }

    fn events<'a>(
        self,
        with: impl Into<Reading<'a>>,
    ) -> impl Future<Output = Result<Decoded<Vec<Event>>, Error>> + Send {
        let with: Reading<'a> = with.into();
        events_from_response(http::Response::<Body>::from(self), with)
    }

    fn message<'a>(
        self,
        with: impl Into<Reading<'a>>,
    ) -> impl Future<Output = Result<Message, Error>> + Send {
        let with: Reading<'a> = with.into();
        message_from_response(http::Response::<Body>::from(self), with)
    }
}
