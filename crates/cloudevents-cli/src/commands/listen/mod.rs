//! `ce listen`: receives events.

mod answers;
mod envelope;
mod faults;
mod outage;
mod place;
mod printing;
mod since;
mod template;
mod unmatched;

use crate::{
    catalog::LenientCatalog,
    commands::{
        dropped, handshakes, idle::is_here, outage::tell_end, refusals, suggested::how,
        systems::SystemOptions,
    },
    connect::{self, Certificates, Opened, address::UrlOptions},
    console::Console,
    contract::Terms,
    emit::Emit,
    failure::{Failure, Status},
    interrupt::Interrupt,
    lenient::Lenient,
    plain::{count, thousands},
    report::Report,
    rules::RuleOptions,
    selection::Selection,
};
use answers::Answers;
use clap::Args;
use cloudevents_kit::{
    Delivery, Error, ErrorKind, Event, Message,
    adapters::AttributeRules,
    transport::{By, ConnectionState, Missing, ReceiverOptions, Side, binding::later},
};
use faults::Faults;
use futures_util::FutureExt;
use outage::Outage;
use printing::{Arrived, Content, Form, Printing};
use serde_json::json;
use std::{
    mem,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};
use template::Template;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// How long the end may take. A queue ends its last request in five seconds.
const ENDING: Duration = Duration::from_secs(10);

/// Receive events and print them.
///
/// A message that is not an event is reported on standard error and refused. So is a message of a client of HTTP or WebSockets that cannot
/// be read. Listening continues; the exit status will be 1. --envelope and --format-string print such messages, too, unless there is a
/// --filter.
///
/// Ctrl-C stops after the current message is settled. When a broker goes away, the program reconnects; after ten failures in a row, which
/// is about half a minute, it exits. --reconnect-for sets another time. Messages that core NATS sends faster than they are printed, beyond
/// `prefetch`, are dropped: their number is reported, and the exit status will be 3.
///
/// Printed messages are removed from an AMQP queue. A Kafka URL without a group reads the whole topic in its
/// own group, or only new messages with offset=latest, and does not affect other consumers.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce listen http://127.0.0.1:8080/events
  ce listen http://127.0.0.1:0/ --count 10 > ten.jsonl   any free port
  ce listen kafka://localhost:9092/orders --idle 5       the whole topic
  ce listen kafka://localhost:9092/orders -o group=billing -o reject=drop
  ce listen kafka://localhost:9092/orders --since 15m    what came since then
  ce listen kafka://localhost:9092/orders --last 10 --idle 5
  ce listen amqp://localhost/orders -o peer=python-2     repairs what it needs
  ce listen sqs://eu-central-1/123456789012/uploads --from aws-s3
  ce listen amqp://guest:guest@localhost:5672/orders     AMQP 1.0
  ce listen mqtt://localhost:1883/plant/%23              MQTT 5: all of plant/
  ce listen http://127.0.0.1:8080/ --filter 'type=com.example.*'
  ce listen http://127.0.0.1:8080/ --filter \"priority > 3 AND type LIKE 'com.%'\"
  ce listen http://127.0.0.1:8080/ --filter 'data.order.status=paid'
  ce listen http://127.0.0.1:8080/ --catalog shop.xreg.json
  ce listen -v http://127.0.0.1:8080/ --fail-rate 20 --delay 0.5
  ce listen amqp://localhost/orders --reply order.json   answers requests
  ce listen amqp://guest:guest@localhost:5672/orders --peek
  ce listen http://127.0.0.1:8080/ --respond 503         accepts no delivery
  ce listen kafka://localhost:9092/orders --idle 5 --envelope | jq .key
  ce listen kafka://localhost:9092/orders -f '%p %o %k %{type} %d\\n'

