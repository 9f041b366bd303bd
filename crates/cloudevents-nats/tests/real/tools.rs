//! Helpers for the tests of the client.

use async_nats::jetstream::{self, stream};
use cloudevents_core::DecodeOptions;
use cloudevents_nats::async_nats051::{NatsReceiverOptions, NatsSenderOptions, receiver, sender};
use cloudevents_testkit::nats::Server;
pub(crate) use cloudevents_testkit::{
    deliveries::{event, events, id, large_binary as large, name, next, within},
    patience,
};
use cloudevents_transport::{Receiver, Sender, binding::queue::QueueOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(crate) async fn sender_to(server: &Server, subject: &str) -> Sender {
    sender(&server.url(subject), NatsSenderOptions::default()).await.unwrap()
}

pub(crate) async fn receiver_from(server: &Server, subject: &str) -> Receiver {
    receiver(&server.url(subject), strict()).await.unwrap()
}

/// Rejected messages are dropped.
pub(crate) fn strict() -> NatsReceiverOptions {
    let mut options = NatsReceiverOptions::from(DecodeOptions::strict());
    options.queue = QueueOptions::default().dropping_rejected();
    options
}

/// Accepts the next delivery, and returns its id and its subject.
pub(crate) async fn take(receiver: &mut Receiver) -> (String, String) {
    let delivery = next(receiver).await;
    let taken = (id(&delivery), delivery.topic().unwrap().to_owned());
    delivery.accept().await.unwrap();
    taken
}

/// Publishes a header block as it is, over a socket.
pub(crate) async fn put_raw(port: u16, subject: &str, headers: &[u8], payload: &[u8]) {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut bytes = b"CONNECT {\"verbose\":false,\"headers\":true}\r\n".to_vec();
    let total = headers.len() + payload.len();
    bytes.extend_from_slice(format!("HPUB {subject} {} {total}\r\n", headers.len()).as_bytes());
    bytes.extend_from_slice(headers);
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(b"\r\nPING\r\n");
    stream.write_all(&bytes).await.unwrap();
    let mut said = Vec::new();
    // The server has read the message when it answers.
    while !said.ends_with(b"PONG\r\n") {
        assert_ne!(
            within(stream.read_buf(&mut said)).await.unwrap(),
            0,
            "{}",
            String::from_utf8_lossy(&said)
        );
    }
}

/// Waits until the receiver has noticed that it lost its connection.
pub(crate) async fn lost(receiver: &Receiver) {
    let mut connectivity = receiver.connectivity();
    within(async {
        while connectivity.losses() == 0 {
            connectivity.changed().await;
        }
    })
    .await;
}

/// The server with JetStream that `CE_TEST_NATS_URL` names: `nats://127.0.0.1:4222`.
pub(crate) fn real() -> Option<String> {
    let url = std::env::var("CE_TEST_NATS_URL").ok();
    if url.is_none() {
        println!("skipped: CE_TEST_NATS_URL is not set");
    }
    url.map(|url| url.trim_end_matches('/').to_owned())
}

/// Creates a stream of this name, with the subjects that begin with it.
pub(crate) async fn create_stream(url: &str, name: &str) -> jetstream::Context {
    let context = jetstream::new(async_nats::connect(url).await.unwrap());
    context.create_stream(stream_config(name)).await.unwrap();
    context
}

pub(crate) fn stream_config(name: &str) -> stream::Config {
    stream::Config { name: name.into(), subjects: vec![format!("{name}.>")], ..stream::Config::default() }
}
