//! Trees that know their notation and nothing of CloudEvents, one module per notation.
//!
//! They are written apart from the codecs of any implementation, so that a mistake in one cannot judge itself.

pub(crate) mod json;
pub(crate) mod xml;
