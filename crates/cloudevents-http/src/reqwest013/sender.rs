//! A sender that posts messages to a URL.

use super::{
    ResponseExt,
    refusal::{PATIENCE, beginning, refusal, refused, secrets},
    request::add_length,
    trace::{Traced, TracedMessage},
};
use crate::{
    BodyOptions, MAX_HEADERS, MessageHeaders,
    encode::{needs_document, write_message},
};
use cloudevents_core::{Error, ErrorKind, Message};
use cloudevents_transport::{
    Bounds, Carries, Confirmed, Content, InFlight, Orders, Outcome, Outgoing, Receipt, Sender,
    SenderCapabilities, SenderOptions,
    binding::{Permit, Resolver, Transmit, Writing, check_authorities},
};
use http::{HeaderMap, HeaderName, Method, request::Parts};
use reqwest::{Client, ClientBuilder, Request, Url, redirect::Policy};
use std::{
    borrow::Cow,
    fmt,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{runtime::Handle, time::timeout};

/// The bytes that are read of the body of an acceptance, so that the connection can be used again.
const DRAINED: usize = 64 << 10;

/// How long one exchange may take by default.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The most messages and bytes under way at once by default.
const IN_FLIGHT: Bounds = Bounds { messages: 64, bytes: 64 << 20 };

/// How a [`sender`] sends.
///
/// ```
/// use cloudevents_http::reqwest013::HttpSenderOptions;
/// use cloudevents_json::Json;
/// use std::{sync::Arc, time::Duration};
///
/// let mut options = HttpSenderOptions::default();
/// options.sender.format = Some(Arc::new(Json::new()));
/// options.sender.timeout = Some(Duration::from_secs(5));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpSenderOptions {
    /// Options that every protocol has. The query of an HTTP URL belongs to the server, so the URL cannot set them.
    ///
    /// With one message in flight, messages arrive in their order. With more, they may not. The timeout is the time of one exchange,
    /// connecting included. A peer may send responses with status 1xx without end. A thread of the runtime is busy with skipping them: if
    /// there is only one thread, the time passes late.
    pub sender: SenderOptions,
    /// Whether text in headers is written as it is, which is outside the specification: [`Encoding::raw`](crate::Encoding::raw).
    /// [`SenderOptions::peer`] implies it for some peers. Default: no.
    pub raw: bool,
    /// How long connecting may take. Default: 10 seconds. It does not apply to a client of your own.
    pub connect_timeout: Duration,
    /// Headers of every request, for authorization, for example. Headers of the message are added by the rules of
    /// [`MessageHeaders`](crate::MessageHeaders), except headers that are here already and headers that belong to an exchange.
    pub headers: HeaderMap,
    /// A client of your own, with its proxies and certificates. It should follow no redirects: a redirected request may lose its body.
    ///
    /// The default client uses the proxies of the environment (`http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`), but never for this
    /// machine (`localhost` and loopback addresses). A proxy for `http` sees headers and events. The default headers of a client are added
    /// to each request that has no header of the name. See [`client_headers`](Self::client_headers). Put credentials into
    /// [`headers`](Self::headers): if a peer repeats default headers, they are not recognized, and errors show them.
    pub client: Option<Client>,
    /// The names of the default headers of [`client`](Self::client), which reqwest does not report. No message sets them.
    ///
    /// It is empty for a client without default headers. Default: `None`, unknown. Then only `traceparent`, `tracestate` and `baggage` of
    /// the headers of messages are added, and others are logged at WARN, once for each name. It has no effect without a client of your own.
    pub client_headers: Option<Vec<HeaderName>>,
    /// Receives each request that is enqueued and its response, for programs that show the messages on the wire.
    ///
    /// It runs on the task of the exchange, and must not block. Default: none.
    pub trace: Option<Trace>,
    /// Adds headers to each request when its others are complete: a signature, for example. A request that is sent again is a new one.
    /// Default: none.
    pub sign: Option<SignRequest>,
}

/// A function that signs requests: [`HttpSenderOptions::sign`]. It gets the head and body. Its errors are errors of the message.
pub type SignRequest = Arc<dyn Fn(&mut Parts, &[u8]) -> Result<(), Error> + Send + Sync>;

