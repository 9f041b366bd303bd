//! Events of a shop, delivered to the webhooks of its partners from an outbox in Postgres. Two workers share the outbox, as two processes
//! of a service would: the database says who sends what, and what a target requests holds for both.
//!
//! ```text
//! .ci/brokers/postgres cargo run -p example-outbox-webhooks     # to a target in this process, with a check
//! ```

use cloudevents_kit::{
    Event, Sender,
    http::serve,
    outbox::{Entry, Outbox, OutboxOptions, tokio_postgres07::PostgresStore},
    webhook::{
        deliver::RetrySchedule,
        guard::{SystemResolver, UrlGuard},
        handshake::{AllowedOrigins, Rate},
        receiver::{MemoryStore, Webhook, WebhookOptions},
        reqwest013::{GuardedClient, Target, WebhookSender, WebhookSenderOptions},
        signature::{StandardSigner, StandardWebhooks},
    },
};
use std::{collections::HashMap, future::pending, num::NonZeroU32, time::Duration};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_postgres::NoTls;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The name of the target, in the outbox and of the sender.
const PARTNER: &str = "partner";

type Result<T = (), E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result {
    let database = std::env::args().nth(1).or(std::env::var("CE_TEST_POSTGRES_URL").ok());
    let Some(database) = database else {
        println!("SKIPPED: give the URL of a database; .ci/brokers/postgres starts a server");
        return Ok(());
    };
    let (url, mut received) = target().await?;
    let outbox = Outbox::new(PostgresStore::connect(database.parse()?, NoTls).await?);
    let run = std::process::id();
    for number in 1..=20 {
        let event =
            Event::builder().id(format!("{run}-{number}")).source("/orders").ty("com.example.order.placed");
        outbox.enqueue(Entry::new(PARTNER, event.text("an order").build()?)).await?;
    }

    // In a service, each worker is a process with an outbox of its own over the same database.
    let (one, two) = (outbox.clone(), Outbox::new(PostgresStore::connect(database.parse()?, NoTls).await?));
    let done = async || {
        while outbox.counts().await.map_or(1, |counts| counts.pending) > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let first = one.run(HashMap::from([(PARTNER.to_owned(), worker(&url)?)]), OutboxOptions::default());
    let second = two.run(HashMap::from([(PARTNER.to_owned(), worker(&url)?)]), OutboxOptions::default());
    let (first, second) = tokio::join!(first.until(done()), second.until(done()));
    first.and(second)?;
    println!("one: {}; two: {}", one.metrics(), two.metrics());

    let mut ids = Vec::new();
    while let Ok(id) = received.try_recv() {
        ids.extend(id.starts_with(&format!("{run}-")).then_some(id));
    }
    ids.sort();
    ids.dedup();
    if ids.len() != 20 {
        return Err(format!("the target has {} of 20 events", ids.len()).into());
    }
    println!("the target has all 20 events");
    Ok(())
}

/// What a worker sends with. The outbox has the retries and the pauses, so the sender makes one attempt; and each of two keeps to half of
/// the rate that the target grants.
fn worker(url: &str) -> Result<Sender> {
    // For targets of others, leave `UrlGuard::new()` as it is: https, port 443, public addresses.
    let guard = UrlGuard::new().allow_http().allow_any_port().allow_network("127.0.0.1".parse()?);
    let client = GuardedClient::new(guard, SystemResolver::new(), reqwest::Client::builder())?;
    let mut options = WebhookSenderOptions::new("orders.example.com".parse()?);
    options.retry = RetrySchedule::new([]);
    options.instances = NonZeroU32::MIN.saturating_add(1);
    let webhooks = WebhookSender::new(client, options);
    webhooks.add(Target::new(url).named(PARTNER).sign(StandardSigner::new(SECRET)?))?;
    Ok(webhooks.into_sender())
}

/// A target that agrees to this sender. Returns its URL, and the ids that it accepts.
async fn target() -> Result<(String, mpsc::UnboundedReceiver<String>)> {
    let options = WebhookOptions::allowing(AllowedOrigins::new(["orders.example.com"])?)
        .highest_rate(Rate::per_minute(1200)?)
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
    let (accepted, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok(Some(delivery)) = receiver.next().await {
            if let Ok(event) = delivery.event() {
                let _ = accepted.send(event.id().to_owned());
            }
            let _ = delivery.accept().await;
        }
    });
    Ok((url, received))
}
