//! `run` of the library with many handlers in order by key, where one key has half of all events. Its handlers run one after the other, and
//! must not keep the other handlers from running, nor wait for them.

use crate::{
    brokers::{Broker, kafka::Kafka},
    child::{Usage, usage},
    failure::Result,
    judge::{Counts, Judge, Verdict},
    load::{Load, digits, fresh},
    table::{Measured, Row, Table},
};
use cloudevents_core::{DecodeOptions, Event};
use cloudevents_kafka::rdkafka039;
use cloudevents_transport::{OrderBy, Receiver, Sender, binding::log::LogOptions, fake::FakeLog};
use std::time::Duration;
use tokio::time::sleep;

/// The lowest part of the rate that the key with half of the events allows by itself.
const FLOOR: f64 = 0.8;
const HANDLERS: usize = 512;
const PARTITIONS: u32 = 6;
/// The keys of the other half.
const KEYS: usize = 1000;
/// How long nothing may arrive before the rest is missing.
const STILL: Duration = Duration::from_secs(15);

/// So many events of a log in memory.
pub(crate) async fn measure(count: usize, table: &Table) -> Result<()> {
    beside("a log in memory", async || in_memory(), count, table).await
}

/// So many events of a topic.
pub(crate) async fn measure_kafka(broker: &Kafka, count: usize, table: &Table) -> Result<()> {
    let open = async || {
        let (place, reader) = (fresh("run"), fresh("reader"));
        broker.open(&place, &reader).await?;
        let sender = rdkafka039::sender(&*broker.sink(&place), Default::default()).await?;
        let decoding = DecodeOptions::strict();
        Ok((sender, rdkafka039::receiver(&*broker.source(&place, &reader), decoding.into()).await?))
    };
    beside(&broker.name(), open, count, table).await
}

/// Measures all events beside the half of them that has one key.
async fn beside(
    log: &str,
    open: impl AsyncFn() -> Result<(Sender, Receiver)>,
    count: usize,
    table: &Table,
) -> Result<()> {
    let half = count / 2;
    let row = async || {
        let alone = run(open().await?, half, 0, OrderBy::Key).await?.rate();
        let both = run(open().await?, half, half, OrderBy::Key).await?;
        let name = format!("{log}, run of {HANDLERS} handlers, {count} events, half of one key");
        Ok(Row::new(name, both).beside(alone * 2.0, FLOOR))
    };
    table.measure(row).await
}

fn in_memory() -> Result<(Sender, Receiver)> {
    let log = FakeLog::new(PARTITIONS);
    let options = LogOptions::default().dropping_rejected();
    Ok((log.sender(), log.receiver(DecodeOptions::strict(), options)?.0))
}

/// Handles so many events of one key, and so many of others in turn with them.
async fn run(
    (sender, receiver): (Sender, Receiver),
    hot: usize,
    others: usize,
    order: OrderBy,
) -> Result<Measured> {
    let (hot, others) = (Load { count: hot, size: 0, keys: 1 }, Load { count: others, size: 0, keys: KEYS });
    let event = |number: usize, key: String| {
        let event = Event::builder().id(number.to_string()).source("/scale").ty("com.example.scale");
        event.extension("partitionkey", key).build()
    };
    let mut events = Vec::new();
    for number in 0..hot.count.max(others.count) {
        if number < hot.count {
            events.push(event(number, "hot".to_owned())?);
        }
        if number < others.count {
            events.push(event(number, others.key_text(number))?);
        }
    }
    sender.send_all(events).await?;
    let (of_hot, of_others) = (Judge::new(hot), Judge::new(others));
    let handle = async |event: Event| {
        let number = digits(event.id().as_bytes()).unwrap_or(usize::MAX);
        // Their times differ, so that handlers that run beside each other end in another order.
        sleep(Duration::from_millis(1 + number as u64 % 3)).await;
        let is_hot = event.attribute("partitionkey").is_some_and(|key| key == "hot");
        if is_hot {
            of_hot.arrive(number);
        } else {
            of_others.arrive(number);
        }
    };
    let before = usage("self");
    let done = async {
        of_hot.full_or_still_for(STILL).await;
        of_others.full_or_still_for(STILL).await;
    };
    receiver.run(handle).concurrency(HANDLERS).in_order(order).until(done).await?;
    let after = usage("self");
    let usage = Usage { processor: after.processor - before.processor, ..after };
    let (hot, others) = (of_hot.verdict(), of_others.verdict());
    let counts = Counts {
        distinct: hot.counts.distinct + others.counts.distinct,
        twice: hot.counts.twice + others.counts.twice,
        inverted: hot.counts.inverted + others.counts.inverted,
    };
    let verdict = Verdict {
        counts,
        missing: hot.missing + others.missing,
        first: if others.counts.distinct == 0 { hot.first } else { hot.first.min(others.first) },
        empty: hot.empty.max(others.empty),
    };
    Ok(Measured { verdict, usage, wrong: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_run_without_an_order_is_seen() {
        let inverted =
            async |order| run(in_memory().unwrap(), 200, 200, order).await.unwrap().verdict.counts.inverted;
        assert_eq!(inverted(OrderBy::Key).await, 0);
        assert!(inverted(OrderBy::None).await > 100);
    }
}
