//! Links without the binding.

use cloudevents_testkit::patience;
use fe2o3_amqp::{
    Connection, Receiver, Sender, Session,
    connection::ConnectionHandle,
    link::{ReceiverAttachError, SenderAttachError, delivery::Delivery, receiver::CreditMode},
    sasl_profile::SaslProfile,
    session::SessionHandle,
};
use fe2o3_amqp_types::{
    messaging::{Body, Data, Message, Outcome, Source},
    primitives::Value,
};

pub(super) type Behaviour = cloudevents_testkit::behaviours::Behaviour<Place>;

pub(super) type Got = Delivery<Body<Value>>;

/// Where a broker is.
pub(super) struct Place {
    url: String,
    runtime: tokio::runtime::Runtime,
}

impl Place {
    pub(super) fn new(url: &str) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { url: url.to_owned(), runtime }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The host and the port.
    pub(super) fn address(&self) -> &str {
        self.url.trim_start_matches("amqp://").trim_end_matches('/')
    }

    pub(super) fn run(&self, behaviour: impl Future<Output = ()>) {
        let limited = async { tokio::time::timeout(patience(), behaviour).await.expect("it takes too long") };
        self.runtime.block_on(limited);
    }

    /// A connection with a session.
    pub(super) async fn client(&self) -> Client {
        let connecting = Connection::builder().container_id(name()).sasl_profile(SaslProfile::Anonymous);
        let mut connection = connecting.open(self.url.as_str()).await.unwrap();
        let session = Session::begin(&mut connection).await.unwrap();
        Client { session, connection }
    }

    /// A connection, a queue of a new name, and a link to it.
    pub(super) async fn sending(&self) -> (Client, String, Sender) {
        let (mut client, queue) = (self.client().await, name());
        let sender = client.sender(&queue).await;
        (client, queue, sender)
    }
}

/// A name that was not there before.
pub(super) fn name() -> String {
    cloudevents_testkit::behaviours::name("q")
}

/// Dropping it cuts the connection.
pub(super) struct Client {
    pub(super) session: SessionHandle<()>,
    pub(super) connection: ConnectionHandle<()>,
}

impl Client {
    pub(super) async fn sender(&mut self, queue: &str) -> Sender {
        self.try_sender(queue).await.unwrap()
    }

    pub(super) async fn try_sender(&mut self, queue: &str) -> Result<Sender, SenderAttachError> {
        Sender::attach(&mut self.session, name(), queue).await
    }

    /// A link that may get this many messages.
    pub(super) async fn receiver(&mut self, queue: &str, credit: u32) -> Receiver {
        let mut receiver = self.try_receiver(queue.to_owned()).await.unwrap();
        receiver.set_credit(credit).await.unwrap();
        receiver
    }

    pub(super) async fn try_receiver(
        &mut self,
        source: impl Into<Source>,
    ) -> Result<Receiver, ReceiverAttachError> {
        Receiver::builder()
            .name(name())
            .source(source)
            .credit_mode(CreditMode::Manual)
            .attach(&mut self.session)
            .await
    }

    /// Ends with `close`.
    pub(super) async fn end(mut self) {
        self.session.end().await.unwrap();
        self.connection.close().await.unwrap();
    }
}

pub(super) fn message(text: &str) -> Message<Body<Value>> {
    Message::builder().body(Body::Data(vec![Data::from(text.as_bytes())].into())).build()
}

/// Sends texts, and waits until they are accepted.
pub(super) async fn put<const N: usize>(sender: &mut Sender, texts: [&str; N]) {
    for text in texts {
        put_message(sender, message(text)).await;
    }
}

pub(super) async fn put_message(sender: &mut Sender, message: Message<Body<Value>>) {
    assert!(matches!(sender.send(message).await.unwrap(), Outcome::Accepted(_)));
}

pub(super) async fn next(receiver: &mut Receiver) -> Got {
    receiver.recv().await.unwrap()
}

/// The next text, which is accepted.
pub(super) async fn take(receiver: &mut Receiver) -> String {
    let got = next(receiver).await;
    receiver.accept(&got).await.unwrap();
    text(&got)
}

pub(super) fn text(got: &Got) -> String {
    let Body::Data(sections) = got.body() else { panic!("{:?}", got.body()) };
    let bytes: Vec<u8> = sections.iter().flat_map(|section| section.0.to_vec()).collect();
    String::from_utf8(bytes).unwrap()
}

/// How many deliveries failed before.
pub(super) fn failures(got: &Got) -> u32 {
    got.message().header.as_ref().map_or(0, |header| header.delivery_count)
}
