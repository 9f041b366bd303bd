#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod entry;
mod envelope;
mod inbox;
mod memory_inbox;
mod millis;
mod once;
mod outbox;
mod receiver;
mod record;
mod route;
mod store;
mod worker;

#[cfg(feature = "rusqlite041")]
pub mod rusqlite041;
#[cfg(feature = "tokio-postgres07")]
pub mod tokio_postgres07;

pub use cloudevents_transport::RetrySchedule;
pub use entry::{Entry, NewMessage};
pub use inbox::{Begun, Inbox, InboxStore, Seen, Started};
pub use memory_inbox::MemoryInbox;
pub use outbox::Outbox;
pub use receiver::{OutboxReceiverOptions, ReceivedMessage};
pub use record::{Attempt, Counts, Health, Query, Record, State, Target};
pub use route::Route;
pub use store::{Claim, Claimed, ClaimedMessage, Retention, Settled, Settlement, Step, Store, Ticket};
pub use worker::{Clock, OutboxMetrics, OutboxOptions, Run};

/// Why a message is dead that has expired.
pub(crate) const EXPIRED: &str = "it expired before it could be delivered";

/// Why a message is dead that was not sent before its deadline.
#[cfg(any(feature = "rusqlite041", feature = "tokio-postgres07"))]
pub(crate) const OVERDUE: &str =
    "given up after its deadline, while its target was paused or disabled, or its sender held it back";
