//! A consumer in a group, as requests.
//!
//! An entry that was read is pending for this consumer until it is accepted. An entry that is given back is pending for a consumer that
//! does not exist, and as if it had been so for ever: the next consumer that asks takes it over. Entries of dead consumers are taken over
//! when they were not renewed for the time of the lock. Redis counts how often an entry was taken over. It does not count renewals, nor
//! releases: a release sets the count back.

use super::{
    connection::{Wire, command},
    failure::garbled,
    look::{Members, all_members},
    options::Target,
    received::{EntryId, ReceivedMessage},
    reply,
    stream::Limits,
};
use crate::RedisMessage;
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_transport::{
    By, Extends, Host, Received, ReceiverCapabilities, Settlement,
    binding::{
        Reporter,
        connect::Connect,
        disconnected, later,
        queue::{
            Arrived,
            polled::{Most, Polled, Requests},
        },
    },
};
use futures_util::{FutureExt, future::BoxFuture};
use redis::{Cmd, Value};
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, timeout};

/// The consumer that has entries that were given back.
const RELEASED: &str = "cloudevents-released";

/// How long a request waits for entries. Entries that others give back or leave may wait at least so long.
const WAIT: Duration = Duration::from_secs(1);

/// How many entries a request may have, and how many are settled together.
const MOST: Most = Most { receive: 128, settle: 512, wait: WAIT, hurry: Duration::MAX };

/// The most consumers that seem to be gone whose entries are named in the log.
const SILENT: usize = 16;

/// How many pending entries are listed at once.
const PAGE: usize = 1000;

/// The limits of answers to requests other than those for entries.
const ANSWERS: Limits = Limits { string: 1 << 16, answer: 8 << 20 };

/// The group and its consumer, for all connections.
pub(super) struct Consumer {
    pub(super) group: String,
    pub(super) name: String,
    /// Whether the name is made up, so that no other receiver has it.
    pub(super) is_temporary: bool,
    /// How long an entry may be held without a renewal.
    pub(super) lock: Duration,
    /// The entries that are here.
    pub(super) held: Mutex<Held>,
    pub(super) reporter: Reporter,
}

/// The entries that are here, which this consumer may not take over from itself.
#[derive(Default)]
pub(super) struct Held {
    unsettled: HashSet<EntryId>,
    /// Entries that are being settled, so that it is known soon whether they were lost.
    settling: HashSet<EntryId>,
}

impl Consumer {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Creates groups' connections.
pub(super) struct Consuming {
    pub(super) target: Target,
    pub(super) consumer: Arc<Consumer>,
    pub(super) decoding: DecodeOptions,
    /// The bytes of messages that may be here.
    pub(super) bytes: usize,
    /// Whether the group was there before.
    pub(super) has_connected: AtomicBool,
}

impl Connect for Consuming {
    type Connection = Polled<Group>;

    async fn connect(&self, host: &Host) -> Result<Polled<Group>, Error> {
        let Self { target, consumer, decoding, bytes, .. } = self;
        let settling = Wire::open(target, host, ANSWERS, MOST.settle).await?;
        let made = settling
            .ask(&command("XGROUP", &["CREATE", &target.stream, &consumer.group, "0", "MKSTREAM"]))
            .await;
        // A server without memory refuses it also for a group that is there. The next command shows that.
        let may_exist =
            |error: &Error| ["BUSYGROUP", "OOM"].iter().any(|code| error.detail().starts_with(code));
        if let Err(error) = made.as_ref()
            && !may_exist(error)
        {
            return Err(error.clone());
        }
        if made.is_ok() && self.has_connected.swap(true, Ordering::Relaxed) {
            tracing::warn!(stream = %target.stream, group = consumer.group,
                "the stream or the group was deleted, and is made again: all that is in the stream comes, also what was accepted");
        }
        self.has_connected.store(true, Ordering::Relaxed);
        let string = target.max_message_size;
        // One answer may be larger than the estimate from the answers before it.
        let answer = string.max(*bytes).saturating_mul(2).saturating_add(1 << 20);
        let asking = Wire::open(target, host, Limits { string, answer }, 0).await?;
        let client = match asking.ask(&command("CLIENT", &["ID"])).await {
            Ok(Value::Int(client)) => Some(client),
            _ => None, // not allowed: a stop waits for the end of a request
        };
        let group = Group {
            stream: Arc::clone(&target.stream),
            consumer: Arc::clone(consumer),
            decoding: decoding.clone(),
            limit: WAIT.saturating_add(target.options.keep_alive.saturating_mul(4)),
            asking,
            settling,
            client,
            is_wanted: AtomicBool::new(true),
            scan: tokio::sync::Mutex::new(Scan {
                at: None,
                took: Duration::ZERO,
                next: Instant::now(),
                silent: Vec::new(),
            }),
            lists: AtomicBool::new(true),
        };
        group.give_back_what_is_not_known().await?;
        Polled::open(group).await
    }
}

/// One message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tag {
    id: EntryId,
    attempt: u32,
}

