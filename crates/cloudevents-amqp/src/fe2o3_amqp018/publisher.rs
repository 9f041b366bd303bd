//! The links of a sender, over one connection.

use super::{
    connection::{Connected, FRAMES},
    failure,
    lane::{Answer, Lane, farewell},
    options::Target,
    replies::Replies,
};
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_transport::{
    Bounds, Host,
    binding::{
        confirms::{Answers, Hearing},
        connect::Connect,
    },
};
use futures_util::{FutureExt, future::BoxFuture};
use std::{
    collections::HashMap,
    sync::{
        Arc, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Mutex, Semaphore, mpsc, oneshot, watch},
    task::JoinHandle,
    time::timeout,
};

/// How soon a broker detaches a link to an address that it does not have.
const DETACHED: Duration = Duration::from_millis(500);

/// The least bytes of a message in a frame: brokers may not require frames below 512 bytes (AMQP 1.0, part
/// 2, section 2.7.1).
const SMALLEST_FRAME: usize = 256;

/// How many frames a connection carries. The client counts them, and the messages of each link, in 32 bits, and beyond these it takes each
/// grant of the broker for none.
pub(super) const MOST_FRAMES: u64 = 1 << 31;

/// The bytes of a message by which its frames are counted. Nearly all brokers take larger frames. Over a connection with smaller ones, the
/// last messages may have no answer, which replaces it, too.
const FRAME: usize = 4096;

/// How many links to other addresses are kept. Links with unconfirmed messages come on top.
const OTHERS: usize = 64;

/// Creates links.
pub(super) struct Linking {
    pub(super) target: Arc<Target>,
    pub(super) in_flight: Bounds,
    pub(super) timeout: Duration,
}

impl Connect for Linking {
    type Connection = Arc<Publisher>;

    async fn connect(&self, host: &Host) -> Result<Arc<Publisher>, Error> {
        // All payloads in flight fit, even if the broker's frames are small, so that no message is sent only in part.
        let Bounds { messages, bytes } = self.in_flight;
        let frames = messages.saturating_add(bytes / SMALLEST_FRAME).clamp(FRAMES, Semaphore::MAX_PERMITS);
        let mut connected = Connected::begin(&self.target, host, frames, None).await?;
        let own = Lane::attach(&mut connected, &self.target.address, true, None).await?;
        let (answers, answering) = Answers::new(self.timeout);
        let lost = watch::Sender::new(None);
        let (jobs, asked) = mpsc::channel(1);
        let hearing = tokio::spawn(hear(answering, connected, asked, lost.clone()));
        Ok(Arc::new(Publisher {
            own: Arc::new(own),
            others: std::sync::Mutex::default(),
            attaching: Mutex::default(),
            replies: Mutex::default(),
            jobs,
            patience: self.target.options.connect_timeout,
            answers,
            frames: AtomicU64::new(0),
            lost,
            hearing: Some(hearing).into(),
        }))
    }

    async fn lost(&self, link: &Arc<Publisher>) -> Error {
        let mut lost = link.lost.subscribe();
        let error = lost.wait_for(Option::is_some).await.ok().and_then(|error| error.clone());
        error.unwrap_or_else(|| failure::disconnected("the connection was closed"))
    }

    async fn close(link: Arc<Publisher>) -> Result<(), Error> {
        link.close().await
    }
}

/// The links of a sender on one connection: to its own address, and to the addresses of single messages.
pub(super) struct Publisher {
    own: Arc<Lane>,
    others: std::sync::Mutex<Others>,
    /// One link is attached at a time.
    attaching: Mutex<()>,
    /// The link for replies, if there were requests, or why there is none.
    replies: Mutex<Option<Result<Arc<Replies>, Error>>>,
    /// Runs something with the session in the task that owns it.
    jobs: mpsc::Sender<Job>,
    /// How long attaching a link may take.
    patience: Duration,
    pub(super) answers: Answers<Answer>,
    /// About how many frames the messages had.
    pub(super) frames: AtomicU64,
    /// Why the connection is lost.
    lost: watch::Sender<Option<Error>>,
    /// Returns the connection when all answers have arrived.
    hearing: std::sync::Mutex<Option<JoinHandle<Connected>>>,
}

