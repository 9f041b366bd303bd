//! The messages of a target, as requests to the store.
//!
//! A message that was claimed is leased. The store has one message in order of a target leased at a time, so the next one is claimed when
//! the settlement of the one before is recorded, in the same transaction. Until then, a claim would bring nothing.

use super::{
    ReceivedMessage,
    claims::{Brought, Claims, Ended, MOST, Settling},
};
use crate::{
    Attempt, ClaimedMessage, Clock, EXPIRED, Retention, Step, Store, Ticket,
    millis::{later, since},
    worker::first_kib,
};
use cloudevents_core::{Decoded, Error, ErrorKind};
use cloudevents_transport::{
    By, Content, Extends, Host, Received, ReceiverCapabilities, Settlement,
    binding::{
        self,
        batches::{Batches, Limits},
        connect::Connect,
        queue::{
            Arrived,
            polled::{Most, Polled, Requests},
        },
    },
};
use std::{
    collections::HashSet,
    future::pending,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until},
};

/// How long one receive looks for messages, again and again.
const WAIT: Duration = Duration::from_secs(20);

/// The pause between two looks for old messages, and the most messages of a look.
const TIDY: Duration = Duration::from_secs(60);
const TIDIED: usize = 500;

/// The pause before the next look at a message that a later release has written.
const LEFT: Duration = Duration::from_secs(5);

/// Makes connections, which are nothing but a claim that has succeeded.
pub(super) struct Consuming<S> {
    pub(super) store: Arc<S>,
    pub(super) clock: Clock,
    pub(super) wake: watch::Receiver<()>,
    pub(super) target: Arc<str>,
    pub(super) lease: Duration,
    pub(super) poll: Duration,
    pub(super) bytes: usize,
    pub(super) retention: Option<Retention>,
}

impl<S: Store> Connect for Consuming<S> {
    type Connection = Polled<Line<S>>;

    async fn connect(&self, _: &Host) -> Result<Polled<Line<S>>, Error> {
        let (store, clock, target) = (Arc::clone(&self.store), self.clock.clone(), Arc::clone(&self.target));
        let claims = Arc::new(Claims::new(store, clock, target, self.lease, self.bytes));
        let limits = Limits { requests: 1, entries: MOST, bytes: usize::MAX };
        Polled::open(Line {
            settling: Batches::start(Settling(Arc::clone(&claims)), limits),
            claims,
            store: Arc::clone(&self.store),
            clock: self.clock.clone(),
            wake: self.wake.clone(),
            target: Arc::clone(&self.target),
            lease: self.lease,
            poll: self.poll,
            retention: self.retention,
            tidied: Mutex::default(),
            seen: Mutex::default(),
            stopping: AtomicBool::new(false),
            hurry: Notify::new(),
        })
        .await
    }
}

/// The messages of a target.
pub(super) struct Line<S: Store> {
    settling: Batches<Settling<S>>,
    claims: Arc<Claims<S>>,
    store: Arc<S>,
    clock: Clock,
    wake: watch::Receiver<()>,
    target: Arc<str>,
    lease: Duration,
    poll: Duration,
    retention: Option<Retention>,
    /// When old messages were last looked for.
    tidied: Mutex<Option<Instant>>,
    /// The last claim, if another one would bring nothing. The next receive waits first.
    seen: Mutex<Option<Seen>>,
    /// Whether the receiver stops, which `hurry` is notified of.
    stopping: AtomicBool,
    hurry: Notify,
}

/// A message that is leased.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tag {
    ticket: Ticket,
    ordered: bool,
    at: SystemTime,
}

/// A claim after which no message is due, or only those behind a message in order.
struct Seen {
    at: Instant,
    /// The messages that were enqueued here before it.
    wake: watch::Receiver<()>,
}

/// The messages of a claim, and whether another claim may bring more at once.
struct Taken {
    arrived: Vec<Arrived<Tag>>,
    has_more: bool,
}

/// How a wait for messages ended.
enum Next {
    Claim,
    /// A settlement has claimed.
    Brought(Brought),
    End,
}

