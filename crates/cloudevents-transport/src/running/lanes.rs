//! Which message is handled next: the states of lanes.

use super::OrderBy;
use crate::{By, Delivery, Partition, ReceiverCapabilities, Settles, panics::caught};
use cloudevents_core::ErrorKind;
use std::collections::{BTreeMap, HashMap, VecDeque};
use tokio::time::Instant;

/// Messages that are handled one after the other. Without an order, each message has its own lane.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    /// That of one message.
    Own,
    /// Everything: a batch whose events belong to several lanes.
    Alone,
    Partition(Option<Partition>),
    Key(Box<[u8]>),
    Value(String),
    /// That of messages without a key, by the partition and the topic that they came from.
    Source(Option<Partition>, Option<Box<str>>),
}

/// The lanes that a source itself has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A queue or a file: its messages are in one order, also messages of several topics.
    Queue,
    /// Partitions and topics.
    Places,
    /// Requests, each of which waits for its own answer.
    Requests,
}

impl Source {
    pub(super) fn of(capabilities: ReceiverCapabilities) -> Self {
        match (capabilities.redelivers, capabilities.settles) {
            (By::Peer, _) => Self::Requests,
            (_, Settles::Each) => Self::Queue,
            _ => Self::Places,
        }
    }

    fn lane(self, delivery: &Delivery) -> Lane {
        match self {
            Self::Queue => Lane::Source(None, None),
            Self::Places => {
                let partition = delivery.partition().cloned();
                // A session of MQTT has one partition for all that its filter selects.
                let is_other = |topic: &&str| partition.as_ref().is_none_or(|known| known.topic() != *topic);
                let topic = delivery.topic().filter(is_other).map(Into::into);
                Lane::Source(partition, topic)
            }
            Self::Requests => Lane::Own,
        }
    }
}

/// A message that the engine holds, and its attempts.
pub(super) struct Task {
    pub(super) delivery: Delivery,
    pub(super) lane: Lane,
    pub(super) attempts: super::giving_up::Attempts,
}

/// The lanes. A lane is in one of three states:
///
/// - *ready*: its first message is to be handled;
/// - *running*: a handler has it ([`next`](Self::next) was called, and neither [`end`](Self::end) nor [`wait`](Self::wait));
/// - *waiting*: it failed, and waits for its next attempt.
///
/// Other messages of the lane are behind the first one.
pub(super) struct Lanes {
    order: OrderBy,
    source: Source,
    ready: VecDeque<Task>,
    waiting: BTreeMap<(Instant, u64), Task>,
    /// Messages behind the first ones, by lane. A lane with an order is here while it has a first message.
    behind: HashMap<Lane, VecDeque<Task>>,
    /// A batch that waits for everything else to end, and whether it runs.
    alone: Option<Task>,
    is_alone: bool,
    /// Lanes that run or wait.
    open: usize,
    sequence: u64,
}

impl Lanes {
    pub(super) fn new(order: OrderBy, source: Source) -> Self {
        Self {
            order,
            source,
            ready: VecDeque::new(),
            waiting: BTreeMap::new(),
            behind: HashMap::new(),
            alone: None,
            is_alone: false,
            open: 0,
            sequence: 0,
        }
    }

    /// Whether another message could be handled as soon as a handler is free.
    pub(super) fn takes_more(&self) -> bool {
        self.alone.is_none() && !self.is_alone
    }

    /// The number of messages that are ready.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// The number of messages that no handler has.
    pub(super) fn len(&self) -> usize {
        let first =
            self.ready.len().saturating_add(self.waiting.len()).saturating_add(self.alone.iter().len());
        self.behind.values().map(VecDeque::len).fold(first, usize::saturating_add)
    }