/// A consumer in a group, over two connections: one waits for entries.
pub(super) struct Group {
    stream: Arc<str>,
    consumer: Arc<Consumer>,
    decoding: DecodeOptions,
    /// How long a request may take, with any answer of the server.
    limit: Duration,
    asking: Wire,
    settling: Wire,
    /// The number of the connection that waits, to wake it.
    client: Option<i64>,
    /// Whether to look at once for entries that can be taken over.
    is_wanted: AtomicBool,
    /// Whether the server lists consumers to this user.
    lists: AtomicBool,
    scan: tokio::sync::Mutex<Scan>,
}

/// The position of the search for entries that can be taken over.
struct Scan {
    /// `None` between two of them.
    at: Option<EntryId>,
    /// The time of its requests. In between, it may wait for permits.
    took: Duration,
    next: Instant,
    /// The consumers that seem to be gone, for the log.
    silent: Vec<String>,
}

/// For each entry of a consumer that seems to be gone: which of these it is, and the milliseconds since the last delivery or renewal.
type Owned = HashMap<EntryId, (usize, u64)>;

impl Group {
    /// A command about the group.
    fn command(&self, name: &str, key: &[&str]) -> Cmd {
        let mut command = command(name, key);
        command.arg(&*self.stream).arg(&self.consumer.group);
        command
    }

    async fn within<T>(&self, request: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let overdue = || disconnected(format!("the server did not answer within {:?}", self.limit));
        timeout(self.limit, request).await.unwrap_or_else(|_| Err(overdue()))
    }

