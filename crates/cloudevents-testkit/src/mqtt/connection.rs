//! Connections of clients.

use super::{
    broker::Shared,
    session::{Connection, Next, Session},
    state::{Answer, topic},
    topics::{is_filter, is_topic, shared},
    wire::{Fault, Wire},
};
use rumqttc_v5::mqttbytes::{
    QoS,
    v5::{
        ConnAck, ConnAckProperties, Connect, ConnectAuth, ConnectReturnCode, DisconnectReasonCode, Packet,
        PubAck, PubAckProperties, PubAckReason, PubComp, PubRec, PubRecProperties, PubRecReason, PubRel,
        Publish, RetainForwardRule, SubAck, Subscribe, SubscribeFilter, SubscribeReasonCode, UnsubAck,
        UnsubAckReason,
    },
};
use std::{
    io, net,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    net::TcpListener,
    select,
    time::{Instant, sleep_until, timeout},
};

/// The first reason code that is a refusal.
const REFUSED: u8 = 0x80;
/// The reason code of PUBACK: No matching subscribers.
const NO_SUBSCRIBERS: u8 = 16;

pub(super) async fn listen(shared: Arc<Shared>, listener: net::TcpListener) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            serve(&shared, Wire::new(stream, shared.options.max_packet_size)).await;
        });
    }
}

async fn serve(shared: &Shared, mut wire: Wire) {
    let fault = connected(shared, &mut wire).await.err();
    wire.finish(fault).await;
}

/// Serves a client until it has left. Its session is left when this returns.
async fn connected(shared: &Shared, wire: &mut Wire) -> Result<(), Fault> {
    let (connect, will, auth) = match wire.next().await {
        Ok(Some(Packet::Connect(connect, will, auth))) => (connect, will, auth),
        Ok(_) | Err(Fault::Rule(_)) => return Err(Fault::Io),
        Err(fault) => return Err(fault),
    };
    // MQTT 5.0, sections 3.1.2.11.3 and 3.1.2.11.4.
    let properties = connect.properties.as_ref();
    if properties.is_some_and(|wants| wants.receive_maximum == Some(0) || wants.max_packet_size == Some(0)) {
        return Ok(wire.write(Packet::ConnAck(refused(ConnectReturnCode::ProtocolError)))?);
    }
    if let Some(code) = refusal(shared, &connect, will.is_some(), &auth, wire.is_old()) {
        return Ok(wire.write(Packet::ConnAck(refused(code)))?);
    }
    let mut client = Client::begin(shared, &connect);
    wire.write(Packet::ConnAck(client.welcome(wire)))?;
    client.resume(wire)?;
    client.run(wire).await
}

/// The last step of a connection.
enum Step {
    Sent,
    Heard,
    Left,
}

/// Why a client may not connect.
fn refusal(
    shared: &Shared,
    connect: &Connect,
    has_will: bool,
    auth: &ConnectAuth,
    is_old: bool,
) -> Option<ConnectReturnCode> {
    let properties = connect.properties.as_ref();
    if properties.is_some_and(|properties| properties.authentication_method.is_some()) {
        return Some(ConnectReturnCode::BadAuthenticationMethod);
    }
    if !admits(shared, auth) {
        return Some(ConnectReturnCode::BadUserNamePassword);
    }
    if has_will {
        return Some(ConnectReturnCode::ImplementationSpecificError);
    }
    // MQTT 3.1.1, section 3.1.3.1.
    let is_nameless = is_old && connect.client_id.is_empty() && !connect.clean_start;
    is_nameless.then_some(ConnectReturnCode::ClientIdentifierNotValid)
}

fn admits(shared: &Shared, auth: &ConnectAuth) -> bool {
    let users = &shared.options.users;
    let known = |name: &str, given: &[u8]| {
        users.iter().any(|(user, password)| user == name && password.as_bytes() == given)
    };
    match auth {
        _ if users.is_empty() => true,
        ConnectAuth::UsernamePassword { username, password } => known(username, password),
        _ => false,
    }
}

