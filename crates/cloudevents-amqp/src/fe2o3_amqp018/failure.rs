//! Converts errors of the client, with a detail and a help text.

use cloudevents_core::{Error, ErrorKind};
use fe2o3_amqp::{
    connection::OpenError,
    link::{
        DetachError, IllegalLinkStateError, LinkStateError, ReceiverAttachError, RecvError, SendError,
        SenderAttachError, SessionStopReason,
    },
    session::BeginError,
};
use fe2o3_amqp_types::{
    definitions::{self, ErrorCondition},
    primitives::Value,
};
use std::fmt::Display;

pub(super) fn open(error: OpenError) -> Error {
    match error {
        OpenError::ProtocolHeaderMismatch(_) => {
            disconnected("the peer does not speak AMQP 1.0, or wants another port or TLS")
        }
        OpenError::RemoteClosedWithError(error) => {
            declined(&error).unwrap_or_else(|| transport(says(&error)))
        }
        OpenError::Io(error) => disconnected(&error).with_source(error),
        other => disconnected(other),
    }
}

pub(super) fn begin(error: BeginError) -> Error {
    match error {
        BeginError::RemoteEndedWithError(error) => {
            declined(&error).unwrap_or_else(|| transport(says(&error)))
        }
        other => disconnected(other),
    }
}

pub(super) fn attach_sender(error: SenderAttachError) -> Error {
    match error {
        SenderAttachError::RemoteClosedWithError(error) => unattached(&error),
        SenderAttachError::SessionStopped(reason) => disconnected(stopped(&reason)),
        other => transport(other),
    }
}

pub(super) fn attach_receiver(error: ReceiverAttachError) -> Error {
    match error {
        ReceiverAttachError::RemoteClosedWithError(error) => unattached(&error),
        ReceiverAttachError::SessionStopped(reason) => disconnected(stopped(&reason)),
        ReceiverAttachError::DesiredFilterNotSupported { .. } => no_selector(),
        other => transport(other),
    }
}

/// The same for a link to the address of single messages. The connection is not lost with it.
pub(super) fn attach_elsewhere(error: SenderAttachError) -> Error {
    match error {
        SenderAttachError::RemoteClosedWithError(error) => attach(&error),
        error => attach_sender(error),
    }
}

/// The broker has left the filter out of its answer (AMQP 1.0, section 3.5.1).
#[cold]
pub(super) fn no_selector() -> Error {
    refused("the broker does not filter by a selector")
        .with_help("leave the option `selector` out, and filter in the program")
}

fn attach(error: &definitions::Error) -> Error {
    refused(says(error)).with_help("the broker does not let this user use this address, or has none")
}

/// Conditions that are about this user and this address. Any other one may pass by itself: a broker that is busy, is being serviced, or has
/// lost a part.
const DECLINED: [&str; 5] = [
    "amqp:not-found",
    "amqp:not-allowed",
    "amqp:unauthorized-access",
    "amqp:not-implemented",
    "amqp:invalid-field",
];

fn declined(error: &definitions::Error) -> Option<Error> {
    DECLINED.contains(&&*condition(&error.condition)).then(|| attach(error))
}

/// Why there is no link.
fn unattached(error: &definitions::Error) -> Error {
    declined(error).unwrap_or_else(|| disconnected(says(error)))
}

/// The broker has ended a link, or its session has.
pub(super) fn detached(error: DetachError) -> Error {
    match error {
        DetachError::RemoteDetachedWithError(error) | DetachError::RemoteClosedWithError(error) => {
            unattached(&error)
        }
        DetachError::SessionStopped(reason) => disconnected(stopped(&reason)),
        other => disconnected(other),
    }
}

/// An error of the link, which then must be replaced.
pub(super) fn send(error: SendError) -> Error {
    match error {
        SendError::LinkStateError(error) => link(&error),
        SendError::Detached(error) => disconnected(error),
        other => transport(other),
    }
}

/// The same for a link to the address of single messages: the broker may have attached it only to say that
/// there is no such address.
pub(super) fn send_elsewhere(error: SendError) -> Error {
    match error {
        SendError::LinkStateError(
            LinkStateError::RemoteDetachedWithError(error) | LinkStateError::RemoteClosedWithError(error),
        ) => attach(&error),
        error => send(error),
    }
}

/// The same for a message that was handed over before the link ended.
///
/// Only some [conditions](DECLINED) say that no such link takes messages. With any other condition, the broker may have the message.
pub(super) fn unanswered_elsewhere(error: SendError) -> Error {
    let declined = match &error {
        SendError::LinkStateError(
            LinkStateError::RemoteDetachedWithError(reason) | LinkStateError::RemoteClosedWithError(reason),
        ) => declined(reason),
        _ => None,
    };
    declined.unwrap_or_else(|| send(error))
}

