//! A client that shows every frame's meaning and waits in place.

use amq_protocol::{
    frame::{AMQPContentHeader, AMQPFrame, WriteContext, gen_frame, parse_frame},
    protocol::{AMQPClass, BasicProperties, basic, channel, confirm, connection, exchange, queue},
    types::{AMQPValue, FieldTable},
};
pub(super) use cloudevents_testkit::behaviours::name;
use cloudevents_testkit::patience;
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

    /// A new connection with a channel that confirms.
    pub(super) fn client(&self) -> Client {
        let mut client = Client::connect(&self.0, usual).unwrap();
        client.open(1).unwrap();
        client
    }

    /// A new connection without a channel, with other limits than those that the broker offers: most channels, largest frame in bytes, and
    /// seconds between heartbeats.
    pub(super) fn tuned(&self, channel_max: u16, frame_max: u32, heartbeat: u16) -> Result<Client, Refused> {
        Client::connect(&self.0, |_| connection::TuneOk { channel_max, frame_max, heartbeat })
    }

    /// Why a user whose password is wrong is not let in, by whether the client says that it understands `connection.close` then.
    pub(super) fn strange(&self, understands: bool) -> Option<Refused> {
        let capabilities = table([("authentication_failure_close", AMQPValue::Boolean(understands))]);
        Client::log_in(&self.0, capabilities, "\0guest\0wrong", usual).err()
    }

    /// What the broker offers when a client connects.
    pub(super) fn offered(&self) -> connection::Tune {
        let mut offered = None;
        Client::connect(&self.0, |tune| {
            offered = Some(tune.clone());
            usual(tune)
        })
        .unwrap();
        offered.unwrap()
    }

    /// A client, and an empty queue of a new name.
    pub(super) fn with_queue(&self) -> (Client, String) {
        let (mut client, name) = (self.client(), name("q"));
        client.declare(&name).unwrap();
        (client, name)
    }
}

/// The product that answers there, and its major version.
pub(super) fn product(place: &Place) -> String {
    let client = place.client();
    let text = |name: &str| match client.server.inner().get(name) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        _ => String::new(),
    };
    format!("{} {}", text("product"), text("version").split('.').next().unwrap())
}

/// How the broker refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The channel is closed with this code.
    Channel(u16),
    /// The connection is closed with this code.
    Connection(u16),
    /// The connection is cut without a word.
    Cut,
}

/// A message that the broker sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) consumer: String,
    pub(super) tag: u64,
    pub(super) redelivered: bool,
    pub(super) exchange: String,
    pub(super) key: String,
    /// Of what `get` returns: how many messages are left.
    pub(super) left: u32,
    /// Of a message that is returned.
    pub(super) code: u16,
    pub(super) properties: BasicProperties,
    pub(super) body: Vec<u8>,
}

impl Sent {
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<AMQPValue> {
        self.properties.headers().as_ref()?.inner().get(name).cloned()
    }
}

pub(super) struct Client {
    stream: TcpStream,
    input: Vec<u8>,
    pub(super) server: FieldTable,
    channel: u16,
    published: u64,
    pub(super) deliveries: VecDeque<Sent>,
    pub(super) returned: VecDeque<Sent>,
    /// Tag, whether it is of several messages, whether it is an acknowledgement.
    confirms: VecDeque<(u64, bool, bool)>,
    /// Consumers that the broker has cancelled.
    pub(super) cancelled: VecDeque<String>,
}

fn usual(tune: &connection::Tune) -> connection::TuneOk {
    connection::TuneOk { channel_max: 100, frame_max: tune.frame_max, heartbeat: 0 }
}

impl Client {
    fn connect(
        address: &str,
        tuned: impl FnOnce(&connection::Tune) -> connection::TuneOk,
    ) -> Result<Self, Refused> {
        let capabilities = table([("consumer_cancel_notify", AMQPValue::Boolean(true))]);
        Self::log_in(address, capabilities, "\0guest\0guest", tuned)
    }

