//! Channels: publishing, consuming and settling.

use super::{
    broker::{Interceptor, Shared},
    connection::write,
    queue::{Answer, Message, Properties},
    routing::Exchange,
    state::{State, Stored},
};
use amq_protocol::{
    frame::{AMQPContentHeader, AMQPFrame},
    protocol::{AMQPClass, BasicProperties, basic, channel, confirm, exchange, queue},
    types::{AMQPValue, ChannelId, ShortString},
};
use std::{collections::BTreeMap, sync::Arc};

/// What a frame put an end to.
pub(super) enum Ends {
    Channel,
    Connection,
}

pub(super) struct Channel {
    id: ChannelId,
    shared: Arc<Shared>,
    /// Whether messages are confirmed.
    confirms: bool,
    /// The number of the last message.
    published: u64,
    /// The message whose header or body is awaited.
    incoming: Option<Incoming>,
    acks: Vec<u64>,
    nacks: Vec<u64>,
    withheld: BTreeMap<u64, (String, Message)>,
    prefetch: usize,
    consumers: Vec<Consumer>,
    delivered: u64,
    unsettled: BTreeMap<u64, (String, Stored)>,
    /// Whether it was closed, and the client has not confirmed that.
    closing: bool,
}

struct Incoming {
    publish: basic::Publish,
    header: Option<AMQPContentHeader>,
    body: Vec<u8>,
}

struct Consumer {
    tag: ShortString,
    queue: String,
    no_ack: bool,
}

impl Channel {
    pub(super) fn new(id: ChannelId, shared: &Arc<Shared>) -> Self {
        Self {
            id,
            shared: Arc::clone(shared),
            confirms: false,
            published: 0,
            incoming: None,
            acks: Vec::new(),
            nacks: Vec::new(),
            withheld: BTreeMap::new(),
            prefetch: 0,
            consumers: Vec::new(),
            delivered: 0,
            unsettled: BTreeMap::new(),
            closing: false,
        }
    }

    pub(super) fn handle(
        &mut self,
        frame: AMQPFrame,
        shared: &Shared,
        out: &mut Vec<u8>,
    ) -> Result<(), Ends> {
        match frame {
            AMQPFrame::Method(_, AMQPClass::Channel(channel::AMQPMethod::CloseOk(_))) => Err(Ends::Channel),
            AMQPFrame::Method(_, AMQPClass::Channel(channel::AMQPMethod::Close(_))) => {
                let close_ok = channel::AMQPMethod::CloseOk(channel::CloseOk {});
                self.send(AMQPClass::Channel(close_ok), out);
                Err(Ends::Channel)
            }
            _ if self.closing => Ok(()),
            AMQPFrame::Method(_, method) => self.method(method, shared, out),
            AMQPFrame::Header(_, header) => {
                let incoming = self.incoming.as_mut().ok_or(Ends::Connection)?;
                incoming.header = Some(header);
                self.published(shared, out);
                Ok(())
            }
            AMQPFrame::Body(_, bytes) => {
                let incoming = self.incoming.as_mut().ok_or(Ends::Connection)?;
                incoming.body.extend(bytes);
                self.published(shared, out);
                Ok(())
            }
            _ => Err(Ends::Connection),
        }
    }

