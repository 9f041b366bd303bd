//! The task that owns the connection.

use super::{
    AHEAD, Acceptor, Arrived, Handover, QueueOptions, QueueSource, Room,
    renewals::{Place, Renewals},
    ticket::{Accepted, Ask, Desk, Held, Ticket},
};
use crate::{
    Extends, InFlight, Incoming, Permit, ReceiverCapabilities, Resolver, Settlement, Settles, Token,
    binding::BoxFuture,
    connect::{Connect, Reconnect},
    dead_letter::Rejected,
};
use cloudevents_core::{Error, ErrorKind};
use futures_util::{StreamExt, stream::FuturesUnordered};
use std::{
    collections::{BTreeMap, VecDeque},
    mem::take,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};

/// The number of settlements to handle before checking for new messages.
const TOGETHER: usize = 256;

/// The most messages that are handed over together with the first one. With more, the first one would wait
/// too long.
const BURST: usize = AHEAD / 2 - 1;

pub(super) struct Task<C: Connect<Connection: QueueSource>> {
    reconnect: Reconnect<C>,
    prefetch: usize,
    pub(super) options: QueueOptions,
    pub(super) rejected: Rejected,
    pub(super) can: ReceiverCapabilities,
    out: mpsc::Sender<(u64, Incoming)>,
    desk: Arc<Desk<Tag<C>>>,
    accepted: Arc<Accepted>,
    /// Empty between uses, as is the next one, so that neither is allocated for each group of messages.
    heard: Vec<Place>,
    arrivals: Vec<Held<Tag<C>>>,
    asks: mpsc::UnboundedReceiver<Ask<Tag<C>>>,
    pub(super) stopping: bool,
    pub(super) epoch: u64,
    current: Arc<AtomicU64>,
    here: InFlight,
    pub(super) later: BTreeMap<(Instant, u64), Later<Tag<C>>>,
    number: u64,
    pub(super) renewals: Renewals<Tag<C>>,
    /// Messages to deliver again from memory, as soon as there is a place to hand them over.
    pub(super) ready: VecDeque<Held<Tag<C>>>,
    /// Releases in a row.
    pub(super) releases: u32,
    /// Messages on their way to the dead-letter sink.
    pub(super) rejecting: FuturesUnordered<BoxFuture<'static, Sunk<Tag<C>>>>,
}

pub(super) type Tag<C> = <<C as Connect>::Connection as QueueSource>::Tag;

/// A message with the result of the sink.
pub(super) type Sunk<T> = (Held<T>, Resolver, Result<(), Error>);

/// An action that is due at a given time.
pub(super) enum Later<T> {
    /// Settle it, so that the broker delivers it again. Only the tag is kept.
    Settle(Permit, T, Settlement),
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
    Arrived(Result<Arrived<T>, Error>),
    /// A message or error while stopping.
    Late(Result<Arrived<T>, Error>),
}

impl<C: Connect<Connection: QueueSource>> Task<C> {
    pub(super) fn new(
        reconnect: Reconnect<C>,
        room: Room,
        options: QueueOptions,
        rejected: Rejected,
        can: ReceiverCapabilities,
        out: mpsc::Sender<(u64, Incoming)>,
        current: Arc<AtomicU64>,
    ) -> Self {
        let (sender, asks) = mpsc::unbounded_channel();
        let accepted = Arc::<Accepted>::default();
        let desk =
            Desk { asks: sender, extends: can.extends, acceptor: None, accepted: Arc::clone(&accepted) };
        Self {
            reconnect,
            prefetch: room.prefetch.max(1),
            options,
            rejected,
            can,
            out,
            desk: Arc::new(desk),
            accepted,
            heard: Vec::new(),
            arrivals: Vec::new(),
            asks,
            stopping: false,
            epoch: 0,
            current,
            here: InFlight::new(room.bounds),
            later: BTreeMap::new(),
            number: 0,
            renewals: Renewals::new(),
            ready: VecDeque::new(),
            releases: 0,
            rejecting: FuturesUnordered::new(),
        }
    }

