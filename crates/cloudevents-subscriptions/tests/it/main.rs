//! The integration tests of this crate.
// Helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

mod data;
mod filters;
mod index;
mod messages;
mod push_down;
mod subscription;
mod vectors;

#[global_allocator]
static COUNTING: cloudevents_testkit::heap::Counting = cloudevents_testkit::heap::Counting;
