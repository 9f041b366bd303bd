//! The API of programs that receive.

pub(crate) mod capabilities;
pub(crate) mod context;
pub(crate) mod dead_letter;
#[cfg(any(feature = "log", feature = "queue"))]
pub(crate) mod dead_letter_sink;
pub(crate) mod delivery;
pub(crate) mod event_filter;
pub(crate) mod extract;
pub(crate) mod failure;
pub(crate) mod left_out;
pub(crate) mod letter_box;
pub(crate) mod options;
pub(crate) mod orders;
pub(crate) mod partition;
pub(crate) mod raw;
pub(crate) mod received;
pub(crate) mod receiver;
pub(crate) mod stopper;