/// A function that sees exchanges: [`HttpSenderOptions::trace`].
pub type Trace = Arc<dyn Fn(Traced<'_>) + Send + Sync>;

impl Default for HttpSenderOptions {
    fn default() -> Self {
        Self {
            sender: SenderOptions::default(),
            raw: false,
            connect_timeout: Duration::from_secs(10),
            headers: HeaderMap::new(),
            client: None,
            client_headers: None,
            trace: None,
            sign: None,
        }
    }
}

impl From<SenderOptions> for HttpSenderOptions {
    fn from(sender: SenderOptions) -> Self {
        Self { sender, ..Self::default() }
    }
}

/// Shows the names of the headers, not their values.
impl fmt::Debug for HttpSenderOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSenderOptions")
            .field("sender", &self.sender)
            .field("raw", &self.raw)
            .field("connect_timeout", &self.connect_timeout)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// A sender that posts to this URL, `http` or `https`: one message per request.
///
/// ```no_run
/// use cloudevents_core::Event;
///
/// # async fn send() -> Result<(), Box<dyn std::error::Error>> {
/// let sender = cloudevents_http::reqwest013::sender("http://localhost:8080/events", Default::default())?;
/// sender.send(&Event::builder().id("1").source("/s").ty("t").build()?).await?;
/// sender.close().await?;
/// # Ok(()) }
/// ```
///
/// A response of 2xx is acceptance. Any other response is an error of kind [`Refused`](ErrorKind::Refused), whose source is a
/// [`Refusal`](crate::reqwest013::Refusal). Redirects are not followed. After [`Unreachable`](ErrorKind::Unreachable), nothing was sent:
/// the connection was refused, for example. After [`Timeout`](ErrorKind::Timeout) and [`Disconnected`](ErrorKind::Disconnected), the peer
/// may or may not have the message. The sender does not repeat a message.
///
/// [`Sender::request`] returns the event of a response. Headers of an [`Outgoing`] become headers of the request, except the headers that
/// [`MessageHeaders`](crate::MessageHeaders) leaves out: credentials, framing, forwarding and so on. Its destination is a path, or a URL of
/// the same scheme, host and port, so that credentials go to no other server.
///
/// Messages are sent by tasks of the tokio runtime that [`enqueue`](Transmit::enqueue) is called on.
///
/// Errors are of kind [`InvalidUrl`](ErrorKind::InvalidUrl), or [`Transport`](ErrorKind::Transport) when there can be no client. A variable
/// `SSL_CERT_FILE` or `SSL_CERT_DIR` that names no certificates is an error of kind [`Unsupported`](ErrorKind::Unsupported), unless you set
/// a client of your own.
///
/// `https` needs one of the TLS features of reqwest, which the program turns on. Without one, each send fails as
/// [`Unreachable`](ErrorKind::Unreachable): "scheme is not http".
pub fn sender(url: &str, options: HttpSenderOptions) -> Result<Sender, Error> {
    let common = options.sender.clone();
    HttpSender::new(url, options).map(|sender| Sender::new(sender).with_options(common))
}

struct HttpSender {
    client: Client,
    url: Url,
    writing: Writing,
    options: HttpSenderOptions,
    message_headers: MessageHeaders,
    in_flight: InFlight,
    closed: AtomicBool,
}

impl HttpSender {
    fn new(url: &str, mut options: HttpSenderOptions) -> Result<Self, Error> {
        if let Some(peer) = options.sender.peer {
            options.raw |= peer.takes_raw_text();
            let leniency = &mut options.sender.decoding.leniency;
            *leniency = leniency.union(peer.leniency()); // of replies
        }
        let url = Url::parse(url)
            .map_err(|error| Error::new(ErrorKind::InvalidUrl).with_detail(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(
                Error::new(ErrorKind::InvalidUrl).with_detail("events are posted to `http` and `https` URLs")
            );
        }
        if options.client.is_none() && url.scheme() == "https" {
            check_authorities()?;
        }
        let client = match options.client.clone() {
            Some(client) => client,
            None => without_proxy(Client::builder(), &url)
                .redirect(Policy::none())
                .connect_timeout(options.connect_timeout)
                .http1_max_headers(MAX_HEADERS)
                .build()
                .map_err(no_client)?,
        };
        let in_flight = InFlight::new(options.sender.in_flight.unwrap_or(IN_FLIGHT));
        let format = cloudevents_json::for_peer(options.sender.format.clone(), options.sender.peer);
        let writing = Writing::given(format, options.sender.losses);
        let message_headers = match options.client {
            Some(_) => MessageHeaders::beside_client(options.client_headers.clone()),
            None => MessageHeaders::default(),
        };
        let closed = AtomicBool::new(false);
        Ok(Self { client, url, writing, options, message_headers, in_flight, closed })
    }

    fn request(&self, outgoing: &Outgoing) -> Result<(Request, usize), Error> {
        let mut headers = self.options.headers.clone();
        self.message_headers.add(&mut headers, outgoing)?;
        let body = match outgoing.content() {
            Content::Message(message) => {
                let raw = self.options.raw;
                let message = match self.writing.format() {
                    None if needs_document(message, raw) => Cow::Borrowed(message),
                    _ => self.writing.message(message)?,
                };
                let (body, losses) = write_message(&message, raw, &mut headers)?;
                if let Message::Binary(event) = &*message {
                    let _ = self.options.sender.losses.check(losses, std::slice::from_ref(event))?;
                }
                body
            }
            _ => return Err(Error::new(ErrorKind::Unsupported)),
        };
        let length = body.len();
        let url = match outgoing.destination() {
            None => self.url.clone(),
            Some(destination) => self.at(destination)?,
        };
        // The builder turns user info of the URL into an Authorization header. A header in the options takes precedence.
        let built = self.client.request(Method::POST, url).build();
        let mut request = built.map_err(|error| failed(ErrorKind::InvalidUrl, error))?;
        request.headers_mut().extend(headers);
        add_length(&body, request.headers_mut());
        if let Some(sign) = &self.options.sign {
            signed(&mut request, &body, sign)?;
        }
        *request.body_mut() = Some(body.into());
        *request.timeout_mut() = Some(self.options.sender.timeout.unwrap_or(TIMEOUT));
        Ok((request, length))
    }

    /// Another path of the same server.
    fn at(&self, destination: &str) -> Result<Url, Error> {
        let mut url = self.url.join(destination).map_err(|error| {
            Error::new(ErrorKind::InvalidUrl).with_detail(format!("the destination: {error}"))
        })?;
        if url.origin() != self.url.origin() {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_detail("the destination is on another server")
                .with_help("open another sender for it"));
        }
        let _ = url.set_username(self.url.username());
        let _ = url.set_password(self.url.password());
        Ok(url)
    }

    /// Waits for a permit.
    async fn room(&self, length: usize) -> Result<Permit, Error> {
        let mut permit = self.in_flight.room().await;
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed));
        }
        permit.charge(length);
        Ok(permit)
    }
}

