//! Whether messages still belong to this process.

use tokio::sync::watch;

/// Keeps messages for this process until it is dropped: messages of an assigned partition, or of a connection.
///
/// The binding has it, and gives an [`Ownership`] to each message.
#[derive(Debug)]
pub struct Owner(watch::Sender<Stage>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Owned,
    Leaving,
    Lost,
}

impl Owner {
    /// Creates it: the messages belong to this process.
    pub fn new() -> Self {
        Self(watch::Sender::new(Stage::Owned))
    }

    /// Returns the ownership that a message carries. Clones share it.
    pub fn ownership(&self) -> Ownership {
        Ownership(self.0.subscribe())
    }

    /// Reports that another consumer will have the messages soon. Handlers begin only messages that are overtaken in a log.
    pub fn leave(&self) {
        self.0
            .send_if_modified(|stage| std::mem::replace(stage, (*stage).max(Stage::Leaving)) == Stage::Owned);
    }
}

impl Default for Owner {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.send_replace(Stage::Lost);
    }
}

/// Whether messages still belong to this process. See [`Delivery::is_current`](crate::Delivery::is_current).
#[derive(Clone, Debug)]
pub struct Ownership(watch::Receiver<Stage>);

impl Ownership {
    /// Whether the messages belong to this process, and will for now.
    pub fn is_held(&self) -> bool {
        *self.0.borrow() == Stage::Owned
    }

    /// Ready when another consumer has the messages, or will soon.
    pub async fn leaving(mut self) {
        // An error means that the owner is gone, which says the same.
        let _ = self.0.wait_for(|stage| *stage >= Stage::Leaving).await;
    }

    /// Ready when another consumer has the messages.
    pub async fn lost(mut self) {
        let _ = self.0.wait_for(|stage| *stage >= Stage::Lost).await;
    }

    /// Whether both are of the same owner.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.0.same_channel(&other.0)
    }
}

#[cfg(all(test, not(ce_model)))]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn messages_are_held_until_the_owner_leaves_and_lost_when_it_is_gone() {
        let owner = Owner::new();
        let ownership = owner.ownership();
        let (leaving, lost) = (ownership.clone().leaving(), ownership.clone().lost());
        tokio::pin!(leaving, lost);
        assert!(ownership.is_held() && leaving.as_mut().now_or_never().is_none());
        owner.leave();
        assert!(!ownership.is_held());
        assert_eq!((leaving.now_or_never(), lost.as_mut().now_or_never()), (Some(()), None));
        assert!(ownership.is_same(&owner.ownership()) && !ownership.is_same(&Owner::new().ownership()));
        drop(owner);
        assert_eq!(lost.now_or_never(), Some(()));
    }
}
