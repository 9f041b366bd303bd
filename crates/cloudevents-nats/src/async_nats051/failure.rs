//! Converts errors of the client, with a detail and a help text.

use async_nats::{
    ConnectError, ConnectErrorKind, PublishError, PublishErrorKind, RequestError, RequestErrorKind,
    SubscribeError, SubscribeErrorKind, jetstream,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::binding::rustls023::advised;
use std::fmt::Display;

pub(super) fn connect(error: ConnectError) -> Error {
    match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            refused(&error).with_help("the server does not know this user, password, token or key")
        }
        _ if has_expired(&error) => {
            refused(&error).with_help("the login of this user or account has expired")
        }
        ConnectErrorKind::TimedOut => Error::new(ErrorKind::Timeout).with_detail(error.to_string()),
        _ => advised(disconnected(&error), error),
    }
}

/// Whether the server reports that a login has expired. Its other errors at login are about the server itself, such as too many
/// connections.
fn has_expired(error: &ConnectError) -> bool {
    error.to_string().to_ascii_lowercase().contains("authentication expired")
}

/// The error of a user that may not subscribe to its inbox. `detail` is the server's report.
pub(super) fn no_inbox(detail: impl Display) -> Error {
    refused(detail).with_help(
        "replies come to an inbox: allow the user to subscribe there, or set another `inbox_prefix`",
    )
}

pub(super) fn subscribe(error: SubscribeError) -> Error {
    match error.kind() {
        SubscribeErrorKind::InvalidSubject => invalid("this is not a subject to subscribe to"),
        SubscribeErrorKind::InvalidQueueName => invalid("this is not the name of a queue group"),
        SubscribeErrorKind::Other => disconnected(error),
    }
}

/// An error of core NATS. The connection is lost if it is [`Disconnected`](ErrorKind::Disconnected).
pub(super) fn publish(error: PublishError) -> Error {
    match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => too_large(error),
        PublishErrorKind::InvalidSubject => invalid_subject(),
        PublishErrorKind::Send => disconnected("the connection was closed"),
    }
}

pub(super) fn no_reply() -> Error {
    Error::new(ErrorKind::Timeout).with_detail("no reply came within the limit")
}

pub(super) fn request(error: RequestError) -> Error {
    match error.kind() {
        RequestErrorKind::TimedOut => no_reply(),
        RequestErrorKind::NoResponders => refused("no program has subscribed to the subject of the request"),
        RequestErrorKind::InvalidSubject => invalid_subject(),
        RequestErrorKind::MaxPayloadExceeded => too_large(error),
        RequestErrorKind::Other => disconnected("the connection was closed"),
    }
}

/// An error of JetStream, in sending a message or in its answer.
pub(super) fn acked(error: jetstream::context::PublishError) -> Error {
    use jetstream::context::PublishErrorKind as Kind;
    match error.kind() {
        Kind::StreamNotFound => {
            let error = refused("no stream has this subject").with_temporary(true);
            error.with_help("create a stream with it, or use core NATS")
        }
        Kind::MaxPayloadExceeded => too_large(error),
        Kind::TimedOut => unconfirmed(),
        Kind::BrokenPipe => {
            disconnected("the connection was closed; the stream may have the message, or not")
        }
        Kind::MaxAckPending => {
            Error::new(ErrorKind::Transport).with_detail("too many messages are in flight")
        }
        Kind::WrongLastMessageId | Kind::WrongLastSequence => refused(error),
        Kind::Other => {
            let source = std::error::Error::source(&error);
            let reported = source.and_then(|source| source.downcast_ref::<jetstream::Error>());
            match reported {
                Some(reported) => declined(reported),
                None if source.is_some_and(|source| source.is::<async_nats::SubjectError>()) => {
                    invalid_subject()
                }
                None => disconnected(error),
            }
        }
    }
}

pub(super) fn unconfirmed() -> Error {
    Error::new(ErrorKind::Timeout).with_detail("the server did not confirm the message in time")
}

/// The stream's answer to a message. All errors but two are about the stream, which may be full, and can go away.
fn declined(error: &jetstream::Error) -> Error {
    use jetstream::ErrorCode as Code;
    match error.error_code() {
        Code::STREAM_MESSAGE_EXCEEDS_MAXIMUM | Code::STREAM_HEADER_EXCEEDS_MAXIMUM => {
            Error::new(ErrorKind::TooLarge).with_detail(error.to_string())
        }
        _ => refused(error).with_temporary(true),
    }
}

