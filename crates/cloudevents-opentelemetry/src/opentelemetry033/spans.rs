//! The spans, by the conventions.

use super::place::Place;
use cloudevents_core::{Event, Message};
use cloudevents_transport::{Content, Delivery, Outgoing};
use std::fmt;
use tracing::{Span, field::Empty};

/// The span of sending a message, from the call to the outcome.
pub(super) fn send(place: &Place, message: &Outgoing) -> Span {
    let destination = place.destination(message.destination());
    let span = tracing::info_span!(
        "send",
        otel.name = format_args!("send {destination}"),
        otel.kind = "producer",
        otel.status_code = Empty,
        otel.status_description = Empty,
        messaging.system = place.system,
        messaging.operation.type = "send",
        messaging.operation.name = "send",
        messaging.destination.name = destination,
        messaging.message.body.size = message.size(),
        server.address = &*place.address,
        server.port = place.port,
        error.type = Empty,
        cloudevents.event_id = Empty,
        cloudevents.event_source = Empty,
        cloudevents.event_type = Empty,
        cloudevents.event_subject = Empty,
        cloudevents.event_spec_version = Empty,
    );
    if let Content::Message(Message::Binary(event)) = message.content() {
        record(&span, event);
    }
    span
}

/// The span of one attempt to handle a message.
pub(super) fn process(place: &Place, delivery: &Delivery) -> Span {
    let destination = place.destination(delivery.topic());
    let span = tracing::info_span!(
        "process",
        otel.name = format_args!("process {destination}"),
        otel.kind = "consumer",
        otel.status_code = Empty,
        otel.status_description = Empty,
        messaging.system = place.system,
        messaging.operation.type = "process",
        messaging.operation.name = "process",
        messaging.destination.name = destination,
        messaging.destination.partition.id = delivery.partition().map(cloudevents_transport::Partition::number),
        messaging.message.body.size = delivery.size(),
        messaging.kafka.offset = Some(delivery.offset()).filter(|_| place.system == "kafka").flatten(),
        server.address = &*place.address,
        server.port = place.port,
        error.type = Empty,
        cloudevents.attempt = delivery.attempt(),
        cloudevents.event_id = Empty,
        cloudevents.event_source = Empty,
        cloudevents.event_type = Empty,
        cloudevents.event_subject = Empty,
        cloudevents.event_spec_version = Empty,
    );
    if let Ok(event) = delivery.event() {
        record(&span, &event);
    }
    span
}

fn record(span: &Span, event: &Event) {
    span.record("cloudevents.event_id", event.id());
    span.record("cloudevents.event_source", event.source().as_str());
    span.record("cloudevents.event_type", event.ty());
    span.record("cloudevents.event_spec_version", "1.0");
    if let Some(subject) = event.subject() {
        span.record("cloudevents.event_subject", subject);
    }
}

/// Records an error. The span ends when it is dropped.
pub(super) fn end(span: &Span, error: Option<&str>, description: Option<&impl fmt::Display>) {
    if let (Some(error), Some(description)) = (error, description) {
        span.record("error.type", error);
        span.record("otel.status_code", "ERROR");
        span.record("otel.status_description", tracing::field::display(description));
    }
}
