//! Settlements: the protocol does all that it can, the rest is done from memory.

use super::{
    QueueSource,
    renewals::Place,
    task::{Later, Returning, Sunk, Tag, Task, comes_again},
    ticket::{Ask, Counted, Held},
};
use crate::{
    By, DeadLetter, Extends, Outcome, Settlement, Settles,
    binding::{Ownership, Resolver, connect::Connect},
    observing::LETTERS,
    receiving::dead_letter_sink::Rejected,
    running::retry::SHORTEST_PAUSE,
    streak::Streak,
};
use cloudevents_core::{Error, ErrorKind};
use std::{
    mem::take,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{runtime::Handle, time::Instant};

/// The delay before a release, after many releases in a row.
const PAUSE: Duration = Duration::from_secs(1);

/// The number of releases in a row after which each further one waits.
const RELEASES: u32 = 32;

/// A message that the protocol has to settle now. The message itself was dropped.
pub(super) struct Now<T> {
    place: Counted<T>,
    tag: T,
    how: Settlement,
    resolver: Resolver,
    /// The deadline is renewed until the settlement has an answer: the message would come again meanwhile.
    renewal: Option<Place>,
}

impl<C: Connect<Connection: QueueSource>> Task<C> {
    /// Handles these requests. Passes equal settlements in a row on together.
    pub(super) async fn asked(
        &mut self,
        asked: &mut Vec<Ask<Tag<C>>>,
        source: &mut C::Connection,
    ) -> Result<(), Error> {
        let (mut extended, mut all) = (Vec::new(), Vec::with_capacity(asked.len()));
        for ask in asked.drain(..) {
            match ask {
                Ask::Settle(held, how, resolver) => all.extend(self.decide(held, how, resolver)),
                Ask::Extend(ownership, tag) if ownership.as_ref().is_none_or(Ownership::is_held) => {
                    extended.push(tag);
                }
                Ask::Extend(..) => {}
                Ask::Answered(renewals) => renewals.into_iter().for_each(|place| self.renewals.remove(place)),
            }
        }
        if !extended.is_empty()
            && let Err(error) = source.extend(extended).await
        {
            self.come_again(all);
            return Err(error);
        }
        self.settle_all(all, source).await
    }

    /// Returns the settlement that the protocol has to make now, if any. Does the rest from memory.
    pub(super) fn decide(
        &mut self,
        held: Held<Tag<C>>,
        how: Settlement,
        resolver: Resolver,
    ) -> Option<Now<Tag<C>>> {
        if !held.is_current() {
            resolver.resolve(Err(comes_again()));
            return None;
        }
        let accepted = held.place.desk.accepted.swap(false, Ordering::Relaxed);
        let released = how == Settlement::Release;
        self.releases =
            if released && !accepted { self.releases.saturating_add(1) } else { u32::from(released) };
        let memory = self.can.redelivers == By::Memory;
        match how {
            Settlement::Accept => {}
            Settlement::Reject { reason, attempt } => {
                return self.reject(held, reason.into(), attempt, resolver);
            }
            Settlement::Retry { after } if memory => {
                let attempt = held.attempt.saturating_add(1);
                self.at(after, Later::Again(Held { attempt, was_taken: true, ..held }));
                resolver.resolve(Ok(()));
                return None;
            }
            Settlement::Retry { after } if self.can.delays != By::Broker && !after.is_zero() => {
                self.keep(held, after, Settlement::Retry { after: Duration::ZERO });
                resolver.resolve(Ok(()));
                return None;
            }
            Settlement::Retry { .. } => {}
            Settlement::Release => {
                let pause = if self.releases > RELEASES { PAUSE } else { Duration::ZERO };
                if memory {
                    self.at(pause, Later::Again(Held { was_taken: true, ..held }));
                } else if self.waits_for_rest() || (!pause.is_zero() && !self.stopping) {
                    self.keep(held, pause, Settlement::Release);
                } else {
                    return self.now(held, Settlement::Release, resolver);
                }
                resolver.resolve(Ok(()));
                return None;
            }
        }
        self.now(held, how, resolver)
    }

    /// Returns the settlement that is left for the protocol. There is none if the protocol does not settle.
    fn now(&mut self, mut held: Held<Tag<C>>, how: Settlement, resolver: Resolver) -> Option<Now<Tag<C>>> {
        let is_gone = matches!(how, Settlement::Accept | Settlement::Reject { .. });
        if !is_gone || self.can.settles == Settles::Never {
            self.renew_no_more(held.renewal.take());
        }
        if self.can.settles == Settles::Never {
            resolver.resolve(Ok(()));
            return None;
        }
        let Held { place, tag, renewal, .. } = held;
        Some(Now { place, tag, how, resolver, renewal })
    }

    fn renew_no_more(&mut self, renewal: Option<Place>) {
        if let Some(place) = renewal {
            self.renewals.remove(place);
        }
    }

    /// Keeps the tag until the settlement is due, or until all that is left goes back. Drops the message itself, so its bytes no longer
    /// count.
    fn keep(&mut self, held: Held<Tag<C>>, after: Duration, how: Settlement) {
        let Held { mut place, tag, received, renewal, .. } = held;
        drop(received);
        place.discharge();
        let returning = Returning { place, tag, how, renewal };
        match self.waits_for_rest() {
            true => self.returning.push(returning),
            false => self.at(after, Later::Settle(returning)),
        }
    }

    fn reject(
        &mut self,
        held: Held<Tag<C>>,
        reason: Arc<str>,
        attempt: u32,
        resolver: Resolver,
    ) -> Option<Now<Tag<C>>> {
        match &self.rejected {
            Rejected::Drop => self.now(held, Settlement::Accept, resolver),
            Rejected::Broker if self.can.rejects == By::Broker => {
                let reason = String::from(&*reason).into();
                self.now(held, Settlement::Reject { reason, attempt }, resolver)
            }
            Rejected::Broker => {
                resolver.resolve(Err(Error::new(ErrorKind::Unsupported)
                    .with_detail("the protocol has no place for rejected messages")
                    .with_help("name a dead-letter sink")));
                if self.can.redelivers == By::Memory {
                    self.at(self.sink_pause(), Later::Again(held));
                } else {
                    self.keep(held, self.sink_pause(), Settlement::Release);
                }
                None
            }
            Rejected::Sink(sink) => {
                let letter = DeadLetter::new(held.received.clone(), reason, attempt);
                // Runs in the runtime of this task.
                let (message, first) = (held.place.desk.ownership.clone(), self.options.sink_backoff);
                let putting = sink.put(&Handle::current(), letter, first, message, &self.letters, resolver);
                self.rejecting.push(Box::pin(async move { (held, putting.await) }));
                None
            }
        }
    }

    /// The pause before a message comes again that no place for rejected messages has taken.
    fn sink_pause(&self) -> Duration {
        self.options.sink_backoff.max(SHORTEST_PAUSE)
    }

    /// Handles the result of the dead-letter sink. Returns the settlement that the protocol has to make now, if any.
    pub(super) fn sunk(&mut self, (held, (sunk, resolver)): Sunk<Tag<C>>) -> Option<Now<Tag<C>>> {
        if let Err(error) = sunk {
            tracing::warn!(target: LETTERS, received = ?held.received, %error, "the dead-letter sink declined a message");
            let after = self.sink_pause();
            if self.can.redelivers == By::Memory {
                self.at(after, Later::Again(held));
            } else if held.is_current() {
                self.keep(held, after, Settlement::Release);
            }
            resolver.resolve(Err(error));
            return None;
        }
        if !held.is_current() {
            // The sink has it, but the broker delivers it again.
            resolver.resolve(Err(comes_again()));
            return None;
        }
        self.now(held, Settlement::Accept, resolver)
    }

    /// Does everything that is due now.
    pub(super) async fn due(&mut self, source: &mut C::Connection) -> Result<(), Error> {
        let now = Instant::now();
        let mut group = Vec::new();
        while let Some(first) = self.later.first_entry().filter(|first| first.key().0 <= now) {
            match first.remove() {
                Later::Settle(returning) => group.push(returning),
                Later::Again(held) => self.ready.push_back(held),
            }
        }
        if let Extends::Every(period) = self.can.extends {
            let tags = self.renewals.due(now, period);
            if !tags.is_empty()
                && let Err(error) = source.extend(tags).await
            {
                // It is dropped, and comes again.
                group.iter().for_each(|returning| self.renew_no_more(returning.renewal));
                return Err(error);
            }
        }
        self.settle_later(group, source).await
    }

    /// For stopping: ends all waiting. Messages that are only in memory are lost, as the capabilities state.
    /// Deadlines of deliveries in handlers are renewed until they are settled.
    pub(super) fn hurry(&mut self) {
        self.wait_no_more();
        for later in take(&mut self.later).into_values() {
            if let Later::Settle(returning) = later {
                self.returning.push(returning);
            }
        }
    }

    /// For stopping, when the program has handed over the rest: gives everything back that was released, in the order of the queue.
    pub(super) async fn give_back(&mut self, source: &mut C::Connection) -> Result<(), Error> {
        let mut asked = Vec::new();
        while let Ok(ask) = self.asks.try_recv() {
            asked.push(ask);
        }
        self.asked(&mut asked, source).await?;
        let mut all = take(&mut self.returning);
        all.sort_by_key(|returning| C::Connection::position(&returning.tag));
        self.settle_later(all, source).await?;
        self.is_given_back = true;
        Ok(())
    }

    /// Passes on settlements whose outcomes were resolved when they were submitted.
    async fn settle_later(
        &mut self,
        later: Vec<Returning<Tag<C>>>,
        source: &mut C::Connection,
    ) -> Result<(), Error> {
        later.iter().for_each(|returning| self.renew_no_more(returning.renewal));
        let mut later = later.into_iter().peekable();
        while let Some(Returning { place, tag, how, .. }) = later.next() {
            let (mut places, mut tags) = (vec![place], vec![tag]);
            while let Some(Returning { place, tag, .. }) = later.next_if(|next| {
                next.how == how && tags.first().is_none_or(|first| C::Connection::are_alike(first, &next.tag))
            }) {
                places.push(place);
                tags.push(tag);
            }
            let outcome = source.settle(tags, how).await?;
            follow(outcome, Arc::clone(&self.settlements), move |result| {
                drop(places);
                if let Err(error) = result {
                    tracing::warn!(%error, "a delayed settlement failed; messages that are still at the source come again");
                }
            });
        }
        Ok(())
    }

    /// For stopping: ends waiting for the sink and for messages that are delivered again from memory.
    pub(super) fn wait_no_more(&mut self) {
        self.letters.leave();
        self.later.retain(|_, later| matches!(later, Later::Settle(_)));
        self.ready.clear();
    }

    /// Passes settlements on, equal ones in a row together if they [may be](QueueSource::are_alike). When the connection is lost, the
    /// others are not done.
    pub(super) async fn settle_all(
        &mut self,
        mut all: Vec<Now<Tag<C>>>,
        source: &mut C::Connection,
    ) -> Result<(), Error> {
        while let Some(first) = all.first() {
            let is_other =
                |now: &Now<Tag<C>>| now.how != first.how || !C::Connection::are_alike(&now.tag, &first.tag);
            // A message need not be like itself.
            let same = all.iter().position(is_other).unwrap_or(all.len()).max(1);
            let rest = all.split_off(same);
            if let Err(error) = self.settle(std::mem::replace(&mut all, rest), source).await {
                self.come_again(all);
                return Err(error);
            }
        }
        Ok(())
    }

    /// The connection was lost before these messages were settled. If they were renewed any longer, they would not come again.
    fn come_again(&mut self, all: Vec<Now<Tag<C>>>) {
        for now in all {
            self.renew_no_more(now.renewal);
            now.resolver.resolve(Err(comes_again()));
        }
    }

    /// Passes on equal settlements. Their outcomes follow the broker's confirmation without blocking the task.
    /// Until then the messages keep their permits, so that draining waits for the confirmation.
    async fn settle(&mut self, group: Vec<Now<Tag<C>>>, source: &mut C::Connection) -> Result<(), Error> {
        let Some(how) = group.first().map(|first| first.how.clone()) else { return Ok(()) };
        let mut tags = Vec::with_capacity(group.len());
        let mut waiting = Vec::with_capacity(group.len());
        let mut renewed = Vec::new();
        for Now { place, tag, resolver, renewal, .. } in group {
            tags.push(tag);
            waiting.push((place, resolver));
            renewed.extend(renewal);
        }
        match source.settle(tags, how).await {
            Ok(outcome) => {
                if outcome.decided().is_some() {
                    take(&mut renewed).into_iter().for_each(|place| self.renewals.remove(place));
                }
                let desk = Arc::clone(&self.desk);
                follow(outcome, Arc::clone(&self.settlements), move |result| {
                    if !renewed.is_empty() {
                        let _ = desk.asks.send(Ask::Answered(renewed));
                    }
                    for (place, resolver) in waiting {
                        // A receiver that ends counts failures until no message is here.
                        let kept = result.is_err().then_some(place);
                        resolver.resolve(result.clone());
                        drop(kept);
                    }
                });
                Ok(())
            }
            Err(error) => {
                renewed.into_iter().for_each(|place| self.renewals.remove(place));
                waiting.into_iter().for_each(|(_, resolver)| resolver.resolve(Err(error.clone())));
                Err(error)
            }
        }
    }
}

/// Calls `then` with the result, immediately if it is known. Until then, the settlement counts as an attempt at the source.
fn follow(outcome: Outcome, settlements: Arc<Streak>, then: impl FnOnce(Result<(), Error>) + Send + 'static) {
    match outcome.decided() {
        Some(result) => {
            settlements.begin(Some(Duration::MAX)).ended(result);
            then(result.clone());
        }
        None => drop(tokio::spawn(async move {
            let attempt = settlements.begin(Some(Duration::MAX));
            let result = outcome.await;
            attempt.ended(&result);
            then(result);
        })),
    }
}