Placeholders of --format-string, of which the first nine are as in kcat. A part
that a message lacks is empty:
  %t topic, subject, queue or path     %T time of the message, in milliseconds
  %p partition                         %h headers, as NAME=VALUE,NAME=VALUE
  %o offset or sequence number         %i id of the event
  %k key    %K its length, or -1       %d payload of the event, as %{data}
  %s body   %S its length, or -1       %e event in JSON
  %A time of arrival, RFC 3339, UTC    %n attempt, where the broker counts
  %P where it came from, in words      %E why it is no event, in words
  %{type}, %{source}, %{subject}, %{NAME}     an attribute, also an extension
  %{header:NAME}                              the first header with this name
  %% \\n \\r \\t \\\\ \\xHH

Exit status: 0 done, 1 a message was not an event, or breaks the contract of the catalog,
or the broker refused the login or the place, 2 wrong usage or a catalog with mistakes,
3 the network or a broker failed, or messages were lost.")]
pub(crate) struct Listen {
    /// Listen at this URL: http://ADDRESS:PORT/PATH, kafka://BROKERS/TOPIC, amqp://BROKER/ADDRESS,
    /// mqtt://BROKER/FILTER. Also file:PATH, `-` for standard input, and @NAME for a connection of the
    /// configuration file.
    url: String,
    /// Exit after this number of events; with --envelope or --format-string, after this number of printed messages.
    #[arg(long, short = 'n', value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Exit after this number of idle seconds. It is not idle while the broker is away, nor while JetStream delivers messages again that
    /// were lost with a connection or that another receiver holds.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    idle: Option<u64>,
    /// Reconnect for this number of seconds after a connection is lost, even if many attempts fail.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    reconnect_for: Option<u64>,
    /// Begin with messages that are not older than this: 90s, 15m, 24h or 7d, or a time such as 2026-05-17T12:00:00Z, which sets the option
    /// `since` of the URL. For Kafka and JetStream; a group or a consumer that exists continues at its position.
    #[arg(long, value_name = "DURATION|TIME", value_parser = since::time)]
    since: Option<SystemTime>,
    /// Begin with this number of messages that are the last ones of each partition of Kafka, or of the subject of JetStream, which sets the
    /// option `last` of the URL. Listening goes on with what comes then, unless there is --idle. A group or a consumer that exists goes on
    /// where it is.
    #[arg(long, value_name = "NUMBER", conflicts_with = "since", value_parser = clap::value_parser!(u64).range(1..))]
    last: Option<u64>,
    #[command(flatten)]
    systems: SystemOptions,
    #[command(flatten)]
    lenient: Lenient,
    /// Show where each message came from and its headers, on standard error.
    #[arg(long, short)]
    verbose: bool,
    /// Print each message as one object: its time of arrival, place, topic, partition, offset, key, attempt and headers, as far as the
    /// protocol has them, and its event under `event`. Each event of a batch has an object of its own, with its `index`. A message that is
    /// no event has `message`, with headers and body, and `error`. Bytes that are no text are `{"base64": ...}`.
    #[arg(long, conflicts_with = "format_string")]
    envelope: bool,
    /// Print this text for each message, in place of --output. The placeholders below stand for parts of the message. No
    /// line break is added: end it with `\n`. Messages that are no events are printed, too.
    #[arg(long, short = 'f', value_name = "TEMPLATE", value_parser = Template::parse)]
    format_string: Option<Template>,
    /// Print only events with this attribute, `*` stands for any text, or for which this CESQL expression is TRUE. `data.order.id=42` is a
    /// place of a payload in JSON. Filters of the Subscriptions API may be given in JSON. Other events are accepted and not printed. May be
    /// repeated: all have to match.
    #[arg(long, value_name = "NAME=TEXT|EXPRESSION|JSON")]
    filter: Vec<String>,
    /// Allow --filter on a queue, where events that do not match are removed for all consumers. With --peek, and for JetStream without a
    /// `consumer` and without a work queue, nothing is removed, and no permission is needed.
    #[arg(long, requires = "filter")]
    drop_unmatched: bool,
    /// Print only events that the message definitions and schemas of this catalog allow: a document of xRegistry, a folder of them, or the
    /// URL of a registry. Messages with other events are reported and refused. A catalog with mistakes is refused, too.
    #[arg(long, value_name = "CATALOG")]
    catalog: Option<PathBuf>,
    #[command(flatten)]
    lenient_catalog: LenientCatalog,
    /// Return each message to its queue at the end, so that it stays there, also a message that is not an event. Exits after two idle
    /// seconds, or --idle, and shows as many messages as the bounds in flight allow: 1,024. The broker may count a delivery.
    #[arg(long)]
    peek: bool,
    #[command(flatten)]
    rules: RuleOptions,
    #[command(flatten)]
    faults: Faults,
    #[command(flatten)]
    address: UrlOptions,
    #[command(flatten)]
    certificates: Certificates,
}