fn refused(code: ConnectReturnCode) -> ConnAck {
    ConnAck { session_present: false, code, properties: None }
}

/// A connected client. Dropping it ends the connection in the state of the broker.
struct Client<'a> {
    shared: &'a Shared,
    name: String,
    /// The name, if the broker has given it.
    assigned: Option<String>,
    connection: Arc<Connection>,
    resumed: bool,
    keep_alive: Option<Duration>,
}

impl<'a> Client<'a> {
    fn begin(shared: &'a Shared, connect: &Connect) -> Self {
        let mut state = shared.state();
        let assigned = connect.client_id.is_empty().then(|| {
            state.unnamed = state.unnamed.saturating_add(1);
            format!("unnamed-{}", state.unnamed)
        });
        let name = assigned.clone().unwrap_or_else(|| connect.client_id.clone());
        let stale = state.sessions.get(&name).is_some_and(|session| {
            // One that ends with its connection ends now (MQTT 5.0, section 3.1.2.11.2).
            session.has_expired() || session.expiry.is_zero() || connect.clean_start
        });
        if stale {
            if let Some(session) = state.sessions.get_mut(&name) {
                session.take_over();
            }
            state.end(&name);
        }
        let resumed = state.sessions.contains_key(&name);
        let session = state.sessions.entry(name.clone()).or_default();
        let connection = session.connect();
        let properties = connect.properties.as_ref();
        let expiry = properties.and_then(|properties| properties.session_expiry_interval).unwrap_or(0);
        session.expiry = Duration::from_secs(expiry.into());
        session.receive_maximum =
            properties.and_then(|properties| properties.receive_maximum).unwrap_or(u16::MAX);
        session.max_packet = properties
            .and_then(|properties| usize::try_from(properties.max_packet_size?).ok())
            .unwrap_or(usize::MAX);
        drop(state);
        shared.changed.notify_waiters();
        // A client is gone when it is silent for one and a half times its keep alive (MQTT 5.0, section 3.1.2.10).
        let keep_alive = Duration::from_millis(u64::from(connect.keep_alive).saturating_mul(1500));
        let keep_alive = (!keep_alive.is_zero()).then_some(keep_alive);
        Self { shared, name, assigned, connection, resumed, keep_alive }
    }

    fn welcome(&mut self, wire: &Wire) -> ConnAck {
        let options = &self.shared.options;
        let mut properties = ConnAckProperties {
            session_expiry_interval: None,
            receive_max: options.receive_maximum,
            max_qos: options.max_qos,
            retain_available: None,
            max_packet_size: options.max_packet_size,
            assigned_client_identifier: self.assigned.take(),
            topic_alias_max: None,
            reason_string: None,
            user_properties: Vec::new(),
            wildcard_subscription_available: None,
            subscription_identifiers_available: Some(0),
            shared_subscription_available: None,
            server_keep_alive: None,
            response_information: None,
            server_reference: None,
            authentication_method: None,
            authentication_data: None,
        };
        if wire.is_old() {
            properties.assigned_client_identifier = None;
        }
        ConnAck {
            session_present: self.resumed,
            code: ConnectReturnCode::Success,
            properties: Some(properties),
        }
    }

    /// Does something with the session, while this is its connection.
    fn with<T>(&self, act: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let mut state = self.shared.state();
        let session = state.sessions.get_mut(&self.name).filter(|session| session.is_on(&self.connection));
        let result = session.map(act);
        drop(state);
        self.shared.changed.notify_waiters();
        result
    }

    /// Sends the messages again that the client has not acknowledged.
    fn resume(&mut self, wire: &mut Wire) -> io::Result<()> {
        for next in self.with(Session::resume).into_iter().flatten() {
            let packet = match next {
                Next::Publish(publish) => Packet::Publish(publish),
                Next::Release(id) => Packet::PubRel(PubRel::new(id, None)),
            };
            wire.write(packet)?;
        }
        Ok(())
    }

