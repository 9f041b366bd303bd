//! Errors of Postgres.

use cloudevents_core::{Error, ErrorKind};

/// Errors that pass by themselves: deadlocks, statements that took too long or were canceled, and errors of a server that restarts, fails
/// over or is out of resources.
const PASSES: &[&str] = &["08", "40", "53", "57", "58", "55P03", "25006", "25P03", "25P04"];

/// Errors of the data of a call and of its syntax. Such a call fails again, and an operator cannot change that. All other faults may be
/// repaired, and are temporary for a store that was opened: a login that is refused, permissions that are missing, a table that has another
/// name.
const STAYS: &[&str] = &["22", "23", "42601"];

pub(crate) fn failed(error: tokio_postgres::Error) -> Error {
    let Some(server) = error.as_db_error() else {
        let is_lost = error.is_closed() || source_is_io(&error);
        let kind = if is_lost { ErrorKind::Disconnected } else { ErrorKind::Transport };
        return Error::new(kind).with_detail(format!("Postgres: {error}")).with_source(error);
    };
    let code = server.code().code();
    let kind = if code.starts_with("28") { ErrorKind::Refused } else { ErrorKind::Transport };
    let stays = is_one_of(STAYS, code);
    let detail = format!("Postgres: {} ({code})", server.message());
    Error::new(kind).with_detail(detail).with_temporary(!stays).with_source(error)
}

/// The error of opening a store: the program may have a wrong password or a wrong database.
pub(crate) fn not_opened(error: Error) -> Error {
    let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref());
    let server = source.and_then(tokio_postgres::Error::as_db_error);
    let passes = server.map(|server| is_one_of(PASSES, server.code().code()));
    match passes {
        Some(passes) => error.with_temporary(passes),
        None => error,
    }
}

fn is_one_of(classes: &[&str], code: &str) -> bool {
    classes.iter().any(|class| code.starts_with(class))
}

/// An error of connecting: the server may be back later, unless it refuses the login.
pub(crate) fn not_connected(error: tokio_postgres::Error) -> Error {
    if error.as_db_error().is_some() {
        return failed(error);
    }
    let reason = std::error::Error::source(&error).map(|reason| format!(": {reason}")).unwrap_or_default();
    Error::new(ErrorKind::Unreachable).with_detail(format!("Postgres: {error}{reason}")).with_source(error)
}

fn source_is_io(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}
