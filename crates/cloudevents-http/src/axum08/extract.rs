//! Requests to events.

use super::{CloudEvent, CloudEventMessage, CloudEvents, RepairedCloudEvent, Typed, layer::reading};
use crate::{
    Problem,
    body::{Decode, collect},
    decode, decode_events, decode_message, is_cloudevent,
};
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use cloudevents_core::{Decoded, Error, ErrorKind, EventData, TypedEvent};
use http::{StatusCode, request::Parts};
use std::pin::Pin;

/// Takes the request apart, so that its headers are not copied. `finish` makes of what was decoded what is extracted.
#[inline]
fn receive<T, U>(
    request: Request,
    decode: Decode<T>,
    batches: bool,
    finish: impl FnOnce(Decoded<T>) -> Result<U, Problem> + Send,
) -> impl Future<Output = Result<U, Problem>> + Send {
    let (Parts { headers, extensions, .. }, mut body) = request.into_parts();
    // One block that holds everything once: servers move and box these futures, and small ones come cheaper.
    async move {
        let with = reading(&extensions);
        // No combinators: each would move an event of 256 bytes.
        let error = match collect(&headers, Pin::new(&mut body), with, |_| Ok(())).await {
            Ok(body) => match decode(&headers, body, with.decoding) {
                Ok(decoded) => return finish(decoded),
                Err(error) => error,
            },
            Err(error) => error,
        };
        Err(Problem::of_request(error, &headers, with.decoding, batches))
    }
}

impl<S: Send + Sync> FromRequest<S> for CloudEvent {
    type Rejection = Problem;

    fn from_request(request: Request, _: &S) -> impl Future<Output = Result<Self, Problem>> + Send {
        receive(request, decode, false, |decoded| Ok(Self(decoded.value)))
    }
}

impl<S: Send + Sync> FromRequest<S> for RepairedCloudEvent {
    type Rejection = Problem;

    fn from_request(request: Request, _: &S) -> impl Future<Output = Result<Self, Problem>> + Send {
        receive(request, decode, false, |decoded| Ok(Self(decoded)))
    }
}

impl<S: Send + Sync> FromRequest<S> for CloudEvents {
    type Rejection = Problem;

    fn from_request(request: Request, _: &S) -> impl Future<Output = Result<Self, Problem>> + Send {
        receive(request, decode_events, true, |decoded| Ok(Self(decoded.value)))
    }
}

impl<S: Send + Sync> FromRequest<S> for CloudEventMessage {
    type Rejection = Problem;

    fn from_request(request: Request, _: &S) -> impl Future<Output = Result<Self, Problem>> + Send {
        receive(request, decode_message, true, |decoded| Ok(Self(decoded.value)))
    }
}

impl<S: Send + Sync, T: EventData> FromRequest<S> for Typed<T> {
    type Rejection = Problem;

    fn from_request(request: Request, _: &S) -> impl Future<Output = Result<Self, Problem>> + Send {
        receive(request, decode, false, |decoded| {
            TypedEvent::try_from(decoded.value).map(Self).map_err(unexpected)
        })
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
