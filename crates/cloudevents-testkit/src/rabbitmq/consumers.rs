//! Who gets the messages of a queue: consumers in turns, each up to its prefetch.

use super::{
    fault::{Fault, precondition},
    message::Message,
    state::{ChannelKey, QueueState, State, Stored},
};
use amq_protocol::{protocol::basic, types::ShortString};
use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

/// How long a consumer may hold a message: an argument of quorum queues.
pub(super) const TIMEOUT: &str = "x-consumer-timeout";

/// A consumer of a queue.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) channel: ChannelKey,
    pub(super) tag: ShortString,
    no_ack: bool,
    /// How many messages it may hold. 0 is any number.
    limit: usize,
    holds: usize,
}

/// The output of a channel, and the messages that its client holds.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    out: Vec<Out>,
    held: BTreeMap<u64, Held>,
    delivered: u64,
}

/// Output of a channel.
#[derive(Debug)]
pub(super) enum Out {
    Deliver { to: ShortString, delivery: Delivery },
    Cancel(ShortString),
}

/// A message for a client.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) tag: u64,
    pub(super) redelivered: bool,
    pub(super) message: Message,
    /// How often it came back to a queue that counts.
    pub(super) count: Option<u32>,
}

/// A message that a client has, and has not settled.
#[derive(Debug)]
struct Held {
    queue: String,
    /// That of the queue.
    id: u64,
    /// Who got it, unless it was got.
    consumer: Option<ShortString>,
    stored: Stored,
}

/// How a client settles.
#[derive(Clone, Copy)]
pub(super) enum Settled {
    Accepted,
    Rejected,
    Returned,
}

impl State {
    /// Gives messages to all consumers that have room.
    pub(super) fn dispatch(&mut self) {
        let channels = &mut self.channels;
        self.queues.iter_mut().for_each(|(name, queue)| queue.dispatch(name, channels));
    }

    /// Adds a consumer, whose tag is not empty, with this prefetch.
    pub(super) fn consume(
        &mut self,
        name: &str,
        consume: &basic::Consume,
        tag: ShortString,
        channel: ChannelKey,
        limit: usize,
    ) -> Result<(), Fault> {
        let queue = self.queue(name, channel.0)?;
        if !queue.arguments.is_quorum() && consume.arguments.inner().contains_key(TIMEOUT) {
            return Err(precondition(format!("invalid arg '{TIMEOUT}' for a queue of this type")));
        }
        queue.consumers.push_back(Consumer { channel, tag, no_ack: consume.no_ack, limit, holds: 0 });
        Ok(())
    }

    /// Removes a consumer, and its queue if that was to go with the last one.
    pub(super) fn cancel(&mut self, name: &str, leaves: impl Fn(&Consumer) -> bool) {
        let Some(queue) = self.queues.get_mut(name) else { return };
        let before = queue.consumers.len();
        queue.consumers.retain(|consumer| !leaves(consumer));
        if queue.consumers.len() < before {
            queue.used = Instant::now();
            if queue.consumers.is_empty() && queue.auto_delete {
                self.remove_queue(name);
            }
        }
    }

    /// Takes the first message of a queue, and says how many are left.
    pub(super) fn get(
        &mut self,
        name: &str,
        no_ack: bool,
        channel: ChannelKey,
    ) -> Result<Option<(Delivery, usize)>, Fault> {
        self.queue(name, channel.0)?.used = Instant::now();
        let (Some(queue), Some(outbox)) = (self.queues.get_mut(name), self.channels.get_mut(&channel)) else {
            return Ok(None);
        };
        let Some(stored) = queue.ready.pop_front() else { return Ok(None) };
        Ok(Some((outbox.hand_over(name, queue, stored, None, no_ack), queue.ready.len())))
    }

    /// The output that a channel has to send now.
    pub(super) fn outgoing(&mut self, channel: ChannelKey) -> Vec<Out> {
        self.channels.get_mut(&channel).map(|outbox| std::mem::take(&mut outbox.out)).unwrap_or_default()
    }

