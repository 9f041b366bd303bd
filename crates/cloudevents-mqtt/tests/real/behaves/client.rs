//! A client that writes and reads single packets, and waits in place.

use bytes::BytesMut;
pub(super) use cloudevents_testkit::behaviours::name;
use cloudevents_testkit::patience;
use rumqttc_v5::mqttbytes::{
    QoS,
    v5::{
        ConnAck, Connect, ConnectAuth, ConnectProperties, ConnectReturnCode, Disconnect,
        DisconnectReasonCode, LastWill, Packet, PubAck, PubAckReason, PubComp, PubRec, PubRel, Publish,
        PublishProperties, Subscribe, SubscribeFilter, SubscribeReasonCode, UnsubAckReason, Unsubscribe,
    },
};
use std::{
    collections::VecDeque,
    io::{Read, Write},
    net::TcpStream,
};

pub(super) type Behaviour = cloudevents_testkit::behaviours::Behaviour<Place>;

/// Where a broker is.
pub(super) struct Place(String);

impl Place {
    pub(super) fn new(address: &str) -> Self {
        Self(address.to_owned())
    }

    /// A connected client with a session that ends with its connection.
    pub(super) fn client(&self) -> Client {
        self.connect(Asks::new(&name("c"))).unwrap().0
    }

    pub(super) fn connect(&self, asks: Asks) -> Result<(Client, ConnAck), ConnectReturnCode> {
        let mut client = self.open();
        client.write(Packet::Connect(asks.connect, asks.will, asks.auth));
        match client.read() {
            Some(Packet::ConnAck(ack)) if ack.code == ConnectReturnCode::Success => Ok((client, ack)),
            Some(Packet::ConnAck(ack)) => Err(ack.code),
            other => panic!("{other:?}"),
        }
    }

    /// A connection without CONNECT.
    pub(super) fn open(&self) -> Client {
        let stream = TcpStream::connect(&self.0).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(patience())).unwrap();
        Client {
            stream,
            input: BytesMut::new(),
            arrived: VecDeque::new(),
            fence: name("fence"),
            is_fenced: false,
            keeps: false,
        }
    }
}

/// What a client requests when it connects.
pub(super) struct Asks {
    pub(super) connect: Connect,
    pub(super) will: Option<LastWill>,
    pub(super) auth: ConnectAuth,
}

impl Asks {
    /// A clean start, and no session afterwards.
    pub(super) fn new(id: &str) -> Self {
        let connect = Connect {
            keep_alive: 60,
            client_id: id.to_owned(),
            clean_start: true,
            properties: Some(ConnectProperties::new()),
        };
        Self { connect, will: None, auth: ConnectAuth::None }
    }

    pub(super) fn properties(&mut self) -> &mut ConnectProperties {
        self.connect.properties.as_mut().unwrap()
    }

    /// To resume a session, and keep it for this many seconds.
    pub(super) fn session(id: &str, seconds: u32) -> Self {
        let mut asks = Self::new(id);
        asks.connect.clean_start = false;
        asks.properties().session_expiry_interval = Some(seconds);
        asks
    }
}

pub(super) struct Client {
    stream: TcpStream,
    input: BytesMut,
    /// Messages that came while something else was awaited.
    pub(super) arrived: VecDeque<Publish>,
    /// A topic of its own.
    fence: String,
    is_fenced: bool,
    /// Whether messages are left unacknowledged.
    pub(super) keeps: bool,
}

impl Client {
    /// Subscribes, and returns what the broker says.
    pub(super) fn subscribe(&mut self, filter: &str, qos: QoS) -> SubscribeReasonCode {
        self.subscribe_as(SubscribeFilter::new(filter, qos))
    }

