//! Compiles and runs the programs of `docs/tasks.md` and `docs/coming-from.md`.

#[cfg(doctest)]
#[doc = include_str!("../../../docs/tasks.md")]
mod tasks {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/coming-from.md")]
mod coming_from {}
