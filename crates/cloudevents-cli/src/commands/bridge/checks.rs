//! Checks of both ends of a bridge before it runs.

use super::config::Config;
use crate::{connect, failure::Failure};
use cloudevents_kit::{
    ErrorKind, Sender,
    transport::{Confirmed, LossPolicy, Side},
};

/// Checks that refused messages have a destination, and that a group keeps the position.
pub(super) fn check_source(config: &Config) -> Result<(), Failure> {
    // A file keeps its events.
    let Some(from) = connect::endpoint(&config.from)? else { return Ok(()) };
    connect::check_source(&from)?;
    let is_http = matches!(from.scheme(), "http" | "https");
    if from.scheme() == "kafka" && from.option("group").is_none() {
        return Err(Failure::usage("a bridge from Kafka needs a group, which keeps its position")
            .help("add `group=NAME` to the URL"));
    }
    if from.scheme().starts_with("nats+jetstream") && from.option("consumer").is_none() {
        return Err(Failure::usage("a bridge from JetStream needs a consumer, which keeps its position")
            .help("add `consumer=NAME` to the URL"));
    }
    let decided = from.option("dead-letter").is_some() || from.option("reject").is_some();
    if !is_http && !decided && config.dead_letter.is_none() && config.redrive.is_none() {
        // The option may be there with a mistake in its name.
        connect::check_options(&config.from, Side::Receive)?;
        return Err(Failure::usage("there is no place for refused messages")
            .help("add `dead-letter=PLACE` or `reject=drop` to the URL, or use --dead-letter URL"));
    }
    if config.redrive.is_some() && from.option("outbox").is_some() {
        return Err(Failure::usage(
            "the dead messages of an outbox stay in it, and are no messages of a place",
        )
        .help("`ce webhook replay` sends them once more"));
    }
    let own = from.path().trim_start_matches('/');
    if config.redrive.is_some() && from.option("dead-letter").is_some_and(|place| place == own) {
        return Err(Failure::usage(
            "the dead-letter place is FROM itself, so refused messages would come back for ever",
        )
        .help("name another place"));
    }
    Ok(())
}

/// Checks that the dead-letter destination takes messages of every kind.
pub(super) fn check_letters(config: &Config) -> Result<(), Failure> {
    let Some(url) = &config.dead_letter else { return Ok(()) };
    if connect::endpoint(url)?.is_some() {
        return Ok(());
    }
    let place = if url == "-" { "standard output takes" } else { "a file holds" };
    Err(Failure::usage(format!("{place} events only, and a message that is refused may be none"))
        .help("name a queue, a topic or an HTTP server for dead letters"))
}

/// Refuses a filter of a queue before the queue is opened: a consumer may be made then, and messages may come.
pub(super) fn check_filter(config: &Config) -> Result<(), Failure> {
    let removes = config.filter.is_some() && config.redrive.is_none() && !config.drop_unmatched;
    if removes && connect::is_queue(&config.from)? {
        return Err(removes_unmatched());
    }
    Ok(())
}

/// A filter of a queue removes what other receivers would get.
pub(super) fn removes_unmatched() -> Failure {
    let words =
        "the filter would remove events that do not match, also for other receivers of the queue or consumer";
    Failure::usage(words).help(
        "add --drop-unmatched (`drop-unmatched: true`) if this is intended. To leave them in a queue, use --redrive, which ends when it is idle",
    )
}

/// Whether a destination accepts dead letters that nothing stores, and may never report that. With QoS 2, Mosquitto does not.
pub(super) fn never_reports(url: &str, letters: &Sender) -> Result<bool, Failure> {
    let endpoint = connect::endpoint(url)?;
    let has = |name: &str, value: &str| endpoint.as_ref().and_then(|at| at.option(name)) == Some(value);
    let is_written = letters.capabilities().confirms == Confirmed::Written;
    Ok(is_written || has("version", "3.1.1") || has("qos", "2") || has("mandatory", "false"))
}

/// Checks that the target takes messages. Errors that say nothing about that are left to the bridge.
pub(super) async fn check_place(sender: &Sender) -> Result<(), Failure> {
    match sender.check().await {
        Err(error) if error.kind() == ErrorKind::Refused => Err(connect::failed(error)),
        _ => Ok(()),
    }
}

/// Checks the capabilities of the target.
pub(super) fn check_target(config: &Config, sender: &Sender) -> Result<(), Failure> {
    let can = sender.capabilities();
    if can.confirms == Confirmed::Written && config.losses.0 == LossPolicy::Refuse {
        return Err(Failure::usage("TO does not confirm messages, so some may be lost")
            .help("`--losses log` accepts this"));
    }
    Ok(())
}
