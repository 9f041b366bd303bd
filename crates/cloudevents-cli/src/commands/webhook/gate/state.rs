//! The state of a gate, for probes and metrics.

use super::{super::service::Service, counts::Counts};
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
use tokio::time::timeout;

/// Asks whether a store answers.
pub(crate) type Probe = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// How long the store and the service may take to answer a probe.
const PATIENCE: Duration = Duration::from_secs(3);

/// The state of a gate. Clones are the same one.
#[derive(Clone)]
pub(super) struct State {
    pub(super) counts: Arc<Counts>,
    pub(super) service: Arc<Service>,
    /// `None`: accepted deliveries are remembered in memory.
    pub(super) store: Option<Probe>,
    /// Whether the gate takes no more deliveries.
    pub(super) is_stopping: Arc<AtomicBool>,
    /// The reason of the last look, if the gate was not ready.
    pub(super) reason: Arc<Mutex<&'static str>>,
}

impl Shown for State {
    /// Whether a delivery that comes now has a good chance: the store answers, and the service takes connections.
    async fn is_ready(&self) -> bool {
        let reason = self.unready().await;
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = reason.unwrap_or_default();
        reason.is_none()
    }

    fn reason(&self) -> Option<String> {
        let reason = *self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        (!reason.is_empty()).then(|| reason.to_owned())
    }

    fn page(&self) -> PrometheusPage {
        self.counts.page()
    }
}

impl State {
    /// The reason why the gate is not ready, which the metrics have from now on. A gate that stops is no outage.
    pub(super) async fn look(&self) -> Option<&'static str> {
        let reason = self.unready().await;
        self.counts.ready(reason.is_none());
        reason.filter(|_| !self.is_stopping.load(Ordering::Relaxed))
    }

    /// The reason why the gate is not ready.
    async fn unready(&self) -> Option<&'static str> {
        if self.is_stopping.load(Ordering::Relaxed) {
            return Some("the gate stops");
        }
        let store = async {
            match &self.store {
                Some(probe) => timeout(PATIENCE, probe()).await.unwrap_or_default(),
                None => true,
            }
        };
        let service = async { timeout(PATIENCE, self.service.is_reachable()).await.unwrap_or_default() };
        match tokio::join!(store, service) {
            (true, true) => None,
            (false, true) => Some("the store of accepted deliveries does not answer"),
            (true, false) => Some("the service takes no connection"),
            (false, false) => {
                Some("the store of accepted deliveries does not answer, and the service takes no connection")
            }
        }
    }
}
