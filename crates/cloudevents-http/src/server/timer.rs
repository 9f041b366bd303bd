//! The deadlines of the requests of a connection.

use hyper::rt::{Sleep, Timer};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};
use tokio::time;

/// The timers of a connection: hyper wants one for the head of each request, and drops it when the head is there.
///
/// A timer of tokio is kept as it is, and used again. To take it out and to put in one for each request costs more than the wake-up in
/// vain when its first deadline has come.
#[derive(Clone, Default)]
pub(super) struct SpareTimer(Arc<Mutex<Option<Pin<Box<time::Sleep>>>>>);

impl SpareTimer {
    fn lock(&self) -> MutexGuard<'_, Option<Pin<Box<time::Sleep>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Timer for SpareTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        let now = self.now();
        self.sleep_until(now.checked_add(duration).unwrap_or(now))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let deadline = deadline.into();
        let spare = self.lock().take().filter(|spare| spare.deadline() <= deadline);
        let timer = spare.unwrap_or_else(|| Box::pin(time::sleep_until(deadline)));
        Box::pin(Until { deadline, timer: Some(timer), spare: self.clone() })
    }

    /// The clock of tokio, as that of its timers.
    fn now(&self) -> Instant {
        time::Instant::now().into()
    }
}

/// Waits for a deadline, with a timer that may be set to an earlier one.
struct Until {
    deadline: time::Instant,
    timer: Option<Pin<Box<time::Sleep>>>,
    spare: SpareTimer,
}

impl Sleep for Until {}

impl Future for Until {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { deadline, timer, .. } = &mut *self;
        let Some(timer) = timer else { return Poll::Ready(()) };
        ready!(timer.as_mut().poll(context));
        if timer.deadline() < *deadline {
            timer.as_mut().reset(*deadline);
            ready!(timer.as_mut().poll(context));
        }
        Poll::Ready(())
    }
}

impl Drop for Until {
    fn drop(&mut self) {
        *self.spare.lock() = self.timer.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_is_used_again_ends_at_the_last_deadline() {
        let timers = SpareTimer::default();
        let begin = timers.now();
        let mut first = timers.sleep_until(begin + 2 * SECOND);
        assert!(first.as_mut().now_or_never().is_none());
        time::sleep(SECOND).await;
        drop(first);
        let mut second = timers.sleep_until(begin + 5 * SECOND);
        assert!(timers.lock().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        second.await;
        assert_eq!(timers.now() - begin, 5 * SECOND);
        // One that has ended, and one that would end too late.
        timers.sleep(2 * SECOND).await;
        assert_eq!(timers.now() - begin, 7 * SECOND);
        drop(timers.sleep(10 * SECOND));
        timers.sleep(SECOND).await;
        assert_eq!(timers.now() - begin, 8 * SECOND);
    }
}
