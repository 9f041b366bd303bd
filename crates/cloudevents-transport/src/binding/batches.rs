//! Requests with several entries, each of which has its own answer.
//!
//! A client that makes one request of each call implements [`Batch`]. [`Batches`] puts calls that come together into one request, in order.

mod sender;
mod sending;

pub use sender::{BatchSender, Puts};
pub use sending::Sending;

use super::{Permit, Resolver};
use crate::{Outcome, deadline::later};
use cloudevents_core::{Error, ErrorKind};
use futures_util::future::join_all;
use std::{collections::HashMap, fmt, hash::Hash, sync::Arc, time::Duration};
use tokio::{
    sync::{Semaphore, mpsc},
    time::{Instant, timeout, timeout_at},
};

/// How long an entry waits for others while a request is under way.
const LINGER: Duration = Duration::from_millis(20);

/// How long it waits for entries that come with it, while no request is under way.
const AT_ONCE: Duration = Duration::from_millis(1);

/// How long a request may take. Clients have shorter limits of their own: this one keeps a client without them from holding its permits,
/// and the entries theirs, for ever.
const ANSWER: Duration = Duration::from_secs(300);

/// The limits of requests.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many requests are under way at once. With one, entries keep their order.
    pub requests: usize,
    /// How many entries a request has at most; at least one.
    pub entries: usize,
    /// How many bytes a request has at most. One entry always passes.
    pub bytes: usize,
}

/// A request with several entries.
pub trait Batch: Send + Sync + 'static {
    /// An entry of a request.
    type Entry: Send + 'static;
    /// The answer to an entry.
    type Answer: Clone + Send + 'static;

    /// Whether an entry waits a moment for others that come with it, while no request is under way. If not, its request is made at once,
    /// with the entries that are there. The entries that come during a request share the next one.
    const GATHERS: bool = true;

    /// The size of an entry, in bytes of the request.
    fn size(entry: &Self::Entry) -> usize;

    /// Makes a request. The answers are in the order of the entries. A missing answer is an error.
    fn ask(&self, entries: Vec<Self::Entry>)
    -> impl Future<Output = Vec<Result<Self::Answer, Error>>> + Send;
}

/// Puts entries together into requests, in their order. Dropping it still makes the requests of entries that were added.
pub struct Batches<B: Batch>(mpsc::UnboundedSender<Waiting<B>>);

/// An entry, the resolver of its answer, and the permit that it keeps until then.
struct Waiting<B: Batch> {
    entry: B::Entry,
    resolver: Resolver<B::Answer>,
    permit: Option<Permit>,
}

impl<B: Batch> Batches<B> {
    /// Starts a task on the current runtime, which makes the requests.
    pub fn start(batch: B, limits: Limits) -> Self {
        let (sender, incoming) = mpsc::unbounded_channel();
        tokio::spawn(run(Arc::new(batch), incoming, limits));
        Self(sender)
    }

    /// Adds an entry, which keeps its permit until it has its answer. Where the runtime has ended, both are dropped.
    pub fn add(&self, entry: B::Entry, permit: Option<Permit>) -> Outcome<B::Answer> {
        let (resolver, outcome) = Outcome::channel();
        let _ = self.0.send(Waiting { entry, resolver, permit });
        outcome
    }

    /// Adds these entries, and waits for all of their answers. The error is that of the first one that failed.
    pub async fn all(&self, entries: Vec<B::Entry>) -> Result<(), Error> {
        let answers = join_all(entries.into_iter().map(|entry| self.add(entry, None))).await;
        answers.into_iter().try_for_each(|answer| answer.map(drop))
    }
}

impl<B: Batch> fmt::Debug for Batches<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").finish_non_exhaustive()
    }
}

async fn run<B: Batch>(
    batch: Arc<B>,
    mut incoming: mpsc::UnboundedReceiver<Waiting<B>>,
    Limits { requests, entries: most, bytes }: Limits,
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
        let waits = B::GATHERS || !is_alone;
        let until = later(Instant::now(), if is_alone { AT_ONCE } else { LINGER });
        let mut size = B::size(&first.entry);
        let mut entries = vec![first];
        while entries.len() < most {
            let more = match incoming.try_recv() {
                Ok(more) => more,
                Err(_) if !waits => break,
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
            let count = asked.len();
            let answers = timeout(ANSWER, batch.ask(asked)).await;
            let mut answers = answers.unwrap_or_else(|_| all_failed(count, &overdue())).into_iter();
            drop(permit);
            for (resolver, permit) in waiting {
                let answer = answers.next().unwrap_or_else(|| Err(no_answer()));
                resolver.resolve(answer);
                drop(permit);
            }
        });
    }
}

/// Makes a request for the entries of each key. These requests are under way together, and begin in the order of their first entries. The
/// answers are in the order of the entries.
pub async fn by_key<E, K, T, F>(
    entries: Vec<E>,
    key: impl Fn(&E) -> K,
    ask: impl Fn(K, Vec<E>) -> F,
) -> Vec<Result<T, Error>>
where
    K: Clone + Eq + Hash,
    F: Future<Output = Vec<Result<T, Error>>>,
{
    let mut numbers: HashMap<K, usize> = HashMap::new();
    let mut groups: Vec<(K, Vec<E>)> = Vec::new();
    let mut places = Vec::with_capacity(entries.len());
    for entry in entries {
        let (key, next) = (key(&entry), groups.len());
        let number = *numbers.entry(key.clone()).or_insert(next);
        match groups.get_mut(number) {
            Some((_, group)) => group.push(entry),
            None => groups.push((key, vec![entry])),
        }
        places.push(number);
    }
    let answers = join_all(groups.into_iter().map(|(key, group)| ask(key, group))).await;
    let mut answers: Vec<_> = answers.into_iter().map(Vec::into_iter).collect();
    let missing = || Err(no_answer());
    places
        .into_iter()
        .map(|number| answers.get_mut(number).and_then(Iterator::next).unwrap_or_else(missing))
        .collect()
}

