//! A service that registers at a webhook and delivers signed events. Here the target is in the same process.
//!
//! ```text
//! cargo run -p example-webhook-sender
//! ```

use cloudevents_kit::{
    Event,
    http::serve,
    webhook::{
        guard::{SystemResolver, UrlGuard},
        handshake::{AllowedOrigins, Rate},
        receiver::{MemoryStore, Webhook, WebhookOptions},
        reqwest013::{GuardedClient, Registered, Target, WebhookSender, WebhookSenderOptions},
        signature::{StandardSigner, StandardWebhooks},
    },
};
use std::future::pending;
use tokio::net::TcpListener;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

type Result<T = (), E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result {
    let url = target().await?;

    // For targets of others, leave `UrlGuard::new()` as it is: https, port 443, public addresses.
    let guard = UrlGuard::new().allow_http().allow_any_port().allow_network("127.0.0.1".parse()?);
    let client = GuardedClient::new(guard, SystemResolver::new(), reqwest::Client::builder())?;
    let webhooks = WebhookSender::new(client, WebhookSenderOptions::new("orders.example.com".parse()?));
    let target =
        Target::new(url).named("partner").rate(Rate::per_minute(6000)?).sign(StandardSigner::new(SECRET)?);
    webhooks.add(target)?;
    if let Registered::Granted(grant) = webhooks.register("partner").await? {
        println!("the target agreed to {} deliveries a minute", grant.rate());
    }

    let sender = webhooks.into_sender();
    for number in 1..=3 {
        let event = Event::builder().id(number.to_string()).source("/orders").ty("com.example.order.placed");
        sender.send(&event.text("an order").build()?).await?;
    }
    sender.close().await?;
    println!("{}", sender.metrics());
    Ok(())
}

/// A target that agrees to this sender, and prints what it delivers.
async fn target() -> Result<String> {
    let options = WebhookOptions::allowing(AllowedOrigins::new(["orders.example.com"])?)
        .highest_rate(Rate::per_minute(3000)?)
        .signature(StandardWebhooks::new(SECRET)?)
        .idempotency(MemoryStore::new(1000));
    let (webhook, mut receiver) = Webhook::open(options)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/hook", listener.local_addr()?);
    tokio::spawn(async move {
        let respond = move |request, peer| {
            let webhook = webhook.clone();
            async move { webhook.respond(request, Some(peer)).await }
        };
        serve(listener, &Default::default(), pending(), respond).await;
    });
    tokio::spawn(async move {
        while let Ok(Some(delivery)) = receiver.next().await {
            if let Ok(event) = delivery.event() {
                println!("received {} {}", event.ty(), event.id());
            }
            let _ = delivery.accept().await;
        }
    });
    Ok(url)
}
