//! A subscription, as requests.
//!
//! A received message is hidden from others until its deadline. It is given back by a deadline that has passed, or by one that comes after
//! the delay of a retry. Pub/Sub counts deliveries only if the subscription has a policy for dead letters.

use super::{
    connection::Wire,
    failure::{Failure, is_transient, of_id},
    message::{pull, received, settle},
    options::Target,
};
use cloudevents_carriers::rows::GOOGLE_PUBSUB;
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_transport::{
    By, Extends, Host, Orders, Received, ReceiverCapabilities, Settlement,
    binding::{
        batches::{Batch, Batches, Limits, by_key},
        connect::Connect,
        disconnected,
        queue::{
            Arrived,
            polled::{Most, Polled, Requests},
        },
        whole_seconds,
    },
};
use serde::{Deserialize, de::IgnoredAny};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{runtime::Handle, task::JoinHandle, time::sleep};

/// The longest deadline.
pub(super) const LONGEST_LOCK: Duration = Duration::from_secs(600);

/// The shortest deadline of a subscription, which every one has if nothing is known about it.
pub(super) const SHORTEST_LOCK: Duration = Duration::from_secs(10);

/// The most messages of a request for messages.
const MOST_MESSAGES: usize = 1000;

/// How long a request waits for messages at most. Google ends it earlier, at a time that no page says.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// How long a receiver that stops waits for an open request. Messages that the request brings later are released, if the process still
/// runs.
const HURRY: Duration = Duration::from_secs(1);

/// The limits of requests that settle messages: a thousand ids as in Google's own clients, and below the 512 KiB of a request.
const SETTLING: Limits = Limits { requests: 8, entries: 1000, bytes: 400_000 };

/// How a receiver reads a subscription, over all of its connections.
pub(super) struct Reading {
    pub(super) target: Target,
    pub(super) decoding: DecodeOptions,
    /// `None`: the deadline of the subscription.
    pub(super) lock: Option<Duration>,
    pub(super) wait: Duration,
}

/// Creates queues.
pub(super) struct Consuming(pub(super) Arc<Reading>);

impl Connect for Consuming {
    type Connection = Polled<Queue>;

    async fn connect(&self, _: &Host) -> Result<Polled<Queue>, Error> {
        let reading = Arc::clone(&self.0);
        let wire = Wire::new(&reading.target).await?;
        let path: Arc<str> = reading.target.subscription().into();
        let shown = wire.look::<Subscription>(&path).await?.unwrap_or_default();
        let own = shown.ack_deadline_seconds.map_or(SHORTEST_LOCK, Duration::from_secs);
        let own = own.clamp(SHORTEST_LOCK, LONGEST_LOCK);
        let lock = reading.lock.unwrap_or(own);
        let requests = Arc::new(Receiving {
            acknowledging: Batches::start(Acks(wire.clone(), Arc::clone(&path)), SETTLING),
            deadlines: Batches::start(Deadlines(wire.clone(), Arc::clone(&path)), SETTLING),
            reading,
            path,
            wire,
            lock,
            has_own_lock: lock != own,
            is_ordered: shown.enable_message_ordering,
            counts: shown.dead_letter_policy.is_some(),
        });
        Polled::open(Queue { requests, held: Mutex::default() }).await
    }
}

/// A subscription, as far as a receiver needs it. An account may have the right to receive, and not to see this.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Subscription {
    ack_deadline_seconds: Option<u64>,
    enable_message_ordering: bool,
    dead_letter_policy: Option<IgnoredAny>,
}

/// A subscription, with the requests for its messages.
///
/// A request that was given up may have messages all the same, which would be hidden until their deadlines. So a request that has no answer
/// within `wait` stays open, and another one that does not wait has to show that the peer is there.
pub(super) struct Queue {
    /// Requests outlive it.
    requests: Arc<Receiving>,
    held: Mutex<Held>,
}

/// A request that stays open.
#[derive(Default)]
struct Held {
    request: Option<Pulling>,
    /// Whether the peer has to show that it is there.
    is_doubtful: bool,
}

/// A request for messages.
type Pulling = JoinHandle<Result<Vec<Arrived<Arc<str>>>, Error>>;

impl Queue {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request that is open, or a new one, and whether it is one that does not wait.
    fn request(&self, most: usize, wait: Duration) -> (Pulling, bool) {
        let mut held = self.held();
        let is_immediate = std::mem::take(&mut held.is_doubtful) || wait.is_zero();
        let open = if is_immediate { None } else { held.request.take() };
        let most = if is_immediate { 1 } else { most };
        let requests = Arc::clone(&self.requests);
        let begin = || tokio::spawn(async move { requests.receive(most, is_immediate).await });
        (open.unwrap_or_else(begin), is_immediate)
    }
}