impl Listen {
    /// Replaces the name of a connection by its URL, and adds the options of the URL.
    pub(crate) fn resolve(&mut self) -> Result<(), Failure> {
        self.url = self.address.address(&self.url, Side::Receive)?.url;
        if let Some(time) = self.since {
            self.url = since::in_url(&self.url, time)?;
        }
        if let Some(count) = self.last {
            self.url = since::last_in_url(&self.url, count)?;
        }
        Ok(())
    }
}

pub(crate) fn run(command: &Listen, console: &Console) -> Result<Status, Failure> {
    connect::runtime()?.block_on(listen(command, console))
}

async fn listen(command: &Listen, console: &Console) -> Result<Status, Failure> {
    let filters = command.filter.iter().map(|text| filter(text, console)).collect::<Result<Vec<_>, _>>()?;
    let terms = command.lenient_catalog.open(command.catalog.as_deref(), console)?.map(Terms::from);
    let systems = command.systems.systems()?;
    let rules = command.rules.rules()?;
    check_peek(command)?;
    command.certificates.check([&command.url])?;
    unmatched::check(command).await?;
    let pause = command.idle.or(command.peek.then_some(2));
    let mut decoding = cloudevents_kit::decoding();
    decoding.leniency = command.lenient.leniency();
    let (on_refusal, refusals) = refusals::channel();
    let mut refusals = refusals.with_handshake(handshakes::LISTEN);
    // Before a message is taken that cannot be answered.
    let answers = match command.faults.reply()? {
        Some(event) => Some(Answers::open(event, &command.url, &command.certificates).await?),
        None => None,
    };
    let target = command.faults.target(&command.url, &decoding, Arc::clone(&on_refusal)).await?;
    let (opened, server) = match target {
        Some((opened, server)) => {
            let receiver = connect::of(systems.as_ref(), how, opened.receiver);
            (Opened { receiver, ..opened }, Some(server))
        }
        None => {
            let options = ReceiverOptions::from(decoding.clone());
            let (url, certificates) = (&command.url, &command.certificates);
            (connect::receiver_of(systems.as_ref(), how, url, options, certificates, on_refusal).await?, None)
        }
    };
    let Opened { mut receiver, url, notes } = opened;
    // Of a queue whose URL does not show that it is one.
    if unmatched::removes(command) && receiver.capabilities().shared && !connect::is_queue(&command.url)? {
        let _ = receiver.drain(ENDING).await;
        return Err(unmatched::removed());
    }
    let mut settling = JoinSet::new();
    // Not settled, and so still of the queue.
    let mut held = Vec::new();
    console.write_aside();
    let interrupt = Interrupt::watch(console);
    // With --peek, no message is refused.
    let is_void =
        |note: &Report| command.peek && note.kind_code().is_some_and(|kind| kind.starts_with("reject-"));
    notes.iter().filter(|note| !is_void(note)).for_each(|note| console.report(note));
    console.announce(&format!("listening at {url}"), json!({"url": url}));
    let form = match &command.format_string {
        Some(template) => Form::Template(template),
        None if command.envelope => Form::Envelopes,
        None => Form::Events,
    };
    let mut printing = Printing::new(form, Emit::new(console));
    let is_counted = receiver.capabilities().counts == By::Broker;
    // Events, and other messages that are printed.
    let mut printed = 0_u64;
    let mut messages = 0_u64;
    let mut events = 0_u64;
    let mut not_events = 0_u64;
    let mut left_out = 0_usize;
    // Why standard output takes no more.
    let mut unwritten = None;
    let mut failures = 0_u32;
    let mut connectivity = receiver.connectivity();
    let mut outage = Outage::new(command.reconnect_for.map(Duration::from_secs));
    let (mut quiet, mut is_unread) = (Instant::now(), false);
    while command.count.is_none_or(|count| printed < count) {
        // A message that ends each connection, and cannot be received, is not waited for.
        if !mem::take(&mut is_unread) {
            quiet = Instant::now();
        }
        let delivery = tokio::select! {
            biased;
            () = interrupt.asked() => break,
            () = connectivity.changed() => {
                is_unread = connectivity.missing() == Some(Missing::Unreadable);
                match connectivity.state() {
                    ConnectionState::Connecting { failed, error: Some(error) } => {
                        if outage.begin() {
                            console.report(&connect::lost("the connection was lost", &error));
                        }
                        if outage.is_too_long(failed) {
                            return Err(connect::ended(&error));
                        }
                    }
                    ConnectionState::Connected { .. } => {
                        outage.end().iter().for_each(|since| tell_end("connected again", *since, console));
                    }
                    _ => {}
                }
                continue;
            }
            Some(Ok(settled)) = settling.join_next() => {
                tell_settled(&settled, console);
                interrupt.in_flight(settling.len());
                continue;
            }
            next = refusals::next(&mut receiver, &mut refusals, console) => next,
            () = idle(quiet, pause) => {
                if !is_here(&connectivity) {
                    continue;
                }
                if command.count.is_some() && !command.peek {
                    let time = count(command.idle.unwrap_or_default(), "second");
                    let words = format!("no message arrived for {time}");
                    console.error(Status::No, &Report::new(words).kind("timeout"));
                }
                break;
            }
        };
        let delivery = match delivery {
            Ok(Some(delivery)) => {
                failures = 0;
                outage.end().iter().for_each(|since| tell_end("connected again", *since, console));
                delivery
            }
            Ok(None) => break,
            Err(error) if is_passing(&error) && !outage.is_too_long(failures) => {
                if outage.begin() {
                    console.report(&connect::lost("the connection was lost", &error));
                }
                failures = failures.saturating_add(1);
                continue;
            }
            Err(error) => return Err(connect::ended(&error)),
        };
        let at = SystemTime::now();
        messages = messages.saturating_add(1);
        if command.verbose {
            place::describe(&delivery, messages, console);
        }
        if command.faults.fails() {
            let words = format!("message {messages} is refused on purpose");
            console.report(&Report::note(words).kind("fault").from(place::origin(&delivery)));
            let retry = settle(delivery, Settled::Retried, command.faults.delay);
            settling.spawn(retry);
            continue;
        }
        interrupt.in_flight(settling.len().saturating_add(1));
        let found = delivery.events();
        let refused = found.as_ref().ok().zip(terms.as_ref());
        let refused = refused.and_then(|(events, terms)| broken(terms, events, &delivery, messages, console));
        let of_message = found.as_ref().map_or(0, Vec::len);
        let selected = found.map(|found| select(found, &filters));
        let selected = match refused {
            None => selected.map(|selected| changed(&rules, selected, &delivery, messages, console)),
            Some(_) => selected,
        };
        let attempt = Some(delivery.attempt()).filter(|attempt| is_counted || *attempt > 1);
        let place = if printing.is_whole() { place::origin(&delivery) } else { String::new() };
        let arrived = Arrived { received: delivery.received(), place: &place, attempt, at };
        let (settled, written) = match (selected, refused) {
            (Ok(_), Some(refused)) => (Settled::Rejected(refused), Ok(())),
            (Ok(selected), None) => {
                place::tell_repairs(&delivery, messages, console);
                if let Some(option) = handshakes::answered_by(delivery.received()) {
                    console
                        .report(&Report::warning("a handshake has no answer").kind("handshake").help(option));
                }
                let is_batch = is_batch(&delivery);
                let written = interrupt.writing(|| {
                    left_out = left_out.saturating_add(of_message.saturating_sub(selected.len()));
                    for (index, event) in &selected {
                        printing.event(&arrived, event, is_batch.then_some(*index))?;
                        (events, printed) = (events.saturating_add(1), printed.saturating_add(1));
                    }
                    filters.iter().filter_map(Selection::due).for_each(|report| console.report(&report));
                    // Messages are settled only after the reader can have them.
                    printing.flush()
                });
                (Settled::Accepted, written)
            }
            (Err(error), _) => {
                not_events = not_events.saturating_add(1);
                console.error(
                    Status::No,
                    &place::report(&error, &delivery, messages, &decoding, systems.is_some()),
                );
                // No filter matches a message that is no event.
                let is_printed = printing.is_whole() && filters.is_empty();
                printed = printed.saturating_add(u64::from(is_printed));
                let written = match is_printed {
                    true => interrupt.writing(|| {
                        printing.content(&arrived, Content::Unreadable(&error))?;
                        printing.flush()
                    }),
                    false => Ok(()),
                };
                (Settled::Rejected(error.to_string()), written)
            }
        };
        if let Err(error) = written {
            // It goes back with the others.
            receiver.stopper().stop();
            unwritten = Some(error);
            break;
        }
        if let (Some(answers), Settled::Accepted) = (&answers, &settled) {
            answers.answer(&delivery, messages, console).await;
        }
        if command.peek {
            held.push(delivery);
            continue;
        }
        // Where a broker confirms it, other messages are printed meanwhile.
        let mut settled = settle(delivery, settled, command.faults.delay).boxed();
        match (&mut settled).now_or_never() {
            Some(settled) => tell_settled(&settled, console),
            None => drop(settling.spawn(settled)),
        }
        interrupt.in_flight(settling.len());
    }
    while let Some(Ok(settled)) = settling.join_next().await {
        tell_settled(&settled, console);
    }
    // Before they are released, so that they do not come back to this program, and go back in order.
    if !held.is_empty() {
        receiver.stopper().stop();
    }
    let mut released = 0_usize;
    for delivery in held.drain(..) {
        match delivery.release().await {
            Ok(()) => released = released.saturating_add(1),
            Err(error) => console.error(Status::Network, &Report::of(&error)),
        }
    }
    if unwritten.is_none() {
        printing.flush()?;
    }
    // Before the remaining messages are dropped, too, which is no error.
    dropped::tell(connectivity.dropped(), console);
    dropped::tell_unread(&connectivity, console);
    if let Some(server) = &server {
        server.stop();
    }
    if let Err(error) = receiver.drain(ENDING).await {
        console.error(Status::Network, &Report::of(&error));
    }
    if let Some(server) = server {
        server.close().await;
    }
    if let Some(answers) = answers {
        answers.close().await;
    }
    refusals.tell_rest(console);
    filters.iter().filter_map(Selection::rest).for_each(|report| console.report(&report));
    if let Some(error) = unwritten {
        return Err(error);
    }
    let received = count(events, "event");
    let text = match filters.as_slice() {
        [] => format!("{received} received"),
        _ => format!("{received} received, {} left out", thousands(left_out)),
    };
    let text = match not_events {
        0 => text,
        _ => format!("{text}, {} without an event", count(not_events, "message")),
    };
    let text = match command.peek {
        true => format!("{text}; {} went back", count(released, "message")),
        false => text,
    };
    let members = json!({
        "kind": "summary", "received": events, "left_out": left_out, "not_events": not_events, "released": released,
    });
    console.announce(&text, members);
    Ok(Status::Done)
}

