//! A connection that sends, with the outcomes of its messages.

use super::{
    connection::{ALONE, Connected},
    failure,
    notes::Notes,
    options::Target,
    written::{Addressed, Written},
};
use async_nats::{
    HeaderMap, Request, Subject,
    client::traits::Publisher as _,
    jetstream::{
        self,
        context::{GetStreamByNameErrorKind, PublishAckFuture},
        message::PublishMessage,
    },
    message::OutboundMessage,
};
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Host, Outcome, Receipt,
    binding::{Permit, confirms::Answers, connect::Connect},
};
use futures_util::{FutureExt, future::BoxFuture};
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::{task::JoinHandle, time::timeout};

/// How long the client waits for an answer: longer than a message may take. A message counts as late until its answer comes.
const ANSWERED: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the server may take to find the stream of a subject.
const CHECKED: Duration = Duration::from_secs(5);

/// At least so many messages may be late, even if the bounds are lower, as for all protocols.
const LATE: usize = 1024;

/// How long the server may take to confirm that it has read everything.
const FAREWELL: Duration = Duration::from_secs(10);

/// A message to publish. Cloning copies only the headers.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) subject: Subject,
    pub(super) reply: Option<Subject>,
    pub(super) headers: Option<HeaderMap>,
    pub(super) payload: Bytes,
}

/// Creates links.
pub(super) struct Linking {
    pub(super) target: Arc<Target>,
    pub(super) in_flight: usize,
    pub(super) timeout: Duration,
}

impl Connect for Linking {
    type Connection = Arc<Publisher>;

    async fn connect(&self, host: &Host) -> Result<Arc<Publisher>, Error> {
        let connected = Connected::begin(&self.target, host, ALONE).await?;
        let (outcomes, hearing) = if self.target.jetstream {
            connected.has_inbox().await?;
            let (answers, hearing) = Answers::new(self.timeout);
            // More than may be in flight and late, so that the client never refuses one.
            let in_flight = self.in_flight.max(LATE).saturating_mul(2).saturating_add(1);
            let context = self.target.context(connected.client.clone(), ANSWERED, in_flight);
            let notes = connected.notes.clone();
            let hearing = tokio::spawn(async move {
                if let Err(error) = hearing.run(notes.lost()).await {
                    notes.lose(error);
                }
            });
            (Outcomes::Acked(Box::new(context), answers, self.timeout), hearing)
        } else {
            let written = Arc::new(Written::new(self.timeout));
            let (heard, connection) = (Arc::clone(&written), connected.clone());
            (Outcomes::Written(written), tokio::spawn(async move { heard.hear(&connection).await }))
        };
        Ok(Arc::new(Publisher { connected, outcomes, hearing: Some(hearing).into() }))
    }

    async fn lost(&self, link: &Arc<Publisher>) -> Error {
        link.connected.notes.lost().await
    }

    async fn close(link: Arc<Publisher>) -> Result<(), Error> {
        link.close().await;
        Ok(())
    }
}

/// A connection with its outcomes.
pub(super) struct Publisher {
    connected: Connected,
    outcomes: Outcomes,
    /// Returns when everything is confirmed, or the connection is lost.
    hearing: std::sync::Mutex<Option<JoinHandle<()>>>,
}

enum Outcomes {
    /// Core NATS: read by the server, and not refused.
    Written(Arc<Written>),
    /// JetStream: stored in a stream, within this time.
    Acked(Box<jetstream::Context>, Answers<Answer>, Duration),
}

/// A message that was handed over to the client.
pub(super) enum Sent {
    Written(Addressed),
    Acked(Answer),
}

