//! `ce send`: sends events.

mod carrier;
mod in_flight;
mod kept;
mod mode;
mod pace;
mod ready;
mod show;
pub(super) mod signing;
mod undelivered;

use crate::{
    built::Built,
    connect::{self, Connecting, Sending, address::UrlOptions},
    console::Console,
    contract::{Contract, Terms},
    emit::Emit,
    failure::{Failure, Status},
    held::Held,
    input::{self, Located, Reading},
    interrupt::Interrupt,
    plain::{count, thousands},
    progress::Progress,
    rules::{self, RuleOptions},
    source::Place,
};
use clap::Args;
use cloudevents_kit::{
    Event, Format, Formats, Peer,
    adapters::AttributeRules,
    transport::{Bounds, LossPolicy, Side},
};
use in_flight::{Attempts, Line, Retries, message};
use mode::ContentMode;
use pace::{Pace, rate};
use serde_json::json;
use signing::Signing;
use std::{
    cell::{Cell, RefCell},
    path::{Path, PathBuf},
    time::Duration,
};
use undelivered::Undelivered;

/// Send events from files, from standard input or from flags.
///
/// Files hold one event, a batch, JSON Lines, or several of these one after another. An event that is built from
/// flags gets an id and a time unless they are given; events from files are sent as they are. With --mode batched,
/// each file is sent as one batch, of at most 256 MiB and 200,000 events.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce send http://localhost:8080/ order.json
  ce send --mode structured http://localhost:8080/ < events.jsonl
  ce send http://localhost:8080/ --source /shop --type com.example.order \\
      -e priority:Integer=3 --data '{\"total\":1.10}'
  ce send http://localhost:8080/ --source /shop --type order --data @order.json
  ce send -v http://localhost:8080/ order.json             both sides, like curl
  ce send --dry-run http://localhost:8080/ order.json      what would be sent
  ce send http://localhost:8080/ --retry 5 < events.jsonl
  ce send http://localhost:8080/ --retry 5 --keep-going \\
      --failed failed.jsonl events.jsonl
  ce send http://localhost:8080/ --source /load --type test \\
      --rate 200 --repeat 10000 --parallel 50
  ce send https://api.example.com/ --authorization-env TOKEN_HEADER order.json
  HOOK_SECRET=whsec_... ce send https://api.example.com/ order.json \\
      --mode structured --secret-env HOOK_SECRET           signed
  ce send kafka://localhost:9092/orders -o key=partitionkey < events.jsonl
  ce send amqp://guest:guest@localhost:5672/orders order.json    AMQP 1.0
  ce send 'mqtt://localhost:1883/plant/{type}' < events.jsonl   MQTT 5
  ce send http://localhost:8080/ --catalog shop.xreg.json \\
      --message com.example.order --value shop=7 --subject 42 \\
      --data '{\"number\":42}'                             by its contract

HTTP uses the proxies of the environment (http_proxy, https_proxy, all_proxy, no_proxy), but not for localhost and loopback
addresses. A proxy for http URLs sees headers, credentials and events.

