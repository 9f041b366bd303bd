//! Bodies as they arrive: collected within a limit and a deadline.

#[cfg(any(feature = "gzip", feature = "zstd"))]
use crate::compression::Inflater;
use crate::{Decompression, Problem, decode, decode_events, decode_message};
use bytes::{Buf, Bytes, BytesMut};
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Event, Message};
#[cfg(any(feature = "gzip", feature = "zstd"))]
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, Request, Response, header::CONTENT_LENGTH};
use http_body::{Body, Frame};
use std::{
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep};

/// The longest that a body may take to arrive, unless [`BodyOptions`] or a layer say otherwise: 30 seconds.
pub const BODY_DEADLINE: Duration = Duration::from_secs(30);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

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
/// A declared length beyond the limit is refused without reading anything. The bytes read never exceed the limit by more than one
/// frame; a body that arrives in one frame is not copied. A body that was decompressed loses its `Content-Encoding` and
/// `Content-Length` in `headers`.
///
/// Errors are of kind [`TooLarge`](ErrorKind::TooLarge), [`Timeout`](ErrorKind::Timeout) when the body has not ended at the
/// deadline, [`Disconnected`](ErrorKind::Disconnected) when it breaks off, or [`InvalidData`](ErrorKind::InvalidData) when it cannot
/// be decompressed.
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
    collect(headers, pin!(body), with.into(), |_| Ok(())).await
}

/// Reads a request as a message, without looking into its document or its payload: see [`decode_message`].
///
/// Discards repairs of lenient decoding; use [`read_body`] and [`decode_message`] to get them. Errors are those of both.
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

/// Reads a response as a message, whatever its status; otherwise as [`message_from_request`].
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

/// Reads a response as one event, whatever its status; otherwise as [`event_from_request`].
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

/// Reads a response as events, one or a batch, whatever its status; otherwise as [`events_from_request`].
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
    let body = collect(&mut parts.headers, pin!(body), (&decoding).into(), |_| Ok(())).await?;
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
    let body = collect(headers, pin!(body), with, |_| Ok(())).await?;
    decode(headers, body, with.decoding)
}

/// Frames that are read without checking the deadline, when all of them are ready.
const FRAMES_UNTIMED: usize = 16;

/// The first allocation for a body of several frames; from there on it doubles.
const FIRST_RESERVE: usize = 64 << 10;

/// Collects a body, which stays where it is, so that futures do not hold it more than once. `admit` receives the size of every frame,
/// decompressed, and may refuse.
pub(crate) async fn collect<B>(
    headers: &mut HeaderMap,
    mut body: Pin<&mut B>,
    with: BodyOptions<'_>,
    mut admit: impl FnMut(usize) -> Result<(), Error>,
) -> Result<Bytes, Error>
where
    B: Body<Error: Into<BoxError>>,
{
    let limits = &with.decoding.limits;
    let declared = declared(headers, &*body);
    limits.check_bytes(declared)?;
    #[cfg(any(feature = "gzip", feature = "zstd"))]
    let mut inflater = with.decompression.coding(headers).map(|coding| {
        headers.remove(CONTENT_ENCODING);
        headers.remove(CONTENT_LENGTH);
        Box::new(Inflater::new(coding, with.decompression, limits))
    });
    let mut timer = None;
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut received = 0_usize;
    let mut frames = 0_usize;
    while !body.is_end_stream() {
        let frame = match next(body.as_mut(), &mut timer, with.deadline).await {
            Next::Frame(Some(Ok(frame))) => frame,
            Next::Frame(None) => break,
            Next::Frame(Some(Err(error))) => return Err(broken(error.into(), received)),
            Next::Late => return Err(late(with.deadline, received)),
        };
        frames = frames.saturating_add(1);
        if frames > FRAMES_UNTIMED && is_late(&mut timer, with.deadline) {
            return Err(late(with.deadline, received));
        }
        let Ok(mut data) = frame.into_data() else { continue }; // trailers
        let length = data.remaining();
        received = received.saturating_add(length);
        limits.check_bytes(received)?;
        #[cfg(any(feature = "gzip", feature = "zstd"))]
        if let Some(inflater) = &mut inflater {
            inflater.push(&data.copy_to_bytes(length), &mut admit)?;
            continue;
        }
        admit(length)?;
        if first.is_empty() {
            first = data.copy_to_bytes(length);
            continue;
        }
        if rest.is_empty() {
            rest.reserve(received.max(declared.min(FIRST_RESERVE)));
            rest.extend_from_slice(&first);
        }
        if rest.capacity().saturating_sub(rest.len()) < length {
            // Doubles, but not beyond the declared length.
            let missing = declared.saturating_sub(rest.len());
            rest.reserve(length.max(missing.min(rest.len())));
        }
        rest.extend_from_slice(&data.copy_to_bytes(length));
    }
    #[cfg(any(feature = "gzip", feature = "zstd"))]
    if let Some(inflater) = inflater {
        return inflater.finish(&mut admit);
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// The length that the message declares; 0 when it declares none.
fn declared(headers: &HeaderMap, body: &impl Body) -> usize {
    let hint = body.size_hint();
    let length = hint.exact().unwrap_or_else(|| {
        let header = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        hint.lower().max(header.unwrap_or_default())
    });
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// The timer of a body that is not ready. Most are, and need no room for it.
type Timer = Option<Pin<Box<Sleep>>>;

enum Next<D, E> {
    Frame(Option<Result<Frame<D>, E>>),
    Late,
}

/// The next frame, or the deadline. The timer starts only when the body is not ready at the second poll, because most bodies
/// follow right behind their headers.
async fn next<B: Body>(
    mut body: Pin<&mut B>,
    timer: &mut Timer,
    deadline: Duration,
) -> Next<B::Data, B::Error> {
    let mut looked = false;
    poll_fn(|context| {
        if let Poll::Ready(frame) = body.as_mut().poll_frame(context) {
            return Poll::Ready(Next::Frame(frame));
        }
        if timer.is_none() && !looked {
            looked = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        timer.get_or_insert_with(|| Box::pin(sleep(deadline))).as_mut().poll(context).map(|()| Next::Late)
    })
    .await
}

/// Whether the deadline has passed, for a body whose frames are always ready.
fn is_late(timer: &mut Timer, deadline: Duration) -> bool {
    timer.get_or_insert_with(|| Box::pin(sleep(deadline))).deadline() <= Instant::now()
}

#[cold]
fn late(deadline: Duration, received: usize) -> Error {
    Error::new(ErrorKind::Timeout)
        .with_detail(format!("the body did not end within {deadline:?}; {received} bytes had arrived"))
}

#[cold]
fn broken(error: BoxError, received: usize) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&*error);
    let mut kind = ErrorKind::Disconnected;
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<Error>() {
            return error.clone();
        }
        if error.is::<http_body_util::LengthLimitError>() {
            kind = ErrorKind::TooLarge;
        } else if is_timeout(error) {
            kind = ErrorKind::Timeout;
        }
        cause = error.source();
    }
    let detail = match kind {
        ErrorKind::TooLarge => {
            format!("{received} bytes had arrived when another limit than Limits::bytes ended the body")
        }
        _ => format!("the body broke off after {received} bytes"),
    };
    Error::new(kind).with_detail(detail).with_source(Broken(error))
}

fn is_timeout(error: &(dyn std::error::Error + 'static)) -> bool {
    #[cfg(feature = "reqwest013")]
    if error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout) {
        return true;
    }
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut)
}

/// The error of a body, which comes boxed.
struct Broken(BoxError);

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for Broken {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}