    fn method(&mut self, method: AMQPClass, shared: &Shared, out: &mut Vec<u8>) -> Result<(), Ends> {
        match method {
            AMQPClass::Basic(method) => return self.basic(method, shared, out),
            AMQPClass::Confirm(confirm::AMQPMethod::Select(_)) => {
                self.confirms = true;
                self.send(AMQPClass::Confirm(confirm::AMQPMethod::SelectOk(confirm::SelectOk {})), out);
            }
            AMQPClass::Queue(queue::AMQPMethod::Declare(declare)) => {
                let name = declare.queue.as_str();
                let exists = shared.with(|state| state.queues.contains_key(name));
                if declare.passive && !exists {
                    self.close(404, &format!("NOT_FOUND - no queue '{name}'"), out);
                } else if !declare.passive
                    && !shared.change(|state| state.declare(name, declare.arguments.clone()))
                {
                    self.close(406, "PRECONDITION_FAILED - inequivalent arg", out);
                } else {
                    let declared =
                        queue::DeclareOk { queue: name.into(), message_count: 0, consumer_count: 0 };
                    self.send(AMQPClass::Queue(queue::AMQPMethod::DeclareOk(declared)), out);
                }
            }
            AMQPClass::Queue(queue::AMQPMethod::Bind(bind)) => {
                shared.change(|state| {
                    state.bind(bind.exchange.as_str(), bind.routing_key.as_str(), bind.queue.as_str());
                });
                self.send(AMQPClass::Queue(queue::AMQPMethod::BindOk(queue::BindOk {})), out);
            }
            AMQPClass::Queue(queue::AMQPMethod::Delete(delete)) => {
                let removed = shared.change(|state| state.queues.remove(delete.queue.as_str()));
                let messages = removed.map_or(0, |queue| queue.ready.len());
                let deleted = queue::DeleteOk { message_count: u32::try_from(messages).unwrap_or(u32::MAX) };
                self.send(AMQPClass::Queue(queue::AMQPMethod::DeleteOk(deleted)), out);
            }
            AMQPClass::Exchange(exchange::AMQPMethod::Declare(declare)) => {
                let name = declare.exchange.to_string();
                let exists = name.is_empty() || shared.with(|state| state.exchanges.contains_key(&name));
                if declare.passive && !exists {
                    self.close(404, &format!("NOT_FOUND - no exchange '{name}'"), out);
                } else {
                    if !exists {
                        shared.change(|state| {
                            state.exchanges.insert(name, Exchange::new(declare.kind.as_str()))
                        });
                    }
                    let declared = exchange::AMQPMethod::DeclareOk(exchange::DeclareOk {});
                    self.send(AMQPClass::Exchange(declared), out);
                }
            }
            _ => return Err(Ends::Connection),
        }
        Ok(())
    }

    fn basic(&mut self, method: basic::AMQPMethod, shared: &Shared, out: &mut Vec<u8>) -> Result<(), Ends> {
        match method {
            basic::AMQPMethod::Publish(publish) => {
                self.incoming = Some(Incoming { publish, header: None, body: Vec::new() });
            }
            basic::AMQPMethod::Qos(qos) => {
                self.prefetch = usize::from(qos.prefetch_count);
                self.send(AMQPClass::Basic(basic::AMQPMethod::QosOk(basic::QosOk {})), out);
            }
            basic::AMQPMethod::Consume(consume) => self.consume(&consume, shared, out),
            basic::AMQPMethod::Cancel(cancel) => {
                self.leave(shared, |consumer| consumer.tag != cancel.consumer_tag);
                let ok = basic::CancelOk { consumer_tag: cancel.consumer_tag };
                self.send(AMQPClass::Basic(basic::AMQPMethod::CancelOk(ok)), out);
            }
            basic::AMQPMethod::CancelOk(_) => {}
            basic::AMQPMethod::Ack(ack) => {
                self.settle(ack.delivery_tag, ack.multiple, Settled::Accepted, shared, out)
            }
            basic::AMQPMethod::Reject(reject) => {
                self.settle(reject.delivery_tag, false, Settled::refused(reject.requeue), shared, out);
            }
            basic::AMQPMethod::Nack(nack) => {
                self.settle(nack.delivery_tag, nack.multiple, Settled::refused(nack.requeue), shared, out);
            }
            _ => return Err(Ends::Connection),
        }
        Ok(())
    }

