//! Connections of clients.

use super::{
    broker::Shared,
    session::{Connection, Next, Session},
    state::{Answer, topic},
    topics::{is_filter, is_shared, is_topic, matches},
    wire::{Fault, Wire},
};
use rumqttc_v5::mqttbytes::{
    QoS,
    v5::{
        ConnAck, ConnAckProperties, Connect, ConnectAuth, ConnectReturnCode, DisconnectReasonCode, LastWill,
        Packet, PubAck, PubAckProperties, PubAckReason, PubComp, PubRec, PubRecProperties, PubRecReason,
        PubRel, Publish, PublishProperties, SubAck, Subscribe, SubscribeReasonCode, UnsubAck, UnsubAckReason,
    },
};
use std::{io, net, sync::Arc, time::Duration};
use tokio::{net::TcpListener, select, time::timeout};

/// The reason code of PUBACK: No matching subscribers.
const NO_SUBSCRIBERS: u8 = 16;

pub(super) async fn listen(shared: Arc<Shared>, listener: net::TcpListener) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let _ = serve(&shared, Wire::new(stream, shared.options.max_packet_size)).await;
        });
    }
}

async fn serve(shared: &Shared, mut wire: Wire) -> io::Result<()> {
    let (connect, will, auth) = match wire.read().await {
        Ok(Packet::Connect(connect, will, auth)) => (connect, will, auth),
        Ok(_) | Err(Fault::Rule(_) | Fault::Io) => return Err(io::ErrorKind::InvalidData.into()),
        Err(fault) => {
            wire.write_fault(fault).await;
            return Ok(());
        }
    };
    if let Some(code) = refusal(shared, &connect, will.as_ref(), &auth, wire.is_old()) {
        return wire.write(Packet::ConnAck(refused(code))).await;
    }
    let mut client = Client::begin(shared, &connect);
    wire.write(Packet::ConnAck(client.welcome(&wire))).await?;
    let ended = match client.resume(&mut wire).await {
        Ok(()) => client.run(&mut wire).await,
        Err(error) => Err(error.into()),
    };
    // A crash, which drops this task, publishes no will.
    if let Some(will) = will.filter(|_| !matches!(ended, Ok(Left::WithoutWill))) {
        shared.state().route_from(&published(will), &client.name);
        shared.changed.notify_waiters();
    }
    if let Err(fault) = ended {
        wire.write_fault(fault).await;
    }
    Ok(())
}

/// How a client has left.
enum Left {
    WithoutWill,
    WithWill,
}

/// Why a client may not connect.
fn refusal(
    shared: &Shared,
    connect: &Connect,
    will: Option<&LastWill>,
    auth: &ConnectAuth,
    is_old: bool,
) -> Option<ConnectReturnCode> {
    let properties = connect.properties.as_ref();
    let waits = will.and_then(|will| will.properties.as_ref()?.delay_interval).is_some_and(|delay| delay > 0);
    if properties.is_some_and(|properties| properties.authentication_method.is_some()) {
        return Some(ConnectReturnCode::BadAuthenticationMethod);
    }
    if !admits(shared, auth) {
        return Some(ConnectReturnCode::BadUserNamePassword);
    }
    if waits {
        return Some(ConnectReturnCode::ImplementationSpecificError);
    }
    if will.is_some_and(|will| !std::str::from_utf8(&will.topic).is_ok_and(is_topic)) {
        return Some(ConnectReturnCode::TopicNameInvalid);
    }
    // MQTT 3.1.1, section 3.1.3.1.
    let is_nameless = is_old && connect.client_id.is_empty() && !connect.clean_start;
    is_nameless.then_some(ConnectReturnCode::ClientIdentifierNotValid)
}

