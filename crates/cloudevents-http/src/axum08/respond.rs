//! Events to responses.

use super::{CloudEvent, CloudEventMessage, CloudEvents, Typed};
use crate::{Problem, encode::keep_meaning, encode_message};
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use cloudevents_core::Error;
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

impl IntoResponse for CloudEvent {
    fn into_response(self) -> Response {
        CloudEventMessage(self.0.into()).into_response()
    }
}

impl<T> IntoResponse for Typed<T> {
    fn into_response(self) -> Response {
        CloudEvent(self.0.into()).into_response()
    }
}

impl IntoResponse for CloudEventMessage {
    fn into_response(self) -> Response {
        respond(|headers| {
            keep_meaning(&self.0)?;
            encode_message(&self.0, headers)
        })
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
