//! The state of the broker, and how messages get to sessions.

use super::{
    session::{Session, Stored},
    topics::{is_shared, matches},
};
use bytes::Bytes;
use rumqttc_v5::mqttbytes::{
    QoS,
    v5::{Publish, PublishProperties, RetainForwardRule, SubscribeFilter},
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// The answer to a publisher.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// The message is accepted.
    #[default]
    Accept,
    /// The message is dropped, with a reason code of MQTT 5 and a reason in words. An MQTT 3.1.1 publisher gets a normal confirmation.
    Refuse {
        /// The reason code of PUBACK or PUBREC, from 0x80.
        code: u8,
        /// The Reason String.
        reason: Option<String>,
    },
    /// The message is dropped, and nothing is answered.
    Silence,
    /// The message is dropped, and the connection closed.
    Disconnect,
}

impl Answer {
    /// Refuses with this reason code and no words.
    pub fn refuse(code: u8) -> Self {
        Self::Refuse { code, reason: None }
    }
}

/// A published message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// The topic.
    pub topic: String,
    /// The quality of service: 0, 1 or 2.
    pub qos: u8,
    /// The retain flag.
    pub retain: bool,
    /// The duplicate flag.
    pub dup: bool,
    /// The payload.
    pub payload: Bytes,
    /// The property Content Type.
    pub content_type: Option<String>,
    /// The User Properties.
    pub user_properties: Vec<(String, String)>,
    /// The property Response Topic.
    pub response_topic: Option<String>,
    /// The property Correlation Data.
    pub correlation: Option<Bytes>,
    /// The Message Expiry Interval, in seconds.
    pub expiry: Option<u32>,
}

impl Published {
    /// A message of QoS 1 for this topic, without properties.
    pub fn new(topic: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self { topic: topic.into(), qos: 1, payload: payload.into(), ..Self::default() }
    }

    pub(super) fn into_packet(self) -> Publish {
        let qos = match self.qos {
            0 => QoS::AtMostOnce,
            1 => QoS::AtLeastOnce,
            _ => QoS::ExactlyOnce,
        };
        let properties = PublishProperties {
            content_type: self.content_type,
            user_properties: self.user_properties,
            response_topic: self.response_topic,
            correlation_data: self.correlation,
            message_expiry_interval: self.expiry,
            ..PublishProperties::default()
        };
        let properties = (properties != PublishProperties::default()).then_some(properties);
        let mut publish = Publish::new(self.topic, qos, self.payload, properties);
        publish.retain = self.retain;
        publish
    }

    pub(super) fn of(publish: &Publish) -> Self {
        let properties = publish.properties.clone().unwrap_or_default();
        Self {
            topic: topic(publish),
            qos: publish.qos as u8,
            retain: publish.retain,
            dup: publish.dup,
            payload: publish.payload.clone(),
            content_type: properties.content_type,
            user_properties: properties.user_properties,
            response_topic: properties.response_topic,
            correlation: properties.correlation_data,
            expiry: properties.message_expiry_interval,
        }
    }
}

/// Everything that outlives connections.
#[derive(Default)]
pub(super) struct State {
    pub(super) sessions: BTreeMap<String, Session>,
    retained: BTreeMap<String, Retained>,
    pub(super) published: Vec<Published>,
    pub(super) answer: Answer,
    /// How often a shared subscription was used, for taking turns.
    turns: BTreeMap<String, usize>,
    /// The number of clients that connected without a client identifier.
    pub(super) unnamed: u32,
}

/// The last message of a topic.
struct Retained {
    publish: Publish,
    expires: Option<Instant>,
}

impl Retained {
    fn new(publish: &Publish) -> Self {
        let seconds = publish.properties.as_ref().and_then(|properties| properties.message_expiry_interval);
        let expires =
            seconds.and_then(|seconds| Instant::now().checked_add(Duration::from_secs(seconds.into())));
        Self { publish: publish.clone(), expires }
    }

    /// The message with the time that is left. `None` when it has expired.
    fn now(&self) -> Option<Publish> {
        let mut publish = self.publish.clone();
        if let Some(expires) = self.expires {
            let left = expires.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            let seconds = left.as_millis().div_ceil(1000);
            if let Some(properties) = &mut publish.properties {
                properties.message_expiry_interval = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
            }
        }
        Some(publish)
    }
}

impl State {
    /// Passes a message on to all sessions that subscribe to its topic. Returns whether there is one.
    pub(super) fn route(&mut self, publish: &Publish) -> bool {
        let topic = topic(publish);
        if publish.retain {
            match publish.payload.is_empty() {
                true => _ = self.retained.remove(&topic),
                false => _ = self.retained.insert(topic.clone(), Retained::new(publish)),
            }
        }
        self.sessions.retain(|_, session| !session.has_expired());
        let mut shared: BTreeMap<String, Vec<(String, QoS)>> = BTreeMap::new();
        let mut is_wanted = false;
        for (name, session) in &mut self.sessions {
            if let Some(qos) = session.matching(&topic) {
                is_wanted = true;
                session.store(publish, qos, false, None);
            }
            for (filter, qos) in session.shared(&topic) {
                shared.entry(filter.to_owned()).or_default().push((name.clone(), qos));
            }
        }
        is_wanted |= !shared.is_empty();
        for (filter, members) in shared {
            self.share(publish, filter, members);
        }
        self.published.push(Published::of(publish));
        is_wanted
    }

    /// Gives a message to one member of a group, connected members first.
    fn share(&mut self, publish: &Publish, filter: String, mut members: Vec<(String, QoS)>) {
        let connected =
            |name: &String, state: &Self| state.sessions.get(name).is_some_and(Session::is_connected);
        if members.iter().any(|(name, _)| connected(name, self)) {
            members.retain(|(name, _)| connected(name, self));
        }
        let turn = self.turns.entry(filter.clone()).or_default();
        *turn = turn.wrapping_add(1);
        let Some((name, qos)) = turn.checked_rem(members.len()).and_then(|turn| members.get(turn)) else {
            return;
        };
        if let Some(session) = self.sessions.get_mut(name) {
            session.store(publish, *qos, false, Some(filter));
        }
    }

    /// Ends a session. Messages that its shared subscriptions left go to other members.
    pub(super) fn end(&mut self, client: &str) {
        let Some(session) = self.sessions.remove(client) else { return };
        for Stored { publish, shared, .. } in session.into_shared() {
            let Some(filter) = shared else { continue };
            let members = self.sessions.iter().filter_map(|(name, session)| {
                let topic = topic(&publish);
                let qos = session.shared(&topic).find(|(known, _)| *known == filter).map(|(_, qos)| qos)?;
                Some((name.clone(), qos))
            });
            let members: Vec<_> = members.collect();
            self.share(&publish, filter, members);
        }
    }

    /// Sends retained messages for a subscription, as its Retain Handling requests (MQTT 5.0, section 3.8.3.1).
    pub(super) fn send_retained(&mut self, client: &str, filter: &SubscribeFilter, is_new: bool) {
        let is_requested =
            is_new || matches!(filter.retain_forward_rule, RetainForwardRule::OnEverySubscribe);
        if is_shared(&filter.path) || !is_requested {
            return;
        }
        let Some(session) = self.sessions.get_mut(client) else { return };
        self.retained.retain(|topic, retained| {
            let Some(publish) = retained.now() else { return false };
            if matches(topic, &filter.path) {
                session.store(&publish, filter.qos, true, None);
            }
            true
        });
    }
}

pub(super) fn topic(publish: &Publish) -> String {
    String::from_utf8_lossy(&publish.topic).into_owned()
}
