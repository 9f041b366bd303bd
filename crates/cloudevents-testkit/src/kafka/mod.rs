//! A Kafka broker inside the test: librdkafka's mock cluster, on real sockets.

mod broker;

pub use broker::{Broker, Kept, Refusal};
