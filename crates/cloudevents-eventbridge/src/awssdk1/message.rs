//! Entries as the client sends them.

use crate::EventBridgeEntry;
use aws_sdk_eventbridge::{primitives::DateTime, types::PutEventsRequestEntry};
use cloudevents_core::Error;
use cloudevents_transport::binding::refused;

/// The entry for a bus.
pub(super) fn entry(entry: EventBridgeEntry, bus: &str) -> Result<PutEventsRequestEntry, Error> {
    let detail = String::from_utf8(entry.detail.into()).map_err(|_| refused("the detail is not text"))?;
    let time = entry.time.map(|time| DateTime::from_secs_and_nanos(time.seconds, time.nanosecond()));
    let written = PutEventsRequestEntry::builder().event_bus_name(bus).detail(detail);
    let written = written.detail_type(entry.detail_type).source(entry.source).set_time(time);
    Ok(written.set_resources((!entry.resources.is_empty()).then_some(entry.resources)).build())
}
