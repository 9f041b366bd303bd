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
use cloudevents_aws::{MOST as BATCH, by_number, disconnected, limits, refused};
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_transport::{
    By, Extends, Host, Orders, Outcome, Received, ReceiverCapabilities, Settlement,
    binding::{
        batches::{Batch, Batches, all_failed},
        connect::Connect,
        queue::{
            Arrived,
            polled::{Most, Polled, Requests},
        },
    },
};
use futures_util::future::join_all;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

/// The longest time that a request waits for messages.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// The longest time that a message is hidden after it was received.
pub(super) const LONGEST_LOCK: Duration = Duration::from_secs(12 * 60 * 60);

/// How much longer than it waits for messages a request may take.
const ANSWER: Duration = Duration::from_secs(30);

/// How long a receiver that stops waits for an open request. Messages that the request brings later are released, if the process still
/// runs.
pub(super) const HURRY: Duration = Duration::from_secs(5);

/// How many requests of one kind that settle messages are under way at once.
const SETTLING: usize = 8;

/// Creates queues.
pub(super) struct Consuming {
    pub(super) target: Target,
    pub(super) decoding: DecodeOptions,
    pub(super) lock: Duration,
    pub(super) wait: Duration,
}

impl Connect for Consuming {
    type Connection = Polled<Queue>;

    async fn connect(&self, _: &Host) -> Result<Polled<Queue>, Error> {
        let wire = Wire::new(&self.target).await?;
        wire.check().await.map_err(failure::of_receiver)?;
        let requests = Arc::new(Receiving {
            queue: Arc::clone(&self.target.queue),
            decoding: self.decoding.clone(),
            is_fifo: self.target.is_fifo(),
            lock: self.lock,
            hurry: Notify::new(),
            deleting: Batches::start(Deletes(wire.clone()), limits(SETTLING, usize::MAX)),
            hiding: Batches::start(Hides(wire.clone()), limits(SETTLING, usize::MAX)),
            wire,
        });
        Polled::open(Queue { requests, wait: self.wait }).await.map_err(failure::of_receiver)
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
    requests: Arc<Receiving>,
    wait: Duration,
}

struct Receiving {
    queue: Arc<str>,
    wire: Wire,
    decoding: DecodeOptions,
    is_fifo: bool,
    lock: Duration,
    /// Notified when the receiver stops.
    hurry: Notify,
    deleting: Batches<Deletes>,
    hiding: Batches<Hides>,
}

impl Receiving {
    async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Arrived<Tag>>, Error> {
        let request = self.wire.client.receive_message().queue_url(&*self.wire.url);
        let request = request
            .max_number_of_messages(i32::try_from(most.clamp(1, BATCH)).unwrap_or(1))
            .wait_time_seconds(seconds(wait.min(LONGEST_WAIT)))
            .visibility_timeout(seconds(self.lock))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All");
        // The lock begins when SQS answers, and so not before this.
        let begun = Instant::now();
        let limit = once(wait.saturating_add(ANSWER));
        let answer = request.customize().config_override(limit).send().await;
        let answer = answer.map_err(|error| failure::of(&error))?;
        let messages = answer.messages.unwrap_or_default().into_iter();
        Ok(messages
            .map(|message| {
                let (native, attempt) = received(message, &self.queue);
                let decoded = crate::decode_message(&native.message, &self.decoding);
                let tag = Tag { handle: Arc::clone(&native.receipt_handle), received: begun };
                Arrived { received: Received::new(decoded, native), tag, attempt }
            })
            .collect())
    }

    /// Hides a message for this time from now on, as far as SQS allows it.
    async fn hide(&self, tag: &Tag, time: Duration) -> Result<(), Error> {
        let left = LONGEST_LOCK.saturating_sub(tag.received.elapsed());
        let (resolver, outcome) = Outcome::channel();
        self.hiding.add((Arc::clone(&tag.handle), seconds(time.min(left))), resolver, None);
        outcome.await
    }

    async fn settle(&self, tag: &Tag, how: &Settlement) -> Result<(), Error> {
        match how {
            Settlement::Accept => {
                let (resolver, outcome) = Outcome::channel();
                self.deleting.add(Arc::clone(&tag.handle), resolver, None);
                outcome.await
            }
            Settlement::Retry { after } => self.hide(tag, *after).await,
            Settlement::Release => self.hide(tag, Duration::ZERO).await,
            _ => Err(Error::new(ErrorKind::Unsupported)),
        }
    }
}

impl Requests for Queue {
    type Tag = Tag;

    const SETTLES_EACH: bool = true;

    fn capabilities(&self) -> ReceiverCapabilities {
        let mut capabilities = ReceiverCapabilities::queue();
        capabilities.rejects = By::None;
        capabilities.delays = By::Broker;
        capabilities.extends = Extends::Every(self.requests.lock);
        capabilities.orders = if self.requests.is_fifo { Orders::Partition } else { Orders::Nothing };
        capabilities
    }

    fn most(&self) -> Most {
        Most { receive: BATCH, settle: 1000, wait: self.wait }
    }

    /// When the receiver stops, the request goes on without it, and the messages that it brings are given back.
    async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Arrived<Tag>>, Error> {
        let requests = Arc::clone(&self.requests);
        let mut request = tokio::spawn(async move { requests.receive(most, wait).await });
        tokio::select! {
            answer = &mut request => answer.unwrap_or_else(|error| Err(disconnected(error))),
            () = async { self.requests.hurry.notified().await; sleep(HURRY).await } => {
                let requests = Arc::clone(&self.requests);
                tokio::spawn(async move {
                    let late = request.await.ok().and_then(Result::ok).unwrap_or_default();
                    for arrived in late {
                        let _ = requests.settle(&arrived.tag, &Settlement::Release).await;
                    }
                });
                Ok(Vec::new())
            }
        }
    }

    async fn settle(&self, tags: &[Tag], how: &Settlement) -> Result<(), Error> {
        let settled = join_all(tags.iter().map(|tag| self.requests.settle(tag, how))).await;
        settled.into_iter().collect()
    }

    async fn extend(&self, tags: &[Tag]) -> Result<(), Error> {
        let lock = self.requests.lock;
        let hidden = join_all(tags.iter().map(|tag| self.requests.hide(tag, lock))).await;
        hidden.into_iter().collect()
    }

    async fn hurry(&self) {
        self.requests.hurry.notify_one();
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

/// Whole seconds, rounded up, as far as SQS takes them.
fn seconds(time: Duration) -> i32 {
    let whole = time.min(LONGEST_LOCK).as_millis().div_ceil(1000);
    i32::try_from(whole).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up_and_have_an_end() {
        let of = |milliseconds| seconds(Duration::from_millis(milliseconds));
        assert_eq!([of(0), of(1), of(1000), of(1001), of(43_200_000)], [0, 1, 1, 2, 43_200]);
        assert_eq!((of(u64::MAX), seconds(Duration::MAX)), (43_200, 43_200));
    }
}
