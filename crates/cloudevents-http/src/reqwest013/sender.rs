//! A sender that posts messages to a URL.

use crate::encode_message;
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind, Format, Message};
use cloudevents_transport::{Bounds, InFlight, Outcome, Permit, Resolver, Sender, Transmit};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header::RETRY_AFTER};
use reqwest::{Client, Request, Response, Url, redirect::Policy};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};
use tokio::runtime::Handle;

/// What of the body of a refusal is kept, in bytes.
const EXCERPT: usize = 1024;

/// What of the body of an acceptance is read, so that the connection can be used again.
const DRAINED: usize = 64 << 10;

/// How an [`HttpSender`] sends.
///
/// ```
/// use cloudevents_http::HttpSenderOptions;
/// use cloudevents_json::Json;
/// use std::{sync::Arc, time::Duration};
///
/// let mut options = HttpSenderOptions::default();
/// options.format = Some(Arc::new(Json::new()));
/// options.timeout = Duration::from_secs(5);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpSenderOptions {
    /// The format that events are written in, as documents. Default: none, so that they go in binary mode. Messages that are documents
    /// already go as they are.
    pub format: Option<Arc<dyn Format>>,
    /// How long one exchange may take, connecting included. Default: 30 seconds.
    pub timeout: Duration,
    /// How long connecting may take. Default: 10 seconds. Not for a client of one's own.
    pub connect_timeout: Duration,
    /// What may be under way at once. Default: 64 messages, 64 MiB. With one message, messages arrive in their order; with more,
    /// they may not.
    pub in_flight: Bounds,
    /// Headers of every request, for authorization, for example. Those of the event come on top.
    pub headers: HeaderMap,
    /// A client of one's own, with its proxies and certificates. It should follow no redirects, since what follows a redirect may have
    /// lost its body.
    pub client: Option<Client>,
}

impl Default for HttpSenderOptions {
    fn default() -> Self {
        Self {
            format: None,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            in_flight: Bounds { messages: 64, ..Bounds::default() },
            headers: HeaderMap::new(),
            client: None,
        }
    }
}

/// Shows the names of the headers, not their values.
impl fmt::Debug for HttpSenderOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSenderOptions")
            .field("format", &self.format)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("in_flight", &self.in_flight)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// A sender that posts to this URL: see [`HttpSender`].
///
/// ```no_run
/// use cloudevents_core::Event;
///
/// # async fn send() -> Result<(), Box<dyn std::error::Error>> {
/// let sender = cloudevents_http::sender("http://localhost:8080/events", Default::default())?;
/// sender.send(&Event::builder().id("1").source("/s").ty("t").build()?).await?;
/// sender.close().await?;
/// # Ok(()) }
/// ```
pub fn sender(url: &str, options: HttpSenderOptions) -> Result<Sender, Error> {
    HttpSender::new(url, options).map(Sender::new)
}

/// Posts one message per request.
///
/// A response of 2xx is acceptance. Any other is an error of kind [`Refused`](ErrorKind::Refused), whose source is a [`Refusal`];
/// redirects are not followed. [`Timeout`](ErrorKind::Timeout) and [`Disconnected`](ErrorKind::Disconnected) leave open whether the
/// peer has the message. Nothing is sent again by itself.
///
/// Messages are sent by tasks of the tokio runtime that [`enqueue`](Transmit::enqueue) is called on. `https` needs one of the TLS
/// features of reqwest, which the program turns on.
pub struct HttpSender {
    client: Client,
    url: Url,
    options: HttpSenderOptions,
    in_flight: InFlight,
    closed: AtomicBool,
}