fn is_batch(delivery: &Delivery) -> bool {
    matches!(delivery.message(), Ok(Message::Batched(_)))
}

/// Reports the breaches of a contract by the events of a message. Returns the reason to reject it with: the first breach.
fn broken(
    terms: &Terms,
    events: &[Event],
    delivery: &Delivery,
    number: u64,
    console: &Console,
) -> Option<String> {
    let is_batch = is_batch(delivery);
    let mut reason = None;
    for (index, event) in events.iter().enumerate() {
        let index = is_batch.then_some(index);
        let place = place::of_event(event, index, delivery, number);
        for problem in terms.problems(event, &place, console) {
            console.error(Status::No, &problem);
            let of_batch = index.map(|index| format!("event {index} of the batch: ")).unwrap_or_default();
            reason.get_or_insert_with(|| of_batch + &problem.one_line());
        }
    }
    reason
}

/// Returns the events that all filters match, with their positions in the message.
fn select(found: Vec<Event>, filters: &[Selection]) -> Vec<(usize, Event)> {
    let matches = |event: &Event| filters.iter().all(|filter| filter.matches(event));
    found.into_iter().enumerate().filter(|(_, event)| matches(event)).collect()
}

/// Returns the events by these rules. An event that they cannot change is reported, and stays as it came: a rule of the output loses no
/// message.
fn changed(
    rules: &AttributeRules,
    mut events: Vec<(usize, Event)>,
    delivery: &Delivery,
    number: u64,
    console: &Console,
) -> Vec<(usize, Event)> {
    for (index, event) in &mut events {
        match rules.apply_to(event, delivery.received()) {
            Ok(Some(changed)) => *event = changed,
            Ok(None) => {}
            Err(error) => {
                let index = is_batch(delivery).then_some(*index);
                let place = place::of_event(event, index, delivery, number);
                console.error(Status::No, &Report::of(&error).at(&place));
            }
        }
    }
    events
}

