//! How deliveries are sent.

use super::{UndeliveredSink, undelivered::Sink};
use crate::{
    deliver::{Practice, RetrySchedule},
    handshake::{Origin, Rate},
};
use cloudevents_transport::{Bounds, SenderOptions};
use std::{num::NonZeroU32, time::Duration};

/// How a [`WebhookSender`](super::WebhookSender) sends, to all of its targets.
///
/// ```
/// use cloudevents_webhook::{deliver::RetrySchedule, reqwest013::WebhookSenderOptions};
/// use std::time::Duration;
///
/// let mut options = WebhookSenderOptions::new("eventemitter.example.com".parse()?);
/// options.retry = RetrySchedule::standard_webhooks().with_deadline(Duration::from_secs(3600));
/// options.callback = Some("https://eventemitter.example.com/callback".into());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WebhookSenderOptions {
    /// Options that every protocol has. With a schedule without waits, `enqueue_timeout` is at least [`timeout`](Self::timeout).
    pub sender: SenderOptions,
    /// Who sends: the name in `WebHook-Request-Origin`, of handshakes and of deliveries.
    pub origin: Origin,
    /// When deliveries are tried again, and when they are given up. Default: [`RetrySchedule::cloudevents`].
    ///
    /// A schedule without waits makes one attempt, for an outbox that keeps deliveries itself. Then a target that is paused is an error at
    /// once.
    pub retry: RetrySchedule,
    /// The rules that decide after which responses a delivery is tried again. Default: [`Practice::CloudEvents`].
    pub practice: Practice,
    /// How long one attempt may take. Default: 30 seconds, which is less than an outbox gives an attempt.
    ///
    /// An attempt is the handshake, if consent is needed, then the token, then the request and the response. The token gets at most half of
    /// the time that is left. With a schedule without waits, the attempt also includes the waits for a permit, for the rate and for a
    /// paused target. Then no request begins in its second half.
    pub timeout: Duration,
    /// Upper bounds of deliveries that are under way or wait for another attempt, of all targets. Default: 1,024 and 64 MiB.
    ///
    /// If targets that are down have taken all of it, sends to all other targets fail until one is back, or its deliveries have reached
    /// their deadlines. With retries, that takes `messages` divided by [`per_target`](Self::per_target) targets. With large events it takes
    /// 16 or fewer. If more targets may be down at a time, send from an outbox: then the sender keeps no delivery longer than an attempt.
    pub in_flight: Bounds,
    /// Upper bound of such deliveries for each target. Default: 64. With 1, deliveries to a target keep their order. The bytes of a target
    /// have the same part of [`in_flight`](Self::in_flight) as its number of deliveries, a sixteenth at least. One delivery takes half of
    /// that part at most.
    pub per_target: usize,
    /// How many instances of this service deliver with the same origin. Each uses its share of the granted rate. Default: 1.
    pub instances: NonZeroU32,
    /// How to treat targets that do not support the handshake. Default: deliveries to them are refused.
    pub without_consent: WithoutConsent,
    /// How long consent is valid before it is requested again. Default: a day.
    pub grant_lifetime: Duration,
    /// The URL at which targets can agree later, without query. Requests to it go to
    /// [`WebhookSender::callback`](super::WebhookSender::callback). Default: none is offered.
    pub callback: Option<Box<str>>,
    /// How long a callback is good for after it was offered. Default: an hour.
    pub callback_lifetime: Duration,
    /// Failures in a row after which a target is paused, until a success. While an earlier delivery runs, the pause does not begin, for 30
    /// seconds at most. Default: 10. Has no effect with a schedule without waits: an outbox pauses targets by itself.
    pub failures: u32,
    /// The first pause after failures, which doubles. Default: 5 seconds.
    pub first_pause: Duration,
    /// The longest pause after failures. Default: 5 minutes. A wait that the target requests may be longer.
    pub longest_pause: Duration,
    pub(super) undelivered: Option<Sink>,
}

/// How to treat a target that does not support the handshake (webhook specification, 4: WEBHOOK-4-b).
///
/// If a target refuses in the handshake (401, 403, a grant for another origin), deliveries to it are refused in both cases. A delivery that
/// is refused without consent is tried again by the schedule, because the target may agree later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WithoutConsent {
    /// Deliveries to it are refused.
    #[default]
    Refuse,
    /// It gets deliveries at this rate, which should be low.
    Slow(Rate),
}

impl WebhookSenderOptions {
    /// The defaults, for this origin.
    pub fn new(origin: Origin) -> Self {
        Self {
            sender: SenderOptions::default(),
            origin,
            retry: RetrySchedule::cloudevents(),
            practice: Practice::default(),
            timeout: Duration::from_secs(30),
            in_flight: Bounds::default(),
            per_target: 64,
            instances: NonZeroU32::MIN,
            without_consent: WithoutConsent::default(),
            grant_lifetime: Duration::from_secs(24 * 3600),
            callback: None,
            callback_lifetime: Duration::from_secs(3600),
            failures: 10,
            first_pause: Duration::from_secs(5),
            longest_pause: Duration::from_secs(300),
            undelivered: None,
        }
    }

    /// Stores abandoned deliveries in this sink before their outcome is reported as an error.
    pub fn with_undelivered(mut self, sink: impl UndeliveredSink) -> Self {
        self.undelivered = Some(Sink::new(sink));
        self
    }
}
