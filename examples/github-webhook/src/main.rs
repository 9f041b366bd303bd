//! Receives GitHub's webhooks as CloudEvents, as the GitHub adapter of CloudEvents has it.
//!
//! ```text
//! GITHUB_SECRET=... cargo run -p example-github-webhook
//! ```
//!
//! Put a proxy with TLS in front of it, and enter its URL and the secret in the settings of the repository. The content type has to be
//! `application/json`.

use axum::Router;
use bytes::Bytes;
use cloudevents_kit::{
    Error, ErrorKind, Event, Payload,
    transport::Failure,
    webhook::{
        receiver::{MemoryStore, Webhook, WebhookOptions},
        signature::GitHub,
    },
};
use http::request::Parts;
use serde_json::Value;

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

/// GitHub has no handshake and no time in its signature: the store recognises what comes again.
fn open(secret: &str) -> Result<(Webhook, cloudevents_kit::Receiver)> {
    let options = WebhookOptions::without_handshake()
        .signature(GitHub::new(secret)?)
        .convert(event)
        .idempotency(MemoryStore::new(100_000));
    Ok(Webhook::open(options)?)
}

async fn handle(event: Event) -> Result<(), Failure> {
    println!("{} at {}", event.ty(), event.source().as_str());
    Ok(())
}

/// A delivery of GitHub as an event.
fn event(parts: &Parts, body: &Bytes) -> Result<Event, Error> {
    let missing = |what| Error::new(ErrorKind::InvalidData).with_detail(what);
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let id =
        header("x-github-delivery").ok_or_else(|| missing("the header `X-GitHub-Delivery` is missing"))?;
    let kind = header("x-github-event").ok_or_else(|| missing("the header `X-GitHub-Event` is missing"))?;
    let payload: Value = serde_json::from_slice(body).map_err(|_| missing("the payload is not JSON"))?;
    let source = ["repository", "organization", "sender"]
        .iter()
        .find_map(|part| payload.get(part)?.get("url")?.as_str())
        .ok_or_else(|| missing("the payload names no repository, organization or sender"))?;
    let event = Event::builder().id(id).source(source).ty(format!("com.github.{kind}"));
    Ok(event.payload("application/json", Payload::body(body.clone())).build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_an_event() {
        let (parts, ()) = http::Request::post("/github")
            .header("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
            .header("x-github-event", "issues")
            .body(())
            .unwrap()
            .into_parts();
        let body = Bytes::from(
            r#"{"action":"opened","repository":{"url":"https://api.github.com/repos/octo/repo"}}"#,
        );
        let event = event(&parts, &body).unwrap();
        assert_eq!(
            (event.ty(), event.source().as_str()),
            ("com.github.issues", "https://api.github.com/repos/octo/repo")
        );
        assert!(super::event(&parts, &Bytes::from("{}")).is_err());
        assert!(open("It's a Secret to Everybody").is_ok());
    }
}
