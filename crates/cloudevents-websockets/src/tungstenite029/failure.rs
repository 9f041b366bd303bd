//! Converts errors of the client, with a detail and a help text, and names the close code for the peer.

use super::{arriving::GivenUp, stream::NotMinimal};
use crate::Subprotocol;
use cloudevents_core::{Error, ErrorKind};
use std::{error::Error as _, fmt, time::Duration};
use tokio_tungstenite::tungstenite::{
    self,
    error::{CapacityError, ProtocolError},
    http::StatusCode,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

/// Why this side ends a connection: the source of the error, for [`code`].
#[derive(Debug)]
struct Reason(CloseCode, &'static str);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "closed with status {}: {}", u16::from(self.0), self.1)
    }
}

impl std::error::Error for Reason {}

/// The close code and its reason (RFC 6455, section 7.4.1) that the peer gets, if any.
pub(super) fn code(error: &Error) -> Option<(CloseCode, &'static str)> {
    error.source()?.downcast_ref::<Reason>().map(|Reason(code, reason)| (*code, *reason))
}

/// The reason if this side ended the connection because of a message. A frame of the wrong kind is a delivery, which shows it.
#[cfg_attr(not(feature = "server"), allow(dead_code))]
pub(crate) fn refusal(error: &Error) -> Option<Error> {
    let (code, _) = code(error)?;
    let detail = error.detail().to_owned();
    (code != CloseCode::Unsupported).then(|| Error::new(ErrorKind::Transport).with_detail(detail))
}

/// An error of an open connection, which is lost then.
pub(super) fn lost(error: tungstenite::Error) -> Error {
    use tungstenite::Error as E;
    match error {
        E::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            told(CloseCode::Size, "the message is too large")
                .with_detail(format!(
                    "the peer sent a message of {size} bytes or more, and the limit is {max_size}"
                ))
                .with_help(
                    "raise `Limits::bytes` of the decode options if messages of this size are expected",
                )
        }
        E::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            disconnected("the connection was closed without a close frame")
        }
        E::Protocol(error) => told(CloseCode::Protocol, "protocol error")
            .with_detail(format!("the peer does not keep to the WebSocket protocol: {error}")),
        E::Utf8(_) => told(CloseCode::Invalid, "not UTF-8")
            .with_detail("the peer sent a text message that is not UTF-8"),
        E::Io(error) if error.get_ref().is_some_and(|error| error.is::<NotMinimal>()) => {
            told(CloseCode::Protocol, "protocol error")
                .with_detail(format!("the peer does not keep to the WebSocket protocol: {error}"))
        }
        E::Io(error) if error.get_ref().is_some_and(|error| error.is::<GivenUp>()) => {
            told(CloseCode::Policy, "the message takes too long").with_detail(error.to_string())
        }
        E::Io(error) => disconnected(&error).with_source(error),
        E::ConnectionClosed | E::AlreadyClosed => closed(None),
        other => disconnected(other),
    }
}

/// The peer sent a frame of the wrong kind.
pub(super) fn wrong_frame(subprotocol: Subprotocol) -> Error {
    let kind = if subprotocol.is_text() { "binary" } else { "text" };
    told(CloseCode::Unsupported, "the kind of frame is not that of the subprotocol")
        .with_detail(format!("the peer sent a {kind} frame over `{subprotocol}`"))
        .with_clause("WS-1.5-a")
}

/// A message takes too long.
#[cold]
pub(super) fn slow(limit: Duration) -> Error {
    told(CloseCode::Policy, "the message takes too long")
        .with_detail(format!("a message of the peer was not complete after {limit:?}"))
}

/// A message could not be read in time, because others take the memory.
#[cold]
pub(super) fn busy(limit: Duration) -> Error {
    told(CloseCode::Again, "too many large messages are arriving").with_detail(format!(
        "a message was not complete after {limit:?}, because other messages that are arriving took the memory"
    ))
}

/// The peer does not answer pings.
#[cold]
pub(super) fn silent(silent: Duration) -> Error {
    disconnected(format!("the peer has been silent for {silent:?} and does not answer pings"))
}

/// The peer has closed the connection.
pub(super) fn closed(frame: Option<&CloseFrame>) -> Error {
    match frame {
        None => disconnected("the connection was closed"),
        Some(frame) => {
            let code = u16::from(frame.code);
            let reason = frame.reason.as_str();
            let because = if reason.is_empty() { "" } else { ": " };
            disconnected(format!("the peer closed the connection with status {code}{because}{reason}"))
        }
    }
}

/// An error of the handshake.
pub(super) fn handshake(error: tungstenite::Error) -> Error {
    use tungstenite::Error as E;
    match error {
        E::Http(response) => status(response.status()),
        E::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) => Error::new(ErrorKind::Refused)
            .with_detail("the server has not chosen one of the offered subprotocols")
            .with_help("check that the URL is that of a CloudEvents endpoint")
            .with_clause("WS-1.4-d"),
        E::Io(error) => disconnected(&error).with_source(error),
        other => disconnected(format!("no WebSocket: {other}")),
    }
}

/// A response other than 101.
fn status(status: StatusCode) -> Error {
    let detail = format!("the server responded to the handshake with {status}");
    match status {
        StatusCode::BAD_REQUEST => refused(detail).with_help(
            "the server may not support the subprotocol: try another with the URL option `format`",
        ),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            refused(detail).with_help("the server does not let this user in: check the credentials")
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => disconnected(detail),
        _ if status.is_client_error() || status.is_redirection() || status.is_success() => {
            refused(detail).with_help("check that the URL is that of a WebSocket endpoint")
        }
        _ => disconnected(detail),
    }
}

#[cold]
fn told(code: CloseCode, reason: &'static str) -> Error {
    Error::new(ErrorKind::Disconnected).with_source(Reason(code, reason))
}

#[cold]
pub(super) fn disconnected(detail: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Disconnected).with_detail(detail.to_string())
}

#[cold]
pub(super) fn refused(detail: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Refused).with_detail(detail.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_is_told_what_it_did_wrong() {
        let code = |error: &Error| super::code(error).map(|(code, _)| u16::from(code));
        let large = CapacityError::MessageTooLong { size: 2, max_size: 1 };
        assert_eq!(code(&lost(tungstenite::Error::Capacity(large))), Some(1009));
        assert_eq!(code(&lost(tungstenite::Error::Protocol(ProtocolError::NonZeroReservedBits))), Some(1002));
        assert_eq!(code(&wrong_frame(Subprotocol::Json)), Some(1003));
        assert_eq!(code(&slow(Duration::from_secs(1))), Some(1008));
        assert_eq!(code(&silent(Duration::from_secs(1))), None);
        assert_eq!(code(&closed(None)), None);
    }

    #[test]
    fn a_status_decides_whether_connecting_is_tried_again() {
        for (code, kind) in [
            (400, ErrorKind::Refused),
            (401, ErrorKind::Refused),
            (404, ErrorKind::Refused),
            (301, ErrorKind::Refused),
            (200, ErrorKind::Refused),
            (429, ErrorKind::Disconnected),
            (503, ErrorKind::Disconnected),
        ] {
            assert_eq!(status(StatusCode::from_u16(code).unwrap()).kind(), kind, "{code}");
        }
    }
}
