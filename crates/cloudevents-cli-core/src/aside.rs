//! Standard error that a thread writes, for commands that run without end. If nothing reads standard error, the command continues.

use crate::{global::ErrorFormat, plain::count, report::Report, style::Paint};
use std::{
    collections::VecDeque,
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// The most texts that wait to be written, as a rule. The oldest texts make room, because the last ones say why the program ends.
pub(crate) const WAITING: usize = 1024;

/// At the end: how long standard error may be left unread, and how long writing the waiting texts may take in all.
///
/// A thread that is late on a busy machine looks like a reader that does not read.
const UNREAD: Duration = Duration::from_secs(3);
const LAST: Duration = Duration::from_secs(10);

/// Where texts go that a thread writes. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Aside {
    shared: Arc<Shared>,
    /// How long standard error may be left unread at the end.
    unread: Duration,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<String>,
    /// How many texts were dropped for later ones, and were not reported as left out yet.
    left_out: usize,
    /// How many were written.
    written: usize,
    is_writing: bool,
    /// The most texts that may wait.
    most: usize,
}

impl Aside {
    /// Starts the thread; `None` if there can be none. At most so many texts wait.
    pub(crate) fn start(errors: ErrorFormat, most: usize) -> Option<Self> {
        Self::to(io::stderr(), errors, most)
    }

    fn to(mut out: impl Write + Send + 'static, errors: ErrorFormat, most: usize) -> Option<Self> {
        let state = Mutex::new(State { most, ..State::default() });
        let shared = Arc::new(Shared { state, ..Shared::default() });
        let aside = Self { shared: Arc::clone(&shared), unread: UNREAD };
        let write = move || {
            loop {
                // If standard error is closed, nothing can be reported.
                let (left_out, text) = shared.next();
                if left_out > 0 {
                    let _ = out.write_all(missing(left_out, errors).as_bytes());
                }
                let _ = out.write_all(text.as_bytes());
            }
        };
        thread::Builder::new().name("report".to_owned()).spawn(write).ok()?;
        Some(aside)
    }

    /// Writes a text. If too many wait, the oldest one is left out.
    pub(crate) fn write(&self, text: String) {
        let mut state = self.shared.state();
        if state.waiting.len() >= state.most {
            state.waiting.pop_front();
            state.left_out = state.left_out.saturating_add(1);
        }
        state.waiting.push_back(text);
        self.shared.changed.notify_all();
    }

    /// Waits until everything is written, however long that takes.
    pub(crate) fn finish(&self) {
        drop(self.shared.changed.wait_while(self.shared.state(), |state| state.is_busy()));
    }

    /// Waits until everything is written, as long as it is read, and for a limited time.
    pub(crate) fn flush(&self) {
        let end = Instant::now().checked_add(LAST);
        let mut state = self.shared.state();
        while state.is_busy() && end.is_none_or(|end| Instant::now() < end) {
            let before = state.written;
            let unread = |state: &mut State| state.is_busy() && state.written == before;
            let (after, waited) = self
                .shared
                .changed
                .wait_timeout_while(state, self.unread, unread)
                .unwrap_or_else(PoisonError::into_inner);
            if waited.timed_out() {
                return;
            }
            state = after;
        }
    }
}

