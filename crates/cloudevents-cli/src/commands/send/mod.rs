//! `ce send`: sends events.

use crate::{
    built::Built,
    connect::{self, Sending},
    console::Console,
    failure::{Failure, Status},
    input::{self, Located, Reading},
    interrupt::Interrupt,
    plain::count,
    progress::Progress,
    report::Report,
    source::Place,
};
use clap::{Args, ValueEnum};
use cloudevents_kit::{
    Error, Event, Format, Formats, Message, Sender,
    transport::{LossPolicy, Outcome, Receipt},
};
use std::{collections::VecDeque, path::PathBuf, time::Duration};

/// Send events from files, from standard input or from flags.
///
/// Files hold one event, a batch, JSON Lines, or several of these one after another. An event that is built from
/// flags gets an id and a time unless they are given; events from files are sent as they are. With --mode batched,
/// each file is sent as one batch.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce send http://localhost:8080/ order.json
  ce send --mode structured http://localhost:8080/ < events.jsonl
  ce send http://localhost:8080/ --source /shop --type com.example.order \\
      -e priority:Integer=3 --data '{\"total\":1.10}'
  ce send http://localhost:8080/ --source /shop --type com.example.order --data @order.json
  ce send https://api.example.com/ --authorization-env TOKEN_HEADER order.json
  ce send 'kafka://localhost:9092/orders?key=partitionkey' --parallel 100 < events.jsonl
  ce send amqp://guest:guest@localhost:5672/orders order.json      AMQP 1.0
  ce send 'mqtt://localhost:1883/plant/{type}' < events.jsonl      MQTT 5, a topic per event type

Exit status: 0 sent, 1 the peer refused an event or the input contains an invalid event, 2 wrong usage, 3 the network failed.")]
pub(crate) struct Send {
    /// Send to this URL: http://HOST/PATH, kafka://BROKERS/TOPIC, amqp://BROKER/ADDRESS, mqtt://BROKER/TOPIC.
    /// Credentials may be given in the URL and are never shown.
    url: String,
    /// Send the events of these files. `-` or no file: standard input.
    #[arg(value_name = "FILE", conflicts_with = "attributes")]
    files: Vec<PathBuf>,
    /// Content mode. Only HTTP has batches.
    #[arg(long, short, value_enum, default_value_t)]
    mode: ContentMode,
    /// Format of structured and batched messages.
    #[arg(long, value_name = "FORMAT", value_parser = input::format_names(), default_value = "json")]
    format: String,
    /// Report and skip invalid events instead of stopping.
    #[arg(long)]
    keep_going: bool,
    /// Maximum messages in flight. With more than one, messages may arrive in another order.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = parallel)]
    parallel: usize,
    /// Response timeout in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Add an HTTP header: `Name: value`, or `@FILE` for a file with one header per line.
    #[arg(long, short = 'H', value_name = "HEADER")]
    header: Vec<String>,
    /// Send the value of this environment variable as the Authorization header.
    #[arg(long, value_name = "VARIABLE")]
    authorization_env: Option<String>,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    built: Built,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ContentMode {
    /// Attributes in headers, the payload in the body.
    #[default]
    Binary,
    /// Each event as a document.
    Structured,
    /// All events of a file as one document.
    Batched,
}

fn parallel(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|number| (1..=1024).contains(number))
        .ok_or_else(|| "expected a number from 1 to 1024".to_owned())
}

