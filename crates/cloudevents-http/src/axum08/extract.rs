//! Requests to events.

use super::{CloudEvent, CloudEventMessage, CloudEvents, RepairedCloudEvent, Typed, layer::reading};
use crate::{
    Problem,
    body::{Decode, read},
    decode, decode_events, decode_message, is_cloudevent,
};
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use cloudevents_core::{Decoded, Error, ErrorKind, EventData, TypedEvent};
use http::StatusCode;

/// Takes the request apart, so that its headers are not copied.
#[inline]
async fn receive<T>(request: Request, decode: Decode<T>, batches: bool) -> Result<Decoded<T>, Problem> {
    let (parts, body) = request.into_parts();
    let with = reading(&parts.extensions);
    match read(&parts.headers, body, with, decode).await {
        Ok(decoded) => Ok(decoded),
        Err(error) => Err(Problem::of_request(error, &parts.headers, with.decoding, batches)),
    }
}

impl<S: Send + Sync> FromRequest<S> for CloudEvent {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        receive(request, decode, false).await.map(|decoded| Self(decoded.value))
    }
}

impl<S: Send + Sync> FromRequest<S> for RepairedCloudEvent {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        receive(request, decode, false).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequest<S> for CloudEvents {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        receive(request, decode_events, true).await.map(|decoded| Self(decoded.value))
    }
}

impl<S: Send + Sync> FromRequest<S> for CloudEventMessage {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        receive(request, decode_message, true).await.map(|decoded| Self(decoded.value))
    }
}

impl<S: Send + Sync, T: EventData> FromRequest<S> for Typed<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let event = receive(request, decode, false).await?.value;
        TypedEvent::try_from(event).map(Self).map_err(unexpected)
    }
}

/// The event is one, and not the one that was asked for.
#[cold]
fn unexpected(error: Error) -> Problem {
    match error.kind() {
        ErrorKind::UnexpectedContentType => error.into(),
        _ => Problem::from(error).with_status(StatusCode::UNPROCESSABLE_ENTITY),
    }
}

macro_rules! optional {
    ($($([$parameter:ident: $bound:path])? $extractor:path;)*) => {$(
        impl<S: Send + Sync $(, $parameter: $bound)?> OptionalFromRequest<S> for $extractor {
            type Rejection = Problem;

            async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
                if !is_cloudevent(request.headers()) {
                    return Ok(None);
                }
                <Self as FromRequest<S>>::from_request(request, state).await.map(Some)
            }
        }
    )*};
}

optional! {
    CloudEvent;
    RepairedCloudEvent;
    CloudEvents;
    CloudEventMessage;
    [T: EventData] Typed<T>;
}
