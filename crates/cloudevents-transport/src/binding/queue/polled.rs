//! A queue of requests: each operation is a request of its own, and the queue sends nothing by itself.

mod amount;
mod requests;

pub use requests::{Most, Requests};

use super::{Arrived, QueueSource};
use crate::{
    Bounds, Extends, Outcome, ReceiverCapabilities, Settlement,
    binding::{connect::Backoff, later},
};
use amount::Amount;
use cloudevents_core::{Error, ErrorKind};
use futures_util::{FutureExt, future::BoxFuture};
use std::{collections::VecDeque, fmt, future::pending, sync::Arc, time::Duration};
use tokio::{
    runtime::Handle,
    sync::oneshot,
    task::coop::unconstrained,
    time::{Instant, sleep_until, timeout},
};

/// So many failures in a row are a lost connection.
const FAILURES: u32 = 5;

/// The longest pause after a failure.
const PAUSE: Duration = Duration::from_secs(5);

/// A [`QueueSource`] of [`Requests`].
///
/// One receive is open at a time, for no more messages than permits are free. It requests one message first, and twice as many after each
/// full answer. It requests no more than fit into the bytes that are left, if they are as large as the largest of late. If permits become
/// free one by one, it waits a moment for some more of them. An open receive is not dropped, because the queue would hide the messages that
/// it brings. When the receiver stops, or the connection was lost, these messages are released.
pub struct Polled<R: Requests> {
    requests: Arc<R>,
    room: Bounds,
    arrived: VecDeque<Arrived<R::Tag>>,
    open: Option<Open<R::Tag>>,
    /// When the deadlines of arrived messages are renewed, if they wait that long.
    renewal: Option<Instant>,
    amount: Amount,
    /// Failures in a row, and when to make another request after them.
    failed: u32,
    again: Option<Instant>,
    stopping: bool,
}

struct Open<T> {
    asked: usize,
    answer: oneshot::Receiver<Answer<T>>,
}

/// The time that a request took, and its messages.
type Answer<T> = (Duration, Result<Vec<Arrived<T>>, Error>);

impl<R: Requests> Polled<R> {
    /// Creates it with a first request, which does not wait for messages, and keeps a message that it brings. Without an answer, there is
    /// no connection: a peer may answer everything else.
    ///
    /// Errors are those of [`Requests::receive`]. After throttling and its like, it makes a few more requests.
    pub async fn open(requests: R) -> Result<Self, Error> {
        let mut polled = Self::new(requests);
        loop {
            polled.begin_receive(1, Duration::ZERO);
            polled.answer().await?;
            let Some(again) = polled.again.take() else { return Ok(polled) };
            sleep_until(again).await;
        }
    }

    fn new(requests: R) -> Self {
        Self {
            requests: Arc::new(requests),
            room: Bounds { messages: 0, bytes: 0 },
            arrived: VecDeque::new(),
            open: None,
            renewal: None,
            amount: Amount::new(),
            failed: 0,
            again: None,
            stopping: false,
        }
    }

    /// Opens a receive, if there is none and a permit is free.
    fn ask(&mut self) {
        if self.stopping || self.open.is_some() || self.again.is_some() {
            return;
        }
        let Most { receive, wait, .. } = self.requests.most();
        if let Some(asked) = self.amount.next(receive, self.room, &self.arrived) {
            self.begin_receive(asked, wait);
        }
    }

    fn begin_receive(&mut self, asked: usize, wait: Duration) {
        let (sender, answer) = oneshot::channel();
        let requests = Arc::clone(&self.requests);
        tokio::spawn(async move {
            let begun = Instant::now();
            let received = requests.receive(asked, wait).await;
            if let Err((_, Ok(unwanted))) = sender.send((begun.elapsed(), received)) {
                release(&*requests, unwanted).await;
            }
        });
        self.open = Some(Open { asked, answer });
    }

    /// Takes the messages that a receive has brought. An error means that the connection is lost.
    fn answered(&mut self, asked: usize, answer: Result<Vec<Arrived<R::Tag>>, Error>) -> Result<(), Error> {
        let arrived = match answer {
            Ok(arrived) => arrived,
            Err(error) => return self.has_failed(error),
        };
        self.failed = 0;
        self.amount.answered(asked, &arrived);
        if self.arrived.is_empty() {
            self.renewal = self.renewed_at();
        }
        self.arrived.extend(arrived);
        Ok(())
    }

