//! Sending events.

use crate::{
    AfterSend, Bounds, Carries, Connectivity, Content, Counters, Fault, Interceptor, LossPolicy, Metrics,
    Outcome, Outgoing, Receipt, SenderCapabilities, UrlOption,
    binding::{Transmit, transmit::DynTransmit},
    deadline::within,
    panics::tell,
    sending::lost::{LEAVE_OUT, what_is_lost},
};
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Event, Format, Leniency, Peer};
use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// The number of outcomes that [`Sender::send_all`] has open at once.
const WINDOW: usize = 1024;

/// Sends events to one address: a topic, a queue, a URL. Clones share the connection.
///
/// ```
/// # #[cfg(feature = "fake")] futures_util::FutureExt::now_or_never(async {
/// use cloudevents_core::Event;
/// use cloudevents_transport::{Outgoing, fake::FakeLog};
///
/// let sender = FakeLog::new(1).sender();
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// sender.send(&event).await?;
/// let receipt = sender.send(Outgoing::from(&event).key("42").header("traceparent", "00-1-2-01")).await?;
/// assert_eq!((receipt.partition(), receipt.offset()), (Some(0), Some(1)));
/// sender.close().await?;
/// assert_eq!(sender.metrics().sent, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap().unwrap();
/// ```
#[derive(Clone)]
pub struct Sender {
    transmit: Arc<dyn DynTransmit>,
    capabilities: SenderCapabilities,
    state: Arc<State>,
    interceptor: Option<Arc<dyn Interceptor>>,
}

#[derive(Default)]
struct State {
    counters: Arc<Counters>,
    closed: AtomicBool,
    options: SenderOptions,
}

/// Options of senders, for all protocols. [URL options](SenderOptions#url-options) take precedence.
///
/// ```
/// use cloudevents_transport::{LossPolicy, SenderOptions};
///
/// let mut options = SenderOptions::default();
/// options.losses = LossPolicy::Log;
/// ```
///
/// # URL options
///
/// | option | value | default |
/// |---|---|---|
/// | `losses` | `refuse`, `log` or `allow`: [`losses`](Self::losses) | `refuse` |
/// | `timeout` | a duration, of protocols that confirm messages: [`timeout`](Self::timeout) | that of the protocol |
/// | `in-flight` | a number: messages of [`in_flight`](Self::in_flight) | that of the protocol |
/// | `in-flight-bytes` | a number: their bytes | 64 MiB |
/// | `enqueue-timeout` | a duration such as `500ms`, `30s` or `2m`: [`enqueue_timeout`](Self::enqueue_timeout) | `30s` |
/// | `close-timeout` | a duration: [`close_timeout`](Self::close_timeout) | `90s` |
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SenderOptions {
    /// The policy for parts of a message that the protocol cannot carry. Default: the message is refused.
    pub losses: LossPolicy,
    /// How replies are decoded. The URL option `format` can name the formats of these options.
    pub decoding: DecodeOptions,
    /// The implementation that reads the messages, if it differs from the specification. The `Encoding::for_peer` of each binding documents
    /// how the binding writes for it. Options of a binding's URL for the same settings take precedence. The repairs of the peer apply to
    /// replies. Default: none.
    pub peer: Option<Peer>,
    /// The format in which events are written as documents. The URL options `mode` and `format` take precedence. Default: none, which
    /// writes events in binary mode where the protocol has it. Messages that are already documents do not change.
    pub format: Option<Arc<dyn Format>>,
    /// How long the peer may take to confirm a message. Default: that of the protocol, which is 30 seconds over HTTP and Kafka, and 60
    /// seconds over others. A protocol without confirmations, as that of WebSockets, has no such limit.
    pub timeout: Option<Duration>,
    /// Upper bounds of messages that are on their way at once. Default: those of the protocol, which are 64 messages over HTTP, 10,000
    /// over Kafka, and 1,024 over others, with 64 MiB.
    pub in_flight: Option<Bounds>,
    /// How long a message may wait for a permit and for a connection. Default: 30 seconds.
    pub enqueue_timeout: Duration,
    /// How long closing may take. Default: 90 seconds.
    pub close_timeout: Duration,
}

