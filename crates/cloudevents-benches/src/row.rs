//! One row: an operation, and the operations that it is compared with.

use std::{error::Error, hint::black_box};

/// Runs an operation this many times. The operation's result is dropped each time.
pub(crate) type Run = Box<dyn Fn(u64)>;

/// One operation, with the operations that it is compared with.
pub(crate) struct Row {
    /// The divisor of costs: the number of events where costs are reported per event, else 1.
    pub(crate) per: u64,
    pub(crate) ours: Run,
    pub(crate) peer: Run,
    /// Work that the peer's operation needs, and that does not count: its cost is subtracted.
    pub(crate) peer_extra: Option<Run>,
    /// Plain work to compare with, by name.
    pub(crate) floors: Vec<(&'static str, Run)>,
    /// A property that must hold besides the numbers; `Err` describes the violation.
    pub(crate) promise: Result<&'static str, String>,
}

/// Why a row cannot be made.
pub(crate) type Failure = Box<dyn Error>;

/// The operation many times.
pub(crate) fn run<T>(operation: impl Fn() -> T + 'static) -> Run {
    Box::new(move |times| {
        for _ in 0..times {
            black_box(operation());
        }
    })
}

/// A copy into a new buffer of the right size.
pub(crate) fn copy(bytes: &[u8]) -> (&'static str, Run) {
    let bytes = bytes.to_vec();
    ("copy", run(move || black_box(&bytes).clone()))
}
