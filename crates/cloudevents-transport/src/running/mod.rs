//! Handling messages concurrently.

mod activity;
mod ended;
mod ending;
mod engine;
mod giving_up;
mod guarded;
mod idle;
mod lanes;
mod name;
mod order;
mod pace;
pub(crate) mod retry;
pub(crate) mod retry_schedule;
mod run;
mod settings;
#[cfg(feature = "signal")]
pub(crate) mod shutdown;
mod window;

pub use activity::{Activity, RunState};
pub(crate) use ended::Ended;
pub(crate) use ending::both;
pub(crate) use giving_up::ATTEMPTS;
pub(crate) use name::{Attribute, Name};
pub use order::OrderBy;
pub use retry::RetryPolicy;
pub use retry_schedule::RetrySchedule;
pub use run::{Run, Running};
pub(crate) use settings::Settings;
