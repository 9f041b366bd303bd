//! Messages that are resolved together.

use crate::{Permit, Receipt, Resolver};
use cloudevents_core::Error;
use std::{fmt, iter::repeat_with};

/// Messages that are confirmed together. Bindings that resolve outcomes without [`Confirms`](super::Confirms) collect them here.
///
/// Their places are freed under one lock. The outcomes are resolved from the last to the first: a task that waits for all of them waits
/// for the first one first, and so wakes once.
#[derive(Default)]
pub struct Group {
    /// One for each limit, in general one.
    places: Vec<Permit>,
    resolvers: Vec<Resolver<Receipt>>,
}

impl Group {
    /// Adds a message, which has a place in flight.
    pub fn add(&mut self, place: Permit, resolver: Resolver<Receipt>) {
        self.resolvers.push(resolver);
        let other = match self.places.last_mut() {
            Some(last) => last.merge(place).err(),
            None => Some(place),
        };
        self.places.extend(other);
    }

    /// Resolves all messages, and is empty then.
    pub fn resolve(&mut self, result: &Result<Receipt, Error>) {
        self.resolve_from_last(repeat_with(|| result.clone()));
    }

    /// Resolves the last message with the first result, and so on.
    pub(super) fn resolve_from_last(&mut self, results: impl Iterator<Item = Result<Receipt, Error>>) {
        self.places.clear(); // first, because the task that gets a result may send the next message
        self.resolvers.drain(..).rev().zip(results).for_each(|(resolver, result)| resolver.resolve(result));
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("messages", &self.resolvers.len()).finish_non_exhaustive()
    }
}
