//! `ce tour`: sample events through every binding, over sockets, and back.

mod bindings;
mod compare;
mod guide;
mod legs;
mod route;
mod samples;
mod walk;
mod wire;

use crate::{
    cli::Output,
    connect,
    console::{Console, style},
    failure::{Failure, Status},
    plain::count,
    report::wrapped,
};
use bindings::BINDINGS;
use clap::Args;
use cloudevents_kit as kit;
use guide::{DIFFERENT, Guide, SAME, WIDTH};
use std::time::{Duration, Instant};

/// Watch sample events go through every binding and come back.
///
/// For each binding, starts a server or broker on the loopback interface and sends events in every content
/// mode over real sockets. Compares received events with sent events, attribute by attribute and byte by
/// byte. At the end, forwards messages from each binding to the next without decoding them.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 0 every event came back unchanged, 1 something differs, 3 the network failed."
)]
pub(crate) struct Tour {
    /// Show every sample, and every message on the wire instead of only the first ones.
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
    let formats = kit::formats();
    // Open all at once: a consumer joins its group while other bindings carry events.
    let mut routes = Vec::new();
    for binding in BINDINGS {
        routes.push((binding.open)().await?);
    }
    let mut results = Vec::new();
    for leg in legs::all(&routes, &formats) {
        if let Some(section) = &leg.section {
            let section = wrapped(section, 2, Some(WIDTH));
            guide.say(|paint| format!("\n{}\n", paint.text(style::STRONG, &section)))?;
        }
        results.push(walk::walk(leg, &samples, &mut routes, &formats, &mut guide).await?);
    }
    for route in routes {
        // Everything is settled: closing loses nothing.
        route.close(Duration::from_secs(1)).await;
    }
    let differ = results.iter().any(|result| result.differs);
    guide.table(&results, differ, begin.elapsed())?;
    guide.end()?;
    if guide.output() != Output::Pretty {
        console.say(if differ { DIFFERENT } else { SAME });
    }
    Ok(if differ { Status::No } else { Status::Done })
}
