#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod binding;
mod codec;
mod connectivity;
#[cfg(any(feature = "log", feature = "queue"))]
mod dead_letter;
mod deadline;
mod delivery;
mod endpoint;
mod event_filter;
mod extract;
mod failure;
mod in_flight;
mod loan;
mod metrics;
mod orders;
mod outcome;
mod outgoing;
mod own_wait;
mod ownership;
mod partition;
mod policy;
mod prometheus;
mod promptly;
mod raw;
mod receipt;
mod received;
mod receiver;
mod receiver_capabilities;
mod retry;
mod retry_schedule;
mod running;
mod sender;
mod sender_capabilities;
mod settle;
#[cfg(feature = "signal")]
mod shutdown;
mod sync;
mod transmit;
mod transports;
mod url_options;
mod writing;

pub mod bridge;
pub mod confirms;
pub mod connect;
#[cfg(feature = "contract")]
pub mod contract;
#[cfg(feature = "fake")]
pub mod fake;
#[cfg(feature = "log")]
pub mod log;
#[cfg(feature = "queue")]
pub mod queue;
#[cfg(feature = "rustls023")]
pub mod rustls023;

pub use binding::{Incoming, Receive};
pub use bridge::Bridge;
pub use codec::AsyncCodec;
pub use connectivity::{ConnectionState, Connectivity, Reporter};
#[cfg(any(feature = "log", feature = "queue"))]
pub use dead_letter::{DeadLetter, DeadLetterSink};
pub use delivery::Delivery;
pub use endpoint::{Endpoint, Host, Secret, normal_path};
pub use event_filter::EventFilter;
pub use extract::FromDelivery;
pub use failure::{Failure, Verdict};
pub use in_flight::{Bounds, InFlight, Permit};
pub use metrics::{Counters, Metrics};
pub use orders::Orders;
pub use outcome::{Outcome, Resolver};
pub use outgoing::{Content, Outgoing};
pub use own_wait::OwnWait;
pub use ownership::{Owner, Ownership};
pub use partition::Partition;
pub use policy::{ReceiverOptions, UnreadablePolicy};
pub use prometheus::PrometheusPage;
pub use promptly::promptly;
pub use raw::Raw;
pub use receipt::Receipt;
pub use received::{Origin, Received};
pub use receiver::{Receiver, Stopper};
pub use receiver_capabilities::{By, Extends, ReceiverCapabilities, Settles};
pub use retry::RetryPolicy;
pub use retry_schedule::RetrySchedule;
pub use running::{Activity, OrderBy, Run, RunState, Running};
pub use sender::{LossPolicy, SendAllError, Sender, SenderOptions};
pub use sender_capabilities::{Carries, Confirmed, SenderCapabilities};
pub use settle::{Settle, Settlement, Token};
#[cfg(feature = "signal")]
pub use shutdown::shutdown_signal;
pub use transmit::Transmit;
pub use transports::Transports;
pub use writing::Writing;
