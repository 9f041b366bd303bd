//! `ce send`: sends events.

use crate::{
    connect::{self, Sending},
    console::Console,
    failure::{Failure, Status},
    input::{self, Located, Reading},
    interrupt::Interrupt,
    plain::count,
    progress::Progress,
    report::Report,
    source::{Place, Source},
};
use clap::{Args, ValueEnum};
use cloudevents_kit::{
    AttributeType, BuilderConveniences, Error, ErrorKind, Event, EventBuilder, Format, Formats, JsonText,
    MediaType, Message, Payload, Sender, transport::Outcome,
};
use std::{collections::VecDeque, path::PathBuf, time::Duration};

/// Send events from files, from standard input or from flags.
///
/// Files hold one event, a batch, JSON Lines, or several of these one after another. Nothing is made up: an id and a time come from
/// --random-id and --now only. With --mode batched, each file is a batch.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce send http://localhost:8080/ order.json
  ce send --mode structured http://localhost:8080/ < events.jsonl
  ce send http://localhost:8080/ --random-id --now --source /shop \\
      --type com.example.order -e priority:Integer=3 --data '{\"total\":1.10}'
  ce send https://api.example.com/ --authorization-env TOKEN_HEADER order.json

Exit status: 0 sent, 1 the peer refused one or the input holds what is no event, 2 wrong usage, 3 the network failed.")]
pub(crate) struct Send {
    /// Send to this URL. User info in it becomes an Authorization header and is never shown.
    url: String,
    /// Send the events of these files; `-` and none stand for standard input.
    #[arg(value_name = "FILE", conflicts_with = "attributes")]
    files: Vec<PathBuf>,
    /// Send in this content mode.
    #[arg(long, short, value_enum, default_value_t)]
    mode: ContentMode,
    /// Write documents in this format.
    #[arg(long, value_name = "FORMAT", value_parser = input::format_names(), default_value = "json")]
    format: String,
    /// Leave out what is no event, tell of it, and go on.
    #[arg(long)]
    keep_going: bool,
    /// Have so many messages under way at once. With more than one, they may arrive in another order.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = parallel)]
    parallel: usize,
    /// Wait for each answer so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Send this header as well: `Name: value`, or `@FILE` for those in a file.
    #[arg(long, short = 'H', value_name = "HEADER")]
    header: Vec<String>,
    /// Send the value of this environment variable as Authorization header.
    #[arg(long, value_name = "VARIABLE")]
    authorization_env: Option<String>,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    built: Built,
}

/// An event that is built from flags.
#[derive(Args, Debug)]
#[command(next_help_heading = "Building an event")]
#[group(id = "attributes", multiple = true)]
struct Built {
    /// Set the id.
    #[arg(long, conflicts_with = "random_id")]
    id: Option<String>,
    /// Make up the id: a random UUID.
    #[arg(long)]
    random_id: bool,
    /// Set the source, a URI-reference.
    #[arg(long)]
    source: Option<String>,
    /// Set the type.
    #[arg(long = "type", value_name = "TYPE")]
    ty: Option<String>,
    /// Set the subject.
    #[arg(long)]
    subject: Option<String>,
    /// Set the time: 2018-04-05T17:31:00Z.
    #[arg(long, conflicts_with = "now")]
    time: Option<String>,
    /// Make up the time: now.
    #[arg(long)]
    now: bool,
    /// Set the URI of the payload's schema.
    #[arg(long, value_name = "URI")]
    dataschema: Option<String>,
    /// Set the media type of the payload [default: by what the payload is].
    #[arg(long, value_name = "MEDIA-TYPE")]
    datacontenttype: Option<String>,
    /// Set an extension, a String, or of another type: -e priority:Integer=3.
    #[arg(long, short = 'e', value_name = "NAME[:TYPE]=VALUE")]
    extension: Vec<String>,
    /// Take this text as the payload.
    #[arg(long, short, value_name = "TEXT", conflicts_with = "data_file", allow_hyphen_values = true)]
    data: Option<String>,
    /// Take the contents of this file as the payload; `-` stands for standard input.
    #[arg(long, value_name = "FILE")]
    data_file: Option<PathBuf>,
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
        .ok_or_else(|| "a number from 1 to 1024".to_owned())
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
                    // What was read is settled before more is waited for.
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
    // Every outcome is known, so that there is nothing left that closing could tell.
    let _ = runtime.block_on(sender.close());
    console.say(&format!("{} sent to {}", count(sent, "event"), connect::shown(&command.url)));
    Ok(Status::Done)
}

