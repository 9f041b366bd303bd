//! The last bytes of a stream.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// The last bytes of a stream that a thread reads to its end.
#[derive(Debug)]
pub(super) struct Tail {
    kept: Arc<Mutex<Kept>>,
    /// Disconnected when the stream has ended.
    ended: Receiver<()>,
}

#[derive(Debug, Default)]
struct Kept {
    bytes: VecDeque<u8>,
    dropped: bool,
}

impl Tail {
    /// Keeps the last `limit` bytes of the stream.
    pub(super) fn of(mut stream: impl Read + Send + 'static, limit: usize) -> Self {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let (end, ended) = channel::<()>();
        let shared = Arc::clone(&kept);
        thread::spawn(move || {
            let _end = end;
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                let mut kept = shared.lock().unwrap_or_else(PoisonError::into_inner);
                kept.bytes.extend(buffer.get(..count).unwrap_or_default());
                let surplus = kept.bytes.len().saturating_sub(limit);
                kept.bytes.drain(..surplus);
                kept.dropped |= surplus > 0;
            }
        });
        Tail { kept, ended }
    }

    /// Waits for the end of the stream, but no longer than this.
    pub(super) fn wait(&self, limit: Duration) {
        match self.ended.recv_timeout(limit) {
            Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => (),
        }
    }

    /// What was kept since this was last asked.
    pub(super) fn take(&self) -> String {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { bytes, dropped } = std::mem::take(&mut *kept);
        let text = String::from_utf8_lossy(&Vec::from(bytes)).into_owned();
        if dropped { format!("...{text}") } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(text: &'static str, limit: usize) -> String {
        let tail = Tail::of(text.as_bytes(), limit);
        tail.wait(Duration::from_secs(60));
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
        let tail = Tail::of("abc".as_bytes(), 10);
        tail.wait(Duration::from_secs(60));
        assert_eq!((tail.take().as_str(), tail.take().as_str()), ("abc", ""));
    }
}