/// The answers where the whole request has failed.
pub fn all_failed<T>(count: usize, error: &Error) -> Vec<Result<T, Error>> {
    (0..count).map(|_| Err(error.clone())).collect()
}

#[cold]
fn overdue() -> Error {
    Error::new(ErrorKind::Timeout).with_detail(format!("a request has no answer within {ANSWER:?}"))
}

/// The error of an entry if the answer of its request says nothing about its outcome.
#[cold]
pub fn no_answer() -> Error {
    Error::new(ErrorKind::Disconnected).with_detail("an entry of a request has no answer")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Answers each number with itself, but for the last one of a request that has three.
    struct Fake(Arc<Mutex<Vec<Vec<u32>>>>);

    impl Batch for Fake {
        type Entry = u32;
        type Answer = u32;

        fn size(entry: &u32) -> usize {
            usize::try_from(*entry).unwrap()
        }

        async fn ask(&self, mut entries: Vec<u32>) -> Vec<Result<u32, Error>> {
            self.0.lock().unwrap().push(entries.clone());
            tokio::time::sleep(Duration::from_secs(1)).await;
            entries.truncate(2);
            entries.into_iter().map(Ok).collect()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn entries_are_put_together_in_order_within_the_limits() {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let limits = Limits { requests: 1, entries: 3, bytes: 10 };
        let batches = Batches::start(Fake(Arc::clone(&asked)), limits);
        let outcomes: Vec<Outcome<u32>> =
            [1, 2, 3, 4, 5, 6, 99].into_iter().map(|entry| batches.add(entry, None)).collect();
        drop(batches); // what was added is still requested
        let mut answers = Vec::new();
        for outcome in outcomes {
            answers.push(outcome.await.map_err(|error| error.kind()));
        }
        assert_eq!(*asked.lock().unwrap(), [vec![1, 2, 3], vec![4, 5], vec![6], vec![99]]);
        let missing = Err(ErrorKind::Disconnected);
        assert_eq!(answers, [Ok(1), Ok(2), missing, Ok(4), Ok(5), Ok(6), Ok(99)]);
    }

    /// A database. It notes when each request began, since this time, and a request takes a second.
    struct Database(Instant, Arc<Mutex<Vec<Written>>>);

    type Written = (Duration, Vec<u32>);

    impl Batch for Database {
        type Entry = u32;
        type Answer = ();

        const GATHERS: bool = false;

        fn size(_: &u32) -> usize {
            0
        }

        async fn ask(&self, entries: Vec<u32>) -> Vec<Result<(), Error>> {
            let answers = entries.iter().map(|_| Ok(())).collect();
            self.1.lock().unwrap().push((self.0.elapsed(), entries));
            tokio::time::sleep(Duration::from_secs(1)).await;
            answers
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_alone_is_requested_at_once_and_those_that_come_meanwhile_together() {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let limits = Limits { requests: 1, entries: 10, bytes: 10 };
        let batches = Batches::start(Database(Instant::now(), Arc::clone(&asked)), limits);
        let first = batches.add(1, None);
        while asked.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let rest = [2, 3].map(|entry| batches.add(entry, None));
        first.await.unwrap();
        for outcome in rest {
            outcome.await.unwrap();
        }
        let (times, entries): (Vec<Duration>, Vec<Vec<u32>>) = asked.lock().unwrap().drain(..).unzip();
        assert_eq!(entries, [vec![1], vec![2, 3]]);
        assert_eq!(times.first(), Some(&Duration::ZERO));
    }

    #[tokio::test]
    async fn entries_of_a_key_share_a_request_and_answers_find_their_places() {
        let asked = Mutex::new(Vec::new());
        let all = vec![("a", 1), ("", 2), ("b", 3), ("a", 4), ("", 5)];
        let answers = by_key(
            all,
            |(key, _)| *key,
            |key, group| {
                asked.lock().unwrap().push((key, group.len()));
                // The last key has no answers.
                std::future::ready(group.into_iter().filter(|_| key != "b").map(|(_, n)| Ok(n)).collect())
            },
        );
        let answers: Vec<_> = answers.await.into_iter().map(Result::ok).collect();
        assert_eq!(answers, [Some(1), Some(2), None, Some(4), Some(5)]);
        assert_eq!(*asked.lock().unwrap(), [("a", 2), ("", 2), ("b", 1)]);
    }

    /// Never answers.
    struct Hangs;

    impl Batch for Hangs {
        type Entry = u32;
        type Answer = u32;

        fn size(_: &u32) -> usize {
            1
        }

        async fn ask(&self, _: Vec<u32>) -> Vec<Result<u32, Error>> {
            std::future::pending().await
        }
    }

    /// The second request needs the permit of the first one.
    #[tokio::test(start_paused = true)]
    async fn a_request_without_an_answer_ends() {
        let batches = Batches::start(Hangs, Limits { requests: 1, entries: 1, bytes: 10 });
        let outcomes = [1, 2].map(|entry| batches.add(entry, None));
        for outcome in outcomes {
            assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::Timeout);
        }
    }
}
