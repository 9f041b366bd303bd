//! Whether reading waits.

use std::path::Path;

/// Whether reading this input once more returns at once: it is a file, or standard input has more, or has ended. `-` is standard input.
pub(super) fn is_there_more(path: &Path) -> bool {
    match path == Path::new("-") {
        true => has_standard_input_more(),
        false => path.metadata().is_ok_and(|found| found.is_file()),
    }
}

#[cfg(unix)]
fn has_standard_input_more() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let input = std::io::stdin();
    poll(&mut [PollFd::new(&input, PollFlags::IN)], Some(&at_once)).is_ok_and(|ready| ready > 0)
}

#[cfg(not(unix))]
fn has_standard_input_more() -> bool {
    false
}