    fn consume(&mut self, consume: &basic::Consume, shared: &Shared, out: &mut Vec<u8>) {
        let name = consume.queue.to_string();
        let known = shared.change(|state| match state.queues.get_mut(&name) {
            Some(queue) => {
                queue.consumers = queue.consumers.saturating_add(1);
                true
            }
            None => false,
        });
        if !known {
            return self.close(404, &format!("NOT_FOUND - no queue '{name}'"), out);
        }
        let tag = match consume.consumer_tag.as_str() {
            "" => ShortString::from(format!("consumer-{}", self.consumers.len())),
            _ => consume.consumer_tag.clone(),
        };
        self.consumers.push(Consumer { tag: tag.clone(), queue: name, no_ack: consume.no_ack });
        let ok = basic::ConsumeOk { consumer_tag: tag };
        self.send(AMQPClass::Basic(basic::AMQPMethod::ConsumeOk(ok)), out);
    }

    /// Handles a message if it is complete.
    fn published(&mut self, shared: &Shared, out: &mut Vec<u8>) {
        let Some(Incoming { header: Some(header), body, .. }) = &self.incoming else { return };
        if let Some(most) = shared.options.max_message_size.filter(|most| header.body_size > *most) {
            let size = header.body_size;
            self.incoming = None;
            let text = format!(
                "PRECONDITION_FAILED - message size {size} is larger than configured max size {most}"
            );
            return self.close(406, &text, out);
        }
        if u64::try_from(body.len()).unwrap_or(u64::MAX) < header.body_size {
            return;
        }
        let Some(Incoming { publish, header: Some(header), body }) = self.incoming.take() else { return };
        self.published = self.published.saturating_add(1);
        let message = Message {
            exchange: publish.exchange.to_string(),
            routing_key: publish.routing_key.to_string(),
            properties: Properties::Read(Box::new(intercepted(header.properties, shared))),
            body: body.into(),
        };
        let Some(queues) = shared.with(|state| state.route(&message.exchange, &message.routing_key)) else {
            return self.close(404, &format!("NOT_FOUND - no exchange '{}'", message.exchange), out);
        };
        if queues.is_empty() && publish.mandatory {
            self.give_up(&message, out);
        }
        let answer = |queue: &String| shared.with(|state| state.queues.get(queue).map(|queue| queue.answer));
        let answers: Vec<Answer> = queues.iter().filter_map(answer).collect();
        if answers.contains(&Answer::CloseChannel) {
            return self.close(406, "PRECONDITION_FAILED - as the test wants it", out);
        }
        match queues.iter().zip(&answers).find(|(_, answer)| **answer != Answer::Ack) {
            Some((_, Answer::Nack)) => self.nacks.push(self.published),
            Some((queue, _)) => drop(self.withheld.insert(self.published, (queue.clone(), message))),
            None => {
                shared.change(|state| queues.iter().for_each(|queue| state.push(queue, message.clone())));
                self.acks.push(self.published);
            }
        }
    }

    /// Returns a mandatory message that no queue gets.
    fn give_up(&self, message: &Message, out: &mut Vec<u8>) {
        let returned = basic::Return {
            reply_code: 312,
            reply_text: "NO_ROUTE".into(),
            exchange: message.exchange.as_str().into(),
            routing_key: message.routing_key.as_str().into(),
        };
        self.send(AMQPClass::Basic(basic::AMQPMethod::Return(returned)), out);
        self.content(message, None, out);
    }

    /// Answers what was withheld, if the queue now has another answer.
    pub(super) fn confirm_withheld(&mut self, shared: &Shared) {
        let all = std::mem::take(&mut self.withheld);
        for (number, (queue, message)) in all {
            let answer = shared.with(|state| state.queues.get(&queue).map(|queue| queue.answer));
            match answer {
                Some(Answer::Ack) => {
                    shared.change(|state| state.push(&queue, message));
                    self.acks.push(number);
                }
                Some(Answer::Nack | Answer::CloseChannel) | None => self.nacks.push(number),
                Some(Answer::Withhold) => drop(self.withheld.insert(number, (queue, message))),
            }
        }
    }

