//! The requests that wait for a settlement, and the end of that.

use super::answer::{Answer, Settling};
use slab::Slab;
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// What all requests of an exchange share with its receiver: how far draining is, and which of them wait.
///
/// A request joins with what it has already. A channel to watch would need an allocation and a waker for each one.
#[derive(Default)]
pub(super) struct Waiting {
    draining: AtomicBool,
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    over: bool,
    taken: Slab<Arc<Settling>>,
}

/// The place of a request among those that wait.
pub(super) struct Place(usize);

impl Waiting {
    /// Whether no more requests are taken.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Takes no more requests.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// A place for a request, which ends with [`leave`](Self::leave). `None` if no request waits any more.
    pub(super) fn join(&self, settling: &Arc<Settling>) -> Option<Place> {
        let mut places = self.lock();
        if places.over {
            return None;
        }
        Some(Place(places.taken.insert(Arc::clone(settling))))
    }

    /// The request waits no more.
    pub(super) fn leave(&self, Place(index): Place) {
        let mut places = self.lock();
        let left = places.taken.try_remove(index); // `None` once all were answered
        drop(places); // unlocked before the last reference goes
        drop(left);
    }

    /// Answers all requests that wait, and those to come.
    fn end(&self) {
        let mut places = self.lock();
        places.over = true;
        let taken = std::mem::take(&mut places.taken);
        drop(places); // unlocked before waking tasks, which may run at once
        for (_, settling) in taken {
            let _ = settling.answer.put(Answer::Stopped); // unless it is settled
        }
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the wait when it is dropped.
pub(super) struct Ending(pub(super) Arc<Waiting>);

impl Ending {
    /// Ends it now.
    pub(super) fn end(&self) {
        self.0.end();
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use cloudevents_core::{Error, ErrorKind};
    use cloudevents_transport::{InFlight, Raw, Received};
    use futures_util::FutureExt;
    use std::future::poll_fn;

    fn settling() -> Arc<Settling> {
        let mut raw = Raw::default();
        raw.body = Some(Bytes::new());
        let received = Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), raw);
        Arc::new(Settling::new(received, InFlight::default().take(0)))
    }

    fn is_stopped(settling: &Settling) -> bool {
        let answer = poll_fn(|context| settling.answer.poll(context)).now_or_never();
        matches!(answer, Some(Answer::Stopped))
    }

    #[test]
    fn the_end_answers_those_that_wait() {
        let (waiting, [gone, first, second, late]) = (Arc::default(), [(); 4].map(|()| settling()));
        let ending = Ending(Arc::clone(&waiting));
        let place = waiting.join(&gone).unwrap();
        let kept = waiting.join(&first).unwrap();
        waiting.leave(place);
        assert_eq!(Arc::strong_count(&gone), 1);
        assert_eq!(waiting.join(&second).unwrap().0, 0); // in the place that is free
        drop(ending);
        assert!(is_stopped(&first) && is_stopped(&second) && !is_stopped(&gone));
        assert!(waiting.join(&late).is_none());
        waiting.leave(kept); // which the end took
        assert!(!is_stopped(&late));
    }
}
