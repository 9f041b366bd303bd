//! One attempt.

use super::{
    OutboxOptions,
    judge::{self, Failed, Tried},
};
use crate::{ClaimedMessage, Health, Route, Settlement, Step, Ticket, millis};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Fault, Outgoing, Receipt};
use futures_util::{FutureExt, future::BoxFuture};
use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::{Instant, timeout};

/// When a message of a later release is looked at again: by a worker that can read it, one hopes.
const LEFT: Duration = Duration::from_secs(5);

/// A leased message, before its attempt, under way or behind another one.
pub(super) struct Flight {
    pub(super) ticket: Ticket,
    pub(super) target: Arc<str>,
    pub(super) ordered: bool,
    /// The health of the target, if the store lets this message try it, and if it is refused those in order behind it.
    pub(super) probes: Option<Health>,
    /// The destination at the target, once the attempt begins.
    pub(super) destination: Option<Box<str>>,
    pub(super) attempt: u32,
    pub(super) started: SystemTime,
    message: ClaimedMessage,
}

pub(super) struct Landed {
    pub(super) flight: Flight,
    pub(super) result: Result<Receipt, Failed>,
    /// When it was begun, by the clock of the store. `begun` is by a clock that is never set.
    pub(super) at: SystemTime,
    pub(super) begun: Instant,
    pub(super) latency: Duration,
}

impl Flight {
    /// Of a target in an outage, one message `may_probe` it.
    pub(super) fn new(message: ClaimedMessage, may_probe: bool, now: SystemTime) -> Self {
        Self {
            ticket: message.ticket,
            target: Arc::clone(&message.target),
            ordered: message.ordered,
            probes: (may_probe && message.health.is_outage()).then(|| message.health.clone()),
            destination: None,
            attempt: message.attempt,
            // A clock that went back must not keep a message for ever.
            started: message.started.min(now),
            message,
        }
    }

    /// The message to send. Otherwise its next step: it is dead, or left to a worker of a later release.
    pub(super) fn outgoing(&mut self, now: SystemTime, options: &OutboxOptions) -> Result<Outgoing, Step> {
        let message = &self.message;
        if message.expires.is_some_and(|expires| expires <= now) {
            return Err(Step::Dead(crate::EXPIRED.into()));
        }
        let outgoing = message.outgoing(now).map_err(|error| {
            if !error.is_temporary() {
                return Step::Dead(judge::reason(&error));
            }
            tracing::warn!(to = %self.target, number = self.ticket.number, %error, "a message is left to a worker of a later release");
            match judge::overdue(&self.tried(false), &error, LEFT, options, now) {
                Some(reason) => Step::Dead(reason),
                None => Step::Retry { due: millis::later(now, LEFT), counts: false },
            }
        })?;
        self.destination = outgoing.destination().map(Box::from);
        Ok(outgoing)
    }

    /// Whether this message, whose attempt has not begun, goes to this destination.
    pub(super) fn goes_to(&self, destination: Option<&str>, now: SystemTime) -> bool {
        // A message that cannot be sent is dead for any destination.
        self.message.outgoing(now).ok().is_none_or(|outgoing| outgoing.destination() == destination)
    }

    pub(super) fn begin<R: Route>(
        self,
        outgoing: Outgoing,
        route: Arc<R>,
        options: &OutboxOptions,
    ) -> BoxFuture<'static, Landed> {
        let limit = options.attempt_timeout;
        let clock = options.clock.clone();
        Box::pin(async move {
            let (at, begun) = (clock.now(), Instant::now());
            let sending = async {
                let sender = route.sender(Arc::clone(&self.target)).await.map_err(|error| {
                    // The program says by a permanent error that the target does not exist.
                    let is_own = !error.is_temporary() && error.kind() != ErrorKind::Closed;
                    Failed { fault: Fault::of(&error, is_own), error }
                })?;
                let sent = sender.send(outgoing).await;
                sent.map_err(|error| Failed { fault: sender.fault(&error), error })
            };
            let result = match timeout(limit, AssertUnwindSafe(sending).catch_unwind()).await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => {
                    let error = Error::new(ErrorKind::Transport).with_detail("the sender panicked");
                    Err(Failed { error: error.with_temporary(true), fault: Fault::Unproven })
                }
                Err(_) => {
                    let detail = format!("the attempt took longer than {limit:?}");
                    let error = Error::new(ErrorKind::Timeout).with_detail(detail);
                    Err(Failed { error, fault: Fault::Target })
                }
            };
            Landed { flight: self, result, at, begun, latency: begun.elapsed() }
        })
    }

    pub(super) fn tried(&self, is_suspect: bool) -> Tried {
        let (number, attempt, started) = (self.ticket.number, self.attempt, self.started);
        Tried { number, attempt, started, in_order: self.ordered, is_suspect }
    }

    /// The settlement of a message that was not tried, while its lease lasts. If it was to probe its target, another message can.
    pub(super) fn untried(&self, step: Step) -> Settlement {
        Settlement { health: self.probes.clone(), ..self.settled(step) }
    }

    pub(super) fn settled(&self, step: Step) -> Settlement {
        let (ticket, target) = (self.ticket, Arc::clone(&self.target));
        Settlement { ticket, target, step, attempt: None, health: None }
    }
}
