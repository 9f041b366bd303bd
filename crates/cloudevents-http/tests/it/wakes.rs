//! Room that becomes free ends a wait at once: no timer does it later. The clock is a paused one, so that the time says which of them it
//! was.

use bytes::Bytes;
use cloudevents_http::{Exchange, HttpReceiverOptions};
use cloudevents_transport::Bounds;
use http::Request;
use http_body::{Body, Frame};
use http_body_util::Full;
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// A part of a body. The rest never comes.
struct Stalled(Option<Bytes>);

impl Body for Stalled {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0.take() {
            Some(part) => Poll::Ready(Some(Ok(Frame::data(part)))),
            None => Poll::Pending,
        }
    }
}

/// The slow body is cut for the first of the crowd, and its room is enough for all. Each request is a task of its own, and all of them keep
/// their permits: so the end of one request wakes no other.
#[tokio::test(start_paused = true)]
async fn a_crowd_has_the_room_of_a_slow_body_at_once() {
    const CROWD: usize = 10;
    let mut options = HttpReceiverOptions::default();
    options.receiver.in_flight = Bounds { messages: 100, bytes: 1_000 };
    let (exchange, _receiver) = Exchange::new(options);
    let slow = tokio::spawn({
        let exchange = exchange.clone();
        let request = Request::post("/events").body(Stalled(Some(vec![b'x'; 1_000].into()))).unwrap();
        async move { exchange.read(request).await.is_ok() }
    });
    sleep(Duration::from_secs(10)).await; // paused time: a body has a second in any case
    let begun = Instant::now();
    let crowd: Vec<_> = (0..CROWD)
        .map(|_| {
            let exchange = exchange.clone();
            let request = Request::post("/events").body(Full::<Bytes>::from("x")).unwrap();
            tokio::spawn(async move {
                let read = exchange.read(request).await.map_err(|problem| problem.status());
                (read, begun.elapsed())
            })
        })
        .collect();
    let mut kept = Vec::new();
    for one in crowd {
        let (read, after) = one.await.unwrap();
        kept.push(read.unwrap_or_else(|status| panic!("{status} after {after:?}")));
        assert_eq!(after, Duration::ZERO, "request {}", kept.len());
    }
    assert_eq!(kept.len(), CROWD);
    assert!(!slow.await.unwrap(), "the slow body was cut");
}
