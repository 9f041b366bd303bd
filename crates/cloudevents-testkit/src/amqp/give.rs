//! Sends messages to receivers.

use super::{
    locks::Lock,
    queue::{Held, Queue},
    shared::Shared,
};
use fe2o3_amqp::{Sender, link::SendError};
use fe2o3_amqp_types::{
    definitions::{Error, LinkError},
    messaging::{Modified, Outcome},
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::{future::pending, time::Duration};
use tokio::{task::coop::unconstrained, time::sleep};

/// How long a receiver without credit leaves messages to others.
const PATIENCE: Duration = Duration::from_millis(2);

type Outcomes = BoxFuture<'static, Result<Outcome, SendError>>;

/// The end of a message at its receiver.
enum End {
    Settled(Result<Outcome, SendError>),
    /// It was held for too long. Its outcome changes nothing any more.
    Late(Outcomes),
}

type Out = FuturesUnordered<BoxFuture<'static, (Held, End)>>;

/// Serves a link until it ends. Messages that are unsettled then, or when the future is dropped, return to the queue.
pub(super) async fn serve(shared: &Shared, queue: &Queue, hold: Option<Duration>, link: &mut Sender) {
    let mut out = Out::new();
    give(shared, queue, hold, link, &mut out).await;
    // The receiver's last words came before it detached. Each look at unsettled messages may end the looking.
    for _ in 0..out.len().saturating_mul(2).saturating_add(2) {
        if let Some(Some((held, End::Settled(outcome)))) = out.next().now_or_never() {
            settle(held, outcome);
        }
    }
}

async fn give(shared: &Shared, queue: &Queue, hold: Option<Duration>, link: &mut Sender, out: &mut Out) {
    loop {
        let Some(mut held) = queue.pop() else {
            let hungry = queue.hungry();
            let fed = queue.until(Queue::has_ready);
            tokio::select! {
                Some((of, end)) = out.next() => {
                    if ended(of, end, link).await.is_err() {
                        return;
                    }
                    shared.idle.reset(link.name());
                }
                () = fed => {}
                _ = link.on_detach() => return,
            }
            drop(hungry);
            continue;
        };
        let mut message = held.message();
        let lock = shared.locks.as_ref().map(|locks| locks.lock(&mut message));
        let message = message.into();
        tokio::select! {
            biased;
            Some((of, end)) = out.next() => {
                drop(held);
                if ended(of, end, link).await.is_err() {
                    return;
                }
                shared.idle.reset(link.name());
            }
            // It is pending as long as there is no credit. Dropped then, it has sent nothing; it cannot be pending later, for the
            // channel behind it is long, and its turn does not end.
            sent = unconstrained(link.send_batchable_ref(&message)) => match sent {
                Ok(outcome) => {
                    held.give();
                    shared.idle.reset(link.name());
                    out.push(watch(held, lock, hold, outcome.boxed()).boxed());
                }
                Err(SendError::MessageSizeExceeded(error)) => {
                    held.bury(Some(Error::new(LinkError::MessageSizeExceeded, error.to_string(), None)));
                }
                Err(_) => return,
            },
            // Without credit, it does not stay here when its time is over, or that of another one has come.
            () = held.expired() => {}
            () = queue.until(|queue| queue.outranks(&held)) => {}
            () = queue.until(Queue::is_wanted) => {
                drop(held);
                sleep(PATIENCE).await;
            }
        }
    }
}

async fn watch(held: Held, lock: Option<Lock>, hold: Option<Duration>, mut outcome: Outcomes) -> (Held, End) {
    let lost = async {
        match &lock {
            Some(lock) => lock.lost().await,
            None => pending().await,
        }
    };
    let over = async {
        match hold {
            Some(hold) => sleep(hold).await,
            None => pending().await,
        }
    };
    tokio::select! {
        outcome = &mut outcome => (held, End::Settled(outcome)),
        () = lost => {
            let failed = Modified {
                delivery_failed: Some(true),
                undeliverable_here: None,
                message_annotations: None,
            };
            (held, End::Settled(Ok(Outcome::Modified(failed))))
        }
        () = over => (held, End::Late(outcome)),
    }
}

/// A message is settled, or goes back because it was held for too long: then this waits until it is settled all the same.
///
/// Errors: the link ends meanwhile.
async fn ended(held: Held, end: End, link: &mut Sender) -> Result<(), ()> {
    match end {
        End::Settled(outcome) => settle(held, outcome),
        End::Late(outcome) => {
            drop(held);
            tokio::select! {
                _ = outcome => {}
                _ = link.on_detach() => return Err(()),
            }
        }
    }
    Ok(())
}

fn settle(held: Held, outcome: Result<Outcome, SendError>) {
    match outcome {
        Ok(Outcome::Accepted(_)) => held.accept(),
        Ok(Outcome::Rejected(rejected)) => held.bury(rejected.error),
        Ok(Outcome::Modified(modified)) if modified.undeliverable_here == Some(true) => held.bury(None),
        Ok(Outcome::Modified(modified)) if modified.delivery_failed == Some(true) => held.fail(),
        _ => drop(held),
    }
}
