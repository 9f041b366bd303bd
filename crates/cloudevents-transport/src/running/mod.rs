//! Handling messages concurrently.

mod engine;
mod giving_up;
mod guarded;
mod lanes;
mod order;
mod pace;
mod run;

pub(crate) use engine::{Ended, Settings};
pub(crate) use giving_up::ATTEMPTS;
pub use order::OrderBy;
pub use run::{Run, Running};
