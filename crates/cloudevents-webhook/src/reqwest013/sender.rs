//! The sender.

use super::{
    Changes, GuardedClient, Registered, Target, WebhookSenderOptions, clock,
    consent::{Callbacks, consent},
    delivery::{Delivery, Shared, Status, Times, disabled},
    request::Prepared,
    targets::{Admission, Entry, Targets},
};
use crate::deliver::{Reason, TargetState};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_http::MessageHeaders;
use cloudevents_transport::{
    Carries, Confirmed, InFlight, Orders, Outcome, Outgoing, Receipt, Sender, SenderCapabilities,
    binding::{OwnWait, Transmit},
};
use http::{Response, request::Parts};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, time::timeout_at};

/// A sender for one target.
///
/// Errors are those of [`WebhookSender::add`].
pub fn sender(target: Target, client: GuardedClient, options: WebhookSenderOptions) -> Result<Sender, Error> {
    let webhooks = WebhookSender::new(client, options);
    webhooks.add(target)?;
    Ok(webhooks.into_sender())
}

/// Delivers events to targets. Clones share the targets.
///
/// Before its first delivery, a target has to consent (webhook specification, 4), and deliveries keep to the rate it grants. A delivery is
/// tried again by the [`RetrySchedule`](crate::deliver::RetrySchedule), never earlier than the target requests. If it is signed, it keeps
/// its `webhook-id`. The outcome of a delivery is known when the target has it, or when it is given up. A delivery that is given up goes to
/// the [sink](WebhookSenderOptions::with_undelivered) first.
///
/// | response | next step |
/// |---|---|
/// | 2xx | delivered |
/// | 3xx | redirects are not followed: given up, unless the [`Practice`](crate::deliver::Practice) tries all but a few statuses again |
/// | 410 | given up, and the target is disabled |
/// | 401 to a token that its source can renew | tried again at once with another token, once, with any `Retry-After`: that is about the request with the token before (RFC 9110, section 15.5.2) |
/// | 401, 403, 407; 400 to a delivery with a token or signature; a handshake that is refused; no token from its source | tried again. Given up if the target so responds to the delivery within a minute after it accepted another one that was begun later |
/// | 429, 5xx, 401, 403 or 407 with `Retry-After` | tried again, not before that time; other deliveries to the target wait, too |
/// | 408, 413 or 425 with `Retry-After` | tried again, not before that time |
/// | others | by the [`Practice`](crate::deliver::Practice): tried again, or given up |
///
/// Deliveries live in memory: deliveries that wait when the process ends are lost. To have each event delivered at least once, keep the
/// events in an outbox, and send from it with a schedule without retries. With such a schedule, a delivery that was not sent is a
/// [temporary](Error::is_temporary) error. Reasons are the guard, a missing token, missing consent, or a call of
/// [`disable`](Self::disable). It uses up attempts, if these are limited.
///
/// [`Outgoing::to`] names the target. It may be omitted if there is only one target. If there are several targets and a message names none,
/// or if it names an unknown target, it is an error of kind [`Unsupported`](ErrorKind::Unsupported). The error is temporary and logged at
/// WARN.
///
/// Headers of an [`Outgoing`] become headers of the requests, except the headers that [`MessageHeaders`] leaves out: a producer sets
/// neither the target's credentials nor signatures.
///
/// An outbox with two targets:
///
/// ```no_run
/// # async fn ctrl_c() {}
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use cloudevents_core::Event;
/// use cloudevents_outbox::{Entry, Outbox, OutboxOptions, rusqlite041::SqliteStore};
/// use cloudevents_transport::Outgoing;
/// use cloudevents_webhook::{
///     deliver::RetrySchedule,
///     guard::{SystemResolver, UrlGuard},
///     reqwest013::{GuardedClient, Target, WebhookSender, WebhookSenderOptions},
/// };
/// use std::sync::Arc;
///
/// let client = GuardedClient::new(UrlGuard::new(), SystemResolver::new(), reqwest::Client::builder())?;
/// let mut options = WebhookSenderOptions::new("shop.example".parse()?);
/// options.retry = RetrySchedule::new([]); // the outbox tries again
/// let webhooks = WebhookSender::new(client, options);
/// webhooks.add(Target::new("https://billing.example/hook").named("billing"))?;
/// webhooks.add(Target::new("https://audit.example/hook").named("audit"))?;
/// let sender = webhooks.into_sender();
///
/// let outbox = Outbox::new(SqliteStore::open("outbox.db")?);
/// let event = Event::builder().id("1").source("/shop").ty("com.example.order.placed").build()?;
/// // A target of the outbox, with its order and its pauses, and the target of the sender.
/// outbox.enqueue(Entry::new("billing", Outgoing::from(&event).to("billing")).in_order()).await?;
/// outbox.enqueue(Entry::new("audit", Outgoing::from(&event).to("audit"))).await?;
///
/// let route = move |_: Arc<str>| std::future::ready(Ok(sender.clone()));
/// outbox.run(route, OutboxOptions::default()).until(ctrl_c()).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Every request goes through the guard of the client: `https`, to public addresses, without redirects or proxies.
#[derive(Clone)]
pub struct WebhookSender(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    targets: Targets,
    in_flight: InFlight,
    closed: AtomicBool,
}

