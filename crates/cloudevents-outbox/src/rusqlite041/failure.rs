//! Errors of SQLite.

use cloudevents_core::{Error, ErrorKind};
use rusqlite::ErrorCode;

/// A locked database, the race for its lock that SQLite gives up in the end (`SQLITE_PROTOCOL`), and a full or failing disk are temporary
/// errors; all others are permanent.
pub(crate) fn failed(error: rusqlite::Error) -> Error {
    let code = error.sqlite_error_code();
    let kind = match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::Timeout,
        _ => ErrorKind::Transport,
    };
    let passes = matches!(
        code,
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::OperationInterrupted
        )
    );
    Error::new(kind).with_detail(format!("SQLite: {error}")).with_temporary(passes).with_source(error)
}
