//! Compares answers with the outcomes that a case allows. The harness compares, never the testee.

mod added;
pub(crate) mod bytes;
mod difference;
mod document;
mod elements;
mod event;
mod forms;
mod how;
pub(crate) mod instant;
pub(crate) mod media_type;
mod message;
mod outcome;

pub use difference::Difference;
pub(crate) use difference::{MOST, Path, shortened};
pub(crate) use how::How;
pub(crate) use outcome::{differences, same_sort};

/// Whether two events are the same. Numbers of JSON compare as doubles, and times as instants.
pub(crate) fn same_event(one: &serde_json::Value, other: &serde_json::Value) -> bool {
    let mut differences = Vec::new();
    event::diff(&Path::new("event"), &How::doubles(), &one.into(), &other.into(), &mut differences);
    differences.is_empty()
}
