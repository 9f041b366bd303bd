//! One delivery, from its first attempt to its end.

use super::{
    Attempt, GuardedClient, Registered, Target, Undelivered, WebhookSenderOptions, clock,
    consent::{Callbacks, consent},
    excerpt::{excerpt, reads},
    guarded::failed,
    request::{Prepared, Ready},
    targets::{Admission, CENTURY, Entry, NotAdmitted},
};
use crate::{
    deliver::{Conclusion, Reason},
    guard::Refusal,
    handshake::Origin,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_http::{MessageHeaders, refuses_message, reqwest013::beginning};
use cloudevents_transport::{
    Outgoing, Receipt, RetrySchedule,
    binding::{OwnWait, Secrets},
};
use http::{Method, StatusCode};
use std::{
    collections::VecDeque,
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio::time::timeout_at;

/// The bytes that are read of a response, so that the connection can be used again.
const DRAINED: usize = 64 << 10;
/// How long to wait for the body of a response. Its status decides the next step, which other deliveries have to know soon.
const BODY: Duration = Duration::from_secs(2);
/// The attempts that are kept.
const ATTEMPTS: usize = 16;
/// How long a token is good for that its source has given, before the source is called again.
const IN_HAND: Duration = Duration::from_secs(1);

/// The data that deliveries share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) client: GuardedClient,
    pub(super) options: WebhookSenderOptions,
    pub(super) message_headers: MessageHeaders,
    pub(super) callbacks: Callbacks,
}

/// An attempt that did not deliver.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) conclusion: Conclusion,
    pub(super) error: Error,
    pub(super) status: Option<StatusCode>,
    /// Nothing came of the target: the sender itself ended the attempt, has no token, or remembers that the target refused it.
    pub(super) is_local: bool,
    /// The token was refused, for the first time, and the next one is another: the delivery is tried again at once.
    pub(super) renewed: bool,
    /// The target had just accepted another delivery when this attempt began, after it had refused this one.
    pub(super) is_proven: bool,
}

impl Failure {
    pub(super) fn new(conclusion: Conclusion, error: Error, status: Option<StatusCode>) -> Self {
        Self { conclusion, error, status, is_local: false, renewed: false, is_proven: false }
    }

    pub(super) fn temporary(error: Error) -> Self {
        Self::new(Conclusion::Retry { not_before: None, throttled: false }, error, None)
    }

    pub(super) fn permanent(error: Error) -> Self {
        Self { is_local: true, ..Self::new(Conclusion::Refused, error, None) }
    }

    pub(super) fn refused_by_guard(refusal: Refusal) -> Self {
        Self::of_error(refusal.into())
    }

    /// There is no token, which concerns all deliveries. A wait that the token's server requests is not the target's.
    pub(super) fn without_token(error: Error) -> Self {
        let detail = format!("there is no access token: {error}");
        let failure = match error.retry_after() {
            Some(after) => {
                let retry = Conclusion::Retry { not_before: Some(after), throttled: false };
                Self::new(retry, OwnWait::error(detail, after), None)
            }
            None if error.is_temporary() => {
                Self::temporary(Error::new(error.kind()).with_detail(detail).with_source(error))
            }
            None => {
                let error = Error::new(ErrorKind::Refused).with_detail(detail).with_source(error);
                Self::new(Conclusion::Denied, error, None)
            }
        };
        Self { is_local: true, ..failure }
    }

    pub(super) fn of_error(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Refused | ErrorKind::InvalidUrl if !error.is_temporary() => Self::permanent(error),
            _ => Self::temporary(error),
        }
    }
}

/// The status of a response, as the source of its error.
#[derive(Debug)]
pub(super) struct Status {
    status: StatusCode,
    /// Whether the target refused the event, and not the sender.
    pub(super) is_about_event: bool,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the status {}", self.status)
    }
}

impl std::error::Error for Status {}

