//! The state of a gate, for probes and metrics.

use super::{
    counts::Counts,
    readiness::{Part, Readiness},
    service::Service,
};
use crate::commands::probes::Shown;
use cloudevents_kit::transport::PrometheusPage;
use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, timeout};

/// Asks whether a store answers. An error is another reason why it takes no delivery.
pub(crate) type Probe =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<bool, &'static str>> + Send>> + Send + Sync>;

/// How long the store and the service may take to answer a probe.
const PATIENCE: Duration = Duration::from_secs(3);

/// The state of a gate. Clones are the same one.
#[derive(Clone)]
pub(super) struct State {
    pub(super) counts: Arc<Counts>,
    pub(super) service: Arc<Service>,
    /// `None`: accepted deliveries are remembered in memory.
    pub(super) store: Option<Probe>,
    pub(super) readiness: Arc<Readiness>,
    /// Whether the gate takes no more deliveries.
    pub(super) is_stopping: Arc<AtomicBool>,
    /// The reason of the last look, if the gate was not ready.
    pub(super) reason: Arc<Mutex<Option<String>>>,
}

impl Shown for State {
    /// Whether a delivery that comes now has a good chance: the store answers, and the service takes connections.
    async fn is_ready(&self) -> bool {
        let reason = self.unready().await.reason();
        let is_ready = reason.is_none();
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = reason;
        is_ready
    }

    fn reason(&self) -> Option<String> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn page(&self) -> PrometheusPage {
        self.counts.page()
    }
}

impl State {
    /// The reason why the gate is not ready, which the metrics have from now on.
    pub(super) async fn look(&self) -> Option<String> {
        let unready = self.unready().await;
        self.readiness.looked(unready.store.is_some(), unready.service.is_some());
        let reason = unready.reason();
        self.counts.ready(reason.is_none());
        reason
    }

    /// Waits until deliveries have found the gate ready after a look that did not. The metrics have it from then on.
    pub(super) async fn found_ready(&self) {
        self.readiness.back().await;
        self.counts.ready(true);
    }

    /// The reasons why the gate is not ready. A part that a delivery uses with success meanwhile is not away.
    async fn unready(&self) -> Unready {
        if self.is_stopping.load(Ordering::Relaxed) {
            return Unready { gate: Some("the gate stops"), ..Unready::default() };
        }
        let begin = Instant::now();
        let store = away(self.store.as_ref());
        let service = async { timeout(PATIENCE, self.service.is_reachable()).await.unwrap_or_default() };
        let (store, is_reachable) = tokio::join!(store, service);
        let service = (!is_reachable).then_some("the service takes no connection");
        Unready {
            gate: None,
            store: store.filter(|_| !self.readiness.is_used_since(Part::Store, begin)),
            service: service.filter(|_| !self.readiness.is_used_since(Part::Service, begin)),
        }
    }
}

/// The reason why the store takes no delivery. A store that does not answer within [`PATIENCE`] takes none.
async fn away(store: Option<&Probe>) -> Option<&'static str> {
    match timeout(PATIENCE, store?()).await {
        Ok(Ok(true)) => None,
        Ok(Err(reason)) => Some(reason),
        Ok(Ok(false)) | Err(_) => Some("the store of accepted deliveries does not answer"),
    }
}

/// The reasons of each part.
#[derive(Default)]
struct Unready {
    gate: Option<&'static str>,
    store: Option<&'static str>,
    service: Option<&'static str>,
}

impl Unready {
    fn reason(&self) -> Option<String> {
        let reasons: Vec<_> = [self.gate, self.store, self.service].into_iter().flatten().collect();
        (!reasons.is_empty()).then(|| reasons.join(", and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    /// A store that answers after this time.
    fn store(after: Duration, answer: Result<bool, &'static str>) -> Probe {
        Arc::new(move || {
            Box::pin(async move {
                sleep(after).await;
                answer
            })
        })
    }

    /// The page has three seconds.
    #[tokio::test(start_paused = true)]
    async fn a_store_that_does_not_answer_in_time_makes_the_gate_not_ready() {
        const SILENT: &str = "the store of accepted deliveries does not answer";
        for (millis, answer, reason) in [
            (0, Ok(true), None),
            (2_990, Ok(true), None),
            (3_010, Ok(true), Some(SILENT)),
            (3_600_000, Ok(true), Some(SILENT)),
            (0, Ok(false), Some(SILENT)),
            (0, Err("it was replaced"), Some("it was replaced")),
        ] {
            let (begin, store) = (Instant::now(), store(Duration::from_millis(millis), answer));
            let unready = Unready { store: away(Some(&store)).await, ..Unready::default() };
            assert_eq!(unready.reason().as_deref(), reason, "{millis} ms");
            assert!(begin.elapsed() <= Duration::from_millis(3_010), "{millis} ms");
        }
        assert_eq!(away(None).await, None);
    }
}
