//! Collecting the frames of a body, within a limit and a deadline.

use crate::BodyOptions;
#[cfg(any(feature = "gzip", feature = "zstd"))]
use crate::compression::Inflater;
use bytes::{Buf, Bytes, BytesMut};
use cloudevents_core::{Error, ErrorKind};
#[cfg(any(feature = "gzip", feature = "zstd"))]
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, header::CONTENT_LENGTH};
use http_body::Body;
use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::time::{Instant, Sleep, sleep};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Frames that are read without checking the deadline, when all of them are ready.
const FRAMES_UNTIMED: usize = 16;

/// The first allocation for a body of several frames. From there on it doubles.
const FIRST_RESERVE: usize = 64 << 10;

/// Collects a body without moving it.
pub(crate) async fn collect<B>(
    headers: &mut HeaderMap,
    mut body: Pin<&mut B>,
    with: BodyOptions<'_>,
) -> Result<Bytes, Error>
where
    B: Body<Error: Into<BoxError>>,
{
    let mut collecting = Collecting::new(headers, &*body, with)?;
    poll_fn(|context| collecting.poll(body.as_mut(), context, |_| Ok(()))).await
}

/// A body that is being collected.
///
/// Polled by hand, because futures of requests hold it: the future of an `async fn` would hold everything twice.
pub(crate) struct Collecting<'a> {
    with: BodyOptions<'a>,
    /// The length that the message declares, or 0 if it declares none.
    declared: usize,
    #[cfg(any(feature = "gzip", feature = "zstd"))]
    inflater: Option<Box<Inflater>>,
    /// The timer of a body that was not ready. Most bodies are ready, and need no memory for it.
    timer: Option<Pin<Box<Sleep>>>,
    /// Whether the next frame was not ready once.
    looked: bool,
    /// A body of one frame is not copied.
    first: Bytes,
    /// All frames, when there are several.
    rest: BytesMut,
    received: usize,
    frames: usize,
}

impl<'a> Collecting<'a> {
    /// The error is of kind [`TooLarge`](ErrorKind::TooLarge): the body declares a length beyond the limit. The headers of a body that
    /// will be decompressed lose its coding and length.
    pub(crate) fn new(
        headers: &mut HeaderMap,
        body: &impl Body,
        with: BodyOptions<'a>,
    ) -> Result<Self, Error> {
        let limits = &with.decoding.limits;
        let declared = declared(headers, body);
        limits.check_bytes(declared)?;
        Ok(Self {
            with,
            declared,
            #[cfg(any(feature = "gzip", feature = "zstd"))]
            inflater: with.decompression.coding(headers).map(|coding| {
                headers.remove(CONTENT_ENCODING);
                headers.remove(CONTENT_LENGTH);
                Box::new(Inflater::new(coding, with.decompression, limits))
            }),
            timer: None,
            looked: false,
            first: Bytes::new(),
            rest: BytesMut::new(),
            received: 0,
            frames: 0,
        })
    }

    /// Reads the bytes that have arrived. `admit` receives the size of every frame, decompressed, and may refuse. Do not poll it again
    /// after its end.
    pub(crate) fn poll<B>(
        &mut self,
        mut body: Pin<&mut B>,
        context: &mut Context<'_>,
        mut admit: impl FnMut(usize) -> Result<(), Error>,
    ) -> Poll<Result<Bytes, Error>>
    where
        B: Body<Error: Into<BoxError>>,
    {
        while !body.is_end_stream() {
            let frame = match body.as_mut().poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Err(broken(error.into(), self.received)));
                }
                Poll::Ready(None) => break,
                Poll::Pending => return self.wait(context),
            };
            self.looked = false;
            self.frames = self.frames.saturating_add(1);
            if self.frames > FRAMES_UNTIMED && self.timer().deadline() <= Instant::now() {
                return Poll::Ready(Err(self.late()));
            }
            // Others are trailers.
            if let Ok(data) = frame.into_data() {
                self.add(data, &mut admit)?;
            }
        }
        Poll::Ready(self.finish(&mut admit))
    }

    /// The timer starts only when a frame is not ready at the second poll, because most bodies follow right behind their headers.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes, Error>> {
        if self.timer.is_none() && !self.looked {
            self.looked = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.timer().poll(context).map(|()| Err(self.late()))
    }

    fn timer(&mut self) -> Pin<&mut Sleep> {
        let deadline = self.with.deadline;
        self.timer.get_or_insert_with(|| Box::pin(sleep(deadline))).as_mut()
    }

    fn add(
        &mut self,
        mut data: impl Buf,
        admit: &mut impl FnMut(usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let length = data.remaining();
        self.received = self.received.saturating_add(length);
        self.with.decoding.limits.check_bytes(self.received)?;
        #[cfg(any(feature = "gzip", feature = "zstd"))]
        if let Some(inflater) = &mut self.inflater {
            return inflater.push(&data.copy_to_bytes(length), admit);
        }
        admit(length)?;
        if self.first.is_empty() {
            self.first = data.copy_to_bytes(length);
            return Ok(());
        }
        let Self { first, rest, declared, received, .. } = self;
        if rest.is_empty() {
            rest.reserve((*received).max((*declared).min(FIRST_RESERVE)));
            rest.extend_from_slice(first);
        }
        if rest.capacity().saturating_sub(rest.len()) < length {
            // Doubles, but not beyond the declared length.
            let missing = declared.saturating_sub(rest.len());
            rest.reserve(length.max(missing.min(rest.len())));
        }
        rest.extend_from_slice(&data.copy_to_bytes(length));
        Ok(())
    }

    #[cfg_attr(not(any(feature = "gzip", feature = "zstd")), allow(unused_variables))]
    fn finish(&mut self, admit: &mut impl FnMut(usize) -> Result<(), Error>) -> Result<Bytes, Error> {
        #[cfg(any(feature = "gzip", feature = "zstd"))]
        if let Some(inflater) = self.inflater.take() {
            return inflater.finish(admit);
        }
        if self.rest.is_empty() {
            return Ok(std::mem::take(&mut self.first));
        }
        Ok(std::mem::take(&mut self.rest).freeze())
    }

    #[cold]
    fn late(&self) -> Error {
        let (deadline, received) = (self.with.deadline, self.received);
        Error::new(ErrorKind::Timeout)
            .with_detail(format!("the body did not end within {deadline:?}; {received} bytes had arrived"))
    }
}

/// The length that the message declares, or 0 if it declares none.
fn declared(headers: &HeaderMap, body: &impl Body) -> usize {
    let hint = body.size_hint();
    let length = hint.exact().unwrap_or_else(|| {
        let header = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        hint.lower().max(header.unwrap_or_default())
    });
    usize::try_from(length).unwrap_or(usize::MAX)
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
