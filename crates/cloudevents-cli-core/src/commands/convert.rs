//! `ce convert`: converts events between formats.

use crate::{
    console::Console,
    failure::{Failure, Status},
    held::Held,
    input::{self, Form, LINES, Located, Piece, Reading},
    json_view,
    progress::Progress,
    report::Report,
    rules::{self, RuleOptions},
    yaml,
};
use clap::Args;
use cloudevents_kit::{
    Error, ErrorKind, Event, Format, FormatId, Formats, LossClass, adapters::AttributeRules, json,
    model::Batch,
};
use std::{io::Write, path::PathBuf, sync::Arc};

/// Convert events between formats.
///
/// Reports the parts of events that the target format cannot hold. Payloads keep every digit. The result goes to standard output, unchanged
/// by --output. A large JSON batch is written in parts: after an error, it is incomplete. Batches of other formats may have 256 MiB and
/// 200,000 events.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce convert --to json-batch one.json two.json > batch.json
  ce convert --to lines batch.json | grep order | ce convert --to json-batch
  ce convert --keep-going --to lines events.jsonl > good.jsonl
  ce convert --to protobuf --exact event.yaml > event.bin
  ce convert --set 'subject={data.order.id, id}' --rename tenant=customer \\
      --remove internalid events.jsonl")]
pub struct Convert {
    /// Convert these files. `-` or no file: standard input.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// Output format: a format, its batch, JSON Lines, or YAML.
    #[arg(long, value_name = "FORMAT", value_parser = input::names(), default_value = LINES)]
    to: String,
    /// Report and skip invalid events instead of stopping.
    #[arg(long)]
    keep_going: bool,
    /// Fail if the target format cannot hold something exactly, or if an event cannot carry a part of its envelope.
    #[arg(long)]
    exact: bool,
    /// Convert events of specversion 0.3 to 1.0.
    #[arg(long)]
    upgrade: bool,
    #[command(flatten)]
    rules: RuleOptions,
}

/// What changes in an event.
#[derive(Clone, Debug)]
struct Changes {
    upgrade: bool,
    rules: Arc<AttributeRules>,
}

/// Runs the command, and returns the exit status.
pub fn run(command: &Convert, console: &Console) -> Result<Status, Failure> {
    let formats = cloudevents_kit::formats();
    let form = Form::of(&command.to, &formats).unwrap_or(Form::Lines);
    let mut target = Target::new(form, &formats, console)?;
    let mut progress = Progress::new(console, None, "events");
    let changes = Changes { upgrade: command.upgrade, rules: Arc::new(command.rules.rules()?) };
    let reading = Reading { suggests: true, exact: command.exact, ..command.reading.clone() };
    for path in input::files(&command.files) {
        let (lines, in_lines) = (target.form == Form::Lines && !console.is_shown(), changes.clone());
        let mut pieces = input::open(&path, &reading)?.pieces(move || {
            let changes = in_lines.clone();
            move |located: &Located, out: &mut Vec<u8>| lines && line(located, &changes, out)
        });
        while let Some(piece) = pieces.next() {
            let located = match piece? {
                Piece::Event(located) => located,
                Piece::Output(lines, events) => {
                    target.out.write_all(&lines)?;
                    progress.steps(events);
                    if pieces.may_wait() {
                        target.flush()?;
                    }
                    continue;
                }
            };
            progress.suspend(|| located.tell_repairs(console));
            match event(&located, &changes) {
                Ok(event) => target.write(event, &located, command, console)?,
                Err(report) if command.keep_going => {
                    target.flush()?;
                    progress.suspend(|| console.error(Status::No, &report));
                }
                Err(report) => {
                    target.flush()?;
                    return Err(Failure::Told(Status::No, report));
                }
            }
            if pieces.may_wait() {
                target.flush()?;
            }
            progress.step();
        }
    }
    progress.finish();
    target.finish(command, console)?;
    Ok(Status::Done)
}

/// Writes the event as a line, unless something has to be reported.
fn line(located: &Located, changes: &Changes, out: &mut Vec<u8>) -> bool {
    let Ok(decoded) = &located.event else { return false };
    let Ok(event) = event(located, changes) else { return false };
    decoded.repairs.is_empty()
        && json::LineWriter::new(out)
            .write(&event)
            .is_ok_and(|losses| losses.iter().all(|loss| loss.class() == LossClass::Spelling))
}

/// Returns the event, upgraded to specversion 1.0 if `--upgrade` is given, and then changed by the rules.
fn event(located: &Located, changes: &Changes) -> Result<Event, Box<Report>> {
    let reported = |error: &Error| Box::new(located.report(error));
    let event = located.event.as_ref().map_err(reported)?.value.clone();
    let event =
        if changes.upgrade { event.upgrade().map_err(|mistakes| reported(&mistakes.into()))? } else { event };
    rules::changed(&changes.rules, event).map_err(|error| reported(&error))
}

/// The output.
struct Target<'a> {
    out: std::io::BufWriter<std::io::StdoutLock<'static>>,
    form: Form,
    format: &'a dyn Format,
    /// The events of a batch, or the only event of a document, kept until the end. A large JSON batch is written in parts.
    held: Held,
    /// The number of events that were written of it.
    written: usize,
}

