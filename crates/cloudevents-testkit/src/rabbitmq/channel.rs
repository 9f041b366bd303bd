//! Channels: the requests of clients, and their answers and messages.

use super::{
    consumers::{Delivery, Out, Settled, TIMEOUT},
    fault::{Fault, access_refused, command_invalid, not_allowed, not_implemented, unexpected_frame},
    frames::{content, send},
    publishing::Publisher,
    routing::Binding,
    shared::Shared,
    state::ChannelKey,
    topology::REPLIES,
};
use amq_protocol::{
    frame::AMQPFrame,
    protocol::{AMQPClass, basic, channel, confirm, exchange, queue},
    types::{AMQPValue, FieldTable, ShortString},
};
use std::{collections::BTreeMap, sync::Arc};

pub(super) struct Channel {
    key: ChannelKey,
    shared: Arc<Shared>,
    publisher: Publisher,
    /// How many bytes of a body a frame may have.
    frame: usize,
    /// Whether the client wants to hear that its consumers were cancelled.
    notices: bool,
    /// How many messages a consumer may hold that begins now.
    prefetch: usize,
    /// Tags, and queues.
    consumers: BTreeMap<ShortString, String>,
    /// Whether it was closed, and the client has not confirmed that.
    closing: bool,
}

impl Channel {
    /// `frame` is how many bytes of a body a frame may have.
    pub(super) fn new(
        key: ChannelKey,
        shared: &Arc<Shared>,
        user: Option<String>,
        notices: bool,
        frame: u32,
    ) -> Self {
        let frame = usize::try_from(frame).unwrap_or(usize::MAX);
        shared.with(|state| state.channels.insert(key, Default::default()));
        Self {
            key,
            shared: Arc::clone(shared),
            publisher: Publisher::new(user, frame),
            frame,
            notices,
            prefetch: 0,
            consumers: BTreeMap::new(),
            closing: false,
        }
    }

    /// Handles a frame. Returns whether the channel goes on. A soft fault closes it.
    pub(super) fn handle(&mut self, frame: AMQPFrame, out: &mut Vec<u8>) -> Result<bool, Fault> {
        let (id, shared) = (self.key.1, Arc::clone(&self.shared));
        let handled = match frame {
            AMQPFrame::Method(_, AMQPClass::Channel(channel::AMQPMethod::CloseOk(_))) => return Ok(false),
            AMQPFrame::Method(_, AMQPClass::Channel(channel::AMQPMethod::Close(_))) => {
                // The client's settlements are settled before it hears that the channel is closed.
                shared.change(|state| state.leave(self.key));
                let close_ok = channel::AMQPMethod::CloseOk(channel::CloseOk {});
                send(id, AMQPClass::Channel(close_ok), out);
                return Ok(false);
            }
            _ if self.closing => Ok(()),
            AMQPFrame::Method(..) if self.publisher.is_awaiting() => {
                Err(unexpected_frame("a method where content was expected"))
            }
            AMQPFrame::Method(_, method) => self.method(method, out),
            AMQPFrame::Header(_, header) => self.publisher.header(header, &shared, id, out),
            AMQPFrame::Body(_, bytes) => self.publisher.body(&bytes, &shared, id, out),
            _ => Err(unexpected_frame("no frame of a channel")),
        };
        match handled {
            Err(fault) if fault.is_soft() => self.close(fault, out),
            Err(fault) => return Err(fault),
            Ok(()) => {}
        }
        Ok(true)
    }

    /// Sends confirmations and messages.
    pub(super) fn flush(&mut self, out: &mut Vec<u8>) {
        let (id, shared) = (self.key.1, Arc::clone(&self.shared));
        if self.closing {
            return;
        }
        self.publisher.confirm_withheld(&shared);
        self.publisher.confirm(&shared, id, out);
        for next in shared.with(|state| state.outgoing(self.key)) {
            match next {
                Out::Deliver { to, delivery } => self.deliver(to, &delivery, out),
                Out::Cancel(consumer_tag) => {
                    self.consumers.remove(&consumer_tag);
                    if self.notices {
                        let cancel = basic::Cancel { consumer_tag, nowait: true };
                        self.basic(basic::AMQPMethod::Cancel(cancel), out);
                    }
                }
            }
        }
    }

