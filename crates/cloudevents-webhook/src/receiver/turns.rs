//! Copies of a delivery, one after the other.

use crate::DeliveryKey;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{Mutex as Turned, OwnedMutexGuard};

/// Copies of a delivery that may wait, each with its body.
const MOST: usize = 32;

/// The deliveries of this process. Copies of each have their turns in the order in which they came. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<DeliveryKey, Copies>>>);

#[derive(Debug, Default)]
struct Copies {
    number: usize,
    turned: Arc<Turned<()>>,
}

/// A copy that has its turn, or waits for it.
struct Copy {
    turns: Turns,
    key: DeliveryKey,
}

/// The turn of a copy, until it is dropped.
pub(super) struct Turn {
    // Dropped first: the next copy has its turn.
    _turned: OwnedMutexGuard<()>,
    _copy: Copy,
}

impl Turns {
    /// Waits for the turn of a copy. `None` if too many wait already.
    pub(super) fn next(&self, key: DeliveryKey) -> Option<impl Future<Output = Turn> + Send + use<>> {
        let turned = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let copies = all.entry(key).or_default();
            if copies.number > MOST {
                return None;
            }
            copies.number = copies.number.saturating_add(1);
            Arc::clone(&copies.turned)
        };
        let copy = Copy { turns: self.clone(), key };
        Some(async move { Turn { _turned: turned.lock_owned().await, _copy: copy } })
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let mut all = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(copies) = all.get_mut(&self.key) else { return };
        copies.number = copies.number.saturating_sub(1);
        if copies.number == 0 {
            all.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        pin::Pin,
        task::{Context, Waker},
    };

    /// The turn of a copy, if it has it.
    fn turn(waiting: &mut Pin<Box<impl Future<Output = Turn>>>) -> Option<Turn> {
        match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            std::task::Poll::Ready(turn) => Some(turn),
            std::task::Poll::Pending => None,
        }
    }

    #[test]
    fn copies_have_their_turns_in_their_order() {
        let (turns, key) = (Turns::default(), DeliveryKey::of_id("1"));
        let [mut first, mut second, mut third] = [0; 3].map(|_| Box::pin(turns.next(key).unwrap()));
        let had = turn(&mut first).unwrap();
        assert!(turn(&mut second).is_none() && turn(&mut third).is_none());
        // Another delivery does not wait.
        assert!(turn(&mut Box::pin(turns.next(DeliveryKey::of_id("2")).unwrap())).is_some());
        drop(had);
        assert!(turn(&mut third).is_none());
        drop(turn(&mut second).unwrap());
        drop(turn(&mut third).unwrap());
        assert!(turns.0.lock().unwrap().is_empty());
    }

    #[test]
    fn few_copies_wait_and_those_that_give_up_make_room() {
        let (turns, key) = (Turns::default(), DeliveryKey::of_id("1"));
        let mut waiting: Vec<_> = (0..=MOST).map(|_| Box::pin(turns.next(key).unwrap())).collect();
        assert!(turns.next(key).is_none());
        waiting.pop();
        assert!(turns.next(key).is_some());
    }
}
