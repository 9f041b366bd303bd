//! The logs of the library, on standard error.

use crate::{
    console::{Console, Notes},
    global::{ErrorFormat, Global},
    plain::plain,
    report::Report,
};
use std::{env, io};
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    fmt::layer,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// The beginning of the targets of the library.
const LIBRARY: &str = "cloudevents";

/// At `warn` and below, these targets are left out: a command reports the same in its own words, or the library does.
const SAID_ELSEWHERE: [&str; 5] = [
    // Commands say that a connection is lost and that it is back, and why they end.
    "cloudevents_transport::observing::connectivity",
    // Commands report refused messages, and messages that are sent again.
    "cloudevents_transport::messages",
    "cloudevents_mqtt::rumqttc_next034::dead_letter",
    // A gate reports each delivery that is refused because its store failed.
    "cloudevents_webhook::store",
    // A log line of librdkafka becomes an error, or a log line of the library.
    "cloudevents_kafka::librdkafka",
];

/// More targets that a bridge leaves out: it reports for each message whether its dead letter is stored, why it moves nothing, and
/// how many settlements were lost with a connection.
pub const OF_A_BRIDGE: Said =
    (LevelFilter::WARN, &["cloudevents_transport::letters", "cloudevents_transport::settlements"]);

/// More targets that a gate leaves out, also at `info`: anyone can send what makes these lines, and the gate limits its own.
pub const OF_A_GATE: Said =
    (LevelFilter::INFO, &["cloudevents_transport::messages", "cloudevents_webhook::store"]);

/// Targets of other commands.
pub const OF_NONE: Said = (LevelFilter::OFF, &[]);

/// Targets that a command leaves out at this level and below.
pub type Said = (LevelFilter, &'static [&'static str]);

/// From now on, logs go to standard error: one line each, as JSON where reports are.
///
/// The levels are the levels of `--log`, else of the variable `RUST_LOG`, else `warn` for the library and nothing of others. With
/// `--quiet`, only errors of the library are logged. A value of `RUST_LOG` that cannot be read is a warning, and has no effect. `said` are
/// more targets that are left out.
pub fn begin(global: &Global, said: Said, console: &Console) {
    let (notes, format) = (console.notes(), console.format());
    let layer = layer().with_ansi(false).with_writer(move || Line { notes: notes.clone(), format });
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match format {
        ErrorFormat::Text => Box::new(layer),
        ErrorFormat::Json => Box::new(layer.json().flatten_event(true).with_current_span(false)),
    };
    let targets = targets(global, said, console);
    let info = LevelFilter::INFO.into_level();
    console.set_informs(info.is_some_and(|level| targets.would_enable(LIBRARY, &level)));
    // Fails only where a program has called this before.
    let _ = tracing_subscriber::registry().with(layer).with(targets).try_init();
}

fn targets(global: &Global, said: Said, console: &Console) -> Targets {
    let of = |library, others, named: Vec<(String, LevelFilter)>| of(library, others, said, named);
    let usual = if global.quiet { LevelFilter::ERROR } else { LevelFilter::WARN };
    match (&global.log, env::var("RUST_LOG")) {
        (Some(levels), _) => {
            let library = levels.library.unwrap_or(usual);
            of(library, LevelFilter::OFF, levels.named.clone())
        }
        (None, Ok(text)) if !text.is_empty() && !global.quiet => match text.parse::<Targets>() {
            Ok(given) => {
                let all = given.default_level();
                of(
                    all.unwrap_or(usual),
                    all.unwrap_or(LevelFilter::OFF),
                    given.into_iter().map(|(target, level)| (target.to_owned(), level)).collect(),
                )
            }
            Err(error) => {
                console
                    .report(&Report::warning("the variable RUST_LOG is ignored").detail(error.to_string()));
                of(usual, LevelFilter::OFF, Vec::new())
            }
        },
        _ => of(usual, LevelFilter::OFF, Vec::new()),
    }
}

/// Named targets take precedence.
fn of(
    library: LevelFilter,
    others: LevelFilter,
    (up_to, more): Said,
    named: impl IntoIterator<Item = (String, LevelFilter)>,
) -> Targets {
    let said = if library <= LevelFilter::WARN { &SAID_ELSEWHERE[..] } else { &[] };
    let more = if library <= up_to { more } else { &[] };
    Targets::new()
        .with_default(others)
        .with_target(LIBRARY, library)
        .with_targets(said.iter().chain(more).map(|target| (*target, LevelFilter::OFF)))
        .with_targets(named)
}

/// Writes one line, which comes as a whole.
struct Line {
    notes: Notes,
    format: ErrorFormat,
}

impl io::Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches('\n');
        self.notes.put(match self.format {
            // It may have text from a peer.
            ErrorFormat::Text => format!("{}\n", plain(text)),
            ErrorFormat::Json => format!("{text}\n"),
        });
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(text: &str) -> Targets {
        let log = Some(text.parse().unwrap());
        let global = Global { log, ..Global::default() };
        targets(&global, OF_A_BRIDGE, &Console::new(&global))
    }

    #[test]
    fn a_level_is_for_the_library_and_others_have_names() {
        let enabled = |text: &str, target: &str| {
            let levels = levels(text);
            let all = [LevelFilter::ERROR, LevelFilter::WARN, LevelFilter::INFO, LevelFilter::DEBUG];
            let all = all.into_iter().filter_map(LevelFilter::into_level);
            all.filter(|level| levels.would_enable(target, level)).count()
        };
        let (ours, client) = ("cloudevents_nats::async_nats051::notes", "lapin::channel");
        assert_eq!((enabled("warn", ours), enabled("warn", client)), (2, 0));
        assert_eq!((enabled("debug", ours), enabled("debug", client)), (4, 0));
        assert_eq!((enabled("lapin=info", ours), enabled("lapin=info", client)), (2, 3));
        assert_eq!((enabled("off,lapin=warn", ours), enabled("off,lapin=warn", client)), (0, 2));
        for said in SAID_ELSEWHERE.iter().chain(OF_A_BRIDGE.1) {
            assert_eq!((enabled("warn", said), enabled("info", said)), (0, 3));
            assert_eq!(enabled(&format!("{said}=warn"), said), 2);
        }
    }

    #[test]
    fn what_anyone_can_make_a_gate_log_has_no_line_at_info() {
        let shows = |library, target: &str| {
            let targets = of(library, LevelFilter::OFF, OF_A_GATE, []);
            targets.would_enable(target, &LevelFilter::WARN.into_level().unwrap())
        };
        for target in OF_A_GATE.1 {
            assert!(!shows(LevelFilter::INFO, target) && shows(LevelFilter::DEBUG, target), "{target}");
        }
    }
}
