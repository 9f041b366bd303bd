//! A few connections, opened when they are needed.

use super::failure::{failed, not_connected};
use cloudevents_core::{Error, ErrorKind};
use futures_util::future::BoxFuture;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_postgres::{
    CancelToken, Client, Config, Socket,
    tls::{MakeTlsConnect, TlsConnect},
};

/// The most connections: a worker makes up to four calls at a time, and claims look for messages that came late.
const MOST: usize = 5;

/// How long a call may take, connecting included.
const LIMIT: Duration = Duration::from_secs(30);

/// How long the server waits in a transaction for the next statement, which follows at once, and for this program to read.
const PATIENCE: Duration = Duration::from_secs(10);

/// A call that was given up after so long was perhaps given up because its connection is silent.
const SILENT: Duration = Duration::from_secs(1);

/// How long the server may take to cancel a call that was given up, and to end its session.
const CANCELLED: Duration = Duration::from_secs(5);

/// After this long, the server is asked again to cancel a call: its statement may have been on the way.
const AGAIN: Duration = Duration::from_millis(500);

/// Statements find their rows by index, in its order, with any statistics of the planner and any settings of the server. The planner takes
/// a table for a small one if it was never analyzed, or was empty when it was analyzed. To compile such a statement takes longer than to
/// run it.
const PLANS: &str =
    "SET LOCAL jit = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off;
     SET LOCAL enable_mergejoin = off; SET LOCAL enable_indexscan = on; SET LOCAL enable_nestloop = on; SET LOCAL enable_hashjoin = on";

type Connect = Box<dyn Fn() -> BoxFuture<'static, Result<Connection, Error>> + Send + Sync>;
type Idle = Arc<Mutex<Vec<Connection>>>;
type Cancel = Arc<dyn Fn(CancelToken) -> BoxFuture<'static, ()> + Send + Sync>;

pub(super) struct Pool {
    connect: Connect,
    cancel: Cancel,
    idle: Idle,
    room: Arc<Semaphore>,
}

struct Connection {
    client: Client,
    /// Ends when the client is dropped and the server has answered.
    task: JoinHandle<()>,
    /// The runtime of the task. A call may be dropped outside of any runtime.
    runtime: Handle,
}

impl Pool {
    pub(super) fn new<T>(config: Config, tls: T) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let cancel: Cancel = {
            let tls = tls.clone();
            Arc::new(move |token| {
                let tls = tls.clone();
                Box::pin(async move {
                    if let Err(error) = token.cancel_query(tls).await {
                        tracing::debug!(%error, "a call to Postgres that was given up is not cancelled");
                    }
                })
            })
        };
        let connect: Connect = Box::new(move || {
            let (config, tls) = (config.clone(), tls.clone());
            Box::pin(async move {
                let (client, connection) = config.connect(tls).await.map_err(not_connected)?;
                // Its error is also that of the client's calls.
                let task = tokio::spawn(async move { drop(connection.await) });
                Ok(Connection { client, task, runtime: Handle::current() })
            })
        });
        Self { connect, cancel, idle: Idle::default(), room: Arc::new(Semaphore::new(MOST)) }
    }

    /// Does this with a connection. If the future is dropped, or it takes too long, the server cancels it and the connection is closed.
    /// Changes that were not committed are undone. It is not known whether a commit that was under way counts.
    pub(super) async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let working = async {
            let room = Arc::clone(&self.room).acquire_owned();
            let permit = room.await.map_err(|_| Error::new(ErrorKind::Closed))?;
            let connection = match self.take() {
                Some(connection) => connection,
                None => (self.connect)().await?,
            };
            let mut call = Call {
                under_way: Some((connection, permit)),
                began: Instant::now(),
                idle: Arc::clone(&self.idle),
                cancel: Arc::clone(&self.cancel),
            };
            let Some((connection, _)) = &mut call.under_way else {
                return Err(Error::new(ErrorKind::Closed));
            };
            let worked = work(&mut connection.client).await;
            if let (Some((connection, _)), true) = (call.under_way.take(), worked.is_ok()) {
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            }
            worked
        };
        timeout(LIMIT, working).await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Timeout)
                .with_detail(format!("Postgres did not respond within {LIMIT:?}")))
        })
    }

    /// Does this in a transaction.
    ///
    /// Others wait for its locks. So the server ends it if this program says nothing for [`PATIENCE`] in the middle of it, or reads nothing
    /// of a result: because it is frozen, or its machine is gone, which the server might notice hours later. The time of idle transactions
    /// does not pass while a result is being written, and nor does any other of the server: that is up to TCP, and without a limit on Unix
    /// sockets.
    pub(super) async fn transact<T>(
        &self,
        work: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let patience = PATIENCE.as_millis();
        let begin = format!(
            "BEGIN; SET LOCAL idle_in_transaction_session_timeout = {patience}; SET LOCAL tcp_user_timeout = {patience}; {PLANS}"
        );
        self.run(async |client| {
            // A failure in between costs the connection, and the transaction ends with it.
            client.batch_execute(&begin).await.map_err(failed)?;
            let worked = work(client).await?;
            client.batch_execute("COMMIT").await.map_err(failed)?;
            Ok(worked)
        })
        .await
    }

    fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| idle.pop()).find(|connection| !connection.client.is_closed())
    }
}

/// A call. If it is dropped in the middle, the server cancels it. Its permit is free when the session has ended.
struct Call {
    under_way: Option<(Connection, OwnedSemaphorePermit)>,
    began: Instant,
    idle: Idle,
    cancel: Cancel,
}

impl Drop for Call {
    fn drop(&mut self) {
        let Some((Connection { client, mut task, runtime }, permit)) = self.under_way.take() else { return };
        if self.began.elapsed() >= SILENT {
            // The server may have failed over without a word: idle connections would be silent, too.
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        let cancel = Arc::clone(&self.cancel);
        runtime.spawn(async move {
            let (token, end) = (client.cancel_token(), task.abort_handle());
            drop(client);
            let mut permit = Some(permit);
            let ending = async {
                loop {
                    let _ = timeout(AGAIN, cancel(token.clone())).await;
                    if timeout(AGAIN, &mut task).await.is_ok() {
                        return;
                    }
                    // Of a connection that is silent, the session may last. Other calls do not wait for its end.
                    permit = None;
                }
            };
            let _ = timeout(CANCELLED, ending).await;
            end.abort();
        });
    }
}
