//! The task that owns the connection.

use super::{
    Arrived, Handover, QueueOptions, QueueSource, Room,
    renewals::{Place, Renewals},
    settling::Now,
    ticket::{Ask, Counted, Desk, Held},
};
use crate::{
    Bounds, By, Extends, InFlight, ReceiverCapabilities, Settlement, Settles, Stopper,
    binding::{
        Owner, Resolver,
        connect::{Connect, Reconnect},
    },
    deadline::later,
    observing::connectivity::Reporter,
    receiving::dead_letter_sink::{Letters, Rejected},
    streak::Streak,
};
use cloudevents_core::{Error, ErrorKind};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::{
    collections::{BTreeMap, VecDeque},
    mem::take,
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::coop::unconstrained,
    time::{Instant, sleep, sleep_until},
};

/// The number of settlements to handle before checking for new messages.
const TOGETHER: usize = 256;

/// How long a receiver that stops waits for a broker that is away, to settle the messages that are here.
const AWAY: Duration = Duration::from_secs(10);

/// The most messages that are handed over together. With more, the first one would wait too long.
const BURST: usize = 64;

pub(super) struct Task<C: Connect<Connection: QueueSource>> {
    prefetch: usize,
    pub(super) options: QueueOptions,
    pub(super) rejected: Rejected,
    pub(super) can: ReceiverCapabilities,
    out: mpsc::Sender<Held<Tag<C>>>,
    /// For the messages of the current connection.
    pub(super) desk: Arc<Desk<Tag<C>>>,
    pub(super) asks: mpsc::UnboundedReceiver<Ask<Tag<C>>>,
    stopper: Stopper,
    pub(super) stopping: bool,
    /// Whether the remaining messages have gone back.
    pub(super) is_given_back: bool,
    /// Messages that go back when the program has handed over the rest.
    pub(super) returning: Vec<Returning<Tag<C>>>,
    /// Of the messages of the current connection.
    owner: Owner,
    /// Dropped before messages on their way to the sink, so that they stay in the number.
    pub(super) letters: Letters,
    here: InFlight,
    pub(super) later: BTreeMap<(Instant, u64), Later<Tag<C>>>,
    number: u64,
    pub(super) renewals: Renewals<Tag<C>>,
    /// Messages to deliver again from memory, as soon as the channel has a free slot for them.
    pub(super) ready: VecDeque<Held<Tag<C>>>,
    /// Releases in a row.
    pub(super) releases: u32,
    /// Messages on their way to the dead-letter sink.
    pub(super) rejecting: FuturesUnordered<BoxFuture<'static, Sunk<Tag<C>>>>,
    /// Settlements that were decided while there was no connection, for the next one.
    undone: Vec<Now<Tag<C>>>,
    /// Whether it was reported that this connection is lost, although messages of it are left.
    is_lost: bool,
    /// How the source answers settlements.
    pub(super) settlements: Arc<Streak>,
}

pub(super) type Tag<C> = <<C as Connect>::Connection as QueueSource>::Tag;

/// A message with the result of the sink.
pub(super) type Sunk<T> = (Held<T>, (Result<(), Error>, Resolver));

/// A message that goes back to the broker, which delivers it again. Only the tag is kept.
pub(super) struct Returning<T> {
    pub(super) place: Counted<T>,
    pub(super) tag: T,
    pub(super) how: Settlement,
    pub(super) renewal: Option<Place>,
}

/// An action that is due at a given time.
pub(super) enum Later<T> {
    Settle(Returning<T>),
    /// Deliver it again from memory.
    Again(Held<T>),
}

enum Step<T> {
    Asked,
    Stop(Option<Handover>),
    Due,
    Ready,
    Freed,
    Sunk(Sunk<T>),
    Lost(Error),
    Arrived(Result<Arrived<T>, Error>),
    /// A message or error while stopping.
    Late(Result<Arrived<T>, Error>),
}

