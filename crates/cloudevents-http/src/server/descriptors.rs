//! How many file descriptors the process may have.

/// The limit of the process, if it has one.
#[cfg(unix)]
pub(super) fn limit() -> Option<usize> {
    use rustix::process::{Resource, getrlimit};
    usize::try_from(getrlimit(Resource::Nofile).current?).ok()
}

/// The limit of the process, if it has one.
#[cfg(not(unix))]
pub(super) fn limit() -> Option<usize> {
    None
}