    /// Returns when it was stopped and everything is settled, or when connecting fails permanently.
    pub(super) async fn run(
        mut self,
        mut source: C::Connection,
        mut stopped: oneshot::Receiver<Handover>,
    ) -> Result<(), Error> {
        loop {
            let error = match self.serve(&mut source, &mut stopped).await {
                Ok(()) => return source.close().await,
                Err(error) => error,
            };
            drop(source);
            self.reconnect.lost(&error);
            if self.stopping {
                return Err(error);
            }
            source = match self.connect_again(&mut stopped).await? {
                Some(source) => source,
                // Held deliveries can no longer be settled; their messages are delivered again.
                None if self.here.used().messages > 0 => return Err(error),
                None => return Ok(()),
            };
        }
    }

    /// Where the protocol does not settle, accepting only frees the place of the message.
    fn nothing_to_settle(&self) -> Option<Acceptor<Tag<C>>> {
        (self.can.settles == Settles::Never).then(|| Arc::new(|_: &Tag<C>| true) as Acceptor<Tag<C>>)
    }

    /// Whether a message can be settled after its connection was lost.
    fn tags_outlive(&self) -> bool {
        C::Connection::TAGS_OUTLIVE_CONNECTIONS || self.can.settles == Settles::Never
    }

    /// Reconnects. Meanwhile it resolves settlements and watches for a stop, because neither may wait for a
    /// broker that is down. `None` if it was stopped.
    async fn connect_again(
        &mut self,
        stopped: &mut oneshot::Receiver<Handover>,
    ) -> Result<Option<C::Connection>, Error> {
        let outlive = self.tags_outlive();
        if !outlive {
            // The broker delivers the messages of the lost connection again.
            self.epoch = self.epoch.saturating_add(1);
            self.current.store(self.epoch, Ordering::Release);
            self.later.clear();
            self.renewals.clear();
            self.ready.clear();
        }
        let Self { reconnect, asks, .. } = self;
        let mut opening = pin!(reconnect.open());
        loop {
            tokio::select! {
                biased;
                _ = &mut *stopped => return Ok(None),
                Some(ask) = asks.recv(), if !outlive => {
                    if let Ask::Settle(_, _, resolver) = ask {
                        resolver.resolve(Err(comes_again()));
                    }
                }
                opened = &mut opening => return opened.map(Some),
            }
        }
    }

    async fn serve(
        &mut self,
        source: &mut C::Connection,
        stopped: &mut oneshot::Receiver<Handover>,
    ) -> Result<(), Error> {
        let mut asked = Vec::new();
        let mut timer = pin!(sleep_until(Instant::now()));
        self.desk = Arc::new(Desk {
            asks: self.desk.asks.clone(),
            extends: self.can.extends,
            acceptor: source.acceptor().or_else(|| self.nothing_to_settle()),
            accepted: Arc::clone(&self.accepted),
        });
        loop {
            self.hear_of_accepted();
            let used = self.here.used();
            if self.stopping && used.messages == 0 {
                return Ok(());
            }
            let room = self.room(used.messages, used.bytes);
            if !self.stopping {
                source.allow(room).await?;
            }
            let due = self.next_due();
            if let Some(due) = due.filter(|due| *due != timer.deadline()) {
                timer.as_mut().reset(due);
            }
            // Both are cancel-safe. The place is reserved first, so that there is room for the taken message.
            // Only this task sends, so the place is still there afterwards.
            let stopping = self.stopping;
            let arriving = async {
                if stopping {
                    return source.next().await;
                }
                match self.out.reserve().await {
                    Ok(_) => source.next().await,
                    Err(_) => std::future::pending().await, // the receiver is gone, which `stopped` reports
                }
            };
            let step = tokio::select! {
                biased;
                _ = self.asks.recv_many(&mut asked, TOGETHER) => Step::Asked,
                handover = &mut *stopped, if !self.stopping => Step::Stop(handover.ok()),
                () = &mut timer, if due.is_some() => Step::Due,
                Some(sunk) = self.rejecting.next(), if !self.rejecting.is_empty() => Step::Sunk(sunk),
                Ok(_) = self.out.reserve(), if !self.ready.is_empty() => Step::Ready,
                () = self.here.ready(), if room == 0 && !self.stopping => Step::Freed,
                () = self.here.idle(), if self.stopping => Step::Freed,
                arrived = arriving, if room > 0 || stopping && C::Connection::ARRIVES_LATE => match stopping {
                    false => Step::Arrived(arrived),
                    true => Step::Late(arrived),
                },
            };
            match step {
                Step::Asked => self.asked(&mut asked, source).await?,
                Step::Stop(handover) => {
                    self.stopping = true;
                    source.stop().await?;
                    drop(handover); // with the untaken messages, whose tokens request the release
                    self.hurry(source).await?;
                }
                Step::Due => self.due(source).await?,
                Step::Freed => {}
                Step::Ready => {
                    if let Some(held) = self.ready.pop_front() {
                        self.hand_over([held]);
                    }
                }
                Step::Sunk(sunk) => self.sunk(sunk, source).await?,
                Step::Arrived(arrived) => self.arrived(arrived?, room, source)?,
                Step::Late(arrived) => {
                    drop(source.settle(vec![arrived?.tag], Settlement::Release).await?);
                }
            }
        }
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
        // Messages handed over and not taken count as prefetched, except one: taking that one does not wake
        // this task.
        let ahead = self.out.max_capacity().saturating_sub(self.out.capacity());
        room.min(self.prefetch.saturating_sub(ahead.saturating_sub(1)).max(1))
    }