/// Refuses to leave messages in a queue if the source is no queue.
fn check_peek(command: &Listen) -> Result<(), Failure> {
    if !command.peek || connect::is_queue(&command.url)? {
        return Ok(());
    }
    let help =
        "a Kafka URL without a group changes nothing for others, and neither do MQTT, core NATS and files";
    Err(Failure::usage("--peek is for queues: `amqp`, `rabbitmq`, `postgres` and `nats+jetstream` URLs")
        .help(help))
}

/// Returns a filter: `NAME=TEXT` with `*` for any text, `data.PLACE=TEXT`, filters in JSON, or an expression of CESQL.
fn filter(text: &str, console: &Console) -> Result<Selection, Failure> {
    let short = text.split_once('=').filter(|(name, value)| {
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        is_name && !value.contains(['\'', '"', ' ', '(', '='])
    });
    let parsed = |text: &str| Selection::of_argument(text, console);
    let Some((name, value)) = short else { return parsed(text) };
    let mut pattern = String::new();
    for character in value.chars() {
        match character {
            '*' => pattern.push('%'),
            '%' | '_' => pattern.extend(['\\', character]),
            '\\' => return parsed(text),
            other => pattern.push(other),
        }
    }
    parsed(&format!("EXISTS {name} AND {name} LIKE '{pattern}'"))
}

/// How a message is settled.
enum Settled {
    Accepted,
    Retried,
    /// For this reason.
    Rejected(String),
}

/// Settles a message, after a pause if there is one.
async fn settle(delivery: Delivery, how: Settled, delay: Option<Duration>) -> Result<(), Error> {
    if let Some(delay) = delay {
        tokio::time::sleep(delay).await;
    }
    match how {
        Settled::Accepted => delivery.accept().await,
        Settled::Retried => delivery.retry(Duration::from_secs(1)).await,
        Settled::Rejected(reason) => delivery.reject(reason).await,
    }
}

fn tell_settled(settled: &Result<(), Error>, console: &Console) {
    if let Err(error) = settled {
        let words = "the sender disconnected before the response";
        console.report(&Report::warning(words).kind(error.kind().code()).detail(error.detail()));
    }
}

/// Whether the next call may succeed: receivers reconnect by themselves.
fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Timeout | ErrorKind::Unreachable)
}

async fn idle(since: Instant, seconds: Option<u64>) {
    match seconds {
        Some(seconds) => sleep_until(later(since, Duration::from_secs(seconds))).await,
        None => std::future::pending().await,
    }
}
