//! A partitioned log in memory.

use super::{Stored, lock};
use crate::{
    Carries, Confirmed, Content, Orders, Outcome, Outgoing, Partition, Receipt, Received, Receiver,
    ReceiverOptions, Sender, SenderCapabilities,
    binding::{
        Transmit,
        log::{DeadLetter, DeadLetterSink, Ledger, LogOptions, LogReceiver, LogSource, Record},
    },
};
use cloudevents_core::{Error, ErrorKind, Message};
use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex},
};
use tokio::sync::Notify;

/// A partitioned log in memory. Clones share the log.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// use cloudevents_core::{DecodeOptions, Event};
/// use cloudevents_transport::{fake::FakeLog, binding::log::LogOptions};
/// use std::time::Duration;
///
/// let log = FakeLog::new(1);
/// for id in ["1", "2"] {
///     log.sender().send(&Event::builder().id(id).source("/s").ty("t").build()?).await?;
/// }
/// let (mut receiver, _) = log.receiver(DecodeOptions::strict(), LogOptions::default().dropping_rejected())?;
/// let (first, second) = (receiver.next().await?.unwrap(), receiver.next().await?.unwrap());
/// second.accept().await?; // recorded
/// first.accept().await?;
/// receiver.drain(Duration::from_secs(1)).await?;
/// assert_eq!(log.committed(0), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }) }
/// ```
#[derive(Clone, Debug)]
pub struct FakeLog(Arc<Broker>);

#[derive(Debug)]
struct Broker {
    topic: Arc<str>,
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct State {
    partitions: Vec<Vec<Stored>>,
    committed: BTreeMap<u32, u64>,
    letters: Vec<DeadLetter>,
    sink_declines: bool,
    turn: u32,
}

impl FakeLog {
    /// Creates an empty log with this many partitions, at least one.
    pub fn new(partitions: u32) -> Self {
        let partitions = (0..partitions.max(1)).map(|_| Vec::new()).collect();
        let state = Mutex::new(State { partitions, ..State::default() });
        Self(Arc::new(Broker { topic: "fake".into(), state, arrived: Notify::new() }))
    }

    /// Creates a sender.
    ///
    /// Messages with a key, and events with a `partitionkey`, go to the partition of that key. The others go to each partition in turn.
    pub fn sender(&self) -> Sender {
        Sender::new(Producer(self.clone()))
    }

    /// Creates a receiver of all partitions, each from its committed offset, and the handle that rebalances it.
    ///
    /// Errors are those of [`Ledger::new`].
    pub fn receiver(
        &self,
        options: impl Into<ReceiverOptions>,
        log_options: LogOptions,
    ) -> Result<(Receiver, FakeConsumer), Error> {
        let ledger = Ledger::new(log_options)?;
        let consumer = FakeConsumer { log: self.clone(), ledger: ledger.clone() };
        for number in self.numbers() {
            consumer.assign(number);
        }
        let source = Consumer { log: self.clone(), ledger: ledger.clone() };
        Ok((Receiver::new(LogReceiver::new(ledger, source), options), consumer))
    }

    /// A dead-letter sink that stores messages in [`dead_letters`](Self::dead_letters).
    pub fn sink(&self) -> impl DeadLetterSink + use<> {
        Letters(self.clone())
    }

    /// Appends a record that is not a message. The receiver gets an error of this kind.
    pub fn append_garbage(&self, partition: u32, kind: ErrorKind, body: &[u8]) {
        self.append(partition, Stored::garbage(kind, body));
    }

    /// The committed offset of a partition: everything before it is done.
    ///
    /// A receiver of this log commits when it is drained, or loses the partition, and not while it runs: a test that waits for an offset
    /// stops the receiver first.
    pub fn committed(&self, partition: u32) -> u64 {
        lock(&self.0.state).committed.get(&partition).copied().unwrap_or_default()
    }

    /// The number of messages in a partition.
    pub fn len(&self, partition: u32) -> usize {
        lock(&self.0.state).partitions.get(partition as usize).map_or(0, Vec::len)
    }

    /// Whether no partition has a message.
    pub fn is_empty(&self) -> bool {
        lock(&self.0.state).partitions.iter().all(Vec::is_empty)
    }

    /// The messages that [`sink`](Self::sink) took.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        lock(&self.0.state).letters.clone()
    }

    /// Makes [`sink`](Self::sink) decline messages (`true`) or take them (`false`).
    pub fn sink_declines(&self, declines: bool) {
        lock(&self.0.state).sink_declines = declines;
    }

    fn numbers(&self) -> Vec<u32> {
        (0..).take(lock(&self.0.state).partitions.len()).collect()
    }

    fn append(&self, partition: u32, stored: Stored) -> u64 {
        let mut offset = 0;
        if let Some(messages) = lock(&self.0.state).partitions.get_mut(partition as usize) {
            offset = messages.len() as u64;
            messages.push(stored);
        }
        self.0.arrived.notify_waiters();
        offset
    }