type Job = Box<dyn for<'a> FnOnce(&'a mut Connected) -> BoxFuture<'a, ()> + Send>;

/// Only a bound makes the compiler infer a closure for every lifetime.
fn boxed(job: impl for<'a> FnOnce(&'a mut Connected) -> BoxFuture<'a, ()> + Send + 'static) -> Job {
    Box::new(job)
}

/// Links to other addresses, with the time of their last use as a counter.
#[derive(Default)]
struct Others {
    lanes: HashMap<Arc<str>, (u64, Arc<Lane>)>,
    clock: u64,
}

/// Receives the answers, attaches links, and records when the connection is lost.
async fn hear(
    answering: Hearing<Answer>,
    mut connected: Connected,
    mut jobs: mpsc::Receiver<Job>,
    lost: watch::Sender<Option<Error>>,
) -> Connected {
    /// A task that panics, or whose runtime ends, also loses the connection.
    struct Ended(watch::Sender<Option<Error>>);

    impl Drop for Ended {
        fn drop(&mut self) {
            let error =
                failure::disconnected("the connection has ended; the broker may have the message, or not");
            self.0.send_if_modified(|lost| lost.replace(error).is_none());
        }
    }

    let ended = Ended(lost);
    let heard = answering
        .run(async {
            loop {
                tokio::select! {
                    () = connected.ended() => break,
                    Some(job) = jobs.recv() => job(&mut connected).await,
                }
            }
            let error =
                failure::disconnected("the connection was closed; the broker may have the message, or not");
            ended.0.send_replace(Some(error.clone()));
            error
        })
        .await;
    if let Err(error) = heard {
        ended.0.send_if_modified(|lost| lost.replace(error).is_none());
    }
    connected
}

impl Publisher {
    /// Returns the link to this address, and attaches it if necessary. Without an address, it returns the own link.
    pub(super) async fn lane(&self, address: Option<&str>) -> Result<Arc<Lane>, Error> {
        let Some(address) = address.filter(|address| *address != &*self.own.address) else {
            return Ok(Arc::clone(&self.own));
        };
        let attached = || self.others().get(address);
        if let Some(lane) = attached() {
            return Ok(lane);
        }
        let _attaching = self.attaching.lock().await;
        if let Some(lane) = attached() {
            return Ok(lane);
        }
        let place = address.to_owned();
        let lane = self
            .with_session(move |connected| {
                async move {
                    let claim = connected.claim(&place).await?;
                    Lane::attach(connected, &place, false, claim).await
                }
                .boxed()
            })
            .await?;
        let lane = Arc::new(lane);
        for unused in self.others().insert(&lane) {
            tokio::spawn(async move { unused.close().await });
        }
        Ok(lane)
    }

    /// Whether the broker keeps the link to the own address. Some brokers attach a link to an address that they do not have, and detach it
    /// at once.
    ///
    /// If there is no link, it is an error of kind [`Refused`](ErrorKind::Refused). Other errors leave it open.
    pub(super) async fn is_kept(&self) -> Result<(), Error> {
        let mut place = self.own.sender.lock().await;
        let Some(sender) = place.as_mut() else { return Err(Error::new(ErrorKind::Closed)) };
        match timeout(DETACHED, sender.on_detach()).await {
            Ok(error) => Err(failure::detached(error)),
            Err(_) => Ok(()),
        }
    }

    /// Counts the frames of a message that was sent.
    pub(super) fn carried(&self, answer: &Answer) {
        let frames = (answer.size / FRAME).saturating_add(1);
        self.frames.fetch_add(frames as u64, Ordering::Relaxed);
    }

    /// It carries no more.
    pub(super) fn use_up(&self) {
        self.frames.store(MOST_FRAMES, Ordering::Relaxed);
    }

