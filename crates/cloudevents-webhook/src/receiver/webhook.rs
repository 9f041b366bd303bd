//! The target.

use super::{
    WebhookOptions,
    copies::Turns,
    counted::{Counted, Times},
    event_grid::Subscriptions,
    head,
    idempotency::{key, signed_content},
    options::Convert,
    pending::Pending,
    recording::Recordings,
    respond::{accepted, allow, busy, problem, refused, reply, status},
    under_way::{Copy, Once, TooMany, UnderWay},
    verification::{take_coding, verified},
};
use crate::{
    DeliveryKey, TokenPlace,
    access::without_token,
    deliver::Practice,
    handshake::{Consent, Origin, PendingConsent, REQUEST_ORIGIN, once},
    pace::Pace,
};
use bytes::Bytes;
#[cfg(feature = "adapters")]
use cloudevents_adapters::Adapters;
use cloudevents_core::{Decoded, Error, ErrorKind, Event, Message};
use cloudevents_http::{Exchange, Problem, ReadBody, ReadRequest, Settled, is_cloudevent};
use cloudevents_transport::Receiver;
use http::{HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use http_body::Body;
use std::{
    fmt,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::time::{Instant, timeout};

/// The counters of deliveries: three for each of 1,024 origins.
const ACCOUNTS: usize = 3 * 1024;

/// A target of deliveries. Clones are the same target.
///
/// | request | response |
/// |---|---|
/// | `OPTIONS` of an allowed origin | 200 with the headers of consent. 202 if consent is given by callback |
/// | `OPTIONS` of another origin | 403. 405 without `WebHook-Request-Origin`, and if there is no handshake |
/// | a delivery that the handler accepts | 204, or 201 or 202 by the options. 200 with the handler's reply |
/// | a delivery that was processed before | the same, without the reply |
/// | a delivery that is being processed | the same when that has succeeded. Otherwise it waits for its turn, and the next rows hold. 503 with `Retry-After` after the time of [`respond_within`](WebhookOptions::respond_within), or if 32 other copies wait |
/// | a delivery that is retried or released, or finds no permit; a handler that takes too long | 503 with `Retry-After` |
/// | a delivery that the handler rejects | 422 |
/// | beyond the rate | 429 with `Retry-After` |
/// | of an origin that is not allowed, or with a signature that does not fit | 403 |
/// | without a token, or with a token that is not accepted | 401. 400 with two tokens |
/// | no content type, no payload, or a malformed event | 400 |
/// | of another content type; in binary mode, under a signature of the body | 415 with `Accept` |
/// | too large, too slow | 413, 408 |
/// | once the target has retired | 410 |
///
/// The cheapest checks come first: the head of a request is checked before its body is read, and the body before it is decompressed and
/// decoded.
///
/// If there is a signature, the rate counts only signed deliveries. It holds for three kinds of deliveries, each apart from the rest: new
/// deliveries, deliveries that come up to three times more in a minute, and deliveries that come more often.
///
/// The extensions of a refusal have the [`Error`] with the reason, for logs. If a signature was refused, its source is the
/// [`SignatureError`](crate::signature::SignatureError). The sender learns no more than that its signature was refused.
///
/// Some senders send a delivery again after a status of the table that refuses it for good, such as Event Grid after 405 and 415. They get
/// 400 instead, and the extensions also have the [`StatusCode`] of the table.
///
/// A handler sees neither the token nor the header `Authorization`. The native form of a delivery is the [`Parts`] of its request. Its
/// extensions have a [`Verified`](crate::signature::Verified) if a signature was checked, a [`DeliveryClaim`](super::DeliveryClaim) if
/// there is an idempotency store, and an [`Origin`] if the delivery names an allowed one.
#[derive(Clone)]
pub struct Webhook(pub(super) Arc<Inner>);

pub(super) struct Inner {
    exchange: Exchange,
    options: WebhookOptions,
    consent: Option<Consent>,
    /// By origin, and repeated deliveries apart from the rest.
    pace: Mutex<Pace<(Option<Origin>, Times)>>,
    counted: Mutex<Counted>,
    pending: Pending,
    recordings: Recordings,
    turns: Turns,
    retired: AtomicBool,
}

impl Webhook {
    /// Opens a target, and the receiver that its deliveries come from.
    ///
    /// Errors, of kind [`Unsupported`](cloudevents_core::ErrorKind::Unsupported), name the missing option: how senders are recognised, for
    /// example.
    pub fn open(options: WebhookOptions) -> Result<(Self, Receiver), Error> {
        options.check()?;
        let turns = Turns::new(options.http.receiver.in_flight);
        let (exchange, receiver) = Exchange::new(options.http.clone());
        let consent = options.consent.clone().map(|consent| consent.with_highest_rate(options.highest_rate));
        let inner = Inner {
            exchange,
            options,
            consent,
            pace: Mutex::new(Pace::new(ACCOUNTS)),
            counted: Mutex::default(),
            pending: Pending::default(),
            recordings: Recordings::default(),
            turns,
            retired: AtomicBool::new(false),
        };
        Ok((Self(Arc::new(inner)), receiver.into_receiver()))
    }

    /// Responds to a request. `peer` is the address it came from, for [`Received::peer`](cloudevents_transport::Received::peer).
    ///
    /// The future needs tokio's timers. If it is dropped because the sender hung up, the message stays with the handler.
    pub async fn respond<B>(&self, request: Request<B>, peer: Option<SocketAddr>) -> Response<Bytes>
    where
        B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        Arc::clone(&self.0).respond(request, peer, |response| response).await
    }

    /// Waits for the next sender that is to be agreed to by callback. See [`WebhookOptions::by_callback`].
    ///
    /// Decide, and call its callback with [`GuardedClient::agree`](crate::reqwest013::GuardedClient): the URL was chosen by a peer.
    /// Several tasks may wait. Dropping the future loses nothing.
    pub async fn next_pending(&self) -> PendingConsent {
        self.0.pending.next().await
    }

    /// The number of deliveries that the handler has, or has accepted, and that the idempotency store has not recorded as processed. If the
    /// process ends before that, their duplicates are handled.
    pub fn unrecorded(&self) -> usize {
        self.0.recordings.number()
    }

    /// Waits until every accepted delivery is recorded in the idempotency store, or until the store has failed for the lease of its inbox.
    /// Wait for it, for a limited time, before the process ends.
    pub async fn recorded(&self) {
        self.0.recordings.ended().await;
    }

    /// Retires the target: from now on, every request gets 410, so that senders stop (WEBHOOK-2.2-h).
    pub fn retire(&self) {
        self.0.retired.store(true, Ordering::Relaxed);
    }
}

impl Inner {
    // Not `async fn`: its future would have room for the request twice. `finish` is here for the same reason.
    pub(super) fn respond<B, R>(
        self: Arc<Self>,
        request: Request<B>,
        peer: Option<SocketAddr>,
        finish: fn(Response<Bytes>) -> R,
    ) -> impl Future<Output = R>
    where
        B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let (mut parts, body) = request.into_parts();
        async move {
            let read = {
                let body = pin!(body); // dropped before the wait for the settlement, so that its memory is free
                self.read(&mut parts, body).await
            };
            let taken = match read {
                Ok(Taken::Answered(response)) => Ok(response),
                Ok(Taken::Read(read, of)) => {
                    let place = of.place;
                    match self.admit(ReadRequest::new(parts, read), of, peer).await {
                        Ok(Admitted::Answered(response)) => Ok(response),
                        Ok(Admitted::UnderWay(under_way)) => self.settled(under_way).await,
                        Err(refusal) => Err(self.seen(refusal)),
                    }
                    .map(|response| marked(response, place))
                }
                Err(refusal) => Err(refusal),
            };
            finish(taken.unwrap_or_else(|refusal| problem(refusal, self.options.practice)))
        }
    }

    /// Shows a refusal to who wants to see it, with the status that the sender gets.
    #[cold]
    fn seen(&self, refusal: Problem) -> Problem {
        if let Some(see) = &self.options.http.on_refusal {
            let status = status(&refusal, self.options.practice);
            let why = refusal.error().map(Error::detail).unwrap_or_default();
            let why = if why.is_empty() { refusal.detail().unwrap_or_default() } else { why };
            let words = match refusal.error().and_then(std::error::Error::source) {
                Some(source) => format!("{status}: {why}: {source}"),
                None => format!("{status}: {why}"),
            };
            let error = Error::new(ErrorKind::Refused).with_detail(words);
            see(&match refusal.error().and_then(Error::clause) {
                Some(clause) => error.with_clause(clause),
                None => error,
            });
        }
        refusal
    }

    /// Checks the head of a request, and reads its body.
    async fn read<B>(&self, parts: &mut Parts, body: Pin<&mut B>) -> Result<Taken<'_>, Problem>
    where
        B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let head = match self.head(parts).await.map_err(|refusal| self.seen(refusal))? {
            Checked::Answered(response) => return Ok(Taken::Answered(response)),
            Checked::Head(head) => head,
        };
        // The exchange shows its own refusals.
        let read = self.exchange.read_body(&mut parts.headers, body).await?;
        Ok(Taken::Read(read, head))
    }

    /// Checks the head of a request, or responds to a handshake.
    async fn head(&self, parts: &mut Parts) -> Result<Checked<'_>, Problem> {
        if self.retired.load(Ordering::Relaxed) {
            return Err(refused(StatusCode::GONE, "the target has retired", "WEBHOOK-2.2-h"));
        }
        match parts.method {
            Method::OPTIONS => return self.validate(parts).map(Checked::Answered),
            Method::POST => {}
            _ => {
                let method = StatusCode::METHOD_NOT_ALLOWED;
                return Err(refused(method, "deliveries are sent with POST", "WEBHOOK-2.1-b"));
            }
        }
        let event_grid = self.options.event_grid.as_ref();
        if !event_grid.is_some_and(|known| known.recognizes(parts)) {
            self.check_origin(parts)?;
        }
        // It is not a CloudEvent.
        let validation = event_grid.filter(|known| known.validates(parts));
        let checking = self.options.tokens.check(parts);
        let Ok(place) = timeout(self.options.respond_within, checking).await else {
            return Err(busy("the access token was not checked in time", self.options.http.retry_after));
        };
        let place = place?;
        if self.options.signature.is_none() {
            self.check_rate(parts)?;
        }
        if validation.is_none() {
            head::check(parts, &self.options, &self.exchange)?;
        }
        let coding = take_coding(&mut parts.headers, &self.options);
        Ok(Checked::Head(Head { validation, place, coding }))
    }

    /// Waits until a delivery is settled.
    async fn settled(&self, under_way: UnderWay) -> Result<Response<Bytes>, Problem> {
        let Ok(settled) = timeout(self.options.respond_within, under_way.settled()).await else {
            return Err(busy("the message was not processed in time", self.options.http.retry_after));
        };
        self.response(settled?)
    }

    /// The handshake.
    fn validate(&self, parts: &Parts) -> Result<Response<Bytes>, Problem> {
        let Some(consent) = &self.consent else {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            // Browsers send the method, too.
            return Err(match parts.headers.contains_key(REQUEST_ORIGIN) {
                true => refused(status, "this target takes no part in the handshake", "WEBHOOK-4.2-d"),
                false => refused(status, "deliveries are sent with POST", "WEBHOOK-2.1-b"),
            });
        };
        let response = match self.options.by_callback {
            None => consent.respond(parts),
            Some(bound) => match consent.pending(parts) {
                Some(pending) => {
                    let response = pending.response();
                    if !self.pending.push(pending, bound) {
                        let after = self.options.http.retry_after;
                        return Err(busy("too many senders wait for consent", after));
                    }
                    response
                }
                None => match consent.respond(parts) {
                    response if response.status().is_success() => {
                        let status = StatusCode::FORBIDDEN;
                        let detail = "consent is given by callback: send `WebHook-Request-Callback`";
                        return Err(refused(status, detail, "WEBHOOK-4.2-b"));
                    }
                    response => response,
                },
            },
        };
        if response.status().is_client_error() {
            self.seen(refused(response.status(), "the handshake is not agreed to", "WEBHOOK-4.2.1-a"));
        }
        let mut response = response.map(|()| Bytes::new());
        allow(response.headers_mut());
        Ok(response)
    }

    fn check_origin(&self, parts: &Parts) -> Result<(), Problem> {
        if self.consent.is_some() && self.origin(parts).is_none() {
            let detail = match self.options.practice {
                Practice::EventGrid
                    if parts.headers.contains_key("aeg-event-type") && !is_cloudevent(&parts.headers) =>
                {
                    "the request has Event Grid's own schema: allow its subscription, or choose the CloudEvents schema"
                }
                Practice::EventGrid => {
                    "the delivery does not name an allowed origin in `WebHook-Request-Origin` or `Origin`"
                }
                _ => "the delivery does not name an allowed origin in `WebHook-Request-Origin`",
            };
            return Err(refused(StatusCode::FORBIDDEN, detail, "WEBHOOK-2.1-e"));
        }
        Ok(())
    }

    fn check_rate(&self, parts: &Parts) -> Result<(), Problem> {
        self.check_rate_of(self.origin(parts), None).map_err(|many| many.problem)
    }

    /// The sender, whose rate counts, if it is an allowed one: of origins that are not, anybody could have many.
    fn origin(&self, parts: &Parts) -> Option<Origin> {
        let consent = self.consent.as_ref()?;
        let written = match once(&parts.headers, REQUEST_ORIGIN).ok()? {
            None if self.options.practice == Practice::EventGrid => once(&parts.headers, "origin").ok()?,
            written => written,
        };
        written?.parse().ok().filter(|origin| consent.allows(origin))
    }

    /// Counts a delivery. A peer may send a `signed` delivery again. Repeated deliveries have the same rate, of their own.
    fn check_rate_of(&self, origin: Option<Origin>, signed: Option<DeliveryKey>) -> Result<(), TooMany> {
        let rate = self.options.highest_rate;
        let Some(burst) = rate.limit() else { return Ok(()) };
        let now = Instant::now().into_std();
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let times = signed.map_or(Times::New, |signed| counted.times(signed, now));
        // A peer that repeats a signed delivery may invent an origin for each repeat.
        let origin = origin.filter(|_| times != Times::Often);
        pace.take((origin, times), rate, burst.get(), now).map_err(|after| {
            let status = StatusCode::TOO_MANY_REQUESTS;
            let problem = refused(status, "more deliveries than the granted rate", "WEBHOOK-2.2-j");
            let waits = (times == Times::Often).then_some(after);
            TooMany { problem: problem.with_retry_after(after), waits }
        })?;
        if let Some(signed) = signed {
            counted.add(signed, now);
        }
        Ok(())
    }

    fn decode(&self, read: &ReadRequest) -> Result<Result<Decoded<Message>, Error>, Problem> {
        let headers = &read.parts().headers;
        let made = match &self.options.convert {
            Some(Convert::By(convert)) if !is_cloudevent(headers) => {
                convert(read.parts(), read.body()).map(|event| Decoded::clean(Message::from(event)))
            }
            #[cfg(feature = "adapters")]
            Some(Convert::Adapters(adapters)) if !is_cloudevent(headers) => self.by_adapters(adapters, read),
            _ => return Ok(self.exchange.decode(read)),
        };
        made.map(Ok).map_err(|error| self.exchange.rejection(error, headers))
    }

    /// The event that the program makes of a body, whatever its content type is. `None` if the program makes none of this body.
    fn converted(&self, read: &ReadRequest) -> Option<Event> {
        match self.options.convert.as_ref()? {
            Convert::By(convert) => convert(read.parts(), read.body()).ok(),
            #[cfg(feature = "adapters")]
            Convert::Adapters(adapters) => match self.by_adapters(adapters, read).ok()?.value {
                Message::Binary(event) => Some(event),
                _ => None,
            },
        }
    }

    #[cfg(feature = "adapters")]
    fn by_adapters(&self, adapters: &Adapters, read: &ReadRequest) -> Result<Decoded<Message>, Error> {
        let with = &self.exchange.options().receiver.decoding;
        let message = if self.options.signature.is_some() {
            adapters.signed_message_of(read.body(), with)
        } else {
            let headers = read.parts().headers.iter();
            let headers: Vec<_> =
                headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
            adapters.message_of(&headers, read.body(), with)
        };
        message.unwrap_or_else(|| {
            Err(Error::new(ErrorKind::NotACloudEvent)
                .with_detail("the body is no document of a system that this target knows"))
        })
    }

    /// Checks and decodes the delivery, and hands it over.
    async fn admit(
        self: &Arc<Self>,
        read: ReadRequest,
        Head { validation, place, coding }: Head<'_>,
        peer: Option<SocketAddr>,
    ) -> Result<Admitted, Problem> {
        let (options, exchange) = (&self.options, &self.exchange);
        let (mut read, verified) = verified(read, coding, options, exchange, validation.is_some()).await?;
        let has_rate = self.options.highest_rate.limit().is_some();
        let checked = verified.as_ref().filter(|_| has_rate);
        if let Some(known) = validation {
            if let Some(verified) = checked {
                let signed = signed_content(verified, None, &read);
                let rate = self.check_rate_of(self.origin(read.parts()), Some(signed));
                rate.map_err(|many| many.problem)?;
            }
            let response = known.respond(read.body()).map(Admitted::Answered);
            return response.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "not a validation event"));
        }
        if read.body().is_empty() && !self.options.header_only {
            let status = StatusCode::BAD_REQUEST;
            return Err(refused(status, "the delivery has no payload", "WEBHOOK-2.1-d"));
        }
        let decoded = self.decode(&read)?;
        let signed = checked.map(|verified| signed_content(verified, decoded.as_ref().ok(), &read));
        let key = self.options.idempotency.as_ref().and_then(|_| {
            let with = &self.exchange.options().receiver.decoding;
            let converted = |read: &ReadRequest| self.converted(read);
            key(verified.as_ref(), &decoded, &mut read, with, converted)
        });
        // Not before, and not for a possible replay: deliveries that anybody can send must not use up the rate of senders that sign.
        let origin = self.origin(read.parts());
        if signed.is_some() && key.is_none() {
            self.check_rate_of(origin.clone(), signed).map_err(|many| many.problem)?;
        }
        let parts = read.parts_mut();
        if let Some(origin) = &origin {
            parts.extensions.insert(origin.clone());
        }
        if place.is_some() {
            without_token(parts);
        }
        if let Some(verified) = verified {
            parts.extensions.insert(verified);
        }
        Ok(Admitted::UnderWay(match (&self.options.idempotency, key) {
            (Some(store), Some(key)) => {
                let once = Once {
                    store: store.clone(),
                    recordings: self.recordings.clone(),
                    turns: self.turns.clone(),
                    exchange: self.exchange.clone(),
                    within: self.options.respond_within,
                    after: self.options.http.retry_after,
                };
                let (inner, decoding) = (Arc::clone(self), Arc::clone(self));
                let may_come = Box::new(move || match signed {
                    Some(_) => inner.check_rate_of(origin.clone(), signed),
                    None => Ok(()),
                });
                let decode = Box::new(move |read: &ReadRequest| decoding.decode(read));
                let copy = Copy { key, read, decoded: Some(decoded), peer, decode, may_come };
                UnderWay::Once(Box::pin(once.deliver(copy)))
            }
            _ => UnderWay::Handed(self.exchange.deliver(read, decoded, peer)),
        }))
    }

    fn response(&self, settled: Settled) -> Result<Response<Bytes>, Problem> {
        let after = self.options.http.retry_after;
        match settled {
            Settled::Accepted(Some(response)) => Ok(reply(*response)),
            Settled::Accepted(None) => Ok(accepted(self.options.http.accepted)),
            Settled::Later(wait) => {
                Err(busy("the message was not processed and may be sent again", wait.unwrap_or(after)))
            }
            Settled::Rejected(problem) => Err(problem),
            _ => Err(busy("the receiver stops", after)),
        }
    }
}

/// Keeps a successful response to a token in the query out of shared caches (WEBHOOK-3.2-e).
fn marked(mut response: Response<Bytes>, place: Option<TokenPlace>) -> Response<Bytes> {
    if place == Some(TokenPlace::Query) && response.status().is_success() {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private"));
    }
    response
}

/// The result of checking a head.
enum Checked<'a> {
    /// It is a handshake.
    Answered(Response<Bytes>),
    Head(Head<'a>),
}

/// The result of checking the head and reading the body.
enum Taken<'a> {
    Answered(Response<Bytes>),
    Read(ReadBody, Head<'a>),
}

/// The results of the checks that later steps need.
struct Head<'a> {
    /// Of a validation event.
    validation: Option<&'a Subscriptions>,
    /// Where the token was.
    place: Option<TokenPlace>,
    /// The content coding of a body that is not decompressed yet.
    coding: Vec<HeaderValue>,
}

/// The result of a request that was read.
enum Admitted {
    Answered(Response<Bytes>),
    UnderWay(UnderWay),
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("options", &self.0.options)
            .field("exchange", &self.0.exchange)
            .finish_non_exhaustive()
    }
}
