//! Keys of messages that the target of a bridge does not carry, and records without a key.

use super::config::Config;
use crate::{connect, failure::Failure, report::Report};
use cloudevents_kit::{
    Sender,
    transport::{
        Carries, OrderBy, Received,
        bridge::{BridgePolicy, Fate, KeyRule},
    },
};
use std::sync::{Arc, Once};
use tokio::sync::mpsc;

/// Leaves out the keys of messages if the target has none: that loses no event. The first message with a key has a warning.
pub(super) fn leave_out_keys(
    config: &Config,
    sender: &Sender,
    policy: &mut BridgePolicy,
    reports: mpsc::Sender<Report>,
) -> Result<(), Failure> {
    let carries = sender.capabilities().carries.contains(Carries::KEY);
    if !have_keys(&config.from)? || carries || !matches!(policy.key, KeyRule::Kept) {
        return Ok(());
    }
    policy.key = KeyRule::Dropped;
    let (observer, warned) = (policy.observer.take(), Once::new());
    policy.observer = Some(Arc::new(move |received: &Received, fate: &Fate| {
        if received.key().is_some() {
            warned.call_once(|| {
                let warning = Report::warning("the keys of messages are left out: TO does not carry them");
                let warning =
                    warning.kind("keys").help("`drop-key: true` in a configuration file agrees to it");
                let _ = reports.try_send(warning);
            });
        }
        if let Some(observer) = &observer {
            observer(received, fate);
        }
    }));
    Ok(())
}

/// The note that records have no key at the target. Messages in order here have no order there beyond a partition.
pub(super) fn missing_keys(config: &Config) -> Result<Option<Report>, Failure> {
    let Some(to) = connect::endpoint(&config.to)? else { return Ok(None) };
    let has_keys = config.key.is_some() || to.option("key").is_some() || have_keys(&config.from)?;
    if to.scheme() == "kafka" && !has_keys && config.order.0 != OrderBy::None {
        let note =
            Report::note("records are written without a key, so TO keeps no order across its partitions");
        return Ok(Some(note.kind("keys").help("add `key=partitionkey`, or another attribute, to the URL")));
    }
    Ok(None)
}

/// Whether messages that are received there may have keys.
fn have_keys(url: &str) -> Result<bool, Failure> {
    let endpoint = connect::endpoint(url)?;
    Ok(endpoint.and_then(|endpoint| connect::family(&endpoint)).is_some_and(|family| family.has_keys))
}