impl Default for SenderOptions {
    fn default() -> Self {
        Self {
            losses: LossPolicy::default(),
            decoding: DecodeOptions::strict(),
            peer: None,
            format: None,
            timeout: None,
            in_flight: None,
            enqueue_timeout: Duration::from_secs(30),
            close_timeout: Duration::from_secs(90),
        }
    }
}

impl SenderOptions {
    /// The URL options that [`with_url`](Self::with_url) reads for every sender.
    pub const URL_OPTIONS: &'static [UrlOption] = &[
        UrlOption::sending("losses", "what is not carried: refuse (default), log, allow"),
        UrlOption::sending("in-flight", "the most messages on their way at once"),
        UrlOption::sending("in-flight-bytes", "their bytes"),
        UrlOption::sending("enqueue-timeout", "how long a message may wait to be sent"),
        UrlOption::sending("close-timeout", "how long closing may take"),
        UrlOption::sending("lenient", "names of repairs of replies, or all"),
        UrlOption::sending("peer", "the implementation that reads the messages: go-2, java-4, ..."),
    ];

    /// Returns a copy with the options of this URL applied. `lenient`, a list of repairs, and `peer` add repairs of replies.
    ///
    /// Errors are of kind [`InvalidUrl`](ErrorKind::InvalidUrl).
    pub fn with_url(mut self, endpoint: &crate::Endpoint) -> Result<Self, Error> {
        self.losses = match endpoint.option("losses") {
            None => self.losses,
            Some("refuse") => LossPolicy::Refuse,
            Some("log") => LossPolicy::Log,
            Some("allow") => LossPolicy::Allow,
            Some(_) => return Err(endpoint.invalid("the option `losses` is not `refuse`, `log` or `allow`")),
        };
        self.peer = endpoint.peer()?.or(self.peer);
        let repairs = endpoint.leniency()?.union(self.peer.map_or(Leniency::strict(), Peer::leniency));
        self.decoding.leniency = self.decoding.leniency.union(repairs);
        self.timeout = endpoint.duration("timeout")?.or(self.timeout);
        let (messages, bytes) = (endpoint.number("in-flight")?, endpoint.number("in-flight-bytes")?);
        if messages.is_some() || bytes.is_some() {
            let bounds = self.in_flight.unwrap_or_default();
            let (messages, bytes) = (messages.unwrap_or(bounds.messages), bytes.unwrap_or(bounds.bytes));
            self.in_flight = Some(Bounds { messages, bytes });
        }
        self.enqueue_timeout = endpoint.duration("enqueue-timeout")?.unwrap_or(self.enqueue_timeout);
        self.close_timeout = endpoint.duration("close-timeout")?.unwrap_or(self.close_timeout);
        Ok(self)
    }
}

impl From<DecodeOptions> for SenderOptions {
    fn from(decoding: DecodeOptions) -> Self {
        Self { decoding, ..Self::default() }
    }
}

impl Sender {
    /// Creates a sender over this binding, with default options.
    pub fn new(binding: impl Transmit) -> Self {
        let capabilities = binding.capabilities();
        Self { transmit: Arc::new(binding), capabilities, state: Arc::default(), interceptor: None }
    }

    /// Returns the sender with these options.
    ///
    /// Clones made before keep their options and have separate counters.
    pub fn with_options(mut self, options: SenderOptions) -> Self {
        self.state = Arc::new(State { options, ..State::default() });
        self
    }

    /// Returns the sender with this interceptor, in place of another one. Clones made before do not have it.
    pub fn with_interceptor(mut self, interceptor: Arc<dyn Interceptor>) -> Self {
        self.interceptor = Some(interceptor);
        self
    }

