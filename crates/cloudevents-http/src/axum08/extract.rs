//! Requests to events.

use super::{
    CloudEvent, CloudEventMessage, CloudEvents, RepairedCloudEvent, RepairedCloudEvents, Typed,
    layer::options,
};
use crate::{
    Problem,
    body::{Decode, collecting::collect},
    decode, decode_events, decode_message, is_cloudevent,
};
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use cloudevents_core::{Decoded, Error, ErrorKind, EventData, TypedEvent};
use http::{StatusCode, request::Parts};
use std::pin::Pin;

/// Splits the request, so that its headers are not copied. `finish` turns the decoded value into the extracted value.
#[inline]
fn receive<T, U>(
    request: Request,
    decode: Decode<T>,
    batches: bool,
    finish: impl FnOnce(Decoded<T>) -> Result<U, Problem> + Send,
) -> impl Future<Output = Result<U, Problem>> + Send {
    let (Parts { mut headers, extensions, .. }, mut body) = request.into_parts();
    // One block that holds everything once: servers move and box these futures, and small ones cost less.
    async move {
        let with = options(&extensions);
        // No combinators: each would move an event of 256 bytes.
        let error = match collect(&mut headers, Pin::new(&mut body), with).await {
            Ok(body) => match decode(&headers, body, with.decoding) {
                Ok(decoded) => return finish(decoded),
                Err(error) => error,
            },
            Err(error) => error,
        };
        Err(Problem::of_request(error, &headers, with.decoding, batches).accepting(with.decompression))
    }
}

impl<S: Send + Sync> FromRequest<S> for CloudEvent {
    type Rejection = Problem;

    fn from_request(request: Request, _: &S) -> impl Future<Output = Result<Self, Problem>> + Send {
        receive(
            request,
            |headers, body, with| decode(headers, body, with),
            false,
            |decoded| Ok(Self(decoded.value)),
        )
    }
}

impl<S: Send + Sync> FromRequest<S> for RepairedCloudEvent {
    type Rejection = Problem;

    fn from_request(request: Request, _: &S) -> impl Future<Output = Result<Self, Problem>> + Send {
        receive(
            request,
            |headers, body, with| decode(headers, body, with),
            false,
            |decoded| Ok(Self(decoded)),
        )
    }
}

impl<S: Send + Sync> FromRequest<S> for CloudEvents {
    type Rejection = Problem;

    fn from_request(request: Request, _: &S) -> impl Future<Output = Result<Self, Problem>> + Send {
        receive(
            request,
            |headers, body, with| decode_events(headers, body, with),
            true,
            |decoded| Ok(Self(decoded.value)),
        )
    }
}

impl<S: Send + Sync> FromRequest<S> for RepairedCloudEvents {
    type Rejection = Problem;

    fn from_request(request: Request, _: &S) -> impl Future<Output = Result<Self, Problem>> + Send {
        receive(
            request,
            |headers, body, with| decode_events(headers, body, with),
            true,
            |decoded| Ok(Self(decoded)),
        )
    }
}

impl<S: Send + Sync> FromRequest<S> for CloudEventMessage {
    type Rejection = Problem;

    fn from_request(request: Request, _: &S) -> impl Future<Output = Result<Self, Problem>> + Send {
        receive(
            request,
            |headers, body, with| decode_message(headers, body, with),
            true,
            |decoded| Ok(Self(decoded.value)),
        )
    }
}

impl<S: Send + Sync, T: EventData> FromRequest<S> for Typed<T> {
    type Rejection = Problem;

    fn from_request(request: Request, _: &S) -> impl Future<Output = Result<Self, Problem>> + Send {
        receive(
            request,
            |headers, body, with| decode(headers, body, with),
            false,
            |decoded| TypedEvent::try_from(decoded.value).map(Self).map_err(unexpected),
        )
    }
}

/// It is an event, and not of the type of the handler.
#[cold]
fn unexpected(error: Error) -> Problem {
    match error.kind() {
        ErrorKind::UnexpectedContentType => Problem::rejection(error),
        _ => Problem::rejection(error).with_status(StatusCode::UNPROCESSABLE_ENTITY),
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
    RepairedCloudEvents;
    CloudEventMessage;
    [T: EventData] Typed<T>;
}
