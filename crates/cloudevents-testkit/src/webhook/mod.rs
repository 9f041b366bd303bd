//! Misbehaving webhook peers: a target for which the test chooses every response, and a sender that attacks a target.
//!
//! They implement HTTP/1.1 without a library, because no library allows such behaviour.
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
