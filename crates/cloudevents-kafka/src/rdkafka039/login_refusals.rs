//! Why there is no connection, and for how long the login has been refused.

use super::{failure::failed, repeated_errors::RepeatedErrors};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::binding::connect::Backoff;
use rdkafka::{
    ClientContext,
    client::Client,
    error::{KafkaError, RDKafkaErrorCode},
};
use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How long to wait for the first response before checking the client's reports.
const TURN: Duration = Duration::from_millis(100);

/// How many events are served before the reported errors are checked.
const SERVED: usize = 64;

/// After this long without a report, the login is no longer refused. librdkafka tries every 10 seconds, and reports
/// the same error of a broker every 30 seconds.
const OVER: Duration = Duration::from_secs(120);

/// The errors that a client reports about its connections. A metadata request to librdkafka only fails with a
/// timeout.
#[derive(Default)]
pub(super) struct Refusals {
    heard: Mutex<Heard>,
    /// Whether there is a run of refusals. Lets each message check it cheaply.
    running: AtomicBool,
}

#[derive(Default)]
struct Heard {
    logged: RepeatedErrors,
    /// The last refusal of a user or a certificate.
    refused: Option<(KafkaError, String)>,
    /// Why the last connection failed. The reason contains host and port.
    unreachable: Option<(KafkaError, String)>,
    /// Whether all brokers are unreachable.
    all_down: bool,
    /// The refusals since the client last showed that it is logged in.
    run: Option<Run>,
}

struct Run {
    first: Instant,
    last: Instant,
    error: KafkaError,
    reason: String,
}

/// Whether a broker refuses the user, the password or the token.
pub(super) fn is_login(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(error.rdkafka_error_code(), Some(Code::Authentication | Code::SaslAuthenticationFailed))
}

impl Refusals {
    /// Whether an error of a client is logged as a warning ([`RepeatedErrors::is_news`]).
    pub(super) fn is_news(&self, error: &KafkaError, reason: &str) -> bool {
        self.heard().logged.is_news(error, reason, Instant::now())
    }

    /// Records errors that concern connecting. The reason is librdkafka's and contains neither passwords nor tokens.
    pub(super) fn hear(&self, error: &KafkaError, reason: &str) {
        use RDKafkaErrorCode as Code;
        let mut heard = self.heard();
        let this = || Some((error.clone(), reason.to_owned()));
        match error.rdkafka_error_code() {
            Some(Code::Authentication | Code::SaslAuthenticationFailed) => {
                heard.refused = this();
                heard.extend(error, reason, Instant::now());
                self.running.store(true, Ordering::Release);
            }
            Some(Code::SSL) => heard.refused = this(),
            Some(Code::BrokerTransportFailure | Code::Resolve) => heard.unreachable = this(),
            Some(Code::AllBrokersDown) => heard.all_down = true,
            _ => {}
        }
    }

    /// A message shows that the client is logged in.
    pub(super) fn logged_in(&self) {
        if self.running.load(Ordering::Relaxed) && self.running.swap(false, Ordering::AcqRel) {
            self.heard().run = None;
        }
    }

    /// Returns the refusal, once the login has been refused for as long as other bindings try again
    /// ([`Backoff::refused`]).
    pub(super) fn are_final(&self) -> Option<Error> {
        self.heard().over(Instant::now(), Backoff::default().refused)
    }

    /// Adds to the error of a message that was not delivered in time that the login is refused.
    pub(super) fn explain(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::Timeout || !self.running.load(Ordering::Acquire) {
            return error;
        }
        if let Some(refused) = self.are_final() {
            return refused;
        }
        match &self.heard().run {
            Some(run) => error.with_detail(format!("the login is refused: {}", run.reason)),
            None => error,
        }
    }

