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
/// For each binding, a server or broker is started on the loopback interface, and events go through every content mode over real sockets. What comes back is compared with what was sent, attribute by
/// attribute and byte by byte. At the end, messages go from one to the next without being decoded.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 0 everything came back as it was, 1 something differs, 3 the network failed."
)]
pub(crate) struct Tour {
    /// Show every message on the wire, not only the first ones, and every sample.
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
            "{}, through every content mode of every binding, over sockets, and back. What comes back is \
             compared with what was sent: the text of each attribute, and the bytes of each payload.",
            count(events, "sample event")
        );
        format!("{title}\n{}\n", wrapped(&text, 0, Some(WIDTH)))
    })?;
    let formats = kit::formats();
    // All at once: a consumer joins its group while events go elsewhere.
    let mut routes = Vec::new();
    for binding in BINDINGS {
        routes.push((binding.open)().await?);
    }
    let mut results = Vec::new();
    for leg in legs::all(&routes, &formats) {
        if let Some(section) = &leg.section {
            guide.say(|paint| format!("\n{}\n", paint.text(style::STRONG, section)))?;
        }
        results.push(walk::walk(leg, &samples, &mut routes, &formats, &mut guide).await?);
    }
    for route in routes {
        // Everything is settled; the servers have nothing left to lose.
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
