//! The API of authors of bindings, which programs do not use.
//!
//! A binding connects a client library to this crate. Its sender implements [`Transmit`]. Its receiver implements [`Receive`], or the
//! smaller [`QueueSource`](queue::QueueSource) or [`LogSource`](log::LogSource), for which this crate does the rest.
//! `docs/architecture-carriers.md` has the steps, and the `contract` module the tests that every binding passes.
//!
//! Versions of this module may change more often than the rest: it follows the needs of client libraries.

pub mod batches;
pub mod confirms;
pub mod connect;
#[cfg(feature = "log")]
pub mod log;
#[cfg(feature = "queue")]
pub mod queue;
#[cfg(feature = "rustls023")]
pub mod rustls023;

mod failure;
#[cfg(feature = "net")]
mod guard;
mod incoming;
pub(crate) mod loan;
mod own_wait;
pub(crate) mod ownership;
pub(crate) mod receive;
mod secrets;
pub(crate) mod settle;
pub(crate) mod settlement;
pub(crate) mod transmit;
mod writing;

pub use crate::{
    deadline::{later, whole_seconds},
    endpoint::{
        certificates::{CertificateFiles, check_authorities},
        percent::{normal_path, percent_decoded},
        rejecting::{Rejecting, place_checked, place_opened, rejecting},
        server::http_hosts,
    },
    in_flight::Permit,
    look::any_host,
    observing::connectivity::Reporter,
    outcome::Resolver,
    sending::lost::header_not_carried,
};
pub use failure::{disconnected, in_time, reasons, refused};
#[cfg(feature = "net")]
pub use guard::{Guard, Stream};
pub use incoming::Incoming;
pub use own_wait::OwnWait;
pub use ownership::{Owner, Ownership};
pub use receive::Receive;
pub use secrets::Secrets;
pub use settle::{Settle, Token};
pub use transmit::Transmit;
pub use writing::Writing;