impl Drop for Queue {
    /// Gives back the messages that an open request brings, if the process still runs then.
    fn drop(&mut self) {
        let (request, requests) = (self.held().request.take(), Arc::clone(&self.requests));
        if let (Some(request), Ok(runtime)) = (request, Handle::try_current()) {
            runtime.spawn(async move {
                let late = request.await.ok().and_then(Result::ok).unwrap_or_default();
                let tags: Vec<_> = late.into_iter().map(|arrived| arrived.tag).collect();
                let _ = requests.hide(&tags, Duration::ZERO).await;
            });
        }
    }
}

struct Receiving {
    reading: Arc<Reading>,
    path: Arc<str>,
    wire: Wire,
    lock: Duration,
    /// Whether the deadline of a message is not that of the subscription, and has to be set.
    has_own_lock: bool,
    is_ordered: bool,
    counts: bool,
    acknowledging: Batches<Acks>,
    deadlines: Batches<Deadlines>,
}

impl Receiving {
    /// Requests messages, which Pub/Sub may answer at once, or when there are some.
    async fn receive(&self, most: usize, is_immediate: bool) -> Result<Vec<Arrived<Arc<str>>>, Error> {
        let body = pull(most.clamp(1, MOST_MESSAGES), is_immediate)?;
        let Reading { target, decoding, .. } = &*self.reading;
        let limit = if is_immediate { target.connection.connect_timeout } else { LONGEST_WAIT };
        let answer = match self.wire.call(&format!("{}:pull", self.path), body, limit).await {
            Err(error) if error.kind() == ErrorKind::Timeout && !is_immediate => return Ok(Vec::new()),
            answer => answer?,
        };
        let messages = received(&answer, &target.name)?;
        let arrived: Vec<_> = messages
            .into_iter()
            .map(|native| {
                let decoded = GOOGLE_PUBSUB.decode_message(&native.message, decoding);
                let (tag, attempt) = (Arc::clone(&native.ack_id), native.attempt.unwrap_or(1));
                Arrived { received: Received::new(decoded, native), tag, attempt }
            })
            .collect();
        if self.has_own_lock {
            for arrived in &arrived {
                drop(self.deadlines.add((Arc::clone(&arrived.tag), seconds(self.lock)), None));
            }
        }
        Ok(arrived)
    }

    /// Hides messages for this time from now on.
    async fn hide(&self, tags: &[Arc<str>], time: Duration) -> Result<(), Error> {
        self.deadlines.all(tags.iter().map(|tag| (Arc::clone(tag), seconds(time))).collect()).await
    }
}

impl Requests for Queue {
    /// The acknowledgement id.
    type Tag = Arc<str>;

    const SETTLES_EACH: bool = true;

    fn capabilities(&self) -> ReceiverCapabilities {
        let mut capabilities = ReceiverCapabilities::queue();
        capabilities.rejects = By::None;
        capabilities.delays = By::Broker;
        capabilities.counts = if self.requests.counts { By::Broker } else { By::None };
        capabilities.extends = Extends::Every(self.requests.lock);
        capabilities.orders = if self.requests.is_ordered { Orders::Partition } else { Orders::Nothing };
        capabilities
    }

    fn most(&self) -> Most {
        Most { receive: MOST_MESSAGES, settle: 1000, wait: self.requests.reading.wait, hurry: HURRY }
    }

    async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Arrived<Arc<str>>>, Error> {
        let (mut request, is_immediate) = self.request(most, wait);
        tokio::select! {
            answer = &mut request => answer.unwrap_or_else(|error| Err(disconnected(error))),
            () = sleep(wait), if !is_immediate => {
                *self.held() = Held { request: Some(request), is_doubtful: true };
                Ok(Vec::new())
            }
        }
    }

    async fn settle(&self, tags: &[Arc<str>], how: &Settlement) -> Result<(), Error> {
        match how {
            Settlement::Accept => self.requests.acknowledging.all(tags.to_vec()).await,
            Settlement::Retry { after } => self.requests.hide(tags, *after).await,
            Settlement::Release => self.requests.hide(tags, Duration::ZERO).await,
            _ => Err(Error::new(ErrorKind::Unsupported)),
        }
    }

    async fn extend(&self, tags: &[Arc<str>]) -> Result<(), Error> {
        self.requests.hide(tags, self.requests.lock).await
    }
}

/// Requests that acknowledge messages of a subscription.
struct Acks(Wire, Arc<str>);

