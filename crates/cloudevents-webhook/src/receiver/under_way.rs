//! Deliveries that were handed over.

use super::{
    Begun, Claim, DeliveryClaim,
    copies::{Came, Next, Processed, Turn, Turns},
    idempotency::Store,
    recording::{Recording, Recordings},
    respond::busy,
};
use crate::{DeliveryKey, signature::Verified};
use cloudevents_core::{Decoded, Error, Message};
use cloudevents_http::{ClientSide, Delivering, Exchange, Problem, ReadRequest, Settled};
use std::{
    future::pending,
    net::SocketAddr,
    pin::Pin,
    time::{Duration, SystemTime},
};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tracing::Instrument as _;

/// How long the response waits until a store has recorded the result of the delivery.
const RECORDED: Duration = Duration::from_secs(1);

/// The longest id in a log, in characters. A digest of SHA-256 has 64.
const LONGEST: usize = 64;

/// How long a copy waits on average until it looks again whether another process has the delivery.
const LOOK: Duration = Duration::from_millis(200);

/// How long it waits at least.
const LEAST: Duration = Duration::from_millis(100);

/// How long a delivery that was not accepted is left to other processes: longer than they wait until they look again.
const ELSEWHERE: Duration = Duration::from_millis(350);

/// A delivery that is under way.
pub(super) enum UnderWay {
    /// Delivered if the store does not know it.
    Once(Pin<Box<dyn Future<Output = Result<Settled, Problem>> + Send>>),
    Handed(Delivering),
}

/// How deliveries are handed over once.
#[derive(Clone, Debug)]
pub(super) struct Once {
    pub(super) store: Store,
    pub(super) recordings: Recordings,
    pub(super) turns: Turns,
    pub(super) exchange: Exchange,
    /// The time after which the sender has its response.
    pub(super) within: Duration,
    /// The delay of a sender that may try again.
    pub(super) after: Duration,
}

/// Decodes a request.
pub(super) type Decode = Box<dyn Fn(&ReadRequest) -> Result<Result<Decoded<Message>, Error>, Problem> + Send>;

/// A copy of a delivery.
pub(super) struct Copy {
    pub(super) key: DeliveryKey,
    pub(super) read: ReadRequest,
    /// `None` while it waits without a body.
    pub(super) decoded: Option<Result<Decoded<Message>, Error>>,
    pub(super) peer: Option<SocketAddr>,
    /// Decodes it once more.
    pub(super) decode: Decode,
    /// Whether it may be handed over, by the rate.
    pub(super) may_come: Box<dyn Fn() -> Result<(), TooMany> + Send>,
}

/// More deliveries than the rate allows.
pub(super) struct TooMany {
    pub(super) problem: Problem,
    /// Until it may come, if this delivery comes more often than a sender repeats it. It then waits: a peer that repeats a captured one
    /// could otherwise keep the sender's own out.
    pub(super) waits: Option<Duration>,
}

impl Copy {
    /// Another copy has an equal body, which this one gets at its turn.
    fn leave_body(&mut self) {
        self.decoded = None;
        self.read.leave_body();
    }
}

/// The end of a copy's turn.
enum Turned {
    Settled(Result<Settled, Problem>),
    /// Another process has the delivery.
    Elsewhere(Box<Copy>, Turn),
}

impl Once {
    /// Delivers the message if the store does not know it and it may come. The settlement counts even when the sender has hung up.
    ///
    /// Copies of a delivery wait for their turns. The handler may refuse a copy because of a header that was not signed. Such a copy keeps
    /// the others out for its own time only. A copy whose sender hangs up while it waits is gone.
    pub(super) async fn deliver(self, copy: Copy) -> Result<Settled, Problem> {
        let began = Began::now();
        let being_processed = || busy("this delivery is being processed", self.after);
        let client = copy.read.parts().extensions.get::<ClientSide>().cloned();
        let (key, head) = (copy.key, self.turns.head(copy.read.parts()));
        let mut copy = Box::new(copy);
        loop {
            let turn = match self.turns.come(key, head, copy.read.body()) {
                Came::Has(turn) => turn,
                Came::Full => return Err(being_processed()),
                Came::Processed => return Ok(Settled::Accepted(None)),
                Came::Waits(wait) => {
                    let body = wait.body();
                    if body.is_some() {
                        copy.leave_body();
                    }
                    let called = tokio::select! {
                        called = timeout(began.left(self.within), wait.next()) => called,
                        () = hung_up(client.as_ref()) => return Err(being_processed()),
                    };
                    match called {
                        Ok(Next::Turn(turn)) => {
                            if let Some(body) = body {
                                copy.read.set_body(body);
                            }
                            turn
                        }
                        Ok(Next::Processed) => return Ok(Settled::Accepted(None)),
                        Ok(Next::Full) | Err(_) => return Err(being_processed()),
                    }
                }
            };
            let once = self.clone();
            let turned = outliving(async move { once.have(turn, copy, began).await }).await;
            let Ok(turned) = turned else { return Err(busy("the delivery was interrupted", self.after)) };
            match turned {
                Turned::Settled(settled) => return settled,
                Turned::Elsewhere(back, turn) => {
                    if began.is_ago(self.within) {
                        return Err(being_processed());
                    }
                    tokio::select! {
                        () = sleep(self.turns.part_of(LOOK).saturating_add(LEAST)) => {}
                        () = hung_up(client.as_ref()) => return Err(being_processed()),
                    }
                    drop(turn);
                    copy = back;
                }
            }
        }
    }

