//! `run`, a bridge and an outbox before the peer of `shared/failures`.

use crate::failures_shared::{Answer, Boxed, LIMIT, LONGEST, MINUTE, Machine, PAUSE, World, play};
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Event, Message};
use cloudevents_outbox::{
    Clock, Entry, Outbox, OutboxOptions, Query, RetrySchedule, State, rusqlite041::SqliteStore,
};
use cloudevents_transport::{
    Activity, Bridge, Confirmed, Content, Failure, Outcome, Outgoing, Receipt, RetryPolicy, RunState, Sender,
    SenderCapabilities,
    binding::{Transmit, connect::Backoff},
    bridge::{BridgePolicy, BridgeStatus},
    fake::FakeQueue,
};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn run_keeps_the_rules() {
    play(async |world| {
        let queue = FakeQueue::new();
        let receiver = queue.receiver(DecodeOptions::strict());
        let activity = receiver.activity();
        let handle = move |event: Event| {
            let world = world.clone();
            async move {
                match sent(&world, event.id()).await {
                    Ok(_) => Ok(()),
                    Err(error) if is_about_message(&error) => Err(Failure::reject(error)),
                    Err(error) => Err(match error.retry_after() {
                        Some(wait) => Failure::retry_after(wait, error),
                        None => Failure::retry(error),
                    }),
                }
            }
        };
        let run = receiver.run(handle).retry(retry());
        let ends = Ends::new(|ends| tokio::spawn(run.until(ends)));
        Running { queue, ends, says: Says::Run(activity) }
    });
}

#[test]
fn a_bridge_keeps_the_rules() {
    play(async |world| {
        let queue = FakeQueue::new();
        let mut policy = BridgePolicy::default();
        policy.retry = retry();
        let bridge =
            Bridge::new(queue.receiver(DecodeOptions::strict()), Sender::new(Peer(world)), policy).unwrap();
        let says = Says::Bridge(bridge.status());
        let ends = Ends::new(|ends| tokio::spawn(bridge.run().until(ends)));
        Running { queue, ends, says }
    });
}

#[test]
fn an_outbox_keeps_the_rules() {
    play(async |world| {
        let begin = Instant::now();
        let clock =
            Clock::new(move || SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + begin.elapsed());
        let outbox = Arc::new(Outbox::new(SqliteStore::in_memory().unwrap()).with_clock(clock.clone()));
        let mut options = OutboxOptions::default();
        options.retry = RetrySchedule::exponential(SECOND, LONGEST).with_deadline(1440 * MINUTE).with_seed(1);
        options.pauses = Backoff::default().with_delays(SECOND, PAUSE);
        (options.attempt_timeout, options.poll, options.clock) = (LIMIT, 5 * SECOND, clock);
        let sender = Sender::new(Peer(world));
        let route = move |_: Arc<str>| std::future::ready(Ok(sender.clone()));
        let run = {
            let outbox = Arc::clone(&outbox);
            move |ends| tokio::spawn(async move { outbox.run(route, options).until(ends).await })
        };
        Posting { ends: Ends::new(run), outbox }
    });
}

fn retry() -> RetryPolicy {
    let mut retry = RetryPolicy::default();
    (retry.first, retry.longest) = (SECOND, LONGEST);
    retry
}

/// A machine in its task, and how it is stopped.
struct Ends {
    stop: watch::Sender<bool>,
    running: JoinHandle<Result<(), Error>>,
}

impl Ends {
    fn new(run: impl FnOnce(Boxed<'static, ()>) -> JoinHandle<Result<(), Error>>) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let running = run(Box::pin(async move { drop(stopped.wait_for(|stopped| *stopped).await) }));
        Self { stop, running }
    }

    async fn end(self) -> Result<(), String> {
        self.stop.send_replace(true);
        self.running.await.unwrap().map_err(|error| error.to_string())
    }
}

/// `run` or a bridge.
struct Running {
    queue: FakeQueue,
    ends: Ends,
    says: Says,
}

enum Says {
    Run(Activity),
    Bridge(BridgeStatus),
}

impl Machine for Running {
    fn send(&self, event: Event) -> Boxed<'static, ()> {
        let sender = self.queue.sender();
        Box::pin(async move { drop(sender.send(&event).await.unwrap()) })
    }

