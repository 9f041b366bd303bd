//! Opens senders and receivers from URLs.

pub(crate) mod address;
mod broker;
pub(crate) mod certificates;
mod client;
mod dates;
mod file;
pub(crate) mod http;
mod lines;
pub(crate) mod registry;
pub(crate) mod side;
#[cfg(feature = "websockets")]
mod websockets;

pub(crate) use certificates::Certificates;
pub(crate) use client::Connecting;
pub(crate) use file::{check_written, closed_for_good, path};

use crate::{
    failure::{Failure, Status},
    input::Systems,
    report::Report,
};
use cloudevents_kit::{
    Error, ErrorKind, Peer, Receiver, SCHEMES, Sender,
    adapters::Adapters,
    http::reqwest013::{SignRequest, Trace},
    transport::{
        Binding, Endpoint, LossPolicy, OnRefusal, Place, Places, Received, ReceiverOptions, Side, UrlFamily,
        binding::check_authorities,
    },
};
use std::{pin::Pin, time::Duration};
use tokio::runtime::Builder;

/// Options of senders.
#[derive(Default)]
pub(crate) struct Sending {
    /// `Name: value`, or `@FILE` with one header per line.
    pub(crate) headers: Vec<String>,
    /// The environment variable that holds the `Authorization` header.
    pub(crate) authorization: Option<String>,
    /// The time limit of one exchange.
    pub(crate) timeout: Duration,
    /// The maximum number of messages in flight.
    pub(crate) parallel: usize,
    /// Whether batches will be sent.
    pub(crate) batches: bool,
    /// Whether single events will be sent as documents, or in binary mode. `None`: each message as it is, if the protocol has both.
    pub(crate) documents: Option<bool>,
    /// The policy for parts that the protocol cannot carry.
    pub(crate) losses: LossPolicy,
    /// How HTTP connections are made.
    pub(crate) connecting: Connecting,
    /// The implementation that messages are written for.
    pub(crate) peer: Option<Peer>,
    /// Sees HTTP exchanges.
    pub(crate) trace: Option<Trace>,
    /// Signs HTTP requests.
    pub(crate) sign: Option<SignRequest>,
}

/// Starts the runtime of a command that uses the network. Its threads keep connections alive while the command waits for input.
///
/// There are two threads, because a peer that sends without end may keep one busy. For example, the client skips responses with status 1xx.
/// Time has to pass all the same.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    built(Builder::new_multi_thread().worker_threads(2))
}

/// The same with the thread of the command alone: nothing goes on unless the command waits for a future. No protocol that keeps a
/// connection alive can use it. If a peer sends without end, a time limit is noticed after the bytes that the client reads at once.
pub(crate) fn one_thread() -> Result<Runtime, Failure> {
    built(&mut Builder::new_current_thread())
}

fn built(builder: &mut Builder) -> Result<Runtime, Failure> {
    builder
        .enable_all()
        .build()
        .map(|runtime| Runtime(Some(runtime)))
        .map_err(|error| Failure::new(Status::Network, format!("the network cannot be used: {error}")))
}

/// The runtime of a command, until it is dropped.
pub(crate) struct Runtime(Option<tokio::runtime::Runtime>);

/// Waits a moment at most, because a peer may keep a thread busy.
impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

impl Runtime {
    /// Waits for `future`. The runtime sees all futures as one type, because it is compiled for each type.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let mut output = None;
        let future: Pin<Box<dyn Future<Output = ()> + '_>> = Box::pin(async { output = Some(future.await) });
        match &self.0 {
            Some(runtime) => runtime.block_on(future),
            None => drop(future),
        }
        output.unwrap_or_else(|| unreachable!("the future has ended"))
    }
}

/// Returns the URL without secrets.
pub(crate) fn shown(url: &str) -> String {
    if let Some(path) = file::path(url) {
        return crate::plain::plain(&path.display().to_string());
    }
    Endpoint::parse(url)
        .map_or_else(|_| "the URL".to_owned(), |endpoint| crate::plain::plain(&endpoint.to_string()))
}

