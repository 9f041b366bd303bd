//! Moves messages from a receiver to a sender, and loses none.
//!
//! - A message is accepted at the source when the target has confirmed it.
//! - While the target is unavailable, reading stops, and nothing becomes a dead letter. One message is tried at
//!   a time, with growing pauses.
//! - A message becomes a dead letter only if the target refuses the message itself
//!   ([`Sender::refuses_message`]). The dead letter is unchanged, with reason, attempt and origin in headers.
//! - Messages with the same key stay in order. Messages without a key stay in the order of their source: partition, topic or queue
//!   ([`BridgePolicy::order`]). A key that waits does not stop the others.
//! - Bytes of documents and payloads are moved, not decoded, if format and mode stay the same.
//!
//! After a crash, messages that were in flight are sent again. From a queue, these are at most the messages within the receiver's bounds in
//! flight. A message is in flight until the source has read that it is accepted. From a log, messages that were settled after the last
//! commit are sent again, too.

mod dead_letter;
mod fate;
mod header_rule;
mod headers;
mod log_lines;
mod metrics;
mod policy;
mod rate;
mod redrive;
mod shape;
mod stall;
mod status;
mod template;

pub use fate::Fate;
pub use header_rule::HeaderRule;
pub use metrics::BridgeMetrics;
pub use policy::{ALWAYS_FORWARDED, Admit, BridgePolicy, Change, Foreign, Form, KeyRule, Observer, Wrap};
pub use redrive::{REPLAYS, Redrive};
pub use stall::{Stall, Unready};
pub use status::BridgeStatus;
pub use template::Template;