    fn method(&mut self, method: AMQPClass, out: &mut Vec<u8>) -> Result<(), Fault> {
        let needs_login = matches!(
            method,
            AMQPClass::Basic(basic::AMQPMethod::Publish(_) | basic::AMQPMethod::Consume(_))
                | AMQPClass::Queue(queue::AMQPMethod::Declare(queue::Declare { passive: false, .. }))
                | AMQPClass::Exchange(exchange::AMQPMethod::Declare(exchange::Declare {
                    passive: false,
                    ..
                }))
        );
        if needs_login && self.key.0 < self.shared.with(|state| state.expired) {
            return Err(access_refused("Provided JWT token has expired"));
        }
        match method {
            AMQPClass::Basic(method) => self.on_basic(method, out),
            AMQPClass::Queue(method) => self.on_queue(method, out),
            AMQPClass::Exchange(method) => self.on_exchange(method, out),
            AMQPClass::Confirm(confirm::AMQPMethod::Select(select)) => {
                self.publisher.select();
                let ok = confirm::AMQPMethod::SelectOk(confirm::SelectOk {});
                self.reply(select.nowait, AMQPClass::Confirm(ok), out);
                Ok(())
            }
            AMQPClass::Channel(channel::AMQPMethod::Flow(_)) => {
                Err(not_implemented("the embedded broker has no flow of channels"))
            }
            AMQPClass::Tx(_) => Err(not_implemented("the embedded broker has no transactions")),
            _ => Err(command_invalid("no method that a client sends on a channel")),
        }
    }

    fn on_queue(&mut self, method: queue::AMQPMethod, out: &mut Vec<u8>) -> Result<(), Fault> {
        let (shared, connection) = (Arc::clone(&self.shared), self.key.0);
        let (nowait, answer) = match method {
            queue::AMQPMethod::Declare(declare) => {
                let name = match declare.queue.as_str() {
                    name if name.starts_with(REPLIES) => return Err(no_replies()),
                    "" => format!("amq.gen-{}", shared.with(|state| state.number())),
                    name => name.to_owned(),
                };
                let (ready, consumers) =
                    shared.change(|state| state.declare_queue(&name, &declare, connection))?;
                let queue = name.as_str().into();
                let (message_count, consumer_count) = (count(ready), count(consumers));
                let ok = queue::DeclareOk { queue, message_count, consumer_count };
                (declare.nowait, queue::AMQPMethod::DeclareOk(ok))
            }
            queue::AMQPMethod::Bind(bind) => {
                let binding = binding(&bind.queue, &bind.routing_key, &bind.arguments)?;
                shared.change(|state| {
                    state.queue(&binding.queue, connection)?;
                    state.bind(bind.exchange.as_str(), binding)
                })?;
                (bind.nowait, queue::AMQPMethod::BindOk(queue::BindOk {}))
            }
            queue::AMQPMethod::Unbind(unbind) => {
                let leaves = binding(&unbind.queue, &unbind.routing_key, &unbind.arguments)?;
                if unbind.exchange.as_str().is_empty() {
                    return Err(access_refused("operation not permitted on the default exchange"));
                }
                shared.change(|state| {
                    state.unbind(|name, binding| name == unbind.exchange.as_str() && *binding == leaves);
                });
                (false, queue::AMQPMethod::UnbindOk(queue::UnbindOk {}))
            }
            queue::AMQPMethod::Purge(purge) => {
                let name = named(&purge.queue)?;
                let purged = shared.change(|state| {
                    state.queue(&name, connection).map(|queue| std::mem::take(&mut queue.ready).len())
                })?;
                let ok = queue::PurgeOk { message_count: count(purged) };
                (purge.nowait, queue::AMQPMethod::PurgeOk(ok))
            }
            queue::AMQPMethod::Delete(delete) => {
                let name = named(&delete.queue)?;
                let deleted = shared.change(|state| state.delete_queue(&name, &delete, connection))?;
                let ok = queue::DeleteOk { message_count: count(deleted) };
                (delete.nowait, queue::AMQPMethod::DeleteOk(ok))
            }
            _ => return Err(command_invalid("no method that a client sends")),
        };
        self.reply(nowait, AMQPClass::Queue(answer), out);
        Ok(())
    }

