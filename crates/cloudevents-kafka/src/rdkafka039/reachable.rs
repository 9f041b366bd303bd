//! Whether any broker accepts a connection. librdkafka tries for long before it reports anything.

use super::urls::URLS;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Endpoint, Side};
use std::time::Duration;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

/// Opens a client, but fails as soon as every broker of the URL has refused a connection, or none has answered in this time.
pub(super) async fn unless_refused<T>(
    endpoint: &Endpoint,
    within: Duration,
    open: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let refused = async {
        match refusal(endpoint, within).await {
            Some(error) => error,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        // The client knows more about its mistakes.
        biased;
        opened = open => opened,
        error = refused => Err(error),
    }
}

/// Connects to all brokers of the URL. Returns an error if none accepts.
async fn refusal(endpoint: &Endpoint, within: Duration) -> Option<Error> {
    let port = URLS.check(endpoint, Side::Both).ok()?.port;
    let mut attempts = JoinSet::new();
    for host in endpoint.hosts_with(port).ok()? {
        attempts.spawn(async move {
            match timeout(within, TcpStream::connect((host.name(), host.port().unwrap_or(port)))).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(format!("{host}: {error}")),
                Err(_) => Err(format!("{host}: no answer in {} seconds", within.as_secs())),
            }
        });
    }
    let mut refused = Vec::new();
    while let Some(attempt) = attempts.join_next().await {
        match attempt {
            Ok(Err(error)) => refused.push(error),
            // Another broker may be down. The client handles that.
            Ok(Ok(())) | Err(_) => return None,
        }
    }
    refused.sort();
    let brokers = match refused.len() {
        0 => return None,
        1 => "the broker does",
        _ => "the brokers do",
    };
    let detail = format!("{brokers} not accept connections: {}", refused.join(", "));
    Some(Error::new(ErrorKind::Disconnected).with_detail(detail))
}