/// Opens a sender.
pub(crate) async fn sender(url: &str, sending: &Sending) -> Result<Sender, Failure> {
    if let Some(path) = file::path(url) {
        check_headers(sending)?;
        return file::sender(path, sending.losses).await;
    }
    let endpoint = parsed(url)?;
    let scheme = endpoint.scheme();
    if matches!(scheme, "http" | "https") {
        return http::sender(&endpoint, sending);
    }
    check_broker(&endpoint, sending)?;
    let endpoint = sending.connecting.certificates.in_url(endpoint)?;
    broker::sender(endpoint, sending).await
}

/// An open receiver.
pub(crate) struct Opened {
    pub(crate) receiver: Receiver,
    /// The URL without secrets; of a server, the URL to send to.
    pub(crate) url: String,
    /// The defaults that were used.
    pub(crate) notes: Vec<Report>,
}

/// Opens a receiver, with a function that sees the refusals of servers of HTTP and WebSockets.
pub(crate) async fn receiver(
    url: &str,
    options: ReceiverOptions,
    certificates: &Certificates,
    on_refusal: Option<OnRefusal>,
) -> Result<Opened, Failure> {
    if let Some(path) = file::path(url) {
        return file::receiver(path, options, None).await;
    }
    let endpoint = parsed(url)?;
    check_source(&endpoint)?;
    let endpoint = certificates.in_url(endpoint)?;
    if endpoint.scheme() == "http" {
        return http::receiver(&endpoint, options, on_refusal).await;
    }
    broker::receiver(endpoint, options, on_refusal).await
}

/// Lists the places that the broker of a URL shows, with their numbers.
pub(crate) async fn places(url: &str, certificates: &Certificates) -> Result<Places, Failure> {
    broker::places(of_broker(url, certificates)?).await
}

/// Creates the place of a URL with these settings.
pub(crate) async fn create(
    url: &str,
    settings: Vec<(String, String)>,
    certificates: &Certificates,
) -> Result<Place, Failure> {
    broker::create(of_broker(url, certificates)?, settings).await
}

fn of_broker(url: &str, certificates: &Certificates) -> Result<Endpoint, Failure> {
    let endpoint = endpoint(url)?.ok_or_else(|| Failure::usage("a file is not a broker"))?;
    certificates.in_url(endpoint)
}

/// Opens a receiver as [`receiver`] does. It makes events of documents of these systems.
///
/// Without them, the error of a message names its system, and `how` to make events of it.
pub(crate) async fn receiver_of(
    systems: Option<&Systems>,
    how: fn(&str) -> String,
    url: &str,
    options: ReceiverOptions,
    certificates: &Certificates,
    on_refusal: OnRefusal,
) -> Result<Opened, Failure> {
    if let Some(path) = file::path(url) {
        return file::receiver(path, options, systems.cloned()).await;
    }
    let opened = receiver(url, options, certificates, Some(on_refusal)).await?;
    Ok(Opened { receiver: of(systems, how, opened.receiver), ..opened })
}

/// A receiver of [`receiver_of`].
pub(crate) fn of(systems: Option<&Systems>, how: fn(&str) -> String, receiver: Receiver) -> Receiver {
    let adapters = systems.map_or_else(Adapters::known, Systems::adapters);
    match systems.cloned() {
        Some(systems) => receiver.convert(move |received, with| {
            let made = adapters.message(received, with);
            if let Some(Ok(made)) = &made {
                systems.count(&made.value);
            }
            made.or_else(|| fits_none(received).map(Err))
        }),
        None => receiver.convert(move |received, _| adapters.named(received, how).map(Err)),
    }
}

/// The error of a message that is no event, and that no adapter fits.
fn fits_none(received: &Received) -> Option<Error> {
    let error = received.decoded_message().err().filter(|error| error.kind() == ErrorKind::NotACloudEvent)?;
    let body = received.whole_body().ok().flatten();
    let is_marked = body.is_some_and(|body| body.starts_with("\u{feff}".as_bytes()));
    let mark = if is_marked { ", which begins with a byte order mark: JSON has none" } else { "" };
    let detail = format!("{}, and no adapter fits its body{mark}", error.detail());
    Some(error.clone().with_detail(detail))
}