    /// Settles one message, or all up to a tag, 0 being the last.
    pub(super) fn settle_tags(
        &mut self,
        channel: ChannelKey,
        tag: u64,
        multiple: bool,
        how: Settled,
    ) -> Result<(), Fault> {
        let Some(outbox) = self.channels.get_mut(&channel) else { return Ok(()) };
        let tags: Vec<u64> = match (multiple, tag) {
            (true, 0) => outbox.held.keys().copied().collect(),
            (_, tag) if !outbox.held.contains_key(&tag) => {
                return Err(precondition(format!("unknown delivery tag {tag}")));
            }
            (true, tag) => outbox.held.range(..=tag).map(|(tag, _)| *tag).collect(),
            (false, tag) => vec![tag],
        };
        let held: Vec<Held> = tags.iter().filter_map(|tag| outbox.held.remove(tag)).collect();
        held.into_iter().for_each(|held| self.release(channel, held, how));
        Ok(())
    }

    /// Ends a channel: its consumers leave, and the messages that its client holds return.
    pub(super) fn leave(&mut self, channel: ChannelKey) {
        let names: Vec<String> = self.queues.keys().cloned().collect();
        names.iter().for_each(|name| self.cancel(name, |consumer| consumer.channel == channel));
        let Some(outbox) = self.channels.remove(&channel) else { return };
        outbox.held.into_values().for_each(|held| self.release(channel, held, Settled::Returned));
    }

    fn release(&mut self, channel: ChannelKey, held: Held, how: Settled) {
        let Held { queue: name, id, consumer, stored } = held;
        // The messages of a queue that was deleted went with it.
        let Some(queue) = self.queues.get_mut(&name).filter(|queue| queue.id == id) else { return };
        let of = queue.consumers.iter_mut().find(|other| {
            other.channel == channel && consumer.as_ref().is_some_and(|consumer| *consumer == other.tag)
        });
        if let Some(consumer) = of {
            consumer.holds = consumer.holds.saturating_sub(1);
        }
        match how {
            Settled::Accepted => self.settle(&name, stored, false),
            Settled::Rejected => self.settle(&name, stored, true),
            Settled::Returned => self.give_back(&name, stored),
        }
    }
}

impl QueueState {
    /// Gives messages to consumers that have room, in turns.
    pub(super) fn dispatch(&mut self, name: &str, channels: &mut HashMap<ChannelKey, Outbox>) {
        while !self.ready.is_empty() {
            let has_room =
                |consumer: &Consumer| consumer.has_room() && channels.contains_key(&consumer.channel);
            let ready = self.consumers.iter().position(has_room);
            let Some(mut consumer) = ready.and_then(|at| self.consumers.remove(at)) else { return };
            if let Some(outbox) = channels.get_mut(&consumer.channel)
                && let Some(stored) = self.ready.pop_front()
            {
                consumer.holds = consumer.holds.saturating_add(usize::from(!consumer.no_ack));
                let to = Some(&consumer.tag);
                let delivery = outbox.hand_over(name, self, stored, to, consumer.no_ack);
                outbox.out.push(Out::Deliver { to: consumer.tag.clone(), delivery });
            }
            self.consumers.push_back(consumer);
        }
    }
}

impl Consumer {
    fn has_room(&self) -> bool {
        self.no_ack || self.limit == 0 || self.holds < self.limit
    }
}

impl Outbox {
    /// A consumer was cancelled by the broker.
    pub(super) fn cancel(&mut self, tag: ShortString) {
        self.out.push(Out::Cancel(tag));
    }

    fn hand_over(
        &mut self,
        name: &str,
        queue: &mut QueueState,
        stored: Stored,
        to: Option<&ShortString>,
        no_ack: bool,
    ) -> Delivery {
        self.delivered = self.delivered.saturating_add(1);
        let count = (queue.arguments.is_quorum() && stored.returns > 0).then_some(stored.returns);
        let (redelivered, message) = (stored.redelivered, stored.message.clone());
        if !no_ack {
            queue.unsettled = queue.unsettled.saturating_add(1);
            let held = Held { queue: name.to_owned(), id: queue.id, consumer: to.cloned(), stored };
            self.held.insert(self.delivered, held);
        }
        Delivery { tag: self.delivered, redelivered, message, count }
    }
}