    /// Runs until the client leaves, or is cut off. A client that does not read is cut off as well.
    async fn run(&mut self, wire: &mut Wire) -> Result<(), Fault> {
        let connection = Arc::clone(&self.connection);
        let keep_alive = self.keep_alive;
        let silent_at = || Instant::now() + keep_alive.unwrap_or(Duration::from_secs(1 << 30));
        let mut deadline = silent_at();
        loop {
            let step = select! {
                biased;
                () = connection.cut.notified() => {
                    return Err(match connection.taken_over.load(Ordering::Relaxed) {
                        true => Fault::Rule(DisconnectReasonCode::SessionTakenOver),
                        false => Fault::Io,
                    });
                }
                () = sleep_until(deadline) => match timeout(Duration::ZERO, self.step(wire)).await {
                    // It came in time, and waited for this thread.
                    Ok(step) if !matches!(step, Ok(Step::Sent)) => step?,
                    _ => return Err(Fault::Rule(DisconnectReasonCode::KeepAliveTimeout)),
                },
                step = self.step(wire) => step?,
            };
            match step {
                Step::Sent => {}
                Step::Heard => deadline = silent_at(),
                Step::Left => return Ok(()),
            }
        }
    }

    /// Handles the next packet, or returns when there may be more to send.
    async fn step(&mut self, wire: &mut Wire) -> Result<Step, Fault> {
        if wire.is_idle() {
            self.fill(wire)?;
        }
        let (is_idle, connection) = (wire.is_idle(), Arc::clone(&self.connection));
        let packet = select! {
            packet = wire.next() => packet?,
            () = connection.wake.notified(), if is_idle => None,
        };
        let Some(packet) = packet else { return Ok(Step::Sent) };
        Ok(if self.handle(packet, wire)? { Step::Left } else { Step::Heard })
    }

    /// Writes the messages for the client, as many as the buffer takes.
    fn fill(&self, wire: &mut Wire) -> io::Result<()> {
        wire.write_raw(&self.with(|session| std::mem::take(&mut session.raw)).unwrap_or_default());
        while !wire.is_full()
            && let Some(publish) = self.with(Session::next).flatten()
        {
            wire.write(Packet::Publish(publish))?;
        }
        Ok(())
    }

    /// Returns whether the client has left.
    fn handle(&mut self, packet: Packet, wire: &mut Wire) -> Result<bool, Fault> {
        match packet {
            Packet::Publish(publish) => return self.published(publish, wire),
            Packet::PubAck(ack) => self.acknowledged(ack.pkid, QoS::AtLeastOnce)?,
            Packet::PubComp(ack) => self.acknowledged(ack.pkid, QoS::ExactlyOnce)?,
            // A message that the client refuses is settled (MQTT 5.0, section 4.3.3).
            Packet::PubRec(ack) if ack.reason as u8 >= REFUSED => {
                self.acknowledged(ack.pkid, QoS::ExactlyOnce)?;
            }
            Packet::PubRec(ack) => {
                if self.with(|session| session.received(ack.pkid)) == Some(false) {
                    return Err(Fault::Rule(DisconnectReasonCode::ProtocolError));
                }
                wire.write(Packet::PubRel(PubRel::new(ack.pkid, None)))?;
            }
            Packet::PubRel(release) => {
                let released = self.with(|session| session.unreleased.remove(&release.pkid)).flatten();
                if let Some(publish) = released {
                    self.route(&publish);
                }
                wire.write(Packet::PubComp(PubComp::new(release.pkid, None)))?;
            }
            Packet::Subscribe(subscribe) => self.subscribe(&subscribe, wire)?,
            Packet::Unsubscribe(unsubscribe) => {
                if !unsubscribe.filters.iter().all(|filter| is_filter(filter)) {
                    return Err(Fault::Rule(DisconnectReasonCode::MalformedPacket));
                }
                let reasons = unsubscribe.filters.iter().map(|filter| {
                    match self.with(|session| session.unsubscribe(filter)) {
                        Some(true) => UnsubAckReason::Success,
                        _ => UnsubAckReason::NoSubscriptionExisted,
                    }
                });
                let reasons = reasons.collect();
                wire.write(Packet::UnsubAck(UnsubAck { pkid: unsubscribe.pkid, reasons, properties: None }))?;
            }
            Packet::PingReq if self.shared.options.ignores_pings => {}
            Packet::PingReq => wire.write(Packet::PingResp)?,
            Packet::Disconnect(disconnect) => {
                let expiry = disconnect.properties.and_then(|properties| properties.session_expiry_interval);
                if let Some(expiry) = expiry {
                    let expiry = Duration::from_secs(expiry.into());
                    let ends = self.with(|session| session.expiry.is_zero()).unwrap_or_default();
                    // A session that was to end is not kept (MQTT 5.0, section 3.14.2.2.2).
                    if ends && !expiry.is_zero() {
                        return Err(Fault::Rule(DisconnectReasonCode::ProtocolError));
                    }
                    self.with(|session| session.expiry = expiry);
                }
                return Ok(true);
            }
            _ => return Err(Fault::Rule(DisconnectReasonCode::ProtocolError)),
        }
        Ok(false)
    }

