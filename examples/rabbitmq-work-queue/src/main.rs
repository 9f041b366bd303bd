//! A worker on a RabbitMQ queue: resizes pictures, several at once. A job that fails for now waits in a queue at
//! the broker and comes again; one that fails for good goes to the queue of dead letters, with the reason.
//!
//! ```text
//! cargo run -p example-rabbitmq-work-queue          # with a broker in this process and sample jobs
//! cargo run -p example-rabbitmq-work-queue -- \
//!     'rabbitmq://guest:guest@localhost:5672/?queue=pictures&declare=quorum&dead-letter=pictures.dead'
//! ```
//!
//! Start as many workers as needed: the broker gives each job to one of them. A worker that dies loses nothing.

mod trial;
mod worker;

use cloudevents_kit::connect_receiver;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(jobs) = std::env::args().nth(1) else { return trial::run().await };
    let receiver = connect_receiver(&jobs).await?;
    worker::run(receiver, cloudevents_kit::transport::shutdown_signal()).await?;
    Ok(())
}
