//! Settlements as responses.

use crate::{
    MessageHeaders, Problem,
    encode::{keep_meaning, needs_document, write_message},
};
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Carries, Content, Outcome, Outgoing, Receipt, Received, Settlement,
    binding::{Permit, Settle},
};
use http::{Response, StatusCode};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::oneshot;

/// How the message of a request was settled.
#[derive(Debug)]
#[non_exhaustive]
pub enum Settled {
    /// It was handled. If the handler replied, this is the response with the reply, with status 200.
    Accepted(Option<Box<Response<Bytes>>>),
    /// It was not handled and may be sent again, after this delay if the handler requested one.
    Later(Option<Duration>),
    /// It must not be sent again. For a malformed message, the problem describes the fault. Otherwise it is 422 with the handler's reason.
    Rejected(Problem),
    /// The receiver stopped before it was settled, so the result is unknown.
    Stopped,
}

impl Settled {
    /// The response: this status for an acceptance without a reply.
    ///
    /// For a message that may be sent again, it is 503 with the `Retry-After` of the handler, or this one.
    pub fn into_response(self, accepted: StatusCode, retry_after: Duration) -> Response<Bytes> {
        let problem = match self {
            Self::Accepted(Some(reply)) => return *reply,
            Self::Accepted(None) => {
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = accepted;
                return response;
            }
            Self::Later(after) => {
                busy("the message was not processed and may be sent again", after.unwrap_or(retry_after))
            }
            Self::Stopped => busy("the receiver stops", retry_after),
            Self::Rejected(problem) => problem,
        };
        problem.into_http()
    }
}

/// The decision about a message.
#[derive(Debug)]
pub(super) enum Answer {
    /// With the reply, if there is one.
    Accepted(Option<Box<Response<Bytes>>>),
    /// It may be sent again, after this long if that is known.
    Later(Option<Duration>),
    /// This message must not be sent again, for this reason.
    Rejected(Received, String),
    /// It is not settled, and the receiver stops.
    Stopped,
}

impl Answer {
    /// `fault` looks for a mistake of the sender in a message that was rejected.
    pub(super) fn settled(self, fault: impl FnOnce(&Received) -> Option<Problem>) -> Settled {
        match self {
            Self::Accepted(reply) => Settled::Accepted(reply),
            Self::Later(after) => Settled::Later(after),
            Self::Stopped => Settled::Stopped,
            Self::Rejected(received, reason) => Settled::Rejected(fault(&received).unwrap_or_else(|| {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, reason).with_code("refused")
            })),
        }
    }
}

/// 503.
#[cold]
pub(super) fn busy(detail: &'static str, after: Duration) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).with_retry_after(after)
}

/// Settles the message of one request by answering it.
pub(super) struct Settling {
    pub(super) answer: oneshot::Sender<Answer>,
    /// Its share of the bounds.
    pub(super) permit: Permit,
    /// The message, for the response to a rejection.
    pub(super) received: Received,
    /// The reply that goes with an acceptance.
    pub(super) reply: Mutex<Option<Box<Response<Bytes>>>>,
    /// Whether its text is written without escapes.
    pub(super) raw: bool,
}

/// A message as the response of an accepted one.
fn response(answer: &Outgoing, raw: bool) -> Result<Response<Bytes>, Error> {
    let Content::Message(message) = answer.content() else {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_detail("a reply is an event or a document, and this is a message as it was received"));
    };
    let lost = answer.needs().without(Carries::HEADERS);
    if !lost.is_empty() {
        return Err(Error::new(ErrorKind::Inexact)
            .with_detail(format!("a response does not carry: {lost}"))
            .with_help("leave it out of the reply"));
    }
    if !needs_document(message, raw) {
        keep_meaning(message)?;
    }
    let mut response = Response::new(Bytes::new());
    MessageHeaders::default().add(response.headers_mut(), answer)?;
    let (body, losses) = write_message(message, raw, response.headers_mut())?;
    let _ = losses.keep_meaning()?;
    *response.body_mut() = body;
    Ok(response)
}

impl Settle for Settling {
    fn settle(self: Box<Self>, how: Settlement) -> Outcome {
        let Self { answer, permit, received, reply, .. } = *self;
        // But for a rejection, the message is let go before it is answered: the handler may have been the last one to have it.
        let how = match (how, received) {
            (Settlement::Accept, _) => {
                Answer::Accepted(reply.into_inner().unwrap_or_else(PoisonError::into_inner))
            }
            (Settlement::Retry { after }, _) => Answer::Later(Some(after)),
            (Settlement::Reject { reason, .. }, received) => Answer::Rejected(received, reason.into_owned()),
            _ => Answer::Later(None),
        };
        let sent = answer.send(how);
        drop(permit);
        match sent {
            Ok(()) => Outcome::done(),
            Err(_) => Outcome::ready(Err(Error::new(ErrorKind::Disconnected)
                .with_detail("the sender did not wait for the response; it may send the message again"))),
        }
    }

    fn reply(&self, answer: Outgoing) -> Outcome<Receipt> {
        Outcome::ready(response(&answer, self.raw).map(|response| {
            *self.reply.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(response));
            Receipt::new()
        }))
    }
}