impl<S: Store> Line<S> {
    /// Waits until another claim may bring messages, or a settlement has brought them.
    async fn wait(&self, most: usize, seen: &Seen) -> Next {
        let mut brought = self.claims.wait(most);
        // If a settlement claims at this moment, it may miss a message that is enqueued now: `seen` keeps that for the next wait.
        let mut wake = seen.wake.clone();
        let next = tokio::select! {
            biased;
            brought = &mut brought => return brought.map_or(Next::Claim, Next::Brought),
            () = self.hurry.notified() => Next::End,
            () = self.claims.settled() => Next::Claim,
            () = woken(&mut wake) => Next::Claim,
            () = sleep_until(binding::later(seen.at, self.poll)) => Next::Claim,
        };
        match self.claims.wait_no_more() {
            true => next,
            false => brought.await.map_or(next, Next::Brought),
        }
    }

    /// Claims the messages that are due now. Returns also the wakes before that.
    async fn claim(&self, most: usize) -> Result<(Brought, watch::Receiver<()>), Error> {
        let mut wake = self.wake.clone();
        wake.borrow_and_update();
        Ok((self.claims.claim(most).await?, wake))
    }

    /// Takes the messages of a claim, or the next ones that are due if none of them can be sent.
    async fn take(&self, most: usize, (mut claimed, mut now): Brought) -> Result<Taken, Error> {
        loop {
            let mut has_more = claimed.has_more;
            let (mut arrived, mut ended) = (Vec::new(), Vec::new());
            for message in claimed.messages {
                let tag = Tag { ticket: message.ticket, ordered: message.ordered, at: now };
                // Others without an order may have been enqueued since by another program.
                has_more |= !tag.ordered;
                match received(message, now) {
                    Ok((received, attempt)) => arrived.push(Arrived { received, tag, attempt }),
                    Err(step) => ended.push(self.settlement(tag, step, None)),
                }
            }
            let are_over = !ended.is_empty();
            if are_over && let Err(error) = self.store.settle(ended, now).await {
                tracing::warn!(%error, "messages that cannot be sent come again");
                return Ok(Taken { arrived, has_more });
            }
            // Behind them, others may be due.
            if !are_over || !arrived.is_empty() {
                return Ok(Taken { arrived, has_more: has_more || are_over });
            }
            (claimed, now) = self.claims.claim(most).await?;
        }
    }

    /// Makes dead letters of messages that have expired while the target was disabled, and deletes old ones, once a minute.
    async fn tidy(&self) {
        {
            let mut tidied = self.tidied.lock().unwrap_or_else(PoisonError::into_inner);
            if tidied.is_some_and(|tidied| tidied.elapsed() < TIDY) {
                return;
            }
            *tidied = Some(Instant::now());
        }
        let now = self.clock.now();
        let tidying = async {
            self.store.give_up(Vec::new(), None, now, TIDIED).await?;
            match self.retention {
                Some(retention) => self.store.prune(retention, now, TIDIED).await,
                None => Ok(0),
            }
        };
        if let Err(error) = tidying.await {
            tracing::warn!(%error, "old messages are not deleted");
        }
    }

    fn seen(&self) -> MutexGuard<'_, Option<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settlement(&self, tag: Tag, step: Step, attempt: Option<Attempt>) -> crate::Settlement {
        crate::Settlement {
            ticket: tag.ticket,
            target: Arc::clone(&self.target),
            step,
            attempt,
            health: None,
        }
    }
}

impl<S: Store> Requests for Line<S> {
    type Tag = Tag;

    const SETTLES_EACH: bool = true;

    fn capabilities(&self) -> ReceiverCapabilities {
        let mut capabilities = ReceiverCapabilities::queue();
        capabilities.delays = By::Broker;
        capabilities.extends = Extends::Every(self.lease);
        capabilities
    }

    fn most(&self) -> Most {
        Most { receive: MOST, settle: MOST, wait: WAIT, hurry: Duration::MAX }
    }

