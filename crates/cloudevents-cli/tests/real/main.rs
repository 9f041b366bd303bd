//! The program end to end: every subcommand, as a user runs it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

#[cfg(all(unix, feature = "kafka", feature = "mqtt", feature = "nats", feature = "rabbitmq"))]
mod absent;
#[cfg(unix)]
mod adapters;
#[cfg(feature = "amqp")]
mod amqp;
#[cfg(all(
    feature = "amqp",
    feature = "mqtt",
    feature = "nats",
    feature = "rabbitmq",
    feature = "tls",
    feature = "websockets"
))]
mod authorities;
#[cfg(target_os = "linux")]
mod bounded;
#[cfg(feature = "amqp")]
mod bridge;
mod catalog;
mod changing;
mod check;
mod conformance;
#[cfg(any(feature = "amqp", feature = "kafka", feature = "mqtt", feature = "nats"))]
mod consumer;
mod contracts;
mod convert;
#[cfg(all(
    unix,
    feature = "amqp",
    feature = "kafka",
    feature = "mqtt",
    feature = "nats",
    feature = "pgmq",
    feature = "rabbitmq",
    feature = "redis",
    feature = "sqs"
))]
mod create;
#[cfg(target_os = "linux")]
mod crowds;
#[cfg(feature = "outbox")]
mod deliveries;
mod detect;
#[cfg(all(unix, feature = "amqp"))]
mod draining;
#[cfg(all(feature = "kafka", feature = "nats"))]
mod envelopes;
mod errors;
#[cfg(unix)]
mod examples;
mod faulty_targets;
#[cfg(unix)]
mod files;
mod foreign;
#[cfg(all(
    feature = "amqp",
    feature = "kafka",
    feature = "mqtt",
    feature = "nats",
    feature = "rabbitmq",
    feature = "websockets"
))]
mod foreign_headers;
#[cfg(feature = "amqp")]
mod foreign_messages;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(all(
    unix,
    feature = "kafka",
    feature = "mqtt",
    feature = "nats",
    feature = "outbox",
    feature = "pgmq",
    feature = "pubsub",
    feature = "rabbitmq",
    feature = "redis",
    feature = "sqs",
    feature = "tls"
))]
mod kills;
mod large;
#[cfg(all(feature = "amqp", feature = "kafka", feature = "mqtt", feature = "nats", feature = "rabbitmq"))]
mod letters;
#[cfg(all(feature = "kafka", feature = "mqtt", feature = "rabbitmq"))]
mod logs;
#[cfg(feature = "kafka")]
mod look;
#[cfg(feature = "mqtt")]
mod monitoring;
#[cfg(feature = "mqtt")]
mod mqtt;
#[cfg(feature = "tls")]
mod mtls;
#[cfg(feature = "nats")]
mod nats;
mod network;
#[cfg(feature = "amqp")]
mod order;
mod output;
#[cfg(all(
    feature = "amqp",
    feature = "kafka",
    feature = "mqtt",
    feature = "nats",
    feature = "outbox",
    feature = "rabbitmq",
    feature = "tls",
    feature = "websockets"
))]
mod pages;
#[cfg(all(
    feature = "amqp",
    feature = "kafka",
    feature = "mqtt",
    feature = "nats",
    feature = "rabbitmq",
    feature = "websockets"
))]
mod pairs;
#[cfg(all(feature = "outbox", feature = "pgmq"))]
mod pgmq;
#[cfg(unix)]
mod pipes;
#[cfg(any(feature = "amqp", feature = "kafka"))]
mod producer;
mod program;
#[cfg(feature = "pubsub")]
mod pubsub;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
#[cfg(feature = "redis")]
mod redis;
#[cfg(all(unix, feature = "amqp"))]
mod redriving;
#[cfg(all(
    feature = "amqp",
    feature = "kafka",
    feature = "mqtt",
    feature = "nats",
    feature = "redis",
    feature = "websockets"
))]
mod replies;
mod reports;
mod select;
mod sending;
mod settings;
#[cfg(all(feature = "amqp", feature = "kafka", feature = "mqtt", feature = "nats", feature = "websockets"))]
mod shown;
#[cfg(feature = "tls")]
mod sns_deliveries;
#[cfg(feature = "sqs")]
mod sqs;
#[cfg(feature = "rabbitmq")]
mod suggested;
#[cfg(all(unix, feature = "kafka", feature = "mqtt", feature = "nats", feature = "rabbitmq"))]
mod taking;
#[cfg(feature = "tls")]
mod tls;
mod tour;
mod undelivered;
#[cfg(all(unix, feature = "kafka", feature = "mqtt", feature = "nats", feature = "rabbitmq"))]
mod unread;
#[cfg(all(
    feature = "amqp",
    feature = "kafka",
    feature = "mqtt",
    feature = "nats",
    feature = "rabbitmq",
    feature = "websockets"
))]
mod urls;
#[cfg(unix)]
mod waiting;
mod webhook;
mod webhook_gate;
mod webhook_handshakes;
#[cfg(unix)]
mod webhook_hostile;
#[cfg(unix)]
mod webhook_operating;
#[cfg(unix)]
mod webhook_restarts;
mod webhook_schemes;
#[cfg(unix)]
mod webhook_secrets;
mod webhook_services;
#[cfg(all(feature = "outbox", unix))]
mod webhook_store;
mod webhook_verify;
mod wire;
