//! Helpers for the tests of the client.

use aws_config::BehaviorVersion;
use aws_sdk_sqs::{
    Client,
    config::{Credentials, Region},
    types::{Message, QueueAttributeName},
};
use cloudevents_core::DecodeOptions;
use cloudevents_sqs::awssdk1::{
    Login, SqsConnection, SqsReceiverOptions, SqsSenderOptions, receiver, sender,
};
use cloudevents_testkit::deliveries::server;
pub(crate) use cloudevents_testkit::{
    deliveries::{event, id, large, name, next, take, until, within},
    patience,
};
use cloudevents_transport::{Receiver, Sender, binding::queue::QueueOptions};

const REGION: &str = "eu-central-1";
const ACCOUNT: &str = "123456789012";

/// The server that `CE_TEST_SQS_URL` names: `http://127.0.0.1:5000`.
pub(crate) fn real() -> Option<String> {
    server("CE_TEST_SQS_URL")
}

/// The connection of tests, without credentials of AWS.
pub(crate) fn connection() -> SqsConnection {
    let mut connection = SqsConnection::default();
    connection.login = Some(Login::new("test", "test"));
    connection
}

/// A queue of a server.
pub(crate) struct Place {
    pub(crate) server: String,
    pub(crate) queue: String,
}

impl Place {
    /// Creates a queue, if there is a server.
    pub(crate) async fn new(what: &str) -> Option<Self> {
        Some(Self { server: real()?, queue: name(what) }.created().await)
    }

    /// The same for a FIFO queue.
    pub(crate) async fn fifo(what: &str) -> Option<Self> {
        Some(Self { server: real()?, queue: name(what) + ".fifo" }.created().await)
    }

    async fn created(self) -> Self {
        self.create(&self.queue).await;
        self
    }

    pub(crate) async fn create(&self, queue: &str) {
        let created = self.client().create_queue().queue_name(queue);
        let created = match queue.ends_with(".fifo") {
            true => created.attributes(QueueAttributeName::FifoQueue, "true"),
            false => created,
        };
        created.send().await.unwrap();
    }

    pub(crate) fn client(&self) -> Client {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
            .http_client(cloudevents_sqs_http())
            .endpoint_url(&self.server)
            .build();
        Client::from_conf(config)
    }

    pub(crate) fn queue_url(&self, queue: &str) -> String {
        format!("{}/{ACCOUNT}/{queue}", self.server)
    }

    pub(crate) fn url(&self, query: &str) -> String {
        url(&self.server, &self.queue, query)
    }

    pub(crate) async fn sender(&self, query: &str) -> Sender {
        sender(&self.url(query), sending()).await.unwrap()
    }

    /// Rejected messages are dropped, unless the query says otherwise.
    pub(crate) async fn receiver(&self, query: &str) -> Receiver {
        receiver(&self.url(&format!("wait=1s&{query}")), strict()).await.unwrap()
    }

    /// Takes messages of a queue, with all of their attributes.
    pub(crate) async fn messages(&self, queue: &str) -> Vec<Message> {
        let request = self.client().receive_message().queue_url(self.queue_url(queue));
        let request = request.max_number_of_messages(10).message_attribute_names("All");
        request.send().await.unwrap().messages.unwrap_or_default()
    }

    /// Has the queue take messages of as many bytes at most.
    pub(crate) async fn limit(&self, bytes: usize) {
        let request = self.client().set_queue_attributes().queue_url(self.queue_url(&self.queue));
        let most = QueueAttributeName::MaximumMessageSize;
        request.attributes(most, bytes.to_string()).send().await.unwrap();
    }

    /// How many messages wait, and how many are hidden.
    pub(crate) async fn counts(&self) -> (usize, usize) {
        let [waiting, hidden] = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let request = self.client().get_queue_attributes().queue_url(self.queue_url(&self.queue));
        let request = request.attribute_names(waiting.clone()).attribute_names(hidden.clone());
        let found = request.send().await.unwrap().attributes.unwrap();
        (found[&waiting].parse().unwrap(), found[&hidden].parse().unwrap())
    }
}

fn cloudevents_sqs_http() -> aws_sdk_sqs::config::SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}

pub(crate) fn url(server: &str, queue: &str, query: &str) -> String {
    format!("sqs://{REGION}/{ACCOUNT}/{queue}?endpoint={server}&{query}")
}

pub(crate) fn sending() -> SqsSenderOptions {
    let mut options = SqsSenderOptions::default();
    options.connection = connection();
    options
}

pub(crate) fn strict() -> SqsReceiverOptions {
    let mut options = SqsReceiverOptions::from(DecodeOptions::strict());
    options.queue = QueueOptions::default().dropping_rejected();
    options.connection = connection();
    options
}
