//! Bridges.

mod changing;
mod converting;
mod ends;
mod letters;
mod memory;
mod moving;
mod outages;
mod redriving;
mod simulation;
mod situations;
mod slow_targets;
mod stalling;
mod table;
mod world;
