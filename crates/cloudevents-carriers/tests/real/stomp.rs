//! RabbitMQ's STOMP plugin carries the events of the row `stomp`: `cloudevents-rabbitmq` reads them, and writes those that the row reads.

use bytes::Bytes;
use cloudevents_carriers::{CarrierMessage, rows::STOMP};
use cloudevents_core::{DecodeOptions, Event, Mode, Payload};
use cloudevents_json::Json;
use cloudevents_rabbitmq::lapin4::{RabbitReceiverOptions, RabbitSenderOptions, receiver, sender};
use cloudevents_testkit::{behaviours::name, patience};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream},
    net::TcpStream,
};

/// URL of AMQP 0.9.1, and host and port of STOMP.
fn real() -> Option<(String, String)> {
    let of = |name| std::env::var(name).ok();
    let broker = of("CE_TEST_RABBITMQ_URL").zip(of("CE_TEST_RABBITMQ_STOMP"));
    if broker.is_none() {
        println!("SKIPPED: CE_TEST_RABBITMQ_URL or CE_TEST_RABBITMQ_STOMP is not set");
    }
    broker
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(patience(), future).await.expect("it takes too long")
}

fn events() -> [Event; 4] {
    let builder = || Event::builder().id("1").source("https://example.com/s?a=b").ty("com.example.t");
    [
        builder().build(),
        builder().payload("application/json", Payload::json(r#"{"a":1}"#)).build(),
        // The characters that a frame escapes, and those that other protocols do.
        builder().subject(r#"a:b\c "Größe" 100 %41 "#).extension("partitionkey", "7").build(),
        // A frame ends with such a byte, unless its length is stated.
        builder().payload("application/octet-stream", Ok(Payload::binary(vec![0, 255, 10, 0]))).build(),
    ]
    .map(Result::unwrap)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stomp_client_and_an_amqp_client_read_each_other() {
    let Some((server, address)) = real() else { return };
    let queue = name("stomp");
    let url = format!("{server}?queue={queue}&declare=classic");
    let mut options = RabbitReceiverOptions::from(DecodeOptions::strict());
    options.queue = options.queue.rejecting_to_broker();
    let mut deliveries = within(receiver(&url, options)).await.unwrap();
    let (json, destination) = (Json::new(), format!("/amq/queue/{queue}"));
    let mut client = Client::connect(&address).await;
    for event in events() {
        for mode in [Mode::Binary, Mode::structured(&json)] {
            let written = STOMP.encode(&event, mode).unwrap();
            assert!(written.losses.is_empty());
            client.send(&destination, &written.message).await;
            let delivery = within(deliveries.next()).await.unwrap().unwrap();
            let message = delivery.message().unwrap();
            assert_eq!(message.mode(), written.mode);
            assert_eq!(message.event(&DecodeOptions::strict()).unwrap().value, event);
            within(delivery.accept()).await.unwrap();
        }
    }
    // Another queue, which has no other consumer.
    let queue = name("stomp");
    let url = format!("{server}?queue={queue}&declare=classic");
    within(sender(&url, RabbitSenderOptions::default())).await.unwrap();
    client.subscribe(&format!("/amq/queue/{queue}")).await;
    for mode in ["binary", "structured"] {
        let sender =
            within(sender(&format!("{url}&mode={mode}"), RabbitSenderOptions::default())).await.unwrap();
        for event in events() {
            within(sender.send(&event)).await.unwrap();
            let (command, message) = client.frame().await;
            assert_eq!(command, "MESSAGE");
            let decoded = STOMP.decode(&message, &DecodeOptions::strict()).unwrap();
            assert!(decoded.repairs().is_empty());
            assert_eq!(decoded.value, event);
            let read = STOMP.decode_message(&message, &DecodeOptions::strict()).unwrap().value;
            assert_eq!(read.mode().as_str(), mode);
        }
    }
}

/// As much of a client of STOMP 1.2 as this test needs.
struct Client(BufStream<TcpStream>);

impl Client {
    async fn connect(address: &str) -> Self {
        let mut client = Self(BufStream::new(within(TcpStream::connect(address)).await.unwrap()));
        let login = [("accept-version", "1.2"), ("host", "/"), ("login", "guest"), ("passcode", "guest")];
        client.write("CONNECT", &login, b"").await;
        assert_eq!(client.frame().await.0, "CONNECTED");
        client
    }

    /// Returns when the broker has the message.
    async fn send(&mut self, destination: &str, message: &CarrierMessage) {
        let length = message.body.len().to_string();
        let mut headers =
            vec![("destination", destination), ("content-length", length.as_str()), ("receipt", "r")];
        headers.extend(message.texts());
        self.write("SEND", &headers, &message.body).await;
        let (command, answer) = self.frame().await;
        assert_eq!(command, "RECEIPT", "{answer:?}");
    }

    async fn subscribe(&mut self, destination: &str) {
        self.write("SUBSCRIBE", &[("id", "0"), ("destination", destination), ("ack", "auto")], b"").await;
    }

    async fn write(&mut self, command: &str, headers: &[(&str, &str)], body: &[u8]) {
        let mut frame = format!("{command}\n").into_bytes();
        for (name, value) in headers {
            frame.extend_from_slice(format!("{}:{}\n", escaped(name), escaped(value)).as_bytes());
        }
        frame.push(b'\n');
        frame.extend_from_slice(body);
        frame.push(0);
        within(self.0.write_all(&frame)).await.unwrap();
        within(self.0.flush()).await.unwrap();
    }

    /// The command of the next frame, its headers and its body.
    async fn frame(&mut self) -> (String, CarrierMessage) {
        let mut command = String::new();
        while command.is_empty() {
            command = self.line().await;
        }
        let (mut message, mut length) = (CarrierMessage::default(), None);
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(':') else { break };
            let (name, value) = (unescaped(name), unescaped(value));
            if name == "content-length" {
                length = Some(value.parse::<usize>().unwrap());
            }
            message = message.with_header(name, value);
        }
        let mut body = Vec::new();
        match length {
            Some(length) => {
                body.resize(length + 1, 0);
                within(self.0.read_exact(&mut body)).await.unwrap();
            }
            None => drop(within(self.0.read_until(0, &mut body)).await.unwrap()),
        }
        assert_eq!(body.pop(), Some(0));
        message.body = Bytes::from(body);
        (command, message)
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(
            within(self.0.read_line(&mut line)).await.unwrap() > 0,
            "the broker has closed the connection"
        );
        line.trim_end_matches(['\r', '\n']).to_owned()
    }
}

/// The escapes of STOMP 1.2, "Value Encoding".
const ESCAPES: [(char, &str); 4] = [('\\', r"\\"), ('\r', r"\r"), ('\n', r"\n"), (':', r"\c")];

fn escaped(text: &str) -> String {
    let escape = |character| ESCAPES.iter().find(|(raw, _)| *raw == character);
    text.chars()
        .map(|character| escape(character).map_or(character.to_string(), |(_, to)| (*to).to_owned()))
        .collect()
}

fn unescaped(text: &str) -> String {
    let (mut plain, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('\\') {
        let (raw, _) = ESCAPES.iter().find(|(_, escape)| rest[at..].starts_with(escape)).unwrap();
        plain.push_str(&rest[..at]);
        plain.push(*raw);
        rest = &rest[at + 2..];
    }
    plain + rest
}
