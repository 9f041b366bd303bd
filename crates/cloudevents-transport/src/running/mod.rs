//! Handling messages concurrently.

mod activity;
mod engine;
mod giving_up;
mod guarded;
mod lanes;
mod order;
mod pace;
mod run;

pub use activity::{Activity, RunState};
pub(crate) use engine::{Ended, Settings};
pub(crate) use giving_up::ATTEMPTS;
pub use order::OrderBy;
pub use run::{Run, Running};
