//! Settlement over a partitioned log, such as Kafka: what is cumulative there becomes per message here.
//!
//! A log knows one number per partition: everything before it is done. The [`Ledger`] keeps, for each partition, which messages are
//! not settled; the number follows the first of them, the *watermark*. So:
//!
//! - **Accept** is recorded. It is committed when everything before it is settled, too.
//! - **Retry** holds the watermark. The message comes again from memory after the delay, up to
//!   [`max_attempts`](LogOptions::max_attempts) times; after that it is rejected.
//! - **Reject** hands the message to the dead-letter sink, and passes the watermark when the sink has it. While the sink
//!   declines it, the message comes again.
//! - **Release**, and dropping a delivery, holds the watermark; the message comes again at once.
//! - Of a partition that was **revoked**, nothing can be settled: the outcome is an error of kind
//!   [`Revoked`](cloudevents_core::ErrorKind::Revoked), and its new owner receives the message again.
//!
//! A receiver that is given neither a sink nor the word that rejected messages are dropped does not start.
//!
//! A binding implements [`LogSource`] over its client and gives [`LogIntake`] to [`Receiver::new`](crate::Receiver::new). Its rebalance
//! callbacks call [`Ledger::assign`] and [`Ledger::revoke`]. All of it needs a tokio runtime with its timer, on which the sink's work is
//! spawned.

mod accounts;
mod dead_letter;
mod intake;
mod ledger;
mod record;
mod watermark;

pub use dead_letter::{DeadLetter, DeadLetterSink, LogOptions};
pub use intake::{LogIntake, LogSource};
pub(crate) use ledger::Ticket;
pub use ledger::{Epoch, Ledger};
pub(crate) use record::Entry;
pub use record::Record;
pub use watermark::Watermark;