    /// Confirms the messages that were answered.
    pub(super) fn confirm(&mut self, shared: &Shared, out: &mut Vec<u8>) {
        let (mut acks, nacks) = (std::mem::take(&mut self.acks), std::mem::take(&mut self.nacks));
        if self.closing || !self.confirms {
            return;
        }
        for delivery_tag in nacks {
            let nack = basic::Nack { delivery_tag, multiple: false, requeue: false };
            self.send(AMQPClass::Basic(basic::AMQPMethod::Nack(nack)), out);
        }
        let open = self.withheld.keys().next().copied().unwrap_or(u64::MAX);
        let together = acks.iter().copied().filter(|number| *number < open).max();
        let ack = |delivery_tag, multiple| {
            AMQPClass::Basic(basic::AMQPMethod::Ack(basic::Ack { delivery_tag, multiple }))
        };
        if let Some(last) = together.filter(|_| shared.options.confirms_together) {
            self.send(ack(last, true), out);
            acks.retain(|number| *number > last);
        }
        acks.into_iter().for_each(|number| self.send(ack(number, false), out));
    }

    /// Sends messages to the consumers, as far as they have room.
    pub(super) fn deliver(&mut self, shared: &Shared, out: &mut Vec<u8>) {
        if self.closing {
            return;
        }
        let mut gone = Vec::new();
        for index in 0..self.consumers.len() {
            while let Some(Consumer { tag, queue, no_ack }) = self.consumers.get(index) {
                if self.prefetch > 0 && self.unsettled.len() >= self.prefetch {
                    break;
                }
                let taken = shared.with(|state| match state.queues.get_mut(queue) {
                    None => Err(()),
                    Some(queue) => {
                        let quorum = queue.is_quorum();
                        let taken = queue.ready.pop_front();
                        queue.unsettled =
                            queue.unsettled.saturating_add(usize::from(taken.is_some() && !no_ack));
                        Ok(taken.map(|taken| (quorum, taken)))
                    }
                });
                let (quorum, stored) = match taken {
                    Ok(Some(taken)) => taken,
                    Ok(None) => break,
                    Err(()) => {
                        gone.push(tag.clone());
                        break;
                    }
                };
                self.delivered = self.delivered.saturating_add(1);
                let deliver = basic::Deliver {
                    consumer_tag: tag.clone(),
                    delivery_tag: self.delivered,
                    redelivered: stored.redelivered,
                    exchange: stored.message.exchange.as_str().into(),
                    routing_key: stored.message.routing_key.as_str().into(),
                };
                self.send(AMQPClass::Basic(basic::AMQPMethod::Deliver(deliver)), out);
                self.content(&stored.message, (quorum && stored.returns > 0).then_some(stored.returns), out);
                if !no_ack {
                    self.unsettled.insert(self.delivered, (queue.clone(), stored));
                }
                shared.changed.notify_waiters();
            }
        }
        for consumer_tag in gone {
            self.consumers.retain(|consumer| consumer.tag != consumer_tag);
            let cancel = basic::Cancel { consumer_tag, nowait: true };
            self.send(AMQPClass::Basic(basic::AMQPMethod::Cancel(cancel)), out);
        }
    }

    fn settle(&mut self, tag: u64, multiple: bool, how: Settled, shared: &Shared, out: &mut Vec<u8>) {
        let tags: Vec<u64> = match multiple {
            true => self.unsettled.range(..=tag).map(|(tag, _)| *tag).collect(),
            false => self.unsettled.contains_key(&tag).then_some(tag).into_iter().collect(),
        };
        if tags.is_empty() {
            return self.close(406, &format!("PRECONDITION_FAILED - unknown delivery tag {tag}"), out);
        }
        shared.change(|state| {
            for (queue, stored) in tags.iter().filter_map(|tag| self.unsettled.remove(tag)) {
                match how {
                    Settled::Accepted => state.settle(&queue, stored, false),
                    Settled::Rejected => state.settle(&queue, stored, true),
                    Settled::Returned => state.give_back(&queue, stored, true),
                }
            }
        });
    }