    /// At half of the period, as for messages that were handed over.
    fn renewed_at(&self) -> Option<Instant> {
        let Extends::Every(period) = self.requests.capabilities().extends else { return None };
        Some(later(Instant::now(), period.checked_div(2).unwrap_or(period)))
    }

    /// Takes the answer of the open receive, when it is there.
    async fn answer(&mut self) -> Result<(), Error> {
        let Some(Open { asked, answer }) = &mut self.open else { return pending().await };
        let (took, answer) = answer.await.unwrap_or_else(|_| (self.amount.took, Err(ended())));
        let asked = *asked;
        self.amount.took = took;
        self.open = None;
        self.answered(asked, answer)
    }

    /// Gives up the open receive. Its task releases the messages that it brings from now on. Messages that it has brought before have
    /// arrived.
    fn give_up(&mut self) {
        let Some(Open { mut answer, .. }) = self.open.take() else { return };
        answer.close();
        if let Ok((_, Ok(arrived))) = answer.try_recv() {
            self.arrived.extend(arrived);
        }
    }

    fn renew(&self, tags: Vec<R::Tag>) {
        let requests = Arc::clone(&self.requests);
        self.begin(async move {
            for tags in tags.chunks(requests.most().settle.max(1)) {
                if let Err(error) = requests.extend(tags).await {
                    tracing::warn!(%error, messages = tags.len(), "messages that are held may come again elsewhere");
                }
            }
        });
    }

    fn has_failed(&mut self, error: Error) -> Result<(), Error> {
        self.failed = self.failed.saturating_add(1);
        // A request has an end that is later than its wait: without an answer until then, no peer is there.
        let is_away = matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Timeout);
        if is_away || !error.is_temporary() || self.failed >= FAILURES {
            return Err(error);
        }
        let backoff = Backoff::default().with_delays(Backoff::default().first, PAUSE);
        let pause = error.retry_after().unwrap_or_else(|| backoff.delay(self.failed));
        tracing::debug!(%error, ?pause, "the next request for messages waits");
        self.again = Some(later(Instant::now(), pause));
        Ok(())
    }

    /// Begins it now, so that requests keep their order, and ends it in a task if it has to wait.
    fn begin(&self, request: impl Future<Output = ()> + Send + 'static) {
        let mut request = Box::pin(request);
        let is_over = unconstrained(&mut request).now_or_never().is_some();
        if let (false, Ok(runtime)) = (is_over, Handle::try_current()) {
            runtime.spawn(request);
        }
    }
}

async fn release<R: Requests>(requests: &R, unwanted: Vec<Arrived<R::Tag>>) {
    let tags: Vec<_> = unwanted.into_iter().map(|arrived| arrived.tag).collect();
    if !tags.is_empty()
        && let Err(error) = requests.settle(&tags, &Settlement::Release).await
    {
        tracing::debug!(%error, "what came too late is not released; it comes again");
    }
}

impl<R: Requests> QueueSource for Polled<R> {
    type Tag = R::Tag;

    const TAGS_OUTLIVE_CONNECTIONS: bool = true;

    /// An open receive brings messages late.
    const ARRIVES_LATE: bool = true;

    fn capabilities(&self) -> ReceiverCapabilities {
        self.requests.capabilities()
    }