fn format<'a>(command: &Send, formats: &'a Formats) -> Result<&'a dyn Format, Failure> {
    let found = formats.iter().find(|format| format.id().as_str() == command.format);
    found.ok_or_else(|| Failure::usage(format!("there is no format `{}`", command.format)))
}

/// An event of the input; `None` for one that was told of and is left out.
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

/// The messages under way.
struct Line<'a> {
    sender: &'a Sender,
    open: VecDeque<(Outcome, usize, Place)>,
    format: &'a dyn Format,
    mode: ContentMode,
    parallel: usize,
    sent: usize,
    progress: Progress,
    console: &'a Console,
}

impl Line<'_> {
    /// Hands a message over when there is room. What goes wrong is told, and the exit status remembers.
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

    /// Waits until no more than so many messages are under way.
    async fn settle(&mut self, most: usize) {
        while self.open.len() > most {
            let Some((outcome, events, place)) = self.open.pop_front() else { break };
            match outcome.await {
                Ok(()) => self.sent = self.sent.saturating_add(events),
                Err(error) => self.failed(&error, &place),
            }
            (0..events).for_each(|_| self.progress.step());
        }
    }

    /// Whether sending more makes no sense: nobody is there.
    fn is_cut(&self) -> bool {
        self.console.remembered() == Status::Network
    }

    fn failed(&self, error: &Error, place: &Place) {
        // Of the network, no place in the input is to blame.
        let status = connect::status_of(error);
        let mut report = Report::of(error);
        if status != Status::Network {
            report = report.at(place);
        }
        if error.kind() == ErrorKind::Disconnected && error.help().is_none() {
            report = report.help("check the URL, and that somebody listens there");
        }
        self.progress.suspend(|| self.console.error(status, &report));
    }
}

impl Built {
    /// The event that the flags build, if there are any.
    fn event(&self, console: &Console) -> Result<Option<(Event, Place)>, Failure> {
        if !self.any() {
            return Ok(None);
        }
        let mut builder = Event::builder();
        builder = match &self.id {
            Some(id) => builder.id(id),
            None if self.random_id => builder.random_id(),
            None => builder,
        };
        builder = match &self.time {
            Some(time) => builder.time(time),
            None if self.now => builder.time_now(),
            None => builder,
        };
        builder = with(builder, self.source.as_deref(), |builder, text| builder.source(text));
        builder = with(builder, self.ty.as_deref(), |builder, text| builder.ty(text));
        builder = with(builder, self.subject.as_deref(), |builder, text| builder.subject(text));
        builder = with(builder, self.dataschema.as_deref(), |builder, text| builder.dataschema(text));
        for given in &self.extension {
            builder = extension(builder, given)?;
        }
        builder = self.payload(builder)?;
        match builder.build() {
            Ok(event) => {
                if self.random_id {
                    console
                        .report(&Report::note(format!("the id {} is made up", event.id())).kind("made-up"));
                }
                if let Some(time) = event.time().filter(|_| self.now) {
                    console.report(&Report::note(format!("the time {time} is made up")).kind("made-up"));
                }
                let source = Source::new("command line", bytes::Bytes::new(), 0);
                Ok(Some((event, Place::of(source))))
            }
            Err(mistakes) => {
                let (last, others) = match mistakes.errors().split_last() {
                    Some(split) => split,
                    None => return Err(Failure::usage(mistakes.to_string())),
                };
                for error in others {
                    console.report(&self.report(error));
                }
                Err(Failure::Told(Status::Usage, Box::new(self.report(last))))
            }
        }
    }

    fn any(&self) -> bool {
        self.random_id
            || self.now
            || !self.extension.is_empty()
            || self.data_file.is_some()
            || [
                &self.id,
                &self.source,
                &self.ty,
                &self.subject,
                &self.time,
                &self.dataschema,
                &self.datacontenttype,
                &self.data,
            ]
            .iter()
            .any(|flag| flag.is_some())
    }

