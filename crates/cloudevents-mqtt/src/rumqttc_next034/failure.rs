//! Errors of the connection, with a detail and a help text.

use cloudevents_core::{Error, ErrorKind};
use std::fmt::Display;

/// The codec of the client library could not read a packet.
pub(super) fn malformed(detail: impl Display) -> Error {
    disconnected(format!("the peer sent a packet that is not one of MQTT: {detail}"))
}

/// The broker refused the connection, with this reason code of MQTT 5.
pub(super) fn refused_connection(code: u8, reason: Option<&str>) -> Error {
    let words = words(code, reason);
    match code {
        // Not authorized, bad user name or password, client identifier not valid, banned, bad authentication method.
        0x85..=0x87 | 0x8a | 0x8c => refused(words).with_help("check user, password and client identifier"),
        0x84 => Error::new(ErrorKind::Unsupported)
            .with_detail(words)
            .with_help("the broker does not speak this version of MQTT: add `version=3.1.1` to the URL"),
        _ => disconnected(words),
    }
}

/// The broker refused the connection, with this return code of MQTT 3.1.1, section 3.2.2.3.
pub(super) fn refused_connection_v3(code: u8) -> Error {
    let name = match code {
        2 => "identifier rejected",
        3 => "server unavailable",
        4 => "bad user name or password",
        5 => "not authorized",
        _ => "refused",
    };
    let words = format!("{name} (0x{code:02x})");
    match code {
        2 | 4 | 5 => refused(words).with_help("check user, password and client identifier"),
        _ => disconnected(words),
    }
}

/// The reason code, with its name in MQTT 5.0, section 2.4, and the broker's words.
pub(super) fn words(code: u8, reason: Option<&str>) -> String {
    let name = match code {
        0x80 => "unspecified error",
        0x81 => "malformed packet",
        0x82 => "protocol error",
        0x83 => "implementation specific error",
        0x84 => "unsupported protocol version",
        0x85 => "client identifier not valid",
        0x86 => "bad user name or password",
        0x87 => "not authorized",
        0x88 => "server unavailable",
        0x89 => "server busy",
        0x8a => "banned",
        0x8b => "server shutting down",
        0x8c => "bad authentication method",
        0x8d => "keep alive timeout",
        0x8e => "session taken over",
        0x8f => "topic filter invalid",
        0x90 => "topic name invalid",
        0x91 => "packet identifier in use",
        0x93 => "receive maximum exceeded",
        0x95 => "packet too large",
        0x96 => "message rate too high",
        0x97 => "quota exceeded",
        0x98 => "administrative action",
        0x99 => "payload format invalid",
        0x9a => "retain not supported",
        0x9b => "QoS not supported",
        0x9c => "use another server",
        0x9d => "server moved",
        0x9e => "shared subscriptions not supported",
        0x9f => "connection rate exceeded",
        0xa0 => "maximum connect time",
        0xa1 => "subscription identifiers not supported",
        0xa2 => "wildcard subscriptions not supported",
        _ => "refused",
    };
    match reason {
        Some(reason) => format!("{name} (0x{code:02x}): {reason}"),
        None => format!("{name} (0x{code:02x})"),
    }
}

pub(super) fn disconnected(detail: impl Display) -> Error {
    Error::new(ErrorKind::Disconnected).with_detail(detail.to_string())
}

pub(super) fn refused(detail: impl Display) -> Error {
    Error::new(ErrorKind::Refused).with_detail(detail.to_string())
}
