//! Which deliveries are handled one after the other.

use crate::{Delivery, Partition};
use cloudevents_core::ErrorKind;
use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
};

/// The order that [`Receiver::run`](crate::Receiver::run) and
/// [`Receiver::for_each`](crate::Receiver::for_each) keep while they handle deliveries concurrently.
///
/// Deliveries that must be in order form a lane, and are handled one after the other.
///
/// ```
/// use cloudevents_transport::OrderBy;
///
/// let by_order_number = OrderBy::attribute("partitionkey");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrderBy {
    /// No order: every delivery is handled as soon as there is room.
    #[default]
    None,
    /// A lane for each partition. Where the protocol has no partitions, all deliveries form one lane.
    Partition,
    /// A lane for each topic, subject, queue or path. Deliveries without one form a separate lane.
    Topic,
    /// A lane for each key of a record; where a message has none, for each value of the attribute
    /// `partitionkey`. A message with neither has no order. A batch without a key is handled alone, as with an
    /// attribute.
    Key,
    /// A lane for each value of the attribute of this name. A message without the attribute, or that cannot
    /// be decoded, has no order. A batch, whose events have several values, is handled alone: after
    /// everything received before it, and before everything received after it.
    Attribute(Cow<'static, str>),
}

impl OrderBy {
    /// Orders by the attribute with this name.
    pub fn attribute(name: impl Into<Cow<'static, str>>) -> Self {
        Self::Attribute(name.into())
    }

    fn lane(&self, delivery: &Delivery) -> Lane {
        match self {
            Self::None => Lane::None,
            Self::Partition => Lane::Partition(delivery.partition().cloned()),
            Self::Topic => Lane::Value(delivery.topic().unwrap_or_default().to_owned()),
            Self::Key => match delivery.key() {
                Some(key) => Lane::Key(key.into()),
                None => by_attribute(delivery, "partitionkey"),
            },
            Self::Attribute(name) => by_attribute(delivery, name),
        }
    }
}

fn by_attribute(delivery: &Delivery, name: &str) -> Lane {
    match delivery.attribute(name) {
        Ok(value) => value.map_or(Lane::None, Lane::Value),
        Err(error) if error.kind() == ErrorKind::Batched => Lane::Alone,
        Err(error) => {
            tracing::debug!(%error, attribute = %name, "the message has no place in the order");
            Lane::None
        }
    }
}

/// The lane of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// Nothing.
    None,
    /// Everything.
    Alone,
    Partition(Option<Partition>),
    Key(Box<[u8]>),
    Value(String),
}

/// The number of deliveries that may wait, for their lane or for another attempt, per handler that may run.
pub(crate) const BEHIND: usize = 16;

/// Decides which delivery is handled next.
///
/// Running and waiting deliveries are counted separately. Otherwise deliveries that wait in one slow lane
/// would take the places of handlers that could run.
pub(crate) struct Lanes {
    order: OrderBy,
    /// Lanes with a running delivery, and the deliveries that wait behind it.
    busy: HashMap<Lane, VecDeque<Delivery>>,
    ready: VecDeque<(Delivery, Lane)>,
    /// A batch that waits for everything else to end.
    alone: Option<Delivery>,
    /// Whether the running delivery must be handled alone.
    closed: bool,
    /// Running deliveries.
    started: usize,
    /// Deliveries that wait behind others of their lane.
    behind: usize,
}

impl Lanes {
    pub(crate) fn new(order: OrderBy) -> Self {
        Self {
            order,
            busy: HashMap::new(),
            ready: VecDeque::new(),
            alone: None,
            closed: false,
            started: 0,
            behind: 0,
        }
    }

    /// Whether any order is kept.
    pub(crate) fn is_ordered(&self) -> bool {
        self.order != OrderBy::None
    }

    /// Whether another delivery may be received while `running` handlers run.
    pub(crate) fn has_room(&self, running: usize, limit: usize) -> bool {
        self.alone.is_none()
            && !self.closed
            && running.saturating_add(self.ready.len()) < limit
            && self.behind < limit.saturating_mul(BEHIND)
    }

    pub(crate) fn add(&mut self, delivery: Delivery) {
        match self.order.lane(&delivery) {
            Lane::None => self.ready.push_back((delivery, Lane::None)),
            Lane::Alone => self.alone = Some(delivery),
            lane => match self.busy.get_mut(&lane) {
                Some(behind) => {
                    behind.push_back(delivery);
                    self.behind = self.behind.saturating_add(1);
                }
                None => {
                    self.busy.insert(lane.clone(), VecDeque::new());
                    self.ready.push_back((delivery, lane));
                }
            },
        }
    }

    /// Returns the next delivery to handle now.
    pub(crate) fn start(&mut self) -> Option<(Delivery, Lane)> {
        let next = match self.ready.pop_front() {
            Some(next) => next,
            None if self.started == 0 => {
                let delivery = self.alone.take()?;
                self.closed = true;
                (delivery, Lane::Alone)
            }
            None => return None,
        };
        self.started = self.started.saturating_add(1);
        Some(next)
    }

    /// Ends a running delivery of this lane.
    pub(crate) fn end(&mut self, lane: Lane) {
        self.started = self.started.saturating_sub(1);
        match lane {
            Lane::None => {}
            Lane::Alone => self.closed = false,
            lane => match self.busy.get_mut(&lane).and_then(VecDeque::pop_front) {
                Some(next) => {
                    self.behind = self.behind.saturating_sub(1);
                    self.ready.push_back((next, lane));
                }
                None => _ = self.busy.remove(&lane),
            },
        }
    }

    /// Releases all deliveries that are not running.
    pub(crate) fn clear(&mut self) {
        self.ready.clear();
        self.alone = None;
        self.busy.values_mut().for_each(VecDeque::clear);
        self.behind = 0;
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.behind == 0 && self.alone.is_none()
    }
}
