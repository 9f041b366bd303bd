//! Converts errors of the client, with a detail and a help text.

use cloudevents_core::{Error, ErrorKind};
use lapin::{
    ErrorKind as Lapin,
    protocol::{AMQPError, AMQPErrorKind, AMQPHardError, AMQPSoftError},
};
use std::{error::Error as _, fmt::Display};

/// The help for messages that the broker takes back because they were held for long.
const HELD: &str = "if a message was held for longer than the broker's `consumer_timeout` (30 minutes by default), raise that, or the policy \
    `consumer-timeout` of the queue, above the longest outage and `give_up_after`; what was held comes again";

/// An error while connecting, or of a request to the broker.
pub(super) fn refusal(error: lapin::Error) -> Error {
    match error.kind() {
        Lapin::ProtocolError(said) => by_code(said),
        Lapin::IOError(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(error) => error.clone(),
            None => disconnected(error),
        },
        Lapin::AuthProviderError(detail) => refused(detail),
        Lapin::InvalidProtocolVersion(_) => disconnected("the peer does not speak AMQP 0.9.1"),
        _ => disconnected(&error),
    }
    .with_source(error)
}

/// An error that ended a channel or connection.
pub(super) fn lost(error: lapin::Error) -> Error {
    ended(refusal(error))
}

/// Why a channel or connection has ended. Of the messages on their way, the broker may have some.
///
/// The reason may be about another message, or about none.
pub(super) fn ended(reason: Error) -> Error {
    match reason.kind() {
        ErrorKind::Disconnected => reason,
        _ => disconnected(format!("the channel or connection has ended: {}", reason.detail()))
            .with_source(reason),
    }
}

/// Why a message of this many bytes has no answer: the broker closes the channel at a message that is too large, and reports its size.
///
/// That message and all messages that are at least as large are too large. The others on their way are lost with the channel.
pub(super) fn unanswered(error: lapin::Error, size: usize) -> Error {
    match error.kind() {
        Lapin::ProtocolError(said) if too_large(said).is_some_and(|refused| size >= refused) => {
            Error::new(ErrorKind::TooLarge).with_detail(said.get_message().to_string()).with_source(error)
        }
        _ => lost(error),
    }
}

/// The broker has an alarm, and takes no messages until it ends.
pub(super) fn alarm(reason: &str) -> Error {
    Error::new(ErrorKind::Refused)
        .with_temporary(true)
        .with_detail(format!("the broker has an alarm: {reason}"))
        .with_help("free memory or disk space of the broker; messages wait until the alarm ends")
}

/// Whether the broker closed the channel because of a message that is too large for it.
pub(super) fn is_too_large(error: &lapin::Error) -> bool {
    matches!(error.kind(), Lapin::ProtocolError(said) if too_large(said).is_some())
}

/// Whether the user may not do something, or its token has expired.
pub(super) fn is_forbidden(error: &Error) -> bool {
    let said = error.source().and_then(|source| source.downcast_ref::<lapin::Error>());
    matches!(
        said.map(lapin::Error::kind),
        Some(Lapin::ProtocolError(said)) if *said.kind() == AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED)
    )
}

/// The size of the message that the broker closed the channel for: `PRECONDITION_FAILED - message size 1001 is larger than ...`.
fn too_large(said: &AMQPError) -> Option<usize> {
    if *said.kind() != AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) {
        return None;
    }
    let (_, size) = said.get_message().as_str().split_once("message size ")?;
    size.split(' ').next()?.parse().ok()
}

/// Whether there is no such queue, exchange or other resource: `NOT_FOUND - no queue 'orders' in vhost '/'`.
fn is_absent(said: &str) -> bool {
    said.strip_prefix("NOT_FOUND - ").unwrap_or(said).starts_with("no ")
}

/// Whether the broker took messages back that were not acknowledged in time.
///
/// It reports `PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out`.
fn is_held_too_long(said: &str) -> bool {
    said.contains("delivery acknowledgement on channel")
}

/// Whether the queue has no consumer priorities: it is a stream. RabbitMQ says `invalid arg 'x-priority' for queue 'audit' in vhost '/' of
/// queue type rabbit_stream_queue`, and LavinMQ `x-priority not supported on streams`. `x-max-priority` is an argument of queues.
fn is_stream(said: &str) -> bool {
    said.split([' ', '\'']).any(|word| word == "x-priority")
}

