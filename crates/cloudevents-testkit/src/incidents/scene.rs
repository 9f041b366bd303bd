//! A sender and a receiver that are observed.

use super::{LONG, Proxied, again};
use cloudevents_core::{Error, ErrorKind, Event, Payload};
use cloudevents_transport::{
    ConnectionState, Connectivity, Counters, Receiver, ReceiverOptions, Sender,
    contract::{Failure, Verdict},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, timeout},
};

/// How long a message may take to arrive before another one is sent. Over a protocol that keeps nothing, the first may be lost.
const ARRIVES: Duration = Duration::from_millis(500);

/// A sender, and a receiver in a task of its own that accepts all messages.
pub(super) struct Scene {
    sender: Sender,
    sending: Connectivity,
    receiving: Connectivity,
    /// How often each number came.
    came: watch::Receiver<Came>,
    /// How long handling a message takes. `None` while the handler stands still.
    pace: watch::Sender<Option<Duration>>,
    receiver: JoinHandle<()>,
    /// The counters of the receiver.
    received: Arc<Counters>,
    next: AtomicUsize,
    /// The confirmed messages.
    confirmed: Mutex<BTreeSet<usize>>,
    /// How many sends had an error.
    failed: AtomicUsize,
    persistent: bool,
    /// Lost connections that no state shows.
    unseen: AtomicU64,
    /// How often a message may come again for each loss that shows: a library with several connections, that to the coordinator of a group
    /// among them, may lose its place with each, and reports one loss.
    repeats: u64,
    /// Whether the receiver has a connection of its own.
    connects: bool,
    /// How many connections the sender and the receiver had lost when the fault began.
    before: (u64, u64),
}

/// The numbers that came and how often, or why no more come.
#[derive(Debug, Default)]
struct Came {
    times: BTreeMap<usize, u64>,
    is_handling: bool,
    ended: Option<String>,
}

/// A message that was sent, and its outcome.
#[derive(Debug)]
pub(super) struct Sent {
    number: usize,
    pub(super) result: Result<(), Error>,
}

pub(super) type Sends = JoinSet<Sent>;

impl Scene {
    /// Opens both, and returns when a message has passed.
    pub(super) async fn open(venue: &impl Proxied) -> Result<Self, Failure> {
        let mut options = ReceiverOptions::default();
        options.in_flight.messages = 10;
        Self::open_with(venue, options).await
    }

