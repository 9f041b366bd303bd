//! Bridges.

mod letters;
mod memory;
mod moving;
mod redriving;
mod simulation;
mod stalling;
mod world;