    fn lost(&self) -> BoxFuture<'static, Error> {
        self.requests.lost()
    }

    async fn allow(&mut self, room: Bounds) -> Result<(), Error> {
        self.room = room;
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), Error> {
        self.stopping = true;
        if self.open.is_some() {
            self.requests.hurry().await;
            if let Ok(answered) = timeout(self.requests.most().hurry, self.answer()).await {
                return answered;
            }
            self.give_up();
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Arrived<R::Tag>, Error> {
        loop {
            self.ask();
            if let Some(arrived) = self.arrived.pop_front() {
                self.room.messages = self.room.messages.saturating_sub(1);
                self.room.bytes = self.room.bytes.saturating_sub(arrived.received.size());
                return Ok(arrived);
            }
            if self.open.is_some() {
                self.answer().await?;
            } else if let Some(again) = self.again.filter(|_| !self.stopping) {
                sleep_until(again).await;
                self.again = None;
            } else if let Some(gathered) = self.amount.gathered.filter(|_| !self.stopping) {
                sleep_until(gathered).await;
            } else {
                return pending().await;
            }
        }
    }

    /// There is no free permit for the arrived messages: they were larger than the messages before. Until there is, their deadlines are
    /// renewed.
    async fn tend(&mut self) -> Error {
        loop {
            let renewal = self.renewal.filter(|_| !self.arrived.is_empty());
            let due = async {
                match renewal {
                    Some(renewal) => sleep_until(renewal).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                answered = self.answer() => if let Err(error) = answered {
                    return error;
                },
                () = due => {
                    self.renew(self.arrived.iter().map(|arrived| arrived.tag.clone()).collect());
                    self.renewal = self.renewed_at();
                }
            }
        }
    }

    fn position(tag: &R::Tag) -> u64 {
        R::position(tag)
    }

    fn are_alike(_: &R::Tag, _: &R::Tag) -> bool {
        !R::SETTLES_EACH
    }

    async fn settle(&mut self, tags: Vec<R::Tag>, how: Settlement) -> Result<Outcome, Error> {
        let (resolver, outcome) = Outcome::channel();
        let requests = Arc::clone(&self.requests);
        self.begin(async move {
            let mut result = Ok(());
            for tags in tags.chunks(requests.most().settle.max(1)) {
                let settled = requests.settle(tags, &how).await;
                result = result.and(settled);
            }
            resolver.resolve(result);
        });
        Ok(outcome)
    }

    async fn extend(&mut self, tags: Vec<R::Tag>) -> Result<(), Error> {
        self.renew(tags);
        Ok(())
    }

    async fn close(self) -> Result<(), Error> {
        self.requests.close().await
    }
}

impl<R: Requests> Drop for Polled<R> {
    fn drop(&mut self) {
        self.give_up();
        let unwanted: Vec<_> = self.arrived.drain(..).collect();
        if !unwanted.is_empty() {
            let requests = Arc::clone(&self.requests);
            self.begin(async move { release(&*requests, unwanted).await });
        }
    }
}

impl<R: Requests> fmt::Debug for Polled<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polled")
            .field("room", &self.room)
            .field("arrived", &self.arrived.len())
            .field("is_open", &self.open.is_some())
            .finish_non_exhaustive()
    }
}

