//! Connections of clients.

use super::{
    broker::Shared,
    session::{Connection, Next, Session},
    state::{Answer, topic},
    wire::Wire,
};
use rumqttc_v5::mqttbytes::{
    QoS, matches,
    v5::{
        ConnAck, ConnAckProperties, Connect, ConnectAuth, ConnectReturnCode, Disconnect,
        DisconnectReasonCode, Packet, PubAck, PubAckProperties, PubAckReason, PubComp, PubRec,
        PubRecProperties, PubRecReason, PubRel, Publish, SubAck, Subscribe, SubscribeReasonCode, UnsubAck,
        UnsubAckReason,
    },
    valid_filter,
};
use std::{io, net, sync::Arc, time::Duration};
use tokio::{net::TcpListener, select, time::timeout};

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
    let Packet::Connect(connect, _, auth) = wire.read().await? else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    if !admits(shared, &auth) {
        return wire.write(Packet::ConnAck(refused(ConnectReturnCode::BadUserNamePassword))).await;
    }
    let mut client = Client::begin(shared, &connect);
    wire.write(Packet::ConnAck(client.welcome(&wire))).await?;
    let again = client.with(Session::resume);
    for next in again.into_iter().flatten() {
        let packet = match next {
            Next::Publish(publish) => Packet::Publish(publish),
            Next::Release(id) => Packet::PubRel(PubRel::new(id, None)),
        };
        wire.write(packet).await?;
    }
    client.run(&mut wire).await
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

    async fn run(&mut self, wire: &mut Wire) -> io::Result<()> {
        let connection = Arc::clone(&self.connection);
        loop {
            self.send(wire).await?;
            let limit = self.keep_alive.unwrap_or(Duration::from_secs(1 << 20));
            let packet = select! {
                biased;
                () = connection.cut.notified() => {
                    let taken = Disconnect::new(DisconnectReasonCode::SessionTakenOver);
                    return wire.write(Packet::Disconnect(taken)).await;
                }
                packet = timeout(limit, wire.read()) => packet.map_err(|_| io::ErrorKind::TimedOut)??,
                () = connection.wake.notified() => continue,
            };
            if !self.handle(packet, wire).await? {
                return Ok(());
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

    /// Returns whether the connection goes on.
    async fn handle(&mut self, packet: Packet, wire: &mut Wire) -> io::Result<bool> {
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
                    self.with(|session| session.expiry = Duration::from_secs(expiry.into()));
                }
                return Ok(false);
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
        Ok(true)
    }

    async fn published(&mut self, publish: Publish, wire: &mut Wire) -> io::Result<bool> {
        let topic = topic(&publish);
        let forbidden = self.shared.options.forbidden.iter().any(|filter| matches(&topic, filter));
        let answer = match forbidden {
            true => Answer::refuse(0x87),
            false => self.shared.state().answer.clone(),
        };
        let (code, reason) = match answer {
            Answer::Accept => (0, None),
            Answer::Refuse { code, reason } => (code, reason),
            Answer::Silence => return Ok(true),
            Answer::Disconnect => return Ok(false),
        };
        // A message of QoS 2 that came before, and was not released, is not passed on again.
        let id = publish.pkid;
        let again = publish.qos == QoS::ExactlyOnce
            && code == 0
            && self.with(|session| !session.unreleased.insert(id)).unwrap_or_default();
        let qos = publish.qos;
        if code == 0 && !again {
            self.shared.state().route_from(&publish, &self.name);
            self.shared.changed.notify_waiters();
        }
        match qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => {
                let mut ack = PubAck::new(id, None);
                ack.reason = ack_reason(code);
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
        Ok(true)
    }

    async fn subscribe(&mut self, subscribe: &Subscribe, wire: &mut Wire) -> io::Result<()> {
        let mut codes = Vec::new();
        let mut granted = Vec::new();
        for filter in &subscribe.filters {
            if self.shared.options.forbidden.contains(&filter.path) {
                codes.push(SubscribeReasonCode::NotAuthorized);
            } else if !valid_filter(&filter.path) {
                codes.push(SubscribeReasonCode::TopicFilterInvalid);
            } else {
                codes.push(SubscribeReasonCode::Success(filter.qos));
                self.with(|session| session.subscribe(filter));
                granted.push(filter);
            }
        }
        let ack = SubAck { pkid: subscribe.pkid, return_codes: codes, properties: None };
        wire.write(Packet::SubAck(ack)).await?;
        for filter in granted {
            self.shared.state().send_retained(&self.name, filter);
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
