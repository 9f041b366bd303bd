//! Receives GitHub's webhooks as CloudEvents, as the GitHub adapter of CloudEvents has it.
//!
//! ```text
//! GITHUB_SECRET=... cargo run -p example-github-webhook
//! ```
//!
//! Put a proxy with TLS in front of it, and enter its URL and the secret in the settings of the repository. The content type has to be
//! `application/json`.

use axum::Router;
use cloudevents_kit::{
    Event,
    transport::Failure,
    webhook::{
        receiver::{MemoryStore, Webhook, WebhookOptions, github_event},
        signature::GitHub,
    },
};

type Result<T = (), E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result {
    let secret = std::env::var("GITHUB_SECRET").map_err(|_| "set GITHUB_SECRET")?;
    let (webhook, receiver) = open(&secret)?;
    let app = Router::new().route_service("/github", webhook);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    println!("listening at http://{}/github", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    receiver.run(handle).concurrency(16).await?;
    Ok(())
}

/// GitHub has no handshake and no time in its signature: the store recognises what comes again, by the id of the event, which is the digest
/// of the signed body.
fn open(secret: &str) -> Result<(Webhook, cloudevents_kit::Receiver)> {
    let options = WebhookOptions::without_handshake()
        .signature(GitHub::new(secret)?)
        .convert(github_event)
        .idempotency(MemoryStore::new(100_000));
    Ok(Webhook::open(options)?)
}

async fn handle(event: Event) -> Result<(), Failure> {
    println!("{} at {}", event.ty(), event.source().as_str());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_webhook_opens() {
        assert!(open("It's a Secret to Everybody").is_ok());
    }
}
