//! Requests and responses of reqwest 0.13, and a sender on top of it.

mod request;
mod response;
mod sender;

pub use request::RequestBuilderExt;
pub use response::ResponseExt;
pub use sender::{HttpSender, HttpSenderOptions, Refusal, sender};