    /// The payload under its content type; what nobody said is told by what the payload is.
    fn payload(&self, builder: EventBuilder) -> Result<EventBuilder, Failure> {
        let bytes = match (&self.data, &self.data_file) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(path)) => input::read(path)?.1,
            (None, None) => {
                return Ok(match &self.datacontenttype {
                    Some(media_type) => builder.datacontenttype(media_type),
                    None => builder,
                });
            }
        };
        let text = std::str::from_utf8(&bytes).ok();
        let found = match text {
            Some(text) if JsonText::parse(text).is_ok() => "application/json",
            Some(_) => "text/plain",
            None => "application/octet-stream",
        };
        let media_type = self.datacontenttype.as_deref().unwrap_or(found);
        let is_json = MediaType::parse(media_type).is_ok_and(MediaType::is_json);
        let payload = match text.map(str::to_owned) {
            _ if is_json => Payload::json(bytes),
            Some(text) => Ok(Payload::text(text)),
            None => Ok(Payload::binary(bytes)),
        };
        let payload = payload.map_err(|error| {
            let detail = error.detail().to_owned();
            Error::new(ErrorKind::InvalidData)
                .with_detail(format!("it is no JSON: {detail}"))
                .with_attribute("data")
        });
        Ok(builder.payload(media_type, payload))
    }

    /// An error with the flag it is about.
    fn report(&self, error: &Error) -> Report {
        let name = error.attribute().unwrap_or_default();
        let extension = self
            .extension
            .iter()
            .find(|given| given.split(['=', ':']).next().is_some_and(|found| found == name));
        let line = match (name, extension) {
            ("id", _) => self.id.as_ref().map(|value| ("--id ".to_owned(), value)),
            ("source", _) => self.source.as_ref().map(|value| ("--source ".to_owned(), value)),
            ("type", _) => self.ty.as_ref().map(|value| ("--type ".to_owned(), value)),
            ("subject", _) => self.subject.as_ref().map(|value| ("--subject ".to_owned(), value)),
            ("time", _) => self.time.as_ref().map(|value| ("--time ".to_owned(), value)),
            ("dataschema", _) => self.dataschema.as_ref().map(|value| ("--dataschema ".to_owned(), value)),
            ("datacontenttype", _) => {
                self.datacontenttype.as_ref().map(|value| ("--datacontenttype ".to_owned(), value))
            }
            (_, Some(given)) => Some(("-e ".to_owned(), given)),
            _ => None,
        };
        let report = Report::of(error);
        let report = match (error.kind(), name) {
            (ErrorKind::MissingAttribute, "id") => {
                report.help("give it with --id, or have it made up with --random-id")
            }
            (ErrorKind::MissingAttribute, name) => report.help(format!("give it with --{name}")),
            _ => report,
        };
        let (text, offset) = match line {
            Some((flag, value)) => {
                // Of an extension, the value; of a name that is none, all of it.
                let name = match error.kind() {
                    ErrorKind::InvalidName => 0,
                    _ if flag == "-e " => value.find('=').map_or(0, |at| at.saturating_add(1)),
                    _ => 0,
                };
                let offset = flag.len().saturating_add(name);
                (format!("{flag}{value}"), Some(offset))
            }
            None => (String::new(), None),
        };
        let report = report.at(&Place::of(Source::new("command line", text, 0)));
        match offset {
            Some(offset) => report.up_to_end_of_line(offset),
            None => report,
        }
    }
}

fn with(
    builder: EventBuilder,
    text: Option<&str>,
    set: impl FnOnce(EventBuilder, &str) -> EventBuilder,
) -> EventBuilder {
    match text {
        Some(text) => set(builder, text),
        None => builder,
    }
}

/// Sets `name=value` or `name:Type=value`.
fn extension(builder: EventBuilder, given: &str) -> Result<EventBuilder, Failure> {
    let Some((name, value)) = given.split_once('=') else {
        return Err(Failure::usage(format!("the extension `{}` has no value", crate::plain::plain(given)))
            .help("write -e name=value, or -e name:Type=value"));
    };
    let (name, ty) = match name.split_once(':') {
        Some((name, ty)) => (name, ty),
        None => (name, "String"),
    };
    let known = [
        AttributeType::Boolean,
        AttributeType::Integer,
        AttributeType::String,
        AttributeType::Binary,
        AttributeType::Uri,
        AttributeType::UriReference,
        AttributeType::Timestamp,
    ];
    let Some(ty) = known.into_iter().find(|known| known.name().eq_ignore_ascii_case(ty)) else {
        let names = known.map(AttributeType::name).join(", ");
        return Err(Failure::usage(format!("`{}` is no type of attributes", crate::plain::plain(ty)))
            .help(format!("the types are {names}")));
    };
    let mut scratch = Vec::new();
    Ok(match ty.parse(value, &mut scratch) {
        Ok(value) => builder.extension(name, value),
        Err(error) => builder.payload_only(Err(error.with_attribute(name))),
    })
}