    /// Whether it has to be replaced.
    pub(super) fn is_used_up(&self) -> bool {
        self.frames.load(Ordering::Relaxed) >= MOST_FRAMES
    }

    /// Forgets a link that the broker has detached, or gives no credit.
    pub(super) fn forget(&self, lane: &Arc<Lane>) {
        let mut others = self.others();
        if others.lanes.get(&*lane.address).is_some_and(|(_, known)| Arc::ptr_eq(known, lane)) {
            others.lanes.remove(&*lane.address);
        }
    }

    /// Returns the link for replies, and attaches it if necessary.
    pub(super) async fn replies(&self, decoding: &DecodeOptions) -> Result<Arc<Replies>, Error> {
        let mut place = self.replies.lock().await;
        match place.as_ref() {
            Some(Ok(replies)) if !replies.have_ended() => return Ok(Arc::clone(replies)),
            Some(Err(error)) => return Err(error.clone()),
            _ => {}
        }
        let decoding = decoding.clone();
        let attached =
            self.with_session(|connected| Replies::attach(&mut connected.session, decoding).boxed()).await;
        match attached {
            Ok(replies) => {
                let replies = Arc::new(replies);
                *place = Some(Ok(Arc::clone(&replies)));
                Ok(replies)
            }
            // Another attempt would not help, and the session may have ended.
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                *place = Some(Err(error.clone()));
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Runs this in the task that owns the session.
    async fn with_session<T: Send + 'static>(
        &self,
        job: impl for<'a> FnOnce(&'a mut Connected) -> BoxFuture<'a, Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        let patience = self.patience;
        let job = boxed(move |connected| {
            async move {
                let done = timeout(patience, job(connected)).await;
                let done = done.unwrap_or_else(|_| {
                    Err(Error::new(ErrorKind::Timeout).with_detail("the broker does not attach the link"))
                });
                drop(answer.send(done));
            }
            .boxed()
        });
        let gone = || failure::disconnected("the connection was closed");
        self.jobs.send(job).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// Waits for all answers, then closes.
    pub(super) async fn close(&self) -> Result<(), Error> {
        let own = self.own.sender.lock().await.take();
        self.answers.finish();
        let hearing = self.hearing.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (Some(own), Some(hearing)) = (own, hearing) else { return Ok(()) };
        let connected = hearing.await.map_err(failure::transport)?;
        let others = std::mem::take(&mut self.others().lanes);
        for (_, lane) in others.into_values() {
            lane.close().await;
        }
        // All answers have arrived, so failing to close a lost connection is not an error.
        farewell(own).await;
        connected.close().await;
        Ok(())
    }

    fn others(&self) -> MutexGuard<'_, Others> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For a lost link that is not closed: its task ends.
impl Drop for Publisher {
    fn drop(&mut self) {
        self.answers.finish();
    }
}

impl Others {
    fn get(&mut self, address: &str) -> Option<Arc<Lane>> {
        self.clock = self.clock.wrapping_add(1);
        let (used, lane) = self.lanes.get_mut(address)?;
        *used = self.clock;
        Some(Arc::clone(lane))
    }

    /// Adds a link. Returns the links that are too many: the links that were not used for the longest time.
    ///
    /// Links in use are not among them: they have other references.
    fn insert(&mut self, lane: &Arc<Lane>) -> Vec<Arc<Lane>> {
        self.clock = self.clock.wrapping_add(1);
        self.lanes.insert(Arc::clone(&lane.address), (self.clock, Arc::clone(lane)));
        let mut unused = Vec::new();
        while self.lanes.len() > OTHERS {
            let idle = self.lanes.iter().filter(|(_, (_, lane))| Arc::strong_count(lane) == 1);
            let Some((_, (_, oldest))) = idle.min_by_key(|(_, (used, _))| *used) else { break };
            let address = Arc::clone(&oldest.address);
            unused.extend(self.lanes.remove(&address).map(|(_, lane)| lane));
        }
        unused
    }
}
