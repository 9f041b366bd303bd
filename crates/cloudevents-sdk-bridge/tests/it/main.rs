//! Crossing the bridge, and the two implementations side by side.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod both;
mod crossing;
mod decode;
mod encode;
mod generate;
mod ledger;
mod refused;
mod seen;
mod tagged;
mod tree;
mod vectors;