Exit status: 0 sent, 1 the peer refused an event or the input contains an invalid event,
2 wrong usage or a catalog with mistakes, 3 the network or the peer failed.")]
pub(crate) struct Send {
    /// Send to this URL: http://HOST/PATH, kafka://BROKERS/TOPIC, amqp://BROKER/ADDRESS, mqtt://BROKER/TOPIC.
    /// Also file:PATH, `-` for standard output, and @NAME for a connection of the configuration file.
    /// Credentials may be given in the URL and are never shown.
    url: String,
    /// Send the events of these files. `-` or no file: standard input.
    #[arg(value_name = "FILE", conflicts_with_all = ["attributes", "message"])]
    files: Vec<PathBuf>,
    /// Content mode [default: binary; structured where the protocol has no other]. Only HTTP has batches.
    #[arg(long, short, value_enum)]
    mode: Option<ContentMode>,
    /// Format of structured and batched messages [default: json].
    #[arg(long, value_name = "FORMAT", value_parser = input::format_names())]
    format: Option<String>,
    /// Write messages for this implementation, such as go-2 or java-4, where it reads other messages than the specification states. A wrong
    /// name lists the names.
    #[arg(long, value_name = "NAME", value_parser = crate::lenient::peer)]
    peer: Option<Peer>,
    /// Show the messages on the wire and the responses, on standard error.
    #[arg(long, short)]
    verbose: bool,
    /// Print the messages instead of sending them.
    #[arg(long, conflicts_with_all = ["verbose", "rate", "retry", "parallel"])]
    dry_run: bool,
    /// Report and skip invalid events and messages that cannot be sent, instead of stopping.
    #[arg(long)]
    keep_going: bool,
    /// Send each message again up to this number of times after a temporary error, with growing pauses.
    #[arg(long, value_name = "TIMES")]
    retry: Option<u32>,
    /// With --retry: also after other errors.
    #[arg(long, requires = "retry")]
    retry_all: bool,
    /// Append the events that failed for good to this file, each on a line, to send them again. With --keep-going, these are all events of
    /// the input that the other side did not take. After Ctrl-C, the last line says up to which place the input was read.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    failed: Option<PathBuf>,
    /// Send at most this number of messages a second.
    #[arg(long, value_name = "NUMBER", value_parser = rate)]
    rate: Option<f64>,
    /// Send everything this number of times. A generated id is another one each time.
    #[arg(long, value_name = "TIMES", value_parser = clap::value_parser!(u64).range(1..))]
    repeat: Option<u64>,
    /// Maximum messages in flight. Over HTTP, more than one may arrive in another order; with --retry, over any protocol [default: 1024;
    /// 32768 over Kafka; 1 over HTTP, and with --retry, --rate and -v]. When a message fails, those in flight may still arrive.
    #[arg(long, value_name = "NUMBER", value_parser = parallel)]
    parallel: Option<usize>,
    /// Response timeout in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Wait for the reply to each message, for --timeout at most, and print its event. A message is sent after the reply to the one before:
    /// HTTP, NATS without JetStream, MQTT 5, AMQP 1.0.
    #[arg(long, conflicts_with_all = ["dry_run", "parallel"])]
    reply: bool,
    /// Add an HTTP header: `Name: value`, or `@FILE` for a file of 1 MiB at most with one header per line.
    #[arg(long, short = 'H', value_name = "HEADER")]
    header: Vec<String>,
    /// Send the value of this environment variable as the Authorization header.
    #[arg(long, value_name = "VARIABLE")]
    authorization_env: Option<String>,
    #[command(flatten)]
    signing: Signing,
    #[command(flatten)]
    connecting: Connecting,
    #[command(flatten)]
    address: UrlOptions,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    rules: RuleOptions,
    #[command(flatten)]
    built: Built,
    #[command(flatten)]
    contract: Contract,
}

fn parallel(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|number| (1..=1024).contains(number))
        .ok_or_else(|| "expected a number from 1 to 1024".to_owned())
}

impl Send {
    /// Replaces the name of a connection by its URL, and adds the options of the URL and the headers.
    pub(crate) fn resolve(&mut self) -> Result<(), Failure> {
        let address = self.address.address(&self.url, Side::Send)?;
        self.url = address.url;
        self.header.splice(0..0, address.headers);
        Ok(())
    }
}