    fn on_exchange(&mut self, method: exchange::AMQPMethod, out: &mut Vec<u8>) -> Result<(), Fault> {
        let (nowait, answer) = match method {
            exchange::AMQPMethod::Declare(declare) => {
                self.shared.change(|state| state.declare_exchange(&declare))?;
                (declare.nowait, exchange::AMQPMethod::DeclareOk(exchange::DeclareOk {}))
            }
            exchange::AMQPMethod::Delete(delete) => {
                self.shared.change(|state| state.delete_exchange(&delete))?;
                (delete.nowait, exchange::AMQPMethod::DeleteOk(exchange::DeleteOk {}))
            }
            exchange::AMQPMethod::Bind(_) | exchange::AMQPMethod::Unbind(_) => {
                return Err(not_implemented("the embedded broker does not bind exchanges to exchanges"));
            }
            _ => return Err(command_invalid("no method that a client sends")),
        };
        self.reply(nowait, AMQPClass::Exchange(answer), out);
        Ok(())
    }

    fn on_basic(&mut self, method: basic::AMQPMethod, out: &mut Vec<u8>) -> Result<(), Fault> {
        match method {
            basic::AMQPMethod::Publish(publish) => self.publisher.begin(publish, &self.shared)?,
            basic::AMQPMethod::Qos(basic::Qos { global: true, .. }) => {
                return Err(not_implemented("the embedded broker has no prefetch of channels"));
            }
            basic::AMQPMethod::Qos(qos) => {
                self.prefetch = usize::from(qos.prefetch_count);
                self.basic(basic::AMQPMethod::QosOk(basic::QosOk {}), out);
            }
            basic::AMQPMethod::Consume(consume) => self.consume(&consume, out)?,
            basic::AMQPMethod::Cancel(cancel) => {
                let tag = &cancel.consumer_tag;
                if let Some(queue) = self.consumers.remove(tag) {
                    // The consumer's earlier messages are sent before the answer.
                    self.flush(out);
                    self.shared.change(|state| {
                        state.cancel(&queue, |other| other.channel == self.key && other.tag == *tag);
                    });
                }
                let ok = basic::CancelOk { consumer_tag: cancel.consumer_tag };
                self.reply(cancel.nowait, AMQPClass::Basic(basic::AMQPMethod::CancelOk(ok)), out);
            }
            basic::AMQPMethod::CancelOk(_) => {}
            basic::AMQPMethod::Get(get) => self.get(&get, out)?,
            basic::AMQPMethod::Ack(ack) => self.settle(ack.delivery_tag, ack.multiple, Settled::Accepted)?,
            basic::AMQPMethod::Reject(reject) => {
                self.settle(reject.delivery_tag, false, refused(reject.requeue))?;
            }
            basic::AMQPMethod::Nack(nack) => {
                self.settle(nack.delivery_tag, nack.multiple, refused(nack.requeue))?;
            }
            basic::AMQPMethod::Recover(_) | basic::AMQPMethod::RecoverAsync(_) => {
                return Err(not_implemented("the embedded broker does not recover"));
            }
            _ => return Err(command_invalid("no method that a client sends")),
        }
        Ok(())
    }

