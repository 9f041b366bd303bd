//! When the program is asked to end.

use std::future::pending;
use tokio::signal::ctrl_c;

/// Ready when a signal requests the end of the program: Ctrl-C, and on Unix SIGTERM, which Docker, Kubernetes and systemd send.
///
/// For [`Run::until`](crate::Run::until), or an HTTP server's graceful shutdown.
///
/// From its first poll on, these signals do not end the process any more. Where signals cannot be received, it is never ready. Needs a
/// tokio runtime with its IO driver.
///
/// ```no_run
/// # async fn run(receiver: cloudevents_transport::Receiver) -> Result<(), cloudevents_core::Error> {
/// use cloudevents_core::Event;
/// use cloudevents_transport::shutdown_signal;
///
/// receiver.run(async |event: Event| println!("{}", event.id())).until(shutdown_signal()).await
/// # }
/// ```
pub async fn shutdown_signal() {
    tokio::select! {
        Ok(()) = ctrl_c() => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => _ = terminate.recv().await,
        Err(error) => {
            tracing::warn!(%error, "SIGTERM cannot be received");
            pending().await
        }
    }
}

#[cfg(not(unix))]
async fn terminated() {
    pending().await
}