impl<C: Connect<Connection: QueueSource>> Task<C> {
    #[expect(clippy::too_many_arguments, reason = "one caller")]
    pub(super) fn new(
        room: Room,
        options: QueueOptions,
        rejected: Rejected,
        can: ReceiverCapabilities,
        out: mpsc::Sender<Held<Tag<C>>>,
        here: InFlight,
        stopper: Stopper,
        settlements: Arc<Streak>,
    ) -> Self {
        let letters = Letters::of(&rejected);
        let (sender, asks) = mpsc::unbounded_channel();
        let desk = Desk {
            asks: sender,
            extends: can.extends,
            forgets: can.settles == Settles::Never,
            accepted: Arc::default(),
            here: here.clone(),
            ownership: None,
        };
        Self {
            prefetch: room.prefetch.max(1),
            options,
            rejected,
            can,
            out,
            desk: Arc::new(desk),
            asks,
            stopper,
            stopping: false,
            is_given_back: false,
            returning: Vec::new(),
            owner: Owner::new(),
            letters,
            here,
            later: BTreeMap::new(),
            number: 0,
            renewals: Renewals::new(),
            ready: VecDeque::new(),
            releases: 0,
            rejecting: FuturesUnordered::new(),
            undone: Vec::new(),
            is_lost: false,
            settlements,
        }
    }

    /// Returns when it was stopped and everything is settled, or when connecting fails permanently.
    pub(super) async fn run(
        mut self,
        mut reconnect: Reconnect<C>,
        mut source: C::Connection,
        mut stopped: oneshot::Receiver<Handover>,
    ) -> Result<(), Error> {
        loop {
            let error = match self.serve(&mut reconnect, &mut source, &mut stopped).await {
                Ok(()) => {
                    let unconfirmed = source.unconfirmed();
                    return source.close().await.map_err(|error| come_again(error, 0, unconfirmed));
                }
                Err(error) => error,
            };
            let unconfirmed = source.unconfirmed();
            drop(source);
            if !take(&mut self.is_lost) {
                reconnect.lost(&error);
            }
            // Until then, only releases were for it, and a message that was to be released comes again by itself.
            let needs_broker = self.is_given_back && !self.forgets();
            source = match self.connect_again(&mut reconnect, &mut stopped).await? {
                Some(source) => source,
                // Held deliveries can no longer be settled; their messages are delivered again.
                None => {
                    let unsettled = self.here.used().messages;
                    let is_done = unsettled == 0 && unconfirmed.is_none() && !needs_broker;
                    return if is_done { Ok(()) } else { Err(come_again(error, unsettled, unconfirmed)) };
                }
            };
        }
    }

    /// Whether nothing is settled with the broker.
    fn forgets(&self) -> bool {
        self.can.settles == Settles::Never
    }

    /// Whether a message can be settled after its connection was lost.
    fn tags_outlive(&self) -> bool {
        C::Connection::TAGS_OUTLIVE_CONNECTIONS || self.forgets()
    }