impl WebhookSender {
    /// A sender without targets.
    pub fn new(client: GuardedClient, options: WebhookSenderOptions) -> Self {
        let in_flight = InFlight::new(options.in_flight);
        let shared = Arc::new(Shared {
            client,
            options,
            message_headers: MessageHeaders::default(),
            callbacks: Callbacks::default(),
        });
        Self(Arc::new(Inner { shared, targets: Targets::new(), in_flight, closed: AtomicBool::new(false) }))
    }

    /// Adds a target, or replaces the target of the same name. Its consent is requested with the first delivery, or by
    /// [`register`](Self::register).
    ///
    /// If the URL stays the same, the target's [state](Self::state), its rate and an offered callback hold. At another URL the target is
    /// active, unless the application paused or disabled it: [`resume`](Self::resume) ends that. The next attempts of deliveries under way
    /// go to the new target, with its credentials.
    ///
    /// Errors are of kind [`Refused`](ErrorKind::Refused): the guard does not allow the URL.
    pub fn add(&self, target: Target) -> Result<(), Error> {
        let client = target.client.as_ref().unwrap_or(&self.0.shared.client);
        client.guard().check(&target.url)?;
        if let Some(moved) = self.0.targets.add(target, &self.0.shared.options) {
            self.0.shared.callbacks.withdraw(&moved);
        }
        Ok(())
    }

    /// Removes a target, and gives up deliveries to it. Returns whether there was one.
    pub fn remove(&self, target: &str) -> bool {
        self.0.targets.remove(target)
    }

    /// Asks a target for consent now, unless it has given it.
    ///
    /// A target that does not agree is an error of kind [`Refused`](ErrorKind::Refused). Other errors are errors of sending. After an error
    /// for which [`is_temporary`](Error::is_temporary) holds, a later attempt may succeed.
    pub async fn register(&self, target: &str) -> Result<Registered, Error> {
        let entry = self.entry(target)?;
        entry.ask_again();
        let target = entry.target();
        consent(&entry, &target, &self.0.shared).await.map_err(|failure| {
            if !failure.is_local {
                entry.record(
                    &Admission { target, is_probe: false, number: u64::MAX },
                    failure.conclusion,
                    clock::now(),
                );
            }
            failure.error
        })
    }

    /// Responds to a request to the URL of [callbacks](WebhookSenderOptions::callback). By GET or POST, a target that was offered a
    /// callback agrees, once (webhook specification, 4.1.3). Keys that are unknown, used or expired get 404. A malformed rate gets 400.
    pub fn callback(&self, request: &Parts) -> Response<()> {
        self.0.shared.callbacks.respond(request, &self.0.shared.options)
    }

    /// Returns the state of a target. `None` if it does not exist.
    pub fn state(&self, target: &str) -> Option<TargetState> {
        self.0.targets.get(target).map(|entry| entry.state())
    }

    /// Observes the states of all targets, from now on.
    pub fn changes(&self) -> Changes {
        self.0.targets.changes()
    }

    /// Pauses a target until it is [resumed](Self::resume), or until this time. The error is of kind
    /// [`Unsupported`](ErrorKind::Unsupported): there is no such target.
    pub fn pause(&self, target: &str, until: Option<Instant>) -> Result<(), Error> {
        self.entry(target)?.update(|live| live.health.pause(until, Reason::Operator));
        Ok(())
    }

    /// Makes a target active, from any state. Errors as for [`pause`](Self::pause). An outbox before this sender has a pause of its own:
    /// resume the target there next.
    pub fn resume(&self, target: &str) -> Result<(), Error> {
        self.entry(target)?.update(|live| live.health.resume());
        Ok(())
    }

