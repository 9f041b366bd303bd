//! Tests of the settlement rules, on a log and on a queue.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod bridge;
mod contract;
mod delivery;
mod faults;
mod filter;
mod for_each;
mod log;
mod log_bounds;
mod machine;
mod memory;
mod polled;
mod promptly;
mod queue;
mod queue_bounds;
mod receiver;
mod retry_schedule;
mod run;
mod sender;
mod spawn;
mod tending;
mod transports;
mod writing;

use cloudevents_core::Event;
use cloudevents_transport::Delivery;

fn event(id: impl ToString) -> Event {
    Event::builder().id(id.to_string()).source("/tests").ty("t").build().unwrap()
}

fn events(count: usize) -> impl Iterator<Item = Event> + Clone {
    (0..count).map(event)
}

fn id(delivery: &Delivery) -> String {
    delivery.event().unwrap().id().to_owned()
}