impl HttpSender {
    /// For this URL, `http` or `https`. Errors are of kind [`InvalidUrl`](ErrorKind::InvalidUrl), or
    /// [`Transport`](ErrorKind::Transport) when there can be no client.
    pub fn new(url: &str, options: HttpSenderOptions) -> Result<Self, Error> {
        let url = Url::parse(url)
            .map_err(|error| Error::new(ErrorKind::InvalidUrl).with_detail(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(
                Error::new(ErrorKind::InvalidUrl).with_detail("events are posted to `http` and `https` URLs")
            );
        }
        let client = match options.client.clone() {
            Some(client) => client,
            None => Client::builder()
                .redirect(Policy::none())
                .connect_timeout(options.connect_timeout)
                .build()
                .map_err(|error| failed(ErrorKind::Transport, error))?,
        };
        let in_flight = InFlight::new(options.in_flight);
        Ok(Self { client, url, options, in_flight, closed: AtomicBool::new(false) })
    }

    fn request(&self, message: &Message) -> Result<(Request, usize), Error> {
        let mut headers = self.options.headers.clone();
        let body = match (message, &self.options.format) {
            (Message::Binary(event), Some(format)) => {
                encode_message(&Message::structured(event, &**format)?.0, &mut headers)
            }
            _ => encode_message(message, &mut headers),
        }?;
        let length = body.len();
        // The builder turns user info of the URL into an Authorization header; one in the options goes before it.
        let built = self.client.request(Method::POST, self.url.clone()).build();
        let mut request = built.map_err(|error| failed(ErrorKind::InvalidUrl, error))?;
        request.headers_mut().extend(headers);
        *request.body_mut() = Some(body.into());
        *request.timeout_mut() = Some(self.options.timeout);
        Ok((request, length))
    }
}

impl Transmit for HttpSender {
    async fn enqueue(&self, message: Message) -> Result<Outcome, Error> {
        let (request, length) = self.request(&message)?;
        drop(message);
        let mut permit = self.in_flight.room().await;
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed));
        }
        let Ok(runtime) = Handle::try_current() else {
            return Err(Error::new(ErrorKind::Transport).with_detail("there is no tokio runtime to send on"));
        };
        permit.charge(length);
        let (resolver, outcome) = Outcome::channel();
        runtime.spawn(exchange(self.client.clone(), request, resolver, permit));
        Ok(outcome)
    }

    async fn close(&self) -> Result<(), Error> {
        self.closed.store(true, Ordering::Release);
        self.in_flight.idle().await;
        Ok(())
    }
}

impl fmt::Debug for HttpSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A URL may have a password in it.
        f.debug_struct("HttpSender").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Holds the permit until the peer has answered.
async fn exchange(client: Client, request: Request, resolver: Resolver, permit: Permit) {
    match client.execute(request).await {
        Ok(response) if response.status().is_success() => {
            resolver.resolve(Ok(()));
            let _ = excerpt(response, DRAINED).await;
        }
        Ok(response) => resolver.resolve(Err(refused(response).await)),
        Err(error) => resolver.resolve(Err(failed(ErrorKind::Disconnected, error))),
    }
    drop(permit);
}

/// The peer's answer to a message that it did not accept: the source of an error of kind [`Refused`](ErrorKind::Refused).
///
/// ```
/// use cloudevents_core::Error;
/// use cloudevents_http::Refusal;
/// use std::{error::Error as _, time::Duration};
///
/// fn wait(error: &Error) -> Option<Duration> {
///     error.source()?.downcast_ref::<Refusal>()?.retry_after()
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    retry_after: Option<Duration>,
    excerpt: Box<str>,
}

impl Refusal {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// How long to wait before the next attempt, if the peer said so (`Retry-After`).
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The beginning of the body, at most 1 KiB, as text.
    pub fn excerpt(&self) -> &str {
        &self.excerpt
    }

    /// Whether another attempt may go better: after 408, 425, 429, and 5xx but for 501 and 505.
    pub fn is_temporary(&self) -> bool {
        match self.status.as_u16() {
            408 | 425 | 429 => true,
            501 | 505 => false,
            _ => self.status.is_server_error(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if !self.excerpt.is_empty() {
            write!(f, ": {}", self.excerpt)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

async fn refused(response: Response) -> Error {
    let status = response.status();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(wait);
    let body = excerpt(response, EXCERPT).await;
    let excerpt = String::from_utf8_lossy(&body).trim_ascii().into();
    let refusal = Refusal { status, retry_after, excerpt };
    let error = Error::new(ErrorKind::Refused).with_detail(refusal.to_string());
    let error = match retry_after {
        Some(after) => error.with_help(format!("try again after {after:?}")),
        None if status.is_redirection() => {
            error.with_help("send to where it redirects: redirects are not followed")
        }
        None => error,
    };
    error.with_source(refusal)
}

/// Seconds, or a date.
fn wait(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?.trim_ascii();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let date = httpdate::parse_http_date(text).ok()?;
            Some(date.duration_since(SystemTime::now()).unwrap_or_default())
        }
    }
}

/// The beginning of a body. What goes wrong with the body ends it.
async fn excerpt(mut response: Response, limit: usize) -> Vec<u8> {
    let mut read = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let chunk: Bytes = chunk;
        let room = limit.saturating_sub(read.len());
        read.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if read.len() >= limit {
            break;
        }
    }
    read
}

/// An error of reqwest, without the URL, in which there may be secrets.
#[cold]
fn failed(otherwise: ErrorKind, error: reqwest::Error) -> Error {
    let error = error.without_url();
    let kind = match () {
        () if error.is_timeout() => ErrorKind::Timeout,
        () if error.is_builder() => ErrorKind::InvalidUrl,
        () => otherwise,
    };
    let mut detail = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        detail = format!("{detail}: {cause}");
        source = cause.source();
    }
    Error::new(kind).with_detail(detail).with_source(error)
}