/// A delivery under way.
pub(super) struct Delivery {
    pub(super) shared: Arc<Shared>,
    pub(super) entry: Arc<Entry>,
    /// As the target was then.
    pub(super) target: Arc<Target>,
    pub(super) prepared: Prepared,
    pub(super) outgoing: Outgoing,
    pub(super) times: Times,
}

/// The limits of a delivery.
#[derive(Clone, Copy)]
pub(super) struct Times {
    /// When the program sent it.
    started: Instant,
    /// Until when a request may begin.
    pub(super) begin: Instant,
    /// When it is given up.
    pub(super) latest: Instant,
}

impl Times {
    /// The limits of a delivery that begins now.
    pub(super) fn new(options: &WebhookSenderOptions) -> Self {
        // Without retries, the owner of the delivery decides when it is tried again.
        let patience = match options.retry.has_retries() {
            true => options.retry.deadline().unwrap_or(CENTURY),
            false => options.timeout,
        };
        let started = clock::now();
        let after = |time: Duration| started.checked_add(time.min(CENTURY)).unwrap_or(started);
        let begin = match options.retry.has_retries() {
            true => patience,
            // A request with next to no time most likely arrives, and its response comes too late.
            false => patience.checked_div(2).unwrap_or_default(),
        };
        Self { started, begin: after(begin), latest: after(patience) }
    }
}

impl Delivery {
    /// Delivers, or gives the event to the sink of undelivered ones.
    pub(super) async fn run(self) -> Result<Receipt, Error> {
        let mut attempts = VecDeque::new();
        match self.deliver(&mut attempts).await {
            Ok(()) => Ok(Receipt::new().with_place(Arc::clone(&self.entry.name))),
            Err(reason) => {
                if let Some(sink) = &self.shared.options.undelivered {
                    let undelivered = Undelivered {
                        target: Arc::clone(&self.entry.name),
                        id: self.prepared.id,
                        outgoing: self.outgoing,
                        reason: reason.clone(),
                        attempts: attempts.into(),
                    };
                    sink.put(undelivered).await;
                }
                Err(reason)
            }
        }
    }

    async fn deliver(&self, attempts: &mut VecDeque<Attempt>) -> Result<(), Error> {
        let retry = &self.shared.options.retry;
        let started = self.times.started;
        let (mut attempt, mut refused, mut denied) = (0_u32, None::<Failure>, None);
        loop {
            let (at, begun) = (SystemTime::now(), clock::now());
            // A delivery that a target has refused is to be tried again with another token. An outbox would take the other error for a
            // delivery that was not sent.
            let comes_again = |refused: &Failure| match refused.conclusion {
                Conclusion::Retry { not_before: Some(after), .. } => {
                    refused.error.clone().with_retry_after(after)
                }
                _ => refused.error.clone().with_temporary(true),
            };
            let failure = match (self.attempt(denied, refused.is_none()).await, &refused) {
                (Ok(Ok(())), _) => return Ok(()),
                (Ok(Err(failure)), Some(refused))
                    if !retry.has_retries() && OwnWait::of(&failure.error).is_some() =>
                {
                    return Err(comes_again(refused));
                }
                (Ok(Err(failure)), _) => {
                    if attempts.len() >= ATTEMPTS {
                        attempts.pop_front();
                    }
                    let (status, error) = (failure.status, failure.error.clone());
                    attempts.push_back(Attempt {
                        at,
                        latency: clock::now().saturating_duration_since(begun),
                        status,
                        error,
                    });
                    if failure.renewed {
                        refused = Some(failure);
                        continue;
                    }
                    failure
                }
                (Err(_), Some(refused)) if !retry.has_retries() => return Err(comes_again(refused)),
                (Err(why), _) => return Err(given_up(why, attempts, retry)),
            };
            let Failure { conclusion, error, status, is_proven, .. } = failure;
            attempt = attempt.saturating_add(1);
            // Once the target accepts another delivery, an outbox would take the refusal of a delivery that was not sent for a refusal of
            // the event.
            let is_for_now = !retry.has_retries()
                && status.is_none()
                && matches!(error.kind(), ErrorKind::Refused | ErrorKind::InvalidUrl);
            let (not_before, throttled) = match conclusion {
                Conclusion::Retry { not_before, throttled } => (not_before, throttled),
                // Perhaps of all deliveries, until another one passes. An outbox finds out by itself.
                // Without a response to this delivery, nothing that the target accepts shows that it refuses the event.
                Conclusion::Denied if retry.has_retries() && !(is_proven && status.is_some()) => {
                    denied.get_or_insert_with(clock::now);
                    (None, false)
                }
                _ => return Err(error.with_temporary(is_for_now)),
            };
            let (elapsed, random) =
                (clock::now().saturating_duration_since(started), retry.random((&self.prepared.id, attempt)));
            let wait = |not_before| retry.wait(attempt, elapsed, not_before, random);
            let Some(longest) = wait(not_before) else {
                return Err(match not_before {
                    Some(after) if OwnWait::of(&error).is_none() => error.with_retry_after(after),
                    _ => error.with_temporary(true),
                });
            };
            // A pause that the target requested is kept for the target, so that an operator can end it for all deliveries.
            let own = if throttled { wait(None) } else { None };
            self.entry.pass(own.unwrap_or(longest)).await.map_err(|why| given_up(why, attempts, retry))?;
        }
    }