    /// Reconnects. Meanwhile it does everything that needs no broker, and watches for a stop, because neither may wait for a broker that is
    /// down. Returns `None` if it was stopped, and the messages that are here cannot be settled, or not in time.
    async fn connect_again(
        &mut self,
        reconnect: &mut Reconnect<C>,
        stopped: &mut oneshot::Receiver<Handover>,
    ) -> Result<Option<C::Connection>, Error> {
        let (outlive, forgets, here) = (self.tags_outlive(), self.forgets(), self.here.clone());
        let reporter = reconnect.reporter().clone();
        if !outlive {
            // The broker delivers the messages of the lost connection again.
            self.owner = Owner::new();
            self.later.clear();
            self.returning.clear();
            self.renewals.clear();
            self.ready.clear();
        }
        self.renewals.hurry(Instant::now());
        let mut opening = pin!(reconnect.open());
        let mut away = pin!(sleep(AWAY));
        loop {
            if self.stopping {
                self.wait_no_more();
                if !outlive || here.used().messages == 0 {
                    return Ok(None);
                }
            }
            tokio::select! {
                biased;
                handover = &mut *stopped, if !self.stopping => {
                    self.stopping = true;
                    self.release(handover.ok(), &reporter);
                    away.as_mut().reset(later(Instant::now(), AWAY));
                }
                () = &mut away, if self.stopping && !forgets => return Ok(None),
                () = here.idle(), if self.stopping => {}
                Some(ask) = self.asks.recv() => {
                    match ask {
                        Ask::Settle(held, how, resolver) => {
                            let now = self.decide(held, how, resolver);
                            self.undone.extend(now);
                        }
                        Ask::Answered(renewals) => renewals.into_iter().for_each(|place| self.renewals.remove(place)),
                        Ask::Extend(..) => {}
                    }
                }
                Some(sunk) = self.rejecting.next(), if !self.rejecting.is_empty() => {
                    let now = self.sunk(sunk);
                    self.undone.extend(now);
                }
                // A connection that settles nothing would get messages, although the receiver stops.
                opened = &mut opening, if !(self.stopping && forgets) => return opened.map(Some),
            }
        }
    }

    async fn serve(
        &mut self,
        reconnect: &mut Reconnect<C>,
        source: &mut C::Connection,
        stopped: &mut oneshot::Receiver<Handover>,
    ) -> Result<(), Error> {
        let mut asked = Vec::new();
        let (mut timer, mut lost) = (pin!(sleep_until(Instant::now())), source.lost());
        // A consumer that was made again may have another deadline.
        if let (Extends::Every(_), every @ Extends::Every(_)) =
            (self.can.extends, source.capabilities().extends)
        {
            self.can.extends = every;
        }
        self.desk = Arc::new(Desk {
            asks: self.desk.asks.clone(),
            extends: self.can.extends,
            forgets: self.desk.forgets,
            accepted: Arc::clone(&self.desk.accepted),
            here: self.here.clone(),
            ownership: (!self.tags_outlive()).then(|| self.owner.ownership()),
        });
        if self.stopping {
            self.stop(source).await?;
        }
        let undone = take(&mut self.undone);
        self.settle_all(undone, source).await?;
        loop {
            let used = self.here.used();
            if self.stopping && used.messages == 0 {
                return Ok(());
            }
            let room = self.room(used.messages, used.bytes);
            let missing = self.missing_places();
            if !self.stopping {
                let messages = if missing.is_some() { 0 } else { room };
                let bytes = self.here.bounds().bytes.saturating_sub(used.bytes);
                source.allow(Bounds { messages, bytes }).await?;
            }
            let due = self.next_due();
            if let Some(due) = due.filter(|due| *due != timer.deadline()) {
                timer.as_mut().reset(due);
            }
            // All are cancel-safe. The channel has a free slot before a message is taken. Only this task gives messages, so
            // the slot is still free afterwards.
            let stopping = self.stopping;
            let late = stopping && C::Connection::ARRIVES_LATE;
            let arriving = async {
                if room == 0 && !late {
                    return Err(source.tend().await);
                }
                if !stopping {
                    tokio::select! {
                        biased;
                        () = place(&self.out) => {}
                        error = source.tend() => return Err(error),
                    }
                }
                source.next().await
            };
            let step = tokio::select! {
                biased;
                // Before settlements, which would go nowhere.
                error = &mut lost, if !self.is_lost => Step::Lost(error),
                _ = self.asks.recv_many(&mut asked, TOGETHER) => Step::Asked,
                handover = &mut *stopped, if !self.stopping => Step::Stop(handover.ok()),
                () = &mut timer, if due.is_some() => Step::Due,
                Some(sunk) = self.rejecting.next(), if !self.rejecting.is_empty() => Step::Sunk(sunk),
                () = place(&self.out), if !self.ready.is_empty() => Step::Ready,
                () = self.here.ready(), if room == 0 && missing.is_none() && !self.stopping => Step::Freed,
                () = self.here.idle(), if self.stopping => Step::Freed,
                arrived = arriving => if late { Step::Late(arrived) } else { Step::Arrived(arrived) },
                // Last: while it waits it holds the free slots, and a message needs one.
                () = places(&self.out, missing.unwrap_or(1)), if missing.is_some() && !self.stopping => Step::Freed,
            };
            match step {
                Step::Asked => self.asked(&mut asked, source).await?,
                Step::Stop(handover) => {
                    self.stopping = true;
                    self.release(handover, reconnect.reporter());
                    if self.is_lost {
                        return Err(Error::new(ErrorKind::Disconnected));
                    }
                    self.stop(source).await?;
                }
                Step::Due => self.due(source).await?,
                Step::Freed => {}
                Step::Ready => {
                    if let Some(mut held) = self.ready.pop_front() {
                        held.place.desk = Arc::clone(&self.desk); // of this connection
                        self.hand_over(held);
                    }
                }
                Step::Sunk(sunk) => {
                    let now = Vec::from_iter(self.sunk(sunk));
                    self.settle_all(now, source).await?;
                }
                // The broker delivers the remaining messages again. Held messages are settled and renewed over the next connection, if they
                // can be.
                Step::Lost(error) if self.stopping || !self.forgets() => return Err(error),
                Step::Lost(error) => {
                    self.is_lost = true;
                    reconnect.lost(&error);
                }
                Step::Arrived(arrived) => self.arrived(arrived?, room, used, source)?,
                Step::Late(arrived) => {
                    self.late(arrived?);
                    self.give_back(source).await?;
                }
            }
        }
    }

