//! Errors of the client and of the server, with a detail and a help text.

use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::binding::{disconnected, refused};
use std::fmt::Display;

/// An error of the server is about the statement, unless the server is not ready; any other error is about the connection.
pub(super) fn of(error: &tokio_postgres::Error) -> Error {
    if let Some(server) = error.as_db_error() {
        return coded(server.code().code(), server.message());
    }
    match std::error::Error::source(error) {
        Some(source) => disconnected(format!("{error}: {source}")),
        None => disconnected(error),
    }
}

/// The meaning of a SQLSTATE: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
pub(super) fn coded(code: &str, message: &str) -> Error {
    let detail = format!("{message} ({code})");
    let with = |kind| Error::new(kind).with_detail(detail.clone());
    match code {
        "28000" | "28P01" => refused(&detail).with_help("the server does not take this user or password"),
        "3D000" => refused(&detail).with_help("create the database, or name another one in the path"),
        "42501" => refused(&detail)
            .with_help("allow this user the schema `pgmq`, its functions, and the tables of the queue"),
        "42P01" => no_queue(&detail),
        "3F000" | "42883" => no_pgmq(&detail),
        // A standby: another connection finds the host that is not.
        "25006" => with(ErrorKind::Disconnected).with_help("name the primary among the hosts of the URL"),
        "54000" => with(ErrorKind::TooLarge),
        "53100" | "53200" | "57014" | "55P03" => refused(&detail).with_temporary(true),
        _ => match code.get(..2) {
            // The content of the message: nothing but another message helps.
            Some("22" | "23") => with(ErrorKind::Unsupported),
            Some("40") => refused(&detail).with_temporary(true),
            Some("08" | "53" | "57" | "58" | "XX") => with(ErrorKind::Disconnected),
            _ => refused(&detail),
        },
    }
}

/// Whether it is about the message, and not about the queue or the server.
pub(super) fn is_of_data(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::TooLarge)
}

pub(super) fn no_queue(detail: &str) -> Error {
    refused(detail).with_help("create the queue, such as with `SELECT pgmq.create('orders')`")
}

pub(super) fn no_pgmq(detail: &str) -> Error {
    refused(detail).with_help(
        "install pgmq in this database: its extension, or its file pgmq.sql of version 1.10 or later",
    )
}

#[cold]
pub(super) fn garbled(what: impl Display) -> Error {
    disconnected(format!("this is not an answer of pgmq: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        let of = |code| {
            let error = coded(code, "message");
            (error.kind(), error.is_temporary())
        };
        for code in ["28P01", "3D000", "42501", "42P01", "42883", "P0001"] {
            assert_eq!(of(code), (ErrorKind::Refused, false), "{code}");
        }
        for code in ["53100", "57014", "40P01", "40001"] {
            assert_eq!(of(code), (ErrorKind::Refused, true), "{code}");
        }
        for code in ["57P01", "57P03", "53300", "08006", "25006"] {
            assert_eq!(of(code).0, ErrorKind::Disconnected, "{code}");
        }
        for code in ["22P02", "22P05", "23514", "54000"] {
            assert!(is_of_data(&coded(code, "message")), "{code}");
        }
        assert!(!is_of_data(&coded("42P01", "message")));
    }
}
