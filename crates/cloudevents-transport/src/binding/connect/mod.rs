//! Connecting and reconnecting, implemented once for all bindings.
//!
//! A binding implements [`Connect`], which makes one attempt at one host. [`Reconnect`] adds the policy: try
//! the last good host first, limit the time for each host, wait with jitter between rounds, and use fresh
//! credentials after a refused login. A task that owns its connection uses `Reconnect` directly. [`Shared`]
//! is for a connection that many tasks use, and [`Links`] for a sender, which also has bounds and an end. All report to a
//! [`Connectivity`](crate::Connectivity).
//!
//! ```
//! use cloudevents_core::{Error, ErrorKind};
//! use cloudevents_transport::{Endpoint, Host, binding::connect::{Backoff, Connect, Reconnect}};
//! use std::sync::atomic::{AtomicU32, Ordering};
//!
//! /// Connects at the third attempt.
//! struct Third(AtomicU32);
//!
//! impl Connect for Third {
//!     type Connection = Host;
//!
//!     async fn connect(&self, host: &Host) -> Result<Host, Error> {
//!         match self.0.fetch_add(1, Ordering::Relaxed) {
//!             0 | 1 => Err(Error::new(ErrorKind::Disconnected)),
//!             _ => Ok(host.clone()),
//!         }
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let hosts = Endpoint::parse("amqp://one,two/")?.hosts().to_vec();
//! let mut reconnect = Reconnect::new(Third(AtomicU32::new(0)), hosts, Backoff::default());
//! assert_eq!(reconnect.open().await?.name(), "one"); // one and two failed; then one was tried again
//! # Ok::<(), Error>(()) }).unwrap();
//! ```

#[cfg(feature = "net")]
mod addresses;
mod backoff;
mod links;
mod login;
mod reconnect;
mod renewal;
mod shared;

#[cfg(feature = "net")]
pub use addresses::Addresses;
pub use backoff::Backoff;
pub use links::Links;
pub use login::{Logins, login};
pub use reconnect::{Connect, Reconnect};
pub use renewal::{renew_after, retry_renewal_after};
pub use shared::{Shared, ended, runtime};