    fn is_well(&self) -> Boxed<'_, bool> {
        Box::pin(async {
            match &self.says {
                Says::Run(activity) => activity.state() == RunState::Receiving,
                Says::Bridge(status) => status.stall().is_none(),
            }
        })
    }

    fn letters(&self) -> Boxed<'_, Vec<(usize, String)>> {
        let number =
            |body: Option<bytes::Bytes>| String::from_utf8(body.unwrap().to_vec()).unwrap().parse().unwrap();
        let letters = self.queue.rejected().into_iter().map(|(body, why)| (number(body), why)).collect();
        Box::pin(async { letters })
    }

    fn end(self) -> Boxed<'static, Result<(), String>> {
        Box::pin(async move {
            self.ends.end().await?;
            if self.queue.is_empty() { Ok(()) } else { Err(format!("{} are left", self.queue.len())) }
        })
    }
}

/// An outbox.
struct Posting {
    ends: Ends,
    outbox: Arc<Outbox<SqliteStore>>,
}

impl Machine for Posting {
    fn send(&self, event: Event) -> Boxed<'static, ()> {
        let outbox = Arc::clone(&self.outbox);
        Box::pin(async move { _ = outbox.enqueue(Entry::new("peer", &event)).await.unwrap() })
    }

    fn is_well(&self) -> Boxed<'_, bool> {
        Box::pin(async {
            self.outbox.targets("").await.unwrap().iter().all(|target| !target.health.is_outage())
        })
    }

    fn letters(&self) -> Boxed<'_, Vec<(usize, String)>> {
        Box::pin(async {
            let dead =
                self.outbox.find(Query::default().with_state(State::Dead).with_limit(10_000)).await.unwrap();
            dead.into_iter()
                .map(|dead| (dead.id.unwrap().parse().unwrap(), dead.reason.unwrap().into()))
                .collect()
        })
    }

    fn end(self) -> Boxed<'static, Result<(), String>> {
        Box::pin(async move {
            self.ends.end().await?;
            let left = self.outbox.counts().await.unwrap().pending;
            if left == 0 { Ok(()) } else { Err(format!("{left} are left")) }
        })
    }
}

/// The peer behind a binding.
struct Peer(World);

impl Transmit for Peer {
    fn capabilities(&self) -> SenderCapabilities {
        SenderCapabilities::plain(Confirmed::Accepted)
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        let Content::Message(Message::Binary(event)) = outgoing.content() else { panic!("{outgoing:?}") };
        let (world, id) = (self.0.clone(), event.id().to_owned());
        let (resolver, outcome) = Outcome::channel();
        tokio::spawn(async move { resolver.resolve(sent(&world, &id).await) });
        Ok(outcome)
    }

    fn refuses_message(&self, error: &Error) -> Option<bool> {
        Some(is_about_message(error))
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

const ITSELF: &str = "the message itself is refused";

fn is_about_message(error: &Error) -> bool {
    error.to_string().contains(ITSELF)
}

/// An attempt.
async fn sent(world: &World, id: &str) -> Result<Receipt, Error> {
    let refused = || Error::new(ErrorKind::Refused);
    match timeout(LIMIT, world.attempt(id)).await {
        Ok(Answer::Accepted) => Ok(Receipt::new()),
        Ok(Answer::Unreachable) => Err(Error::new(ErrorKind::Unreachable)),
        Ok(Answer::Busy(wait)) => Err(refused().with_temporary(true).with_retry_after(wait)),
        Ok(Answer::Refused) => Err(refused().with_detail(ITSELF)),
        Ok(Answer::Denied) => Err(refused().with_detail("the token is not known")),
        Err(_) => Err(Error::new(ErrorKind::Timeout)),
    }
}
