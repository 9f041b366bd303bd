//! Payloads framed with schema ids, against a registry over a socket.

mod avro;
mod cache;
mod frames;
mod http;
mod json;
mod protobuf;
mod resolution;
mod server;
