//! Bodies as they arrive: collected within a limit and a deadline.

use crate::{decode, decode_events, decode_message};
use bytes::{Buf, Bytes, BytesMut};
use cloudevents_core::{Decoded, Decoding, Error, ErrorKind, Event, Message};
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

/// The longest that a body may take to arrive, unless [`Reading`] or a layer says otherwise: 30 seconds.
pub const BODY_DEADLINE: Duration = Duration::from_secs(30);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How a message is read off the wire: how it is decoded, and how long its body may take to arrive.
///
/// A reference to a [`Decoding`] is one, with the deadline of [`BODY_DEADLINE`].
///
/// ```
/// use cloudevents_core::Decoding;
/// use cloudevents_http::Reading;
/// use std::time::Duration;
///
/// let decoding = Decoding::strict();
/// let reading = Reading::from(&decoding).within(Duration::from_secs(5));
/// assert_eq!(reading.deadline, Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Reading<'a> {
    /// How it is decoded. Of its limits, that of bytes bounds the body.
    pub decoding: &'a Decoding,
    /// How long the whole body may take, from the first look at it.
    pub deadline: Duration,
}

impl Reading<'_> {
    /// The same with this deadline.
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

impl<'a> From<&'a Decoding> for Reading<'a> {
    fn from(decoding: &'a Decoding) -> Self {
        Self { decoding, deadline: BODY_DEADLINE }
    }
}