    fn published(&mut self, publish: Publish, wire: &mut Wire) -> Result<bool, Fault> {
        let topic = topic(&publish);
        self.check(&publish, &topic)?;
        let answer = match self.shared.options.forbids(&topic) {
            true => Answer::refuse(0x87),
            false => self.shared.state().answer.clone(),
        };
        let (code, reason) = match answer {
            Answer::Accept => (0, None),
            Answer::Refuse { code, reason } => (code, reason),
            Answer::Silence => return Ok(false),
            Answer::Disconnect => return Ok(true),
        };
        let (id, qos) = (publish.pkid, publish.qos);
        let is_wanted = match qos {
            _ if code != 0 => true,
            // It is passed on when it is released, as Mosquitto does. Until then, another one of its identifier replaces it.
            QoS::ExactlyOnce => self.with(|session| session.unreleased.insert(id, publish)).is_some(),
            _ => self.route(&publish),
        };
        match qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => {
                let mut ack = PubAck::new(id, None);
                ack.reason = ack_reason(if is_wanted { code } else { NO_SUBSCRIBERS });
                ack.properties = reason.map(|reason| PubAckProperties {
                    reason_string: Some(reason),
                    user_properties: Vec::new(),
                });
                wire.write(Packet::PubAck(ack))?;
            }
            QoS::ExactlyOnce => {
                let mut ack = PubRec::new(id, None);
                ack.reason = rec_reason(code);
                ack.properties = reason.map(|reason| PubRecProperties {
                    reason_string: Some(reason),
                    user_properties: Vec::new(),
                });
                wire.write(Packet::PubRec(ack))?;
            }
        }
        Ok(false)
    }

    /// Passes a message of the client on. Returns whether any session subscribes to its topic.
    fn route(&self, publish: &Publish) -> bool {
        let is_wanted = self.shared.state().route(publish);
        self.shared.changed.notify_waiters();
        is_wanted
    }

    /// Settles a message that was sent with this quality. An acknowledgement of another one breaks the protocol.
    fn acknowledged(&self, id: u16, qos: QoS) -> Result<(), Fault> {
        match self.with(|session| session.acknowledge(id, qos)) {
            Some(false) => Err(Fault::Rule(DisconnectReasonCode::ProtocolError)),
            _ => Ok(()),
        }
    }

    fn check(&self, publish: &Publish, topic: &str) -> Result<(), Fault> {
        // MQTT 5.0, section 3.3.2.3.5.
        let answers = publish.properties.as_ref().and_then(|properties| properties.response_topic.as_deref());
        let broken = if publish.properties.as_ref().is_some_and(|properties| properties.topic_alias.is_some())
        {
            DisconnectReasonCode::TopicAliasInvalid
        } else if topic.is_empty() || answers.is_some_and(|answers| !is_topic(answers)) {
            DisconnectReasonCode::ProtocolError
        } else if !is_topic(topic) {
            DisconnectReasonCode::TopicNameInvalid
        } else if self.shared.options.max_qos.is_some_and(|most| publish.qos as u8 > most) {
            DisconnectReasonCode::QoSNotSupported
        } else {
            return Ok(());
        };
        Err(Fault::Rule(broken))
    }

    fn subscribe(&mut self, subscribe: &Subscribe, wire: &mut Wire) -> Result<(), Fault> {
        let has_id = subscribe.properties.as_ref().is_some_and(|properties| properties.id.is_some());
        if has_id && !wire.is_old() {
            return Err(Fault::Rule(DisconnectReasonCode::SubscriptionIdentifiersNotSupported));
        }
        if subscribe.filters.is_empty() {
            return Err(Fault::Rule(DisconnectReasonCode::ProtocolError));
        }
        if !subscribe.filters.iter().all(|filter| is_filter(&filter.path)) {
            return Err(Fault::Rule(DisconnectReasonCode::MalformedPacket));
        }
        let mut codes = Vec::new();
        let mut granted = Vec::new();
        for filter in &subscribe.filters {
            let matched = shared(&filter.path).map_or(&*filter.path, |(_, filter)| filter);
            if self.shared.options.forbids(matched) {
                codes.push(SubscribeReasonCode::NotAuthorized);
            } else if has_more(filter) {
                codes.push(SubscribeReasonCode::ImplementationSpecific);
            } else {
                let mut filter = filter.clone();
                if let Some(most) = self.shared.options.max_qos.filter(|most| filter.qos as u8 > *most) {
                    filter.qos = if most == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
                }
                codes.push(SubscribeReasonCode::Success(filter.qos));
                let is_new = self.with(|session| session.subscribe(&filter)).unwrap_or_default();
                granted.push((filter, is_new));
            }
        }
        let ack = SubAck { pkid: subscribe.pkid, return_codes: codes, properties: None };
        wire.write(Packet::SubAck(ack))?;
        for (filter, is_new) in granted {
            self.shared.state().send_retained(&self.name, &filter, is_new);
        }
        Ok(())
    }
}