/// An error about a stream or a consumer.
pub(super) fn jetstream(error: &jetstream::Error) -> Error {
    use jetstream::ErrorCode;
    let code = error.error_code();
    if code == ErrorCode::JETSTREAM_NOT_ENABLED || code == ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT {
        return no_jetstream(error);
    }
    let help = match code {
        ErrorCode::CONSUMER_WQ_CONSUMER_NOT_DELIVER_ALL => Some(
            "the stream is a work queue, which is read from its beginning: leave out `since`, `last` and `deliver`",
        ),
        ErrorCode::CONSUMER_WQ_MULTIPLE_UNFILTERED | ErrorCode::CONSUMER_WQ_CONSUMER_NOT_UNIQUE => Some(
            "the stream is a work queue, and a consumer has this subject: name that consumer, `consumer=...`, or wait until it is gone",
        ),
        _ => None,
    };
    // A cluster elects a leader, or a node is away or out of space. The user did nothing wrong.
    let passes = error.code() >= 500 || code == ErrorCode::CLUSTER_NO_PEERS;
    let error = if passes { disconnected(error) } else { refused(error) };
    match help {
        Some(help) => error.with_help(help),
        None => error,
    }
}

/// Not permanent: a server or a cluster that has just started also reports it.
pub(super) fn no_jetstream(detail: impl Display) -> Error {
    refused(detail).with_help("start the server with JetStream, or use core NATS: the scheme `nats`")
}

pub(super) fn stream(error: jetstream::context::GetStreamError) -> Error {
    match error.kind() {
        jetstream::context::GetStreamErrorKind::JetStream(error) => jetstream(&error),
        _ => disconnected(error),
    }
}

pub(super) fn consumer(error: jetstream::stream::ConsumerError) -> Error {
    use jetstream::stream::ConsumerErrorKind as Kind;
    match error.kind() {
        Kind::TimedOut => Error::new(ErrorKind::Timeout).with_detail("JetStream did not answer in time"),
        Kind::InvalidConsumerType => Error::new(ErrorKind::Unsupported)
            .with_detail("this is a push consumer")
            .with_help("name a pull consumer"),
        Kind::InvalidName => invalid("this is not the name of a stream and a consumer"),
        Kind::JetStream(error) => jetstream(&error),
        Kind::Request | Kind::Other => disconnected(error),
    }
}

/// A consumer with `max_deliver` leaves the message in the stream, and delivers it no more, unless that was raised since.
pub(super) fn last_delivery(most: u32) -> Error {
    let detail = format!(
        "the consumer had a `max_deliver` of {most} when connected: unless that was raised, the message does not come again"
    );
    refused(detail).with_help("reject it instead: set `attempts` below that, or that to -1")
}

pub(super) fn disconnected(detail: impl Display) -> Error {
    Error::new(ErrorKind::Disconnected).with_detail(detail.to_string())
}

/// A message was sent, and the connection lost.
pub(super) fn unknown() -> Error {
    disconnected("the connection was closed; the server may have the message, or not")
}

/// The server has refused so many messages that the client cannot tell which.
pub(super) fn refused_some() -> Error {
    refused("the server has refused many messages, and it is not known whether this is one of them")
}

pub(super) fn transport(detail: impl Display) -> Error {
    Error::new(ErrorKind::Transport).with_detail(detail.to_string())
}

pub(super) fn refused(detail: impl Display) -> Error {
    Error::new(ErrorKind::Refused).with_detail(detail.to_string())
}

fn invalid(detail: &'static str) -> Error {
    Error::new(ErrorKind::InvalidUrl).with_detail(detail)
}

#[cold]
pub(super) fn invalid_subject() -> Error {
    Error::new(ErrorKind::InvalidString)
        .with_detail("this is not a subject to publish to")
        .with_help("subjects have no white space, no wildcards and no empty parts between dots")
}

#[cold]
fn too_large(error: impl Display) -> Error {
    Error::new(ErrorKind::TooLarge)
        .with_detail(error.to_string())
        .with_help("the limit is `max_payload` of the server")
}
