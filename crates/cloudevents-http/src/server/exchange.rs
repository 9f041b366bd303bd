//! One request and its response.

use super::{
    answer::{Settling, busy},
    delivering::Delivering,
    options::HttpReceiverOptions,
    reading::{GRACE, Readings},
    received::ReceivedRequest,
    receiver::ExchangeReceiver,
};
use crate::{BodyOptions, Problem, body::collecting::Collecting, decode_message};
use bytes::Bytes;
use cloudevents_core::{Decoded, Error, ErrorKind, Event, Message};
#[cfg(feature = "server")]
use cloudevents_transport::binding::normal_path;
use cloudevents_transport::{
    Bounds, InFlight, Received,
    binding::{Incoming, Permit, Token},
};
use http::{HeaderMap, Request, request::Parts};
#[cfg(feature = "server")]
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{ALLOW, CONNECTION},
};
use http_body::Body;
use std::{
    fmt,
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::Poll,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

/// Hands the requests of a server over as deliveries of a [`Receiver`](cloudevents_transport::Receiver), and reports how their messages
/// were settled. Clones share the deliveries.
///
/// A server that does more than [`HttpReceiver`](crate::HttpReceiver), such as check the sender, does it between [`read`](Self::read) and
/// [`deliver`](Self::deliver).
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use cloudevents_http::Exchange;
/// use http_body_util::Full;
///
/// let (exchange, receiver) = Exchange::new(Default::default());
/// let request = http::Request::post("/hook")
///     .header("ce-specversion", "1.0").header("ce-id", "1").header("ce-source", "/s").header("ce-type", "t")
///     .body(Full::<bytes::Bytes>::default())?;
/// let respond = async {
///     let read = exchange.read(request).await?;
///     let decoded = exchange.decode(&read);
///     Ok(exchange.deliver(read, decoded, None).await)
/// };
/// let mut receiver = receiver.into_receiver();
/// let handle = async { receiver.next().await?.unwrap().accept().await };
/// let (settled, handled) = tokio::join!(respond, handle);
/// handled?;
/// # let settled: Result<_, cloudevents_http::Problem> = settled;
/// assert_eq!(settled?.into_response(http::StatusCode::NO_CONTENT, std::time::Duration::from_secs(1)).status(), 204);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Exchange(pub(super) Arc<Shared>);

/// The state that all requests share.
pub(super) struct Shared {
    pub(super) options: HttpReceiverOptions,
    pub(super) in_flight: InFlight,
    /// Bounded by `in_flight`.
    pub(super) queue: mpsc::UnboundedSender<Incoming>,
    pub(super) stage: watch::Receiver<Stage>,
    pub(super) readings: Arc<Readings>,
}

/// A request that was read within the bounds, and counts in them.
#[derive(Debug)]
pub struct ReadRequest {
    parts: Parts,
    body: Bytes,
    permit: Permit,
    event: Option<Box<Decoded<Event>>>,
}

/// A body that was read within the bounds, and counts in them.
#[derive(Debug)]
pub struct ReadBody {
    body: Bytes,
    permit: Permit,
}

impl ReadRequest {
    /// A request whose body was read with [`Exchange::read_body`].
    pub fn new(parts: Parts, read: ReadBody) -> Self {
        let ReadBody { body, permit } = read;
        Self { parts, body, permit, event: None }
    }

    /// The head of the request, without the content coding of a body that was decompressed.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The head, for removing headers that a handler must not see.
    pub fn parts_mut(&mut self) -> &mut Parts {
        &mut self.parts
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Drops the body and its event, for a request that waits while another one has an equal body. They no longer count in the bounds.
    pub fn leave_body(&mut self) {
        (self.body, self.event) = (Bytes::new(), None);
        self.permit.discharge();
    }

    /// Sets the body that was left. It counts in the bounds, also beyond them.
    pub fn set_body(&mut self, body: Bytes) {
        self.permit.discharge();
        self.permit.charge(body.len());
        self.body = body;
    }

    /// Sets the event of a structured document, for a server that has decoded it. The handler then decodes nothing.
    pub fn set_event(&mut self, event: Decoded<Event>) {
        self.event = Some(Box::new(event));
    }
}

impl Exchange {
    /// An exchange and the receiving end of it. The options of connections do not apply.
    pub fn new(options: HttpReceiverOptions) -> (Self, ExchangeReceiver) {
        ExchangeReceiver::open(options)
    }

    /// The options. JSON is among the formats.
    pub fn options(&self) -> &HttpReceiverOptions {
        &self.0.options
    }

    /// Reads a request, within the limits of the options and the bounds of messages in flight.
    ///
    /// If too many messages or bytes wait, the problem is 503. Otherwise it is the [`rejection`](Self::rejection) of an error of
    /// [`read_body`](crate::read_body).
    // Not `async fn`: its future would hold the request twice.
    pub fn read<B>(&self, request: Request<B>) -> impl Future<Output = Result<ReadRequest, Problem>>
    where
        B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let (mut parts, body) = request.into_parts();
        async move {
            let read = self.read_body(&mut parts.headers, pin!(body)).await?;
            Ok(ReadRequest::new(parts, read))
        }
    }

    /// Reads the body of a request whose head stays with the caller: see [`read`](Self::read) and [`ReadRequest::new`].
    ///
    /// A body that was decompressed loses its content coding and length in `headers`.
    pub async fn read_body<B>(
        &self,
        headers: &mut HeaderMap,
        mut body: Pin<&mut B>,
    ) -> Result<ReadBody, Problem>
    where
        B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let full = || busy("too many messages wait to be processed", self.0.options.retry_after);
        let mut permit = match self.0.in_flight.try_room() {
            Some(permit) => permit,
            None => Box::pin(self.0.make_room()).await.ok_or_else(full)?,
        };
        let mut reading = self.0.readings.begin();
        let read = match Collecting::new(headers, &*body, self.0.body_options()) {
            Ok(mut collecting) => {
                poll_fn(|context| {
                    let number = reading.number();
                    let admit = |length| self.0.admit(length, &mut permit, number);
                    match collecting.poll(body.as_mut(), context, admit) {
                        Poll::Pending if reading.is_cut(permit.bytes(), context) => Poll::Ready(Err(cut())),
                        polled => polled,
                    }
                })
                .await
            }
            Err(error) => Err(error),
        };
        // The permit of a body that is not read is free from here on. Until then, the body counts as leaving.
        match read.map(|body| ReadBody { body, permit }) {
            Ok(read) => Ok(read),
            Err(error) if error.kind() == ErrorKind::TooMany => Err(full()),
            // The server may have cut it.
            Err(error) if error.kind() == ErrorKind::Disconnected && self.0.is_draining() => {
                Err(busy("the receiver stops", self.0.options.retry_after))
            }
            Err(error) => {
                self.0.options.refused(&error);
                Err(self.rejection(error, headers))
            }
        }
    }

    /// Decodes a request as [`decode_message`] does, with the options of the exchange.
    pub fn decode(&self, request: &ReadRequest) -> Result<Decoded<Message>, Error> {
        decode_message(&request.parts.headers, request.body.clone(), &self.0.options.receiver.decoding)
    }

    /// Hands a request over as a decoded message or an error, and waits until it is settled. The call itself hands it over.
    ///
    /// If the future is dropped, the message stays with the handler, whose settlement then is an error of kind
    /// [`Disconnected`](ErrorKind::Disconnected).
    pub fn deliver(
        &self,
        request: ReadRequest,
        decoded: Result<Decoded<Message>, Error>,
        peer: Option<SocketAddr>,
    ) -> Delivering {
        let ReadRequest { parts, body, permit, event } = request;
        let mut received = Received::new(decoded, ReceivedRequest::new(parts, body, peer));
        if let Some(event) = event {
            received = received.with_event(event);
        }
        let (answer, answered) = oneshot::channel();
        let raw = self.0.options.raw;
        let settling = Settling { answer, permit, received: received.clone(), reply: Mutex::default(), raw };
        // A queue without a reader drops the token, which answers.
        let _ = self.0.queue.send(Incoming::new(received, Token::new(settling)));
        Delivering::new(self.clone(), answered)
    }

    /// The rejection of a request that cannot be read or decoded, with the types that the receiver accepts.
    #[cold]
    pub fn rejection(&self, error: Error, headers: &HeaderMap) -> Problem {
        let options = &self.0.options;
        Problem::of_request(error, headers, &options.receiver.decoding, true).accepting(options.decompression)
    }

    /// Reads, delivers and responds.
    #[cfg(feature = "server")]
    pub(super) fn respond<B>(
        self,
        request: Request<B>,
        path: &str,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Bytes>> + use<B>
    where
        B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let refusal = refuse(&request, path);
        if let Some(response) = &refusal {
            let words = format!("{} of {} {}", response.status(), request.method(), request.uri().path());
            let error = Error::new(ErrorKind::Refused).with_detail(words);
            let is_handshake = response.status() == StatusCode::METHOD_NOT_ALLOWED && is_handshake(&request);
            self.options().refused(&if is_handshake { error.with_clause("WEBHOOK-4.2-d") } else { error });
        }
        // Not `read`, whose future would hold the head once more.
        let (mut parts, body) = request.into_parts();
        async move {
            let HttpReceiverOptions { accepted, retry_after, .. } = self.0.options;
            let mut response = match refusal {
                Some(response) => response,
                None => {
                    let read = self.read_body(&mut parts.headers, pin!(body)).await;
                    match read.map(|read| self.receive(ReadRequest::new(parts, read), peer)) {
                        Ok(delivering) => delivering.await.into_response(accepted, retry_after),
                        Err(problem) => problem.into_http(),
                    }
                }
            };
            if self.0.is_draining() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        }
    }

    #[cfg(feature = "server")]
    fn receive(&self, read: ReadRequest, peer: SocketAddr) -> Delivering {
        let decoded = self.decode(&read);
        self.deliver(read, decoded, Some(peer))
    }

    /// The mistake of the sender in a rejected message, when it is the sender's.
    #[cold]
    pub(super) fn fault(&self, received: &Received) -> Option<Problem> {
        let with = &self.0.options.receiver.decoding;
        let of_the_request = || received.native::<Parts>().map(|parts| &parts.headers);
        match received.decoded_message() {
            Err(error) => {
                let none = HeaderMap::new();
                Some(self.rejection(error.clone(), of_the_request().unwrap_or(&none)))
            }
            // It was decoded: only the program can have a reason to reject it.
            Ok(Decoded { value: Message::Binary(_), .. }) => None,
            Ok(document) => {
                let error = document.value.events(with).err()?;
                Some(self.rejection(error, &HeaderMap::new()))
            }
        }
    }
}

