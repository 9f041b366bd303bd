#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "amqp")]
pub mod amqp;
#[cfg(feature = "proptest")]
pub mod any;
pub mod behaviours;
#[cfg(feature = "proptest")]
pub mod carrier;
#[cfg(feature = "crosslang")]
pub mod crosslang;
#[cfg(feature = "deliveries")]
pub mod deliveries;
#[cfg(feature = "fault-proxy")]
pub mod fault_proxy;
#[cfg(feature = "heap")]
pub mod heap;
#[cfg(feature = "incidents")]
pub mod incidents;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod kill;
#[cfg(feature = "logged")]
pub mod logged;
#[cfg(feature = "mqtt")]
pub mod mqtt;
#[cfg(feature = "nats")]
pub mod nats;
mod patience;
pub mod ports;
#[cfg(unix)]
pub mod process;
#[cfg(feature = "deliveries")]
pub mod queues;
#[cfg(feature = "rabbitmq")]
pub mod rabbitmq;
pub mod rng;
#[cfg(feature = "service")]
pub mod service;
#[cfg(any(
    feature = "amqp",
    feature = "fault-proxy",
    feature = "mqtt",
    feature = "nats",
    feature = "rabbitmq"
))]
mod serving;
mod size;
#[cfg(feature = "speed")]
pub mod speed;
pub mod tagged;
#[cfg(feature = "testee")]
pub mod testee;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "vectors")]
pub mod vectors;
#[cfg(feature = "webhook")]
pub mod webhook;
#[cfg(feature = "websockets")]
pub mod websockets;

pub use patience::{patience, slowed};
pub use size::size;