    /// Entries that came while a connection was lost are pending for this consumer, and not here.
    async fn give_back_what_is_not_known(&self) -> Result<(), Error> {
        let mut from = "-".to_owned();
        loop {
            let mut command = self.command("XPENDING", &[]);
            command.arg(&from).arg("+").arg(PAGE).arg(&self.consumer.name);
            let answer = self.settling.ask(&command).await?;
            let pending = reply::pending(answer).ok_or_else(|| garbled("XPENDING"))?;
            let Some(last) = pending.last() else { return Ok(()) };
            let is_last = pending.len() < PAGE;
            from = format!("({}", last.id);
            let unknown: Vec<_> = {
                let held = self.consumer.held();
                pending.iter().map(|entry| entry.id).filter(|id| !held.unsettled.contains(id)).collect()
            };
            self.claim(&unknown, RELEASED, &["TIME", "0"]).await?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Makes entries pending for this consumer. Entries that were deleted are not pending any more.
    async fn claim(&self, ids: &[EntryId], consumer: &str, how: &[&str]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut command = self.command("XCLAIM", &[]);
        command.arg(consumer).arg(0);
        for id in ids {
            command.arg(id.to_string());
        }
        command.arg(how).arg("JUSTID");
        let answer = self.settling.ask(&command).await?;
        let claimed = reply::ids(answer).ok_or_else(|| garbled("XCLAIM"))?;
        let missing: Vec<_> = ids.iter().copied().filter(|id| !claimed.contains(id)).collect();
        if consumer == RELEASED && !missing.is_empty() {
            self.are_gone(missing).await?;
        }
        Ok(())
    }

    /// These are not pending any more: another consumer has accepted them meanwhile, or they were deleted from the stream.
    async fn are_gone(&self, mut ids: Vec<EntryId>) -> Result<(), Error> {
        let mut commands = redis::pipe();
        for id in &ids {
            let id = id.to_string();
            commands.add_command(command("XRANGE", &[&self.stream, &id, &id]));
        }
        // The other connection takes large entries; it need not wait for new ones.
        self.hurry().await;
        let mut found = self.asking.ask_all(&commands, ids.len()).await?.into_iter();
        ids.retain(|_| found.next() == Some(Value::Array(Vec::new())));
        self.are_lost(ids, "an entry was given back that was trimmed or deleted: it is lost");
        Ok(())
    }

    fn are_lost(&self, ids: Vec<EntryId>, why: &str) {
        for id in ids {
            tracing::warn!(stream = %self.stream, group = self.consumer.group, entry = %id, "{why}");
            self.consumer.reporter.dropped(1);
        }
    }

    /// Takes over entries that were given back, and entries that were not renewed. A search goes through all pending entries, in the order
    /// of the stream, before newer entries are read. Returns `None` when it is over. A first request does one step of it: many entries that
    /// are here may not have been renewed while the connection was lost.
    async fn take_over(&self, most: usize, is_first: bool) -> Result<Option<Vec<Arrived<Tag>>>, Error> {
        let mut scan = self.scan.lock().await;
        if self.is_wanted.swap(false, Ordering::Relaxed) || (scan.at.is_none() && scan.next <= Instant::now())
        {
            (scan.at, scan.took) = (Some(EntryId::default()), Duration::ZERO);
            scan.silent = self.silent().await;
        }
        while let Some(at) = scan.at {
            let mut command = self.command("XAUTOCLAIM", &[]);
            command.arg(&self.consumer.name).arg(milliseconds(self.consumer.lock));
            command.arg(at.to_string()).arg("COUNT").arg(most);
            let asked = Instant::now();
            // The server does not say whose an entry was that it hands over.
            let owned = self.owned(&scan.silent, at, most).await;
            let answer = self.asking.ask(&command).await?;
            scan.took = scan.took.saturating_add(asked.elapsed());
            let (next, found, deleted) = reply::claimed(answer).ok_or_else(|| garbled("XAUTOCLAIM"))?;
            scan.at = (next != EntryId::default()).then_some(next);
            if scan.at.is_none() {
                // A search in many entries takes a tenth of the time, if entries need not wait for longer than the lock.
                let pause = scan.took.saturating_mul(10).min(self.consumer.lock).max(WAIT);
                scan.next = later(Instant::now(), pause);
            }
            let (found, deleted): (Vec<_>, Vec<_>) = {
                let held = self.consumer.held();
                let found = found.into_iter().filter(|(id, _)| !held.unsettled.contains(id)).collect();
                let is_here = |id: &EntryId| held.unsettled.contains(id) || held.settling.contains(id);
                (found, deleted.into_iter().filter(|id| !is_here(id)).collect())
            };
            self.are_lost(
                deleted,
                "an entry was trimmed or deleted: it is lost, unless the consumer that had it accepts it",
            );
            self.tell_taken(&found, &owned, &scan.silent);
            if !found.is_empty() {
                return self.again(found).await.map(Some);
            }
            if is_first && scan.at.is_some() {
                return Ok(Some(Vec::new()));
            }
        }
        Ok(None)
    }

    /// The consumers with entries that have requested nothing for half of the time of the lock. Those that run request something each
    /// second.
    async fn silent(&self) -> Vec<String> {
        if !self.lists.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let listing = command("XINFO", &["CONSUMERS", &self.stream, &self.consumer.group]);
        let Some(found) = self.asking.ask(&listing).await.ok().and_then(all_members) else {
            self.lists.store(false, Ordering::Relaxed);
            return Vec::new();
        };
        let half = milliseconds(self.consumer.lock) / 2;
        let is_silent = |consumer: &Members| {
            consumer.number("pending").is_some_and(|count| count > 0)
                && consumer.number("idle").is_some_and(|idle| idle >= half)
        };
        let names = found.into_iter().filter(is_silent).filter_map(|one| one.text("name"));
        names.filter(|name| *name != self.consumer.name && name != RELEASED).take(SILENT).collect()
    }

    /// The first entries of these consumers from here on. They are for the log alone, so that an error does not end the search.
    async fn owned(&self, silent: &[String], from: EntryId, most: usize) -> Owned {
        let mut owned = Owned::new();
        if silent.is_empty() {
            return owned;
        }
        let mut commands = redis::pipe();
        for name in silent {
            let mut command = self.command("XPENDING", &[]);
            command.arg(from.to_string()).arg("+").arg(most).arg(name);
            commands.add_command(command);
        }
        let unknown = |error: Error| tracing::debug!(stream = %self.stream, %error, "it is not known whose entries are taken over");
        let answers = self.asking.ask_all(&commands, silent.len()).await;
        for (index, answer) in answers.map_err(unknown).unwrap_or_default().into_iter().enumerate() {
            let entries = self.asking.answer(Ok(answer)).map_err(unknown).ok().and_then(reply::pending);
            owned.extend(entries.unwrap_or_default().iter().map(|entry| (entry.id, (index, entry.idle))));
        }
        owned
    }

    fn tell_taken(&self, found: &[(EntryId, Option<RedisMessage>)], owned: &Owned, silent: &[String]) {
        for (index, consumer) in silent.iter().enumerate() {
            let taken = found.iter().filter_map(|(id, _)| owned.get(id)).filter(|(owner, _)| *owner == index);
            let idle: Vec<u64> = taken.map(|(_, idle)| *idle).collect();
            let Some(longest) = idle.iter().max() else { continue };
            tracing::info!(stream = %self.stream, group = self.consumer.group, consumer, entries = idle.len(),
                idle = ?Duration::from_millis(*longest), "entries of a consumer that renews them no longer were taken over");
        }
    }

    /// With the numbers of their attempts.
    async fn again(&self, found: reply::Entries) -> Result<Vec<Arrived<Tag>>, Error> {
        let mut commands = redis::pipe();
        for (id, _) in &found {
            let mut command = self.command("XPENDING", &[]);
            command.arg(id.to_string()).arg(id.to_string()).arg(1);
            commands.add_command(command);
        }
        let answers = self.asking.ask_all(&commands, found.len()).await?;
        let found = found.into_iter().zip(answers).filter_map(|((id, message), answer)| {
            let pending = reply::pending(answer).unwrap_or_default();
            let attempt = pending.first().map_or(1, |entry| entry.times);
            Some(self.arrived(id, message?, attempt))
        });
        Ok(found.collect())
    }

    async fn read(&self, most: usize, wait: Duration) -> Result<Vec<Arrived<Tag>>, Error> {
        let mut command =
            command("XREADGROUP", &["GROUP", &self.consumer.group, &self.consumer.name, "COUNT"]);
        command.arg(most).arg("BLOCK").arg(milliseconds(wait).max(1));
        command.arg(&["STREAMS", &*self.stream, ">"]);
        let answer = self.asking.ask(&command).await?;
        let found = reply::read(answer).ok_or_else(|| garbled("XREADGROUP"))?;
        Ok(found.into_iter().filter_map(|(id, message)| Some(self.arrived(id, message?, 1))).collect())
    }

    fn arrived(&self, id: EntryId, message: RedisMessage, attempt: u32) -> Arrived<Tag> {
        self.consumer.held().unsettled.insert(id);
        let decoded = crate::decode_message(&message, &self.decoding);
        let (stream, redelivered) = (Arc::clone(&self.stream), attempt > 1);
        let received = Received::new(decoded, ReceivedMessage { message, id, stream, redelivered });
        Arrived { received, tag: Tag { id, attempt }, attempt }
    }

    /// Gives entries back. A consumer that takes them over adds one to the count.
    async fn give_back(&self, tags: &[Tag], counts: bool) -> Result<(), Error> {
        for alike in tags.chunk_by(|one, other| one.attempt == other.attempt) {
            let ids: Vec<_> = alike.iter().map(|tag| tag.id).collect();
            let attempt = alike.first().map_or(1, |tag| tag.attempt);
            let count = if counts { attempt } else { attempt.saturating_sub(1) }.to_string();
            self.claim(&ids, RELEASED, &["TIME", "0", "RETRYCOUNT", &count]).await?;
        }
        self.is_wanted.store(true, Ordering::Relaxed);
        self.hurry().await;
        Ok(())
    }
}

impl Requests for Group {
    type Tag = Tag;

    fn capabilities(&self) -> ReceiverCapabilities {
        let mut capabilities = ReceiverCapabilities::queue();
        capabilities.rejects = By::None;
        capabilities.extends = Extends::Every(self.consumer.lock);
        (capabilities.shared, capabilities.keeps) = (false, true);
        capabilities
    }

    fn most(&self) -> Most {
        MOST
    }

    async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Arrived<Tag>>, Error> {
        self.within(async {
            if let Some(found) = self.take_over(most, wait.is_zero()).await? {
                return Ok(found);
            }
            let wait = if self.is_wanted.load(Ordering::Relaxed) { Duration::ZERO } else { wait };
            self.read(most, wait).await
        })
        .await
    }

    async fn settle(&self, tags: &[Tag], how: &Settlement) -> Result<(), Error> {
        {
            let mut held = self.consumer.held();
            for tag in tags {
                held.unsettled.remove(&tag.id);
                held.settling.insert(tag.id);
            }
        }
        let settled = self.within(async {
            match how {
                Settlement::Accept => {
                    let mut command = self.command("XACK", &[]);
                    for tag in tags {
                        command.arg(tag.id.to_string());
                    }
                    self.settling.ask(&command).await.map(drop)
                }
                Settlement::Retry { .. } => self.give_back(tags, true).await,
                Settlement::Release => self.give_back(tags, false).await,
                _ => Err(Error::new(ErrorKind::Unsupported)),
            }
        });
        let settled = settled.await;
        let mut held = self.consumer.held();
        tags.iter().for_each(|tag| _ = held.settling.remove(&tag.id));
        settled
    }

    async fn extend(&self, tags: &[Tag]) -> Result<(), Error> {
        let ids: Vec<_> = {
            let held = self.consumer.held();
            tags.iter().map(|tag| tag.id).filter(|id| held.unsettled.contains(id)).collect()
        };
        self.within(self.claim(&ids, &self.consumer.name, &[])).await
    }

    async fn hurry(&self) {
        if let Some(client) = self.client {
            let _ = self.settling.ask(&command("CLIENT", &["UNBLOCK", &client.to_string()])).await;
        }
    }

    fn lost(&self) -> BoxFuture<'static, Error> {
        let (asking, settling) = (self.asking.lost(), self.settling.lost());
        async move {
            tokio::select! {
                error = asking => error,
                error = settling => error,
            }
        }
        .boxed()
    }

    /// Removes a consumer that no other receiver will be. If entries are pending for it, Redis would forget them, too.
    async fn close(&self) -> Result<(), Error> {
        if !self.consumer.is_temporary {
            return Ok(());
        }
        let mut command = self.command("XPENDING", &[]);
        command.arg("-").arg("+").arg(1).arg(&self.consumer.name);
        let pending = self.within(self.settling.ask(&command)).await.ok().and_then(reply::pending);
        if pending.is_some_and(|pending| pending.is_empty()) {
            let mut command = self.command("XGROUP", &["DELCONSUMER"]);
            command.arg(&self.consumer.name);
            let _ = self.within(self.settling.ask(&command)).await;
        }
        Ok(())
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
