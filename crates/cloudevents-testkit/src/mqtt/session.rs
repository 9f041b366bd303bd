//! Sessions: the state that the broker keeps for a client, connected or not.

use super::topics::{matches, shared};
use rumqttc_v5::mqttbytes::{
    QoS,
    v5::{Publish, SubscribeFilter},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// The state of a client's session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionView {
    /// Whether the client is connected.
    pub connected: bool,
    /// The topic filters of its subscriptions.
    pub filters: Vec<String>,
    /// How many messages were not sent to the client.
    pub waiting: usize,
    /// How many messages were sent to the client and are not acknowledged.
    pub unacknowledged: usize,
}

#[derive(Default)]
pub(super) struct Session {
    subscriptions: Vec<Subscription>,
    waiting: VecDeque<Stored>,
    /// Sent and not acknowledged, in the order of sending.
    unacknowledged: Vec<Sent>,
    /// QoS 2 messages that were received and not released by the client, by their ids.
    pub(super) unreleased: BTreeMap<u16, Publish>,
    last_id: u16,
    /// How long the session is kept after its connection ends.
    pub(super) expiry: Duration,
    /// When the connection was lost.
    pub(super) left: Option<Instant>,
    pub(super) receive_maximum: u16,
    /// The largest packet that the client takes, in bytes.
    pub(super) max_packet: usize,
    /// Bytes to write as they are.
    pub(super) raw: Vec<u8>,
    /// Wakes the connection; another one after each connect.
    connection: Option<Arc<Connection>>,
}

/// A connection, from the side of its session.
#[derive(Default)]
pub(super) struct Connection {
    pub(super) wake: Notify,
    pub(super) cut: Notify,
    /// Whether it was cut because another connection takes the session over.
    pub(super) taken_over: AtomicBool,
}

struct Subscription {
    filter: String,
    /// The group of a shared subscription.
    group: Option<String>,
    /// The filter that topics are compared with.
    matched: String,
    qos: QoS,
}

/// A message for a client.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) publish: Publish,
    expires: Option<Instant>,
    /// The filter of the shared subscription that it came by.
    pub(super) shared: Option<String>,
}

struct Sent {
    id: u16,
    stored: Stored,
    /// QoS 2: PUBREC has come, and PUBREL was sent.
    received: bool,
}

/// The next packet for the client.
#[allow(clippy::large_enum_variant)] // nearly all are messages
pub(super) enum Next {
    Publish(Publish),
    Release(u16),
}