impl Transmit for HttpSender {
    fn capabilities(&self) -> SenderCapabilities {
        let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted)
            .carrying(Carries::DESTINATION.and(Carries::HEADERS));
        (capabilities.requests, capabilities.batches) = (true, true);
        if self.in_flight.bounds().messages > 1 {
            capabilities.orders = Orders::Nothing;
        }
        capabilities
    }

    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        MessageHeaders::lost(outgoing)
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        let (request, length) = self.request(&outgoing)?;
        drop(outgoing);
        let permit = self.room(length).await?;
        let Ok(runtime) = Handle::try_current() else {
            return Err(Error::new(ErrorKind::Transport).with_detail("there is no tokio runtime to send on"));
        };
        let (resolver, outcome) = Outcome::channel();
        runtime.spawn(exchange(self.client.clone(), request, resolver, permit, self.options.trace.clone()));
        Ok(outcome)
    }

    async fn request(&self, outgoing: Outgoing, limit: Duration) -> Result<Message, Error> {
        let (mut request, length) = self.request(&outgoing)?;
        *request.timeout_mut() = Some(limit);
        let asking = async {
            let _permit = self.room(length).await?;
            let secrets = secrets(&request);
            let response = match self.client.execute(request).await {
                Ok(response) if response.status().is_success() => response,
                Ok(response) => return Err(refused(response, &secrets).await),
                Err(error) => return Err(failed(ErrorKind::Disconnected, error)),
            };
            response.message(BodyOptions::from(&self.options.sender.decoding).with_deadline(limit)).await
        };
        timeout(limit, asking).await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Timeout).with_detail(format!("no reply within {limit:?}")))
        })
    }

    fn refuses_message(&self, error: &Error) -> Option<bool> {
        super::refusal::refuses_message(error)
    }

    async fn close(&self) -> Result<(), Error> {
        self.closed.store(true, Ordering::Release);
        self.in_flight.idle().await;
        Ok(())
    }
}