impl Publisher {
    /// Hands a message over to the client. An error means that nothing was sent.
    pub(super) async fn send(&self, prepared: Prepared) -> Result<Sent, Error> {
        let Prepared { subject, reply, headers, payload } = prepared;
        match &self.outcomes {
            Outcomes::Written(_) => {
                let addressed = Addressed::new(subject.clone(), reply.clone(), self.connected.notes.count());
                let message = OutboundMessage { subject, reply, payload, headers };
                self.connected.client.publish_message(message).await.map_err(failure::publish)?;
                Ok(Sent::Written(addressed))
            }
            Outcomes::Acked(context, _, limit) => {
                let publish = PublishMessage::build().payload(payload);
                let publish = match headers {
                    Some(headers) => publish.headers(headers),
                    None => publish,
                };
                let mark = self.connected.notes.count();
                // The client may need time to take it.
                let taken = timeout(*limit, context.send_publish(subject.clone(), publish)).await;
                let acked = taken.map_err(|_| failure::unconfirmed())?.map_err(failure::acked)?;
                Ok(Sent::Acked(answer(acked, self.connected.notes.clone(), subject, mark)))
            }
        }
    }

    /// Whether a stream has this subject. If none has, it is an error of kind [`Refused`](ErrorKind::Refused). Other errors leave it open.
    pub(super) async fn check(&self, target: &Target, subject: &Subject) -> Result<(), Error> {
        let context = target.context(self.connected.client.clone(), CHECKED, 1);
        match context.stream_by_subject(subject.as_str()).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == GetStreamByNameErrorKind::NotFound => {
                Err(failure::refused("no stream has this subject"))
            }
            Err(error) => Err(failure::disconnected(error)),
        }
    }

    /// Adds a message that was sent, with its permit.
    pub(super) fn add(&self, sent: Sent, place: Permit) -> Outcome<Receipt> {
        match (sent, &self.outcomes) {
            (Sent::Written(addressed), Outcomes::Written(written)) => written.add(addressed, place),
            (Sent::Acked(answer), Outcomes::Acked(_, answers, _)) => answers.add(answer, place),
            _ => Outcome::ready(Err(Error::new(ErrorKind::Unsupported))), // not of this link
        }
    }

    /// Sends a request and returns the reply.
    pub(super) async fn request(
        &self,
        prepared: Prepared,
        limit: Duration,
    ) -> Result<async_nats::Message, Error> {
        let mut request = Request::new().payload(prepared.payload);
        if let Some(headers) = prepared.headers {
            request = request.headers(headers);
        }
        tokio::select! {
            replied = self.connected.request(prepared.subject, request, limit) => replied,
            error = self.connected.notes.lost() => Err(error),
        }
    }

    /// Waits for all outcomes, then closes. Returns when the server has read everything, or the connection is
    /// lost.
    pub(super) async fn close(&self) {
        self.finish();
        let hearing = self.hearing.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(hearing) = hearing {
            let _ = hearing.await; // a panic has failed the outcomes
        }
        if let Outcomes::Written(_) = &self.outcomes
            && let Ok(Err(error)) = timeout(FAREWELL, self.connected.round_trip()).await
        {
            tracing::debug!(%error, "the connection was not closed properly");
        }
        self.connected.close().await;
    }

    fn finish(&self) {
        match &self.outcomes {
            Outcomes::Written(written) => written.finish(),
            Outcomes::Acked(_, answers, _) => answers.finish(),
        }
    }
}

/// For a lost link that is not closed: its task ends.
impl Drop for Publisher {
    fn drop(&mut self) {
        self.finish();
    }
}

/// The answer to a message of JetStream.
pub(super) type Answer = BoxFuture<'static, Result<Receipt, Error>>;

/// The answer of the client. There is none if the server refuses messages to this subject behind this mark.
fn answer(acked: PublishAckFuture, notes: Notes, subject: Subject, mark: u64) -> Answer {
    async move {
        tokio::select! {
            biased;
            acked = acked.into_future() => {
                let acked = acked.map_err(failure::acked)?;
                let receipt = Receipt::new().with_place(acked.stream).with_offset(acked.sequence);
                Ok(receipt.with_duplicate(acked.duplicate))
            }
            error = notes.refused(&subject, mark) => {
                notes.unanswered();
                Err(error)
            }
        }
    }
    .boxed()
}
