//! Requests and responses of reqwest 0.13, and a sender on top of it.

mod refusal;
mod request;
mod response;
mod sender;
mod trace;

pub use refusal::{Refusal, beginning};
pub use request::RequestBuilderExt;
pub use response::ResponseExt;
pub use sender::{HttpSenderOptions, SignRequest, Trace, sender};
pub use trace::{Traced, TracedMessage};
