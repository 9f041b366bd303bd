//! Which deliveries of an outbox, and where it is.

use crate::{
    connect,
    failure::{Failure, Status},
};
use clap::Args;
use cloudevents_kit::{
    Error, ErrorKind, EventKey, Timestamp,
    outbox::{Outbox, Query, rusqlite041::SqliteStore, tokio_postgres07::PostgresStore},
};
use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio_postgres::{Config, NoTls};

/// Selects deliveries. All conditions hold together.
#[derive(Args, Clone, Debug)]
pub(super) struct Selection {
    /// Only the delivery with this number.
    #[arg(long, value_name = "NUMBER")]
    number: Option<u64>,
    /// Only deliveries of the event with this id, and with the source of --source.
    #[arg(long, requires = "source")]
    id: Option<String>,
    /// The source of the event.
    #[arg(long, requires = "id")]
    source: Option<String>,
    /// Only deliveries to this target.
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Only deliveries that were enqueued at this time or later: 2026-11-21T10:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<SystemTime>,
    /// Only deliveries that were enqueued before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<SystemTime>,
}

impl Selection {
    /// Whether there is no condition.
    pub(super) fn is_everything(&self) -> bool {
        let Self { number, id, source: _, target, from, until } = self;
        number.is_none() && id.is_none() && target.is_none() && from.is_none() && until.is_none()
    }

    pub(super) fn query(&self) -> Result<Query, Failure> {
        let mut query = Query::default();
        if let (Some(source), Some(id)) = (&self.source, &self.id) {
            let key = EventKey::new(source, id);
            query =
                query.with_event(key.map_err(|error| Failure::usage(format!("--source, --id: {error}")))?);
        }
        query.number = self.number;
        query.target = self.target.as_deref().map(Into::into);
        (query.from, query.until) = (self.from, self.until);
        Ok(query)
    }
}

/// Where an outbox is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Sqlite(PathBuf),
    Postgres(Box<Config>),
}

/// Reads a place. Not a parser of arguments, whose errors would repeat the URL with its password.
pub(super) fn place(argument: &Path) -> Result<Place, Failure> {
    let is_url = |text: &&str| text.starts_with("postgres://") || text.starts_with("postgresql://");
    let Some(url) = argument.to_str().filter(is_url) else { return Ok(Place::Sqlite(argument.into())) };
    let config = url.parse().map_err(|_| Failure::usage("the URL of the database cannot be read"))?;
    Ok(Place::Postgres(Box::new(config)))
}

/// Connects to a database that has an outbox. Without TLS.
pub(super) async fn connect(config: &Config, is_read_only: bool) -> Result<Outbox<PostgresStore>, Failure> {
    let mut config = config.clone();
    if is_read_only {
        let options = config.get_options().unwrap_or_default();
        let options = format!("{options} -c default_transaction_read_only=on");
        config.options(options);
    }
    config.connect_timeout(Duration::from_secs(10));
    let store = PostgresStore::connect_existing(config, NoTls).await.map_err(|error| {
        let status = if error.kind() == ErrorKind::Unsupported { Status::Usage } else { Status::Network };
        let help = "name the database of a program's outbox; `options=-csearch_path%3DSCHEMA` names a schema";
        Failure::Told(status, Box::new(connect::report(&error).help(help)))
    })?;
    Ok(Outbox::new(store))
}

/// Opens the file of a store, which has to exist, with one of the functions that do so.
pub(super) fn open(
    file: &Path,
    how: fn(&Path) -> Result<SqliteStore, Error>,
) -> Result<Outbox<SqliteStore>, Failure> {
    let store = how(file).map_err(|error| {
        let report = connect::report(&error).help("name the SQLite file of a program's outbox");
        Failure::Told(Status::Usage, Box::new(report))
    })?;
    Ok(Outbox::new(store))
}

fn time(text: &str) -> Result<SystemTime, String> {
    let instant = Timestamp::parse(text).map_err(|error| error.to_string())?.instant();
    let since = u64::try_from(instant.seconds).map_err(|_| "the time is before 1970".to_owned())?;
    UNIX_EPOCH
        .checked_add(Duration::new(since, instant.nanosecond()))
        .ok_or_else(|| "the time is out of range".to_owned())
}

/// A time as RFC 3339 has it.
pub(super) fn shown(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    Timestamp::format_utc(seconds, since.subsec_nanos()).unwrap_or_default()
}