    pub(super) fn subscribe_as(&mut self, filter: SubscribeFilter) -> SubscribeReasonCode {
        self.write_subscribe(filter);
        match self.answer() {
            Packet::SubAck(ack) => ack.return_codes[0],
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn write_subscribe(&mut self, filter: SubscribeFilter) {
        let mut subscribe = Subscribe::new(filter, None);
        subscribe.pkid = 7;
        self.write(Packet::Subscribe(subscribe));
    }

    pub(super) fn unsubscribe(&mut self, filter: &str) -> UnsubAckReason {
        let mut unsubscribe = Unsubscribe::new(filter, None);
        unsubscribe.pkid = 8;
        self.write(Packet::Unsubscribe(unsubscribe));
        match self.answer() {
            Packet::UnsubAck(ack) => ack.reasons[0],
            other => panic!("{other:?}"),
        }
    }

    /// Publishes a text without properties, and returns when the broker has it.
    pub(super) fn publish(&mut self, topic: &str, qos: QoS, text: &str) {
        self.publish_as(message(topic, qos, text));
    }

    pub(super) fn publish_as(&mut self, publish: Publish) {
        let reason = self.post(publish);
        assert!(matches!(reason, None | Some(PubAckReason::Success | PubAckReason::NoMatchingSubscribers)));
    }

    /// Publishes, and returns what the broker says of a message of QoS 1. One of QoS 2 is released, too.
    pub(super) fn post(&mut self, mut publish: Publish) -> Option<PubAckReason> {
        let qos = publish.qos;
        publish.pkid = if qos == QoS::AtMostOnce { 0 } else { 9 };
        self.write(Packet::Publish(publish));
        match qos {
            QoS::AtMostOnce => {
                self.ping();
                None
            }
            QoS::AtLeastOnce => match self.answer() {
                Packet::PubAck(ack) => Some(ack.reason),
                other => panic!("{other:?}"),
            },
            QoS::ExactlyOnce => {
                assert!(matches!(self.answer(), Packet::PubRec(PubRec { pkid: 9, .. })));
                self.release(9);
                None
            }
        }
    }

    /// Releases a message of QoS 2 that the broker has received.
    pub(super) fn release(&mut self, id: u16) {
        self.write(Packet::PubRel(PubRel::new(id, None)));
        assert!(matches!(self.answer(), Packet::PubComp(complete) if complete.pkid == id));
    }

    pub(super) fn ping(&mut self) {
        self.write(Packet::PingReq);
        assert!(matches!(self.answer(), Packet::PingResp));
    }

    /// All messages that have come by now. The broker has none left.
    pub(super) fn received(&mut self) -> Vec<Publish> {
        let fence = self.fence.clone();
        if !self.is_fenced {
            self.is_fenced = true;
            self.subscribe(&fence, QoS::AtMostOnce);
        }
        self.write(Packet::Publish(message(&fence, QoS::AtMostOnce, "")));
        std::iter::from_fn(|| Some(self.next()).filter(|publish| publish.topic != fence.as_bytes())).collect()
    }

    fn acknowledge(&mut self, publish: &Publish) {
        match publish.qos {
            _ if self.keeps => {}
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.write(Packet::PubAck(PubAck::new(publish.pkid, None))),
            QoS::ExactlyOnce => self.write(Packet::PubRec(PubRec::new(publish.pkid, None))),
        }
    }

    /// The texts that have come by now.
    pub(super) fn texts(&mut self) -> Vec<String> {
        self.received().iter().map(text).collect()
    }

    /// The next message.
    pub(super) fn next(&mut self) -> Publish {
        while self.arrived.is_empty() {
            let packet = self.read().expect("the connection is closed");
            assert!(self.arrive(packet).is_none());
        }
        self.arrived.pop_front().unwrap()
    }

    /// The next packet that is neither a message nor its release.
    fn answer(&mut self) -> Packet {
        loop {
            let packet = self.read().expect("the connection is closed");
            if let Some(answer) = self.arrive(packet) {
                return answer;
            }
        }
    }

    /// Acknowledges and keeps a message, completes its release, and returns other packets.
    fn arrive(&mut self, packet: Packet) -> Option<Packet> {
        match packet {
            Packet::Publish(publish) => {
                self.acknowledge(&publish);
                self.arrived.push_back(publish);
            }
            Packet::PubRel(release) => self.write(Packet::PubComp(PubComp::new(release.pkid, None))),
            answer => return Some(answer),
        }
        None
    }

    /// Ends with DISCONNECT, and returns when the broker has closed the connection.
    pub(super) fn leave(self) {
        self.leave_with(Disconnect::new(DisconnectReasonCode::NormalDisconnection));
    }

    pub(super) fn leave_with(mut self, disconnect: Disconnect) {
        self.write(Packet::Disconnect(disconnect));
        while self.read().is_some() {}
    }

    /// Cuts the connection.
    pub(super) fn cut(self) {
        self.stream.shutdown(std::net::Shutdown::Both).unwrap();
    }

    /// Waits for the end of the connection, and returns the reason of the last DISCONNECT, if the broker sends one. It may omit its
    /// properties, which the client library does not expect.
    pub(super) fn ended(&mut self) -> Option<DisconnectReasonCode> {
        while self.fill() {}
        let (mut rest, mut reason) = (&self.input[..], None);
        while let [kind, low, after @ ..] = rest {
            let (length, after) = match after {
                [high, after @ ..] if *low >= 0x80 => {
                    (usize::from(low & 0x7f) | usize::from(*high) << 7, after)
                }
                _ => (usize::from(*low), after),
            };
            let (body, others) = after.split_at(length);
            if *kind == 0xe0 {
                reason = Some(body.first().copied().unwrap_or(0).try_into().unwrap());
            }
            rest = others;
        }
        reason
    }

    /// Reads to the end of the connection, whatever comes, and returns how many bytes that were.
    pub(super) fn drained(&mut self) -> usize {
        let mut count = 0;
        while self.fill() {
            count += std::mem::take(&mut self.input).len();
        }
        count
    }

    pub(super) fn write(&mut self, packet: Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, None).unwrap();
        self.raw(&bytes);
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        // A connection that is cut shows when it is read.
        let _ = self.stream.write_all(bytes);
    }

    /// The next packet; `None` at the end of the connection.
    pub(super) fn read(&mut self) -> Option<Packet> {
        loop {
            match Packet::read(&mut self.input, None) {
                Ok(packet) => return Some(packet),
                Err(rumqttc_v5::mqttbytes::Error::InsufficientBytes(_)) => {}
                Err(error) => panic!("{error:?}: {:?}", self.input),
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// The bytes that come next, whatever they are; fewer at the end of the connection.
    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.input.len() < count && self.fill() {}
        let count = count.min(self.input.len());
        self.input.split_to(count).to_vec()
    }

    fn fill(&mut self) -> bool {
        let mut buffer = [0; 1 << 16];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(read) => {
                self.input.extend_from_slice(&buffer[..read]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("nothing comes: {error}"),
        }
    }
}

pub(super) fn message(topic: &str, qos: QoS, text: &str) -> Publish {
    Publish::new(topic, qos, text.to_owned(), None)
}

pub(super) fn retained(topic: &str, text: &str) -> Publish {
    let mut publish = message(topic, QoS::AtLeastOnce, text);
    publish.retain = true;
    publish
}

/// A message of QoS 1 that expires.
pub(super) fn expiring(topic: &str, text: &str, seconds: u32) -> Publish {
    let mut publish = message(topic, QoS::AtLeastOnce, text);
    publish.properties =
        Some(PublishProperties { message_expiry_interval: Some(seconds), ..PublishProperties::default() });
    publish
}

pub(super) fn text(publish: &Publish) -> String {
    String::from_utf8(publish.payload.to_vec()).unwrap()
}
