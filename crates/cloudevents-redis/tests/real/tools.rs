//! Helpers for the tests of the client.

use cloudevents_core::DecodeOptions;
use cloudevents_redis::redis1::{RedisReceiverOptions, RedisSenderOptions, receiver, sender};
use cloudevents_testkit::deliveries::server;
pub(crate) use cloudevents_testkit::{
    deliveries::{event, id, large_binary as large, name, next, take, until, within},
    patience,
};
use cloudevents_transport::{Receiver, Sender, binding::queue::QueueOptions};
use redis::{FromRedisValue, aio::MultiplexedConnection};

/// The server that `CE_TEST_REDIS_URL` names: `redis://127.0.0.1:6379`.
pub(crate) fn real() -> Option<String> {
    server("CE_TEST_REDIS_URL")
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

    /// The answer of the server to a command.
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

/// Why a receiver does not open.
pub(crate) async fn receiver_error(url: &str) -> cloudevents_core::Error {
    within(receiver(url, RedisReceiverOptions::from(DecodeOptions::strict()))).await.unwrap_err()
}