    /// Drops the untaken messages, whose tokens request the release. Where nothing is settled, that is their end; one that the program
    /// had released is counted as that.
    fn release(&self, handover: Option<Handover>, reporter: &Reporter) {
        let new = handover.map_or(0, |mut untaken| untaken.release());
        if self.forgets() {
            reporter.dropped(new);
        }
    }

    /// Ends deliveries and all waiting, and gives back the remaining messages.
    async fn stop(&mut self, source: &mut C::Connection) -> Result<(), Error> {
        source.stop().await?;
        while C::Connection::ARRIVES_LATE
            && let Some(arrived) = unconstrained(source.next()).now_or_never()
        {
            self.late(arrived?);
        }
        self.hurry();
        self.give_back(source).await
    }

    /// The program takes no more messages. It goes back with the rest.
    fn late(&mut self, Arrived { tag, .. }: Arrived<Tag<C>>) {
        self.here.count(0);
        let place = Counted { desk: Arc::clone(&self.desk), bytes: 0 };
        let renewal = self.renewed(&tag);
        self.returning.push(Returning { place, tag, how: Settlement::Release, renewal });
    }

    /// Whether a released message waits for the rest, to go back with it in order.
    pub(super) fn waits_for_rest(&self) -> bool {
        let comes_back = self.can.redelivers != By::Memory && !self.forgets();
        comes_back && !self.is_given_back && self.stopper.is_stopped()
    }

    /// How many slots of the channel have to be free before more messages are allowed, if fewer are. A message that waits in the client of
    /// a source is not renewed. So the client has at most as many messages as there are slots. Messages are not requested one at a time,
    /// each with a request of its own: one half of the messages arrives while the program has the other half.
    fn missing_places(&self) -> Option<usize> {
        let Extends::Every(_) = self.can.extends else { return None };
        let least = (self.out.max_capacity() / 2).max(1);
        (self.out.capacity() < least).then_some(least)
    }

