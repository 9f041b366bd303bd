//! Output of the tour.

use super::{compare::Compared, legs::Leg, samples::Sample, walk::Walked, wire};
use crate::{
    console::Console,
    failure::Failure,
    global::Output,
    plain::{count, shortened, thousands},
    report::wrapped,
    style::{self, Paint},
};
use cloudevents_kit::transport::Received;
use serde_json::json;
use std::{
    io::{BufWriter, StdoutLock, Write},
    time::Duration,
};

pub(super) const WIDTH: usize = 78;
pub(super) const SAME: &str = "Everything came back as it was sent.";
pub(super) const DIFFERENT: &str = "Something came back different.";

/// Shows the steps and results, or writes the results as JSON or YAML.
pub(super) struct Guide {
    out: BufWriter<StdoutLock<'static>>,
    paint: Paint,
    pub(super) output: Output,
    pub(super) columns: usize,
    /// Whether every message is shown as it was on the wire.
    wire: bool,
}

impl Guide {
    pub(super) fn new(console: &Console, wire: bool) -> Self {
        Self {
            out: console.out(),
            paint: console.paint(),
            output: console.output(),
            columns: console.columns(),
            wire,
        }
    }

    /// Whether the tour on one screen is shown.
    pub(super) fn is_short(&self) -> bool {
        self.output == Output::Pretty && !self.wire
    }

    /// Whether messages are shown as they were on the wire.
    pub(super) fn shows_wire(&self) -> bool {
        self.output == Output::Pretty && self.wire
    }

    /// Flushes the output.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        Ok(self.out.flush()?)
    }

    /// Writes text if the output is `Pretty`.
    pub(super) fn say(&mut self, words: impl FnOnce(Paint) -> String) -> Result<(), Failure> {
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

    /// Announces the next leg.
    pub(super) fn leg(&mut self, leg: &Leg) -> Result<(), Failure> {
        if !self.shows_wire() {
            return Ok(());
        }
        if let Some(section) = &leg.section {
            let section = wrapped(section, 2, Some(WIDTH));
            self.say(|paint| format!("\n{}\n", paint.text(style::STRONG, &section)))?;
        }
        let words = if leg.is_relay() { leg.words.clone() } else { format!("{} {}", leg.binding, leg.words) };
        self.say(|paint| format!("\n{}\n", paint.text(style::NAME, &wrapped(&words, 0, Some(WIDTH)))))
    }

    /// Shows a message on the wire at each stop.
    pub(super) fn wire<'a>(
        &mut self,
        sample: &Sample,
        messages: impl Iterator<Item = (String, &'a Received)>,
    ) -> Result<(), Failure> {
        self.say(|paint| {
            let texts: Vec<_> = messages.map(|(head, received)| wire::text(&head, received, paint)).collect();
            let title = paint.text(style::FAINT, &format!("  {}", sample.title));
            format!("\n{title}\n{}\n", texts.join("\n"))
        })
    }

    /// Shows the result of one sample.
    pub(super) fn sample(
        &mut self,
        leg: &Leg,
        sample: &Sample,
        events: usize,
        compared: &Compared,
    ) -> Result<(), Failure> {
        self.value(&json!({
            "binding": leg.binding, "mode": leg.mode.as_str(), "format": leg.format, "sample": sample.name, "events": events,
            "same": compared.same, "differences": compared.differences,
            "types": compared.types.iter().map(|lost| json!({"attribute": lost.name, "from": lost.from, "to": lost.to})).collect::<Vec<_>>(),
            "notes": compared.notes,
        }))?;
        let good = compared.differences.is_empty();
        if good && !self.wire {
            return Ok(());
        }
        self.say(|paint| {
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

    /// Shows the table of results.
    pub(super) fn table(
        &mut self,
        results: &[Walked],
        differ: bool,
        elapsed: Duration,
    ) -> Result<(), Failure> {
        self.say(|paint| {
            let head = format!("{:<11}{:<11}{:<13}{:>9}{:>8}{:>8}{:>10}{:>10}", "binding", "mode", "format", "messages", "events", "same", "bytes", "time");
            let mut text = format!("\n{}\n", paint.text(style::STRONG, &head));
            for result in results {
                let same = format!("{:>8}", thousands(result.same));
                let style = if !result.differs { style::GOOD } else { style::ERROR };
                text += &format!(
                    "{:<11}{:<11}{:<13}{:>9}{:>8}{}{:>10}{:>7} ms\n",
                    result.leg.binding,
                    result.leg.mode.as_str(),
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
                    "{} came back with the same text and another type, as the specification allows: headers of \
                     HTTP and Kafka are text; AMQP has no URIs and no offsets from UTC; JSON and the Avro formats have \
                     fewer types, too.",
                    count(types, "attribute")
                );
                text += &format!("{}\n", wrapped(&words, 0, Some(WIDTH)));
            }
            text
        })
    }
}
