//! The rules of a target.

use super::{IdempotencyStore, VerifyToken, event_grid::Subscriptions, idempotency::Store, token::Tokens};
use crate::{
    deliver::Practice,
    handshake::{AllowedOrigins, Consent, Rate},
    signature::Verify,
};
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind, Event};
use cloudevents_http::HttpReceiverOptions;
use http::{StatusCode, request::Parts};
use std::{fmt, sync::Arc, time::Duration};

/// The largest body, unless the program sets another limit.
const LARGEST_BODY: usize = 1 << 20;

/// The deliveries that a [`Webhook`](super::Webhook) accepts, and how it responds.
///
/// A delivery has to prove who sends it, by an access token, a signature or both. Opening a webhook without either fails, unless
/// [`unauthenticated`](Self::unauthenticated) says that this is meant.
#[derive(Clone)]
pub struct WebhookOptions {
    /// How messages are read: limits of size and time, formats, and messages in flight. The options of connections do not apply. Default:
    /// as [`HttpReceiverOptions`], with bodies of at most 1 MiB, because anyone may send to a webhook.
    pub http: HttpReceiverOptions,
    pub(super) consent: Option<Consent>,
    pub(super) highest_rate: Rate,
    /// The bound of the queue of pending ones.
    pub(super) by_callback: Option<usize>,
    pub(super) tokens: Tokens,
    pub(super) signature: Option<Arc<dyn Verify>>,
    pub(super) unsigned_attributes: bool,
    pub(super) unsigned_content: bool,
    pub(super) unauthenticated: bool,
    pub(super) header_only: bool,
    pub(super) refuse_batches: bool,
    pub(super) idempotency: Option<Store>,
    pub(super) respond_within: Duration,
    pub(super) practice: Practice,
    pub(super) event_grid: Option<Subscriptions>,
    pub(super) convert: Option<Convert>,
}

type ConvertBy = dyn Fn(&Parts, &Bytes) -> Result<Event, Error> + Send + Sync;

/// The converter that makes events of requests that are not CloudEvents.
#[derive(Clone)]
pub(super) enum Convert {
    By(Arc<ConvertBy>),
    #[cfg(feature = "adapters")]
    Adapters(cloudevents_adapters::Adapters),
}

impl WebhookOptions {
    /// Takes part in the handshake: agrees to these senders, and accepts deliveries that name one of them in
    /// `WebHook-Request-Origin` (webhook specification, 4).
    pub fn allowing(origins: AllowedOrigins) -> Self {
        Self { consent: Some(Consent::new(origins)), ..Self::without_handshake() }
    }

    /// Takes no part in the handshake: `OPTIONS` gets 405, and deliveries need no origin. For senders that have no handshake.
    pub fn without_handshake() -> Self {
        let mut http = HttpReceiverOptions::default();
        http.receiver.decoding.limits.bytes = LARGEST_BODY;
        Self {
            http,
            consent: None,
            highest_rate: Rate::unlimited(),
            by_callback: None,
            tokens: Tokens::default(),
            signature: None,
            unsigned_attributes: false,
            unsigned_content: false,
            unauthenticated: false,
            header_only: false,
            refuse_batches: false,
            idempotency: None,
            respond_within: Duration::from_secs(15),
            practice: Practice::CloudEvents,
            event_grid: None,
            convert: None,
        }
    }

    /// Grants at most this rate to each origin, and enforces it: deliveries beyond it get 429 with `Retry-After`. Without handshake, the
    /// limit is for all senders together. Default: no limit.
    ///
    /// A burst may be as large as the rate of one minute. 1,024 origins are counted separately at a time. Further origins share one limit.
    /// If there is a signature, deliveries that come again have the same rate, apart from the rest: see [`Webhook`](super::Webhook).
    pub fn highest_rate(mut self, rate: Rate) -> Self {
        self.highest_rate = rate;
        self
    }

    /// Agrees later, by callback: validation requests get 202 without consent and wait in a queue of this many. The application takes them
    /// with [`Webhook::next_pending`](super::Webhook::next_pending). When the queue is full, they get 503. A queue of 0 holds one request.
    pub fn by_callback(mut self, queue: usize) -> Self {
        self.by_callback = Some(queue.max(1));
        self
    }

