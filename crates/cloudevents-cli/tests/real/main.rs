//! The program end to end: every subcommand, as a user runs it.
//!
//! The program of the tests has all protocols: `required-features` of the manifest. Signals and pipes are those of Unix.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod absent;
mod adapters;
mod amqp;
mod authorities;
#[cfg(target_os = "linux")]
mod bounded;
mod bridge;
mod catalog;
mod changing;
mod check;
mod conformance;
mod consumer;
mod contracts;
mod convert;
mod create;
#[cfg(target_os = "linux")]
mod crowds;
mod deliveries;
mod detect;
mod draining;
mod envelopes;
mod errors;
mod examples;
mod faulty_targets;
mod files;
mod foreign;
mod foreign_headers;
mod foreign_messages;
mod hook;
mod kafka;
mod kills;
mod large;
mod letters;
mod logs;
mod look;
mod monitoring;
mod mqtt;
mod mtls;
mod nats;
mod network;
mod order;
mod output;
mod pages;
mod pairs;
mod pgmq;
mod pipes;
mod producer;
mod program;
mod pubsub;
mod rabbitmq;
mod redis;
mod redriving;
mod replies;
mod reports;
mod select;
mod sending;
mod settings;
mod shown;
mod sns_deliveries;
mod sqs;
mod suggested;
mod taking;
mod tls;
mod tour;
mod undelivered;
mod unread;
mod urls;
mod waiting;
mod webhook;
mod webhook_gate;
mod webhook_handshakes;
mod webhook_hostile;
mod webhook_operating;
mod webhook_restarts;
mod webhook_schemes;
mod webhook_secrets;
mod webhook_services;
mod webhook_store;
mod webhook_verify;
mod wire;