    /// Sends an event, a message or an [`Outgoing`], and returns when the peer has it.
    ///
    /// Events are sent in binary mode, unless the binding's options name a format. Documents are sent unchanged. If the future is dropped,
    /// the message was either not handed over, or it is under way and stays under way. Use [`enqueue`](Self::enqueue) to know which.
    ///
    /// Errors: [`Closed`](ErrorKind::Closed) after [`close`](Self::close); [`Refused`](ErrorKind::Refused) when the peer declined the
    /// message; [`Disconnected`](ErrorKind::Disconnected) and [`Timeout`](ErrorKind::Timeout) when it is unknown whether the peer has it;
    /// [`Inexact`](ErrorKind::Inexact) and [`Unsupported`](ErrorKind::Unsupported) for parts that the protocol cannot carry (see
    /// [`LossPolicy`]); and errors of the binding.
    pub fn send<M: Into<Outgoing>>(
        &self,
        message: M,
    ) -> impl Future<Output = Result<Receipt, Error>> + Send + use<'_, M> {
        let outgoing = message.into();
        async move { self.hand_over(outgoing).await?.await }
    }

    /// Waits for a permit, hands a message over, and returns the outcome.
    ///
    /// Awaiting the outcome returns the receipt; dropping it does not undo sending.
    ///
    /// If the future is dropped before it returns, nothing was sent. Errors: those of [`send`](Self::send),
    /// and [`Timeout`](ErrorKind::Timeout) if there was no permit or no connection in time
    /// ([`SenderOptions::enqueue_timeout`]); then nothing was sent.
    pub fn enqueue<M: Into<Outgoing>>(
        &self,
        message: M,
    ) -> impl Future<Output = Result<Outcome<Receipt>, Error>> + Send + use<'_, M> {
        self.hand_over(message.into())
    }

    /// Sends a request and returns the event of the reply.
    ///
    /// If the future is dropped, the reply is ignored. Errors: those of [`send`](Self::send);
    /// [`Timeout`](ErrorKind::Timeout) when no reply came within the limit;
    /// [`NotACloudEvent`](ErrorKind::NotACloudEvent) and other decoding errors for a reply that is not a
    /// valid event; [`Unsupported`](ErrorKind::Unsupported) if the protocol has no replies
    /// ([`SenderCapabilities::requests`]).
    pub fn request<M: Into<Outgoing>>(
        &self,
        message: M,
        limit: Duration,
    ) -> impl Future<Output = Result<Event, Error>> + Send + use<'_, M> {
        let mut outgoing = message.into();
        async move {
            let counters = &self.state.counters;
            let after = self.intercept(&mut outgoing);
            let replied = match self.fits(&mut outgoing) {
                Ok(()) => {
                    counters.enqueued();
                    let mut unknown = Unknown(Some(counters));
                    let replied = self.transmit.request(outgoing, limit).await;
                    unknown.0 = None;
                    replied
                }
                Err(error) => Err(error),
            };
            counters.sent_or_not(replied.as_ref().map(|_| ()));
            if let Some(after) = after {
                let receipt = Receipt::new();
                tell(|| after(replied.as_ref().map(|_| &receipt)));
            }
            let reply = replied?.event(&self.state.options.decoding)?;
            counters.repaired(reply.repairs());
            Ok(reply.value)
        }
    }

    /// Sends messages one after the other without waiting for each.
    ///
    /// Returns when the peer has all of them, or reports the messages that it does not have.
    ///
    /// A failure does not stop the rest, so later messages may arrive before a failed one is sent again. At
    /// most 1,024 outcomes are open at once, in addition to the limits of the binding. If the future is
    /// dropped, the messages handed over are under way, and the others were not sent.
    ///
    /// ```
    /// # #[cfg(feature = "fake")] futures_util::FutureExt::now_or_never(async {
    /// # use cloudevents_core::Event;
    /// # let sender = cloudevents_transport::fake::FakeQueue::new().sender();
    /// # let events: Vec<Event> = vec![];
    /// if let Err(failure) = sender.send_all(&events).await {
    ///     let again: Vec<&Event> = failure.failed.iter().filter_map(|(index, _)| events.get(*index)).collect();
    ///     println!("{failure}; {} to be sent again", again.len());
    /// }
    /// # }).unwrap();
    /// ```
    pub async fn send_all<I>(&self, messages: I) -> Result<(), SendAllError>
    where
        I: IntoIterator<Item: Into<Outgoing>, IntoIter: Send>,
    {
        let mut open = VecDeque::new();
        let mut failed = Vec::new();
        let mut total = 0_usize;
        for (index, message) in messages.into_iter().map(Into::into).enumerate() {
            total = total.saturating_add(1);
            if open.len() >= WINDOW
                && let Some((index, outcome)) = open.pop_front()
            {
                note(index, outcome, &mut failed).await;
            }
            match self.hand_over(message).await {
                Ok(outcome) if outcome.decided().is_some_and(Result::is_ok) => {}
                Ok(outcome) => open.push_back((index, outcome)),
                Err(error) => failed.push((index, error)),
            }
        }
        for (index, outcome) in open {
            note(index, outcome, &mut failed).await;
        }
        if failed.is_empty() {
            return Ok(());
        }
        failed.sort_unstable_by_key(|(index, _)| *index);
        Err(SendAllError { failed, total })
    }

    /// Stops taking messages, waits for every pending outcome, and then closes the connection.
    ///
    /// Applies to all clones.
    ///
    /// After [`SenderOptions::close_timeout`] it returns an error of kind [`Timeout`](ErrorKind::Timeout);
    /// messages under way stay so. Dropping the future does the same without an error. Another call waits
    /// again.
    pub async fn close(&self) -> Result<(), Error> {
        self.state.closed.store(true, Ordering::Release);
        let limit = self.state.options.close_timeout;
        let result = within(limit, self.transmit.close()).await.unwrap_or_else(|| {
            Err(Error::new(ErrorKind::Timeout)
                .with_detail(format!("the sender was not closed within {limit:?}")))
        });
        match &result {
            Ok(()) => tracing::debug!(metrics = %self.metrics(), "sender closed"),
            Err(error) => tracing::warn!(%error, "sender not closed properly"),
        }
        result
    }

    /// Returns the capabilities of the protocol.
    pub fn capabilities(&self) -> SenderCapabilities {
        self.capabilities
    }

    /// The state of the connection, to observe.
    pub fn connectivity(&self) -> Connectivity {
        self.transmit.connectivity()
    }

    /// Checks that the address takes messages, as far as the protocol shows that without a message.
    ///
    /// For example, a queue of RabbitMQ, or a stream of JetStream with the subject, exists. Use it for an address that is needed later,
    /// such as a dead-letter destination.
    ///
    /// An error of kind [`Refused`](ErrorKind::Refused) names the missing part. If the protocol does not show it, or this user may not find
    /// out, it is a success. AMQP 1.0 shows it when the sender is opened.
    pub async fn check(&self) -> Result<(), Error> {
        self.transmit.check().await
    }

    /// Whose fault an error of sending is: that of the message, of the target, or of neither.
    pub fn fault(&self, error: &Error) -> Fault {
        Fault::of(error, self.refuses_message(error))
    }

    /// Whether an error of sending is a refusal of this very message: no later attempt can succeed, and other messages may.
    ///
    /// A [`Bridge`](crate::Bridge) makes such a message a dead letter. It tries all other messages again.
    ///
    /// | protocol | refusals of a message |
    /// |---|---|
    /// | HTTP | the statuses 400, 409, 413, 415, 422 and 431 |
    /// | AMQP 1.0 | rejected with `amqp:decode-error`, `amqp:invalid-field`, `amqp:link:message-size-exceeded` or `com.microsoft:argument-error`; modified as undeliverable here; the largest message without an outcome when the link is detached with `amqp:link:message-size-exceeded` |
    /// | Kafka | a record that librdkafka finds too large, or that a broker refuses as too large or invalid while no other is on its way |
    /// | RabbitMQ | a message as large as the one for whose size the broker closed the channel |
    /// | MQTT 5 | the reason codes 0x95 (too large) and 0x99 (payload format invalid) |
    /// | any | a message that the format or protocol cannot express, and a message that is too large |
    ///
    /// All other refusals of a peer are about the address, the rights or the state of the peer.
    pub fn refuses_message(&self, error: &Error) -> bool {
        let by_any = || {
            let about_the_peer = matches!(
                error.kind(),
                ErrorKind::Closed
                    | ErrorKind::Disconnected
                    | ErrorKind::InvalidUrl
                    | ErrorKind::Refused
                    | ErrorKind::Revoked
                    | ErrorKind::Timeout
                    | ErrorKind::Transport
                    | ErrorKind::Unreachable
            );
            !about_the_peer && !error.is_temporary()
        };
        self.transmit.refuses_message(error).unwrap_or_else(by_any)
    }

    /// The numbers of messages sent through this sender and its clones.
    pub fn metrics(&self) -> Metrics {
        let mut metrics = self.state.counters.snapshot();
        let connectivity = self.connectivity();
        (metrics.connects, metrics.disconnects) = (connectivity.connects(), connectivity.losses());
        metrics
    }

    /// The counters behind [`metrics`](Self::metrics), except those of connections.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.state.counters)
    }

    /// How long the peer may take to confirm a message, if that is set.
    pub(crate) fn time_limit(&self) -> Option<Duration> {
        self.state.options.timeout
    }

    /// Waits for a permit, hands a message over, and counts it, or the error.
    async fn hand_over(&self, mut outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        let limit = self.state.options.enqueue_timeout;
        let after = self.intercept(&mut outgoing);
        let begun = match self.fits(&mut outgoing) {
            Ok(()) => match within(limit, self.transmit.enqueue(outgoing)).await {
                Some(begun) => begun,
                None => Err(self.no_room(limit)),
            },
            Err(error) => Err(error),
        };
        match begun {
            Ok(outcome) => {
                self.state.counters.enqueued();
                Ok(outcome.counted(&self.state.counters, Counters::sent_or_not, after))
            }
            Err(error) => {
                self.state.counters.not_sent(&error);
                if let Some(after) = after {
                    tell(|| after(Err(&error)));
                }
                Err(error)
            }
        }
    }

    fn intercept(&self, outgoing: &mut Outgoing) -> Option<AfterSend> {
        let interceptor = self.interceptor.as_ref()?;
        tell(|| interceptor.sending(outgoing, self.capabilities))?
    }

    /// Checks that the sender is open, and that the protocol carries all parts of the message. Removes the parts that the policy allows to
    /// lose.
    ///
    /// The check is here for all bindings. It also covers properties added later, because a binding that does not know a property does not
    /// declare it.
    fn fits(&self, outgoing: &mut Outgoing) -> Result<(), Error> {
        if self.state.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed));
        }
        let lost = outgoing.needs().without(self.capabilities.carries);
        let headers = self.lost_headers(outgoing);
        if lost.is_empty() && headers.is_empty() && outgoing.headers_without_bytes().is_empty() {
            return Ok(());
        }
        self.lose(outgoing, lost, &headers)
    }

    /// The headers of a message that the protocol cannot carry with it, by index, and why.
    pub(crate) fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        if outgoing.headers().len() == 0 {
            return Vec::new();
        }
        let capabilities = self.capabilities;
        if !capabilities.carries.contains(Carries::HEADERS) {
            return outgoing.lost_headers(|_, _| Some("no headers are carried there"));
        }
        let mut lost = self.transmit.lost_headers(outgoing);
        if !capabilities.headers_apart {
            lost.extend(outgoing.lost_headers(|name, _| {
                let is_carried = capabilities.carries_header(outgoing, name);
                (!is_carried).then_some("it would be an attribute of the event")
            }));
            lost.sort_by_key(|(index, _)| *index);
            lost.dedup_by_key(|(index, _)| *index);
        }
        lost
    }

    /// A message without these parts and headers.
    #[cold]
    fn lose(
        &self,
        outgoing: &mut Outgoing,
        lost: Carries,
        headers: &[(usize, &'static str)],
    ) -> Result<(), Error> {
        let detail = what_is_lost(outgoing, lost, headers);
        // Sending to another address, or another message, would be an error and not a loss.
        if lost.intersects(Carries::DESTINATION.and(Carries::AS_RECEIVED)) {
            return Err(Error::new(ErrorKind::Unsupported).with_detail(detail));
        }
        match self.state.options.losses {
            LossPolicy::Refuse => {
                return Err(Error::new(ErrorKind::Inexact).with_detail(detail).with_help(LEAVE_OUT));
            }
            LossPolicy::Log => {
                let event = self.event_of(outgoing).map(tracing::field::display);
                tracing::warn!(event, ?outgoing, %detail, "a message is sent without what the protocol does not carry")
            }
            LossPolicy::Allow => {}
        }
        outgoing.leave_out(&headers.iter().map(|(index, _)| *index).collect::<Vec<_>>());
        self.state.counters.lossy();
        Ok(())
    }

    /// Returns the event of a message, also of a document. Returns `None` for a batch, and for a message that cannot be read.
    fn event_of(&self, outgoing: &Outgoing) -> Option<Event> {
        let message = match outgoing.content() {
            Content::Message(message) => message,
            Content::AsReceived(received) => received.message().ok()?,
        };
        Some(message.event(&self.state.options.decoding).ok()?.value)
    }

    #[cold]
    fn no_room(&self, limit: Duration) -> Error {
        let connectivity = self.connectivity();
        let (state, blocked) = (connectivity.state(), connectivity.blocked());
        let timeout = Error::new(ErrorKind::Timeout);
        match (state.error(), blocked) {
            (Some(error), _) => timeout
                .with_detail(format!("there was no connection within {limit:?}: {error}"))
                .with_source(error.clone()),
            (None, Some(error)) => timeout
                .with_detail(format!("the peer took no messages within {limit:?}: {error}"))
                .with_source(error),
            (None, None) => {
                timeout.with_detail(format!("there was no room for the message within {limit:?}"))
            }
        }
    }
}

async fn note(index: usize, outcome: Outcome<Receipt>, failed: &mut Vec<(usize, Error)>) {
    if let Err(error) = outcome.await {
        failed.push((index, error));
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("capabilities", &self.capabilities)
            .field("closed", &self.state.closed.load(Ordering::Relaxed))
            .field("metrics", &format_args!("{}", self.metrics()))
            .finish_non_exhaustive()
    }
}

/// The messages of [`Sender::send_all`] that the peer does not have, or whose result is unknown.
///
/// [`Error`] of it has the first one, and the others in [`Error::others`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SendAllError {
    /// The index of each message, starting at 0, and its error; sorted by index.
    pub failed: Vec<(usize, Error)>,
    /// The number of messages to send.
    pub total: usize,
}

/// Counts a request whose future is dropped.
struct Unknown<'a>(Option<&'a Counters>);

impl Drop for Unknown<'_> {
    fn drop(&mut self) {
        if let Some(counters) = self.0 {
            counters.not_sent(
                &Error::new(ErrorKind::Timeout).with_detail("the request was dropped before its reply came"),
            );
        }
    }
}

impl fmt::Display for SendAllError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} events were not sent", self.failed.len(), self.total)?;
        match self.failed.first() {
            Some((index, error)) => write!(f, "; the first is number {index}: {error}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SendAllError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.failed.first().map(|(_, error)| error as _)
    }
}

/// The first failure, with its index, and the others in [`Error::others`].
impl From<SendAllError> for Error {
    fn from(failure: SendAllError) -> Self {
        let mut failed = failure.failed.into_iter().map(|(index, error)| error.with_index(index));
        match failed.next() {
            Some(first) => first.with_others(failed),
            None => Self::new(ErrorKind::Transport),
        }
    }
}
