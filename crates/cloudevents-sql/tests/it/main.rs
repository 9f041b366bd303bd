//! The integration tests of this crate.
// Helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

use cloudevents_core::Event;

mod bad_input;
mod heap;
mod messages;
mod roundtrip;
mod tck;
mod vectors;
mod warnings;

/// Counts heap allocations.
#[global_allocator]
static COUNTING: cloudevents_testkit::heap::Counting = cloudevents_testkit::heap::Counting;

/// An event with attributes of every type.
fn event() -> Event {
    Event::builder()
        .id("A1")
        .source("https://example.com/orders")
        .ty("com.example.order.placed")
        .subject("x")
        .time("2026-11-20T10:00:00+01:00")
        .extension("priority", 3)
        .extension("urgent", true)
        .extension("hop", "5")
        .extension("raw", &[0_u8, 255][..])
        .build()
        .unwrap()
}