    fn log_in(
        address: &str,
        capabilities: FieldTable,
        response: &str,
        tuned: impl FnOnce(&connection::Tune) -> connection::TuneOk,
    ) -> Result<Self, Refused> {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(patience())).unwrap();
        stream.write_all(b"AMQP\0\0\x09\x01").unwrap();
        let mut client = Self {
            stream,
            input: Vec::new(),
            server: FieldTable::default(),
            channel: 0,
            published: 0,
            deliveries: VecDeque::new(),
            returned: VecDeque::new(),
            confirms: VecDeque::new(),
            cancelled: VecDeque::new(),
        };
        use connection::AMQPMethod::{Open, Start, StartOk, Tune, TuneOk};
        let Ok(AMQPClass::Connection(Start(start))) = client.answer() else { panic!("no start") };
        client.server = start.server_properties;
        let properties = table([("capabilities", AMQPValue::FieldTable(capabilities))]);
        client.method(AMQPClass::Connection(StartOk(connection::StartOk {
            client_properties: properties,
            mechanism: "PLAIN".into(),
            response: response.into(),
            locale: "en_US".into(),
        })));
        let AMQPClass::Connection(Tune(tune)) = client.answer()? else { panic!("no tune") };
        client.method(AMQPClass::Connection(TuneOk(tuned(&tune))));
        let open = Open(connection::Open { virtual_host: "/".into() });
        client.call(AMQPClass::Connection(open))?;
        Ok(client)
    }

    /// Opens a channel that confirms, and uses it from now on.
    pub(super) fn open(&mut self, channel: u16) -> Result<(), Refused> {
        self.channel = channel;
        self.published = 0;
        self.call(AMQPClass::Channel(channel::AMQPMethod::Open(channel::Open {})))?;
        self.select()
    }

    /// Opens a channel that does not confirm yet.
    pub(super) fn open_unconfirmed(&mut self, channel: u16) {
        self.channel = channel;
        self.published = 0;
        self.call(AMQPClass::Channel(channel::AMQPMethod::Open(channel::Open {}))).unwrap();
    }

    /// Uses a channel that is open, without waiting for confirmations.
    pub(super) fn switch(&mut self, channel: u16) {
        self.channel = channel;
    }

    /// Closes the channel, and returns when the broker has.
    pub(super) fn close(&mut self) {
        let close = channel::Close { reply_code: 200, ..Default::default() };
        self.call(AMQPClass::Channel(channel::AMQPMethod::Close(close))).unwrap();
    }

    /// Closes the connection, and returns when the broker has.
    pub(super) fn end(mut self) {
        let close = connection::Close { reply_code: 200, ..Default::default() };
        self.call(AMQPClass::Connection(connection::AMQPMethod::Close(close))).unwrap();
    }

    /// Requests that messages be confirmed, again: a round trip without effect, which shows whether the broker refused something.
    pub(super) fn select(&mut self) -> Result<(), Refused> {
        self.call(AMQPClass::Confirm(confirm::AMQPMethod::Select(confirm::Select { nowait: false })))
            .map(drop)
    }

    pub(super) fn queue(&mut self, method: queue::AMQPMethod) -> Result<AMQPClass, Refused> {
        self.call(AMQPClass::Queue(method))
    }

    pub(super) fn exchange(&mut self, method: exchange::AMQPMethod) -> Result<AMQPClass, Refused> {
        self.call(AMQPClass::Exchange(method))
    }

    pub(super) fn basic(&mut self, method: basic::AMQPMethod) -> Result<AMQPClass, Refused> {
        self.call(AMQPClass::Basic(method))
    }

    /// Declares a durable queue without arguments.
    pub(super) fn declare(&mut self, name: &str) -> Result<queue::DeclareOk, Refused> {
        self.declare_with(name, [])
    }

    /// Declares a durable queue.
    pub(super) fn declare_with<const N: usize>(
        &mut self,
        name: &str,
        arguments: [(&str, AMQPValue); N],
    ) -> Result<queue::DeclareOk, Refused> {
        let arguments = table(arguments);
        self.declare_as(queue::Declare { queue: name.into(), durable: true, arguments, ..Default::default() })
    }

    pub(super) fn declare_as(&mut self, declare: queue::Declare) -> Result<queue::DeclareOk, Refused> {
        match self.queue(queue::AMQPMethod::Declare(declare))? {
            AMQPClass::Queue(queue::AMQPMethod::DeclareOk(declared)) => Ok(declared),
            other => panic!("{other:?}"),
        }
    }

    /// The messages that are ready in a queue, and its consumers.
    pub(super) fn counts(&mut self, name: &str) -> Result<(u32, u32), Refused> {
        let declare = queue::Declare { queue: name.into(), passive: true, ..Default::default() };
        self.declare_as(declare).map(|declared| (declared.message_count, declared.consumer_count))
    }

    /// Declares a durable exchange.
    pub(super) fn declare_exchange(&mut self, name: &str, kind: &str) -> Result<AMQPClass, Refused> {
        self.exchange(exchange::AMQPMethod::Declare(exchange::Declare {
            exchange: name.into(),
            kind: kind.into(),
            durable: true,
            ..Default::default()
        }))
    }

    pub(super) fn bind(&mut self, queue: &str, exchange: &str, key: &str) -> Result<AMQPClass, Refused> {
        self.queue(queue::AMQPMethod::Bind(queue::Bind {
            queue: queue.into(),
            exchange: exchange.into(),
            routing_key: key.into(),
            ..Default::default()
        }))
    }

    pub(super) fn unbind(&mut self, queue: &str, exchange: &str, key: &str) -> Result<AMQPClass, Refused> {
        self.queue(queue::AMQPMethod::Unbind(queue::Unbind {
            queue: queue.into(),
            exchange: exchange.into(),
            routing_key: key.into(),
            arguments: FieldTable::default(),
        }))
    }

    pub(super) fn delete(&mut self, name: &str) -> Result<u32, Refused> {
        self.delete_as(queue::Delete { queue: name.into(), ..Default::default() })
    }

    pub(super) fn delete_as(&mut self, delete: queue::Delete) -> Result<u32, Refused> {
        match self.queue(queue::AMQPMethod::Delete(delete))? {
            AMQPClass::Queue(queue::AMQPMethod::DeleteOk(deleted)) => Ok(deleted.message_count),
            other => panic!("{other:?}"),
        }
    }

    /// Puts texts into a queue.
    pub(super) fn put<const N: usize>(&mut self, queue: &str, texts: [&str; N]) {
        for text in texts {
            assert_eq!(self.publish("", queue, text), Ok(true));
        }
    }

    /// Publishes, and returns whether the broker has acknowledged it.
    pub(super) fn publish(&mut self, exchange: &str, key: &str, text: &str) -> Result<bool, Refused> {
        self.publish_with(exchange, key, BasicProperties::default(), text)
    }

    pub(super) fn publish_with(
        &mut self,
        exchange: &str,
        key: &str,
        properties: BasicProperties,
        text: &str,
    ) -> Result<bool, Refused> {
        let publish =
            basic::Publish { exchange: exchange.into(), routing_key: key.into(), ..Default::default() };
        self.publish_as(publish, properties, text)
    }

    pub(super) fn publish_as(
        &mut self,
        publish: basic::Publish,
        properties: BasicProperties,
        text: &str,
    ) -> Result<bool, Refused> {
        self.write(publish, properties, text);
        self.published += 1;
        self.confirmed()
    }

    /// Publishes without waiting.
    pub(super) fn post(&mut self, publish: basic::Publish, text: &str) {
        self.write(publish, BasicProperties::default(), text);
    }

    fn write(&mut self, publish: basic::Publish, properties: BasicProperties, text: &str) {
        self.method(AMQPClass::Basic(basic::AMQPMethod::Publish(publish)));
        let body_size = text.len() as u64;
        self.frame(&AMQPFrame::Header(
            self.channel,
            AMQPContentHeader { class_id: 60, body_size, properties },
        ));
        // In several frames.
        for part in text.as_bytes().chunks(1000) {
            self.frame(&AMQPFrame::Body(self.channel, part.into()));
        }
    }

    pub(super) fn mandatory(&mut self, exchange: &str, key: &str, text: &str) -> Result<bool, Refused> {
        let publish = basic::Publish {
            exchange: exchange.into(),
            routing_key: key.into(),
            mandatory: true,
            immediate: false,
        };
        self.publish_as(publish, BasicProperties::default(), text)
    }

    /// Waits for the confirmation of the last message.
    fn confirmed(&mut self) -> Result<bool, Refused> {
        loop {
            while let Some((tag, _, ack)) = self.confirms.pop_front() {
                if tag == self.published {
                    return Ok(ack);
                }
            }
            self.read()?;
        }
    }

    /// Takes the first message of a queue, without having to settle it.
    pub(super) fn take(&mut self, queue: &str) -> Option<Sent> {
        self.get(queue, true).unwrap()
    }

    /// All messages of a queue, which are taken.
    pub(super) fn take_all(&mut self, queue: &str) -> Vec<String> {
        std::iter::from_fn(|| self.take(queue)).map(|sent| sent.text().to_owned()).collect()
    }

    pub(super) fn get(&mut self, queue: &str, no_ack: bool) -> Result<Option<Sent>, Refused> {
        match self.basic(basic::AMQPMethod::Get(basic::Get { queue: queue.into(), no_ack }))? {
            AMQPClass::Basic(basic::AMQPMethod::GetEmpty(_)) => Ok(None),
            AMQPClass::Basic(basic::AMQPMethod::GetOk(got)) => {
                let mut sent = self.content()?;
                sent.tag = got.delivery_tag;
                sent.redelivered = got.redelivered;
                sent.exchange = got.exchange.to_string();
                sent.key = got.routing_key.to_string();
                sent.left = got.message_count;
                Ok(Some(sent))
            }
            other => panic!("{other:?}"),
        }
    }

    /// Consumes from a queue under a tag.
    pub(super) fn consume(&mut self, queue: &str, tag: &str) -> Result<String, Refused> {
        self.consume_as(basic::Consume {
            queue: queue.into(),
            consumer_tag: tag.into(),
            ..Default::default()
        })
    }

    pub(super) fn consume_as(&mut self, consume: basic::Consume) -> Result<String, Refused> {
        match self.basic(basic::AMQPMethod::Consume(consume))? {
            AMQPClass::Basic(basic::AMQPMethod::ConsumeOk(ok)) => Ok(ok.consumer_tag.to_string()),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn cancel(&mut self, tag: &str) -> Result<AMQPClass, Refused> {
        self.basic(basic::AMQPMethod::Cancel(basic::Cancel { consumer_tag: tag.into(), nowait: false }))
    }

    pub(super) fn qos(&mut self, prefetch_count: u16, global: bool) -> Result<AMQPClass, Refused> {
        self.basic(basic::AMQPMethod::Qos(basic::Qos { prefetch_count, global }))
    }

    pub(super) fn ack(&mut self, delivery_tag: u64, multiple: bool) -> Result<(), Refused> {
        self.settle(basic::AMQPMethod::Ack(basic::Ack { delivery_tag, multiple }))
    }

    pub(super) fn nack(&mut self, delivery_tag: u64, multiple: bool, requeue: bool) -> Result<(), Refused> {
        self.settle(basic::AMQPMethod::Nack(basic::Nack { delivery_tag, multiple, requeue }))
    }

    pub(super) fn reject(&mut self, delivery_tag: u64, requeue: bool) -> Result<(), Refused> {
        self.settle(basic::AMQPMethod::Reject(basic::Reject { delivery_tag, requeue }))
    }

    fn settle(&mut self, method: basic::AMQPMethod) -> Result<(), Refused> {
        self.method(AMQPClass::Basic(method));
        self.select()
    }

    /// The next message for a consumer.
    pub(super) fn next(&mut self) -> Sent {
        self.try_next().unwrap()
    }

    pub(super) fn try_next(&mut self) -> Result<Sent, Refused> {
        loop {
            if let Some(sent) = self.deliveries.pop_front() {
                return Ok(sent);
            }
            self.read()?;
        }
    }

    /// Waits until the broker cancels a consumer.
    pub(super) fn next_cancelled(&mut self) -> String {
        loop {
            if let Some(tag) = self.cancelled.pop_front() {
                return tag;
            }
            self.read().unwrap();
        }
    }

    /// Sends a method, and waits for its answer.
    pub(super) fn call(&mut self, method: AMQPClass) -> Result<AMQPClass, Refused> {
        self.method(method);
        self.answer()
    }

    /// Sends a method that has no answer.
    pub(super) fn method(&mut self, method: AMQPClass) {
        let channel = if matches!(method, AMQPClass::Connection(_)) { 0 } else { self.channel };
        self.frame(&AMQPFrame::Method(channel, method));
    }

    /// Sends a frame.
    pub(super) fn frame(&mut self, frame: &AMQPFrame) {
        let written = gen_frame(frame)(WriteContext::from(Vec::new())).unwrap().into_inner().0;
        // A connection that is cut shows when it is read.
        let _ = self.stream.write_all(&written);
    }

    /// Waits for an answer.
    pub(super) fn answer(&mut self) -> Result<AMQPClass, Refused> {
        loop {
            if let Some(answer) = self.read()? {
                return Ok(answer);
            }
        }
    }

    /// Reads a method. What the broker sends by itself is kept.
    fn read(&mut self) -> Result<Option<AMQPClass>, Refused> {
        let (channel, method) = match self.read_frame()? {
            AMQPFrame::Method(channel, method) => (channel, method),
            AMQPFrame::Heartbeat => return Ok(None),
            other => panic!("{other:?}"),
        };
        match method {
            AMQPClass::Channel(channel::AMQPMethod::Close(close)) => {
                self.published = 0;
                self.frame(&AMQPFrame::Method(
                    channel,
                    AMQPClass::Channel(channel::AMQPMethod::CloseOk(channel::CloseOk {})),
                ));
                return Err(Refused::Channel(close.reply_code));
            }
            AMQPClass::Connection(connection::AMQPMethod::Close(close)) => {
                self.method(AMQPClass::Connection(connection::AMQPMethod::CloseOk(connection::CloseOk {})));
                return Err(Refused::Connection(close.reply_code));
            }
            AMQPClass::Basic(basic::AMQPMethod::Deliver(deliver)) => {
                let mut sent = self.content()?;
                sent.consumer = deliver.consumer_tag.to_string();
                sent.tag = deliver.delivery_tag;
                sent.redelivered = deliver.redelivered;
                sent.exchange = deliver.exchange.to_string();
                sent.key = deliver.routing_key.to_string();
                self.deliveries.push_back(sent);
            }
            AMQPClass::Basic(basic::AMQPMethod::Return(returned)) => {
                let mut sent = self.content()?;
                sent.code = returned.reply_code;
                sent.exchange = returned.exchange.to_string();
                sent.key = returned.routing_key.to_string();
                self.returned.push_back(sent);
            }
            AMQPClass::Basic(basic::AMQPMethod::Ack(ack)) => {
                self.confirms.push_back((ack.delivery_tag, ack.multiple, true))
            }
            AMQPClass::Basic(basic::AMQPMethod::Nack(nack)) => {
                self.confirms.push_back((nack.delivery_tag, nack.multiple, false));
            }
            AMQPClass::Basic(basic::AMQPMethod::Cancel(cancel)) => {
                self.cancelled.push_back(cancel.consumer_tag.to_string());
            }
            answer => return Ok(Some(answer)),
        }
        Ok(None)
    }

    fn content(&mut self) -> Result<Sent, Refused> {
        let AMQPFrame::Header(_, header) = self.read_frame()? else { panic!("no header") };
        let mut body = Vec::new();
        while (body.len() as u64) < header.body_size {
            let AMQPFrame::Body(_, part) = self.read_frame()? else { panic!("no body") };
            body.extend(part);
        }
        Ok(Sent {
            consumer: String::new(),
            tag: 0,
            redelivered: false,
            exchange: String::new(),
            key: String::new(),
            left: 0,
            code: 0,
            properties: header.properties,
            body,
        })
    }

    pub(super) fn read_frame(&mut self) -> Result<AMQPFrame, Refused> {
        loop {
            match parse_frame(self.input.as_slice()) {
                Ok((rest, frame)) => {
                    let read = self.input.len() - rest.len();
                    self.input.drain(..read);
                    return Ok(frame);
                }
                Err(error) => assert!(error.is_incomplete(), "{error:?}"),
            }
            let mut buffer = [0; 1 << 16];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(Refused::Cut),
                Ok(read) => self.input.extend(&buffer[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                    return Err(Refused::Cut);
                }
                Err(error) => panic!("nothing comes: {error}"),
            }
        }
    }
}

/// Repeats something until it returns a value.
pub(super) fn until<T>(mut something: impl FnMut() -> Option<T>) -> T {
    let begin = std::time::Instant::now();
    loop {
        if let Some(value) = something() {
            return value;
        }
        assert!(begin.elapsed() < patience(), "it takes too long");
    }
}

pub(super) fn table<const N: usize>(fields: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in fields {
        table.insert(name.into(), value);
    }
    table
}

pub(super) fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

pub(super) fn number(number: i32) -> AMQPValue {
    AMQPValue::LongInt(number)
}

/// Properties with these headers.
pub(super) fn headers<const N: usize>(fields: [(&str, AMQPValue); N]) -> BasicProperties {
    BasicProperties::default().with_headers(table(fields))
}
