//! `ce tour`: sample events through every binding, over sockets, and back.

mod bindings;
mod changed;
mod compare;
mod guide;
mod legs;
mod overview;
mod route;
mod samples;
mod walk;
mod wire;

use crate::{
    connect,
    console::Console,
    failure::{Failure, Status},
    global::Output,
    plain::count,
    report::wrapped,
    style,
};
use bindings::BINDINGS;
use clap::Args;
use cloudevents_kit as kit;
use guide::{DIFFERENT, Guide, SAME, WIDTH};
use std::time::{Duration, Instant};

/// Watch events go through every protocol and come back.
///
/// Starts a server or broker for each protocol in this process, and sends events over real sockets. Shows one event in the form of each
/// protocol. Then sends sample events in every content mode and format, compares the events that come back attribute by attribute and byte
/// by byte, and forwards messages from each protocol to the next.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce tour               on one screen
  ce tour --wire        every message on the wire

Exit status: 0 every event came back unchanged, 1 something differs, 3 the network failed.")]
pub(crate) struct Tour {
    /// Show every message on the wire, the result of every sample, and a table of all modes and formats.
    #[arg(long)]
    wire: bool,
}

pub(crate) fn run(command: &Tour, console: &Console) -> Result<Status, Failure> {
    connect::runtime()?.block_on(tour(command, console))
}

async fn tour(command: &Tour, console: &Console) -> Result<Status, Failure> {
    let begin = Instant::now();
    let samples = samples::load()?;
    let mut guide = Guide::new(console, command.wire);
    if guide.shows_wire() {
        let events: usize = samples.iter().map(|sample| sample.events.len()).sum();
        guide.say(|paint| {
            let title = paint.text(style::STRONG, "A tour of CloudEvents");
            let text = format!(
                "{}, through every content mode of every binding, over sockets, and back. The received events are \
                 compared with the sent events: the text of each attribute, and the bytes of each payload.",
                count(events, "sample event")
            );
            format!("{title}\n{}\n", wrapped(&text, 0, Some(WIDTH)))
        })?;
    }
    let formats = kit::formats();
    // Open all at once: a consumer joins its group while other bindings carry events.
    let mut routes = Vec::new();
    for binding in BINDINGS {
        routes.push((binding.open)().await?);
    }
    let worn = if guide.is_short() { overview::event(&mut guide, &mut routes).await? } else { Vec::new() };
    let mut results = Vec::new();
    for leg in legs::all(&routes, &formats) {
        results.push(walk::walk(leg, &samples, &mut routes, &formats, &mut guide).await?);
    }
    for route in routes {
        // Everything is settled: closing loses nothing.
        route.close(Duration::from_secs(1)).await;
    }
    let differ = results.iter().any(|result| result.differs) || worn.iter().any(|worn| worn.differs);
    let verdict = if differ { DIFFERENT } else { SAME };
    if guide.is_short() {
        overview::table(&mut guide, &results)?;
        overview::end(&mut guide, &worn, (verdict, differ), begin.elapsed())?;
    } else {
        guide.table(&results, differ, begin.elapsed())?;
    }
    guide.end()?;
    if guide.output != Output::Pretty {
        console.say(verdict);
    }
    Ok(if differ { Status::No } else { Status::Done })
}
