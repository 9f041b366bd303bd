//! A connection of the client, which does not reconnect by itself.

use super::{
    failure,
    options::{Login, Target},
    stream::{Limits, Watched, guarded},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Host,
    binding::{
        Secrets, Stream,
        connect::{ended, login},
        disconnected,
    },
};
use redis::{AsyncConnectionConfig, Cmd, RedisConnectionInfo, RedisError, Value, aio::MultiplexedConnection};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    sync::watch,
    task::AbortHandle,
    time::{sleep, timeout},
};

/// A command with these arguments.
pub(super) fn command(name: &str, arguments: &[&str]) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(arguments);
    command
}

/// A connection. When the last clone is dropped, it is closed.
#[derive(Clone)]
pub(super) struct Wire {
    connection: MultiplexedConnection,
    /// Why it has ended.
    ended: watch::Receiver<Option<Error>>,
    task: Arc<Abort>,
    secrets: Arc<Secrets>,
}

struct Abort(AbortHandle);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Wire {
    /// Connects to this host, logs in, and sees that the server is ready, and no replica. So many commands may be on their way at once.
    pub(super) async fn open(
        target: &Target,
        host: &Host,
        limits: Limits,
        commands: usize,
    ) -> Result<Self, Error> {
        let login = login(target.options.logins.as_ref(), target.options.login.as_ref()).await?;
        let secrets = login.iter().fold(Secrets::default(), |all, login| all.with(login.password.expose()));
        let tcp = target.addresses.connect(host, 6379, target.options.connect_timeout).await;
        let tcp = tcp.map_err(|error| disconnected(format!("no connection to {host}: {error}")))?;
        let inner: Box<dyn Stream> = match target.tls {
            true => Box::new(target.options.tls.connect(host.name(), tcp).await?),
            false => Box::new(tcp),
        };
        let watched = Arc::new(Watched::default());
        let guard = guarded(inner, limits, Arc::clone(&watched));
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_pipeline_buffer_size(commands.saturating_add(16));
        let connected =
            MultiplexedConnection::new_with_config(&info(target, login.as_ref()), guard, config).await;
        let (connection, driver) = connected.map_err(|error| {
            let error = match watched.why.get() {
                Some(why) => disconnected(why)
                    .with_help("check that the port is one of Redis, and whether it expects TLS"),
                None => failure::of(&error),
            };
            secrets.hidden_in(error)
        })?;
        let (sender, ended) = watch::channel(None);
        let (probe, keep_alive, seen) = (connection.clone(), target.options.keep_alive, Arc::clone(&watched));
        let task = tokio::spawn(async move {
            let silent = tokio::select! {
                () = driver => None,
                () = silence(probe, keep_alive, &seen) => Some("the server does not answer"),
            };
            let why = silent.or(seen.why.get().copied()).unwrap_or("the server closed the connection");
            sender.send_replace(Some(disconnected(why)));
        });
        let task = Arc::new(Abort(task.abort_handle()));
        let wire = Self { connection, ended, task, secrets: Arc::new(secrets) };
        wire.ask(&command("PING", &[])).await?;
        // A user who may not ask finds out later.
        if let Ok(Value::Array(role)) = wire.ask(&command("ROLE", &[])).await
            && role.first() == Some(&Value::BulkString(b"slave".into()))
        {
            let error = disconnected(format!("{host} is a replica"));
            return Err(error.with_help("name the master among the hosts of the URL"));
        }
        target.addresses.worked();
        Ok(wire)
    }

    /// Sends a command, when this is first polled, and waits for the answer.
    pub(super) async fn ask(&self, command: &Cmd) -> Result<Value, Error> {
        let answered = self.connection.clone().send_packed_command(command).await;
        self.answer(answered)
    }

    /// An answer, or the error that it is.
    pub(super) fn answer(&self, answered: Result<Value, RedisError>) -> Result<Value, Error> {
        let answer = answered.and_then(Value::extract_error);
        answer.map_err(|error| self.reason(failure::of(&error)))
    }

    /// The same for several commands, in one write.
    pub(super) async fn ask_all(
        &self,
        commands: &redis::Pipeline,
        count: usize,
    ) -> Result<Vec<Value>, Error> {
        let answered = self.connection.clone().send_packed_commands(commands, 0, count).await;
        answered.map_err(|error| self.reason(failure::of(&error)))
    }

    /// Returns when the connection is lost.
    pub(super) fn lost(&self) -> impl Future<Output = Error> + Send + 'static {
        ended(self.ended.clone())
    }

    /// Returns the handle that ends it.
    pub(super) fn cut(&self) -> AbortHandle {
        self.task.0.clone()
    }

    /// Why the connection has ended, where it has.
    fn reason(&self, error: Error) -> Error {
        let ended = self.ended.borrow().clone();
        // The host may be a replica now: another connection finds the host that is the master.
        if error.detail().starts_with("READONLY") {
            self.task.0.abort();
        }
        match error.kind() {
            ErrorKind::Disconnected => ended.unwrap_or_else(|| self.secrets.hidden_in(error)),
            _ => self.secrets.hidden_in(error),
        }
    }
}

/// Returns when the server answers nothing: a connection whose peer is gone looks like one that has nothing to say.
async fn silence(mut probe: MultiplexedConnection, keep_alive: Duration, watched: &Watched) {
    loop {
        sleep(keep_alive).await;
        let ping = command("PING", &[]);
        let mut answered = std::pin::pin!(probe.send_packed_command(&ping));
        loop {
            let before = watched.came.load(Ordering::Relaxed);
            match timeout(keep_alive, &mut answered).await {
                Ok(_) => break,
                Err(_) if watched.came.load(Ordering::Relaxed) == before => return,
                Err(_) => {} // something else is on its way
            }
        }
    }
}

fn info(target: &Target, login: Option<&Login>) -> RedisConnectionInfo {
    let info = RedisConnectionInfo::default().set_db(target.database).set_skip_set_lib_name();
    match login {
        Some(Login { user: Some(user), password }) => {
            info.set_username(user.expose()).set_password(password.expose())
        }
        Some(Login { user: None, password }) => info.set_password(password.expose()),
        None => info,
    }
}
