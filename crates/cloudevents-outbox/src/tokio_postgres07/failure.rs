//! Errors of Postgres.

use cloudevents_core::{Error, ErrorKind};

/// Temporary errors: deadlocks, statements that took too long or were canceled, and those of a server that restarts, fails over or is out
/// of resources. All others are permanent.
const PASSES: &[&str] = &["08", "40", "53", "57", "58", "55P03", "25006", "25P03", "25P04"];

pub(crate) fn failed(error: tokio_postgres::Error) -> Error {
    let Some(server) = error.as_db_error() else {
        let is_lost = error.is_closed() || source_is_io(&error);
        let kind = if is_lost { ErrorKind::Disconnected } else { ErrorKind::Transport };
        return Error::new(kind).with_detail(format!("Postgres: {error}")).with_source(error);
    };
    let code = server.code().code();
    let kind = if code.starts_with("28") { ErrorKind::Refused } else { ErrorKind::Transport };
    let passes = PASSES.iter().any(|class| code.starts_with(class));
    let detail = format!("Postgres: {} ({code})", server.message());
    Error::new(kind).with_detail(detail).with_temporary(passes).with_source(error)
}

/// An error of connecting: the server may be back later, unless it refuses the login.
pub(crate) fn not_connected(error: tokio_postgres::Error) -> Error {
    if error.as_db_error().is_some() {
        return failed(error);
    }
    Error::new(ErrorKind::Unreachable).with_detail(format!("Postgres: {error}")).with_source(error)
}

fn source_is_io(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}
