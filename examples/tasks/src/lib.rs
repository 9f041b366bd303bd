//! Compiles and runs the programs of `docs/tasks.md`.

#[cfg(doctest)]
#[doc = include_str!("../../../docs/tasks.md")]
mod tasks {}