/// Collects a body within the limit of bytes and the deadline.
///
/// A declared length beyond the limit is refused without reading anything. What was read never exceeds the limit by more than one
/// frame; a body that arrives in one frame is not copied.
///
/// Errors are of kind [`TooLarge`](ErrorKind::TooLarge), [`Timeout`](ErrorKind::Timeout) when the body has not ended at the
/// deadline, or [`Disconnected`](ErrorKind::Disconnected) when it breaks off.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use cloudevents_core::{Decoding, ErrorKind};
/// use http::HeaderMap;
///
/// let mut decoding = Decoding::strict();
/// decoding.limits.bytes = 4;
/// let error = cloudevents_http::read_body(&HeaderMap::new(), "hello".to_owned(), &decoding).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::TooLarge);
/// # });
/// ```
pub async fn read_body<B>(headers: &HeaderMap, body: B, with: impl Into<Reading<'_>>) -> Result<Bytes, Error>
where
    B: Body<Error: Into<BoxError>>,
{
    collect(headers, pin!(body), with.into(), |_| Ok(())).await
}

/// Reads a request as a message, without looking into its document or its payload: see [`decode_message`].
///
/// Repairs of lenient decoding are not told; [`read_body`] and [`decode_message`] do. Errors are those of both.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use cloudevents_core::{Decoding, Event};
/// use cloudevents_http::BuilderExt;
/// use http_body_util::Full;
///
/// # let event = Event::builder().id("1").source("/s").ty("com.example.order.placed").build()?;
/// # let request = http::Request::post("/").event(&event)?.map(Full::new);
/// let decoding = Decoding::strict();
/// let message = cloudevents_http::message_from_request(request, &decoding).await?;
/// if message.attribute("type", &decoding)?.as_deref() == Some("com.example.order.placed") {
///     // Move it on, untouched.
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub async fn message_from_request<B>(
    request: Request<B>,
    with: impl Into<Reading<'_>>,
) -> Result<Message, Error>
where
    B: Body<Error: Into<BoxError>>,
{
    let (parts, body) = request.into_parts();
    read(&parts.headers, body, with.into(), decode_message).await.map(|decoded| decoded.value)
}

/// Reads a request as one event: see [`decode`] and [`read_body`].
pub async fn event_from_request<B>(
    request: Request<B>,
    with: impl Into<Reading<'_>>,
) -> Result<Decoded<Event>, Error>
where
    B: Body<Error: Into<BoxError>>,
{
    let (parts, body) = request.into_parts();
    read(&parts.headers, body, with.into(), decode).await
}

/// Reads a request as events, one or a batch: see [`decode_events`] and [`read_body`].
pub async fn events_from_request<B>(
    request: Request<B>,
    with: impl Into<Reading<'_>>,
) -> Result<Decoded<Vec<Event>>, Error>
where
    B: Body<Error: Into<BoxError>>,
{
    let (parts, body) = request.into_parts();
    read(&parts.headers, body, with.into(), decode_events).await
}

/// Reads a response as a message; otherwise as [`message_from_request`]. The status is not looked at.
pub async fn message_from_response<B>(
    response: Response<B>,
    with: impl Into<Reading<'_>>,
) -> Result<Message, Error>
where
    B: Body<Error: Into<BoxError>>,
{
    let (parts, body) = response.into_parts();
    read(&parts.headers, body, with.into(), decode_message).await.map(|decoded| decoded.value)
}

/// Reads a response as one event; otherwise as [`event_from_request`]. The status is not looked at.
pub async fn event_from_response<B>(
    response: Response<B>,
    with: impl Into<Reading<'_>>,
) -> Result<Decoded<Event>, Error>
where
    B: Body<Error: Into<BoxError>>,
{
    let (parts, body) = response.into_parts();
    read(&parts.headers, body, with.into(), decode).await
}

/// Reads a response as events, one or a batch; otherwise as [`events_from_request`]. The status is not looked at.
pub async fn events_from_response<B>(
    response: Response<B>,
    with: impl Into<Reading<'_>>,
) -> Result<Decoded<Vec<Event>>, Error>
where
    B: Body<Error: Into<BoxError>>,
{
    let (parts, body) = response.into_parts();
    read(&parts.headers, body, with.into(), decode_events).await
}

/// One of the functions that decode headers and a body.
pub(crate) type Decode<T> = fn(&HeaderMap, Bytes, &Decoding) -> Result<Decoded<T>, Error>;

async fn read<T, B>(
    headers: &HeaderMap,
    body: B,
    with: Reading<'_>,
    decode: Decode<T>,
) -> Result<Decoded<T>, Error>
where
    B: Body<Error: Into<BoxError>>,
{
    let body = collect(headers, pin!(body), with, |_| Ok(())).await?;
    decode(headers, body, with.decoding)
}

/// Frames that are read before the clock is looked at, when all of them are there already.
const FRAMES_UNTIMED: usize = 16;

/// What is set aside at first for a body of several frames; from there on it doubles.
const FIRST_RESERVE: usize = 64 << 10;

/// Collects a body, which stays where it is, so that futures do not hold it more than once. `admit` is told the size of every frame,
/// and may refuse.
pub(crate) async fn collect<B>(
    headers: &HeaderMap,
    mut body: Pin<&mut B>,
    with: Reading<'_>,
    mut admit: impl FnMut(usize) -> Result<(), Error>,
) -> Result<Bytes, Error>
where
    B: Body<Error: Into<BoxError>>,
{
    let limits = &with.decoding.limits;
    let declared = declared(headers, &*body);
    limits.check_bytes(declared)?;
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
            // Doubling, but not beyond what is said to come.
            let missing = declared.saturating_sub(rest.len());
            rest.reserve(length.max(missing.min(rest.len())));
        }
        rest.extend_from_slice(&data.copy_to_bytes(length));
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

/// The clock of a body that is waited for. Most are not, and need no room for it.
type Timer = Option<Pin<Box<Sleep>>>;

enum Next<D, E> {
    Frame(Option<Result<Frame<D>, E>>),
    Late,
}

/// The next frame, or the deadline. The timer starts only when the body is not there at the second look, for most bodies
/// come right behind their headers.
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

/// Whether the deadline has passed, for a body that never keeps anybody waiting.
fn is_late(timer: &mut Timer, deadline: Duration) -> bool {
    timer.get_or_insert_with(|| Box::pin(sleep(deadline))).deadline() <= Instant::now()
}

#[cold]
fn late(deadline: Duration, received: usize) -> Error {
    Error::new(ErrorKind::Timeout)
        .with_detail(format!("the body did not end within {deadline:?}; {received} bytes had come"))
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
            format!("{received} bytes had come when another limit than Limits::bytes ended the body")
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