impl State {
    fn is_busy(&self) -> bool {
        self.is_writing || !self.waiting.is_empty()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last text is written. Waits for the next one, and returns how many were left out before it.
    fn next(&self) -> (usize, String) {
        let mut state = self.state();
        state.written = state.written.wrapping_add(usize::from(state.is_writing));
        state.is_writing = false;
        self.changed.notify_all();
        loop {
            if let Some(text) = state.waiting.pop_front() {
                state.is_writing = true;
                self.changed.notify_all();
                return (std::mem::take(&mut state.left_out), text);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn missing(number: usize, errors: ErrorFormat) -> String {
    let words = format!("standard error was not read: {} left out", count(number, "report"));
    let report = Report::warning(words).kind("left-out");
    match errors {
        ErrorFormat::Text => report.to_text(Paint(false), None),
        ErrorFormat::Json => report.to_json(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};

    fn line(number: usize) -> String {
        format!("{number:09}{}\n", "x".repeat(4086))
    }

    /// The numbers of the lines that are read up to this one, and how many others were reported as left out.
    fn read(reader: io::PipeReader, last: usize) -> (Vec<usize>, usize) {
        let (mut written, mut left_out) = (Vec::new(), 0);
        for line in BufReader::new(reader).lines().map(Result::unwrap) {
            match line.strip_prefix("warning: standard error was not read: ") {
                Some(told) => {
                    left_out += told.split(' ').next().unwrap().replace(',', "").parse::<usize>().unwrap()
                }
                None => written.push(line.get(..9).unwrap().parse().unwrap()),
            }
            if written.last() == Some(&last) {
                break;
            }
        }
        (written, left_out)
    }

    #[test]
    fn what_is_not_read_holds_up_nothing_and_is_counted() {
        let (reader, writer) = io::pipe().unwrap();
        let aside = Aside::to(writer, ErrorFormat::Text, WAITING).unwrap();
        // A pipe has 64 KiB or more.
        (0..3 * WAITING).for_each(|number| aside.write(line(number)));
        let (written, left_out) = read(reader, 3 * WAITING - 1);
        assert!(left_out > WAITING, "{left_out}");
        assert_eq!(written.len() + left_out, 3 * WAITING);
        assert!(written.ends_with(&Vec::from_iter(2 * WAITING..3 * WAITING)), "the last ones are there");
    }

    /// The thread ends with the program, which ends behind this.
    #[test]
    fn the_end_waits_for_a_reader_that_is_late_or_slow() {
        let (reader, writer) = io::pipe().unwrap();
        let mut aside = Aside::to(writer, ErrorFormat::Text, WAITING).unwrap();
        // The reader takes longer in all, but never leaves it unread so long, however slow this machine is.
        aside.unread = Duration::from_secs(4);
        let between = aside.unread / 50;
        (0..3 * WAITING).for_each(|number| aside.write(line(number)));
        let reading = thread::spawn(move || {
            thread::sleep(Duration::from_millis(250)); // it is late
            let (mut reader, mut written, mut bytes) = (reader, 0, [0; 64 << 10]);
            loop {
                thread::sleep(between); // and slow
                match io::Read::read(&mut reader, &mut bytes).unwrap() {
                    0 => return written,
                    read => written += read,
                }
            }
        });
        aside.flush();
        assert!(!aside.shared.state().is_busy(), "everything is written");
        drop(reading); // the pipe stays open
    }

    #[test]
    fn without_a_bound_nothing_is_left_out_however_late_it_is_read() {
        let (reader, writer) = io::pipe().unwrap();
        let aside = Aside::to(writer, ErrorFormat::Text, usize::MAX).unwrap();
        (0..3 * WAITING).for_each(|number| aside.write(line(number)));
        let reading = thread::spawn(move || {
            thread::sleep(UNREAD + UNREAD / 4); // later than `flush` would wait for
            read(reader, 3 * WAITING - 1)
        });
        aside.finish();
        assert!(!aside.shared.state().is_busy(), "everything is written");
        assert_eq!(reading.join().unwrap(), (Vec::from_iter(0..3 * WAITING), 0));
    }

    #[test]
    fn the_end_does_not_wait_for_what_is_not_read() {
        let (_reader, writer) = io::pipe().unwrap();
        let aside = Aside::to(writer, ErrorFormat::Text, WAITING).unwrap();
        (0..3 * WAITING).for_each(|number| aside.write(line(number)));
        let begin = Instant::now();
        aside.flush();
        assert!((UNREAD..LAST).contains(&begin.elapsed()), "{:?}", begin.elapsed());
        assert!(aside.shared.state().is_busy());
    }
}
