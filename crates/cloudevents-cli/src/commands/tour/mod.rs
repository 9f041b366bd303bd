//! `ce tour`: sample events through every binding, over sockets, and back.

mod compare;
mod samples;
mod wire;

use crate::{
    cli::Output,
    connect::{self, Sending},
    console::{Console, Paint, style},
    failure::{Failure, Status},
    plain::{count, shortened, thousands},
    report::wrapped,
};
use clap::Args;
use cloudevents_kit::{
    self as kit, Delivery, Error, Event, Format, Message, Receiver, Sender, transport::ReceiverOptions,
};
use compare::Compared;
use samples::Sample;
use serde_json::json;
use std::{
    io::Write,
    time::{Duration, Instant},
};

/// Watch sample events go through every binding and come back.
///
/// For each binding, a server is started on the loopback interface, and events go through every content mode over real sockets. What comes back is compared with what was sent, attribute by
/// attribute and byte by byte.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 0 everything came back as it was, 1 something differs, 3 the network failed."
)]
pub(crate) struct Tour {
    /// Show every message on the wire, not only the first ones.
    #[arg(long)]
    wire: bool,
}

/// A way to carry events.
struct Leg {
    binding: &'static str,
    mode: &'static str,
    format: Option<String>,
    words: String,
    /// How many messages are shown as they were on the wire.
    shown: usize,
}

/// What a leg came to.
struct Walked {
    leg: Leg,
    messages: usize,
    events: usize,
    same: usize,
    bytes: usize,
    elapsed: Duration,
    /// How many attributes came back as another type.
    types: usize,
}

pub(crate) fn run(command: &Tour, console: &Console) -> Result<Status, Failure> {
    connect::runtime()?.block_on(tour(command, console))
}

async fn tour(command: &Tour, console: &Console) -> Result<Status, Failure> {
    let begin = Instant::now();
    let samples = samples::load()?;
    let mut guide = Guide { out: console.out(), paint: console.paint(), output: console.output() };
    let events: usize = samples.iter().map(|sample| sample.events.len()).sum();
    guide.say(|paint| {
        let title = paint.text(style::STRONG, "A tour of CloudEvents");
        let text = format!(
            "{}, through every content mode of every binding, over sockets, and back. What comes back is \
             compared with what was sent: the text of each attribute, and the bytes of each payload.",
            count(events, "sample event")
        );
        format!("{title}\n{}\n", wrapped(&text, 0, Some(WIDTH)))
    })?;
    let formats = kit::formats();
    let mut results = Vec::new();
    for binding in BINDINGS {
        let (mut receiver, url) =
            connect::receiver(binding.url, ReceiverOptions::from(kit::decoding())).await?;
        let sending = Sending { timeout: Duration::from_secs(10), parallel: 1, ..Sending::default() };
        let sender = connect::sender(&url, &sending).await?;
        guide.say(|paint| {
            format!("\n{}\n", paint.text(style::STRONG, &format!("{}, with a server at {url}", binding.name)))
        })?;
        for leg in legs(binding, &formats) {
            let result = walk(leg, &samples, (&sender, &mut receiver), command, &mut guide).await?;
            results.push(result);
        }
        // Everything is settled; the server has nothing left to lose.
        let _ = receiver.drain(Duration::from_secs(1)).await;
    }
    let differ = results.iter().any(|result| result.same != result.events);
    guide.table(&results, differ, begin.elapsed())?;
    guide.out.flush()?;
    if guide.output != Output::Pretty {
        console.say(if differ { DIFFERENT } else { SAME });
    }
    Ok(if differ { Status::No } else { Status::Done })
}

/// A protocol binding and where its embedded server listens.
struct Binding {
    name: &'static str,
    url: &'static str,
    /// What is said of a message on the wire before its headers.
    head: &'static str,
}

/// The bindings of this build. The next one is one more line.
const BINDINGS: &[Binding] =
    &[Binding { name: "HTTP", url: "http://127.0.0.1:0/tour", head: "POST /tour HTTP/1.1" }];

