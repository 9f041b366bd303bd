//! Every check of the contract fails when the guarantee is broken: a queue with faults that have names.

mod requests;

use cloudevents_core::{Document, Error, ErrorKind, Message};
use cloudevents_transport::{
    Bounds, By, Carries, Connectivity, Content, Delivery, Outcome, Outgoing, Receipt, Receiver,
    ReceiverCapabilities, ReceiverOptions, Sender, SenderCapabilities, Settlement, UnreadablePolicy,
    binding::{Incoming, Receive, Settle, Token, Transmit},
    contract::{Claims, Venue, Verdict, check_all, check_some},
    fake::FakeQueue,
};
use requests::Requests;
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::task::yield_now;

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Nothing,
    /// Nothing, either: a queue with requests.
    HasReplies,
    // Of the sender.
    LosesMessages,
    SwapsNeighbours,
    RewritesDocuments,
    SendsTwice,
    InventsReceipts,
    DropsHeaders,
    DropsBatches,
    AnswersRequests,
    MixesReplies,
    TakesAnySize,
    ForgetsWhenClosed,
    NeverConnects,
    // Of the receiver.
    AcceptReleases,
    RetryAccepts,
    /// It is the peer that tries again, and it does not.
    PeerForgets,
    RetryHasNoDelay,
    RetriesForEver,
    RejectReleases,
    ReleaseAccepts,
    MalformedIsSkipped,
    ForeignIsDelivered,
    BoundsAreIgnored,
    OneAtATime,
    NextIsNotCancelSafe,
    DrainDoesNotWait,
    DrainPurges,
    ExtendFails,
    EndsWithTheConnection,
}

use Fault::*;

/// Each fault, and the checks that it breaks. Others may fail, too.
const FAULTS: &[(Fault, &[&str])] = &[
    (LosesMessages, &["everything_arrives", "a_broker_that_stops_and_starts_loses_nothing"]),
    (SwapsNeighbours, &["order_is_kept", "what_has_no_key_keeps_the_order_of_its_source"]),
    (RewritesDocuments, &["documents_arrive_untouched", "every_mode_arrives_or_is_refused"]),
    (SendsTwice, &["everything_arrives", "a_dropped_send_arrives_once_or_never"]),
    (InventsReceipts, &["receipts_say_where"]),
    (DropsHeaders, &["what_goes_along_arrives_or_is_refused", "what_came_along_is_shown_and_forwarded"]),
    (DropsBatches, &["every_mode_arrives_or_is_refused"]),
    (AnswersRequests, &["requests_without_replies_are_refused"]),
    (MixesReplies, &["requests_get_their_own_replies"]),
    (TakesAnySize, &["what_is_too_large_is_refused_and_blocks_nothing"]),
    (ForgetsWhenClosed, &["a_closed_sender_declines"]),
    (NeverConnects, &["everything_arrives"]),
    (
        AcceptReleases,
        &[
            "what_is_accepted_is_gone",
            "an_unwatched_outcome_settles",
            "draining_loses_nothing",
            "an_end_repeats_nothing",
        ],
    ),
    (RetryAccepts, &["what_is_retried_comes_again", "capabilities_are_kept"]),
    (PeerForgets, &["run_settles_by_what_handlers_return", "an_outage_gives_nothing_up"]),
    (RetryHasNoDelay, &["what_is_retried_comes_again", "capabilities_are_kept"]),
    (RetriesForEver, &["attempts_are_bounded"]),
    (RejectReleases, &["what_is_rejected_does_not_come_again", "an_unwatched_outcome_settles"]),
    (
        ReleaseAccepts,
        &[
            "what_is_dropped_comes_again",
            "a_cancelled_run_loses_nothing",
            "capabilities_are_kept",
            "a_redrive_keeps_what_is_refused_again",
        ],
    ),
    (MalformedIsSkipped, &["what_is_malformed_surfaces_and_blocks_nothing"]),
    (ForeignIsDelivered, &["what_is_foreign_goes_by_the_policy"]),
    (BoundsAreIgnored, &["a_stalled_consumer_bounds_messages", "a_stalled_consumer_bounds_bytes"]),
    (OneAtATime, &["a_thousand_in_flight", "run_is_concurrent_and_keeps_order"]),
    (NextIsNotCancelSafe, &["a_cancelled_next_loses_nothing"]),
    (DrainDoesNotWait, &["draining_waits_for_settlements", "draining_ends_at_the_deadline"]),
    (
        DrainPurges,
        &["stopping_lets_handlers_end", "draining_loses_nothing", "what_is_left_at_an_end_keeps_its_order"],
    ),
    (ExtendFails, &["extending_is_what_the_capabilities_say"]),
    (EndsWithTheConnection, &["a_receiver_outlives_its_broker"]),
];

