//! Every pair of protocols once, over embedded brokers, with the sample events in every mode. A protocol joins with an entry in `ENDS`.

use cloudevents_conformance::vectors::samples;
use cloudevents_kit::{
    self as kit, Bridge, ContentMode, Event, Message, Receiver, Sender,
    http::{HttpReceiver, HttpReceiverOptions},
    json::Json,
    transport::{
        Carries, Outgoing, ReceiverOptions, SenderCapabilities,
        bridge::{BridgePolicy, HOPS},
    },
    websockets::WsServer,
};
use cloudevents_testkit::patience;
use cloudevents_testkit::{amqp, kafka, mqtt, nats, rabbitmq, tagged};
use serde_json::Value;
use std::collections::BTreeSet;
use tokio::time::timeout;

/// A place of one protocol, with a receiver and a sender of it.
pub(crate) struct End {
    pub(crate) name: &'static str,
    pub(crate) receiver: Receiver,
    pub(crate) sender: Sender,
    /// Whether there is a binary mode. Without one, events become documents.
    binary: bool,
    /// What has to live as long.
    _broker: Option<Box<dyn std::any::Any>>,
}

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

pub(crate) const ENDS: [&str; 7] = ["http", "kafka", "amqp", "rabbitmq", "nats", "mqtt", "websockets"];

/// A new place of this protocol.
pub(crate) async fn end(name: &'static str) -> End {
    let open = async |receiver: String, sender: String, broker: Box<dyn std::any::Any>| End {
        name,
        receiver: kit::connect_receiver(&receiver).await.unwrap(),
        sender: kit::connect_sender(&sender).await.unwrap(),
        binary: true,
        _broker: Some(broker),
    };
    match name {
        "http" => {
            let options = HttpReceiverOptions::from(ReceiverOptions::from(kit::decoding()));
            let receiver = HttpReceiver::bind("http://127.0.0.1:0/events", options).await.unwrap();
            let sender = kit::connect_sender(&receiver.url()).await.unwrap();
            End { name, receiver: receiver.into_receiver(), sender, binary: true, _broker: None }
        }
        "kafka" => {
            let broker = kafka::Broker::start().unwrap();
            broker.create_topic("events", 2).unwrap();
            broker.create_topic("rejected", 1).unwrap();
            let receiver = broker.url("events?group=g&dead-letter=rejected");
            open(receiver, broker.url("events"), Box::new(broker)).await
        }
        "amqp" => {
            let broker = amqp::Broker::start().unwrap();
            open(broker.url("events?reject=broker"), broker.url("events"), Box::new(broker)).await
        }
        "rabbitmq" => {
            let broker = rabbitmq::Broker::start().unwrap();
            let receiver = broker.url("queue=events&declare=classic&reject=broker");
            open(receiver, broker.url("queue=events"), Box::new(broker)).await
        }
        "nats" => {
            let server = nats::Server::start().unwrap();
            open(server.url("events?reject=drop"), server.url("events"), Box::new(server)).await
        }
        "mqtt" => {
            let broker = mqtt::Broker::start().unwrap();
            open(broker.url("events?reject=drop"), broker.url("events"), Box::new(broker)).await
        }
        "websockets" => {
            let options = ReceiverOptions::from(kit::decoding()).into();
            let receiver = WsServer::bind("ws://127.0.0.1:0/events?reject=drop", options).await.unwrap();
            // Nothing can be sent with an event, so the number of hops is lost.
            let sender = kit::connect_sender(&format!("{}?losses=allow", receiver.url())).await.unwrap();
            End { name, receiver: receiver.into_receiver(), sender, binary: false, _broker: None }
        }
        other => unreachable!("{other}"),
    }
}

/// The sample events, with the number of the pair in their ids so that all are distinct.
fn events() -> Vec<Event> {
    let lists = samples().map(|(_, text)| serde_json::from_str::<Vec<Value>>(text).unwrap());
    let single = lists.flatten().filter_map(|sample| tagged::to_event(sample.get("event")?).ok());
    let distinct = |(number, event): (usize, Event)| {
        let id = format!("{number}-{}", event.id());
        event.into_builder().id(id).build().unwrap()
    };
    single.enumerate().map(distinct).collect()
}

