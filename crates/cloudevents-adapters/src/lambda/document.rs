//! Invocations whose document is the event, or a document of another system.

use super::record::of_document;
use crate::Adapters;
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, Event};

/// Reads an invocation of EventBridge, S3, or another service whose document an adapter reads:
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>
///
/// If the document is an event in JSON, it is returned as it is. A rule of EventBridge with the input path `$.detail` invokes a function
/// with such a document, and so does a program that calls `Invoke`. Otherwise, one of the adapters has to fit.
///
/// These services do not read a response. If the function returns an error, Lambda invokes it again with the same document, twice by
/// default.
///
/// Errors are of the whole invocation: [`NotACloudEvent`](cloudevents_core::ErrorKind::NotACloudEvent) if it is neither an event nor a
/// document that an adapter fits, and the errors of [`Adapter::events`](crate::Adapter::events).
///
/// ```
/// use cloudevents_adapters::{Adapters, lambda};
/// use cloudevents_core::DecodeOptions;
///
/// let invocation = r#"{"version": "0", "id": "7", "detail-type": "placed", "source": "com.example.shop", "account": "1",
///     "time": "2026-03-01T10:00:00Z", "region": "eu-central-1", "resources": [], "detail": {"total": 1.50}}"#;
/// let events = lambda::document(invocation, &Adapters::known(), &DecodeOptions::strict())?.value;
/// assert_eq!((events[0].id(), events[0].ty()), ("7", "placed"));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn document(
    document: &str,
    adapters: &Adapters,
    with: &DecodeOptions,
) -> Result<Decoded<Vec<Event>>, Error> {
    of_document(&Bytes::copy_from_slice(document.as_bytes()), adapters, with)
}