    /// Accepts deliveries with this bearer token, in the header `Authorization` or the query parameter `access_token`. May be called
    /// again: every token is valid, while senders change to a new one.
    pub fn token(mut self, token: impl Into<Box<str>>) -> Self {
        self.tokens.add(token.into());
        self
    }

    /// Accepts deliveries whose token passes this verifier.
    pub fn verify_token(mut self, verifier: impl VerifyToken) -> Self {
        self.tokens.verify_with(verifier);
        self
    }

    /// Accepts deliveries with a valid signature only.
    ///
    /// If the signature covers the body and not the attributes or the content coding of binary mode, messages in binary mode get 415.
    /// Anyone on the way could have changed their type, source or data.
    pub fn signature(mut self, verifier: impl Verify + 'static) -> Self {
        self.signature = Some(Arc::new(verifier));
        self
    }

    /// Accepts binary mode although its attributes, or its content coding, are not signed.
    pub fn unsigned_attributes(mut self) -> Self {
        self.unsigned_attributes = true;
        self
    }

    /// Accepts signatures that cover neither attributes nor body: [`WebPubSub`](crate::signature::WebPubSub)'s.
    pub fn unsigned_content(mut self) -> Self {
        self.unsigned_content = true;
        self
    }

    /// Accepts deliveries from anyone who finds the URL. For development, and behind a gateway that checks who sends.
    pub fn unauthenticated(mut self) -> Self {
        self.unauthenticated = true;
        self
    }

    /// Accepts events without a payload in binary mode, and requests without a content type. The specification does not allow them
    /// (WEBHOOK-2.1-c, WEBHOOK-2.1-d).
    pub fn header_only(mut self) -> Self {
        self.header_only = true;
        self
    }

    /// Refuses batches, with 415.
    pub fn refuse_batches(mut self) -> Self {
        self.refuse_batches = true;
        self
    }

    /// Recognises deliveries that come again. A delivery that was processed gets 2xx without coming to the handler.
    ///
    /// Deliveries are recognised by the signed id, such as `webhook-id` of Standard Webhooks, with any event. Without a signed id, they are
    /// recognised by source and id of the event if there is no signature, if the event is in binary mode, or if [`convert`](Self::convert)
    /// makes it. Batches and other signed documents are recognised by a digest of the body ([`DeliveryKey`](crate::DeliveryKey)), because
    /// headers beside them may be unsigned. A document that its sender writes anew is then another delivery. For an event that may come
    /// under several ids, use `Inbox::once(event.key(), ..)` of `cloudevents-outbox` in the handler.
    ///
    /// Message signatures (RFC 9421) are recognised by the part that the verifier names
    /// ([`identity`](crate::signature::MessageSignatures::identity)), and each signature that counts covers it.
    ///
    /// Copies of a delivery that come while it is being processed wait until it has ended: 32 at most, for the time of
    /// [`respond_within`](Self::respond_within). They also wait if another process has it. Copies of all deliveries together hold an eighth
    /// of the places and of the bytes in flight, but for the first four of each. Others get 503. If the delivery was processed, the copies
    /// that wait get the same response without the reply. Otherwise the next one is drawn by lot. Copies with headers that the handler has
    /// rejected come last. A copy whose sender has hung up is gone ([`ClientSide`](cloudevents_http::ClientSide)).
    pub fn idempotency(mut self, store: impl IdempotencyStore) -> Self {
        self.idempotency = Some(Store(Arc::new(store)));
        self
    }

    /// Responds with 503 when a message is not settled within this time, so that the sender does not wait for longer. Default: 15 seconds,
    /// which is the least that senders of Standard Webhooks wait.
    ///
    /// With an idempotency store, the settlement still counts: a delivery that the handler accepts later is not handled again. Without one,
    /// the settlement is an error of kind [`Disconnected`](ErrorKind::Disconnected).
    pub fn respond_within(mut self, limit: Duration) -> Self {
        self.respond_within = limit;
        self
    }

    /// Chooses status codes that these senders interpret correctly. If senders would retry after the status of a permanent refusal, but not
    /// after 400, the response is 400. For example, Event Grid retries after 404, 415 and 422. Default: [`Practice::CloudEvents`].
    ///
    /// If `WebHook-Request-Origin` is absent, [`Practice::EventGrid`] takes the sender of a delivery from `Origin`, because Event Grid
    /// sends it so. Releases 1.0 and 1.0.1 of the webhook specification had it, too. Events of its services also need a leniency:
    /// [`Peer::EventGrid`](cloudevents_core::Peer::EventGrid).
    pub fn senders(mut self, practice: Practice) -> Self {
        self.practice = practice;
        self
    }

