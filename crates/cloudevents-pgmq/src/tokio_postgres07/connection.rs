//! A connection to the server.

use super::{
    failure,
    options::Target,
    stream::{guarded, secured},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Host,
    binding::{Guard, Secrets, Stream, connect::ended, disconnected},
};
use futures_util::{FutureExt, TryStreamExt, future::join};
use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll, time::Duration};
use tokio::{
    sync::{Notify, RwLock, oneshot, watch},
    task::AbortHandle,
    time::{sleep, timeout},
};
use tokio_postgres::{
    AsyncMessage, Client, Connection, NoTls, Row,
    config::SslMode,
    tls::NoTlsStream,
    types::{ToSql, Type},
};

/// How long a connection that nothing uses any more may take to end.
const END: Duration = Duration::from_secs(5);

/// Whether this server has the queue, and tells of messages in it.
const CHECK: &str = "SELECT pg_is_in_recovery(), to_regclass('pgmq.meta') IS NOT NULL, \
     to_regprocedure('pgmq.set_vt(text,bigint[],integer)') IS NOT NULL, to_regclass($1) IS NOT NULL, \
     EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass($1) AND tgname = 'trigger_notify_queue_insert_listeners')";

/// A value of a statement, with its type.
pub(super) type Value<'a> = (&'a (dyn ToSql + Sync), Type);

/// A connection. When the last clone is dropped, it is closed.
#[derive(Clone)]
pub(super) struct Wire(Arc<Inner>);

struct Inner {
    client: Client,
    /// Alone, a statement is written between the beginning and the end of a transaction.
    gate: RwLock<()>,
    /// Why it has ended.
    ended: Arc<watch::Sender<Option<Error>>>,
    /// Notified when the server tells of a message.
    told: Arc<Notify>,
    task: AbortHandle,
    secrets: Secrets,
    /// Dropped with this.
    _alive: oneshot::Sender<()>,
}

impl Wire {
    /// Connects to this host, logs in, and sees that the server is ready, no standby, and has the queue.
    pub(super) async fn open(target: &Target, host: &Host) -> Result<Self, Error> {
        let wire = Self::begin(target, host).await?;
        wire.check(target).await?;
        target.addresses.worked();
        Ok(wire)
    }

    /// Connects to this host, and logs in.
    pub(super) async fn begin(target: &Target, host: &Host) -> Result<Self, Error> {
        let (mut config, secrets) = target.config().await?;
        config.ssl_mode(SslMode::Disable); // what there is of it, is below the client
        let tcp = target.addresses.connect(host, 5432, target.options.connect_timeout).await;
        let tcp = tcp.map_err(|error| disconnected(format!("no connection to {host}: {error}")))?;
        let inner: Box<dyn Stream> = match target.is_tls {
            true => secured(&target.options.tls, host.name(), tcp).await?,
            false => Box::new(tcp),
        };
        let connected = config.connect_raw(guarded(inner, target.most_answer), NoTls).await;
        let (client, connection) = connected.map_err(|error| secrets.hidden_in(failure::of(&error)))?;
        let (ended, told) = (Arc::new(watch::channel(None).0), Arc::new(Notify::new()));
        let (alive, dropped) = oneshot::channel();
        let task =
            tokio::spawn(run(connection, Arc::clone(&ended), Arc::clone(&told), dropped)).abort_handle();
        let gate = RwLock::new(());
        Ok(Self(Arc::new(Inner { client, gate, ended, told, task, secrets, _alive: alive })))
    }

    /// Whether the queue is there.
    pub(super) async fn check(&self, target: &Target) -> Result<(), Error> {
        self.look(target).await.map(drop)
    }

    /// Asks the server to tell of messages, where the queue has that.
    pub(super) async fn listen(&self, target: &Target) -> Result<(), Error> {
        if self.look(target).await? {
            let listen = format!("LISTEN {}", target.channel());
            self.query(&listen, &[], 0, target.options.statement_timeout).await?;
        }
        Ok(())
    }

    /// Whether the queue is there and tells of messages.
    async fn look(&self, target: &Target) -> Result<bool, Error> {
        let (table, limit) = (target.table(), target.options.statement_timeout);
        let rows = self.query(CHECK, &[(&table, Type::TEXT)], 1, limit).await?;
        let found = |index| rows.first().and_then(|row| row.try_get(index).ok()).unwrap_or(false);
        let [is_standby, has_pgmq, is_new, has_queue, tells] = [0, 1, 2, 3, 4].map(found);
        if is_standby {
            let error = disconnected("the server is a standby");
            return Err(error.with_help("name the primary among the hosts of the URL"));
        }
        if !has_pgmq {
            return Err(failure::no_pgmq("there is no pgmq in the database"));
        }
        if !is_new {
            return Err(failure::no_pgmq("the pgmq of the database is too old"));
        }
        if !has_queue {
            return Err(failure::no_queue(&format!("there is no queue `{}`", target.queue)));
        }
        Ok(tells)
    }