pub(crate) fn run(command: &Send, console: &Console) -> Result<Status, Failure> {
    command.connecting.certificates.check([&command.url])?;
    let endpoint = carrier::endpoint(&command.url, command.mode, command.format.as_deref())?;
    let mode = carrier::mode(command.mode, command.peer, endpoint.as_ref());
    check(command, mode)?;
    let formats = cloudevents_kit::formats();
    let terms = command.contract.open(console)?;
    let is_alone = command.retry.is_some() || command.rate.is_some() || command.verbose;
    let input = Input { command, rules: command.rules.rules()?, terms: terms.as_ref(), console };
    let mut sending = Sending {
        headers: command.header.clone(),
        authorization: command.authorization_env.clone(),
        timeout: Duration::from_secs(command.timeout),
        parallel: command.parallel.unwrap_or_else(|| carrier::parallel(endpoint.as_ref(), is_alone)),
        batches: mode == ContentMode::Batched,
        documents: Some(mode == ContentMode::Structured),
        losses: LossPolicy::Refuse,
        connecting: command.connecting.clone(),
        peer: command.peer,
        trace: None,
        sign: command.signing.sign(mode)?,
    };
    if command.dry_run {
        return dry_run(&input, mode, &sending, &formats);
    }
    sending.trace = command.verbose.then(show::trace);
    let is_http = endpoint.as_ref().is_some_and(|url| carrier::binding(url) == Some("http"));
    // Two threads would hand a request to each other, and wait. What -v writes may wait for its reader.
    let runtime = if is_http && sending.parallel == 1 && !command.verbose {
        connect::one_thread()?
    } else {
        connect::runtime()?
    };
    let interrupt = Interrupt::watch(console);
    let built = command.built.template(command.contract.builder(terms.as_ref())?, console)?;
    if let (Some(built), Some(terms)) = (&built, &terms) {
        let (event, place) = built.first();
        terms.admit(&event, &place, console)?;
    }
    let opened = runtime.block_on(async {
        tokio::select! {
            opened = connect::sender(&command.url, &sending) => Some(opened),
            () = interrupt.asked() => None,
        }
    });
    let Some(opened) = opened else {
        summary(command, [0; 3], "", console);
        return Ok(Status::No);
    };
    let sender = opened?;
    if command.reply && !sender.capabilities().requests {
        return Err(Failure::usage("--reply: this protocol has no replies"));
    }
    let undelivered = match &command.failed {
        Some(path) => Some(runtime.block_on(Undelivered::open(path, &inputs(command)))?),
        None => None,
    };
    let is_structured = command.mode.map(|mode| mode == ContentMode::Structured);
    let note = endpoint.as_ref();
    let note = note.and_then(|to| connect::older_consumers(to, command.peer, is_structured));
    let note = note.into_iter().chain(endpoint.as_ref().and_then(carrier::may_lose));
    note.for_each(|note| console.report(&note));
    let attempts = Attempts {
        sender: &sender,
        retries: Retries::new(command.retry.unwrap_or_default(), command.retry_all),
        interrupt: &interrupt,
        console,
        progress: RefCell::new(Progress::new(console, None, "events")),
        shown: if command.verbose && !is_http {
            let format = command.format.as_deref();
            Some(RefCell::new(show::Shown::new(&command.url, mode, format, command.peer)?))
        } else {
            None
        },
        patience: sending.timeout,
        replies: command.reply.then(|| RefCell::new(Emit::new(console))),
        undelivered,
        keep_going: command.keep_going,
        sent: Cell::default(),
        duplicates: Cell::default(),
        failed: Cell::default(),
        paused: Cell::default(),
        end: Cell::default(),
    };
    let parallel = Bounds { messages: sending.parallel, bytes: carrier::BYTES };
    let pace = command.rate.map(Pace::new);
    let mut line = Line::new(&attempts, format(command, &formats)?, mode, parallel, pace);
    let times = command.repeat.unwrap_or(1);
    let mut ended = Ok(());
    if let Some(template) = built {
        template.tell(console);
        let mut next = Ok(template.first());
        for time in 1..=times {
            match next {
                Ok((event, place)) => runtime.block_on(line.send(vec![event], &place)),
                Err(error) => {
                    ended = Err(connect::failed(error));
                    break;
                }
            }
            if interrupt.is_asked() || attempts.is_cut() {
                line.rest = time < times;
                break;
            }
            next = template.again();
        }
    } else {
        let paths = input::files(&command.files);
        for path in (0..times).flat_map(|_| &paths) {
            ended = file(path, &input, &runtime, &mut line);
            if ended.is_err() || interrupt.is_asked() || attempts.is_cut() {
                break;
            }
        }
    }
    runtime.block_on(line.settle());
    attempts.progress.borrow().finish();
    if interrupt.is_asked() {
        console.remember(Status::No);
    }
    let (sent, failed, duplicates) = (attempts.sent.get(), attempts.failed.get(), attempts.duplicates.get());
    let rest = match &line.read_to {
        Some(place) => format!("; the input behind {place} was not sent"),
        None if line.rest && attempts.is_cut() => "; the rest was not sent, --keep-going sends it".to_owned(),
        None => String::new(),
    };
    drop(line);
    // Every outcome is known, so closing has nothing more to report.
    let _ = runtime.block_on(sender.close());
    if let Err(failure) = ended {
        console.remember(failure.tell(console));
    }
    summary(command, [sent, failed, duplicates], &rest, console);
    Ok(Status::Done)
}

