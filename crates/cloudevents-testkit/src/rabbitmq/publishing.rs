//! Messages of clients, and their confirmations.

use super::{
    arguments::expiration,
    fault::{Fault, not_found, not_implemented, precondition, unexpected_frame},
    frames::{content, send},
    message::{Answer, Message, Properties},
    options::Interceptor,
    shared::Shared,
    state::State,
    topology::REPLIES,
};
use amq_protocol::{
    frame::AMQPContentHeader,
    protocol::{AMQPClass, BasicProperties, basic},
    types::{AMQPValue, ChannelId, FieldTable},
};
use std::{collections::BTreeMap, sync::Arc};

/// The publishing side of a channel.
#[derive(Default)]
pub(super) struct Publisher {
    /// The user name of the login, if there is one.
    user: Option<String>,
    /// How many bytes of a body a frame may have.
    frame: usize,
    /// Whether messages are confirmed.
    pub(super) confirms: bool,
    /// The number of the last message since they are confirmed.
    published: u64,
    /// The message whose header or body is awaited.
    incoming: Option<Incoming>,
    acks: Vec<u64>,
    nacks: Vec<u64>,
    withheld: BTreeMap<u64, (String, Message)>,
}

struct Incoming {
    publish: basic::Publish,
    header: Option<AMQPContentHeader>,
    body: Vec<u8>,
}

impl Publisher {
    pub(super) fn new(user: Option<String>, frame: usize) -> Self {
        Self { user, frame, ..Self::default() }
    }

    /// Whether a header or a body is awaited.
    pub(super) fn is_awaiting(&self) -> bool {
        self.incoming.is_some()
    }

    pub(super) fn begin(&mut self, publish: basic::Publish, shared: &Shared) -> Result<(), Fault> {
        if publish.immediate {
            return Err(not_implemented("immediate=true"));
        }
        let name = publish.exchange.as_str();
        if !name.is_empty() && !shared.with(|state| state.exchanges.contains_key(name)) {
            return Err(not_found("exchange", name));
        }
        self.incoming = Some(Incoming { publish, header: None, body: Vec::new() });
        Ok(())
    }

    pub(super) fn header(
        &mut self,
        header: AMQPContentHeader,
        shared: &Shared,
        channel: ChannelId,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let incoming = self.incoming.as_mut().filter(|incoming| incoming.header.is_none());
        let Some(incoming) = incoming.filter(|_| header.class_id == 60) else {
            return Err(unexpected_frame("a content header that was not expected"));
        };
        incoming.header = Some(header);
        self.publish_if_whole(shared, channel, out)
    }

    pub(super) fn body(
        &mut self,
        bytes: &[u8],
        shared: &Shared,
        channel: ChannelId,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let incoming = self.incoming.as_mut().filter(|incoming| incoming.header.is_some());
        let Some(incoming) = incoming else {
            return Err(unexpected_frame("a content body that was not expected"));
        };
        incoming.body.extend_from_slice(bytes);
        self.publish_if_whole(shared, channel, out)
    }