    fn partition_of(&self, outgoing: &Outgoing) -> u32 {
        let key = match (outgoing.record_key(), outgoing.content()) {
            (Some(key), _) => Some(key.to_vec()),
            (None, Content::Message(Message::Binary(event))) => {
                event.attribute("partitionkey").map(|key| key.to_string().into_bytes())
            }
            _ => None,
        };
        let mut state = lock(&self.0.state);
        let among = u32::try_from(state.partitions.len()).unwrap_or(u32::MAX).max(1);
        let number = match key {
            Some(key) => {
                let mut hasher = DefaultHasher::new();
                key.hash(&mut hasher);
                u32::try_from(hasher.finish() >> 32).unwrap_or_default()
            }
            None => {
                state.turn = state.turn.wrapping_add(1);
                state.turn.wrapping_sub(1)
            }
        };
        number.checked_rem(among).unwrap_or_default()
    }
}

struct Producer(FakeLog);

impl Transmit for Producer {
    fn capabilities(&self) -> SenderCapabilities {
        let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted)
            .carrying(Carries::KEY.and(Carries::HEADERS).and(Carries::DESTINATION))
            .carrying(Carries::REPLY_TO.and(Carries::CORRELATION));
        (capabilities.orders, capabilities.receipts, capabilities.batches) = (Orders::Partition, true, true);
        capabilities
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        let partition = self.0.partition_of(&outgoing);
        let offset = self.0.append(partition, Stored::outgoing(&outgoing)?);
        let receipt = Receipt::new().with_place(Arc::clone(&self.0.0.topic)).with_partition(partition);
        Ok(Outcome::ready(Ok(receipt.with_offset(offset))))
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

struct Letters(FakeLog);

impl DeadLetterSink for Letters {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        // A broker never answers at once.
        tokio::task::yield_now().await;
        let mut state = lock(&self.0.0.state);
        if state.sink_declines {
            return Err(Error::new(ErrorKind::Refused));
        }
        state.letters.push(letter);
        Ok(())
    }
}

/// Rebalances the receiver that it was created with.
#[derive(Clone, Debug)]
pub struct FakeConsumer {
    log: FakeLog,
    ledger: Ledger,
}

impl FakeConsumer {
    /// Assigns a partition to the receiver, from its committed offset.
    pub fn assign(&self, partition: u32) {
        let offset = self.log.committed(partition);
        self.ledger.assign(Partition::new(Arc::clone(&self.log.0.topic), partition), offset);
    }

    /// Commits the settled messages of a partition, and then revokes it.
    pub fn revoke(&self, partition: u32) {
        if let Some(offset) = self.ledger.revoke(&Partition::new(Arc::clone(&self.log.0.topic), partition)) {
            lock(&self.log.0.state).committed.insert(partition, offset);
        }
    }

    /// The ledger of the receiver.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

struct Consumer {
    log: FakeLog,
    ledger: Ledger,
}

impl Consumer {
    /// Returns the first message that the ledger has not taken. The ledger keeps the position, so dropping a
    /// future loses nothing.
    fn read(&self) -> Option<Record> {
        let held_back = self.ledger.held_back();
        let state = lock(&self.log.0.state);
        for (number, messages) in (0_u32..).zip(&state.partitions) {
            let partition = Partition::new(Arc::clone(&self.log.0.topic), number);
            if held_back.iter().any(|(held_back, _)| *held_back == partition) {
                continue;
            }
            let Some(offset) = self.ledger.position(&partition) else { continue };
            let Some(stored) = usize::try_from(offset).ok().and_then(|at| messages.get(at)) else { continue };
            let mut raw = stored.raw.clone();
            raw.topic.get_or_insert_with(|| Arc::clone(&self.log.0.topic));
            raw.partition = Some(partition.clone());
            raw.offset = Some(offset);
            return Some(Record::new(partition, offset, Received::new(stored.message.clone(), raw)));
        }
        None
    }
}

impl LogSource for Consumer {
    async fn next(&mut self) -> Result<Record, Error> {
        let log = self.log.clone();
        loop {
            let arrived = log.0.arrived.notified();
            if let Some(record) = self.read() {
                return Ok(record);
            }
            arrived.await;
        }
    }

    fn holds_back(&self) -> bool {
        true
    }

    async fn commit(&mut self) -> Result<(), Error> {
        tokio::task::yield_now().await;
        let marks = self.ledger.marks();
        lock(&self.log.0.state)
            .committed
            .extend(marks.into_iter().map(|mark| (mark.partition.number(), mark.offset)));
        Ok(())
    }

    /// As clients do that leave their group.
    async fn leave(&mut self) {
        let partitions = lock(&self.log.0.state).partitions.len();
        for number in (0_u32..).take(partitions) {
            self.ledger.revoke(&Partition::new(Arc::clone(&self.log.0.topic), number));
        }
    }
}
