#![doc = include_str!("../README.md")]

#[cfg(feature = "amqp")]
pub mod amqp;
#[cfg(feature = "proptest")]
pub mod any;
#[cfg(feature = "proptest")]
pub mod carrier;
#[cfg(feature = "heap")]
pub mod heap;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod tagged;
#[cfg(feature = "testee")]
pub mod testee;
#[cfg(feature = "vectors")]
pub mod vectors;