    /// Returns how many more messages may arrive.
    fn room(&self, messages: usize, bytes: usize) -> usize {
        let bounds = self.here.bounds();
        let room = match messages {
            _ if self.stopping => 0,
            0 => bounds.messages.max(1),
            _ if bytes >= bounds.bytes => 0,
            _ => bounds.messages.saturating_sub(messages),
        };
        if let Extends::Every(_) = self.can.extends {
            return room.min(self.out.capacity());
        }
        // Messages handed over and not taken count as prefetched, except one: taking that one does not wake
        // this task.
        let ahead = self.out.max_capacity().saturating_sub(self.out.capacity());
        room.min(self.prefetch.saturating_sub(ahead.saturating_sub(1)).max(1))
    }

    /// Hands over the message, together with others that have arrived already and for which permits are free.
    fn arrived(
        &mut self,
        first: Arrived<Tag<C>>,
        room: usize,
        used: Bounds,
        source: &mut C::Connection,
    ) -> Result<(), Error> {
        let most = room.min(self.out.capacity()).min(BURST);
        let left = self.here.bounds().bytes.saturating_sub(used.bytes);
        let (mut messages, mut bytes) = (0_usize, 0_usize);
        let mut next = Some(Ok(first));
        while let Some(arrived) = next {
            let Arrived { received, tag, attempt } = arrived?;
            let size = received.size();
            self.here.count(size);
            (messages, bytes) = (messages.saturating_add(1), bytes.saturating_add(size));
            let place = Counted { desk: Arc::clone(&self.desk), bytes: size };
            self.hand_over(Held { place, tag, received, attempt, was_taken: false, renewal: None });
            let more = messages < most && bytes < left;
            next = if more { unconstrained(source.next()).now_or_never() } else { None };
        }
        Ok(())
    }

    /// Hands a message over. The channel has a free slot for it.
    fn hand_over(&mut self, mut held: Held<Tag<C>>) {
        held.renewal = self.renewed(&held.tag);
        if let Err(untaken) = self.out.try_send(held) {
            drop(untaken.into_inner().incoming()); // the receiver is gone: the token requests the release
        }
    }

    /// Has the deadline of a message that arrives renewed.
    fn renewed(&mut self, tag: &Tag<C>) -> Option<Place> {
        let Extends::Every(period) = self.can.extends else { return None };
        Some(self.renewals.add(tag.clone(), Instant::now(), period))
    }

    /// When something is due next.
    fn next_due(&self) -> Option<Instant> {
        let later = self.later.first_key_value().map(|((due, _), _)| *due);
        later.into_iter().chain(self.renewals.next()).min()
    }

    /// Schedules it after this delay, limited to the longest. While stopping, there is no delay, and nothing is delivered again.
    pub(super) fn at(&mut self, after: Duration, action: Later<Tag<C>>) {
        if self.stopping && matches!(action, Later::Again(_)) {
            return;
        }
        let after = if self.stopping { Duration::ZERO } else { after.min(self.options.longest_delay) };
        let now = Instant::now();
        self.number = self.number.wrapping_add(1);
        self.later.insert((later(now, after), self.number), action);
    }
}

/// Ready when the channel has a slot for a message; never, once the receiver is gone.
async fn place<T>(out: &mpsc::Sender<T>) {
    places(out, 1).await;
}

/// Ready when the channel has slots for so many messages; never, once the receiver is gone.
async fn places<T>(out: &mpsc::Sender<T>, number: usize) {
    if out.reserve_many(number).await.is_err() {
        std::future::pending().await
    }
}

/// The error of a receiver that ends, with the messages that may come again: they were not settled, or their settlements were not
/// confirmed.
pub(super) fn come_again(error: Error, unsettled: usize, unconfirmed: Option<String>) -> Error {
    let unsettled = (unsettled > 0).then(|| format!("{unsettled} that are not settled"));
    let all: Vec<String> = unsettled.into_iter().chain(unconfirmed).collect();
    if all.is_empty() {
        return error;
    }
    let detail = format!("{}; messages that may come again: {}", error.detail(), all.join(", "));
    error.with_detail(detail)
}

#[cold]
pub(super) fn comes_again() -> Error {
    Error::new(ErrorKind::Disconnected).with_detail("the connection was lost; the message comes again")
}
