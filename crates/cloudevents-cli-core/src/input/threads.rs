//! Work on events by several threads, with results in the order of the input.

use super::{Events, decoding::Decoding, located::Located, part::Part, reader::CHUNK};
use crate::failure::{Failure, Status};
use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, Sender, TryRecvError, channel},
    },
    thread,
};

/// The result of the work on one or more events.
#[derive(Debug)]
pub(crate) enum Piece {
    /// The output of this number of events.
    Output(Vec<u8>, usize),
    /// An event that the work left to the caller.
    Event(Box<Located>),
}

/// The pieces of an input, in its order.
///
/// The first part of the input is worked on by the thread that calls. When there are others, one thread reads and as many as there are
/// processors work, on a bounded number of bytes.
pub(crate) struct Pieces<M> {
    state: State<M>,
    pieces: std::vec::IntoIter<Piece>,
}

/// Appends the output of an event.
///
/// Returns `false`, for [`Piece::Event`], if the caller has to handle the event. The appended output is removed then.
pub(crate) trait Work: FnMut(&Located, &mut Vec<u8>) -> bool {}

impl<W: FnMut(&Located, &mut Vec<u8>) -> bool> Work for W {}

enum State<M> {
    /// Nothing was read.
    New(Events, M),
    /// The first part was read.
    Begun(Events, M),
    Running(Running),
    Ended,
}

/// The pieces of a part of the input, or why it cannot be read.
type Worked = Result<Vec<Piece>, Failure>;

/// Part of the input, and where its pieces are sent.
type Job = (Part, Sender<Worked>);

struct Running {
    /// The results of parts in order, each with the bytes that it holds.
    results: Receiver<(Receiver<Worked>, usize)>,
    /// The result that comes next, if it was looked for.
    next: Option<(Receiver<Worked>, usize)>,
    budget: Arc<Budget>,
}

impl Events {
    /// Works on the events with several threads. `make` creates the work of each thread.
    pub(crate) fn pieces<M, W>(self, make: M) -> Pieces<M>
    where
        M: Fn() -> W + Clone + Send + 'static,
        W: Work,
    {
        Pieces { state: State::New(self, make), pieces: Vec::new().into_iter() }
    }
}

impl<M, W> Pieces<M>
where
    M: Fn() -> W + Clone + Send + 'static,
    W: Work,
{
    /// Whether the next piece may have to be waited for.
    pub(crate) fn may_wait(&mut self) -> bool {
        self.pieces.len() == 0
            && match &mut self.state {
                State::Running(running) => !running.is_ready(),
                State::New(..) | State::Begun(..) => true,
                State::Ended => false,
            }
    }

    fn read(&mut self) -> Result<Option<Vec<Piece>>, Failure> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::New(mut events, make) => {
                let Some(part) = events.read()? else { return Ok(None) };
                let pieces = work(part, &events.decoding, &mut make());
                self.state = State::Begun(events, make);
                Ok(Some(pieces))
            }
            State::Begun(mut events, make) => {
                let Some(part) = events.read()? else { return Ok(None) };
                self.state = State::Running(Running::start(events, part, &make));
                self.read()
            }
            State::Running(mut running) => {
                let pieces = running.read()?;
                if pieces.is_some() {
                    self.state = State::Running(running);
                }
                Ok(pieces)
            }
            State::Ended => Ok(None),
        }
    }
}

impl<M, W> Iterator for Pieces<M>
where
    M: Fn() -> W + Clone + Send + 'static,
    W: Work,
{
    type Item = Result<Piece, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(piece) = self.pieces.next() {
                return Some(Ok(piece));
            }
            match self.read() {
                Ok(pieces) => self.pieces = pieces?.into_iter(),
                Err(failure) => return Some(Err(failure)),
            }
        }
    }
}

/// The number of bytes of the input that are held for each thread: enough that no thread waits for another.
const HELD: usize = 2 * CHUNK;

/// More threads would wait for the thread that reads.
const THREADS: usize = 8;

impl Running {
    fn start<M, W>(mut events: Events, first: Part, make: &M) -> Self
    where
        M: Fn() -> W + Clone + Send + 'static,
        W: Work,
    {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS);
        let budget = Arc::new(Budget::new(threads.saturating_mul(HELD)));
        let (jobs, waiting) = channel::<Job>();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads {
            let (waiting, make, decoding) = (Arc::clone(&waiting), make.clone(), events.decoding.clone());
            thread::spawn(move || {
                let mut with = make();
                let next = || locked(&waiting).recv();
                while let Ok((part, result)) = next() {
                    // If the pieces are not wanted anymore, there is no other job.
                    let _ = result.send(Ok(work(part, &decoding, &mut with)));
                }
            });
        }
        let (order, results) = channel();
        let account = Arc::clone(&budget);
        thread::spawn(move || {
            let mut next = Ok(Some(first));
            while let Some(part) = next.transpose() {
                let (worked, result) = channel();
                let failed = part.is_err();
                let bytes = part.as_ref().map_or(0, |part| account.take(part.len()));
                let sent = match part {
                    Ok(part) => jobs.send((part, worked)).is_ok(),
                    Err(failure) => worked.send(Err(failure)).is_ok(),
                };
                if order.send((result, bytes)).is_err() || !sent || failed {
                    break;
                }
                next = events.read();
            }
        });
        Self { results, next: None, budget }
    }

    fn is_ready(&mut self) -> bool {
        if self.next.is_none() {
            match self.results.try_recv() {
                Ok(next) => self.next = Some(next),
                Err(error) => return error == TryRecvError::Disconnected,
            }
        }
        // Results come soon: only the input may be waited for.
        true
    }

    fn read(&mut self) -> Result<Option<Vec<Piece>>, Failure> {
        let Some((result, bytes)) = self.next.take().or_else(|| self.results.recv().ok()) else {
            return Ok(None);
        };
        let pieces = result.recv();
        self.budget.give(bytes);
        pieces.unwrap_or_else(|_| Err(Failure::new(Status::Usage, "a thread failed"))).map(Some)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The thread that reads ends when it sends the next result.
        self.budget.give(usize::MAX);
    }
}

fn work(mut part: Part, decoding: &Decoding, with: &mut impl Work) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut output = Vec::with_capacity(part.len());
    let mut events = 0_usize;
    while let Some(located) = part.next(decoding) {
        let before = output.len();
        if with(&located, &mut output) {
            events = events.saturating_add(1);
            continue;
        }
        output.truncate(before);
        if events > 0 {
            pieces.push(Piece::Output(std::mem::take(&mut output), std::mem::take(&mut events)));
        }
        pieces.push(Piece::Event(Box::new(located)));
    }
    if events > 0 {
        pieces.push(Piece::Output(output, events));
    }
    pieces
}

/// A number of bytes that may be held.
struct Budget {
    all: usize,
    free: Mutex<usize>,
    given: Condvar,
}

impl Budget {
    fn new(all: usize) -> Self {
        Self { all, free: Mutex::new(all), given: Condvar::new() }
    }

    /// Takes this many bytes, or all if there are not as many, when they are free. Returns the number taken.
    fn take(&self, bytes: usize) -> usize {
        let bytes = bytes.max(CHUNK).min(self.all);
        let wait = self.given.wait_while(locked(&self.free), |free| *free < bytes);
        let mut free = wait.unwrap_or_else(PoisonError::into_inner);
        *free = free.saturating_sub(bytes);
        bytes
    }

    fn give(&self, bytes: usize) {
        let mut free = locked(&self.free);
        *free = free.saturating_add(bytes);
        self.given.notify_one();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
