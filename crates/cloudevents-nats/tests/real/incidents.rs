//! Incidents of connections, over core NATS and JetStream.
//!
//! Core NATS is the server in memory. JetStream, and core NATS again, are on the server that `CE_TEST_NATS_URL` names.

use crate::{
    process::Process,
    tools::{create_stream, event, id, name, next, real, within},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_nats::async_nats051::{
    NatsConnection, NatsReceiverOptions, NatsSenderOptions, receiver, sender,
};
use cloudevents_testkit::{
    fault_proxy::{End, FaultProxy},
    incidents::{Patience, Proxied, check_all, check_members, check_replaced},
    nats::Server,
};
use cloudevents_transport::{
    Receiver, ReceiverOptions, Sender,
    contract::{Claims, Venue},
};

use std::time::Duration;

/// A subject, and the stream that has it, if there is one.
struct Subject {
    proxy: FaultProxy,
    name: String,
    is_stored: bool,
    patience: Patience,
}

impl Subject {
    fn new(server: &str, is_stored: bool, patience: Patience) -> Self {
        let address = server.trim_start_matches("nats://").parse().unwrap();
        Self { proxy: FaultProxy::start(address).unwrap(), name: name("incident"), is_stored, patience }
    }

    fn url(&self, query: &str) -> String {
        let scheme = if self.is_stored { "nats+jetstream" } else { "nats" };
        format!("{scheme}://{}/{}.x?{query}", self.proxy.address(), self.name)
    }

    /// A connection that leaves two pings unanswered is lost.
    fn connection(&self) -> NatsConnection {
        let mut connection = NatsConnection::default();
        connection.ping_interval = self.patience.silence / 3;
        connection
    }
}

impl Venue for Subject {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        claims.persistent = self.is_stored;
        claims
    }

    async fn sender(&self) -> Result<Sender, Error> {
        let mut options = NatsSenderOptions::default();
        (options.connection, options.sender.timeout) = (self.connection(), Some(self.patience.send));
        options.sender.enqueue_timeout = self.patience.send;
        sender(&self.url(""), options).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let mut options = NatsReceiverOptions::from(options);
        options.connection = self.connection();
        // Longer than any stall without a lost connection, so that nothing comes twice for it.
        let query =
            if self.is_stored { "consumer=incident&reject=broker&ack-wait=10s" } else { "reject=drop" };
        receiver(&self.url(query), options).await
    }
}

impl Proxied for Subject {
    fn proxy(&self) -> &FaultProxy {
        &self.proxy
    }
}

/// Core NATS confirms nothing.
const CORE: &[&str] = &["confirmations_that_do_not_come"];

/// It has the stream, which an operator has made, and no consumer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_server_that_is_replaced_by_an_empty_one() {
    let (Some(server), Some(empty)) = (Process::start(), Process::start()) else { return };
    let subject = Subject::new(&server.url(), true, Patience::LONG);
    for process in [&server, &empty] {
        create_stream(&process.url(), &subject.name).await;
    }
    let address = empty.url().trim_start_matches("nats://").parse().unwrap();
    check_replaced(&subject, address).await.unwrap();
}

/// The server knows a delivery by its sequence number. In a stream that is made anew, another message has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settlement_from_before_settles_no_message_of_another_stream_of_a_real_server() {
    for query in ["consumer=c&reject=drop", "consumer=c&reject=drop&double-ack=true", "reject=drop"] {
        let (Some(server), Some(empty)) = (Process::start(), Process::start()) else { return };
        let subject = Subject::new(&server.url(), true, Patience::LONG);
        create_stream(&server.url(), &subject.name).await;
        let mut receiver = receiver(&subject.url(query), NatsReceiverOptions::default()).await.unwrap();
        let sending = subject.sender().await.unwrap();
        sending.send_all([event("old"), event("old too")]).await.unwrap();
        let (held, held_too) = (next(&mut receiver).await, next(&mut receiver).await);
        create_stream(&empty.url(), &subject.name).await;
        // Consumers differ in when they were created.
        tokio::time::sleep(Duration::from_millis(200)).await;
        subject.proxy.forward_to(empty.url().trim_start_matches("nats://").parse().unwrap());
        subject.proxy.end(End::Cut);
        within(async { while sending.send(&event("new")).await.is_err() {} }).await;
        let new = next(&mut receiver).await;
        assert_eq!((id(&new).as_str(), new.offset()), ("new", held.offset()));
        assert_eq!(held.accept().await.unwrap_err().kind(), ErrorKind::Disconnected);
        new.release().await.unwrap();
        let again = next(&mut receiver).await;
        assert_eq!((id(&again).as_str(), again.is_redelivered()), ("new", Some(true)));
        // What is settled together with it has an outcome of its own.
        let (old, new) = tokio::join!(held_too.accept(), again.accept());
        assert_eq!(old.unwrap_err().kind(), ErrorKind::Disconnected);
        new.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incidents_of_core_nats() {
    let server = Server::start().unwrap();
    let url = server.url("").trim_end_matches('/').to_owned();
    check_all(async |patience| Ok(Subject::new(&url, false, patience))).await.assert_holds_but(CORE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incidents_of_core_nats_on_a_real_server() {
    let Some(server) = real() else { return };
    check_all(async |patience| Ok(Subject::new(&server, false, patience))).await.assert_holds_but(CORE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incidents_of_jetstream_on_a_real_server() {
    let Some(server) = real() else { return };
    let open = async |patience| {
        let subject = Subject::new(&server, true, patience);
        create_stream(&server, &subject.name).await;
        Ok(subject)
    };
    check_all(open).await.assert_holds_but(&[]);
}

/// Members of one consumer.
///
/// nats-server before 2.10.14 delivers the last message once more, even if it was accepted, when it redelivers one while all requests that
/// it has are dead, as between the end of a member and its next look at them: `withdrawn` shows that with the client library alone. Members
/// leave twice, so that two messages may come again there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_a_consumer_of_a_real_server_join_and_leave_under_load() {
    let Some(server) = real() else { return };
    let subject = Subject::new(&server, true, Patience::LONG);
    create_stream(&server, &subject.name).await;
    let Err(failure) = check_members(&subject).await else { return };
    let client = async_nats::connect(&server).await.unwrap();
    let failure = failure.to_string();
    let (_, twice) = failure.split_once("came more than once: ").unwrap_or_else(|| panic!("{failure}"));
    let (all, twice) = (twice.matches('(').count(), twice.matches(", 2)").count());
    assert!(!client.is_server_compatible(2, 10, 14) && all == twice && twice <= 2, "{failure}");
}
