#![doc = include_str!("../README.md")]

#[cfg(feature = "proptest")]
pub mod any;
#[cfg(feature = "proptest")]
pub mod carrier;
pub mod tagged;
#[cfg(feature = "testee")]
pub mod testee;
#[cfg(feature = "vectors")]
pub mod vectors;
