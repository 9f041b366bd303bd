//! Extractors and responders for axum 0.8.

mod extract;
mod layer;
mod respond;

pub use layer::DecodingLayer;

use cloudevents_core::{Decoded, Error, Event, Format, Message, TypedEvent};
use cloudevents_json::Json;

/// One event, in binary or structured mode. As a response, it goes in binary mode.
///
/// The limits, formats and leniency are those of a [`DecodingLayer`]; without one, decoding is strict and knows JSON. What is no
/// event is refused with a [`Problem`](crate::Problem). `Option<CloudEvent>` is for endpoints that take other things too: it is
/// `None` for a request that bears no mark of CloudEvents.
///
/// axum's own `DefaultBodyLimit` is about axum's own extractors: bodies are bounded by
/// [`Limits::bytes`](cloudevents_core::Limits::bytes).
///
/// ```
/// use axum::{Router, http::StatusCode, routing::post};
/// use cloudevents_http::axum08::CloudEvent;
///
/// async fn receive(CloudEvent(event): CloudEvent) -> StatusCode {
///     println!("{}", event.id());
///     StatusCode::NO_CONTENT
/// }
/// let app: Router = Router::new().route("/events", post(receive));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudEvent(pub Event);

/// One event or a batch of them, in any mode. As a response, it is a batch in the JSON format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudEvents(pub Vec<Event>);

/// A message as it came, its document or payload not looked at: for forwarding. As a response, it goes as it is.
#[derive(Clone, Debug)]
pub struct CloudEventMessage(pub Message);

/// One event and what was repaired on the way, for lenient decoding that is to be told about.
#[derive(Clone, Debug)]
pub struct RepairedCloudEvent(pub Decoded<Event>);

/// One event whose type and payload are those of a Rust type. As a response, it goes in binary mode.
///
/// An event of another type is refused with 422, one with another content type with 415, and a payload that does not
/// fit the Rust type with 422.
#[derive(Clone, Debug)]
pub struct Typed<T>(pub TypedEvent<T>);

impl CloudEvent {
    /// The event as a document of this format: a response in structured mode.
    ///
    /// ```
    /// use cloudevents_core::Event;
    /// use cloudevents_http::{Problem, axum08::{CloudEvent, CloudEventMessage}};
    /// use cloudevents_json::Json;
    ///
    /// async fn answer(CloudEvent(question): CloudEvent) -> Result<CloudEventMessage, Problem> {
    ///     Ok(CloudEvent(question).structured(&Json::new())?)
    /// }
    /// ```
    pub fn structured(&self, format: &dyn Format) -> Result<CloudEventMessage, Error> {
        Message::structured(&self.0, format).map(|(message, _)| CloudEventMessage(message))
    }
}

impl CloudEvents {
    /// The events as a batch of this format.
    pub fn batched(&self, format: &dyn Format) -> Result<CloudEventMessage, Error> {
        Message::batched(&self.0, format).map(|(message, _)| CloudEventMessage(message))
    }

    /// The batch that a response is.
    fn as_json(&self) -> Result<CloudEventMessage, Error> {
        self.batched(&Json::new())
    }
}
