//! A queue, as requests.
//!
//! A received message is hidden from others for the time of the lock. It is given back by a lock that ends at once, or after the delay of a
//! retry. SQS counts every time that a message is received, also when it was released.

use super::{
    connection::{Wire, once, settlement},
    failure,
    options::Target,
    received::received,
};
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageSystemAttributeName,
};
use cloudevents_aws::{MOST, by_number};
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_transport::{
    By, Extends, Host, Orders, Received, ReceiverCapabilities, Settlement,
    binding::{
        batches::{Batch, Batches, Limits, all_failed},
        connect::Connect,
        queue::{
            Arrived,
            polled::{Most, Polled, Requests},
        },
        refused, whole_seconds,
    },
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// The longest time that a request waits for messages.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// The longest time that a message is hidden after it was received.
pub(super) const LONGEST_LOCK: Duration = Duration::from_secs(12 * 60 * 60);

/// How much longer than it waits for messages a request may take.
const ANSWER: Duration = Duration::from_secs(30);

/// How long a receiver that stops waits for an open request. Messages that the request brings later are released, if the process still
/// runs.
pub(super) const HURRY: Duration = Duration::from_secs(5);

/// The limits of requests that settle messages, of each kind.
const SETTLING: Limits = Limits { requests: 8, entries: MOST, bytes: usize::MAX };

/// How a receiver reads a queue, over all of its connections.
pub(super) struct Reading {
    pub(super) target: Target,
    pub(super) decoding: DecodeOptions,
    pub(super) lock: Duration,
    pub(super) wait: Duration,
}

/// Creates queues.
pub(super) struct Consuming(pub(super) Arc<Reading>);

impl Connect for Consuming {
    type Connection = Polled<Queue>;

    async fn connect(&self, _: &Host) -> Result<Polled<Queue>, Error> {
        let wire = Wire::new(&self.0.target).await?;
        wire.check().await.map_err(failure::of_receiver)?;
        let queue = Queue {
            reading: Arc::clone(&self.0),
            deleting: Batches::start(Deletes(wire.clone()), SETTLING),
            hiding: Batches::start(Hides(wire.clone()), SETTLING),
            wire,
        };
        Polled::open(queue).await.map_err(failure::of_receiver)
    }
}

/// One message, as it was received this time.
#[derive(Clone, Debug)]
pub(super) struct Tag {
    handle: Arc<str>,
    received: Instant,
}

/// A queue.
pub(super) struct Queue {
    reading: Arc<Reading>,
    wire: Wire,
    deleting: Batches<Deletes>,
    hiding: Batches<Hides>,
}

impl Queue {
    /// Hides messages for this time from now on, as far as SQS allows it.
    async fn hide(&self, tags: &[Tag], time: Duration) -> Result<(), Error> {
        let hidden = |tag: &Tag| {
            let left = LONGEST_LOCK.saturating_sub(tag.received.elapsed());
            (Arc::clone(&tag.handle), whole_seconds(time.min(left)))
        };
        self.hiding.all(tags.iter().map(hidden).collect()).await
    }
}

impl Requests for Queue {
    type Tag = Tag;

    const SETTLES_EACH: bool = true;

    fn capabilities(&self) -> ReceiverCapabilities {
        let mut capabilities = ReceiverCapabilities::queue();
        capabilities.rejects = By::None;
        capabilities.delays = By::Broker;
        capabilities.extends = Extends::Every(self.reading.lock);
        capabilities.orders = if self.reading.target.is_fifo() { Orders::Partition } else { Orders::Nothing };
        capabilities
    }

    fn most(&self) -> Most {
        Most { receive: MOST, settle: 1000, wait: self.reading.wait, hurry: HURRY }
    }

    async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Arrived<Tag>>, Error> {
        let request = self.wire.client.receive_message().queue_url(&*self.wire.url);
        let request = request
            .max_number_of_messages(i32::try_from(most.clamp(1, MOST)).unwrap_or(1))
            .wait_time_seconds(whole_seconds(wait.min(LONGEST_WAIT)))
            .visibility_timeout(whole_seconds(self.reading.lock))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All");
        // The lock begins when SQS answers, and so not before this.
        let begun = Instant::now();
        let limit = once(wait.saturating_add(ANSWER));
        let answer = request.customize().config_override(limit).send().await;
        let answer = answer.map_err(|error| failure::of(&error))?;
        let arrived = |message| {
            let (native, attempt) = received(message, &self.reading.target.queue);
            let decoded = crate::decode_message(&native.message, &self.reading.decoding);
            let tag = Tag { handle: Arc::clone(&native.receipt_handle), received: begun };
            Arrived { received: Received::new(decoded, native), tag, attempt }
        };
        Ok(answer.messages.unwrap_or_default().into_iter().map(arrived).collect())
    }

    async fn settle(&self, tags: &[Tag], how: &Settlement) -> Result<(), Error> {
        match how {
            Settlement::Accept => {
                self.deleting.all(tags.iter().map(|tag| Arc::clone(&tag.handle)).collect()).await
            }
            Settlement::Retry { after } => self.hide(tags, *after).await,
            Settlement::Release => self.hide(tags, Duration::ZERO).await,
            _ => Err(Error::new(ErrorKind::Unsupported)),
        }
    }

    async fn extend(&self, tags: &[Tag]) -> Result<(), Error> {
        self.hide(tags, self.reading.lock).await
    }
}

/// Requests that delete messages.
struct Deletes(Wire);

impl Batch for Deletes {
    type Entry = Arc<str>;
    type Answer = ();

    fn size(_: &Arc<str>) -> usize {
        0
    }

    async fn ask(&self, handles: Vec<Arc<str>>) -> Vec<Result<(), Error>> {
        let mut request = self.0.client.delete_message_batch().queue_url(&*self.0.url);
        for (number, handle) in handles.iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder().id(number.to_string());
            match entry.receipt_handle(&**handle).build() {
                Ok(entry) => request = request.entries(entry),
                Err(error) => return all_failed(handles.len(), &refused(error)),
            }
        }
        match request.customize().config_override(settlement()).send().await {
            Err(error) => all_failed(handles.len(), &failure::of(&error)),
            Ok(answer) => by_number(
                handles.len(),
                answer.successful.into_iter().map(|entry| (entry.id, ())),
                answer.failed.iter().map(|entry| (entry.id.clone(), failure::of_entry(entry))),
            ),
        }
    }
}

/// Requests that hide messages for some time.
struct Hides(Wire);

impl Batch for Hides {
    /// The handle, and the seconds.
    type Entry = (Arc<str>, i32);
    type Answer = ();

    fn size(_: &Self::Entry) -> usize {
        0
    }

    async fn ask(&self, entries: Vec<Self::Entry>) -> Vec<Result<(), Error>> {
        let mut request = self.0.client.change_message_visibility_batch().queue_url(&*self.0.url);
        for (number, (handle, seconds)) in entries.iter().enumerate() {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(number.to_string());
            match entry.receipt_handle(&**handle).visibility_timeout(*seconds).build() {
                Ok(entry) => request = request.entries(entry),
                Err(error) => return all_failed(entries.len(), &refused(error)),
            }
        }
        match request.customize().config_override(settlement()).send().await {
            Err(error) => all_failed(entries.len(), &failure::of(&error)),
            Ok(answer) => by_number(
                entries.len(),
                answer.successful.into_iter().map(|entry| (entry.id, ())),
                answer.failed.iter().map(|entry| (entry.id.clone(), failure::of_entry(entry))),
            ),
        }
    }
}