#[cold]
fn ended() -> Error {
    Error::new(ErrorKind::Transport).with_detail("the task of a request ended early")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Raw, Received};
    use std::sync::{Mutex, MutexGuard};
    use tokio::{sync::Notify, time::sleep};

    /// A queue in memory, which a test fills.
    #[derive(Clone, Default)]
    struct Fake(Arc<(Mutex<State>, Notify)>);

    #[derive(Default)]
    struct State {
        waiting: usize,
        /// The bytes of each message.
        size: usize,
        next: u32,
        open: usize,
        asked: Vec<usize>,
        fails: VecDeque<Error>,
        settled: Vec<(Vec<u32>, Settlement)>,
        /// How long a receive takes beside its wait.
        latency: Duration,
        extended: Vec<Vec<u32>>,
        /// Whether no deadline can be renewed.
        is_late: bool,
        hurried: bool,
    }

    impl Fake {
        fn state(&self) -> MutexGuard<'_, State> {
            self.0.0.lock().unwrap()
        }

        fn is_idle(&self) -> bool {
            let state = self.state();
            state.waiting == 0 && !state.hurried
        }

        /// How many receives were begun, and how many are open.
        fn requests(&self) -> (usize, usize) {
            let state = self.state();
            (state.asked.len(), state.open)
        }

        fn put(&self, messages: usize) {
            self.state().waiting += messages;
            self.0.1.notify_one();
        }
    }

    impl Requests for Fake {
        type Tag = u32;

        fn capabilities(&self) -> ReceiverCapabilities {
            let mut capabilities = ReceiverCapabilities::queue();
            capabilities.extends = Extends::Every(Duration::from_secs(30));
            capabilities
        }

        fn most(&self) -> Most {
            let hurry = Duration::from_secs(5);
            Most { receive: 10, settle: 3, wait: Duration::from_secs(20), hurry }
        }

        async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Arrived<u32>>, Error> {
            let failing = {
                let mut state = self.state();
                state.asked.push(most);
                state.open += 1;
                state.fails.pop_front()
            };
            let latency = self.state().latency;
            sleep(latency).await;
            if failing.is_none() {
                let _ = timeout(wait, async {
                    while self.is_idle() {
                        self.0.1.notified().await;
                    }
                })
                .await;
            }
            let mut state = self.state();
            state.open -= 1;
            if let Some(error) = failing {
                return Err(error);
            }
            let count = state.waiting.min(most);
            state.waiting -= count;
            let arrived = (0..count).map(|_| {
                state.next += 1;
                let raw = Raw { body: Some(vec![0; state.size].into()), ..Raw::default() };
                let received = Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), raw);
                Arrived { received, tag: state.next, attempt: 1 }
            });
            Ok(arrived.collect())
        }

        async fn settle(&self, tags: &[u32], how: &Settlement) -> Result<(), Error> {
            self.state().settled.push((tags.to_vec(), how.clone()));
            match tags.contains(&99) {
                true => Err(Error::new(ErrorKind::Refused)),
                false => Ok(()),
            }
        }

        async fn extend(&self, tags: &[u32]) -> Result<(), Error> {
            let mut state = self.state();
            state.extended.push(tags.to_vec());
            if state.is_late { Err(Error::new(ErrorKind::Disconnected)) } else { Ok(()) }
        }

        async fn hurry(&self) {
            self.state().hurried = true;
            self.0.1.notify_one();
        }
    }

    fn room(messages: usize, bytes: usize) -> Bounds {
        Bounds { messages, bytes }
    }

    async fn polled(fake: &Fake, messages: usize, bytes: usize) -> Polled<Fake> {
        let mut polled = Polled::new(fake.clone());
        polled.allow(room(messages, bytes)).await.unwrap();
        polled
    }

    async fn take(polled: &mut Polled<Fake>, count: usize) -> Vec<u32> {
        let mut tags = Vec::new();
        while tags.len() < count {
            tags.push(polled.next().await.unwrap().tag);
        }
        tags
    }

    async fn idle() {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_asks_for_more_after_full_answers_and_never_for_more_than_there_is_room_for() {
        let fake = Fake::default();
        fake.put(100);
        let mut source = polled(&fake, 16, 1 << 20).await;
        assert_eq!(take(&mut source, 16).await, (1..=16).collect::<Vec<_>>());
        assert!(timeout(Duration::from_secs(60), source.next()).await.is_err(), "there is no room");
        assert_eq!(fake.state().asked, [1, 2, 4, 8, 1]);
        source.allow(room(40, 1 << 20)).await.unwrap();
        take(&mut source, 40).await;
        assert_eq!(fake.state().asked[5..], [10, 10, 10, 10]);
        assert_eq!(fake.state().waiting, 44);
    }

    /// Permits that become free one by one make no request each.
    #[tokio::test(start_paused = true)]
    async fn it_waits_a_moment_for_as_many_permits_as_usual() {
        for (latency, waits) in
            [(5, 5), (30, 10), (0, 0)].map(|(l, w)| (Duration::from_millis(l), Duration::from_millis(w)))
        {
            let fake = Fake::default();
            fake.state().latency = latency;
            fake.put(1000);
            let mut source = polled(&fake, 15, 1 << 20).await;
            take(&mut source, 15).await;
            assert_eq!(fake.state().asked, [1, 2, 4, 8]);
            if !waits.is_zero() {
                for free in 1..=4 {
                    source.allow(room(free, 1 << 20)).await.unwrap();
                    assert!(timeout(Duration::from_millis(1), source.next()).await.is_err());
                    assert_eq!(fake.state().asked[4..].len(), usize::from(free == 4), "{free}");
                }
                assert_eq!(fake.state().asked[4..], [4]);
                take(&mut source, 4).await;
            }
            // If no more become free, it goes on with those, and expects no more from then on.
            for expected in [waits, Duration::ZERO] {
                source.allow(room(1, 1 << 20)).await.unwrap();
                let begun = Instant::now();
                take(&mut source, 1).await;
                assert_eq!(begun.elapsed().as_millis(), (expected + latency).as_millis());
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_asks_for_no_more_than_fits_into_the_bytes() {
        let fake = Fake::default();
        fake.state().size = 1000;
        fake.put(100);
        let mut source = polled(&fake, 100, 3500).await;
        take(&mut source, 3).await;
        assert_eq!(fake.state().asked[..2], [1, 2]);
        assert!(fake.state().asked[2..].iter().all(|asked| *asked == 1), "{:?}", fake.state().asked);
        source.allow(room(100, 0)).await.unwrap();
        let left = source.arrived.len();
        take(&mut source, left).await;
        source.next().await.unwrap(); // one always passes
    }

    /// A long poll is kept when the program takes nothing, and when the future that waits for it is dropped.
    #[tokio::test(start_paused = true)]
    async fn an_open_receive_is_never_dropped() {
        let fake = Fake::default();
        let mut source = polled(&fake, 5, 1 << 20).await;
        for _ in 0..3 {
            assert!(timeout(Duration::from_secs(1), source.next()).await.is_err());
        }
        assert_eq!(fake.requests(), (1, 1));
        fake.put(1);
        assert_eq!(take(&mut source, 1).await, [1]);
        assert!(timeout(Duration::from_secs(30), source.next()).await.is_err());
        assert_eq!(fake.state().asked.len(), 3, "the second has ended after 20 seconds");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_lets_the_open_receive_end_and_what_it_brings_is_there_at_once() {
        let fake = Fake::default();
        let mut source = polled(&fake, 5, 1 << 20).await;
        assert!(timeout(Duration::from_secs(1), source.next()).await.is_err());
        fake.put(1);
        let begun = Instant::now();
        source.stop().await.unwrap();
        assert_eq!(source.next().now_or_never().unwrap().unwrap().tag, 1);
        assert!(source.next().now_or_never().is_none(), "nothing is asked any more");
        assert!(fake.state().hurried && begun.elapsed() < Duration::from_secs(1));
        assert_eq!(fake.requests(), (1, 0));
    }

    /// A peer may hold a request for as long as it likes. Its messages would be hidden from others.
    #[tokio::test(start_paused = true)]
    async fn a_stop_waits_for_an_open_receive_no_longer_than_it_may_and_releases_what_comes_later() {
        let fake = Fake::default();
        fake.put(1);
        fake.state().latency = Duration::from_secs(8);
        let mut source = polled(&fake, 5, 1 << 20).await;
        assert!(timeout(Duration::from_secs(1), source.next()).await.is_err());
        let begun = Instant::now();
        source.stop().await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), 5);
        assert!(source.next().now_or_never().is_none(), "nothing is asked any more");
        assert!(timeout(Duration::from_secs(60), source.next()).await.is_err());
        assert_eq!(fake.requests(), (1, 0));
        assert_eq!(fake.state().settled, [(vec![1], Settlement::Release)]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_for_room_is_renewed() {
        let fake = Fake::default();
        fake.put(3);
        let mut source = polled(&fake, 9, 1 << 20).await;
        take(&mut source, 1).await;
        assert!(timeout(Duration::from_secs(40), source.tend()).await.is_err());
        assert_eq!(fake.state().extended, [[2, 3], [2, 3]]);
        take(&mut source, 2).await;
        assert!(timeout(Duration::from_secs(40), source.tend()).await.is_err());
        assert_eq!(fake.state().extended.len(), 2);
    }

    /// A deadline that has ended shows when its message is settled. A failed renewal is about some messages, and not about the connection.
    #[tokio::test(start_paused = true)]
    async fn a_renewal_that_fails_is_made_again_and_is_no_lost_connection() {
        let fake = Fake::default();
        fake.put(3);
        fake.state().is_late = true;
        let mut source = polled(&fake, 9, 1 << 20).await;
        take(&mut source, 1).await;
        let lost = timeout(Duration::from_secs(40), source.tend()).await;
        assert!(lost.is_err(), "{lost:?}");
        assert_eq!(fake.state().extended, [[2, 3], [2, 3]]);
        assert_eq!(take(&mut source, 2).await, [2, 3]);
        fake.put(1);
        assert_eq!(take(&mut source, 1).await, [4]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_after_a_lost_connection_is_released() {
        let fake = Fake::default();
        let mut source = polled(&fake, 5, 1 << 20).await;
        assert!(timeout(Duration::from_secs(1), source.next()).await.is_err());
        drop(source);
        fake.put(1);
        idle().await;
        assert_eq!(fake.state().settled, [(vec![1], Settlement::Release)]);
        fake.put(3);
        let mut source = polled(&fake, 5, 1 << 20).await;
        take(&mut source, 2).await;
        idle().await;
        drop(source);
        idle().await;
        let released = fake.state().settled[1..].concat_tags();
        assert_eq!((released, fake.state().open), (vec![4], 1), "the last one waits");
    }

    /// They are neither in the hands of the task nor of the source.
    #[tokio::test(start_paused = true)]
    async fn an_answer_that_was_not_taken_before_a_lost_connection_is_released() {
        let fake = Fake::default();
        let mut source = polled(&fake, 5, 1 << 20).await;
        assert!(timeout(Duration::from_secs(1), source.next()).await.is_err());
        fake.put(1);
        idle().await;
        assert_eq!(fake.state().open, 0, "an answer has come");
        assert!(fake.state().settled.is_empty(), "an answer has come");
        drop(source);
        idle().await;
        assert_eq!(fake.state().settled, [(vec![1], Settlement::Release)]);
    }

    trait Tags {
        fn concat_tags(&self) -> Vec<u32>;
    }

    impl Tags for [(Vec<u32>, Settlement)] {
        fn concat_tags(&self) -> Vec<u32> {
            self.iter().flat_map(|(tags, _)| tags.clone()).collect()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failures_back_off_and_several_in_a_row_are_a_lost_connection() {
        let fake = Fake::default();
        let throttled = || Error::new(ErrorKind::Refused).with_retry_after(Duration::from_secs(7));
        let busy = || Error::new(ErrorKind::Refused).with_temporary(true);
        fake.state().fails.extend([throttled(), busy()]);
        fake.put(1);
        let (mut source, begun) = (polled(&fake, 5, 1 << 20).await, Instant::now());
        assert_eq!(take(&mut source, 1).await, [1]);
        assert!(begun.elapsed() > Duration::from_secs(7) && begun.elapsed() < Duration::from_secs(8));
        fake.put(1);
        assert_eq!(take(&mut source, 1).await, [2]);
        // The receive that is open now, and five that fail.
        fake.state().fails.extend((0..5).map(|_| busy()));
        assert_eq!(source.next().await.unwrap_err().kind(), ErrorKind::Refused);
        assert!(fake.state().fails.is_empty());
        // An answer that does not come in the time of a request is one at once.
        for kind in [ErrorKind::Disconnected, ErrorKind::Refused, ErrorKind::Timeout] {
            let mut source = polled(&fake, 5, 1 << 20).await;
            fake.state().fails.push_back(Error::new(kind));
            assert_eq!(source.next().await.unwrap_err().kind(), kind);
        }
    }

    /// A peer may answer everything but the requests for messages.
    #[tokio::test(start_paused = true)]
    async fn it_opens_with_an_answer_to_the_first_request_and_keeps_its_message() {
        let throttled = || Error::new(ErrorKind::Refused).with_temporary(true);
        for kind in [ErrorKind::Timeout, ErrorKind::Disconnected, ErrorKind::Refused] {
            let fake = Fake::default();
            fake.state().fails.push_back(Error::new(kind));
            assert_eq!(Polled::open(fake).await.unwrap_err().kind(), kind);
        }
        let fake = Fake::default();
        fake.state().fails.extend((0..5).map(|_| throttled()));
        assert!(Polled::open(fake).await.unwrap_err().is_temporary());
        let fake = Fake::default();
        fake.put(2);
        fake.state().fails.extend([throttled(), throttled()]);
        let mut source = Polled::open(fake.clone()).await.unwrap();
        source.allow(room(2, 1 << 20)).await.unwrap();
        assert_eq!(take(&mut source, 2).await, [1, 2]);
        let begun = Instant::now();
        let mut source = Polled::open(fake.clone()).await.unwrap(); // empty
        assert_eq!(begun.elapsed(), Duration::ZERO);
        fake.put(1);
        source.allow(room(1, 1 << 20)).await.unwrap();
        assert_eq!(take(&mut source, 1).await, [3]);
        fake.put(1);
        drop(Polled::open(fake.clone()).await.unwrap());
        idle().await;
        assert_eq!(fake.state().settled, [(vec![4], Settlement::Release)]);
    }

    #[tokio::test(start_paused = true)]
    async fn settlements_are_as_large_as_a_request_may_be_and_one_failure_is_theirs() {
        let fake = Fake::default();
        let mut source = polled(&fake, 5, 1 << 20).await;
        let accepted = source.settle((1..=7).collect(), Settlement::Accept).await.unwrap();
        accepted.await.unwrap();
        let failed = source.settle(vec![99, 1, 2, 3], Settlement::Release).await.unwrap();
        assert_eq!(failed.await.unwrap_err().kind(), ErrorKind::Refused);
        let settled: Vec<_> = fake.state().settled.iter().map(|(tags, _)| tags.clone()).collect();
        assert_eq!(settled, [vec![1, 2, 3], vec![4, 5, 6], vec![7], vec![99, 1, 2], vec![3]]);
    }
}
