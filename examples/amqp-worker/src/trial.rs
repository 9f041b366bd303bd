//! Runs the worker with a broker in this process and sample texts.

use crate::worker::{self, TEXT, WordsCounted};
use cloudevents_kit::{connect_receiver, connect_sender, prelude::*};
use cloudevents_testkit::amqp::Broker;
use std::{collections::BTreeMap, error::Error, time::Duration};

/// Puts texts into a queue, counts their words, and checks the broker's state.
pub(crate) async fn run() -> Result<(), Box<dyn Error>> {
    let broker = Broker::start()?;
    let (texts, counts) = (broker.queue("texts"), broker.queue("counts"));
    let rejected = broker.queue("texts.rejected");
    println!("a broker at {}", broker.url(""));

    let writer = connect_sender(&broker.url("texts")).await?;
    for number in 1..=20 {
        let text = "la ".repeat(number);
        writer
            .send(&Event::builder().id(number.to_string()).source("/poet").ty(TEXT).text(text).build()?)
            .await?;
    }
    let picture = Event::builder().id("21").source("/poet").ty("com.example.picture.drawn").build()?;
    writer.send(&picture).await?;
    texts.put(b"no event at all");
    writer.close().await?;

    let receiver = connect_receiver(&format!("{}?dead-letter=texts.rejected", broker.url("texts"))).await?;
    let sender = connect_sender(&broker.url("counts")).await?;
    let done = async {
        counts.until(|counts| counts.len() == 20).await;
        rejected.until(|rejected| rejected.len() == 2).await;
    };
    let counters = receiver.counters();
    worker::run(receiver, &sender, done).await?;
    println!("{}", counters.snapshot());
    sender.close().await?;

    check(texts.is_empty() && texts.unsettled() == 0, "no text is left")?;
    let mut counted = BTreeMap::new();
    let mut reader = connect_receiver(&format!("{}?reject=drop", broker.url("counts"))).await?;
    while counted.len() < 20 {
        let next = tokio::time::timeout(Duration::from_secs(10), reader.next()).await??;
        let delivery = next.ok_or("the queue of counts has ended")?;
        let count = TypedEvent::<WordsCounted>::try_from(delivery.event()?)?;
        counted.insert(count.event().id().parse::<usize>()?, count.data().words);
        delivery.accept().await?;
    }
    check(counted.iter().all(|(number, words)| number == words), "text number n has n words")
}

fn check(holds: bool, what: &str) -> Result<(), Box<dyn Error>> {
    if holds { Ok(()) } else { Err(format!("this does not hold: {what}").into()) }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn texts_are_counted_and_what_is_none_is_rejected() {
        super::run().await.unwrap();
    }
}
