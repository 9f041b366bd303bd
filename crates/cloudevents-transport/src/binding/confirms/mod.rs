//! Messages that were sent and that the peer has not confirmed, implemented once for all bindings.
//!
//! [`Confirms`] numbers messages, keeps their permits and their deadlines, and resolves their
//! outcomes. It has no task and is independent of the protocol: a binding calls it with the confirmations it
//! reads from the connection. [`Answers`] is built on it for client libraries that return a future for each
//! message. [`Requests`] keeps requests until their replies arrive.
//!
//! ```
//! use cloudevents_transport::{Bounds, InFlight, Receipt, binding::confirms::Confirms};
//! use std::time::Duration;
//!
//! # futures_util::FutureExt::now_or_never(async {
//! let (in_flight, confirms) = (InFlight::new(Bounds::default()), Confirms::new(Duration::from_secs(60)));
//! let (first, outcome) = confirms.add(in_flight.take(100));
//! let (second, _) = confirms.add(in_flight.take(100));
//! confirms.resolve_to(second, &Ok(Receipt::new())); // AMQP 0.9.1: this one and all before it
//! assert!(outcome.await.is_ok() && first < second && confirms.is_empty());
//! assert_eq!(in_flight.used().messages, 0);
//! # }).unwrap();
//! ```

mod answers;
mod requests;

pub use answers::{Answers, Hearing};
pub use requests::{Request, Requests};

use crate::{
    Bounds, Outcome, Receipt,
    binding::{Permit, Resolver},
    sync::{Arc, Mutex, MutexGuard},
};
use cloudevents_core::{Error, ErrorKind};
use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::PoisonError,
    time::Duration,
};
use tokio::time::Instant;

/// The unconfirmed messages of one connection. Clones share them.
///
/// Messages are numbered in the order of sending. The first is the oldest, so one timer is enough for all
/// deadlines.
#[derive(Clone)]
pub struct Confirms(Arc<Inner>);

struct Inner {
    limit: Duration,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    /// In the order of sending. `None` when confirmed, except for the first.
    waiting: VecDeque<Option<Waiting>>,
    /// The number of the first.
    first: u64,
    /// Messages that were given up and are not answered, with their bytes: the client may keep them until the connection ends.
    late: BTreeMap<u64, usize>,
    /// Why nothing more will be confirmed.
    ended: Option<Error>,
}

/// At least this many messages and bytes may be late, with any bounds.
const LATE: Bounds = Bounds { messages: 1024, bytes: 1 << 20 };

struct Waiting {
    due: Option<Instant>,
    resolver: Resolver<Receipt>,
    place: Permit,
}

impl Waiting {
    /// Frees the permit first, because the task that gets the result may send the next message.
    fn resolve(self, result: Result<Receipt, Error>) {
        drop(self.place);
        self.resolver.resolve(result);
    }
}

impl Confirms {
    /// Creates it without messages. Each message has to be confirmed within the limit.
    pub fn new(limit: Duration) -> Self {
        Self(Arc::new(Inner { limit, open: Mutex::new(Open::default()) }))
    }

    /// Adds the next message, which has a permit.
    ///
    /// Returns its number and its outcome. After [`end`](Self::end), the outcome is an error.
    pub fn add(&self, place: Permit) -> (u64, Outcome<Receipt>) {
        let (resolver, outcome) = Outcome::channel();
        let waiting = Waiting { due: Instant::now().checked_add(self.0.limit), resolver, place };
        let mut open = self.open();
        let number = open.first.saturating_add(open.waiting.len() as u64);
        match open.ended.clone() {
            None => open.waiting.push_back(Some(waiting)),
            Some(error) => {
                drop(open);
                waiting.resolve(Err(error));
            }
        }
        (number, outcome)
    }

    /// Resolves the message with this number. Does nothing if it is resolved already.
    pub fn resolve(&self, number: u64, result: Result<Receipt, Error>) {
        let waiting = {
            let mut open = self.open();
            open.late.remove(&number);
            open.take(number)
        };
        // Outside the lock: a woken task may run immediately.
        if let Some(waiting) = waiting {
            waiting.resolve(result);
        }
    }

    /// Resolves all messages up to and including this number.
    pub fn resolve_to(&self, number: u64, result: &Result<Receipt, Error>) {
        let mut confirmed = Vec::new();
        {
            let mut open = self.open();
            open.late = open.late.split_off(&number.saturating_add(1));
            while open.first <= number && !open.waiting.is_empty() {
                let first = open.first;
                confirmed.extend(open.take(first));
            }
        }
        // Outside the lock: a woken task may run immediately. From the last: a task that waits for all of them waits for the first one
        // first, and so wakes once.
        confirmed.into_iter().rev().for_each(|waiting| waiting.resolve(result.clone()));
    }