    /// Disables a target, and gives up deliveries to it. Errors as for [`pause`](Self::pause).
    pub fn disable(&self, target: &str) -> Result<(), Error> {
        self.entry(target)?.update(|live| live.health.disable(Reason::Operator));
        Ok(())
    }

    /// A [`Sender`] over this one's targets.
    pub fn into_sender(self) -> Sender {
        let WebhookSenderOptions { sender, retry, timeout, .. } = &self.0.shared.options;
        let mut options = sender.clone();
        if !retry.has_retries() {
            // So that `enqueue` ends its waits itself, as those of the sender's own.
            options.enqueue_timeout = options.enqueue_timeout.max(*timeout);
        }
        Sender::new(self).with_options(options)
    }

    fn entry(&self, target: &str) -> Result<Arc<Entry>, Error> {
        self.0.targets.get(target).ok_or_else(|| self.no_target(true))
    }

    /// The name is not repeated: it may be a URL, with a token in it.
    #[cold]
    fn no_target(&self, is_named: bool) -> Error {
        let detail = match (self.0.targets.len(), is_named) {
            (0, _) => "there is no target".to_owned(),
            (number, true) => format!("there is no such target: name one of {number} with `Outgoing::to`"),
            (number, false) => {
                format!("the message has no destination: name one of {number} targets with `Outgoing::to`")
            }
        };
        Error::new(ErrorKind::Unsupported).with_detail(detail).with_temporary(true) // it may be added later
    }
}

impl Transmit for WebhookSender {
    fn capabilities(&self) -> SenderCapabilities {
        let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted)
            .carrying(Carries::DESTINATION.and(Carries::HEADERS));
        capabilities.batches = true;
        if self.0.shared.options.per_target > 1 {
            capabilities.orders = Orders::Nothing;
        }
        capabilities
    }

    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        MessageHeaders::lost(outgoing)
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        let inner = &self.0;
        let entry = match outgoing.destination() {
            Some(name) => inner.targets.get(name),
            None => inner.targets.only(),
        };
        let entry = entry.ok_or_else(|| {
            let error = self.no_target(outgoing.destination().is_some());
            tracing::warn!(%error, "a message cannot be delivered");
            error
        })?;
        if let TargetState::Disabled(reason) = entry.state() {
            return Err(disabled(reason, &inner.shared.options.retry));
        }
        let times = Times::new(&inner.shared.options);
        let target = entry.target();
        let prepared = Prepared::new(&outgoing, &target, &inner.shared)?;
        let Ok(runtime) = Handle::try_current() else {
            return Err(Error::new(ErrorKind::Transport).with_detail("there is no tokio runtime to send on"));
        };
        // First the target's, so that a target that hangs does not take the room of others while its own is full.
        let waiting = async { [entry.room.room().await, inner.in_flight.room().await] };
        let mut places = timeout_at(times.begin.into(), waiting).await.map_err(|_| no_room())?;
        if inner.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed));
        }
        let bytes = prepared.body.len();
        let [of_target, of_all] = &mut places;
        // A single one, which may wait for another attempt for long, closes the target for no other.
        of_target.charge(bytes.min(entry.room.bounds().bytes / 2));
        of_all.charge(bytes);
        let (resolver, outcome) = Outcome::channel();
        let shared = Arc::clone(&inner.shared);
        let delivery = Delivery { shared, entry, target, prepared, outgoing, times };
        runtime.spawn(async move {
            resolver.resolve(delivery.run().await);
            drop(places);
        });
        Ok(outcome)
    }

    /// Only some responses to a delivery are about its event: see [`Sender::refuses_message`].
    fn refuses_message(&self, error: &Error) -> Option<bool> {
        let status: &Status = std::error::Error::source(error)?.downcast_ref()?;
        Some(status.is_about_event)
    }

    async fn close(&self) -> Result<(), Error> {
        self.0.closed.store(true, Ordering::Release);
        self.0.in_flight.idle().await;
        Ok(())
    }
}

#[cold]
fn no_room() -> Error {
    let detail = "so many deliveries are under way that there was no room in the time of this one";
    OwnWait::error(detail, Duration::ZERO)
}

impl fmt::Debug for WebhookSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSender")
            .field("targets", &self.0.targets)
            .field("in_flight", &self.0.in_flight)
            .finish_non_exhaustive()
    }
}
