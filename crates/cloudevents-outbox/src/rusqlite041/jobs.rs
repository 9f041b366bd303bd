//! Group commit: jobs that arrive while a transaction commits share the next transaction.

use super::failure::failed;
use cloudevents_core::{Error, ErrorKind};
use rusqlite::Connection;
use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::oneshot, task::spawn_blocking};

/// The most jobs of a transaction.
const TOGETHER: usize = 256;

/// A wait for the lock of writers after which it is logged: nothing is sent meanwhile.
const LONG: Duration = Duration::from_secs(5);

/// A job gets the connection, or the reason why there is no transaction. The function that it returns gets the result of the commit.
type Job = Box<dyn FnOnce(Result<&Connection, Error>, Undo) -> Finish + Send>;
type Finish = Box<dyn FnOnce(Result<(), Error>) + Send>;

type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// The changes that a failure of a job undoes.
#[derive(Clone, Copy)]
enum Undo {
    /// The transaction: there is no other job in it.
    Transaction,
    /// The job alone.
    Job,
}

pub(crate) struct Jobs {
    /// How a transaction begins: with the lock of writers, or without.
    begin: &'static str,
    connection: Mutex<Connection>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Whether a thread works on the jobs, or is about to.
    is_led: bool,
}

impl Jobs {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { begin: "BEGIN IMMEDIATE", connection: Mutex::new(connection), queue: Mutex::default() }
    }

    /// For jobs that only read.
    pub(crate) fn reading(connection: Connection) -> Self {
        Self { begin: "BEGIN", ..Self::new(connection) }
    }

    /// Does this in a transaction, perhaps with others. It is done even if the future is dropped.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.run_if(|_| true, work).await
    }

    /// As [`run`](Self::run), but if the future is dropped before its turn, nothing is done.
    pub(crate) async fn run_if_awaited<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.run_if(|reply| !reply.is_closed(), work).await
    }

    async fn run_if<T: Send + 'static>(
        self: &Arc<Self>,
        may: fn(&Reply<T>) -> bool,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection, undo| {
            let worked = connection.and_then(|connection| match undo {
                _ if !may(&reply) => Err(Error::new(ErrorKind::Closed)),
                Undo::Transaction => or_rollback(connection, work),
                Undo::Job => within_savepoint(connection, work),
            });
            Box::new(move |committed| drop(reply.send(worked.and_then(|value| committed.map(|()| value)))))
        });
        let lead = {
            let mut queue = lock(&self.queue);
            queue.jobs.push_back(job);
            !mem::replace(&mut queue.is_led, true)
        };
        if lead {
            let mut leader = Leader(Some(Arc::clone(self)));
            spawn_blocking(move || leader.work());
        }
        answer.await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Closed).with_detail("the runtime ended before the store was written"))
        })
    }

    fn work(&self) {
        let connection = lock(&self.connection);
        loop {
            let mut jobs: VecDeque<Job> = {
                let mut queue = lock(&self.queue);
                let some = queue.jobs.len().min(TOGETHER);
                if some == 0 {
                    queue.is_led = false;
                    return;
                }
                queue.jobs.drain(..some).collect()
            };
            let mut undo = if jobs.len() == 1 { Undo::Transaction } else { Undo::Job };
            while !jobs.is_empty() {
                self.transaction(&connection, &mut jobs, undo);
                // Left are those behind one with which SQLite has undone the transaction: the next one may do so, too.
                undo = Undo::Transaction;
            }
        }
    }

    /// Does jobs in a transaction: one, or all until a failure undoes the transaction. A full disk does, for example.
    fn transaction(&self, connection: &Connection, jobs: &mut VecDeque<Job>, undo: Undo) {
        if !connection.is_autocommit() {
            drop(connection.execute_batch("ROLLBACK")); // a job has panicked
        }
        let before = Instant::now();
        let begun = execute(connection, self.begin);
        log_wait(before.elapsed());
        let mut finishes: Vec<Finish> = Vec::with_capacity(jobs.len());
        while let Some(job) = jobs.pop_front() {
            finishes.push(job(begun.as_ref().map(|()| connection).map_err(Clone::clone), undo));
            if begun.is_ok() && (connection.is_autocommit() || matches!(undo, Undo::Transaction)) {
                break;
            }
        }
        let ended = begun.and_then(|()| match connection.is_autocommit() {
            true => Err(undone()),
            false => execute(connection, "COMMIT"),
        });
        if ended.is_err() && !connection.is_autocommit() {
            drop(connection.execute_batch("ROLLBACK"));
        }
        for finish in finishes {
            finish(ended.clone());
        }
    }
}

/// The error of the calls whose transaction another one has undone.
#[cold]
fn undone() -> Error {
    Error::new(ErrorKind::Transport)
        .with_detail("SQLite: the failure of another call has undone the transaction")
        .with_temporary(true)
}

/// Ends the jobs if the runtime drops the leader before it has begun, or if a job panics.
struct Leader(Option<Arc<Jobs>>);

impl Leader {
    fn work(&mut self) {
        if let Some(jobs) = &self.0 {
            jobs.work();
        }
        self.0 = None; // there may be another leader already
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        if let Some(jobs) = &self.0 {
            let mut queue = lock(&jobs.queue);
            queue.is_led = false;
            queue.jobs.clear();
        }
    }
}

/// A failure undoes the transaction.
fn or_rollback<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Error>,
) -> Result<T, Error> {
    let worked = work(connection);
    if worked.is_err() && !connection.is_autocommit() {
        execute(connection, "ROLLBACK")?;
    }
    worked
}

/// A failure undoes this job alone. Pages that the job changes are copied first, which takes time.
fn within_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Error>,
) -> Result<T, Error> {
    execute(connection, "SAVEPOINT job")?;
    let worked = work(connection);
    if worked.is_err() {
        if connection.is_autocommit() {
            return worked; // SQLite has undone the transaction
        }
        execute(connection, "ROLLBACK TO job")?;
    }
    execute(connection, "RELEASE job")?;
    worked
}

/// The file may be of an outbox, of an inbox, or of a gate.
fn log_wait(waited: Duration) {
    if waited >= LONG {
        tracing::warn!(?waited, "the file of SQLite was locked by another connection");
    }
}

fn execute(connection: &Connection, sql: &str) -> Result<(), Error> {
    connection.prepare_cached(sql).and_then(|mut sql| sql.execute([])).map(drop).map_err(failed)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_testkit::logged::Logged;

    #[test]
    fn a_long_wait_for_the_lock_is_logged_whoever_owns_the_file() {
        let log = Logged::begin();
        log_wait(LONG.saturating_sub(Duration::from_millis(1)));
        assert_eq!(log.text(), "");
        log_wait(LONG);
        let text = log.text();
        assert!(text.contains("the file of SQLite was locked by another connection"), "{text}");
        assert!(text.contains("waited=5s"), "{text}");
    }
}