    fn consume(&mut self, consume: &basic::Consume, out: &mut Vec<u8>) -> Result<(), Fault> {
        if consume.queue.as_str() == REPLIES {
            return Err(no_replies());
        }
        if consume.exclusive {
            return Err(not_implemented("the embedded broker has no exclusive consumers"));
        }
        for (name, value) in consume.arguments.inner() {
            let is_default = name.as_str() == "x-priority" && *value == AMQPValue::LongInt(0);
            if name.as_str().starts_with("x-") && name.as_str() != TIMEOUT && !is_default {
                return Err(not_implemented(format!(
                    "the embedded broker has no argument '{name}' of consumers"
                )));
            }
        }
        let name = named(&consume.queue)?;
        let tag = match consume.consumer_tag.as_str() {
            "" => format!("amq.ctag-{}", self.shared.with(|state| state.number())).into(),
            _ => consume.consumer_tag.clone(),
        };
        if self.consumers.contains_key(&tag) {
            return Err(not_allowed(format!("attempt to reuse consumer tag '{tag}'")));
        }
        let (key, limit) = (self.key, self.prefetch);
        self.shared.change(|state| state.consume(&name, consume, tag.clone(), key, limit))?;
        self.consumers.insert(tag.clone(), name);
        let ok = basic::AMQPMethod::ConsumeOk(basic::ConsumeOk { consumer_tag: tag });
        self.reply(consume.nowait, AMQPClass::Basic(ok), out);
        Ok(())
    }

    fn get(&mut self, get: &basic::Get, out: &mut Vec<u8>) -> Result<(), Fault> {
        let name = named(&get.queue)?;
        let got = self.shared.change(|state| state.get(&name, get.no_ack, self.key))?;
        let Some((delivery, left)) = got else {
            self.basic(basic::AMQPMethod::GetEmpty(basic::GetEmpty {}), out);
            return Ok(());
        };
        let ok = basic::GetOk {
            delivery_tag: delivery.tag,
            redelivered: delivery.redelivered,
            exchange: delivery.message.exchange.as_str().into(),
            routing_key: delivery.message.routing_key.as_str().into(),
            message_count: count(left),
        };
        self.basic(basic::AMQPMethod::GetOk(ok), out);
        content(self.key.1, self.frame, &delivery.message, delivery.count, out);
        Ok(())
    }

    fn deliver(&self, consumer_tag: ShortString, delivery: &Delivery, out: &mut Vec<u8>) {
        let deliver = basic::Deliver {
            consumer_tag,
            delivery_tag: delivery.tag,
            redelivered: delivery.redelivered,
            exchange: delivery.message.exchange.as_str().into(),
            routing_key: delivery.message.routing_key.as_str().into(),
        };
        self.basic(basic::AMQPMethod::Deliver(deliver), out);
        content(self.key.1, self.frame, &delivery.message, delivery.count, out);
    }

    fn settle(&self, tag: u64, multiple: bool, how: Settled) -> Result<(), Fault> {
        self.shared.change(|state| state.settle_tags(self.key, tag, multiple, how))
    }

    /// Closes the channel with an error.
    fn close(&mut self, fault: Fault, out: &mut Vec<u8>) {
        self.shared.change(|state| state.leave(self.key));
        self.closing = true;
        let (reply_code, reply_text) = (fault.code, fault.text.into());
        let close = channel::Close { reply_code, reply_text, class_id: 0, method_id: 0 };
        send(self.key.1, AMQPClass::Channel(channel::AMQPMethod::Close(close)), out);
    }

    fn basic(&self, method: basic::AMQPMethod, out: &mut Vec<u8>) {
        send(self.key.1, AMQPClass::Basic(method), out);
    }

    fn reply(&self, nowait: bool, method: AMQPClass, out: &mut Vec<u8>) {
        if !nowait {
            send(self.key.1, method, out);
        }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.shared.change(|state| state.leave(self.key));
    }
}

/// The name of a queue.
fn named(name: &ShortString) -> Result<String, Fault> {
    match name.as_str() {
        "" => Err(not_implemented(
            "in the embedded broker, no name does not mean the queue that was declared last",
        )),
        name => Ok(name.to_owned()),
    }
}

fn binding(queue: &ShortString, key: &ShortString, arguments: &FieldTable) -> Result<Binding, Fault> {
    if !arguments.inner().is_empty() {
        return Err(not_implemented("the embedded broker has no arguments of bindings"));
    }
    Ok(Binding { key: key.to_string(), queue: named(queue)? })
}

fn no_replies() -> Fault {
    not_implemented("the embedded broker has no replies without a queue")
}

fn refused(requeue: bool) -> Settled {
    if requeue { Settled::Returned } else { Settled::Rejected }
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
