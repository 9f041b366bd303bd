//! The state of the broker, and how messages get to sessions.

use super::session::{Session, Stored};
use bytes::Bytes;
use rumqttc_v5::mqttbytes::{
    QoS, matches,
    v5::{Publish, PublishProperties, SubscribeFilter},
};
use std::collections::BTreeMap;

/// What a publisher hears.
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
    retained: BTreeMap<String, Publish>,
    pub(super) published: Vec<Published>,
    pub(super) answer: Answer,
    /// How often a shared subscription was used, for taking turns.
    turns: BTreeMap<String, usize>,
    /// The number of clients that connected without a client identifier.
    pub(super) unnamed: u32,
}

impl State {
    /// Passes a message on to all sessions that subscribe to its topic.
    pub(super) fn route(&mut self, publish: &Publish) {
        self.route_from(publish, "");
    }

    pub(super) fn route_from(&mut self, publish: &Publish, client: &str) {
        let topic = topic(publish);
        if publish.retain {
            match publish.payload.is_empty() {
                true => _ = self.retained.remove(&topic),
                false => _ = self.retained.insert(topic.clone(), publish.clone()),
            }
        }
        self.sessions.retain(|_, session| !session.has_expired());
        let mut shared: BTreeMap<String, Vec<(String, QoS)>> = BTreeMap::new();
        for (name, session) in &mut self.sessions {
            if let Some((qos, keeps)) = session.matching(&topic, name == client) {
                session.store(publish, qos, keeps && publish.retain, None);
            }
            for (filter, qos) in session.shared(&topic) {
                shared.entry(filter.to_owned()).or_default().push((name.clone(), qos));
            }
        }
        for (filter, members) in shared {
            self.share(publish, filter, members);
        }
        self.published.push(Published::of(publish));
    }

    /// Gives a message to one member of a group, those that are connected first.
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

    /// Ends a session. What its shared subscriptions left goes to other members.
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

    /// Sends retained messages for a new subscription.
    pub(super) fn send_retained(&mut self, client: &str, filter: &SubscribeFilter) {
        if filter.path.starts_with("$share/") {
            return;
        }
        let Some(session) = self.sessions.get_mut(client) else { return };
        for (_, publish) in self.retained.iter().filter(|(topic, _)| matches(topic, &filter.path)) {
            session.store(publish, filter.qos, true, None);
        }
    }
}

pub(super) fn topic(publish: &Publish) -> String {
    String::from_utf8_lossy(&publish.topic).into_owned()
}
