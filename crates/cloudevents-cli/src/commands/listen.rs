//! `ce listen`: receives events.

use crate::{
    connect::{self, Opened},
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    interrupt::Interrupt,
    plain::{count, thousands},
    report::Report,
    source::{Place, Source},
};
use clap::Args;
use cloudevents_kit::{
    Delivery, Error, ErrorKind, Leniency,
    transport::{ConnectionState, ReceiverOptions},
};
use serde_json::json;
use std::time::Duration;

/// Receive events and print them.
///
/// A message that is not an event is reported on standard error and refused. Listening continues; the exit
/// status will be 1.
///
/// Ctrl-C stops after the current message is settled. When a broker goes away, the program reconnects; after
/// ten failures in a row it exits.
///
/// Printed messages are removed from an AMQP queue. A Kafka URL without a group reads the whole topic in its
/// own group, or only new messages with offset=latest, and does not affect other consumers.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce listen http://127.0.0.1:8080/events
  ce listen http://127.0.0.1:0/ --count 10 > events.jsonl      any free port; ten events
  ce listen kafka://localhost:9092/orders --idle 5             the whole topic
  ce listen 'kafka://localhost:9092/orders?group=billing&dead-letter=orders.rejected'
  ce listen amqp://guest:guest@localhost:5672/orders           AMQP 1.0
  ce listen mqtt://localhost:1883/plant/%23                    MQTT 5, all topics under plant/
  ce listen http://127.0.0.1:8080/ --filter \"type LIKE 'com.example.%'\"

Exit status: 0 done, 1 a message was not an event, 2 wrong usage, 3 the network failed.")]
pub(crate) struct Listen {
    /// Listen at this URL: http://ADDRESS:PORT/PATH, kafka://BROKERS/TOPIC, amqp://BROKER/ADDRESS,
    /// mqtt://BROKER/FILTER.
    url: String,
    /// Exit after this number of events.
    #[arg(long, short = 'n', value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Exit after this number of idle seconds.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    idle: Option<u64>,
    /// Repair invalid input where possible, and report each repair.
    #[arg(long)]
    lenient: bool,
    /// Print only events for which this CESQL expression is TRUE. Others are accepted and not printed.
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,
    /// Allow --filter on a queue, where events that do not match are removed for all consumers.
    #[arg(long, requires = "filter")]
    drop_unmatched: bool,
}

/// Consecutive connection failures before the command fails. With a receiver's pauses this is half a minute.
const FAILURES: u32 = 10;

pub(crate) fn run(command: &Listen, console: &Console) -> Result<Status, Failure> {
    connect::runtime()?.block_on(listen(command, console))
}

async fn listen(command: &Listen, console: &Console) -> Result<Status, Failure> {
    let filter = match &command.filter {
        Some(text) => Some(super::sql::expression(text, console)?),
        None => None,
    };
    if filter.is_some() && !command.drop_unmatched && is_queue(&command.url) {
        return Err(Failure::usage(
            "--filter would remove events that do not match from the queue, also for other consumers",
        )
        .help("add --drop-unmatched if this is intended, or filter on the broker"));
    }
    let mut decoding = cloudevents_kit::decoding();
    if command.lenient {
        decoding.leniency = Leniency::all();
    }
    let Opened { mut receiver, url, notes } =
        connect::receiver(&command.url, ReceiverOptions::from(decoding)).await?;
    let interrupt = Interrupt::watch();
    notes.iter().for_each(|note| console.report(note));
    console.announce(&format!("listening at {url}"), json!({"url": url}));
    let mut emit = Emit::new(console);
    let mut messages = 0_u64;
    let mut events = 0_u64;
    let mut left_out = 0_usize;
    let mut failures = 0_u32;
    let mut connectivity = receiver.connectivity();
    let mut lost = false;
    while command.count.is_none_or(|count| events < count) {
        let delivery = tokio::select! {
            biased;
            () = interrupt.asked() => break,
            () = connectivity.changed() => {
                match connectivity.state() {
                    ConnectionState::Connecting { failed, error: Some(error) } if failed >= FAILURES => {
                        return Err(network(&error));
                    }
                    ConnectionState::Connecting { error: Some(error), .. } if !lost => {
                        lost = true;
                        console.report(&reconnecting(&error));
                    }
                    ConnectionState::Connected { .. } => lost = false,
                    _ => {}
                }
                continue;
            }
            next = receiver.next() => next,
            () = idle(command.idle) => {
                if command.count.is_some() {
                    let words = format!("no message arrived for {}", count(usize::try_from(command.idle.unwrap_or_default()).unwrap_or(usize::MAX), "second"));
                    console.error(Status::No, &Report::new(words).kind("timeout"));
                }
                break;
            }
        };
        let delivery = match delivery {
            Ok(Some(delivery)) => {
                failures = 0;
                delivery
            }
            Ok(None) => break,
            Err(error) if is_passing(&error) && failures < FAILURES => {
                if failures == 0 && !lost {
                    console.report(&reconnecting(&error));
                }
                failures = failures.saturating_add(1);
                continue;
            }
            Err(error) => return Err(network(&error)),
        };
        messages = messages.saturating_add(1);
        let settled = match delivery.events() {
            Ok(found) => {
                tell_repairs(&delivery, messages, console);
                for event in &found {
                    if filter.as_ref().is_some_and(|filter| !filter.matches(event)) {
                        left_out = left_out.saturating_add(1);
                        continue;
                    }
                    emit.event(event)?;
                    events = events.saturating_add(1);
                }
                // Messages are settled only after the reader can have them.
                emit.flush()?;
                delivery.accept()
            }
            Err(error) => {
                console.error(Status::No, &report(&error, &delivery, messages));
                delivery.reject(&error)
            }
        };
        if let Err(error) = settled.await {
            let words = "the sender disconnected before the response";
            console.report(&Report::warning(words).kind(error.kind().code()).detail(error.detail()));
        }
    }
    emit.flush()?;
    if let Err(error) = receiver.drain(Duration::from_secs(5)).await {
        console.error(Status::Network, &Report::of(&error));
    }
    let received = count(usize::try_from(events).unwrap_or(usize::MAX), "event");
    console.say(&match filter {
        Some(_) => format!("{received} received, {} left out", thousands(left_out)),
        None => format!("{received} received"),
    });
    Ok(Status::Done)
}

