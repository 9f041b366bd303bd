//! Bridges.

mod moving;
mod redriving;
mod simulation;
mod world;
