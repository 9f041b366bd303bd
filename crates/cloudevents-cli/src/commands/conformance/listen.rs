//! `ce conformance listen`: judges the messages that a producer writes.

use super::{
    broker::{Binding, Broker},
    reports::{Ended, Reports},
    run::{parsed, readable},
};
use crate::{
    connect::{self, Certificates},
    console::Console,
    emit,
    failure::{Failure, Status},
    input::{self, Reading},
};
use clap::Args;
use cloudevents_conformance::{KnownFailing, ProducerTestee, Selection, Suite, vectors};
use cloudevents_kit::{Event, json};
use cloudevents_testkit::tagged;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Judge the messages that a producer writes to a URL, a topic, a queue or a subject.
///
/// The producer has to send the events that --print writes, in any order and each in one mode or in several. Every message has to be a
/// valid event, each event has to arrive unchanged, and no other event may arrive.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce conformance listen --print > to-send.json   the events to send
  ce conformance listen kafka://localhost:9092/from-producer

Exit status: 0 conforms, 1 does not, 2 no message came, 3 the network failed.")]
pub(crate) struct Listen {
    /// Where the producer writes: http://HOST/PATH, which this program serves, kafka://BROKER/TOPIC,
    /// amqp://BROKER/ADDRESS, mqtt://BROKER/TOPIC or nats://SERVER/SUBJECT.
    #[arg(value_name = "URL", required_unless_present = "print")]
    url: Option<String>,
    /// Write the events that the producer has to send, as a JSON batch, and exit.
    #[arg(long, conflicts_with = "url")]
    print: bool,
    /// Expect the events of this file instead, each with an id of its own. Reports say so.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Expect the cases of this list, of 1 MiB at most, to fail: a pattern, ` # ` and a reason on each line.
    #[arg(long, value_name = "FILE")]
    known_failing: Option<PathBuf>,
    /// How long to wait for a missing event after the last one arrived, in seconds. Other messages do not count.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u64).range(1..))]
    time_limit: u64,
    /// How long to wait for the first message, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..))]
    start_limit: u64,
    #[command(flatten)]
    reports: Reports,
    #[command(flatten)]
    certificates: Certificates,
}

pub(crate) fn run(command: &Listen, console: &Console) -> Result<Status, Failure> {
    let events = match &command.events {
        Some(path) => of_file(path)?,
        None => samples(),
    };
    let Some(url) = &command.url else { return print(&events) };
    command.reports.begin(console, || judge(command, url, &events, console))?.status()
}

fn judge(command: &Listen, url: &String, events: &[Named], console: &Console) -> Result<Ended, Failure> {
    command.certificates.check([url])?;
    let binding = Binding::of(url)?;
    let named = events.iter().map(|(name, event)| (name.as_str(), event));
    let suite = Suite::produced(binding.name, named).map_err(|error| Failure::usage(error.to_string()))?;
    let known = match &command.known_failing {
        Some(path) => parsed(&readable(path)?, Some(path))?,
        None => KnownFailing::default(),
    };
    let shown = connect::shown(url);
    let mut producer = ProducerTestee::new(Broker::receiving(url, &command.certificates)?, &suite)
        .name(format!("the producer of {shown}"))
        .time_limit(Duration::from_secs(command.time_limit))
        .start_limit(Duration::from_secs(command.start_limit));
    console.announce(&format!("listening at {shown}"), json!({"url": shown}));
    command.reports.run(&suite, &Selection::default(), &known, &mut producer, None, console)
}

/// An event with the name of its case, in the form of the testee protocol.
type Named = (String, Value);

/// The sample events of the vectors.
fn samples() -> Vec<Named> {
    let text = vectors::samples().find(|(path, _)| *path == "events.json").map(|(_, text)| text);
    let samples: Vec<Value> = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let named =
        |sample: &Value| Some((sample.get("name")?.as_str()?.to_owned(), sample.get("event")?.clone()));
    samples.iter().filter_map(named).collect()
}

fn of_file(path: &Path) -> Result<Vec<Named>, Failure> {
    let mut events = Vec::new();
    for located in input::open(path, &Reading::default())? {
        let located = located?;
        match &located.event {
            Ok(decoded) => {
                let name = format!("event-{}", events.len().saturating_add(1));
                events.push((name, tagged::from_event(&decoded.value)));
            }
            Err(error) => return Err(Failure::Told(Status::Usage, Box::new(located.report(error)))),
        }
    }
    Ok(events)
}

fn print(events: &[Named]) -> Result<Status, Failure> {
    let events: Result<Vec<Event>, _> = events.iter().map(|(_, event)| tagged::to_event(event)).collect();
    // Types of extensions that JSON does not have are not compared.
    let (document, _) = json::encode_batch(&events.map_err(connect::failed)?).map_err(connect::failed)?;
    emit::print(&[&document[..], b"\n"].concat())
}