/// Adds the headers of a signature. The URL of a request that was built has no user info.
fn signed(request: &mut Request, body: &[u8], sign: &SignRequest) -> Result<(), Error> {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = request.method().clone();
    parts.uri = request.url().as_str().parse().map_err(|error: http::uri::InvalidUri| {
        Error::new(ErrorKind::InvalidUrl).with_detail(format!("for a signature: {error}"))
    })?;
    parts.headers = std::mem::take(request.headers_mut());
    let signed = sign(&mut parts, body);
    *request.headers_mut() = parts.headers;
    signed
}

/// Holds the permit until the peer has responded.
async fn exchange(
    client: Client,
    request: Request,
    resolver: Resolver<Receipt>,
    permit: Permit,
    trace: Option<Trace>,
) {
    if let Some(trace) = &trace {
        trace(Traced::Request(TracedMessage::of_request(&request)));
    }
    let secrets = secrets(&request);
    match client.execute(request).await {
        Ok(response) => match (trace, response.status().is_success()) {
            (None, true) => {
                resolver.resolve(Ok(Receipt::new()));
                let _ = beginning(response, DRAINED, PATIENCE).await;
            }
            (None, false) => resolver.resolve(Err(refused(response, &secrets).await)),
            (Some(trace), accepted) => {
                let (status, version) = (response.status(), response.version());
                let headers = response.headers().clone();
                let body = beginning(response, DRAINED, PATIENCE).await;
                trace(Traced::Response(status, version, TracedMessage::new(&headers, &body)));
                resolver.resolve(if accepted {
                    Ok(Receipt::new())
                } else {
                    Err(refusal(status, &headers, &body, &secrets))
                });
            }
        },
        Err(error) => resolver.resolve(Err(failed(ErrorKind::Disconnected, error))),
    }
    drop(permit);
}

/// The builder without the proxies of the environment, if the URL is of this machine.
fn without_proxy(builder: ClientBuilder, url: &Url) -> ClientBuilder {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match address
        .map_or_else(|_| host == "localhost" || host.ends_with(".localhost"), |address| address.is_loopback())
    {
        true => builder.no_proxy(),
        false => builder,
    }
}

/// Converts an error of reqwest that makes a client. It is no mistake of the URL, whether its scheme is `http` or `https`.
#[cold]
fn no_client(error: reqwest::Error) -> Error {
    let cause = failed(ErrorKind::Transport, error);
    let (kind, help) = match std::env::var_os("SSL_CERT_FILE") {
        None => (
            ErrorKind::Transport,
            "TLS needs authorities: install ca-certificates, or name a file that has some in SSL_CERT_FILE"
                .into(),
        ),
        // As `check_authorities` says it of `https`.
        Some(file) => (
            ErrorKind::Unsupported,
            format!(
                "TLS needs authorities: the variable SSL_CERT_FILE names `{}`, which has to be a file with certificates in PEM",
                std::path::Path::new(&file).display()
            ),
        ),
    };
    Error::new(kind)
        .with_detail(format!("no HTTP client can be made: {}", cause.detail()))
        .with_help(help)
        .with_source(cause)
}

/// An error of reqwest, without the URL, in which there may be secrets.
#[cold]
fn failed(otherwise: ErrorKind, error: reqwest::Error) -> Error {
    let host = error.url().and_then(|url| Some((url.host_str()?.to_owned(), url.port_or_known_default()?)));
    let error = error.without_url();
    let kind = match () {
        () if error.is_timeout() => ErrorKind::Timeout,
        () if error.is_builder() => ErrorKind::InvalidUrl,
        () if error.is_connect() => ErrorKind::Unreachable,
        () => otherwise,
    };
    let mut detail = match host.filter(|_| error.is_connect()) {
        Some((host, port)) => format!("connecting to {host}:{port}"),
        None => error.to_string(),
    };
    let causes = || {
        std::iter::successors(std::error::Error::source(&error), |cause| std::error::Error::source(*cause))
    };
    let refused = |cause: &(dyn std::error::Error + 'static)| {
        let error = cause.downcast_ref::<std::io::Error>();
        error.is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
    };
    match causes().any(refused) {
        true => detail.push_str(": connection refused"),
        false => detail = causes().fold(detail, |detail, cause| format!("{detail}: {cause}")),
    }
    Error::new(kind).with_detail(detail).with_source(error)
}
