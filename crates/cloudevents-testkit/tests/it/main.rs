//! Checks of the workspace as a whole.

#![allow(clippy::unwrap_used)]

mod shape;
