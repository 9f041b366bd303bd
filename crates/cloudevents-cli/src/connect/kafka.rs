//! `kafka` URLs.

use super::{Opened, Sending, check_options, failed};
use crate::{failure::Failure, report::Report};
use cloudevents_kit::{
    self as kit, Error, ErrorKind, Sender,
    kafka::rdkafka039::{self, KafkaReceiverOptions, KafkaSenderOptions},
    transport::{Bounds, Endpoint, ReceiverOptions},
};
use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

pub(super) async fn sender(endpoint: &Endpoint, sending: &Sending) -> Result<Sender, Failure> {
    check_options(endpoint)?;
    check_tls(endpoint)?;
    let mut options = KafkaSenderOptions::default();
    options.sender.enqueue_timeout = sending.timeout;
    options.sender.losses = sending.losses;
    options.sender.peer = sending.peer;
    options.sender.decoding = kit::decoding();
    options.timeout = sending.timeout;
    options.connect_timeout = sending.timeout;
    options.in_flight = Bounds { messages: sending.parallel, ..options.in_flight };
    if sending.parallel == 1 {
        // One message at a time: waiting for a fuller batch would only add delay.
        options.config.set("linger.ms", "0");
    }
    let open = rdkafka039::sender(endpoint.clone(), options);
    unless_refused(endpoint, sending.timeout, open).await
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
    let open = rdkafka039::receiver(endpoint.clone(), options);
    let receiver = unless_refused(endpoint, RECEIVER_PROBE, open).await?;
    Ok(Opened { receiver, url: super::shown(endpoint.expose_url()), notes })
}

/// The time in which a broker has to accept a connection of a receiver.
const RECEIVER_PROBE: Duration = Duration::from_secs(10);

/// Opens a client, but fails as soon as every broker of the URL has refused a connection. The client itself would try for many
/// seconds before it reports anything.
async fn unless_refused<T>(
    endpoint: &Endpoint,
    within: Duration,
    open: impl Future<Output = Result<T, Error>>,
) -> Result<T, Failure> {
    let refused = async {
        match refusal(endpoint, within).await {
            Some(error) => error,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        // The client reports a wrong URL before it connects.
        biased;
        opened = open => opened.map_err(failed),
        error = refused => Err(failed(error)),
    }
}

/// Connects to all brokers of the URL. Returns an error if none accepts.
async fn refusal(endpoint: &Endpoint, within: Duration) -> Option<Error> {
    let mut attempts = JoinSet::new();
    for host in endpoint.hosts() {
        let (name, port) = (host.name().to_owned(), host.port().unwrap_or(9092));
        let shown = host.with_port(9092).to_string();
        attempts.spawn(async move {
            match timeout(within, TcpStream::connect((name.as_str(), port))).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(format!("{shown}: {error}")),
                Err(_) => Err(format!("{shown}: no answer in {} seconds", within.as_secs())),
            }
        });
    }
    let mut refused = Vec::new();
    while let Some(attempt) = attempts.join_next().await {
        match attempt {
            Ok(Err(error)) => refused.push(error),
            // Another broker may be down: the client knows what to do.
            Ok(Ok(())) | Err(_) => return None,
        }
    }
    refused.sort();
    let brokers = match refused.len() {
        0 => return None,
        1 => "the broker does",
        _ => "the brokers do",
    };
    let detail = format!("{brokers} not accept connections: {}", refused.join(", "));
    Some(Error::new(ErrorKind::Unreachable).with_detail(detail))
}

const WITH_TLS: &str = "build it with the feature `kafka-tls`: cargo install --git https://github.com/cloudevents-kit/cloudevents-kit \
                       --locked --features kafka-tls cloudevents-cli";

fn check_tls(endpoint: &Endpoint) -> Result<(), Failure> {
    let mechanism = endpoint.option("sasl").unwrap_or_default();
    if mechanism.starts_with("scram") && !cfg!(feature = "kafka-tls") {
        let words = format!("this build of ce has no `sasl={}` for Kafka", crate::plain::plain(mechanism));
        return Err(Failure::usage(words).help(WITH_TLS));
    }
    if matches!(endpoint.option("tls"), Some("" | "true")) && !cfg!(feature = "kafka-tls") {
        return Err(Failure::usage("this build of ce has no TLS for Kafka").help(WITH_TLS));
    }
    Ok(())
}
