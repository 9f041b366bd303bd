//! Bodies as they arrive: read within a limit and a deadline, and decoded.

pub(crate) mod collecting;

use crate::{Decompression, Problem, decode, decode_events, decode_message};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, Event, Message};
use collecting::{BoxError, collect};
use http::{HeaderMap, Request, Response};
use http_body::Body;
use std::{pin::pin, time::Duration};

/// The longest that a body may take to arrive, unless [`BodyOptions`] or a layer say otherwise: 30 seconds.
pub const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// How a body is received and decoded.
///
/// `&DecodeOptions` converts into it, with the deadline of [`BODY_DEADLINE`] and without decompression.
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_http::BodyOptions;
/// use std::time::Duration;
///
/// let decoding = DecodeOptions::strict();
/// let options = BodyOptions::from(&decoding).with_deadline(Duration::from_secs(5));
/// assert_eq!(options.deadline, Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BodyOptions<'a> {
    /// How it is decoded. [`Limits::bytes`](cloudevents_core::Limits::bytes) bounds the body.
    pub decoding: &'a DecodeOptions,
    /// How long the whole body may take, from the first attempt to read it.
    pub deadline: Duration,
    /// Whether compressed bodies are accepted.
    pub decompression: Decompression,
}

impl BodyOptions<'_> {
    /// Returns a copy with this deadline.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Returns a copy with this decompression.
    pub fn with_decompression(mut self, decompression: Decompression) -> Self {
        self.decompression = decompression;
        self
    }
}

impl<'a> From<&'a DecodeOptions> for BodyOptions<'a> {
    fn from(decoding: &'a DecodeOptions) -> Self {
        Self { decoding, deadline: BODY_DEADLINE, decompression: Decompression::off() }
    }
}

/// Collects a body within the limit of bytes and the deadline.
///
/// A declared length beyond the limit is refused without reading anything. The bytes read never exceed the limit by more than one frame. A
/// body that arrives in one frame is not copied. A body that was decompressed loses its `Content-Encoding` and `Content-Length` in
/// `headers`.
///
/// Errors are of kind [`TooLarge`], [`Timeout`] when the body has not ended at the deadline, [`Disconnected`] when it breaks off, or
/// [`InvalidData`] when it cannot be decompressed.
///
/// [`TooLarge`]: cloudevents_core::ErrorKind::TooLarge
/// [`Timeout`]: cloudevents_core::ErrorKind::Timeout
/// [`Disconnected`]: cloudevents_core::ErrorKind::Disconnected
/// [`InvalidData`]: cloudevents_core::ErrorKind::InvalidData
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use cloudevents_core::{DecodeOptions, ErrorKind};
/// use http::HeaderMap;
///
/// let mut decoding = DecodeOptions::strict();
/// decoding.limits.bytes = 4;
/// let error = cloudevents_http::read_body(&mut HeaderMap::new(), "hello".to_owned(), &decoding).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::TooLarge);
/// # });
/// ```
pub async fn read_body<B>(
    headers: &mut HeaderMap,
    body: B,
    with: impl Into<BodyOptions<'_>>,
) -> Result<Bytes, Error>
where
    B: Body<Error: Into<BoxError>>,
{
    collect(headers, pin!(body), with.into()).await
}

/// Reads a request as a message, without looking into its document or its payload: see [`decode_message`].
///
/// Discards repairs of lenient decoding. Use [`read_body`] and [`decode_message`] to get them. Errors are those of both.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use cloudevents_core::{DecodeOptions, Event};
/// use cloudevents_http::BuilderExt;
/// use http_body_util::Full;
///
/// # let event = Event::builder().id("1").source("/s").ty("com.example.order.placed").build()?;
/// # let request = http::Request::post("/").event(&event)?.map(Full::new);
/// let decoding = DecodeOptions::strict();
/// let message = cloudevents_http::message_from_request(request, &decoding).await?;
/// if message.attribute("type", &decoding)?.as_deref() == Some("com.example.order.placed") {
///     // Move it on, untouched.
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub async fn message_from_request<B>(
    request: Request<B>,
    with: impl Into<BodyOptions<'_>>,
) -> Result<Message, Error>
where
    B: Body<Error: Into<BoxError>>,
{
    let (mut parts, body) = request.into_parts();
    read(&mut parts.headers, body, with.into(), |headers, body, with| decode_message(headers, body, with))
        .await
        .map(|decoded| decoded.value)
}

