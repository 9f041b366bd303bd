//! Helpers for the tests of the client.

use aws_config::BehaviorVersion;
use aws_sdk_sns::config::{Credentials, Region};
use cloudevents_core::DecodeOptions;
use cloudevents_sns::awssdk1::{Login, SnsSenderOptions, sender};
use cloudevents_sqs::awssdk1::SqsReceiverOptions;
use cloudevents_testkit::deliveries::{name, server};
pub(crate) use cloudevents_testkit::{
    deliveries::{event, large, take, within},
    patience,
};
use cloudevents_transport::{Receiver, Sender, binding::queue::QueueOptions};

const REGION: &str = "eu-central-1";
const ACCOUNT: &str = "123456789012";

/// The server that `CE_TEST_SQS_URL` names, which also serves SNS: `http://127.0.0.1:5000`.
pub(crate) fn real() -> Option<String> {
    server("CE_TEST_SQS_URL")
}

/// A topic of a server, and a queue that is subscribed to it with raw delivery.
pub(crate) struct Place {
    pub(crate) server: String,
    /// The name of both.
    pub(crate) name: String,
}

impl Place {
    /// Creates both, if there is a server.
    pub(crate) async fn new(what: &str) -> Option<Self> {
        Some(Self { server: real()?, name: name(what) }.created(None).await)
    }

    /// The same for a FIFO topic and queue.
    pub(crate) async fn fifo(what: &str) -> Option<Self> {
        Some(Self { server: real()?, name: name(what) + ".fifo" }.created(None).await)
    }

    /// The same, where the queue gets the messages of a filter policy.
    pub(crate) async fn filtered(what: &str, policy: &str) -> Option<Self> {
        Some(Self { server: real()?, name: name(what) }.created(Some(policy)).await)
    }

    async fn created(self, policy: Option<&str>) -> Self {
        let (topics, queues) = (self.topics(), self.queues());
        let (mut topic, mut queue) =
            (topics.create_topic().name(&self.name), queues.create_queue().queue_name(&self.name));
        if self.name.ends_with(".fifo") {
            topic = topic.attributes("FifoTopic", "true");
            queue = queue.attributes(aws_sdk_sqs::types::QueueAttributeName::FifoQueue, "true");
        }
        let arn = topic.send().await.unwrap().topic_arn.unwrap();
        queue.send().await.unwrap();
        let subscription = topics.subscribe().topic_arn(arn).protocol("sqs");
        let subscription = subscription.endpoint(format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", self.name));
        let subscription = subscription.attributes("RawMessageDelivery", "true");
        let subscription =
            policy.into_iter().fold(subscription, |all, policy| all.attributes("FilterPolicy", policy));
        subscription.send().await.unwrap();
        self
    }

    pub(crate) fn topics(&self) -> aws_sdk_sns::Client {
        let config = aws_sdk_sns::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(&self.server)
            .build();
        aws_sdk_sns::Client::from_conf(config)
    }

    pub(crate) fn queues(&self) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(&self.server)
            .build();
        aws_sdk_sqs::Client::from_conf(config)
    }

    /// The URL of the queue, as SQS names it.
    pub(crate) fn queue_url(&self) -> String {
        format!("{}/{ACCOUNT}/{}", self.server, self.name)
    }

    pub(crate) async fn sender(&self, query: &str) -> Sender {
        sender(&url(&self.server, &self.name, query), sending()).await.unwrap()
    }

    /// A receiver from the queue. Rejected messages are dropped.
    pub(crate) async fn receiver(&self) -> Receiver {
        self.receiver_with(SqsReceiverOptions::from(DecodeOptions::strict())).await.unwrap()
    }

    pub(crate) async fn receiver_with(
        &self,
        mut options: SqsReceiverOptions,
    ) -> Result<Receiver, cloudevents_core::Error> {
        options.queue = QueueOptions::default().dropping_rejected();
        options.connection.login = Some(Login::new("test", "test"));
        let url = format!("sqs://{REGION}/{ACCOUNT}/{}?endpoint={}&wait=1s&lock=2m", self.name, self.server);
        cloudevents_sqs::awssdk1::receiver(&url, options).await
    }
}

pub(crate) fn url(server: &str, topic: &str, query: &str) -> String {
    format!("sns://{REGION}/{ACCOUNT}/{topic}?endpoint={server}&{query}")
}

pub(crate) fn sending() -> SnsSenderOptions {
    let mut options = SnsSenderOptions::default();
    options.connection.login = Some(Login::new("test", "test"));
    options
}
