//! Handling deliveries concurrently, in order where order is asked for.

use crate::{Counters, Delivery, Partition, Receiver};
use cloudevents_core::{Error, ErrorKind};
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
    fmt,
    future::poll_fn,
    pin::pin,
    task::Poll,
};
use tracing::Instrument;

/// What [`Receiver::for_each`] keeps in order.
///
/// ```
/// use cloudevents_transport::OrderBy;
///
/// let by_order_number = OrderBy::attribute("partitionkey");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrderBy {
    /// Nothing: every delivery is handled as soon as there is room.
    #[default]
    None,
    /// The deliveries of a partition are handled one after the other. Where the protocol has no partitions, so are all.
    Partition,
    /// The deliveries whose attribute of this name has the same value are handled one after the other. A message without the
    /// attribute, and one that cannot be read, is in order with nothing; a batch, whose events have many values, is handled alone:
    /// after everything that came before it, and before everything that comes after.
    Attribute(Cow<'static, str>),
}

impl OrderBy {
    /// By the attribute of this name.
    pub fn attribute(name: impl Into<Cow<'static, str>>) -> Self {
        Self::Attribute(name.into())
    }
}

/// What a handler may end with: nothing, or a `Result` whose error is counted and logged.
///
/// A handler settles its delivery itself, so an error is about something else; often it is that of a settlement.
pub trait Handled {
    /// What went wrong.
    fn failure(&self) -> Option<&dyn fmt::Display>;
}

impl Handled for () {
    fn failure(&self) -> Option<&dyn fmt::Display> {
        None
    }
}

impl<E: fmt::Display> Handled for Result<(), E> {
    fn failure(&self) -> Option<&dyn fmt::Display> {
        self.as_ref().err().map(|error| error as _)
    }
}

impl Receiver {
    /// Handles deliveries concurrently until there are no more, or until the receiver is [stopped](Receiver::stopper); answers when
    /// the last handler has ended.
    ///
    /// The handler takes the delivery and settles it; a delivery it drops is released. At most `limit` deliveries (and at least
    /// one) are held at once, those that wait for their turn included. Handlers run in the task of the caller, concurrently but
    /// on one thread at a time: one that computes for long belongs on a task of its own, which it awaits.
    ///
    /// Order is that of delivery. A message that comes again, after a retry or a release, comes after those that came in between.
    ///
    /// An error of the connection stops the taking; it is given back when the running handlers have ended. Calling again goes
    /// on. Dropping the future drops the handlers, which releases what they have not settled.
    ///
    /// ```
    /// # #[cfg(feature = "fake")] fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// # use cloudevents_core::{Decoding, Error, Event};
    /// # use cloudevents_transport::fake::FakeQueue;
    /// # let queue = FakeQueue::new();
    /// # queue.sender().send(&Event::builder().id("1").source("/s").ty("t").build()?).await?;
    /// # let mut deliveries = queue.receiver(Decoding::strict());
    /// # let stop = deliveries.stopper();
    /// use cloudevents_transport::{Delivery, OrderBy};
    ///
    /// let handle = async |delivery: Delivery| {
    ///     println!("{}", delivery.event()?.id());
    /// #   stop.stop();
    ///     delivery.accept().await
    /// };
    /// deliveries.for_each(64, OrderBy::attribute("partitionkey"), handle).await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }) }
    /// # #[cfg(not(feature = "fake"))] fn main() {}
    /// ```
    pub async fn for_each<F, Fut>(
        &mut self,
        limit: usize,
        order_by: OrderBy,
        mut handler: F,
    ) -> Result<(), Error>
    where
        F: FnMut(Delivery) -> Fut,
        Fut: Future<Output: Handled>,
    {
        let limit = limit.max(1);
        let counters = self.counters();
        let mut turns = Turns::new(order_by);
        let mut running = FuturesUnordered::new();
        let mut ended = None;
        loop {
            while let Some((delivery, lane)) = turns.start() {
                let span = tracing::debug_span!(
                    "delivery",
                    attempt = delivery.attempt(),
                    position = delivery.position()
                );
                let handled = handler(delivery).instrument(span);
                running.push(handled.map(|handled| {
                    note(&handled, &counters);
                    lane
                }));
            }
            let take = ended.is_none() && turns.takes() && turns.held() < limit;
            if !take && running.is_empty() {
                return ended.unwrap_or(Ok(()));
            }
            let mut next = pin!(self.next());
            let step = poll_fn(|context| {
                if let Poll::Ready(Some(lane)) = running.poll_next_unpin(context) {
                    return Poll::Ready(Step::Handled(lane));
                }
                if take { next.as_mut().poll(context).map(Step::Next) } else { Poll::Pending }
            })
            .await;
            match step {
                Step::Handled(lane) => turns.end(lane),
                Step::Next(Ok(Some(delivery))) => turns.add(delivery),
                Step::Next(Ok(None)) => ended = Some(Ok(())),
                Step::Next(Err(error)) => ended = Some(Err(error)),
            }
        }
    }
}

