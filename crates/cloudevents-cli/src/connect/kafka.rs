//! `kafka` URLs.

use super::{Opened, Sending, check_options, failed};
use crate::{failure::Failure, report::Report};
use cloudevents_kit::{
    self as kit, Sender,
    kafka::rdkafka039::{self, KafkaReceiverOptions, KafkaSenderOptions},
    transport::{Bounds, Endpoint, ReceiverOptions},
};
use std::hash::{BuildHasher, RandomState};

pub(super) async fn sender(endpoint: &Endpoint, sending: &Sending) -> Result<Sender, Failure> {
    check_options(endpoint)?;
    check_tls(endpoint)?;
    let mut options = KafkaSenderOptions::default();
    options.sender.enqueue_timeout = sending.timeout;
    options.sender.losses = sending.losses;
    options.sender.decoding = kit::decoding();
    options.timeout = sending.timeout;
    options.connect_timeout = sending.timeout;
    options.in_flight = Bounds { messages: sending.parallel, ..options.in_flight };
    if sending.parallel == 1 {
        // One message at a time: waiting for a fuller batch would only add delay.
        options.config.set("linger.ms", "0");
    }
    rdkafka039::sender(endpoint.expose_url(), options).await.map_err(failed)
}

/// Opens a receiver. The defaults do not affect other consumers.
pub(super) async fn receiver(endpoint: &Endpoint, options: ReceiverOptions) -> Result<Opened, Failure> {
    check_tls(endpoint)?;
    let mut options = KafkaReceiverOptions::from(options);
    let mut notes = Vec::new();
    if endpoint.option("group").is_none() {
        let group = format!("ce-listen-{:016x}", RandomState::new().hash_one(std::process::id()));
        let (from, help) = match endpoint.option("offset") {
            Some("latest") => ("from now on", None),
            Some(_) => ("from the beginning of the topic", None),
            None => ("from the beginning of the topic", Some("`offset=latest` listens from now on")),
        };
        let words = format!("the URL has no `group`: listening {from}, in its own group {group}");
        let note = Report::note(words).kind("own-group");
        notes.push(match help {
            Some(help) => note.help(help),
            None => note,
        });
        options.config.set("group.id", group);
    }
    if endpoint.option("dead-letter").is_none() && endpoint.option("reject").is_none() {
        options.log = std::mem::take(&mut options.log).dropping_rejected();
        let words = "messages that are not events are reported and dropped, as with `reject=drop` in the URL";
        let note = Report::note(words).kind("reject-drop");
        notes.push(note.help("`dead-letter=TOPIC` in the URL keeps them in a topic"));
    }
    let receiver = rdkafka039::receiver(endpoint.expose_url(), options).await.map_err(failed)?;
    Ok(Opened { receiver, url: super::shown(endpoint.expose_url()), notes })
}

fn check_tls(endpoint: &Endpoint) -> Result<(), Failure> {
    if matches!(endpoint.option("tls"), Some("" | "true")) && !cfg!(feature = "kafka-tls") {
        let help = "build it with the feature `kafka-tls`";
        return Err(Failure::usage("this build of ce has no TLS for Kafka").help(help));
    }
    Ok(())
}
