//! Declaring, binding and deleting queues and exchanges.

use super::{
    arguments::Arguments,
    fault::{Fault, access_refused, command_invalid, locked, not_found, not_implemented, precondition},
    routing::{Binding, Exchange, HEADERS, KINDS},
    state::{QueueState, State},
};
use amq_protocol::{
    protocol::{exchange, queue},
    types::FieldTable,
};
use std::time::Instant;

/// The queue of answers without a queue.
pub(super) const REPLIES: &str = "amq.rabbitmq.reply-to";

impl State {
    /// Declares a durable queue without arguments, if there is none of this name.
    pub(super) fn ensure_queue(&mut self, name: &str) {
        if !self.queues.contains_key(name) {
            let queue = QueueState::new(self.number(), FieldTable::default(), Arguments::default());
            self.queues.insert(name.to_owned(), queue);
        }
    }

    /// The queue, if this connection may use it.
    pub(super) fn queue(&mut self, name: &str, connection: u64) -> Result<&mut QueueState, Fault> {
        let queue = self.queues.get_mut(name).ok_or_else(|| not_found("queue", name))?;
        match queue.owner {
            Some(owner) if owner != connection => Err(locked(name)),
            _ => Ok(queue),
        }
    }

    /// Declares a queue under a name that is not empty. Returns how many messages are ready, and how many consumers there are.
    pub(super) fn declare_queue(
        &mut self,
        name: &str,
        declare: &queue::Declare,
        connection: u64,
    ) -> Result<(usize, usize), Fault> {
        if !declare.passive && name.starts_with("amq.") && !declare.queue.as_str().is_empty() {
            return Err(access_refused(format!("queue name '{name}' contains reserved prefix 'amq.*'")));
        }
        if declare.passive || self.queues.contains_key(name) {
            let queue = self.queue(name, connection)?;
            if !declare.passive {
                equivalent(queue, name, declare, connection)?;
            }
            queue.used = Instant::now();
            return Ok((queue.ready.len(), queue.consumers.len()));
        }
        let arguments = Arguments::new(&declare.arguments)?;
        if arguments.is_quorum() && (!declare.durable || declare.exclusive || declare.auto_delete) {
            return Err(precondition("a quorum queue is durable, not exclusive, and does not delete itself"));
        }
        if arguments.is_quorum() && declare.queue.as_str().is_empty() {
            return Err(precondition("a quorum queue has a name"));
        }
        let mut queue = QueueState::new(self.number(), declare.arguments.clone(), arguments);
        queue.durable = declare.durable;
        queue.auto_delete = declare.auto_delete;
        queue.owner = declare.exclusive.then_some(connection);
        self.queues.insert(name.to_owned(), queue);
        Ok((0, 0))
    }

    /// Deletes a queue that may be absent. Returns how many messages were ready.
    pub(super) fn delete_queue(
        &mut self,
        name: &str,
        delete: &queue::Delete,
        connection: u64,
    ) -> Result<usize, Fault> {
        if !self.queues.contains_key(name) {
            return Ok(0);
        }
        let queue = self.queue(name, connection)?;
        if delete.if_unused && !queue.consumers.is_empty() {
            return Err(precondition(format!("queue '{name}' in vhost '/' in use")));
        }
        if delete.if_empty && !queue.ready.is_empty() {
            return Err(precondition(format!("queue '{name}' in vhost '/' not empty")));
        }
        Ok(self.remove_queue(name).map_or(0, |queue| queue.ready.len()))
    }

    /// Removes a queue with its bindings, and cancels its consumers.
    pub(super) fn remove_queue(&mut self, name: &str) -> Option<QueueState> {
        let queue = self.queues.remove(name)?;
        for consumer in &queue.consumers {
            if let Some(outbox) = self.channels.get_mut(&consumer.channel) {
                outbox.cancel(consumer.tag.clone());
            }
        }
        self.unbind(|_, binding| binding.queue == name);
        Some(queue)
    }