fn note(handled: &impl Handled, counters: &Counters) {
    if let Some(error) = handled.failure() {
        counters.handler_failed(error);
    }
}

/// What happened first.
#[expect(clippy::large_enum_variant, reason = "it lives from one line to the next")]
enum Step {
    Handled(Option<Lane>),
    Next(Result<Option<Delivery>, Error>),
}

/// What is handled one after the other.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Lane {
    Partition(Option<Partition>),
    Value(String),
}

/// Whose turn it is.
struct Turns {
    order_by: OrderBy,
    /// Lanes with a handler, and what waits behind it.
    busy: HashMap<Lane, VecDeque<Delivery>>,
    ready: VecDeque<(Delivery, Option<Lane>)>,
    /// A batch that waits for everything else to end.
    alone: Option<Delivery>,
    /// Whether the one that runs must run alone.
    closed: bool,
    running: usize,
    waiting: usize,
}

impl Turns {
    fn new(order_by: OrderBy) -> Self {
        Self {
            order_by,
            busy: HashMap::new(),
            ready: VecDeque::new(),
            alone: None,
            closed: false,
            running: 0,
            waiting: 0,
        }
    }

    /// Whether another delivery may be taken.
    fn takes(&self) -> bool {
        self.alone.is_none() && !self.closed
    }

    /// How many are held, running or waiting.
    fn held(&self) -> usize {
        self.running.saturating_add(self.waiting)
    }

    fn add(&mut self, delivery: Delivery) {
        self.waiting = self.waiting.saturating_add(1);
        let lane = match &self.order_by {
            OrderBy::None => None,
            OrderBy::Partition => Some(Lane::Partition(delivery.partition().cloned())),
            OrderBy::Attribute(name) => match delivery.attribute(name) {
                Ok(value) => value.map(Lane::Value),
                Err(error) if error.kind() == ErrorKind::Batched => {
                    self.alone = Some(delivery);
                    return;
                }
                Err(error) => {
                    tracing::debug!(%error, attribute = %name, "the order of a message cannot be told");
                    None
                }
            },
        };
        match lane {
            Some(lane) => match self.busy.get_mut(&lane) {
                Some(behind) => behind.push_back(delivery),
                None => {
                    self.busy.insert(lane.clone(), VecDeque::new());
                    self.ready.push_back((delivery, Some(lane)));
                }
            },
            None => self.ready.push_back((delivery, None)),
        }
    }

    /// The next one to be handled now.
    fn start(&mut self) -> Option<(Delivery, Option<Lane>)> {
        let next = match self.ready.pop_front() {
            Some(next) => next,
            None if self.held() == 1 => {
                let delivery = self.alone.take()?;
                self.closed = true;
                (delivery, None)
            }
            None => return None,
        };
        self.waiting = self.waiting.saturating_sub(1);
        self.running = self.running.saturating_add(1);
        Some(next)
    }

    /// A handler has ended.
    fn end(&mut self, lane: Option<Lane>) {
        self.running = self.running.saturating_sub(1);
        self.closed = false;
        let Some(lane) = lane else { return };
        match self.busy.get_mut(&lane).and_then(VecDeque::pop_front) {
            Some(next) => self.ready.push_back((next, Some(lane))),
            None => {
                self.busy.remove(&lane);
            }
        }
    }
}
