//! The tour on one screen: one event in the form of each protocol, a table, the parts that were not carried, and commands to try.

use super::{changed::changed, compare::Compared, guide::Guide, route::Route, samples, walk::Walked};
use crate::{
    failure::Failure,
    plain::{plain, thousands},
    report::wrapped,
    style::{self, Paint},
};
use cloudevents_kit::{
    self as kit, Event, Format, FormatId, Message, model::codec::scan::Scanner, transport::Received,
};
use std::time::Duration;

/// The attributes that are shown in the form of each protocol.
const SHOWN: [&str; 3] = ["subject", "priority", "time"];

/// The width of the column of protocols.
const NAMES: usize = 12;

/// From this width, each protocol has one line, whose cells align in these columns.
const ALIGNED: (usize, [usize; 3]) = (104, [27, 25, 0]);

/// The columns of cells in less width.
const NARROW: [usize; 3] = [23, 16, 0];

/// From this width, the table names the formats.
const WIDE: usize = 122;

/// From this width, the table names the modes, and commands to try have their descriptions beside them.
const MEDIUM: usize = 78;

/// The form that a protocol gave the event.
pub(super) struct Worn {
    binding: &'static str,
    why: &'static str,
    cells: Vec<Cell>,
    /// The parts that did not come back as they were sent.
    missing: Vec<String>,
    pub(super) differs: bool,
}

/// An attribute on the wire.
struct Cell {
    attribute: &'static str,
    name: String,
    separator: &'static str,
    value: String,
}

impl Cell {
    fn width(&self) -> usize {
        [&self.name, self.separator, &self.value].map(|part| part.chars().count()).iter().sum()
    }
}

/// Shows the event, then sends it over each route and shows its form on the wire.
pub(super) async fn event(guide: &mut Guide, routes: &mut [Route]) -> Result<Vec<Worn>, Failure> {
    let event = samples::of_the_tour()?;
    let document = kit::json::encode_lossy(&event);
    let columns = guide.columns;
    guide.say(|paint| {
        let title = paint.text(style::STRONG, "A tour of CloudEvents");
        let words = format!(": one event over {} protocols, on real sockets, and back.", routes.len());
        let document = folded(&String::from_utf8_lossy(&document), columns.saturating_sub(2));
        let words = format!("A tour of CloudEvents{words}");
        let words = wrapped(&words, 0, Some(columns)).replacen("A tour of CloudEvents", &title, 1);
        let next = "Its clothes on the wire; what a protocol changed is in colour:";
        format!("{words}\n\n{document}\n{}\n", wrapped(next, 0, Some(columns)))
    })?;
    let mut all = Vec::new();
    for route in routes {
        let worn = wear(route, &event).await?;
        guide.say(|paint| lines(&worn, &event, columns, paint))?;
        all.push(worn);
    }
    Ok(all)
}

/// Shows the table of results, a line for each binding.
pub(super) fn table(guide: &mut Guide, results: &[Walked]) -> Result<(), Failure> {
    let columns = guide.columns;
    guide.say(|paint| {
        let names = named(columns, "modes", "formats");
        let head =
            format!("{:<NAMES$}{names}{:>7}{:>7}{:>11}{:>9}", "protocol", "events", "same", "bytes", "time");
        let mut text = format!("\n{}\n", paint.text(style::STRONG, &head));
        let mut rest = results;
        while let Some(first) = rest.first() {
            let length = rest.iter().take_while(|result| result.leg.binding == first.leg.binding).count();
            let (own, others) = rest.split_at(length);
            rest = others;
            text += &row(own, columns, paint);
        }
        text
    })
}

