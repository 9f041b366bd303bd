//! Extractors and responders for axum 0.8.

mod extract;
mod layer;
mod respond;

pub use layer::DecodingLayer;

use crate::encode::kept;
use cloudevents_core::{Decoded, Error, Event, Format, Message, TypedEvent};
use cloudevents_json::Json;

/// One event, in binary or structured mode. As a response, it is written in binary mode.
///
/// A [`DecodingLayer`] has the limits, formats and leniency. Without one, decoding is strict and knows JSON. A request that cannot be
/// decoded is rejected with a [`Problem`](crate::Problem). `Option<CloudEvent>` is for endpoints that take other requests, too. It is
/// `None` for a request whose headers have no mark of CloudEvents. This also holds if
/// [`AssumedJson`](cloudevents_core::RepairKind::AssumedJson) would read its body as an event.
///
/// Repairs of lenient decoding are discarded. Use [`RepairedCloudEvent`] to get them.
///
/// axum's `DefaultBodyLimit` applies to axum's extractors only. Here, [`Limits::bytes`](cloudevents_core::Limits::bytes) bounds the body.
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
///
/// A handler that may fail returns `Result<_, Problem>`. `?` on an [`Error`] is a failure of the server, 503 or 500:
///
/// ```
/// use axum::{Router, http::StatusCode, routing::post};
/// use cloudevents_core::Event;
/// use cloudevents_http::{Problem, axum08::{CloudEvent, Typed}};
/// use cloudevents_json::{Json, JsonEventExt};
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct Order { total: i64 }
/// # impl cloudevents_core::EventData for Order { const TYPE: &'static str = "com.example.order"; type Codec = Json; }
/// # async fn store(order: &Order) -> Result<(), cloudevents_core::Error> { Ok(()) }
///
/// async fn place(Typed(order): Typed<Order>) -> Result<CloudEvent, Problem> {
///     if order.data().total <= 0 {
///         return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "total must be positive"));
///     }
///     store(order.data()).await?;
///     let placed = Event::builder().id("1").source("/shop").ty("com.example.order.placed").build()?;
///     Ok(CloudEvent(placed))
/// }
///
/// /// A payload that the client got wrong is an explicit rejection.
/// async fn inspect(CloudEvent(event): CloudEvent) -> Result<StatusCode, Problem> {
///     let order: Order = event.data_as_json().map_err(Problem::rejection)?;
///     Ok(if order.total > 0 { StatusCode::ACCEPTED } else { StatusCode::NO_CONTENT })
/// }
///
/// let app: Router = Router::new().route("/orders", post(place)).route("/inspect", post(inspect));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudEvent(pub Event);

/// One event or a batch of them, in any mode. As a response, it is a batch in the JSON format.
///
/// Repairs of lenient decoding are discarded. Use [`RepairedCloudEvents`] to get them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudEvents(pub Vec<Event>);

/// A message with its document or payload undecoded, for forwarding. As a response, it is written as it came.
///
/// Repairs of the headers of binary mode are discarded. [`decode_message`](crate::decode_message) returns them. Repairs of a document are
/// made when it is read, by [`Message::event`].
#[derive(Clone, Debug)]
pub struct CloudEventMessage(pub Message);

/// One event, and the repairs that lenient decoding made.
#[derive(Clone, Debug)]
pub struct RepairedCloudEvent(pub Decoded<Event>);

/// One event or a batch of them, in any mode, and the repairs that lenient decoding made. In a batch, a repair has the
/// [index](cloudevents_core::Repair::index) of its event.
#[derive(Clone, Debug)]
pub struct RepairedCloudEvents(pub Decoded<Vec<Event>>);

/// One event with the type and payload of a Rust type. As a response, it is written in binary mode.
///
/// An event of another type is rejected with 422, and an event with another content type with 415. A payload that does not fit the Rust
/// type is rejected with 422.
///
/// Repairs of lenient decoding are discarded. Use [`RepairedCloudEvent`] and [`TypedEvent::decode`] to get them.
#[derive(Clone, Debug)]
pub struct Typed<T>(pub TypedEvent<T>);

impl CloudEvent {
    /// Converts the event into a document of this format: a response in structured mode. Losses as with
    /// [`BuilderExt::structured_event`](crate::BuilderExt::structured_event).
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
        Message::structured(&self.0, format).and_then(kept).map(CloudEventMessage)
    }
}

impl CloudEvents {
    /// Converts the events into a batch of this format. Losses as with
    /// [`BuilderExt::structured_event`](crate::BuilderExt::structured_event).
    pub fn batched(&self, format: &dyn Format) -> Result<CloudEventMessage, Error> {
        Message::batched(&self.0, format).and_then(kept).map(CloudEventMessage)
    }

    /// The batch of a response.
    fn as_json(&self) -> Result<CloudEventMessage, Error> {
        self.batched(&Json::new())
    }
}