    /// Hands over the message, together with others that have arrived already.
    fn arrived(
        &mut self,
        first: Arrived<Tag<C>>,
        room: usize,
        source: &mut C::Connection,
    ) -> Result<(), Error> {
        let more = room.min(self.out.capacity()).saturating_sub(1).min(BURST);
        let mut ready = take(&mut self.arrivals);
        ready.push(self.enter(first));
        let mut result = Ok(());
        while ready.len() <= more
            && let Some(arrived) = source.try_next()
        {
            match arrived {
                Ok(arrived) => ready.push(self.enter(arrived)),
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        self.hand_over(ready.drain(..));
        self.arrivals = ready;
        result
    }

    fn enter(&self, Arrived { received, tag, attempt }: Arrived<Tag<C>>) -> Held<Tag<C>> {
        Held {
            place: self.here.take(received.size()),
            epoch: self.epoch,
            tag,
            received,
            attempt,
            renewal: None,
        }
    }

    /// Hands messages over, for which there is room.
    fn hand_over(&mut self, messages: impl IntoIterator<Item = Held<Tag<C>>>) {
        let extends = self.can.extends;
        let now = matches!(extends, Extends::Every(_)).then(Instant::now);
        for mut held in messages {
            if let (Extends::Every(period), Some(now)) = (extends, now) {
                let place = self.renewals.add(held.tag.clone(), now, period, self.options.keep_alive);
                held.renewal = Some(place);
            }
            let (received, attempt, epoch) = (held.received.clone(), held.attempt, held.epoch);
            let ticket = Ticket { held, desk: Arc::clone(&self.desk) };
            // If the receiver is gone, the token requests the release.
            let incoming = Incoming::new(received, Token::new(ticket)).with_attempt(attempt);
            let _ = self.out.try_send((epoch, incoming));
        }
    }

    /// Takes into account what was accepted without this task.
    pub(super) fn hear_of_accepted(&mut self) {
        if self.accepted.take(&mut self.heard) {
            self.releases = 0;
        }
        self.heard.drain(..).for_each(|place| self.renewals.remove(place));
    }

    /// When something is due next.
    fn next_due(&self) -> Option<Instant> {
        let later = self.later.first_key_value().map(|((due, _), _)| *due);
        later.into_iter().chain(self.renewals.next()).min()
    }

    /// Schedules it after this delay, limited to the longest. While stopping, there is no delay.
    pub(super) fn at(&mut self, after: Duration, later: Later<Tag<C>>) {
        let after = if self.stopping { Duration::ZERO } else { after.min(self.options.longest_delay) };
        let now = Instant::now();
        self.number = self.number.wrapping_add(1);
        self.later.insert((now.checked_add(after).unwrap_or(now), self.number), later);
    }
}

#[cold]
pub(super) fn comes_again() -> Error {
    Error::new(ErrorKind::Disconnected).with_detail("the connection was lost; the message comes again")
}
