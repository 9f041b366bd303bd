//! Sends messages to receivers.

use super::{
    broker::Shared,
    locks::Lock,
    queue::{Held, Queue},
};
use fe2o3_amqp::{
    Sender,
    link::{SendError, delivery::DeliveryFut},
};
use fe2o3_amqp_types::{
    definitions::{Error, LinkError},
    messaging::{Modified, Outcome},
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::time::Duration;
use tokio::task::coop::unconstrained;

/// How long a receiver without credit leaves messages to others.
const PATIENCE: Duration = Duration::from_millis(2);

type Settled = (Held, Result<Outcome, SendError>);

type Out = FuturesUnordered<BoxFuture<'static, Settled>>;

/// Serves a link until it ends. Messages that are unsettled then, or when the future is dropped, return to the queue.
pub(super) async fn serve(shared: &Shared, queue: &Queue, link: &mut Sender) {
    let mut out = Out::new();
    give(shared, queue, link, &mut out).await;
    // The receiver's last words came before it detached. Each look at what is not settled may end the looking.
    for _ in 0..out.len().saturating_mul(2).saturating_add(2) {
        if let Some(Some(settled)) = out.next().now_or_never() {
            settle(settled);
        }
    }
}

async fn give(shared: &Shared, queue: &Queue, link: &mut Sender, out: &mut Out) {
    loop {
        let Some(mut held) = queue.pop() else {
            let hungry = queue.hungry();
            let fed = queue.until(Queue::has_ready);
            tokio::select! {
                Some(settled) = out.next() => {
                    settle(settled);
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
            Some(settled) = out.next() => {
                settle(settled);
                shared.idle.reset(link.name());
            }
            // It is pending as long as there is no credit. Dropped then, it has sent nothing; it cannot be pending later, for the
            // channel behind it is long, and its turn does not end.
            sent = unconstrained(link.send_batchable_ref(&message)) => match sent {
                Ok(outcome) => {
                    held.give();
                    shared.idle.reset(link.name());
                    out.push(watch(held, lock, outcome).boxed());
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
                tokio::time::sleep(PATIENCE).await;
            }
        }
    }
}

async fn watch(held: Held, lock: Option<Lock>, outcome: DeliveryFut<Result<Outcome, SendError>>) -> Settled {
    let Some(lock) = lock else { return (held, outcome.await) };
    tokio::select! {
        outcome = outcome => (held, outcome),
        () = lock.lost() => {
            let failed = Modified {
                delivery_failed: Some(true),
                undeliverable_here: None,
                message_annotations: None,
            };
            (held, Ok(Outcome::Modified(failed)))
        }
    }
}

fn settle((held, outcome): Settled) {
    match outcome {
        Ok(Outcome::Accepted(_)) => held.accept(),
        Ok(Outcome::Rejected(rejected)) => held.bury(rejected.error),
        Ok(Outcome::Modified(modified)) if modified.undeliverable_here == Some(true) => held.bury(None),
        Ok(Outcome::Modified(modified)) if modified.delivery_failed == Some(true) => held.fail(),
        _ => drop(held),
    }
}
