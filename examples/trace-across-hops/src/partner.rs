//! A partner with a webhook, and the sender to it.

use crate::Result;
use cloudevents_kit::{
    Receiver, Sender,
    http::serve,
    webhook::{
        guard::{SystemResolver, UrlGuard},
        handshake::{AllowedOrigins, Rate},
        receiver::{MemoryStore, Webhook, WebhookOptions},
        reqwest013::{GuardedClient, Target, WebhookSender, WebhookSenderOptions},
        signature::{StandardSigner, StandardWebhooks},
    },
};
use std::future::pending;
use tokio::net::TcpListener;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

pub(crate) struct Partner {
    pub(crate) url: String,
    /// What arrives.
    pub(crate) webhook: Receiver,
    pub(crate) to_partner: Sender,
}

pub(crate) async fn open() -> Result<Partner> {
    let options = WebhookOptions::allowing(AllowedOrigins::new(["shop.example.com"])?)
        .highest_rate(Rate::per_minute(1200)?)
        .signature(StandardWebhooks::new(SECRET)?)
        .idempotency(MemoryStore::new(1000));
    let (webhook, receiver) = Webhook::open(options)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/hook", listener.local_addr()?);
    tokio::spawn(async move {
        let respond = move |request, peer| {
            let webhook = webhook.clone();
            async move { webhook.respond(request, Some(peer)).await }
        };
        serve(listener, &Default::default(), pending(), respond).await;
    });

    // For targets of others, leave `UrlGuard::new()` as it is: https, port 443, public addresses.
    let guard = UrlGuard::new().allow_http().allow_any_port().allow_network("127.0.0.1".parse()?);
    let client = GuardedClient::new(guard, SystemResolver::new(), reqwest::Client::builder())?;
    let webhooks = WebhookSender::new(client, WebhookSenderOptions::new("shop.example.com".parse()?));
    webhooks.add(Target::new(&*url).sign(StandardSigner::new(SECRET)?))?;
    Ok(Partner { url, webhook: receiver, to_partner: webhooks.into_sender() })
}