    /// Waits until an attempt may be made, and makes it. It was first `denied` at that time.
    async fn attempt(
        &self,
        denied: Option<Instant>,
        may_renew: bool,
    ) -> Result<Result<(), Failure>, NotAdmitted> {
        let Shared { options, .. } = &*self.shared;
        let Times { begin, latest, .. } = self.times;
        // The time of the attempt, without its waits.
        let mut left = options.timeout;
        let entry = &self.entry;
        let is_proven = || denied.is_some_and(|denied| entry.has_accepted_since(denied));
        let (mut turn, mut in_hand) = (None, None::<InHand>);
        loop {
            let admitted = Admitted::new(entry, entry.admitted(begin).await?);
            let grant = match entry.grant() {
                Some(grant) => grant,
                None => {
                    let asking = consent(entry, admitted.target(), &self.shared);
                    let begun = clock::now();
                    let asked = timeout_at(within(left, latest).into(), asking).await;
                    left = left.saturating_sub(clock::now().saturating_duration_since(begun));
                    match asked.unwrap_or_else(|_| Err(self.late())) {
                        Ok(Registered::Granted(grant)) => grant,
                        Ok(Registered::Pending) => continue,
                        Err(failure) => {
                            admitted.record_failure(&failure, clock::now());
                            return Ok(Err(failure));
                        }
                    }
                }
            };
            let interval = grant.rate().interval().saturating_mul(options.instances.get());
            // The state and the consent may change during these waits, which then begin again.
            if turn.is_none() && !interval.is_zero() {
                drop(admitted);
                turn = Some(entry.turn(interval, begin).await?);
                continue;
            }
            let wait = entry.wait(interval, 0, begin)?;
            if !wait.is_zero() {
                drop(admitted);
                entry.rest(wait).await;
                continue;
            }
            if clock::now() > begin {
                return Err(NotAdmitted::HeldBack(
                    "there is too little time left for a request",
                    Duration::ZERO,
                ));
            }
            // The last of the waits, before the place under the rate is taken: several that wait for it with their places would be sent at
            // once. Before the wait for the rate, the token could expire in that.
            let is_good = |in_hand: &InHand| in_hand.is_good_for(admitted.target());
            let Some(InHand { token, .. }) = in_hand.take().filter(is_good) else {
                let target = Arc::clone(admitted.target());
                drop(admitted);
                let begun = clock::now();
                match self.token(&target, within(left, latest)).await {
                    Ok(token) => in_hand = Some(InHand { target, token, since: clock::now() }),
                    Err(failure) => return Ok(Err(failure)),
                }
                left = left.saturating_sub(clock::now().saturating_duration_since(begun));
                continue;
            };
            entry.sends(interval);
            drop(turn);
            let was_accepted = is_proven();
            let begun = clock::now();
            let until = within(left, latest);
            let sent = self.exchange(admitted.target(), token, grant.origin(), until, may_renew).await;
            // Unless another delivery was refused meanwhile.
            let is_proven = was_accepted && is_proven();
            match &sent {
                Ok(()) => admitted.record(Conclusion::Delivered, begun),
                Err(failure) => admitted.record_failure(failure, begun),
            }
            return Ok(sent.map_err(|failure| Failure { is_proven, ..failure }));
        }
    }