fn legs(binding: &Binding, formats: &kit::Formats) -> Vec<Leg> {
    let mut legs = vec![Leg {
        binding: binding.name,
        mode: "binary",
        format: None,
        words: "binary mode: attributes in headers, the payload in the body".to_owned(),
        shown: 2,
    }];
    for format in formats.iter() {
        let name = format.id().as_str().to_uppercase();
        let leg = |mode, words| Leg {
            binding: binding.name,
            mode,
            format: Some(format.id().to_string()),
            words,
            shown: 1,
        };
        legs.push(leg("structured", format!("structured mode: the event as one {name} document")));
        if format.batch_media_type().is_some() {
            legs.push(leg("batched", format!("batched mode: many events as one {name} document")));
        }
    }
    legs
}

/// Sends every sample one way, and compares what comes back.
async fn walk(
    leg: Leg,
    samples: &[Sample],
    (sender, receiver): (&Sender, &mut Receiver),
    command: &Tour,
    guide: &mut Guide,
) -> Result<Walked, Failure> {
    guide
        .say(|paint| format!("\n{}\n", paint.text(style::NAME, &format!("{} {}", leg.binding, leg.words))))?;
    let formats = kit::formats();
    let format =
        leg.format.as_deref().and_then(|name| formats.iter().find(|format| format.id().as_str() == name));
    let begin = Instant::now();
    let mut result =
        Walked { leg, messages: 0, events: 0, same: 0, bytes: 0, elapsed: Duration::ZERO, types: 0 };
    for sample in samples {
        let batched = result.leg.mode == "batched";
        let messages: Vec<&[Event]> =
            if batched { vec![&sample.events] } else { sample.events.chunks(1).collect() };
        // A hundred small events one by one say no more than the first of them.
        let some = if batched { 1 } else { 3 };
        let mut compared = Compared::default();
        let mut sent = 0_usize;
        for (number, events) in messages.iter().take(some).enumerate() {
            let delivery = exchange(events, format, result.leg.mode, sender, receiver).await?;
            let shown = result.leg.shown > 0 || command.wire;
            if number == 0 && shown {
                result.leg.shown = result.leg.shown.saturating_sub(1);
                let head = BINDINGS
                    .iter()
                    .find(|binding| binding.name == result.leg.binding)
                    .map_or("", |binding| binding.head);
                guide.say(|paint| {
                    format!(
                        "\n{}\n{}\n",
                        paint.text(style::FAINT, &format!("  {}", sample.title)),
                        wire::text(head, delivery.raw(), paint)
                    )
                })?;
            }
            result.messages = result.messages.saturating_add(1);
            result.bytes = result.bytes.saturating_add(delivery.raw().size());
            match delivery.events() {
                Ok(received) => compared.all(events, &received, format),
                Err(error) => compared.refused(&error, events.len()),
            }
            sent = sent.saturating_add(events.len());
            // The response is the sender's business, which has it already.
            drop(delivery.accept());
        }
        result.events = result.events.saturating_add(sent);
        result.same = result.same.saturating_add(compared.same);
        result.types = result.types.saturating_add(compared.types.len());
        guide.sample(&result.leg, sample, sent, &compared)?;
    }
    result.elapsed = begin.elapsed();
    Ok(result)
}

/// Sends one message and receives it; its settlement lets the sender go on.
async fn exchange(
    events: &[Event],
    format: Option<&dyn Format>,
    mode: &str,
    sender: &Sender,
    receiver: &mut Receiver,
) -> Result<Delivery, Failure> {
    let message = match (mode, format, events) {
        ("structured", Some(format), [event]) => {
            Message::structured(event, format).map(|(message, _)| message)
        }
        ("batched", Some(format), events) => Message::batched(events, format).map(|(message, _)| message),
        (_, _, [event]) => Ok(Message::Binary(event.clone())),
        _ => return Err(Failure::usage("a message of this mode holds one event")),
    };
    let mut outcome = sender.enqueue(message.map_err(failed)?).await.map_err(failed)?;
    tokio::select! {
        delivery = receiver.next() => match delivery.map_err(failed)? {
            Some(delivery) => Ok(delivery),
            None => Err(Failure::new(Status::Network, "the embedded server ended")),
        },
        // An answer before there was a delivery is a refusal.
        answer = &mut outcome => match answer {
            Ok(()) => Err(Failure::new(Status::Network, "the embedded server answered without having received")),
            Err(error) => Err(failed(error)),
        },
        () = tokio::time::sleep(Duration::from_secs(10)) => Err(Failure::new(Status::Network, "the embedded server does not answer")),
    }
}