/// Options of receivers whose program has handlers, with the substitutes that `ce` has.
pub(crate) const OF_HANDLERS: [(&str, &str); 4] = [
    ("attempts", "`ce bridge` gives up no message: it tries until TO takes or refuses it"),
    ("drain", "`drain` in a configuration file of `ce bridge` is the time for what is on its way at the end"),
    ("give-up-after", "`ce bridge` gives up no message: it tries until TO takes or refuses it"),
    ("time-limit", "`timeout` in a configuration file of `ce bridge` is the time for one message"),
];

/// Refuses options of a source that have no effect here.
pub(crate) fn check_source(endpoint: &Endpoint) -> Result<(), Failure> {
    // The query of a server of HTTP is its own.
    let has = |name| !matches!(endpoint.scheme(), "http" | "https") && endpoint.option(name).is_some();
    match OF_HANDLERS.iter().find(|(name, _)| has(name)) {
        None => Ok(()),
        Some((name, help)) => {
            let words =
                format!("the URL option `{name}` is for handlers of a program, and has no effect in `ce`");
            Err(Failure::usage(words).help(*help))
        }
    }
}

/// Refuses an option that URLs of this protocol do not have. The query of a server of HTTP is its own.
pub(crate) fn check_options(url: &str, side: Side) -> Result<(), Failure> {
    let Some(endpoint) = endpoint(url)? else { return Ok(()) };
    match binding(&endpoint).filter(|_| !matches!(endpoint.scheme(), "http" | "https" | "ws" | "wss")) {
        Some(binding) => binding.urls.check(&endpoint, side).map(drop).map_err(failed),
        None => Ok(()),
    }
}

/// Returns the error for a scheme that nothing in this build opens. `side` is the side that would open it.
pub(crate) fn unknown(endpoint: &Endpoint, side: Side) -> Failure {
    let scheme = endpoint.scheme();
    let known = SCHEMES.iter().find(|known| known.scheme == scheme);
    if let Some(known) = known.filter(|known| binding(endpoint).is_none() && known.binding != "http") {
        return Failure::usage(format!("this build of ce cannot open `{scheme}` URLs"))
            .help(format!("build it with the feature `{}`", known.binding));
    }
    let what = if side == Side::Send { "sent to" } else { "received from" };
    let schemes = cloudevents_kit::bindings()
        .iter()
        .flat_map(|binding| binding.urls.schemes().filter(|scheme| binding.urls.tls || !scheme.tls))
        .filter(|scheme| scheme.side.meets(side));
    let known: Vec<_> = ["file"].into_iter().chain(schemes.map(|scheme| scheme.name)).collect();
    Failure::usage(format!("events cannot be {what} `{}` URLs", crate::plain::plain(scheme)))
        .help(format!("the schemes are {}", known.join(", ")))
}

/// Whether this is the URL of a queue, whose broker gives each message to one receiver at a time.
pub(crate) fn is_queue(url: &str) -> Result<bool, Failure> {
    Ok(endpoint(url)?.and_then(|endpoint| family(&endpoint)).is_some_and(|family| family.has_broker))
}

/// The binding that opens this URL.
pub(crate) fn binding(endpoint: &Endpoint) -> Option<&'static Binding> {
    let mut bindings = cloudevents_kit::bindings().iter().copied();
    bindings.find(|binding| binding.urls.family(endpoint.scheme()).is_some())
}

/// The family of URLs that has this one.
pub(crate) fn family(endpoint: &Endpoint) -> Option<&'static UrlFamily> {
    binding(endpoint)?.urls.family(endpoint.scheme())
}

