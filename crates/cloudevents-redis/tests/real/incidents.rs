//! Incidents of connections, over the server that `CE_TEST_REDIS_URL` names, and over those that tests start.

use crate::{
    process::Process,
    tools::{name, real},
};
use cloudevents_core::Error;
use cloudevents_redis::redis1::{
    RedisConnection, RedisReceiverOptions, RedisSenderOptions, receiver, sender,
};
use cloudevents_testkit::{
    fault_proxy::FaultProxy,
    incidents::{Patience, Proxied, check_all, check_members, check_replaced},
};
use cloudevents_transport::{
    Endpoint, Receiver, ReceiverOptions, Sender,
    contract::{Claims, Venue},
};

struct Place {
    proxy: FaultProxy,
    /// All but the options.
    url: String,
    stream: String,
    patience: Patience,
}

impl Place {
    fn new(server: &str, patience: Patience) -> Self {
        let host = Endpoint::parse(server).unwrap().host().unwrap().to_string();
        let proxy = FaultProxy::start(host.parse().unwrap()).unwrap();
        let url = server.replace(&host, &proxy.address().to_string());
        Self { proxy, url, stream: name("incident"), patience }
    }

    fn url(&self, query: &str) -> String {
        format!("{}/?stream={}{query}", self.url, self.stream)
    }

    /// A connection that is silent is tested after half of the time, and then lost.
    fn connection(&self) -> RedisConnection {
        let mut connection = RedisConnection::default();
        connection.keep_alive = self.patience.silence / 2;
        connection
    }
}

impl Venue for Place {
    fn claims(&self) -> Claims {
        Claims::default()
    }

    async fn sender(&self) -> Result<Sender, Error> {
        let mut options = RedisSenderOptions::default();
        (options.connection, options.sender.timeout) = (self.connection(), Some(self.patience.send));
        options.sender.enqueue_timeout = self.patience.send;
        sender(&self.url(""), options).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let mut options = RedisReceiverOptions::from(options);
        options.connection = self.connection();
        // Longer than any stall without a lost connection, so that nothing comes twice for it.
        receiver(&self.url("&group=incident&lock=10s&reject=drop"), options).await
    }
}

impl Proxied for Place {
    fn proxy(&self) -> &FaultProxy {
        &self.proxy
    }
}

/// Stream and group are made again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_replaced_by_an_empty_one() {
    let (Some(server), Some(empty)) = (Process::start(), Process::start()) else { return };
    let empty = Endpoint::parse(&empty.url()).unwrap().host().unwrap().to_string();
    check_replaced(&Place::new(&server.url(), Patience::LONG), empty.parse().unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incidents_on_a_real_server() {
    let Some(server) = real() else { return };
    let report = check_all(async |patience| Ok(Place::new(&server, patience))).await;
    println!("{report}");
    assert!(report.holds(), "\n{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_join_and_leave_under_load_on_a_real_server() {
    let Some(server) = real() else { return };
    check_members(&Place::new(&server, Patience::LONG)).await.unwrap();
}
