//! Helpers for the tests of the client.

use aws_config::BehaviorVersion;
use aws_sdk_eventbridge::config::{Credentials, Region};
use cloudevents_eventbridge::awssdk1::{EventBridgeSenderOptions, Login, sender};
use cloudevents_sqs::awssdk1::SqsReceiverOptions;
use cloudevents_testkit::deliveries::{name, server};
pub(crate) use cloudevents_testkit::{
    deliveries::{event, large, within},
    patience,
};
use cloudevents_transport::{Receiver, Sender, binding::queue::QueueOptions};

const REGION: &str = "eu-central-1";
const ACCOUNT: &str = "123456789012";

/// The pattern of a rule that matches the events of tests.
pub(crate) const ALL: &str = r#"{"detail":{"specversion":["1.0"]}}"#;

/// The server that `CE_TEST_SQS_URL` names, which also serves EventBridge: `http://127.0.0.1:5000`.
pub(crate) fn real() -> Option<String> {
    server("CE_TEST_SQS_URL")
}

/// A bus of a server, and a queue that is the target of a rule of it.
pub(crate) struct Place {
    pub(crate) server: String,
    /// The name of all.
    pub(crate) name: String,
}

impl Place {
    /// Creates them, if there is a server. The rule has this pattern.
    pub(crate) async fn new(what: &str, pattern: &str) -> Option<Self> {
        let place = Self { server: real()?, name: name(what) };
        let (buses, queues) = (place.buses(), place.queues());
        buses.create_event_bus().name(&place.name).send().await.unwrap();
        queues.create_queue().queue_name(&place.name).send().await.unwrap();
        let rule = buses.put_rule().event_bus_name(&place.name).name(&place.name);
        rule.event_pattern(pattern).send().await.unwrap();
        let target = aws_sdk_eventbridge::types::Target::builder().id("1");
        // By default, the emulator leaves out the account, and is slow to find each field.
        let whole = aws_sdk_eventbridge::types::InputTransformer::builder();
        let whole =
            whole.input_template("<aws.events.event.json>").input_paths_map("id", "$.id").build().unwrap();
        let target = target.arn(format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", place.name));
        let target = target.input_transformer(whole).build().unwrap();
        let targets = buses.put_targets().event_bus_name(&place.name).rule(&place.name).targets(target);
        assert_eq!(targets.send().await.unwrap().failed_entry_count, 0);
        Some(place)
    }

    /// Takes the next message of the queue: the document that the target of the rule gets.
    pub(crate) async fn take(&self) -> String {
        let url = format!("{}/{ACCOUNT}/{}", self.server, self.name);
        let queues = self.queues();
        let request = queues.receive_message().queue_url(&url).wait_time_seconds(10);
        let message = request.send().await.unwrap().messages.unwrap().remove(0);
        let deletion = queues.delete_message().queue_url(&url);
        deletion.receipt_handle(message.receipt_handle.unwrap()).send().await.unwrap();
        message.body.unwrap()
    }

    fn buses(&self) -> aws_sdk_eventbridge::Client {
        let config = aws_sdk_eventbridge::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(&self.server)
            .build();
        aws_sdk_eventbridge::Client::from_conf(config)
    }

    fn queues(&self) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(&self.server)
            .build();
        aws_sdk_sqs::Client::from_conf(config)
    }

    pub(crate) async fn sender(&self, query: &str) -> Sender {
        sender(&url(&self.server, &self.name, query), sending()).await.unwrap()
    }

    /// A receiver from the queue. Rejected messages are dropped.
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

pub(crate) fn url(server: &str, bus: &str, query: &str) -> String {
    format!("eventbridge://{REGION}/{ACCOUNT}/{bus}?endpoint={server}&{query}")
}

pub(crate) fn sending() -> EventBridgeSenderOptions {
    let mut options = EventBridgeSenderOptions::default();
    options.connection.login = Some(Login::new("test", "test"));
    options
}
