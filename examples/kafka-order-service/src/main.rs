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
