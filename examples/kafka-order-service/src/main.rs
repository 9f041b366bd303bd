//! An order service on Kafka: charges several orders at once, and those of one customer in order. Temporary
//! failures are retried; permanent ones go to a dead-letter topic, with the reason.
//!
//! ```text
//! cargo run -p example-kafka-order-service          # with a broker in this process and sample orders
//! cargo run -p example-kafka-order-service -- \
//!     'kafka://localhost:9092/orders?group=billing&dead-letter=orders.rejected'
//! ```
//!
//! Delivery is at least once: if the process dies after it charges an order and before it commits, the order
//! comes again. So the service remembers the `source` and `id` of charged orders. A real service keeps them
//! in the database that holds the charges.

mod service;
mod trial;

use cloudevents_kit::{kafka::rdkafka039, transport::shutdown_signal};
use service::Service;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(url) = std::env::args().nth(1) else { return trial::run().await };
    let receiver = rdkafka039::receiver(&url, cloudevents_kit::decoding().into()).await?;
    let service = Service::default();
    let counters = receiver.counters();
    service.run(receiver, shutdown_signal()).await?;
    println!("{}", counters.snapshot());
    Ok(())
}
