//! Refusals before the body is read.

use super::WebhookOptions;
use cloudevents_core::{Error, ErrorKind, codec::Detected, codec::detect};
use cloudevents_http::{Exchange, Problem, is_cloudevent};
use cloudevents_json::find;
use http::{HeaderMap, StatusCode, header, request::Parts};

/// Refuses content types that no handler will see (WEBHOOK-2.1-c, WEBHOOK-2.2-m).
pub(super) fn check(parts: &Parts, options: &WebhookOptions, exchange: &Exchange) -> Result<(), Problem> {
    media_type(&parts.headers, options).map_err(|error| match error.kind() {
        // A missing header is a mistake in the request and not in a media type.
        ErrorKind::MissingAttribute => Problem::rejection(error),
        _ => exchange.rejection(error, &parts.headers).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE),
    })
}

fn media_type(headers: &HeaderMap, options: &WebhookOptions) -> Result<(), Error> {
    let content_type = match headers.get(header::CONTENT_TYPE) {
        // JSON is always among the formats.
        Some(value) if value == "application/cloudevents+json" => return Ok(()),
        Some(value) => Some(value.to_str().map_err(|_| unknown("the content type is not ASCII"))?),
        None if options.header_only => None,
        None => {
            return Err(Error::new(ErrorKind::MissingAttribute)
                .with_detail("the header `Content-Type` is missing")
                .with_clause("WEBHOOK-2.1-c"));
        }
    };
    let formats = &options.http.receiver.decoding.formats;
    match detect(content_type)? {
        Detected::Structured(format) => find(&format, formats).map(|_| ()),
        Detected::Batched(_) if options.refuse_batches => Err(unknown("batches are not accepted here")),
        Detected::Batched(format) => find(&format, formats).map(|_| ()),
        Detected::NotADocument if is_cloudevent(headers) || options.convert.is_some() => Ok(()),
        Detected::NotADocument => Err(Error::new(ErrorKind::NotACloudEvent)
            .with_detail("there is neither a `ce-` header nor a media type under application/cloudevents")
            .with_clause("WEBHOOK-2.2-m")),
    }
}

#[cold]
fn unknown(detail: &'static str) -> Error {
    Error::new(ErrorKind::UnknownFormat).with_detail(detail).with_clause("WEBHOOK-2.2-m")
}