#[tokio::test(start_paused = true)]
async fn every_check_can_fail() {
    let (mut broken, mut held) = (BTreeSet::new(), Vec::new());
    for (fault, checks) in FAULTS {
        let report = check_some(async || Ok(Broken::new(*fault)), |check| checks.contains(&check)).await;
        for (check, verdict) in report.iter() {
            broken.insert(check);
            if verdict.is_ok() {
                held.push((fault, check));
            }
        }
    }
    assert!(held.is_empty(), "these faults do not break these checks: {held:#?}");
    let report = check_all(async || Ok(Broken::new(Nothing))).await;
    let failed: Vec<_> =
        report.iter().filter(|(_, verdict)| verdict.is_err()).map(|(name, _)| name).collect();
    assert_eq!(failed, UNMET, "without a fault\n{report}");
    let unbroken: Vec<_> =
        report.iter().map(|(name, _)| name).filter(|name| !broken.contains(name)).collect();
    assert!(unbroken.is_empty(), "no fault breaks {unbroken:?}");
    let report =
        check_some(async || Ok(Broken::new(HasReplies)), |check| check == "requests_get_their_own_replies")
            .await;
    assert!(report.iter().all(|(_, verdict)| matches!(verdict, Ok(Verdict::Holds))), "{report}");
}

/// This is claimed for the faults, and the fake queue does not do it.
const UNMET: [&str; 1] = ["what_is_too_large_is_refused_and_blocks_nothing"];

struct Broken {
    queue: FakeQueue,
    fault: Fault,
    interrupted: Arc<AtomicBool>,
}

impl Broken {
    fn new(fault: Fault) -> Self {
        Self { queue: FakeQueue::new(), fault, interrupted: Arc::default() }
    }
}

impl Venue for Broken {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        claims.patience = Duration::from_secs(6);
        claims.quiet = Duration::from_millis(50);
        claims.too_large = Some(100);
        claims.attempts = Some(10);
        claims
    }

    async fn sender(&self) -> Result<Sender, Error> {
        if self.fault == NeverConnects {
            return std::future::pending().await;
        }
        let inner = self.queue.sender();
        Ok(Sender::new(BrokenSender {
            inner,
            fault: self.fault,
            kept: Mutex::default(),
            requests: Requests::default(),
        }))
    }

    async fn receiver(&self, mut options: ReceiverOptions) -> Result<Receiver, Error> {
        let mut inner = options.clone();
        inner.not_cloudevents = UnreadablePolicy::Deliver;
        inner.attempts = Some(u32::MAX); // the outer one decides
        match self.fault {
            BoundsAreIgnored => (options.in_flight, inner.in_flight) = (Bounds::default(), Bounds::default()),
            OneAtATime => options.in_flight.messages = 1,
            ForeignIsDelivered => options.not_cloudevents = UnreadablePolicy::Deliver,
            _ => {}
        }
        let inner = self.queue.receiver(inner);
        let interrupted = Arc::clone(&self.interrupted);
        Ok(Receiver::new(BrokenReceiver { inner, fault: self.fault, interrupted }, options))
    }

    async fn put_garbage(&self, kind: ErrorKind, body: &[u8]) -> Result<(), Error> {
        self.queue.push_garbage(kind, body);
        Ok(())
    }

    async fn interrupt(&self) -> Result<(), Error> {
        self.interrupted.store(true, Ordering::Relaxed);
        self.queue.refuse_connections(Some(ErrorKind::Disconnected));
        self.queue.cut();
        tokio::time::sleep(self.claims().quiet).await;
        self.queue.refuse_connections(None);
        Ok(())
    }
}

struct BrokenSender {
    inner: Sender,
    fault: Fault,
    kept: Mutex<Option<Outgoing>>,
    requests: Requests,
}

