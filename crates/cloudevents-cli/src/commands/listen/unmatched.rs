//! Whether a filter removes events that do not match.

use super::Listen;
use crate::{connect, failure::Failure};
use cloudevents_kit::transport::{Fact, Place};

/// Refuses a filter on messages that other receivers get, too, before anything is opened: a consumer may be made then.
pub(super) async fn check(command: &Listen) -> Result<(), Failure> {
    if removes(command) && connect::is_queue(&command.url)? && !keeps_for_others(command).await? {
        return Err(removed());
    }
    Ok(())
}

/// Whether events that do not match are removed without permission. `--peek` gives all of them back.
pub(super) fn removes(command: &Listen) -> bool {
    !command.filter.is_empty() && !command.drop_unmatched && !command.peek
}

/// Whether others get accepted messages all the same: from a stream of JetStream that is no work queue, by a consumer of this command
/// alone.
async fn keeps_for_others(command: &Listen) -> Result<bool, Failure> {
    let Some(endpoint) = connect::endpoint(&command.url)? else { return Ok(false) };
    if !endpoint.scheme().starts_with("nats+jetstream") || endpoint.option("consumer").is_some() {
        return Ok(false);
    }
    let streams = connect::places(&command.url, &command.certificates).await?.list;
    let keeps = |stream: &Place| {
        stream.fact("retention").is_some_and(|retention| *retention != Fact::from("workqueue"))
    };
    Ok(!streams.is_empty() && streams.iter().all(keeps))
}

/// The error of a filter that removes events without permission.
pub(super) fn removed() -> Failure {
    let words =
        "--filter would remove events that do not match, also for other receivers of the queue or consumer";
    Failure::usage(words).help("add --drop-unmatched if this is intended, or filter on the broker")
}
