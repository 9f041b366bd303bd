#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

#[cfg(feature = "axum08")]
pub mod axum08;
#[cfg(any(feature = "exchange", feature = "reqwest013"))]
mod binding;
#[cfg(feature = "body")]
mod body;
#[cfg(feature = "body")]
mod compression;
pub mod dapr;
mod decode;
mod encode;
#[cfg(any(feature = "exchange", feature = "reqwest013"))]
mod extras;
mod mode;
mod name;
mod negotiate;
mod options;
mod problem;
#[cfg(feature = "reqwest013")]
pub mod reqwest013;
#[cfg(feature = "exchange")]
mod server;
mod status;
mod value;

/// The most headers of a request or response: 320.
///
/// An event of 256 attributes, the default of [`Limits`](cloudevents_core::Limits), fits in binary mode. 64 more are for the client and the
/// servers between. [`HttpReceiver`] refuses a request with more headers (431, without a body). The default client of a
/// [sender](reqwest013::sender) cannot read a response with more.
///
/// Other servers and clients allow fewer: hyper, axum and reqwest 100 by default. For these, events with many attributes go in structured
/// mode.
#[cfg(any(feature = "server", feature = "reqwest013"))]
pub const MAX_HEADERS: usize = 256 + 64;

#[cfg(any(feature = "exchange", feature = "reqwest013"))]
pub use binding::BINDING;
#[cfg(feature = "body")]
pub use body::{
    BODY_DEADLINE, BodyOptions, event_from_request, event_from_response, events_from_request,
    events_from_response, message_from_request, message_from_response, problem_from_response, read_body,
};
#[cfg(feature = "body")]
pub use compression::Decompression;
pub use decode::{decode, decode_events, decode_message};
pub use encode::{BuilderExt, encode, encode_batch, encode_message, encode_message_with, encode_with};
#[cfg(any(feature = "exchange", feature = "reqwest013"))]
pub use extras::MessageHeaders;
pub use mode::is_cloudevent;
pub use negotiate::{accepts, select_format};
pub use options::Encoding;
pub use problem::Problem;
#[cfg(feature = "exchange")]
pub use server::{
    ClientSide, Delivering, Exchange, ExchangeReceiver, HttpReceiverOptions, ReadBody, ReadRequest, Settled,
};
#[cfg(feature = "server")]
pub use server::{HttpReceiver, RequestBody, Unread, receiver, serve};
pub use status::{is_temporary, refuses_message, retry_after};
