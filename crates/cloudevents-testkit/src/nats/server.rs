//! The server: a thread with its own runtime.

use super::{client, routes::Routes};
use crate::serving::Serving;
use std::{
    fmt, io,
    net::TcpListener,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// How a [`Server`] behaves.
///
/// ```
/// use cloudevents_testkit::nats::{Server, ServerOptions};
///
/// let mut options = ServerOptions::default();
/// options.users.push(("alice".into(), "secret".into()));
/// options.max_payload = 1024;
/// let server = Server::with_options(options)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// Users and passwords. Default: none. Without users and tokens, anyone may connect.
    pub users: Vec<(String, String)>,
    /// Tokens. Default: none.
    pub tokens: Vec<String>,
    /// Subjects to which no client may publish or subscribe, with wildcards. Default: none.
    pub denied: Vec<String>,
    /// The most bytes of a message, headers included. A larger one ends the connection. Default: 1 MiB.
    pub max_payload: usize,
    /// Whether messages may have headers. Default: yes.
    pub headers: bool,
    /// How many bytes may wait for a client that does not read. One more ends its connection at once, without an error, as nats-server ends
    /// the connection of a slow consumer. Default: 64 MiB.
    pub max_pending: usize,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            users: Vec::new(),
            tokens: Vec::new(),
            denied: Vec::new(),
            max_payload: 1 << 20,
            headers: true,
            max_pending: 64 << 20,
        }
    }
}

/// A server of core NATS on a port of 127.0.0.1: see the [module](super). Dropping it stops it.
///
/// It has its own thread and runtime, so any code can start and inspect it, async or not.
pub struct Server {
    shared: Arc<Shared>,
    serving: Serving,
}

/// The state that all connections share.
pub(super) struct Shared {
    pub(super) options: ServerOptions,
    pub(super) port: Mutex<u16>,
    routes: Mutex<Routes>,
    pub(super) changed: Notify,
}

impl Server {
    /// Starts a server on a free port.
    pub fn start() -> io::Result<Self> {
        Self::with_options(ServerOptions::default())
    }

    /// Starts a server with these options on a free port.
    pub fn with_options(options: ServerOptions) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            options,
            port: Mutex::default(),
            routes: Mutex::default(),
            changed: Notify::new(),
        });
        let mut server = Self { shared, serving: Serving::new("nats-server") };
        server.restart()?;
        Ok(server)
    }

    /// The URL of a subject on this server: `nats://127.0.0.1:40123/orders`. The subject is not escaped.
    pub fn url(&self, subject: &str) -> String {
        format!("nats://{}/{subject}", self.serving.address())
    }

    /// The port, which stays the same when the server is stopped and started again.
    pub fn port(&self) -> u16 {
        self.serving.address().port()
    }

    /// How many subscriptions would get a message to this subject. Members of a queue group count one by one.
    pub fn subscriptions(&self, subject: &str) -> usize {
        self.shared.routes().matching(subject)
    }

    /// Waits until this many subscriptions would get a message to this subject. Use it with a timeout.
    pub async fn has_subscriptions(&self, subject: &str, count: usize) {
        loop {
            let changed = self.shared.changed.notified();
            if self.subscriptions(subject) == count {
                return;
            }
            changed.await;
        }
    }

    /// Stops listening and closes every connection, like a crash. Returns when no task runs any more.
    pub fn stop(&mut self) {
        self.serving.stop();
        *self.shared.routes() = Routes::default();
    }

    /// Starts the server again, on the same port. Does nothing if it is running.
    pub fn restart(&mut self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        self.serving.start(|listener| listen(shared, listener))
    }
}

async fn listen(shared: Arc<Shared>, listener: TcpListener) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let Ok(address) = listener.local_addr() else { return };
    *lock(&shared.port) = address.port();
    let mut number = 0_u64;
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            number = number.wrapping_add(1);
            tokio::spawn(client::serve(Arc::clone(&shared), number, stream));
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("serving", &self.serving).finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn routes(&self) -> MutexGuard<'_, Routes> {
        lock(&self.routes)
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
