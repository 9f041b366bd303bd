//! The errors that every binding makes.

use cloudevents_core::{Error, ErrorKind};
use std::{fmt::Display, time::Duration};
use tokio::time::timeout;

/// An error of kind [`Disconnected`](ErrorKind::Disconnected).
#[cold]
pub fn disconnected(detail: impl Display) -> Error {
    Error::new(ErrorKind::Disconnected).with_detail(detail.to_string())
}

/// An error of kind [`Refused`](ErrorKind::Refused).
#[cold]
pub fn refused(detail: impl Display) -> Error {
    Error::new(ErrorKind::Refused).with_detail(detail.to_string())
}

/// The text of an error and of its causes. A cause that the text of another one has is left out.
pub fn reasons(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut reasons: Vec<String> = Vec::new();
    for cause in causes.map(ToString::to_string) {
        if !reasons.iter().any(|known| known.contains(&cause)) {
            reasons.push(cause);
        }
    }
    reasons.join(": ")
}

/// Waits this long for an answer. `server` names the peer.
///
/// Errors: [`Timeout`](ErrorKind::Timeout), and those of the answer.
pub async fn in_time<T, E: From<Error>>(
    server: &str,
    limit: Duration,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    timeout(limit, answer).await.unwrap_or_else(|_| {
        let detail = format!("{server} did not answer within {limit:?}");
        Err(Error::new(ErrorKind::Timeout).with_detail(detail).into())
    })
}
