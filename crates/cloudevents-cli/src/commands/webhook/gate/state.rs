//! The state of a gate, for probes and metrics.

use super::{counts::Counts, service::Service};
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
    /// Whether the gate takes no more deliveries.
    pub(super) is_stopping: Arc<AtomicBool>,
    /// The reason of the last look, if the gate was not ready.
    pub(super) reason: Arc<Mutex<Option<String>>>,
}

impl Shown for State {
    /// Whether a delivery that comes now has a good chance: the store answers, and the service takes connections.
    async fn is_ready(&self) -> bool {
        let reason = self.unready().await;
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
        let reason = self.unready().await;
        self.counts.ready(reason.is_none());
        reason
    }

    /// The reason why the gate is not ready.
    async fn unready(&self) -> Option<String> {
        if self.is_stopping.load(Ordering::Relaxed) {
            return Some("the gate stops".to_owned());
        }
        let store = async {
            let Some(probe) = &self.store else { return None };
            match timeout(PATIENCE, probe()).await {
                Ok(Ok(true)) => None,
                Ok(Err(reason)) => Some(reason),
                Ok(Ok(false)) | Err(_) => Some("the store of accepted deliveries does not answer"),
            }
        };
        let service = async { timeout(PATIENCE, self.service.is_reachable()).await.unwrap_or_default() };
        let (store, is_reachable) = tokio::join!(store, service);
        let service = (!is_reachable).then_some("the service takes no connection");
        match (store, service) {
            (Some(store), Some(service)) => Some(format!("{store}, and {service}")),
            (store, service) => store.or(service).map(str::to_owned),
        }
    }
}
