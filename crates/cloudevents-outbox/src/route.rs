//! Senders by target.

use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::Sender;
use std::{collections::HashMap, sync::Arc};

/// Finds the sender for a target.
///
/// A function is one: `async |target: Arc<str>| connect(&target).await`. So is a map. The worker calls it for each attempt, so it should
/// keep senders that it has opened. A target without a sender should be a [temporary](Error::is_temporary) error: the target then
/// pauses, and another worker may know it. With any other error the message is dead.
pub trait Route: Send + Sync + 'static {
    /// Returns the sender for this target.
    fn sender(&self, target: Arc<str>) -> impl Future<Output = Result<Sender, Error>> + Send;
}

impl<F, Fut> Route for F
where
    F: Fn(Arc<str>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Sender, Error>> + Send,
{
    fn sender(&self, target: Arc<str>) -> impl Future<Output = Result<Sender, Error>> + Send {
        self(target)
    }
}

/// A target that is not in the map is an error of kind [`Unreachable`](ErrorKind::Unreachable), which is temporary.
impl Route for HashMap<String, Sender> {
    async fn sender(&self, target: Arc<str>) -> Result<Sender, Error> {
        self.get(&*target).cloned().ok_or_else(|| {
            Error::new(ErrorKind::Unreachable)
                .with_detail(format!("this worker has no sender for the target {target}"))
                .with_help("add a sender to the map, or replay to another target")
        })
    }
}