/// What has to arrive of an event: attributes as their text, since binary mode does not carry their types, and the payload. A content type
/// that JSON documents imply is written out in binary mode.
fn content(event: &Event) -> (String, Vec<(String, String)>, Option<Vec<u8>>) {
    let given = event.attributes().filter(|(name, _)| *name != "datacontenttype");
    let mut attributes: Vec<_> =
        given.map(|(name, value)| (name.to_string(), value.to_canonical().into_owned())).collect();
    attributes.extend(event.content_type().map(|of| ("content type".to_owned(), of.to_string())));
    attributes.sort();
    (event.id().to_owned(), attributes, event.data_bytes().map(|data| data.to_vec()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_pair() {
    // As the program does it. Another test may have done so.
    let _ = rustls::crypto::ring::default_provider().install_default();
    for from in ENDS {
        for to in ENDS {
            let (from, to) = (end(from).await, end(to).await);
            let pair = format!("{} to {}", from.name, to.name);
            timeout(4 * patience(), one_pair(from, to)).await.unwrap_or_else(|_| panic!("{pair}"));
        }
    }
}

async fn one_pair(from: End, to: End) {
    let pair = format!("{} to {}", from.name, to.name);
    let binary = from.binary && to.binary;
    let has_headers = to.sender.capabilities().carries.contains(Carries::HEADERS);
    let mut sent: Vec<(Message, Event)> = Vec::new();
    for (number, event) in events().into_iter().enumerate() {
        let again = |mode: &str| event.clone().into_builder().id(format!("{mode}-{number}")).build().unwrap();
        let (binary, structured) = (again("binary"), again("structured"));
        sent.push((Message::from(&binary), binary));
        sent.push((Message::structured(&structured, &Json::new()).unwrap().0, structured));
    }
    let (here, there) = (from.sender.capabilities(), to.sender.capabilities());
    let bridge = Bridge::new(from.receiver, to.sender, BridgePolicy::default()).unwrap();
    let (status, stop) = (bridge.status(), bridge.stopper());
    let bridge = tokio::spawn(async move { bridge.run().await });

    // A sender of HTTP waits until the bridge has passed the message on.
    let sends_trace = |message: &Message, by: SenderCapabilities| {
        let is_document = matches!(message, Message::Structured(_));
        by.carries.contains(Carries::HEADERS) && (by.headers_apart || is_document)
    };
    let traced = |(message, _): &(Message, Event)| match sends_trace(message, here) {
        true => Outgoing::from(message.clone()).header("traceparent", TRACE),
        false => Outgoing::from(message.clone()),
    };
    let messages: Vec<Outgoing> = sent.iter().map(traced).collect();
    let sender = from.sender.clone();
    let sending = tokio::spawn(async move { sender.send_all(messages).await });
    let mut expected: BTreeSet<_> = sent.iter().map(|(_, event)| content(event)).collect();
    let mut receiver = to.receiver;
    while !expected.is_empty() {
        let delivery = receiver.next().await.unwrap().unwrap();
        let event = delivery.event().unwrap_or_else(|error| panic!("{pair}: {error}"));
        assert!(
            expected.remove(&content(&event)),
            "{pair}: {:?}, of {:#?}",
            content(&event),
            expected.iter().find(|(id, ..)| id == event.id())
        );
        let mode = delivery.message().unwrap().mode();
        let as_sent =
            if binary { event.id().starts_with(mode.as_str()) } else { mode == ContentMode::Structured };
        assert!(as_sent, "{pair}: {} came in {mode:?}", event.id());
        let document = sent.iter().find_map(|(message, known)| match message {
            Message::Structured(document) if known.id() == event.id() => Some(document.body()),
            _ => None,
        });
        assert!(document.is_none_or(|document| delivery.body().unwrap() == *document), "{pair}: other bytes");
        if has_headers {
            assert_eq!(delivery.header_text(HOPS).unwrap(), "1", "{pair}");
        }
        // The trace context goes along where it can, and stops no message where it cannot.
        let (sent, arrived) =
            (sent.iter().find(|(_, known)| known.id() == event.id()), delivery.message().unwrap());
        let is_traced = sends_trace(&sent.unwrap().0, here) && sends_trace(arrived, there);
        assert_eq!(delivery.header_text("traceparent").as_deref(), is_traced.then_some(TRACE), "{pair}");
        delivery.accept().await.unwrap();
    }
    sending.await.unwrap().unwrap_or_else(|error| panic!("{pair}: {error}"));
    stop.stop();
    bridge.await.unwrap().unwrap_or_else(|error| panic!("{pair}: {error}"));
    assert_eq!(
        (status.metrics().confirmed, status.metrics().all_refused()),
        (sent.len() as u64, 0),
        "{pair}"
    );
}