    /// The number of lanes that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.open == 0 && self.alone.is_none()
    }

    pub(super) fn add(&mut self, delivery: Delivery, attempts: super::giving_up::Attempts) {
        let lane = lane(&self.order, self.source, &delivery);
        let task = Task { delivery, lane, attempts };
        match &task.lane {
            Lane::Own => self.ready.push_back(task),
            Lane::Alone => self.alone = Some(task),
            lane => match self.behind.get_mut(lane) {
                Some(behind) => behind.push_back(task),
                None => {
                    self.behind.insert(lane.clone(), VecDeque::new());
                    self.ready.push_back(task);
                }
            },
        }
    }

    /// Takes the next message to handle: its lane runs. With `untried`, one that has not failed comes first, if there is one.
    pub(super) fn next(&mut self, now: Instant, untried: bool) -> Option<Task> {
        self.wake(now);
        let place = if untried { self.untried().unwrap_or_default() } else { 0 };
        let next = match self.ready.remove(place) {
            Some(next) => next,
            None if self.open == 0 => {
                self.is_alone = self.alone.is_some();
                self.alone.take()?
            }
            None => return None,
        };
        self.open = self.open.saturating_add(1);
        Some(next)
    }

    /// Where a message is ready that has not failed.
    pub(super) fn untried(&self) -> Option<usize> {
        self.ready.iter().position(|task| task.attempts.failed == 0)
    }

    /// Lanes whose time has come are ready, in turn with the others.
    fn wake(&mut self, now: Instant) {
        while let Some(first) = self.waiting.first_entry().filter(|first| first.key().0 <= now) {
            self.ready.push_back(first.remove());
            self.open = self.open.saturating_sub(1);
        }
    }

    /// The message of a running lane failed, and is tried again at this time.
    pub(super) fn wait(&mut self, task: Task, until: Instant) {
        self.sequence = self.sequence.wrapping_add(1);
        self.waiting.insert((until, self.sequence), task);
    }

    /// The message of a running lane is settled: the next one of the lane is ready.
    pub(super) fn end(&mut self, lane: Lane) {
        self.open = self.open.saturating_sub(1);
        match lane {
            Lane::Own => {}
            Lane::Alone => self.is_alone = false,
            lane => match self.behind.get_mut(&lane).and_then(VecDeque::pop_front) {
                Some(next) => self.ready.push_back(next),
                None => _ = self.behind.remove(&lane),
            },
        }
    }

    /// The message of a running lane goes back, and so do the messages behind it, which must not overtake it.
    pub(super) fn abandon(&mut self, lane: Lane) {
        if let Some(behind) = self.behind.get_mut(&lane) {
            behind.clear();
        }
        self.end(lane);
    }

    /// Takes messages behind the first one of a lane, by a rule.
    pub(super) fn take_behind(&mut self, lane: &Lane, mut goes: impl FnMut(&Task) -> bool) -> Vec<Task> {
        let Some(behind) = self.behind.get_mut(lane) else { return Vec::new() };
        let (gone, kept): (Vec<_>, Vec<_>) = std::mem::take(behind).into_iter().partition(|task| goes(task));
        *behind = kept.into();
        gone
    }

    /// When the first waiting lane is ready.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|((due, _), _)| *due)
    }

    /// Messages that wait for an attempt at this time or later.
    pub(super) fn due_from(&self, time: Instant) -> impl Iterator<Item = &Delivery> {
        self.waiting.range((time, 0)..).map(|(_, task)| &task.delivery)
    }

    /// Drops messages that no handler has, by a rule, which releases them. Their lanes go on. The rule gets the message, and when its lane
    /// is ready again if it waits.
    pub(super) fn drop_if(&mut self, mut goes: impl FnMut(&Task, Option<Instant>) -> bool) {
        let waiting: HashMap<_, _> =
            self.waiting.iter().map(|((due, _), task)| (task.lane.clone(), *due)).collect();
        for (lane, behind) in &mut self.behind {
            let due = waiting.get(lane).copied();
            behind.retain(|task| !goes(task, due));
        }
        let ready = std::mem::take(&mut self.ready);
        let (gone, stays): (Vec<_>, Vec<_>) = ready.into_iter().partition(|task| goes(task, None));
        self.ready = stays.into();
        let (left, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|((due, _), task)| goes(task, Some(*due)));
        self.waiting = waiting.into_iter().collect();
        for task in gone {
            self.open = self.open.saturating_add(1);
            self.end(task.lane);
        }
        for (_, task) in left {
            self.end(task.lane);
        }
        if self.alone.as_ref().is_some_and(|task| goes(task, None)) {
            self.alone = None;
        }
    }

    /// Drops all messages of lanes that wait.
    pub(super) fn drop_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        self.open = self.open.saturating_sub(waiting.len());
        for task in waiting.into_values() {
            self.behind.remove(&task.lane); // none of them may overtake it
        }
    }

    /// Drops messages that no handler has, except messages that have to be kept. Nothing overtakes a dropped message.
    pub(super) fn keep(&mut self, mut keeps: impl FnMut(&Task) -> bool) {
        let (kept, ready): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.ready).into_iter().partition(&mut keeps);
        self.ready = kept.into();
        let (kept, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|(_, task)| keeps(task));
        self.waiting = kept.into_iter().collect();
        self.open = self.open.saturating_sub(waiting.len());
        for task in ready.into_iter().chain(waiting.into_iter().map(|(_, task)| task)) {
            self.behind.remove(&task.lane);
        }
        for behind in self.behind.values_mut() {
            let kept = behind.iter().take_while(|task| keeps(task)).count();
            behind.truncate(kept);
        }
        self.alone = self.alone.take().filter(keeps);
    }
}

fn lane(order: &OrderBy, source: Source, delivery: &Delivery) -> Lane {
    match order {
        OrderBy::None => Lane::Own,
        OrderBy::Partition => Lane::Partition(delivery.partition().cloned()),
        OrderBy::Topic => Lane::Value(delivery.topic().unwrap_or_default().to_owned()),
        OrderBy::Key => match delivery.key() {
            Some(key) => Lane::Key(key.into()),
            None => match by_attribute(delivery, "partitionkey") {
                Lane::Own => source.lane(delivery),
                lane => lane,
            },
        },
        OrderBy::Attribute(name) => by_attribute(delivery, name),
    }
}

fn by_attribute(delivery: &Delivery, name: &str) -> Lane {
    // A format may be the program's.
    match caught(|| delivery.attribute(name)).unwrap_or(Ok(None)) {
        Ok(value) => value.map_or(Lane::Own, Lane::Value),
        // A message that only claims to be a batch cannot be decoded.
        Err(error) if error.kind() == ErrorKind::Batched && delivery.message().is_ok() => Lane::Alone,
        Err(error) => {
            tracing::debug!(%error, attribute = %name, "the message has no place in the order");
            Lane::Own
        }
    }
}