/// Whether the URL is that of a queue, where accepting a message removes it for other consumers.
fn is_queue(url: &str) -> bool {
    let scheme = url.split(':').next().unwrap_or_default().to_ascii_lowercase();
    !matches!(
        scheme.as_str(),
        "http" | "https" | "ws" | "wss" | "kafka" | "mqtt" | "mqtts" | "mqtt3" | "mqtt3s"
    )
}

fn reconnecting(error: &Error) -> Report {
    Report::warning("the connection was lost; reconnecting").kind(error.kind().code()).detail(error.detail())
}

fn network(error: &Error) -> Failure {
    Failure::Told(connect::status_of(error).max(Status::Network), Box::new(connect::report(error)))
}

/// Whether the next call may succeed: receivers reconnect by themselves.
fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Timeout | ErrorKind::Unreachable)
}

async fn idle(seconds: Option<u64>) {
    match seconds {
        Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        None => std::future::pending().await,
    }
}

fn tell_repairs(delivery: &Delivery, number: u64, console: &Console) {
    let repairs = delivery.decoded().map(|decoded| decoded.repairs).unwrap_or_default();
    for repair in &repairs {
        let report = Report::repair(repair);
        console.report(&match repair.cause() {
            Some(cause) => report.at(&place(cause, delivery, number).0),
            None => report.at(&place(&Error::new(ErrorKind::InvalidDocument), delivery, number).0),
        });
    }
}

/// Returns a report of the error with its place in the message.
fn report(error: &Error, delivery: &Delivery, number: u64) -> Report {
    let (place, offset) = place(error, delivery, number);
    let report = Report::of(error).at(&place);
    match offset {
        Some(offset) => report.up_to_end_of_line(offset),
        None => report,
    }
}

/// Returns the document or header that the error is about, and for a header the offset of its value.
fn place(error: &Error, delivery: &Delivery, number: u64) -> (Place, Option<usize>) {
    let name = format!("message {number}");
    if error.offset().is_some()
        && let Some(body) = delivery.body()
    {
        let mut place = Place::of(Source::new(name, body, 1));
        place.index = error.index();
        return (place, None);
    }
    let header = error.attribute().and_then(|attribute| {
        delivery.headers().into_iter().find(|(name, _)| {
            let prefixes = ["ce-", "ce_", "cloudEvents_", "cloudEvents:"];
            let name = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
            name.eq_ignore_ascii_case(attribute)
                || attribute == "datacontenttype" && name.eq_ignore_ascii_case("content-type")
        })
    });
    let Some((header, Some(value))) = header else {
        let mut place = Place::of(Source::new(name, bytes::Bytes::new(), 0));
        place.index = error.index();
        return (place, None);
    };
    let mut line = format!("{header}: ").into_bytes();
    let offset = line.len();
    line.extend_from_slice(&value);
    (Place::of(Source::new(name, line, 0)), Some(offset))
}
