//! One trace over four protocols: an order comes in over HTTP, a bridge moves it to Kafka, a worker passes it to a queue of RabbitMQ, and
//! another one delivers it to a webhook. Prints the spans as a tree, and checks it.
//!
//! ```text
//! cargo run -p example-trace-across-hops          # with brokers in this process
//! cargo run -p example-trace-across-hops -- kafka://localhost:9092/orders 'rabbitmq://guest:guest@localhost:5672/?queue=orders&declare=quorum'
//! ```
//!
//! The spans stay in memory here. For a collector, give `tracing_opentelemetry::layer` a tracer that exports to it, such as that of
//! `opentelemetry-otlp`; the rest stays the same.

mod partner;
mod spans;

use cloudevents_kit::{
    Bridge,
    opentelemetry::opentelemetry033::Telemetry,
    prelude::*,
    transport::{Endpoint, bridge::BridgePolicy},
};
use cloudevents_testkit::{kafka, ports, rabbitmq};
use futures_util::TryFutureExt;
use opentelemetry::global;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use partner::Partner;
use spans::Spans;
use tokio::sync::watch;
use tracing::Instrument;

type Result<T = (), E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result {
    let mut urls = std::env::args().skip(1);
    match (urls.next(), urls.next()) {
        (Some(kafka), Some(rabbitmq)) => run(&kafka, &rabbitmq).await,
        _ => trial().await,
    }
}

async fn trial() -> Result {
    let (kafka, rabbitmq) = (kafka::Broker::start()?, rabbitmq::Broker::start()?);
    kafka.create_topic("orders", 1)?;
    let topic = format!("kafka://{}/orders", kafka.bootstrap_servers());
    run(&topic, &rabbitmq.url("queue=orders&declare=quorum")).await
}

async fn run(kafka: &str, rabbitmq: &str) -> Result {
    let spans = Spans::begin()?;
    let telemetry = Telemetry::new(TraceContextPropagator::new(), &global::meter("shop"));
    let of = telemetry.clone();
    let transports =
        cloudevents_kit::transports().with_interceptors(move |endpoint| of.interceptor(endpoint));

    // The hops. Each could be a process of its own.
    let entrance = format!("http://127.0.0.1:{}/orders", ports::free());
    let entered = transports.receiver(&entrance).await?;
    let bridge = Bridge::new(entered, transports.sender(kafka).await?, BridgePolicy::default())?;
    let orders = with(kafka, "group=shop&offset=earliest&dead-letter=orders.dead");
    let (orders, to_queue) = (transports.receiver(&orders).await?, transports.sender(rabbitmq).await?);
    let queue = transports.receiver(&with(rabbitmq, "dead-letter=orders.dead")).await?;
    let Partner { url, webhook, to_partner } = partner::open().await?;
    let endpoint = Endpoint::parse(&url)?;
    let webhook = webhook.with_interceptor(telemetry.interceptor(&endpoint));
    let to_partner = to_partner.with_interceptor(telemetry.interceptor(&endpoint));

    let (arrived, arrives) = watch::channel(false);
    let end = || {
        let mut arrives = arrives.clone();
        async move { drop(arrives.wait_for(|arrived| *arrived).await) }
    };
    let pass = async |event: Event| to_queue.send(&event).await.map(drop);
    let deliver = async |event: Event| to_partner.send(&event).await.map(drop);
    let arrive = async |_: Event| arrived.send_modify(|arrived| *arrived = true);
    let event = Event::builder().id("42").source("/shop").ty("com.example.order.placed").build()?;
    let customer = transports.sender(&entrance).await?;
    tokio::try_join!(
        customer.send(&event).instrument(tracing::info_span!("order")).map_ok(drop),
        bridge.run().until(end()),
        orders.run(pass).until(end()),
        queue.run(deliver).until(end()),
        webhook.run(arrive).until(end()),
    )?;

    println!("{spans}");
    spans.check(&[
        "order",
        "send 127.0.0.1",
        "process 127.0.0.1",
        "send orders",
        "process orders",
        "send orders",
        "process orders",
        "send 127.0.0.1",
        "process 127.0.0.1",
    ])
}

/// The URL with these options.
fn with(url: &str, options: &str) -> String {
    format!("{url}{}{options}", if url.contains('?') { '&' } else { '?' })
}

#[cfg(test)]
mod tests {
    use rdkafka::{
        ClientConfig,
        admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
        client::DefaultClientContext,
    };
    use std::env::var;

    #[tokio::test]
    async fn there_is_one_trace() {
        super::trial().await.unwrap();
    }

    #[tokio::test]
    async fn there_is_one_trace_over_real_brokers() {
        let (Ok(kafka), Ok(rabbitmq)) = (var("CE_TEST_KAFKA_URL"), var("CE_TEST_RABBITMQ_URL")) else {
            eprintln!("   SKIPPED: one trace over real brokers, whose URLs are not set");
            return;
        };
        let servers = kafka.trim_start_matches("kafka://");
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", servers).create().unwrap();
        let topics = ["orders", "orders.dead"].map(|name| NewTopic::new(name, 1, TopicReplication::Fixed(1)));
        for created in admin.create_topics(&topics, &AdminOptions::new()).await.unwrap() {
            created.unwrap();
        }
        let queues = var("CE_TEST_RABBITMQ_QUEUES").unwrap_or_else(|_| "quorum".to_owned());
        let queue = format!("{rabbitmq}?queue=orders&declare={queues}");
        super::run(&format!("{kafka}/orders"), &queue).await.unwrap();
    }
}