fn by_code(said: &AMQPError) -> Error {
    let text = said.get_message().as_str();
    match said.kind() {
        // A cluster says the same of a queue whose node is away, or is being restarted: `home node 'rabbit@b' of durable queue 'orders' ...
        // is down`.
        AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) if !is_absent(text) => disconnected(text),
        AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => refused(text).with_help(
            "declare the queue or exchange first, or add `declare=quorum` or `declare=classic` to the URL for a queue",
        ),
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => {
            refused(text).with_help("check the user, the password, and the user's permissions")
        }
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) if too_large(said).is_some() => disconnected(text),
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) if is_held_too_long(text) => {
            disconnected(text).with_help(HELD)
        }
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) if is_stream(text) => {
            Error::new(ErrorKind::Unsupported)
                .with_detail(format!("the queue is a stream, which delivers nothing again: {text}"))
                .with_help("bind a queue to the exchange of the stream, and receive from that")
        }
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => refused(text)
            .with_help("the queue exists with other properties: leave `declare` out to use it as it is"),
        AMQPErrorKind::Soft(AMQPSoftError::RESOURCELOCKED) => refused(text),
        AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED | AMQPHardError::INVALIDPATH) => {
            refused(text).with_help("check the virtual host, the path of the URL, and the user's permissions")
        }
        _ => disconnected(said),
    }
}

/// The broker cancelled the consumer. RabbitMQ 4.3 does so, too, if it closed the channel before.
pub(super) fn cancelled() -> Error {
    disconnected("the broker cancelled the consumer; the queue may be gone").with_help(HELD)
}

pub(super) fn disconnected(detail: impl Display) -> Error {
    Error::new(ErrorKind::Disconnected).with_detail(detail.to_string())
}

pub(super) fn refused(detail: impl Display) -> Error {
    Error::new(ErrorKind::Refused).with_detail(detail.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts are those of RabbitMQ.
    #[test]
    fn a_queue_that_is_away_for_now_is_not_refused() {
        for (text, kind) in [
            ("NOT_FOUND - no queue 'orders' in vhost '/'", ErrorKind::Refused),
            ("NOT_FOUND - no exchange 'orders' in vhost '/'", ErrorKind::Refused),
            (
                "NOT_FOUND - home node 'rabbit@b' of durable queue 'orders' in vhost '/' is down or inaccessible",
                ErrorKind::Disconnected,
            ),
            (
                "NOT_FOUND - queue 'orders' in vhost '/' process is stopped by supervisor",
                ErrorKind::Disconnected,
            ),
            (
                "NOT_FOUND - failed to perform operation on queue 'orders' in vhost '/' due to timeout",
                ErrorKind::Disconnected,
            ),
        ] {
            let said = AMQPError::new(AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND), text.into());
            assert_eq!(by_code(&said).kind(), kind, "{text}");
        }
    }

    /// The texts are those of RabbitMQ, and of old and new LavinMQ.
    #[test]
    fn a_stream_is_unsupported_whatever_the_broker_says_of_it() {
        for (text, kind) in [
            (
                "PRECONDITION_FAILED - invalid arg 'x-priority' for queue 'audit' in vhost '/' of queue type rabbit_stream_queue",
                ErrorKind::Unsupported,
            ),
            ("PRECONDITION_FAILED - x-priority not supported on stream queues", ErrorKind::Unsupported),
            ("PRECONDITION_FAILED - x-priority not supported on streams", ErrorKind::Unsupported),
            (
                "PRECONDITION_FAILED - inequivalent arg 'x-max-priority' for queue 'orders' in vhost '/': received none but current is the \
                 value '10' of type 'signedint'",
                ErrorKind::Refused,
            ),
        ] {
            let said = AMQPError::new(AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED), text.into());
            assert_eq!(by_code(&said).kind(), kind, "{text}");
        }
    }

    /// The text is that of RabbitMQ.
    #[test]
    fn what_was_held_for_too_long_names_the_setting() {
        let text = "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 1800000 ms. This timeout \
            value can be configured, see consumers doc guide to learn more";
        let said = AMQPError::new(AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED), text.into());
        for error in [lost(Lapin::ProtocolError(said).into()), cancelled()] {
            assert_eq!(error.kind(), ErrorKind::Disconnected);
            assert!(error.help().unwrap().contains("`consumer_timeout`"), "{error:?}");
        }
    }
}
