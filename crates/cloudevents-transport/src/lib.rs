#![doc = include_str!("../README.md")]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod binding;
mod codec;
mod content;
mod delivery;
mod endpoint;
mod for_each;
mod in_flight;
mod metrics;
mod outcome;
mod packed;
mod policy;
mod raw;
mod receiver;
mod sender;
mod settle;
mod transports;
mod writing;

#[cfg(feature = "contract")]
pub mod contract;
#[cfg(feature = "fake")]
pub mod fake;
#[cfg(feature = "log")]
pub mod log;

pub use binding::{Incoming, Intake, Transmit};
pub use codec::AsyncCodec;
pub use delivery::Delivery;
pub use endpoint::{Endpoint, Host, Secret};
pub use for_each::{Handled, OrderBy};
pub use in_flight::{Bounds, InFlight, Permit};
pub use metrics::{Counters, Metrics};
pub use outcome::{Outcome, Resolver};
pub use packed::Packed;
pub use policy::{Policy, ReceiverOptions};
pub use raw::{Partition, Raw};
pub use receiver::{Receiver, Stopper};
pub use sender::{SendAllError, Sender};
pub use settle::{Settle, Settlement, Token};
pub use transports::Transports;
pub use writing::Writing;
