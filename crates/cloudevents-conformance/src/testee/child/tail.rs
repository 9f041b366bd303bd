//! The last bytes of a stream.

use std::collections::VecDeque;
use std::io;
use std::process::ChildStderr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use source::Source;

/// The last bytes of a stream that a thread reads to its end.
#[derive(Debug)]
pub(super) struct Tail {
    kept: Arc<Mutex<Kept>>,
    source: Arc<Source>,
    /// Disconnected when the stream has ended.
    ended: Receiver<()>,
}

#[derive(Debug)]
struct Kept {
    bytes: VecDeque<u8>,
    limit: usize,
    dropped: bool,
}

impl Tail {
    /// Keeps the last `limit` bytes of the stream.
    pub(super) fn of(stream: ChildStderr, limit: usize) -> io::Result<Self> {
        let kept = Arc::new(Mutex::new(Kept { bytes: VecDeque::new(), limit, dropped: false }));
        let source = Arc::new(Source::new(stream)?);
        let (end, ended) = channel::<()>();
        let (theirs, stream) = (Arc::clone(&kept), Arc::clone(&source));
        thread::spawn(move || {
            let _end = end;
            while stream.read_more(&theirs) {}
        });
        Ok(Tail { kept, source, ended })
    }

    /// Waits for the end of the stream, but no longer than this.
    pub(super) fn wait(&self, limit: Duration) {
        match self.ended.recv_timeout(limit) {
            Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => (),
        }
    }

    /// The kept text that was written before this call and after the last call.
    pub(super) fn take(&self) -> String {
        let mut kept = lock(&self.kept);
        self.source.read_what_is_there(&mut kept);
        let bytes = std::mem::take(&mut kept.bytes);
        let dropped = std::mem::take(&mut kept.dropped);
        let text = String::from_utf8_lossy(&Vec::from(bytes)).into_owned();
        if dropped { format!("...{text}") } else { text }
    }
}

impl Kept {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let surplus = self.bytes.len().saturating_sub(self.limit);
        self.bytes.drain(..surplus);
        self.dropped |= surplus > 0;
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stream whose readers hold the lock while they read the bytes that are there, without waiting.
///
/// So no bytes are between the stream and the kept bytes when another thread looks.
#[cfg(unix)]
mod source {
    use std::fs::File;
    use std::io::{self, ErrorKind, Read};
    use std::os::fd::OwnedFd;
    use std::process::ChildStderr;
    use std::sync::Mutex;

    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::io::ioctl_fionbio;

    use super::{Kept, lock};

    #[derive(Debug)]
    pub(super) struct Source(File);

    impl Source {
        pub(super) fn new(stream: ChildStderr) -> io::Result<Self> {
            // Only the harness' end of the pipe: the testee's stays as it is.
            let stream = OwnedFd::from(stream);
            ioctl_fionbio(&stream, true)?;
            Ok(Source(File::from(stream)))
        }

        /// Waits for bytes, and reads them. False at the end.
        pub(super) fn read_more(&self, kept: &Mutex<Kept>) -> bool {
            match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], None) {
                Ok(_) => self.read_what_is_there(&mut lock(kept)),
                Err(error) => error == rustix::io::Errno::INTR,
            }
        }

        /// False at the end.
        pub(super) fn read_what_is_there(&self, kept: &mut Kept) -> bool {
            let mut buffer = [0; 4096];
            // At most as many bytes as a pipe holds, so that reading ends even if the testee writes without end.
            for _ in 0..256 {
                match (&self.0).read(&mut buffer) {
                    Ok(0) => return false,
                    Ok(count) => kept.add(buffer.get(..count).unwrap_or_default()),
                    Err(error) if error.kind() == ErrorKind::Interrupted => (),
                    Err(error) => return error.kind() == ErrorKind::WouldBlock,
                }
            }
            true
        }
    }
}

/// Where a stream cannot be read without waiting, only the thread reads it, and the last bytes may be missing.
#[cfg(not(unix))]
mod source {
    use std::io::{self, Read};
    use std::process::ChildStderr;
    use std::sync::{Mutex, PoisonError};

    use super::{Kept, lock};

    #[derive(Debug)]
    pub(super) struct Source(Mutex<ChildStderr>);

    impl Source {
        #[allow(clippy::unnecessary_wraps)] // As its sibling.
        pub(super) fn new(stream: ChildStderr) -> io::Result<Self> {
            Ok(Source(Mutex::new(stream)))
        }

        /// Waits for bytes, and reads them. False at the end.
        pub(super) fn read_more(&self, kept: &Mutex<Kept>) -> bool {
            let mut buffer = [0; 4096];
            let count =
                self.0.lock().unwrap_or_else(PoisonError::into_inner).read(&mut buffer).unwrap_or_default();
            lock(kept).add(buffer.get(..count).unwrap_or_default());
            count > 0
        }

        #[allow(clippy::unused_self)] // As its sibling.
        pub(super) fn read_what_is_there(&self, _: &mut Kept) {}
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// Runs a shell script whose standard error is kept.
    fn script(script: &str, limit: usize) -> (Child, Tail) {
        let mut command = Command::new("sh");
        let mut child = command.args(["-c", script]).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        (child, Tail::of(stderr, limit).unwrap())
    }

    fn tail(text: &'static str, limit: usize) -> String {
        let (mut child, tail) = script(&format!("printf %s '{text}' >&2"), limit);
        tail.wait(Duration::from_secs(60));
        assert!(child.wait().unwrap().success());
        tail.take()
    }

    #[test]
    fn the_last_bytes_are_kept() {
        assert_eq!(tail("abcdef", 100), "abcdef");
        assert_eq!(tail("abcdef", 6), "abcdef");
        assert_eq!(tail("abcdef", 2), "...ef");
        assert_eq!(tail("", 2), "");
    }

    #[test]
    fn what_was_taken_is_gone() {
        let (mut child, tail) = script("printf abc >&2", 10);
        assert!(child.wait().unwrap().success());
        assert_eq!((tail.take().as_str(), tail.take().as_str()), ("abc", ""));
    }

    // The thread that reads may be late: what was written before an answer belongs to this answer all the same.
    #[test]
    fn what_was_written_before_is_there_at_once() {
        for round in 0..200 {
            let (mut child, tail) = script("printf abc >&2", 10);
            assert!(child.wait().unwrap().success());
            assert_eq!(tail.take(), "abc", "in round {round}");
        }
    }
}
