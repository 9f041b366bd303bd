//! Settlement per message over a partitioned log such as Kafka, which itself settles cumulatively.
//!
//! A log has one committed offset per partition: everything before it is done. The [`Ledger`] tracks the unsettled messages of each
//! partition. The offset of the first unsettled message is the *watermark*, and the watermark is committed. So:
//!
//! - **Accept** is recorded. It is committed when everything before it is settled as well.
//! - **Retry**: the watermark stays before the message, which is delivered again from memory after the delay.
//! - **Reject** passes the message to the dead-letter sink, and settles it when the sink has it. While the
//!   sink declines it, it is tried again with growing pauses; the message is not handled again.
//! - **Release**, and dropping a delivery: the watermark stays before the message, which is delivered again
//!   at once.
//! - Messages of a **revoked** partition cannot be settled: the outcome is an error of kind
//!   [`Revoked`](cloudevents_core::ErrorKind::Revoked), and the new owner of the partition receives the
//!   message again.
//!
//! A receiver starts only with a dead-letter sink or with
//! [`dropping_rejected`](LogOptions::dropping_rejected).
//!
//! A binding implements [`LogSource`] over its client and gives [`LogReceiver`] to
//! [`Receiver::new`](crate::Receiver::new). Its rebalance callbacks call [`Ledger::assign`] and
//! [`Ledger::revoke`]. All of it needs a tokio runtime with its timer. The sink runs there in tasks.

mod books;
mod delivering;
mod epoch;
mod ledger;
mod options;
mod partitions;
mod receiver;
mod record;
mod watermark;

pub use crate::{DeadLetter, DeadLetterSink};
pub use epoch::{Epoch, Mark};
pub use ledger::Ledger;
pub(crate) use ledger::Ticket;
pub use options::LogOptions;
pub use receiver::{LogReceiver, LogSource};
pub use record::Record;
pub use watermark::Watermark;