    /// Executes a statement that returns so many rows at most. When the server does not answer in time, the connection is lost.
    pub(super) async fn query(
        &self,
        statement: &str,
        values: &[Value<'_>],
        most: usize,
        limit: Duration,
    ) -> Result<Vec<Row>, Error> {
        let answer = async {
            let mut answer = pin!(self.rows(statement, values, most));
            let begun = {
                let _between = self.0.gate.read().await;
                // Writes the statement.
                poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await
            };
            match begun {
                Poll::Ready(rows) => rows,
                Poll::Pending => answer.await,
            }
        };
        self.within(limit, answer).await
    }

    /// The same in a transaction, which this statement begins. It is committed when the rows are here: without that, the server undoes what
    /// was done. The connection does not wait for the end of the transaction.
    pub(super) async fn query_within(
        &self,
        begin: &str,
        statement: &str,
        values: &[Value<'_>],
        most: usize,
        limit: Duration,
    ) -> Result<Vec<Row>, Error> {
        let client = &self.0.client;
        let answer = async {
            let _alone = self.0.gate.write().await;
            let (begun, rows) = join(client.batch_execute(begin), self.rows(statement, values, most)).await;
            // After a failure, this undoes it.
            let _written = client.batch_execute("COMMIT").now_or_never();
            begun.map_err(|error| self.reason(&error)).and(rows)
        };
        self.within(limit, answer).await
    }

    async fn within<T>(
        &self,
        limit: Duration,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match timeout(limit, answer).await {
            Ok(answered) => answered,
            Err(_) => {
                let why = format!("the server has not answered within {limit:?}");
                self.cut(disconnected(&why));
                Err(Error::new(ErrorKind::Timeout).with_detail(why))
            }
        }
    }

    async fn rows(&self, statement: &str, values: &[Value<'_>], most: usize) -> Result<Vec<Row>, Error> {
        let values = values.iter().map(|(value, kind)| (*value, kind.clone()));
        let answer = self.0.client.query_typed_raw(statement, values).await;
        let mut answer = pin!(answer.map_err(|error| self.reason(&error))?);
        let mut rows = Vec::new();
        while let Some(row) = answer.try_next().await.map_err(|error| self.reason(&error))? {
            if rows.len() == most {
                let error = failure::garbled("it has too many rows");
                self.cut(error.clone());
                return Err(error);
            }
            rows.push(row);
        }
        Ok(rows)
    }

    /// Returns when the server tells of a message.
    pub(super) async fn told(&self) {
        self.0.told.notified().await;
    }

    /// Returns when the connection is lost.
    pub(super) fn lost(&self) -> impl Future<Output = Error> + Send + 'static {
        ended(self.0.ended.subscribe())
    }

    /// Why the connection has ended, if it has.
    pub(super) fn ended(&self) -> Option<Error> {
        self.0.ended.borrow().clone()
    }

    fn cut(&self, why: Error) {
        end(&self.0.ended, why);
        self.0.task.abort();
    }

    /// Why a statement has failed: where the connection has ended, the reason of that.
    fn reason(&self, error: &tokio_postgres::Error) -> Error {
        let ended = self.ended();
        let error = self.0.secrets.hidden_in(failure::of(error));
        if error.kind() != ErrorKind::Disconnected {
            return error;
        }
        let error = ended.unwrap_or(error);
        // Of a standby, for example: the connection lives, and is of no use.
        self.cut(error.clone());
        error
    }
}

/// Reads and writes until the connection ends, or some time after nothing uses it any more.
async fn run(
    connection: Connection<Guard, NoTlsStream>,
    ended: Arc<watch::Sender<Option<Error>>>,
    told: Arc<Notify>,
    dropped: oneshot::Receiver<()>,
) {
    let over = async {
        let _ = dropped.await;
        sleep(END).await;
    };
    let why = tokio::select! {
        why = drive(connection, &told) => why,
        () = over => disconnected("the connection was closed"),
    };
    end(&ended, why);
}

async fn drive(mut connection: Connection<Guard, NoTlsStream>, told: &Notify) -> Error {
    loop {
        match poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notification(_))) => told.notify_one(),
            Some(Ok(_)) => {}
            Some(Err(error)) => return failure::of(&error),
            None => return disconnected("the connection was closed"),
        }
    }
}

/// The first reason stays.
fn end(ended: &watch::Sender<Option<Error>>, why: Error) {
    ended.send_if_modified(|known| {
        let is_first = known.is_none();
        known.get_or_insert(why);
        is_first
    });
}