/// Shows the parts that were not carried and the reasons, and commands to try next.
pub(super) fn end(
    guide: &mut Guide,
    worn: &[Worn],
    verdict: (&str, bool),
    elapsed: Duration,
) -> Result<(), Failure> {
    let columns = guide.columns;
    guide.say(|paint| {
        let (words, differs) = verdict;
        let color = if differs { style::ERROR } else { style::GOOD };
        let groups = grouped(worn);
        let more = if groups.is_empty() { "" } else { " What was not carried, and why:" };
        let line = format!("{words} {:.2} s.{more}", elapsed.as_secs_f64());
        let line = wrapped(&line, 0, Some(columns)).replacen(words, &paint.text(color, words), 1);
        let mut text = format!("\n{line}\n");
        for (names, lost) in &groups {
            let line = format!("{}: {lost}", names.join(", "));
            text += &format!("  {}\n", wrapped(&line, 4, Some(columns)));
        }
        if !cfg!(feature = "kafka") {
            text += "\nThis build has no Kafka; `cargo run -- tour` has it.\n";
        }
        let tries = [
            ("ce tour --wire", "every message, in every mode and format"),
            ("ce listen http://127.0.0.1:8080/", "receive events, and in another terminal:"),
            ("ce send http://127.0.0.1:8080/ --source /me --type hello", ""),
        ];
        text += &format!("\n{}\n", paint.text(style::STRONG, "Now try"));
        for (command, words) in tries {
            if columns < MEDIUM && !words.is_empty() {
                text += &format!("  {}\n    {words}\n", paint.text(style::NAME, command));
                continue;
            }
            let line = format!("  {}  {words}", paint.text(style::NAME, &format!("{command:<34}")));
            text += &format!("{}\n", line.trim_end());
        }
        text
    })
}

/// Sends the event over the route: in binary mode, or as a JSON document if there is no binary mode.
async fn wear(route: &mut Route, event: &Event) -> Result<Worn, Failure> {
    let formats = kit::formats();
    let json = formats.require(&FormatId::JSON).map_err(Route::failed)?;
    let (message, format) = match route.binding.binary {
        Some(_) => (Message::Binary(event.clone()), None),
        None => {
            let (message, _) = Message::structured(event, json).map_err(Route::failed)?;
            (message, Some(json))
        }
    };
    let delivery = route.carry(message).await?;
    let mut compared = Compared::default();
    match delivery.events() {
        Ok(received) => {
            compared.all(std::slice::from_ref(event), &received, format.map(|format| format as &dyn Format))
        }
        Err(error) => compared.refused(&error, 1),
    }
    let cells = SHOWN.iter().filter_map(|attribute| cell(attribute, delivery.received())).collect();
    drop(delivery.accept());
    Ok(Worn {
        binding: route.binding.name,
        why: route.binding.why,
        cells,
        differs: !compared.differences.is_empty(),
        missing: missing(compared),
    })
}

/// Finds an attribute in the headers, or in the body if that is a JSON document.
fn cell(attribute: &'static str, received: &Received) -> Option<Cell> {
    for (name, value) in received.headers() {
        if name.rsplit(['-', '_', ':']).next() == Some(attribute)
            && let Some(Ok(value)) = value.as_deref().map(std::str::from_utf8)
        {
            return Some(Cell { attribute, name: plain(name), separator: ": ", value: plain(value) });
        }
    }
    let body = received.body()?;
    let text = std::str::from_utf8(&body).ok()?;
    let name = format!("\"{attribute}\"");
    let (_, rest) = text.split_once(&format!("{name}:"))?;
    let value = rest.get(Scanner::new(rest).value(u32::MAX).ok()?)?;
    Some(Cell { attribute, name, separator: ":", value: plain(value) })
}