    /// Waits until a broker has responded with metadata for this topic, or for the cluster. Fails at once,
    /// with host and port, when every host refuses the connection, or a broker refuses the user.
    ///
    /// Blocks, and calls `serve` regularly so that the client reports its events.
    pub(super) fn connected<C: ClientContext>(
        &self,
        client: &Client<C>,
        topic: Option<&str>,
        limit: Duration,
        serve: impl Fn(),
    ) -> Result<(), Error> {
        let begun = Instant::now();
        let mut turn = TURN;
        loop {
            let left = limit.saturating_sub(begun.elapsed());
            let Err(error) = client.fetch_metadata(topic, turn.min(left)) else { return Ok(()) };
            for _ in 0..SERVED {
                serve();
            }
            let mut heard = self.heard();
            let decided = heard.refused.is_some() || (heard.all_down && heard.unreachable.is_some());
            if decided || left <= turn {
                let reason = heard.refused.take().or_else(|| heard.unreachable.take());
                return Err(perhaps_tls(match reason {
                    Some((error, reason)) => failed(error).with_detail(reason),
                    None => failed(error),
                }));
            }
            drop(heard);
            // Longer each time, for brokers that respond slowly.
            turn = turn.saturating_mul(2);
        }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds advice to an error of a connection that was made, and then closed: librdkafka does not say what it found there.
fn perhaps_tls(error: Error) -> Error {
    let is_closed = error.kind() == ErrorKind::Disconnected
        && error.help().is_none()
        && !["Connect to", "resolve"].iter().any(|words| error.detail().contains(words));
    if !is_closed {
        return error;
    }
    error.with_help("check that the port speaks Kafka: one that speaks TLS needs the option `tls`, and another one must not have it")
}

impl Heard {
    fn extend(&mut self, error: &KafkaError, reason: &str, now: Instant) {
        let run = self.run.take().filter(|run| now.saturating_duration_since(run.last) < OVER);
        let first = run.map_or(now, |run| run.first);
        self.run = Some(Run { first, last: now, error: error.clone(), reason: reason.to_owned() });
    }

    fn over(&self, now: Instant, limit: Duration) -> Option<Error> {
        let run = self.run.as_ref()?;
        let lasts = now.saturating_duration_since(run.last) < OVER;
        (lasts && run.last.saturating_duration_since(run.first) >= limit)
            .then(|| failed(run.error.clone()).with_detail(run.reason.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(300);

    fn refused() -> KafkaError {
        KafkaError::Global(RDKafkaErrorCode::Authentication)
    }

    /// Hears a refusal in each of these seconds.
    fn heard_at(begun: Instant, seconds: &[u64]) -> Heard {
        let mut heard = Heard::default();
        for second in seconds {
            heard.extend(&refused(), "token expired", begun + Duration::from_secs(*second));
        }
        heard
    }

    #[test]
    fn a_login_that_is_refused_for_five_minutes_is_refused_in_the_end() {
        let begun = Instant::now();
        let at = |second| begun + Duration::from_secs(second);
        let temporary = heard_at(begun, &[0, 100, 200, 299]);
        assert!(temporary.over(at(299), LIMIT).is_none());
        let lasting = heard_at(begun, &[0, 100, 200, 300]);
        let error = lasting.over(at(301), LIMIT).unwrap();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("token expired"), "{error}");
        // Long after the last report, it is not refused any more.
        assert!(lasting.over(at(300 + 121), LIMIT).is_none());
    }

    #[test]
    fn refusals_far_apart_do_not_add_up() {
        let begun = Instant::now();
        let heard = heard_at(begun, &[0, 100, 221, 330]);
        assert!(heard.over(begun + Duration::from_secs(331), LIMIT).is_none());
    }

    #[test]
    fn a_message_ends_the_refusals() {
        let refusals = Refusals::default();
        refusals.hear(&refused(), "token expired");
        let late = || Error::new(ErrorKind::Timeout);
        let explained = refusals.explain(late());
        assert_eq!(explained.kind(), ErrorKind::Timeout);
        assert!(explained.to_string().contains("the login is refused: token expired"), "{explained}");
        refusals.logged_in();
        assert!(!refusals.explain(late()).to_string().contains("refused"));
        assert!(refusals.heard().run.is_none());
    }
}
