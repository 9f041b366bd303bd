//! Compares answers with the outcomes that a case allows. The harness compares, never the testee.

pub(crate) mod bytes;
mod difference;
mod document;
mod event;
mod how;
pub(crate) mod instant;
mod media_type;
mod message;
mod outcome;

pub use difference::Difference;
pub(crate) use difference::Path;
pub(crate) use how::How;
pub(crate) use outcome::{differences, same_sort};
