//! `ce webhook deliveries`.

use super::selection::{self, Place, Selection, open, place, shown};
use crate::{
    connect,
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    plain::{plain, thousands},
    style::{self, Paint},
};
use clap::{Args, ValueEnum};
use cloudevents_kit::outbox::{Attempt, Outbox, Record, State, Store, rusqlite041::SqliteStore};
use serde_json::{Map, Value, json};
use std::{fmt::Write as _, path::PathBuf};

/// List the deliveries of an outbox, each with its attempts.
///
/// Reads the outbox of a program, which may be running, in SQLite or PostgreSQL. The deliveries may be to targets of any protocol. The last
/// 32 attempts of each are shown.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce webhook deliveries outbox.db --state dead --target billing
  ce webhook deliveries outbox.db --source /shop --id 42
  ce webhook deliveries outbox.db --after 100 --limit 100    # the next page
  ce webhook deliveries postgresql://shop@localhost/shop --state dead

A database is reached without TLS: over its socket, on this machine or through a tunnel.

Exit status: 0 done, 1 there are none, 2 wrong usage or no outbox, 3 the database cannot be reached.")]
pub(crate) struct Deliveries {
    /// The outbox: its SQLite file, or the `postgresql://` URL of its database.
    outbox: PathBuf,
    #[command(flatten)]
    selection: Selection,
    /// Only deliveries in this state.
    #[arg(long)]
    state: Option<Is>,
    /// Only deliveries with a higher number, for the next page.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,
    /// The most deliveries.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    limit: u16,
}

/// Where a delivery is on its way.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Is {
    /// To be sent, or being sent.
    Pending,
    /// The target has it.
    Delivered,
    /// Given up.
    Dead,
}

pub(super) fn run(command: &Deliveries, console: &Console) -> Result<Status, Failure> {
    connect::runtime()?.block_on(async {
        match &place(&command.outbox)? {
            Place::Sqlite(file) => {
                list(&open(file, |file| SqliteStore::open_read_only(file))?, command, console).await
            }
            Place::Postgres(config) => list(&selection::connect(config, true).await?, command, console).await,
        }
    })
}

async fn list(
    outbox: &Outbox<impl Store>,
    command: &Deliveries,
    console: &Console,
) -> Result<Status, Failure> {
    let mut query = command
        .selection
        .query()?
        .after(command.after)
        .with_limit(usize::from(command.limit).saturating_add(1));
    query.state = command.state.map(|state| match state {
        Is::Pending => State::Pending,
        Is::Delivered => State::Delivered,
        Is::Dead => State::Dead,
    });
    // One more than is shown, to know whether there are more.
    let mut found = outbox.find(query).await.map_err(connect::failed)?;
    let has_more = found.len() > command.limit.into();
    found.truncate(command.limit.into());
    let mut emit = Emit::new(console);
    for record in &found {
        let attempts = outbox.attempts(record.number).await.map_err(connect::failed)?;
        emit.value(&to_json(record, &attempts), |paint| to_text(record, &attempts, paint))?;
    }
    emit.flush()?;
    let what = if found.len() == 1 { "delivery" } else { "deliveries" };
    let more = match found.last().filter(|_| has_more) {
        Some(last) => format!("; there are more: --after {} shows them", last.number),
        None => String::new(),
    };
    console.say(&format!("{} {what}{more}", thousands(found.len())));
    Ok(if found.is_empty() { Status::No } else { Status::Done })
}

fn to_json(record: &Record, attempts: &[Attempt]) -> Value {
    let mut members = Map::new();
    let mut add = |name: &str, value: Value| {
        members.insert(name.into(), value);
    };
    add("number", record.number.into());
    add("target", (&*record.target).into());
    for (name, value) in [("source", &record.source), ("id", &record.id), ("type", &record.ty)] {
        if let Some(value) = value {
            add(name, (&**value).into());
        }
    }
    add("state", record.state.as_str().into());
    add("attempts", record.attempts.into());
    add("enqueued", shown(record.enqueued).into());
    match record.ended {
        None => add("due", shown(record.due).into()),
        Some(ended) => add("ended", shown(ended).into()),
    }
    if let Some(reason) = &record.reason {
        add("reason", (&**reason).into());
    }
    add("log", attempts.iter().map(attempt).collect());
    members.into()
}

fn attempt(attempt: &Attempt) -> Value {
    let milliseconds = u64::try_from(attempt.latency.as_millis()).unwrap_or(u64::MAX);
    json!({
        "at": shown(attempt.at), "milliseconds": milliseconds,
        "status": &*attempt.status, "detail": &*attempt.detail,
    })
}

fn to_text(record: &Record, attempts: &[Attempt], paint: Paint) -> String {
    let color = match record.state {
        State::Delivered => style::GOOD,
        State::Dead => style::ERROR,
        _ => style::NOTE,
    };
    let known = |text: &Option<Box<str>>| plain(text.as_deref().unwrap_or("?"));
    let mut text = format!(
        "{}  {} to {}: {} {} ({}), enqueued {}",
        record.number,
        paint.text(color, record.state.as_str()),
        plain(&record.target),
        known(&record.source),
        known(&record.id),
        known(&record.ty),
        shown(record.enqueued),
    );
    // Writing to a string cannot fail.
    let _ = match (record.ended, &record.reason) {
        (None, _) => writeln!(text, ", due {}", shown(record.due)),
        (Some(ended), None) => writeln!(text, ", ended {}", shown(ended)),
        (Some(ended), Some(reason)) => writeln!(text, ", ended {}: {}", shown(ended), plain(reason)),
    };
    for Attempt { at, latency, status, detail } in attempts {
        let milliseconds = latency.as_millis();
        let _ = writeln!(text, "      {} {milliseconds} ms {}: {}", shown(*at), plain(status), plain(detail));
    }
    text
}
