//! Errors of SQLite.

use cloudevents_core::{Error, ErrorKind};
use rusqlite::{ErrorCode, ffi};

/// A locked database, the race for its lock that SQLite gives up in the end (`SQLITE_PROTOCOL`), a full or failing disk, and a want of
/// memory or of file descriptors (`SQLITE_CANTOPEN`) are temporary errors. So are faults that an operator can repair: a file that is
/// read-only or may not be read, and a table that has another name (`SQLITE_ERROR`). All others are permanent: a file that is damaged or
/// was replaced, for example.
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
                | ErrorCode::OutOfMemory
                | ErrorCode::CannotOpen
                | ErrorCode::OperationInterrupted
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::AuthorizationForStatementDenied
                | ErrorCode::Unknown
        )
    ) && error.sqlite_extended_error_code() != Some(ffi::SQLITE_READONLY_DBMOVED);
    Error::new(kind).with_detail(format!("SQLite: {error}")).with_temporary(passes).with_source(error)
}

/// An error of opening a file: its path may be wrong.
pub(crate) fn not_opened(error: rusqlite::Error) -> Error {
    failed(error).with_temporary(false)
}

/// An error of the first look at a file. Effects of other processes on the file may pass, and are temporary. Faults that an operator has to
/// repair are permanent.
pub(crate) fn not_usable(error: Error) -> Error {
    let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref());
    let code = source.and_then(rusqlite::Error::sqlite_error_code);
    match code {
        Some(
            ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::AuthorizationForStatementDenied
            | ErrorCode::Unknown,
        ) => error.with_temporary(false),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_lacks_for_a_moment_passes() {
        let error = |code| failed(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        for code in [ffi::SQLITE_CANTOPEN, ffi::SQLITE_NOMEM, ffi::SQLITE_FULL, ffi::SQLITE_IOERR] {
            assert!(error(code).is_temporary() && not_usable(error(code)).is_temporary(), "{}", error(code));
        }
        for code in [ffi::SQLITE_ERROR, ffi::SQLITE_READONLY, ffi::SQLITE_PERM, ffi::SQLITE_AUTH] {
            assert!(error(code).is_temporary() && !not_usable(error(code)).is_temporary(), "{}", error(code));
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_READONLY_DBMOVED] {
            assert!(!error(code).is_temporary(), "{}", error(code));
        }
    }
}
