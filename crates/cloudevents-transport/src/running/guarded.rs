//! Handlers that may panic.

use crate::panics::{Panicked, caught};
use futures_util::FutureExt;
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// A future whose panics end nothing but itself.
pub(super) struct Guarded<F>(Option<Pin<Box<F>>>);

impl<F: Future> Guarded<F> {
    /// Calls the function that makes the future.
    pub(super) fn new(make: impl FnOnce() -> F) -> Self {
        Self(caught(|| Box::pin(make())).ok())
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.0 else { return Poll::Ready(Err(Panicked)) };
        let polled = caught(|| future.poll_unpin(context));
        let output = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(_) => Err(Panicked),
        };
        Poll::Ready(self.finish().and(output))
    }
}

impl<F> Guarded<F> {
    /// Drops the future.
    fn finish(&mut self) -> Result<(), Panicked> {
        let future = self.0.take();
        caught(|| drop(future))
    }
}

impl<F> Drop for Guarded<F> {
    fn drop(&mut self) {
        if self.finish().is_err() {
            tracing::warn!("a handler panicked while it was dropped");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }

    #[test]
    fn panics_anywhere_are_results() {
        assert_eq!(Guarded::new(|| ready(1)).now_or_never(), Some(Ok(1)));
        let never = |_: ()| panic!("made");
        assert_eq!(
            Guarded::new(|| -> std::future::Ready<()> { never(()) }).now_or_never(),
            Some(Err(Panicked))
        );
        assert_eq!(Guarded::new(|| async { panic!("polled") }).now_or_never(), Some(Err::<(), _>(Panicked)));
        let held = async {
            let _bomb = Bomb;
            pending::<()>().await;
        };
        assert_eq!(Guarded::new(|| held).now_or_never(), None); // dropped here
    }
}
