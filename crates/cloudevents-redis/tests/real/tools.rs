//! Helpers for the tests of the client.

use cloudevents_core::{DecodeOptions, Event, Payload};
use cloudevents_redis::redis1::{RedisReceiverOptions, RedisSenderOptions, receiver, sender};
pub(crate) use cloudevents_testkit::patience;
use cloudevents_transport::{Delivery, Receiver, Sender, binding::queue::QueueOptions};
use redis::{FromRedisValue, aio::MultiplexedConnection};
use std::{
    env,
    sync::atomic::{AtomicU32, Ordering},
};

/// The server that `CE_TEST_REDIS_URL` names: `redis://127.0.0.1:6379`.
pub(crate) fn real() -> Option<String> {
    let url = env::var("CE_TEST_REDIS_URL").ok();
    if url.is_none() {
        println!("skipped: CE_TEST_REDIS_URL is not set");
    }
    url.map(|url| url.trim_end_matches('/').to_owned())
}

/// A key that no other test has.
pub(crate) fn name(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{what}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn event(id: impl ToString) -> Event {
    Event::builder().id(id.to_string()).source("/tests").ty("t").build().unwrap()
}

/// Creates an event with a payload of this many bytes.
pub(crate) fn large(id: impl ToString, bytes: usize) -> Event {
    let payload = Payload::binary(vec![b'x'; bytes]);
    let builder = Event::builder().id(id.to_string()).source("/tests").ty("t");
    builder.payload("application/octet-stream", Ok(payload)).build().unwrap()
}

/// A stream of a server.
pub(crate) struct Place {
    pub(crate) server: String,
    pub(crate) stream: String,
}

impl Place {
    pub(crate) fn new(what: &str) -> Option<Self> {
        Some(Self { server: real()?, stream: name(what) })
    }

    pub(crate) fn url(&self, query: &str) -> String {
        format!("{}/?stream={}&{query}", self.server, self.stream)
    }

    pub(crate) async fn sender(&self, query: &str) -> Sender {
        sender(&self.url(query), RedisSenderOptions::default()).await.unwrap()
    }

    /// Rejected messages are dropped, unless the query says otherwise.
    pub(crate) async fn receiver(&self, query: &str) -> Receiver {
        receiver(&self.url(query), strict()).await.unwrap()
    }

    /// What the server answers to a command.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &[&str]) -> T {
        let mut asked = redis::cmd(command[0]);
        asked.arg(&command[1..]);
        asked.query_async(&mut client(&self.server).await).await.unwrap()
    }

    /// How many entries are pending in this group.
    pub(crate) async fn pending(&self, group: &str) -> usize {
        let pending: redis::Value = self.ask(&["XPENDING", &self.stream, group]).await;
        let redis::Value::Array(pending) = pending else { panic!("{pending:?}") };
        let redis::Value::Int(count) = pending[0] else { panic!("{pending:?}") };
        count.try_into().unwrap()
    }
}

pub(crate) async fn client(server: &str) -> MultiplexedConnection {
    let client = redis::Client::open(server).unwrap();
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(Some(patience()));
    client.get_multiplexed_async_connection_with_config(&config).await.unwrap()
}

pub(crate) fn strict() -> RedisReceiverOptions {
    let mut options = RedisReceiverOptions::from(DecodeOptions::strict());
    options.queue = QueueOptions::default().dropping_rejected();
    options
}

pub(crate) async fn next(receiver: &mut Receiver) -> Delivery {
    within(receiver.next()).await.unwrap().unwrap()
}

pub(crate) fn id(delivery: &Delivery) -> String {
    delivery.event().unwrap().id().to_owned()
}

pub(crate) async fn take(receiver: &mut Receiver) -> String {
    let delivery = next(receiver).await;
    let taken = id(&delivery);
    within(delivery.accept()).await.unwrap();
    taken
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(patience(), future).await.expect("it takes too long")
}

/// Waits until the condition holds.
pub(crate) async fn until(mut holds: impl AsyncFnMut() -> bool) {
    within(async {
        while !holds().await {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await; // between two tries
        }
    })
    .await;
}

/// Why a receiver does not open.
pub(crate) async fn receiver_error(url: &str) -> cloudevents_core::Error {
    within(receiver(url, RedisReceiverOptions::from(DecodeOptions::strict()))).await.unwrap_err()
}