/// The events of a JSON batch that are kept, and their bytes: an error in a small batch leaves no incomplete document.
const HELD: usize = 4096;
const BYTES: usize = 8 << 20;

impl<'a> Target<'a> {
    fn new(form: Form, formats: &'a Formats, console: &Console) -> Result<Self, Failure> {
        let id = match &form {
            Form::Lines | Form::Yaml => &FormatId::JSON,
            Form::Single(id) | Form::Batch(id) => id,
        };
        let format = formats
            .require(id)
            .map_err(|error| Failure::Told(Status::Usage, Box::new(Report::of(&error))))?;
        Ok(Self { out: console.out(), form, format, held: Held::default(), written: 0 })
    }

    fn write(
        &mut self,
        event: Event,
        located: &Located,
        command: &Convert,
        console: &Console,
    ) -> Result<(), Failure> {
        match self.form {
            Form::Lines => {
                let mut line = Vec::new();
                let losses = json::LineWriter::new(&mut line).write(&event)?;
                match console.is_shown() {
                    true => {
                        self.out.write_all(json_view::inert(&String::from_utf8_lossy(&line)).as_bytes())?
                    }
                    false => self.out.write_all(&line)?,
                }
                tell(&losses, Some(located), command, console)
            }
            Form::Yaml => {
                let refused = |error: &Error| Failure::Told(Status::No, Box::new(located.report(error)));
                let mut document = Vec::new();
                let losses = self.format.encode(&event, &mut document).map_err(|error| refused(&error))?;
                self.out.write_all(yaml::of_event(&event).as_bytes())?;
                tell(&losses, Some(located), command, console)
            }
            Form::Single(_) if !self.held.events().is_empty() => Err(Failure::usage(format!(
                "the format `{}` holds one event per document, and the input has several events",
                command.to
            ))
            .help(match self.format.batch_media_type() {
                Some(_) => format!(
                    "write a batch with --to {}-batch, or one document per line with --to lines",
                    command.to
                ),
                None => "write one document per line with --to lines".to_owned(),
            })),
            Form::Single(_) | Form::Batch(_) => {
                self.held.push(event)?;
                let is_enough = self.held.events().len() > HELD || self.held.bytes() > BYTES;
                if is_enough && self.form == Form::Batch(FormatId::JSON) {
                    self.write_part(command, console)?;
                }
                Ok(())
            }
        }
    }

    /// Writes the events that are kept, except for the first one: later events have to have its specversion.
    fn write_part(&mut self, command: &Convert, console: &Console) -> Result<(), Failure> {
        Batch::from(self.held.events()).specversion().map_err(|error| mixed(&error))?;
        let kept = usize::from(self.written > 0);
        let mut text = Vec::new();
        for event in self.held.events().iter().skip(kept) {
            text.clear();
            text.push(if self.written == 0 { b'[' } else { b',' });
            let losses = self.format.encode(event, &mut text).map_err(|error| mixed(&error))?;
            self.out.write_all(&text)?;
            self.written = self.written.saturating_add(1);
            tell(&losses, None, command, console)?;
        }
        self.held.keep_first();
        Ok(())
    }

    fn finish(&mut self, command: &Convert, console: &Console) -> Result<(), Failure> {
        if self.written > 0 {
            self.write_part(command, console)?;
            self.out.write_all(b"]\n")?;
            return self.flush();
        }
        let mut document = Vec::new();
        let losses = match (&self.form, self.held.events()) {
            (Form::Lines | Form::Yaml, _) => return self.flush(),
            (Form::Single(_), [event]) => self.format.encode(event, &mut document),
            (Form::Single(_), _) => {
                return Err(Failure::new(Status::No, "the input contains no event"));
            }
            (Form::Batch(_), events) => self.format.encode_batch(events.into(), &mut document),
        };
        let losses = losses.map_err(|error| mixed(&error))?;
        tell(&losses, None, command, console)?;
        self.out.write_all(&document)?;
        // JSON output ends with a line break; nothing is added to other formats.
        if self.format.id() == FormatId::JSON {
            self.out.write_all(b"\n")?;
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.out.flush()?)
    }
}

/// Returns the error of writing a batch, usually that its events have different versions.
fn mixed(error: &Error) -> Failure {
    let report = Report::of(error);
    let report = match error.kind() {
        ErrorKind::MixedSpecversions => report.help("convert older events with --upgrade"),
        _ => report,
    };
    Failure::Told(Status::No, Box::new(report))
}

/// Reports losses other than losses of spelling. With `--exact`, returns the first as a failure.
fn tell(
    losses: &cloudevents_kit::Losses,
    located: Option<&Located>,
    command: &Convert,
    console: &Console,
) -> Result<(), Failure> {
    for loss in losses.iter().filter(|loss| loss.class() != LossClass::Spelling) {
        let report = Report::loss(loss);
        let report = match located {
            Some(located) => report.at(&located.place),
            None => report,
        };
        if command.exact {
            return Err(Failure::Told(Status::No, Box::new(report.into_error())));
        }
        console.report(&report);
    }
    Ok(())
}
