//! The state of a gate, for probes and metrics.

use super::{super::service::Service, counts::Counts};
use crate::commands::probes::Shown;
use cloudevents_kit::transport::PrometheusPage;
use std::{
    pin::Pin,
    sync::{
        Arc,
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
}

impl Shown for State {
    /// Whether a delivery that comes now has a good chance: the store answers, and the service takes connections.
    async fn is_ready(&self) -> bool {
        if self.is_stopping.load(Ordering::Relaxed) {
            return false;
        }
        let store = async {
            match &self.store {
                Some(probe) => probe().await,
                None => true,
            }
        };
        let both = async { tokio::join!(store, self.service.is_reachable()) };
        timeout(PATIENCE, both).await.is_ok_and(|(store, service)| store && service)
    }

    fn page(&self) -> PrometheusPage {
        self.counts.page()
    }
}
