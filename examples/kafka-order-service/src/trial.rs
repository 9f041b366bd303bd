//! Runs the service with a broker in this process and sample orders.

use crate::service::{OrderPlaced, Service};
use cloudevents_kit::{kafka::rdkafka039, prelude::*};
use cloudevents_testkit::kafka::Broker;
use std::error::Error;

/// Places orders, charges them, and checks the broker's state.
pub(crate) async fn run() -> Result<(), Box<dyn Error>> {
    let broker = Broker::start()?;
    broker.create_topic("orders", 3)?;
    broker.create_topic("orders.rejected", 1)?;
    println!("a broker at {}", broker.bootstrap_servers());

    let orders =
        [order(1, "ann", 1990)?, order(2, "bob", 250_000)?, order(3, "ann", 0)?, order(4, "cid", 500)?];
    let strange =
        Event::builder().id("5").source("/shop").ty(OrderPlaced::TYPE).text("two teapots").build()?;
    let sender = rdkafka039::sender(&broker.url("orders?key=partitionkey"), Default::default()).await?;
    // The first one is sent twice, as by a shop that missed the acknowledgement.
    let again = orders.first().cloned();
    sender.send_all(orders.into_iter().chain(again).chain([strange])).await?;
    sender.close().await?;

    let url = broker.url("orders?group=billing&dead-letter=orders.rejected");
    let receiver = rdkafka039::receiver(&url, cloudevents_kit::decoding().into()).await?;
    let service = Service::default();
    let counters = receiver.counters();
    service.run(receiver, service.has_settled(6)).await?;
    println!("{}", counters.snapshot());

    // Everything is committed, and the dead-letter topic has the rejected records, unchanged.
    let committed = broker.committed("billing", "orders")?.into_iter().map(Option::unwrap_or_default);
    check(committed.sum::<i64>() == 6, "all six are committed")?;
    let letters = broker.messages("orders.rejected")?;
    for letter in &letters {
        let text = |name| String::from_utf8_lossy(letter.header(name).unwrap_or_default()).into_owned();
        println!("dead letter: event {}: {}", text("ce_id"), text("dead-letter-reason"));
    }
    let mut ids: Vec<_> = letters.iter().filter_map(|letter| letter.header("ce_id")).collect();
    ids.sort_unstable();
    check(ids == [b"3", b"5"], "the dead letters are orders 3 and 5")?;
    let metrics = counters.snapshot();
    check(
        (metrics.accepted, metrics.handlers_failed, metrics.rejected) == (4, 2, 2),
        "four were taken, one of them late",
    )
}

fn order(number: u64, customer: &str, cents: u64) -> Result<Event, Box<dyn Error>> {
    let builder = Event::builder().id(number.to_string()).source("/shop").extension("partitionkey", customer);
    Ok(TypedEvent::build(builder, OrderPlaced { order: number, cents })?.into_event())
}

fn check(holds: bool, what: &str) -> Result<(), Box<dyn Error>> {
    if holds { Ok(()) } else { Err(format!("this does not hold: {what}").into()) }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn orders_are_charged_tried_again_and_rejected() {
        super::run().await.unwrap();
    }
}
