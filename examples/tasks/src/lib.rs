//! Compiles and runs the programs of `docs/tasks.md`, `docs/coming-from.md` and `docs/coming-from-tools.md`.

#[cfg(doctest)]
#[doc = include_str!("../../../docs/tasks.md")]
mod tasks {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/coming-from.md")]
mod coming_from {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/coming-from-tools.md")]
mod coming_from_tools {}