impl Drop for Client<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        let Some(session) = state.sessions.get_mut(&self.name) else { return };
        if session.leave(&self.connection) && session.expiry.is_zero() {
            state.end(&self.name);
        }
        drop(state);
        self.shared.changed.notify_waiters();
    }
}

/// Whether a subscription has an option that the broker lacks.
fn has_more(filter: &SubscribeFilter) -> bool {
    filter.nolocal || filter.preserve_retain || matches!(filter.retain_forward_rule, RetainForwardRule::Never)
}

fn ack_reason(code: u8) -> PubAckReason {
    match code {
        0 => PubAckReason::Success,
        16 => PubAckReason::NoMatchingSubscribers,
        131 => PubAckReason::ImplementationSpecificError,
        135 => PubAckReason::NotAuthorized,
        144 => PubAckReason::TopicNameInvalid,
        151 => PubAckReason::QuotaExceeded,
        153 => PubAckReason::PayloadFormatInvalid,
        _ => PubAckReason::UnspecifiedError,
    }
}

fn rec_reason(code: u8) -> PubRecReason {
    match code {
        0 => PubRecReason::Success,
        16 => PubRecReason::NoMatchingSubscribers,
        131 => PubRecReason::ImplementationSpecificError,
        135 => PubRecReason::NotAuthorized,
        144 => PubRecReason::TopicNameInvalid,
        151 => PubRecReason::QuotaExceeded,
        153 => PubRecReason::PayloadFormatInvalid,
        _ => PubRecReason::UnspecifiedError,
    }
}
