//! A message that a binding hands over.

use crate::{Received, binding::Token};

/// A message that a binding hands over: one for each *transport* message.
#[derive(Debug)]
pub struct Incoming {
    pub(crate) received: Received,
    pub(crate) attempt: u32,
    pub(crate) token: Token,
}

impl Incoming {
    /// A message and the token that settles it, as its first attempt.
    pub fn new(received: Received, token: Token) -> Self {
        Self { received, attempt: 1, token }
    }

    /// Splits it into the message and the token that settles it. For tests of bindings.
    pub fn into_parts(self) -> (Received, Token) {
        (self.received, self.token)
    }

    /// Returns it with the delivery attempt, starting at 1, as far as the protocol counts.
    pub fn with_attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt.max(1);
        self
    }
}