    /// The token of an attempt. Half of its time is for the request to the target.
    async fn token(&self, target: &Target, until: Instant) -> Result<Option<Box<str>>, Failure> {
        let Some(source) = &target.token else { return Ok(None) };
        let now = clock::now();
        let wait = until.saturating_duration_since(now).checked_div(2).unwrap_or_default();
        match timeout_at(now.checked_add(wait).unwrap_or(until).into(), source.token()).await {
            Ok(token) => token.map(Some).map_err(Failure::without_token),
            Err(_) => {
                let error = Error::new(ErrorKind::Timeout).with_detail(format!("none within {wait:?}"));
                Err(Failure::without_token(error))
            }
        }
    }

    #[cold]
    fn late(&self) -> Failure {
        let detail = format!("the attempt took longer than {:?}", self.shared.options.timeout);
        Failure::temporary(Error::new(ErrorKind::Timeout).with_detail(detail))
    }

    async fn exchange(
        &self,
        target: &Arc<Target>,
        token: Option<Box<str>>,
        origin: &Origin,
        until: Instant,
        may_renew: bool,
    ) -> Result<(), Failure> {
        let options = &self.shared.options;
        let client = target.client.as_ref().unwrap_or(&self.shared.client);
        // A target that was added again may be written to in another way.
        let prepared = match Arc::ptr_eq(target, &self.target) {
            true => None,
            false => Some(Prepared::new(&self.outgoing, target, &self.shared).map_err(Failure::permanent)?),
        };
        let prepared = prepared.as_ref().unwrap_or(&self.prepared);
        let Ready { parts, url, token } = prepared.attempt(target, token, origin, SystemTime::now())?;
        let response = client
            .request(Method::POST, &url)
            .map_err(Failure::refused_by_guard)?
            .headers(parts.headers.clone())
            .body(prepared.body.clone())
            .timeout(until.saturating_duration_since(clock::now()))
            .send()
            .await
            .map_err(|error| Failure::of_error(failed(error)))?;
        let status = response.status();
        let conclusion = options.practice.conclude_status(status, response.headers(), SystemTime::now());
        if conclusion == Conclusion::Delivered {
            beginning(response, DRAINED, BODY).await;
            return Ok(());
        }
        let secrets = token.as_deref().into_iter().fold(Secrets::of_url(&url), Secrets::with);
        // Signers add headers, too.
        let secrets = parts.headers.iter().fold(secrets, |secrets, (name, value)| {
            secrets.with_header(name.as_str(), value.as_bytes(), value.is_sensitive())
        });
        let body = beginning(response, reads(&secrets), BODY).await;
        let detail = match excerpt(&body, &secrets) {
            None => format!("the target responded {status}"),
            Some(excerpt) => format!("the target responded {status}: {excerpt}"),
        };
        // Many receivers respond 400 to a token or signature that they do not accept.
        let has_credentials = target.token.is_some() || target.signer.is_some();
        let conclusion = match (conclusion, status) {
            (Conclusion::Refused, StatusCode::BAD_REQUEST) if has_credentials => Conclusion::Denied,
            (conclusion, _) => conclusion,
        };
        let is_about_event = conclusion == Conclusion::Refused && refuses_message(status);
        let status_of = Status { status, is_about_event };
        // Too large for now is about the event alone (RFC 9110, section 15.5.14).
        let is_for_now = matches!(conclusion, Conclusion::Retry { not_before: Some(_), .. });
        let kind = match is_for_now && status == StatusCode::PAYLOAD_TOO_LARGE {
            true => ErrorKind::TooLarge,
            false => ErrorKind::Refused,
        };
        let mut error = Error::new(kind).with_detail(detail).with_source(status_of);
        if status.is_redirection() {
            error = error.with_clause("WEBHOOK-2.2-c").with_help("register the URL that it redirects to");
        }
        // The source learns of it in any case.
        let renewed = status == StatusCode::UNAUTHORIZED
            && token.zip(target.token.as_ref()).is_some_and(|(token, source)| source.refused(&token))
            && may_renew;
        Err(Failure { renewed, ..Failure::new(conclusion, error, Some(status)) })
    }
}