use crate::{
    Activity, By, DeadLetter, Delivery, EventFilter, Failure, Fault, LetterBox, Outgoing, Receipt, Received,
    Receiver, Sender, Settles, Stopper,
    panics::caught,
    receiving::letter_box::Listener,
    running::{Ended, Running, both},
};
use cloudevents_core::{Error, ErrorKind};
use dead_letter::{reason, stored};
use futures_util::FutureExt;
use metrics::Tally;
use rate::{Rate, Turns};
use shape::{Passed, Shaped, Shaper};
use std::{
    fmt,
    future::pending,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

/// The time limit of sending if none is set: the shortest one that a protocol has by default.
const LIMIT: Duration = Duration::from_secs(30);

/// The longest time to close the sender when the time for the end is over.
const CLOSING: Duration = Duration::from_secs(5);

/// As many permits as a semaphore can have.
const MOST: usize = Semaphore::MAX_PERMITS;

/// The header that counts the bridges that a message has passed.
pub const HOPS: &str = "bridge-hops";

/// Moves messages from a receiver to a sender.
///
/// ```
/// # #[cfg(feature = "fake")] fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
/// # use cloudevents_core::{DecodeOptions, Event};
/// # use cloudevents_transport::fake::FakeQueue;
/// # let (from, to) = (FakeQueue::new(), FakeQueue::new());
/// # from.sender().send(&Event::builder().id("1").source("/s").ty("t").build()?).await?;
/// # let (receiver, sender) = (from.receiver(DecodeOptions::strict()), to.sender());
/// # let ctrl_c = || tokio::time::sleep(std::time::Duration::from_millis(20));
/// use cloudevents_transport::{Bridge, bridge::BridgePolicy};
///
/// let bridge = Bridge::new(receiver, sender, BridgePolicy::default())?;
/// let status = bridge.status();
/// bridge.run().until(ctrl_c()).await?;
/// assert_eq!(status.metrics().confirmed, 1);
/// # assert_eq!((from.len(), to.len()), (0, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }) }
/// # #[cfg(not(feature = "fake"))] fn main() {}
/// ```
pub struct Bridge {
    receiver: Receiver,
    passage: Passage,
}

/// The parts that sending needs.
struct Passage {
    shaper: Shaper,
    sender: Sender,
    rate: Option<Rate>,
    tally: Arc<Tally>,
    /// The dead letters for the destination of the policy, and the dead letters for the destination of the receiver.
    letters: LetterBox,
    rejected: LetterBox,
    activity: Activity,
    stopper: Stopper,
    /// Whether a message that is left stays at the source only as long as it is not accepted: in a queue.
    is_queue: bool,
    /// Whether the source has a message that is left, or sends it again.
    is_kept: bool,
    /// Whether a peer keeps rejected messages.
    is_with_peer: bool,
    /// Whether the receiver selects messages. Then all of them have to be read.
    is_filtered: bool,
    /// How many messages that count for the limit of a redrive have ended.
    concluded: AtomicU64,
}

impl Bridge {
    /// Creates a bridge. The retry and drain settings of the policy replace the receiver's.
    ///
    /// Errors are of kind [`Unsupported`](ErrorKind::Unsupported), for these settings:
    ///
    /// - a size limit below [`ALWAYS_FORWARDED`], or a [`parked`](BridgePolicy::parked) of 0;
    /// - a redrive from a source that [keeps nothing](Settles::Never), without a destination for messages that are refused again;
    /// - a [filter](Redrive::filter) of a redrive if the messages that it leaves could not stay at the source.
    pub fn new(receiver: Receiver, sender: Sender, policy: BridgePolicy) -> Result<Self, Error> {
        policy.check()?;
        let redrive = policy.redrive.as_ref();
        if redrive.is_some_and(|redrive| redrive.filter.is_some() && !redrive.dry_run)
            && receiver.capabilities().settles != Settles::Each
            && !receiver.capabilities().keeps
        {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_detail("the source cannot keep single messages, so that the letters which the filter leaves would be gone")
                .with_help("take all letters back, and filter at the target"));
        }
        if redrive.is_some_and(|redrive| !redrive.rejects && !redrive.dry_run)
            && receiver.capabilities().settles == Settles::Never
            && policy.dead_letters.is_none()
        {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_detail(
                    "the source keeps no message, so that letters that are refused again would be gone",
                )
                .with_help("name another dead-letter place for them"));
        }
        let passage = Passage {
            rate: policy.rate.map(Rate::new),
            shaper: Shaper::new(policy, sender.capabilities(), receiver.decoding().clone()),
            sender,
            tally: Arc::default(),
            letters: LetterBox::of_a_place(),
            rejected: receiver.letter_box(),
            activity: receiver.activity(),
            stopper: receiver.stopper(),
            is_queue: receiver.capabilities().settles == Settles::Each,
            is_kept: receiver.capabilities().settles != Settles::Never,
            is_with_peer: receiver.capabilities().rejects == By::Peer,
            is_filtered: receiver.is_filtered(),
            concluded: AtomicU64::new(0),
        };
        Ok(Self { receiver, passage })
    }

    /// A handle to observe the bridge while it runs.
    pub fn status(&self) -> BridgeStatus {
        BridgeStatus {
            tally: Arc::clone(&self.passage.tally),
            received: self.receiver.counters(),
            in_flight: self.receiver.in_flight().clone(),
            letters: self.passage.letters.clone(),
            rejected: self.passage.rejected.clone(),
            activity: self.receiver.activity(),
            is_asked: self.receiver.capabilities().redelivers == By::Peer,
            source: self.receiver.connectivity(),
            target: self.passage.sender.clone(),
            dead_letters: self.passage.policy().dead_letters.clone(),
        }
    }

    /// A handle to stop the bridge from another task.
    pub fn stopper(&self) -> Stopper {
        self.receiver.stopper()
    }

    /// Moves messages until the bridge is stopped, or the source has no more.
    ///
    /// Then it waits for running sends, settles, drains the receiver and closes the sender. Messages of a log are sent, too, if they were
    /// received before the last message that is settled or on its way. Otherwise settled messages would come again.
    ///
    /// After a loss of a connection it waits for the next one. Only a permanent error of the receiver ends it, or an error of kind
    /// [`Timeout`](ErrorKind::Timeout). That error means that ending takes longer than [`BridgePolicy::drain`], or that a settled message
    /// comes again. Messages that a redrive leaves are an exception. `run` needs a tokio runtime with its timer.
    pub fn run(self) -> Running<impl Future<Output = Result<(), Error>>> {
        let status = self.status();
        let Self { mut receiver, passage } = self;
        let stopper = receiver.stopper();
        let policy = passage.policy();
        let drain = policy.drain;
        let most = policy.redrive.as_ref().and_then(|redrive| redrive.messages);
        let mut settings = receiver.settings();
        (settings.concurrency, settings.order, settings.waiting) =
            (policy.limit, policy.order.clone(), policy.parked);
        (settings.retry, settings.give_up_after, settings.drain) = (policy.retry, None, drain);
        settings.follows = Some(passage.sender.time_limit().unwrap_or(LIMIT));
        // In a log, a settled message behind an unsettled one comes again. Messages that a filter passes over count for no limit.
        let is_filtered = policy.redrive.as_ref().is_some_and(|redrive| redrive.filter.is_some());
        settings.most = most.filter(|_| !passage.is_queue && !is_filtered);
        // A message that a redrive holds stays in its partition, and would keep the partition at its share of the permits.
        if policy.redrive.is_none() {
            receiver.isolate();
        }
        if passage.rejected.has_place() {
            passage.rejected.listen(passage.listener());
        }
        let future = async move {
            if most == Some(0) {
                passage.stopper.stop();
            }
            // One permit for each message that may be taken back. A failed attempt, or one whose message is lost with its connection, gives
            // it back.
            let places =
                most.map(|most| Semaphore::new(usize::try_from(most).map_or(MOST, |most| most.min(MOST))));
            let attempt = |delivery: Delivery| {
                let (passage, places) = (&passage, places.as_ref());
                async move {
                    let done = match passage.place(places).await {
                        None => Done::Held(Fate::Left),
                        Some(place) => {
                            // Formats, filters and the like may be the program's.
                            let passed = AssertUnwindSafe(passage.pass(&delivery)).catch_unwind().await;
                            let done = passed.unwrap_or_else(|_| Done::Failed(panicked()));
                            if !matches!(
                                done,
                                Done::Failed(_)
                                    | Done::Unstored(..)
                                    | Done::Held(Fate::Left)
                                    | Done::PassedOver
                            ) && let Some(place) = place
                            {
                                place.forget();
                                passage.concluded(most);
                            }
                            done
                        }
                    };
                    let ended = passage.conclude(&delivery, done);
                    (delivery, ended)
                }
            };
            let mut told = stall::Told::default();
            let moved = tokio::select! {
                biased;
                moved = receiver.drive(settings, attempt) => moved,
                never = stall::watch(&status, &mut told) => match never {},
            };
            stall::end(&status, told);
            let drained = match passage.policy().redrive {
                None => receiver.drain(drain).await,
                Some(_) => leave(&mut receiver, drain).await,
            };
            // Messages that were not sent in time have been given up, and nothing waits for their outcome.
            let is_late = moved.as_ref().is_err_and(|error| error.kind() == ErrorKind::Timeout);
            let left = if is_late { CLOSING } else { drain.max(CLOSING) };
            let closed = timeout(left, passage.sender.close()).await;
            let closed = closed.unwrap_or_else(|_| {
                Err(Error::new(ErrorKind::Timeout).with_detail("the sender took too long to close"))
            });
            both(moved, drained).and(closed)
        };
        Running::new(future, stopper)
    }
}

