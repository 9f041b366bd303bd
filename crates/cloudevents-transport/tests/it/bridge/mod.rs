//! Bridges.

mod memory;
mod moving;
mod redriving;
mod simulation;
mod world;
