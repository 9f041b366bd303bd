//! Counters of deliveries, and their page for Prometheus.

use cloudevents_kit::transport::PrometheusPage;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The end of a delivery that was genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The service accepted it.
    Accepted,
    /// The service refused it for good.
    Rejected,
    /// The service failed, or was away or too slow. The sender may send it again.
    Failed,
    /// The service had as many deliveries as it may.
    Busy,
    /// It had been accepted before.
    Repeated,
}

const OUTCOMES: [(Outcome, &str); 5] = [
    (Outcome::Accepted, "accepted"),
    (Outcome::Rejected, "rejected"),
    (Outcome::Failed, "failed"),
    (Outcome::Busy, "busy"),
    (Outcome::Repeated, "repeated"),
];

/// Why a request was not handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// There is no header of a signature.
    NoSignature,
    /// The signature fits none of the keys.
    WrongKey,
    /// The time of the signature is too far from now.
    Time,
    /// The signature, its time or its id is malformed, or covers too little.
    Signature,
    Token,
    Origin,
    Rate,
    /// There is nothing at its path.
    Path,
    Method,
    TooLarge,
    TooSlow,
    ContentType,
    Malformed,
    /// The delivery is being processed, or cannot be checked now.
    Unavailable,
}

const REASONS: [(Reason, &str); 14] = [
    (Reason::NoSignature, "no_signature"),
    (Reason::WrongKey, "wrong_key"),
    (Reason::Time, "time"),
    (Reason::Signature, "signature"),
    (Reason::Token, "token"),
    (Reason::Origin, "origin"),
    (Reason::Rate, "rate"),
    (Reason::Path, "path"),
    (Reason::Method, "method"),
    (Reason::TooLarge, "too_large"),
    (Reason::TooSlow, "too_slow"),
    (Reason::ContentType, "content_type"),
    (Reason::Malformed, "malformed"),
    (Reason::Unavailable, "unavailable"),
];

impl Outcome {
    /// The label of its counter, and its value.
    pub(super) fn label(self) -> (&'static str, &'static str) {
        ("outcome", named(&OUTCOMES, self))
    }
}

impl Reason {
    /// The label of its counter, and its value.
    pub(super) fn label(self) -> (&'static str, &'static str) {
        ("reason", named(&REASONS, self))
    }
}

fn named<T: PartialEq + Copy>(names: &[(T, &'static str)], value: T) -> &'static str {
    names.iter().find(|(named, _)| *named == value).map_or("", |(_, name)| name)
}

/// Counters since the start.
#[derive(Debug, Default)]
pub(super) struct Counts {
    outcomes: [AtomicU64; OUTCOMES.len()],
    reasons: [AtomicU64; REASONS.len()],
    in_flight: AtomicU64,
    bytes: AtomicU64,
    is_ready: AtomicBool,
}

impl Counts {
    pub(super) fn ended(&self, outcome: Outcome) {
        let all = OUTCOMES.iter().zip(&self.outcomes);
        all.filter(|((known, _), _)| *known == outcome).for_each(|(_, number)| add(number, 1));
    }

    pub(super) fn refused(&self, reason: Reason) {
        let all = REASONS.iter().zip(&self.reasons);
        all.filter(|((known, _), _)| *known == reason).for_each(|(_, number)| add(number, 1));
    }

    /// A delivery with a body of so many bytes is handed on.
    pub(super) fn handed_on(&self, bytes: usize) {
        add(&self.bytes, u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    pub(super) fn in_flight(&self, deliveries: usize) {
        self.in_flight.store(u64::try_from(deliveries).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether the gate was ready at the last look.
    pub(super) fn ready(&self, is_ready: bool) {
        self.is_ready.store(is_ready, Ordering::Relaxed);
    }

    pub(super) fn page(&self) -> PrometheusPage {
        let mut page = PrometheusPage::new();
        for ((_, name), number) in OUTCOMES.iter().zip(&self.outcomes) {
            let help = "Genuine deliveries, by their end.";
            page.counter("cloudevents_webhook_deliveries_total", help, &[("outcome", name)], get(number));
        }
        for ((_, name), number) in REASONS.iter().zip(&self.reasons) {
            let help = "Requests that were not handed on, by the reason.";
            page.counter("cloudevents_webhook_refused_total", help, &[("reason", name)], get(number));
        }
        let help = "Deliveries that the service has now.";
        page.gauge("cloudevents_webhook_in_flight", help, &[], get(&self.in_flight));
        let help = "Whether the store of --remember can be written, and the service takes connections.";
        page.gauge("cloudevents_webhook_ready", help, &[], self.is_ready.load(Ordering::Relaxed).into());
        let help = "Bytes of the bodies that were handed on.";
        page.counter("cloudevents_webhook_bytes_total", help, &[], get(&self.bytes));
        page
    }
}

fn add(number: &AtomicU64, more: u64) {
    number.fetch_add(more, Ordering::Relaxed);
}

fn get(number: &AtomicU64) -> u64 {
    number.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_and_each_reason_has_a_series_of_its_own() {
        let counts = Counts::default();
        OUTCOMES.iter().for_each(|(outcome, _)| counts.ended(*outcome));
        REASONS.iter().for_each(|(reason, _)| counts.refused(*reason));
        counts.handed_on(7);
        counts.in_flight(2);
        counts.ready(true);
        let page = counts.page().to_string();
        let of = |name: &str| page.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>();
        assert_eq!(of("cloudevents_webhook_deliveries_total{").len(), OUTCOMES.len());
        assert_eq!(of("cloudevents_webhook_refused_total{").len(), REASONS.len());
        let numbers = page.lines().filter(|line| line.contains('{'));
        assert!(numbers.clone().all(|line| line.ends_with(" 1")), "{page}");
        assert!(page.contains("\ncloudevents_webhook_bytes_total 7\n"), "{page}");
        assert!(page.contains("\ncloudevents_webhook_in_flight 2\n"), "{page}");
        assert!(page.contains("\ncloudevents_webhook_ready 1\n"), "{page}");
    }
}
