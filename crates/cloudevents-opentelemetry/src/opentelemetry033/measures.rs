//! The metrics, by the conventions.

use super::place::Place;
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, Meter},
};
use std::time::Duration;

/// Bounds of histograms in seconds, as the conventions advise.
const BOUNDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Durations and numbers of sends and attempts.
#[derive(Debug)]
pub(super) struct Measures {
    sending: Histogram<f64>,
    sent: Counter<u64>,
    processing: Histogram<f64>,
    consumed: Counter<u64>,
}

impl Measures {
    pub(super) fn new(meter: &Meter) -> Self {
        let duration = |name: &'static str, description: &'static str| {
            let histogram = meter.f64_histogram(name).with_unit("s").with_description(description);
            histogram.with_boundaries(BOUNDS.to_vec()).build()
        };
        let number = |name: &'static str, description: &'static str| {
            meter.u64_counter(name).with_unit("{message}").with_description(description).build()
        };
        Self {
            sending: duration("messaging.client.operation.duration", "Duration of a send, until its outcome"),
            sent: number(
                "messaging.client.sent.messages",
                "Number of messages that a sender attempted to send",
            ),
            processing: duration("messaging.process.duration", "Duration of an attempt to handle a message"),
            consumed: number("messaging.client.consumed.messages", "Number of attempts to handle a message"),
        }
    }

    pub(super) fn sent(&self, place: &Place, took: Duration, error: Option<&'static str>) {
        let labels = labels(place, "send", error);
        self.sending.record(took.as_secs_f64(), &labels);
        self.sent.add(1, &labels);
    }

    pub(super) fn processed(&self, place: &Place, took: Duration, error: Option<&'static str>) {
        let labels = labels(place, "process", error);
        self.processing.record(took.as_secs_f64(), &labels);
        self.consumed.add(1, &labels);
    }
}

fn labels(place: &Place, operation: &'static str, error: Option<&'static str>) -> Vec<KeyValue> {
    let mut labels = vec![
        KeyValue::new("messaging.system", place.system),
        KeyValue::new("messaging.operation.name", operation),
        KeyValue::new("messaging.destination.name", place.destination.clone()),
        KeyValue::new("server.address", place.address.clone()),
    ];
    labels.extend(place.port.map(|port| KeyValue::new("server.port", i64::from(port))));
    labels.extend(error.map(|error| KeyValue::new("error.type", error)));
    labels
}
