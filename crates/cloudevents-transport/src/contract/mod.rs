//! The contract of senders and receivers for all protocols, as checks to call from a test.
//!
//! A binding implements [`Venue`] over a broker and calls [`check_all`], which opens a fresh address for each check. Its [`Claims`] declare
//! the capabilities of the protocol. Checks that need more are reported as not claimed.
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
mod carrying;
mod draining;
mod handling;
mod ordering;
mod outages;
mod receiving;
mod redriving;
mod requesting;
mod running;
mod sending;
mod settling;
mod tools;
mod watched;

pub use bounding::*;
pub use cancelling::*;
pub use carrying::*;
pub use draining::*;
pub use handling::*;
pub use ordering::*;
pub use outages::*;
pub use receiving::*;
pub use redriving::*;
pub use requesting::*;
pub use running::*;
pub use sending::*;
pub use settling::*;

use crate::{Receiver, ReceiverOptions, Sender};
use cloudevents_core::{Error, ErrorKind};
use futures_util::{StreamExt, future::LocalBoxFuture, stream};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::task::spawn_blocking;
use watched::Watched;

/// A fresh address on a broker: messages sent there are received only there.
pub trait Venue: Send + Sync {
    /// Returns the capabilities of the protocol.
    fn claims(&self) -> Claims;

    /// Opens a sender to the address.
    fn sender(&self) -> impl Future<Output = Result<Sender, Error>> + Send;

    /// Opens a receiver from the address. A second receiver, opened after the first was drained or dropped,
    /// continues with the messages left.
    fn receiver(&self, options: ReceiverOptions) -> impl Future<Output = Result<Receiver, Error>> + Send;

    /// Sends a message with this body that the receiver reports as an error of this kind:
    /// [`MissingAttribute`](ErrorKind::MissingAttribute) or [`NotACloudEvent`](ErrorKind::NotACloudEvent).
    /// Returns an error of kind [`Unsupported`](ErrorKind::Unsupported) if that is impossible.
    fn put_garbage(&self, kind: ErrorKind, body: &[u8]) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = (kind, body);
        async { Err(Error::new(ErrorKind::Unsupported)) }
    }

    /// Stops the broker and starts it again with its stored messages. Returns an error of kind
    /// [`Unsupported`](ErrorKind::Unsupported) if that is impossible.
    fn interrupt(&self) -> impl Future<Output = Result<(), Error>> + Send {
        async { Err(Error::new(ErrorKind::Unsupported)) }
    }
}

/// The capabilities of a protocol, and how long to wait for them. Default: everything, and ten seconds.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Claims {
    /// Events of the same `partitionkey` from one sender arrive in order.
    pub order: bool,
    /// Released and retried messages are delivered again.
    pub redelivers: bool,
    /// A retry is delivered after its delay, not before.
    pub delays_retries: bool,
    /// A retry counts as another attempt.
    pub counts_attempts: bool,
    /// A release counts as another attempt, because the broker counts every delivery that was not accepted.
    pub releases_count: bool,
    /// Messages that one receiver leaves go to the next one.
    pub persistent: bool,
    /// Structured messages arrive as sent, not decoded and encoded again.
    pub documents: bool,
    /// Documents of any format can be sent. Otherwise, those of a format other than JSON are refused as
    /// [`Unsupported`](ErrorKind::Unsupported).
    pub any_format: bool,
    /// There is a binary mode. Without one, events arrive as documents.
    pub binary: bool,
    /// The size in bytes of a payload that is too large for the broker, if there is such a limit and a test
    /// can afford to exceed it.
    pub too_large: Option<usize>,
    /// The number of attempts after which a message that is always retried is rejected. `None` if the broker
    /// or the peer decides.
    pub attempts: Option<u32>,
    /// How long something that must happen may take. A check that has not ended after three times as long failed.
    pub patience: Duration,
    /// How long to watch for something that must not happen. It is also the delay of retries. Where other messages have to come first, the
    /// delay is three seconds.
    pub quiet: Duration,
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            order: true,
            redelivers: true,
            delays_retries: true,
            counts_attempts: true,
            releases_count: false,
            persistent: true,
            documents: true,
            any_format: true,
            binary: true,
            too_large: None,
            attempts: None,
            patience: Duration::from_secs(10),
            quiet: Duration::from_millis(250),
        }
    }
}

/// The result of a check that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The protocol fulfils it.
    Holds,
    /// The protocol does not claim it.
    NotClaimed,
}

/// Why a check failed.
#[derive(Clone, Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure for this reason. For checks outside of this module.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

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

