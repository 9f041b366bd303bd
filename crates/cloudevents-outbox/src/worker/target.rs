//! A target of a worker.

use super::{LONGEST_HOLD, attempt::Flight};
use crate::{Health, Settlement, store::IN_ORDER};
use cloudevents_core::Error;
use cloudevents_transport::{Bounds, binding::later};
use std::{collections::VecDeque, time::SystemTime};
use tokio::time::Instant;

/// A target with leased messages, or that had some.
pub(super) struct Busy {
    pub(super) held: usize,
    /// How many of those are in order, and whether more of them may be due: they can be claimed when these are settled.
    pub(super) in_line: usize,
    pub(super) has_more: bool,
    /// How many messages may be held. Each delivery adds one, so that a target that hangs from the beginning takes few permits.
    pub(super) window: usize,
    pub(super) health: Health,
    /// Until when the sender does not send by itself, even if the clock is set. The store does not know: other workers may send.
    pub(super) held_back_until: Option<Instant>,
    /// Whether a message in order is under way.
    pub(super) in_order: bool,
    /// The messages in order behind it.
    pub(super) behind: VecDeque<Flight>,
    /// The messages in order before it, which were refused. If the next one is accepted, that was their own fault.
    pub(super) refused: Vec<(Settlement, Error)>,
    /// Whether one has waited for its sender to show that.
    pub(super) has_waited: bool,
    /// The destination that refused them. An acceptance by another destination says nothing about them.
    pub(super) refused_at: Option<Box<str>>,
    /// Until when one that is refused is followed by the next one, whose attempt then ends before the lease, with which the store also
    /// keeps the target for them.
    pub(super) refused_until: Option<SystemTime>,
    /// How many may be refused in a row: more after each pause of the target, and after each attempt of the first one. An acceptance by
    /// another destination ends a pause, and says nothing about this row.
    pub(super) row: usize,
}

impl Busy {
    pub(super) fn new() -> Self {
        let (behind, refused) = (VecDeque::new(), Vec::new());
        Self {
            held: 0,
            in_line: 0,
            has_more: false,
            window: Bounds::FIRST,
            health: Health::default(),
            held_back_until: None,
            in_order: false,
            behind,
            refused,
            has_waited: false,
            refused_at: None,
            refused_until: None,
            row: IN_ORDER,
        }
    }

    /// Whether nothing is to be sent now. Either the target requested a pause of one of the messages that are held (the store knows about
    /// others), or the sender holds back.
    pub(super) fn is_resting(&self, now: SystemTime) -> bool {
        (self.held > 0 && self.health.is_pause_requested(now)) || self.is_held_back()
    }

    /// Whether it has delivered something since it last failed.
    pub(super) fn is_proven(&self) -> bool {
        self.window > Bounds::FIRST
    }

    pub(super) fn is_held_back(&self) -> bool {
        self.held_back_until.is_some_and(|until| until > Instant::now())
    }

    /// Whether it is held back, or was when it was last tried.
    pub(super) fn was_held_back(&self) -> bool {
        self.held_back_until.is_some_and(|until| later(until, LONGEST_HOLD) > Instant::now())
    }
}