impl Session {
    pub(super) fn view(&self) -> SessionView {
        SessionView {
            connected: self.is_connected(),
            filters: self.subscriptions.iter().map(|subscription| subscription.filter.clone()).collect(),
            waiting: self.waiting.len(),
            unacknowledged: self.unacknowledged.len(),
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    pub(super) fn has_expired(&self) -> bool {
        self.left.is_some_and(|left| left.elapsed() >= self.expiry)
    }

    /// Begins a connection, and ends the one before.
    pub(super) fn connect(&mut self) -> Arc<Connection> {
        self.take_over();
        let connection = Arc::new(Connection::default());
        self.connection = Some(Arc::clone(&connection));
        (self.left, self.raw) = (None, Vec::new());
        connection
    }

    /// Whether this is its connection.
    pub(super) fn is_on(&self, connection: &Arc<Connection>) -> bool {
        self.connection.as_ref().is_some_and(|current| Arc::ptr_eq(current, connection))
    }

    /// Ends this connection, unless it was replaced. Returns whether it was the current one.
    pub(super) fn leave(&mut self, connection: &Arc<Connection>) -> bool {
        let current = self.is_on(connection);
        if current {
            self.cut();
        }
        current
    }

    /// Ends the connection, which another one of the client replaces.
    pub(super) fn take_over(&mut self) {
        if let Some(connection) = &self.connection {
            connection.taken_over.store(true, Ordering::Relaxed);
        }
        self.cut();
    }

    pub(super) fn cut(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.cut.notify_one();
            self.left = Some(Instant::now());
        }
    }

    pub(super) fn wake(&self) {
        if let Some(connection) = &self.connection {
            connection.wake.notify_one();
        }
    }

    /// Adds a subscription, or replaces that of the same filter. Returns whether it is new.
    pub(super) fn subscribe(&mut self, filter: &SubscribeFilter) -> bool {
        let (group, matched) = match shared(&filter.path) {
            Some((group, matched)) => (Some(group.to_owned()), matched.to_owned()),
            None => (None, filter.path.clone()),
        };
        let before = self.subscriptions.len();
        self.unsubscribe(&filter.path);
        let new = before == self.subscriptions.len();
        self.subscriptions.push(Subscription {
            filter: filter.path.clone(),
            group,
            matched,
            qos: filter.qos,
        });
        new
    }

    pub(super) fn unsubscribe(&mut self, filter: &str) -> bool {
        let before = self.subscriptions.len();
        self.subscriptions.retain(|subscription| subscription.filter != filter);
        before != self.subscriptions.len()
    }

    /// The highest QoS of the subscriptions that match, those that are shared left out.
    pub(super) fn matching(&self, topic: &str) -> Option<QoS> {
        let found = self
            .subscriptions
            .iter()
            .filter(|subscription| subscription.group.is_none() && matches(topic, &subscription.matched));
        found.map(|subscription| subscription.qos).max_by_key(|qos| *qos as u8)
    }

    /// The filters of matching shared subscriptions, with their QoS.
    pub(super) fn shared(&self, topic: &str) -> impl Iterator<Item = (&str, QoS)> {
        self.subscriptions
            .iter()
            .filter(move |subscription| subscription.group.is_some() && matches(topic, &subscription.matched))
            .map(|subscription| (subscription.filter.as_str(), subscription.qos))
    }

    /// Keeps a message for the client, and wakes its connection.
    pub(super) fn store(&mut self, publish: &Publish, qos: QoS, retain: bool, shared: Option<String>) {
        let qos = if (qos as u8) < publish.qos as u8 { qos } else { publish.qos };
        if qos == QoS::AtMostOnce && !self.is_connected() {
            return;
        }
        let mut publish = publish.clone();
        (publish.qos, publish.dup, publish.retain, publish.pkid) = (qos, false, retain, 0);
        let seconds = publish.properties.as_ref().and_then(|properties| properties.message_expiry_interval);
        let expires =
            seconds.and_then(|seconds| Instant::now().checked_add(Duration::from_secs(seconds.into())));
        self.waiting.push_back(Stored { publish, expires, shared });
        self.wake();
    }

    /// The packets that were sent before the connection was lost, to be sent again.
    pub(super) fn resume(&mut self) -> Vec<Next> {
        let limit = self.max_packet;
        self.unacknowledged.retain(|sent| sent.received || sent.stored.publish.size() <= limit);
        let again = self.unacknowledged.iter().map(|sent| match sent.received {
            true => Next::Release(sent.id),
            false => {
                let mut publish = sent.stored.publish.clone();
                publish.dup = true;
                Next::Publish(publish)
            }
        });
        again.collect()
    }

    /// The next message to send, if the client has room for it.
    pub(super) fn next(&mut self) -> Option<Publish> {
        loop {
            let first = self.waiting.front()?;
            let full = self.unacknowledged.len() >= usize::from(self.receive_maximum);
            if full && first.publish.qos != QoS::AtMostOnce {
                return None;
            }
            let mut stored = self.waiting.pop_front()?;
            if let Some(expires) = stored.expires {
                let left = expires.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    continue;
                }
                if let Some(properties) = &mut stored.publish.properties {
                    properties.message_expiry_interval =
                        Some(u32::try_from(left.as_secs()).unwrap_or(u32::MAX));
                }
            }
            // A message that the client does not take counts as sent (MQTT 5.0, section 3.1.2.11.4).
            if stored.publish.size() > self.max_packet {
                continue;
            }
            if stored.publish.qos != QoS::AtMostOnce {
                stored.publish.pkid = self.free_id();
                let sent = Sent { id: stored.publish.pkid, stored: stored.clone(), received: false };
                self.unacknowledged.push(sent);
            }
            return Some(stored.publish);
        }
    }

    fn free_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if !self.unacknowledged.iter().any(|sent| sent.id == self.last_id) {
                return self.last_id;
            }
        }
    }

    /// PUBACK, PUBCOMP, or PUBREC with an error. Returns whether the message, if there is one, was sent with this quality.
    pub(super) fn acknowledge(&mut self, id: u16, qos: QoS) -> bool {
        let Some(at) = self.unacknowledged.iter().position(|sent| sent.id == id) else { return true };
        let is_it = self.unacknowledged.get(at).is_some_and(|sent| sent.stored.publish.qos == qos);
        if is_it {
            self.unacknowledged.remove(at);
        }
        is_it
    }

    /// PUBREC. Returns whether the message, if there is one, was sent with this quality.
    pub(super) fn received(&mut self, id: u16) -> bool {
        let Some(sent) = self.unacknowledged.iter_mut().find(|sent| sent.id == id) else { return true };
        sent.received = sent.stored.publish.qos == QoS::ExactlyOnce;
        sent.received
    }

    /// Everything of shared subscriptions that the client has not acknowledged, when its session ends.
    pub(super) fn into_shared(self) -> Vec<Stored> {
        let sent = self.unacknowledged.into_iter().map(|sent| sent.stored);
        sent.chain(self.waiting).filter(|stored| stored.shared.is_some()).collect()
    }
}
