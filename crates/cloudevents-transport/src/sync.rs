//! The lock and the reference count, which are `loom`'s in models: see `.ci/models`.

#[cfg(ce_model)]
pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};
#[cfg(not(ce_model))]
pub(crate) use std::sync::{Arc, Mutex, MutexGuard};