/// The error of a body that was cut to free its permit.
#[cold]
fn cut() -> Error {
    Error::new(ErrorKind::Timeout).with_detail("the body takes long, and others wait for its place")
}

/// Whether it is the handshake of a webhook, which only a target of webhooks answers.
#[cfg(feature = "server")]
fn is_handshake<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key("webhook-request-origin")
}

/// The response to a request that is not for this path, or not a POST.
#[cfg(feature = "server")]
fn refuse<B>(request: &Request<B>, path: &str) -> Option<Response<Bytes>> {
    let asked = request.uri().path();
    if asked != path && normal_path(asked) != path {
        return Some(Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path").into_http());
    }
    if request.method() != Method::POST {
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "send events with POST");
        let mut response = problem.into_http();
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return Some(response);
    }
    None
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("in_flight", &self.0.in_flight).finish_non_exhaustive()
    }
}

/// How far draining is. Once the receiver is gone, it is over, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Open,
    /// No more requests are taken.
    Draining,
    /// No request waits any more.
    Over,
}

impl Stage {
    /// Ready when no request waits any more.
    pub(super) async fn over(stage: &mut watch::Receiver<Self>) {
        let _ = stage.wait_for(|stage| *stage == Self::Over).await;
    }
}

impl Shared {
    fn is_draining(&self) -> bool {
        *self.stage.borrow() >= Stage::Draining
    }

