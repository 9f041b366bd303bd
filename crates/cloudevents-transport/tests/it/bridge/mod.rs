//! Bridges.

mod converting;
mod letters;
mod memory;
mod moving;
mod redriving;
mod simulation;
mod slow_targets;
mod stalling;
mod world;
