//! A worker on an AMQP 1.0 queue: counts the words of several texts at once, and sends the counts to another
//! queue. A text leaves its queue only after its count has arrived, so a worker that dies loses nothing.
//!
//! ```text
//! cargo run -p example-amqp-worker          # with a broker in this process and sample texts
//! cargo run -p example-amqp-worker -- 'amqp://guest:guest@localhost:5672/texts?dead-letter=texts.rejected' \
//!     amqp://guest:guest@localhost:5672/counts
//! ```
//!
//! Start as many workers as needed: the broker gives each text to one of them.

mod trial;
mod worker;

use cloudevents_kit::{connect_receiver, connect_sender, transport::shutdown_signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(texts) = arguments.next() else { return trial::run().await };
    let counts = arguments.next().ok_or("give the URL of the queue for the counts, too")?;
    let receiver = connect_receiver(&texts).await?;
    let sender = connect_sender(&counts).await?;
    let counters = receiver.counters();
    worker::run(receiver, &sender, shutdown_signal()).await?;
    println!("{}", counters.snapshot());
    sender.close().await?;
    Ok(())
}
