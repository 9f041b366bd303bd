//! Peers of webhooks that misbehave: a target whose every response is chosen by the test, and a sender that attacks a target.
//!
//! They speak HTTP/1.1 by hand, because no library would let them do what they do.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use cloudevents_testkit::webhook::{Respond, TestTarget};
//!
//! // Agrees in the handshake, is overloaded once, then accepts.
//! let target = TestTarget::start(Respond::agree("*"), [
//!     Respond::status("429 Too Many Requests", "retry-after: 2\r\n"),
//!     Respond::status("204 No Content", ""),
//! ]).await;
//! println!("deliver to {}", target.url("/hook"));
//! assert!(target.requests().is_empty());
//! # });
//! ```

mod attack;
mod target;

pub use attack::{Attack, Attacked, attack};
pub use target::{Respond, TargetRequest, TestTarget};
