//! The results of operations.

#[cfg(feature = "testee-webhooks")]
use crate::tagged;
use cloudevents_core::Error;
use serde_json::Value as Json;

/// The result of an operation.
pub(crate) enum Answer {
    /// The operation succeeded.
    Result(Json),
    /// The input was refused, with an event error.
    Refused(Error),
    /// The input was refused with another error: its kind and its message.
    Declined(&'static str, String),
    /// The toolkit does not support the operation.
    Unsupported(String),
}

/// Runs a future to its end, on a thread of its own because the caller may be inside of a runtime.
#[cfg(feature = "testee-webhooks")]
pub(super) fn on_a_runtime(
    future: impl Future<Output = Result<Answer, Error>> + Send,
) -> Result<Answer, Error> {
    let no_runtime = || tagged::malformed("there is no runtime for the operation");
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|_| no_runtime())?.block_on(future)
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap_or_else(|_| Err(no_runtime())))
}
