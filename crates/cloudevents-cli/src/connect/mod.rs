//! From URLs to senders and receivers.

#[cfg(feature = "amqp")]
mod amqp;
mod http;
#[cfg(feature = "kafka")]
mod kafka;

use crate::{
    failure::{Failure, Status},
    report::Report,
};
use cloudevents_kit::{
    Error, ErrorKind, Receiver, Sender,
    http::Refusal,
    transport::{Endpoint, ReceiverOptions},
};
use std::{error::Error as _, time::Duration};
use tokio::runtime::{Builder, Runtime};

/// What senders are opened with.
#[derive(Debug, Default)]
pub(crate) struct Sending {
    /// `Name: value`, or `@FILE` with one a line.
    pub(crate) headers: Vec<String>,
    /// The environment variable that holds the `Authorization` header.
    pub(crate) authorization: Option<String>,
    /// How long one exchange may take.
    pub(crate) timeout: Duration,
    /// How many messages may be under way.
    pub(crate) parallel: usize,
    /// Whether there will be batches.
    pub(crate) batches: bool,
}

/// The runtime of a command that talks to the network. Its thread keeps connections alive while the command waits for input.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Status::Network, format!("the network cannot be used: {error}")))
}

/// A URL as it may be shown: nothing that may be secret.
pub(crate) fn shown(url: &str) -> String {
    Endpoint::parse(url)
        .map_or_else(|_| "the URL".to_owned(), |endpoint| crate::plain::plain(&endpoint.to_string()))
}

/// Opens a sender.
pub(crate) async fn sender(url: &str, sending: &Sending) -> Result<Sender, Failure> {
    let endpoint = Endpoint::parse(url).map_err(failed)?;
    let scheme = endpoint.scheme();
    if matches!(scheme, "http" | "https") {
        return http::sender(&endpoint, sending);
    }
    check_broker(scheme, sending)?;
    match scheme {
        #[cfg(feature = "amqp")]
        "amqp" | "amqps" => amqp::sender(&endpoint, sending).await,
        #[cfg(feature = "kafka")]
        "kafka" => kafka::sender(&endpoint, sending).await,
        _ => Err(unknown(&endpoint, "sent to", &["http", "https"])),
    }
}

/// A receiver that was opened.
pub(crate) struct Opened {
    pub(crate) receiver: Receiver,
    /// The URL as it may be shown; of a server, the one to send to.
    pub(crate) url: String,
    /// What the URL left open, and how it was decided.
    pub(crate) notes: Vec<Report>,
}

/// Opens a receiver.
pub(crate) async fn receiver(url: &str, options: ReceiverOptions) -> Result<Opened, Failure> {
    let endpoint = Endpoint::parse(url).map_err(failed)?;
    match endpoint.scheme() {
        "http" => http::receiver(&endpoint, options).await,
        #[cfg(feature = "amqp")]
        "amqp" | "amqps" => amqp::receiver(&endpoint, options).await,
        #[cfg(feature = "kafka")]
        "kafka" => kafka::receiver(&endpoint, options).await,
        _ => Err(unknown(&endpoint, "received from", &["http"])),
    }
}

/// No scheme of this build and direction, in which there are these and those of the brokers.
fn unknown(endpoint: &Endpoint, what: &str, http: &[&str]) -> Failure {
    let scheme = endpoint.scheme();
    if let Some((feature, _)) = FEATURES.iter().find(|(_, schemes)| schemes.contains(&scheme)) {
        return Failure::usage(format!("this build of ce cannot open `{scheme}` URLs"))
            .help(format!("build it with the feature `{feature}`"));
    }
    let mut known: Vec<&str> = http.to_vec();
    known.extend(cfg!(feature = "kafka").then_some("kafka"));
    known.extend(cfg!(feature = "amqp").then_some("amqp"));
    known.extend((cfg!(feature = "amqp") && cfg!(feature = "tls")).then_some("amqps"));
    Failure::usage(format!("events cannot be {what} `{}` URLs", crate::plain::plain(scheme)))
        .help(format!("the schemes are {}", known.join(", ")))
}

/// Schemes that a feature brings.
const FEATURES: [(&str, &[&str]); 2] = [
    ("amqp", if cfg!(feature = "amqp") { &[] } else { &["amqp", "amqps"] }),
    ("kafka", if cfg!(feature = "kafka") { &[] } else { &["kafka"] }),
];

/// Refuses what HTTP alone has.
fn check_broker(scheme: &str, sending: &Sending) -> Result<(), Failure> {
    if !sending.headers.is_empty() || sending.authorization.is_some() {
        return Err(Failure::usage("headers can be given for `http` and `https` URLs only"));
    }
    if sending.batches {
        let words = format!("there are no batches with `{}` URLs", crate::plain::plain(scheme));
        return Err(Failure::usage(words).help("--mode binary and --mode structured send each event alone"));
    }
    Ok(())
}

/// Refuses options of the URL that flags of the command stand for.
#[cfg(any(feature = "amqp", feature = "kafka"))]
fn check_options(endpoint: &Endpoint) -> Result<(), Failure> {
    for name in ["mode", "format"] {
        if endpoint.option(name).is_some() {
            let words = format!("the option `{name}` of the URL is for programs");
            return Err(Failure::usage(words).help(format!("say it with --{name}")));
        }
    }
    Ok(())
}

fn failed(error: Error) -> Failure {
    Failure::Told(status_of(&error), Box::new(report(&error)))
}

/// The error, and what to do when nobody is there.
pub(crate) fn report(error: &Error) -> Report {
    let report = Report::of(error);
    if error.kind() == ErrorKind::Disconnected && error.help().is_none() {
        return report.help("check the URL, and that somebody listens there");
    }
    report
}

/// The exit status of an error of sending or receiving.
pub(crate) fn status_of(error: &Error) -> Status {
    match error.kind() {
        ErrorKind::InvalidUrl | ErrorKind::Unsupported => Status::Usage,
        ErrorKind::Disconnected | ErrorKind::Timeout | ErrorKind::Transport | ErrorKind::Closed => {
            Status::Network
        }
        // A peer that cannot do its work has not said no.
        ErrorKind::Refused => {
            let refusal = error.source().and_then(|source| source.downcast_ref::<Refusal>());
            let temporary = refusal.is_some_and(Refusal::is_temporary);
            #[cfg(feature = "amqp")]
            let temporary = temporary || amqp::is_temporary(error);
            if temporary { Status::Network } else { Status::No }
        }
        _ => Status::No,
    }
}