    fn content(&self, message: &Message, delivery_count: Option<u32>, out: &mut Vec<u8>) {
        let size = u64::try_from(message.body.len()).unwrap_or(u64::MAX);
        match &message.properties {
            Properties::Read(properties) => {
                let properties = match delivery_count {
                    None => (**properties).clone(),
                    Some(count) => with_count(properties, count),
                };
                let header = AMQPContentHeader { class_id: 60, body_size: size, properties };
                write(&AMQPFrame::Header(self.id, header), out);
            }
            Properties::Raw(raw) => {
                out.push(2);
                out.extend(self.id.to_be_bytes());
                out.extend(u32::try_from(raw.len().saturating_add(12)).unwrap_or(u32::MAX).to_be_bytes());
                out.extend([0, 60, 0, 0]);
                out.extend(size.to_be_bytes());
                out.extend_from_slice(raw);
                out.push(0xce);
            }
        }
        let most =
            usize::try_from(self.shared.options.frame_max).unwrap_or(usize::MAX).saturating_sub(8).max(1);
        for chunk in message.body.chunks(most) {
            write(&AMQPFrame::Body(self.id, chunk.into()), out);
        }
    }

    /// Closes the channel with an error.
    fn close(&mut self, reply_code: u16, text: &str, out: &mut Vec<u8>) {
        self.release();
        self.closing = true;
        let reply_text = ShortString::try_new(text).unwrap_or_default();
        let close = channel::Close { reply_code, reply_text, class_id: 0, method_id: 0 };
        self.send(AMQPClass::Channel(channel::AMQPMethod::Close(close)), out);
    }

    fn send(&self, method: AMQPClass, out: &mut Vec<u8>) {
        write(&AMQPFrame::Method(self.id, method), out);
    }

    /// Removes consumers, except those to keep.
    fn leave(&mut self, shared: &Shared, keep: impl Fn(&Consumer) -> bool) {
        let (kept, left): (Vec<_>, Vec<_>) = std::mem::take(&mut self.consumers).into_iter().partition(keep);
        self.consumers = kept;
        shared.change(|state| {
            for consumer in left {
                if let Some(queue) = state.queues.get_mut(&consumer.queue) {
                    queue.consumers = queue.consumers.saturating_sub(1);
                }
            }
        });
    }

    /// Returns unsettled messages to their queues.
    fn release(&mut self) {
        let shared = Arc::clone(&self.shared);
        self.leave(&shared, |_| false);
        let unsettled = std::mem::take(&mut self.unsettled);
        shared.change(|state| {
            unsettled.into_values().for_each(|(queue, stored)| state.give_back(&queue, stored, true));
        });
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.release();
    }
}

#[derive(Clone, Copy)]
enum Settled {
    Accepted,
    Rejected,
    Returned,
}

impl Settled {
    fn refused(requeue: bool) -> Self {
        if requeue { Self::Returned } else { Self::Rejected }
    }
}

fn intercepted(properties: BasicProperties, shared: &Shared) -> BasicProperties {
    match shared.options.interceptor {
        Interceptor::None => properties,
        Interceptor::Stamp => {
            let seconds = shared.with(State::stamp);
            let millis = i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
            let mut headers = properties.headers().clone().unwrap_or_default();
            headers.insert("timestamp_in_ms".into(), AMQPValue::LongLongInt(millis));
            headers.insert("x-routed-by".into(), AMQPValue::LongString("node@testkit".into()));
            properties.with_headers(headers).with_timestamp(seconds)
        }
        Interceptor::Strip => properties.with_headers(Default::default()),
    }
}

fn with_count(properties: &BasicProperties, count: u32) -> BasicProperties {
    let mut headers = properties.headers().clone().unwrap_or_default();
    headers.insert("x-delivery-count".into(), AMQPValue::LongLongInt(i64::from(count)));
    properties.clone().with_headers(headers)
}