/// Reports how many events were sent, and how many of the input were not.
fn summary(command: &Send, numbers: [usize; 3], rest: &str, console: &Console) {
    let [sent, failed, duplicates] = numbers;
    let kept = match duplicates {
        0 => String::new(),
        _ => format!(", of which the broker had {} already", thousands(duplicates)),
    };
    let not_sent = if failed > 0 { format!(", {} failed", thousands(failed)) } else { String::new() };
    let to = connect::shown(&command.url);
    let text = format!("{} sent to {to}{kept}{not_sent}{rest}", count(sent, "event"));
    let members =
        json!({"kind": "summary", "to": to, "sent": sent, "failed": failed, "duplicates": duplicates});
    console.announce(&text, members);
}

/// Refuses options that mean nothing together.
fn check(command: &Send, mode: ContentMode) -> Result<(), Failure> {
    if mode == ContentMode::Binary && command.format.is_some() {
        return Err(Failure::usage("--format has no effect in binary mode").help("add --mode structured"));
    }
    if is_built(command) && (command.reading.is_named() || command.reading.lenient.is_given()) {
        let name = match (command.reading.lenient.is_given(), &command.reading.from) {
            (true, _) => "--lenient",
            (false, Some(_)) => "--from",
            (false, None) => "--map",
        };
        return Err(Failure::usage(format!("{name} is for files, and the event is built from flags")));
    }
    if is_built(command) && command.rules.is_given() {
        return Err(Failure::usage(
            "--set, --rename and --remove are for files, and the event is built from flags",
        )
        .help("`-e NAME=VALUE` gives it an attribute"));
    }
    let from_input = inputs(command).iter().any(|path| path == Path::new("-"));
    if from_input && command.repeat.is_some() {
        return Err(Failure::usage("--repeat cannot read standard input again").help("name a file"));
    }
    Ok(())
}

/// The files of the input.
fn inputs(command: &Send) -> Vec<PathBuf> {
    if is_built(command) { Vec::new() } else { input::files(&command.files) }
}

/// Whether the event is built from flags.
fn is_built(command: &Send) -> bool {
    command.built.is_given() || command.contract.builds()
}

/// Prints the messages.
fn dry_run(
    input: &Input<'_>,
    mode: ContentMode,
    sending: &Sending,
    formats: &Formats,
) -> Result<Status, Failure> {
    let Input { command, terms, console, .. } = *input;
    let mut shown = show::DryRun::new(&command.url, mode, command.format.as_deref(), sending, console)?;
    let format = format(command, formats)?;
    let mut print = |events: &[Event], place: &Place| {
        let message = message(mode, format, events, place, console).map_err(connect::failed)?;
        shown.show(&message, events)
    };
    for _ in 0..command.repeat.unwrap_or(1) {
        if let Some((event, place)) = command.built.event(command.contract.builder(terms)?, console)? {
            if let Some(terms) = terms {
                terms.admit(&event, &place, console)?;
            }
            print(&[event], &place)?;
            continue;
        }
        for path in input::files(&command.files) {
            let mut held = Held::default();
            let mut first = None;
            for located in input::open(&path, &command.reading)? {
                let located = located?;
                match input.event(&located)? {
                    Some(event) if mode == ContentMode::Batched => {
                        held.push(event)?;
                        first.get_or_insert(located.place);
                    }
                    Some(event) => print(&[event], &located.place)?,
                    None => {}
                }
            }
            if let Some(place) = first {
                print(held.events(), &place)?;
            }
        }
    }
    shown.finish()?;
    Ok(Status::Done)
}

