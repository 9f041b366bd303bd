//! A queue, as requests.
//!
//! A message that was read is hidden from others for the time of the lock. It is given back by a lock that ends at once, or after the delay
//! of a retry. pgmq counts every time that a message is read, also when it was released.
//!
//! A read whose answer is lost would hide its messages, and later ones would come before them. So it is a transaction that ends when the
//! messages are here. The next connection reads nothing before the server has undone the transaction of the last one.

use super::{
    acknowledge::{How, Settles, Tag},
    connection::Wire,
    message::{enqueued, read, received},
    options::Target,
};
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_transport::{
    By, Extends, Host, Orders, Received, ReceiverCapabilities, Settlement,
    binding::{
        batches::{Batches, Limits},
        connect::Connect,
        later,
        queue::{
            Arrived,
            polled::{Most, Polled, Requests},
        },
        whole_seconds,
    },
};
use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};
use tokio_postgres::types::Type;

/// How many messages a statement has at most.
const MOST: usize = 1000;

/// How long one receive asks an empty queue, again and again.
const WAIT: Duration = Duration::from_secs(20);

/// The longest time of `idle_in_transaction_session_timeout`, in milliseconds.
const MOST_IDLE: u128 = 2_147_483_647;

/// How a receiver reads a queue, over all of its connections.
pub(super) struct Reading {
    pub(super) target: Target,
    pub(super) decoding: DecodeOptions,
    pub(super) lock: Duration,
    pub(super) poll: Duration,
    pub(super) groups: bool,
    pub(super) archive: bool,
    /// Messages that were to be given back when the connection was lost.
    pub(super) unreleased: Mutex<Vec<Tag>>,
    /// The number of a lock of the server, so that its transactions follow each other.
    pub(super) number: RandomState,
}

impl Reading {
    fn unreleased(&self) -> MutexGuard<'_, Vec<Tag>> {
        self.unreleased.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The statement that begins a transaction, which the server undoes if the receiver does not end it in this time.
    fn begin(&self) -> String {
        let limit = self.limit().as_millis().clamp(1000, MOST_IDLE);
        let number = self.number.hash_one(()).cast_signed();
        format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; \
             SELECT set_config('idle_in_transaction_session_timeout', '{limit}', true), pg_advisory_xact_lock({number})"
        )
    }

    /// How long a statement may take.
    fn limit(&self) -> Duration {
        self.target.options.statement_timeout
    }

    /// Gives back what the last connection could not give back.
    async fn release(&self, settles: &Settles) -> Result<(), Error> {
        // They stay if this is given up in the middle.
        let unreleased = self.unreleased().clone();
        for tags in unreleased.chunks(MOST) {
            settles.settle(How::Hidden(0), tags).await?;
        }
        let mut left = self.unreleased();
        let done = unreleased.len().min(left.len());
        *left = left.split_off(done);
        Ok(())
    }
}

/// Creates queues.
pub(super) struct Consuming(pub(super) Arc<Reading>);

impl Connect for Consuming {
    type Connection = Polled<Queue>;

    async fn connect(&self, host: &Host) -> Result<Polled<Queue>, Error> {
        let reading = &self.0;
        let wire = Wire::open(&reading.target, host).await?;
        wire.listen(&reading.target).await?;
        let settles = Settles::new(wire.clone(), &reading.target);
        reading.release(&settles).await?;
        // One at a time, so that released messages go back in order.
        let limits = Limits { requests: 1, entries: MOST, bytes: usize::MAX };
        Polled::open(Queue {
            begin: reading.begin(),
            read: read(if reading.groups { "read_grouped" } else { "read" }),
            reading: Arc::clone(reading),
            wire,
            stopping: AtomicBool::new(false),
            hurry: Notify::new(),
            settling: Batches::start(settles.clone(), limits),
            settles,
            ending: Mutex::default(),
        })
        .await
    }
}

/// A queue.
pub(super) struct Queue {
    reading: Arc<Reading>,
    /// Begins the transaction of `read`.
    begin: String,
    read: String,
    wire: Wire,
    /// Whether the receiver stops, which `hurry` is notified of.
    stopping: AtomicBool,
    hurry: Notify,
    settles: Settles,
    settling: Batches<Settles>,
    /// Messages that are being deleted or archived: a renewal behind that does not find them.
    ending: Mutex<HashSet<i64>>,
}