/// Warns of messages that consumers of release 1.0.2 may not read, if the defaults were left unchanged.
///
/// `is_structured` is whether the mode that was requested is structured.
pub(crate) fn older_consumers(
    endpoint: &Endpoint,
    peer: Option<Peer>,
    is_structured: Option<bool>,
) -> Option<Report> {
    let decides = |option: &str| endpoint.option(option).is_some();
    let is_document = is_structured == Some(true) || endpoint.option("mode") == Some("structured");
    if is_document || peer.is_some() || decides("peer") {
        return None;
    }
    let note = match binding(endpoint)?.urls.name {
        "amqp" if !decides("separator") => Report::note(
            "consumers of release 1.0.2 do not read attributes named with `cloudEvents_`, the default",
        )
        .help("for them, add `-o separator=colon`, or --peer with their name"),
        "nats" if is_structured.is_none() && !decides("mode") => {
            Report::note("consumers of release 1.0.2 do not read binary mode over NATS, the default")
                .help("for them, use --mode structured, or --peer with their name")
        }
        _ => return None,
    };
    Some(note.kind("older-consumers"))
}

/// Refuses options that only HTTP has.
pub(crate) fn check_broker(endpoint: &Endpoint, sending: &Sending) -> Result<(), Failure> {
    check_headers(sending)?;
    broker::check_mode(endpoint)?;
    if let Some(name) = sending.connecting.given() {
        return Err(Failure::usage(format!("{name} is only for `http` and `https` URLs")));
    }
    if sending.batches {
        let words = format!("`{}` URLs do not support batches", crate::plain::plain(endpoint.scheme()));
        return Err(
            Failure::usage(words).help("use --mode binary or --mode structured, which send single events")
        );
    }
    Ok(())
}

fn check_headers(sending: &Sending) -> Result<(), Failure> {
    if sending.sign.is_some() {
        return Err(Failure::usage("only requests to `http` and `https` URLs are signed"));
    }
    if !sending.headers.is_empty() || sending.authorization.is_some() {
        return Err(Failure::usage("only `http` and `https` URLs take headers"));
    }
    Ok(())
}

/// Checks a URL as far as that needs no connection. Returns `None` for a file.
pub(crate) fn endpoint(url: &str) -> Result<Option<Endpoint>, Failure> {
    match file::path(url) {
        Some(_) => Ok(None),
        None => parsed(url).map(Some),
    }
}

fn parsed(url: &str) -> Result<Endpoint, Failure> {
    let scheme = url.split_once(':').map(|(scheme, _)| scheme);
    if scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("sqlite")) {
        return Err(Failure::usage("an outbox in SQLite has no URL: a program with the library moves its messages")
            .help("docs/outbox.md has the program; `ce bridge` moves an outbox in Postgres: postgres://HOST/DB?outbox=TARGET"));
    }
    Endpoint::parse(url).map_err(failed)
}

pub(crate) fn failed(error: Error) -> Failure {
    Failure::Told(status_of(&error), Box::new(report(&error)))
}

/// The failure of a receiver or a bridge that an error has ended.
pub(crate) fn ended(error: &Error) -> Failure {
    Failure::Told(status_at_end(error), Box::new(report(error)))
}

/// The warning that a connection was lost, in these words, and is opened again.
pub(crate) fn lost(words: &str, error: &Error) -> Report {
    let report = Report::warning(format!("{words}; reconnecting")).kind(error.kind().code());
    report.detail(error.detail()).any_help(help_with_tls(error))
}

/// Returns a report of the error, with help if the peer is unreachable.
pub(crate) fn report(error: &Error) -> Report {
    let report = Report::of(error);
    let report = match dates::shown(error.detail()) {
        Some(detail) => report.detail(detail),
        None => report,
    };
    if let Some(help) = help_with_tls(error) {
        return report.help(help);
    }
    if !matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Unreachable) || error.help().is_some() {
        return report;
    }
    report.help("check the URL, and whether a server listens there")
}

/// The alerts of TLS by which a server refuses the certificate of a client. RFC 8446, section 6.2.
const CERTIFICATE_ALERTS: [&str; 8] = [
    "BadCertificate",
    "UnsupportedCertificate",
    "CertificateRevoked",
    "CertificateExpired",
    "CertificateUnknown",
    "UnknownCA",
    "AccessDenied",
    // Of an authority that has the name of another one, it is the signature that is wrong.
    "DecryptError",
];