/// The message of a will.
fn published(will: LastWill) -> Publish {
    let topic = String::from_utf8_lossy(&will.topic).into_owned();
    let properties = will.properties.map(|properties| PublishProperties {
        payload_format_indicator: properties.payload_format_indicator,
        message_expiry_interval: properties.message_expiry_interval,
        content_type: properties.content_type,
        response_topic: properties.response_topic,
        correlation_data: properties.correlation_data,
        user_properties: properties.user_properties,
        ..PublishProperties::default()
    });
    let mut publish = Publish::new(topic, will.qos, will.message, properties);
    publish.retain = will.retain;
    publish
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
        let stale =
            state.sessions.get(&name).is_some_and(|session| session.has_expired() || connect.clean_start);
        if stale {
            if let Some(session) = state.sessions.get_mut(&name) {
                session.cut();
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
        let result = self.shared.state().sessions.get_mut(&self.name).map(act);
        self.shared.changed.notify_waiters();
        result
    }

    /// Sends again what the client has not acknowledged.
    async fn resume(&mut self, wire: &mut Wire) -> io::Result<()> {
        for next in self.with(Session::resume).into_iter().flatten() {
            let packet = match next {
                Next::Publish(publish) => Packet::Publish(publish),
                Next::Release(id) => Packet::PubRel(PubRel::new(id, None)),
            };
            wire.write(packet).await?;
        }
        Ok(())
    }

    /// Runs until the client leaves, or is cut off.
    async fn run(&mut self, wire: &mut Wire) -> Result<Left, Fault> {
        let connection = Arc::clone(&self.connection);
        loop {
            self.send(wire).await?;
            let limit = self.keep_alive.unwrap_or(Duration::from_secs(1 << 20));
            let packet = select! {
                biased;
                () = connection.cut.notified() => {
                    return Err(Fault::Rule(DisconnectReasonCode::SessionTakenOver));
                }
                packet = timeout(limit, wire.read()) => packet.map_err(|_| Fault::Rule(DisconnectReasonCode::KeepAliveTimeout))??,
                () = connection.wake.notified() => continue,
            };
            if let Some(left) = self.handle(packet, wire).await? {
                return Ok(left);
            }
        }
    }

    /// Sends what is there for the client, as far as it has room.
    async fn send(&self, wire: &mut Wire) -> io::Result<()> {
        if let Some(raw) = self.with(|session| std::mem::take(&mut session.raw)).filter(|raw| !raw.is_empty())
        {
            wire.write_raw(&raw).await?;
        }
        while let Some(publish) = self.with(Session::next).flatten() {
            wire.write(Packet::Publish(publish)).await?;
        }
        Ok(())
    }

    /// Returns how the client has left, if it has.
    async fn handle(&mut self, packet: Packet, wire: &mut Wire) -> Result<Option<Left>, Fault> {
        match packet {
            Packet::Publish(publish) => return self.published(publish, wire).await,
            Packet::PubAck(ack) => _ = self.with(|session| session.acknowledge(ack.pkid)),
            Packet::PubComp(ack) => _ = self.with(|session| session.acknowledge(ack.pkid)),
            Packet::PubRec(ack) => {
                self.with(|session| session.received(ack.pkid));
                wire.write(Packet::PubRel(PubRel::new(ack.pkid, None))).await?;
            }
            Packet::PubRel(release) => {
                self.with(|session| session.unreleased.remove(&release.pkid));
                wire.write(Packet::PubComp(PubComp::new(release.pkid, None))).await?;
            }
            Packet::Subscribe(subscribe) => self.subscribe(&subscribe, wire).await?,
            Packet::Unsubscribe(unsubscribe) => {
                let reasons = unsubscribe.filters.iter().map(|filter| {
                    match self.with(|session| session.unsubscribe(filter)) {
                        Some(true) => UnsubAckReason::Success,
                        _ => UnsubAckReason::NoSubscriptionExisted,
                    }
                });
                let reasons = reasons.collect();
                wire.write(Packet::UnsubAck(UnsubAck { pkid: unsubscribe.pkid, reasons, properties: None }))
                    .await?;
            }
            Packet::PingReq if self.shared.options.ignores_pings => {}
            Packet::PingReq => wire.write(Packet::PingResp).await?,
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
                return Ok(Some(match disconnect.reason_code {
                    DisconnectReasonCode::NormalDisconnection => Left::WithoutWill,
                    _ => Left::WithWill,
                }));
            }
            _ => return Err(Fault::Rule(DisconnectReasonCode::ProtocolError)),
        }
        Ok(None)
    }

    async fn published(&mut self, publish: Publish, wire: &mut Wire) -> Result<Option<Left>, Fault> {
        let topic = topic(&publish);
        self.check(&publish, &topic)?;
        let forbidden = self.shared.options.forbidden.iter().any(|filter| matches(&topic, filter));
        let answer = match forbidden {
            true => Answer::refuse(0x87),
            false => self.shared.state().answer.clone(),
        };
        let (code, reason) = match answer {
            Answer::Accept => (0, None),
            Answer::Refuse { code, reason } => (code, reason),
            Answer::Silence => return Ok(None),
            Answer::Disconnect => return Ok(Some(Left::WithWill)),
        };
        // A message of QoS 2 that came before, and was not released, is not passed on again.
        let id = publish.pkid;
        let again = publish.qos == QoS::ExactlyOnce
            && code == 0
            && self.with(|session| !session.unreleased.insert(id)).unwrap_or_default();
        let qos = publish.qos;
        let mut is_wanted = true;
        if code == 0 && !again {
            is_wanted = self.shared.state().route_from(&publish, &self.name);
            self.shared.changed.notify_waiters();
        }
        match qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => {
                let mut ack = PubAck::new(id, None);
                ack.reason = ack_reason(if is_wanted { code } else { NO_SUBSCRIBERS });
                ack.properties = reason.map(|reason| PubAckProperties {
                    reason_string: Some(reason),
                    user_properties: Vec::new(),
                });
                wire.write(Packet::PubAck(ack)).await?;
            }
            QoS::ExactlyOnce => {
                let mut ack = PubRec::new(id, None);
                ack.reason = rec_reason(code);
                ack.properties = reason.map(|reason| PubRecProperties {
                    reason_string: Some(reason),
                    user_properties: Vec::new(),
                });
                wire.write(Packet::PubRec(ack)).await?;
            }
        }
        Ok(None)
    }

    fn check(&self, publish: &Publish, topic: &str) -> Result<(), Fault> {
        let broken = if publish.properties.as_ref().is_some_and(|properties| properties.topic_alias.is_some())
        {
            DisconnectReasonCode::TopicAliasInvalid
        } else if topic.is_empty() {
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

    async fn subscribe(&mut self, subscribe: &Subscribe, wire: &mut Wire) -> Result<(), Fault> {
        let has_id = subscribe.properties.as_ref().is_some_and(|properties| properties.id.is_some());
        if has_id && !wire.is_old() {
            return Err(Fault::Rule(DisconnectReasonCode::SubscriptionIdentifiersNotSupported));
        }
        if subscribe.filters.is_empty()
            || subscribe.filters.iter().any(|filter| filter.nolocal && is_shared(&filter.path))
        {
            return Err(Fault::Rule(DisconnectReasonCode::ProtocolError));
        }
        if !subscribe.filters.iter().all(|filter| is_filter(&filter.path)) {
            return Err(Fault::Rule(DisconnectReasonCode::MalformedPacket));
        }
        let mut codes = Vec::new();
        let mut granted = Vec::new();
        for filter in &subscribe.filters {
            if self.shared.options.forbidden.contains(&filter.path) {
                codes.push(SubscribeReasonCode::NotAuthorized);
            } else {
                codes.push(SubscribeReasonCode::Success(filter.qos));
                granted.push((filter, self.with(|session| session.subscribe(filter)).unwrap_or_default()));
            }
        }
        let ack = SubAck { pkid: subscribe.pkid, return_codes: codes, properties: None };
        wire.write(Packet::SubAck(ack)).await?;
        for (filter, is_new) in granted {
            self.shared.state().send_retained(&self.name, filter, is_new);
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
