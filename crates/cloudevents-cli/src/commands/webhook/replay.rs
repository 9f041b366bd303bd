//! `ce webhook replay`.

use super::selection::{self, Place, Selection, open, place};
use crate::{
    connect,
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    plain::{plain, thousands},
};
use clap::Args;
use cloudevents_kit::outbox::{Outbox, Query, Record, State, Store, rusqlite041::SqliteStore};
use serde_json::json;
use std::path::PathBuf;

/// The deliveries that are looked at together.
const PAGE: usize = 1000;

/// Send deliveries of an outbox once more: those that were given up.
///
/// Makes them pending again in the outbox of a program, in SQLite or PostgreSQL, with new attempts and a new deadline. A worker of the
/// program sends them, at once if it runs. Receivers recognise the events that they had before by source and id.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce webhook replay outbox.db --target billing --dry-run \\
      --from 2026-11-21T10:00:00Z --until 2026-11-21T12:00:00Z
  ce webhook replay outbox.db --number 42 --delivered
  ce webhook replay outbox.db --all

A database is reached without TLS: over its socket, on this machine or through a tunnel.

Exit status: 0 done, 1 there are none, 2 wrong usage or no outbox, 3 the database cannot be reached.")]
pub(crate) struct Replay {
    /// The outbox: its SQLite file, or the `postgresql://` URL of its database.
    outbox: PathBuf,
    #[command(flatten)]
    selection: Selection,
    /// Also those that were delivered.
    #[arg(long)]
    delivered: bool,
    /// All of them, without another condition.
    #[arg(long)]
    all: bool,
    /// Show them, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(command: &Replay, console: &Console) -> Result<Status, Failure> {
    if command.selection.is_everything() != command.all {
        return Err(Failure::usage("select deliveries, or write --all"));
    }
    connect::runtime()?.block_on(async {
        match &place(&command.outbox)? {
            Place::Sqlite(file) => {
                replay(&open(file, |file| SqliteStore::open_existing(file))?, command, console).await
            }
            Place::Postgres(config) => {
                let outbox = selection::connect(config, command.dry_run).await?;
                replay(&outbox, command, console).await
            }
        }
    })
}

async fn replay(outbox: &Outbox<impl Store>, command: &Replay, console: &Console) -> Result<Status, Failure> {
    let mut query = command.selection.query()?;
    // Pending ones are left alone in any case.
    query.state = (!command.delivered).then_some(State::Dead);
    let mut emit = Emit::new(console);
    let replayed = if command.dry_run {
        list(outbox, query, &mut emit).await?
    } else {
        let replayed = outbox.replay(query).await.map_err(connect::failed)?;
        emit.value(&json!({"replayed": replayed}), |_| String::new())?;
        replayed
    };
    emit.flush()?;
    let number = thousands(usize::try_from(replayed).unwrap_or(usize::MAX));
    let left = if replayed == 0 { "; pending deliveries are left alone" } else { "" };
    console.say(&format!("{number} {}{left}", if command.dry_run { "to be replayed" } else { "replayed" }));
    Ok(if replayed == 0 { Status::No } else { Status::Done })
}

/// Shows the deliveries that would be replayed, and counts them.
async fn list(outbox: &Outbox<impl Store>, query: Query, emit: &mut Emit) -> Result<u64, Failure> {
    let (mut query, mut total) = (query.with_limit(PAGE), 0_u64);
    loop {
        let page = outbox.find(query.clone()).await.map_err(connect::failed)?;
        for record in page.iter().filter(|record| record.state != State::Pending) {
            total = total.saturating_add(1);
            emit.value(&json!({"number": record.number, "target": &*record.target}), |_| line(record))?;
        }
        match page.last() {
            Some(last) if page.len() >= PAGE => query.after = last.number,
            _ => return Ok(total),
        }
    }
}

fn line(record: &Record) -> String {
    let known = |text: &Option<Box<str>>| plain(text.as_deref().unwrap_or("?"));
    let (source, id) = (known(&record.source), known(&record.id));
    format!("{}  {} to {}: {source} {id}\n", record.number, record.state, plain(&record.target))
}