    /// As [`open`](Self::open), with these options of the receiver.
    pub(super) async fn open_with(venue: &impl Proxied, options: ReceiverOptions) -> Result<Self, Failure> {
        let receiver = venue.receiver(options).await?;
        let sender = venue.sender().await?;
        let (sending, receiving) = (sender.connectivity(), receiver.connectivity());
        let received = receiver.counters();
        let (pace, paces) = watch::channel(Some(Duration::ZERO));
        let (came, seen) = watch::channel(Came::default());
        let mut scene = Self {
            sender,
            sending,
            receiving,
            came: seen,
            pace,
            receiver: tokio::spawn(receive(receiver, came, paces)),
            received,
            next: AtomicUsize::new(0),
            confirmed: Mutex::default(),
            failed: AtomicUsize::new(0),
            persistent: venue.claims().persistent,
            unseen: AtomicU64::new(0),
            repeats: if venue.shows_each_loss() { 1 } else { 2 },
            connects: !venue.receiver_listens(),
            before: (0, 0),
        };
        // Patience that is short, for the fault, may be too short for a busy machine.
        let begin = Instant::now();
        loop {
            match scene.outcomes(scene.send(1), LONG).await?.pop().map(|sent| sent.result) {
                Some(Err(error))
                    if matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Disconnected)
                        && begin.elapsed() < LONG => {}
                Some(Err(error)) => return Err(error.into()),
                _ => break,
            }
        }
        scene.all_arrive(LONG).await?;
        scene.begin();
        Ok(scene)
    }

    /// A fault begins: connections that were lost before are not its.
    pub(super) fn begin(&mut self) {
        self.before = self.losses();
    }

    /// Starts to send so many messages at once.
    pub(super) fn send(&self, count: usize) -> Sends {
        self.send_large(count, 10)
    }

    /// As [`send`](Self::send), with payloads of this size.
    pub(super) fn send_large(&self, count: usize, bytes: usize) -> Sends {
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        let mut sends = JoinSet::new();
        for number in (first..).take(count) {
            let sender = self.sender.clone();
            sends.spawn(async move { Sent { number, result: send(&sender, number, bytes).await } });
        }
        sends
    }

    /// Waits until every send has an outcome, which must be within this time.
    pub(super) async fn outcomes(&self, mut sends: Sends, limit: Duration) -> Result<Vec<Sent>, Failure> {
        let begin = Instant::now();
        let mut outcomes = Vec::new();
        while !sends.is_empty() {
            match timeout(limit.saturating_sub(begin.elapsed()), sends.join_next()).await {
                Ok(Some(sent)) => outcomes.push(sent.map_err(|panic| Failure::new(panic.to_string()))?),
                Ok(None) => break,
                Err(_) => {
                    let (left, state) = (sends.len(), self.sending.state());
                    return Err(Failure::new(format!(
                        "{left} sends have no outcome after {limit:?}: {state:?}"
                    )));
                }
            }
        }
        let ok = outcomes.iter().filter(|sent| sent.result.is_ok()).map(|sent| sent.number);
        self.confirmed.lock().unwrap_or_else(PoisonError::into_inner).extend(ok);
        let failed = outcomes.iter().filter(|sent| sent.result.is_err()).count();
        self.failed.fetch_add(failed, Ordering::Relaxed);
        Ok(outcomes)
    }

    /// How many connections the sender and the receiver have lost.
    pub(super) fn losses(&self) -> (u64, u64) {
        (self.sending.losses(), self.receiving.losses())
    }

    /// A connection is lost and made again, and no state shows that.
    pub(super) fn loss_is_unseen(&self) {
        self.unseen.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until the states of both show that their connections were lost. A protocol without connections has nothing to show.
    pub(super) async fn losses_are_seen(&self, limit: Duration) -> Result<(), Failure> {
        let (sending, receiving) = self.before;
        let both = [("sender", &self.sending, sending), ("receiver", &self.receiving, receiving)];
        for (name, connectivity, before) in both.into_iter().take(if self.connects { 2 } else { 1 }) {
            let mut changing = connectivity.clone();
            let lost = async {
                while connectivity.losses() == before
                    && !matches!(connectivity.state(), ConnectionState::Connectionless)
                {
                    changing.changed().await;
                }
            };
            let seen = timeout(limit, lost).await;
            ensure(seen.is_ok(), || {
                format!("after {limit:?}, the {name} is still {:?}", connectivity.state())
            })?;
        }
        Ok(())
    }

    /// Waits until the receiver has a connection, which it makes without the handler.
    pub(super) async fn receiver_is_connected(&self, limit: Duration) -> Result<(), Failure> {
        let mut changing = self.receiving.clone();
        let connected = async {
            while !self.receiving.state().is_connected() {
                changing.changed().await;
            }
        };
        let seen = timeout(limit, connected).await;
        ensure(seen.is_ok(), || {
            format!("after {limit:?}, the receiver is still {:?}", self.receiving.state())
        })
    }

    /// Has the handler take so long for a message; `None` has it stand still.
    pub(super) fn pace(&self, pace: Option<Duration>) {
        self.pace.send_replace(pace);
    }

    /// Waits until the handler has a message that it has not settled.
    pub(super) async fn is_handling(&self, limit: Duration) -> Result<(), Failure> {
        let handling = self.sees(limit, |came| came.is_handling).await?;
        ensure(handling, || format!("nothing came within {limit:?}"))
    }

    /// Without being opened anew, the sender sends and the receiver receives in time; both are connected; and nothing that was confirmed is
    /// missing.
    pub(super) async fn works_again(&self) -> Result<Verdict, Failure> {
        self.passes_again().await?;
        self.nothing_confirmed_is_lost().await?;
        Ok(Verdict::Holds)
    }

    /// Without being opened anew, the sender sends and the receiver receives in time, and both are connected.
    pub(super) async fn passes_again(&self) -> Result<(), Failure> {
        let begin = Instant::now();
        let mut last = None;
        loop {
            let limit = again().saturating_sub(begin.elapsed());
            ensure(!limit.is_zero(), || {
                let states = (self.sending.state(), self.receiving.state());
                format!(
                    "nothing passes {:?} after the fault; the last send: {last:?}; the states: {states:?}",
                    again()
                )
            })?;
            let Ok(outcomes) = self.outcomes(self.send(1), limit).await else { continue };
            let arrives = outcomes.iter().all(|sent| sent.result.is_ok());
            let numbers: Vec<usize> = outcomes.iter().map(|sent| sent.number).collect();
            last = outcomes.into_iter().next();
            if arrives && self.have_come(&numbers, ARRIVES).await? {
                break;
            }
        }
        for (name, state) in [("sender", self.sending.state()), ("receiver", self.receiving.state())] {
            ensure(state.is_connected(), || format!("the {name} works and is {state:?}"))?;
        }
        Ok(())
    }

    /// Each of so many messages is confirmed, and comes.
    pub(super) async fn each_arrives(&self, count: usize) -> Result<(), Failure> {
        let sent = self.outcomes(self.send(count), LONG).await?;
        let failed = sent.iter().find(|sent| sent.result.is_err());
        ensure(failed.is_none(), || format!("{failed:?}"))?;
        let numbers: Vec<usize> = sent.iter().map(|sent| sent.number).collect();
        self.arrive(&numbers, LONG).await
    }

    /// Confirmed messages arrive, if the protocol keeps them. They come again only after a lost connection.
    pub(super) async fn nothing_confirmed_is_lost(&self) -> Result<(), Failure> {
        if self.persistent {
            self.all_arrive(LONG).await?;
        }
        let lost = self.receiving.losses().saturating_add(self.unseen.load(Ordering::Relaxed));
        let most = lost.saturating_mul(self.repeats).saturating_add(1);
        let came = self.came.borrow();
        let often = came.times.iter().find(|(_, times)| **times > most);
        ensure(often.is_none(), || format!("it came too often: {often:?}, after {lost} lost connections"))?;
        drop(came);
        self.counters_tell_what_was_seen()
    }

    /// The counters of both have the numbers that were seen from outside.
    fn counters_tell_what_was_seen(&self) -> Result<(), Failure> {
        let of = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let ok = of(self.confirmed.lock().unwrap_or_else(PoisonError::into_inner).len());
        let failed = of(self.failed.load(Ordering::Relaxed));
        // Sends that were given up have either end.
        let given_up = of(self.next.load(Ordering::Relaxed)).saturating_sub(ok.saturating_add(failed));
        let sending = self.sender.metrics();
        let is_told = |counted: u64, seen: u64| (seen..=seen.saturating_add(given_up)).contains(&counted);
        ensure(is_told(sending.sent, ok) && is_told(sending.failed, failed), || {
            format!(
                "{ok} sends were confirmed, {failed} failed, {given_up} given up, and counted is {sending}"
            )
        })?;
        let (receiving, came) = (self.received.snapshot(), self.came.borrow());
        let came: u64 = came.times.values().sum();
        // One may be on its way to the messages that came. A settlement that failed counts as the settlement that it was to be.
        ensure(
            (came..=came.saturating_add(1)).contains(&receiving.accepted) && receiving.received >= came,
            || format!("{came} came and were settled, and counted is {receiving}"),
        )
    }

    /// Waits until everything that was confirmed has come.
    pub(super) async fn all_arrive(&self, limit: Duration) -> Result<(), Failure> {
        let confirmed: Vec<usize> =
            self.confirmed.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        self.arrive(&confirmed, limit).await
    }

    async fn arrive(&self, numbers: &[usize], limit: Duration) -> Result<(), Failure> {
        let have_come = self.have_come(numbers, limit).await?;
        ensure(have_come, || {
            let came = self.came.borrow();
            let missing: Vec<_> = numbers.iter().filter(|number| !came.times.contains_key(number)).collect();
            format!(
                "confirmed and lost after {limit:?}: {missing:?}; the receiver: {:?}",
                self.receiving.state()
            )
        })
    }

    async fn have_come(&self, numbers: &[usize], limit: Duration) -> Result<bool, Failure> {
        self.sees(limit, |came| numbers.iter().all(|number| came.times.contains_key(number))).await
    }

    /// Waits until the receiver shows this. `false` if it does not in time. An error if it has ended, or panicked.
    async fn sees(&self, limit: Duration, wanted: impl Fn(&Came) -> bool) -> Result<bool, Failure> {
        let mut watched = self.came.clone();
        // It returns a lock, which would stop this for ever if another message came now.
        let seen =
            timeout(limit, watched.wait_for(|came| came.ended.is_some() || wanted(came))).await.is_ok();
        let ended = self.came.borrow().ended.clone();
        ensure(ended.is_none(), || format!("the receiver has ended: {ended:?}"))?;
        ensure(watched.has_changed().is_ok(), || "the receiver has panicked".into())?;
        Ok(seen)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.receiver.abort();
    }
}