impl Transmit for BrokenSender {
    fn capabilities(&self) -> SenderCapabilities {
        let mut capabilities = self.inner.capabilities();
        capabilities.batches &= self.fault != DropsBatches;
        if matches!(self.fault, HasReplies | MixesReplies) {
            capabilities.requests = true;
            capabilities = capabilities.carrying(Carries::DESTINATION);
        }
        capabilities
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        let done = || Ok(Outcome::ready(Ok(Receipt::new())));
        if self.requests.reply(&outgoing, self.fault == MixesReplies) {
            return done();
        }
        match (self.fault, outgoing.content()) {
            (LosesMessages, _) => return done(),
            (DropsBatches, Content::Message(Message::Batched(_))) => return done(),
            (SwapsNeighbours | ForgetsWhenClosed, _) => {
                let kept = {
                    let mut kept = self.kept.lock().unwrap();
                    match kept.take() {
                        Some(first) => first,
                        None => {
                            *kept = Some(outgoing);
                            return done();
                        }
                    }
                };
                drop(self.inner.enqueue(outgoing).await?);
                return self.inner.enqueue(kept).await;
            }
            (RewritesDocuments, Content::Message(Message::Structured(document))) => {
                let body = [&document.body()[..], b" "].concat();
                let document = Message::Structured(Document::new(document.format().clone(), body));
                return self.inner.enqueue(outgoing.with_message(document)).await;
            }
            (DropsHeaders, Content::Message(message)) => return self.inner.enqueue(message).await,
            (SendsTwice, _) => drop(self.inner.enqueue(outgoing.clone()).await?),
            (InventsReceipts, _) => {
                drop(self.inner.enqueue(outgoing).await?);
                return Ok(Outcome::ready(Ok(Receipt::new().with_offset(999))));
            }
            _ => {}
        }
        self.inner.enqueue(outgoing).await
    }

    async fn request(&self, outgoing: Outgoing, limit: Duration) -> Result<Message, Error> {
        if self.capabilities().requests {
            let (outgoing, replied) = self.requests.begin(outgoing);
            drop(self.inner.enqueue(outgoing).await?);
            return match tokio::time::timeout(limit, replied).await {
                Ok(reply) => Ok(reply.unwrap()),
                Err(_) => Err(Error::new(ErrorKind::Timeout)),
            };
        }
        match outgoing.content() {
            Content::Message(message) if self.fault == AnswersRequests => Ok(message.clone()),
            _ => Err(Error::new(ErrorKind::Unsupported)),
        }
    }

    fn connectivity(&self) -> Connectivity {
        self.inner.connectivity()
    }

    async fn close(&self) -> Result<(), Error> {
        self.inner.close().await
    }
}

struct BrokenReceiver {
    inner: Receiver,
    fault: Fault,
    interrupted: Arc<AtomicBool>,
}

impl Receive for BrokenReceiver {
    fn capabilities(&self) -> ReceiverCapabilities {
        let mut can = self.inner.capabilities();
        if self.fault == PeerForgets {
            can.redelivers = By::Peer;
        }
        can
    }

    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        loop {
            if self.fault == EndsWithTheConnection && self.interrupted.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let Some(delivery) = self.inner.next().await? else { return Ok(None) };
            let received = delivery.received().clone();
            match self.fault {
                MalformedIsSkipped if received.message().is_err() => {
                    delivery.accept().await?;
                    continue;
                }
                NextIsNotCancelSafe => {
                    drop(delivery.accept());
                    yield_now().await; // and so it is lost if this is dropped now
                    return Ok(Some(Incoming::new(received, Token::unsettled())));
                }
                _ => {}
            }
            let attempt = delivery.attempt();
            let token = Token::new(BrokenSettle { delivery, fault: self.fault });
            return Ok(Some(Incoming::new(received, token).with_attempt(attempt)));
        }
    }

    async fn drain(&mut self, deadline: Duration) -> Result<(), Error> {
        match self.fault {
            DrainDoesNotWait => return Ok(()),
            DrainPurges => {
                while let Ok(Ok(Some(delivery))) =
                    tokio::time::timeout(Duration::from_millis(10), self.inner.next()).await
                {
                    delivery.accept().await?;
                }
            }
            _ => {}
        }
        self.inner.drain(deadline).await
    }

    fn connectivity(&self) -> Connectivity {
        self.inner.connectivity()
    }
}

struct BrokenSettle {
    delivery: Delivery,
    fault: Fault,
}

impl Settle for BrokenSettle {
    fn settle(self: Box<Self>, how: Settlement) -> Outcome {
        let Self { delivery, fault } = *self;
        match (fault, how) {
            (AcceptReleases, Settlement::Accept) => delivery.release(),
            (RetryAccepts | PeerForgets, Settlement::Retry { .. }) => delivery.accept(),
            (RetryHasNoDelay, Settlement::Retry { .. }) => delivery.retry(Duration::ZERO),
            (RejectReleases, Settlement::Reject { .. }) => delivery.release(),
            (ReleaseAccepts, Settlement::Release) => delivery.accept(),
            (_, Settlement::Accept) => delivery.accept(),
            (_, Settlement::Retry { after }) => delivery.retry(after),
            (RetriesForEver, Settlement::Reject { .. }) => delivery.retry(Duration::ZERO),
            (_, Settlement::Reject { reason, .. }) => delivery.reject(reason),
            (_, _) => delivery.release(),
        }
    }

    fn extend(&self) -> Result<(), Error> {
        match self.fault {
            ExtendFails => Err(Error::new(ErrorKind::Transport)),
            _ => self.delivery.extend(),
        }
    }
}