    /// Fails all messages, also messages added later, with this error: the connection is lost.
    pub fn end(&self, error: &Error) {
        let failed = {
            let mut open = self.open();
            open.ended.get_or_insert_with(|| error.clone());
            open.first = open.first.saturating_add(open.waiting.len() as u64);
            open.late.clear();
            std::mem::take(&mut open.waiting)
        };
        failed.into_iter().flatten().for_each(|waiting| waiting.resolve(Err(error.clone())));
    }

    /// Whether [`end`](Self::end) was called.
    pub fn has_ended(&self) -> bool {
        self.open().ended.is_some()
    }

    /// Whether every message is resolved.
    pub fn is_empty(&self) -> bool {
        self.open().waiting.is_empty()
    }

    /// The deadline of the oldest message; `None` without messages.
    pub fn due(&self) -> Option<Instant> {
        self.open().waiting.front()?.as_ref()?.due
    }

    /// Fails messages whose deadline has passed, with [`Timeout`](ErrorKind::Timeout).
    ///
    /// Their permits are free, but the client may keep these messages until the peer answers.
    ///
    /// Returns an error of kind [`Disconnected`](ErrorKind::Disconnected) when as many of these are not answered as may be in flight, in
    /// messages or bytes (or 1,024 and 1 MiB, if that is more). The caller has to end the connection: nothing else frees them.
    pub fn expire(&self) -> Result<(), Error> {
        let now = Instant::now();
        let mut late = Vec::new();
        let ended = {
            let mut open = self.open();
            while let Some((number, overdue)) = open.overdue(now) {
                open.late.insert(number, overdue.place.bytes());
                late.push(overdue);
            }
            if late.last().is_some_and(|late| open.is_clogged(late.place.bounds())) {
                open.ended.get_or_insert_with(clogged);
            }
            open.ended.clone()
        };
        // Outside the lock: a woken task may run immediately.
        for late in late {
            late.resolve(Err(Error::new(ErrorKind::Timeout)
                .with_detail(format!("the peer did not confirm the message within {:?}", self.0.limit))));
        }
        ended.map_or(Ok(()), Err)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// The first message with its number, if its deadline has passed.
    fn overdue(&mut self, now: Instant) -> Option<(u64, Waiting)> {
        let due = self.waiting.front()?.as_ref()?.due?;
        let first = self.first;
        if due <= now { Some((first, self.take(first)?)) } else { None }
    }

    /// Whether as much is late as may be in flight.
    fn is_clogged(&self, bounds: Bounds) -> bool {
        let bytes = self.late.values().copied().fold(0, usize::saturating_add);
        self.late.len() >= bounds.messages.max(LATE.messages) || bytes >= bounds.bytes.max(LATE.bytes)
    }

    fn take(&mut self, number: u64) -> Option<Waiting> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let waiting = self.waiting.get_mut(index)?.take();
        while let Some(None) = self.waiting.front() {
            self.waiting.pop_front();
            self.first = self.first.saturating_add(1);
        }
        waiting
    }
}

fn clogged() -> Error {
    Error::new(ErrorKind::Disconnected)
        .with_detail("the peer confirms none of as many messages as may be on their way")
}

impl fmt::Debug for Confirms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.open();
        f.debug_struct("Confirms").field("open", &open.waiting.len()).field("ended", &open.ended).finish()
    }
}

#[cfg(all(test, not(ce_model)))]
mod tests {
    use super::*;
    use crate::{Bounds, InFlight};
    use futures_util::FutureExt;
    use std::{
        future::poll_fn,
        sync::atomic::{AtomicU32, Ordering},
    };

    fn tracked(limit: u64) -> (InFlight, Confirms) {
        (InFlight::new(Bounds::default()), Confirms::new(Duration::from_secs(limit)))
    }

    fn kind(outcome: Outcome<Receipt>) -> Option<ErrorKind> {
        outcome.now_or_never()?.err().map(|error| error.kind())
    }

