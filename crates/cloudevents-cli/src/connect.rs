//! From URLs to senders and receivers.

use crate::{
    failure::{Failure, Status},
    report::Report,
};
use cloudevents_kit::{
    self as kit, Error, ErrorKind, Receiver, Sender,
    http::{HttpReceiver, HttpSenderOptions, Refusal},
    transport::{Bounds, Endpoint, ReceiverOptions},
};
use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};
use std::{error::Error as _, fs, time::Duration};
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
}

/// The runtime of a command that talks to the network.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    Builder::new_current_thread()
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
    let headers = headers(sending)?;
    if !matches!(endpoint.scheme(), "http" | "https") {
        if !headers.is_empty() {
            return Err(Failure::usage("headers can be given for `http` and `https` URLs only"));
        }
        return kit::connect_sender(url).await.map_err(failed);
    }
    if endpoint.scheme() == "https" && !cfg!(feature = "tls") {
        return Err(Failure::usage("this build of ce has no TLS").help("build it with the feature `tls`"));
    }
    let mut options = HttpSenderOptions::default();
    options.headers = headers;
    if let Some(user) = endpoint.user()
        && !options.headers.contains_key(AUTHORIZATION)
    {
        let password = endpoint.password().map_or("", |password| password.expose());
        let basic = base64_simd::STANDARD.encode_to_string(format!("{}:{password}", user.expose()));
        options.headers.extend(secret(&format!("Basic {basic}")).map(|value| (AUTHORIZATION, value)));
    }
    options.timeout = sending.timeout;
    options.in_flight = Bounds { messages: sending.parallel, ..options.in_flight };
    kit::http::sender(url, options).map_err(failed)
}

/// Opens a receiver; the second part of the answer is the URL to send to.
pub(crate) async fn receiver(url: &str, options: ReceiverOptions) -> Result<(Receiver, String), Failure> {
    let endpoint = Endpoint::parse(url).map_err(failed)?;
    if endpoint.scheme() == "http" {
        let receiver = HttpReceiver::bind(url, options.into()).await.map_err(failed)?;
        let url = receiver.url();
        return Ok((receiver.into_receiver(), url));
    }
    let receiver = kit::transports().receiver_with(url, options).await.map_err(failed)?;
    Ok((receiver, endpoint.to_string()))
}

fn failed(error: Error) -> Failure {
    Failure::Told(status_of(&error), Box::new(Report::of(&error)))
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
            if refusal.is_some_and(Refusal::is_temporary) { Status::Network } else { Status::No }
        }
        _ => Status::No,
    }
}

fn headers(sending: &Sending) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for given in &sending.headers {
        match given.strip_prefix('@') {
            None => header(given, "--header", &mut headers)?,
            Some(path) => {
                let text = fs::read_to_string(path)
                    .map_err(|error| Failure::usage(format!("`{path}` cannot be read: {error}")))?;
                for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                    header(line, &format!("{path}, line {}", number.saturating_add(1)), &mut headers)?;
                }
            }
        }
    }
    if let Some(variable) = &sending.authorization {
        let value = std::env::var(variable).map_err(|_| {
            Failure::usage(format!("the environment variable `{variable}` is not set, or is not text"))
        })?;
        headers.insert(AUTHORIZATION, secret(&value).ok_or_else(|| not_a_header(variable))?);
    }
    Ok(headers)
}

/// Reads `Name: value`. What is wrong is told without the value.
fn header(line: &str, place: &str, headers: &mut HeaderMap) -> Result<(), Failure> {
    let (name, value) = line.split_once(':').ok_or_else(|| not_a_header(place))?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| not_a_header(place))?;
    if name.as_str().starts_with("ce-") || name == http::header::CONTENT_TYPE {
        return Err(
            Failure::usage(format!("`{name}` belongs to the event")).help("set the attribute instead")
        );
    }
    headers.append(name, secret(value.trim()).ok_or_else(|| not_a_header(place))?);
    Ok(())
}

fn secret(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn not_a_header(place: &str) -> Failure {
    Failure::usage(format!("{place}: this is no header")).help("write `Name: value`")
}
