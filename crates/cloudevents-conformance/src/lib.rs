#![doc = include_str!("../README.md")]

mod answer;
mod compare;
mod tree;

pub use compare::Difference;
