//! Errors of SQLite.

use cloudevents_core::{Error, ErrorKind};
use rusqlite::ErrorCode;

/// A locked database, the race for its lock that SQLite gives up in the end (`SQLITE_PROTOCOL`), a full or failing disk, and a want of
/// memory or of file descriptors (`SQLITE_CANTOPEN`) are temporary errors; all others are permanent.
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
        )
    );
    Error::new(kind).with_detail(format!("SQLite: {error}")).with_temporary(passes).with_source(error)
}

/// An error of opening a file: its path may be wrong.
pub(crate) fn not_opened(error: rusqlite::Error) -> Error {
    failed(error).with_temporary(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    #[test]
    fn what_a_program_lacks_for_a_moment_passes() {
        let error = |code| failed(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        for code in [ffi::SQLITE_CANTOPEN, ffi::SQLITE_NOMEM, ffi::SQLITE_FULL, ffi::SQLITE_IOERR] {
            assert!(error(code).is_temporary(), "{}", error(code));
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_ERROR, ffi::SQLITE_READONLY] {
            assert!(!error(code).is_temporary(), "{}", error(code));
        }
    }
}
