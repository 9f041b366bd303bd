//! Refusals of servers.

use cloudevents_core::Error;
use std::sync::Arc;

/// A function that sees why a server refuses a client's request that shows in no delivery.
///
/// It runs on the task of the connection, and must not block.
///
/// Errors of kind [`Refused`](cloudevents_core::ErrorKind::Refused) are of requests that no message can come from, such as a probe: for
/// another path, or with another method. With all other errors, a message may be lost.
///
/// ```
/// use cloudevents_transport::OnRefusal;
/// use std::sync::Arc;
///
/// let print: OnRefusal = Arc::new(|error| eprintln!("refused: {error}"));
/// ```
pub type OnRefusal = Arc<dyn Fn(&Error) + Send + Sync>;
