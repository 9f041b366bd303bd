//! Runs the worker with a broker in this process and sample jobs.

use crate::worker;
use cloudevents_kit::{connect_receiver, connect_sender, prelude::*};
use cloudevents_testkit::rabbitmq::Broker;
use std::error::Error;

/// Puts jobs into a queue, processes them, and checks the broker's state.
pub(crate) async fn run() -> Result<(), Box<dyn Error>> {
    let broker = Broker::start()?;
    let url = broker.url("queue=pictures&declare=quorum");
    println!("a broker at {url}");

    let sender = connect_sender(&url).await?;
    for number in 0..20 {
        let size = if number % 5 == 0 { "large" } else { "small" };
        let ty = format!("com.example.picture.{size}");
        sender.send(&Event::builder().id(number.to_string()).source("/camera").ty(ty).build()?).await?;
    }
    sender.send(&Event::builder().id("20").source("/camera").ty("com.example.film").build()?).await?;
    let jobs = broker.queue("pictures");
    jobs.put(b"no event at all");
    sender.close().await?;

    let receiver = connect_receiver(&format!("{url}&dead-letter=pictures.dead")).await?;
    let dead = broker.queue("pictures.dead"); // declared by the receiver
    let done = async {
        dead.until(|dead| dead.len() == 2).await;
        jobs.until(|jobs| jobs.is_empty() && jobs.unsettled() == 0 && waiting(&broker) == 0).await;
    };
    worker::run(receiver, done).await?;
    for letter in dead.messages() {
        let reason = letter.header("dead-letter-reason").ok_or("a dead letter without a reason")?;
        println!("dead: {}", String::from_utf8_lossy(&reason));
    }
    Ok(())
}

/// How many messages wait for another attempt.
fn waiting(broker: &Broker) -> usize {
    let queues = broker.queues();
    let waiting = queues.iter().filter(|queue| queue.name().contains(".retry-"));
    waiting.map(|queue| queue.len()).sum()
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn every_job_ends_somewhere() {
        super::run().await.unwrap();
    }
}
