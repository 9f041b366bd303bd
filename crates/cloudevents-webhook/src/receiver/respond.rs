//! Statuses and headers of responses.

use crate::deliver::{Conclusion, Practice};
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_http::Problem;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use std::time::{Duration, SystemTime};

/// A refusal by this clause.
#[cold]
pub(super) fn refused(status: StatusCode, detail: &'static str, clause: &'static str) -> Problem {
    Problem::rejection(Error::new(ErrorKind::Refused).with_detail(detail).with_clause(clause))
        .with_status(status)
}

/// 503.
#[cold]
pub(super) fn busy(detail: &'static str, after: Duration) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).with_retry_after(after)
}

/// The status that a refused request gets: one that means the same to the sender.
#[cold]
pub(super) fn status(problem: &Problem, practice: Practice) -> StatusCode {
    let status = problem.status();
    let repeats = |status: StatusCode| {
        let conclusion = practice.conclude_status(status, &HeaderMap::new(), SystemTime::UNIX_EPOCH);
        matches!(conclusion, Conclusion::Retry { .. })
    };
    let for_good = status.is_client_error() && !problem.is_temporary();
    match for_good && repeats(status) && !repeats(StatusCode::BAD_REQUEST) {
        true => StatusCode::BAD_REQUEST,
        false => status,
    }
}

/// The response to a refused request.
#[cold]
pub(super) fn problem(problem: Problem, practice: Practice) -> Response<Bytes> {
    let (status, given) = (problem.status(), status(&problem, practice));
    let mut response = match given == status {
        true => problem.into_http(),
        false => {
            let mut response = problem.with_status(given).into_http();
            response.extensions_mut().insert(status);
            response
        }
    };
    let headers = response.headers_mut();
    match status {
        // RFC 9110, section 15.5.2. The scheme is no challenge that a sender could respond to.
        StatusCode::UNAUTHORIZED => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        StatusCode::METHOD_NOT_ALLOWED => allow(headers),
        _ => {}
    }
    response
}

/// WEBHOOK-4.2-e.
pub(super) fn allow(headers: &mut HeaderMap) {
    headers.insert(header::ALLOW, HeaderValue::from_static("OPTIONS, POST"));
}

/// An acceptance without a payload.
pub(super) fn accepted(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// The handler's reply: 200 with its content type, or 204 without a payload (WEBHOOK-2.2-d to 2.2-f).
pub(super) fn reply(mut response: Response<Bytes>) -> Response<Bytes> {
    if response.body().is_empty() {
        *response.status_mut() = StatusCode::NO_CONTENT;
    } else {
        // A payload without a type is this (RFC 9110, section 8.3).
        response
            .headers_mut()
            .entry(header::CONTENT_TYPE)
            .or_insert(HeaderValue::from_static("application/octet-stream"));
    }
    response
}