/// Sends the events of a file, in batched mode as one message.
fn file(
    path: &Path,
    input: &Input<'_>,
    runtime: &connect::Runtime,
    line: &mut Line<'_>,
) -> Result<(), Failure> {
    let Input { command, console, .. } = *input;
    let (attempts, mode) = (line.attempts, line.mode);
    let interrupt = attempts.interrupt;
    connect::check_written(path, &command.url)?;
    let mut events = input::open(path, &command.reading)?;
    let mut held = Held::default();
    let mut first: Option<Place> = None;
    loop {
        let next = if events.may_wait() && !ready::is_there_more(path) {
            // Messages in flight are settled before waiting for more input, and not because a part of it is read.
            runtime.block_on(line.settle());
            if attempts.is_cut() {
                break;
            }
            interrupt.idle(console.remembered(), || events.next()).flatten()
        } else {
            events.next()
        };
        let Some(located) = next else { break };
        let located = located?;
        let place = located.place.clone();
        match input.event(&located) {
            Ok(Some(event)) if mode == ContentMode::Batched => {
                held.push(event)?;
                first.get_or_insert(located.place);
            }
            Ok(Some(event)) => runtime.block_on(line.send(vec![event], &located.place)),
            Ok(None) => attempts.add_failed(1),
            Err(invalid) => {
                attempts.add_failed(1);
                line.rest = events.is_ready();
                return Err(invalid);
            }
        }
        if interrupt.is_asked() || attempts.is_cut() {
            line.rest = events.is_ready();
            line.read_to = interrupt
                .is_asked()
                .then(|| format!("{}:{}", place.source.name, place.line()))
                .filter(|_| line.rest);
            break;
        }
    }
    if let Some(place) = first.filter(|_| !interrupt.is_asked()) {
        runtime.block_on(line.send(held.events().to_vec(), &place));
    }
    Ok(())
}

fn format<'a>(command: &Send, formats: &'a Formats) -> Result<&'a dyn Format, Failure> {
    let endpoint = connect::endpoint(&command.url)?;
    let own = endpoint.as_ref().and_then(carrier::subformat);
    let name = command.format.as_deref().or(own).unwrap_or("json");
    let found = formats.iter().find(|format| format.id().as_str() == name);
    found.ok_or_else(|| Failure::usage(format!("unknown format `{name}`")))
}

/// The changes to each event of the input before it is sent.
struct Input<'a> {
    command: &'a Send,
    rules: AttributeRules,
    terms: Option<&'a Terms>,
    console: &'a Console,
}

impl Input<'_> {
    /// Returns an event of the input, or `None` for an invalid one that was reported and is skipped.
    fn event(&self, located: &Located) -> Result<Option<Event>, Failure> {
        let Self { command, rules, terms, console } = self;
        let decoded = located.event.as_ref().map_err(Clone::clone);
        let changed = decoded.and_then(|decoded| {
            located.tell_repairs(console);
            rules::changed(rules, decoded.value.clone())
        });
        match changed {
            Ok(event) => match terms.map(|terms| terms.admit(&event, &located.place, console)).transpose() {
                Ok(_) => Ok(Some(event)),
                Err(refused) if command.keep_going => {
                    console.remember(refused.tell(console));
                    Ok(None)
                }
                Err(refused) => Err(refused),
            },
            Err(error) if command.keep_going => {
                console.error(Status::No, &located.report(&error));
                Ok(None)
            }
            Err(error) => Err(Failure::Told(Status::No, Box::new(located.report(&error)))),
        }
    }
}
