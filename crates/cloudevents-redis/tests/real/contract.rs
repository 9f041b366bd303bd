//! The contract of senders and receivers, over the server that `CE_TEST_REDIS_URL` names, and over one that is killed and started again,
//! whose program `CE_TEST_REDIS_BIN` names.

use crate::{
    process::Process,
    tools::{client, name, patience, real},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_redis::redis1::{RedisReceiverOptions, RedisSenderOptions, receiver, sender};
use cloudevents_transport::{
    Receiver, ReceiverOptions, Sender,
    contract::{Claims, Restart, STOPS_THE_BROKER, Venue, check_all, interrupt},
};
use std::sync::{Arc, Mutex};

struct Stream {
    server: String,
    name: String,
    mode: &'static str,
    /// How the server is stopped and started again, if it is this test's alone.
    restart: Option<Restart>,
}

impl Venue for Stream {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        claims.patience = patience();
        claims.binary = self.mode == "binary";
        claims.too_large = Some(17 << 20);
        claims.attempts = Some(10);
        claims
    }

    async fn sender(&self) -> Result<Sender, Error> {
        let url = format!("{}/?stream={}&mode={}", self.server, self.name, self.mode);
        sender(&url, RedisSenderOptions::default()).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let url = format!("{}/?stream={}&group=contract&lock=10s&reject=drop", self.server, self.name);
        receiver(&url, RedisReceiverOptions::from(options)).await
    }

    async fn put_garbage(&self, kind: ErrorKind, body: &[u8]) -> Result<(), Error> {
        let mut command = redis::cmd("XADD");
        command.arg(&self.name).arg("*").arg("data").arg(body);
        if kind == ErrorKind::MissingAttribute {
            command.arg(&["ce-specversion", "1.0", "ce-id", "1"]);
        }
        command.query_async::<String>(&mut client(&self.server).await).await.unwrap();
        Ok(())
    }

    async fn interrupt(&self) -> Result<(), Error> {
        interrupt(self.restart.clone()).await
    }
}

/// An id of an entry has 128 bits, and there are no requests.
const UNCLAIMED: [&str; 2] = ["receipts_say_where", "requests_get_their_own_replies"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_server() {
    let Some(server) = real() else { return };
    for mode in ["structured", "binary"] {
        let open =
            async || Ok(Stream { server: server.clone(), name: name("contract"), mode, restart: None });
        check_all(open).await.assert_holds_but(&[UNCLAIMED, STOPS_THE_BROKER].concat());
    }
}

/// The server is killed and started again during two of the checks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_server_that_is_interrupted() {
    let Some(process) = Process::start() else { return };
    let (server, process) = (process.url(), Mutex::new(process));
    let restart: Restart = Arc::new(move || {
        let mut process = process.lock().unwrap();
        process.kill();
        process.restart();
    });
    let open = async || {
        let restart = Some(Arc::clone(&restart));
        Ok(Stream { server: server.clone(), name: name("contract"), mode: "structured", restart })
    };
    check_all(open).await.assert_holds_but(&UNCLAIMED);
}
