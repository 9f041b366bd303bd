//! Queues, and how tests inspect them.

use super::{
    message::{Answer, Message, Properties},
    shared::Shared,
    state::{QueueState, State},
};
use amq_protocol::{
    protocol::BasicProperties,
    types::{AMQPValue, FieldTable},
};
use bytes::Bytes;
use std::{fmt, sync::Arc};

/// A queue. Clones are the same queue.
#[derive(Clone)]
pub struct Queue {
    shared: Arc<Shared>,
    name: Arc<str>,
}

impl Queue {
    pub(super) fn new(shared: &Arc<Shared>, name: &str) -> Self {
        Self { shared: Arc::clone(shared), name: name.into() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of messages ready for a consumer.
    pub fn len(&self) -> usize {
        self.look(|queue| queue.ready.len())
    }

    /// Whether no message is ready.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of messages sent to consumers and not settled.
    pub fn unsettled(&self) -> usize {
        self.look(|queue| queue.unsettled)
    }

    /// The number of consumers.
    pub fn consumers(&self) -> usize {
        self.look(|queue| queue.consumers.len())
    }

    /// The ready messages, in order.
    pub fn messages(&self) -> Vec<Message> {
        self.look(|queue| queue.ready.iter().map(|stored| stored.message.clone()).collect())
    }

    /// Returns the argument with this name that the queue was declared with: a string unchanged, a number as text.
    pub fn argument(&self, name: &str) -> Option<String> {
        self.look(|queue| {
            Some(match queue.table.inner().get(name)? {
                AMQPValue::LongString(text) => text.to_string(),
                AMQPValue::LongInt(number) => number.to_string(),
                AMQPValue::LongUInt(number) => number.to_string(),
                AMQPValue::LongLongInt(number) => number.to_string(),
                other => format!("{other:?}"),
            })
        })
    }

    /// Sets how messages are confirmed from now on. Withheld messages get this answer, too.
    pub fn answer(&self, answer: Answer) {
        self.change(|state, name| {
            if let Some(queue) = state.queues.get_mut(name) {
                queue.answer = answer;
            }
        });
    }

    /// Puts a message with this body, without properties.
    pub fn put(&self, body: &[u8]) {
        self.put_with(body, None, &[]);
    }

    /// Puts a message with this body, content type and headers, whose values are strings.
    pub fn put_with(&self, body: &[u8], content_type: Option<&str>, headers: &[(&str, &[u8])]) {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert((*name).into(), AMQPValue::LongString((*value).into()));
        }
        let mut properties = BasicProperties::default().with_headers(table);
        if let Some(content_type) = content_type {
            properties = properties.with_content_type(content_type.into());
        }
        self.push(Properties::Read(Arc::new(properties)), body);
    }

    /// Puts a message with the encoded properties: their flags, and their values. They may be invalid.
    ///
    /// ```
    /// # use cloudevents_testkit::rabbitmq::Broker;
    /// let broker = Broker::start()?;
    /// broker.queue("orders").put_raw(b"\x80\x00\x04\xff\xfe\xfd\xfc", b"a content type that is not text");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn put_raw(&self, properties: &[u8], body: &[u8]) {
        self.push(Properties::Raw(Bytes::copy_from_slice(properties)), body);
    }

    /// Waits until the queue meets a condition. Use it with a timeout.
    ///
    /// ```
    /// # use cloudevents_testkit::rabbitmq::Broker;
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let queue = Broker::start()?.queue("orders");
    /// queue.put(b"hello");
    /// queue.until(|queue| queue.len() == 1).await;
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn until(&self, wanted: impl Fn(&Self) -> bool) {
        loop {
            // Created before the check, so that a change in between is not missed.
            let changed = self.shared.changed.notified();
            if wanted(self) {
                return;
            }
            changed.await;
        }
    }

    fn push(&self, properties: Properties, body: &[u8]) {
        self.change(|state, name| {
            let message = Message {
                exchange: String::new(),
                routing_key: name.to_owned(),
                properties,
                body: Bytes::copy_from_slice(body),
            };
            state.push(name, message);
        });
    }

    fn look<T: Default>(&self, look: impl FnOnce(&QueueState) -> T) -> T {
        self.shared.with(|state| state.queues.get(&*self.name).map(look).unwrap_or_default())
    }

    fn change(&self, change: impl FnOnce(&mut State, &str)) {
        self.shared.change(|state| change(state, &self.name));
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("name", &self.name)
            .field("ready", &self.len())
            .field("unsettled", &self.unsettled())
            .field("consumers", &self.consumers())
            .finish_non_exhaustive()
    }
}