/// Accepts all messages, unless it stands still.
async fn receive(
    mut receiver: Receiver,
    came: watch::Sender<Came>,
    mut pace: watch::Receiver<Option<Duration>>,
) {
    loop {
        let ended = match receiver.next().await {
            Ok(Some(delivery)) => {
                let number = delivery.event().map(|event| event.id().parse().unwrap_or(usize::MAX));
                came.send_modify(|came| came.is_handling = true);
                let takes = pace.wait_for(Option::is_some).await.ok().and_then(|pace| *pace);
                sleep(takes.unwrap_or_default()).await;
                let _ = delivery.accept().await; // a message whose settlement is lost comes again
                match number {
                    Ok(number) => {
                        came.send_modify(|came| {
                            came.is_handling = false;
                            let times = came.times.entry(number).or_default();
                            *times = times.saturating_add(1);
                        });
                        continue;
                    }
                    Err(error) => error.to_string(),
                }
            }
            Ok(None) => "without an error".into(),
            Err(error) => error.to_string(),
        };
        came.send_modify(|came| came.ended = Some(ended));
        return;
    }
}

async fn send(sender: &Sender, number: usize, bytes: usize) -> Result<(), Error> {
    let event = Event::builder()
        .id(number.to_string())
        .source("/incidents")
        .ty("incident")
        .payload("application/octet-stream", Payload::binary(vec![0; bytes]))
        .build()
        .map_err(Error::from)?;
    sender.send(&event).await.map(drop)
}

/// Fails the check unless the condition holds.
pub(super) fn ensure(holds: bool, reason: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::new(reason())) }
}
