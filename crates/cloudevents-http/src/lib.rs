#![doc = include_str!("../README.md")]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

#[cfg(feature = "axum08")]
pub mod axum08;
#[cfg(feature = "body")]
mod body;
mod decode;
mod encode;
mod mode;
mod name;
mod negotiate;
mod problem;
#[cfg(feature = "reqwest013")]
pub mod reqwest013;
#[cfg(feature = "server")]
mod server;
mod value;

#[cfg(feature = "body")]
pub use body::{
    BODY_DEADLINE, Reading, event_from_request, event_from_response, events_from_request,
    events_from_response, message_from_request, message_from_response, read_body,
};
pub use decode::{decode, decode_events, decode_message};
pub use encode::{BuilderExt, encode, encode_batch, encode_message};
pub use mode::is_cloudevent;
pub use negotiate::{accepts, choose};
pub use problem::Problem;
#[cfg(feature = "reqwest013")]
pub use reqwest013::{HttpSender, HttpSenderOptions, Refusal, sender};
#[cfg(feature = "server")]
pub use server::{HttpReceiver, HttpReceiverOptions, receiver};
