//! Bodies that are too large, too slow, or break off.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_http::{BodyOptions, read_body};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Full, Limited};
use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

/// A body by a script.
#[derive(Default)]
struct Script {
    steps: VecDeque<Step>,
    /// What comes over and over when the script is at its end.
    forever: Option<Bytes>,
    declared: Option<u64>,
    given: Arc<AtomicUsize>,
}

enum Step {
    Data(&'static [u8]),
    /// Nothing this time, and more at once.
    Wait,
    /// Nothing any more.
    Stall,
    Break(io::ErrorKind),
    Trailers,
}

impl Script {
    fn of(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), ..Self::default() }
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let data = match self.steps.pop_front() {
            Some(Step::Data(data)) => Bytes::from_static(data),
            Some(Step::Wait) => {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Step::Stall) => {
                self.steps.push_front(Step::Stall);
                return Poll::Pending;
            }
            Some(Step::Break(kind)) => return Poll::Ready(Some(Err(kind.into()))),
            Some(Step::Trailers) => return Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::new())))),
            None => match self.forever.clone() {
                Some(data) => data,
                None => return Poll::Ready(None),
            },
        };
        self.given.fetch_add(data.len(), Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        self.declared.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

async fn read(body: Script) -> Result<Bytes, Error> {
    read_body(&mut HeaderMap::new(), body, &DecodeOptions::strict()).await
}

#[tokio::test(start_paused = true)]
async fn what_arrives_is_collected() {
    use Step::{Data, Stall, Trailers, Wait};
    for (steps, expected) in [
        (vec![], &b""[..]),
        (vec![Data(b"one")], b"one"),
        (vec![Data(b""), Wait, Data(b"one"), Wait, Wait, Wait, Data(b""), Data(b"two"), Trailers], b"onetwo"),
        (vec![Wait, Data(b"a"), Data(b"b"), Data(b"c"), Data(b"d")], b"abcd"),
    ] {
        assert_eq!(read(Script::of(steps)).await.unwrap(), expected);
    }
    // In many frames, declared and not; far beyond what is set aside at first.
    for declared in [None, Some(3 << 20)] {
        let mut script = Script::of((0..3 << 10).map(|_| Data(&[7; 1024])));
        script.declared = declared;
        let body = read(script).await.unwrap();
        assert_eq!(body.len(), 3 << 20);
        assert!(body.iter().all(|byte| *byte == 7));
    }
    let error = read(Script::of([Data(b"x"), Stall])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn one_frame_is_not_copied() {
    let sent = Bytes::from(vec![1; 1000]);
    let received =
        read_body(&mut HeaderMap::new(), Full::new(sent.clone()), &DecodeOptions::strict()).await.unwrap();
    assert_eq!(received.as_ptr(), sent.as_ptr());
}

#[tokio::test(start_paused = true)]
async fn a_declared_length_beyond_the_limit_is_not_read() {
    let script =
        Script { forever: Some(Bytes::from_static(b"x")), declared: Some(1 << 30), ..Script::default() };
    let given = Arc::clone(&script.given);
    assert_eq!(read(script).await.unwrap_err().kind(), ErrorKind::TooLarge);
    assert_eq!(given.load(Ordering::Relaxed), 0);

    let mut headers = HeaderMap::new();
    headers.insert("content-length", (1_u64 << 30).into());
    let script = Script { forever: Some(Bytes::from_static(b"x")), ..Script::default() };
    let given = Arc::clone(&script.given);
    let error = read_body(&mut headers, script, &DecodeOptions::strict()).await.unwrap_err();
    assert_eq!((error.kind(), given.load(Ordering::Relaxed)), (ErrorKind::TooLarge, 0));
}

#[tokio::test(start_paused = true)]
async fn an_endless_body_ends_at_the_limit() {
    let script = Script { forever: Some(Bytes::from(vec![0; 1000])), ..Script::default() };
    let given = Arc::clone(&script.given);
    assert_eq!(read(script).await.unwrap_err().kind(), ErrorKind::TooLarge);
    assert!(given.load(Ordering::Relaxed) <= (16 << 20) + 1000);
}

#[tokio::test(start_paused = true)]
async fn a_stalled_body_ends_at_the_deadline() {
    let start = tokio::time::Instant::now();
    let error = read(Script::of([Step::Data(b"some"), Step::Stall])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.detail().contains("4 bytes"), "{error}");
    assert!((30..31).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());

    let decoding = DecodeOptions::strict();
    let options = BodyOptions::from(&decoding).with_deadline(Duration::from_secs(2));
    let start = tokio::time::Instant::now();
    let error = read_body(&mut HeaderMap::new(), Script::of([Step::Stall]), options).await.unwrap_err();
    assert_eq!((error.kind(), start.elapsed().as_secs()), (ErrorKind::Timeout, 2));
}

#[tokio::test]
async fn frames_of_nothing_end_at_the_deadline() {
    let decoding = DecodeOptions::strict();
    let options = BodyOptions::from(&decoding).with_deadline(Duration::from_millis(20));
    let script = Script { forever: Some(Bytes::new()), ..Script::default() };
    assert_eq!(
        read_body(&mut HeaderMap::new(), script, options).await.unwrap_err().kind(),
        ErrorKind::Timeout
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off() {
    use io::ErrorKind::{ConnectionReset, TimedOut};
    for (kind, expected) in [(ConnectionReset, ErrorKind::Disconnected), (TimedOut, ErrorKind::Timeout)] {
        let error = read(Script::of([Step::Data(b"some"), Step::Break(kind)])).await.unwrap_err();
        assert_eq!(error.kind(), expected);
        assert!(std::error::Error::source(&error).is_some());
    }
    let limited = Limited::new(Script { forever: Some(Bytes::from_static(b"xxx")), ..Script::default() }, 10);
    let error = read_body(&mut HeaderMap::new(), limited, &DecodeOptions::strict()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}
