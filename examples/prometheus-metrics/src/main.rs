//! Consumes a Kafka topic and serves metrics to Prometheus: messages received, accepted, retried, rejected
//! and in flight, and the lag of each partition.
//!
//! ```text
//! cargo run -p example-prometheus-metrics          # with a broker in this process and sample events
//! cargo run -p example-prometheus-metrics -- \
//!     'kafka://localhost:9092/orders?group=billing&dead-letter=orders.rejected&statistics=1s'
//! curl http://127.0.0.1:9464/metrics
//! ```

use axum::{Router, http::header::CONTENT_TYPE, routing::get};
use cloudevents_kit::{
    kafka::rdkafka039::{KafkaControl, controlled, sender},
    prelude::*,
    transport::{Counters, InFlight, OrderBy, PrometheusPage},
};
use cloudevents_testkit::kafka::Broker;
use std::{sync::Arc, time::Duration};
use tokio::net::TcpListener;

/// A port that Prometheus reserves for exporters of this kind.
const ADDRESS: &str = "127.0.0.1:9464";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(url) = std::env::args().nth(1) else { return trial().await };
    serve(&url, TcpListener::bind(ADDRESS).await?, cloudevents_kit::transport::shutdown_signal()).await
}

/// Consumes and serves the metrics until the shutdown.
async fn serve(
    url: &str,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Box<dyn std::error::Error>> {
    let (receiver, control) = controlled(url, cloudevents_kit::decoding().into()).await?;
    let (counters, in_flight) = (receiver.counters(), receiver.in_flight().clone());
    let metrics = move || {
        let page = page(&counters, &in_flight, &control);
        async move { ([(CONTENT_TYPE, PrometheusPage::CONTENT_TYPE)], page.to_string()) }
    };
    println!("metrics at http://{}/metrics", listener.local_addr()?);
    let server =
        tokio::spawn(axum::serve(listener, Router::new().route("/metrics", get(metrics))).into_future());
    let handle = async |event: Event| println!("{} from {}", event.ty(), event.source());
    receiver.run(handle).in_order(OrderBy::Partition).until(shutdown).await?;
    server.abort();
    Ok(())
}

fn page(counters: &Arc<Counters>, in_flight: &InFlight, control: &KafkaControl) -> PrometheusPage {
    let labels = [("address", "orders")];
    let mut page = PrometheusPage::new();
    page.metrics(&labels, counters.snapshot());
    let held = in_flight.used();
    let help = "Messages that are delivered and not settled.";
    page.gauge("cloudevents_in_flight_messages", help, &labels, held.messages as u64);
    page.gauge("cloudevents_in_flight_bytes", "Bytes of these messages.", &labels, held.bytes as u64);
    for (partition, lag) in control.lag().unwrap_or_default() {
        let number = partition.number().to_string();
        let labels = [("topic", partition.topic()), ("partition", &*number)];
        page.gauge("cloudevents_kafka_lag", "Records that are not settled.", &labels, lag);
    }
    page
}

/// Sends ten events to a broker in this process, consumes them, and reads the metrics as Prometheus would.
async fn trial() -> Result<(), Box<dyn std::error::Error>> {
    let broker = Broker::start()?;
    broker.create_topic("orders", 1)?;
    let address = format!("kafka://{}/orders", broker.bootstrap_servers());
    let sender = sender(&address, Default::default()).await?;
    for number in 0..10 {
        let event = Event::builder().id(number.to_string()).source("/shop").ty("com.example.order.placed");
        sender.send(&event.build()?).await?;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let url = format!("{address}?group=billing&reject=drop&statistics=100ms");
    let seen = async {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let page = get_metrics(port).await.unwrap_or_default();
            let has = |line: &str| page.lines().any(|known| known == line);
            if has("cloudevents_accepted_total{address=\"orders\"} 10")
                && has("cloudevents_kafka_lag{topic=\"orders\",partition=\"0\"} 0")
            {
                println!("{page}");
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), serve(&url, listener, seen)).await?
}

/// Requests the metrics over a plain socket, so that the example needs no HTTP client.
async fn get_metrics(port: u16) -> std::io::Result<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