    fn publish_if_whole(
        &mut self,
        shared: &Shared,
        channel: ChannelId,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let Some(Incoming { header: Some(header), body, .. }) = &self.incoming else { return Ok(()) };
        if let Some(most) = shared.options.max_message_size.filter(|most| header.body_size > *most) {
            let size = header.body_size;
            self.incoming = None;
            return Err(precondition(format!(
                "message size {size} is larger than configured max size {most}"
            )));
        }
        if u64::try_from(body.len()).unwrap_or(u64::MAX) < header.body_size {
            return Ok(());
        }
        let Some(Incoming { publish, header: Some(header), body }) = self.incoming.take() else {
            return Ok(());
        };
        self.check(&header.properties)?;
        self.published = self.published.saturating_add(1);
        let properties = intercepted(header.properties, shared);
        let message = Message {
            exchange: publish.exchange.to_string(),
            routing_key: publish.routing_key.to_string(),
            properties: Properties::Read(Arc::new(properties)),
            body: body.into(),
        };
        let queues = shared.with(|state| state.route(&message))?;
        if queues.is_empty() && publish.mandatory {
            give_up(&message, self.frame, channel, out);
        }
        let answer = |queue: &String| shared.with(|state| state.queues.get(queue).map(|queue| queue.answer));
        let answers: Vec<Answer> = queues.iter().filter_map(answer).collect();
        if answers.contains(&Answer::CloseChannel) {
            return Err(precondition("as the test wants it"));
        }
        match queues.iter().zip(&answers).find(|(_, answer)| **answer != Answer::Ack) {
            Some((_, Answer::Nack)) => self.nacks.push(self.published),
            Some((queue, _)) => drop(self.withheld.insert(self.published, (queue.clone(), message))),
            None => {
                shared.change(|state| queues.iter().for_each(|queue| state.push(queue, message.clone())));
                self.acks.push(self.published);
            }
        }
        Ok(())
    }

    fn check(&self, properties: &BasicProperties) -> Result<(), Fault> {
        if let Some(text) = properties.expiration() {
            expiration(text.as_str())?;
        }
        if properties.reply_to().as_ref().is_some_and(|to| to.as_str() == REPLIES) {
            return Err(precondition("fast reply consumer does not exist"));
        }
        let headers = properties.headers().as_ref().map(FieldTable::inner);
        if headers.is_some_and(|headers| headers.contains_key("CC") || headers.contains_key("BCC")) {
            return Err(not_implemented("the embedded broker has no further keys of messages"));
        }
        match (properties.user_id(), &self.user) {
            (Some(given), Some(user)) if given.as_str() != user => {
                let what = format!("user_id property set to '{given}' but authenticated user was '{user}'");
                Err(precondition(what))
            }
            _ => Ok(()),
        }
    }

    /// Messages are confirmed from now on.
    pub(super) fn select(&mut self) {
        if !std::mem::replace(&mut self.confirms, true) {
            self.published = 0;
            self.acks.clear();
            self.nacks.clear();
        }
    }

    /// Answers the messages that were withheld, if the queue now has another answer.
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
    pub(super) fn confirm(&mut self, shared: &Shared, channel: ChannelId, out: &mut Vec<u8>) {
        let (mut acks, nacks) = (std::mem::take(&mut self.acks), std::mem::take(&mut self.nacks));
        if !self.confirms {
            return;
        }
        for delivery_tag in nacks {
            let nack = basic::Nack { delivery_tag, multiple: false, requeue: false };
            send(channel, AMQPClass::Basic(basic::AMQPMethod::Nack(nack)), out);
        }
        let open = self.withheld.keys().next().copied().unwrap_or(u64::MAX);
        let together = acks.iter().copied().filter(|number| *number < open).max();
        let ack = |delivery_tag, multiple| {
            AMQPClass::Basic(basic::AMQPMethod::Ack(basic::Ack { delivery_tag, multiple }))
        };
        if let Some(last) = together.filter(|_| shared.options.confirms_together) {
            send(channel, ack(last, true), out);
            acks.retain(|number| *number > last);
        }
        acks.into_iter().for_each(|number| send(channel, ack(number, false), out));
    }
}

/// Returns a mandatory message that no queue gets.
fn give_up(message: &Message, frame: usize, channel: ChannelId, out: &mut Vec<u8>) {
    let returned = basic::Return {
        reply_code: 312,
        reply_text: "NO_ROUTE".into(),
        exchange: message.exchange.as_str().into(),
        routing_key: message.routing_key.as_str().into(),
    };
    send(channel, AMQPClass::Basic(basic::AMQPMethod::Return(returned)), out);
    content(channel, frame, message, None, out);
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
        Interceptor::Strip => properties.with_headers(FieldTable::default()),
    }
}
