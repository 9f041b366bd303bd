//! Functions of the program that may panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// A function or a future has panicked while it was made, polled, called or dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panicked;

/// Calls a function that may panic.
pub(crate) fn caught<T>(call: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|_| Panicked)
}

/// Calls a function of an interceptor.
pub(crate) fn tell<T>(call: impl FnOnce() -> T) -> Option<T> {
    caught(call).inspect_err(|Panicked| tracing::error!("an interceptor panicked")).ok()
}
