//! Taking connections and serving them.

use super::exchange::{Phase, Shared, reached};
use http_body_util::Full;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};

/// Between two attempts to take a connection, when one failed (for want of file descriptors, for example).
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until draining is asked for and every connection has ended.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut phase = shared.phase.clone();
    loop {
        while connections.try_join_next().is_some() {}
        let room = connections.len() < shared.options.connections.max(1);
        tokio::select! {
            biased;
            () = reached(&mut phase, Phase::Draining) => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            taken = listener.accept(), if room => match taken {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&shared)));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let mut phase = shared.phase.clone();
    let deadline = shared.options.header_deadline;
    let service =
        service_fn(|request| async { Ok::<_, Infallible>(shared.answer(request).await.map(Full::new)) });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(deadline)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = reached(&mut phase, Phase::Draining) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