    fn body_options(&self) -> BodyOptions<'_> {
        BodyOptions::from(&self.options.receiver.decoding)
            .with_deadline(self.options.body_deadline)
            .with_decompression(self.options.decompression)
    }

    /// Returns a permit. If none is free, it cuts the body that takes longest, if a body has had its time.
    async fn make_room(&self) -> Option<Permit> {
        let (used, most) = (self.in_flight.used(), self.in_flight.bounds());
        let has_place = used.messages < most.messages && self.has_bytes(used);
        if !has_place && !self.readings.cut(None) {
            return None;
        }
        timeout(GRACE, self.in_flight.room()).await.ok()
    }

    /// Whether bytes are free, at the latest when the bodies that were cut have gone.
    fn has_bytes(&self, used: Bounds) -> bool {
        let most = self.in_flight.bounds().bytes;
        used.bytes < most || used.bytes.saturating_sub(self.readings.leaving()) < most
    }

    /// Counts the bytes that came of a body, unless the bounds were reached before.
    ///
    /// A length that is declared does not count: it costs the peer nothing. One body alone may be larger than the bounds. A body that takes
    /// long is cut for others.
    fn admit(&self, length: usize, permit: &mut Permit, number: Option<u64>) -> Result<(), Error> {
        let used = self.in_flight.used();
        let is_full = used.messages > 1 && !self.has_bytes(used);
        if is_full && !self.readings.cut(number) {
            return Err(Error::new(ErrorKind::TooMany));
        }
        permit.charge(length);
        Ok(())
    }
}