/// The condition of a message that is larger than its link takes (AMQP 1.0, part 2, section 2.8.18).
pub(super) const SIZE_EXCEEDED: &str = "amqp:link:message-size-exceeded";

/// Whether the broker has ended the link because a message on its way is too large.
pub(super) fn exceeds_size(error: &SendError) -> bool {
    matches!(error, SendError::LinkStateError(
        LinkStateError::RemoteDetachedWithError(reason) | LinkStateError::RemoteClosedWithError(reason),
    ) if condition(&reason.condition) == SIZE_EXCEEDED)
}

pub(super) fn receive(error: RecvError) -> Error {
    match error {
        RecvError::LinkStateError(error) => link(&error),
        RecvError::MessageSizeExceeded(error) => Error::new(ErrorKind::TooLarge)
            .with_detail(format!("a message has more than {} bytes", error.max_size))
            .with_help("raise AmqpReceiverOptions::max_message_size if messages of this size are expected"),
        other => disconnected(other),
    }
}

pub(super) fn dispose(error: IllegalLinkStateError) -> Error {
    link(&error.into())
}

pub(super) fn detach(error: DetachError) -> Error {
    link(&error.into())
}

fn link(error: &LinkStateError) -> Error {
    match error {
        LinkStateError::RemoteDetachedWithError(error) | LinkStateError::RemoteClosedWithError(error) => {
            disconnected(says(error))
        }
        LinkStateError::SessionStopped(reason) => disconnected(stopped(reason)),
        other => disconnected(other),
    }
}

fn stopped(reason: &SessionStopReason) -> String {
    use fe2o3_amqp::connection::ConnectionStopReason as Connection;
    match reason {
        SessionStopReason::EndedWithError(error)
        | SessionStopReason::RemoteEndedWithError(error)
        | SessionStopReason::ConnectionStopped(
            Connection::ClosedWithError(error) | Connection::RemoteClosedWithError(error),
        ) => says(error),
        SessionStopReason::ConnectionStopped(_) => "the connection was closed".into(),
        _ => "the session was ended".into(),
    }
}

/// Formats the error, for example `amqp:not-found: no queue 'orders'`.
pub(super) fn says(error: &definitions::Error) -> String {
    let condition = condition(&error.condition);
    match &error.description {
        Some(description) if !description.is_empty() => format!("{condition}: {description}"),
        _ => condition,
    }
}

/// Returns the symbol on the wire of any condition.
pub(super) fn condition(condition: &ErrorCondition) -> String {
    match serde_amqp::to_value(condition) {
        Ok(Value::Symbol(symbol)) => symbol.0,
        _ => "amqp:internal-error".into(),
    }
}

pub(super) fn disconnected(detail: impl Display) -> Error {
    Error::new(ErrorKind::Disconnected).with_detail(detail.to_string())
}

pub(super) fn transport(detail: impl Display) -> Error {
    Error::new(ErrorKind::Transport).with_detail(detail.to_string())
}

pub(super) fn refused(detail: impl Display) -> Error {
    Error::new(ErrorKind::Refused).with_detail(detail.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fe2o3_amqp_types::primitives::Symbol;

    /// A broker that is busy, or is being serviced, refuses no user and no address (AMQP 1.0, section 2.8.15, and errors of Service Bus).
    #[test]
    fn what_passes_by_itself_is_no_refusal() {
        for (condition, kind) in [
            ("amqp:not-found", ErrorKind::Refused),
            ("amqp:unauthorized-access", ErrorKind::Refused),
            ("amqp:not-implemented", ErrorKind::Refused),
            ("amqp:internal-error", ErrorKind::Disconnected),
            ("amqp:resource-limit-exceeded", ErrorKind::Disconnected),
            ("amqp:link:detach-forced", ErrorKind::Disconnected),
            ("com.microsoft:server-busy", ErrorKind::Disconnected),
        ] {
            let symbol = Value::Symbol(Symbol::from(condition));
            let known: ErrorCondition = serde_amqp::from_value(symbol).unwrap();
            let said = || definitions::Error::new(known.clone(), None, None);
            let receiver = attach_receiver(ReceiverAttachError::RemoteClosedWithError(said()));
            let sender = attach_sender(SenderAttachError::RemoteClosedWithError(said()));
            assert_eq!((receiver.kind(), sender.kind()), (kind, kind), "{condition}");
            // The connection is not lost with a link to the address of one message.
            let elsewhere = attach_elsewhere(SenderAttachError::RemoteClosedWithError(said()));
            assert_eq!(elsewhere.kind(), ErrorKind::Refused, "{condition}");
            if kind == ErrorKind::Refused {
                assert_eq!(open(OpenError::RemoteClosedWithError(said())).kind(), kind, "{condition}");
            }
        }
    }
}
