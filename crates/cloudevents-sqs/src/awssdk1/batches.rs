//! Requests with several entries, each of which has its own answer.

use super::failure;
use cloudevents_core::Error;
use cloudevents_transport::binding::{Permit, Resolver, later};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Semaphore, mpsc},
    time::{Instant, timeout_at},
};

/// How many entries a request has at most.
pub(super) const MOST: usize = 10;

/// How long an entry waits for others while a request is under way.
const LINGER: Duration = Duration::from_millis(20);

/// How long it waits for those that come with it, while there is none.
const AT_ONCE: Duration = Duration::from_millis(1);

/// A request with several entries.
pub(super) trait Batch: Send + Sync + 'static {
    type Entry: Send + 'static;
    type Answer: Send + 'static;

    /// The bytes that an entry has of those that a request may have.
    fn size(entry: &Self::Entry) -> usize;

    /// Makes a request. The answers are of the entries in their order; what is missing is an error.
    fn ask(&self, entries: Vec<Self::Entry>)
    -> impl Future<Output = Vec<Result<Self::Answer, Error>>> + Send;
}

/// Puts entries together into requests, in their order. Dropping it still makes the requests of what was added.
pub(super) struct Batches<B: Batch>(mpsc::UnboundedSender<Waiting<B>>);

/// An entry, what gets its answer, and what it keeps until then.
struct Waiting<B: Batch> {
    entry: B::Entry,
    resolver: Resolver<B::Answer>,
    permit: Option<Permit>,
}

impl<B: Batch> Batches<B> {
    /// Starts a task. So many requests are under way at once, and each has so many bytes at most.
    pub(super) fn start(batch: B, requests: usize, bytes: usize) -> Self {
        let (sender, incoming) = mpsc::unbounded_channel();
        tokio::spawn(run(Arc::new(batch), incoming, requests, bytes));
        Self(sender)
    }

    /// Adds an entry, which keeps its permit until it has its answer. Where the runtime has ended, both are dropped.
    pub(super) fn add(&self, entry: B::Entry, resolver: Resolver<B::Answer>, permit: Option<Permit>) {
        let _ = self.0.send(Waiting { entry, resolver, permit });
    }
}

async fn run<B: Batch>(
    batch: Arc<B>,
    mut incoming: mpsc::UnboundedReceiver<Waiting<B>>,
    requests: usize,
    bytes: usize,
) {
    let free = Arc::new(Semaphore::new(requests));
    let mut next = None;
    loop {
        let first = match next.take() {
            Some(first) => first,
            None => match incoming.recv().await {
                Some(first) => first,
                None => return,
            },
        };
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else { return };
        let is_alone = free.available_permits().saturating_add(1) == requests;
        let until = later(Instant::now(), if is_alone { AT_ONCE } else { LINGER });
        let mut size = B::size(&first.entry);
        let mut entries = vec![first];
        while entries.len() < MOST {
            let more = match incoming.try_recv() {
                Ok(more) => more,
                Err(_) => match timeout_at(until, incoming.recv()).await {
                    Ok(Some(more)) => more,
                    _ => break,
                },
            };
            size = size.saturating_add(B::size(&more.entry));
            if size > bytes {
                next = Some(more);
                break;
            }
            entries.push(more);
        }
        let batch = Arc::clone(&batch);
        tokio::spawn(async move {
            let (asked, waiting): (Vec<_>, Vec<_>) =
                entries.into_iter().map(|each| (each.entry, (each.resolver, each.permit))).unzip();
            let mut answers = batch.ask(asked).await.into_iter();
            drop(permit);
            for (resolver, permit) in waiting {
                let answer =
                    answers.next().unwrap_or_else(|| Err(failure::garbled("an entry has no answer")));
                resolver.resolve(answer);
                drop(permit);
            }
        });
    }
}

/// The answers of entries whose ids are their numbers.
pub(super) fn by_number<T>(
    count: usize,
    successful: impl Iterator<Item = (String, T)>,
    failed: impl Iterator<Item = (String, Error)>,
) -> Vec<Result<T, Error>> {
    let mut answers: Vec<Option<Result<T, Error>>> = (0..count).map(|_| None).collect();
    let all =
        successful.map(|(id, answer)| (id, Ok(answer))).chain(failed.map(|(id, error)| (id, Err(error))));
    for (id, answer) in all {
        if let Some(place) = id.parse().ok().and_then(|number: usize| answers.get_mut(number)) {
            *place = Some(answer);
        }
    }
    let missing = || Err(failure::garbled("an entry has no answer"));
    answers.into_iter().map(|answer| answer.unwrap_or_else(missing)).collect()
}

/// The answers where the whole request has failed.
pub(super) fn all_failed<T>(count: usize, error: &Error) -> Vec<Result<T, Error>> {
    (0..count).map(|_| Err(error.clone())).collect()
}
