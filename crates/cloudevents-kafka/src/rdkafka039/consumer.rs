//! The thread of the consumer.

use super::{
    commit::Commits,
    failure::failed,
    fetch::{Fetcher, Step},
    first::Start,
    handover::{Handover, HeldBack},
    position::Position,
    rebalance::Group,
    unknown::look_for_missing,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Partition, binding::log::Epoch};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
};
use std::{
    collections::BTreeMap,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// How long the thread sleeps unless it is woken.
pub(super) const TURN: Duration = Duration::from_millis(100);

/// How long the hand-over may stay full before fetching is paused. Pausing discards the messages that
/// librdkafka has fetched ahead.
const PAUSE_AFTER: Duration = Duration::from_millis(250);

/// How long a member that ends waits for a rebalance.
///
/// Other members may take some ten seconds (`rebalance-wait`) to give up their partitions, and half a minute if they end, too (`drain`).
pub(super) const REBALANCE: Duration = Duration::from_secs(30);

/// How long a broker may take to say whether a group is being rebalanced, and the longest pause between two questions.
///
/// Every broker is queried for all of its groups.
const ASKING: Duration = Duration::from_secs(1);

/// How many events are taken before they are handed over and commits are due.
const EVENTS: usize = 64;

pub(super) struct Consumer {
    pub(super) fetcher: Fetcher,
    pub(super) commit_interval: Duration,
    pub(super) topics: Vec<String>,
    /// Partitions to read instead of the partitions that the group assigns.
    pub(super) partitions: Vec<(Partition, Position)>,
}

/// Whether the client's queue may contain more.
enum More {
    No,
    Perhaps,
}

/// librdkafka has stopped the consumer after a fatal error.
struct Ended;

/// The state that the thread keeps between turns.
#[derive(Default)]
struct Turns {
    full_since: Option<Instant>,
    /// Whether fetching is paused in all partitions, because the receiver takes nothing.
    is_full: bool,
    /// The partitions that librdkafka does not fetch.
    paused: BTreeMap<Partition, Epoch>,
}

impl Consumer {
    /// Connects, subscribes, reports the result, and consumes until the receiver is dropped.
    pub(super) fn run(self, timeout: Duration, connected: oneshot::Sender<Result<(), Error>>) {
        let client = Arc::clone(&self.fetcher.client);
        let handover = Arc::clone(&client.context().handover);
        // Every waiting task gets a result in the end, even when this thread panics.
        let _end = End(Arc::clone(&handover));
        handover.served_by(thread::current());
        let opened = self.open(timeout);
        let failed = opened.is_err();
        if connected.send(opened).is_err() || failed {
            return;
        }
        // Topics that match a pattern may come and go.
        let named = self.topics.iter().filter(|topic| !topic.starts_with('^')).cloned().collect();
        match Commits::start(&client, named, self.partitions, self.commit_interval) {
            Ok(commits) => Polling { fetcher: self.fetcher, client, commits }.run(),
            Err(error) => {
                handover.fail(Error::new(ErrorKind::Transport).with_detail(format!("no thread: {error}")));
            }
        }
    }

    /// A topic to ask about. For a pattern, none is known.
    fn topic(&self) -> Option<&str> {
        self.topics.first().map(String::as_str).filter(|topic| !topic.starts_with('^'))
    }

    fn open(&self, timeout: Duration) -> Result<(), Error> {
        let topic = self.topic();
        let client = &self.fetcher.client;
        let serve = || drop(client.poll(Duration::ZERO));
        client.context().refusals.connected(client.client(), topic, timeout, serve)?;
        look_for_missing(client, &self.topics, &self.partitions, timeout)?;
        if let Some(start) = client.context().start.filter(|start| *start != Start::Beginning) {
            // Partitions that were chosen are each for themselves.
            let is_group = self.partitions.is_empty();
            client.context().opening.look(client, &self.topics, start.is_among() && is_group, timeout)?;
        }
        if !self.partitions.is_empty() || client.context().has_joined() {
            client.context().joined();
        }
        if !self.partitions.is_empty() {
            let mut list = TopicPartitionList::new();
            for (partition, position) in &self.partitions {
                let number = i32::try_from(partition.number()).unwrap_or(i32::MAX);
                let offset = match position {
                    // librdkafka detects it by itself.
                    Position::Committed => Offset::Stored,
                    other => other.resolve(client, partition, timeout)?,
                };
                list.add_partition_offset(partition.topic(), number, offset).map_err(failed)?;
            }
            return client.context().assign_by_hand(client, list).map_err(failed);
        }
        let topics: Vec<_> = self.topics.iter().map(String::as_str).collect();
        client.subscribe(&topics).map_err(failed)
    }
}

/// Closes the consumer, which commits settled messages, and leaves the group.
fn close(client: Arc<BaseConsumer<Group>>) {
    // librdkafka leaves a group when it has given back partitions. A member without any leaves only when it unsubscribes, unless the group
    // is rebalanced eagerly: the others would wait for it until the end of its session.
    if let Some(group) = &client.context().leaves {
        wait_for_rebalance(&client, group);
        if client.assignment().is_ok_and(|partitions| partitions.count() == 0) {
            client.unsubscribe();
        }
    }
    // rdkafka closes a consumer that is dropped, and logs an error if it was closed before. The other thread may be waiting for a broker,
    // and would drop it late.
    let Err(client) = Arc::try_unwrap(client) else { return };
    if let Err(error) = client.close_queue() {
        tracing::warn!(%error, "the Kafka consumer could not be closed");
        return;
    }
    while !client.closed() {
        drop(client.poll(TURN));
    }
}

/// Waits until its group is not being rebalanced. A broker answers a member that joins when all members have joined. It reads nothing else
/// from that connection before, also not that the member leaves. It would wait for that member until the end of its session.
fn wait_for_rebalance(client: &BaseConsumer<Group>, group: &str) {
    let end = Instant::now().checked_add(REBALANCE);
    let is_rebalanced = || {
        // The state comes over another connection.
        let found = client.fetch_group_list(Some(group), ASKING);
        found.is_ok_and(|list| {
            let mut groups = list.groups().iter().filter(|found| found.name() == group);
            groups.any(|found| ["PreparingRebalance", "CompletingRebalance"].contains(&found.state()))
        })
    };
    let mut pause = TURN;
    while is_rebalanced() {
        if end.is_none_or(|end| Instant::now() >= end) {
            return tracing::warn!(
                group,
                "the group is still being rebalanced, and may wait for this member until the end of its session"
            );
        }
        if pause == TURN {
            tracing::info!(group, limit = ?REBALANCE, "the group is being rebalanced; this member leaves when that is over");
        }
        // Events that were read now would be dropped.
        let _ = client.assignment().and_then(|assigned| client.pause(&assigned));
        let next = Instant::now().checked_add(pause);
        while next.is_some_and(|next| Instant::now() < next) {
            drop(client.poll(TURN));
        }
        pause = pause.saturating_mul(2).min(ASKING);
    }
}

/// A subscribed consumer.
struct Polling {
    fetcher: Fetcher,
    client: Arc<BaseConsumer<Group>>,
    commits: Commits,
}

impl Polling {
    /// Runs until the receiver is dropped.
    fn run(mut self) {
        let borrowed = Arc::clone(&self.client);
        let group = borrowed.context();
        let (mut turns, mut held_back) = (Turns::default(), HeldBack::new());
        while !group.handover.is_stopped() {
            self.commits.commit(&self.client);
            let seek = group.handover.take_seek();
            let has_sought = seek.is_some();
            if let Some(seek) = seek {
                seek.run(&self.client);
            }
            let before = std::mem::replace(&mut held_back, group.ledger.held_back());
            if before != held_back {
                group.handover.arrive();
            }
            if self.make_room(&mut turns, &held_back) {
                match self.poll_some(&turns, &held_back) {
                    Ok(More::Perhaps) => continue,
                    Ok(More::No) if has_sought => continue,
                    Ok(More::No) => {}
                    Err(Ended) => break,
                }
            }
            thread::park_timeout(self.commits.turn());
        }
        tracing::debug!("the Kafka consumer ends");
        let Self { fetcher, client, commits } = self;
        drop((fetcher, commits, borrowed));
        close(client);
    }

    /// Pauses and resumes fetching. Returns whether to poll.
    fn make_room(&self, turns: &mut Turns, held_back: &HeldBack) -> bool {
        let handover = &self.client.context().handover;
        let room = handover.room(held_back);
        if turns.is_full {
            turns.is_full = !handover.is_low(held_back);
        } else if room.messages > 0 && room.bytes > 0 {
            turns.full_since = None;
        } else {
            turns.is_full = turns.full_since.get_or_insert_with(Instant::now).elapsed() >= PAUSE_AFTER;
            if !turns.is_full {
                return false;
            }
        }
        let wanted =
            if turns.is_full { self.client.context().books().assigned.all() } else { held_back.clone() };
        self.pause(turns, wanted.into_iter().collect());
        true
    }

    /// Pauses these partitions, and resumes all others.
    fn pause(&self, turns: &mut Turns, wanted: BTreeMap<Partition, Epoch>) {
        // Partitions that went are not paused when they come back.
        let assigned = self.client.context().books().assigned.all();
        turns.paused.retain(|partition, epoch| assigned.contains(&(partition.clone(), *epoch)));
        if wanted == turns.paused {
            return;
        }
        let resumed: Vec<_> =
            turns.paused.keys().filter(|partition| !wanted.contains_key(*partition)).cloned().collect();
        let paused = wanted.iter().filter(|(partition, epoch)| turns.paused.get(partition) != Some(epoch));
        let paused: Vec<_> = paused.map(|(partition, epoch)| (partition.clone(), *epoch)).collect();
        let list = |partitions: &mut dyn Iterator<Item = &Partition>| {
            let mut list = TopicPartitionList::new();
            for partition in partitions {
                list.add_partition(partition.topic(), i32::try_from(partition.number()).unwrap_or(i32::MAX));
            }
            list
        };
        let done = self
            .client
            .resume(&list(&mut resumed.iter()))
            .and_then(|()| self.client.pause(&list(&mut paused.iter().map(|(partition, _)| partition))));
        match done {
            Ok(()) => {
                tracing::debug!(
                    paused = paused.len(),
                    resumed = resumed.len(),
                    "fetching is paused and resumed"
                );
                resumed.iter().for_each(|partition| _ = turns.paused.remove(partition));
                turns.paused.extend(paused);
            }
            Err(error) => tracing::warn!(%error, "fetching could not be paused or resumed"),
        }
    }

    /// Takes messages from the client's queue and hands them over, up to the bounds, but not without end.
    ///
    /// While all partitions are paused, it takes messages that still come.
    fn poll_some(&self, turns: &Turns, held_back: &HeldBack) -> Result<More, Ended> {
        let handover = &self.client.context().handover;
        let room = handover.room(held_back);
        let (mut messages, mut bytes) = (0_usize, 0_usize);
        let mut more = Ok(More::Perhaps);
        for _ in 0..EVENTS {
            match self.fetcher.next() {
                Step::Message(fetched) => {
                    messages = messages.saturating_add(1);
                    bytes = bytes.saturating_add(fetched.size);
                    handover.add(fetched);
                }
                Step::Other => {}
                Step::Error(error) => handover.fail(error),
                Step::Over(error) => {
                    // Before the program has the error. librdkafka does not say that the partitions are another member's now.
                    self.client.context().lost_all();
                    self.client.context().state.ended(&error);
                    handover.fail(error);
                    more = Err(Ended);
                    break;
                }
                Step::Nothing => {
                    more = Ok(More::No);
                    break;
                }
            }
            if !turns.is_full && (messages >= room.messages || bytes >= room.bytes) {
                break;
            }
        }
        if messages > 0 {
            handover.arrive();
        }
        more
    }
}

struct End(Arc<Handover>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end();
    }
}