    #[test]
    fn in_any_order_once_and_with_the_place_given_back_first() {
        let (in_flight, confirms) = tracked(1);
        let (mut outcomes, mut numbers) = (Vec::new(), Vec::new());
        for _ in 0..4 {
            let (number, outcome) = confirms.add(in_flight.take(1));
            numbers.push(number);
            outcomes.push(outcome);
        }
        assert_eq!(numbers, [0, 1, 2, 3]);
        for number in [2, 0, 2, 3, 99] {
            confirms.resolve(number, Ok(Receipt::new().with_offset(number)));
        }
        assert_eq!((in_flight.used().messages, confirms.is_empty()), (1, false));
        confirms.resolve_to(3, &Err(Error::new(ErrorKind::Refused)));
        assert!(confirms.is_empty());
        let results: Vec<_> = outcomes.into_iter().map(|outcome| outcome.now_or_never().unwrap()).collect();
        assert_eq!(results[0].as_ref().unwrap().offset(), Some(0));
        assert_eq!(results[1].as_ref().unwrap_err().kind(), ErrorKind::Refused);
        assert_eq!(results[3].as_ref().unwrap().offset(), Some(3));
        assert_eq!(confirms.add(in_flight.take(1)).0, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_late_fails_and_the_rest_stays() {
        let (in_flight, confirms) = tracked(10);
        assert_eq!(confirms.due(), None);
        let (_, first) = confirms.add(in_flight.take(1));
        let due = confirms.due().unwrap();
        tokio::time::advance(Duration::from_secs(9)).await;
        let (number, second) = confirms.add(in_flight.take(1));
        confirms.expire().unwrap();
        assert_eq!(confirms.due(), Some(due));
        tokio::time::advance(Duration::from_secs(1)).await;
        confirms.expire().unwrap();
        assert_eq!(kind(first), Some(ErrorKind::Timeout));
        assert_eq!(confirms.due(), Some(due + Duration::from_secs(9)));
        confirms.resolve(0, Ok(Receipt::new())); // too late
        confirms.resolve(number, Ok(Receipt::new()));
        assert_eq!(kind(second), None);
    }

    /// What the client keeps of messages that were given up counts until they are answered.
    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_clogged_with_what_is_late_has_to_end() {
        for (size, most) in [(1, 1024), (1 << 18, 4)] {
            let in_flight = InFlight::new(Bounds { messages: 10, bytes: 1 << 19 });
            let confirms = Confirms::new(Duration::from_secs(10));
            let late = async || {
                let (number, _) = confirms.add(in_flight.take(size));
                tokio::time::advance(Duration::from_secs(10)).await;
                (number, confirms.expire())
            };
            for _ in 0..2 * most {
                let (number, expired) = late().await;
                expired.unwrap();
                confirms.resolve(number, Ok(Receipt::new()));
            }
            let mut last = 0;
            for _ in 1..most {
                let (number, expired) = late().await;
                expired.unwrap();
                last = number;
            }
            confirms.resolve_to(last, &Ok(Receipt::new()));
            for _ in 1..most {
                late().await.1.unwrap();
            }
            let (_, waiting) = confirms.add(in_flight.take(1));
            tokio::time::advance(Duration::from_secs(10)).await;
            assert_eq!(late().await.1.unwrap_err().kind(), ErrorKind::Disconnected);
            assert_eq!(kind(waiting), Some(ErrorKind::Timeout));
            assert_eq!(kind(confirms.add(in_flight.take(1)).1), Some(ErrorKind::Disconnected));
        }
    }

    /// A task that waits for several outcomes wakes when all are there, and their places are free then.
    #[tokio::test]
    async fn what_is_confirmed_together_wakes_a_task_once() {
        let (in_flight, confirms) = tracked(10);
        let other = InFlight::new(Bounds::default());
        let mut outcomes: Vec<_> = (0..3).map(|_| confirms.add(in_flight.take(1)).1).collect();
        let (last, elsewhere) = confirms.add(other.take(1));
        outcomes.push(elsewhere);
        let (_, later) = confirms.add(in_flight.take(1));
        let woken = Arc::new(AtomicU32::new(0));
        let waiting = tokio::spawn({
            let woken = Arc::clone(&woken);
            async move {
                for mut outcome in outcomes {
                    poll_fn(|context| {
                        let polled = outcome.poll_unpin(context);
                        woken.fetch_add(u32::from(polled.is_pending()), Ordering::Relaxed);
                        polled
                    })
                    .await
                    .unwrap();
                }
            }
        });
        tokio::task::yield_now().await;
        confirms.resolve_to(last, &Ok(Receipt::new()));
        assert_eq!((in_flight.used().messages, other.used().messages), (1, 0));
        waiting.await.unwrap();
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert!(!confirms.is_empty() && later.now_or_never().is_none());
        confirms.resolve_to(u64::MAX, &Ok(Receipt::new())); // no more than there are
        assert!(confirms.is_empty());
    }

    #[test]
    fn a_lost_connection_fails_what_is_open_and_what_is_added_later() {
        let (in_flight, confirms) = tracked(1);
        let (_, open) = confirms.add(in_flight.take(1));
        confirms.end(&Error::new(ErrorKind::Disconnected));
        let (number, later) = confirms.add(in_flight.take(1));
        confirms.resolve(number, Ok(Receipt::new()));
        assert_eq!([kind(open), kind(later)], [Some(ErrorKind::Disconnected); 2]);
        assert!(confirms.has_ended() && confirms.is_empty());
        assert_eq!(in_flight.used().messages, 0);
    }
}