    /// Removes the queues that a connection had for itself.
    pub(super) fn disown(&mut self, connection: u64) {
        let own = self.queues.iter().filter(|(_, queue)| queue.owner == Some(connection));
        let own: Vec<String> = own.map(|(name, _)| name.clone()).collect();
        own.iter().for_each(|name| drop(self.remove_queue(name)));
    }

    /// Binds a queue, which exists, to an exchange.
    pub(super) fn bind(&mut self, exchange: &str, binding: Binding) -> Result<(), Fault> {
        if exchange.is_empty() {
            return Err(access_refused("operation not permitted on the default exchange"));
        }
        self.exchanges.get_mut(exchange).ok_or_else(|| not_found("exchange", exchange))?.bind(binding);
        Ok(())
    }

    /// Removes bindings.
    pub(super) fn unbind(&mut self, leaves: impl Fn(&str, &Binding) -> bool) {
        for (name, exchange) in &mut self.exchanges {
            exchange.bindings.retain(|binding| !leaves(name, binding));
        }
    }

    pub(super) fn declare_exchange(&mut self, declare: &exchange::Declare) -> Result<(), Fault> {
        let (name, kind) = (declare.exchange.as_str(), declare.kind.as_str());
        let known = self.exchanges.get(name);
        if declare.passive {
            return if name.is_empty() || known.is_some() {
                Ok(())
            } else {
                Err(not_found("exchange", name))
            };
        }
        if name.is_empty() {
            return Err(access_refused("operation not permitted on the default exchange"));
        }
        if kind == HEADERS || declare.internal || declare.auto_delete {
            let what = "the embedded broker has no exchanges of headers, internal ones or ones that delete themselves";
            return Err(not_implemented(what));
        }
        if !KINDS.contains(&kind) {
            return Err(command_invalid(format!("unknown exchange type '{kind}'")));
        }
        if declare.arguments.inner().contains_key("alternate-exchange") {
            return Err(not_implemented("the embedded broker has no alternate exchanges"));
        }
        let Some(known) = known else {
            if name.starts_with("amq.") {
                let what = format!("exchange name '{name}' contains reserved prefix 'amq.*'");
                return Err(access_refused(what));
            }
            let exchange = Exchange { durable: declare.durable, ..Exchange::new(kind) };
            self.exchanges.insert(name.to_owned(), exchange);
            return Ok(());
        };
        same("type", known.kind == kind, "exchange", name)?;
        same("durable", known.durable == declare.durable, "exchange", name)
    }

    pub(super) fn delete_exchange(&mut self, delete: &exchange::Delete) -> Result<(), Fault> {
        let name = delete.exchange.as_str();
        if name.is_empty() || name.starts_with("amq.") {
            return Err(access_refused(format!("operation not permitted on the exchange '{name}'")));
        }
        let is_used = self.exchanges.get(name).is_some_and(|exchange| !exchange.bindings.is_empty());
        if delete.if_unused && is_used {
            return Err(precondition(format!("exchange '{name}' in vhost '/' in use")));
        }
        self.exchanges.remove(name);
        Ok(())
    }
}

/// Whether a queue may be declared again like this.
fn equivalent(
    queue: &QueueState,
    name: &str,
    declare: &queue::Declare,
    connection: u64,
) -> Result<(), Fault> {
    if queue.owner != declare.exclusive.then_some(connection) {
        return Err(locked(name));
    }
    same("durable", queue.durable == declare.durable, "queue", name)?;
    same("auto_delete", queue.auto_delete == declare.auto_delete, "queue", name)?;
    same("arguments", queue.arguments == Arguments::new(&declare.arguments)?, "queue", name)
}

fn same(argument: &str, is_same: bool, kind: &str, name: &str) -> Result<(), Fault> {
    match is_same {
        true => Ok(()),
        false => Err(precondition(format!("inequivalent arg '{argument}' for {kind} '{name}' in vhost '/'"))),
    }
}