    /// Delivers a copy that has its turn.
    async fn have(self, turn: Turn, copy: Box<Copy>, began: Began) -> Turned {
        let (key, after) = (copy.key, self.after);
        let claim = match self.store.0.begin(key).await {
            Ok(Begun::Claimed(claim)) => claim,
            Ok(Begun::Unfinished) => return Turned::Elsewhere(copy, turn),
            Ok(Begun::Finished) => {
                drop(turn.processed());
                return Turned::Settled(Ok(Settled::Accepted(None)));
            }
            Err(error) => {
                tracing::warn!(target: "cloudevents_webhook::store", %error, "the idempotency store failed");
                let unknown = busy("the delivery cannot be checked for duplicates", after);
                return Turned::Settled(Err(unknown.with_error(error)));
            }
        };
        // The sender has its 503, and the rest of the lease may be too short.
        if began.is_ago(self.within) {
            self.end((key, claim), &id(&copy.read, copy.decoded.as_ref()), None).await;
            return Turned::Settled(Err(busy("the store of deliveries answered too late", after)));
        }
        let Copy { mut read, decoded, peer, decode, may_come, .. } = *copy;
        let decoded = match decoded.map_or_else(|| decode(&read), Ok) {
            Ok(decoded) => decoded,
            Err(problem) => {
                self.end((key, claim), &id(&read, None), None).await;
                return Turned::Settled(Err(problem));
            }
        };
        let id = id(&read, Some(&decoded));
        read.parts_mut().extensions.insert(DeliveryClaim { key, claim });
        let (settled, recording) = match self.may_come(may_come, began).await {
            Ok(()) => {
                // Not before: a delivery that waits for the rate was not handed over.
                let recording = self.recordings.begin();
                (Ok(self.exchange.deliver(read, decoded, peer).await), Some(recording))
            }
            Err(refusal) => (Err(refusal), None),
        };
        if let (Ok(Settled::Accepted(_)), Some(recording)) = (&settled, recording) {
            self.end((key, claim), &id, Some((recording, turn.processed()))).await;
        } else {
            self.end((key, claim), &id, None).await;
            if matches!(settled, Ok(Settled::Rejected(_))) {
                turn.refuse();
            }
            // A copy at another process looks again in this time, and may have the delivery first.
            if self.store.0.is_shared() && turn.looks() {
                drop(outliving(async move {
                    sleep(ELSEWHERE).await;
                    drop(turn);
                }));
            }
        }
        Turned::Settled(settled)
    }

    /// Whether a copy may be handed over, by the rate, at the latest when its sender has to have its response.
    async fn may_come(
        &self,
        may_come: Box<dyn Fn() -> Result<(), TooMany> + Send>,
        began: Began,
    ) -> Result<(), Problem> {
        loop {
            let Err(TooMany { problem, waits }) = may_come() else { return Ok(()) };
            match waits.filter(|waits| *waits < began.left(self.within)) {
                Some(waits) => sleep(waits).await,
                None => return Err(problem),
            }
        }
    }

    /// Records in the store that the delivery was processed, or gives it back, so that another attempt can have it. It goes on behind the
    /// response. Until then, the store answers that the delivery is being processed. Copies of a delivery that was processed learn that
    /// here.
    async fn end(
        &self,
        (key, claim): (DeliveryKey, Claim),
        id: &str,
        recording: Option<(Recording, Processed)>,
    ) {
        let (store, id) = (self.store.clone(), id.to_owned());
        let ending = outliving(async move {
            match &recording {
                None => {
                    if let Err(error) = store.0.abandon(key, claim).await {
                        // It ends with its lease.
                        tracing::warn!(target: "cloudevents_webhook::store", %error, %key, id, "a claim is not given back");
                    }
                }
                Some(_) => {
                    if let Err(error) = store.0.complete(key, claim).await {
                        // The store does not change whether it was processed.
                        tracing::error!(%error, %key, id, "a delivery that was processed is not recorded: a duplicate would be handled");
                    }
                }
            }
            drop(recording);
        });
        let _ = timeout(RECORDED, ending).await;
    }
}

/// The id of a delivery for logs: the signed one, or the id of its event. A text of a peer, of limited length.
fn id(read: &ReadRequest, decoded: Option<&Result<Decoded<Message>, Error>>) -> String {
    let signed = read.parts().extensions.get::<Verified>().and_then(|verified| verified.id.as_deref());
    let id = signed.or_else(|| match &decoded?.as_ref().ok()?.value {
        Message::Binary(event) => Some(event.id()),
        _ => None,
    });
    id.unwrap_or_default().chars().take(LONGEST).collect()
}

/// Ready when the sender has ended its side of the connection.
async fn hung_up(client: Option<&ClientSide>) {
    match client {
        Some(client) => client.ended().await,
        None => pending().await,
    }
}

/// When something began. Of a machine that is suspended, one clock may stand still.
#[derive(Clone, Copy)]
struct Began(Instant, SystemTime);

impl Began {
    fn now() -> Self {
        Self(Instant::now(), SystemTime::now())
    }

    /// The rest of a time that began then.
    fn left(&self, time: Duration) -> Duration {
        time.saturating_sub(self.0.elapsed())
    }

    fn is_ago(&self, time: Duration) -> bool {
        self.0.elapsed() >= time || self.1.elapsed().is_ok_and(|elapsed| elapsed >= time)
    }
}

impl UnderWay {
    /// Waits until it is settled.
    pub(super) async fn settled(self) -> Result<Settled, Problem> {
        match self {
            Self::Once(once) => once.await,
            Self::Handed(delivering) => Ok(delivering.await),
        }
    }
}

/// A task that does this whether or not its caller stays. Its logs have the caller's span.
fn outliving<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(work.in_current_span())
}
