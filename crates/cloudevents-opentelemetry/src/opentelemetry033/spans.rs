//! The spans, by the conventions.

use super::place::Place;
use cloudevents_core::{Event, Message};
use cloudevents_transport::{Content, Delivery, Outgoing};
use std::fmt;
use tracing::{Span, field::Empty};

/// The span of sending a message, from the call to the outcome.
pub(super) fn send(place: &Place, message: &Outgoing) -> Span {
    let destination = place.destination(message.destination());
    let event = match message.content() {
        Content::Message(Message::Binary(event)) => Some(event),
        _ => None,
    };
    tracing::info_span!(
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
        cloudevents.event_id = event.map(Event::id),
        cloudevents.event_source = event.map(|event| event.source().as_str()),
        cloudevents.event_type = event.map(Event::ty),
        cloudevents.event_subject = event.and_then(Event::subject),
        cloudevents.event_spec_version = event.map(|event| event.specversion().as_str()),
    )
}

/// The span of one attempt to handle a message.
pub(super) fn process(place: &Place, delivery: &Delivery) -> Span {
    let destination = place.destination(delivery.topic());
    let event = delivery.event().ok();
    let event = event.as_ref();
    tracing::info_span!(
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
        cloudevents.event_id = event.map(Event::id),
        cloudevents.event_source = event.map(|event| event.source().as_str()),
        cloudevents.event_type = event.map(Event::ty),
        cloudevents.event_subject = event.and_then(Event::subject),
        cloudevents.event_spec_version = event.map(|event| event.specversion().as_str()),
    )
}

/// Records an error. The span ends when it is dropped.
pub(super) fn end(span: &Span, error: Option<&str>, description: Option<&impl fmt::Display>) {
    if let (Some(error), Some(description)) = (error, description) {
        span.record("error.type", error);
        span.record("otel.status_code", "ERROR");
        span.record("otel.status_description", tracing::field::display(description));
    }
}
