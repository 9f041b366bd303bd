//! Lent deliveries: a handler may settle one by itself, and gives it back unsettled otherwise.

use crate::{
    Outcome, Outgoing, Receipt, Settlement,
    binding::{Ownership, Token},
};
use cloudevents_core::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The lender's part.
#[derive(Clone)]
pub(crate) struct Lent(Arc<Mutex<Slot>>);

/// The borrower's part.
pub(crate) struct Borrowed {
    token: Option<Token>,
    lender: Lent,
}

enum Slot {
    Out,
    Back(Token),
    /// The borrower has settled it: accepted, or in another way.
    Settled(bool),
    /// The lender is gone. A returned token is released.
    Closed,
}

impl Lent {
    /// Lends a token.
    pub(crate) fn new(token: Token) -> (Self, Borrowed) {
        let lent = Self(Arc::new(Mutex::new(Slot::Out)));
        (lent.clone(), Borrowed { token: Some(token), lender: lent })
    }

    /// Ends the loan. Returns the token if it came back unsettled. If the borrower still has it, the borrower
    /// keeps it, and releases it when dropped.
    pub(crate) fn reclaim(&self) -> Option<Token> {
        match std::mem::replace(&mut *self.slot(), Slot::Closed) {
            Slot::Back(token) => Some(token),
            Slot::Out | Slot::Settled(_) | Slot::Closed => None,
        }
    }

    /// Whether the borrower accepted it, or has passed it on.
    pub(crate) fn is_taken(&self) -> bool {
        matches!(*self.slot(), Slot::Settled(true) | Slot::Out)
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Borrowed {
    pub(crate) fn settle(mut self, how: Settlement) -> Outcome {
        match self.token.take() {
            Some(token) => {
                *self.lender.slot() = Slot::Settled(matches!(how, Settlement::Accept));
                token.settle(how)
            }
            None => Outcome::done(),
        }
    }
}

impl Borrowed {
    pub(crate) fn is_current(&self) -> bool {
        self.token.as_ref().is_none_or(Token::is_current)
    }

    pub(crate) fn ownership(&self) -> Option<Ownership> {
        self.token.as_ref().and_then(Token::ownership)
    }

    pub(crate) fn extend(&self) -> Result<(), Error> {
        self.token.as_ref().map_or(Ok(()), Token::extend)
    }

    /// Replies to the message. `None` if it is settled already.
    pub(crate) fn reply(&self, answer: Outgoing) -> Option<Outcome<Receipt>> {
        self.token.as_ref().map(|token| token.reply(answer))
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let Some(token) = self.token.take() else { return };
        let mut slot = self.lender.slot();
        if matches!(*slot, Slot::Out) {
            *slot = Slot::Back(token);
        } else {
            drop(slot); // before the token, which is released
            drop(token);
        }
    }
}