/// How an attempt ended.
enum Done {
    Confirmed,
    /// The message is to be rejected at the source.
    Refused(Error),
    /// The dead-letter destination of the policy has stored the message.
    Stored(Error),
    /// The message is refused, and the dead-letter destination of the policy does not take it.
    Unstored(Error, Error),
    Failed(Error),
    /// The message stays at the source: it is held until the bridge ends, or it would come again at once.
    Held(Fate),
    /// The message stays in the log, and reading goes on behind it.
    PassedOver,
}

impl fmt::Debug for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bridge")
            .field("receiver", &self.receiver)
            .field("sender", &self.passage.sender)
            .field("policy", self.passage.policy())
            .finish()
    }
}

impl Passage {
    /// Waits for a permit if permits are limited, in the order of arrival: no message overtakes a waiting message of its key. Returns
    /// `None` when the bridge stops.
    async fn place<'p>(&self, places: Option<&'p Semaphore>) -> Option<Option<SemaphorePermit<'p>>> {
        let Some(places) = places else { return Some(None) };
        tokio::select! {
            biased;
            () = self.stopper.stopped() => None,
            place = places.acquire() => place.ok().map(Some),
        }
    }

    /// A message that counts for the limit has ended. The last one ends the bridge.
    fn concluded(&self, most: Option<u64>) {
        let concluded = self.concluded.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if most.is_some_and(|most| concluded >= most) {
            self.stopper.stop();
        }
    }

    fn policy(&self) -> &BridgePolicy {
        &self.shaper.policy
    }

    /// Whether the target refused the message itself.
    fn refuses_message(&self, error: &Error) -> bool {
        match self.policy().refuses_message {
            Some(decides) => decides(error),
            None => self.sender.refuses_message(error),
        }
    }

    /// Makes one attempt.
    async fn pass(&self, delivery: &Delivery) -> Done {
        let redrive = self.policy().redrive.as_ref();
        let is_dry = redrive.is_some_and(|redrive| redrive.dry_run);
        let leaves = |filter: &EventFilter| {
            let with = self.shaper.decoding();
            let selects = delivery.message().and_then(|message| filter.selects(message, with));
            // A message that cannot be read matches nothing. If it were taken back, it would be refused, and may be gone then. The filter
            // reads a document as far as the attributes that it names.
            let is_read = || delivery.message().is_ok_and(|message| message.events(with).is_ok());
            !(selects.unwrap_or(false) && is_read())
        };
        if redrive.and_then(|redrive| redrive.filter.as_ref()).is_some_and(leaves) {
            // The position of a log would move.
            return if self.is_queue || is_dry { Done::Held(Fate::Left) } else { Done::PassedOver };
        }
        // A filter delivers messages that it cannot read.
        if self.is_filtered
            && let Ok(message) = delivery.message()
            && let Err(error) = message.events(self.shaper.decoding())
        {
            return Box::pin(self.refused(delivery, error)).await;
        }
        let shaped = match self.shaper.shape(delivery) {
            Ok(shaped) => shaped,
            Err(error) => {
                if self.shaper.is_looped(delivery) {
                    self.tally.looped();
                }
                return Box::pin(self.refused(delivery, error)).await;
            }
        };
        if is_dry {
            return Done::Held(Fate::WouldSend);
        }
        let attempt = self.tally.attempts.begin(self.activity.here_for());
        // Rare cases are boxed: there are as many of these futures as messages on their way, and each is moved when it begins.
        let sent = match shaped {
            Shaped::One(outgoing) => match &self.rate {
                None => self.sent(self.sender.send(outgoing).await, delivery),
                Some(rate) => Box::pin(self.send_in_turn(outgoing, &mut rate.begin(false), delivery)).await,
            },
            Shaped::Several(all, passed) => Box::pin(self.send_all(all, delivery, passed)).await,
        };
        let error = match sent {
            Ok(true) => {
                attempt.succeeded();
                return Done::Confirmed;
            }
            Ok(false) => return Done::Held(Fate::Left),
            Err(error) => error,
        };
        let fault = Fault::of(&error, self.refuses_message(&error));
        let is_refused = fault == Fault::Message;
        match fault {
            // It was no attempt.
            Fault::OwnWait(_) => drop(attempt),
            // It is refused again, as its dead letter was not stored, which shows nothing more.
            Fault::Message if delivery.received().refusal().is_some() => drop(attempt),
            Fault::Message => attempt.refused(&error),
            _ => attempt.failed(&error),
        }
        if !is_refused {
            return Done::Failed(error);
        }
        // It has answered. A message that cannot be shaped shows nothing about it.
        self.tally.set_down(false);
        Box::pin(self.refused(delivery, error)).await
    }

    /// Returns `false` if the bridge stops before its turn. The end does not wait for the turns of all received messages. It waits only for
    /// messages of a log behind which another one was sent.
    async fn send_in_turn(
        &self,
        outgoing: Outgoing,
        turns: &mut Turns<'_>,
        delivery: &Delivery,
    ) -> Result<bool, Error> {
        let goes_back = async {
            self.stopper.stopped().await;
            if self.rate.as_ref().is_some_and(|rate| rate.has_overtaken(delivery)) {
                pending().await
            }
        };
        tokio::select! {
            biased;
            () = goes_back, if self.is_kept => return Ok(false),
            () = turns.next(delivery) => {}
        }
        self.sent(self.sender.send(outgoing).await, delivery)
    }

    fn sent(&self, sent: Result<Receipt, Error>, delivery: &Delivery) -> Result<bool, Error> {
        let receipt = sent?;
        log_lines::log(delivery.received(), self.shaper.decoding(), &receipt);
        if receipt.is_duplicate() == Some(true) {
            self.tally.duplicate();
        }
        Ok(true)
    }

    /// Sends the events of a batch, all of them in any case but a stop. A failure that can pass is reported before a
    /// refusal, because then all are sent again.
    async fn send_all(&self, all: Vec<Outgoing>, delivery: &Delivery, passed: Passed) -> Result<bool, Error> {
        let mut result = Ok(true);
        let mut turns = self.rate.as_ref().map(|rate| rate.begin(true));
        for (index, outgoing) in all.into_iter().enumerate() {
            let outgoing = self.shaper.carry(outgoing, delivery.received(), passed);
            let sent = match &mut turns {
                None => self.sent(self.sender.send(outgoing).await, delivery),
                Some(turns) => self.send_in_turn(outgoing, turns, delivery).await,
            };
            match sent.map_err(|error| error.with_index(index)) {
                Ok(true) => {}
                Err(error) if self.refuses_message(&error) => result = result.and(Err(error)),
                ends => return ends,
            }
        }
        result
    }

    /// Stores a refused message in the policy's dead-letter destination. Without one, the receiver's destination is used. If the policy's
    /// destination takes the message in no form, and a peer keeps rejected messages, the message is left to the peer.
    async fn refused(&self, delivery: &Delivery, error: Error) -> Done {
        let redrive = self.policy().redrive.as_ref();
        if redrive.is_some_and(|redrive| redrive.dry_run) {
            return Done::Held(Fate::Refused(error));
        }
        delivery.received().is_refused(&error);
        let Some(place) = &self.policy().dead_letters else {
            // The receiver may drop rejected messages, or have no other destination than the one that it reads.
            let stays = redrive.is_some_and(|redrive| !redrive.rejects) && !self.is_with_peer;
            return if stays { Done::Held(Fate::Kept(error)) } else { Done::Refused(error) };
        };
        for received in self.shaper.letters(delivery.received(), place.capabilities()) {
            let letter = DeadLetter::refused(received, &error, delivery.attempt());
            let attempt = self.letters.begin();
            match stored(letter.clone(), place).await {
                Ok(()) => {
                    delivery.received().has_dead_letter(letter.receipt());
                    self.letters.stored(&letter, attempt);
                }
                // No attempt can store it. The peer would repeat the stored dead letters, with each request.
                Err(failure) if self.is_with_peer && Fault::of(&failure, false) != Fault::Target => {
                    tracing::warn!(received = ?delivery.received(), error = %failure,
                        "a refused message is left to its sender, because the dead-letter place takes it in no form");
                    return Done::Refused(error);
                }
                Err(failure) => {
                    self.letters.failed(&letter, attempt, &reason(&failure));
                    return Done::Unstored(error, failure);
                }
            }
        }
        Done::Stored(error)
    }

    /// Settles the message. A message that was not confirmed is tried again, after any number of attempts.
    fn conclude(&self, delivery: &Delivery, done: Done) -> Ended {
        let (fate, ended) = match done {
            Done::Confirmed => (Fate::Confirmed, Ended::Accepted),
            Done::Refused(error) => {
                let ended = Ended::Rejected(Failure::reject(error.clone()));
                if self.rejected.has_place() {
                    // The listener observes the outcome.
                    return ended;
                }
                (Fate::Refused(error), ended)
            }
            Done::Stored(error) => (Fate::DeadLetter(error), Ended::Accepted),
            Done::Held(fate) => (fate, Ended::Held),
            Done::PassedOver => (Fate::Left, Ended::Skipped),
            Done::Unstored(refusal, error) => {
                let ended = self.again(&error);
                (Fate::Waiting { refusal, error: reason(&error) }, ended)
            }
            Done::Failed(error) => {
                let ended = self.again(&error);
                (Fate::Failed(error), ended)
            }
        };
        if let Fate::Confirmed = fate {
            self.tally.set_down(false);
        }
        let received = delivery.received();
        self.tally.concluded(received, &fate);
        log_lines::log_refused(received, self.shaper.decoding(), &fate);
        tell(self.policy(), received, &fate);
        ended
    }

    /// The message is tried again.
    fn again(&self, error: &Error) -> Ended {
        let failure = Failure::unavailable(error.clone());
        // A wait that the target requests replaces the pause, and it may request none.
        let failure = match error.retry_after() {
            Some(after) => failure.after(after.max(self.policy().retry.pause(1))),
            None => failure,
        };
        match Fault::of(error, false) {
            // It was no attempt.
            Fault::OwnWait(_) => {}
            fault => self.tally.set_down(fault == Fault::Target || error.is_temporary()),
        }
        Ended::Failed(failure)
    }

    /// Observes the outcome of messages that are rejected at the source.
    fn listener(&self) -> Listener {
        let (tally, policy) = (Arc::clone(&self.tally), self.policy().clone());
        let decoding = self.shaper.decoding().clone();
        Box::new(move |letter, stored| {
            let received = &letter.received;
            // A message that the options of the receiver reject was not refused here.
            let Some(refusal) = received.refusal().cloned() else { return };
            let fate = match stored {
                Ok(()) => Fate::DeadLetter(refusal),
                Err(error) => Fate::Waiting { refusal, error: error.clone() },
            };
            if let Fate::DeadLetter(_) = fate {
                received.has_dead_letter(letter.receipt());
                tally.concluded(received, &fate);
                log_lines::log_letter(received, &decoding);
            }
            tell(&policy, received, &fate);
        })
    }
}

/// Drains the receiver, except for messages that a redrive has left on purpose.
async fn leave(receiver: &mut Receiver, deadline: Duration) -> Result<(), Error> {
    let drained = receiver.drain_leaving(deadline).await;
    if let Some(words) = receiver.settled_ahead() {
        tracing::warn!("{words}");
    }
    drained
}

/// Tells the observer of the policy.
fn tell(policy: &BridgePolicy, received: &Received, fate: &Fate) {
    if let Some(observer) = &policy.observer
        && caught(|| observer(received, fate)).is_err()
    {
        tracing::error!("an observer panicked");
    }
}

#[cold]
fn panicked() -> Error {
    Error::new(ErrorKind::Transport).with_detail("what prepares or sends the message panicked")
}
