//! The bodies of requests.

use super::connection_state::Line;
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// The body of a request of [`serve`](crate::serve).
pub struct RequestBody {
    /// Until it is dropped.
    body: Option<Incoming>,
    line: Arc<Line>,
    ended: bool,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, line: Arc<Line>) -> Self {
        Self { ended: body.is_end_stream(), body: Some(body), line }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        // However much of it has come.
        if this.line.has_cut() {
            return Poll::Ready(Some(Err(cut())));
        }
        let frame = match Pin::new(&mut *body).poll_frame(context) {
            Poll::Pending if this.line.is_cut(context) => {
                return Poll::Ready(Some(Err(cut())));
            }
            Poll::Pending => return Poll::Pending,
            Poll::Ready(frame) => frame,
        };
        this.ended = frame.as_ref().is_none_or(Result::is_err) || body.is_end_stream();
        this.line.came();
        Poll::Ready(frame.map(|frame| {
            frame.map_err(|error| {
                let kind = if error.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Disconnected };
                Error::new(kind).with_detail("the body broke off").with_source(error)
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.line.came();
        if let Some(body) = self.body.take().filter(|_| !self.ended) {
            self.line.leave(body);
        }
    }
}

#[cold]
fn cut() -> Error {
    Error::new(ErrorKind::Disconnected).with_detail("the server stopped before the body was complete")
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestBody").field(&self.body).finish()
    }
}
