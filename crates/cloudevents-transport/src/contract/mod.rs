//! What every pair of sender and receiver has to do, whatever the protocol, as functions to call from a test.
//!
//! A binding implements [`Venue`] over a broker and calls [`check_all`], which opens a fresh venue for each check. What a protocol
//! cannot do, its [`Claims`] say; the checks that need it are then reported as not claimed.
//!
//! ```
//! use cloudevents_core::{Error, ErrorKind};
//! use cloudevents_transport::{Receiver, ReceiverOptions, Sender, contract::{Claims, Venue, check_all}, fake::FakeQueue};
//!
//! struct Queue(FakeQueue);
//!
//! impl Venue for Queue {
//!     fn claims(&self) -> Claims { Claims::default() }
//!     async fn sender(&self) -> Result<Sender, Error> { Ok(self.0.sender()) }
//!     async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> { Ok(self.0.receiver(options)) }
//!     async fn put_garbage(&self, kind: ErrorKind, body: &[u8]) -> Result<(), Error> {
//!         self.0.push_garbage(kind, body);
//!         Ok(())
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let report = check_all(async || Ok(Queue(FakeQueue::new()))).await;
//! assert!(report.holds(), "{report}");
//! # });
//! ```

mod bounding;
mod cancelling;
mod draining;
mod handling;
mod sending;
mod settling;
mod tools;

pub use bounding::*;
pub use cancelling::*;
pub use draining::*;
pub use handling::*;
pub use sending::*;
pub use settling::*;

use crate::{Receiver, ReceiverOptions, Sender};
use cloudevents_core::{Error, ErrorKind};
use std::{fmt, time::Duration};

/// A fresh address on a broker: what is sent there is received there, and by nobody else.
pub trait Venue: Send + Sync {
    /// What the protocol can do.
    fn claims(&self) -> Claims;

    /// A sender to the address.
    fn sender(&self) -> impl Future<Output = Result<Sender, Error>> + Send;

    /// A receiver from the address. Called again, when the first receiver was drained or dropped, it goes on with what that one left.
    fn receiver(&self, options: ReceiverOptions) -> impl Future<Output = Result<Receiver, Error>> + Send;

    /// Puts a message with this body there that the receiver finds to be an error of this kind:
    /// [`MissingAttribute`](ErrorKind::MissingAttribute) or [`NotACloudEvent`](ErrorKind::NotACloudEvent). An error of kind
    /// [`Unsupported`](ErrorKind::Unsupported) says that this cannot be done.
    fn put_garbage(&self, kind: ErrorKind, body: &[u8]) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = (kind, body);
        async { Err(Error::new(ErrorKind::Unsupported)) }
    }
}

/// What a protocol can do, and how long to wait for it. By default everything, and ten seconds.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Claims {
    /// Events of the same `partitionkey` from one sender arrive in order.
    pub order: bool,
    /// What was released or is to be retried comes again.
    pub redelivers: bool,
    /// A retry comes after its delay, not before.
    pub delays_retries: bool,
    /// A retry counts as another attempt.
    pub counts_attempts: bool,
    /// What one receiver left, the next one gets.
    pub persistent: bool,
    /// Structured messages arrive as they were sent, not decoded and encoded again.
    pub documents: bool,
    /// How long something that must happen may take.
    pub patience: Duration,
    /// How long to look whether something happens that must not, and the delay of retries.
    pub quiet: Duration,
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            order: true,
            redelivers: true,
            delays_retries: true,
            counts_attempts: true,
            persistent: true,
            documents: true,
            patience: Duration::from_secs(10),
            quiet: Duration::from_millis(250),
        }
    }
}

/// What came out of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does what it has to.
    Holds,
    /// The protocol does not claim to.
    NotClaimed,
}

/// Why a check failed.
#[derive(Clone, Debug)]
pub struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(format!("unexpected error: {error}"))
    }
}

impl From<crate::SendAllError> for Failure {
    fn from(error: crate::SendAllError) -> Self {
        Self(format!("unexpected error: {error}"))
    }
}

/// What came out of all checks, by name.
#[derive(Clone, Debug)]
#[must_use = "whether the checks hold is told by the report"]
pub struct Report(Vec<(&'static str, Result<Verdict, Failure>)>);

impl Report {
    /// Whether no check failed.
    pub fn holds(&self) -> bool {
        self.iter().all(|(_, verdict)| verdict.is_ok())
    }

    /// The checks and their verdicts, in the order they were made.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Result<Verdict, Failure>)> {
        self.0.iter().map(|(name, verdict)| (*name, verdict))
    }
}

/// One line per check.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, verdict) in self.iter() {
            match verdict {
                Ok(Verdict::Holds) => writeln!(f, "holds        {name}")?,
                Ok(Verdict::NotClaimed) => writeln!(f, "not claimed  {name}")?,
                Err(failure) => writeln!(f, "FAILED       {name}: {failure}")?,
            }
        }
        Ok(())
    }
}

macro_rules! all {
    ($($check:ident)*) => {
        /// Makes every check, each at a fresh venue.
        pub async fn check_all<V: Venue>(open: impl AsyncFn() -> Result<V, Error>) -> Report {
            let mut report = Vec::new();
            $(
                let verdict = match open().await {
                    Ok(venue) => $check(&venue).await,
                    Err(error) => Err(error.into()),
                };
                report.push((stringify!($check), verdict));
            )*
            Report(report)
        }
    };
}

all! {
    everything_arrives
    order_is_kept
    documents_arrive_untouched
    a_thousand_in_flight
    a_closed_sender_declines
    what_is_accepted_is_gone
    what_is_retried_comes_again
    what_is_rejected_does_not_come_again
    what_is_dropped_comes_again
    an_unwatched_outcome_settles
    what_is_malformed_surfaces_and_blocks_nothing
    what_is_foreign_goes_by_the_policy
    a_stalled_consumer_bounds_messages
    a_stalled_consumer_bounds_bytes
    a_cancelled_next_loses_nothing
    a_cancelled_for_each_loses_nothing
    draining_waits_for_settlements
    draining_ends_at_the_deadline
    draining_loses_nothing
    for_each_is_concurrent_and_keeps_order
    stopping_lets_handlers_end
}