impl Queue {
    /// Takes the messages that are there now, in order.
    async fn take(&self, most: usize) -> Result<Vec<Arrived<Tag>>, Error> {
        let most = most.min(MOST);
        let (reading, count) = (&self.reading, i32::try_from(most).unwrap_or(1));
        let (queue, lock) = (&*reading.target.queue, whole_seconds(reading.lock));
        let values = [(&queue as _, Type::TEXT), (&lock as _, Type::INT4), (&count as _, Type::INT4)];
        let rows = self.wire.query_within(&self.begin, &self.read, &values, most, reading.limit()).await?;
        let arrived = rows.iter().map(|row| {
            let native = received(row, &reading.target.queue)?;
            let tag = Tag { id: native.id, reads: native.reads, enqueued: enqueued(row)? };
            let attempt = u32::try_from(native.reads).unwrap_or(1).max(1);
            let decoded = crate::decode_message(&native.message, &reading.decoding);
            Ok(Arrived { received: Received::new(decoded, native), tag, attempt })
        });
        arrived.collect()
    }

    fn ending(&self) -> MutexGuard<'_, HashSet<i64>> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Requests for Queue {
    type Tag = Tag;

    const SETTLES_EACH: bool = true;

    fn capabilities(&self) -> ReceiverCapabilities {
        let mut capabilities = ReceiverCapabilities::queue();
        capabilities.delays = By::Broker;
        capabilities.extends = Extends::Every(self.reading.lock);
        capabilities.orders = if self.reading.groups { Orders::Partition } else { Orders::Nothing };
        capabilities
    }

    fn most(&self) -> Most {
        Most { receive: MOST, settle: MOST, wait: WAIT, hurry: Duration::MAX }
    }

    /// An empty queue is asked again from here: a statement that waits would hold a transaction, and other statements.
    async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Arrived<Tag>>, Error> {
        let end = later(Instant::now(), wait);
        loop {
            let arrived = self.take(most).await?;
            if !arrived.is_empty() || Instant::now() >= end || self.stopping.load(Ordering::Acquire) {
                return Ok(arrived);
            }
            tokio::select! {
                () = sleep(self.reading.poll) => {}
                () = self.wire.told() => {}
                () = self.hurry.notified() => return Ok(Vec::new()),
            }
        }
    }

    async fn settle(&self, tags: &[Tag], how: &Settlement) -> Result<(), Error> {
        let how = match how {
            Settlement::Accept if self.reading.archive => How::Archived,
            Settlement::Accept => How::Deleted,
            Settlement::Reject { .. } => How::Archived,
            Settlement::Retry { after } => How::Hidden(whole_seconds(*after)),
            Settlement::Release => How::Hidden(0),
            _ => return Err(Error::new(ErrorKind::Unsupported)),
        };
        let is_release = how == How::Hidden(0);
        if let Some(error) = self.wire.ended() {
            if is_release {
                self.reading.unreleased().extend(tags);
            }
            return Err(error);
        }
        let ends = !matches!(how, How::Hidden(_));
        if ends {
            self.ending().extend(tags.iter().map(|tag| tag.id));
        }
        let settled = join_all(tags.iter().map(|tag| self.settling.add((how, *tag), None))).await;
        if ends {
            let mut ending = self.ending();
            tags.iter().for_each(|tag| _ = ending.remove(&tag.id));
        }
        if is_release && self.wire.ended().is_some() {
            let failed = tags.iter().zip(&settled).filter(|(_, settled)| settled.is_err());
            self.reading.unreleased().extend(failed.map(|(tag, _)| *tag));
        }
        settled.into_iter().collect()
    }

    async fn extend(&self, tags: &[Tag]) -> Result<(), Error> {
        let were_ending: Vec<bool> = {
            let ending = self.ending();
            tags.iter().map(|tag| ending.contains(&tag.id)).collect()
        };
        let held = self.settles.settle(How::Hidden(whole_seconds(self.reading.lock)), tags).await?;
        let lost = {
            let ending = self.ending();
            let is_lost = |tag: &Tag| !held.contains(&tag.id) && !ending.contains(&tag.id);
            tags.iter().zip(were_ending).filter(|(tag, was_ending)| !was_ending && is_lost(tag)).count()
        };
        if lost > 0 {
            tracing::warn!(queue = %self.reading.target.queue, messages = lost, "the lock of messages was lost: they are gone, or another receiver has them");
        }
        Ok(())
    }

    async fn hurry(&self) {
        self.stopping.store(true, Ordering::Release);
        self.hurry.notify_one();
    }

    fn lost(&self) -> BoxFuture<'static, Error> {
        self.wire.lost().boxed()
    }
}