/// Advice about an error of TLS, in terms of flags, options of the URL and variables.
pub(crate) fn help_with_tls(error: &Error) -> Option<String> {
    if let Some(help) = error.help() {
        // Of a client that has them from the URL.
        let in_flags =
            [("ca", "--cacert"), ("cert", "--cert")].iter().fold(help.to_owned(), |help, (option, flag)| {
                help.replace(
                    &format!("in the option `{option}`"),
                    &format!("with {flag}, in the option `{option}`"),
                )
            });
        return Some(in_flags).filter(|flags| flags != help);
    }
    // The words of rustls, which every client passes on.
    let says = |words| error.detail().contains(words);
    let help = if says("UnknownIssuer") || says("BadSignature") {
        "name a file with the certificate of the server's authority with --cacert, in the option `ca` of the URL, or in the variable SSL_CERT_FILE"
    } else if says("CertificateRequired") {
        "the server requires a client certificate: name its file with --cert, in the option `cert` of the URL, and that of its key with --key"
    } else if says("CertificateExpired") {
        "the client certificate, which --cert or the option `cert` of the URL names, has expired: renew it. If it has not, check the clock of the server"
    } else if says("certificate expired") || says("certificate not valid yet") {
        "check the clock of this machine. If it is right, the certificate of the server has to be renewed"
    } else if says("received fatal alert") && CERTIFICATE_ALERTS.into_iter().any(says) {
        "the server does not accept the client certificate, or requires one: name the file of one that its authorities have signed with --cert, in the option `cert` of the URL, and that of its key with --key"
    } else if says("invalid peer certificate") {
        "check the host of the URL, the clock of this machine, and the certificate of the server"
    } else {
        return None;
    };
    Some(help.to_owned())
}

/// Checks the authorities that a variable names.
///
/// For clients of HTTP: these trust the authorities of the system instead, or none.
pub(crate) fn authorities() -> Result<(), Failure> {
    check_authorities().map_err(failed)
}

/// Returns the exit status of an error that ends a receiver or a bridge: of a login or an address that is refused, that of opening.
pub(crate) fn status_at_end(error: &Error) -> Status {
    let status = status_of(error);
    if error.kind() == ErrorKind::Refused { status } else { status.max(Status::Network) }
}

/// Returns the exit status of an error of sending or receiving.
pub(crate) fn status_of(error: &Error) -> Status {
    match error.kind() {
        ErrorKind::InvalidUrl | ErrorKind::Unsupported => Status::Usage,
        ErrorKind::Disconnected
        | ErrorKind::Timeout
        | ErrorKind::Transport
        | ErrorKind::Unreachable
        | ErrorKind::Closed => Status::Network,
        // A temporary refusal is a failure of the peer, not a failed check.
        ErrorKind::Refused => {
            if error.is_temporary() {
                Status::Network
            } else {
                Status::No
            }
        }
        _ => Status::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Late as at the opening.
    #[test]
    fn the_status_of_a_refused_login_does_not_depend_on_when_it_is_refused() {
        let error = |kind| Error::new(kind);
        for (error, status) in [
            (error(ErrorKind::Refused), Status::No),
            (error(ErrorKind::Refused).with_temporary(true), Status::Network),
            (error(ErrorKind::Disconnected), Status::Network),
            (error(ErrorKind::Closed), Status::Network),
            (error(ErrorKind::TooLarge), Status::Network),
        ] {
            assert_eq!(status_at_end(&error), status, "{error:?}");
        }
    }

    #[test]
    fn an_expired_certificate_is_named_by_its_owner() {
        let help = |detail: &str| {
            help_with_tls(&Error::new(ErrorKind::Disconnected).with_detail(detail.to_owned())).unwrap()
        };
        assert!(help("received fatal alert: CertificateExpired").contains("client certificate"));
        assert!(
            help("invalid peer certificate: certificate expired: verification time 1")
                .contains("of the server")
        );
    }
}
