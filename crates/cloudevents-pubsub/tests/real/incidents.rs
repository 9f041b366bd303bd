//! Incidents of connections, over the server that `CE_TEST_PUBSUB_URL` names.

use crate::tools::{Place, name, real, url};
use cloudevents_core::Error;
use cloudevents_pubsub::reqwest013::{
    PubsubConnection, PubsubReceiverOptions, PubsubSenderOptions, receiver, sender,
};
use cloudevents_testkit::{
    fault_proxy::FaultProxy,
    incidents::{Patience, Proxied, check_all, check_members},
};
use cloudevents_transport::{
    Receiver, ReceiverOptions, Sender,
    contract::{Claims, Venue},
};
use serde_json::json;
use std::time::Duration;

struct Through {
    proxy: FaultProxy,
    name: String,
    patience: Patience,
}

impl Through {
    async fn new(server: &str, patience: Patience) -> Result<Self, Error> {
        let place = Place { server: server.to_owned(), name: name("incident") };
        // Longer than any stall without a lost connection, so that nothing comes twice for it.
        place.create(&place.name, json!({"ackDeadlineSeconds": 10})).await;
        let proxy = FaultProxy::start(server.trim_start_matches("http://").parse().unwrap()).unwrap();
        Ok(Self { proxy, name: place.name, patience })
    }

    fn url(&self, query: &str) -> String {
        url(&format!("http://{}", self.proxy.address()), &self.name, query)
    }

    /// A request that has no answer in time is a lost connection.
    fn connection(&self) -> PubsubConnection {
        let mut connection = PubsubConnection::default();
        connection.connect_timeout = self.patience.silence;
        connection
    }
}

impl Venue for Through {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        claims.order = false;
        claims
    }

    async fn sender(&self) -> Result<Sender, Error> {
        let mut options = PubsubSenderOptions::default();
        (options.connection, options.sender.timeout) = (self.connection(), Some(self.patience.send));
        options.sender.enqueue_timeout = self.patience.send;
        sender(&self.url(""), options).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let mut options = PubsubReceiverOptions::from(options);
        (options.connection, options.wait) = (self.connection(), Duration::from_secs(1));
        receiver(&self.url("reject=drop"), options).await
    }
}

impl Proxied for Through {
    fn proxy(&self) -> &FaultProxy {
        &self.proxy
    }
}

/// A receiver whose permits are used up has no request open, and so no connection that it could lose.
const WITHOUT_A_REQUEST: &str = "a_reset_while_messages_are_handled";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incidents_on_a_real_server() {
    let Some(server) = real() else { return };
    let report = check_all(async |patience| Through::new(&server, patience).await).await;
    println!("{report}");
    for (check, verdict) in report.iter() {
        let error = verdict.as_ref().err().map(ToString::to_string).unwrap_or_default();
        let is_expected = check == WITHOUT_A_REQUEST && error.contains("the receiver is still");
        assert!(verdict.is_ok() || is_expected, "{check}\n{report}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_join_and_leave_under_load_on_a_real_server() {
    let Some(server) = real() else { return };
    check_members(&Through::new(&server, Patience::LONG).await.unwrap()).await.unwrap();
}