/// A line for the protocol, or more if the cells do not fit.
fn lines(worn: &Worn, event: &Event, columns: usize, paint: Paint) -> String {
    let mut text = paint.text(style::NAME, &format!("{:<NAMES$}", worn.binding));
    let widths = if columns >= ALIGNED.0 { ALIGNED.1 } else { NARROW };
    let mut column = NAMES;
    for (number, (cell, width)) in worn.cells.iter().zip(widths).enumerate() {
        if number > 0 && column.saturating_add(cell.width()) > columns {
            text += &format!("\n{:NAMES$}", "");
            column = NAMES;
        }
        let value = event.attribute(cell.attribute).map(|value| value.to_canonical().into_owned());
        text += &changed(cell.attribute, &cell.name, paint);
        text += cell.separator;
        text += &changed(value.as_deref().unwrap_or_default(), &cell.value, paint);
        let space = width.max(cell.width().saturating_add(2));
        if number.saturating_add(1) < worn.cells.len() {
            text += &" ".repeat(space.saturating_sub(cell.width()));
        }
        column = column.saturating_add(space);
    }
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// A line of the table: all legs of one binding.
fn row(legs: &[Walked], columns: usize, paint: Paint) -> String {
    let mut modes: Vec<&str> = Vec::new();
    let mut formats: Vec<&str> = Vec::new();
    for leg in legs {
        if !modes.contains(&leg.leg.mode.as_str()) {
            modes.push(leg.leg.mode.as_str());
        }
        formats.extend(leg.leg.format.as_deref().filter(|format| !formats.contains(format)));
    }
    let sum = |part: fn(&Walked) -> usize| legs.iter().map(part).fold(0, usize::saturating_add);
    let (events, same) = (sum(|leg| leg.events), sum(|leg| leg.same));
    let elapsed: Duration = legs.iter().map(|leg| leg.elapsed).sum();
    let binding = legs.first().map_or("", |leg| leg.leg.binding);
    let color = if legs.iter().any(|leg| leg.differs) { style::ERROR } else { style::GOOD };
    let names = named(columns, &modes.join(", "), &formats.join(", "));
    format!(
        "{binding:<NAMES$}{names}{:>7}{}{:>11}{:>6} ms\n",
        thousands(events),
        paint.text(color, &format!("{:>7}", thousands(same))),
        thousands(sum(|leg| leg.bytes)),
        elapsed.as_millis(),
    )
}

/// The cells of modes and formats, as far as there is room for them.
fn named(columns: usize, modes: &str, formats: &str) -> String {
    match columns {
        WIDE.. => format!("{modes:<28}{formats:<46}"),
        MEDIUM.. => format!("{modes:<28}"),
        _ => String::new(),
    }
}

/// Describes the parts that did not come back as they were sent.
fn missing(compared: Compared) -> Vec<String> {
    let mut all = compared.differences.clone();
    if !compared.types.is_empty() {
        let (to, _) = compared.lost();
        let names: Vec<&str> = compared.types.iter().map(|lost| lost.name.as_str()).collect();
        let names = names.join(", ");
        all.push(format!("{names} as {to}"));
    }
    all.extend(compared.notes);
    all
}

/// Protocols that did not carry the same things, with the reason.
fn grouped(worn: &[Worn]) -> Vec<(Vec<&'static str>, String)> {
    let mut groups: Vec<(Vec<&str>, String)> = Vec::new();
    for one in worn.iter().filter(|worn| !worn.missing.is_empty()) {
        let words = format!("{} ({})", one.missing.join(", "), one.why);
        match groups.iter_mut().find(|(_, known)| *known == words) {
            Some((names, _)) => names.push(one.binding),
            None => groups.push((vec![one.binding], words)),
        }
    }
    groups
}

/// Breaks a JSON document between members, and indents it.
fn folded(document: &str, width: usize) -> String {
    let mut text = String::from("  ");
    let mut column = 0_usize;
    for (number, member) in document.split(",\"").enumerate() {
        let member = if number > 0 { format!(",\"{}", plain(member)) } else { plain(member) };
        let length = member.chars().count();
        if column > 0 && column.saturating_add(length) > width {
            text += ",\n   ";
            column = 1;
            text += member.trim_start_matches(',');
        } else {
            text += &member;
        }
        column = column.saturating_add(length);
    }
    text.push('\n');
    text
}
