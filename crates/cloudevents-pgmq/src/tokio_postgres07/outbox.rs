//! The outbox of a program in place of a queue: the option `outbox` names a target of it.

use super::{
    PgmqReceiverOptions,
    options::{PgmqConnection, Target},
    secured::Secured,
};
use cloudevents_core::Error;
use cloudevents_outbox::{Outbox, OutboxReceiverOptions, tokio_postgres07::PostgresStore};
use cloudevents_transport::{
    Endpoint, Receiver, Side,
    binding::{Rejecting, connect::runtime, rejecting},
};
use tokio_postgres::{
    Config, NoTls,
    config::{SslMode, TargetSessionAttrs},
};

/// Options that are of a queue alone.
const OF_QUEUES: [&str; 5] = ["queue", "groups", "archive", "dead-letter", "max-message-size"];

/// The target that the URL names, if it names one.
///
/// Errors: [`InvalidUrl`](cloudevents_core::ErrorKind::InvalidUrl) if the URL also has options of a queue.
pub(super) fn named(endpoint: &Endpoint) -> Result<Option<&str>, Error> {
    let Some(target) = endpoint.option("outbox") else { return Ok(None) };
    match OF_QUEUES.into_iter().find(|name| endpoint.option(name).is_some()) {
        Some(name) => Err(endpoint
            .invalid(format!("the options `outbox` and `{name}` exclude each other"))
            .with_help("`outbox` names a target of an outbox, and not a queue of pgmq")),
        None if target.is_empty() => Err(endpoint.invalid("the option `outbox` names no target")),
        None => Ok(Some(target)),
    }
}

/// Opens a receiver of the messages of this target.
pub(super) async fn receiver(
    endpoint: &Endpoint,
    target: &str,
    options: PgmqReceiverOptions,
) -> Result<Receiver, Error> {
    let (lease, poll, prefetch) = options.times(endpoint)?;
    let mut own = OutboxReceiverOptions::from(options.receiver.with_url(endpoint)?);
    (own.lease, own.poll, own.prefetch) = (lease, poll, prefetch);
    let (queue, field) = (options.queue, "PgmqReceiverOptions::queue");
    own.queue = match rejecting(endpoint, queue.is_decided(), None, true, field, |_| false)? {
        Rejecting::ToBroker => queue.rejecting_to_broker(),
        Rejecting::Dropped => queue.dropping_rejected(),
        _ => queue,
    };
    let config = Server::new(endpoint, options.connection, Side::Receive).await?;
    Outbox::new(config.existing().await?).receiver(target, own).await
}

/// A server with the tables of an outbox.
pub(super) struct Server {
    config: Config,
    tls: Option<Secured>,
}

impl Server {
    /// Reads the URL. A login that the program provides is requested once.
    pub(super) async fn new(
        endpoint: &Endpoint,
        connection: PgmqConnection,
        side: Side,
    ) -> Result<Self, Error> {
        let target = Target::of_database(endpoint, connection, 0, side)?;
        runtime()?;
        let (mut config, _) = target.config().await?;
        for host in &target.hosts {
            config.host(host.name()).port(host.port().unwrap_or(5432));
        }
        config.connect_timeout(target.options.connect_timeout);
        config.target_session_attrs(TargetSessionAttrs::ReadWrite); // no standby
        let tls = target.is_tls.then(|| Secured::new(target.options.tls.clone()));
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        Ok(Self { config, tls })
    }

    /// Connects to a database that has the tables.
    async fn existing(self) -> Result<PostgresStore, Error> {
        let opened = match self.tls {
            Some(tls) => PostgresStore::connect_existing(self.config, tls).await,
            None => PostgresStore::connect_existing(self.config, NoTls).await,
        };
        opened.map_err(|error| match error.help() {
            Some(_) => error,
            None => error.with_help("`ce create URL` creates the tables"),
        })
    }

    /// Connects, and creates the tables unless they exist.
    pub(super) async fn create(self) -> Result<(), Error> {
        match self.tls {
            Some(tls) => PostgresStore::connect(self.config, tls).await.map(drop),
            None => PostgresStore::connect(self.config, NoTls).await.map(drop),
        }
    }
}
