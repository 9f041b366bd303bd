//! A link of a sender to one address, and the answers to its messages.

use super::{
    cbs::Claim,
    connection::{Connected, FAREWELL},
    failure,
    message::{WireBody, encoded_size},
    options::random,
    refusal::refused,
    unanswered::Unanswered,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::Receipt;
use fe2o3_amqp::{
    Sendable,
    link::{SendError, delivery::DeliveryFut},
};
use fe2o3_amqp_types::messaging;
use futures_util::FutureExt;
use std::{
    pin::Pin,
    sync::{
        Arc, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{sync::Mutex, task::coop::unconstrained, time::timeout};

/// How long to wait for credit before checking again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Why a link has sent nothing.
pub(super) enum Unsent {
    /// The sender was closed meanwhile.
    Closed,
    /// The broker's credit is used up by messages that were given up.
    Clogged,
    /// The message was not sent, or only in part, and brokers discard partial messages.
    Failed(SendError),
}

/// A link to one address.
pub(super) struct Lane {
    pub(super) address: Arc<str>,
    /// Whether it is the link to the sender's own address, which lives as long as the connection.
    pub(super) is_own: bool,
    /// `None` once closed.
    pub(super) sender: Mutex<Option<fe2o3_amqp::Sender>>,
    unanswered: std::sync::Mutex<Unanswered>,
    _claim: Option<Claim>,
}

impl Lane {
    pub(super) async fn attach(
        connected: &mut Connected,
        address: &str,
        is_own: bool,
        claim: Option<Claim>,
    ) -> Result<Self, Error> {
        let name = format!("{address}-{}", random());
        let attached = fe2o3_amqp::Sender::attach(&mut connected.session, name, address).await;
        let failed = if is_own { failure::attach_sender } else { failure::attach_elsewhere };
        let sender = Mutex::new(Some(attached.map_err(failed)?));
        let unanswered = std::sync::Mutex::default();
        Ok(Self { address: address.into(), is_own, sender, unanswered, _claim: claim })
    }

    /// Waits for credit and sends. Messages have to be answered within the limit.
    ///
    /// Dropped before it returns, it has sent nothing: it waits only for credit. The channel to the session
    /// is not full, and tokio's budget does not delay sending.
    pub(super) async fn send(
        self: &Arc<Self>,
        message: &Sendable<WireBody>,
        closed: &AtomicBool,
        limit: Duration,
    ) -> Result<Answer, Unsent> {
        let mut place = self.sender.lock().await;
        while let Some(sender) = place.as_mut().filter(|_| !closed.load(Ordering::Acquire)) {
            let patience = self.unanswered().patience(limit).min(LOOK_AGAIN);
            let sending = unconstrained(sender.send_batchable_ref(message));
            // The client checks for credit before it starts waiting. Credit that arrives in between wakes no task.
            match timeout(patience, sending).await {
                Ok(Ok(answer)) => return Ok(Answer::new(answer, self, encoded_size(&message.message))),
                Ok(Err(error)) => return Err(Unsent::Failed(error)),
                Err(_) if self.unanswered().patience(limit).is_zero() => return Err(Unsent::Clogged),
                Err(_) => {}
            }
        }
        Err(Unsent::Closed)
    }

    fn unanswered(&self) -> MutexGuard<'_, Unanswered> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn close(&self) {
        let sender = self.sender.lock().await.take();
        if let Some(sender) = sender {
            farewell(sender).await;
        }
    }
}

/// Closes a link.
pub(super) async fn farewell(sender: fe2o3_amqp::Sender) {
    if let Ok(Err(error)) = timeout(FAREWELL, sender.close()).await {
        tracing::debug!(%error, "the link was not closed properly");
    }
}

/// The client's answer to a sent message. It never resolves once the connection is lost.
pub(super) struct Answer {
    answer: DeliveryFut<Result<messaging::Outcome, SendError>>,
    /// Not closed as long as this exists.
    lane: Arc<Lane>,
    /// Bytes of the message on the wire.
    pub(super) size: usize,
}

impl Answer {
    pub(super) fn new(
        answer: DeliveryFut<Result<messaging::Outcome, SendError>>,
        lane: &Arc<Lane>,
        size: usize,
    ) -> Self {
        lane.unanswered().add(size);
        Self { answer, lane: Arc::clone(lane), size }
    }

    fn failed(&self, error: SendError) -> Error {
        if failure::exceeds_size(&error) && self.lane.unanswered().explains(self.size) {
            return Error::new(ErrorKind::TooLarge)
                .with_detail(format!(
                    "a message of {} bytes, and the broker ended the link: {error}",
                    self.size
                ))
                .with_source(error);
        }
        if self.lane.is_own { failure::send(error) } else { failure::unanswered_elsewhere(error) }
    }
}

impl Future for Answer {
    type Output = Result<Receipt, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answered = self.answer.poll_unpin(context);
        answered.map(|outcome| {
            outcome
                .map_err(|error| self.failed(error))
                .and_then(refused)
                .map(|()| Receipt::new().with_place(Arc::clone(&self.lane.address)))
        })
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.lane.unanswered().remove(self.size);
    }
}