/// The results of all checks, by name.
#[derive(Clone, Debug)]
#[must_use = "the report shows whether the checks hold"]
pub struct Report(Vec<(&'static str, Result<Verdict, Failure>)>);

impl Report {
    /// Whether no check failed.
    pub fn holds(&self) -> bool {
        self.iter().all(|(_, verdict)| verdict.is_ok())
    }

    /// Prints the report, and panics unless exactly these checks are not claimed, and all others hold.
    pub fn assert_holds_but(&self, unclaimed: &[&str]) {
        println!("{self}");
        for (check, verdict) in self.iter() {
            let expected = if unclaimed.contains(&check) { Verdict::NotClaimed } else { Verdict::Holds };
            assert!(verdict.as_ref().is_ok_and(|verdict| *verdict == expected), "{check}\n{self}");
        }
    }

    /// The checks and their verdicts.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Result<Verdict, Failure>)> {
        self.0.iter().map(|(name, verdict)| (*name, verdict))
    }
}

/// For checks outside of this module.
impl FromIterator<(&'static str, Result<Verdict, Failure>)> for Report {
    fn from_iter<I: IntoIterator<Item = (&'static str, Result<Verdict, Failure>)>>(checks: I) -> Self {
        Self(checks.into_iter().collect())
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

/// Stops a broker and starts it again, and blocks until it accepts connections.
pub type Restart = Arc<dyn Fn() + Send + Sync>;

/// A [`Restart`] by this function of this broker.
pub fn restarting<B: Send + 'static>(
    broker: Arc<Mutex<B>>,
    restart: impl Fn(&mut B) + Send + Sync + 'static,
) -> Restart {
    Arc::new(move || restart(&mut broker.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// A [`Venue::interrupt`] by this function, on a thread that may block. Without one, an error of kind
/// [`Unsupported`](ErrorKind::Unsupported). If it panics, an error of kind [`Transport`](ErrorKind::Transport).
pub async fn interrupt(restart: Option<Restart>) -> Result<(), Error> {
    let restart = restart.ok_or_else(|| Error::new(ErrorKind::Unsupported))?;
    let restarted = spawn_blocking(move || restart());
    restarted.await.map_err(|error| Error::new(ErrorKind::Transport).with_source(error))
}

/// The checks that stop the broker and start it again, by [`Venue::interrupt`].
pub const STOPS_THE_BROKER: [&str; 2] =
    ["a_broker_that_stops_and_starts_loses_nothing", "a_receiver_outlives_its_broker"];

/// The checks that depend on how a message is written: with another mode, the rest is the same.
pub const WRITTEN: [&str; 6] = [
    "everything_arrives",
    "documents_arrive_untouched",
    "every_mode_arrives_or_is_refused",
    "what_goes_along_arrives_or_is_refused",
    "what_is_too_large_is_refused_and_blocks_nothing",
    "what_came_along_is_shown_and_forwarded",
];

/// How many checks run at a time.
const AT_ONCE: usize = 4;

/// The time limit of a check, in times of [`Claims::patience`]. An endless wait in a client is a failure that has a name.
const PATIENCES: u32 = 3;

/// The time limit of opening an address, whose claims are not known then.
const OPENING: Duration = Duration::from_secs(60);

async fn ended(
    claims: Claims,
    check: impl Future<Output = Result<Verdict, Failure>>,
) -> Result<Verdict, Failure> {
    let limit = claims.patience.saturating_mul(PATIENCES);
    tools::within(limit, check)
        .await
        .unwrap_or_else(|_| Err(Failure(format!("it did not end within {limit:?}"))))
}

macro_rules! all {
    ($($check:ident)*) => {
        /// Runs every check, each at a fresh address, up to four at a time.
        ///
        /// Then it compares the counters of its senders and receivers: each message that was received or handed over has one end. Checks
        /// that stop the broker run alone, after the others, because addresses may share it.
        pub async fn check_all<V: Venue>(open: impl AsyncFn() -> Result<V, Error>) -> Report {
            check_some(open, |_| true).await
        }

        /// Runs the checks whose names the filter selects, as [`check_all`] does.
        pub async fn check_some<V: Venue>(
            open: impl AsyncFn() -> Result<V, Error>,
            wanted: impl Fn(&str) -> bool,
        ) -> Report {
            let open = &open;
            let mut checks: Vec<(&'static str, LocalBoxFuture<'_, Result<Verdict, Failure>>)> = Vec::new();
            $(
                if wanted(stringify!($check)) {
                    checks.push((stringify!($check), Box::pin(async move {
                        let venue = Watched::new(tools::within(OPENING, open()).await??);
                        let verdict = ended(venue.claims(), Box::pin($check(&venue))).await?;
                        venue.add_up().await?;
                        Ok(verdict)
                    })));
                }
            )*
            let (alone, together): (Vec<_>, Vec<_>) =
                checks.into_iter().partition(|(name, _)| STOPS_THE_BROKER.contains(name));
            let run = |(name, check)| async move { (name, check.await) };
            let mut report: Vec<_> = stream::iter(together).map(run).buffered(AT_ONCE).collect().await;
            report.extend(stream::iter(alone).then(run).collect::<Vec<_>>().await);
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
    every_mode_arrives_or_is_refused
    receipts_say_where
    what_goes_along_arrives_or_is_refused
    what_is_too_large_is_refused_and_blocks_nothing
    requests_without_replies_are_refused
    requests_get_their_own_replies
    a_dropped_send_arrives_once_or_never
    a_broker_that_stops_and_starts_loses_nothing
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
    a_cancelled_run_loses_nothing
    draining_waits_for_settlements
    draining_ends_at_the_deadline
    draining_loses_nothing
    an_end_repeats_nothing
    what_is_left_at_an_end_keeps_its_order
    run_is_concurrent_and_keeps_order
    what_has_no_key_keeps_the_order_of_its_source
    stopping_lets_handlers_end
    what_came_along_is_shown_and_forwarded
    extending_is_what_the_capabilities_say
    capabilities_are_kept
    a_receiver_outlives_its_broker
    run_settles_by_what_handlers_return
    an_outage_gives_nothing_up
    attempts_are_bounded
    a_redrive_keeps_what_is_refused_again
}
