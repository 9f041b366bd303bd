//! Settlements as responses.

use crate::Problem;
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Outcome, Permit, Settle, Settlement};
use http::{Response, StatusCode};
use std::time::Duration;
use tokio::sync::oneshot;

/// What is answered to a sender.
#[derive(Debug)]
pub(super) enum Answer {
    Accepted,
    /// It may come again, after this long where it was said.
    Later(Option<Duration>),
    /// It must not come again.
    Refused(Problem),
}

impl Answer {
    pub(super) fn into_response(self, accepted: StatusCode, retry_after: Duration) -> Response<Bytes> {
        match self {
            Self::Accepted => {
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = accepted;
                response
            }
            Self::Later(after) => {
                let error =
                    Error::new(ErrorKind::Refused).with_detail("it was not dealt with and may come again");
                busy(error, after.unwrap_or(retry_after))
            }
            Self::Refused(problem) => problem.into_http(),
        }
    }
}

/// 503.
#[cold]
pub(super) fn busy(error: Error, after: Duration) -> Response<Bytes> {
    Problem::from(error).with_status(StatusCode::SERVICE_UNAVAILABLE).with_retry_after(after).into_http()
}

/// Settles the message of one request by answering it.
pub(super) struct Settling {
    pub(super) answer: oneshot::Sender<Answer>,
    /// What the sender is told when the message is rejected, where the message itself was at fault.
    pub(super) fault: Option<Problem>,
    /// What it holds of the room.
    pub(super) permit: Permit,
}

impl Settle for Settling {
    fn settle(self: Box<Self>, how: Settlement) -> Outcome {
        let Self { answer, fault, permit } = *self;
        let how = match how {
            Settlement::Accept => Answer::Accepted,
            Settlement::Retry { after } => Answer::Later(Some(after)),
            Settlement::Reject { reason } => {
                Answer::Refused(fault.unwrap_or_else(|| rejected(reason.into_owned())))
            }
            _ => Answer::Later(None),
        };
        let told = answer.send(how);
        drop(permit);
        match told {
            Ok(()) => Outcome::done(),
            Err(_) => Outcome::ready(Err(Error::new(ErrorKind::Disconnected)
                .with_detail("the sender did not wait for the answer; it may send the message again"))),
        }
    }
}

#[cold]
fn rejected(reason: String) -> Problem {
    Problem::from(Error::new(ErrorKind::Refused).with_detail(reason))
        .with_status(StatusCode::UNPROCESSABLE_ENTITY)
}
