//! The signatures of deliveries.

use super::{WebhookOptions, respond::busy};
use crate::signature::{Coverage, SignatureError, Verified, Verify};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_http::{Exchange, Problem, ReadRequest};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::Full;
use std::{mem, pin::pin, sync::Arc, time::SystemTime};

/// The longest body that is checked in the task of its connection: that takes about a millisecond, also where there are several signatures
/// of a public key.
const LONGEST: usize = 64 << 10;

/// Takes the content coding of a request, if its signature has to be checked before the body is decompressed.
pub(super) fn take_coding(headers: &mut HeaderMap, options: &WebhookOptions) -> Vec<HeaderValue> {
    match &options.signature {
        None => Vec::new(),
        Some(_) => match headers.entry(header::CONTENT_ENCODING) {
            header::Entry::Occupied(coding) => coding.remove_entry_mult().1.collect(),
            header::Entry::Vacant(_) => Vec::new(),
        },
    }
}

/// A request whose signature fits, decompressed.
pub(super) async fn verified(
    mut read: ReadRequest,
    coding: Vec<HeaderValue>,
    options: &WebhookOptions,
    exchange: &Exchange,
    is_validation: bool,
) -> Result<(ReadRequest, Option<Verified>), Problem> {
    let Some(verifier) = &options.signature else { return Ok((read, None)) };
    let is_compressed = !coding.is_empty();
    for value in coding {
        read.parts_mut().headers.append(header::CONTENT_ENCODING, value);
    }
    if let Some(prepared) = verifier.prepare(read.parts(), read.body(), SystemTime::now()) {
        prepared.await.map_err(|error| {
            tracing::warn!(%error, "what a signature is checked with could not be fetched");
            busy("the signature could not be checked", options.http.retry_after).with_error(error)
        })?;
    }
    let checked = match read.body().len() {
        0..=LONGEST => verifier.verify(read.parts(), read.body(), SystemTime::now()),
        _ => {
            let (back, checked) = beside(Arc::clone(verifier), read, options).await?;
            read = back;
            checked
        }
    };
    let verified = checked.map_err(|error| {
        tracing::debug!(%error, "a signature was refused");
        // A remote client learns no more. The reason is for logs.
        let why = Error::new(ErrorKind::Refused).with_detail("the signature was refused").with_source(error);
        Problem::new(StatusCode::FORBIDDEN, "the signature was refused")
            .with_code("signature")
            .with_error(why)
    })?;
    check_coverage(verified.coverage, &read, options, exchange, is_validation)?;
    if is_compressed {
        read = decompressed(read, exchange).await?;
    }
    Ok((read, Some(verified)))
}

/// Checks the signature of a long body in a thread for such work, so that other connections do not wait.
async fn beside(
    verifier: Arc<dyn Verify>,
    read: ReadRequest,
    options: &WebhookOptions,
) -> Result<(ReadRequest, Result<Verified, SignatureError>), Problem> {
    let checking = tokio::task::spawn_blocking(move || {
        let checked = verifier.verify(read.parts(), read.body(), SystemTime::now());
        (read, checked)
    });
    checking.await.map_err(|_| busy("the signature could not be checked", options.http.retry_after))
}

fn check_coverage(
    coverage: Coverage,
    read: &ReadRequest,
    options: &WebhookOptions,
    exchange: &Exchange,
    is_validation: bool,
) -> Result<(), Problem> {
    let detail = match coverage {
        Coverage::Attributes => return Ok(()),
        Coverage::Body if options.unsigned_attributes || is_validation => return Ok(()),
        Coverage::Body if coverage.covers_attributes(read.parts()) => return Ok(()),
        Coverage::Body => {
            "the signature does not cover the attributes or the content coding of binary mode: sign these headers, or send structured mode"
        }
        _ if options.unsigned_content => return Ok(()),
        _ => "the signature does not cover the event",
    };
    let error = Error::new(ErrorKind::UnknownFormat).with_detail(detail);
    Err(exchange.rejection(error, &read.parts().headers))
}

/// Reads the body again, with its content coding.
async fn decompressed(mut read: ReadRequest, exchange: &Exchange) -> Result<ReadRequest, Problem> {
    let mut parts = mem::replace(read.parts_mut(), Request::new(()).into_parts().0);
    let body = Full::new(read.body().clone());
    // It leaves its place to the decompressed one.
    drop(read);
    let read = exchange.read_body(&mut parts.headers, pin!(body)).await?;
    Ok(ReadRequest::new(parts, read))
}