    /// Receives Event Grid's own schema, of subscriptions with one of these names.
    ///
    /// The response to their validation repeats the code of the request. No request of theirs needs an origin, because Event Grid sends
    /// none with them. [`convert`](Self::convert) makes events of the requests that follow. Event Grid's subscriptions with the CloudEvents
    /// schema use the handshake and do not need it.
    ///
    /// A request needs a token as any delivery does. Event Grid does not sign.
    pub fn event_grid_validation<T: Into<Box<str>>>(
        mut self,
        subscriptions: impl IntoIterator<Item = T>,
    ) -> Self {
        self.event_grid = Some(Subscriptions::new(subscriptions));
        self
    }

    /// Makes events of requests that are not CloudEvents, such as GitHub's.
    ///
    /// An error of the function gets the response of [`Problem::of_request`](cloudevents_http::Problem::of_request): 415 if it is of kind
    /// [`NotACloudEvent`](ErrorKind::NotACloudEvent), and 400 for most others.
    ///
    /// Under a signature of the body, the headers are unsigned. If the function makes the id or the source of headers, a captured delivery
    /// with other headers is handled again, also with an idempotency store. So take both from the body. Or make the id of its
    /// [`DeliveryKey::of_body`](crate::DeliveryKey::of_body), which then identifies the delivery by itself.
    pub fn convert(
        mut self,
        convert: impl Fn(&Parts, &Bytes) -> Result<Event, Error> + Send + Sync + 'static,
    ) -> Self {
        self.convert = Some(Convert::By(Arc::new(convert)));
        self
    }

    /// Makes events of requests whose bodies are documents of other systems, by these adapters, in place of [`convert`](Self::convert).
    ///
    /// The events of a document are a batch, and settled together. A body that no adapter fits gets 415, and a body that an adapter cannot
    /// convert gets 400.
    ///
    /// Under a signature, adapters see no headers, because it may not cover them. Then values that adapters take from headers otherwise
    /// come from the body, such as the id of a delivery of GitLab.
    ///
    /// ```
    /// use cloudevents_adapters::Adapters;
    /// use cloudevents_webhook::receiver::WebhookOptions;
    ///
    /// let gitlab = Adapters::known().only("gitlab").unwrap();
    /// let options = WebhookOptions::without_handshake().token("a long random token").adapters(gitlab);
    /// ```
    #[cfg(feature = "adapters")]
    pub fn adapters(mut self, adapters: cloudevents_adapters::Adapters) -> Self {
        self.convert = Some(Convert::Adapters(adapters));
        self
    }

    /// Whether the options make sense together.
    pub(super) fn check(&self) -> Result<(), Error> {
        let wrong = |detail: &'static str, help: &'static str| {
            Err(Error::new(ErrorKind::Unsupported).with_detail(detail).with_help(help))
        };
        if self.tokens.is_empty() && self.signature.is_none() && !self.unauthenticated {
            return wrong(
                "the webhook has neither a token nor a signature to check",
                "add `token`, `verify_token` or `signature`; `unauthenticated()` accepts deliveries from anyone",
            );
        }
        if self.tokens.has_empty() {
            return wrong("an access token is empty", "use 32 random bytes, in base64 or hexadecimal digits");
        }
        if !matches!(self.http.accepted, StatusCode::CREATED | StatusCode::ACCEPTED | StatusCode::NO_CONTENT)
        {
            return wrong(
                "the status of acceptance is not 201, 202 or 204",
                "see WEBHOOK-2.2-f and WEBHOOK-2.2-g",
            );
        }
        if self.by_callback.is_some() && self.consent.is_none() {
            return wrong("there is no consent by callback without the handshake", "use `allowing`");
        }
        Ok(())
    }
}

/// Shows no secrets.
impl fmt::Debug for WebhookOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookOptions")
            .field("http", &self.http)
            .field("consent", &self.consent)
            .field("tokens", &self.tokens)
            .field("signature", &self.signature.is_some())
            .field("unsigned_attributes", &self.unsigned_attributes)
            .field("unauthenticated", &self.unauthenticated)
            .field("idempotency", &self.idempotency)
            .field("respond_within", &self.respond_within)
            .field("practice", &self.practice)
            .finish_non_exhaustive()
    }
}