/// The token that a target's source has given, if the target has a source.
struct InHand {
    target: Arc<Target>,
    token: Option<Box<str>>,
    since: Instant,
}

impl InHand {
    /// Whether it is this target's, and no wait came between.
    fn is_good_for(&self, target: &Arc<Target>) -> bool {
        Arc::ptr_eq(&self.target, target) && clock::now().saturating_duration_since(self.since) < IN_HAND
    }
}

/// A delivery that may be sent. If it is dropped without a result, another delivery may probe the target.
struct Admitted<'a> {
    entry: &'a Entry,
    admission: Option<Admission>,
    target: Arc<Target>,
}

impl<'a> Admitted<'a> {
    fn new(entry: &'a Entry, admission: Admission) -> Self {
        let target = Arc::clone(&admission.target);
        Self { entry, admission: Some(admission), target }
    }

    fn target(&self) -> &Arc<Target> {
        &self.target
    }

    fn record(mut self, conclusion: Conclusion, begun: Instant) {
        if let Some(admission) = self.admission.take() {
            self.entry.record(&admission, conclusion, begun);
        }
    }

    /// A token that is renewed says as little about the target as an attempt that the sender itself ended.
    fn record_failure(self, failure: &Failure, begun: Instant) {
        if !failure.is_local && !failure.renewed {
            self.record(failure.conclusion, begun);
        }
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        let Some(Admission { target, is_probe, number }) = self.admission.take() else { return };
        self.entry.ended(number);
        if is_probe {
            self.entry.update_of(&target, |live| live.health.forget());
        }
    }
}

/// The end of this time, or the latest one.
fn within(time: Duration, latest: Instant) -> Instant {
    clock::now().checked_add(time).map_or(latest, |until| until.min(latest))
}

/// The error of a delivery that is given up before another attempt. It has the error of the last attempt, if there was one.
#[cold]
fn given_up(why: NotAdmitted, attempts: &VecDeque<Attempt>, retry: &RetrySchedule) -> Error {
    let last = attempts.back().map(|attempt| attempt.error.clone());
    match why {
        NotAdmitted::Disabled(reason) => {
            let error = disabled(reason, retry);
            last.map_or(error.clone(), |last| error.with_source(last))
        }
        NotAdmitted::HeldBack(reason, wait) => {
            let last = last.map_or_else(String::new, |last| format!("; the last attempt: {last}"));
            OwnWait::error(format!("{reason}{last}"), wait)
        }
        NotAdmitted::Requested(wait) => {
            let error = Error::new(ErrorKind::Timeout)
                .with_detail("the target requested a pause beyond the deadline of the delivery")
                .with_retry_after(wait);
            last.map_or(error.clone(), |last| error.with_source(last))
        }
    }
}

#[cold]
pub(super) fn disabled(reason: Reason, retry: &RetrySchedule) -> Error {
    Error::new(ErrorKind::Refused)
        .with_detail(format!("the target is disabled: {reason}"))
        // A decision of the operator is no refusal of a message that an outbox keeps.
        .with_temporary(reason == Reason::Operator && !retry.has_retries())
        .with_help("resume the target when it takes deliveries again")
}
