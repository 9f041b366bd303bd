//! `ce listen`: receives events.

use crate::{
    connect::{self, Opened},
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    interrupt::Interrupt,
    plain::count,
    report::Report,
    source::{Place, Source},
};
use clap::Args;
use cloudevents_kit::{Delivery, Error, ErrorKind, Leniency, transport::ReceiverOptions};
use serde_json::json;
use std::time::Duration;

/// Receive events and print them.
///
/// A message that is no event is told on standard error and refused; listening goes on, and the exit status remembers. Ctrl-C ends
/// after the message in hand is settled. What is printed of an AMQP queue is gone from it. A Kafka URL without a group reads the whole
/// topic in a group of its own, with offset=latest from now on; nothing changes for others. When a broker goes away, listening goes
/// on as soon as it is back; after ten failures in a row it ends.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce listen http://127.0.0.1:8080/events
  ce listen http://127.0.0.1:0/ --count 10 > events.jsonl      any free port; ten events
  ce listen kafka://localhost:9092/orders --idle 5             all that is there
  ce listen 'kafka://localhost:9092/orders?group=billing&dead-letter=orders.rejected'
  ce listen amqp://guest:guest@localhost:5672/orders           AMQP 1.0

Exit status: 0 done, 1 a message was no event, 2 wrong usage, 3 the network failed.")]
pub(crate) struct Listen {
    /// Listen at this URL: http://ADDRESS:PORT/PATH, kafka://BROKERS/TOPIC, amqp://BROKER/ADDRESS.
    url: String,
    /// End after so many events.
    #[arg(long, short = 'n', value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End when nothing came for so many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    idle: Option<u64>,
    /// Repair what can be repaired, and tell of each repair.
    #[arg(long)]
    lenient: bool,
}

/// So many times in a row a connection may be lost or not be had again: at the pauses of a receiver, half a minute.
const FAILURES: u32 = 10;

pub(crate) fn run(command: &Listen, console: &Console) -> Result<Status, Failure> {
    connect::runtime()?.block_on(listen(command, console))
}

async fn listen(command: &Listen, console: &Console) -> Result<Status, Failure> {
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
    let mut failures = 0_u32;
    while command.count.is_none_or(|count| events < count) {
        let delivery = tokio::select! {
            biased;
            () = interrupt.asked() => break,
            next = receiver.next() => next,
            () = idle(command.idle) => {
                if command.count.is_some() {
                    let words = format!("nothing came for {}", count(usize::try_from(command.idle.unwrap_or_default()).unwrap_or(usize::MAX), "second"));
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
                if failures == 0 {
                    let words = "the connection was lost; connecting again";
                    console.report(&Report::warning(words).kind(error.kind().code()).detail(error.detail()));
                }
                failures = failures.saturating_add(1);
                continue;
            }
            Err(error) => {
                return Err(Failure::Told(
                    connect::status_of(&error).max(Status::Network),
                    Box::new(connect::report(&error)),
                ));
            }
        };
        messages = messages.saturating_add(1);
        let settled = match delivery.events() {
            Ok(found) => {
                tell_repairs(&delivery, messages, console);
                for event in &found {
                    emit.event(event)?;
                }
                // Settled is what whoever reads can have.
                emit.flush()?;
                events = events.saturating_add(u64::try_from(found.len()).unwrap_or(u64::MAX));
                delivery.accept()
            }
            Err(error) => {
                console.error(Status::No, &report(&error, &delivery, messages));
                delivery.reject(&error)
            }
        };
        if let Err(error) = settled.await {
            let words = "the sender was gone before it could be answered";
            console.report(&Report::warning(words).kind(error.kind().code()).detail(error.detail()));
        }
    }
    emit.flush()?;
    if let Err(error) = receiver.drain(Duration::from_secs(5)).await {
        console.error(Status::Network, &Report::of(&error));
    }
    console.say(&format!("{} received", count(usize::try_from(events).unwrap_or(usize::MAX), "event")));
    Ok(Status::Done)
}

/// Whether the next call may succeed: receivers connect again by themselves.
fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Timeout)
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

/// The error, with the place in the message.
fn report(error: &Error, delivery: &Delivery, number: u64) -> Report {
    let (place, offset) = place(error, delivery, number);
    let report = Report::of(error).at(&place);
    match offset {
        Some(offset) => report.up_to_end_of_line(offset),
        None => report,
    }
}

/// The document or the header that the error is about. The offset is that of the header's value.
fn place(error: &Error, delivery: &Delivery, number: u64) -> (Place, Option<usize>) {
    let raw = delivery.raw();
    let name = format!("message {number}");
    if error.offset().is_some()
        && let Some(body) = &raw.body
    {
        let mut place = Place::of(Source::new(name, body.clone(), 1));
        place.index = error.index();
        return (place, None);
    }
    let header = error.attribute().and_then(|attribute| {
        raw.headers.iter().find(|(name, _)| {
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
    line.extend_from_slice(value);
    (Place::of(Source::new(name, line, 0)), Some(offset))
}