    async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Arrived<Tag>>, Error> {
        let end = binding::later(Instant::now(), wait);
        // The first request only shows that the store answers.
        if !wait.is_zero() {
            self.tidy().await;
        }
        let mut seen = self.seen().take();
        loop {
            let (brought, wake) = match seen.take() {
                Some(seen) => match self.wait(most, &seen).await {
                    Next::End => return Ok(Vec::new()),
                    Next::Brought(brought) => (brought, seen.wake),
                    Next::Claim => self.claim(most).await?,
                },
                None => self.claim(most).await?,
            };
            let Taken { arrived, has_more } = self.take(most, brought).await?;
            let now = Seen { at: Instant::now(), wake };
            if !arrived.is_empty() || now.at >= end || self.stopping.load(Ordering::Acquire) {
                *self.seen() = (!has_more).then_some(now);
                return Ok(arrived);
            }
            seen = Some(now);
        }
    }

    async fn settle(&self, tags: &[Tag], how: &Settlement) -> Result<(), Error> {
        let now = self.clock.now();
        let (step, logged) = match how {
            Settlement::Accept => (Step::Delivered, Some(("delivered", ""))),
            Settlement::Retry { after } => {
                (Step::Retry { due: later(now, *after), counts: true }, Some(("retry", "")))
            }
            Settlement::Reject { reason, .. } => {
                (Step::Dead(first_kib(reason.to_string())), Some(("rejected", &**reason)))
            }
            Settlement::Release => (Step::Release, None),
            _ => return Err(Error::new(ErrorKind::Unsupported)),
        };
        let settled = tags.iter().map(|tag| {
            let attempt = logged.map(|(status, detail)| Attempt {
                at: tag.at,
                latency: since(now, tag.at),
                status: status.into(),
                detail: first_kib(detail.to_owned()),
            });
            let is_due = match how {
                Settlement::Release => true,
                Settlement::Retry { after } => after.is_zero(),
                _ => tag.ordered,
            };
            Ended { settlement: self.settlement(*tag, step.clone(), attempt), is_due }
        });
        self.settling.all(settled.collect()).await
    }

    /// A released message is due when its release is recorded, and releases may be recorded in several transactions.
    fn position(tag: &Tag) -> u64 {
        tag.ticket.number
    }

    async fn extend(&self, tags: &[Tag]) -> Result<(), Error> {
        let until = later(self.clock.now(), self.lease);
        let tickets = tags.iter().map(|tag| tag.ticket).collect();
        let kept: HashSet<Ticket> = self.store.renew(tickets, until).await?.into_iter().collect();
        let lost = tags.iter().filter(|tag| !kept.contains(&tag.ticket)).count();
        if lost > 0 {
            // Or they are being settled at this moment.
            tracing::debug!(to = %self.target, messages = lost, "leases are not renewed");
        }
        Ok(())
    }

    async fn hurry(&self) {
        self.stopping.store(true, Ordering::Release);
        self.hurry.notify_one();
    }
}

/// The message, and the number of the attempt. Otherwise its next step: it is dead, or left to a later release.
fn received(message: ClaimedMessage, now: SystemTime) -> Result<(Received, u32), Step> {
    if message.expires.is_some_and(|expires| expires <= now) {
        return Err(Step::Dead(EXPIRED.into()));
    }
    let outgoing = message.outgoing(now).map_err(|error| match error.is_temporary() {
        true => Step::Retry { due: later(now, LEFT), counts: false },
        false => Step::Dead(first_kib(error.to_string())),
    })?;
    let decoded = match outgoing.content() {
        Content::Message(message) => Ok(Decoded::clean(message.clone())),
        _ => Err(Error::new(ErrorKind::NotACloudEvent)),
    };
    let native = ReceivedMessage {
        outgoing,
        target: message.target,
        number: message.ticket.number,
        ordered: message.ordered,
        started: message.started,
        attempt: message.attempt,
        size: message.body.len(),
        shown: OnceLock::new(),
    };
    Ok((Received::new(decoded, native), message.attempt))
}

/// Returns when a message was enqueued here. Never, if the outbox is gone.
async fn woken(wake: &mut watch::Receiver<()>) {
    if wake.changed().await.is_err() {
        pending::<()>().await;
    }
}
