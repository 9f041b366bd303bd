//! Amazon SQS, by aws-sdk-sqs.

use super::Broker;
use crate::{
    failure::Result,
    hand::Hand,
    load::{Load, number},
};
use aws_sdk_sqs::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    types::{
        DeleteMessageBatchRequestEntry, MessageAttributeValue, QueueAttributeName,
        SendMessageBatchRequestEntry,
    },
};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::convert::Infallible;
use tokio::sync::mpsc;

const REGION: &str = "eu-central-1";
const ACCOUNT: &str = "123456789012";
/// The most messages of a request, and their bytes with those of the attributes.
const MOST: usize = 10;
const MOST_BYTES: usize = 1 << 20;
const ATTRIBUTES: usize = 1000;
/// The requests of a sender at a time to a standard queue. To a FIFO queue, it is one: the order of a group is that of the requests.
const REQUESTS: usize = 16;
/// How long a request waits for messages, and how long these are hidden, in seconds.
const WAIT: i32 = 5;
const LOCK: i32 = 300;

/// A server, and whether its queues are FIFO.
#[derive(Debug)]
pub(crate) struct Sqs {
    server: String,
    is_fifo: bool,
    client: Client,
}

impl Sqs {
    pub(crate) fn new(server: &str, is_fifo: bool) -> Self {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new("key", "secret", None, None, "scale"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(server)
            .build();
        Self { server: server.to_owned(), is_fifo, client: Client::from_conf(config) }
    }

    fn queue(&self, place: &str) -> String {
        format!("{place}{}", if self.is_fifo { ".fifo" } else { "" })
    }

    fn queue_url(&self, place: &str) -> String {
        format!("{}/{ACCOUNT}/{}", self.server, self.queue(place))
    }

    /// Sends some events by one request.
    async fn send(&self, place: &str, load: Load, events: Vec<(usize, String)>) -> Result<()> {
        let mut request = self.client.send_message_batch().queue_url(self.queue_url(place));
        for (number, document) in events {
            request = request.entries(self.entry(load, number, document)?);
        }
        let failed = request.send().await?.failed.len();
        if failed == 0 { Ok(()) } else { Err(format!("SQS does not take {failed} messages").into()) }
    }

    fn entry(&self, load: Load, number: usize, document: String) -> Result<SendMessageBatchRequestEntry> {
        let content_type = MessageAttributeValue::builder()
            .data_type("String")
            .string_value("application/cloudevents+json")
            .build()?;
        let entry = SendMessageBatchRequestEntry::builder()
            .id(number.to_string())
            .message_body(document)
            .message_attributes("content-type", content_type);
        let entry = match self.is_fifo {
            true => {
                entry.message_group_id(load.key_text(number)).message_deduplication_id(number.to_string())
            }
            false => entry,
        };
        Ok(entry.build()?)
    }
}

impl Broker for Sqs {
    const IS_LOG: bool = false;

    fn name(&self) -> String {
        format!("SQS, {}", if self.is_fifo { "FIFO" } else { "standard" })
    }

    async fn open(&self, place: &str, _reader: &str) -> Result<()> {
        let created = self.client.create_queue().queue_name(self.queue(place));
        let created = match self.is_fifo {
            true => created.attributes(QueueAttributeName::FifoQueue, "true"),
            false => created,
        };
        created.send().await?;
        Ok(())
    }

    async fn fill(&self, place: &str, load: Load) -> Result<()> {
        let together =
            MOST_BYTES.checked_div(load.size.saturating_add(ATTRIBUTES)).unwrap_or(1).clamp(1, MOST);
        let requests = if self.is_fifo { 1 } else { REQUESTS };
        let events = stream::iter(load.documents().enumerate()).chunks(together).map(Ok);
        events.try_for_each_concurrent(requests, |some| self.send(place, load, some)).await
    }

    async fn read(&self, place: &str, _reader: &str, hand: &Hand) -> Result<Infallible> {
        let (done, handles) = mpsc::unbounded_channel::<String>();
        tokio::spawn(delete(self.client.clone(), self.queue_url(place), handles));
        loop {
            let request = self.client.receive_message().queue_url(self.queue_url(place));
            let request = request.max_number_of_messages(10).message_attribute_names("All");
            let answer = request.visibility_timeout(LOCK).wait_time_seconds(WAIT).send().await?;
            for message in answer.messages.unwrap_or_default() {
                let body = message.body.unwrap_or_default();
                let number = number(body.as_bytes()).ok_or("a message without a number")?;
                let (handle, done) = (message.receipt_handle.unwrap_or_default(), done.clone());
                let acknowledge = async move {
                    let _ = done.send(handle);
                };
                hand.give(number, body.into(), acknowledge).await;
            }
        }
    }

    fn source(&self, place: &str, _reader: &str) -> String {
        format!("{}&reject=drop", self.sink(place))
    }

    fn sink(&self, place: &str) -> String {
        format!("sqs://{REGION}/{ACCOUNT}/{}?endpoint={}", self.queue(place), self.server)
    }
}

/// Deletes the messages of these handles, as many at once as a request takes.
async fn delete(client: Client, queue: String, mut handles: mpsc::UnboundedReceiver<String>) -> Result<()> {
    let mut some = Vec::new();
    while handles.recv_many(&mut some, MOST).await > 0 {
        let mut request = client.delete_message_batch().queue_url(&queue);
        for (number, handle) in some.drain(..).enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder().id(number.to_string());
            request = request.entries(entry.receipt_handle(handle).build()?);
        }
        request.send().await?;
    }
    Ok(())
}