impl Batch for Acks {
    type Entry = Arc<str>;
    type Answer = ();

    fn size(id: &Arc<str>) -> usize {
        bytes(id)
    }

    async fn ask(&self, ids: Vec<Arc<str>>) -> Vec<Result<(), Error>> {
        settled(&self.0, &format!("{}:acknowledge", self.1), &ids, None).await
    }
}

/// Requests that set deadlines of messages of a subscription.
struct Deadlines(Wire, Arc<str>);

impl Batch for Deadlines {
    /// The id, and the seconds.
    type Entry = (Arc<str>, i32);
    type Answer = ();

    fn size((id, _): &Self::Entry) -> usize {
        bytes(id)
    }

    /// A request has one deadline for all of its messages.
    async fn ask(&self, entries: Vec<Self::Entry>) -> Vec<Result<(), Error>> {
        let path = format!("{}:modifyAckDeadline", self.1);
        let (wire, path) = (&self.0, &path);
        let ask = |seconds, entries: Vec<Self::Entry>| async move {
            let ids: Vec<_> = entries.into_iter().map(|(id, _)| id).collect();
            settled(wire, path, &ids, Some(seconds)).await
        };
        by_key(entries, |(_, seconds)| *seconds, ask).await
    }
}

/// Settles messages, and returns the outcome of each. With exactly-once delivery, Pub/Sub answers for each id. Those that failed for a
/// while are tried once more.
async fn settled(wire: &Wire, path: &str, ids: &[Arc<str>], seconds: Option<i32>) -> Vec<Result<(), Error>> {
    let first = request(wire, path, ids, seconds).await;
    let left = |failure: &Failure| -> Vec<Arc<str>> {
        let is_left = |id: &&Arc<str>| failure.by_id.get(&***id).is_some_and(|reason| is_transient(reason));
        ids.iter().filter(is_left).cloned().collect()
    };
    let again = first.as_ref().err().map(left).unwrap_or_default();
    let second = match again.is_empty() {
        true => Ok(()),
        false => request(wire, path, &again, seconds).await,
    };
    ids.iter()
        .map(|id| match again.contains(id) {
            true => outcome(&second, id),
            false => outcome(&first, id),
        })
        .collect()
}

async fn request(wire: &Wire, path: &str, ids: &[Arc<str>], seconds: Option<i32>) -> Result<(), Failure> {
    wire.settle(path, settle(ids, seconds)?).await
}

/// The outcome of one id. If the answer has reasons by ids, the others have succeeded.
fn outcome(answer: &Result<(), Failure>, id: &str) -> Result<(), Error> {
    match answer {
        Ok(()) => Ok(()),
        Err(failure) => match failure.by_id.get(id) {
            Some(reason) => Err(of_id(reason)),
            None if failure.by_id.is_empty() => Err(failure.error.clone()),
            None => Ok(()),
        },
    }
}

/// The bytes of an id in a request, with quotes and a comma.
fn bytes(id: &str) -> usize {
    id.len().saturating_add(3)
}

/// Whole seconds, as far as Pub/Sub takes them.
fn seconds(time: Duration) -> i32 {
    whole_seconds(time.min(LONGEST_LOCK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_by_ids_is_an_outcome_of_each() {
        let by_id = [("stale".to_owned(), "PERMANENT_FAILURE_INVALID_ACK_ID".to_owned())].into();
        let answer = Err(Failure { error: Error::new(ErrorKind::Refused), by_id });
        assert_eq!(outcome(&answer, "stale").unwrap_err().kind(), ErrorKind::Disconnected);
        assert!(outcome(&answer, "other").is_ok());
        let whole = Err(Failure::from(Error::new(ErrorKind::Timeout)));
        assert_eq!(outcome(&whole, "other").unwrap_err().kind(), ErrorKind::Timeout);
        assert!(outcome(&Ok(()), "stale").is_ok());
    }

    #[test]
    fn a_subscription_that_says_little() {
        let shown = |json| serde_json::from_str::<Subscription>(json).unwrap();
        let plain = shown("{}");
        assert_eq!((plain.ack_deadline_seconds, plain.enable_message_ordering), (None, false));
        let full = shown(
            r#"{"name":"x","ackDeadlineSeconds":60,"enableMessageOrdering":true,"deadLetterPolicy":{"maxDeliveryAttempts":5}}"#,
        );
        assert_eq!((full.ack_deadline_seconds, full.enable_message_ordering), (Some(60), true));
        assert!(full.dead_letter_policy.is_some() && plain.dead_letter_policy.is_none());
    }
}
