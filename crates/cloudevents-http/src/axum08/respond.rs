//! Events to responses.

use super::{CloudEvent, CloudEventMessage, CloudEvents, Typed};
use crate::{Problem, encode, encode_message};
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use cloudevents_core::{Error, Event, Mode};
use http::{HeaderMap, StatusCode};

fn respond(write: impl FnOnce(&mut HeaderMap) -> Result<Bytes, Error>) -> Response {
    let mut response = Response::new(Body::empty());
    match write(response.headers_mut()) {
        Ok(body) => {
            *response.body_mut() = body.into();
            response
        }
        Err(error) => failed(error),
    }
}

/// The server failed, not the client.
#[cold]
fn failed(error: Error) -> Response {
    Problem::from(error).with_status(StatusCode::INTERNAL_SERVER_ERROR).into_response()
}

fn binary(event: &Event) -> Response {
    respond(|headers| {
        let (body, losses) = encode(event, Mode::Binary, headers)?;
        let _ = losses.keep_meaning()?;
        Ok(body)
    })
}

impl IntoResponse for CloudEvent {
    fn into_response(self) -> Response {
        binary(&self.0)
    }
}

impl<T> IntoResponse for Typed<T> {
    fn into_response(self) -> Response {
        binary(&self.0.into())
    }
}

impl IntoResponse for CloudEventMessage {
    fn into_response(self) -> Response {
        respond(|headers| encode_message(&self.0, headers))
    }
}

impl IntoResponse for CloudEvents {
    fn into_response(self) -> Response {
        match self.as_json() {
            Ok(batch) => batch.into_response(),
            Err(error) => failed(error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.into_http().map(Body::from)
    }
}