/// Reads a request as one event: see [`decode`] and [`read_body`].
pub async fn event_from_request<B>(
    request: Request<B>,
    with: impl Into<BodyOptions<'_>>,
) -> Result<Decoded<Event>, Error>
where
    B: Body<Error: Into<BoxError>>,
{
    let (mut parts, body) = request.into_parts();
    read(&mut parts.headers, body, with.into(), |headers, body, with| decode(headers, body, with)).await
}

/// Reads a request as events, one or a batch: see [`decode_events`] and [`read_body`].
pub async fn events_from_request<B>(
    request: Request<B>,
    with: impl Into<BodyOptions<'_>>,
) -> Result<Decoded<Vec<Event>>, Error>
where
    B: Body<Error: Into<BoxError>>,
{
    let (mut parts, body) = request.into_parts();
    read(&mut parts.headers, body, with.into(), |headers, body, with| decode_events(headers, body, with))
        .await
}

/// Reads a response as a message, without regard to its status. Otherwise as [`message_from_request`].
pub async fn message_from_response<B>(
    response: Response<B>,
    with: impl Into<BodyOptions<'_>>,
) -> Result<Message, Error>
where
    B: Body<Error: Into<BoxError>>,
{
    let (mut parts, body) = response.into_parts();
    read(&mut parts.headers, body, with.into(), |headers, body, with| decode_message(headers, body, with))
        .await
        .map(|decoded| decoded.value)
}

/// Reads a response as one event, without regard to its status. Otherwise as [`event_from_request`].
pub async fn event_from_response<B>(
    response: Response<B>,
    with: impl Into<BodyOptions<'_>>,
) -> Result<Decoded<Event>, Error>
where
    B: Body<Error: Into<BoxError>>,
{
    let (mut parts, body) = response.into_parts();
    read(&mut parts.headers, body, with.into(), |headers, body, with| decode(headers, body, with)).await
}

/// Reads a response as events, one or a batch, without regard to its status. Otherwise as [`events_from_request`].
pub async fn events_from_response<B>(
    response: Response<B>,
    with: impl Into<BodyOptions<'_>>,
) -> Result<Decoded<Vec<Event>>, Error>
where
    B: Body<Error: Into<BoxError>>,
{
    let (mut parts, body) = response.into_parts();
    read(&mut parts.headers, body, with.into(), |headers, body, with| decode_events(headers, body, with))
        .await
}

/// Reads the problem that a peer answered with: see [`Problem::from_http`].
///
/// The body may have 64 KiB and take 30 seconds. Errors are those of [`read_body`] and of [`Problem::from_http`].
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// # use http_body_util::Full;
/// use cloudevents_http::{Problem, problem_from_response};
///
/// # let refusal = Problem::new(http::StatusCode::CONFLICT, "order 42 is closed").with_code("closed");
/// # let response = refusal.into_http().map(Full::new);
/// let problem = problem_from_response(response).await?;
/// assert_eq!((problem.status().as_u16(), problem.code()), (409, Some("closed")));
/// assert_eq!(problem.detail(), Some("order 42 is closed"));
/// # Ok::<(), cloudevents_core::Error>(())
/// # }).unwrap();
/// ```
pub async fn problem_from_response<B>(response: Response<B>) -> Result<Problem, Error>
where
    B: Body<Error: Into<BoxError>>,
{
    let (mut parts, body) = response.into_parts();
    let mut decoding = DecodeOptions::strict();
    decoding.limits.bytes = PROBLEM_BYTES;
    let body = collect(&mut parts.headers, pin!(body), (&decoding).into()).await?;
    Problem::read(parts.status, &parts.headers, &body)
}

/// The most that is read of a problem document.
const PROBLEM_BYTES: usize = 64 << 10;

/// One of the functions that decode headers and a body.
pub(crate) type Decode<T> = fn(&HeaderMap, Bytes, &DecodeOptions) -> Result<Decoded<T>, Error>;

async fn read<T, B>(
    headers: &mut HeaderMap,
    body: B,
    with: BodyOptions<'_>,
    decode: Decode<T>,
) -> Result<Decoded<T>, Error>
where
    B: Body<Error: Into<BoxError>>,
{
    let body = collect(headers, pin!(body), with).await?;
    decode(headers, body, with.decoding)
}