fn failed(error: Error) -> Failure {
    Failure::Told(Status::Network, Box::new(crate::report::Report::of(&error)))
}

const WIDTH: usize = 78;
const SAME: &str = "Everything came back as it was sent.";
const DIFFERENT: &str = "Something came back different.";

/// Who tells what happens.
struct Guide {
    out: std::io::BufWriter<std::io::StdoutLock<'static>>,
    paint: Paint,
    output: Output,
}

impl Guide {
    /// Tells people.
    fn say(&mut self, words: impl FnOnce(Paint) -> String) -> Result<(), Failure> {
        if self.output == Output::Pretty {
            self.out.write_all(words(self.paint).as_bytes())?;
            self.out.flush()?;
        }
        Ok(())
    }

    fn value(&mut self, value: &serde_json::Value) -> Result<(), Failure> {
        match self.output {
            Output::Pretty => {}
            Output::Json => writeln!(self.out, "{value}")?,
            Output::Yaml => self.out.write_all(crate::json_view::yaml(&value.to_string()).as_bytes())?,
        }
        Ok(())
    }

    /// What became of one sample.
    fn sample(
        &mut self,
        leg: &Leg,
        sample: &Sample,
        events: usize,
        compared: &Compared,
    ) -> Result<(), Failure> {
        self.value(&json!({
            "binding": leg.binding, "mode": leg.mode, "format": leg.format, "sample": sample.name, "events": events,
            "same": compared.same, "differences": compared.differences,
            "types": compared.types.iter().map(|lost| json!({"attribute": lost.name, "from": lost.from, "to": lost.to})).collect::<Vec<_>>(),
            "notes": compared.notes,
        }))?;
        self.say(|paint| {
            let good = compared.differences.is_empty();
            let mark =
                if good { paint.text(style::GOOD, "same") } else { paint.text(style::ERROR, "DIFFERS") };
            let number = if sample.events.len() > 1 {
                format!(" ({events} of {})", sample.events.len())
            } else {
                String::new()
            };
            let mut text = format!("  {mark}  {}{number}\n", sample.name);
            let mut line = |words: &str, style: anstyle::Style| {
                text += &format!("        {}\n", paint.text(style, &wrapped(words, 8, Some(WIDTH))));
            };
            for difference in &compared.differences {
                line(&shortened(difference, 300), style::ERROR);
            }
            if !compared.types.is_empty() {
                let (to, names) = compared.lost();
                line(&format!("note: {names} came back as {to}"), style::FAINT);
            }
            for note in &compared.notes {
                line(&format!("note: {note}"), style::FAINT);
            }
            text
        })
    }

    /// What it all came to.
    fn table(&mut self, results: &[Walked], differ: bool, elapsed: Duration) -> Result<(), Failure> {
        self.say(|paint| {
            let head = format!("{:<9}{:<12}{:<14}{:>9}{:>8}{:>8}{:>10}{:>10}", "binding", "mode", "format", "messages", "events", "same", "bytes", "time");
            let mut text = format!("\n{}\n", paint.text(style::STRONG, &head));
            for result in results {
                let same = format!("{:>8}", thousands(result.same));
                let style = if result.same == result.events { style::GOOD } else { style::ERROR };
                text += &format!(
                    "{:<9}{:<12}{:<14}{:>9}{:>8}{}{:>10}{:>7} ms\n",
                    result.leg.binding,
                    result.leg.mode,
                    result.leg.format.as_deref().unwrap_or("-"),
                    thousands(result.messages),
                    thousands(result.events),
                    paint.text(style, &same),
                    thousands(result.bytes),
                    result.elapsed.as_millis(),
                );
            }
            let types: usize = results.iter().map(|result| result.types).sum();
            let verdict = if differ {
                paint.text(style::ERROR, DIFFERENT)
            } else {
                paint.text(style::GOOD, SAME)
            };
            text += &format!("\n{verdict} {:.2} s.\n", elapsed.as_secs_f64());
            if types > 0 {
                let words = format!(
                    "{} came back with the same text and another type: headers carry text only, and JSON has no type \
                     for them. That is how the specification has it.",
                    count(types, "attribute")
                );
                text += &format!("{}\n", wrapped(&words, 0, Some(WIDTH)));
            }
            text
        })
    }
}
