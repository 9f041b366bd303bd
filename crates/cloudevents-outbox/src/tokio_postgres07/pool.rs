//! A few connections, opened when they are needed.

use super::failure::not_connected;
use cloudevents_core::{Error, ErrorKind};
use futures_util::future::BoxFuture;
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::Semaphore, time::timeout};
use tokio_postgres::{
    Client, Config, Socket,
    tls::{MakeTlsConnect, TlsConnect},
};

/// The most connections: a worker makes up to four calls at a time.
const MOST: usize = 4;

/// How long a call may take, connecting included.
const LIMIT: Duration = Duration::from_secs(30);

type Connect = Box<dyn Fn() -> BoxFuture<'static, Result<Client, Error>> + Send + Sync>;

pub(super) struct Pool {
    connect: Connect,
    idle: Mutex<Vec<Client>>,
    room: Semaphore,
}

impl Pool {
    pub(super) fn new<T>(config: Config, tls: T) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let connect: Connect = Box::new(move || {
            let (config, tls) = (config.clone(), tls.clone());
            Box::pin(async move {
                let (client, connection) = config.connect(tls).await.map_err(not_connected)?;
                // It ends when the client is dropped. Its error is also that of the client's calls.
                tokio::spawn(async move { drop(connection.await) });
                Ok(client)
            })
        });
        Self { connect, idle: Mutex::default(), room: Semaphore::new(MOST) }
    }

    /// Does this with a connection. If the future is dropped, or it takes too long, the connection is closed: what was not committed
    /// is undone.
    pub(super) async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let working = async {
            let _permit = self.room.acquire().await.map_err(|_| Error::new(ErrorKind::Closed))?;
            let mut client = match self.take() {
                Some(client) => client,
                None => (self.connect)().await?,
            };
            let worked = work(&mut client).await;
            if worked.is_ok() {
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
            }
            worked
        };
        timeout(LIMIT, working).await.unwrap_or_else(|_| {
            // The server may have failed over without a word: idle connections would be silent, too.
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
            Err(Error::new(ErrorKind::Timeout)
                .with_detail(format!("Postgres did not respond within {LIMIT:?}")))
        })
    }

    fn take(&self) -> Option<Client> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| idle.pop()).find(|client| !client.is_closed())
    }
}
