//! Standard error that a thread writes, for commands that go on for ever: one that is not read must not hold them up.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread,
    time::Duration,
};

/// The most texts that wait to be written. Others are left out, and their number is written when there is room again.
const WAITING: usize = 1024;

/// How long what waits may take to be written at the end.
const LAST: Duration = Duration::from_secs(1);

/// Where texts go that a thread writes. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Aside {
    texts: SyncSender<Job>,
    left_out: Arc<AtomicUsize>,
}

enum Job {
    Write(String),
    /// Reports that everything before was written.
    Flush(Sender<()>),
}

impl Aside {
    /// Starts the thread; `None` if there can be none.
    pub(crate) fn start() -> Option<Self> {
        Self::to(io::stderr())
    }

    fn to(out: impl Write + Send + 'static) -> Option<Self> {
        let (texts, jobs) = sync_channel(WAITING);
        let aside = Self { texts, left_out: Arc::default() };
        let left_out = Arc::clone(&aside.left_out);
        thread::Builder::new().name("report".to_owned()).spawn(move || write(out, &jobs, &left_out)).ok()?;
        Some(aside)
    }

    /// Writes a text, or leaves it out if too many wait.
    pub(crate) fn write(&self, text: String) {
        if self.texts.try_send(Job::Write(text)).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything before is written, for a limited time.
    pub(crate) fn flush(&self) {
        let (flushed, is_flushed) = channel();
        if self.texts.try_send(Job::Flush(flushed)).is_ok() {
            let _ = is_flushed.recv_timeout(LAST);
        }
    }
}

fn write(mut out: impl Write, jobs: &Receiver<Job>, left_out: &AtomicUsize) {
    for job in jobs {
        // If standard error is closed, nothing can be reported.
        match job {
            Job::Write(text) => drop(out.write_all(text.as_bytes())),
            Job::Flush(flushed) => drop(flushed.send(())),
        }
        let missing = left_out.swap(0, Ordering::Relaxed);
        if missing > 0 {
            let _ = writeln!(out, "warning: standard error was not read: {missing} reports are left out");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn what_is_not_read_holds_up_nothing_and_is_counted() {
        let (mut reader, writer) = io::pipe().unwrap();
        let aside = Aside::to(writer).unwrap();
        let line = format!("{}\n", "x".repeat(4095));
        // A pipe has 64 KiB or more.
        for _ in 0..3 * WAITING {
            aside.write(line.clone());
        }
        drop(aside);
        let mut read = String::new();
        reader.read_to_string(&mut read).unwrap();
        let (written, told): (Vec<_>, Vec<_>) = read.lines().partition(|found| *found == line.trim_end());
        let missing =
            told.iter().map(|words| words.split(' ').find_map(|word| word.parse::<usize>().ok()).unwrap());
        let missing: usize = missing.sum();
        assert!(missing > WAITING && told.iter().all(|words| words.starts_with("warning")), "{missing}");
        assert_eq!(written.len() + missing, 3 * WAITING);
    }
}
