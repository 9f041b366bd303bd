//! The bodies of requests.

use super::line::Line;
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

/// The rest of a body that hyper may discard, so that the connection can be used again.
const SMALL: u64 = 64 << 10;

/// The body of a request of [`serve`](crate::serve).
pub struct RequestBody {
    body: Incoming,
    line: Arc<Line>,
    ended: bool,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, line: Arc<Line>) -> Self {
        Self { ended: body.is_end_stream(), body, line }
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
        let frame = match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Pending if this.line.is_cut(context) => {
                return Poll::Ready(Some(Err(Error::new(ErrorKind::Disconnected)
                    .with_detail("the server stopped before the body was complete"))));
            }
            Poll::Pending => return Poll::Pending,
            Poll::Ready(frame) => frame,
        };
        this.ended = frame.as_ref().is_none_or(Result::is_err) || this.body.is_end_stream();
        Poll::Ready(frame.map(|frame| {
            frame.map_err(|error| {
                let kind = if error.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Disconnected };
                Error::new(kind).with_detail("the body broke off").with_source(error)
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if !self.ended && self.body.size_hint().exact().is_none_or(|rest| rest > SMALL) {
            self.line.leave_unread();
        }
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestBody").field(&self.body).finish()
    }
}
