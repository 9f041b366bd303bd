//! An order service on Kafka: charges orders, several at once and those of a customer in their order. What may go better later is
//! tried again; what never will is moved to a dead-letter topic, with the reason.
//!
//! ```text
//! cargo run -p example-kafka-order-service          # against a broker in this process, with orders of its own
//! cargo run -p example-kafka-order-service -- \
//!     'kafka://localhost:9092/orders?group=billing&dead-letter=orders.rejected'
//! ```
//!
//! Delivery is at least once: an order that was charged and not committed when the process died comes again. So the service
//! remembers, by `source` and `id`, what it has charged; a real one has that in the database that it writes the charge to.

mod service;
mod trial;

use cloudevents_kit::kafka::rdkafka039;
use service::Service;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(url) = std::env::args().nth(1) else { return trial::run().await };
    let mut receiver = rdkafka039::receiver(&url, service::options()).await?;
    let service = Service::default();
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    service.run(&mut receiver, interrupted).await?;
    println!("{}", receiver.metrics());
    Ok(())
}