pub(crate) fn run(command: &Send, console: &Console) -> Result<Status, Failure> {
    let runtime = connect::runtime()?;
    let interrupt = Interrupt::watch();
    let built = command.built.event(console)?;
    let formats = cloudevents_kit::formats();
    let sending = Sending {
        headers: command.header.clone(),
        authorization: command.authorization_env.clone(),
        timeout: Duration::from_secs(command.timeout),
        parallel: command.parallel,
        batches: command.mode == ContentMode::Batched,
        losses: LossPolicy::Refuse,
    };
    let sender = runtime.block_on(connect::sender(&command.url, &sending))?;
    let mut line = Line {
        sender: &sender,
        open: VecDeque::new(),
        format: format(command, &formats)?,
        mode: command.mode,
        parallel: command.parallel,
        sent: 0,
        progress: Progress::new(console, None, "events"),
        console,
    };
    if let Some((event, place)) = built {
        runtime.block_on(async {
            line.send(vec![event], &place).await;
            line.settle(0).await;
        });
    } else {
        for path in input::files(&command.files) {
            let mut events = input::open(&path, &command.reading)?;
            let mut held: Vec<Event> = Vec::new();
            let mut first: Option<Place> = None;
            loop {
                let next = if events.may_wait() {
                    // Messages in flight are settled before waiting for more input.
                    runtime.block_on(line.settle(command.parallel.saturating_sub(1)));
                    if line.is_cut() {
                        break;
                    }
                    interrupt.idle(console.remembered(), || events.next())
                } else {
                    events.next()
                };
                let Some(located) = next else { break };
                let located = located?;
                match event(&located, command, console) {
                    Ok(Some(event)) if command.mode == ContentMode::Batched => {
                        held.push(event);
                        first.get_or_insert(located.place);
                    }
                    Ok(Some(event)) => runtime.block_on(line.send(vec![event], &located.place)),
                    Ok(None) => {}
                    Err(failure) => {
                        runtime.block_on(line.settle(0));
                        return Err(failure);
                    }
                }
                if interrupt.is_asked() || line.is_cut() {
                    break;
                }
            }
            if let Some(place) = first.filter(|_| !interrupt.is_asked()) {
                runtime.block_on(line.send(held, &place));
            }
            runtime.block_on(line.settle(0));
            if interrupt.is_asked() || line.is_cut() {
                console.remember(Status::No);
                break;
            }
        }
    }
    line.progress.finish();
    let sent = line.sent;
    // Every outcome is known, so closing has nothing more to report.
    let _ = runtime.block_on(sender.close());
    console.say(&format!("{} sent to {}", count(sent, "event"), connect::shown(&command.url)));
    Ok(Status::Done)
}

fn format<'a>(command: &Send, formats: &'a Formats) -> Result<&'a dyn Format, Failure> {
    let found = formats.iter().find(|format| format.id().as_str() == command.format);
    found.ok_or_else(|| Failure::usage(format!("unknown format `{}`", command.format)))
}

/// Returns an event of the input, or `None` for an invalid one that was reported and is skipped.
fn event(located: &Located, command: &Send, console: &Console) -> Result<Option<Event>, Failure> {
    match &located.event {
        Ok(decoded) => {
            located.tell_repairs(console);
            Ok(Some(decoded.value.clone()))
        }
        Err(error) if command.keep_going => {
            console.error(Status::No, &located.report(error));
            Ok(None)
        }
        Err(error) => Err(Failure::Told(Status::No, Box::new(located.report(error)))),
    }
}

/// The messages in flight.
struct Line<'a> {
    sender: &'a Sender,
    open: VecDeque<(Outcome<Receipt>, usize, Place)>,
    format: &'a dyn Format,
    mode: ContentMode,
    parallel: usize,
    sent: usize,
    progress: Progress,
    console: &'a Console,
}

impl Line<'_> {
    /// Sends a message when there is room. Reports an error, and remembers its exit status.
    async fn send(&mut self, events: Vec<Event>, place: &Place) {
        let message = match (self.mode, events.as_slice()) {
            (ContentMode::Binary, [event]) => Ok(Message::Binary(event.clone())),
            (ContentMode::Structured, [event]) => {
                Message::structured(event, self.format).map(|(message, losses)| {
                    losses.iter().for_each(|loss| self.console.report(&Report::loss(loss).at(place)));
                    message
                })
            }
            (_, events) => Message::batched(events, self.format).map(|(message, losses)| {
                losses.iter().for_each(|loss| self.console.report(&Report::loss(loss).at(place)));
                message
            }),
        };
        self.settle(self.parallel.saturating_sub(1)).await;
        if self.is_cut() {
            return;
        }
        let enqueued = match message {
            Ok(message) => self.sender.enqueue(message).await,
            Err(error) => Err(error),
        };
        match enqueued {
            Ok(outcome) => self.open.push_back((outcome, events.len(), place.clone())),
            Err(error) => self.failed(&error, place),
        }
    }

    /// Waits until at most `most` messages are in flight.
    async fn settle(&mut self, most: usize) {
        while self.open.len() > most {
            let Some((outcome, events, place)) = self.open.pop_front() else { break };
            match outcome.await {
                Ok(_) => self.sent = self.sent.saturating_add(events),
                Err(error) => self.failed(&error, &place),
            }
            (0..events).for_each(|_| self.progress.step());
        }
    }

    /// Whether the network failed, so that sending more is useless.
    fn is_cut(&self) -> bool {
        self.console.remembered() == Status::Network
    }

    fn failed(&self, error: &Error, place: &Place) {
        // An error of the network has no place in the input.
        let status = connect::status_of(error);
        let mut report = connect::report(error);
        if status != Status::Network {
            report = report.at(place);
        }
        self.progress.suspend(|| self.console.error(status, &report));
    }
}
